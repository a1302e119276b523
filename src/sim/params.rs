//! The numbers that may be changed while a run goes on, as a schema.
//!
//! A parameter's path is the same in a scenario, in `set_param` and on the command line:
//! `limits.separation_m`, `behavior.boids.cohesion_m`. Behaviours bring their own (see [`super::behaviour`]).

use serde::{Deserialize, Serialize};

use super::behaviour;

/// How one tunable number is called and what it may be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spec {
    /// Last part of the path, such as `separation_m`.
    pub name: &'static str,
    /// Short name for people.
    pub label: &'static str,
    /// Unit, empty for a plain number.
    pub unit: &'static str,
    /// Smallest accepted value.
    pub min: f64,
    /// Largest accepted value.
    pub max: f64,
    /// Sensible step of a slider.
    pub step: f64,
    /// Value if nobody says otherwise.
    pub default: f64,
}

/// One parameter of a world: schema and current value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ParamSpec {
    /// Full path, such as `limits.separation_m`.
    pub path: String,
    /// Short name for people.
    pub label: String,
    /// Unit, empty for a plain number.
    pub unit: String,
    /// Kind of value; all are `number` so far.
    #[serde(rename = "type")]
    pub kind: String,
    /// Smallest accepted value.
    pub min: f64,
    /// Largest accepted value.
    pub max: f64,
    /// Sensible step of a slider.
    pub step: f64,
    /// Value if nobody says otherwise.
    pub default: f64,
    /// Value now.
    pub value: f64,
}

/// The safety parameters, by place in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Limit {
    /// Distance that drones keep from each other.
    Separation,
    /// Distance that drones keep from obstacles.
    Clearance,
    /// Distance that drones keep from fences.
    FenceMargin,
    /// Spacing of the places around a shared goal.
    Spacing,
    /// Largest altitude of a commanded position.
    AltitudeMax,
    /// Altitude of a takeoff that names none.
    TakeoffAltitude,
    /// Altitude of the way home.
    RtlAltitude,
    /// Radius within which a goal counts as reached.
    ArrivalRadius,
    /// Speed below which a goal counts as reached.
    ArrivalSpeed,
    /// How long a velocity setpoint holds.
    SetpointTimeout,
    /// Battery: caution.
    BatteryLow,
    /// Battery: return home.
    BatteryVeryLow,
    /// Battery: land at once.
    BatteryCritical,
    /// Battery: charged enough to go on with an interrupted task.
    BatteryResume,
    /// Silence after which a drone without link returns home.
    LinkLoss,
    /// Distance below which two drones in the air have a near miss.
    NearMiss,
}

const fn spec(
    name: &'static str,
    label: &'static str,
    unit: &'static str,
    [min, max, step, default]: [f64; 4],
) -> Spec {
    Spec { name, label, unit, min, max, step, default }
}

/// How many safety parameters there are. Counted by hand: taking it from the table sends the compiler in circles.
const LIMITS_LEN: usize = 16;

/// Schema of the safety parameters, in the order of [`Limit`].
pub const LIMITS: [Spec; LIMITS_LEN] = [
    spec("separation_m", "Separation", "m", [0.5, 50.0, 0.1, 3.0]),
    spec("clearance_m", "Clearance from obstacles", "m", [0.2, 50.0, 0.1, 2.0]),
    spec("fence_margin_m", "Margin to fences", "m", [0.0, 100.0, 0.5, 3.0]),
    spec("spacing_m", "Spacing around a shared goal", "m", [1.0, 100.0, 0.5, 4.0]),
    spec("altitude_m_max", "Highest altitude", "m", [1.0, 10_000.0, 1.0, 500.0]),
    spec("takeoff_altitude_m", "Takeoff altitude", "m", [1.0, 500.0, 0.5, 10.0]),
    spec("rtl_altitude_m", "Altitude of the way home", "m", [2.0, 500.0, 0.5, 20.0]),
    spec("arrival_radius_m", "Arrival radius", "m", [0.1, 20.0, 0.1, 1.0]),
    spec("arrival_speed_mps", "Arrival speed", "m/s", [0.1, 5.0, 0.1, 0.5]),
    spec("setpoint_timeout_s", "Velocity setpoint holds for", "s", [0.1, 60.0, 0.1, 2.0]),
    spec("battery_low_pct", "Battery low", "%", [0.0, 100.0, 1.0, 33.0]),
    spec("battery_very_low_pct", "Battery very low: return home", "%", [0.0, 100.0, 1.0, 25.0]),
    spec("battery_critical_pct", "Battery critical: land", "%", [0.0, 100.0, 1.0, 10.0]),
    spec("battery_resume_pct", "Battery charged: go on", "%", [1.0, 100.0, 1.0, 95.0]),
    spec("link_loss_s", "Link lost: return home after", "s", [0.5, 600.0, 0.5, 10.0]),
    spec("near_miss_m", "Near miss", "m", [0.1, 50.0, 0.1, 1.5]),
];

/// The values of one world, by path or by place.
#[derive(Clone, Debug, PartialEq)]
pub struct Params {
    limits: [f64; LIMITS_LEN],
    behaviours: Vec<Vec<f64>>,
}

impl Default for Params {
    fn default() -> Self {
        let defaults = |specs: &[Spec]| specs.iter().map(|s| s.default).collect::<Vec<f64>>();
        let mut limits = [0.0; LIMITS.len()];
        limits.copy_from_slice(&defaults(&LIMITS));
        Params { limits, behaviours: behaviour::ALL.iter().map(|b| defaults(b.params)).collect() }
    }
}

/// Why a parameter could not be set.
#[derive(Clone, Debug, PartialEq)]
pub enum ParamError {
    /// No parameter has this path.
    Unknown,
    /// The value is NaN or infinite.
    NotFinite,
    /// The value is outside the range of this schema.
    OutOfRange(Spec),
}

impl Params {
    /// The value of a safety parameter.
    pub fn limit(&self, limit: Limit) -> f64 {
        self.limits[limit as usize]
    }

    /// The values of a behaviour, in the order of its schema.
    pub fn of_behaviour(&self, index: usize) -> &[f64] {
        &self.behaviours[index]
    }

    /// Every parameter with its value.
    pub fn list(&self) -> Vec<ParamSpec> {
        let describe = |prefix: &str, spec: &Spec, value: f64| ParamSpec {
            path: format!("{prefix}.{}", spec.name),
            label: spec.label.into(),
            unit: spec.unit.into(),
            kind: "number".into(),
            min: spec.min,
            max: spec.max,
            step: spec.step,
            default: spec.default,
            value,
        };
        let mut list: Vec<ParamSpec> =
            LIMITS.iter().zip(&self.limits).map(|(s, &v)| describe("limits", s, v)).collect();
        for (behaviour, values) in behaviour::ALL.iter().zip(&self.behaviours) {
            let prefix = format!("behavior.{}", behaviour.name);
            list.extend(behaviour.params.iter().zip(values).map(|(s, &v)| describe(&prefix, s, v)));
        }
        list
    }

    /// Sets the parameter at `path`.
    pub fn set(&mut self, path: &str, value: f64) -> Result<(), ParamError> {
        let (spec, place) = self.find(path).ok_or(ParamError::Unknown)?;
        if !value.is_finite() {
            return Err(ParamError::NotFinite);
        }
        if !(spec.min..=spec.max).contains(&value) {
            return Err(ParamError::OutOfRange(spec));
        }
        *place = value;
        Ok(())
    }

    fn find(&mut self, path: &str) -> Option<(Spec, &mut f64)> {
        if let Some(name) = path.strip_prefix("limits.") {
            let at = LIMITS.iter().position(|s| s.name == name)?;
            return Some((LIMITS[at], &mut self.limits[at]));
        }
        let (behaviour, name) = path.strip_prefix("behavior.")?.split_once('.')?;
        let which = behaviour::index_of(behaviour)?;
        let specs = behaviour::ALL[which].params;
        let at = specs.iter().position(|s| s.name == name)?;
        Some((specs[at], &mut self.behaviours[which][at]))
    }

    /// Every value, in a fixed order, for the state hash.
    pub(super) fn values(&self) -> impl Iterator<Item = f64> + '_ {
        self.limits.iter().chain(self.behaviours.iter().flatten()).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_enum_and_defaults_are_in_range() {
        assert_eq!(LIMITS[Limit::NearMiss as usize].name, "near_miss_m");
        assert_eq!(LIMITS[Limit::RtlAltitude as usize].name, "rtl_altitude_m");
        assert_eq!(LIMITS[Limit::BatteryResume as usize].name, "battery_resume_pct");
        for param in Params::default().list() {
            assert!((param.min..=param.max).contains(&param.default), "{}", param.path);
            assert_eq!(param.value, param.default);
        }
    }

    #[test]
    fn every_listed_path_can_be_set_and_nothing_else() {
        let mut params = Params::default();
        for param in params.list() {
            params.set(&param.path, param.max).unwrap();
            assert!(matches!(params.set(&param.path, param.max + 1.0), Err(ParamError::OutOfRange(_))));
            assert_eq!(params.set(&param.path, f64::NAN), Err(ParamError::NotFinite));
        }
        for path in
            ["", "limits", "limits.", "limits.x", "behavior.boids", "behavior.boids.x", "behavior.x.y"]
        {
            assert_eq!(params.set(path, 1.0), Err(ParamError::Unknown), "{path}");
        }
    }
}
