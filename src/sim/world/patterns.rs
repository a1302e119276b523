//! Commands for several drones at once that share something out: places of a formation, strips of a region.

use std::sync::Arc;

use super::super::command::Command;
use super::super::drone::{Leg, Mission, Task, Waypoint};
use super::super::drone_type::Capability;
use super::super::formation::Shape;
use super::super::polygon::Point;
use super::super::scenario::{GOAL_ALTITUDE_MIN, WAYPOINTS_MAX};
use super::super::slots::Slots;
use super::super::{CommandResult, Vec3, Verdict, assignment, behaviour, lawnmower};
use super::apply::Results;
use super::look::Glance;
use super::{World, spread};

/// Up to this number places are shared out with the smallest sum of squared distances, which costs up to drones³.
const OPTIMAL_MAX: usize = 300;
/// Up to this number places are auctioned, which costs more than drones²; beyond it drones are too many to ask.
const AUCTION_MAX: usize = 2000;
/// Speed over a region, in widths of a strip.
const STRIPS_PER_S: f64 = 0.4;
/// Most strips of a region.
const STRIPS_MAX: usize = 10_000;

impl World {
    /// `formation`: everyone who can go flies to a place of the shape and holds there.
    pub(super) fn form_up(&mut self, chosen: &[usize], command: &Command, ticket: u64) -> Results {
        let Command::Formation { shape, spacing_m, heading_deg, position } = command else {
            return Vec::new();
        };
        let (mut results, going) = self.willing(chosen, command, |_, _| None);
        let from: Vec<Vec3> = going.iter().map(|&(_, index)| self.drones[index].body.position).collect();
        let mean = from.iter().fold(Vec3::ZERO, |sum, &p| sum + p) / from.len().max(1) as f64;
        let mut places = Shape::named(shape)
            .map_or_else(Vec::new, |shape| shape.places(going.len(), *spacing_m, heading_deg.unwrap_or(0.0)));
        let lowest = places.iter().map(|p| p.z).fold(0.0, f64::min);
        let mut middle = position.unwrap_or(mean);
        middle.z = middle.z.max(GOAL_ALTITUDE_MIN + 1.0 - lowest);
        places.iter_mut().for_each(|place| *place += middle);
        for (&(at, index), place) in going.iter().zip(share_out(&from, &places)) {
            let goal = places[place];
            if let Some(reason) = self.objection_to_goal(index, goal) {
                let reason = format!("its place in the formation: {reason}");
                results[at].1 = Verdict::because(CommandResult::Denied, reason);
                continue;
            }
            self.supersede(index, command, ticket);
            self.drones[index].task = Task::Goto { goal, speed_mps: None, heading_deg: *heading_deg };
            self.take(index, command, ticket, Some(goal - self.drones[index].body.position));
        }
        results
    }

    /// Shares out the places of those who fly the behaviour `formation`, when they or the shape have changed.
    pub(super) fn take_places(&mut self) {
        let Some(formation) = behaviour::index_of("formation") else { return };
        let numbers = self.params.of_behaviour(formation);
        let (plan, shape) = behaviour::formation_plan(numbers);
        let glances = self.glances.iter().zip(&self.drones);
        let is_member = |g: &Glance| g.traffic.behaviour.map(usize::from) == Some(formation);
        let members = || glances.clone().filter(|(glance, _)| is_member(glance)).map(|(_, drone)| drone);
        if self.slots.are_for(members().map(|d| d.serial), plan) {
            return;
        }
        let serials: Vec<u32> = members().map(|d| d.serial).collect();
        let from: Vec<Vec3> = members().map(|d| d.body.position).collect();
        let frame = behaviour::Frame::at(numbers, self.sim_time_s());
        self.slots = Slots::new(&serials, plan, shape, |offsets| {
            let places: Vec<Vec3> = offsets.iter().map(|&offset| frame.place(offset).0).collect();
            share_as(plan[2] as u8, plan[3] as u8, &from, &places)
        });
    }

    /// `scan`: the strips of the region are shared out evenly; everyone flies its own back and forth.
    pub(super) fn sweep(&mut self, chosen: &[usize], command: &Command, ticket: u64) -> Results {
        let Command::Scan { region, altitude_m, spacing_m } = command else { return Vec::new() };
        let (mut results, going) = self.willing(chosen, command, |world, index| {
            let able = world.kind(&world.drones[index]).capabilities.contains(&Capability::Scan);
            (!able).then(|| Verdict::because(CommandResult::Unsupported, "its type has no capability scan"))
        });
        let from: Vec<Vec3> = going.iter().map(|&(_, index)| self.drones[index].body.position).collect();
        let mean = from.iter().map(|p| p.z).sum::<f64>() / from.len().max(1) as f64;
        let altitude = altitude_m.unwrap_or(mean).max(GOAL_ALTITUDE_MIN + 1.0);
        let width = spacing_m.unwrap_or_else(|| lawnmower::strip_width(altitude));
        let strips = lawnmower::strips(region, width, STRIPS_MAX).unwrap_or_default();
        let shares = shares(&strips, going.len());
        let starts: Vec<Vec3> =
            shares.iter().map(|path| at_altitude(path, altitude).next().unwrap_or_default()).collect();
        for (&(at, index), share) in going.iter().zip(share_out(&from, &starts)) {
            let points = at_altitude(&shares[share], altitude);
            // Corners are cut in proportion to the speed; a strip leaves no room for that, so it stops where the
            // first one begins and goes on slowly.
            let slow = (width * STRIPS_PER_S).clamp(0.5, 100.0);
            let waypoint = |(k, position)| Waypoint {
                position,
                loiter_s: if k == 0 { 0.5 } else { 0.0 },
                speed_mps: (k > 0).then_some(slow),
                heading_deg: None,
            };
            let mission = Mission { waypoints: points.enumerate().map(waypoint).collect(), looped: false };
            if let Some(verdict) = self.objection_to_sweep(&mission) {
                results[at].1 = verdict;
                continue;
            }
            self.supersede(index, command, ticket);
            let fast = self.kind(&self.drones[index]).speed_mps_max;
            let position = self.drones[index].body.position;
            let stops = std::iter::once(position).chain(mission.waypoints.iter().map(|w| w.position));
            let length: f64 = stops.zip(mission.waypoints.iter()).map(|(a, w)| a.distance(w.position)).sum();
            let drone = &mut self.drones[index];
            drone.mission = Some(Arc::new(mission));
            drone.leg = Leg::default();
            drone.task = Task::Mission;
            self.take(index, command, ticket, Some(Vec3::new(length * (fast / slow).max(1.0), 0.0, 0.0)));
        }
        self.paths_changed();
        results
    }

    fn objection_to_sweep(&self, mission: &Mission) -> Option<Verdict> {
        let deny = |reason: String| Some(Verdict::because(CommandResult::Denied, reason));
        match mission.waypoints.len() {
            0 => deny("there are more drones than strips; none is left for it".into()),
            n if n > WAYPOINTS_MAX => {
                deny(format!("its share has {n} waypoints; at most {WAYPOINTS_MAX} are accepted"))
            }
            _ => self.objection_to_mission(mission).and_then(deny),
        }
    }

    /// Verdicts in the order of the targets, and those who can go: (place in the verdicts, place among the drones).
    fn willing(
        &self,
        chosen: &[usize],
        command: &Command,
        more: impl Fn(&World, usize) -> Option<Verdict>,
    ) -> (Results, Vec<(usize, usize)>) {
        let (mut results, mut going): (Results, Vec<(usize, usize)>) = (Vec::new(), Vec::new());
        for &index in chosen {
            let denied = more(self, index).or_else(|| self.objection(index, command));
            if denied.is_none() {
                going.push((results.len(), index));
            }
            results.push((Arc::clone(&self.drones[index].id), denied.unwrap_or_else(Verdict::accepted)));
        }
        (results, going)
    }
}

fn at_altitude(path: &[Point], altitude: f64) -> impl Iterator<Item = Vec3> + '_ {
    path.iter().map(move |&[e, n]| Vec3::new(e, n, altitude))
}

/// The place of each drone: least sum of squared distances, so that straight ways do not cross (Turpin et al. 2014).
fn share_out(from: &[Vec3], places: &[Vec3]) -> Vec<usize> {
    if from.len() > OPTIMAL_MAX {
        return spread::assign(from, places);
    }
    assignment::optimal(from.len(), |i, j| (places[j] - from[i]).norm2())
}

/// The place of each drone by the parameters `assignment` and `cost` of the behaviour `formation`; whoever is too many
/// for what was asked takes the nearest that is free.
fn share_as(how: u8, cost: u8, from: &[Vec3], places: &[Vec3]) -> Vec<usize> {
    const OPTIMAL: u8 = 0;
    const GREEDY: u8 = 1;
    const AUCTION: u8 = 3;
    const SQUARED: u8 = 0;
    const LENGTH: u8 = 1;
    let n = from.len();
    let most = if how == AUCTION && cost <= LENGTH { AUCTION_MAX } else { OPTIMAL_MAX };
    let squared = |i: usize, j: usize| (places[j] - from[i]).norm2();
    let length = |i: usize, j: usize| squared(i, j).sqrt();
    match (how, cost) {
        (OPTIMAL | AUCTION, _) if n > most => spread::assign(from, places),
        (GREEDY, _) => spread::assign(from, places),
        (OPTIMAL, SQUARED) => assignment::optimal(n, squared),
        (OPTIMAL, LENGTH) => assignment::optimal(n, length),
        (AUCTION, SQUARED) => assignment::auction(n, squared),
        (AUCTION, LENGTH) => assignment::auction(n, length),
        (OPTIMAL | AUCTION, _) => assignment::bottleneck(n, squared),
        _ => (0..n).collect(),
    }
}

/// Neighbouring strips in `count` shares of about the same number, as paths; empty where there are too few strips.
fn shares(strips: &[Vec<[Point; 2]>], count: usize) -> Vec<Vec<Point>> {
    let share = |k: usize| lawnmower::path(&strips[k * strips.len() / count..(k + 1) * strips.len() / count]);
    (0..count).map(share).collect()
}
