//! The flocking rule by which agent-based frameworks compare themselves (`JuliaDynamics/ABMFrameworksComparison`,
//! Mesa's `boid_flockers`, FLAME GPU's boids): synchronous, on a torus, at constant speed.
//!
//! A model in its own units: `dynamics.model = "kinematic"`, `update = "forward"`, ticks of 1 s. Its separation is
//! too weak to hold a spacing for long; drones fly `boids`.

use super::super::Vec3;
use super::super::flocking::{self, Flocking, SUMS, Sums, in_order};
use super::super::lanes::{Lanes, Vectors};
use super::super::params::Spec;
use super::super::pilot::Percept;
use super::Behaviour;

/// The behaviour.
pub static BOIDS_ABM: Behaviour = Behaviour {
    name: "boids_abm",
    title: "Boids (framework comparison)",
    params: &PARAMS,
    rule: flocking::alone::<Rule>,
    together: Some(flocking::together::<Rule>),
};

const SPEED: usize = 0;
const VISION: usize = 1;
const SEPARATION: usize = 2;
const COHERE: usize = 3;
const SEPARATE: usize = 4;
const MATCH: usize = 5;

static PARAMS: [Spec; 6] = [
    Spec::amount("speed_mps", "Speed", "m/s", [0.0, 100.0, 0.1, 1.0]),
    Spec::amount("vision_m", "Vision", "m", [0.0, 1000.0, 0.5, 5.0]),
    Spec::amount("separation_m", "Separation radius", "m", [0.0, 1000.0, 0.1, 1.0]),
    Spec::amount("cohere", "Cohesion", "", [0.0, 10.0, 0.005, 0.03]),
    Spec::amount("separate", "Separation", "", [0.0, 10.0, 0.005, 0.015]),
    Spec::amount("match", "Alignment", "", [0.0, 10.0, 0.005, 0.05]),
];

/// `v ← û(v + (c_coh Σ(r_j − r) − c_sep Σ_near(r_j − r) + c_mat Σ v_j) / max(N, 1))`, as a velocity.
struct Rule {
    speed: f64,
    /// The comparison's velocities are unit vectors.
    unit: f64,
    vision: f64,
    separation2: f64,
    cohere: f64,
    separate: f64,
    alike: f64,
}

#[derive(Clone, Copy)]
struct Met<N> {
    count: N,
    offsets: Vectors<N>,
    near: Vectors<N>,
    velocities: Vectors<N>,
}

impl Flocking for Rule {
    type Gathering<N: Lanes> = Met<N>;

    #[inline(always)]
    fn by(numbers: &[f64]) -> Rule {
        Rule {
            speed: numbers[SPEED],
            unit: if numbers[SPEED] > 0.0 { 1.0 / numbers[SPEED] } else { 0.0 },
            vision: numbers[VISION],
            separation2: numbers[SEPARATION] * numbers[SEPARATION],
            cohere: numbers[COHERE],
            separate: numbers[SEPARATE],
            alike: numbers[MATCH],
        }
    }

    fn reach_m(&self) -> f64 {
        self.vision
    }

    #[inline(always)]
    fn begin<N: Lanes>(&self, own: Vectors<N>, _: Vectors<N>) -> Met<N> {
        let none = Vectors::same(own.x, Vec3::ZERO);
        Met { count: none.x, offsets: none, near: none, velocities: none }
    }

    #[inline(always)]
    fn meet<N: Lanes>(&self, all: &mut Met<N>, counts: N::Mask, offsets: Vectors<N>, velocity: Vec3) {
        let like = all.count;
        all.count = (like + like.same(1.0)).where_or(counts, like);
        all.offsets = (all.offsets + offsets).where_or(counts, all.offsets);
        let velocity = Vectors::same(like, velocity * self.unit);
        all.velocities = (all.velocities + velocity).where_or(counts, all.velocities);
        let near = counts & offsets.norm2().is_below(like.same(self.separation2));
        if N::any(near) {
            all.near = (all.near + offsets).where_or(near, all.near);
        }
    }

    #[inline(always)]
    fn sums<N: Lanes>(all: Met<N>) -> [N; SUMS] {
        in_order([all.offsets, all.near, all.velocities], [all.count])
    }

    #[inline(always)]
    fn conclude(&self, p: &Percept, sums: &Sums) -> Vec3 {
        let [offsets, near, velocities] = [0, 1, 2].map(|k| sums.vector(k));
        let sum = offsets * self.cohere - near * self.separate + velocities * self.alike;
        (p.velocity() * self.unit + sum / sums.single(3, 0).max(1.0)).unit() * self.speed
    }
}
