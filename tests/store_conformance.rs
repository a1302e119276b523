//! What the store promises, on both back ends: every test body runs once on SQLite and once on PostgreSQL.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on should stop here")]

#[path = "support/postgres.rs"]
mod postgres_server;
use postgres_server as postgres;
#[macro_use]
#[path = "support/store_fixture.rs"]
mod fixture;

use std::sync::Arc;

use fixture::{
    Place, SOON, drone, ended, entry, happening, hash, journal, keyframe, snapshot, started, table, telemetry,
};
use hmrs::contract::record::{DatabaseState, Record, Recorder, RecorderFull, RunStatus};
use hmrs::sim::Level;
use hmrs::store::{FrameFilter, LogFilter, NewToken, RunFilter, StoreError, Upkeep, UpkeepDone, migrate};

on_both! {
    what_is_recorded_is_read_back
    numbers_of_the_journal_come_back_bit_for_bit
    records_written_twice_are_there_once
    a_drone_that_changes_its_group_has_the_group_of_the_tick
    what_is_not_a_number_is_null_and_reads_as_nan
    texts_with_nul_characters_are_kept_without_them
    frames_are_read_in_pages_and_thinned
    runs_are_listed_newest_first_in_pages
    runs_are_found_by_a_part_of_their_name
    log_entries_are_filtered
    a_run_left_by_a_crash_is_truncated_when_its_server_starts_again
    a_run_under_way_on_another_server_is_left_alone
    the_newest_tick_of_a_run_under_way_is_known
    tokens_are_found_by_their_hash_while_they_are_valid
    a_record_that_the_database_refuses_is_set_aside_and_the_rest_is_written
    a_stopped_writer_refuses_records
    an_unknown_run_is_empty
    the_nearest_keyframe_before_a_tick_is_found
    an_interrupted_run_is_found_and_taken_up_at_its_durable_tick
    a_fork_knows_its_parent
    old_telemetry_is_thinned_and_removed_and_nothing_else
    every_query_of_the_manual_works
}

async fn what_is_recorded_is_read_back(place: Place) {
    let drones = table(1, 3, Some("alpha"));
    place
        .write([
            started("r1", 1_700_000_000_000),
            journal("r1", 1, 0),
            telemetry("r1", 0, &drones),
            happening("r1", 1, Level::Warning, "scout-2", "battery at 20 %"),
            hash("r1", 25, 0x00ab),
            telemetry("r1", 25, &drones),
            ended("r1", 40, RunStatus::Complete),
        ])
        .await;
    let store = place.store();

    let run = store.run("r1").unwrap().unwrap();
    assert_eq!((run.scenario.as_str(), run.seed, run.tick_s, run.ticks), ("flock", 7, 0.04, 40));
    assert_eq!((run.started_ms, run.ended_ms), (1_700_000_000_000, Some(1_700_000_100_000)));
    assert_eq!((run.status, run.final_hash.as_deref()), (RunStatus::Complete, Some("00000000000000ab")));
    assert_eq!(store.scenario_text("r1").unwrap().as_deref(), Some("name = \"flock\"\n"));

    assert_eq!(store.journal("r1").unwrap(), [entry(1, 0, 12.5)]);
    assert_eq!(store.hashes("r1").unwrap(), [(25, 0xab)]);
    let log = store.log_entries("r1", &LogFilter::default()).unwrap();
    assert_eq!(log.len(), 1);
    assert_eq!((log[0].seq, log[0].level.as_str(), log[0].source.as_str()), (1, "warning", "scout-2"));

    let frames = store.frames("r1", &FrameFilter::default()).unwrap();
    assert_eq!(frames.iter().map(|frame| frame.tick).collect::<Vec<_>>(), [0, 25]);
    let second = &frames[1].drones[1];
    assert_eq!(
        (second.id.as_str(), second.kind.as_str(), second.group.as_deref()),
        ("scout-2", "scout", Some("alpha"))
    );
    assert_eq!((second.position, second.velocity), ([2.5, 2.0, 15.0], [2.5, 0.0, -0.25]));
    assert_eq!((second.mode.as_str(), second.landed.as_str(), second.armed), ("swarm", "in_air", true));
    assert_eq!(second.alert.as_ref().map(|alert| alert.level.as_str()), Some("caution"));
    let metrics = store.metrics("r1", &FrameFilter::default()).unwrap();
    assert_eq!((metrics.len(), metrics[1].tick), (2, 25));
    assert!(metrics[1].metrics.is_object());
}

async fn the_nearest_keyframe_before_a_tick_is_found(place: Place) {
    place.write([keyframe("r", 100), keyframe("r", 200), keyframe("other", 150), keyframe("r", 200)]).await;
    let store = place.store();
    assert_eq!(store.keyframe("r", 99).unwrap(), None);
    for (asked, found) in [(100, 100), (199, 100), (200, 200), (u64::MAX, 200)] {
        let keyframe = store.keyframe("r", asked).unwrap().unwrap();
        assert_eq!((keyframe.tick, keyframe.journal_seq, keyframe.state_hash), (found, found / 10, !found));
        assert_eq!(keyframe.world, vec![found as u8; 1000]);
    }
}

async fn an_interrupted_run_is_found_and_taken_up_at_its_durable_tick(place: Place) {
    let drones = table(1, 2, None);
    let clock = |seq, code: &'static str| match happening("now", seq, Level::Info, "swarm", "") {
        Record::Happening { run_id, seq, wall_time_ms, happening } => Record::Happening {
            run_id,
            seq,
            wall_time_ms,
            happening: hmrs::sim::Happening { code: code.into(), ..happening },
        },
        other => other,
    };
    place
        .write([
            started("before", 1),
            ended("before", 9, RunStatus::Complete),
            started("now", 2),
            clock(1, "clock_running"),
            clock(2, "clock_paused"),
            journal("now", 1, 40),
            hash("now", 25, 1),
            hash("now", 50, 2),
            telemetry("now", 50, &drones),
            telemetry("now", 75, &drones),
            keyframe("now", 75),
        ])
        .await;
    let store = place.store();
    let server = "test"; // as the fixture calls it
    assert!(store.interrupted("another", "default").unwrap().is_empty());
    let found = store.interrupted(server, "default").unwrap();
    assert_eq!(found.len(), 1);
    let found = &found[0];
    assert_eq!((found.run.id.as_str(), found.durable_tick, found.log_seq), ("now", 50, 2));
    assert_eq!((found.clock.as_deref(), found.is_replacement), (Some("clock_paused"), false));

    store.resume_run("now", 50).unwrap();
    let run = store.run("now").unwrap().unwrap();
    assert_eq!((run.status, run.ticks, run.ended_ms), (RunStatus::Recording, 50, None));
    assert_eq!(place.count("SELECT 1 FROM telemetry WHERE tick > 50"), 0);
    assert_eq!(place.count("SELECT 1 FROM telemetry WHERE tick = 50"), 2);
    assert_eq!(store.keyframe("now", 100).unwrap(), None);
    assert_eq!(store.hashes("now").unwrap(), [(25, 1), (50, 2)]);

    // The newest run was closed: nothing was interrupted.
    place.write([ended("now", 60, RunStatus::Complete)]).await;
    assert!(store.interrupted(server, "default").unwrap().is_empty());
}

async fn a_fork_knows_its_parent(place: Place) {
    let fork = match started("fork", 2) {
        Record::RunStarted {
            run_id,
            swarm,
            scenario,
            scenario_text,
            seed,
            tick_s,
            wall_time_ms,
            version,
            ..
        } => Record::RunStarted {
            run_id,
            swarm,
            scenario,
            scenario_text,
            seed,
            tick_s,
            wall_time_ms,
            version,
            parent: Some(("r".to_owned(), 1000)),
        },
        other => other,
    };
    place.write([started("r", 1), fork]).await;
    let run = place.store().run("fork").unwrap().unwrap();
    assert_eq!((run.parent.as_deref(), run.fork_tick), (Some("r"), Some(1000)));
    let recorded = place.store().recorded_run("fork").unwrap().unwrap();
    assert_eq!((recorded.parent, recorded.seed), (Some(("r".to_owned(), 1000)), 7));
}

async fn numbers_of_the_journal_come_back_bit_for_bit(place: Place) {
    let tricky = [0.1 + 0.2, 1e-310, 5e-324, f64::MAX, f64::MIN_POSITIVE.next_down(), -0.0, 9.5e15 + 1.0];
    // And a thousand numbers with all their digits: a parser that is not exact is off in a few of them.
    let scale = 700.0 / (1u64 << 53) as f64;
    let any = (1..=1_000u64).map(|n| (n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 11) as f64 * scale);
    let written: Vec<_> =
        (1..).zip(tricky.into_iter().chain(any)).map(|(seq, number)| entry(seq, seq, number)).collect();
    place
        .write(written.iter().map(|entry| Record::Journal { run_id: "r".into(), entry: entry.clone() }))
        .await;
    let read = place.store().journal("r").unwrap();
    let text = |entry| serde_json::to_string(entry).unwrap();
    assert_eq!(read.iter().map(text).collect::<Vec<_>>(), written.iter().map(text).collect::<Vec<_>>());
}

/// What a server does that was killed after a commit and before it knew of it.
async fn records_written_twice_are_there_once(place: Place) {
    let drones = table(1, 5, None);
    let records = |last| {
        let mut records = vec![started("r", 1)];
        for tick in 0..last {
            records.push(journal("r", tick, tick));
            records.push(happening("r", tick, Level::Info, "swarm", "tick"));
            records.push(hash("r", tick, tick));
            records.push(telemetry("r", tick, &drones));
        }
        records
    };
    place.write(records(20)).await;
    // Again, and more: the second batch holds both known and new rows.
    place.write(records(30)).await;
    for (table, rows) in [
        ("runs", 1),
        ("journal", 30),
        ("happenings", 30),
        ("hashes", 30),
        ("telemetry", 150),
        ("drones", 5),
        ("metrics", 30),
    ] {
        assert_eq!(place.count(&format!("SELECT * FROM {table}")), rows, "{table}");
    }
}

async fn a_drone_that_changes_its_group_has_the_group_of_the_tick(place: Place) {
    let (before, after) = (table(1, 2, Some("alpha")), table(2, 3, Some("beta")));
    place.write([telemetry("r", 0, &before), telemetry("r", 10, &before), telemetry("r", 20, &after)]).await;
    let groups: Vec<Vec<Option<String>>> = place
        .store()
        .frames("r", &FrameFilter::default())
        .unwrap()
        .into_iter()
        .map(|frame| frame.drones.into_iter().map(|drone| drone.group).collect())
        .collect();
    let (alpha, beta) = (Some("alpha".to_owned()), Some("beta".to_owned()));
    assert_eq!(groups, [vec![alpha.clone(); 2], vec![alpha; 2], vec![beta; 3]]);
    assert_eq!(place.count("SELECT * FROM drones"), 5, "only changes are rows");
}

async fn what_is_not_a_number_is_null_and_reads_as_nan(place: Place) {
    let mut broken = snapshot(3, &table(1, 2, None));
    broken.drones[0].position.x = f64::NAN;
    broken.drones[0].heading_deg = f64::INFINITY;
    place
        .write([Record::Telemetry { run_id: "r".into(), wall_time_ms: 0, snapshot: Arc::new(broken) }])
        .await;
    let frame = place.store().frames("r", &FrameFilter::default()).unwrap().remove(0);
    assert!(frame.drones[0].position[0].is_nan() && frame.drones[0].heading_deg.is_nan());
    assert_eq!(frame.drones[1].position[0], drone(3, 2).position.x);
    assert_eq!(place.count("SELECT * FROM telemetry WHERE east_m IS NULL AND heading_deg IS NULL"), 1);
}

async fn texts_with_nul_characters_are_kept_without_them(place: Place) {
    let mut odd = entry(1, 1, 1.0);
    odd.author = "A\0da".to_owned();
    odd.command_id = "\0".to_owned();
    place
        .write([
            Record::Journal { run_id: "r".into(), entry: odd },
            happening("r", 1, Level::Info, "swarm", "said \0"),
        ])
        .await;
    assert_eq!(place.store().journal("r").unwrap()[0].author, "A\u{fffd}da");
    assert_eq!(place.store().log_entries("r", &LogFilter::default()).unwrap()[0].message, "said \u{fffd}");
}

async fn frames_are_read_in_pages_and_thinned(place: Place) {
    let drones = table(1, 2, None);
    place.write((0..40).map(|tick| telemetry("r", tick, &drones))).await;
    let ticks = |filter: FrameFilter| -> Vec<u64> {
        let frames = place.store().frames("r", &filter).unwrap();
        assert!(frames.iter().all(|frame| frame.drones.len() == 2));
        assert_eq!(place.store().metrics("r", &filter).unwrap().len(), frames.len());
        frames.iter().map(|frame| frame.tick).collect()
    };
    assert_eq!(ticks(FrameFilter { from: 5, to: 8, ..Default::default() }), [5, 6, 7, 8]);
    assert_eq!(ticks(FrameFilter { from: 5, every: 10, ..Default::default() }), [10, 20, 30]);
    assert_eq!(ticks(FrameFilter { from: 1, every: 5, limit: 2, ..Default::default() }), [5, 10]);
    assert_eq!(ticks(FrameFilter { from: 100, ..Default::default() }), [0; 0]);
    assert_eq!(ticks(FrameFilter { every: 0, limit: 3, ..Default::default() }), [0, 1, 2]);
}

async fn runs_are_listed_newest_first_in_pages(place: Place) {
    // Two of them began in the same millisecond.
    place.write([started("a", 1), started("b", 3), started("c", 3), started("d", 2)]).await;
    let page = |after: Option<&str>, limit| -> Vec<String> {
        let filter = RunFilter { limit, after: after.map(str::to_owned), q: None };
        place.store().runs(&filter).unwrap().into_iter().map(|run| run.id).collect()
    };
    assert_eq!(page(None, 10), ["c", "b", "d", "a"]);
    assert_eq!(page(None, 1), ["c"]);
    assert_eq!(page(Some("c"), 2), ["b", "d"]);
    assert_eq!(page(Some("d"), 2), ["a"]);
    assert_eq!(page(Some("nobody"), 2), [""; 0]);
}

async fn runs_are_found_by_a_part_of_their_name(place: Place) {
    place.write([started("Morning_1", 1), started("morningX1", 2), started("100%!", 3)]).await;
    let found = |q: &str| -> Vec<String> {
        let filter = RunFilter { q: Some(q.to_owned()), ..Default::default() };
        place.store().runs(&filter).unwrap().into_iter().map(|run| run.id).collect()
    };
    assert_eq!(found("MORNING"), ["morningX1", "Morning_1"]);
    assert_eq!(found("g_1"), ["Morning_1"], "an underscore is an underscore");
    assert_eq!(found("0%!"), ["100%!"]);
    assert_eq!(found("flo"), ["100%!", "morningX1", "Morning_1"], "by scenario");
    assert_eq!(found("'; DROP TABLE runs; --\0"), [""; 0]);
    assert_eq!(found("").len(), 3);
}

async fn log_entries_are_filtered(place: Place) {
    let entry = |seq: u64| {
        let level = if seq.is_multiple_of(2) { Level::Info } else { Level::Error };
        happening("r", seq, level, if seq < 5 { "swarm" } else { "scout-1" }, "x")
    };
    place.write((0..10).map(entry)).await;
    let found = |filter: LogFilter| -> Vec<i64> {
        place.store().log_entries("r", &filter).unwrap().iter().map(|entry| entry.seq).collect()
    };
    assert_eq!(found(LogFilter { after: Some(7), ..Default::default() }), [8, 9]);
    assert_eq!(found(LogFilter { levels: vec!["error".into()], limit: 2, ..Default::default() }), [1, 3]);
    let by_source = LogFilter {
        source: Some("scout-1".into()),
        levels: vec!["info".into(), "debug".into()],
        ..Default::default()
    };
    assert_eq!(found(by_source), [6, 8]);
}

async fn a_run_left_by_a_crash_is_truncated_when_its_server_starts_again(place: Place) {
    place
        .write([started("r", 1), hash("r", 75, 1), started("done", 2), ended("done", 9, RunStatus::Complete)])
        .await;
    assert_eq!(place.store().run("r").unwrap().unwrap().status, RunStatus::Recording);
    place.write([started("next", 3)]).await;
    let run = place.store().run("r").unwrap().unwrap();
    assert_eq!((run.status, run.ticks), (RunStatus::Truncated, 75));
    assert!(run.ended_ms.unwrap() > 1_700_000_000_000, "the time of the last write");
    assert_eq!(place.store().run("done").unwrap().unwrap().status, RunStatus::Complete);
    assert_eq!(place.store().run("next").unwrap().unwrap().status, RunStatus::Recording);
}

async fn a_run_under_way_on_another_server_is_left_alone(place: Place) {
    place.write([started("r", 1)]).await;
    assert_eq!(place.store().truncate_abandoned("somebody else", 1_000).unwrap(), 0);
    assert_eq!(place.store().truncate_abandoned("somebody else", u64::MAX).unwrap(), 1, "idle for too long");
}

async fn the_newest_tick_of_a_run_under_way_is_known(place: Place) {
    let writer = place.writer();
    for tick in [10, 30, 20] {
        writer.record(started("r", 1)).unwrap();
        writer.record(hash("r", tick, 1)).unwrap();
        writer.flush(SOON).await.unwrap();
    }
    assert_eq!(place.store().run("r").unwrap().unwrap().ticks, 30);
    writer.stop(SOON).await.unwrap();
}

async fn tokens_are_found_by_their_hash_while_they_are_valid(place: Place) {
    migrate(&place.url).unwrap();
    let store = place.store();
    let token = |id: &str, expires_ms| NewToken {
        id: id.to_owned(),
        name: "Ada's console".to_owned(),
        role: "operator".to_owned(),
        sha256: format!("{id}-hash"),
        created_ms: 100,
        expires_ms,
    };
    store.create_token(&token("t1", None)).unwrap();
    store.create_token(&token("t2", Some(200))).unwrap();
    let again = store.create_token(&NewToken { id: "t3".to_owned(), ..token("t1", None) }).unwrap_err();
    assert!(matches!(again, StoreError::Refused { .. }), "{again}");

    assert_eq!(store.find_token("t1-hash", 150).unwrap().unwrap().role, "operator");
    assert!(store.find_token("t2-hash", 199).unwrap().is_some());
    assert!(store.find_token("t2-hash", 200).unwrap().is_none(), "expired");
    assert!(store.find_token("T1-HASH", 150).unwrap().is_none());
    assert!(store.revoke_token("t1", 160).unwrap());
    assert!(!store.revoke_token("t1", 170).unwrap(), "revoked already");
    assert!(!store.revoke_token("nobody", 170).unwrap());
    assert!(store.find_token("t1-hash", 150).unwrap().is_none(), "revoked");
    let all = store.tokens().unwrap();
    assert_eq!(
        all.iter().map(|token| (token.id.as_str(), token.revoked_ms)).collect::<Vec<_>>(),
        [("t1", Some(160)), ("t2", None)]
    );
}

async fn a_record_that_the_database_refuses_is_set_aside_and_the_rest_is_written(place: Place) {
    migrate(&place.url).unwrap();
    place.execute(if place.is_sqlite() {
        "CREATE TRIGGER poison BEFORE INSERT ON happenings WHEN NEW.message = 'poison' BEGIN SELECT RAISE(ABORT, 'poison'); END"
    } else {
        "ALTER TABLE happenings ADD CHECK (message <> 'poison')"
    });
    let writer = place.writer();
    for seq in 0..100 {
        let message = if seq == 42 { "poison" } else { "fine" };
        writer.record(happening("r", seq, Level::Info, "swarm", message)).unwrap();
        writer.record(hash("r", seq, seq)).unwrap();
    }
    writer.flush(SOON).await.unwrap();
    let health = writer.health();
    assert_eq!(
        (health.set_aside, health.queued_records, health.state),
        (1, 0, DatabaseState::Ok),
        "{health:?}"
    );
    writer.stop(SOON).await.unwrap();
    assert_eq!(place.count("SELECT * FROM happenings WHERE message = 'fine'"), 99);
    assert_eq!(place.count("SELECT * FROM hashes"), 100);
}

async fn a_stopped_writer_refuses_records(place: Place) {
    let writer = place.writer();
    writer.stop(SOON).await.unwrap();
    assert_eq!(writer.record(hash("r", 1, 1)), Err(RecorderFull));
    assert_eq!(writer.record(telemetry("r", 1, &table(1, 1, None))), Ok(()), "telemetry may be lost");
    writer.flush(SOON).await.unwrap();
    writer.stop(SOON).await.unwrap();
}

async fn an_unknown_run_is_empty(place: Place) {
    migrate(&place.url).unwrap();
    let store = place.store();
    assert_eq!(store.run("x").unwrap(), None);
    assert_eq!(store.scenario_text("x").unwrap(), None);
    assert!(store.journal("x").unwrap().is_empty());
    assert!(store.hashes("x").unwrap().is_empty());
    assert!(store.frames("x", &FrameFilter::default()).unwrap().is_empty());
    store.ping().unwrap();
}

async fn old_telemetry_is_thinned_and_removed_and_nothing_else(place: Place) {
    const DAY: u64 = 86_400_000;
    let drones = table(1, 2, None);
    let (old, young, odd) = ("20260101-000000-0a", "20260102-000000-0b", "odd");
    let mut records = Vec::new();
    for run in [old, young, odd] {
        records.push(started(run, 1));
        records.extend((0..40).map(|tick| telemetry(run, tick, &drones)));
        records.push(journal(run, 1, 1));
        let end = if run == young { 9 * DAY } else { 2 * DAY };
        records.push(Record::RunEnded {
            run_id: run.into(),
            tick: 40,
            wall_time_ms: end,
            status: RunStatus::Complete,
        });
    }
    records.push(started("under-way", 1));
    records.push(telemetry("under-way", 0, &drones));
    place.write(records).await;
    let store = place.store();
    let rows = |run: &str| place.count(&format!("SELECT * FROM telemetry WHERE run_id = '{run}'"));

    let thin = Upkeep { remove_after_days: None, thin_after_days: Some(5), thin_every: 10 };
    let done = store.upkeep(&thin, 10 * DAY).unwrap();
    assert_eq!((done.thinned, done.removed), (2, 0));
    assert_eq!([old, young, odd, "under-way"].map(rows), [8, 80, 8, 2]);
    assert_eq!(place.count("SELECT * FROM telemetry WHERE run_id = 'odd' AND tick IN (0, 10, 20, 30)"), 8);
    assert_eq!(store.upkeep(&thin, 10 * DAY).unwrap(), UpkeepDone::default(), "once is enough");

    let remove = Upkeep { remove_after_days: Some(7), thin_after_days: Some(5), thin_every: 10 };
    let done = store.upkeep(&remove, 10 * DAY).unwrap();
    let partitions = usize::from(!place.is_sqlite());
    assert_eq!((done.thinned, done.removed, done.partitions), (0, 2, partitions));
    assert_eq!([old, young, odd, "under-way"].map(rows), [0, 80, 0, 2]);
    assert_eq!(place.count("SELECT * FROM journal"), 3);
    assert_eq!(store.upkeep(&remove, 10 * DAY).unwrap(), UpkeepDone::default());
    // Life goes on in a day whose partition is gone.
    place.write([telemetry(old, 41, &drones)]).await;
    assert_eq!(rows(old), 2);
}

async fn every_query_of_the_manual_works(place: Place) {
    let drones = table(1, 3, Some("alpha"));
    let mut records = vec![started("RUN", 1_700_000_000_000), started("OTHER", 1_700_000_000_001)];
    for run in ["RUN", "OTHER"] {
        for tick in 0..100 {
            // Every tenth frame is missing.
            if tick % 10 != 5 {
                records.push(telemetry(run, tick, &drones));
            }
        }
        records.push(journal(run, 1, 30));
        records.push(happening(run, 1, Level::Warning, "scout-2", "battery low"));
        records.push(hash(run, 25, 1));
        records.push(hash(run, 50, if run == "RUN" { 2 } else { 3 }));
        let run_id = run.to_owned();
        records.push(Record::Gap { run_id, from_tick: 40, to_tick: 49, frames: 10 });
        records.push(ended(run, 100, RunStatus::Complete));
    }
    place.write(records).await;
    let manual = include_str!("../docs/DATA.md");
    let queries: Vec<&str> =
        manual.split("```sql\n").skip(1).map(|rest| rest.split("```").next().unwrap().trim()).collect();
    assert!(queries.len() >= 10, "{} queries", queries.len());
    for query in queries {
        let query = query.strip_suffix(';').unwrap_or(query);
        assert!(place.count(query) > 0, "no rows: {query}");
    }
}
