//! What is to be seen of drones after a tick, side by side in memory: drones themselves are large and far apart.

use super::super::battery::Stage;
use super::super::drone::{Drone, Landed, Task};
use super::super::drone_type::DroneType;
use super::super::neighbours::Traffic;
use super::super::params::{Limit, Params};
use super::super::scene::Scene;
use super::super::{AlertLevel, Tick};
use super::World;
use super::judge::TOUCH_M;
use super::report::alert;

/// One drone as everyone sees it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Glance {
    pub traffic: Traffic,
    pub battery_pct: f64,
    pub alert: Option<AlertLevel>,
    /// Whether the judge may find something to do or to say about it.
    pub is_due: bool,
}

/// Who looks, and when.
#[derive(Clone, Copy)]
pub(super) struct Look<'a> {
    pub types: &'a [DroneType],
    pub scene: &'a Scene,
    pub params: &'a Params,
    pub tick: Tick,
}

impl World {
    /// A look at drones as they are now.
    pub(super) fn look(&self) -> Look<'_> {
        Look { types: &self.scenario.types, scene: &self.scene, params: &self.params, tick: self.tick }
    }

    /// Looks at every drone.
    pub(super) fn look_round(&mut self) {
        let mut glances = std::mem::take(&mut self.glances);
        let look = self.look();
        glances.clear();
        glances.extend(self.drones.iter().enumerate().map(|(index, drone)| look.at(index, drone)));
        self.glances = glances;
    }
}

impl Look<'_> {
    /// What is to be seen of the drone at this place of the list.
    pub fn at(&self, index: usize, drone: &Drone) -> Glance {
        let kind = &self.types[usize::from(drone.kind)];
        let battery_pct = 100.0 * drone.battery_j / kind.battery_j();
        let traffic = Traffic {
            position: drone.body.position,
            velocity: drone.body.velocity,
            radius_m: kind.radius_m,
            index: index as u32,
            airborne: drone.is_airborne(),
            falling: drone.is_airborne() && drone.task == Task::Fall,
            behaviour: match drone.task {
                Task::Swarm { behaviour } => Some(behaviour),
                _ => None,
            },
        };
        Glance {
            traffic,
            battery_pct,
            alert: alert(drone, self.tick).map(|(level, _)| level),
            is_due: !self.is_routine(drone, battery_pct),
        }
    }

    /// Whether the judge would certainly find nothing: it flies on without orders, faults or anything in its way.
    fn is_routine(&self, drone: &Drone, battery_pct: f64) -> bool {
        let (limit, position) = (|which| self.params.limit(which), drone.body.position);
        let [low, very_low, critical] =
            [Limit::BatteryLow, Limit::BatteryVeryLow, Limit::BatteryCritical].map(limit);
        let faults = &drone.faults;
        drone.landed == Landed::InAir
            && matches!(drone.task, Task::Swarm { .. } | Task::Errand { .. } | Task::Hold { at: Some(_) })
            && drone.order.is_none()
            && !drone.stumbled
            && faults.motor.is_none()
            && faults.gps_until < self.tick
            && faults.link_until < self.tick
            && Stage::at(battery_pct, low, very_low, critical) == drone.stage
            && self.scene.fences.iter().any(|fence| fence.is_breached_at(position)) == drone.breach
            && !self.scene.obstacles.iter().any(|obstacle| obstacle.gap(position).0 < -TOUCH_M)
    }
}
