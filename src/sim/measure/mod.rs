//! Figures about the whole swarm: what they are, how they are taken, and what becomes of them over a run.
//!
//! [`METRICS`] describes every figure once: name, unit, formula. [`Metrics`] holds their values after a tick; on the
//! wire and in files it is one flat object with those names. [`Tally`] sums them up over a run, [`Safety`] keeps what
//! matters for safety. Figures read the world and change nothing in it: no hash depends on them.

mod flight;
mod flock;
mod graph;
mod groups;
mod order;
mod pairs;
mod raster;
mod safety;
mod table;
mod tally;

use serde::{Deserialize, Serialize};

pub use flight::{Counts, FlightGauge, FlightMetrics};
pub use flock::{Fitness, FlockGauge, FlockMetrics, Tolerances};
pub use graph::Graph;
pub use order::{OrderGauge, OrderMetrics, Scale, order};
pub use pairs::{CloseCalls, Encounter, SEARCH_M};
pub use raster::{Raster, SlowMetrics};
pub use safety::{Incident, Safety, Span};
pub use table::{METRICS, MetricSpec, Rate};
pub use tally::{Aggregate, Goals, SAMPLE_S, SAMPLES_MAX, Tally};

/// Figures about the swarm after a tick. `None` where the figure has no meaning, such as a distance without a pair.
/// On the wire one flat object.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// Drones off the ground.
    pub airborne: u32,
    /// Lowest charge of any drone.
    pub battery_min_pct: Option<f64>,
    /// Mean charge of all drones.
    pub battery_mean_pct: Option<f64>,
    /// Length of the mean of the airborne drones' unit velocities: 1 all the same way, about 0 any way.
    pub polarization: Option<f64>,
    /// Smallest distance between two airborne drones, if below 24 m.
    pub separation_min_m: Option<f64>,
    /// Largest distance of an airborne drone from the middle of all airborne drones.
    pub cohesion_radius_m: Option<f64>,
    /// Times since the start that two airborne drones came nearer than `limits.near_miss_m`.
    pub near_misses: u64,
    /// Times since the start that two airborne drones came nearer than the sum of their radii.
    #[serde(default)]
    pub collisions: u64,
    /// Times since the start that a drone crossed a fence.
    pub fence_breaches: u64,
    /// Drones with an alert now.
    pub alerts: AlertCount,
    /// Figures that cost more, taken five times a second.
    #[serde(default, flatten)]
    pub order: OrderMetrics,
    /// Energy, formation and messages, taken five times a second.
    #[serde(default, flatten)]
    pub flight: FlightMetrics,
    /// Figures that cost most, taken once a second.
    #[serde(default, flatten)]
    pub slow: SlowMetrics,
    /// Order parameters of those who fly `vasarhelyi`.
    #[serde(default, flatten)]
    pub flock: FlockMetrics,
}

/// Drones by the level of their alert.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertCount {
    /// Caution.
    pub caution: u32,
    /// Warning or critical.
    pub warning: u32,
}
