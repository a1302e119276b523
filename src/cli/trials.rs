//! `hmrs trials`: a mission flown many times, over seeds, rules of allocation and drones that are lost.

mod plot;

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::sim::mission::allocation::Allocation;
use crate::sim::mission::report::Report;
use crate::sim::{Command, Fault, Targets, World};

use super::settings::{Base, Setting};
use super::sweep::parse_seeds;
use super::{Failure, Stop, load_scenario, progress, say};

/// Time between two samples of the progress.
const SAMPLE_S: f64 = 20.0;
/// A mission whose time is up has so long to come home.
const HOMECOMING_S: f64 = 900.0;

/// Arguments of `hmrs trials`.
#[derive(Debug, clap::Args)]
pub struct TrialsArgs {
    /// A scenario with a mission: a built-in one's name or a TOML file
    scenario: String,
    /// Seeds: 1..20, 7 or 1,5,9
    #[arg(long, value_name = "SEEDS", default_value = "1..20")]
    seeds: String,
    /// Rules of allocation to compare, separated by commas [default: the scenario's own]
    #[arg(long, value_name = "RULES")]
    allocation: Option<String>,
    /// Lose every drone in turn, at each of so many moments of the mission
    #[arg(long, value_name = "MOMENTS", value_parser = clap::value_parser!(u32).range(1..=1000))]
    lose_each: Option<u32>,
    /// Runs at a time [default: one a core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    jobs: Option<u16>,
    /// Write a row a run: .csv
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Draw the progress of each rule, with bands over the seeds: .svg
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

/// One flight.
#[derive(Clone, Debug)]
struct Trial {
    rule: Allocation,
    seed: u64,
    /// Who is lost, and when.
    loss: Option<(String, f64)>,
}

/// What became of it.
struct Flown {
    trial: Trial,
    report: Report,
    hash: u64,
    laws_broken: usize,
    /// Verified windows, every [`SAMPLE_S`] from the start.
    progress: Vec<u32>,
}

/// Flies all trials, tells what came of them, and fails if one is not what its scenario asks for.
pub fn trials(args: &TrialsArgs) -> Result<(), Stop> {
    let scenario = load_scenario(&args.scenario)?;
    if scenario.mission.is_none() {
        return Err(Stop::Usage(format!("the scenario {} has no mission", scenario.name)));
    }
    let base = Base::new(scenario.clone());
    let seeds = parse_seeds(&args.seeds).map_err(Stop::Usage)?;
    let own = scenario.mission.as_ref().map(|mission| mission.allocation).unwrap_or_default();
    let rules = args.allocation.as_deref().map_or(Ok(vec![own]), parse_rules).map_err(Stop::Usage)?;
    let plain = |&seed: &u64| rules.iter().map(move |&rule| Trial { rule, seed, loss: None });
    let mut plan: Vec<Trial> = seeds.iter().flat_map(plain).collect();
    if let Some(moments) = args.lose_each {
        plan = losses(&base, &plan, moments)?;
    }
    let jobs =
        args.jobs.map_or_else(|| std::thread::available_parallelism().map_or(1, usize::from), usize::from);
    let flown = fly_all(&base, &plan, jobs)?;
    if let Some(path) = &args.out {
        write_table(path, &flown).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    if let Some(path) = &args.svg {
        let curves: Vec<plot::Curve> = rules.iter().map(|&rule| curve(rule, &flown)).collect();
        let text = plot::draw(&scenario.title, &curves, SAMPLE_S);
        std::fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    rules.iter().for_each(|&rule| tell(rule, &flown));
    let failed: Vec<&Flown> = flown.iter().filter(|one| !one.is_accepted()).collect();
    for one in failed.iter().take(20) {
        let loss =
            one.trial.loss.as_ref().map_or(String::new(), |(id, at_s)| format!(", {id} lost at {at_s:.0} s"));
        say(format_args!(
            "FAILED seed {} {}{loss}: {}; not met: {}; laws broken: {}",
            one.trial.seed,
            one.trial.rule.name(),
            one.report.reason,
            one.failed_checks().join(", "),
            one.laws_broken
        ));
    }
    match failed.len() {
        0 => Ok(()),
        count => {
            let failure =
                format!("{count} of {} missions are not what {} asks for", flown.len(), scenario.name);
            Err(Stop::Failed(failure))
        }
    }
}

impl Flown {
    fn is_accepted(&self) -> bool {
        self.laws_broken == 0 && self.failed_checks().is_empty()
    }

    /// Demands that are not met. A drone that was lost on purpose may have crashed, and fallen onto another; everything
    /// else must be as the scenario asks. Two that could both fly must not have touched.
    fn failed_checks(&self) -> Vec<&'static str> {
        let is_wreck = self.report.collisions == self.report.wreck_collisions;
        let excused = |name: &str| {
            self.trial.loss.is_some()
                && (matches!(name, "lost_max" | "crashes_max") || name == "collisions_max" && is_wreck)
        };
        let checks = self.report.acceptance.iter().flat_map(|judged| &judged.checks);
        checks.filter(|check| !check.passed && !excused(check.name)).map(|check| check.name).collect()
    }
}

fn parse_rules(text: &str) -> Result<Vec<Allocation>, Failure> {
    let named = |name: &str| {
        let found =
            Allocation::ALL.iter().find(|(known, ..)| *known == name.trim()).map(|(_, rule, _)| *rule);
        found.ok_or_else(|| {
            format!("--allocation {name}: must be of {}", Allocation::ALL.map(|(n, ..)| n).join(", "))
        })
    };
    text.split(',').map(named).collect()
}

/// Every drone lost at every moment, spread over the time that the undisturbed mission takes.
fn losses(base: &Base, plan: &[Trial], moments: u32) -> Result<Vec<Trial>, Failure> {
    let mut all = Vec::new();
    for trial in plan {
        let whole = fly(base, trial)?;
        for member in &whole.report.crew {
            for moment in 0..moments {
                let at_s = whole.report.time_s * (f64::from(moment) + 0.5) / f64::from(moments);
                all.push(Trial { loss: Some((member.id.clone(), at_s)), ..trial.clone() });
            }
        }
    }
    Ok(all)
}

fn fly_all(base: &Base, plan: &[Trial], jobs: usize) -> Result<Vec<Flown>, Failure> {
    let (next, bar) = (AtomicUsize::new(0), progress::bar(plan.len() as u64, "trials"));
    let flown: Mutex<Vec<(usize, Result<Flown, Failure>)>> = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..jobs.min(plan.len()) {
            scope.spawn(|| {
                while let Some((k, trial)) =
                    Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|k| Some((k, plan.get(k)?)))
                {
                    let one = fly(base, trial);
                    bar.inc(1);
                    flown.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push((k, one));
                }
            });
        }
    });
    bar.finish_and_clear();
    let mut flown = flown.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    flown.sort_by_key(|(k, _)| *k);
    flown.into_iter().map(|(_, one)| one).collect()
}

fn fly(base: &Base, trial: &Trial) -> Result<Flown, Failure> {
    let set = Setting::parse(&format!("mission.allocation={}", trial.rule.name()))?;
    let scenario = base.vary(&[set])?.scenario;
    let limit_s = scenario.mission.as_ref().map_or(0.0, |mission| mission.general.limit_s) + HOMECOMING_S;
    let mut world = World::new(scenario, trial.seed);
    let (mut progress, mut loss, mut laws_broken) = (Vec::new(), trial.loss.clone(), 0);
    while world.sim_time_s() < limit_s && world.mission().is_some_and(|mission| mission.ended_at.is_none()) {
        if world.sim_time_s() >= progress.len() as f64 * SAMPLE_S {
            progress.push(world.mission().map_or(0, |mission| mission.counts()[3]));
        }
        if let Some((id, _)) = loss.take_if(|(_, at_s)| world.sim_time_s() >= *at_s) {
            let fault = Command::InjectFault {
                fault: Fault::Motor,
                value: Some(0.0),
                duration_s: None,
                clear: false,
            };
            world.apply(&fault, &Targets::Ids(vec![id]), 0).map_err(|error| error.to_string())?;
        }
        world.advance();
        drop((world.drain_happenings(), world.drain_progress()));
        laws_broken += world.mission_violations().len();
    }
    let report = Report::of(&world).ok_or("the scenario has no mission")?;
    progress.push(report.windows.verified);
    Ok(Flown { trial: trial.clone(), report, hash: world.state_hash(), laws_broken, progress })
}

/// Least, mean and largest of a figure.
fn spread(values: impl Iterator<Item = f64>) -> String {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let mean = values.iter().sum::<f64>() / values.len().max(1) as f64;
    format!("{mean:.0} ({:.0}–{:.0})", values.first().unwrap_or(&0.0), values.last().unwrap_or(&0.0))
}

fn tell(rule: Allocation, flown: &[Flown]) {
    let mine: Vec<&Flown> = flown.iter().filter(|one| one.trial.rule == rule).collect();
    let of = |read: &dyn Fn(&Report) -> f64| spread(mine.iter().map(|one| read(&one.report)));
    let accepted = mine.iter().filter(|one| one.is_accepted()).count();
    let complete = mine.iter().filter(|one| one.report.outcome == Some("complete")).count();
    say(format_args!(
        "{}: {} missions, {complete} complete, {accepted} accepted; mean (least–largest): time {} s, energy {} Wh, rework {}, idle {} s, \
         near misses {}; {} collisions in all, {} of them with one that fell",
        rule.name(),
        mine.len(),
        of(&|r| r.time_s),
        of(&|r| r.energy_wh),
        of(&|r| f64::from(r.rework)),
        of(&|r| r.idle_s),
        of(&|r| r.near_misses as f64),
        mine.iter().map(|one| one.report.collisions).sum::<u64>(),
        mine.iter().map(|one| one.report.wreck_collisions).sum::<u64>(),
    ));
}

fn write_table(path: &PathBuf, flown: &[Flown]) -> std::io::Result<()> {
    let mut file = std::io::BufWriter::new(std::fs::File::create(path)?);
    writeln!(
        file,
        "allocation,seed,lost,lost_at_s,outcome,accepted,time_s,energy_wh,windows_found,windows_verified,rework,\
         resupplies,charges,idle_s,wait_s,near_misses,collisions,wreck_collisions,crashes,laws_broken,state_hash"
    )?;
    for Flown { trial, report: r, hash, laws_broken, .. } in flown {
        let (lost, at_s) = trial.loss.clone().unwrap_or_default();
        let accepted = flown.iter().any(|one| std::ptr::eq(&one.report, r) && one.is_accepted());
        writeln!(
            file,
            "{},{},{lost},{at_s:.1},{},{accepted},{},{},{},{},{},{},{},{},{},{},{},{},{},{laws_broken},{hash:016x}",
            trial.rule.name(),
            trial.seed,
            r.outcome.unwrap_or(""),
            r.time_s,
            r.energy_wh,
            r.windows.found,
            r.windows.verified,
            r.rework,
            r.resupplies,
            r.charges,
            r.idle_s,
            r.wait_s,
            r.near_misses,
            r.collisions,
            r.wreck_collisions,
            r.crashes,
        )?;
    }
    file.flush()
}

/// The progress of a rule: at each sample the 10th, 50th and 90th percentile over its flights.
fn curve(rule: Allocation, flown: &[Flown]) -> plot::Curve {
    let mine: Vec<&Flown> = flown.iter().filter(|one| one.trial.rule == rule).collect();
    let length = mine.iter().map(|one| one.progress.len()).max().unwrap_or(0);
    let at = |k: usize| {
        let last = |one: &&Flown| one.progress.get(k).or(one.progress.last()).copied().unwrap_or(0);
        let mut values: Vec<u32> = mine.iter().map(last).collect();
        values.sort_unstable();
        let share = |q: f64| f64::from(values[((values.len() - 1) as f64 * q).round() as usize]);
        [share(0.1), share(0.5), share(0.9)]
    };
    let mean_s = mine.iter().map(|one| one.report.time_s).sum::<f64>() / mine.len().max(1) as f64;
    let label = format!("{} (ends after {mean_s:.0} s on the average)", rule.name());
    plot::Curve { label, count: mine.len(), points: (0..length).map(at).collect() }
}
