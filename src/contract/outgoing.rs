//! What the server says: the payload of each event, which the matching HTTP route answers as well.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;
use utoipa::ToSchema;

use crate::contract::record::SpoolHealth;
use crate::sim::{CommandResult, DroneState, DroneTable, Forecast, Level, Snapshot, Vec3, Verdict};

/// Whether simulated time passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum RunState {
    /// The clock runs.
    Running,
    /// The clock is held; commands are accepted and apply at the next tick.
    Paused,
    /// The run was closed by `stop`; `start` goes on with it.
    Stopped,
}

impl RunState {
    /// As in binary frames.
    pub fn bits(self) -> u8 {
        match self {
            RunState::Running => 0,
            RunState::Paused => 1,
            RunState::Stopped => 2,
        }
    }
}

/// Payload of `status-update` and of `GET /api/status`.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Status {
    /// Counts published updates, so that a gap shows a loss.
    pub seq: u64,
    /// Simulated ticks since the run began.
    pub tick: u64,
    /// `tick` times the length of a tick, in seconds.
    pub sim_time_s: f64,
    /// Unix time at which the tick was published, in milliseconds.
    pub wall_time_ms: u64,
    /// Whether simulated time passes.
    pub state: RunState,
    /// Simulated seconds per second; absent with `max`.
    pub speed: Option<f64>,
    /// Ticks per simulated second.
    pub tick_hz: f64,
    /// How many drones there are.
    pub drones: usize,
    /// How many drones are in each mode.
    pub modes: BTreeMap<&'static str, usize>,
    /// What the simulation measures.
    #[schema(value_type = Object)]
    pub metrics: crate::sim::Metrics,
    /// What a tick costs.
    pub load: Load,
    /// Connected clients of this swarm.
    pub clients: usize,
    /// The run that is being recorded.
    pub run_id: String,
    /// `ok`, `away` (rows wait) or `none` (this server records nothing).
    pub database: &'static str,
    /// What waits on disk for the database; absent when nothing does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spool: Option<SpoolFill>,
    /// Hash of all simulated state at `state_hash_tick`, in 16 hexadecimal digits.
    pub state_hash: String,
    /// The tick whose hash `state_hash` is.
    pub state_hash_tick: u64,
    /// After a crash of the server: the tick at which this run went on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resumed_at_tick: Option<u64>,
    /// Of a replay: how far its recording goes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replay: Option<Playback>,
    /// Of a world with a mission: how it stands. The whole is in `visualization-update`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub mission: Option<serde_json::Value>,
}

/// The recording that a replay plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct Playback {
    /// Its newest tick.
    pub last_tick: u64,
    /// Whether it still grows.
    pub is_recording: bool,
}

/// How full the file is in which records wait for the database.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
pub struct SpoolFill {
    /// Records that wait there.
    pub records: u64,
    /// Their bytes.
    pub bytes: u64,
    /// In per cent of its bound.
    pub fill_pct: f64,
}

impl SpoolFill {
    /// What is told of a spool; `None` when nothing waits there.
    pub fn of(spool: SpoolHealth) -> Option<Self> {
        let fill_pct = (spool.fill_pct() * 100.0).round() / 100.0;
        (spool.records > 0).then_some(Self { records: spool.records, bytes: spool.bytes, fill_pct })
    }
}

/// What ticks cost, over the last second.
#[derive(Debug, Clone, Copy, Default, Serialize, ToSchema)]
pub struct Load {
    /// Mean time to compute a tick, in milliseconds.
    pub tick_ms: f64,
    /// Largest delay of a tick behind its due time, in milliseconds.
    pub lateness_ms: f64,
}

/// Payload of `log-update`; `GET /api/logs` and `communication-log-update` carry lists of it.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct LogEntry {
    /// Counts this swarm's entries from 1; resume with `logs_after`.
    pub seq: u64,
    /// The tick at which it happened.
    pub tick: u64,
    /// Wall clock, RFC 3339 with milliseconds.
    pub time: String,
    /// `debug`, `info`, `warning`, `error` or `critical`.
    #[schema(value_type = String)]
    pub level: Level,
    /// A drone's id, `swarm`, `server` or an operator's name.
    pub source: String,
    /// A sentence.
    pub message: String,
    /// A fixed word for the kind of happening.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<serde_json::Value>,
}

/// Ack of a `command`: whether each target took it on. Accepted is not done; [`CommandUpdate`]s follow.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Ack {
    /// Always true here; refusals are `{"ok": false, "error": …}`.
    pub ok: bool,
    /// The client's id, or the one the server made.
    pub command_id: String,
    /// The tick at which it applied.
    pub tick: u64,
    /// One verdict a target; commands to the swarm itself answer as `swarm`.
    #[schema(value_type = Object)]
    pub results: BTreeMap<String, Verdict>,
    /// Ids of the drones that a `spawn` made.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub spawned: Vec<String>,
    /// Where the run flies that a `fork` began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fork: Option<Place>,
    /// Present and true if nothing was done because `dry_run` was asked for.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
    /// What would be flown, in the answer to a dry run of a command that drones fly.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Object)]
    pub forecast: Option<Forecast>,
}

/// A swarm that was put up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Place {
    /// Its id.
    pub id: String,
    /// The namespace that it is seen in.
    pub namespace: String,
    /// The run that it flies or plays.
    pub run_id: String,
}

/// Payload of `command-update`: how a command is getting on.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CommandUpdate {
    /// The command's id.
    pub command_id: String,
    /// Who gave it.
    pub author: String,
    /// `socketio`, `http` or `mavlink`.
    pub via: &'static str,
    /// The command's wire name.
    pub command: String,
    /// What was asked for; in the first update only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Object)]
    pub params: Option<serde_json::Value>,
    /// The tick of this update.
    pub tick: u64,
    /// The drones whose state changed, or all of them in the first update.
    pub results: BTreeMap<String, DroneResult>,
    /// True in the last update: every target has its terminal result.
    pub done: bool,
}

/// A command with everything that its updates said, as `GET /api/commands` lists it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CommandRecord {
    /// What the updates add up to.
    #[serde(flatten)]
    pub update: CommandUpdate,
    /// Unix time of the first update, milliseconds.
    pub began_ms: u64,
    /// Unix time of the newest one, milliseconds.
    pub changed_ms: u64,
}

/// One drone's part of a [`CommandUpdate`].
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct DroneResult {
    /// How far it got.
    #[schema(value_type = String)]
    pub result: CommandResult,
    /// Why, where the result alone does not say it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// 0 to 100.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub progress_pct: Option<u8>,
}

/// Payload of `presence-update`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, ToSchema)]
pub struct Presence {
    /// How many clients are connected to this swarm.
    pub count: usize,
    /// The first hundred of them.
    pub operators: Vec<Operator>,
    /// Who holds which drones.
    pub leases: Vec<Lease>,
}

/// The drones that one operator holds.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Lease {
    /// The operator's name.
    pub holder: String,
    /// The drones' ids.
    pub drones: Vec<String>,
}

/// Somebody connected.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Operator {
    /// The Socket.IO id.
    pub id: String,
    /// The name given at connect, or `operator`.
    pub name: String,
    /// `viewer`, `operator` or `admin`.
    pub role: String,
}

/// The `drones` list of `drones-update`, and the rest of its payload, as JSON text.
///
/// `keep` chooses the drones by slot. Positions and velocities carry millimetres; written by hand because it is
/// the hottest JSON of the server: about 0.2 µs a drone where a generic writer of shortest floats takes 0.6 µs.
pub fn drones_json(
    snapshot: &Snapshot,
    seq: u64,
    wall_time_ms: u64,
    keep: impl Fn(usize, &DroneState) -> bool,
) -> String {
    let mut out = String::with_capacity(64 + snapshot.drones.len() * 200);
    let _ = write!(out, "{{\"seq\":{seq},\"tick\":{},\"sim_time_s\":", snapshot.tick);
    push_fixed(&mut out, snapshot.sim_time_s, 3);
    let _ = write!(out, ",\"wall_time_ms\":{wall_time_ms},\"drones\":[");
    let mut first = true;
    for (slot, drone) in snapshot.drones.iter().enumerate() {
        if !keep(slot, drone) {
            continue;
        }
        if !std::mem::take(&mut first) {
            out.push(',');
        }
        push_drone(&mut out, &snapshot.table, slot, drone);
    }
    out.push_str("]}");
    out
}

fn push_drone(out: &mut String, table: &DroneTable, slot: usize, drone: &DroneState) {
    let row = &table.rows[slot];
    out.push_str("{\"id\":");
    push_string(out, &row.id);
    out.push_str(",\"type\":");
    push_string(out, &row.kind);
    if let Some(group) = &row.group {
        out.push_str(",\"group\":");
        push_string(out, group);
    }
    out.push_str(",\"position\":");
    push_vec3(out, drone.position);
    out.push_str(",\"velocity\":");
    push_vec3(out, drone.velocity);
    out.push_str(",\"heading_deg\":");
    push_fixed(out, drone.heading_deg, 1);
    out.push_str(",\"battery_pct\":");
    push_fixed(out, drone.battery_pct, 1);
    let _ = write!(out, ",\"mode\":\"{}\",\"landed\":\"{}\"", drone.mode.name(), drone.landed.name());
    if let Some(alert) = &drone.alert {
        out.push_str(",\"alert\":");
        push_string(out, &alert.text);
    }
    out.push('}');
}

/// Payload of `drones-table`: row i names record i of the binary frames of the same epoch.
pub fn drones_table(table: &DroneTable, epoch: u32) -> String {
    let mut out = String::with_capacity(32 + table.rows.len() * 48);
    let _ = write!(out, "{{\"epoch\":{epoch},\"drones\":[");
    for (slot, row) in table.rows.iter().enumerate() {
        if slot > 0 {
            out.push(',');
        }
        out.push_str("{\"id\":");
        push_string(&mut out, &row.id);
        out.push_str(",\"type\":");
        push_string(&mut out, &row.kind);
        if let Some(group) = &row.group {
            out.push_str(",\"group\":");
            push_string(&mut out, group);
        }
        out.push('}');
    }
    out.push_str("]}");
    out
}

/// `[e,n,u]` with millimetres.
pub fn push_vec3(out: &mut String, v: Vec3) {
    out.push('[');
    push_fixed(out, v.x, 3);
    out.push(',');
    push_fixed(out, v.y, 3);
    out.push(',');
    push_fixed(out, v.z, 3);
    out.push(']');
}

/// A number with at most `decimals` places and no trailing zeros; `null` if it is not finite, never 0.
fn push_fixed(out: &mut String, value: f64, decimals: u32) {
    let scale = 10_i64.pow(decimals);
    let scaled = (value * scale as f64).round();
    if !scaled.is_finite() || scaled.abs() > 9.0e15 {
        out.push_str("null");
        return;
    }
    let scaled = scaled as i64;
    if scaled < 0 {
        out.push('-');
    }
    let (whole, mut fraction) = ((scaled.abs() / scale), (scaled.abs() % scale));
    let _ = write!(out, "{whole}");
    if fraction > 0 {
        let mut places = decimals as usize;
        while fraction % 10 == 0 {
            fraction /= 10;
            places -= 1;
        }
        let _ = write!(out, ".{fraction:0places$}");
    }
}

/// A JSON string; ids and names are nearly always plain and are then copied as they are.
fn push_string(out: &mut String, text: &str) {
    if text.bytes().all(|b| b >= 0x20 && b != b'"' && b != b'\\') {
        out.push('"');
        out.push_str(text);
        out.push('"');
    } else {
        out.push_str(&serde_json::Value::from(text).to_string());
    }
}

/// `2026-01-31T12:34:56.789Z` of a Unix time in milliseconds (civil-from-days, proleptic Gregorian calendar).
pub fn rfc3339(unix_ms: u64) -> String {
    let (days, ms_of_day) = ((unix_ms / 86_400_000) as i64, unix_ms % 86_400_000);
    // Days are counted from 0000-03-01, so that the leap day is the last of its year.
    let z = days + 719_468;
    let (era, day_of_era) = (z.div_euclid(146_097), z.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let (s, ms) = (ms_of_day / 1000, ms_of_day % 1000);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{ms:03}Z", s / 3600, s / 60 % 60, s % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fixed(value: f64, decimals: u32) -> String {
        let mut out = String::new();
        push_fixed(&mut out, value, decimals);
        out
    }

    #[test]
    fn numbers_are_rounded_and_short() {
        assert_eq!(fixed(1.0, 3), "1");
        assert_eq!(fixed(-0.0001, 3), "0");
        assert_eq!(fixed(-1.2345, 3), "-1.235");
        assert_eq!(fixed(0.05, 3), "0.05");
        assert_eq!(fixed(123_456.789_1, 2), "123456.79");
        assert_eq!(fixed(-0.5, 1), "-0.5");
    }

    #[test]
    fn what_is_not_a_number_is_null_and_never_zero() {
        for value in [f64::NAN, f64::INFINITY, 1e300] {
            assert_eq!(fixed(value, 3), "null");
        }
    }

    #[test]
    fn strings_are_escaped_where_they_must_be() {
        let mut out = String::new();
        push_string(&mut out, "a\"b\\c\n");
        assert_eq!(out, r#""a\"b\\c\n""#);
    }

    #[test]
    fn dates_agree_with_the_calendar() {
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(rfc3339(951_782_400_123), "2000-02-29T00:00:00.123Z");
        assert_eq!(rfc3339(1_795_305_599_999), "2026-11-21T23:59:59.999Z");
        assert_eq!(rfc3339(4_107_542_400_000), "2100-03-01T00:00:00.000Z");
    }
}
