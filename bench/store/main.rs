//! How fast telemetry gets into PostgreSQL: through the program's writer, through `psql \copy`, and row by row; and into
//! SQLite. The same rows, the same server with the same settings, each way into a fresh table, in turns, in one run.
//!
//! `make bench-store` runs it, writes the table into `docs/BENCHMARKS.md` (with QUICK=1: one round, which it only prints), and
//! leaves the figures for `bench/targets.mjs`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a measurement that cannot go on stops"
)]

#[path = "../../tests/support/postgres.rs"]
mod postgres;

use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use hmrs::contract::record::{Record, Recorder};
use hmrs::sim::{DroneState, Scenario, Snapshot, World, builtin};
use hmrs::store::{DatabaseUrl, SpoolConfig, Writer, WriterConfig};
use postgres::Postgres;
use schema::telemetry;

/// Recorded ticks of a round. Their states are several times what may wait in the writer's memory, so its bound is met.
const TICKS: usize = 600;
/// Rounds, unless it has to be quick.
const ROUNDS: usize = 5;
const PATIENCE: Duration = Duration::from_secs(600);
/// What waits in memory is kept below this, as a swarm in real time never gets near it.
const WAITING_MAX: u64 = 32 << 20;
const RUN: &str = "20260101-000000-benchmark";

/// How long single rows are inserted in a round.
const SINGLY: Duration = Duration::from_secs(2);

/// The ways, in the order of the table.
const WAYS: [&str; 6] = [
    "the writer (COPY, binary), PostgreSQL",
    "`psql \\copy` of the same rows",
    "single INSERTs as SQL text, each committed",
    "single INSERTs, prepared, each committed",
    "single INSERTs, prepared, in one transaction",
    "the writer, SQLite",
];
const SQLITE: usize = 5;

/// The columns, for single inserts.
#[allow(missing_docs, reason = "they are those of docs/DATA.md")]
mod schema {
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
}

/// What is measured.
struct Bench {
    server: Postgres,
    snapshots: Vec<Arc<Snapshot>>,
    rows: usize,
    /// A directory with the rows as `psql` reads them.
    place: tempfile::TempDir,
}

/// Rows a second, and MiB of memory that the process took for it.
type Outcome = (f64, u64);

fn main() {
    let snapshots = fly();
    let rows = snapshots.iter().map(|snapshot| snapshot.drones.len()).sum::<usize>();
    println!("{rows} rows a round: {} drones, {TICKS} ticks", rows / TICKS);
    let place = tempfile::tempdir().unwrap();
    std::fs::set_permissions(place.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
    let bench = Bench { server: Postgres::create(), snapshots, rows, place };
    bench.server.start_with("");
    bench.export();
    let mut outcomes: [Vec<Outcome>; 6] = Default::default();
    let rounds = if std::env::var_os("QUICK").is_some() { 1 } else { ROUNDS };
    for round in 0..rounds {
        for turn in 0..WAYS.len() {
            let way = (round + turn) % WAYS.len(); // nobody always comes first
            let outcome = bench.measure(way);
            println!("round {}: {:>9} rows/s, {} MiB: {}", round + 1, show(outcome.0), outcome.1, WAYS[way]);
            outcomes[way].push(outcome);
        }
    }
    let table = table(&outcomes, rows);
    println!("\n{table}");
    let after = |option: &str| std::env::args().skip_while(|argument| argument != option).nth(1);
    if let Some(path) = after("--into") {
        publish(&path, &table);
    }
    if let Some(path) = after("--json") {
        let rates = |at: usize| outcomes[at].iter().map(|outcome| outcome.0).collect::<Vec<_>>();
        let figures = serde_json::json!({
            "rows_per_s": { "writer": rates(0), "copy": rates(1), "insert": rates(2), "insert_prepared": rates(3), "sqlite": rates(SQLITE) },
        });
        std::fs::create_dir_all(std::path::Path::new(&path).parent().unwrap()).unwrap();
        std::fs::write(path, figures.to_string()).unwrap();
    }
}

fn table(outcomes: &[Vec<Outcome>; 6], rows: usize) -> String {
    let ours = middle(&outcomes[0]);
    let lines: String = (WAYS.iter().zip(outcomes))
        .map(|(way, outcomes)| {
            let (least, most) = ends(outcomes);
            let rate = middle(outcomes);
            format!(
                "| {way} | {} ({}–{}) | {:.*} |\n",
                show(rate),
                show(least),
                show(most),
                usize::from(ours / rate < 20.0) * 2,
                ours / rate
            )
        })
        .collect();
    let memory = outcomes[0].iter().map(|outcome| outcome.1).max().unwrap_or_default();
    format!(
        "| way | rows a second | the writer is faster, × |\n| --- | --- | --- |\n{lines}\n\
         Medians (least–most) of {} rounds of {rows} rows of 16 columns with their primary key. While it wrote, the writer's\n\
         process took at most {memory} MiB more than before. PostgreSQL has the settings that it comes with, and all go into the\n\
         program's own table. Single INSERTs send every value of every row: as text that is parsed and planned each time, or to a\n\
         statement that was prepared once. Measured by `make bench-store` on {} cores, load average {}.\n",
        outcomes[0].len(),
        std::thread::available_parallelism().map_or(1, usize::from),
        std::fs::read_to_string("/proc/loadavg").unwrap_or_default().split(' ').next().unwrap_or_default(),
    )
}

/// A thousand drones under way.
fn fly() -> Vec<Arc<Snapshot>> {
    let text = builtin::list().iter().find(|(name, _)| *name == "thousand").unwrap().1;
    let mut world = World::new(Arc::new(Scenario::parse(text).unwrap()), 7);
    (0..TICKS)
        .map(|_| {
            world.step(&[]);
            Arc::new(world.snapshot())
        })
        .collect()
}

impl Bench {
    /// Puts the rows into a file for `psql`, as the writer wrote them.
    fn export(&self) {
        let (url, database) = self.new_database();
        write(&url, &self.snapshots);
        let sql =
            format!("\\copy (SELECT * FROM telemetry ORDER BY run_id, tick, drone) TO '{}'", self.file());
        self.server.psql(&database, &sql);
        self.server.psql("postgres", &format!("DROP DATABASE {database}"));
    }

    fn file(&self) -> String {
        self.place.path().join("rows").display().to_string()
    }

    /// A database with the program's tables, into which all go.
    fn new_database(&self) -> (String, String) {
        let url = self.server.new_database();
        let database = url.rsplit('/').next().unwrap().to_owned();
        hmrs::store::migrate(&DatabaseUrl::parse(&url).unwrap()).unwrap();
        self.server.psql(
            &database,
            "CREATE TABLE telemetry_20260101 PARTITION OF telemetry FOR VALUES FROM ('20260101') TO ('20260101~')",
        );
        (url, database)
    }

    fn measure(&self, way: usize) -> Outcome {
        if way == SQLITE {
            let file = format!("sqlite://{}", self.place.path().join("bench.sqlite").display());
            hmrs::store::migrate(&DatabaseUrl::parse(&file).unwrap()).unwrap();
            let outcome = self.rate_of(|| write(&file, &self.snapshots));
            for end in ["", "-wal", "-shm"] {
                let _ = std::fs::remove_file(self.place.path().join(format!("bench.sqlite{end}")));
            }
            return outcome;
        }
        let (url, database) = self.new_database();
        self.server.psql(&database, "CHECKPOINT");
        let outcome = match way {
            0 => self.rate_of(|| write(&url, &self.snapshots)),
            1 => self.rate_of(|| self.copy(&database)),
            2 => (insert_texts(&url, &self.snapshots), 0),
            _ => (insert_prepared(&url, &self.snapshots, way == 4), 0),
        };
        if way < 2 {
            let count = self.server.psql(&database, "SELECT count(*) FROM telemetry");
            assert_eq!(count.trim(), self.rows.to_string());
        }
        self.server.psql("postgres", &format!("DROP DATABASE {database}"));
        outcome
    }

    fn rate_of(&self, work: impl FnOnce() -> Duration) -> Outcome {
        let _ = std::fs::write("/proc/self/clear_refs", "5"); // the peak begins anew
        let before = memory_mib("VmRSS");
        let took = work();
        (self.rows as f64 / took.as_secs_f64(), memory_mib("VmHWM").saturating_sub(before))
    }

    /// `psql \copy`, without the time that it takes to start and to connect.
    fn copy(&self, database: &str) -> Duration {
        let time = |sql: &str| {
            let begun = Instant::now();
            self.server.psql(database, sql);
            begun.elapsed()
        };
        let start = time("SELECT 1");
        time(&format!("\\copy telemetry FROM '{}'", self.file())).saturating_sub(start)
    }
}

/// Records everything through the program's own writer: the time from the first record until all is committed.
fn write(url: &str, snapshots: &[Arc<Snapshot>]) -> Duration {
    let url = DatabaseUrl::parse(url).unwrap();
    let place = tempfile::tempdir().unwrap();
    let spool = SpoolConfig { directory: place.path().to_owned(), bytes_max: 1 << 30 };
    let config = WriterConfig { spool: Some(spool), ..WriterConfig::default() };
    actix::System::new().block_on(async {
        let writer = Writer::start(url, config);
        writer.record(started()).unwrap();
        writer.flush(PATIENCE).await.unwrap();
        let begun = Instant::now();
        for snapshot in snapshots {
            let record =
                Record::Telemetry { run_id: RUN.to_owned(), wall_time_ms: 0, snapshot: snapshot.clone() };
            writer.record(record).unwrap();
            while writer.health().queued_bytes > WAITING_MAX {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            tokio::task::yield_now().await;
        }
        writer.flush(PATIENCE).await.unwrap();
        let took = begun.elapsed();
        let health = writer.health();
        assert_eq!((health.dropped_telemetry, health.set_aside), (0, 0));
        writer.stop(PATIENCE).await.unwrap();
        took
    })
}

fn started() -> Record {
    Record::RunStarted {
        run_id: RUN.to_owned(),
        swarm: "bench".to_owned(),
        scenario: "thousand".to_owned(),
        scenario_text: String::new(),
        seed: 7,
        tick_s: 0.04,
        wall_time_ms: 0,
        version: String::new(),
        parent: None,
    }
}

/// Every drone at every tick, in the order of ticks.
fn rows(snapshots: &[Arc<Snapshot>]) -> impl Iterator<Item = (i64, &str, &DroneState)> {
    snapshots.iter().flat_map(|snapshot| {
        let drones = snapshot.table.rows.iter().zip(&snapshot.drones);
        drones.map(|(row, drone)| (snapshot.tick as i64, &*row.id, drone))
    })
}

/// One row a statement, each written out as SQL, as scripts do: rows a second.
fn insert_texts(url: &str, snapshots: &[Arc<Snapshot>]) -> f64 {
    let mut connection = PgConnection::establish(url).unwrap();
    let or_null = |text: Option<&str>| text.map_or("NULL".to_owned(), |text| format!("'{text}'"));
    let rows = rows(snapshots).map(|(tick, id, drone)| {
        let (at, velocity) = (drone.position, drone.velocity);
        let numbers =
            [at.x, at.y, at.z, velocity.x, velocity.y, velocity.z, drone.heading_deg, drone.battery_pct];
        let numbers = numbers.map(|number| number.to_string()).join(", ");
        let alert = drone.alert.as_ref();
        format!(
            "INSERT INTO telemetry VALUES ('{RUN}', {tick}, '{id}', {numbers}, '{}', '{}', {}, {}, {})",
            drone.mode.name(),
            drone.landed.name(),
            drone.armed,
            or_null(alert.map(|alert| alert.level.name())),
            or_null(alert.map(|alert| &*alert.text)),
        )
    });
    singly(rows, |sql| connection.batch_execute(&sql).unwrap())
}

/// One row a statement, prepared once, as programs do: rows a second.
fn insert_prepared(url: &str, snapshots: &[Arc<Snapshot>], at_once: bool) -> f64 {
    let mut connection = PgConnection::establish(url).unwrap();
    if at_once {
        connection.batch_execute("BEGIN").unwrap();
    }
    let rate = singly(rows(snapshots), |(tick, id, drone)| {
        let alert = drone.alert.as_ref();
        diesel::insert_into(telemetry::table)
            .values((
                (telemetry::run_id.eq(RUN), telemetry::tick.eq(tick), telemetry::drone.eq(id)),
                telemetry::east_m.eq(drone.position.x),
                telemetry::north_m.eq(drone.position.y),
                telemetry::up_m.eq(drone.position.z),
                telemetry::velocity_east_mps.eq(drone.velocity.x),
                telemetry::velocity_north_mps.eq(drone.velocity.y),
                telemetry::velocity_up_mps.eq(drone.velocity.z),
                telemetry::heading_deg.eq(drone.heading_deg),
                telemetry::battery_pct.eq(drone.battery_pct),
                telemetry::mode.eq(drone.mode.name()),
                telemetry::landed.eq(drone.landed.name()),
                telemetry::armed.eq(drone.armed),
                telemetry::alert_level.eq(alert.map(|alert| alert.level.name())),
                telemetry::alert_text.eq(alert.map(|alert| &*alert.text)),
            ))
            .execute(&mut connection)
            .unwrap();
    });
    if at_once {
        connection.batch_execute("COMMIT").unwrap();
    }
    rate
}

fn singly<Row>(rows: impl Iterator<Item = Row>, mut insert: impl FnMut(Row)) -> f64 {
    let begun = Instant::now();
    let mut inserted = 0;
    for row in rows.take_while(|_| begun.elapsed() < SINGLY) {
        insert(row);
        inserted += 1;
    }
    f64::from(inserted) / begun.elapsed().as_secs_f64()
}

fn ends(outcomes: &[Outcome]) -> (f64, f64) {
    let rates = || outcomes.iter().map(|outcome| outcome.0);
    (rates().fold(f64::INFINITY, f64::min), rates().fold(0.0, f64::max))
}

fn middle(outcomes: &[Outcome]) -> f64 {
    let mut rates: Vec<f64> = outcomes.iter().map(|outcome| outcome.0).collect();
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}

/// With thousands apart: `412,000`.
fn show(rate: f64) -> String {
    let (thousands, rest) = ((rate / 1e3) as u64, rate as u64 % 1_000);
    if thousands == 0 { rest.to_string() } else { format!("{thousands},{rest:03}") }
}

/// A line of what the kernel says about this process's memory, MiB.
fn memory_mib(line: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|found| found.starts_with(line)).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok()).unwrap_or_default() / 1024
}

/// Puts the table between its markers.
fn publish(path: &str, table: &str) {
    const BEGIN: &str = "<!-- bench-store -->\n";
    const END: &str = "<!-- /bench-store -->";
    let text = std::fs::read_to_string(path).unwrap();
    let (before, rest) = text.split_once(BEGIN).expect("the page has the markers of this table");
    let (_, after) = rest.split_once(END).expect("the page has the markers of this table");
    std::fs::write(path, format!("{before}{BEGIN}{table}{END}{after}")).unwrap();
}
