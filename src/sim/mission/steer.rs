//! Where each drone is to be: from its task, its charge and the rules to an order.

use super::super::battery;
use super::super::drone_type::{Capability, DroneType};
use super::super::{Level, Tick, Vec3, geodesy};
use super::crew::Lane;
use super::job::{Job, Kind, Subject};
use super::spec::Action;
use super::{Activity, Doing, Order, Phase, Round};

/// Plans count on this share of a type's speed.
const SPEED_SHARE: f64 = 0.75;
/// Ways are so much longer than the straight line, on the average …
const DETOUR: f64 = 1.15;
/// … and so much longer if something stands in between.
const DETOUR_ROUND: f64 = 1.6;
/// What a flight home takes beside the way: braking, coming over the pad, the last metres.
const LANDING_S: f64 = 30.0;
/// Plans count on so much more than the power to hover.
const POWER_SHARE: f64 = 1.15;
/// Nearer than this to the next place at the same façade, a worker goes there directly.
const STRAIGHT_M: f64 = 11.0;
/// A place of the lane is passed within this distance.
const LANE_M: f64 = 2.5;
/// Speed between lane and façade.
const CLOSE_MPS: f64 = 2.0;
/// A carrier with nothing to do flies home after so long: it is filled there.
const CARRIER_IDLE_S: f64 = 2.0;

/// Where a drone has to be for a task.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Place {
    /// The point.
    pub goal: Vec3,
    /// The lane in front of it, if it is at a façade.
    pub lane: Option<Lane>,
    /// Where to look.
    pub heading_deg: Option<f64>,
}

impl Round<'_> {
    pub(super) fn steer(&mut self) {
        for i in 0..self.m.crew.len() {
            let Some(sight) = self.sight(i) else { continue };
            if matches!(self.m.crew[i].activity, Activity::Lost | Activity::Silent | Activity::Manual) {
                continue;
            }
            match sight.doing {
                Doing::Climbing => self.m.crew[i].activity = Activity::Starting,
                Doing::Coming => {
                    if self.m.crew[i].activity != Activity::Returning {
                        self.drop_jobs(i, 0.0, false);
                        self.forsake(i);
                    }
                    self.m.crew[i].activity = Activity::Returning;
                }
                Doing::Standing => self.steer_on_ground(i),
                Doing::Free => self.steer_in_air(i),
            }
        }
    }

    fn steer_on_ground(&mut self, i: usize) {
        let Some(sight) = self.sight(i) else { return };
        let is_home = (sight.position - sight.home).horizontal_norm() < 2.0;
        let pct = 100.0 * sight.battery_j / self.kind(i).battery_j();
        let needed = if is_home { self.now.resume_pct } else { self.now.spec.general.reserve_pct + 10.0 };
        if pct < needed {
            if self.m.crew[i].activity == Activity::Returning {
                self.m.crew[i].charges += 1;
            }
            self.m.crew[i].activity = Activity::Charging;
            return self.drop_jobs(i, 0.0, false);
        }
        self.m.crew[i].is_drained = false;
        if matches!(self.m.crew[i].activity, Activity::Queueing | Activity::Filling) {
            return;
        }
        self.m.crew[i].activity = Activity::Grounded;
        let may_fly = self.m.phase.is_active() && self.standing_action().is_none_or(|a| a == Action::Warn);
        let has_work = !self.m.crew[i].jobs.is_empty() || self.m.crew[i].is_thirsty && self.may_be_served(i);
        if may_fly && (has_work || !is_home) || !is_home && self.m.phase == Phase::Returning {
            self.m.crew[i].began = self.now.tick;
            self.m.crew[i].idle_since = self.now.tick;
            self.m.crew[i].activity = Activity::Starting;
            self.order(i, Order::TakeOff);
        }
    }

    fn steer_in_air(&mut self, i: usize) {
        if self.must_return(i) {
            self.drop_jobs(i, 0.0, false);
            self.forsake(i);
            self.m.crew[i].activity = Activity::Returning;
            return self.order(i, Order::Return);
        }
        if self.must_hold(i) {
            self.m.crew[i].activity = Activity::Waiting;
            self.m.crew[i].idle_since = self.now.tick;
            return match self.lane_behind(i) {
                Some(_) => self.back_out(i),
                None => self.order(i, Order::Hold),
            };
        }
        if let Some((until, place)) = self.m.crew[i].evading {
            if self.now.tick < until {
                return self.fly(i, place, None, None);
            }
            self.m.crew[i].evading = None;
        }
        let first = self.m.crew[i].jobs.first().and_then(|&job| self.m.board.get(job)).cloned();
        match first {
            Some(job) => match self.place_of(i, &job) {
                Some(place) => self.approach(i, place),
                None => self.back_out(i),
            },
            None => {
                self.m.crew[i].activity = Activity::Waiting;
                self.back_out(i);
            }
        }
    }

    /// Whether a broken rule keeps a drone where it is.
    fn must_hold(&self, i: usize) -> bool {
        let by_rule = self.fence_action() == Some(Action::Hold);
        let is_beyond = self.sight(i).is_some_and(|sight| sight.is_held || sight.is_beyond && by_rule);
        is_beyond || self.standing_action() == Some(Action::Hold)
    }

    /// Whether a drone in the air has to go home now.
    fn must_return(&self, i: usize) -> bool {
        let Some(sight) = self.sight(i) else { return false };
        let (member, spec) = (&self.m.crew[i], self.now.spec);
        let idle_s = (self.now.tick - member.idle_since) as f64 * self.now.tick_s;
        let is_carrier = self.can(i, Capability::CarryFluid);
        let patience_s = if is_carrier { CARRIER_IDLE_S } else { spec.general.idle_s };
        let is_idle = member.jobs.is_empty() && !member.is_thirsty && idle_s >= patience_s;
        let is_dry = member.is_thirsty && !self.may_be_served(i);
        let is_over = matches!(self.m.phase, Phase::Returning | Phase::Ended);
        let is_called = self.standing_action() == Some(Action::Return);
        let is_beyond = sight.is_beyond && self.fence_action() == Some(Action::Return);
        is_idle || is_dry || is_over || is_called || is_beyond || self.budget_s(i) <= self.home_s(i)
    }

    /// Seconds that a drone can fly before its reserve is touched.
    pub(super) fn budget_s(&self, i: usize) -> f64 {
        let (kind, spec) = (self.kind(i), self.now.spec);
        let reserve_j = kind.battery_j() * (spec.general.reserve_pct + 1.0) / 100.0;
        let wind = self.m.wind_mps.min(kind.speed_mps_max);
        let watts = battery::flight_w(kind, wind, 0.0).max(kind.hover_w) * POWER_SHARE;
        (self.m.crew[i].battery_j - reserve_j) / watts
    }

    /// Seconds of the way home, landing included.
    pub(super) fn home_s(&self, i: usize) -> f64 {
        self.sight(i).map_or(0.0, |sight| self.way_home_s(self.kind(i), sight.position, sight.home))
    }

    /// Seconds from a point home and down.
    pub(super) fn way_home_s(&self, kind: &DroneType, from: Vec3, home: Vec3) -> f64 {
        let above = home.at_altitude(home.z + self.now.way_home_m);
        let down_s = (above.z - home.z) / kind.descent_mps_max;
        LANDING_S
            + down_s
            + self.way_s(kind.speed_mps_max, kind.climb_mps_max.min(kind.descent_mps_max), from, above)
    }

    /// Seconds between two points, round what stands between them.
    pub(super) fn way_s(&self, speed_mps: f64, climb_mps: f64, from: Vec3, to: Vec3) -> f64 {
        let way = to - from;
        let far = way.horizontal_norm();
        let is_free = far < 1.0 || super::site::sees(self.now.scene, from, to);
        let detour = if is_free { DETOUR } else { DETOUR_ROUND };
        // Against the wind, a drone gets on by what is left of its speed.
        let speed = (speed_mps - self.m.wind_mps).max(0.25 * speed_mps) * SPEED_SHARE;
        (far * detour / speed).max(way.z.abs() / (climb_mps * SPEED_SHARE)) + 3.0
    }

    pub(super) fn can(&self, i: usize, what: Capability) -> bool {
        self.kind(i).capabilities.contains(&what)
    }

    /// Where a drone has to be for a task.
    pub(super) fn place_of(&self, i: usize, job: &Job) -> Option<Place> {
        let free = |goal| Place { goal, lane: None, heading_deg: None };
        Some(match (job.kind, &job.subject) {
            (Kind::Clean, Subject::Window(number)) => {
                let window = &self.now.spec.layout.windows[*number as usize];
                let place = window.center + window.outward * self.now.spec.clean.lane_m;
                Place {
                    goal: job.site,
                    lane: Some(Lane { place, outward: window.outward }),
                    heading_deg: geodesy::heading_deg(-window.outward),
                }
            }
            (Kind::Inspect, Subject::Window(number)) => {
                let outward = self.now.spec.layout.windows[*number as usize].outward;
                Place { heading_deg: geodesy::heading_deg(-outward), ..free(job.site) }
            }
            (Kind::Scan, Subject::View { target, .. }) => {
                Place { heading_deg: geodesy::heading_deg(*target - job.site), ..free(job.site) }
            }
            (Kind::Resupply, Subject::Drone(serial)) => {
                let (goal, towards) = self.dock_of(*serial)?;
                Place { heading_deg: geodesy::heading_deg(towards), ..free(goal) }
            }
            (_, Subject::Given(k)) => {
                let look_at = self.now.spec.tasks[*k as usize].look_at;
                let heading_deg = look_at.and_then(|target| geodesy::heading_deg(target - job.site));
                Place { heading_deg, ..free(job.site) }
            }
            (Kind::Tether, Subject::Drone(serial)) => free(self.station_of(i, *serial, job.site)?),
            _ => free(job.site),
        })
    }

    /// To a place: first to the lane in front of it, unless it is next door.
    fn approach(&mut self, i: usize, place: Place) {
        let Some(sight) = self.sight(i) else { return };
        let position = sight.position;
        let is_close = |lane: Lane| {
            let off = position - place.goal;
            off.norm() < STRAIGHT_M && (off.dot(lane.outward) > -0.5)
        };
        let member = &mut self.m.crew[i];
        if member.activity != Activity::Working {
            member.activity = Activity::Transit;
        }
        if let Some(lane) = place.lane {
            member.is_in_lane |= position.distance(lane.place) < LANE_M || is_close(lane);
            if !member.is_in_lane {
                return self.fly(i, lane.place, None, None);
            }
            member.lane = Some(lane);
        }
        let slow = place.lane.map(|_| CLOSE_MPS);
        let heading = place.heading_deg.filter(|_| position.distance(place.goal) < STRAIGHT_M);
        self.fly(i, place.goal, slow, heading);
    }

    /// The lane of a drone that is between it and the façade.
    fn lane_behind(&self, i: usize) -> Option<Lane> {
        let position = self.sight(i)?.position;
        self.m.crew[i].lane.filter(|lane| {
            let off = position - lane.place;
            off.norm() < STRAIGHT_M && off.dot(lane.outward) < -1.0
        })
    }

    /// Out of the way of others, and stay there.
    fn back_out(&mut self, i: usize) {
        let Some(position) = self.sight(i).map(|sight| sight.position) else { return };
        match self.lane_behind(i) {
            Some(lane) => {
                let out = lane.outward * -(position - lane.place).dot(lane.outward);
                self.fly(i, position + out, Some(CLOSE_MPS), None);
            }
            None if self.m.crew[i].is_thirsty => {
                if let Some(lane) = self.m.crew[i].lane {
                    self.fly(i, lane.place, None, None);
                }
            }
            None => {}
        }
    }

    fn fly(&mut self, i: usize, goal: Vec3, speed_mps: Option<f64>, heading_deg: Option<f64>) {
        self.order(i, Order::Fly { goal, speed_mps, heading_deg });
    }

    /// A drone that did not get to its place in time gives it back and makes way for a while.
    pub(super) fn give_up(&mut self, i: usize, why: String) {
        let (seconds, tick) = (8.0, self.now.tick);
        let Some(position) = self.sight(i).map(|sight| sight.position) else { return };
        let outward = self.m.crew[i].lane.map_or(Vec3::ZERO, |lane| lane.outward);
        // One to each side, so that two who block each other part.
        let sense = if i.is_multiple_of(2) { 1.0 } else { -1.0 };
        let away = position + outward * 8.0 + (outward.cross(Vec3::UP) * 6.0 + Vec3::UP * 4.0) * sense;
        let place = away.at_altitude(away.z.max(4.0));
        let until: Tick = tick + self.now.ticks(seconds);
        self.drop_jobs(i, 20.0, true);
        if self.now.scene.objection_to(place).is_none() {
            self.m.crew[i].evading = Some((until, place));
        }
        self.tell_of(i, Level::Warning, "task_failed", why);
    }
}
