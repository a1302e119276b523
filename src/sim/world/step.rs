//! The second half of a tick: what the pilots want meets physics.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::super::battery;
use super::super::drone::{Drone, Landed, Task};
use super::super::drone_type::DroneType;
use super::super::dynamics::{Dynamics, Response, lag_step, turn_towards};
use super::super::params::{Law, Params};
use super::super::rng::{Channel, Stream};
use super::super::scenario::POSITION_MAX;
use super::super::scene::Scene;
use super::super::sensors::{Fix, Moment};
use super::super::wind::Wind;
use super::super::{Alone, Crew, Intent, Level, Scenario, Tick, Vec3, geodesy};
use super::World;

/// A drone within this distance of its home, on the ground, is charged.
const PAD_RADIUS_M: f64 = 2.0;

impl World {
    /// One tick. `intents[i]` is what the pilot of drone `i` wants; `None`: it did not answer and keeps its last
    /// intent; [`Intent::Crashed`]: it goes into a failsafe. A list that is too short counts as `None` for the rest.
    pub fn step(&mut self, intents: &[Option<Intent>]) {
        self.step_with(intents, &Alone);
    }

    /// As [`World::step`], with help. The crew's size does not change a bit.
    pub fn step_with(&mut self, intents: &[Option<Intent>], crew: &impl Crew) {
        for index in 0..self.drones.len() {
            self.adopt(index, intents.get(index).copied().flatten());
        }
        self.missed.clear();
        let tick_s = self.tick_s();
        self.wind.advance(self.seed, self.tick, tick_s);
        let motion = Motion {
            scenario: &self.scenario,
            scene: &self.scene,
            responses: &self.responses,
            params: &self.params,
            wind: &self.wind,
            seed: self.seed,
            tick: self.tick,
            imperfect: self.imperfect,
            end: Moment {
                params: &self.params,
                rhythm: self.rhythm(),
                seed: self.seed,
                tick: self.tick + 1,
                dt: tick_s,
                flat: self.scenario.dynamics != Dynamics::Quad,
            },
        };
        crew.each(&mut self.drones, |_, drone| motion.advance(drone));
        self.tick += 1;
        for index in 0..self.drones.len() {
            if std::mem::take(&mut self.drones[index].stumbled) {
                self.quarantine(index, "a state that is not finite");
            }
            self.judge(index);
        }
        self.freeze();
    }

    /// One whole tick on this thread: every pilot decides, then the world steps. The reference for all other ways.
    pub fn advance(&mut self) {
        self.advance_with(&Alone);
    }

    /// As [`World::advance`], with help. The crew's size does not change a bit.
    pub fn advance_with(&mut self, crew: &impl Crew) {
        let mut intents = std::mem::take(&mut self.intents);
        self.decide_all(&mut intents, crew);
        self.step_with(&intents, crew);
        self.intents = intents;
    }

    /// What every drone wants, as [`World::decide_or_crash`] says. `intents` is kept from tick to tick by the caller.
    pub fn decide_all(&self, intents: &mut Vec<Option<Intent>>, crew: &impl Crew) {
        intents.resize(self.drones.len(), None);
        crew.each(intents, |index, intent| *intent = self.decide_or_crash(index));
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
}

/// What moves drones for one tick. Nobody looks at anybody else meanwhile, so any thread may move any drone.
struct Motion<'a> {
    scenario: &'a Scenario,
    scene: &'a Scene,
    responses: &'a [Response],
    params: &'a Params,
    wind: &'a Wind,
    seed: u64,
    tick: Tick,
    imperfect: bool,
    /// The end of the tick, when sensors look.
    end: Moment<'a>,
}

impl Motion<'_> {
    fn advance(&self, drone: &mut Drone) {
        let before = drone.body;
        match self.scenario.dynamics {
            Dynamics::Quad => self.advance_quad(drone),
            Dynamics::Kinematic | Dynamics::Robotsim => self.advance_point(drone),
        }
        if !drone.body.is_finite() {
            drone.body = before;
            drone.stumbled = true;
        }
        if self.imperfect {
            self.sense(drone);
        }
    }

    fn advance_quad(&self, drone: &mut Drone) {
        let (scenario, tick_s) = (self.scenario, self.scenario.tick_s);
        let (own, z) = (drone.body.gust, drone.body.position.z);
        let gust = self.wind.advance_own(own, z, self.seed, drone.serial, self.tick, tick_s);
        let wind = self.wind.at(gust, z);
        let kind = &scenario.types[usize::from(drone.kind)];
        drone.body.gust = gust;
        if drone.landed == Landed::OnGround {
            drone.body.velocity = Vec3::ZERO;
            drone.body.accel = Vec3::ZERO;
            drone.body.rejected_wind = wind;
            stand(drone, kind, tick_s);
            return;
        }
        let response = &self.responses[usize::from(drone.kind)];
        let blind = self.tick < drone.faults.gps_until;
        fly(drone, kind, response, self.scene, wind, scenario.substeps, blind);
        discharge(drone, kind, wind, tick_s);
        if let Some(heading) = drone.heading_command {
            drone.body.heading_deg = turn_towards(drone.body.heading_deg, heading, kind.yaw_dps_max * tick_s);
        }
    }

    /// A body under one of the abstract laws: no battery, no wind, no ground while it flies a behaviour.
    fn advance_point(&self, drone: &mut Drone) {
        if drone.landed == Landed::OnGround {
            drone.body.velocity = Vec3::ZERO;
            return;
        }
        match self.scenario.dynamics {
            Dynamics::Robotsim => self.lag(drone),
            Dynamics::Quad | Dynamics::Kinematic => self.shift(drone),
        }
        let Drone { body, task, .. } = drone;
        body.position = self.scenario.space.wrap(body.position).max(-POSITION_MAX).min(POSITION_MAX);
        body.heading_deg = geodesy::heading_deg(body.velocity).unwrap_or(body.heading_deg);
        if !matches!(task, Task::Swarm { .. }) {
            body.position.z = body.position.z.max(self.scene.ground_under(body.position));
        }
    }

    /// At once at the velocity that it wants.
    fn shift(&self, Drone { body, command, .. }: &mut Drone) {
        let tick_s = self.scenario.tick_s;
        let forward = self.params.law(Law::Update) > 0.0;
        body.position += if forward { *command } else { body.velocity } * tick_s;
        body.accel = (*command - body.velocity) / tick_s;
        body.velocity = *command;
    }

    /// Behind a lag, kicked at random.
    fn lag(&self, Drone { body, command, serial, sensors, .. }: &mut Drone) {
        let limits = [self.params.law(Law::Lag), self.params.law(Law::Accel)];
        let dt = self.scenario.tick_s / f64::from(self.scenario.substeps);
        let strength = (2.0 * self.params.law(Law::Noise) * dt).sqrt();
        let error = if self.imperfect { sensors.velocity_error(body.velocity) } else { Vec3::ZERO };
        let mut stream = Stream::new(self.seed, *serial, self.tick, Channel::Kick);
        for _ in 0..self.scenario.substeps {
            let kick = if strength > 0.0 {
                let (a, b) = stream.gaussian_pair();
                Vec3::new(a, b, 0.0) * strength
            } else {
                Vec3::ZERO
            };
            lag_step(body, *command, body.velocity + error, limits, kick, dt);
        }
    }

    /// Its sensor looks, and its transmitter sends, at the end of the tick: others hear of it in the next.
    fn sense(&self, drone: &mut Drone) {
        let truth = Fix { position: drone.body.position, velocity: drone.body.velocity };
        drone.sensors.advance(truth, drone.serial, &self.end);
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
