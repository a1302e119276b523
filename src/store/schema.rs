//! The tables, for both back ends. Portable types only; what stands in the columns is told in `docs/DATA.md`.
//!
//! There are no foreign keys: rows of a run may arrive before, after or without its row in `runs` (telemetry may be
//! dropped, a refused record set aside), and what did arrive must stay readable.
#![allow(missing_docs)] // generated code

diesel::table! {
    runs (id) {
        id -> Text,
        swarm -> Text,
        scenario -> Text,
        scenario_text -> Text,
        seed -> Text,
        tick_s -> Double,
        version -> Text,
        server -> Text,
        started_ms -> BigInt,
        ended_ms -> Nullable<BigInt>,
        ticks -> BigInt,
        status -> Text,
        final_hash -> Nullable<Text>,
        written_ms -> BigInt,
        parent_id -> Nullable<Text>,
        fork_tick -> Nullable<BigInt>,
    }
}

diesel::table! {
    thinned (run_id) {
        run_id -> Text,
        every -> BigInt,
    }
}

diesel::table! {
    gaps (run_id, from_tick) {
        run_id -> Text,
        from_tick -> BigInt,
        to_tick -> BigInt,
        frames -> BigInt,
    }
}

diesel::table! {
    journal (run_id, seq) {
        run_id -> Text,
        seq -> BigInt,
        tick -> BigInt,
        author -> Text,
        via -> Text,
        command_id -> Text,
        command -> Text,
        targets -> Text,
        params -> Text,
    }
}

diesel::table! {
    happenings (run_id, seq) {
        run_id -> Text,
        seq -> BigInt,
        tick -> BigInt,
        wall_time_ms -> BigInt,
        level -> Text,
        source -> Text,
        code -> Text,
        message -> Text,
    }
}

diesel::table! {
    hashes (run_id, tick) {
        run_id -> Text,
        tick -> BigInt,
        hash -> Text,
    }
}

diesel::table! {
    keyframes (run_id, tick) {
        run_id -> Text,
        tick -> BigInt,
        journal_seq -> BigInt,
        hash -> Text,
        world -> Binary,
    }
}

diesel::table! {
    drones (run_id, drone, since_tick) {
        run_id -> Text,
        drone -> Text,
        since_tick -> BigInt,
        kind -> Text,
        swarm_group -> Nullable<Text>,
    }
}

diesel::table! {
    telemetry (run_id, tick, drone) {
        run_id -> Text,
        tick -> BigInt,
        drone -> Text,
        east_m -> Nullable<Double>,
        north_m -> Nullable<Double>,
        up_m -> Nullable<Double>,
        velocity_east_mps -> Nullable<Double>,
        velocity_north_mps -> Nullable<Double>,
        velocity_up_mps -> Nullable<Double>,
        heading_deg -> Nullable<Double>,
        battery_pct -> Nullable<Double>,
        mode -> Text,
        landed -> Text,
        armed -> Bool,
        alert_level -> Nullable<Text>,
        alert_text -> Nullable<Text>,
    }
}

diesel::table! {
    metrics (run_id, tick) {
        run_id -> Text,
        tick -> BigInt,
        wall_time_ms -> BigInt,
        json -> Text,
    }
}

diesel::table! {
    tokens (id) {
        id -> Text,
        name -> Text,
        role -> Text,
        sha256 -> Text,
        created_ms -> BigInt,
        expires_ms -> Nullable<BigInt>,
        revoked_ms -> Nullable<BigInt>,
    }
}

diesel::table! {
    logins (sha256) {
        sha256 -> Text,
        token_id -> Text,
        name -> Text,
        created_ms -> BigInt,
        expires_ms -> BigInt,
    }
}

diesel::table! {
    audit (id) {
        id -> Text,
        wall_time_ms -> BigInt,
        server -> Text,
        who -> Text,
        role -> Text,
        token_id -> Text,
        address -> Text,
        via -> Text,
        kind -> Text,
        what -> Text,
        subject -> Text,
        result -> Text,
        detail -> Text,
    }
}

diesel::allow_tables_to_appear_in_same_query!(runs, thinned);
