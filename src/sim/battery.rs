//! Power and charge. The shape of the power curve is Zeng et al. 2019; its size is the type's hover power.

use serde::{Deserialize, Serialize};

use super::drone_type::DroneType;
use super::dynamics::GRAVITY_MPS2;

/// Blade profile power, induced power (W), tip speed, induced velocity (m/s) of the reference rotorcraft.
const PROFILE_W: f64 = 79.86;
const INDUCED_W: f64 = 88.63;
const TIP_MPS: f64 = 120.0;
const INDUCED_MPS: f64 = 4.03;
/// Half of drag ratio × air density × solidity × disc area.
const PARASITE: f64 = 0.5 * 0.6 * 1.225 * 0.05 * 0.503;
/// Share of the climbing power that reaches the mass.
const CLIMB_EFFICIENCY: f64 = 0.7;
/// A descent saves power, but no more than this share of hovering remains.
const DESCENT_SHARE: f64 = 0.6;

/// Power in flight in watts, at `airspeed` m/s through the air and `climb` m/s upwards. At most a few per cent of
/// error against the reference from 0 to 25 m/s; minimum near 10 m/s.
pub fn flight_w(kind: &DroneType, airspeed: f64, climb: f64) -> f64 {
    let v2 = airspeed * airspeed;
    let ratio = v2 / (2.0 * INDUCED_MPS * INDUCED_MPS);
    let profile = PROFILE_W * (1.0 + 3.0 * v2 / (TIP_MPS * TIP_MPS));
    let induced = INDUCED_W * ((1.0 + ratio * ratio).sqrt() - ratio).sqrt();
    let level = kind.hover_w * (profile + induced + PARASITE * v2 * airspeed) / (PROFILE_W + INDUCED_W);
    let lift = kind.mass_kg * GRAVITY_MPS2 * climb / CLIMB_EFFICIENCY;
    (level + lift).max(kind.hover_w * DESCENT_SHARE)
}

/// How worrying the charge is. Ordered from full to empty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Stage {
    /// Nothing to say.
    #[default]
    Good,
    /// Caution.
    Low,
    /// The drone goes home.
    VeryLow,
    /// The drone lands where it is.
    Critical,
    /// The motors stop.
    Empty,
}

impl Stage {
    /// The stage at `pct` per cent with these thresholds.
    pub fn at(pct: f64, low: f64, very_low: f64, critical: f64) -> Stage {
        match pct {
            p if p <= 0.0 => Stage::Empty,
            p if p <= critical => Stage::Critical,
            p if p <= very_low => Stage::VeryLow,
            p if p <= low => Stage::Low,
            _ => Stage::Good,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hovering_costs_the_hover_power_and_twenty_minutes_empty_a_quad() {
        let quad = DroneType::default();
        assert!((flight_w(&quad, 0.0, 0.0) - quad.hover_w).abs() < 1e-9);
        let minutes = quad.battery_j() / flight_w(&quad, 0.0, 0.0) / 60.0;
        assert!((minutes - 20.0).abs() < 0.1, "{minutes} min");
    }

    #[test]
    fn the_cheapest_speed_is_near_ten_metres_per_second() {
        let quad = DroneType::default();
        let cheapest = (0..250)
            .map(|k| f64::from(k) * 0.1)
            .min_by(|a, b| flight_w(&quad, *a, 0.0).total_cmp(&flight_w(&quad, *b, 0.0)))
            .unwrap();
        assert!((8.0..13.0).contains(&cheapest), "{cheapest} m/s");
        assert!(flight_w(&quad, 0.0, 2.0) > flight_w(&quad, 0.0, 0.0));
        assert!(flight_w(&quad, 0.0, -2.0) < flight_w(&quad, 0.0, 0.0));
    }

    #[test]
    fn stages_follow_the_thresholds() {
        let stage = |pct| Stage::at(pct, 33.0, 25.0, 10.0);
        assert_eq!(
            [50.0, 33.0, 25.0, 10.0, 0.0].map(stage),
            [Stage::Good, Stage::Low, Stage::VeryLow, Stage::Critical, Stage::Empty]
        );
        assert!(Stage::Good < Stage::Critical);
    }
}
