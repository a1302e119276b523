//! Consensus with offsets (Olfati-Saber, Murray 2004): `u_i = −k Σ_j a_ij ((r_i − δ_i) − (r_j − δ_j))` over a fixed
//! graph of those who fly it, in order of creation. The error decays as `e^(−k λ₂ t)`, λ₂ the second eigenvalue of the
//! graph's Laplacian. Of second order (Ren, Beard 2008) the rule gives accelerations, `−k Σ_j a_ij ((r_i − δ_i) − (r_j −
//! δ_j)) − k_v Σ_j a_ij (v_i − v_j)`, and each mode decays as the slower root of `s² + k_v λ s + k λ`. The offsets form a
//! line to the east; without spacing everyone meets.

use super::super::Vec3;
use super::super::dynamics::Dynamics;
use super::super::params::{Law, Spec};
use super::super::pilot::Percept;
use super::Behaviour;

/// The behaviour.
pub static CONSENSUS: Behaviour =
    Behaviour { name: "consensus", title: "Consensus", params: &PARAMS, rule: velocity, together: None };

const GAIN: usize = 0;
const SPACING: usize = 1;
const GRAPH: usize = 2;
const ORDER: usize = 3;
const DAMPING: usize = 4;

static PARAMS: [Spec; 5] = [
    Spec::amount("gain", "Gain", "1/s", [0.0, 100.0, 0.1, 0.5]),
    Spec::amount("spacing_m", "Distance of neighbours in the line", "m", [0.0, 1000.0, 0.5, 5.0]),
    Spec::choice("graph", "Who listens to whom", &["ring", "path", "complete"]),
    Spec::choice("order", "What the rule gives: velocities or accelerations", &["first", "second"]),
    Spec::amount("damping", "Gain of velocities (second order)", "1/s", [0.0, 100.0, 0.1, 1.0]),
];

/// O(drones): everyone in the behaviour has to be counted, though only those who are heard are listened to.
fn velocity(p: &Percept, numbers: &[f64]) -> Vec3 {
    let mine = p.traffic_behaviour();
    let members = || p.drones.iter().enumerate().filter(|(_, d)| p.behaviour_of(d) == mine);
    let (mut rank, mut count) = (0, 0);
    for (index, _) in members() {
        rank += usize::from(index < p.index);
        count += 1;
    }
    let (own, mut sum, mut apart_in_speed) = (p.velocity(), Vec3::ZERO, Vec3::ZERO);
    for (other, (_, drone)) in members().enumerate() {
        let apart = other.abs_diff(rank);
        let linked = match numbers[GRAPH] as u8 {
            0 => apart == 1 || (count > 2 && apart == count - 1),
            1 => apart == 1,
            _ => apart > 0,
        };
        let told = if linked { p.heard(drone) } else { None };
        if let Some(told) = told {
            let steps = rank as f64 - other as f64;
            sum +=
                p.space.offset(p.position(), told.position) + Vec3::new(steps * numbers[SPACING], 0.0, 0.0);
            apart_in_speed += told.velocity - own;
        }
    }
    if numbers[ORDER] == 0.0 {
        return sum * numbers[GAIN];
    }
    let accel = sum * numbers[GAIN] + apart_in_speed * numbers[DAMPING];
    match p.dynamics {
        Dynamics::Kinematic => own + accel * p.tick_s,
        Dynamics::Robotsim => own + accel * p.params.law(Law::Lag),
        Dynamics::Quad => own + accel.clamp_norm(p.kind.accel_mps2_max) * p.kind.lag_s,
    }
}
