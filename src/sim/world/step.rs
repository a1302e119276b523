//! The second half of a tick: what the pilots want meets physics.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::super::battery;
use super::super::drone::{Drone, Landed, Task};
use super::super::drone_type::DroneType;
use super::super::dynamics::{Dynamics, Response, lag_step, turn_towards};
use super::super::params::Law;
use super::super::rng::{Channel, Stream};
use super::super::scenario::POSITION_MAX;
use super::super::scene::Scene;
use super::super::sensors::{Fix, Moment};
use super::super::{Intent, Level, Vec3, geodesy};
use super::World;

/// A drone within this distance of its home, on the ground, is charged.
const PAD_RADIUS_M: f64 = 2.0;

impl World {
    /// One tick. `intents[i]` is what the pilot of drone `i` wants; `None`: it did not answer and keeps its last
    /// intent; [`Intent::Crashed`]: it goes into a failsafe. A list that is too short counts as `None` for the rest.
    pub fn step(&mut self, intents: &[Option<Intent>]) {
        for index in 0..self.drones.len() {
            self.adopt(index, intents.get(index).copied().flatten());
        }
        self.missed.clear();
        let tick_s = self.tick_s();
        self.wind.advance(self.seed, self.tick, tick_s);
        for index in 0..self.drones.len() {
            match self.scenario.dynamics {
                Dynamics::Quad => self.move_one(index),
                Dynamics::Kinematic | Dynamics::Robotsim => self.move_point(index),
            }
        }
        self.tick += 1;
        if self.imperfect {
            self.sense();
        }
        for index in 0..self.drones.len() {
            self.judge(index);
        }
        self.freeze();
    }

    /// One whole tick on this thread: every pilot decides, then the world steps. The reference for all other ways.
    pub fn advance(&mut self) {
        let mut intents = std::mem::take(&mut self.intents);
        intents.clear();
        intents.extend((0..self.drones.len()).map(|index| self.decide_or_crash(index)));
        self.step(&intents);
        self.intents = intents;
    }

    /// What drone `index` wants; a panic becomes [`Intent::Crashed`], an announced miss becomes `None`.
    pub fn decide_or_crash(&self, index: usize) -> Option<Intent> {
        if self.missed.binary_search(&self.drones[index].serial).is_ok() {
            return None;
        }
        Some(catch_unwind(AssertUnwindSafe(|| self.decide(index))).unwrap_or(Intent::Crashed))
    }

    fn adopt(&mut self, index: usize, intent: Option<Intent>) {
        match intent {
            Some(Intent::Fly { velocity, heading_deg, memory })
                if velocity.is_finite() && heading_deg.is_none_or(f64::is_finite) =>
            {
                let drone = &mut self.drones[index];
                drone.command = velocity;
                drone.heading_command = heading_deg;
                drone.memory = memory;
            }
            Some(Intent::Fly { .. }) => self.quarantine(index, "an intent that is not finite"),
            Some(Intent::Crashed) => self.restart(index),
            None => {
                self.tell_of(index, Level::Warning, "intent_missed", "no intent in time; the last one stands")
            }
        }
    }

    fn move_one(&mut self, index: usize) {
        let drone = &self.drones[index];
        let (serial, before) = (drone.serial, drone.body);
        let tick_s = self.scenario.tick_s;
        let gust =
            self.wind.advance_own(before.gust, before.position.z, self.seed, serial, self.tick, tick_s);
        let wind = self.wind.at(gust, before.position.z);
        let blind = self.tick < drone.faults.gps_until;
        let kind = &self.scenario.types[usize::from(drone.kind)];
        let response = &self.responses[usize::from(drone.kind)];
        let drone = &mut self.drones[index];
        drone.body.gust = gust;
        if drone.landed == Landed::OnGround {
            drone.body.velocity = Vec3::ZERO;
            drone.body.accel = Vec3::ZERO;
            drone.body.rejected_wind = wind;
            stand(drone, kind, tick_s);
        } else {
            fly(drone, kind, response, &self.scene, wind, self.scenario.substeps, blind);
            discharge(drone, kind, wind, tick_s);
            if let Some(heading) = drone.heading_command {
                drone.body.heading_deg =
                    turn_towards(drone.body.heading_deg, heading, kind.yaw_dps_max * tick_s);
            }
        }
        if !self.drones[index].body.is_finite() {
            self.drones[index].body = before;
            self.quarantine(index, "a state that is not finite");
        }
    }
}

impl World {
    /// One tick of a body under one of the abstract laws: no battery, no wind, no ground while it flies a behaviour.
    fn move_point(&mut self, index: usize) {
        let (tick_s, substeps) = (self.scenario.tick_s, self.scenario.substeps);
        let Drone { serial, landed, command, body, sensors, task, .. } = &mut self.drones[index];
        let (before, command) = (*body, *command);
        if *landed == Landed::OnGround {
            body.velocity = Vec3::ZERO;
            return;
        }
        if self.scenario.dynamics == Dynamics::Kinematic {
            let forward = self.params.law(Law::Update) > 0.0;
            body.position += if forward { command } else { body.velocity } * tick_s;
            body.accel = (command - body.velocity) / tick_s;
            body.velocity = command;
        } else {
            let limits = [self.params.law(Law::Lag), self.params.law(Law::Accel)];
            let dt = tick_s / f64::from(substeps);
            let strength = (2.0 * self.params.law(Law::Noise) * dt).sqrt();
            let error = if self.imperfect { sensors.velocity_error(body.velocity) } else { Vec3::ZERO };
            let mut stream = Stream::new(self.seed, *serial, self.tick, Channel::Kick);
            for _ in 0..substeps {
                let kick = if strength > 0.0 {
                    let (a, b) = stream.gaussian_pair();
                    Vec3::new(a, b, 0.0) * strength
                } else {
                    Vec3::ZERO
                };
                lag_step(body, command, body.velocity + error, limits, kick, dt);
            }
        }
        body.position = self.scenario.space.wrap(body.position).max(-POSITION_MAX).min(POSITION_MAX);
        body.heading_deg = geodesy::heading_deg(body.velocity).unwrap_or(body.heading_deg);
        if !matches!(task, Task::Swarm { .. }) {
            body.position.z = body.position.z.max(self.scene.ground_under(body.position));
        }
        if !body.is_finite() {
            *body = before;
            self.quarantine(index, "a state that is not finite");
        }
    }

    /// Sensors look, and transmitters send, after everyone has moved.
    fn sense(&mut self) {
        let now = Moment {
            params: &self.params,
            rhythm: self.rhythm(),
            seed: self.seed,
            tick: self.tick,
            dt: self.scenario.tick_s,
            flat: self.scenario.dynamics != Dynamics::Quad,
        };
        for drone in &mut self.drones {
            let truth = Fix { position: drone.body.position, velocity: drone.body.velocity };
            drone.sensors.advance(truth, drone.serial, &now);
        }
    }
}

fn fly(
    drone: &mut Drone,
    kind: &DroneType,
    response: &Response,
    scene: &Scene,
    wind: Vec3,
    substeps: u32,
    blind: bool,
) {
    let thrust = drone.faults.motor.unwrap_or(1.0);
    let ground = scene.ground_under(drone.body.position);
    for _ in 0..substeps {
        if drone.task == Task::Fall {
            response.fall(&mut drone.body, wind);
        } else {
            if blind {
                // Nothing to hold against: the wind carries it along.
                drone.body.rejected_wind = Vec3::ZERO;
            }
            response.fly(&mut drone.body, drone.command, wind, kind, thrust);
        }
        let body = &mut drone.body;
        body.position = body.position.max(-POSITION_MAX).min(POSITION_MAX);
        if body.position.z <= ground {
            // The speed of a fall stays for the judge of the impact.
            body.position.z = ground;
            if drone.task != Task::Fall {
                body.velocity.z = body.velocity.z.max(0.0);
            }
            return;
        }
    }
}

/// Uses up charge in the air. A tether feeds from the ground.
fn discharge(drone: &mut Drone, kind: &DroneType, wind: Vec3, tick_s: f64) {
    if drone.task == Task::Fall {
        return;
    }
    let through_air = (drone.body.velocity - wind).horizontal_norm();
    let mut watts = -battery::flight_w(kind, through_air, drone.body.velocity.z);
    if kind.tether_m > 0.0 && drone.body.position.distance(drone.home) <= kind.tether_m {
        watts += kind.charge_w;
    }
    charge(drone, kind, watts * tick_s);
}

/// Charges on the home pad; armed motors idle.
fn stand(drone: &mut Drone, kind: &DroneType, tick_s: f64) {
    let at_home = drone.body.position.distance(drone.home) <= PAD_RADIUS_M;
    let idle = if drone.armed { kind.idle_w } else { 0.0 };
    let feed = if at_home { kind.charge_w } else { 0.0 };
    charge(drone, kind, (feed - idle) * tick_s);
}

fn charge(drone: &mut Drone, kind: &DroneType, joules: f64) {
    drone.battery_j = (drone.battery_j + joules).clamp(0.0, kind.battery_j());
}
