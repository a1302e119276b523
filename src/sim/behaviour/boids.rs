//! Boids: separation, alignment and cohesion as steering (Reynolds 1987, 1999), made safe for drones.
//!
//! Unlike the rule that agent-based frameworks compare themselves with, separation grows as drones come closer, so
//! the flock keeps its spacing for hours. Speed is held near a cruise, altitude within a band, and walls turn the
//! flock instead of stopping it. Defaults for radii, view and weights are ours; see each parameter.

use super::super::Vec3;
use super::super::avoidance::scene_gaps;
use super::super::drone::Drone;
use super::super::flocking::{self, Flocking, SUMS, Sums, in_order};
use super::super::geodesy;
use super::super::lanes::{Lanes, Vectors};
use super::super::params::Spec;
use super::super::pilot::Percept;
use super::super::rng::{Channel, Stream};
use super::Behaviour;

/// The behaviour.
pub static BOIDS: Behaviour = Behaviour {
    name: "boids",
    title: "Boids",
    params: &PARAMS,
    rule: flocking::alone::<Rule>,
    together: Some(flocking::together::<Rule>),
};

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

/// The numbers of the schema.
struct Rule([f64; PARAMS.len()]);

/// Sums over the flockmates that a drone sees, and what it sees them by.
#[derive(Clone, Copy)]
struct Met<N> {
    push: Vectors<N>,
    velocities: Vectors<N>,
    aligned: N,
    offsets: Vectors<N>,
    cohesive: N,
    ahead: Vectors<N>,
    /// Cosine of half the field of view.
    blind: N,
}

impl Flocking for Rule {
    type Gathering<N: Lanes> = Met<N>;

    #[inline(always)]
    fn by(numbers: &[f64]) -> Rule {
        Rule(std::array::from_fn(|k| numbers[k]))
    }

    #[inline(always)]
    fn reach_m(&self) -> f64 {
        self.0[SEPARATION].max(self.0[ALIGNMENT]).max(self.0[COHESION])
    }

    #[inline(always)]
    fn begin<N: Lanes>(&self, _: Vectors<N>, velocities: Vectors<N>) -> Met<N> {
        let none = Vectors::same(velocities.x, Vec3::ZERO);
        Met {
            push: none,
            velocities: none,
            aligned: none.x,
            offsets: none,
            cohesive: none.x,
            ahead: velocities.unit(),
            blind: none.x.same(libm::cos((self.0[VIEW] / 2.0).to_radians())),
        }
    }

    #[inline(always)]
    fn meet<N: Lanes>(&self, all: &mut Met<N>, counts: N::Mask, offsets: Vectors<N>, velocity: Vec3) {
        let same = |number: f64| offsets.x.same(number);
        let (zero, one, separation) = (same(0.0), same(1.0), same(self.0[SEPARATION]));
        let distances2 = offsets.norm2();
        let counts = counts & zero.is_below(distances2);
        let distances = distances2.root();
        // Behind or not: whoever is too near is noticed.
        let too_near = counts & distances.is_below(separation);
        if N::any(too_near) {
            let push = all.push - offsets * ((separation / distances - one) / distances);
            all.push = push.where_or(too_near, all.push);
        }
        let seen = counts & (all.blind * distances).is_at_most(all.ahead.dot(offsets));
        let aligned = seen & distances2.is_at_most(same(self.0[ALIGNMENT] * self.0[ALIGNMENT]));
        let velocities = all.velocities + Vectors::same(zero, velocity);
        all.velocities = velocities.where_or(aligned, all.velocities);
        all.aligned = (all.aligned + one).where_or(aligned, all.aligned);
        let cohesive = seen & distances2.is_at_most(same(self.0[COHESION] * self.0[COHESION]));
        all.offsets = (all.offsets + offsets).where_or(cohesive, all.offsets);
        all.cohesive = (all.cohesive + one).where_or(cohesive, all.cohesive);
    }

    #[inline(always)]
    fn sums<N: Lanes>(all: Met<N>) -> [N; SUMS] {
        in_order([all.push, all.velocities, all.offsets], [all.aligned, all.cohesive])
    }

    /// The velocity that leads to the wanted acceleration through the drone's velocity loop.
    fn conclude(&self, p: &Percept, sums: &Sums) -> Vec3 {
        let (body, numbers) = (&p.me.body, &self.0);
        // Walls first; the flock gets what acceleration is left (prioritised steering, Reynolds 1999).
        let away = walls(p, body.velocity, numbers).clamp_norm(numbers[ACCEL]);
        let others = steering(sums, body.velocity, numbers)
            + cruise(p.me, numbers)
            + altitude(body.position.z, body.velocity.z, numbers)
            + whim(p, numbers);
        let accel = away + others.clamp_norm(numbers[ACCEL] - 0.8 * away.norm());
        body.velocity + accel * p.kind.lag_s
    }
}

/// What the flockmates ask for.
fn steering(sums: &Sums, velocity: Vec3, numbers: &[f64]) -> Vec3 {
    let [push, velocities, offsets] = [0, 1, 2].map(|k| sums.vector(k));
    let (aligned, cohesive) = (sums.single(3, 0), sums.single(3, 1));
    let mut accel = push * (numbers[SEPARATION_WEIGHT] * numbers[ACCEL]);
    if aligned > 0.0 {
        accel += (velocities / aligned - velocity) * numbers[ALIGNMENT_WEIGHT];
    }
    if cohesive > 0.0 {
        let middle = offsets / cohesive;
        accel += middle * (numbers[COHESION_WEIGHT] * 0.25 * numbers[ACCEL] / numbers[COHESION]);
    }
    accel.clamp_norm(2.0 * numbers[ACCEL])
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
