//! Olfati-Saber 2006: two drones come to rest at the distance of the lattice. Consensus: the rate of agreement.

use super::{Case, Vec3, world};

pub const CASES: &[Case] = &[
    Case {
        name: "olfati-saber-pair-near",
        source: "Olfati-Saber 2006, eq. 15: two alpha-agents from 6.5 m rest at d = 7",
        expected: 7.0,
        tolerance: 5e-7,
        quick: true,
        run: || pair(6.5),
    },
    Case {
        name: "olfati-saber-pair-far",
        source: "Olfati-Saber 2006, eq. 15: two alpha-agents from 8.0 m rest at d = 7",
        expected: 7.0,
        tolerance: 5e-7,
        quick: true,
        run: || pair(8.0),
    },
    // λ₂ of the Laplacian: 2 − 2 cos(2π/8), 2 − 2 cos(π/8), 8.
    rate("consensus-ring", 0.585_786_437_626_905, || consensus("ring")),
    rate("consensus-path", 0.152_240_934_977_427, || consensus("path")),
    rate("consensus-complete", 8.0, || consensus("complete")),
    // The slower root of s² + 8 λ₂ s + λ₂, λ₂ of the path.
    Case {
        name: "consensus-second-order",
        source: "Ren, Beard 2008: among 8 in a path, gains 1 and 8, the slowest mode decays at the root of s^2 + 8 lambda2 s + lambda2",
        expected: 0.141421333760927,
        tolerance: 0.0007,
        quick: true,
        run: second_order,
    },
];

const fn rate(name: &'static str, expected: f64, run: fn() -> f64) -> Case {
    let source = "Olfati-Saber, Murray 2004: the error of consensus among 8 decays as exp(-k lambda2 t)";
    Case { name, source, expected, tolerance: 0.005 * expected, quick: true, run }
}

/// The distance of two drones after 100 s.
fn pair(distance: f64) -> f64 {
    let text = format!(
        "name = \"pair\"\n[time]\ntick_s = 0.01\nsubsteps = 1\n\
         [dynamics]\nmodel = \"kinematic\"\nupdate = \"forward\"\n\
         [[drones]]\ntype = \"quad\"\nposition = [0.0, 0.0]\naltitude_m = 10.0\nbehavior = \"olfati_saber\"\n\
         [[drones]]\ntype = \"quad\"\nposition = [{distance}, 0.0]\naltitude_m = 10.0\nbehavior = \"olfati_saber\"\n"
    );
    let Some(mut world) = world(&text, 1) else { return f64::NAN };
    (0..10_000).for_each(|_| world.advance());
    world.drones()[0].position().distance(world.drones()[1].position())
}

const COUNT: u32 = 8;
const TICK_S: f64 = 0.001;

/// The measured rate of decay of the slowest mode, divided by the gain.
fn consensus(graph: &str) -> f64 {
    decay(graph, "", 0, 1_000)
}

/// The same from 10 s on, when the faster root of the mode has died away.
fn second_order() -> f64 {
    decay("path", "order = \"second\"\ndamping = 8.0\n", 10_000, 10_000)
}

/// Rate of decay of the error over `ticks` ticks after `before` others, from rest in the slowest mode.
fn decay(graph: &str, more: &str, before: u32, ticks: u32) -> f64 {
    let mut text = format!(
        "name = \"consensus\"\n[time]\ntick_s = {TICK_S}\nsubsteps = 1\n\
         [dynamics]\nmodel = \"kinematic\"\nupdate = \"forward\"\n\
         [behavior.consensus]\ngain = 1.0\nspacing_m = 0.0\ngraph = \"{graph}\"\n{more}"
    );
    for i in 0..COUNT {
        // The slowest mode of a ring is a circle; that of a path half a cosine.
        let (turn, half) =
            (std::f64::consts::TAU / f64::from(COUNT), std::f64::consts::PI / f64::from(COUNT));
        let [e, n] = match graph {
            "path" => [libm::cos(half * (f64::from(i) + 0.5)), 0.0],
            _ => [libm::cos(turn * f64::from(i)), libm::sin(turn * f64::from(i))],
        };
        text += &format!(
            "[[drones]]\ntype = \"quad\"\nposition = [{:.17}, {:.17}]\naltitude_m = 10.0\nbehavior = \"consensus\"\n",
            1000.0 * e,
            1000.0 * n
        );
    }
    let Some(mut world) = world(&text, 1) else { return f64::NAN };
    let error = |world: &super::World| {
        let positions = || world.drones().iter().map(|d| d.position());
        let middle = positions().fold(Vec3::ZERO, |a, b| a + b) / f64::from(COUNT);
        positions().map(|p| (p - middle).norm2()).sum::<f64>().sqrt()
    };
    (0..before).for_each(|_| world.advance());
    let first = error(&world);
    (0..ticks).for_each(|_| world.advance());
    -libm::log(error(&world) / first) / (TICK_S * f64::from(ticks))
}
