//! Couzin 2002: swarm, torus and parallel group, by the width of the zone of orientation.

use super::{Case, Vec3, World, mean, polarization, world};

pub const CASES: &[Case] = &[
    case("couzin-swarm-polarization", 0.1, 0.15, || run(0.0, polarization)),
    case("couzin-swarm-milling", 0.15, 0.2, || run(0.0, milling)),
    case("couzin-torus-milling", 0.69, 0.1, || run(2.0, milling)),
    case("couzin-parallel-polarization-4", 0.998, 0.004, || run(4.0, polarization)),
    case("couzin-parallel-polarization-8", 0.998, 0.004, || run(8.0, polarization)),
];

const fn case(name: &'static str, expected: f64, tolerance: f64, run: fn() -> f64) -> Case {
    let source = "Couzin et al. 2002, N = 100, attraction 14, 5,000 steps, mean of the last 1,000; see its Figs. 2 and 3";
    Case { name, source, expected, tolerance, quick: false, run }
}

fn run(orientation: f64, look: fn(&World) -> f64) -> f64 {
    let text = format!(
        "name = \"couzin\"\n[time]\ntick_s = 0.1\nsubsteps = 1\n\
         [dynamics]\nmodel = \"kinematic\"\nupdate = \"forward\"\n\
         [limits]\naltitude_m_max = 1000.0\n[behavior.couzin]\norientation_m = {orientation}\n\
         [[drones]]\ntype = \"quad\"\ncount = 100\nbehavior = \"couzin\"\naltitude_m = [500.0, 508.0]\n\
         box = {{ min = [0.0, 0.0], max = [8.0, 8.0] }}\n\
         velocity = {{ speed_mps = 3.0, direction = \"space\" }}\n"
    );
    mean(world(&text, 1), 4_000, 5_000, look)
}

/// `|Σ û(r_i − c) × v̂_i| / N`.
pub fn milling(world: &World) -> f64 {
    let n = world.drones().len() as f64;
    let middle = world.drones().iter().fold(Vec3::ZERO, |sum, d| sum + d.position()) / n;
    let spin =
        |sum: Vec3, d: &super::super::Drone| sum + (d.position() - middle).unit().cross(d.velocity().unit());
    world.drones().iter().fold(Vec3::ZERO, spin).norm() / n
}
