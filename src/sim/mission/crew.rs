//! The drones of a mission: what each is busy with, and what becomes of its tasks when it drops out.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::super::drone_type::Capability;
use super::super::hash::Hash64;
use super::super::{Level, Tick, Vec3};
use super::{Doing, Round};

/// A charge that falls by more than this share in one round was not flown away.
const DRAIN_SHARE: f64 = 0.01;

/// What a member is busy with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Activity {
    /// Stands, ready.
    #[default]
    Grounded,
    /// Stands and is charged.
    Charging,
    /// A tanker that waits for a dock.
    Queueing,
    /// A tanker that is filled.
    Filling,
    /// Takes off.
    Starting,
    /// In the air without a task, or waiting for another drone.
    Waiting,
    /// On the way to its task.
    Transit,
    /// At its task.
    Working,
    /// On the way home.
    Returning,
    /// Without link.
    Silent,
    /// Taken over by an operator.
    Manual,
    /// Out of action.
    Lost,
}

impl Activity {
    /// Name on the wire.
    pub fn name(self) -> &'static str {
        [
            "grounded",
            "charging",
            "queueing",
            "filling",
            "starting",
            "waiting",
            "transit",
            "working",
            "returning",
            "silent",
            "manual",
            "lost",
        ][self as usize]
    }
}

/// The place in front of a façade where a drone comes and goes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lane {
    /// The place.
    pub place: Vec3,
    /// Unit vector away from the façade.
    pub outward: Vec3,
}

/// A tether that is fixed to a member.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// Serial number of the drone at the other end.
    pub to: u32,
    /// Its length.
    pub length_m: f64,
    /// Its tension.
    pub tension_n: f64,
}

/// A drone of the mission.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Member {
    /// Serial number.
    pub serial: u32,
    /// Id.
    pub id: Arc<str>,
    /// Type, by its place in the list.
    pub kind: u16,
    /// What it is busy with.
    pub activity: Activity,
    /// Tasks that it holds: the one under way, then those lined up.
    pub jobs: Vec<u32>,
    /// When it set out for the first of them.
    pub began: Tick,
    /// Whether it has come to the lane in front of its place.
    pub is_in_lane: bool,
    /// The lane that it was in last.
    pub lane: Option<Lane>,
    /// Fluid on board.
    pub fluid_l: f64,
    /// Whether it waits for fluid.
    pub is_thirsty: bool,
    /// Seconds spent at a dock of the base.
    pub filled_s: f64,
    /// Its tether.
    pub line: Option<Line>,
    /// Whether an operator has taken it over.
    pub is_manual: bool,
    /// Whether its charge was taken by a fault: the reserve is not its own doing until it is charged again.
    pub is_drained: bool,
    /// Until when it makes way, and where to.
    pub evading: Option<(Tick, Vec3)>,
    /// Since when it has had nothing to do.
    pub idle_since: Tick,
    /// Its charge at the last round.
    pub battery_j: f64,
    /// Charge that came through a tether since then.
    pub fed_j: f64,
    /// Tasks done.
    pub done: u32,
    /// Energy used in the air.
    pub energy_j: f64,
    /// Time in the air.
    pub flight_s: f64,
    /// Time in the air without a task.
    pub idle_s: f64,
    /// Time waiting for fluid or a dock.
    pub wait_s: f64,
    /// Times that it came home and was charged.
    pub charges: u32,
    /// Least charge in the air, per cent.
    pub lowest_pct: f64,
}

impl Member {
    /// Whether it is there at all.
    pub fn is_alive(&self) -> bool {
        !matches!(self.activity, Activity::Lost | Activity::Manual)
    }

    pub(super) fn enter(&self, hash: &mut Hash64) {
        hash.word(u64::from(self.serial) << 8 | self.activity as u64);
        self.jobs.iter().for_each(|&job| hash.word(u64::from(job)));
        hash.word(self.began);
        hash.word(self.idle_since);
        hash.number(self.fluid_l);
        hash.number(self.battery_j);
        let flags = [self.is_in_lane, self.is_thirsty, self.is_manual, self.is_drained];
        hash.word(flags.iter().fold(0, |word, &flag| word << 1 | u64::from(flag)));
        hash.vector(self.lane.map_or(Vec3::ZERO, |lane| lane.place));
        hash.vector(self.evading.map_or(Vec3::ZERO, |(_, place)| place));
        hash.word(self.line.map_or(u64::MAX, |line| u64::from(line.to)));
    }
}

impl Round<'_> {
    /// Takes on drones that are new and can do anything for the mission. Their time counts from `since` on.
    pub(super) fn enlist(&mut self, since: Tick) {
        let known = self.m.crew.last().map_or(0, |last| last.serial + 1);
        for sight in self.sights.iter().filter(|sight| sight.serial >= known) {
            let kind = &self.now.types[usize::from(sight.kind)];
            if !kind.capabilities.iter().any(|&c| c != Capability::Relay) {
                continue;
            }
            let reserve_j = kind.battery_j() * self.now.spec.general.reserve_pct / 100.0;
            let tank_l = self.now.spec.tanks_l.get(usize::from(sight.kind)).copied().unwrap_or(0.0);
            self.m.crew.push(Member {
                serial: sight.serial,
                id: Arc::clone(&sight.id),
                kind: sight.kind,
                activity: Activity::Grounded,
                jobs: Vec::new(),
                began: since,
                is_in_lane: false,
                lane: None,
                fluid_l: tank_l,
                is_thirsty: false,
                filled_s: 0.0,
                line: None,
                is_manual: false,
                is_drained: sight.battery_j < reserve_j,
                evading: None,
                idle_since: since,
                battery_j: sight.battery_j,
                fed_j: 0.0,
                done: 0,
                energy_j: 0.0,
                flight_s: 0.0,
                idle_s: 0.0,
                wait_s: 0.0,
                charges: 0,
                lowest_pct: 100.0,
            });
        }
    }

    /// Takes in what is shown of each drone.
    pub(super) fn observe(&mut self) {
        self.enlist(self.now.tick);
        let mut shown = self.sights.iter().enumerate().peekable();
        self.at.clear();
        for member in &self.m.crew {
            while shown.next_if(|(_, sight)| sight.serial < member.serial).is_some() {}
            self.at.push(shown.next_if(|(_, sight)| sight.serial == member.serial).map(|(k, _)| k));
        }
        for i in 0..self.m.crew.len() {
            self.meter(i);
            self.follow_up(i);
        }
    }

    /// Energy, time and charge.
    fn meter(&mut self, i: usize) {
        let Some(sight) = self.sight(i) else { return };
        let (battery_j, is_flying) = (sight.battery_j, sight.doing != Doing::Standing);
        let full_j = self.kind(i).battery_j();
        let dt = self.now.dt;
        let member = &mut self.m.crew[i];
        let used_j = member.battery_j - battery_j + member.fed_j;
        member.fed_j = 0.0;
        member.battery_j = battery_j;
        if used_j > DRAIN_SHARE * full_j {
            member.is_drained = true;
        }
        if is_flying {
            member.energy_j += used_j.max(0.0);
            member.flight_s += dt;
            member.lowest_pct = member.lowest_pct.min(100.0 * battery_j / full_j);
            match member.activity {
                Activity::Waiting if member.is_thirsty => member.wait_s += dt,
                Activity::Waiting => member.idle_s += dt,
                _ => {}
            }
        } else if matches!(member.activity, Activity::Queueing) {
            member.wait_s += dt;
        }
    }

    /// Who drops out, and who is back.
    fn follow_up(&mut self, i: usize) {
        let (trouble, is_linked) = match self.sight(i) {
            None => (Some("removed"), false),
            Some(sight) => (sight.trouble, sight.is_linked),
        };
        let was = self.m.crew[i].activity;
        let now = match trouble {
            Some(_) => Activity::Lost,
            None if !is_linked => Activity::Silent,
            None if self.m.crew[i].is_manual => Activity::Manual,
            None if matches!(was, Activity::Lost | Activity::Silent | Activity::Manual) => Activity::Waiting,
            None => return,
        };
        if now == was {
            return;
        }
        self.m.crew[i].activity = now;
        if now == Activity::Waiting {
            self.m.crew[i].idle_since = self.now.tick;
            // What it has used up under another's orders is not this mission's doing.
            self.m.crew[i].is_drained |= self.budget_s(i) <= 0.0;
            return self.tell_of(i, Level::Info, "drone_back", "takes part in the mission again");
        }
        self.drop_jobs(i, 0.0, false);
        self.forsake(i);
        match now {
            Activity::Lost => {
                let message = format!("out of action: {}", trouble.unwrap_or_default());
                self.tell_of(i, Level::Error, "drone_lost", message);
            }
            Activity::Manual => self.tell_of(i, Level::Info, "drone_manual", "taken over by an operator"),
            _ => {}
        }
    }

    /// Gives back everything that a member holds; nobody takes it before `delay_s`.
    pub(super) fn drop_jobs(&mut self, i: usize, delay_s: f64, has_failed: bool) {
        let not_before = self.now.tick + self.now.ticks(delay_s);
        for (k, job) in std::mem::take(&mut self.m.crew[i].jobs).into_iter().enumerate() {
            self.m.board.release(job, not_before, has_failed && k == 0);
        }
        self.m.crew[i].is_in_lane = false;
        self.m.crew[i].idle_since = self.now.tick;
    }

    /// The first task of a member is done, or nobody needs it: on to the next.
    pub(super) fn go_on(&mut self, i: usize) {
        let member = &mut self.m.crew[i];
        if !member.jobs.is_empty() {
            member.jobs.remove(0);
        }
        member.is_in_lane = false;
        member.began = self.now.tick;
        member.idle_since = self.now.tick;
    }

    /// Takes a task off the board that nobody needs any more, whoever holds it.
    pub(super) fn withdraw(&mut self, job: u32) {
        let Some(job) = self.m.board.withdraw(job) else { return };
        let Some(i) = job.holder.and_then(|serial| self.member_of(serial)) else { return };
        match self.m.crew[i].jobs.iter().position(|&id| id == job.id) {
            Some(0) => self.go_on(i),
            Some(k) => drop(self.m.crew[i].jobs.remove(k)),
            None => {}
        }
    }
}
