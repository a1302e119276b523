//! What the world shows to the outside after a tick.

use std::borrow::Cow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::drone::{Landed, Mode};
use super::happening::Level;
use super::measure::{Metrics, Safety};
use super::mission::Mission;
use super::neighbours::{Neighbours, Traffic};
use super::scene::{Fence, Obstacle};
use super::{Tick, Vec3};

/// The drones that there are, in slot order. `epoch` goes up by one whenever the rows change.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DroneTable {
    /// Number of the table.
    pub epoch: u32,
    /// One row for each drone, in order of creation.
    pub rows: Vec<DroneRow>,
}

/// What of a drone seldom changes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DroneRow {
    /// Its id.
    pub id: Arc<str>,
    /// Name of its type.
    #[serde(rename = "type")]
    pub kind: Arc<str>,
    /// Its group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<Arc<str>>,
}

/// What an operator has to know about a drone now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Alert {
    /// How much it matters.
    pub level: AlertLevel,
    /// A few words.
    pub text: Cow<'static, str>,
}

/// How much an alert matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertLevel {
    /// Good to know.
    Info,
    /// Look at it some time.
    Caution,
    /// Look at it now.
    Warning,
    /// Act now.
    Critical,
}

impl AlertLevel {
    /// Its word, as in JSON.
    pub fn name(self) -> &'static str {
        match self {
            AlertLevel::Info => "info",
            AlertLevel::Caution => "caution",
            AlertLevel::Warning => "warning",
            AlertLevel::Critical => "critical",
        }
    }
}

impl From<AlertLevel> for Level {
    fn from(level: AlertLevel) -> Level {
        match level {
            AlertLevel::Info => Level::Info,
            AlertLevel::Caution => Level::Warning,
            AlertLevel::Warning => Level::Error,
            AlertLevel::Critical => Level::Critical,
        }
    }
}

/// The state of one drone, as last heard from it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DroneState {
    /// Position.
    pub position: Vec3,
    /// Velocity over ground.
    pub velocity: Vec3,
    /// Degrees clockwise from north.
    pub heading_deg: f64,
    /// Charge in per cent.
    pub battery_pct: f64,
    /// What it is doing.
    pub mode: Mode,
    /// Contact with the ground.
    pub landed: Landed,
    /// Whether its motors are armed.
    pub armed: bool,
    /// The most important alert.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alert: Option<Alert>,
    /// Where it is going.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub goal: Option<Vec3>,
    /// Ticks since it was last heard; 0 while its link is up.
    pub silent_ticks: u32,
    /// Whether its link is down.
    pub link_lost: bool,
    /// Whether one of its numbers was not finite.
    pub bad_data: bool,
    /// Whether it is signalling to be recognised.
    pub signalling: bool,
    /// Names of its faults.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<Cow<'static, str>>,
}

/// What stands still or seldom changes: built anew only when it changes.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Visual {
    /// Fences of the scenario.
    pub fences: Vec<Fence>,
    /// Obstacles of the scenario.
    pub obstacles: Vec<Obstacle>,
    /// Waypoints of every drone that has a mission.
    pub paths: Vec<(Arc<str>, Vec<Vec3>)>,
}

/// The world after a tick, for everyone to read.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Snapshot {
    /// Ticks since the start.
    pub tick: Tick,
    /// Seconds since the start.
    pub sim_time_s: f64,
    /// Ids, types and groups; row i belongs to `drones[i]`.
    pub table: Arc<DroneTable>,
    /// States in slot order.
    pub drones: Vec<DroneState>,
    /// Figures about the whole swarm.
    pub metrics: Metrics,
    /// Scene and paths. Not kept: they follow from the scenario.
    #[serde(skip)]
    pub visual: Arc<Visual>,
    /// The mission, in worlds that have one. Not kept: whoever flies the run again has it.
    #[serde(skip)]
    pub mission: Option<MissionShown>,
}

/// A mission as it is shown.
#[derive(Clone, Debug)]
pub struct MissionShown {
    /// All of it, the hidden truth included: whoever shows it has to ask whether that may be seen.
    pub state: Arc<Mission>,
    /// What matters for safety, for its report.
    pub safety: Safety,
}

impl Snapshot {
    /// For each airborne drone the link to its nearest airborne neighbour within `range_m`, as pairs of slots with
    /// the smaller first, sorted, each once. O(drones); meant for a few frames a second.
    pub fn links(&self, range_m: f64) -> Vec<(u32, u32)> {
        let flying: Vec<(u32, Vec3)> = self
            .drones
            .iter()
            .enumerate()
            .filter(|(_, d)| d.landed != Landed::OnGround)
            .map(|(slot, d)| (slot as u32, d.position))
            .collect();
        let mut grid = Neighbours::default();
        grid.rebuild(range_m.max(1.0), flying.len(), |i| Traffic {
            position: flying[i].1,
            index: i as u32,
            ..Default::default()
        });
        let mut links: Vec<(u32, u32)> = flying
            .iter()
            .enumerate()
            .filter_map(|(i, (slot, p))| {
                let mut best = (f64::INFINITY, None);
                grid.each_within(*p, range_m, |other, _, d2| {
                    if other.index != i as u32 && d2 < best.0 {
                        best = (d2, Some(flying[other.index as usize].0));
                    }
                });
                best.1.map(|other| (*slot.min(&other), *slot.max(&other)))
            })
            .collect();
        links.sort_unstable();
        links.dedup();
        links
    }
}
