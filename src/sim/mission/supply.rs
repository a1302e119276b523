//! Fluid and power: workers that run dry, tankers that meet them, docks at the base, tethers.

use super::super::drone_type::Capability;
use super::super::{Level, Vec3};
use super::crew::{Lane, Line};
use super::job::{Job, Kind, Subject};
use super::{Activity, Doing, Order, Round, site};

/// A lifeline goes after its worker when the worker is this far from where it was.
const FOLLOW_M: f64 = 6.0;
/// Share of the power that reaches the other end of a tether.
const TETHER_EFFICIENCY: f64 = 0.9;
/// A tether that came off is not asked for again before.
const TETHER_PAUSE_S: f64 = 15.0;
/// Time to fix a tether.
const CONNECT_S: f64 = 3.0;
/// A lifeline keeps this far from the end of its own tether.
const GROUND_LINE_M: f64 = 6.0;

impl Round<'_> {
    pub(super) fn supply(&mut self) {
        let needed_l = self.least_needed_l();
        for i in 0..self.m.crew.len() {
            if self.can(i, Capability::Clean) && self.tank_l(i) > 0.0 {
                self.look_after(i, needed_l);
            }
        }
        self.fill_at_docks();
        self.hold_lines();
    }

    /// Whether a worker without fluid can hope for some.
    pub(super) fn may_be_served(&self, _worker: usize) -> bool {
        self.m.phase.is_active()
            && (0..self.m.crew.len()).any(|i| self.is_carrier(i) && self.m.crew[i].is_alive())
    }

    pub(super) fn is_carrier(&self, i: usize) -> bool {
        self.can(i, Capability::CarryFluid) && self.tank_l(i) > 0.0
    }

    /// What the task takes that takes the least, of those that wait for a worker; 0 without any.
    fn least_needed_l(&self) -> f64 {
        let open = self.m.board.of(Kind::Clean).filter(|job| job.holder.is_none());
        let least = open.map(|job| job.fluid_l).fold(f64::INFINITY, f64::min);
        if least.is_finite() { least } else { 0.0 }
    }

    /// A worker that runs low, or has too little for any task, stops, goes to the lane and asks for fluid.
    fn look_after(&mut self, i: usize, needed_l: f64) {
        let tank_l = self.tank_l(i);
        let fluid_l = self.m.crew[i].fluid_l;
        let is_low = fluid_l < tank_l * self.now.spec.general.resupply_pct / 100.0
            || self.m.crew[i].jobs.is_empty() && fluid_l < needed_l.min(tank_l);
        let is_busy = self.m.crew[i].activity == Activity::Working;
        let serial = self.m.crew[i].serial;
        let Some(sight) = self.sight(i) else { return };
        let (doing, position) = (sight.doing, sight.position);
        let is_available = self.m.crew[i].is_alive() && self.m.crew[i].activity != Activity::Silent;
        self.m.crew[i].is_thirsty = is_low && (!is_busy || self.m.crew[i].is_thirsty);
        let asked = self
            .m
            .board
            .of(Kind::Resupply)
            .find(|job| job.subject == Subject::Drone(serial))
            .map(|job| job.id);
        let is_waiting = self.m.crew[i].is_thirsty && is_available && doing == Doing::Free;
        match asked {
            Some(job) if !is_waiting => self.withdraw(job),
            None if is_waiting && self.may_be_served(i) => {
                self.drop_jobs(i, 0.0, false);
                let outward = self.m.crew[i].lane.map_or(Vec3::new(0.0, -1.0, 0.0), |lane| lane.outward);
                let place = self.m.crew[i].lane.map_or(position, |lane| lane.place);
                self.m.crew[i].lane = Some(Lane { place, outward });
                let site = place + outward * self.now.spec.supply.dock_m;
                let swap_s = self.now.spec.supply.swap_s;
                let job =
                    self.m.board.put(Kind::Resupply, Subject::Drone(serial), site, swap_s, self.now.tick);
                if let Some(job) = self.m.board.get_mut(job) {
                    job.fluid_l = tank_l / 2.0;
                }
            }
            _ => {}
        }
    }

    /// Where a tanker meets a worker, and the direction towards it from there.
    pub(super) fn dock_of(&self, serial: u32) -> Option<(Vec3, Vec3)> {
        let i = self.member_of(serial)?;
        let lane = self.m.crew[i].lane?;
        Some((lane.place + lane.outward * self.now.spec.supply.dock_m, -lane.outward))
    }

    /// A tanker in its place swaps the worker's cartridge, once the worker is there too.
    pub(super) fn swap(&mut self, i: usize, job: &Job) {
        let Subject::Drone(serial) = job.subject else { return };
        let Some(worker) = self.member_of(serial) else { return };
        let (Some(sight), Some(lane)) = (self.sight(worker), self.m.crew[worker].lane) else { return };
        let general = &self.now.spec.general;
        if sight.position.distance(lane.place) > 2.0 * general.reach_m
            || sight.velocity.norm() > general.steady_mps
        {
            return;
        }
        let dt = self.now.dt;
        let Some(open) = self.m.board.get_mut(job.id) else { return };
        open.work_s += dt;
        if open.work_s < open.duration_s {
            return;
        }
        let amount_l = (self.tank_l(worker) - self.m.crew[worker].fluid_l).min(self.m.crew[i].fluid_l);
        self.m.crew[i].fluid_l -= amount_l;
        self.m.crew[worker].fluid_l += amount_l;
        self.m.crew[worker].is_thirsty = false;
        self.m.crew[worker].idle_since = self.now.tick;
        self.m.resupplies += 1;
        let to = std::sync::Arc::clone(&self.m.crew[worker].id);
        self.finish(i, job.id);
        self.tell_of(i, Level::Info, "resupplied", format!("brought {amount_l:.1} l to {to}"));
    }

    /// Tankers at the base are filled, as many at once as there are docks; the others queue.
    fn fill_at_docks(&mut self) {
        let spec = self.now.spec;
        for i in 0..self.m.crew.len() {
            let serial = self.m.crew[i].serial;
            let stands = self.sight(i).is_some_and(|sight| {
                sight.doing == Doing::Standing && (sight.position - sight.home).horizontal_norm() < 2.0
            });
            let lacks = self.m.crew[i].fluid_l < self.tank_l(i) - 1e-9;
            let comes = self.is_carrier(i) && stands && lacks && self.m.crew[i].is_alive();
            match self.m.docks.iter().position(|&queued| queued == serial) {
                None if comes => self.m.docks.push(serial),
                Some(place) if !comes => drop(self.m.docks.remove(place)),
                _ => {}
            }
        }
        for place in 0..self.m.docks.len() {
            let Some(i) = self.member_of(self.m.docks[place]) else { continue };
            let (tank_l, dt) = (self.tank_l(i), self.now.dt);
            let member = &mut self.m.crew[i];
            if (place as f64) < spec.supply.docks {
                member.activity = Activity::Filling;
                member.fluid_l = (member.fluid_l + tank_l * dt / spec.supply.fill_s).min(tank_l);
                if member.fluid_l >= tank_l - 1e-9 {
                    member.activity = Activity::Grounded;
                }
            } else {
                member.activity = Activity::Queueing;
            }
        }
    }

    /// Where a lifeline hovers for a worker; it stays while the worker stays near, and within its own tether.
    pub(super) fn station_of(&self, i: usize, serial: u32, present: Vec3) -> Option<Vec3> {
        let worker = self.member_of(serial)?;
        let (spec, lane) = (self.now.spec.tether.as_ref()?, self.m.crew[worker].lane?);
        let wanted =
            lane.place + lane.outward * (spec.out_m - self.now.spec.clean.lane_m) + Vec3::UP * spec.above_m;
        let goal = if wanted.distance(present) > FOLLOW_M { wanted } else { present };
        let (home, kind) = (self.sight(i)?.home, self.kind(i));
        let reach = if kind.tether_m > 0.0 { kind.tether_m - GROUND_LINE_M } else { f64::INFINITY };
        Some(home + (goal - home).clamp_norm(reach))
    }

    /// A lifeline in its place fixes the tether.
    pub(super) fn connect(&mut self, i: usize, job: &Job) {
        let (Subject::Drone(serial), Some(spec)) = (&job.subject, &self.now.spec.tether) else { return };
        let Some(worker) = self.member_of(*serial) else { return };
        if self.m.crew[i].line.is_some() || self.objection_to_line(i, worker).is_some() {
            return;
        }
        let dt = self.now.dt;
        let Some(open) = self.m.board.get_mut(job.id) else { return };
        open.work_s += dt;
        if open.work_s < CONNECT_S {
            return;
        }
        let line = |to| Some(Line { to, length_m: 0.0, tension_n: spec.tension_n });
        self.m.crew[i].line = line(*serial);
        self.m.crew[worker].line = line(self.m.crew[i].serial);
        let to = std::sync::Arc::clone(&self.m.crew[worker].id);
        self.tell_of(i, Level::Info, "tether_on", format!("feeds {to}"));
    }

    /// Why no tether can be between two drones.
    fn objection_to_line(&self, lifeline: usize, worker: usize) -> Option<&'static str> {
        let (Some(a), Some(b)) = (self.sight(lifeline), self.sight(worker)) else {
            return Some("the other is gone");
        };
        let spec = self.now.spec.tether.as_ref()?;
        if !self.m.crew[worker].is_alive() || b.doing != Doing::Free {
            return Some("the worker flies home");
        }
        if !self.m.crew[lifeline].is_alive() || a.doing != Doing::Free {
            return Some("the lifeline flies home");
        }
        if spec.tension_at(a.position.distance(b.position)) >= spec.tension_n_max {
            return Some("it is at its end");
        }
        (!site::sees(self.now.scene, a.position, b.position)).then_some("it would touch the building")
    }

    /// Power flows through tethers that hold; the others come off.
    fn hold_lines(&mut self) {
        let Some(spec) = &self.now.spec.tether else { return };
        for i in 0..self.m.crew.len() {
            let Some(line) = self.m.crew[i].line.filter(|_| self.can(i, Capability::TetherPower)) else {
                continue;
            };
            let worker = self.member_of(line.to);
            let objection =
                worker.map_or(Some("the other is gone"), |worker| self.objection_to_line(i, worker));
            if let Some(why) = objection {
                self.take_off(i, why);
                continue;
            }
            let Some(worker) = worker else { continue };
            let (Some(a), Some(b)) = (self.sight(i), self.sight(worker)) else { continue };
            let length_m = a.position.distance(b.position);
            let room_j = self.kind(worker).battery_j() - b.battery_j;
            let joules = (spec.feed_w * self.now.dt).min(room_j.max(0.0));
            let tension_n = spec.tension_at(length_m);
            for (end, joules) in [(i, -joules / TETHER_EFFICIENCY), (worker, joules)] {
                if let Some(line) = &mut self.m.crew[end].line {
                    (line.length_m, line.tension_n) = (length_m, tension_n);
                }
                self.m.crew[end].fed_j += joules;
                self.order(end, Order::Feed { joules });
            }
        }
        self.ask_for_lines();
        self.move_stations();
    }

    /// Where lifelines hover from now on.
    fn move_stations(&mut self) {
        let held: Vec<(u32, Vec3)> = (self.m.board.of(Kind::Tether))
            .filter_map(|job| {
                let (i, Subject::Drone(worker)) = (self.member_of(job.holder?)?, &job.subject) else {
                    return None;
                };
                Some((job.id, self.station_of(i, *worker, job.site)?))
            })
            .collect();
        for (id, site) in held {
            if let Some(job) = self.m.board.get_mut(id) {
                job.site = site;
            }
        }
    }

    /// A tether comes off; its task is over.
    fn take_off(&mut self, lifeline: usize, why: &'static str) {
        let Some(line) = self.m.crew[lifeline].line.take() else { return };
        if let Some(worker) = self.member_of(line.to) {
            self.m.crew[worker].line = None;
        }
        let job = self
            .m
            .board
            .of(Kind::Tether)
            .find(|job| job.subject == Subject::Drone(line.to))
            .map(|job| job.id);
        if let Some(job) = job {
            self.withdraw(job);
            self.m.board.done += 1;
            self.m.crew[lifeline].done += 1;
        }
        self.tell_of(lifeline, Level::Info, "tether_off", format!("the tether comes off: {why}"));
    }

    /// Whatever a member that drops out was tied to, or was waited for by, is let go.
    pub(super) fn forsake(&mut self, i: usize) {
        let Some(line) = self.m.crew[i].line else { return };
        match self.can(i, Capability::TetherPower) {
            true => self.take_off(i, "the lifeline flies home"),
            false => {
                if let Some(lifeline) = self.member_of(line.to) {
                    self.take_off(lifeline, "the worker flies home");
                }
            }
        }
    }

    /// Every worker at a façade would like a tether.
    fn ask_for_lines(&mut self) {
        if !self.m.phase.is_active() {
            return;
        }
        for i in 0..self.m.crew.len() {
            let member = &self.m.crew[i];
            let serial = member.serial;
            let at_work = self.can(i, Capability::Clean)
                && member.lane.is_some()
                && member.line.is_none()
                && matches!(member.activity, Activity::Working | Activity::Transit);
            let asked = self.m.board.of(Kind::Tether).find(|job| job.subject == Subject::Drone(serial));
            match (asked.map(|job| (job.id, job.holder)), at_work) {
                (None, true) => self.ask_for_line(i, serial),
                (Some((job, None)), false) => self.withdraw(job),
                (Some((job, Some(_))), _) if !self.m.crew[i].is_alive() => self.withdraw(job),
                _ => {}
            }
        }
    }

    fn ask_for_line(&mut self, i: usize, serial: u32) {
        let Some(lane) = self.m.crew[i].lane else { return };
        let job =
            self.m.board.put(Kind::Tether, Subject::Drone(serial), lane.place, CONNECT_S, self.now.tick);
        let pause = self.now.tick + self.now.ticks(TETHER_PAUSE_S);
        if let Some(job) = self.m.board.get_mut(job) {
            job.not_before = pause;
        }
    }
}
