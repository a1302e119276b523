//! `hmrs run`: the simulation without a server.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::time::Instant;

use indicatif::ProgressBar;

use crate::sim::mission::Report;
use crate::sim::{Aggregate, Fitness, JournalEntry, Metrics, Safety, World};
use crate::swarm::headless::Headless;

use super::output::{Output, OutputArgs, provenance};
use super::settings::{Base, Setting};
use super::{Failure, Stop, load_scenario, progress, say};

/// Arguments of `hmrs run`.
#[derive(Debug, clap::Args)]
pub struct RunArgs {
    /// A built-in scenario's name (hmrs scenario list shows them) or a TOML file
    scenario: String,
    /// Seed of all randomness [default: the scenario's own]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    #[command(flatten)]
    length: LengthArgs,
    /// Set a parameter before the first tick, such as behavior.boids.separation_m=8, or a field of the scenario, such
    /// as drones[0].count=50; may be given several times
    #[arg(long = "set", value_name = "PATH=VALUE")]
    sets: Vec<String>,
    /// Apply the commands of a journal: one JSON object a line, as GET /api/runs/{id}/journal lists them
    #[arg(long, value_name = "FILE")]
    journal: Option<PathBuf>,
    #[command(flatten)]
    output: OutputArgs,
    /// Write the report of the scenario's mission as JSON
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Threads that drones decide on; the same bits on any number
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    threads: u16,
}

/// How long a run lasts.
#[derive(Debug, Clone, clap::Args)]
pub struct LengthArgs {
    /// Simulated seconds to run [default: 60; a mission: until it has ended]
    #[arg(long, value_name = "S", conflicts_with = "ticks")]
    pub seconds: Option<f64>,
    /// Ticks to run
    #[arg(long, value_name = "N")]
    pub ticks: Option<u64>,
}

/// A mission whose time is up has so long to come home.
const HOMECOMING_S: f64 = 900.0;

impl LengthArgs {
    /// Whether nobody said how long.
    pub fn is_absent(&self) -> bool {
        self.seconds.is_none() && self.ticks.is_none()
    }

    /// Simulated seconds, if no number of ticks is given.
    pub fn seconds(&self) -> f64 {
        self.seconds.unwrap_or(60.0)
    }

    /// The number of ticks, of `tick_s` seconds each.
    pub fn ticks(&self, tick_s: f64) -> Result<u64, Failure> {
        match (self.ticks, self.seconds()) {
            (Some(ticks), _) => Ok(ticks),
            (None, seconds) if (0.0..=1e9).contains(&seconds) => Ok((seconds / tick_s).round() as u64),
            (None, seconds) => Err(format!("--seconds {seconds}: must be from 0 to 1000000000")),
        }
    }
}

/// Runs a scenario; the last line of stdout is a JSON summary.
pub fn run(args: &RunArgs) -> Result<(), Stop> {
    args.output.check(args.report.as_deref()).map_err(Stop::Usage)?;
    let settings: Result<Vec<Setting>, Failure> =
        args.sets.iter().map(|set| Setting::parse(set).map_err(|error| format!("--set {error}"))).collect();
    let variant = Base::new(load_scenario(&args.scenario)?)
        .vary(&settings.map_err(Stop::Usage)?)
        .map_err(|error| Stop::Usage(format!("--set {error}")))?;
    let scenario = variant.scenario;
    if args.report.is_some() && scenario.mission.is_none() {
        return Err(Stop::Usage(format!("--report: the scenario {} has no mission", scenario.name)));
    }
    let seed = args.seed.unwrap_or(scenario.seed);
    let world = World::new(scenario.clone(), seed);
    let until_end = args.length.is_absent() && scenario.mission.is_some();
    let ticks = match &scenario.mission {
        Some(mission) if until_end => {
            ((mission.general.limit_s + HOMECOMING_S) / world.tick_s()).ceil() as u64
        }
        _ => args.length.ticks(world.tick_s()).map_err(Stop::Usage)?,
    };
    let mut journal = variant.entries;
    if let Some(path) = &args.journal {
        add_journal(&mut journal, path)?;
    }
    let mut output = args.output.open(&world, &provenance(&world))?;
    let mut flight =
        Headless::new(world, usize::from(args.threads), journal).map_err(|error| error.to_string())?;

    let bar = progress::bar(ticks, &scenario.name);
    #[allow(
        clippy::disallowed_methods,
        reason = "measures the run for its summary; the simulation never sees it"
    )]
    let began = Instant::now();
    let is_on =
        |world: &World| Ok(!until_end || world.mission().is_none_or(|mission| mission.ended_at.is_none()));
    let drone_updates = fly(&mut flight, ticks, &mut output, &bar, is_on)?;
    let wall_s = began.elapsed().as_secs_f64();
    bar.finish_and_clear();
    let world = flight.world();
    output.finish(world)?;
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
        fitness: world.fitness(),
        safety: world.safety(),
        mission: Report::of(world),
    };
    let failure = summary.mission.as_ref().and_then(|report| tell_mission(report, &scenario.name, until_end));
    if let (Some(path), Some(report)) = (&args.report, &summary.mission) {
        let text = serde_json::to_string_pretty(report).map_err(|error| error.to_string())?;
        std::fs::write(path, text + "\n").map_err(|error| format!("{}: {error}", path.display()))?;
    }
    say(serde_json::to_string(&summary).map_err(|error| error.to_string())?);
    progress::last_word(format_args!(
        "{}, seed {seed}: {} ticks, {:.1} s simulated in {wall_s:.1} s; state hash {}",
        summary.scenario, summary.ticks, summary.sim_time_s, summary.state_hash
    ));
    failure.map_or(Ok(()), |failure| Err(failure.into()))
}

/// Says how a mission ended and what became of what its scenario asks for; a sentence if that is not met.
fn tell_mission(report: &Report, scenario: &str, is_whole: bool) -> Option<Failure> {
    let outcome = report.outcome.unwrap_or("not over");
    let air = match report.in_the_air {
        0 => "nobody is in the air".to_owned(),
        count => format!("{count} in the air"),
    };
    say(format_args!("mission {outcome} after {:.0} s: {}; {air}", report.time_s, report.reason));
    let verdict = report.acceptance.as_ref()?;
    if !report.is_final && !is_whole {
        say("  not judged: the run was ended before the mission");
        return None;
    }
    for check in &verdict.checks {
        let mark = if check.passed { "ok    " } else { "FAILED" };
        say(format_args!("  {mark} {} = {}, asked for {}", check.name, check.value, check.limit));
    }
    let failed: Vec<&str> =
        verdict.checks.iter().filter(|check| !check.passed).map(|check| check.name).collect();
    (!verdict.passed).then(|| format!("{scenario} is not accepted: {}", failed.join(", ")))
}

/// Flies up to tick `until`, writes what there is to write, and asks `watch` after every tick whether to go on.
/// Returns the number of drones, summed over ticks.
pub fn fly(
    flight: &mut Headless,
    until: u64,
    output: &mut Output,
    bar: &ProgressBar,
    mut watch: impl FnMut(&World) -> Result<bool, Failure>,
) -> Result<u64, Failure> {
    let mut drone_updates = 0_u64;
    while flight.world().tick() < until {
        flight.advance()?;
        for entry in flight.drain_entered() {
            output.enter(&entry)?;
        }
        let world = flight.world_mut();
        drone_updates += world.drones().len() as u64;
        drop(world.drain_progress());
        let happenings = world.drain_happenings();
        output.observe(world, &happenings)?;
        if world.tick().is_multiple_of(16) {
            bar.set_position(world.tick());
        }
        if !watch(world)? {
            break;
        }
    }
    Ok(drone_updates)
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
    /// Of those who fly `vasarhelyi`.
    #[serde(skip_serializing_if = "Option::is_none")]
    fitness: Option<Fitness>,
    safety: Safety,
    /// Of a scenario with a mission: what it came to, and whether that is what the scenario asks for.
    #[serde(skip_serializing_if = "Option::is_none")]
    mission: Option<Report>,
}

/// Adds the entries of a file. Settings come first and take the numbers that the file leaves.
fn add_journal(journal: &mut Vec<JournalEntry>, path: &Path) -> Result<(), Failure> {
    let at = |error: &dyn std::fmt::Display, line: usize| format!("{}: line {line}: {error}", path.display());
    let file = File::open(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let mut entries: Vec<JournalEntry> = Vec::new();
    for (line, place) in BufReader::new(file).lines().zip(1..) {
        let line = line.map_err(|error| at(&error, place))?;
        if line.trim().is_empty() {
            continue;
        }
        let entry: JournalEntry = serde_json::from_str(&line).map_err(|error| at(&error, place))?;
        if let Some(last) = entries.last().filter(|last| last.tick > entry.tick) {
            let order = format!("its tick {} lies before tick {} of the entry above", entry.tick, last.tick);
            return Err(at(&order, place));
        }
        entries.push(entry);
    }
    let used = entries.iter().map(|entry| entry.seq).max().unwrap_or(0);
    journal.iter_mut().for_each(|setting| setting.seq = setting.seq.saturating_add(used));
    journal.extend(entries);
    Ok(())
}
