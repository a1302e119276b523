//! What has come of it: arrivals, landings, legs, deadlines. Runs after physics for every drone for which there may be
//! something to find (see [`super::look`]).

use std::sync::Arc;

use super::super::drone::{Drone, Landed, Next, Task};
use super::super::params::Limit;
use super::super::{CommandResult, Level, Vec3, Verdict};
use super::World;

/// A drone touches the ground below this height.
pub(super) const TOUCH_M: f64 = 0.05;
/// A braking drone has found its place below this speed.
const REST_MPS: f64 = 0.3;
/// A waypoint without a stay counts as passed within this many seconds of flight.
const PASS_S: f64 = 0.6;
/// Over its home within this distance, a returning drone goes down.
const OVER_HOME_M: f64 = 0.8;
/// Progress is reported in steps of this size.
const PROGRESS_STEP_PCT: u8 = 10;
/// Hitting the ground faster than this ends a drone's flying for good.
const IMPACT_MPS: f64 = 3.0;

impl World {
    pub(super) fn judge(&mut self, index: usize) {
        if self.drones[index].landed == Landed::OnGround {
            self.judge_on_ground(index);
        } else {
            self.judge_in_air(index);
        }
        self.guard(index);
    }

    fn judge_in_air(&mut self, index: usize) {
        if self.hit_something(index) {
            return;
        }
        match self.drones[index].task {
            Task::Idle => self.settle(index, Landed::InAir),
            Task::Takeoff { to, then } => {
                if self.is_at(index, to) {
                    self.settle(index, Landed::InAir);
                    self.end_takeoff(index, then, to);
                }
            }
            Task::Hold { at } => self.judge_hold(index, at),
            Task::Goto { goal, .. } => {
                if self.is_at(index, goal) {
                    self.drones[index].task = Task::Hold { at: Some(goal) };
                    self.end_order(index, Verdict::completed());
                } else {
                    self.report_distance(index, goal);
                }
            }
            Task::Follow { leader, .. } => self.judge_leader(index, leader),
            Task::Mission => self.judge_leg(index),
            Task::Velocity { until, .. } => {
                if self.tick >= until {
                    self.drones[index].task = Task::Hold { at: None };
                    let reason = "the setpoint ran out; holding";
                    self.end_order(index, Verdict::because(CommandResult::Completed, reason));
                }
            }
            // The mission itself sees where its drones are.
            Task::Swarm { .. } | Task::Errand { .. } => {}
            Task::Rtl { descending: false } => self.judge_way_home(index),
            Task::Rtl { descending: true } | Task::Land => {
                self.settle(index, Landed::Landing);
                if self.height(index) <= TOUCH_M {
                    self.touch_down(index);
                }
            }
            Task::Fall => {
                if self.height(index) <= TOUCH_M {
                    self.impact(index);
                }
            }
        }
        self.judge_deadline(index);
    }

    fn judge_on_ground(&mut self, index: usize) {
        let drone = &self.drones[index];
        let Some(next) = drone.standing else { return };
        let charged = self.battery_pct(drone) >= self.limit(Limit::BatteryResume);
        if charged && drone.task == Task::Idle && !drone.faults.damaged && drone.faults.motor.is_none() {
            self.drones[index].standing = None;
            let altitude = self.limit(Limit::RtlAltitude);
            self.lift_off(index, altitude, next);
            self.tell_of(index, Level::Info, "resumed", "charged; takes off and goes on");
        }
    }

    fn judge_hold(&mut self, index: usize, at: Option<Vec3>) {
        let body = &self.drones[index].body;
        let speed = body.velocity.norm();
        if at.is_none() && speed < REST_MPS && self.tick >= self.drones[index].faults.gps_until {
            self.drones[index].task = Task::Hold { at: Some(self.drones[index].body.position) };
        }
        let holding =
            matches!(self.drones[index].order, Some(o) if o.name == "hold" || o.name == "mission_pause");
        if holding && speed < self.limit(Limit::ArrivalSpeed) {
            self.end_order(index, Verdict::completed());
        }
    }

    fn end_takeoff(&mut self, index: usize, then: Next, to: Vec3) {
        self.go_on(index, then);
        if then == Next::Hold {
            self.drones[index].task = Task::Hold { at: Some(to) };
        }
        if matches!(self.drones[index].order, Some(o) if o.name == "takeoff") {
            self.end_order(index, Verdict::completed());
        }
    }

    fn judge_leader(&mut self, index: usize, leader: u32) {
        let objection = match self.by_serial(leader) {
            None => Some("the drone it followed was removed".to_owned()),
            Some(i) if !self.drones[i].is_airborne() => Some(format!("{} has landed", self.drones[i].id)),
            Some(_) => None,
        };
        if let Some(reason) = objection {
            self.drones[index].task = Task::Hold { at: None };
            self.end_order(index, Verdict::because(CommandResult::Failed, reason));
        }
    }

    fn judge_leg(&mut self, index: usize) {
        let Some(mission) = self.drones[index].mission.clone() else {
            self.drones[index].task = Task::Hold { at: None };
            return;
        };
        let leg = self.drones[index].leg;
        let waypoint = mission.waypoints[leg.waypoint];
        let last = leg.waypoint + 1 == mission.waypoints.len();
        match leg.loiter_until {
            Some(until) if self.tick < until => return,
            Some(_) => {}
            None => {
                let stays = waypoint.loiter_s > 0.0 || (last && !mission.looped);
                let body = &self.drones[index].body;
                let passed = body.position.distance(waypoint.position)
                    < self.limit(Limit::ArrivalRadius).max(PASS_S * body.velocity.norm());
                if stays && !self.is_at(index, waypoint.position) || !stays && !passed {
                    return;
                }
                if waypoint.loiter_s > 0.0 {
                    self.drones[index].leg.loiter_until = Some(self.tick + self.ticks(waypoint.loiter_s));
                    return;
                }
            }
        }
        if last && !mission.looped {
            self.drones[index].leg = Default::default();
            self.drones[index].task = Task::Hold { at: Some(waypoint.position) };
            self.end_order(index, Verdict::completed());
            return;
        }
        self.drones[index].leg =
            super::Leg { waypoint: (leg.waypoint + 1) % mission.waypoints.len(), loiter_until: None };
        if !mission.looped {
            let done = 100 * (leg.waypoint + 1) / mission.waypoints.len();
            self.report_progress(index, done as u8);
        }
    }

    fn judge_way_home(&mut self, index: usize) {
        let drone = &self.drones[index];
        let off = (drone.home - drone.body.position).horizontal_norm();
        let speed = drone.body.velocity.horizontal_norm();
        if off < OVER_HOME_M && speed < self.limit(Limit::ArrivalSpeed) {
            self.drones[index].task = Task::Rtl { descending: true };
        } else {
            self.report_distance(index, self.drones[index].home);
        }
    }

    fn judge_deadline(&mut self, index: usize) {
        let Some(order) = self.drones[index].order else { return };
        if order.deadline.is_some_and(|deadline| self.tick >= deadline) {
            let verdict = Verdict::because(CommandResult::TimedOut, format!("{} took too long", order.name));
            self.end_order(index, verdict);
            let safe = matches!(self.drones[index].task, Task::Land | Task::Rtl { .. } | Task::Fall);
            if !safe {
                self.drones[index].task = Task::Hold { at: None };
            }
        }
    }

    /// Whether a drone rests at a point: within the arrival radius, slower than the arrival speed.
    fn is_at(&self, index: usize, goal: Vec3) -> bool {
        let Drone { body, sensors, .. } = &self.drones[index];
        // It stops where it believes the goal to be.
        let position = if self.imperfect { sensors.fix().position } else { body.position };
        position.distance(goal) < self.limit(Limit::ArrivalRadius)
            && body.velocity.norm() < self.limit(Limit::ArrivalSpeed)
    }

    fn height(&self, index: usize) -> f64 {
        let position = self.drones[index].body.position;
        position.z - self.scene.ground_under(position)
    }

    fn settle(&mut self, index: usize, landed: Landed) {
        self.drones[index].landed = landed;
    }

    /// The end of a landing.
    fn touch_down(&mut self, index: usize) {
        self.stop_on_ground(index);
        self.drones[index].task = Task::Idle;
        let is_landing = matches!(self.drones[index].order, Some(o) if o.name == "land" || o.name == "rtl");
        if is_landing {
            self.end_order(index, Verdict::completed());
        } else if self.drones[index].standing.is_none() {
            self.end_order(index, Verdict::because(CommandResult::Failed, "landed before it was done"));
        }
        let home = self.drones[index].body.position.distance(self.drones[index].home) < 2.0;
        self.tell_of(index, Level::Info, "landed", if home { "landed at home" } else { "landed" });
        if !home {
            // Away from its charger it cannot go on.
            self.drones[index].standing = None;
            self.end_order(index, Verdict::because(CommandResult::Failed, "landed away from home"));
        }
    }

    /// The end of a fall.
    fn impact(&mut self, index: usize) {
        let speed = self.drones[index].body.velocity.norm();
        self.stop_on_ground(index);
        if speed > IMPACT_MPS {
            self.safety.crashes += 1;
            self.drones[index].faults.damaged = true;
            self.tell_of(index, Level::Critical, "impact", format!("hit the ground at {speed:.0} m/s"));
        }
        self.end_order(index, Verdict::completed());
    }

    fn stop_on_ground(&mut self, index: usize) {
        let ground = self.scene.ground_under(self.drones[index].body.position);
        let drone = &mut self.drones[index];
        drone.landed = Landed::OnGround;
        drone.armed = false;
        drone.body.position.z = ground;
        drone.keep_heading();
        drone.body.velocity = Vec3::ZERO;
        drone.body.accel = Vec3::ZERO;
        drone.command_rest();
        drone.memory = Default::default();
    }

    /// Flying into an obstacle ends in a fall.
    fn hit_something(&mut self, index: usize) -> bool {
        if self.drones[index].task == Task::Fall {
            return false;
        }
        let p = self.drones[index].body.position;
        let hit = self.scene.obstacles.iter().find(|o| o.gap(p).0 < -TOUCH_M);
        let Some(name) = hit.map(|o| o.name.clone()) else { return false };
        self.safety.crashes += 1;
        self.drones[index].faults.damaged = true;
        self.fall(index, &format!("hit the obstacle {name}"));
        true
    }

    fn report_distance(&mut self, index: usize, goal: Vec3) {
        let Some(order) = self.drones[index].order else { return };
        if order.distance_m > 0.0 {
            let left = self.drones[index].body.position.distance(goal) / order.distance_m;
            self.report_progress(index, (100.0 * (1.0 - left)).clamp(0.0, 99.0) as u8);
        }
    }

    fn report_progress(&mut self, index: usize, pct: u8) {
        let Some(order) = &mut self.drones[index].order else { return };
        if pct >= order.progress_pct + PROGRESS_STEP_PCT {
            order.progress_pct = pct;
            let order = *order;
            self.report(index, &order, None);
        }
    }

    /// Motors stop, whatever the drone was doing.
    pub(super) fn fall(&mut self, index: usize, why: &str) {
        let id = Arc::clone(&self.drones[index].id);
        self.tell(Level::Critical, id, "motors_stopped", format!("motors stopped: {why}"));
        self.end_order(index, Verdict::because(CommandResult::Failed, why));
        let drone = &mut self.drones[index];
        drone.task = Task::Fall;
        drone.standing = None;
        drone.armed = false;
        if !drone.is_airborne() {
            self.stop_on_ground(index);
        } else {
            self.settle(index, Landed::InAir);
        }
    }
}
