//! Kinds of drones, as data. The built-in table stands in `types.toml`.

use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

use super::scenario::{self, ScenarioError};

/// What a drone of a type can do beside flying.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Capability {
    /// Maps buildings.
    Scan,
    /// Cleans façades.
    Clean,
    /// Brings fluid.
    CarryFluid,
    /// Supplies others with power through a tether.
    TetherPower,
    /// Checks the work of others.
    Inspect,
    /// Passes messages on.
    Relay,
}

impl Capability {
    /// All of them with their names in files and messages.
    pub const ALL: [(&'static str, Capability); 6] = [
        ("scan", Capability::Scan),
        ("clean", Capability::Clean),
        ("carry_fluid", Capability::CarryFluid),
        ("tether_power", Capability::TetherPower),
        ("inspect", Capability::Inspect),
        ("relay", Capability::Relay),
    ];
}

/// The glyphs that a console knows.
pub const SHAPES: [&str; 6] = ["triangle", "square", "diamond", "hexagon", "cross", "circle"];

/// One kind of drone: limits, battery, capabilities.
///
/// Defaults are those of a small quadcopter: speeds and accelerations of Skybrush's virtual drones, power after
/// Zeng et al. 2019 (168.5 W in hover), lag of robotsim.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DroneType {
    /// Name in scenarios and commands, such as `scout`.
    pub name: String,
    /// Name for people.
    pub title: String,
    /// One of [`SHAPES`].
    pub shape: String,
    /// Horizontal speed, and speed through the air.
    pub speed_mps_max: f64,
    /// Upward speed.
    pub climb_mps_max: f64,
    /// Downward speed.
    pub descent_mps_max: f64,
    /// Horizontal acceleration.
    pub accel_mps2_max: f64,
    /// Vertical acceleration.
    pub climb_accel_mps2_max: f64,
    /// Change of acceleration.
    pub jerk_mps3_max: f64,
    /// Turning rate.
    pub yaw_dps_max: f64,
    /// Time constant of the velocity loop.
    pub lag_s: f64,
    /// Mass, for the power to climb.
    pub mass_kg: f64,
    /// Radius of a sphere around the airframe.
    pub radius_m: f64,
    /// Energy of a full battery.
    pub battery_wh: f64,
    /// Power in hover.
    pub hover_w: f64,
    /// Power on the ground with motors armed.
    pub idle_w: f64,
    /// Power of the charger on the home pad.
    pub charge_w: f64,
    /// Length of a tether that feeds the drone from its home and keeps it near; 0 = none.
    pub tether_m: f64,
    /// What it can do beside flying.
    pub capabilities: Vec<Capability>,
}

impl Default for DroneType {
    fn default() -> Self {
        DroneType {
            name: "quad".into(),
            title: "Quadcopter".into(),
            shape: "circle".into(),
            speed_mps_max: 10.0,
            climb_mps_max: 3.0,
            descent_mps_max: 2.0,
            accel_mps2_max: 4.0,
            climb_accel_mps2_max: 2.0,
            jerk_mps3_max: 20.0,
            yaw_dps_max: 90.0,
            lag_s: 0.5,
            mass_kg: 2.0,
            radius_m: 0.3,
            battery_wh: 56.0,
            hover_w: 168.5,
            idle_w: 2.0,
            charge_w: 700.0,
            tether_m: 0.0,
            capabilities: Vec::new(),
        }
    }
}

impl DroneType {
    /// Energy of a full battery in joules.
    pub fn battery_j(&self) -> f64 {
        self.battery_wh * 3600.0
    }

    /// The numbers of a type: name in files, accepted range, place. Shared by reader, hash and documentation.
    pub(super) fn numbers(&mut self) -> [(&'static str, f64, f64, &mut f64); 15] {
        [
            ("speed_mps_max", 0.1, 100.0, &mut self.speed_mps_max),
            ("climb_mps_max", 0.1, 50.0, &mut self.climb_mps_max),
            ("descent_mps_max", 0.1, 50.0, &mut self.descent_mps_max),
            ("accel_mps2_max", 0.1, 100.0, &mut self.accel_mps2_max),
            ("climb_accel_mps2_max", 0.1, 100.0, &mut self.climb_accel_mps2_max),
            ("jerk_mps3_max", 1.0, 10_000.0, &mut self.jerk_mps3_max),
            ("yaw_dps_max", 1.0, 1080.0, &mut self.yaw_dps_max),
            ("lag_s", 0.05, 5.0, &mut self.lag_s),
            ("mass_kg", 0.01, 1000.0, &mut self.mass_kg),
            ("radius_m", 0.02, 10.0, &mut self.radius_m),
            ("battery_wh", 0.1, 100_000.0, &mut self.battery_wh),
            ("hover_w", 0.1, 100_000.0, &mut self.hover_w),
            ("idle_w", 0.0, 10_000.0, &mut self.idle_w),
            ("charge_w", 0.0, 100_000.0, &mut self.charge_w),
            ("tether_m", 0.0, 1000.0, &mut self.tether_m),
        ]
    }
}

/// The types that every scenario knows: scout, worker, tanker-mule, tanker-lifeline, overseer, quad.
pub fn builtin() -> &'static [DroneType] {
    static TYPES: OnceLock<Vec<DroneType>> = OnceLock::new();
    TYPES.get_or_init(|| read_builtin().unwrap_or_default())
}

fn read_builtin() -> Result<Vec<DroneType>, Vec<ScenarioError>> {
    scenario::read_types(include_str!("types.toml"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_table_is_valid_and_holds_the_hmrs_set() {
        read_builtin().unwrap();
        let names: Vec<&str> = builtin().iter().map(|t| t.name.as_str()).collect();
        assert_eq!(names, ["scout", "worker", "tanker-mule", "tanker-lifeline", "overseer", "quad"]);
    }
}
