//! How fast telemetry gets into PostgreSQL: through the program's writer, through `psql \copy`, and row by row; and into
//! SQLite. The same rows, the same server with the same settings, each way into a fresh table, in turns, in one run.
//!
//! `make bench-store` runs it and writes the table into `docs/BENCHMARKS.md`.
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

use diesel::prelude::*;
use hmrs::contract::record::{Record, Recorder};
use hmrs::sim::{Scenario, Snapshot, World, builtin};
use hmrs::store::{DatabaseUrl, SpoolConfig, Writer, WriterConfig};
use postgres::Postgres;

/// Recorded ticks of a round. Their states are several times what may wait in the writer's memory, so its bound is met.
const TICKS: usize = 600;
const ROUNDS: usize = 5;
const PATIENCE: Duration = Duration::from_secs(600);
/// What waits in memory is kept below this, as a swarm in real time never gets near it.
const WAITING_MAX: u64 = 32 << 20;
const RUN: &str = "20260101-000000-benchmark";
const PARTITION: &str = "telemetry_20260101";

/// The ways, in the order of the table.
const WAYS: [&str; 5] = [
    "the writer (COPY, binary), PostgreSQL",
    "`psql \\copy` of the same rows",
    "single-row INSERTs, each committed",
    "single-row INSERTs in one transaction",
    "the writer, SQLite",
];

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
    bench.server.start();
    bench.export();
    let mut outcomes: [Vec<Outcome>; 5] = Default::default();
    for round in 0..ROUNDS {
        for turn in 0..WAYS.len() {
            let way = (round + turn) % WAYS.len(); // nobody always comes first
            let outcome = bench.measure(way);
            println!("round {}: {:>9} rows/s, {} MiB: {}", round + 1, show(outcome.0), outcome.1, WAYS[way]);
            outcomes[way].push(outcome);
        }
    }
    let table = table(&outcomes, rows);
    println!("\n{table}");
    if let Some(path) = std::env::args().skip_while(|argument| argument != "--into").nth(1) {
        publish(&path, &table);
    }
}

fn table(outcomes: &[Vec<Outcome>; 5], rows: usize) -> String {
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
         Medians (least–most) of {ROUNDS} rounds of {rows} rows of 16 columns with their primary key. While it wrote, the writer's\n\
         process took at most {memory} MiB more than before. Measured by `make bench-store` on {} cores, load average {}.\n",
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

    /// A database with the program's tables and, for the others, one like that which the writer fills.
    fn new_database(&self) -> (String, String) {
        let url = self.server.new_database();
        let database = url.rsplit('/').next().unwrap().to_owned();
        hmrs::store::migrate(&DatabaseUrl::parse(&url).unwrap()).unwrap();
        self.server.psql(&database, &format!(
            "CREATE TABLE {PARTITION} PARTITION OF telemetry FOR VALUES FROM ('20260101') TO ('20260101~'); \
             CREATE TABLE copied (LIKE {PARTITION} INCLUDING ALL)"
        ));
        (url, database)
    }

    fn measure(&self, way: usize) -> Outcome {
        if way == 4 {
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
        let count = |table| self.server.psql(&database, &format!("SELECT count(*) FROM {table}"));
        let outcome = match way {
            0 => {
                let outcome = self.rate_of(|| write(&url, &self.snapshots));
                assert_eq!(count("telemetry").trim(), self.rows.to_string());
                outcome
            }
            1 => {
                let outcome = self.rate_of(|| self.copy(&database));
                assert_eq!(count("copied").trim(), self.rows.to_string());
                outcome
            }
            _ => (insert(&url, way == 3), 0),
        };
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
        time(&format!("\\copy copied FROM '{}'", self.file())).saturating_sub(start)
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
            if writer.health().queued_bytes > WAITING_MAX {
                writer.flush(PATIENCE).await.unwrap();
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

/// One row a statement, for two seconds: rows a second.
fn insert(url: &str, at_once: bool) -> f64 {
    let mut connection = PgConnection::establish(url).unwrap();
    let mut execute = |sql: &str| diesel::sql_query(sql).execute(&mut connection).unwrap();
    execute(
        "PREPARE one AS INSERT INTO copied VALUES ('20260101-000000-benchmark', $1, 'scout-0001', 1.5, 2.5, 3.5, 0.1, 0.2, 0.3, \
         90.0, 55.5, 'swarm', 'in_air', true, NULL, NULL)",
    );
    if at_once {
        execute("BEGIN");
    }
    let begun = Instant::now();
    let mut rows = 0;
    while begun.elapsed() < Duration::from_secs(2) {
        execute(&format!("EXECUTE one ({rows})"));
        rows += 1;
    }
    if at_once {
        execute("COMMIT");
    }
    f64::from(rows) / begun.elapsed().as_secs_f64()
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
