//! Frames of changes as the server writes them, byte for byte what the decoders of the console and of `examples/` read.
//!
//! After a change of the layout (a new version, then): `HMRS_BLESS=1 cargo test --test golden_delta` writes them anew.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on should stop here")]

#[path = "support/snapshot.rs"]
mod support;

use std::path::PathBuf;

use hmrs::contract::compact::{self, Stamp};
use hmrs::contract::delta::decode::{Decoder, Wrong};
use hmrs::contract::delta::encode::{Encoder, Truth};
use hmrs::contract::delta::head::{Chain, Moment, error_units};
use hmrs::contract::delta::state::{BATTERY, CLIMB, HEADING, SILENCE, SPEED, STATUS, State, UNITS_PER_M};
use hmrs::contract::delta::truth::velocity;
use hmrs::contract::outgoing::RunState;
use hmrs::sim::{Alert, AlertLevel, DroneState, Landed, Mode, Snapshot, Vec3};
use serde_json::{Value, json};

const TICK_S: f64 = 0.04;
const ERROR_M: f64 = 0.05;
const DRONES: usize = 6;

/// A few drones that do what drones do: fly straight, in a circle, stand still, fall silent, go wrong, leap.
fn snapshot(tick: u64) -> Snapshot {
    let t = (tick - 1000) as f64 * TICK_S;
    let drone = |position: Vec3, velocity: Vec3, heading_deg: f64| DroneState {
        battery_pct: 80.0 - t,
        mode: Mode::Swarm,
        ..support::drone(position, velocity, heading_deg)
    };
    let at = |x, y, z| Vec3 { x, y, z };
    let (sin, cos) = (libm::sin(t), libm::cos(t));
    let turning = (450.0 - t.to_degrees()) % 360.0;
    let mut drones = vec![
        drone(at(-400.0 + 7.3 * t, 20.0, 30.0), at(7.3, 0.0, 0.0), 90.0),
        drone(at(300.0 + 5.0 * cos, 5.0 * sin, 12.0), at(-5.0 * sin, 5.0 * cos, 0.0), turning),
        drone(at(0.0, 0.0, 0.0), at(0.0, 0.0, 0.0), 359.9),
        drone(at(1.0, -2.0, 5.0 + t), at(0.0, 0.0, 1.0), 12.0),
        drone(at(f64::NAN, 0.0, 1.0), at(0.1, 0.0, -40.0), f64::NAN),
        drone(at(if t > 0.3 { 90_000.0 } else { -9.0 }, 1e9, -1.0), at(80.0, 0.0, 3.0), 0.0),
    ];
    drones[2].mode = if t > 0.2 { Mode::Takeoff } else { Mode::Standby };
    drones[2].landed = if t > 0.2 { Landed::Takeoff } else { Landed::OnGround };
    drones[3].silent_ticks = (tick - 1000) as u32 * 9;
    drones[3].link_lost = tick > 1010;
    (drones[4].bad_data, drones[4].battery_pct) = (true, f64::NAN);
    drones[5].alert = (t > 0.5).then(|| Alert { level: AlertLevel::Warning, text: "far".into() });
    support::snapshot(tick, tick as f64 * TICK_S, drones)
}

fn moment(seq: u32, tick: u64, state: u8) -> Moment {
    Moment { seq, tick, wall_time_ms: 1_760_000_000_000 + u64::from(seq) * 41, state }
}

/// What a decoder must know after a frame.
fn known(chain: &Chain, now: &Moment, state: &State) -> Value {
    json!({
        "epoch": chain.epoch, "tick_s": chain.tick_s, "seq": now.seq, "tick": now.tick, "server_time_ms": now.wall_time_ms,
        "state": now.state, "error_units": chain.error, "position_units": state.position,
        "heading": state.fields[HEADING], "speed": state.fields[SPEED], "climb": state.fields[CLIMB],
        "battery": state.fields[BATTERY], "status": state.fields[STATUS], "silence": state.fields[SILENCE],
    })
}

/// Frames in the order in which they are sent, each with what it says, or why it cannot be used.
fn frames() -> Vec<Value> {
    let mut truth = Truth::default();
    let mut decoder = Decoder::default();
    let mut told = Vec::new();
    let mut tell = |frame: bytes::Bytes| {
        let says = match decoder.read(&frame) {
            Ok((chain, now, state)) => known(chain, now, state),
            Err(wrong) => json!({ "wrong": format!("{wrong:?}").to_lowercase() }),
        };
        let hex: String = frame.iter().map(|byte| format!("{byte:02x}")).collect();
        told.push(json!({ "frame": hex, "says": says }));
    };
    truth.read(&snapshot(1000));
    let chain = Chain { number: 700, epoch: 77, count: DRONES, tick_s: TICK_S, error: error_units(ERROR_M) };
    let mut encoder = Encoder::begin(chain, moment(5, 1000, 0), &truth, velocity(&snapshot(1000), TICK_S));
    let first = encoder.whole()();
    for tick in 1001..=1030 {
        truth.read(&snapshot(tick));
        let frame = encoder.encode(moment(tick as u32 - 995, tick, u8::from(tick == 1020)), &truth);
        match tick {
            // Before the first whole frame, and behind one that is lost, nothing is known.
            1001 => tell(frame),
            1002 => tell(encoder.whole()()),
            1012 => {}
            1016 => tell(encoder.whole()()),
            _ => tell(frame),
        }
    }
    tell(first.slice(..first.len() - 1));
    tell(first.slice(..2));
    let mut other = first.to_vec();
    other[1] = 2;
    tell(other.into());
    other = first.to_vec();
    other.push(0);
    tell(other.into());
    let none = Encoder::begin(
        Chain { number: 701, count: 0, ..chain },
        moment(99, 0, 2),
        &Truth::default(),
        <_>::default(),
    );
    tell(none.whole()());
    told
}

#[test]
fn a_chain_is_written_as_the_other_decoders_read_it() {
    let frames = frames();
    let wrong = |frame: &&Value| frame["says"]["wrong"] == "gap";
    assert_eq!(frames.iter().filter(wrong).count(), 4, "1001 and 1013 to 1015");
    let text = frames.iter().map(Value::to_string).collect::<Vec<_>>().join(",\n");
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("frontend/test/fixtures/delta.json");
    if std::env::var_os("HMRS_BLESS").is_some() {
        std::fs::write(&path, format!("[\n{text}\n]\n")).unwrap();
    }
    let golden: Vec<Value> = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    for (n, (written, golden)) in frames.iter().zip(&golden).enumerate() {
        assert_eq!(written, golden, "frame {n} is not what the other decoders' tests read");
    }
    assert_eq!(frames.len(), golden.len());
}

#[test]
fn everything_but_positions_is_what_the_binary_form_says_and_positions_are_within_the_error() {
    let mut truth = Truth::default();
    truth.read(&snapshot(1000));
    let chain = Chain { number: 1, epoch: 1, count: DRONES, tick_s: TICK_S, error: error_units(ERROR_M) };
    let mut encoder = Encoder::begin(chain, moment(0, 1000, 0), &truth, velocity(&snapshot(1000), TICK_S));
    let mut decoder = Decoder::default();
    decoder.read(&encoder.whole()()).unwrap();
    for tick in 1001..1100 {
        let snapshot = snapshot(tick);
        truth.read(&snapshot);
        let frame = encoder.encode(moment(tick as u32 - 1000, tick, 0), &truth);
        let (_, _, known) = decoder.read(&frame).unwrap();
        let stamp = Stamp { epoch: 1, seq: 0, wall_time_ms: 0, state: RunState::Running };
        let binary = compact::encode(&snapshot, stamp);
        for (slot, drone) in snapshot.drones.iter().enumerate() {
            let record = &binary[compact::HEADER_BYTES + slot * compact::RECORD_BYTES..];
            let field = |field: usize| known.fields[field][slot];
            let heading = u16::from_le_bytes([record[6], record[7]]);
            assert!((heading.wrapping_sub((field(HEADING) as u16) << 8) as i16).abs() <= 128, "heading");
            assert_eq!(
                field(STATUS),
                i16::from(record[8]) | i16::from_le_bytes([record[10], record[11]]) << 4
            );
            assert_eq!([field(BATTERY), field(SILENCE)], [i16::from(record[9]), i16::from(record[12])]);
            assert_eq!([field(SPEED), field(CLIMB)], [i16::from(record[13]), i16::from(record[14] as i8)]);
            let far = 524_000.0;
            let p = drone.position;
            let away = |axis: usize, truth: f64| match truth {
                truth if truth.is_finite() && truth.abs() < far => {
                    f64::from(known.position[axis][slot]) / UNITS_PER_M - truth
                }
                _ => 0.0,
            };
            let away = [away(0, p.x), away(1, p.y), away(2, p.z)].map(|away| away * away);
            assert!(away.iter().sum::<f64>().sqrt() <= ERROR_M, "tick {tick}, drone {slot}: {away:?}");
        }
    }
    assert_eq!(Decoder::default().read(b"HMRS").unwrap_err(), Wrong::Magic);
}
