//! Recorded frames: where every drone was.

use std::collections::HashMap;

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool};
use serde::Serialize;

use super::error::StoreError;
use super::pool::Store;
use super::rows::bigint;
use super::schema::{drones, metrics, telemetry};

/// Every drone at one tick.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Frame {
    /// The tick.
    pub tick: u64,
    /// The drones, in order of their ids.
    pub drones: Vec<FrameDrone>,
}

/// A drone at one tick. Units as everywhere: metres east, north, up; m/s; degrees clockwise from north; percent.
/// A number that was not finite is NaN (`null` in JSON).
#[derive(Clone, Debug, PartialEq, Serialize)]
#[allow(missing_docs)] // the names say it
pub struct FrameDrone {
    pub id: String,
    #[serde(rename = "type")]
    pub kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    pub position: [f64; 3],
    pub velocity: [f64; 3],
    pub heading_deg: f64,
    pub battery_pct: f64,
    pub mode: String,
    pub landed: String,
    pub armed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alert: Option<FrameAlert>,
}

/// The alert of a drone at one tick.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FrameAlert {
    /// info, caution, warning or critical.
    pub level: String,
    /// A short sentence.
    pub text: String,
}

/// Which frames to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrameFilter {
    /// The first tick.
    pub from: u64,
    /// The last tick, itself included.
    pub to: u64,
    /// Only ticks that `every` divides, and of those only what was recorded. 0 counts as 1.
    pub every: u64,
    /// At most so many frames; go on from the last one's tick + 1.
    pub limit: u32,
}

impl Default for FrameFilter {
    fn default() -> Self {
        FrameFilter { from: 0, to: u64::MAX, every: 1, limit: 1_000 }
    }
}

/// The metrics of the swarm at one tick.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MetricsAt {
    /// The tick.
    pub tick: u64,
    /// Unix milliseconds.
    pub wall_time_ms: u64,
    /// As in `status-update`.
    pub metrics: serde_json::Value,
}

type Numbers = [Option<f64>; 8];
type NumbersTuple =
    (Option<f64>, Option<f64>, Option<f64>, Option<f64>, Option<f64>, Option<f64>, Option<f64>, Option<f64>);
type TelemetryTuple = (i64, String, NumbersTuple, (String, String, bool, Option<String>, Option<String>));

/// The types and groups of a drone, each with the tick from which it had them, oldest first.
type Kinds = HashMap<String, Vec<(i64, String, Option<String>)>>;

/// `column % every = 0`, for which diesel has no expression on both back ends.
macro_rules! divides {
    ($every:expr, $column:literal) => {
        diesel::dsl::sql::<Bool>(concat!("0 = ", $column, " % ")).bind::<BigInt, _>($every)
    };
}

impl Store {
    /// Frames of a run in order of ticks. Memory: the frames.
    pub fn frames(&self, run_id: &str, filter: &FrameFilter) -> Result<Vec<Frame>, StoreError> {
        let (from, to, every) = (bigint(filter.from), bigint(filter.to), bigint(filter.every.max(1)));
        let limit = i64::from(filter.limit);
        let (rows, kinds) = self.read(|connection| {
            // The primary key of `metrics` has one row a frame: it finds the last tick of the page at once.
            let ticks: Vec<i64> = metrics::table
                .filter(metrics::run_id.eq(run_id))
                .filter(metrics::tick.between(from, to))
                .filter(divides!(every, "metrics.tick"))
                .order(metrics::tick)
                .limit(limit)
                .select(metrics::tick)
                .load(connection)?;
            let (Some(first), Some(last)) = (ticks.first(), ticks.last()) else {
                return Ok((Vec::new(), Kinds::new()));
            };
            let rows: Vec<TelemetryTuple> = telemetry::table
                .filter(telemetry::run_id.eq(run_id))
                .filter(telemetry::tick.between(*first, *last))
                .filter(divides!(every, "telemetry.tick"))
                .order((telemetry::tick, telemetry::drone))
                .select((
                    telemetry::tick,
                    telemetry::drone,
                    (
                        telemetry::east_m,
                        telemetry::north_m,
                        telemetry::up_m,
                        telemetry::velocity_east_mps,
                        telemetry::velocity_north_mps,
                        telemetry::velocity_up_mps,
                        telemetry::heading_deg,
                        telemetry::battery_pct,
                    ),
                    (
                        telemetry::mode,
                        telemetry::landed,
                        telemetry::armed,
                        telemetry::alert_level,
                        telemetry::alert_text,
                    ),
                ))
                .load(connection)?;
            Ok((rows, kinds_of(connection, run_id)?))
        })?;
        let mut frames: Vec<Frame> = Vec::new();
        for row in rows {
            let tick = row.0.unsigned_abs();
            let drone = frame_drone(row, &kinds);
            match frames.last_mut().filter(|frame| frame.tick == tick) {
                Some(frame) => frame.drones.push(drone),
                None => frames.push(Frame { tick, drones: vec![drone] }),
            }
        }
        Ok(frames)
    }

    /// The metrics of a run at the ticks of `filter`, in order.
    pub fn metrics(&self, run_id: &str, filter: &FrameFilter) -> Result<Vec<MetricsAt>, StoreError> {
        let (from, to, every) = (bigint(filter.from), bigint(filter.to), bigint(filter.every.max(1)));
        let rows: Vec<(i64, i64, String)> = self.read(|connection| {
            metrics::table
                .filter(metrics::run_id.eq(run_id))
                .filter(metrics::tick.between(from, to))
                .filter(divides!(every, "metrics.tick"))
                .order(metrics::tick)
                .limit(i64::from(filter.limit))
                .select((metrics::tick, metrics::wall_time_ms, metrics::json))
                .load(connection)
        })?;
        rows.into_iter()
            .map(|(tick, wall_time_ms, text)| {
                let metrics = serde_json::from_str(&text).map_err(|error| StoreError::Unreadable {
                    table: "metrics",
                    column: "json",
                    key: format!("{run_id}, tick {tick}"),
                    problem: error.to_string(),
                })?;
                Ok(MetricsAt {
                    tick: tick.unsigned_abs(),
                    wall_time_ms: wall_time_ms.unsigned_abs(),
                    metrics,
                })
            })
            .collect()
    }
}

fn kinds_of(connection: &mut super::link::AnyConnection, run_id: &str) -> QueryResult<Kinds> {
    let rows: Vec<(String, i64, String, Option<String>)> = drones::table
        .filter(drones::run_id.eq(run_id))
        .order((drones::drone, drones::since_tick))
        .select((drones::drone, drones::since_tick, drones::kind, drones::swarm_group))
        .load(connection)?;
    let mut kinds = Kinds::new();
    for (drone, since, kind, group) in rows {
        kinds.entry(drone).or_default().push((since, kind, group));
    }
    Ok(kinds)
}

fn frame_drone(row: TelemetryTuple, kinds: &Kinds) -> FrameDrone {
    let (tick, id, numbers, (mode, landed, armed, alert_level, alert_text)) = row;
    let of_this_drone = kinds.get(&id).map_or(&[][..], Vec::as_slice);
    let then = of_this_drone.iter().rfind(|(since, ..)| *since <= tick).or(of_this_drone.first());
    let (kind, group) = then.map_or((String::new(), None), |(_, kind, group)| (kind.clone(), group.clone()));
    let (east, north, up, velocity_east, velocity_north, velocity_up, heading_deg, battery_pct) = numbers;
    let numbers: Numbers =
        [east, north, up, velocity_east, velocity_north, velocity_up, heading_deg, battery_pct];
    let [east, north, up, velocity_east, velocity_north, velocity_up, heading_deg, battery_pct] =
        numbers.map(|number| number.unwrap_or(f64::NAN));
    FrameDrone {
        id,
        kind,
        group,
        position: [east, north, up],
        velocity: [velocity_east, velocity_north, velocity_up],
        heading_deg,
        battery_pct,
        mode,
        landed,
        armed,
        alert: alert_level.map(|level| FrameAlert { level, text: alert_text.unwrap_or_default() }),
    }
}
