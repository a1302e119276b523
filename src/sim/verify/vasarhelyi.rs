//! Vásárhelyi et al. 2018: the trajectories of the authors' program, and its statistics with noise and delay.

use serde::Deserialize;

use super::{Case, Vec3, World, world};

pub const CASES: &[Case] = &[
    Case {
        name: "vasarhelyi-vectors-5s",
        source: "csviragh/robotsim ea54b97, N = 10, paper 4 m/s set, no noise, no delay: largest deviation at 5 s, m",
        expected: 0.0,
        tolerance: 1e-6,
        quick: true,
        run: || deviation(500),
    },
    Case {
        name: "vasarhelyi-vectors-10s",
        source: "the same: largest deviation at 10 s, m",
        expected: 0.0,
        tolerance: 1e-6,
        quick: true,
        run: || deviation(1000),
    },
    Case {
        name: "vasarhelyi-correlation",
        source: "csviragh/robotsim, N = 100, 600 s, 250 m square, noise and 1 s delay: pair velocity correlation",
        expected: 0.95,
        tolerance: 0.02,
        quick: false,
        run: || statistics(0),
    },
    Case {
        name: "vasarhelyi-collisions",
        source: "the same: pairs nearer than 3 m, over the whole run",
        expected: 0.0,
        tolerance: 0.0,
        quick: false,
        run: || statistics(1),
    },
    Case {
        name: "vasarhelyi-nearest",
        source: "the same: mean distance to the nearest neighbour, m",
        expected: 12.3,
        tolerance: 0.5,
        quick: false,
        run: || statistics(2),
    },
];

#[derive(Deserialize)]
struct State {
    x: Vec<[f64; 2]>,
    v: Vec<[f64; 2]>,
}

#[derive(Deserialize)]
struct Frame {
    step: u64,
    x: Vec<[f64; 2]>,
}

#[derive(Deserialize)]
struct Vectors {
    start: State,
    frames: Vec<Frame>,
}

/// The world of the authors' program: control every 0.2 s, explicit Euler of 0.01 s.
fn header(half_side: f64, repulsion_max: f64) -> String {
    format!(
        "name = \"robotsim\"\n[time]\ntick_s = 0.2\nsubsteps = 20\n\
         [space]\ncell_m = 50.0\n[dynamics]\nmodel = \"robotsim\"\nlag_s = 1.0\naccel_mps2_max = 6.0\n{{more}}\
         [behavior.vasarhelyi]\nspeed_rule = \"rescale\"\narena = \"square\"\narena_m = {half_side}\n\
         repulsion_mps_max = {repulsion_max:.1}\n"
    )
}

/// The largest distance in metres between our drones and theirs after so many steps of 0.01 s.
fn deviation(step: u64) -> f64 {
    let Ok(vectors) = toml::from_str::<Vectors>(include_str!("vasarhelyi_vectors.toml")) else {
        return f64::NAN;
    };
    let mut text = header(50.0, 10_000.0).replace("{more}", "");
    for ([e, n], [ve, vn]) in vectors.start.x.iter().zip(&vectors.start.v) {
        text += &format!(
            "[[drones]]\ntype = \"quad\"\nposition = [{e:?}, {n:?}]\naltitude_m = 10.0\n\
             velocity = [{ve:?}, {vn:?}, 0.0]\nbehavior = \"vasarhelyi\"\n"
        );
    }
    let (Some(mut world), Some(frame)) = (world(&text, 7), vectors.frames.iter().find(|f| f.step == step))
    else {
        return f64::NAN;
    };
    (0..step / 20).for_each(|_| world.advance());
    let distances = world
        .drones()
        .iter()
        .zip(&frame.x)
        .map(|(drone, [e, n])| drone.position().distance(Vec3::new(*e, *n, 10.0)));
    distances.fold(0.0, f64::max)
}

/// 0: pair velocity correlation, 1: pairs nearer than 3 m, 2: mean nearest distance; over 600 s, from 100 s on.
fn statistics(which: usize) -> f64 {
    let more = "noise_m2ps3 = 0.2\n[gps]\ncoupled_m2ps2 = 0.005\n[radio]\nrange_m = 100.0\ndelay_s = 1.0\n\
                [limits]\nnear_miss_m = 3.0\n";
    let text = header(125.0, 10_000.0).replace("{more}", more)
        + "[[drones]]\ntype = \"quad\"\ncount = 100\naltitude_m = 10.0\nbehavior = \"vasarhelyi\"\n\
           box = { min = [-100.0, -100.0], max = [100.0, 100.0] }\n";
    let Some(mut world) = world(&text, 7) else { return f64::NAN };
    let (mut correlation, mut nearest, mut count) = (0.0, 0.0, 0.0);
    for tick in 0..3000 {
        world.advance();
        world.drain_happenings();
        if tick >= 500 {
            correlation += pair_correlation(&world);
            nearest += world.metrics().order.nearest_mean_m.unwrap_or(f64::NAN);
            count += 1.0;
        }
    }
    [correlation / count, world.metrics().near_misses as f64, nearest / count][which]
}

/// Mean of `v̂_i · v̂_j` over all pairs.
fn pair_correlation(world: &World) -> f64 {
    let n = world.drones().len() as f64;
    let sum = world.drones().iter().fold(Vec3::ZERO, |sum, d| sum + d.velocity().unit());
    (sum.norm2() - n) / (n * (n - 1.0))
}
