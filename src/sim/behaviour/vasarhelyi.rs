//! Vásárhelyi, Virágh, Somorjai, Nepusz, Eiben, Vicsek 2018 (Science Robotics 3:eaat3536): optimised flocking of real
//! drones in a closed space. Repulsion, friction of the velocities along a braking curve, shill agents at the walls.
//!
//! With `dynamics.model = "robotsim"`, ticks of 0.2 s in 20 substeps and the `gps` and `radio` of a scenario this is
//! the authors' program (`csviragh/robotsim`), which the reference trajectories come from. `speed_rule = "rescale"` is
//! what that program does, `cutoff` what the paper says.

use super::super::Vec3;
use super::super::dynamics::{Dynamics, braking_speed, stopping_distance};
use super::super::flocking::{self, Flocking, SUMS, Sums, in_order};
use super::super::lanes::{Lanes, Vectors};
use super::super::params::Spec;
use super::super::pilot::Percept;
use super::super::space::Space;
use super::Behaviour;

/// The behaviour. Defaults are the set of the paper for 4 m/s.
pub static VASARHELYI: Behaviour = Behaviour {
    name: "vasarhelyi",
    title: "Vásárhelyi flocking",
    params: &PARAMS,
    rule: flocking::alone::<Rule>,
    together: Some(flocking::together::<Rule>),
};

const FLOCK_SPEED: usize = 0;
const SPEED_MAX: usize = 1;
const SPEED_RULE: usize = 2;
const REPULSION: usize = 3;
const REPULSION_GAIN: usize = 4;
const REPULSION_MAX: usize = 5;
const FRICTION: usize = 6;
const FRICTION_SHARE: usize = 7;
const FRICTION_SPEED: usize = 8;
const FRICTION_GAIN: usize = 9;
const FRICTION_ACCEL: usize = 10;
const SHILL: usize = 11;
const SHILL_SPEED: usize = 12;
const SHILL_GAIN: usize = 13;
const SHILL_ACCEL: usize = 14;
const ARENA: usize = 15;
const ARENA_SIZE: usize = 16;
const ARENA_E: usize = 17;
const ARENA_N: usize = 18;
const VIEW: usize = 19;
const ALTITUDE: usize = 20;

static PARAMS: [Spec; 21] = [
    Spec::amount("flock_mps", "Flocking speed", "m/s", [0.0, 50.0, 0.5, 4.0]),
    Spec::amount("speed_mps_max", "Largest speed", "m/s", [0.1, 50.0, 0.5, 8.0]),
    Spec::choice("speed_rule", "How the sum becomes a velocity", &["cutoff", "rescale"]),
    Spec::amount("repulsion_m", "Repulsion below", "m", [0.0, 500.0, 0.1, 25.6]),
    Spec::amount("repulsion_gain", "Repulsion", "1/s", [0.0, 20.0, 0.01, 0.13]),
    Spec::amount("repulsion_mps_max", "Largest repulsion", "m/s", [0.0, 10_000.0, 1.0, 10_000.0]),
    Spec::amount("friction_m", "Friction's distance", "m", [0.0, 500.0, 0.1, 85.3]),
    Spec::amount("friction", "Friction", "", [0.0, 10.0, 0.01, 0.05]),
    Spec::amount("friction_mps", "Difference of velocity left alone", "m/s", [0.0, 50.0, 0.01, 0.63]),
    Spec::amount("friction_gain", "Friction's braking gain", "1/s", [0.01, 100.0, 0.1, 3.2]),
    Spec::amount("friction_mps2", "Friction's braking", "m/s²", [0.01, 100.0, 0.1, 4.16]),
    Spec::amount("shill_m", "Walls' distance", "m", [0.0, 500.0, 0.1, 0.3]),
    Spec::amount("shill_mps", "Speed of shill agents", "m/s", [0.0, 100.0, 0.1, 13.6]),
    Spec::amount("shill_gain", "Walls' braking gain", "1/s", [0.01, 100.0, 0.1, 3.55]),
    Spec::amount("shill_mps2", "Walls' braking", "m/s²", [0.01, 100.0, 0.1, 3.02]),
    Spec::choice("arena", "Shape of the arena", &["square", "circle", "none"]),
    Spec::amount("arena_m", "Half side or radius of the arena", "m", [1.0, 100_000.0, 1.0, 125.0]),
    Spec::amount("arena_e_m", "Middle of the arena, east", "m", [-100_000.0, 100_000.0, 1.0, 0.0]),
    Spec::amount("arena_n_m", "Middle of the arena, north", "m", [-100_000.0, 100_000.0, 1.0, 0.0]),
    Spec::amount("view_m", "Distance of interaction", "m", [1.0, 1000.0, 1.0, 100.0]),
    Spec::amount("altitude_m", "Altitude of quadcopters", "m", [2.0, 500.0, 1.0, 20.0]),
];

/// The numbers of the schema.
struct Rule([f64; PARAMS.len()]);

#[derive(Clone, Copy)]
struct Met<N> {
    own: Vectors<N>,
    sum: Vectors<N>,
}

impl Flocking for Rule {
    type Gathering<N: Lanes> = Met<N>;

    #[inline(always)]
    fn by(numbers: &[f64]) -> Rule {
        Rule(std::array::from_fn(|k| numbers[k]))
    }

    fn reach_m(&self) -> f64 {
        self.0[VIEW]
    }

    #[inline(always)]
    fn begin<N: Lanes>(&self, own: Vectors<N>, _: Vectors<N>) -> Met<N> {
        Met { own, sum: Vectors::same(own.x, Vec3::ZERO) }
    }

    /// Repulsion from those too near, and friction with all.
    #[inline(always)]
    fn meet<N: Lanes>(&self, all: &mut Met<N>, counts: N::Mask, offsets: Vectors<N>, velocity: Vec3) {
        let same = |number: f64| offsets.x.same(number);
        let zero = same(0.0);
        let distances2 = offsets.norm2();
        let mut sum = all.sum;
        let maybe_near = counts & distances2.is_below(same(self.0[REPULSION] * self.0[REPULSION] * ABOVE));
        if N::any(maybe_near) {
            let (distances, repulsion) = (distances2.root(), same(self.0[REPULSION]));
            let near = maybe_near & zero.is_below(distances) & distances.is_below(repulsion);
            let pull = same(self.0[REPULSION_GAIN]) * (repulsion - distances);
            let most = same(self.0[REPULSION_MAX]);
            let push = offsets * (pull.where_or(pull.is_below(most), most) / distances);
            sum = (sum - push).where_or(near, sum);
        }
        let mut slack = same(self.0[FRICTION_SPEED]);
        // Nearer than friction's distance nothing can be braked.
        let far = counts & same(self.0[FRICTION] * self.0[FRICTION] * BELOW).is_at_most(distances2);
        if N::any(far) {
            let braking = self.braking(distances2.root() - same(self.0[FRICTION]));
            slack = braking.where_or(far & slack.is_below(braking), slack);
        }
        // Towards the other's velocity. Some ports have this sign the other way round, which drives flocks apart.
        let differences = Vectors::same(zero, velocity) - all.own;
        let speeds2 = differences.norm2();
        let maybe_fast = counts & (slack * slack * same(BELOW)).is_at_most(speeds2);
        if N::any(maybe_fast) {
            let speeds = speeds2.root();
            let fast = maybe_fast & slack.is_below(speeds);
            let excess = differences * ((speeds - slack) / speeds);
            sum = (sum + excess * same(self.0[FRICTION_SHARE])).where_or(fast, sum);
        }
        all.sum = sum.where_or(counts, all.sum);
    }

    #[inline(always)]
    fn sums<N: Lanes>(all: Met<N>) -> [N; SUMS] {
        in_order([all.sum], [])
    }

    fn conclude(&self, p: &Percept, sums: &Sums) -> Vec3 {
        let (numbers, own) = (&self.0, p.velocity());
        let sum = own.unit() * numbers[FLOCK_SPEED] + sums.vector(0) + walls(p, own, numbers);
        let limited = match numbers[SPEED_RULE] > 0.0 {
            true => sum.unit() * numbers[FLOCK_SPEED],
            false => sum.clamp_norm(numbers[SPEED_MAX]),
        };
        match p.dynamics {
            Dynamics::Quad => limited.at_altitude(0.5 * (numbers[ALTITUDE] - p.position().z)),
            Dynamics::Kinematic | Dynamics::Robotsim => limited,
        }
    }
}

impl Rule {
    /// [`braking_speed`] for friction, lane by lane.
    #[inline(always)]
    fn braking<N: Lanes>(&self, distances: N) -> N {
        let same = |number: f64| distances.same(number);
        let (accel, gain) = (self.0[FRICTION_ACCEL], self.0[FRICTION_GAIN]);
        let zero = same(0.0);
        let linear = distances * same(gain);
        let squares = distances * same(2.0 * accel) - same(accel * accel / (gain * gain));
        let speeds = linear.where_or((linear * same(gain)).is_below(same(accel)), squares.root());
        zero.where_or(distances.is_at_most(zero), speeds)
    }
}

/// Shill agents: virtual neighbours that come from the walls and obstacles.
fn walls(p: &Percept, own: Vec3, numbers: &[f64]) -> Vec3 {
    let shill = |away: Vec3, distance: f64| {
        let most = braking_speed(distance - numbers[SHILL], numbers[SHILL_ACCEL], numbers[SHILL_GAIN]);
        excess(away * numbers[SHILL_SPEED] - own, most)
    };
    let place = p.position() - Vec3::new(numbers[ARENA_E], numbers[ARENA_N], 0.0);
    let size = numbers[ARENA_SIZE];
    let inwards = |x: f64| if x > 0.0 { -1.0 } else { 1.0 };
    let arena = match numbers[ARENA] as u8 {
        // The nearer wall of each axis.
        0 => {
            shill(Vec3::new(inwards(place.x), 0.0, 0.0), size - place.x.abs())
                + shill(Vec3::new(0.0, inwards(place.y), 0.0), size - place.y.abs())
        }
        1 => shill(-place.horizontal().unit(), size - place.horizontal_norm()),
        _ => Vec3::ZERO,
    };
    p.scene.obstacles.iter().fold(arena, |sum, obstacle| {
        let (gap, towards) = obstacle.gap(p.position());
        sum + shill(-towards, gap)
    })
}

/// What figures about a flock go by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Flock {
    /// Drones nearer than this are in one cluster: the distance of friction and the way to stop from the flocking speed.
    pub cluster_m: f64,
    /// The flocking speed.
    pub flock_mps: f64,
    /// Whether the arena is a square, its half side or radius, its middle.
    pub arena: Option<(bool, f64, Vec3)>,
}

impl Flock {
    /// What the parameters of the behaviour say.
    pub fn new(numbers: &[f64]) -> Flock {
        let (speed, accel, gain) = (numbers[FLOCK_SPEED], numbers[FRICTION_ACCEL], numbers[FRICTION_GAIN]);
        let middle = Vec3::new(numbers[ARENA_E], numbers[ARENA_N], 0.0);
        Flock {
            cluster_m: numbers[FRICTION] + stopping_distance(speed, accel, gain),
            flock_mps: speed,
            arena: (numbers[ARENA] < 2.0).then_some((numbers[ARENA] == 0.0, numbers[ARENA_SIZE], middle)),
        }
    }

    /// Whether there is an arena.
    pub fn has_arena(&self) -> bool {
        self.arena.is_some()
    }

    /// How far outside the arena a place is, 0 inside.
    pub fn outside_m(&self, space: &Space, place: Vec3) -> Option<f64> {
        let (is_square, size, middle) = self.arena?;
        let off = space.offset(middle, place).horizontal();
        let beyond = |x: f64| (x.abs() - size).max(0.0);
        Some(match is_square {
            true => Vec3::new(beyond(off.x), beyond(off.y), 0.0).norm(),
            false => beyond(off.norm()),
        })
    }
}

/// Factors that decide by squares, without a root, what rounding cannot change.
const BELOW: f64 = 1.0 - 1e-9;
const ABOVE: f64 = 1.0 + 1e-9;

/// What of a difference of velocities is more than `most`.
fn excess(difference: Vec3, most: f64) -> Vec3 {
    let speed2 = difference.norm2();
    if speed2 < most * most * BELOW {
        return Vec3::ZERO;
    }
    let speed = speed2.sqrt();
    if speed > most { difference * ((speed - most) / speed) } else { Vec3::ZERO }
}
