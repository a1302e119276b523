//! What a drone does without being told: low battery, lost link, crossed fence, crashed pilot, bad numbers.

use std::sync::Arc;

use super::super::battery::Stage;
use super::super::drone::{Heading, Landed, Next, Task};
use super::super::params::Limit;
use super::super::scene::FenceAction;
use super::super::{CommandResult, Level, Vec3, Verdict};
use super::World;

/// So many crashes of pilots …
const CRASHES_MAX: usize = 3;
/// … within so many seconds make the whole swarm hold.
const CRASHES_S: f64 = 5.0;

impl World {
    /// Everything that can go wrong for one drone in one tick.
    pub(super) fn guard(&mut self, index: usize) {
        self.mend(index);
        self.guard_battery(index);
        self.guard_fences(index);
        self.guard_link(index);
    }

    /// Faults that end by themselves.
    fn mend(&mut self, index: usize) {
        let (tick, drone) = (self.tick, &mut self.drones[index]);
        if drone.faults.motor.is_some() && tick >= drone.faults.motor_until {
            drone.faults.motor = None;
        }
        if tick == drone.faults.gps_until {
            self.tell_of(index, Level::Info, "gps_back", "position fix is back");
        }
        if tick == self.drones[index].faults.link_until {
            self.drones[index].heard = None;
            self.drones[index].link_rtl_done = false;
            self.tell_of(index, Level::Info, "link_back", "link is back");
        }
    }

    fn guard_battery(&mut self, index: usize) {
        let pct = self.battery_pct(&self.drones[index]);
        let stage = Stage::at(
            pct,
            self.limit(Limit::BatteryLow),
            self.limit(Limit::BatteryVeryLow),
            self.limit(Limit::BatteryCritical),
        );
        let before = std::mem::replace(&mut self.drones[index].stage, stage);
        if stage <= before || !self.drones[index].is_airborne() {
            return;
        }
        match stage {
            Stage::Good => {}
            Stage::Low => {
                self.tell_of(index, Level::Warning, "battery_low", format!("battery low, {pct:.0} %"))
            }
            Stage::VeryLow => {
                self.failsafe(index, self.tick);
                self.tell_of(
                    index,
                    Level::Warning,
                    "battery_very_low",
                    format!("battery {pct:.0} %: returns home"),
                );
                if !self.is_coming_down(index) {
                    self.go_and_charge(index, format!("battery {pct:.0} %: returning home"));
                }
            }
            Stage::Critical => {
                self.failsafe(index, self.tick);
                let message = format!("battery {pct:.0} %: lands now");
                self.tell_of(index, Level::Critical, "battery_critical", message);
                if !matches!(
                    self.drones[index].task,
                    Task::Land | Task::Fall | Task::Rtl { descending: true }
                ) {
                    self.force(index, Task::Land, format!("battery {pct:.0} %: landing"));
                }
            }
            Stage::Empty => self.fall(index, "battery empty"),
        }
    }

    /// Home, and back to what it was doing once charged.
    fn go_and_charge(&mut self, index: usize, reason: String) {
        let next = match self.drones[index].task {
            Task::Mission | Task::Takeoff { then: Next::Mission, .. } => Some(Next::Mission),
            Task::Swarm { behaviour } => Some(Next::Swarm(behaviour)),
            Task::Takeoff { then, .. } if then != Next::Hold => Some(then),
            _ => None,
        };
        if next.is_none() || self.tick < self.drones[index].faults.gps_until {
            return self.force(index, self.way_home(index), reason);
        }
        let drone = &mut self.drones[index];
        drone.standing = next;
        drone.leg.loiter_until = None;
        drone.task = Task::Rtl { descending: false };
        drone.landed = Landed::InAir;
        if let Some(order) = drone.order {
            self.report(index, &order, Some(format!("{reason} to charge, then goes on")));
        }
    }

    /// Another task than the operator wanted; the order fails with the reason.
    fn force(&mut self, index: usize, task: Task, reason: String) {
        self.end_order(index, Verdict::because(CommandResult::Failed, reason));
        let drone = &mut self.drones[index];
        drone.task = task;
        drone.standing = None;
        drone.landed = Landed::InAir;
    }

    /// Without a position fix there is no way home.
    fn way_home(&self, index: usize) -> Task {
        match self.tick < self.drones[index].faults.gps_until {
            true => Task::Land,
            false => Task::Rtl { descending: false },
        }
    }

    fn is_coming_down(&self, index: usize) -> bool {
        matches!(self.drones[index].task, Task::Land | Task::Fall | Task::Rtl { .. })
    }

    fn guard_fences(&mut self, index: usize) {
        let p = self.drones[index].body.position;
        let crossed =
            self.scene.fences.iter().find(|f| self.drones[index].is_airborne() && f.is_breached_at(p));
        let was = std::mem::replace(&mut self.drones[index].breach, crossed.is_some());
        let Some(fence) = crossed.filter(|_| !was) else { return };
        let (name, action) = (fence.name.clone(), fence.action);
        self.metrics.fence_breaches += 1;
        self.tell_of(index, Level::Error, "fence_breach", format!("crossed the fence {name}"));
        if self.is_coming_down(index) {
            return;
        }
        let reason = format!("crossed the fence {name}");
        if action != FenceAction::Warn {
            self.failsafe(index, self.tick);
        }
        match action {
            FenceAction::Warn => {}
            FenceAction::Hold => self.force(index, Task::Hold { at: None }, reason),
            FenceAction::Rtl => self.force(index, self.way_home(index), reason),
            FenceAction::Land => self.force(index, Task::Land, reason),
        }
    }

    fn guard_link(&mut self, index: usize) {
        let drone = &self.drones[index];
        if self.tick >= drone.faults.link_until || drone.link_rtl_done || !drone.is_airborne() {
            return;
        }
        let since = drone.heard.as_ref().map_or(self.tick, |heard| heard.0);
        if self.tick - since >= self.ticks(self.limit(Limit::LinkLoss)) {
            self.drones[index].link_rtl_done = true;
            if !self.is_coming_down(index) {
                self.failsafe(index, since);
                self.tell_of(index, Level::Error, "link_loss_rtl", "link lost: returns home");
                self.force(index, self.way_home(index), "link lost: returning home".into());
            }
        }
    }

    /// A position fix is lost: brakes and drifts.
    pub(super) fn lose_fix(&mut self, index: usize) {
        self.tell_of(index, Level::Error, "gps_lost", "position fix lost: drifts with the wind");
        if self.drones[index].is_airborne() && !matches!(self.drones[index].task, Task::Land | Task::Fall) {
            let task = if self.is_coming_down(index) { Task::Land } else { Task::Hold { at: None } };
            self.failsafe(index, self.tick);
            self.force(index, task, "position fix lost".into());
        }
    }

    /// Thrust is lost: a landing, or a fall if nothing is left.
    pub(super) fn lose_thrust(&mut self, index: usize, left: f64) {
        if !self.drones[index].is_airborne() {
            return;
        }
        self.failsafe(index, self.tick);
        if left <= 0.0 {
            self.fall(index, "motor failure");
        } else if self.drones[index].task != Task::Fall {
            let message = format!("motor failure, {:.0} % of the thrust left: lands", 100.0 * left);
            self.tell_of(index, Level::Critical, "motor_failure", message);
            self.force(index, Task::Land, "motor failure: landing".into());
        }
    }

    /// The pilot panicked: the drone holds, or goes on coming down; too many of them and everyone holds.
    pub(super) fn restart(&mut self, index: usize) {
        let coming_down = self.is_coming_down(index);
        let drone = &mut self.drones[index];
        drone.faults.panic = false;
        drone.restarts += 1;
        drone.memory = Default::default();
        drone.command_rest();
        let restarts = drone.restarts;
        if drone.is_airborne() && !coming_down {
            self.failsafe(index, self.tick);
            self.force(index, Task::Hold { at: None }, "the pilot was restarted".into());
        }
        let message = format!("pilot restarted ({restarts} so far); holds");
        self.tell_of(index, Level::Error, "pilot_restarted", message);
        self.crashes.push(self.tick);
        let window = self.ticks(CRASHES_S);
        let now = self.tick;
        self.crashes.retain(|&t| now - t <= window);
        if self.crashes.len() >= CRASHES_MAX {
            self.crashes.clear();
            self.hold_everyone();
        }
    }

    fn hold_everyone(&mut self) {
        let message = format!("{CRASHES_MAX} pilots restarted within {CRASHES_S} s: every drone holds");
        self.tell(Level::Critical, Arc::clone(&self.swarm), "crash_storm", message);
        for index in 0..self.drones.len() {
            if self.drones[index].is_airborne() && !self.is_coming_down(index) {
                self.force(
                    index,
                    Task::Hold { at: None },
                    "every drone holds after repeated restarts".into(),
                );
            }
        }
    }

    /// A number is not finite: the last good state stands, the drone holds and is flagged.
    pub(super) fn quarantine(&mut self, index: usize, what: &str) {
        let drone = &mut self.drones[index];
        let known = std::mem::replace(&mut drone.faults.bad_data, true);
        drone.command = Vec3::ZERO;
        drone.heading_command = Heading::AsBefore;
        if !known {
            self.tell_of(index, Level::Error, "bad_data", format!("{what}; the last good one stands"));
        }
        if self.drones[index].is_airborne() && !self.is_coming_down(index) {
            self.force(index, Task::Hold { at: None }, format!("{what}: holding"));
        }
    }
}
