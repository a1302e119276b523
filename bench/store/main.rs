//! How fast telemetry gets into PostgreSQL: through the program's writer, through `psql \copy`, and row by row; and into
//! SQLite. The same rows, the same server, in turns, in one run.
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

use std::sync::Arc;
use std::time::{Duration, Instant};

use diesel::prelude::*;
use hmrs::contract::record::{Record, Recorder, RunStatus};
use hmrs::sim::{Scenario, World, builtin};
use hmrs::store::{DatabaseUrl, SpoolConfig, Writer, WriterConfig};
use postgres::Postgres;

/// Recorded ticks of a round. Their states take some 35 MB in memory, so the writer's bound is met.
const TICKS: usize = 300;
const ROUNDS: usize = 3;
const PATIENCE: Duration = Duration::from_secs(600);
/// What waits in memory is kept below this, as a swarm in real time never gets near it.
const WAITING_MAX: u64 = 32 << 20;

fn main() {
    let snapshots = fly();
    let rows = snapshots.iter().map(|snapshot| snapshot.drones.len()).sum::<usize>();
    println!("{rows} rows a round: {} drones, {TICKS} ticks", rows / TICKS);
    let server = Postgres::create();
    server.start();
    let (mut written, mut copied, mut inserted, mut embedded) = (vec![], vec![], vec![], vec![]);
    for round in 0..ROUNDS {
        let url = server.new_database();
        let database = url.rsplit('/').next().unwrap().to_owned();
        written.push(rate(rows, || write(&url, &snapshots)));
        copied.push(copy(&server, &database, rows));
        inserted.push(insert(&url));
        let place = tempfile::tempdir().unwrap();
        let file = format!("sqlite://{}", place.path().join("bench.sqlite").display());
        embedded.push(rate(rows, || write(&file, &snapshots)));
        server.psql("postgres", &format!("DROP DATABASE {database}"));
        println!(
            "round {}: {} {} {} {}",
            round + 1,
            show(written[round]),
            show(copied[round]),
            show(inserted[round]),
            show(embedded[round])
        );
    }
    let [written, copied, inserted, embedded] = [written, copied, inserted, embedded].map(middle);
    let table = format!(
        "| way | rows/s | against the writer |\n| --- | --- | --- |\n\
         | the writer (COPY, binary), PostgreSQL | {} | 1 |\n\
         | `psql \\copy` of the same rows | {} | the writer is {:.2} × as fast |\n\
         | single-row INSERTs, each committed | {} | the writer is {:.0} × as fast |\n\
         | the writer, SQLite | {} | |\n\n\
         Middle of {ROUNDS} rounds of {rows} rows of 16 columns with their primary key; resident memory at most {} MiB. Measured by\n\
         `make bench-store` on {} cores.\n",
        show(written),
        show(copied),
        written / copied,
        show(inserted),
        written / inserted,
        show(embedded),
        peak_mib(),
        std::thread::available_parallelism().map_or(1, usize::from),
    );
    println!("\n{table}");
    if let Some(path) = std::env::args().skip_while(|argument| argument != "--into").nth(1) {
        publish(&path, &table);
    }
}

/// A thousand drones under way.
fn fly() -> Vec<Arc<hmrs::sim::Snapshot>> {
    let text = builtin::list().iter().find(|(name, _)| *name == "thousand").unwrap().1;
    let mut world = World::new(Arc::new(Scenario::parse(text).unwrap()), 7);
    (0..TICKS)
        .map(|_| {
            world.step(&[]);
            Arc::new(world.snapshot())
        })
        .collect()
}

/// Records everything through the program's own writer and waits until it is committed.
fn write(url: &str, snapshots: &[Arc<hmrs::sim::Snapshot>]) {
    let url = DatabaseUrl::parse(url).unwrap();
    hmrs::store::migrate(&url).unwrap();
    let place = tempfile::tempdir().unwrap();
    let spool = SpoolConfig { directory: place.path().to_owned(), bytes_max: 1 << 30 };
    let config = WriterConfig { spool: Some(spool), ..WriterConfig::default() };
    actix::System::new().block_on(async {
        let writer = Writer::start(url, config);
        let run_id = "20260101-000000-benchmark".to_owned();
        writer
            .record(Record::RunStarted {
                run_id: run_id.clone(),
                swarm: "bench".to_owned(),
                scenario: "thousand".to_owned(),
                scenario_text: String::new(),
                seed: 7,
                tick_s: 0.04,
                wall_time_ms: 0,
                version: String::new(),
                parent: None,
            })
            .unwrap();
        for snapshot in snapshots {
            while writer.health().queued_bytes > WAITING_MAX {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            let (run_id, snapshot) = (run_id.clone(), snapshot.clone());
            writer.record(Record::Telemetry { run_id, wall_time_ms: 0, snapshot }).unwrap();
            tokio::task::yield_now().await;
        }
        writer
            .record(Record::RunEnded { run_id, tick: 0, wall_time_ms: 0, status: RunStatus::Complete })
            .unwrap();
        writer.flush(PATIENCE).await.unwrap();
        assert_eq!((writer.health().dropped_telemetry, writer.health().set_aside), (0, 0));
        writer.stop(PATIENCE).await.unwrap();
    });
}

/// The rows that the writer wrote, out of the database and with `psql \copy` into a table like the one they came from.
fn copy(server: &Postgres, database: &str, rows: usize) -> f64 {
    let file = tempfile::tempdir().unwrap();
    std::fs::set_permissions(file.path(), std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
    let file = file.path().join("rows").display().to_string();
    server.psql(
        database,
        &format!("\\copy (SELECT * FROM telemetry ORDER BY run_id, tick, drone) TO '{file}'"),
    );
    let one = "SELECT tableoid::regclass::text FROM telemetry LIMIT 1";
    let partition = server.psql(database, one).trim().to_owned();
    server.psql(database, &format!("CREATE TABLE copied (LIKE {partition} INCLUDING ALL)"));
    server.psql(database, "CHECKPOINT");
    let rate = rate(rows, || {
        server.psql(database, &format!("\\copy copied FROM '{file}'"));
    });
    assert_eq!(server.psql(database, "SELECT count(*) FROM copied").trim(), rows.to_string());
    assert_eq!(server.psql(database, "SELECT count(*) FROM telemetry").trim(), rows.to_string());
    rate
}

/// One row a transaction, for two seconds.
fn insert(url: &str) -> f64 {
    let mut connection = PgConnection::establish(url).unwrap();
    diesel::sql_query("CREATE TABLE inserted (LIKE copied INCLUDING ALL)").execute(&mut connection).unwrap();
    let begun = Instant::now();
    let mut rows = 0;
    while begun.elapsed() < Duration::from_secs(2) {
        diesel::sql_query(
            "INSERT INTO inserted VALUES ('20260101-000000-benchmark', $1, 'scout-0001', 1.5, 2.5, 3.5, 0.1, 0.2, 0.3, 90.0, 55.5, \
             'swarm', 'in_air', true, NULL, NULL)",
        )
        .bind::<diesel::sql_types::BigInt, _>(rows)
        .execute(&mut connection)
        .unwrap();
        rows += 1;
    }
    rows as f64 / begun.elapsed().as_secs_f64()
}

fn rate(rows: usize, work: impl FnOnce()) -> f64 {
    let begun = Instant::now();
    work();
    rows as f64 / begun.elapsed().as_secs_f64()
}

fn middle(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}

/// With thin thousands: `412,000`.
fn show(rate: f64) -> String {
    let (thousands, rest) = ((rate / 1e3) as u64, rate as u64 % 1_000);
    if thousands == 0 { rest.to_string() } else { format!("{thousands},{rest:03}") }
}

/// The most memory that this process ever had, MiB.
fn peak_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok()).unwrap_or_default() / 1024
}

/// Puts the table between its markers, which are added at the end if they are not there.
fn publish(path: &str, table: &str) {
    const BEGIN: &str = "<!-- store:begin -->\n";
    const END: &str = "<!-- store:end -->\n";
    let text = std::fs::read_to_string(path).unwrap_or_else(|_| "# Figures\n".to_owned());
    let new = match (text.split_once(BEGIN), text.split_once(END)) {
        (Some((before, _)), Some((_, after))) => format!("{before}{BEGIN}{table}{END}{after}"),
        _ => format!("{text}\n## Storage\n\n{BEGIN}{table}{END}"),
    };
    std::fs::write(path, new).unwrap();
}
