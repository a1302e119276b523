//! `hmrs diff`: the first tick at which two runs are not the same, and what differs there.

use std::path::Path;

use crate::export::{Format, Reader, Row};
use crate::sim::{Snapshot, World};
use crate::store::FrameDrone;
use crate::swarm::headless::Headless;

use super::recorded::Recorded;
use super::{Failure, progress, say};
use crate::config::DatabaseArgs;

/// Arguments of `hmrs diff`.
#[derive(Debug, clap::Args)]
pub struct DiffArgs {
    /// A recorded run's id, a file that --record wrote, or a table that --out or --metrics wrote
    a: String,
    /// What to compare it with, of the same kind
    b: String,
    /// Compare up to this tick [default: the last that both have]
    #[arg(long, value_name = "TICK")]
    until: Option<u64>,
    #[command(flatten)]
    database: DatabaseArgs,
}

/// One value that is not the same.
#[derive(Debug, PartialEq)]
pub struct Difference {
    what: String,
    a: String,
    b: String,
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(f, "{}: {} and {}", self.what, self.a, self.b)
    }
}

/// Compares two runs, tick by tick, or two tables, row by row; fails with what differs first.
pub fn diff(args: &DiffArgs) -> Result<(), Failure> {
    match (table(&args.a)?, table(&args.b)?) {
        (Some(a), Some(b)) => compare_tables(args, a, b),
        (None, None) => compare_runs(args),
        _ => Err(format!("{} and {} are not of the same kind: one is a table, one a run", args.a, args.b)),
    }
}

/// The table in a file; none if it is a run.
fn table(name: &str) -> Result<Option<Reader>, Failure> {
    let path = Path::new(name);
    if !path.is_file() {
        return Ok(None);
    }
    let is_record = Format::of(path)? == Format::Jsonl
        && std::fs::File::open(path)
            .map(std::io::BufReader::new)
            .and_then(|mut file| {
                let mut start = [0; 7];
                std::io::Read::read_exact(&mut file, &mut start).map(|()| start == *b"{\"run\":")
            })
            .unwrap_or(false);
    match is_record {
        true => Ok(None),
        false => Reader::open(path).map(Some).map_err(|error| format!("{name}: {error}")),
    }
}

fn compare_runs(args: &DiffArgs) -> Result<(), Failure> {
    let (a, b) = (Recorded::open(&args.a, &args.database)?, Recorded::open(&args.b, &args.database)?);
    let until = args.until.unwrap_or(u64::MAX).min(a.ticks).min(b.ticks);
    let (mut left, mut right) = (a.flight(1)?, b.flight(1)?);
    let bar = progress::bar(until, "diff");
    loop {
        if let Some(difference) = differs(left.world(), right.world()) {
            bar.finish_and_clear();
            let (tick, time) = (left.world().tick(), left.world().sim_time_s());
            return Err(format!(
                "{} and {} differ first at tick {tick} ({time:.2} s), {difference}",
                a.name, b.name
            ));
        }
        let tick = left.world().tick();
        if tick >= until {
            break;
        }
        bar.set_position(tick);
        step(&mut left, &a)?;
        step(&mut right, &b)?;
    }
    bar.finish_and_clear();
    let (hash, length) =
        (left.world().state_hash(), if a.ticks == b.ticks { "" } else { " (one is longer)" });
    say(format_args!("the same for {until} ticks{length}, state hash {hash:016x}"));
    Ok(())
}

fn step(flight: &mut Headless, of: &Recorded) -> Result<(), Failure> {
    flight.advance().map_err(|error| format!("{}: {error}", of.name))?;
    let world = flight.world_mut();
    drop((world.drain_happenings(), world.drain_progress()));
    flight.drain_entered();
    Ok(())
}

/// What is not the same in two worlds: drones first, then parameters, then what nobody sees from outside.
fn differs(a: &World, b: &World) -> Option<Difference> {
    if a.state_hash() == b.state_hash() {
        return None;
    }
    let known = |what: &str, a: String, b: String| Difference { what: what.to_owned(), a, b };
    if a.seed() != b.seed() {
        return Some(known("seed", a.seed().to_string(), b.seed().to_string()));
    }
    if a.drones().len() != b.drones().len() {
        return Some(known("number of drones", a.drones().len().to_string(), b.drones().len().to_string()));
    }
    for (one, other) in a.params().into_iter().zip(b.params()) {
        if one.value.to_bits() != other.value.to_bits() {
            return Some(known(&one.path, one.value.to_string(), other.value.to_string()));
        }
    }
    let in_drone = a.drones().iter().zip(b.drones()).find_map(|(one, other)| {
        let mut difference = first_line_that_differs(&format!("{one:#?}"), &format!("{other:#?}"))?;
        difference.what = format!("drone {}, {}", one.id(), difference.what);
        Some(difference)
    });
    in_drone.or_else(|| {
        Some(known("a part of the state that is no drone's", hex(a.state_hash()), hex(b.state_hash())))
    })
}

fn hex(hash: u64) -> String {
    format!("{hash:016x}")
}

/// The first line at which two structures, printed with `{:#?}`, part, with the path to it.
fn first_line_that_differs(a: &str, b: &str) -> Option<Difference> {
    let mut path: Vec<(usize, &str)> = Vec::new();
    for (one, other) in a.lines().zip(b.lines()) {
        let depth = one.len() - one.trim_start().len();
        let name = one.trim_start().split_once(": ").map_or("", |(name, _)| name);
        path.retain(|(known, _)| *known < depth);
        if !name.is_empty() {
            path.push((depth, name));
        }
        if one != other {
            let value = |line: &str| {
                let line = line.trim();
                line.split_once(": ")
                    .map_or(line, |(_, value)| value)
                    .trim_end_matches(['{', ',', '('])
                    .trim()
                    .to_owned()
            };
            let what = path.iter().map(|(_, name)| *name).collect::<Vec<_>>().join(".");
            return Some(Difference { what, a: value(one), b: value(other) });
        }
    }
    None
}

/// What of a snapshot is not as it was recorded.
pub fn against_frame(snapshot: &Snapshot, recorded: &[FrameDrone]) -> Option<Difference> {
    for (row, state) in snapshot.table.rows.iter().zip(&snapshot.drones) {
        let Some(then) = recorded.iter().find(|drone| drone.id == *row.id) else {
            let (a, b) = ("there".to_owned(), "not recorded".to_owned());
            return Some(Difference { what: format!("drone {}", row.id), a, b });
        };
        let (now, then) = (serde_json::to_value(state).ok()?, serde_json::to_value(then).ok()?);
        for field in ["position", "velocity", "heading_deg", "battery_pct", "mode", "landed", "armed"] {
            if now[field] != then[field] {
                let what = format!("drone {}, {field}", row.id);
                return Some(Difference { what, a: now[field].to_string(), b: then[field].to_string() });
            }
        }
    }
    None
}

fn compare_tables(args: &DiffArgs, mut a: Reader, mut b: Reader) -> Result<(), Failure> {
    let failed = |name: &str, error: &dyn std::fmt::Display| format!("{name}: {error}");
    let names = a.columns().to_vec();
    if names != b.columns() {
        let missing = names
            .iter()
            .find(|name| !b.columns().contains(name))
            .or_else(|| b.columns().iter().find(|name| !names.contains(name)));
        let which = missing.map_or("their order".to_owned(), |name| format!("column {name}"));
        return Err(format!("{} and {} have other columns: {which}", args.a, args.b));
    }
    let tick = names.iter().position(|name| name == "tick");
    let mut rows = 0_u64;
    loop {
        let one = a.next().transpose().map_err(|error| failed(&args.a, &error))?;
        let other = b.next().transpose().map_err(|error| failed(&args.b, &error))?;
        let tick_of = |row: &Row| tick.and_then(|at| row.get(at)?.as_ref()?.parse::<u64>().ok());
        let is_over =
            one.as_ref().and_then(tick_of).zip(args.until).is_some_and(|(tick, until)| tick > until);
        match (one, other) {
            (None, None) => break,
            _ if is_over => break,
            (Some(one), Some(other)) if one == other => rows += 1,
            (Some(one), Some(other)) => {
                let place = (0..names.len()).find(|&i| one.get(i) != other.get(i)).unwrap_or(0);
                let value =
                    |row: &Row| row.get(place).cloned().flatten().unwrap_or_else(|| "nothing".to_owned());
                return Err(format!(
                    "{} and {} differ first in row {}{}: {}: {} and {}",
                    args.a,
                    args.b,
                    rows + 1,
                    whose(&names, &one),
                    names[place],
                    value(&one),
                    value(&other)
                ));
            }
            (Some(_), None) => return Err(format!("{} ends after {rows} rows, {} goes on", args.b, args.a)),
            (None, Some(_)) => return Err(format!("{} ends after {rows} rows, {} goes on", args.a, args.b)),
        }
    }
    say(format_args!("the same in {rows} rows"));
    Ok(())
}

/// Tick and drone of a row, as far as it has them.
fn whose(names: &[String], row: &Row) -> String {
    let of = |name: &str| {
        let place = names.iter().position(|known| known == name)?;
        Some(format!(", {name} {}", row.get(place)?.as_ref()?))
    };
    ["run", "tick", "drone"].into_iter().filter_map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_to_a_difference_is_named() {
        let a = "Drone {\n    id: \"x\",\n    body: Body {\n        position: Vec3 {\n            x: 1.0,\n        },\n    },\n}";
        let found = first_line_that_differs(a, &a.replace("1.0", "1.5")).unwrap();
        assert_eq!(found.to_string(), "body.position.x: 1.0 and 1.5");
        assert!(first_line_that_differs(a, a).is_none());
    }

    #[test]
    fn worlds_differ_in_their_seed_or_in_a_drone() {
        let scenario = crate::cli::load_scenario("flock").unwrap();
        let world = |seed| World::new(scenario.clone(), seed);
        assert_eq!(differs(&world(1), &world(1)), None);
        assert!(differs(&world(1), &world(2)).unwrap().what == "seed");
        let (mut a, b) = (world(1), world(1));
        a.advance();
        let difference = differs(&a, &b).unwrap();
        assert!(difference.what.starts_with("drone "), "{difference}");
    }
}
