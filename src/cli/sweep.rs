//! `hmrs sweep`: many runs of one scenario, a row each.
//!
//! ```text
//! flags or plan file ─► Plan (axes ─► points × seeds, numbered) ─► workers ─► Ledger (FILE.part, a line a run)
//!                                                                                │ all there
//!                                                                                ▼
//!                                                           FILE, in the order of numbers, put in place at once
//! ```
//! The rows depend on the plan alone, so the file is the same bytes for any number of jobs, killed and resumed or not,
//! in one piece or merged from shards.

mod axes;
mod fly;
mod ledger;
mod merge;
mod plan;
mod table;

pub(in crate::cli) use plan::parse_seeds;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::Instant;

use indicatif::ProgressBar;
use serde_json::json;

use super::run::LengthArgs;
use super::{Failure, Stop, progress, say};
use crate::export::Format;
use ledger::Ledger;
use plan::Plan;

/// Arguments of `hmrs sweep`.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct SweepArgs {
    #[command(subcommand)]
    command: Option<SweepCommand>,
    /// A built-in scenario's name (hmrs scenario list shows them) or a TOML file
    #[arg(required_unless_present = "plan")]
    scenario: Option<String>,
    /// Read the sweep from a TOML file (docs/RESEARCH.md shows one); flags beside it beat what stands in it
    #[arg(long, value_name = "FILE")]
    plan: Option<PathBuf>,
    /// Seeds: 1..100 (both included), 7 or 1,5,9 [default: the scenario's own]
    #[arg(long, value_name = "SEEDS")]
    seeds: Option<String>,
    /// Values of a parameter or scenario field, all combined with all others: PATH=1,2,3, or PATH=0:6:13 for 13 values
    /// from 0 to 6; may be given several times
    #[arg(long, value_name = "PATH=VALUES")]
    grid: Vec<String>,
    /// Points to visit, a row each: a CSV file whose header names paths
    #[arg(long, value_name = "FILE")]
    list: Option<PathBuf>,
    /// A Latin hypercube of so many points over every --range
    #[arg(long, value_name = "POINTS", requires = "range", value_parser = clap::value_parser!(u32).range(axes::POINTS))]
    lhs: Option<u32>,
    /// A range that --lhs samples: PATH=0.5..8; may be given several times
    #[arg(long, value_name = "PATH=MIN..MAX", requires = "lhs")]
    range: Vec<String>,
    /// Seed of the Latin hypercube
    #[arg(long, value_name = "N", default_value_t = 1)]
    lhs_seed: u64,
    #[command(flatten)]
    length: LengthArgs,
    /// Runs at the same time [default: the machine's cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    jobs: Option<u16>,
    /// Compute only the runs of shard I of N, counted from 0, such as 2/8; hmrs sweep merge puts shards together
    #[arg(long, value_name = "I/N")]
    shard: Option<String>,
    /// Where the rows go: .csv, .jsonl or .parquet. Called again after an interruption, what is done is not done again
    #[arg(long, value_name = "FILE", required = true)]
    out: Option<PathBuf>,
    /// Replace FILE if it holds another sweep
    #[arg(long)]
    force: bool,
    /// Say what would be run, and run nothing
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, clap::Subcommand)]
enum SweepCommand {
    /// Put the files of all shards together: the same bytes as of a sweep in one piece
    Merge(merge::MergeArgs),
}

/// A part of a sweep: the runs whose number leaves `index` when divided by `of`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    /// Which, from 0.
    pub index: u64,
    /// How many there are.
    pub of: u64,
}

impl Shard {
    /// All in one.
    pub const WHOLE: Shard = Shard { index: 0, of: 1 };

    /// Reads `I/N`.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        let wrong = || format!("--shard {text}: must be I/N with I from 0 to N - 1, such as 0/3");
        let (index, of) = text.split_once('/').ok_or_else(wrong)?;
        let shard = Shard {
            index: index.trim().parse().map_err(|_| wrong())?,
            of: of.trim().parse().map_err(|_| wrong())?,
        };
        if shard.index < shard.of { Ok(shard) } else { Err(wrong()) }
    }

    fn holds(self, run: u64) -> bool {
        run % self.of == self.index
    }
}

impl std::fmt::Display for Shard {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(f, "{}/{}", self.index, self.of)
    }
}

/// Runs a sweep, or merges the shards of one.
pub fn sweep(args: &SweepArgs) -> Result<(), Stop> {
    if let Some(SweepCommand::Merge(args)) = &args.command {
        check_out(&args.out).map_err(Stop::Usage)?;
        return Ok(merge::merge(args)?);
    }
    let out = args.out.as_ref().ok_or_else(|| Stop::Usage("--out is missing".to_owned()))?;
    check_out(out).map_err(Stop::Usage)?;
    let plan = Plan::read(args)?;
    let shard = args.shard.as_deref().map_or(Ok(Shard::WHOLE), Shard::parse).map_err(Stop::Usage)?;
    let mine: Vec<u64> = (0..plan.runs()).filter(|run| shard.holds(*run)).collect();
    let jobs = args.jobs.map_or_else(cores, usize::from).clamp(1, mine.len().max(1));
    say_plan(&plan, shard, mine.len(), jobs);
    if args.dry_run {
        return Ok(());
    }
    let mut ledger = Ledger::open(out, &plan, shard, args.force)?;
    let todo: Vec<u64> = mine.iter().copied().filter(|run| !ledger.has(*run)).collect();
    let resumed = mine.len() - todo.len();

    let ticks: u64 = todo.iter().map(|run| plan.ticks(*run)).sum();
    let bar = progress::bar(ticks, "sweep");
    bar.reset_eta();
    #[allow(clippy::disallowed_methods, reason = "measures the sweep for its summary; no run sees it")]
    let began = Instant::now();
    work(&plan, &todo, jobs, &mut ledger, &bar)?;
    let wall_s = began.elapsed().as_secs_f64();
    bar.finish_and_clear();

    let (failed, first) = ledger.failed();
    ledger.finish()?;
    let updates_per_s = ticks as f64 / wall_s.max(1e-9);
    say(json!({
        "scenario": plan.scenario_name(), "plan_hash": plan.hash(), "runs": mine.len(), "computed": todo.len(),
        "resumed": resumed, "failed": failed, "jobs": jobs, "wall_s": (wall_s * 1e3).round() / 1e3,
        "ticks_per_s": updates_per_s.round(), "out": out.display().to_string(),
    }));
    match first {
        Some((run, error)) if failed == mine.len() => {
            Err(Stop::Failed(format!("every run failed, run {run} for one: {error}")))
        }
        Some((run, error)) => {
            warn(format_args!("{failed} of {} runs failed, run {run} for one: {error}", mine.len()));
            Ok(())
        }
        None => Ok(()),
    }
}

fn check_out(out: &Path) -> Result<(), Failure> {
    match Format::of(out)? {
        Format::Mcap => Err(format!("{}: a sweep is written as .csv, .jsonl or .parquet", out.display())),
        _ => Ok(()),
    }
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn warn(line: impl std::fmt::Display) {
    let _ = std::io::Write::write_fmt(&mut std::io::stderr(), format_args!("hmrs: {line}\n"));
}

/// What is about to be run, on stderr: stdout is for the summary.
fn say_plan(plan: &Plan, shard: Shard, mine: usize, jobs: usize) {
    let part =
        if shard == Shard::WHOLE { String::new() } else { format!(", {mine} of them in shard {shard}") };
    let (unit, count) = plan.length();
    warn(format_args!(
        "{} runs of {}{part}: {} points, {} seeds, {count} {unit} each; {jobs} at a time",
        plan.runs(),
        plan.scenario_name(),
        plan.points(),
        plan.seeds()
    ));
}

/// Flies the runs `todo` on `jobs` threads and enters each into the ledger when it is done.
fn work(
    plan: &Plan,
    todo: &[u64],
    jobs: usize,
    ledger: &mut Ledger,
    bar: &ProgressBar,
) -> Result<(), Failure> {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        let (sender, done) = mpsc::sync_channel(jobs * 2);
        for _ in 0..jobs {
            let (sender, next) = (sender.clone(), &next);
            scope.spawn(move || {
                while let Some(run) = todo.get(next.fetch_add(1, Ordering::Relaxed)) {
                    // The receiver goes away only when a row could not be written.
                    if sender.send((*run, fly::row(plan, *run, bar))).is_err() {
                        break;
                    }
                }
            });
        }
        drop(sender);
        let mut count = 0;
        for (run, row) in done {
            ledger.enter(run, row)?;
            count += 1;
            bar.set_message(format!("{count}/{} runs  ", todo.len()));
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_cover_every_run_once() {
        for run in 0..100 {
            let holders = (0..3).filter(|index| Shard { index: *index, of: 3 }.holds(run)).count();
            assert_eq!(holders, 1);
        }
        assert_eq!(Shard::parse("2/3"), Ok(Shard { index: 2, of: 3 }));
        for wrong in ["3/3", "1", "a/b", "0/0", "-1/3", "/"] {
            assert!(Shard::parse(wrong).is_err(), "{wrong}");
        }
    }
}
