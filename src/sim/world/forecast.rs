//! What would come of a command: a copy of the world takes it and is flown on until it is carried out. The model itself
//! answers, so the answer is right to the bit as long as nobody says anything else meanwhile.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Serialize;

use super::super::command::Command;
use super::super::{CommandError, CommandResult, Targets, Vec3};
use super::World;

/// Farthest look ahead, in simulated seconds.
const HORIZON_S: f64 = 120.0;
/// As far as it is looked where a command has no end, such as following.
const OPEN_HORIZON_S: f64 = 20.0;
/// Most drones times ticks: about half a second of one core, whatever the swarm's size.
const WORK_MAX: u64 = 200_000;
/// Drones whose ways are told; figures are about all.
const PATHS_MAX: usize = 200;
/// Most points of a way. When there are more, every other one goes.
const POINTS_MAX: usize = 64;
/// Seconds between two points at first.
const POINT_EVERY_S: f64 = 0.4;
/// Names the command in the copy; no command of a run ever has it.
const TICKET: u64 = u64::MAX - 1;

/// What would be flown.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Forecast {
    /// How far it looked ahead, in simulated seconds.
    pub looked_s: f64,
    /// Until the last of the drones has carried it out; absent where that lies beyond the look ahead, or has no end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub done_s: Option<f64>,
    /// Drones that will have carried it out by then.
    pub done: u32,
    /// Drones that will have failed by then.
    pub failed: u32,
    /// Smallest distance between any two drones in the air meanwhile, if below 24 m.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub separation_min_m: Option<f64>,
    /// Times that two drones will have come nearer than `limits.near_miss_m`.
    pub near_misses: u64,
    /// Times that two drones will have collided.
    pub collisions: u64,
    /// The ways of the first 200 of the drones from where they are, by id: points, east-north-up.
    pub paths: BTreeMap<Arc<str>, Vec<Vec3>>,
}

impl Command {
    /// Whether drones fly somewhere because of it.
    pub fn is_flown(&self) -> bool {
        use Command::*;
        self.has_no_end()
            || matches!(
                self,
                Takeoff { .. }
                    | Land {}
                    | Goto { .. }
                    | Rtl {}
                    | MissionStart {}
                    | Formation { .. }
                    | Scan { .. }
            )
    }

    fn has_no_end(&self) -> bool {
        matches!(self, Command::Follow { .. } | Command::Velocity { .. } | Command::SetBehavior { .. })
    }
}

impl World {
    /// What would be flown, by flying it: for a copy of the world that nobody else needs.
    ///
    /// # Errors
    /// Those of [`World::apply`].
    pub fn forecast(mut self, command: &Command, targets: &Targets) -> Result<Forecast, CommandError> {
        self.drain_progress();
        let applied = self.apply(command, targets, TICKET)?;
        let takes = |result| matches!(result, CommandResult::Accepted | CommandResult::InProgress);
        let open: BTreeSet<Arc<str>> =
            applied.results.into_iter().filter(|(_, v)| takes(v.result)).map(|(id, _)| id).collect();
        let horizon_s = if command.has_no_end() { OPEN_HORIZON_S } else { HORIZON_S };
        let ticks_max = self.ticks(horizon_s).min(WORK_MAX / self.drones.len().max(1) as u64).max(1);
        let mut ways = Ways::new(&self, open.iter().take(PATHS_MAX));
        let mut tally = Tally { open, done: 0, failed: 0 };
        let (began, before, mut closest) = (self.tick, self.safety(), None);
        while !tally.handle(self.drain_progress()) && self.tick - began < ticks_max {
            self.advance();
            self.happenings.clear();
            ways.walk(&self);
            closest = smaller(closest, self.metrics.separation_min_m);
        }
        let after = self.safety();
        let looked_s = (self.tick - began) as f64 * self.tick_s();
        Ok(Forecast {
            looked_s,
            done_s: tally.open.is_empty().then_some(looked_s),
            done: tally.done,
            failed: tally.failed,
            separation_min_m: closest,
            near_misses: after.near_misses - before.near_misses,
            collisions: after.collisions - before.collisions,
            paths: ways.finish(&self),
        })
    }
}

fn smaller(a: Option<f64>, b: Option<f64>) -> Option<f64> {
    a.map_or(b, |a| Some(b.map_or(a, |b| a.min(b))))
}

/// Who is still on it.
struct Tally {
    open: BTreeSet<Arc<str>>,
    done: u32,
    failed: u32,
}

impl Tally {
    /// Whether nobody is on it any more.
    fn handle(&mut self, news: Vec<super::Progress>) -> bool {
        for step in news.into_iter().filter(|step| step.ticket == TICKET) {
            let result = step.verdict.result;
            if result.is_terminal() && self.open.remove(&step.drone) {
                *(if result == CommandResult::Completed { &mut self.done } else { &mut self.failed }) += 1;
            }
        }
        self.open.is_empty()
    }
}

/// The ways of some drones, sampled ever more rarely.
struct Ways {
    of: Vec<(Arc<str>, Vec<Vec3>)>,
    every: u64,
    walked: u64,
}

impl Ways {
    fn new<'a>(world: &World, ids: impl Iterator<Item = &'a Arc<str>>) -> Self {
        let mut ways = Self {
            of: ids.map(|id| (Arc::clone(id), Vec::new())).collect(),
            every: world.ticks(POINT_EVERY_S),
            walked: 0,
        };
        ways.note(world);
        ways
    }

    fn walk(&mut self, world: &World) {
        self.walked += 1;
        if !self.walked.is_multiple_of(self.every) {
            return;
        }
        self.note(world);
        if self.of.first().is_some_and(|(_, points)| points.len() > POINTS_MAX) {
            self.every *= 2;
            for (_, points) in &mut self.of {
                let mut nth = 0;
                points.retain(|_| (nth % 2 == 0, nth += 1).0);
            }
        }
    }

    fn note(&mut self, world: &World) {
        for (id, points) in &mut self.of {
            if let Some(index) = world.index_of(id) {
                points.push(rounded(world.drones[index].body.position));
            }
        }
    }

    fn finish(mut self, world: &World) -> BTreeMap<Arc<str>, Vec<Vec3>> {
        if !self.walked.is_multiple_of(self.every) {
            self.note(world);
        }
        self.of.into_iter().collect()
    }
}

/// To centimetres: it is looked at.
fn rounded(p: Vec3) -> Vec3 {
    let round = |v: f64| (v * 100.0).round() / 100.0;
    Vec3::new(round(p.x), round(p.y), round(p.z))
}
