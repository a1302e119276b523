//! One run of a sweep.

use std::panic::{AssertUnwindSafe, catch_unwind};

use indicatif::ProgressBar;

use super::plan::Plan;
use super::table::{self, Outcome};
use crate::cli::Failure;
use crate::export::Row;
use crate::sim::World;
use crate::swarm::headless::Headless;

/// The progress is told every so many ticks.
const TOLD_EVERY: u64 = 64;

/// Flies run number `run` on this thread. Whatever goes wrong with it stands in its row.
pub fn row(plan: &Plan, run: u64, bar: &ProgressBar) -> Row {
    let told = std::cell::Cell::new(0);
    let outcome = catch_unwind(AssertUnwindSafe(|| fly(plan, run, bar, &told)));
    bar.inc(plan.ticks(run) - told.get().min(plan.ticks(run)));
    let outcome = outcome.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
        Err(format!("the run panicked: {}", text.unwrap_or_default()))
    });
    table::row(plan, run, &outcome)
}

fn fly(plan: &Plan, run: u64, bar: &ProgressBar, told: &std::cell::Cell<u64>) -> Result<Outcome, Failure> {
    let variant = plan.variant(run)?;
    let world = World::new(variant.scenario, plan.seed(run));
    let mut flight = Headless::new(world, 1, variant.entries).map_err(|error| error.to_string())?;
    for tick in 1..=plan.ticks(run) {
        flight.advance()?;
        let world = flight.world_mut();
        drop((world.drain_happenings(), world.drain_progress()));
        if tick.is_multiple_of(TOLD_EVERY) {
            bar.inc(TOLD_EVERY);
            told.set(tick);
        }
    }
    Ok(Outcome::of(flight.world()))
}
