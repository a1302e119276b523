//! How drones move in one tick. Nobody looks at anybody else meanwhile, so any thread may move any drone.

use super::super::battery;
use super::super::drone::{Drone, Landed, Task};
use super::super::drone_type::DroneType;
use super::super::dynamics::{Dynamics, Response, lag_step, turn_towards};
use super::super::lanes::LANES;
use super::super::params::{Law, Params};
use super::super::rng::{Channel, Stream, gaussian_vectors_of};
use super::super::scenario::POSITION_MAX;
use super::super::scene::Scene;
use super::super::sensors::{Fix, Moment, Noise};
use super::super::wind::{Gusts, Wind};
use super::super::{Scenario, Tick, Vec3, geodesy};

/// A drone within this distance of its home, on the ground, is charged.
const PAD_RADIUS_M: f64 = 2.0;

/// What moves drones for one tick.
pub(super) struct Motion<'a> {
    pub scenario: &'a Scenario,
    pub scene: &'a Scene,
    pub responses: &'a [Response],
    pub params: &'a Params,
    pub wind: &'a Wind,
    pub gusts: Gusts<'a>,
    pub seed: u64,
    pub tick: Tick,
    pub imperfect: bool,
    /// The end of the tick, when sensors look.
    pub end: Moment<'a>,
}

/// What up to [`LANES`] drones draw in a tick.
#[derive(Default)]
pub(super) struct Draws {
    gusts: [Vec3; LANES],
    noises: [Noise; LANES],
}

impl Motion<'_> {
    /// Draws for up to [`LANES`] drones what each of them needs: side by side that takes little longer than for one.
    pub fn draw(&self, drones: &[Drone]) -> Draws {
        let mut draws = Draws::default();
        let serials = std::array::from_fn(|lane| drones.get(lane).map_or(0, |drone| drone.serial));
        let is_calm = self.gusts.are_calm() && drones.iter().all(|drone| drone.body.gust == Vec3::ZERO);
        if self.scenario.dynamics == Dynamics::Quad && !is_calm {
            draws.gusts = gaussian_vectors_of(self.seed, serials, self.tick, Channel::OwnGust, 0, false);
        }
        if self.imperfect {
            draws.noises = Noise::of(serials, &self.end);
        }
        draws
    }

    /// One tick of the drone in a lane of `draws`, whose pilot has said what it wants.
    pub fn advance(&self, drone: &mut Drone, draws: &Draws, lane: usize) {
        let before = drone.body;
        match self.scenario.dynamics {
            Dynamics::Quad => self.advance_quad(drone, draws.gusts[lane]),
            Dynamics::Kinematic | Dynamics::Robotsim => self.advance_point(drone),
        }
        if !drone.body.is_finite() {
            drone.body = before;
            drone.stumbled = true;
        }
        if self.imperfect {
            self.sense(drone, &draws.noises[lane]);
        }
    }

    fn advance_quad(&self, drone: &mut Drone, draw: Vec3) {
        let (scenario, tick_s) = (self.scenario, self.scenario.tick_s);
        let (own, z) = (drone.body.gust, drone.body.position.z);
        let gust = self.gusts.advance(own, z, || draw);
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
        if let Some(heading) = drone.heading_command.towards(drone.command) {
            drone.body.heading_deg = turn_towards(drone.body.heading_deg, heading, kind.yaw_dps_max * tick_s);
        }
    }

    /// A body under one of the abstract laws: no battery, no wind, no ground while it flies a behaviour.
    fn advance_point(&self, drone: &mut Drone) {
        if drone.landed == Landed::OnGround {
            drone.keep_heading();
            drone.body.velocity = Vec3::ZERO;
            return;
        }
        let course = drone.body.velocity;
        match self.scenario.dynamics {
            Dynamics::Robotsim => self.lag(drone),
            Dynamics::Quad | Dynamics::Kinematic => self.shift(drone),
        }
        let Drone { body, task, .. } = drone;
        body.position = self.scenario.space.wrap(body.position).max(-POSITION_MAX).min(POSITION_MAX);
        if body.velocity.horizontal_norm() < geodesy::STILL {
            body.heading_deg = geodesy::heading_deg(course).unwrap_or(body.heading_deg);
        }
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
        let mut kicks = [[0.0; LANES]; 2];
        for lane in (0..LANES).cycle().take(self.scenario.substeps as usize) {
            if lane == 0 && strength > 0.0 {
                kicks = stream.gaussian_pairs();
            }
            let kick = Vec3::new(kicks[0][lane], kicks[1][lane], 0.0) * strength;
            lag_step(body, *command, body.velocity + error, limits, kick, dt);
        }
    }

    /// Its sensor looks, and its transmitter sends, at the end of the tick: others hear of it in the next.
    fn sense(&self, drone: &mut Drone, noise: &Noise) {
        let truth = Fix { position: drone.body.position, velocity: drone.body.velocity };
        drone.sensors.advance(truth, noise, drone.serial, &self.end);
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
