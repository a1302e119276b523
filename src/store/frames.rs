//! Recorded frames, and their drones as rows of telemetry: each made when it is written and not before, so that the database
//! works meanwhile and a batch takes no memory of its own.

use std::sync::Arc;

use diesel::prelude::*;

use super::rows::bigint;
use super::schema::telemetry;
use crate::contract::record::Record;
use crate::sim;

/// A drone at a recorded tick.
#[derive(Insertable)]
#[diesel(table_name = telemetry, treat_none_as_default_value = false)]
pub(super) struct TelemetryRow<'a> {
    pub(super) run_id: &'a str,
    pub(super) tick: i64,
    pub(super) drone: &'a str,
    pub(super) east_m: Option<f64>,
    pub(super) north_m: Option<f64>,
    pub(super) up_m: Option<f64>,
    pub(super) velocity_east_mps: Option<f64>,
    pub(super) velocity_north_mps: Option<f64>,
    pub(super) velocity_up_mps: Option<f64>,
    pub(super) heading_deg: Option<f64>,
    pub(super) battery_pct: Option<f64>,
    pub(super) mode: &'static str,
    pub(super) landed: &'static str,
    pub(super) armed: bool,
    pub(super) alert_level: Option<&'static str>,
    pub(super) alert_text: Option<&'a str>,
}

/// Every drone at a tick.
pub(super) struct NewFrame<'a> {
    pub(super) run_id: &'a str,
    pub(super) tick: i64,
    snapshot: &'a sim::Snapshot,
    order: Arc<Order<'a>>,
}

/// The slots of a table of drones in the order of their ids. In the order of the key every row is appended at the end of the
/// index: faster, and a third smaller.
struct Order<'a> {
    table: &'a Arc<sim::DroneTable>,
    slots: Vec<usize>,
}

/// The recorded frames among `records`, in their order.
pub(super) fn frames_of<'a>(records: &[&'a Record]) -> Vec<NewFrame<'a>> {
    let mut last: Option<Arc<Order<'a>>> = None;
    let frames = records.iter().filter_map(|record| match record {
        Record::Telemetry { run_id, snapshot, .. } => Some((run_id, snapshot)),
        _ => None,
    });
    let frames = frames.map(|(run_id, snapshot)| {
        let known = last.take().filter(|order| Arc::ptr_eq(order.table, &snapshot.table));
        let order = known.unwrap_or_else(|| Arc::new(Order::of(&snapshot.table)));
        last = Some(order.clone());
        NewFrame { run_id, tick: bigint(snapshot.tick), snapshot, order }
    });
    frames.collect()
}

impl<'a> NewFrame<'a> {
    /// Its rows, in the order of the drones' ids.
    pub(super) fn rows(&self) -> impl Iterator<Item = TelemetryRow<'a>> {
        let (run_id, tick, snapshot) = (self.run_id, self.tick, self.snapshot);
        let known = |slot: &usize| Some((snapshot.table.rows.get(*slot)?, snapshot.drones.get(*slot)?));
        self.order.slots.iter().filter_map(known).map(move |(row, drone)| TelemetryRow {
            run_id,
            tick,
            drone: &row.id,
            east_m: finite(drone.position.x),
            north_m: finite(drone.position.y),
            up_m: finite(drone.position.z),
            velocity_east_mps: finite(drone.velocity.x),
            velocity_north_mps: finite(drone.velocity.y),
            velocity_up_mps: finite(drone.velocity.z),
            heading_deg: finite(drone.heading_deg),
            battery_pct: finite(drone.battery_pct),
            mode: drone.mode.name(),
            landed: drone.landed.name(),
            armed: drone.armed,
            alert_level: drone.alert.as_ref().map(|alert| alert.level.name()),
            alert_text: drone.alert.as_ref().map(|alert| &*alert.text),
        })
    }
}

impl<'a> Order<'a> {
    fn of(table: &'a Arc<sim::DroneTable>) -> Order<'a> {
        let mut slots: Vec<usize> = (0..table.rows.len()).collect();
        slots.sort_unstable_by(|one, other| table.rows[*one].id.cmp(&table.rows[*other].id));
        Order { table, slots }
    }
}

impl TelemetryRow<'_> {
    /// The columns of numbers, in their order.
    pub(super) fn numbers(&self) -> [Option<f64>; 8] {
        [
            self.east_m,
            self.north_m,
            self.up_m,
            self.velocity_east_mps,
            self.velocity_north_mps,
            self.velocity_up_mps,
            self.heading_deg,
            self.battery_pct,
        ]
    }
}

fn finite(number: f64) -> Option<f64> {
    number.is_finite().then_some(number)
}
