//! What the tests of the store share: a database of either kind, and a small made-up run.
#![allow(dead_code, unused_macros)] // each test binary uses a part

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hmrs::contract::record::{DatabaseState, Record, Recorder, RunStatus};
use hmrs::sim;
use hmrs::store::{DatabaseUrl, Limits, Store, StoreConfig, Writer, WriterConfig};
use serde_json::json;

use super::postgres::Postgres;

/// Runs each of these test bodies once on SQLite and once on PostgreSQL.
macro_rules! on_both {
    ($($name:ident)*) => {
        mod on_sqlite {
            $(#[actix::test] async fn $name() { super::$name(super::Place::sqlite()).await })*
        }
        mod on_postgres {
            $(#[actix::test] async fn $name() { super::$name(super::Place::postgres()).await })*
        }
    };
}

/// Long enough for a slow machine, short enough to see that something hangs.
pub const SOON: Duration = Duration::from_secs(20);

/// An empty database that goes away with this value.
pub struct Place {
    pub url: DatabaseUrl,
    /// What a plain client is given: the path, or the URL.
    pub address: String,
    _directory: Option<tempfile::TempDir>,
}

impl Place {
    pub fn sqlite() -> Place {
        let directory = tempfile::tempdir().unwrap();
        // In a directory that is not there yet: it is made.
        let path: PathBuf = directory.path().join("data").join("hmrs.db");
        let address = path.display().to_string();
        Place {
            url: DatabaseUrl::parse(&format!("sqlite://{address}")).unwrap(),
            address,
            _directory: Some(directory),
        }
    }

    pub fn postgres() -> Place {
        let address = Postgres::shared().new_database();
        Place { url: DatabaseUrl::parse(&address).unwrap(), address, _directory: None }
    }

    pub fn is_sqlite(&self) -> bool {
        self._directory.is_some()
    }

    pub fn writer(&self) -> Writer {
        Writer::start(self.url.clone(), WriterConfig { server: "test".to_owned(), ..quick() })
    }

    pub fn store(&self) -> Store {
        Store::new(self.url.clone(), &StoreConfig::default())
    }

    /// Writes `records` and waits until they are committed.
    pub async fn write(&self, records: impl IntoIterator<Item = Record>) {
        let writer = self.writer();
        for record in records {
            writer.record(record).unwrap();
        }
        writer.stop(SOON).await.unwrap();
    }

    /// Runs statements, as any other client of the database would.
    pub fn execute(&self, sql: &str) {
        use diesel::Connection as _;
        use diesel::connection::SimpleConnection as _;
        if self.is_sqlite() {
            diesel::SqliteConnection::establish(&self.address).unwrap().batch_execute(sql).unwrap();
        } else {
            diesel::PgConnection::establish(&self.address).unwrap().batch_execute(sql).unwrap();
        }
    }

    /// How many rows `query` has.
    pub fn count(&self, query: &str) -> i64 {
        use diesel::{Connection as _, RunQueryDsl as _};
        #[derive(diesel::QueryableByName)]
        struct Count {
            #[diesel(sql_type = diesel::sql_types::BigInt)]
            n: i64,
        }
        let query = diesel::sql_query(format!("SELECT count(*) AS n FROM ({query}) AS q"));
        let count: Count = if self.is_sqlite() {
            query.get_result(&mut diesel::SqliteConnection::establish(&self.address).unwrap()).unwrap()
        } else {
            query.get_result(&mut diesel::PgConnection::establish(&self.address).unwrap()).unwrap()
        };
        count.n
    }
}

/// Settings under which nothing waits for long.
pub fn quick() -> WriterConfig {
    WriterConfig {
        limits: Limits { retry_min: Duration::from_millis(20), ..Limits::default() },
        ..WriterConfig::default()
    }
}

pub fn started(run: &str, started_ms: u64) -> Record {
    Record::RunStarted {
        run_id: run.to_owned(),
        swarm: "default".to_owned(),
        scenario: "flock".to_owned(),
        scenario_text: "name = \"flock\"\n".to_owned(),
        seed: 7,
        tick_s: 0.04,
        wall_time_ms: started_ms,
        version: "0.1.0".to_owned(),
        parent: None,
    }
}

pub fn ended(run: &str, tick: u64, status: RunStatus) -> Record {
    Record::RunEnded { run_id: run.to_owned(), tick, wall_time_ms: 1_700_000_100_000, status }
}

/// A journal entry of a `takeoff` to `altitude_m`.
pub fn entry(seq: u64, tick: u64, altitude_m: f64) -> sim::JournalEntry {
    let command = json!({"command": "takeoff", "params": {"altitude_m": altitude_m}});
    sim::JournalEntry {
        seq,
        tick,
        author: "Ada".to_owned(),
        via: "socketio".to_owned(),
        command_id: format!("c{seq}"),
        targets: serde_json::from_value(json!(["scout-1"])).unwrap(),
        command: serde_json::from_value(command).unwrap(),
    }
}

pub fn journal(run: &str, seq: u64, tick: u64) -> Record {
    Record::Journal { run_id: run.to_owned(), entry: entry(seq, tick, 12.5) }
}

pub fn happening(run: &str, seq: u64, level: sim::Level, source: &str, message: &str) -> Record {
    let (source, message) = (source.into(), message.to_owned());
    let happening = sim::Happening { tick: seq * 10, level, source, code: "battery_low".into(), message };
    Record::Happening { run_id: run.to_owned(), seq, wall_time_ms: 1_700_000_000_000 + seq, happening }
}

pub fn hash(run: &str, tick: u64, state_hash: u64) -> Record {
    Record::Hash { run_id: run.to_owned(), tick, state_hash }
}

/// A drone table with drones `scout-1` to `scout-{count}`, in group `group`.
pub fn table(epoch: u32, count: usize, group: Option<&str>) -> Arc<sim::DroneTable> {
    let row = |number: usize| sim::DroneRow {
        id: format!("scout-{number}").into(),
        kind: "scout".into(),
        group: group.map(Into::into),
    };
    Arc::new(sim::DroneTable { epoch, rows: (1..=count).map(row).collect() })
}

pub fn drone(tick: u64, number: usize) -> sim::DroneState {
    let number = number as f64;
    serde_json::from_value(json!({
        "position": [0.1 * tick as f64, number, 15.0],
        "velocity": [2.5, 0.0, -0.25],
        "heading_deg": 90.0,
        "battery_pct": 80.0 - 0.01 * tick as f64,
        "mode": "swarm",
        "landed": "in_air",
        "armed": true,
        "alert": if number == 2.0 { json!({"level": "caution", "text": "battery low"}) } else { json!(null) },
        "silent_ticks": 0,
        "link_lost": false,
        "bad_data": false,
        "signalling": false,
    }))
    .unwrap()
}

pub fn snapshot(tick: u64, table: &Arc<sim::DroneTable>) -> sim::Snapshot {
    sim::Snapshot {
        tick,
        sim_time_s: tick as f64 * 0.04,
        table: table.clone(),
        drones: (1..=table.rows.len()).map(|number| drone(tick, number)).collect(),
        metrics: Default::default(),
        visual: Default::default(),
        mission: None,
    }
}

pub fn telemetry(run: &str, tick: u64, table: &Arc<sim::DroneTable>) -> Record {
    let snapshot = Arc::new(snapshot(tick, table));
    Record::Telemetry { run_id: run.to_owned(), wall_time_ms: 1_700_000_000_000 + 40 * tick, snapshot }
}

pub fn keyframe(run: &str, tick: u64) -> Record {
    let world = vec![tick as u8; 1000];
    Record::Keyframe { run_id: run.to_owned(), tick, journal_seq: tick / 10, state_hash: !tick, world }
}

/// Records a round of run `r`: twenty entries of its journal, a hash, and the telemetry of a tick.
pub fn record_round(writer: &Writer, round: u64, drones: &Arc<sim::DroneTable>) {
    for seq in round * 20..(round + 1) * 20 {
        writer.record(journal("r", seq, round)).unwrap();
    }
    writer.record(hash("r", round, round)).unwrap();
    writer.record(telemetry("r", round, drones)).unwrap();
}

/// All that so many of these rounds with fifty drones recorded is there once, and nothing was given up.
pub fn assert_rounds_are_there(server: &Postgres, writer: &Writer, rounds: u64) {
    let health = writer.health();
    assert_eq!(
        (health.state, health.dropped_telemetry, health.set_aside),
        (DatabaseState::Ok, 0, 0),
        "{health:?}"
    );
    let counts = "SELECT (SELECT count(*) FROM journal), (SELECT count(*) FROM hashes), (SELECT count(*) FROM telemetry), \
                  (SELECT count(DISTINCT seq) FROM journal), (SELECT ticks FROM runs), (SELECT status FROM runs)";
    let (entries, ticks) = (rounds * 20, rounds - 1);
    let wanted = format!("{entries}|{rounds}|{}|{entries}|{ticks}|recording", rounds * 50);
    assert_eq!(server.psql("postgres", counts).trim(), wanted);
}
