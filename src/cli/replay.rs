//! `hmrs replay` and `hmrs export`: a recorded run flown again.

use crate::sim::{JournalEntry, Tick};
use crate::store::FrameFilter;

use super::output::{OutputArgs, provenance};
use super::recorded::Recorded;
use super::run::fly;
use super::{Failure, Stop, diff, progress, say};
use crate::config::DatabaseArgs;

/// Arguments of `hmrs replay`.
#[derive(Debug, clap::Args)]
pub struct ReplayArgs {
    /// A recorded run's id (hmrs runs lists them), or a file that --record wrote
    run: String,
    /// Compare every recorded state hash, and end with exit code 1 at the first that differs
    #[arg(long)]
    verify: bool,
    /// Stop at this tick [default: the last that is recorded]
    #[arg(long, value_name = "TICK")]
    until: Option<u64>,
    /// Threads that drones decide on; the same bits on any number
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    threads: u16,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    database: DatabaseArgs,
}

/// Arguments of `hmrs export`.
#[derive(Debug, clap::Args)]
pub struct ExportArgs {
    /// A recorded run's id (hmrs runs lists them), or a file that --record wrote
    run: String,
    /// Format of --out, if its ending does not say: csv, jsonl, parquet or mcap
    #[arg(long, value_name = "FORMAT", value_parser = ["csv", "jsonl", "parquet", "mcap"])]
    format: Option<String>,
    /// Stop at this tick [default: the last that is recorded]
    #[arg(long, value_name = "TICK")]
    until: Option<u64>,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    database: DatabaseArgs,
}

/// Flies a recorded run again and says where it ends; with `--verify`, whether it is the same.
pub fn replay(args: &ReplayArgs) -> Result<(), Stop> {
    args.output.check(None).map_err(Stop::Usage)?;
    let recorded = Recorded::open(&args.run, &args.database)?;
    let replayed = fly_again(&recorded, args.until, usize::from(args.threads), &args.output, args.verify)?;
    say(serde_json::to_string(&replayed).map_err(|error| error.to_string())?);
    Ok(())
}

/// Writes a recorded run into files: flown again, so that every tick is there, and compared on the way.
pub fn export(args: &ExportArgs) -> Result<(), Stop> {
    let output = args.output.clone().with_format(args.format.as_deref()).map_err(Stop::Usage)?;
    if output.is_empty() {
        let flags = "--out, --metrics, --commands, --happenings or --record";
        return Err(Stop::Usage(format!("nothing to write: give {flags}")));
    }
    output.check(None).map_err(Stop::Usage)?;
    let recorded = Recorded::open(&args.run, &args.database)?;
    let replayed = fly_again(&recorded, args.until, 1, &output, true)?;
    say(serde_json::to_string(&replayed).map_err(|error| error.to_string())?);
    Ok(())
}

/// The last line of stdout.
#[derive(serde::Serialize)]
struct Replayed {
    run: String,
    scenario: String,
    seed: u64,
    ticks: Tick,
    journal_entries: usize,
    /// Hashes that were compared, all equal; absent without --verify.
    #[serde(skip_serializing_if = "Option::is_none")]
    hashes_verified: Option<usize>,
    state_hash: String,
}

fn fly_again(
    recorded: &Recorded,
    until: Option<Tick>,
    threads: usize,
    output: &OutputArgs,
    verify: bool,
) -> Result<Replayed, Failure> {
    let until = until.unwrap_or(recorded.ticks);
    let mut flight = recorded.flight(threads)?;
    let mut output = output.open(flight.world(), &provenance(flight.world()).with("run", &recorded.name))?;
    let bar = progress::bar(until, "replay");
    let (mut verified, mut good) = (0, None);
    let mut compare = |world: &crate::sim::World| {
        let (tick, hash) = (world.tick(), world.state_hash());
        match recorded.hash_at(tick) {
            Some(expected) if expected != hash => {
                let what = format!("state hash {hash:016x}, recorded {expected:016x}");
                Err(astray(recorded, good, tick, &what))
            }
            Some(_) if recorded.journal_altered_at == Some(tick) => {
                Err(astray(recorded, good, tick, "the journal up to there is not what was recorded"))
            }
            Some(_) => {
                (verified, good) = (verified + 1, Some(tick));
                Ok(true)
            }
            None => Ok(true),
        }
    };
    if verify {
        compare(flight.world())?;
    }
    let flown = fly(&mut flight, until, &mut output, &bar, |world| match verify {
        true if recorded.hash_at(world.tick()).is_some() => compare(world),
        _ => Ok(true),
    });
    bar.finish_and_clear();
    if let Err(failure) = flown {
        let stopped = flight.world().tick();
        return Err(match failure.starts_with("journal entry") {
            true => {
                format!("{} stops at tick {stopped}: {failure}{}", recorded.name, recorded.version_note())
            }
            false => failure,
        });
    }
    if verify && verified == 0 {
        return Err(format!(
            "{}: no state hash up to tick {until} is recorded, so nothing is verified",
            recorded.name
        ));
    }
    output.finish(flight.world())?;
    Ok(Replayed {
        run: recorded.name.clone(),
        scenario: recorded.scenario.name.clone(),
        seed: recorded.seed,
        ticks: flight.world().tick(),
        journal_entries: recorded.journal.iter().filter(|entry| entry.tick < until).count(),
        hashes_verified: verify.then_some(verified),
        state_hash: format!("{:016x}", flight.world().state_hash()),
    })
}

/// Says at which tick a replay went astray, and as far as is recorded which command and which drone.
fn astray(recorded: &Recorded, good: Option<Tick>, tick: Tick, what: &str) -> Failure {
    let since = good.unwrap_or(0);
    let between = recorded.journal.iter().filter(|entry| (since..tick).contains(&entry.tick));
    let suspects: Vec<String> = between.map(describe).collect();
    let mut message = format!("{} differs at tick {tick}: {what}", recorded.name);
    if let Some(good) = good {
        message.push_str(&format!("; the last tick that agrees is {good}"));
    }
    match suspects.as_slice() {
        [] => message.push_str("; no command was applied in between"),
        suspects => message.push_str(&format!("; in between applied {}", suspects.join(", "))),
    }
    if let Some(drone) = drone_that_differs(recorded, since, tick) {
        message.push_str(&format!("; {drone}"));
    }
    message + &recorded.version_note()
}

fn describe(entry: &JournalEntry) -> String {
    let command = serde_json::to_value(&entry.command).unwrap_or_default();
    let name = command["command"].as_str().unwrap_or_default().to_owned();
    let targets = serde_json::to_string(&entry.targets).unwrap_or_default();
    let JournalEntry { seq, tick, author, .. } = entry;
    format!("entry {seq} at tick {tick} ({name} for {targets}, by {author})")
}

/// Telemetry is sparser than hashes: it is searched so many ticks beyond the first hash that differs.
const SEARCH_TICKS: Tick = 250;

/// The first drone whose recorded telemetry after tick `after`, where all was well, is not what the replay gives.
fn drone_that_differs(recorded: &Recorded, after: Tick, until: Tick) -> Option<String> {
    let store = recorded.store.as_ref()?;
    let id = recorded.name.strip_prefix("run ")?;
    let filter = FrameFilter { from: after + 1, to: until + SEARCH_TICKS, every: 1, limit: 1_000 };
    let frames = store.frames(id, &filter).ok()?;
    let mut flight = recorded.flight(1).ok()?;
    for frame in frames {
        while flight.world().tick() < frame.tick {
            flight.advance().ok()?;
        }
        let found = diff::against_frame(&flight.world().snapshot(), &frame.drones);
        if found.is_some() {
            return found.map(|difference| format!("telemetry of tick {}: {difference}", frame.tick));
        }
    }
    None
}
