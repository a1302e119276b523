//! Binary frames as the server writes them, byte for byte the files that the console's tests read.
//!
//! After a change of the layout (a new version, then): `HMRS_BLESS=1 cargo test --test golden_frames` writes them anew.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on should stop here")]

#[path = "support/snapshot.rs"]
mod support;

use std::path::PathBuf;

use hmrs::contract::compact::{self, Stamp};
use hmrs::contract::outgoing::RunState;
use hmrs::sim::{Alert, AlertLevel, DroneState, Landed, Mode, Snapshot, Vec3};

fn drone(position: Vec3) -> DroneState {
    support::drone(position, Vec3 { x: 3.0, y: 4.0, z: -1.0 }, 90.0)
}

fn snapshot(drones: Vec<DroneState>) -> Snapshot {
    support::snapshot(1_099_511_627_783, 1200.0, drones)
}

fn compare(name: &str, snapshot: &Snapshot, state: RunState) {
    let stamp = Stamp { epoch: 7, seq: 1200, wall_time_ms: 1_760_000_000_123, state };
    let bytes = compact::encode(snapshot, stamp);
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("frontend/test/fixtures/frames").join(name);
    if std::env::var_os("HMRS_BLESS").is_some() {
        std::fs::write(&path, &bytes).unwrap();
    }
    let golden = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    assert_eq!(bytes, golden, "{name} is not what the console's tests read");
}

#[test]
fn a_swarm_of_every_kind_of_state_is_written_as_the_console_reads_it() {
    let odd = DroneState {
        position: Vec3 { x: f64::NAN, y: 0.0, z: 0.0 },
        velocity: Vec3 { x: 100.0, y: 0.0, z: 100.0 },
        heading_deg: 359.999,
        battery_pct: f64::NAN,
        mode: Mode::Emergency,
        landed: Landed::Landing,
        alert: Some(Alert { level: AlertLevel::Warning, text: "bad data".into() }),
        silent_ticks: 1000,
        link_lost: true,
        bad_data: true,
        signalling: true,
        ..drone(Vec3::default())
    };
    let on_ground = DroneState {
        velocity: Vec3::default(),
        heading_deg: 0.0,
        mode: Mode::Standby,
        landed: Landed::OnGround,
        armed: false,
        ..drone(Vec3 { x: -100.0, y: -50.0, z: 0.0 })
    };
    let flying = drone(Vec3 { x: 100.0, y: 50.0, z: 30.0 });
    compare("server.bin", &snapshot(vec![flying, on_ground, odd]), RunState::Running);
}

#[test]
fn a_swarm_wider_than_the_finest_quantum_takes_a_coarser_one() {
    let far = [Vec3 { x: -5000.0, y: 0.0, z: 0.0 }, Vec3 { x: 5000.0, y: 0.0, z: 120.0 }].map(drone);
    let wide = snapshot(far.to_vec());
    compare("server-wide.bin", &wide, RunState::Paused);
    let bytes = compact::encode(&wide, Stamp { epoch: 0, seq: 0, wall_time_ms: 0, state: RunState::Running });
    let scale = f32::from_le_bytes(bytes[52..56].try_into().unwrap());
    assert!((0.15..0.16).contains(&scale), "{scale}");
    let east = i16::from_le_bytes(bytes[64..66].try_into().unwrap());
    assert!((f64::from(east) * f64::from(scale) + 5000.0).abs() <= f64::from(scale) / 2.0);
}

#[test]
fn a_swarm_without_drones_is_a_header() {
    compare("server-empty.bin", &snapshot(Vec::new()), RunState::Stopped);
}
