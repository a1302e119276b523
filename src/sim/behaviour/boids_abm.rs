//! The flocking rule by which agent-based frameworks compare themselves (`JuliaDynamics/ABMFrameworksComparison`,
//! Mesa's `boid_flockers`, FLAME GPU's boids): synchronous, on a torus, at constant speed.
//!
//! A model in its own units: `dynamics.model = "kinematic"`, `update = "forward"`, ticks of 1 s. Its separation is
//! too weak to hold a spacing for long; drones fly `boids`.

use super::super::Vec3;
use super::super::params::Spec;
use super::super::pilot::Percept;
use super::Behaviour;

/// The behaviour.
pub static BOIDS_ABM: Behaviour =
    Behaviour { name: "boids_abm", title: "Boids (framework comparison)", params: &PARAMS, rule: velocity };

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
fn velocity(p: &Percept, numbers: &[f64]) -> Vec3 {
    let (mut offsets, mut near, mut velocities, mut count) = (Vec3::ZERO, Vec3::ZERO, Vec3::ZERO, 0.0f64);
    let separation2 = numbers[SEPARATION] * numbers[SEPARATION];
    // The comparison's velocities are unit vectors.
    let unit = if numbers[SPEED] > 0.0 { 1.0 / numbers[SPEED] } else { 0.0 };
    p.each_neighbour(numbers[VISION], |offset, velocity| {
        count += 1.0;
        offsets += offset;
        velocities += velocity * unit;
        if offset.norm2() < separation2 {
            near += offset;
        }
    });
    let sum = offsets * numbers[COHERE] - near * numbers[SEPARATE] + velocities * numbers[MATCH];
    (p.velocity() * unit + sum / count.max(1.0)).unit() * numbers[SPEED]
}
