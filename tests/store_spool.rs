//! The spool: what waits on disk while the database is away is delivered whole, in order and once, whatever is killed,
//! filled up or damaged meanwhile.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on should stop here")]

#[path = "support/postgres.rs"]
mod postgres_server;
use postgres_server as postgres;
#[path = "support/store_fixture.rs"]
mod fixture;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use diesel::Connection as _;
use diesel::connection::SimpleConnection as _;
use fixture::{
    Place, SOON, assert_rounds_are_there, hash, journal, quick, record_round, started, table, telemetry,
};
use hmrs::contract::record::{DatabaseState, Recorder, SpoolHealth};
use hmrs::store::{DatabaseUrl, Limits, SpoolConfig, Writer, WriterConfig};
use postgres::Postgres;

/// A directory for a spool, and a writer's settings that use it.
struct Bench {
    directory: tempfile::TempDir,
    bytes_max: u64,
}

impl Bench {
    fn new() -> Bench {
        Bench { directory: tempfile::tempdir().unwrap(), bytes_max: 64 << 20 }
    }

    fn config(&self) -> WriterConfig {
        let spool = SpoolConfig { directory: self.directory.path().join("spool"), bytes_max: self.bytes_max };
        WriterConfig { server: "test".to_owned(), spool: Some(spool), ..quick() }
    }

    fn writer(&self, place: &Place) -> Writer {
        Writer::start(place.url.clone(), self.config())
    }

    fn file(&self) -> PathBuf {
        let files = std::fs::read_dir(self.directory.path().join("spool")).unwrap();
        files
            .map(|file| file.unwrap().path())
            .find(|path| path.extension().is_some_and(|end| end == "sqlite"))
            .unwrap()
    }
}

/// A database that cannot be opened until [`Obstacle::remove`]: a file stands where its directory should be.
struct Obstacle(PathBuf);

impl Obstacle {
    fn before(place: &Place) -> Obstacle {
        let obstacle = Path::new(&place.address).parent().unwrap().to_owned();
        std::fs::write(&obstacle, "in the way").unwrap();
        Obstacle(obstacle)
    }

    fn remove(&self) {
        std::fs::remove_file(&self.0).unwrap();
    }
}

fn spool(writer: &Writer) -> SpoolHealth {
    writer.health().spool.unwrap()
}

/// Waits until `look` holds; the writer works on other threads.
async fn until(what: &str, mut look: impl FnMut() -> bool) {
    let waited = async {
        while !look() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(SOON, waited).await.unwrap_or_else(|_| panic!("not in time: {what}"));
}

#[actix::test]
async fn with_the_database_there_a_command_is_durable_without_the_spool() {
    let (place, bench) = (Place::sqlite(), Bench::new());
    let writer = bench.writer(&place);
    writer.record(started("r", 1)).unwrap();
    for seq in 1..=20 {
        writer.record(journal("r", seq, seq)).unwrap();
        writer.durable().await.unwrap();
        assert_eq!(place.count("SELECT * FROM journal") as u64, seq, "durable before it is said");
    }
    assert_eq!((spool(&writer).records, writer.health().state), (0, DatabaseState::Ok));
    writer.stop(SOON).await.unwrap();
}

/// However much telemetry goes in one batch: it ends early, and what is left of it follows.
async fn an_ack_does_not_wait_for_a_long_batch(place: Place) {
    const FRAMES: u64 = 60;
    let bench = Bench::new();
    let limits = Limits { batch_bytes_min: 16 << 20, batch_bytes_max: 16 << 20, ..quick().limits };
    let writer = Writer::start(place.url.clone(), WriterConfig { limits, ..bench.config() });
    writer.record(started("r", 1)).unwrap();
    writer.flush(SOON).await.unwrap();
    let drones = table(1, 1_000, None);
    for tick in 0..FRAMES {
        writer.record(telemetry("r", tick, &drones)).unwrap();
    }
    let _ = writer.flush(Duration::ZERO).await; // they are under way, in one batch
    writer.record(journal("r", 1, 1)).unwrap();
    writer.durable().await.unwrap();
    let waiting = writer.health().queued_records;
    assert!((1..FRAMES).contains(&waiting), "{waiting} of {FRAMES} frames wait");
    assert_eq!(place.count("SELECT * FROM journal"), 1);
    writer.stop(SOON).await.unwrap();
    assert_eq!(writer.health().written_rows, 1 + 1 + FRAMES + (FRAMES + 1) * 1_000, "{:?}", writer.health());
    assert_eq!(place.count("SELECT * FROM telemetry") as u64, FRAMES * 1_000);
    assert_eq!(place.count("SELECT * FROM metrics") as u64, FRAMES);
}

#[actix::test]
async fn an_ack_does_not_wait_for_a_long_batch_into_sqlite() {
    an_ack_does_not_wait_for_a_long_batch(Place::sqlite()).await;
}

#[actix::test]
async fn an_ack_does_not_wait_for_a_long_batch_into_postgres() {
    an_ack_does_not_wait_for_a_long_batch(Place::postgres()).await;
}

#[actix::test]
async fn without_the_database_a_command_is_durable_in_the_spool_and_survives_the_server() {
    let (place, bench) = (Place::sqlite(), Bench::new());
    let obstacle = Obstacle::before(&place);
    let drones = table(1, 20, Some("alpha"));
    let writer = bench.writer(&place);
    writer.record(started("r", 1)).unwrap();
    for tick in 0..50 {
        writer.record(telemetry("r", tick, &drones)).unwrap();
        writer.record(hash("r", tick, tick)).unwrap();
        writer.record(journal("r", tick, tick)).unwrap();
        writer.durable().await.unwrap();
    }
    let health = writer.health();
    assert_eq!((health.state, health.refusing), (DatabaseState::Away, None));
    assert!(spool(&writer).records >= 101 && spool(&writer).bytes > 1_000, "{:?}", spool(&writer));
    // It ends without having seen its database.
    writer.stop(SOON).await.unwrap();
    let left = spool(&writer).records;
    assert_eq!(left, 151);
    drop(writer);

    obstacle.remove();
    let next = bench.writer(&place);
    next.record(journal("r", 50, 50)).unwrap();
    next.flush(SOON).await.unwrap();
    assert_eq!((spool(&next).records, next.health().state), (0, DatabaseState::Ok));
    next.stop(SOON).await.unwrap();
    for (table, rows) in
        [("runs", 1), ("journal", 51), ("hashes", 50), ("metrics", 50), ("telemetry", 1000), ("drones", 20)]
    {
        assert_eq!(place.count(&format!("SELECT * FROM {table}")), rows, "{table}");
    }
    // The run of the first server was left unfinished, and is known as such although its record came late.
    assert_eq!(place.count("SELECT * FROM runs WHERE status = 'truncated' AND ticks = 50"), 1);
}

#[actix::test]
async fn a_postgres_that_is_frozen_delays_an_ack_once() {
    let server = Postgres::create();
    server.start();
    let bench = Bench::new();
    let writer = Writer::start(DatabaseUrl::parse(&server.url("postgres")).unwrap(), bench.config());
    writer.record(started("r", 1)).unwrap();
    writer.durable().await.unwrap();
    server.signal("STOP");
    for seq in 0..10 {
        writer.record(journal("r", seq, seq)).unwrap();
        let before = std::time::Instant::now();
        writer.durable().await.unwrap();
        let bound = if seq == 0 { 3_000 } else { 1_000 };
        assert!(before.elapsed() < Duration::from_millis(bound), "{seq}: {:?}", before.elapsed());
    }
    assert_eq!(writer.health().state, DatabaseState::Away);
    server.signal("CONT");
    writer.flush(SOON).await.unwrap();
    let counts = server.psql("postgres", "SELECT count(*), count(DISTINCT seq) FROM journal");
    assert_eq!(counts.trim(), "10|10");
    writer.stop(SOON).await.unwrap();
}

#[actix::test]
async fn a_postgres_that_crashes_again_and_again_loses_and_doubles_nothing() {
    const ROUNDS: u64 = 40;
    let server = Arc::new(Postgres::create());
    server.start();
    let bench = Bench::new();
    let writer = Writer::start(DatabaseUrl::parse(&server.url("postgres")).unwrap(), bench.config());
    writer.record(started("r", 1)).unwrap();
    let drones = table(1, 50, None);
    let mut other: Option<std::thread::JoinHandle<()>> = None;
    for round in 0..ROUNDS {
        if round % 10 == 5 {
            let (server, before) = (server.clone(), other.take());
            other = Some(std::thread::spawn(move || {
                if let Some(before) = before {
                    before.join().unwrap();
                }
                server.crash();
                server.start();
            }));
        }
        record_round(&writer, round, &drones);
        writer.durable().await.unwrap();
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    other.unwrap().join().unwrap();
    writer.flush(SOON).await.unwrap();
    writer.stop(SOON).await.unwrap();
    assert_rounds_are_there(&server, &writer, ROUNDS);
}

#[actix::test]
async fn at_its_bound_the_spool_drops_the_oldest_telemetry_and_says_which() {
    let (place, mut bench) = (Place::sqlite(), Bench::new());
    bench.bytes_max = 40_000;
    let obstacle = Obstacle::before(&place);
    let drones = table(1, 50, None);
    let writer = bench.writer(&place);
    writer.record(started("r", 1)).unwrap();
    for tick in 0..60 {
        writer.record(telemetry("r", tick, &drones)).unwrap();
        writer.record(journal("r", tick, tick)).unwrap();
        writer.durable().await.unwrap();
    }
    until("all is in the spool", || writer.health().queued_records == 0).await;
    let fill = spool(&writer);
    assert!(fill.dropped_telemetry > 5 && fill.bytes <= 40_000, "{fill:?}");
    obstacle.remove();
    writer.flush(SOON).await.unwrap();
    // What was dropped is recorded with the next batch that goes straight.
    writer.record(hash("r", 60, 1)).unwrap();
    writer.flush(SOON).await.unwrap();
    writer.stop(SOON).await.unwrap();
    let dropped = spool(&writer).dropped_telemetry;
    assert_eq!(place.count("SELECT * FROM journal"), 60, "no command is dropped");
    assert_eq!(place.count("SELECT * FROM metrics") as u64, 60 - dropped);
    let gap = format!("SELECT * FROM gaps WHERE run_id = 'r' AND frames = {dropped} AND from_tick = 0");
    assert_eq!(place.count(&gap), 1);
}

#[actix::test]
async fn with_neither_database_nor_spool_nothing_is_promised_until_one_is_back() {
    let (place, bench) = (Place::sqlite(), Bench::new());
    let obstacle = Obstacle::before(&place);
    let in_the_way = bench.directory.path().join("spool");
    std::fs::write(&in_the_way, "in the way").unwrap();
    let writer = bench.writer(&place);
    writer.record(started("r", 1)).unwrap();
    writer.record(journal("r", 1, 1)).unwrap();
    let error = writer.durable().await.unwrap_err();
    for part in ["neither", "database", "spool", &*in_the_way.to_string_lossy()] {
        assert!(error.reason.contains(part), "{part} in {error}");
    }
    assert_eq!(writer.ready().unwrap_err(), error);
    assert_eq!(writer.health().refusing, Some(error.reason));

    obstacle.remove();
    until("commands are taken again", || writer.ready().is_ok()).await;
    writer.durable().await.unwrap();
    assert_eq!(place.count("SELECT * FROM journal"), 1, "what was refused an ack is kept all the same");
    assert_eq!(writer.health().state, DatabaseState::Ok);
    assert!(spool(&writer).last_error.is_some(), "the spool is broken still, and that is said");
    writer.record(journal("r", 2, 2)).unwrap();
    writer.durable().await.unwrap();
    std::fs::remove_file(&in_the_way).unwrap();
    writer.stop(SOON).await.unwrap();
    assert_eq!(place.count("SELECT * FROM journal"), 2);
}

/// What a torn page, a cut file and a bad sector leave.
#[actix::test]
async fn a_damaged_spool_is_put_aside_and_what_can_be_read_is_delivered() {
    type Damage = fn(&Path);
    let cases: [(&str, Damage, i64); 4] = [
        ("a cut tail", |file| cut(file, 2, 3), 100),
        ("nothing but zeros", |file| std::fs::write(file, vec![0x55; 8192]).unwrap(), 0),
        ("empty", |file| std::fs::write(file, "").unwrap(), 0),
        ("a changed record", spoil_one_record, 399),
    ];
    for (what, damage, at_least) in cases {
        let (place, bench) = (Place::sqlite(), Bench::new());
        let obstacle = Obstacle::before(&place);
        let writer = bench.writer(&place);
        for seq in 0..400 {
            writer.record(journal("r", seq, seq)).unwrap();
        }
        writer.durable().await.unwrap();
        writer.stop(SOON).await.unwrap();
        drop(writer);
        let file = bench.file();
        checkpoint(&file);
        damage(&file);
        obstacle.remove();
        let next = bench.writer(&place);
        next.record(journal("r", 1_000, 1_000)).unwrap();
        next.flush(SOON).await.unwrap();
        next.stop(SOON).await.unwrap();
        let rows = place.count("SELECT * FROM journal") - 1;
        assert!(rows >= at_least && rows <= 400, "{what}: {rows} of 400 delivered");
        assert_eq!(place.count("SELECT * FROM journal WHERE seq = 1000"), 1, "{what}: life goes on");
    }
}

fn checkpoint(file: &Path) {
    let mut connection = diesel::SqliteConnection::establish(&file.to_string_lossy()).unwrap();
    connection
        .batch_execute(
            "PRAGMA busy_timeout = 5000; PRAGMA wal_checkpoint(TRUNCATE); PRAGMA journal_mode = DELETE;",
        )
        .unwrap();
}

/// Leaves `keep` of `of` parts of a file.
fn cut(file: &Path, keep: u64, of: u64) {
    let open = std::fs::OpenOptions::new().write(true).open(file).unwrap();
    let size = open.metadata().unwrap().len();
    open.set_len(size * keep / of / 4096 * 4096).unwrap();
}

fn spoil_one_record(file: &Path) {
    let mut connection = diesel::SqliteConnection::establish(&file.to_string_lossy()).unwrap();
    connection
        .batch_execute("UPDATE records SET body = substr(body, 1, length(body) - 9) || x'00' || substr(body, -8) WHERE id = 7")
        .unwrap();
}

#[actix::test]
async fn two_servers_with_one_data_directory_have_a_spool_each() {
    let (place, bench) = (Place::sqlite(), Bench::new());
    let obstacle = Obstacle::before(&place);
    let (one, other) = (bench.writer(&place), bench.writer(&place));
    for seq in 0..10 {
        one.record(journal("one", seq, seq)).unwrap();
        other.record(journal("other", seq, seq)).unwrap();
        one.durable().await.unwrap();
        other.durable().await.unwrap();
    }
    assert!(spool(&one).records > 0 && spool(&other).records > 0);
    obstacle.remove();
    one.stop(SOON).await.unwrap();
    other.flush(SOON).await.unwrap();
    other.stop(SOON).await.unwrap();
    drop((one, other));
    let last = bench.writer(&place);
    last.flush(SOON).await.unwrap();
    last.stop(SOON).await.unwrap();
    assert_eq!(place.count("SELECT * FROM journal"), 20);
}
