//! The database goes away and comes back: nothing that must be kept is lost or doubled.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on should stop here")]

#[path = "support/postgres.rs"]
mod postgres_server;
use postgres_server as postgres;
#[path = "support/store_fixture.rs"]
mod fixture;

use std::sync::Arc;
use std::time::Duration;

use diesel::Connection as _;
use diesel::connection::SimpleConnection as _;
use fixture::{
    Place, SOON, assert_rounds_are_there, hash, journal, quick, record_round, started, table, telemetry,
};
use hmrs::contract::record::{DatabaseState, Recorder, RecorderFull};
use hmrs::store::{DatabaseUrl, Limits, Store, StoreConfig, StoreError, Writer, WriterConfig};
use postgres::Postgres;

const A_MOMENT: Duration = Duration::from_millis(50);

fn url(text: &str) -> DatabaseUrl {
    DatabaseUrl::parse(text).unwrap()
}

#[actix::test]
async fn a_server_whose_database_is_away_starts_and_catches_up() {
    let server = Postgres::create();
    let writer = Writer::start(url(&server.url("postgres")), quick());
    writer.record(started("r", 1)).unwrap();
    for seq in 0..100 {
        writer.record(journal("r", seq, seq)).unwrap();
    }
    let error = writer.flush(A_MOMENT).await.unwrap_err();
    assert_eq!(error.remaining, 101);
    let health = writer.health();
    assert_eq!((health.state, health.queued_records), (DatabaseState::Away, 101));

    server.start();
    writer.flush(SOON).await.unwrap();
    let health = writer.health();
    assert_eq!((health.state, health.queued_records, health.last_error), (DatabaseState::Ok, 0, None));
    assert_eq!(health.written_rows, 101);
    assert_eq!(server.psql("postgres", "SELECT count(*), max(seq) FROM journal").trim(), "100|99");
    writer.stop(SOON).await.unwrap();
}

#[actix::test]
async fn a_postgres_that_crashes_in_mid_stream_loses_and_doubles_nothing() {
    const ROUNDS: u64 = 60;
    let server = Arc::new(Postgres::create());
    server.start();
    let writer = Writer::start(url(&server.url("postgres")), quick());
    writer.record(started("r", 1)).unwrap();
    writer.flush(SOON).await.unwrap();
    let drones = table(1, 50, None);
    let mut other = None;
    for round in 0..ROUNDS {
        record_round(&writer, round, &drones);
        // While batches are being written: one may be committed and its answer lost.
        if round == 20 {
            let server = server.clone();
            other = Some(std::thread::spawn(move || server.crash()));
        }
        if round == 40 {
            other.take().unwrap().join().unwrap();
            let server = server.clone();
            other = Some(std::thread::spawn(move || server.start()));
        }
        let _ = writer.flush(A_MOMENT).await; // fails while the server is away
    }
    other.unwrap().join().unwrap();
    writer.stop(SOON).await.unwrap();
    assert_rounds_are_there(&server, &writer, ROUNDS);
}

#[actix::test]
async fn beyond_the_bound_telemetry_is_dropped_and_events_are_refused_until_the_database_is_back() {
    let place = Place::sqlite();
    // A file stands where the directory should be.
    let obstacle = std::path::Path::new(&place.address).parent().unwrap().to_owned();
    std::fs::write(&obstacle, "in the way").unwrap();
    let limits = Limits { queue_bytes_max: 100_000, ..quick().limits };
    let writer = Writer::start(place.url.clone(), WriterConfig { limits, ..quick() });

    let drones = table(1, 10, None);
    for tick in 0..200 {
        writer.record(telemetry("r", tick, &drones)).unwrap();
    }
    let health = writer.health();
    assert!(health.dropped_telemetry > 50 && health.queued_bytes <= 100_000, "{health:?}");
    let mut accepted = 0;
    while writer.record(journal("r", accepted, accepted)).is_ok() {
        accepted += 1;
    }
    let mut hashes = 0; // smaller: some still fit
    while writer.record(hash("r", hashes, 1)).is_ok() {
        hashes += 1;
    }
    assert_eq!(writer.record(hash("r", hashes, 1)), Err(RecorderFull));
    let error = writer.flush(A_MOMENT).await.unwrap_err();
    assert_eq!(error.remaining as u64, writer.health().queued_records);
    assert!(error.to_string().contains(&*obstacle.to_string_lossy()), "{error}");

    std::fs::remove_file(&obstacle).unwrap();
    writer.flush(SOON).await.unwrap();
    writer.record(hash("r", hashes, 1)).unwrap();
    writer.stop(SOON).await.unwrap();
    assert_eq!(place.count("SELECT * FROM journal") as u64, accepted);
    assert_eq!(place.count("SELECT * FROM hashes") as u64, hashes + 1);
    let frames = 200 - writer.health().dropped_telemetry;
    assert_eq!(place.count("SELECT * FROM metrics") as u64, frames);
    assert_eq!(place.count("SELECT * FROM telemetry") as u64, frames * 10);
}

#[actix::test]
async fn what_the_user_may_not_write_waits_until_he_may() {
    let server = Postgres::shared();
    let address = server.new_database();
    let database = address.rsplit('/').next().unwrap();
    hmrs::store::migrate(&url(&address)).unwrap();
    server.psql(database, "CREATE ROLE guest LOGIN");
    server
        .psql(database, "GRANT SELECT, INSERT, UPDATE ON runs, hashes, __diesel_schema_migrations TO guest");
    let writer = Writer::start(url(&address.replace("hmrs@", "guest@")), quick());
    writer.record(started("r", 1)).unwrap();
    writer.record(hash("r", 1, 1)).unwrap();
    writer.flush(SOON).await.unwrap();
    for seq in 0..10 {
        writer.record(journal("r", seq, seq)).unwrap();
        writer.record(hash("r", 2 + seq, seq)).unwrap();
        let _ = writer.flush(A_MOMENT).await;
    }
    let health = writer.health();
    assert_eq!((health.state, health.set_aside), (DatabaseState::Away, 0), "{health:?}");
    assert!(health.last_error.unwrap().contains("permission denied for table journal"));
    assert!(writer.ready().unwrap_err().reason.contains("permission denied for table journal"));

    server.psql(database, "GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO guest");
    writer.flush(SOON).await.unwrap();
    writer.stop(SOON).await.unwrap();
    let counts = "SELECT (SELECT count(*) FROM journal), (SELECT count(*) FROM hashes)";
    assert_eq!(server.psql(database, counts).trim(), "10|11");
    assert_eq!((writer.health().state, writer.health().set_aside), (DatabaseState::Ok, 0));
}

#[actix::test]
async fn a_locked_sqlite_is_waited_for() {
    let place = Place::sqlite();
    let writer = place.writer();
    writer.record(started("r", 1)).unwrap();
    writer.flush(SOON).await.unwrap();
    let mut other = diesel::SqliteConnection::establish(&place.address).unwrap();
    other.batch_execute("BEGIN EXCLUSIVE").unwrap();
    writer.record(journal("r", 1, 1)).unwrap();
    assert_eq!(writer.flush(A_MOMENT).await.unwrap_err().remaining, 1);
    assert!(place.store().run("r").unwrap().is_some(), "readers do not wait for the writer");
    other.batch_execute("COMMIT").unwrap();
    writer.stop(SOON).await.unwrap();
    assert_eq!(place.count("SELECT * FROM journal"), 1);
}

/// A writer that stays locked out longer than SQLite's own patience counts as away and tries again.
#[test]
fn a_lock_that_is_held_too_long_is_worth_a_retry() {
    let place = Place::sqlite();
    hmrs::store::migrate(&place.url).unwrap();
    let mut other = diesel::SqliteConnection::establish(&place.address).unwrap();
    other.batch_execute("BEGIN IMMEDIATE").unwrap();
    let error = place.store().revoke_token("t", 1).unwrap_err();
    assert!(matches!(&error, StoreError::Away { reason, .. } if reason.contains("locked")), "{error}");
    assert!(error.is_worth_retrying());
}

#[actix::test]
async fn the_reading_side_recovers_by_itself() {
    let server = Postgres::create();
    let place = url(&server.url("postgres"));
    let store = Store::new(place.clone(), &StoreConfig { wait_max: A_MOMENT, ..Default::default() });
    assert!(store.ping().unwrap_err().is_worth_retrying());
    server.start();
    // The pool pauses between its own attempts.
    let patient = Store::new(place, &StoreConfig { wait_max: Duration::from_secs(2), ..Default::default() });
    patient.ping().unwrap();
    server.crash();
    assert!(patient.ping().is_err());
    server.start();
    patient.ping().unwrap();
}

#[actix::test]
async fn a_password_is_in_no_error() {
    let server = Postgres::shared();
    let secret = server.url("nobody_made_this").replace("hmrs@", "hmrs:s3cret@");
    let writer = Writer::start(url(&secret), quick());
    writer.record(hash("r", 1, 1)).unwrap();
    // Until the first attempt is over.
    let error = loop {
        let error = writer.flush(A_MOMENT).await.unwrap_err();
        if error.last_error.is_some() {
            break error.to_string();
        }
    };
    assert!(error.contains("nobody_made_this") && !error.contains("s3cret"), "{error}");
    let store = Store::new(url(&secret), &StoreConfig { wait_max: A_MOMENT, ..Default::default() });
    let said = format!("{:?} {:?} {:?} {:?}", store.ping(), store, writer, writer.health());
    assert!(!said.contains("s3cret"), "{said}");
}
