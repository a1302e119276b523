//! Vicsek 1995: the order parameter against noise.

use super::{Case, World, mean, polarization, world};

pub const CASES: &[Case] = &[
    limit("vicsek-limit-40", 0.140_34, || exact_limit(40)),
    limit("vicsek-limit-100", 0.088_68, || exact_limit(100)),
    limit("vicsek-limit-400", 0.044_32, || exact_limit(400)),
    figure("vicsek-fig2a-eta1", 0.9574, || order(1.0, "old_heading", 100_000)),
    figure("vicsek-fig2a-eta2", 0.8358, || order(2.0, "old_heading", 100_000)),
    figure("vicsek-fig2a-eta3", 0.6522, || order(3.0, "old_heading", 200_000)),
    figure("vicsek-fig2a-eta4", 0.4267, || order(4.0, "old_heading", 400_000)),
    update("vicsek-40-forward-eta4", 0.4173, 0.0025, || order(4.0, "forward", 400_000)),
    update("vicsek-100-old-eta4", 0.3624, 0.007, || order_of(100, 5.0, 4.0, "old_heading", 200_000)),
    update("vicsek-100-forward-eta4", 0.3324, 0.007, || order_of(100, 5.0, 4.0, "forward", 200_000)),
    Case {
        name: "vicsek-fig2a-eta1-short",
        source: "Vicsek et al. 1995, Fig. 2a, N = 40, L = 3.1, eta = 1, the first 5,000 steps",
        expected: 0.9574,
        tolerance: 0.0057,
        quick: true,
        run: || order(1.0, "old_heading", 5_000),
    },
];

const fn limit(name: &'static str, expected: f64, run: fn() -> f64) -> Case {
    let source = "Vicsek et al. 1995 with eta = 2 pi: N^-1 times the integral of (1 - J0(t)^N)/t^2, exact";
    Case { name, source, expected, tolerance: 0.025 * expected, quick: expected > 0.1, run }
}

const fn figure(name: &'static str, expected: f64, run: fn() -> f64) -> Case {
    let source = "Vicsek et al. 1995, Fig. 2a, N = 40, L = 3.1, v = 0.03, r = 1, old heading; recomputed independently";
    Case { name, source, expected, tolerance: 0.005 * expected, quick: false, run }
}

/// Which heading moves the point: their numbers differ.
const fn update(name: &'static str, expected: f64, tolerance: f64, run: fn() -> f64) -> Case {
    let source = "Vicsek et al. 1995, N = 40 or 100, rho = 4, by old heading and forward update; recomputed independently";
    Case { name, source, expected, tolerance, quick: false, run }
}

fn text(count: u32, size: f64, noise: f64, update: &str) -> String {
    format!(
        "name = \"vicsek\"\n[time]\ntick_s = 1.0\nsubsteps = 1\n\
         [space]\nshape = \"torus\"\nsize_m = [{size}, {size}]\n\
         [dynamics]\nmodel = \"kinematic\"\nupdate = \"{update}\"\n\
         [limits]\nnear_miss_m = 0.1\n[metrics]\nlink_m = 1.0\n[behavior.vicsek]\nnoise_rad = {noise}\n\
         [[drones]]\ntype = \"quad\"\ncount = {count}\nbehavior = \"vicsek\"\naltitude_m = 10.0\n\
         box = {{ min = [0.0, 0.0], max = [{size}, {size}] }}\nvelocity = {{ speed_mps = 0.03 }}\n"
    )
}

fn start(count: u32, size: f64, noise: f64, update: &str) -> Option<World> {
    world(&text(count, size, noise, update), 1)
}

/// The mean order parameter of the paper's smallest set-up, after 1,000 steps of warm-up.
fn order(noise: f64, update: &str, steps: u64) -> f64 {
    order_of(40, 3.1, noise, update, steps)
}

fn order_of(count: u32, size: f64, noise: f64, update: &str, steps: u64) -> f64 {
    mean(start(count, size, noise, update), 1_000, 1_000 + steps, polarization)
}

/// With the widest noise directions are independent, whatever the density.
fn exact_limit(count: u32) -> f64 {
    let size = (f64::from(count) * 4.0).sqrt();
    mean(start(count, size, std::f64::consts::TAU, "old_heading"), 1, 4_000, polarization)
}
