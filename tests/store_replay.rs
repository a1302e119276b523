//! A run that was recorded can be computed again from what the database holds, and agrees with every hash there.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on should stop here")]

#[path = "support/store_fixture.rs"]
mod fixture;
#[path = "support/postgres.rs"]
mod postgres;

use std::sync::Arc;

use fixture::{Place, SOON};
use hmrs::contract::record::{Record, Recorder, RunStatus};
use hmrs::sim::{Command, JournalEntry, Replay, Scenario, World, builtin};
use hmrs::store::FrameFilter;
use serde_json::json;

const TICKS: u64 = 150;
const SEED: u64 = u64::MAX - 3;

#[actix::test]
async fn a_run_recorded_in_sqlite_replays_bit_for_bit() {
    record_and_replay(Place::sqlite()).await;
}

#[actix::test]
async fn a_run_recorded_in_postgres_replays_bit_for_bit() {
    record_and_replay(Place::postgres()).await;
}

async fn record_and_replay(place: Place) {
    let last = record(&place).await;

    let store = place.store();
    let run = store.run("r").unwrap().unwrap();
    assert_eq!((run.seed, run.status, run.ticks), (SEED, RunStatus::Complete, TICKS));
    assert_eq!(run.final_hash, Some(format!("{:016x}", last.state_hash())));

    let scenario = Arc::new(Scenario::parse(&store.scenario_text("r").unwrap().unwrap()).unwrap());
    let journal = store.journal("r").unwrap();
    let hashes = store.hashes("r").unwrap();
    assert_eq!((journal.len(), hashes.len()), (3, 6));
    let mut replay = Replay::new(scenario, run.seed, &journal);
    for (tick, hash) in hashes {
        while replay.world().tick() < tick {
            replay.advance().unwrap();
        }
        assert_eq!(replay.world().state_hash(), hash, "tick {tick}");
    }

    let frames = store.frames("r", &FrameFilter::default()).unwrap();
    let newest = last.snapshot();
    let frame = frames.last().unwrap();
    assert_eq!((frame.tick, frame.drones.len()), (TICKS, newest.drones.len()));
    for (row, state) in newest.table.rows.iter().zip(&newest.drones) {
        let drone = frame.drones.iter().find(|drone| *drone.id == *row.id).unwrap();
        assert_eq!(drone.position, [state.position.x, state.position.y, state.position.z]);
        assert_eq!((drone.kind.as_str(), drone.group.as_deref()), (&*row.kind, row.group.as_deref()));
        assert_eq!((drone.battery_pct, drone.mode.as_str()), (state.battery_pct, state.mode.name()));
    }
}

/// Flies the built-in flock with some commands, and records everything. The world at the end.
async fn record(place: &Place) -> World {
    let text = builtin::text("flock").unwrap();
    let mut world = World::new(Arc::new(Scenario::parse(text).unwrap()), SEED);
    let commands = [
        (10, json!({"command": "goto", "params": {"position": [30.1, 1e-9, 20.3], "speed_mps": 3.3}})),
        (60, json!({"command": "velocity", "params": {"velocity": [0.1, -0.7, 0.0]}})),
        (61, json!({"command": "rtl", "params": {}})),
    ];
    let writer = place.writer();
    let run_id = "r".to_owned();
    let keep = |record| writer.record(record).unwrap();
    keep(Record::RunStarted {
        run_id: run_id.clone(),
        swarm: "default".to_owned(),
        scenario: "flock".to_owned(),
        scenario_text: text.to_owned(),
        seed: SEED,
        tick_s: world.tick_s(),
        wall_time_ms: 1,
        version: "test".to_owned(),
        parent: None,
    });
    let mut log = 0;
    while world.tick() < TICKS {
        for (seq, (tick, command)) in (1..).zip(&commands) {
            if *tick == world.tick() {
                let entry = JournalEntry {
                    seq,
                    tick: *tick,
                    author: "Ada".to_owned(),
                    via: "http".to_owned(),
                    command_id: format!("c{seq}"),
                    targets: serde_json::from_value(json!("all")).unwrap(),
                    command: serde_json::from_value::<Command>(command.clone()).unwrap(),
                };
                world.enter(&entry).unwrap();
                keep(Record::Journal { run_id: run_id.clone(), entry });
            }
        }
        world.advance();
        for happening in world.drain_happenings() {
            log += 1;
            keep(Record::Happening { run_id: run_id.clone(), seq: log, wall_time_ms: 1, happening });
        }
        let snapshot = Arc::new(world.snapshot());
        keep(Record::Telemetry { run_id: run_id.clone(), wall_time_ms: 1, snapshot });
        if world.tick().is_multiple_of(25) {
            let (tick, state_hash) = (world.tick(), world.state_hash());
            keep(Record::Hash { run_id: run_id.clone(), tick, state_hash });
        }
    }
    let tick = world.tick();
    keep(Record::RunEnded { run_id, tick, wall_time_ms: 2, status: RunStatus::Complete });
    writer.stop(SOON).await.unwrap();
    world
}
