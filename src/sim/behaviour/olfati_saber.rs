//! Olfati-Saber 2006 (IEEE Trans. Autom. Control 51:401): α-agents that form a lattice, β-agents on obstacles,
//! a γ-agent to follow.
//!
//! A double integrator: with `dynamics.model = "kinematic"`, `update = "forward"` and short ticks (0.01 s) the velocity
//! grows by the acceleration of each tick; a quadcopter leads it through its velocity loop. Known weakness: the
//! repulsion is finite at distance zero, so drones may coincide; watch the near misses, not the lattice.

use super::super::Vec3;
use super::super::dynamics::Dynamics;
use super::super::params::Spec;
use super::super::pilot::Percept;
use super::super::scene::{Footprint, Obstacle};
use super::Behaviour;

/// The behaviour.
pub static OLFATI_SABER: Behaviour = Behaviour {
    name: "olfati_saber",
    title: "Olfati-Saber lattice",
    params: &PARAMS,
    rule: velocity,
    together: None,
};

const DISTANCE: usize = 0;
const RANGE: usize = 1;
const OBSTACLE_DISTANCE: usize = 2;
const EPSILON: usize = 3;
const A: usize = 4;
const B: usize = 5;
const H_ALPHA: usize = 6;
const H_BETA: usize = 7;
const C_ALPHA: usize = 8;
const C_BETA: usize = 9;
const C_GAMMA: usize = 10;
const GOAL_E: usize = 11;
const GOAL_N: usize = 12;
const GOAL_U: usize = 13;

static PARAMS: [Spec; 14] = [
    Spec::amount("distance_m", "Distance of the lattice", "m", [0.1, 1000.0, 0.1, 7.0]),
    Spec::amount("range", "Range of interaction, times the distance", "", [1.0, 10.0, 0.05, 1.2]),
    Spec::amount(
        "obstacle_distance",
        "Distance to obstacles, times the distance",
        "",
        [0.01, 10.0, 0.05, 0.6],
    ),
    Spec::amount("epsilon", "ε of the σ-norm", "", [0.001, 10.0, 0.01, 0.1]),
    Spec::amount("a", "Attraction", "", [0.01, 1000.0, 0.5, 5.0]),
    Spec::amount("b", "Repulsion", "", [0.01, 1000.0, 0.5, 5.0]),
    Spec::amount("h_alpha", "Where the bump between drones starts to fall", "", [0.0, 0.99, 0.05, 0.2]),
    Spec::amount("h_beta", "Where the bump at obstacles starts to fall", "", [0.0, 0.99, 0.05, 0.9]),
    Spec::amount("c_alpha", "Gain between drones", "1/s²", [0.0, 10_000.0, 1.0, 30.0]),
    Spec::amount("c_beta", "Gain at obstacles", "1/s²", [0.0, 10_000.0, 10.0, 300.0]),
    Spec::amount("c_gamma", "Gain of the goal, 0 = none", "1/s²", [0.0, 10_000.0, 0.1, 0.0]),
    Spec::amount("goal_e_m", "Goal, east", "m", [-100_000.0, 100_000.0, 1.0, 0.0]),
    Spec::amount("goal_n_m", "Goal, north", "m", [-100_000.0, 100_000.0, 1.0, 0.0]),
    Spec::amount("goal_u_m", "Goal, up", "m", [-100_000.0, 100_000.0, 1.0, 10.0]),
];

/// The velocity that follows from the sum of the three accelerations. Velocity gains are `2 √c`.
fn velocity(p: &Percept, numbers: &[f64]) -> Vec3 {
    let accel = alpha(p, numbers) + beta(p, numbers) + gamma(p, numbers);
    match p.dynamics {
        Dynamics::Kinematic => p.velocity() + accel * p.tick_s,
        Dynamics::Robotsim => p.velocity() + accel * p.params.law(super::super::params::Law::Lag),
        Dynamics::Quad => p.velocity() + accel.clamp_norm(p.kind.accel_mps2_max) * p.kind.lag_s,
    }
}

fn alpha(p: &Percept, numbers: &[f64]) -> Vec3 {
    let epsilon = numbers[EPSILON];
    let range = numbers[RANGE] * numbers[DISTANCE];
    let (r, d) =
        (sigma_norm2(range * range, epsilon), sigma_norm2(numbers[DISTANCE] * numbers[DISTANCE], epsilon));
    let (gain, damping) = (numbers[C_ALPHA], 2.0 * numbers[C_ALPHA].sqrt());
    let (velocity, mut sum) = (p.velocity(), Vec3::ZERO);
    p.each_neighbour(range, |offset, other| {
        let distance2 = offset.norm2();
        let z = sigma_norm2(distance2, epsilon);
        let near = bump(z / r, numbers[H_ALPHA]);
        let normal = offset / (1.0 + epsilon * distance2).sqrt();
        sum += normal * (gain * near * uneven_sigmoid(z - d, numbers[A], numbers[B]));
        sum += (other - velocity) * (damping * near);
    });
    sum
}

fn beta(p: &Percept, numbers: &[f64]) -> Vec3 {
    let epsilon = numbers[EPSILON];
    let distance = numbers[OBSTACLE_DISTANCE] * numbers[DISTANCE];
    let d = sigma_norm2(distance * distance, epsilon);
    let (gain, damping) = (numbers[C_BETA], 2.0 * numbers[C_BETA].sqrt());
    let (position, velocity, mut sum) = (p.position(), p.velocity(), Vec3::ZERO);
    for obstacle in &p.scene.obstacles {
        let Some((place, moving)) = shadow(obstacle, position, velocity) else { continue };
        let offset = place - position;
        let distance2 = offset.norm2();
        let z = sigma_norm2(distance2, epsilon);
        let near = bump(z / d, numbers[H_BETA]);
        if near > 0.0 {
            let normal = offset / (1.0 + epsilon * distance2).sqrt();
            sum += normal * (gain * near * (sigmoid(z - d) - 1.0)) + (moving - velocity) * (damping * near);
        }
    }
    sum
}

/// The β-agent of an obstacle: its place on the surface and its velocity along it. Cylinders count as the circles
/// of the paper; a box as the wall that is nearest.
fn shadow(obstacle: &Obstacle, position: Vec3, velocity: Vec3) -> Option<(Vec3, Vec3)> {
    let (gap, towards) = obstacle.gap(position);
    if gap <= 0.0 {
        return None;
    }
    let along = velocity - towards * velocity.dot(towards);
    let shrink = match obstacle.footprint {
        Footprint::Cylinder { radius } => radius / (radius + gap),
        Footprint::Box { .. } => 1.0,
    };
    Some((position + towards * gap, along * shrink))
}

fn gamma(p: &Percept, numbers: &[f64]) -> Vec3 {
    let gain = numbers[C_GAMMA];
    if gain == 0.0 {
        return Vec3::ZERO;
    }
    let goal = Vec3::new(numbers[GOAL_E], numbers[GOAL_N], numbers[GOAL_U]);
    p.space.offset(p.position(), goal) * gain - p.velocity() * (2.0 * gain.sqrt())
}

/// `(√(1 + ε|z|²) − 1) / ε` of a squared length.
fn sigma_norm2(length2: f64, epsilon: f64) -> f64 {
    ((1.0 + epsilon * length2).sqrt() - 1.0) / epsilon
}

/// 1 up to `h`, then half a cosine down to 0 at 1.
fn bump(z: f64, h: f64) -> f64 {
    if z < h {
        1.0
    } else if z <= 1.0 {
        0.5 * (1.0 + libm::cos(std::f64::consts::PI * (z - h) / (1.0 - h)))
    } else {
        0.0
    }
}

fn sigmoid(z: f64) -> f64 {
    z / (1.0 + z * z).sqrt()
}

/// `φ(z) = ½ ((a + b) σ₁(z + c) + (a − b))`, which is zero at zero.
fn uneven_sigmoid(z: f64, a: f64, b: f64) -> f64 {
    let c = (a - b).abs() / (4.0 * a * b).sqrt();
    0.5 * ((a + b) * sigmoid(z + c) + (a - b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beta_agents_are_the_projections_of_the_paper() {
        let obstacle =
            |footprint| Obstacle { name: "o".into(), footprint, center: [0.0, 0.0], height_m: 30.0 };
        let (position, velocity) = (Vec3::new(10.0, 0.0, 5.0), Vec3::new(1.0, 2.0, 0.5));
        // A circle of radius 6: μ = 0.6, q̂ = μ q + (1 − μ) y, p̂ = μ P p.
        let (place, moving) =
            shadow(&obstacle(Footprint::Cylinder { radius: 6.0 }), position, velocity).unwrap();
        assert!(place.distance(Vec3::new(6.0, 0.0, 5.0)) < 1e-12);
        assert!(moving.distance(Vec3::new(0.0, 1.2, 0.3)) < 1e-12, "{moving:?}");
        // A wall with its normal to the east: q̂ = P q + (I − P) y, p̂ = P p.
        let (place, moving) =
            shadow(&obstacle(Footprint::Box { size: [8.0, 90.0] }), position, velocity).unwrap();
        assert!(place.distance(Vec3::new(4.0, 0.0, 5.0)) < 1e-12);
        assert!(moving.distance(Vec3::new(0.0, 2.0, 0.5)) < 1e-12, "{moving:?}");
    }

    #[test]
    fn the_functions_have_their_published_values() {
        assert_eq!(sigma_norm2(0.0, 0.1), 0.0);
        assert!((sigma_norm2(49.0, 0.1) - 14.289_9).abs() < 1e-4);
        assert_eq!(
            [bump(0.1, 0.2), bump(0.6, 0.2), bump(1.1, 0.2)].map(|b| (b * 1e9).round() / 1e9),
            [1.0, 0.5, 0.0]
        );
        assert!(uneven_sigmoid(0.0, 1.0, 5.0).abs() < 1e-12 && uneven_sigmoid(0.0, 5.0, 5.0) == 0.0);
        assert!(uneven_sigmoid(-3.0, 1.0, 5.0) < 0.0 && uneven_sigmoid(3.0, 1.0, 5.0) > 0.0);
    }
}
