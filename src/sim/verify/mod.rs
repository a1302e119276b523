//! Reference cases: what the model must reproduce, each with its source, so that nobody has to take our word.
//!
//! A case is a function without arguments that returns one number, which lies within a tolerance of the number that is
//! expected. Cases run whole worlds through [`World::advance`] where a world is what the source is about.

mod couzin;
mod lattice;
mod solvers;
mod vasarhelyi;
mod vicsek;

use std::sync::Arc;

use super::{Scenario, Vec3, World};

/// One reference case.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// Short name, such as `vicsek-fig2a-eta1`.
    pub name: &'static str,
    /// What is computed, and who published it.
    pub source: &'static str,
    /// The number that should come out.
    pub expected: f64,
    /// How far it may be off, either way.
    pub tolerance: f64,
    /// Whether it takes less than about a second in an optimised build.
    pub quick: bool,
    /// Computes it. Deterministic.
    pub run: fn() -> f64,
}

impl Case {
    /// Whether a number is near enough.
    pub fn accepts(&self, got: f64) -> bool {
        (got - self.expected).abs() <= self.tolerance
    }
}

/// Every case, in the order of `docs`: models first, then solvers.
pub fn cases() -> Vec<Case> {
    [vicsek::CASES, lattice::CASES, vasarhelyi::CASES, couzin::CASES, solvers::CASES].concat()
}

/// A world from the text of a scenario; an empty one if the text is wrong, which the tests would notice.
fn world(text: &str, seed: u64) -> Option<World> {
    Some(World::new(Arc::new(Scenario::parse(text).ok()?), seed))
}

/// Runs `ticks` ticks and looks at the world after each of those from `warm_up` on; returns the mean of what it saw.
fn mean(world: Option<World>, warm_up: u64, ticks: u64, mut look: impl FnMut(&World) -> f64) -> f64 {
    let Some(mut world) = world else { return f64::NAN };
    let mut sum = 0.0;
    for tick in 0..ticks {
        world.advance();
        world.drain_happenings();
        if tick >= warm_up {
            sum += look(&world);
        }
    }
    sum / (ticks - warm_up) as f64
}

/// Length of the mean of unit velocities.
fn polarization(world: &World) -> f64 {
    let sum = world.drones().iter().fold(Vec3::ZERO, |sum, d| sum + d.velocity().unit());
    sum.norm() / world.drones().len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quick_cases_are_within_their_tolerance() {
        let mut failed = Vec::new();
        for case in cases().iter().filter(|case| case.quick) {
            let got = (case.run)();
            if !case.accepts(got) {
                failed
                    .push(format!("{}: {got} instead of {} ± {}", case.name, case.expected, case.tolerance));
            }
        }
        assert!(failed.is_empty(), "{failed:#?}");
    }

    #[test]
    #[ignore = "minutes; run with --release -- --ignored"]
    fn every_case_is_within_its_tolerance() {
        for case in cases() {
            let got = (case.run)();
            assert!(
                case.accepts(got),
                "{}: {got} instead of {} ± {}",
                case.name,
                case.expected,
                case.tolerance
            );
        }
    }

    #[test]
    fn names_are_unique() {
        let mut names: Vec<&str> = cases().iter().map(|case| case.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), cases().len());
    }
}
