//! The binary form of `drones-update`: a header of 64 bytes and 16 bytes a drone, little-endian.
//!
//! Self-contained, so that any frame may be lost, and readable in a browser through typed arrays without parsing.
//!
//! | offset | header | | offset | record |
//! | --- | --- | --- | --- | --- |
//! | 0 | `HMRS` | | 0 | i16 e, i16 n, i16 u: position = origin + q · scale |
//! | 4 | u16 version, u16 stride | | 6 | u16 heading, 65,536ths of a turn clockwise from north |
//! | 8 | u32 epoch, u32 seq | | 8 | u8 mode |
//! | 16 | u64 tick | | 9 | u8 battery, half per cent, 255 unknown |
//! | 24 | f64 server time, Unix ms | | 10 | u16 flags: [`flag`] |
//! | 32 | f64 simulated time, s | | 12 | u8 age, 40 ms |
//! | 40 | f32 origin e, n, u, m | | 13 | u8 speed, 0.2 m/s |
//! | 52 | f32 scale, m | | 14 | i8 climb, 0.2 m/s |
//! | 56 | u32 count, u32 state flags | | 15 | 0 |

use bytes::{BufMut, Bytes, BytesMut};

use crate::sim::{AlertLevel, DroneState, Landed, Snapshot};

use super::outgoing::RunState;

/// Version of the layout.
pub const VERSION: u16 = 1;
/// Bytes of the header.
pub const HEADER_BYTES: usize = 64;
/// Bytes of one drone.
pub const RECORD_BYTES: usize = 16;
/// The finest quantum of positions, metres; larger worlds take the smallest quantum that still spans them.
pub const SCALE_M_MIN: f32 = 0.01;

/// Bits of a record's flags.
pub mod flag {
    /// Motors armed. Bits 0 and 1 are the landed state.
    pub const ARMED: u16 = 1 << 2;
    /// Lowest of three bits: 0 no alert, 1 info, 2 caution, 3 warning, 4 critical.
    pub const ALERT_SHIFT: u16 = 3;
    /// The drone has stopped reporting.
    pub const LINK_LOST: u16 = 1 << 6;
    /// Some value of the drone is not a number.
    pub const BAD_DATA: u16 = 1 << 7;
    /// The drone is signalling, so that a person can find it.
    pub const SIGNALLING: u16 = 1 << 8;
}

/// What a frame says besides the snapshot.
#[derive(Debug, Clone, Copy)]
pub struct Stamp {
    /// Changes with the drone table.
    pub epoch: u32,
    /// Counts published updates (the low 32 bits of `seq` elsewhere).
    pub seq: u32,
    /// Unix time of publication, milliseconds.
    pub wall_time_ms: u64,
    /// Whether simulated time passes.
    pub state: RunState,
}

/// One frame of every drone, in slot order. O(drones), one allocation.
pub fn encode(snapshot: &Snapshot, stamp: Stamp) -> Bytes {
    let (origin, scale_m) = span(&snapshot.drones);
    let mut out = BytesMut::with_capacity(HEADER_BYTES + snapshot.drones.len() * RECORD_BYTES);
    out.put_slice(b"HMRS");
    out.put_u16_le(VERSION);
    out.put_u16_le(RECORD_BYTES as u16);
    out.put_u32_le(stamp.epoch);
    out.put_u32_le(stamp.seq);
    out.put_u64_le(snapshot.tick);
    out.put_f64_le(stamp.wall_time_ms as f64);
    out.put_f64_le(snapshot.sim_time_s);
    for component in origin {
        out.put_f32_le(component);
    }
    out.put_f32_le(scale_m);
    out.put_u32_le(snapshot.drones.len() as u32);
    out.put_u32_le(stamp.state.bits().into());
    for drone in &snapshot.drones {
        put_record(&mut out, drone, origin, scale_m);
    }
    out.freeze()
}

/// Centre of all finite positions (whole metres, so that f32 holds it exactly) and the quantum that spans them.
fn span(drones: &[DroneState]) -> ([f32; 3], f32) {
    let mut low = [f64::INFINITY; 3];
    let mut high = [f64::NEG_INFINITY; 3];
    for position in drones.iter().map(|d| d.position).filter(|position| position.is_finite()) {
        for (axis, value) in [position.x, position.y, position.z].into_iter().enumerate() {
            low[axis] = low[axis].min(value);
            high[axis] = high[axis].max(value);
        }
    }
    let mut origin = [0.0_f32; 3];
    let mut reach: f64 = 0.0;
    for axis in 0..3 {
        if low[axis] <= high[axis] {
            origin[axis] = (0.5 * (low[axis] + high[axis])).round() as f32;
            let centre = f64::from(origin[axis]);
            reach = reach.max(high[axis] - centre).max(centre - low[axis]);
        }
    }
    (origin, SCALE_M_MIN.max((reach / f64::from(i16::MAX)) as f32 * 1.000_001))
}

fn put_record(out: &mut BytesMut, drone: &DroneState, origin: [f32; 3], scale_m: f32) {
    let p = drone.position;
    for (value, centre) in [p.x, p.y, p.z].into_iter().zip(origin) {
        // A float cast saturates, and turns what is not a number into 0; the flag says which.
        out.put_i16_le(((value - f64::from(centre)) / f64::from(scale_m)).round() as i16);
    }
    let turn = drone.heading_deg.rem_euclid(360.0) / 360.0;
    out.put_u16_le(((turn * 65_536.0).round() as u32 % 65_536) as u16);
    out.put_u8(drone.mode as u8);
    out.put_u8(battery(drone));
    out.put_u16_le(flags(drone));
    out.put_u8(drone.silent_ticks.min(255) as u8);
    out.put_u8(speed(drone));
    out.put_i8(climb(drone));
    out.put_u8(0);
}

/// To the nearest whole number, halves away from 0; what is not a number becomes 0. No call, unlike `round`.
pub(super) fn nearest(value: f64) -> i32 {
    (value + 0.5_f64.copysign(value)) as i32
}

pub(super) fn battery(drone: &DroneState) -> u8 {
    if drone.battery_pct.is_finite() { nearest(drone.battery_pct * 2.0).clamp(0, 200) as u8 } else { 255 }
}

pub(super) fn speed(drone: &DroneState) -> u8 {
    let v = drone.velocity;
    nearest((v.x * v.x + v.y * v.y).sqrt() * 5.0).min(255) as u8
}

pub(super) fn climb(drone: &DroneState) -> i8 {
    nearest(drone.velocity.z * 5.0).clamp(-128, 127) as i8
}

pub(super) fn flags(drone: &DroneState) -> u16 {
    let landed = match drone.landed {
        Landed::OnGround => 0,
        Landed::Takeoff => 1,
        Landed::InAir => 2,
        Landed::Landing => 3,
    };
    let alert = match drone.alert.as_ref().map(|alert| alert.level) {
        None => 0,
        Some(AlertLevel::Info) => 1,
        Some(AlertLevel::Caution) => 2,
        Some(AlertLevel::Warning) => 3,
        Some(AlertLevel::Critical) => 4,
    };
    let mut flags = landed | alert << flag::ALERT_SHIFT;
    for (bit, set) in [
        (flag::ARMED, drone.armed),
        (flag::LINK_LOST, drone.link_lost),
        (flag::BAD_DATA, drone.bad_data),
        (flag::SIGNALLING, drone.signalling),
    ] {
        if set {
            flags |= bit;
        }
    }
    flags
}
