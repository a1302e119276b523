//! What `drones-update` costs the server a drone, in each form: the same flown ticks, encoded again and again on one thread;
//! and how far from the truth is what a receiver of changes knows.
//! Prints JSON. `make bench-fresh` runs it and writes the table into `docs/BENCHMARKS.md`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a measurement that cannot go on stops"
)]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use hmrs::contract::compact::{self, Stamp};
use hmrs::contract::delta::decode::Decoder;
use hmrs::contract::delta::encode::{Encoder, Truth};
use hmrs::contract::delta::head::{Chain, Moment, error_units};
use hmrs::contract::delta::state::UNITS_PER_M;
use hmrs::contract::delta::truth::velocity;
use hmrs::contract::outgoing::{self, RunState};
use hmrs::sim::{Scenario, Snapshot, World, builtin};
use hmrs::swarm::headless::Headless;
use serde_json::{Value, json};

const TICKS: u64 = 100;
/// Ticks before the first: drones have left their formation of the start.
const BEFORE: u64 = 250;
const ROUNDS: usize = 9;
/// How far a position may be from the truth, metres.
const ERROR_M: f64 = 0.05;

fn main() {
    // Cargo says `--bench`, and `--test` when it only wants to see that this compiles.
    if std::env::args().any(|arg| arg == "--test") {
        return;
    }
    let rows: Vec<Value> = [100, 1000, 2000].into_iter().map(measure).collect();
    println!("{}", Value::from(rows));
}

/// Consecutive ticks of the scenario `thousand` with so many drones.
fn fly(count: usize) -> (Vec<Snapshot>, f64) {
    let text = builtin::list().iter().find(|(name, _)| *name == "thousand").unwrap().1;
    let text = text.replace("count = 250", &format!("count = {}", count / 4));
    let scenario = Arc::new(Scenario::parse(&text).unwrap());
    let tick_s = scenario.tick_s;
    let mut flight = Headless::new(World::new(scenario, 1), 1, Vec::new()).unwrap();
    let snapshots = (0..BEFORE + TICKS).filter_map(|tick| {
        flight.advance().unwrap();
        (tick >= BEFORE).then(|| flight.world().snapshot())
    });
    (snapshots.collect(), tick_s)
}

fn moment(snapshot: &Snapshot) -> Moment {
    Moment { seq: 0, tick: snapshot.tick, wall_time_ms: 0, state: 0 }
}

/// A chain that begins with `first`.
fn begin(first: &Snapshot, truth: &mut Truth, tick_s: f64) -> Encoder {
    let chain = Chain { number: 1, epoch: 0, count: first.drones.len(), tick_s, error: error_units(ERROR_M) };
    truth.read(first);
    Encoder::begin(chain, moment(first), truth, velocity(first, tick_s))
}

/// How far what a receiver knows is from where the drones are, at most, metres.
fn error(snapshots: &[Snapshot], tick_s: f64) -> f64 {
    let (mut truth, mut decoder) = (Truth::default(), Decoder::default());
    let mut encoder = begin(&snapshots[0], &mut truth, tick_s);
    let mut frame = encoder.whole()();
    let mut most = 0.0_f64;
    for (at, snapshot) in snapshots.iter().enumerate() {
        if at > 0 {
            truth.read(snapshot);
            frame = encoder.encode(Moment { seq: at as u32, ..moment(snapshot) }, &truth);
        }
        let (_, _, known) = decoder.read(&frame).unwrap();
        for (slot, drone) in snapshot.drones.iter().enumerate() {
            let is = [drone.position.x, drone.position.y, drone.position.z];
            let squares = is.iter().zip(&known.position).map(|(is, known)| {
                let known = f64::from(known[slot]) / UNITS_PER_M;
                (is - known).powi(2)
            });
            most = most.max(squares.sum::<f64>().sqrt());
        }
    }
    most
}

fn measure(count: usize) -> Value {
    let (snapshots, tick_s) = fly(count);
    let mut bytes = [0; 3];
    let mut spread = [const { Vec::new() }; 4];
    for _ in 0..ROUNDS {
        let began = Instant::now();
        bytes[0] = snapshots.iter().map(|s| outgoing::drones_json(s, 1, 0, |_, _| true).len()).sum::<usize>();
        spread[0].push(began.elapsed());
        let stamp = Stamp { epoch: 0, seq: 0, wall_time_ms: 0, state: RunState::Running };
        let began = Instant::now();
        bytes[1] = snapshots.iter().map(|s| compact::encode(s, stamp).len()).sum::<usize>();
        spread[1].push(began.elapsed());
        let mut truth = Truth::default();
        truth.read(&snapshots[0]);
        let began = Instant::now();
        for snapshot in &snapshots {
            truth.read(black_box(snapshot));
        }
        spread[2].push(began.elapsed());
        let mut encoder = begin(&snapshots[0], &mut truth, tick_s);
        let began = Instant::now();
        bytes[2] = 0;
        for snapshot in &snapshots {
            truth.read(snapshot);
            bytes[2] += black_box(encoder.encode(moment(snapshot), &truth)).len();
        }
        spread[3].push(began.elapsed());
    }
    let error_most_m = error(&snapshots, tick_s);
    let states = (count * snapshots.len()) as f64;
    let ns = |times: &Vec<std::time::Duration>| -> Vec<f64> {
        times.iter().map(|time| time.as_nanos() as f64 / states).collect()
    };
    json!({
        "drones": count,
        "error_m": ERROR_M,
        "error_most_m": error_most_m,
        "bytes_per_drone": { "json": bytes[0] as f64 / states, "binary": bytes[1] as f64 / states, "delta": bytes[2] as f64 / states },
        "ns_per_drone": { "json": ns(&spread[0]), "binary": ns(&spread[1]), "delta, units alone": ns(&spread[2]), "delta": ns(&spread[3]) },
    })
}
