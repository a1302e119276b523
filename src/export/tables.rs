//! The tables of a run: states, metrics, journal, happenings. The one list of their columns.
//!
//! A row comes from the live world or from the database alike; the columns of the metrics are what the model measures.

use std::borrow::Cow;

use super::{Cell, Column, Kind, Table};
use crate::sim::measure::MetricSpec;
use crate::sim::{Happening, JournalEntry, METRICS, Metrics, Snapshot};

/// A column of rows `R`: name, kind, a phrase, and how a row fills it.
type Filled<R> = (&'static str, Kind, &'static str, fn(&R) -> Cell<'_>);

fn table<R>(name: &'static str, columns: &[Filled<R>]) -> Table {
    let column = |&(name, kind, about, _): &(_, _, _, _)| Column {
        name: Cow::Borrowed(name),
        kind,
        about: Cow::Borrowed(about),
    };
    Table { name: Cow::Borrowed(name), columns: columns.iter().map(column).collect() }
}

/// The state of one drone after one tick; the columns of [`states`].
#[derive(Clone, Debug, Default, PartialEq)]
#[allow(missing_docs)] // the columns say it
pub struct StateRow<'a> {
    pub tick: u64,
    pub sim_time_s: f64,
    pub drone: Cow<'a, str>,
    pub kind: Cow<'a, str>,
    pub group: Option<Cow<'a, str>>,
    pub position: [f64; 3],
    pub velocity: [f64; 3],
    pub heading_deg: f64,
    pub battery_pct: f64,
    pub mode: Cow<'a, str>,
    pub landed: Cow<'a, str>,
    pub armed: bool,
    pub alert: Option<Cow<'a, str>>,
}

/// Columns of [`StateRow`].
fn state_columns<'a>() -> [Filled<StateRow<'a>>; 17] {
    [
        ("tick", Kind::Whole, "ticks since the start", |r| Cell::Whole(r.tick)),
        ("sim_time_s", Kind::Number, "seconds since the start", |r| Cell::Number(r.sim_time_s)),
        ("drone", Kind::Text, "id of the drone", |r| Cell::Text(&r.drone)),
        ("type", Kind::Text, "its type", |r| Cell::Text(&r.kind)),
        ("group", Kind::Text, "its group", |r| Cell::Text(r.group.as_deref().unwrap_or_default())),
        ("e_m", Kind::Number, "metres east of the origin", |r| Cell::Number(r.position[0])),
        ("n_m", Kind::Number, "metres north of the origin", |r| Cell::Number(r.position[1])),
        ("u_m", Kind::Number, "metres above the origin", |r| Cell::Number(r.position[2])),
        ("ve_mps", Kind::Number, "velocity east, m/s", |r| Cell::Number(r.velocity[0])),
        ("vn_mps", Kind::Number, "velocity north, m/s", |r| Cell::Number(r.velocity[1])),
        ("vu_mps", Kind::Number, "velocity up, m/s", |r| Cell::Number(r.velocity[2])),
        ("heading_deg", Kind::Number, "degrees clockwise from north", |r| Cell::Number(r.heading_deg)),
        ("battery_pct", Kind::Number, "charge, percent", |r| Cell::Number(r.battery_pct)),
        ("mode", Kind::Text, "what it is doing", |r| Cell::Text(&r.mode)),
        ("landed", Kind::Text, "contact with the ground", |r| Cell::Text(&r.landed)),
        ("armed", Kind::Bool, "whether its motors are armed", |r| Cell::Bool(r.armed)),
        ("alert", Kind::Text, "the most important alert", |r| {
            Cell::Text(r.alert.as_deref().unwrap_or_default())
        }),
    ]
}

impl StateRow<'_> {
    /// The row as cells of [`states`].
    pub fn cells(&self) -> Vec<Cell<'_>> {
        state_columns().iter().map(|(.., cell)| cell(self)).collect()
    }
}

/// A row a drone and tick.
pub fn states() -> Table {
    table("states", &state_columns())
}

/// Every drone of a snapshot, in slot order.
pub fn states_of(snapshot: &Snapshot) -> impl Iterator<Item = StateRow<'_>> {
    snapshot.table.rows.iter().zip(&snapshot.drones).map(|(row, drone)| StateRow {
        tick: snapshot.tick,
        sim_time_s: snapshot.sim_time_s,
        drone: Cow::Borrowed(&row.id),
        kind: Cow::Borrowed(&row.kind),
        group: row.group.as_deref().map(Cow::Borrowed),
        position: drone.position.into(),
        velocity: drone.velocity.into(),
        heading_deg: drone.heading_deg,
        battery_pct: drone.battery_pct,
        mode: Cow::Borrowed(drone.mode.name()),
        landed: Cow::Borrowed(drone.landed.name()),
        armed: drone.armed,
        alert: drone.alert.as_ref().map(|alert| Cow::Borrowed(&*alert.text)),
    })
}

/// A row a tick: every figure of [`METRICS`].
pub fn metrics() -> Table {
    let mut metrics = table::<()>(
        "metrics",
        &[
            ("tick", Kind::Whole, "ticks since the start", |()| Cell::None),
            ("sim_time_s", Kind::Number, "seconds since the start", |()| Cell::None),
        ],
    );
    let column = |spec: &MetricSpec| {
        let about = format!("{}: {} {}", spec.label, spec.formula, spec.unit);
        Column { name: spec.name.into(), kind: Kind::Number, about: about.trim_end().to_owned().into() }
    };
    metrics.columns.extend(METRICS.iter().map(column));
    metrics
}

/// A row of [`metrics`]. A figure without a meaning has no value.
pub fn metrics_cells(tick: u64, sim_time_s: f64, of: &Metrics) -> Vec<Cell<'static>> {
    let figures = METRICS.iter().map(|spec| Cell::number((spec.read)(of)));
    [Cell::Whole(tick), Cell::Number(sim_time_s)].into_iter().chain(figures).collect()
}

/// A journal entry as a row; the columns of [`journal`].
#[derive(Clone, Debug)]
#[allow(missing_docs)] // the columns say it
pub struct JournalRow<'a> {
    pub entry: &'a JournalEntry,
    pub sim_time_s: f64,
    pub command: String,
    pub targets: String,
    pub params: String,
}

/// Columns of [`JournalRow`].
fn journal_columns<'a>() -> [Filled<JournalRow<'a>>; 9] {
    [
        ("seq", Kind::Whole, "place in the journal", |r| Cell::Whole(r.entry.seq)),
        ("tick", Kind::Whole, "tick at which it applied", |r| Cell::Whole(r.entry.tick)),
        ("sim_time_s", Kind::Number, "seconds since the start", |r| Cell::Number(r.sim_time_s)),
        ("author", Kind::Text, "who asked", |r| Cell::Text(&r.entry.author)),
        ("via", Kind::Text, "how it came", |r| Cell::Text(&r.entry.via)),
        ("command_id", Kind::Text, "the client's id for it", |r| Cell::Text(&r.entry.command_id)),
        ("command", Kind::Text, "what was asked", |r| Cell::Text(&r.command)),
        ("targets", Kind::Text, "for whom, as JSON", |r| Cell::Text(&r.targets)),
        ("params", Kind::Text, "with what, as JSON", |r| Cell::Text(&r.params)),
    ]
}

impl<'a> JournalRow<'a> {
    /// A row for an entry of a run whose ticks last `tick_s`.
    pub fn new(entry: &'a JournalEntry, tick_s: f64) -> Self {
        let command = serde_json::to_value(&entry.command).unwrap_or_default();
        let params = &command["params"];
        Self {
            entry,
            sim_time_s: entry.tick as f64 * tick_s,
            command: command["command"].as_str().unwrap_or_default().to_owned(),
            targets: serde_json::to_string(&entry.targets).unwrap_or_default(),
            params: if params.is_null() { String::new() } else { params.to_string() },
        }
    }

    /// The row as cells of [`journal`].
    pub fn cells(&self) -> Vec<Cell<'_>> {
        journal_columns().iter().map(|(.., cell)| cell(self)).collect()
    }
}

/// A row a command or parameter change.
pub fn journal() -> Table {
    table("journal", &journal_columns())
}

/// A line of the log as a row; the columns of [`happenings`].
#[derive(Clone, Debug, Default, PartialEq)]
#[allow(missing_docs)] // the columns say it
pub struct HappeningRow<'a> {
    pub tick: u64,
    pub sim_time_s: f64,
    pub level: Cow<'a, str>,
    pub source: Cow<'a, str>,
    pub code: Cow<'a, str>,
    pub message: Cow<'a, str>,
}

/// Columns of [`HappeningRow`].
fn happening_columns<'a>() -> [Filled<HappeningRow<'a>>; 6] {
    [
        ("tick", Kind::Whole, "tick at which it came about", |r| Cell::Whole(r.tick)),
        ("sim_time_s", Kind::Number, "seconds since the start", |r| Cell::Number(r.sim_time_s)),
        ("level", Kind::Text, "debug, info, warning, error or critical", |r| Cell::Text(&r.level)),
        ("source", Kind::Text, "a drone's id, or swarm", |r| Cell::Text(&r.source)),
        ("code", Kind::Text, "stable name for programs", |r| Cell::Text(&r.code)),
        ("message", Kind::Text, "a sentence for people", |r| Cell::Text(&r.message)),
    ]
}

impl<'a> HappeningRow<'a> {
    /// A row for a happening of a run whose ticks last `tick_s`.
    pub fn new(happening: &'a Happening, tick_s: f64) -> Self {
        let level = serde_json::to_value(happening.level).unwrap_or_default();
        Self {
            tick: happening.tick,
            sim_time_s: happening.tick as f64 * tick_s,
            level: Cow::Owned(level.as_str().unwrap_or_default().to_owned()),
            source: Cow::Borrowed(&happening.source),
            code: Cow::Borrowed(&happening.code),
            message: Cow::Borrowed(&happening.message),
        }
    }

    /// The row as cells of [`happenings`].
    pub fn cells(&self) -> Vec<Cell<'_>> {
        happening_columns().iter().map(|(.., cell)| cell(self)).collect()
    }
}

/// A row a line of the log.
pub fn happenings() -> Table {
    table("happenings", &happening_columns())
}
