//! Snapshots made by hand, for tests of what is sent of them.

use std::sync::Arc;

use hmrs::sim::{DroneRow, DroneState, DroneTable, Landed, Metrics, Mode, Snapshot, Vec3, Visual};

/// A drone in the air with nothing wrong: position in m, velocity in m/s, heading in degrees.
pub fn drone(position: Vec3, velocity: Vec3, heading_deg: f64) -> DroneState {
    DroneState {
        position,
        velocity,
        heading_deg,
        battery_pct: 87.0,
        mode: Mode::Mission,
        landed: Landed::InAir,
        armed: true,
        alert: None,
        goal: None,
        silent_ticks: 0,
        link_lost: false,
        bad_data: false,
        signalling: false,
        faults: Vec::new(),
    }
}

/// Quadcopters `d-0`, `d-1`, … of the first epoch.
pub fn snapshot(tick: u64, sim_time_s: f64, drones: Vec<DroneState>) -> Snapshot {
    let row = |slot: usize| DroneRow { id: format!("d-{slot}").into(), kind: "quad".into(), group: None };
    Snapshot {
        tick,
        sim_time_s,
        table: Arc::new(DroneTable { epoch: 1, rows: (0..drones.len()).map(row).collect() }),
        drones,
        metrics: Metrics::default(),
        visual: Arc::new(Visual::default()),
        mission: None,
    }
}
