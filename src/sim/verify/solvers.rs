//! Solvers: optimal assignment against every permutation, and coverage by Lloyd's algorithm.

use super::super::rng::{Channel, Stream};
use super::super::{assignment, coverage};
use super::Case;

pub const CASES: &[Case] = &[
    Case {
        name: "assignment-optimal",
        source: "optimal assignment against every permutation, n up to 8: largest excess of cost",
        expected: 0.0,
        tolerance: 1e-9,
        quick: true,
        run: assignment_excess,
    },
    Case {
        name: "assignment-reference",
        source: "scipy 1.17.1, linear_sum_assignment: least cost, n = 200, (7919 i i + 104729 j j + 31337 i j + 17 i) mod 10007",
        expected: 17_262.0,
        tolerance: 0.0,
        quick: true,
        run: assignment_cost,
    },
    Case {
        name: "lloyd-descends",
        source: "Cortes et al. 2004: largest relative increase of the coverage energy in any step",
        expected: 0.0,
        tolerance: 1e-12,
        quick: true,
        run: || lloyd().0,
    },
    Case {
        name: "lloyd-energy",
        source: "Fejes Toth: energy after Lloyd over 5/(18 sqrt 3) A^2/N, N = 400 in a square",
        expected: 1.0,
        tolerance: 0.05,
        quick: true,
        run: || lloyd().1,
    },
];

fn assignment_excess() -> f64 {
    let excess = |seed: u64| {
        let n = 1 + (seed % 8) as usize;
        let mut stream = Stream::new(seed, 0, 0, Channel::Placement);
        let mut points =
            || -> Vec<[f64; 2]> { (0..n).map(|_| [stream.uniform(), stream.uniform()]).collect() };
        let (from, to) = (points(), points());
        let cost = |i: usize, j: usize| {
            let (dx, dy) = (from[i][0] - to[j][0], from[i][1] - to[j][1]);
            dx * dx + dy * dy
        };
        let sum: f64 = assignment::optimal(n, cost).iter().enumerate().map(|(i, &j)| cost(i, j)).sum();
        (sum - assignment::brute_force(n, cost)).abs()
    };
    (0..64).map(excess).fold(0.0, f64::max)
}

fn assignment_cost() -> f64 {
    let cost =
        |i: usize, j: usize| ((7919 * i * i + 104_729 * j * j + 31_337 * i * j + 17 * i) % 10_007) as f64;
    assignment::optimal(200, cost).iter().enumerate().map(|(i, &j)| cost(i, j)).sum()
}

/// The largest relative increase of the energy in a step, and the energy at the end over the bound.
fn lloyd() -> (f64, f64) {
    const COUNT: usize = 400;
    let region = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]];
    let mut stream = Stream::new(1, 0, 0, Channel::Placement);
    let mut sites: Vec<[f64; 2]> = (0..COUNT).map(|_| [stream.uniform(), stream.uniform()]).collect();
    let (mut before, mut worst) = (coverage::energy(&region, &sites), f64::NEG_INFINITY);
    for _ in 0..60 {
        sites = coverage::lloyd(&region, &sites, 1.0);
        let now = coverage::energy(&region, &sites);
        worst = worst.max((now - before) / before);
        before = now;
    }
    (worst.max(0.0), before / coverage::energy_min(1.0, COUNT))
}
