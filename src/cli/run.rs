//! `hmrs run`: the simulation without a server.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, IsTerminal as _, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use crate::contract::outgoing::drones_json;
use crate::sim::measure::MetricSpec;
use crate::sim::{Aggregate, Command, JournalEntry, METRICS, Metrics, Safety, Snapshot, Targets, World};
use crate::swarm::headless::Headless;

use super::{Failure, load_scenario, say};

/// Arguments of `hmrs run`.
#[derive(Debug, clap::Args)]
pub struct RunArgs {
    /// A built-in scenario's name (hmrs scenario list shows them) or a TOML file
    scenario: String,
    /// Seed of all randomness [default: the scenario's own]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Simulated seconds to run [default: 60]
    #[arg(long, value_name = "S", conflicts_with = "ticks")]
    seconds: Option<f64>,
    /// Ticks to run
    #[arg(long, value_name = "N")]
    ticks: Option<u64>,
    /// Set a parameter before the first tick, such as behavior.boids.separation_m=8; may be given several times
    #[arg(long = "set", value_name = "PATH=VALUE")]
    sets: Vec<String>,
    /// Apply the commands of a journal: one JSON object a line, as GET /api/runs/{id}/journal lists them
    #[arg(long, value_name = "FILE")]
    journal: Option<PathBuf>,
    /// Write every K-th tick
    #[arg(long, value_name = "K", default_value_t = 25, value_parser = clap::value_parser!(u64).range(1..))]
    every: u64,
    /// Write every drone's state: .csv or .jsonl
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Write the metrics: .csv or .jsonl
    #[arg(long, value_name = "FILE")]
    metrics: Option<PathBuf>,
    /// Threads that drones decide on; the same bits on any number
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    threads: u16,
}

/// Runs a scenario; the last line of stdout is a JSON summary.
pub fn run(args: &RunArgs) -> Result<(), Failure> {
    let scenario = load_scenario(&args.scenario)?;
    let seed = args.seed.unwrap_or(scenario.seed);
    let world = World::new(scenario.clone(), seed);
    let ticks = ticks(args, world.tick_s())?;
    let mut journal = parse_sets(&args.sets)?;
    if let Some(path) = &args.journal {
        journal.extend(read_journal(path)?);
    }
    let mut states = args.out.as_deref().map(|path| Table::create(path, STATE_COLUMNS)).transpose()?;
    let mut metrics =
        args.metrics.as_deref().map(|path| Table::create(path, &metric_columns())).transpose()?;
    let mut flight =
        Headless::new(world, usize::from(args.threads), journal).map_err(|error| error.to_string())?;

    let progress = progress_bar(ticks);
    #[allow(
        clippy::disallowed_methods,
        reason = "measures the run for its summary; the simulation never sees it"
    )]
    let began = Instant::now();
    let mut drone_updates = 0_u64;
    for _ in 0..ticks {
        flight.advance()?;
        let world = flight.world_mut();
        drone_updates += world.drones().len() as u64;
        drop((world.drain_happenings(), world.drain_progress()));
        if world.tick().is_multiple_of(args.every) {
            progress.set_position(world.tick());
            if states.is_some() || metrics.is_some() {
                let snapshot = world.snapshot();
                states.as_mut().map_or(Ok(()), |table| table.push_states(&snapshot))?;
                metrics.as_mut().map_or(Ok(()), |table| table.push_metrics(&snapshot))?;
            }
        }
    }
    let wall_s = began.elapsed().as_secs_f64();
    progress.finish_and_clear();
    for table in [states, metrics].into_iter().flatten() {
        table.finish()?;
    }
    let world = flight.world();
    let summary = Summary {
        scenario: &scenario.name,
        seed,
        ticks: world.tick(),
        sim_time_s: world.sim_time_s(),
        wall_s: (wall_s * 1e6).round() / 1e6,
        real_time_factor: (world.sim_time_s() / wall_s.max(1e-9) * 10.0).round() / 10.0,
        drone_updates_per_s: (drone_updates as f64 / wall_s.max(1e-9)).round(),
        state_hash: format!("{:016x}", world.state_hash()),
        metrics: world.metrics(),
        aggregates: world.aggregates().into_iter().collect(),
        order_time_s: world.settling_times_s()[0],
        formation_time_s: world.settling_times_s()[1],
        safety: world.safety(),
    };
    say(serde_json::to_string(&summary).map_err(|error| error.to_string())?);
    Ok(())
}

/// The last line of stdout.
#[derive(serde::Serialize)]
struct Summary<'a> {
    scenario: &'a str,
    seed: u64,
    ticks: u64,
    sim_time_s: f64,
    wall_s: f64,
    real_time_factor: f64,
    drone_updates_per_s: f64,
    state_hash: String,
    metrics: Metrics,
    /// Over the run, from `metrics.steady_from_s` on.
    aggregates: BTreeMap<&'static str, Aggregate>,
    order_time_s: Option<f64>,
    formation_time_s: Option<f64>,
    safety: Safety,
}

fn ticks(args: &RunArgs, tick_s: f64) -> Result<u64, Failure> {
    match (args.ticks, args.seconds) {
        (Some(ticks), _) => Ok(ticks),
        (None, seconds) => {
            let seconds = seconds.unwrap_or(60.0);
            if !(0.0..=1e9).contains(&seconds) {
                return Err(format!("--seconds {seconds}: must be from 0 to 1000000000"));
            }
            Ok((seconds / tick_s).round() as u64)
        }
    }
}

fn parse_sets(sets: &[String]) -> Result<Vec<JournalEntry>, Failure> {
    let entry = |(index, set): (usize, &String)| {
        let (path, value) = set.split_once('=').ok_or_else(|| format!("--set {set}: must be PATH=VALUE"))?;
        let value = value.trim().parse().map_err(|_| format!("--set {set}: {value:?} is not a number"))?;
        Ok(JournalEntry {
            seq: index as u64 + 1,
            tick: 0,
            author: "command line".into(),
            via: "cli".into(),
            command_id: format!("set-{}", index + 1),
            targets: Targets::All,
            command: Command::SetParam { path: path.trim().into(), value },
        })
    };
    sets.iter().enumerate().map(entry).collect()
}

fn read_journal(path: &Path) -> Result<Vec<JournalEntry>, Failure> {
    let at = |error: &dyn std::fmt::Display, line: usize| format!("{}: line {line}: {error}", path.display());
    let file = File::open(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let mut entries = Vec::new();
    for (index, line) in BufReader::new(file).lines().enumerate() {
        let line = line.map_err(|error| at(&error, index + 1))?;
        if !line.trim().is_empty() {
            entries.push(serde_json::from_str(&line).map_err(|error| at(&error, index + 1))?);
        }
    }
    Ok(entries)
}

fn progress_bar(ticks: u64) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(ticks);
    if let Ok(style) =
        ProgressStyle::with_template("{bar:40} {percent:>3} %  {pos}/{len} ticks  {per_sec}  {eta} left")
    {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

const STATE_COLUMNS: &str =
    "tick,sim_time_s,drone,type,group,e_m,n_m,u_m,ve_mps,vn_mps,vu_mps,heading_deg,battery_pct,mode,landed";

/// Tick, time, and every figure by its name.
fn metric_columns() -> String {
    let names: Vec<&str> = METRICS.iter().map(|spec| spec.name).collect();
    format!("tick,sim_time_s,{}", names.join(","))
}

/// A file of rows, CSV or JSON Lines by its ending.
struct Table {
    path: PathBuf,
    file: BufWriter<File>,
    is_csv: bool,
}

impl Table {
    fn create(path: &Path, columns: &str) -> Result<Self, Failure> {
        let is_csv = match path.extension().and_then(|ending| ending.to_str()) {
            Some("csv") => true,
            Some("jsonl") => false,
            _ => return Err(format!("{}: the ending must be .csv or .jsonl", path.display())),
        };
        let file = File::create(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let mut table = Self { path: path.to_owned(), file: BufWriter::new(file), is_csv };
        if is_csv {
            table.line(columns)?;
        }
        Ok(table)
    }

    fn line(&mut self, line: impl std::fmt::Display) -> Result<(), Failure> {
        writeln!(self.file, "{line}").map_err(|error| format!("{}: {error}", self.path.display()))
    }

    fn push_states(&mut self, snapshot: &Snapshot) -> Result<(), Failure> {
        if !self.is_csv {
            return self.line(drones_json(snapshot, snapshot.tick, 0, |_, _| true));
        }
        for (row, drone) in snapshot.table.rows.iter().zip(&snapshot.drones) {
            let (p, v) = (drone.position, drone.velocity);
            self.line(format_args!(
                "{},{},{},{},{},{},{},{},{},{},{},{},{},{},{}",
                snapshot.tick,
                snapshot.sim_time_s,
                quoted(&row.id),
                quoted(&row.kind),
                quoted(row.group.as_deref().unwrap_or_default()),
                p.x,
                p.y,
                p.z,
                v.x,
                v.y,
                v.z,
                drone.heading_deg,
                drone.battery_pct,
                drone.mode.name(),
                drone.landed.name(),
            ))?;
        }
        Ok(())
    }

    fn push_metrics(&mut self, snapshot: &Snapshot) -> Result<(), Failure> {
        let m: &Metrics = &snapshot.metrics;
        if !self.is_csv {
            return self
                .line(json!({ "tick": snapshot.tick, "sim_time_s": snapshot.sim_time_s, "metrics": m }));
        }
        let cell = |spec: &MetricSpec| (spec.read)(m).map_or_else(String::new, |value| value.to_string());
        let cells: Vec<String> = METRICS.iter().map(cell).collect();
        self.line(format_args!("{},{},{}", snapshot.tick, snapshot.sim_time_s, cells.join(",")))
    }

    fn finish(mut self) -> Result<(), Failure> {
        self.file.flush().map_err(|error| format!("{}: {error}", self.path.display()))
    }
}

/// A CSV cell (RFC 4180).
fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}
