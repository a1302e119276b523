//! Energy, way and time of a run, places in a formation, and what the radio delivers.

use serde::{Deserialize, Serialize};

use super::super::battery;
use super::super::drone::{Drone, Task};
use super::super::drone_type::DroneType;
use super::super::{Vec3, pilot::Reception};

/// Joules of a watt-hour.
const WH_J: f64 = 3600.0;

/// Figures about flying, taken five times a second; sums assume that nothing changed in between.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct FlightMetrics {
    /// Time in the air of all drones together.
    pub flight_hours: Option<f64>,
    /// Way through the air of all drones together, over ground.
    pub distance_km: Option<f64>,
    /// Energy that flying has used up.
    pub energy_wh: Option<f64>,
    /// The same for each kilometre.
    pub energy_wh_per_km: Option<f64>,
    /// The first of the airborne drones is empty after this time at its present power.
    pub flight_time_left_s: Option<f64>,
    /// Collisions in an hour of flight.
    pub collisions_per_flight_hour: Option<f64>,
    /// Share of all pairs of airborne drones that are in a near miss now.
    pub danger_ratio: Option<f64>,
    /// `1 − collisions / (N(N−1)/2)`, N the airborne drones.
    pub safety: Option<f64>,
    /// Root of the mean squared distance of drones from their places in a formation.
    pub formation_rms_m: Option<f64>,
    /// The largest of those distances.
    pub formation_max_m: Option<f64>,
    /// Share of the messages of neighbours that arrive.
    pub delivered_share: Option<f64>,
    /// Mean age of what drones know of their neighbours.
    pub information_age_s: Option<f64>,
}

/// Sums over a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FlightGauge {
    airborne_s: f64,
    distance_m: f64,
    energy_j: f64,
}

/// What of a world the gauge needs to know besides its drones.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Counts {
    /// Collisions so far.
    pub collisions: u64,
    /// Pairs in a near miss now.
    pub near: usize,
    /// Whether drones have batteries.
    pub has_batteries: bool,
}

impl FlightGauge {
    /// Takes in the drones as they have been for `elapsed_s` seconds. `air` gives type and wind of each.
    pub fn advance<'a>(
        &mut self,
        drones: &[Drone],
        air: impl Fn(&Drone) -> (&'a DroneType, Vec3),
        elapsed_s: f64,
        counts: Counts,
        into: &mut FlightMetrics,
    ) {
        let (mut airborne, mut left_s) = (0.0, f64::INFINITY);
        for drone in drones.iter().filter(|d| d.is_airborne()) {
            let (kind, wind) = air(drone);
            airborne += 1.0;
            self.distance_m += drone.body.velocity.norm() * elapsed_s;
            if counts.has_batteries && drone.task != Task::Fall {
                let airspeed = (drone.body.velocity - wind).horizontal_norm();
                let watts = battery::flight_w(kind, airspeed, drone.body.velocity.z);
                self.energy_j += watts * elapsed_s;
                left_s = left_s.min(drone.battery_j / watts);
            }
        }
        self.airborne_s += airborne * elapsed_s;
        let hours = self.airborne_s / 3600.0;
        let energy = (counts.has_batteries && hours > 0.0).then_some(self.energy_j / WH_J);
        let pairs = 0.5 * airborne * (airborne - 1.0);
        into.flight_hours = Some(hours);
        into.distance_km = Some(self.distance_m / 1000.0);
        into.energy_wh = energy;
        into.energy_wh_per_km =
            energy.filter(|_| self.distance_m > 1.0).map(|wh| 1000.0 * wh / self.distance_m);
        into.flight_time_left_s = left_s.is_finite().then_some(left_s);
        into.collisions_per_flight_hour = (hours > 0.0).then(|| counts.collisions as f64 / hours);
        into.danger_ratio = (pairs > 0.0).then(|| counts.near as f64 / pairs);
        into.safety = (pairs > 0.0).then(|| 1.0 - counts.collisions as f64 / pairs);
    }
}

impl FlightMetrics {
    /// Takes the distances of drones from their places in a formation.
    pub fn set_formation(&mut self, errors: impl Iterator<Item = f64>) {
        let (mut squares, mut largest, mut count) = (0.0, 0f64, 0.0);
        for error in errors {
            squares += error * error;
            largest = largest.max(error);
            count += 1.0;
        }
        self.formation_rms_m = (count > 0.0).then(|| (squares / count).sqrt());
        self.formation_max_m = (count > 0.0).then_some(largest);
    }

    /// Takes what the radio delivered.
    pub fn set_reception(&mut self, all: Reception) {
        self.delivered_share = (all.expected > 0).then(|| f64::from(all.delivered) / f64::from(all.expected));
        self.information_age_s = (all.delivered > 0).then(|| all.age_s / f64::from(all.delivered));
    }
}
