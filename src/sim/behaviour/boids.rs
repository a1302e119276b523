//! Boids: separation, alignment and cohesion as steering (Reynolds 1987, 1999), made safe for drones.
//!
//! Unlike the rule that agent-based frameworks compare themselves with, separation grows as drones come closer, so
//! the flock keeps its spacing for hours. Speed is held near a cruise, altitude within a band, and walls turn the
//! flock instead of stopping it. Defaults for radii, view and weights are ours; see each parameter.

use super::super::Vec3;
use super::super::avoidance::scene_gaps;
use super::super::drone::Drone;
use super::super::geodesy;
use super::super::params::Spec;
use super::super::pilot::Percept;
use super::super::rng::{Channel, Stream};
use super::Behaviour;

/// The behaviour.
pub static BOIDS: Behaviour = Behaviour { name: "boids", title: "Boids", params: &PARAMS, rule: velocity };

const SEPARATION: usize = 0;
const ALIGNMENT: usize = 1;
const COHESION: usize = 2;
const VIEW: usize = 3;
const SEPARATION_WEIGHT: usize = 4;
const ALIGNMENT_WEIGHT: usize = 5;
const COHESION_WEIGHT: usize = 6;
const SPEED: usize = 7;
const ACCEL: usize = 8;
const ALTITUDE: usize = 9;
const BAND: usize = 10;
const WALL: usize = 11;
const WANDER: usize = 12;

const fn spec(name: &'static str, label: &'static str, unit: &'static str, numbers: [f64; 4]) -> Spec {
    Spec::amount(name, label, unit, numbers)
}

static PARAMS: [Spec; 13] = [
    spec("separation_m", "Separation radius", "m", [0.5, 50.0, 0.5, 6.0]),
    spec("alignment_m", "Alignment radius", "m", [1.0, 60.0, 1.0, 14.0]),
    spec("cohesion_m", "Cohesion radius", "m", [1.0, 60.0, 1.0, 16.0]),
    spec("view_deg", "Field of view", "deg", [10.0, 360.0, 5.0, 300.0]),
    spec("separation_weight", "Separation", "", [0.0, 10.0, 0.1, 1.5]),
    spec("alignment_weight", "Alignment", "", [0.0, 10.0, 0.1, 1.0]),
    spec("cohesion_weight", "Cohesion", "", [0.0, 10.0, 0.1, 1.0]),
    spec("speed_mps", "Cruise speed", "m/s", [0.5, 50.0, 0.5, 6.0]),
    spec("accel_mps2", "Largest acceleration", "m/s²", [0.1, 30.0, 0.1, 4.0]),
    spec("altitude_m", "Middle of the altitude band", "m", [2.0, 500.0, 1.0, 35.0]),
    spec("band_m", "Half width of the altitude band", "m", [0.5, 200.0, 0.5, 12.0]),
    spec("wall_m", "Distance at which walls turn the flock", "m", [1.0, 60.0, 1.0, 20.0]),
    spec("wander_mps2", "Restlessness", "m/s²", [0.0, 10.0, 0.1, 0.6]),
];

/// Ticks for which a drone keeps its whim.
const WHIM_TICKS: u64 = 50;

/// Velocity in m/s that leads to the wanted acceleration through the drone's velocity loop. O(neighbours), no
/// allocation; the result does not depend on the order of evaluation among drones.
fn velocity(p: &Percept, numbers: &[f64]) -> Vec3 {
    let body = &p.me.body;
    let flock = Flock::seen_by(p, numbers);
    // Walls first; the flock gets what acceleration is left (prioritised steering, Reynolds 1999).
    let away = walls(p, body.velocity, numbers).clamp_norm(numbers[ACCEL]);
    let others = flock.steering(body.velocity, numbers)
        + cruise(p.me, numbers)
        + altitude(body.position.z, body.velocity.z, numbers)
        + whim(p, numbers);
    let accel = away + others.clamp_norm(numbers[ACCEL] - 0.8 * away.norm());
    body.velocity + accel * p.kind.lag_s
}

/// Sums over the flockmates that a drone sees.
#[derive(Default)]
struct Flock {
    push: Vec3,
    velocities: Vec3,
    aligned: f64,
    offsets: Vec3,
    cohesive: f64,
}

impl Flock {
    fn seen_by(p: &Percept, numbers: &[f64]) -> Flock {
        let mut flock = Flock::default();
        let me = p.me;
        let ahead = me.body.velocity.unit();
        let blind = libm::cos((numbers[VIEW] / 2.0).to_radians());
        let radius = numbers[SEPARATION].max(numbers[ALIGNMENT]).max(numbers[COHESION]);
        let (separation, alignment2, cohesion2) = (
            numbers[SEPARATION],
            numbers[ALIGNMENT] * numbers[ALIGNMENT],
            numbers[COHESION] * numbers[COHESION],
        );
        p.each_neighbour(radius, |offset, velocity| {
            let distance2 = offset.norm2();
            if distance2 == 0.0 {
                return;
            }
            let distance = distance2.sqrt();
            if distance < separation {
                // Behind or not: whoever is too near is noticed.
                flock.push -= offset * ((separation / distance - 1.0) / distance);
            }
            if ahead.dot(offset) < blind * distance {
                return;
            }
            if distance2 <= alignment2 {
                flock.velocities += velocity;
                flock.aligned += 1.0;
            }
            if distance2 <= cohesion2 {
                flock.offsets += offset;
                flock.cohesive += 1.0;
            }
        });
        flock
    }

    fn steering(&self, velocity: Vec3, numbers: &[f64]) -> Vec3 {
        let mut accel = self.push * (numbers[SEPARATION_WEIGHT] * numbers[ACCEL]);
        if self.aligned > 0.0 {
            accel += (self.velocities / self.aligned - velocity) * numbers[ALIGNMENT_WEIGHT];
        }
        if self.cohesive > 0.0 {
            let middle = self.offsets / self.cohesive;
            accel += middle * (numbers[COHESION_WEIGHT] * 0.25 * numbers[ACCEL] / numbers[COHESION]);
        }
        accel.clamp_norm(2.0 * numbers[ACCEL])
    }
}

/// Back to the cruise speed along the present course; a drone at rest starts where it looks.
fn cruise(me: &Drone, numbers: &[f64]) -> Vec3 {
    let velocity = me.body.velocity;
    let speed = velocity.horizontal_norm();
    let course =
        if speed > 0.3 { velocity.horizontal() / speed } else { geodesy::direction_of(me.heading_deg()) };
    course * (numbers[SPEED] - speed) - Vec3::UP * (0.5 * velocity.z)
}

/// Back into the altitude band.
fn altitude(z: f64, climb: f64, numbers: &[f64]) -> Vec3 {
    let off = z - numbers[ALTITUDE];
    let beyond = off - off.clamp(-numbers[BAND], numbers[BAND]);
    if beyond == 0.0 { Vec3::ZERO } else { Vec3::UP * (-0.5 * beyond - climb) }
}

/// Away from walls, harder the nearer, and along them rather than back.
fn walls(p: &Percept, velocity: Vec3, numbers: &[f64]) -> Vec3 {
    let (range, mut sum) = (numbers[WALL], Vec3::ZERO);
    scene_gaps(p, range, |normal, gap| {
        let nearness = 1.0 - (gap / range).clamp(0.0, 1.0);
        let along = (velocity - normal * velocity.dot(normal)).horizontal().unit();
        let approaching = velocity.dot(normal).max(0.0) / numbers[SPEED].max(0.1);
        sum += (along * (0.5 * approaching) - normal) * (2.0 * numbers[ACCEL] * nearness * nearness);
    });
    sum
}

/// A slowly changing push to the side, different for every drone.
fn whim(p: &Percept, numbers: &[f64]) -> Vec3 {
    if numbers[WANDER] == 0.0 {
        return Vec3::ZERO;
    }
    // Everyone changes their mind at a time of their own.
    let period = (p.tick + u64::from(p.me.serial) * 7) / WHIM_TICKS;
    let mut stream = Stream::new(p.seed, p.me.serial, period, Channel::Wander);
    let (e, n) = (stream.between(-1.0, 1.0), stream.between(-1.0, 1.0));
    Vec3::new(e, n, 0.3 * stream.between(-1.0, 1.0)) * numbers[WANDER]
}
