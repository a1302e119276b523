//! Vicsek, Czirók, Ben-Jacob, Cohen, Shochet 1995 (Phys. Rev. Lett. 75:1226): everyone takes the mean direction of
//! those within a radius, themselves included, plus noise.
//!
//! A model in its own units: fly it with `dynamics.model = "kinematic"`, ticks of 1 s and a torus. Which velocity
//! moves a point is `dynamics.update`: `old_heading` as in the paper, or `forward`; the two give different numbers.

use super::super::Vec3;
use super::super::geodesy;
use super::super::params::Spec;
use super::super::pilot::Percept;
use super::super::rng::{Channel, Stream};
use super::Behaviour;

/// The behaviour.
pub static VICSEK: Behaviour =
    Behaviour { name: "vicsek", title: "Vicsek", params: &PARAMS, rule: velocity, together: None };

const SPEED: usize = 0;
const RADIUS: usize = 1;
const NOISE: usize = 2;

static PARAMS: [Spec; 3] = [
    Spec::amount("speed_mps", "Speed", "m/s", [0.0, 100.0, 0.01, 0.03]),
    Spec::amount("radius_m", "Radius of interaction", "m", [0.0, 1000.0, 0.1, 1.0]),
    Spec::amount("noise_rad", "Width of the noise", "rad", [0.0, std::f64::consts::TAU, 0.05, 1.0]),
];

fn velocity(p: &Percept, numbers: &[f64]) -> Vec3 {
    let mut sum = direction(p);
    p.each_neighbour(numbers[RADIUS], |_, velocity| sum += velocity.horizontal().unit());
    let noise = Stream::new(p.seed, p.me.serial(), p.tick, Channel::Rule).between(-0.5, 0.5) * numbers[NOISE];
    turned(sum, noise).unit() * numbers[SPEED]
}

/// Where the drone flies to; at rest, where it looks.
fn direction(p: &Percept) -> Vec3 {
    match p.velocity().horizontal().unit() {
        Vec3::ZERO => geodesy::direction_of(p.me.heading_deg()),
        unit => unit,
    }
}

/// `v` turned counter-clockwise by an angle in radians.
fn turned(v: Vec3, angle: f64) -> Vec3 {
    let (sin, cos) = libm::sincos(angle);
    Vec3::new(v.x * cos - v.y * sin, v.x * sin + v.y * cos, v.z)
}
