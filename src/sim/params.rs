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
    /// What the values 0, 1, … are called, if they are choices instead of amounts.
    pub choices: &'static [&'static str],
}

impl Spec {
    /// An amount: `[min, max, step, default]`.
    pub const fn amount(
        name: &'static str,
        label: &'static str,
        unit: &'static str,
        [min, max, step, default]: [f64; 4],
    ) -> Spec {
        Spec { name, label, unit, min, max, step, default, choices: &[] }
    }

    /// A choice; the first is the default.
    pub const fn choice(name: &'static str, label: &'static str, choices: &'static [&'static str]) -> Spec {
        let max = (choices.len() - 1) as f64;
        Spec { name, label, unit: "", min: 0.0, max, step: 1.0, default: 0.0, choices }
    }

    /// Whether `value` lies in the range, and is whole if it stands for a choice.
    pub fn accepts(&self, value: f64) -> bool {
        (self.min..=self.max).contains(&value) && (self.choices.is_empty() || value == value.trunc())
    }
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
    /// Kind of value: `number`, or `choice` between the names in `choices`.
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
    /// Names of the values 0, 1, … of a choice.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<String>,
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

/// Parameters of the position sensor, by place in their table. All zero: it tells the truth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Gps {
    /// Standard deviation of the slow error.
    Bias,
    /// Its correlation time.
    BiasTime,
    /// Standard deviation of the error that is new every tick.
    White,
    /// Standard deviation of the velocity's error.
    Velocity,
    /// Variance of the velocity error of the second-order sensor of Vásárhelyi et al. 2018.
    Coupled,
    /// Time between two fixes; the drone reckons with its accelerometer in between.
    Period,
    /// How old a fix is when it comes.
    Delay,
}

/// Parameters of the radio between drones, by place in their table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Radio {
    /// Farther drones are not heard; 0 = everyone is.
    Range,
    /// How old the states are that others hear.
    Delay,
    /// Share of messages lost at any distance.
    Loss,
    /// Share lost more at `LossDistance`, growing with the square of the distance.
    LossRatio,
    /// See `LossRatio`.
    LossDistance,
    /// A message may be late by up to this beside the delay, each by its own.
    Jitter,
    /// Time between two messages of a drone.
    Period,
    /// Share of the time that a transmitter is in a bad state (Gilbert 1960, Elliott 1963).
    BurstShare,
    /// How long a bad state lasts on average.
    BurstTime,
    /// Share of messages lost in it.
    BurstLoss,
    /// Only so many of the nearest are heard; 0 = all.
    Nearest,
}

/// Parameters of the abstract laws of motion, by place in their table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Law {
    /// `kinematic`: whether a point moves with its old or its new velocity.
    Update,
    /// `robotsim`: time constant of the velocity loop.
    Lag,
    /// `robotsim`: largest acceleration.
    Accel,
    /// `robotsim`: strength of the random acceleration.
    Noise,
}

/// Parameters of the accelerometer, by place in their table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Imu {
    /// Standard deviation of the error that is new every tick.
    White,
    /// Standard deviation among drones of the error that stays.
    Bias,
}

/// Parameters of the air, by place in their table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Air {
    /// Whether the mean grows with height.
    Profile,
    /// Roughness length of the ground.
    Roughness,
    /// Whether gusts are those of the Dryden model.
    Gusts,
    /// Correlation time of gusts that are not.
    GustTime,
    /// Part of the variance of gusts that all feel alike.
    GustShared,
}

/// Parameters of the metrics, by place in their table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Gauge {
    /// Drones nearer than this are linked.
    Link,
    /// Distance of the lattice that is looked for.
    Lattice,
    /// Side of a cell of the site.
    Cell,
    /// Aggregates leave out what was before.
    SteadyFrom,
    /// Polarization that counts as order.
    SettlePolarization,
    /// Formation error that counts as a formation.
    SettleError,
    /// How long either has to last.
    SettleHold,
    /// Nearer pairs of a flock are in danger.
    Collision,
    /// Of the fitness of a flock: speed.
    SpeedTolerance,
    /// Of the fitness of a flock: pairs in danger.
    DangerTolerance,
    /// Of the fitness of a flock: distance outside the arena.
    WallTolerance,
}

/// Largest `radio.nearest`.
pub const NEAREST_MAX: f64 = 64.0;

const fn spec(name: &'static str, label: &'static str, unit: &'static str, numbers: [f64; 4]) -> Spec {
    Spec::amount(name, label, unit, numbers)
}

/// How many groups there are; by hand, as [`LIMITS_LEN`].
const GROUPS_LEN: usize = 6;

/// Groups that came after the limits: name and schema. Their order is part of recorded runs: append.
pub const GROUPS: [(&str, &[Spec]); GROUPS_LEN] = [
    (
        "gps",
        &[
            spec("bias_m", "Slow position error", "m", [0.0, 100.0, 0.1, 0.0]),
            spec("bias_time_s", "Its correlation time", "s", [0.1, 10_000.0, 1.0, 60.0]),
            spec("white_m", "Quick position error", "m", [0.0, 100.0, 0.05, 0.0]),
            spec("velocity_mps", "Velocity error", "m/s", [0.0, 10.0, 0.01, 0.0]),
            spec("coupled_m2ps2", "Coupled error (Vásárhelyi 2018)", "m²/s²", [0.0, 1.0, 0.001, 0.0]),
            spec("period_s", "Time between two fixes, 0 = every tick", "s", [0.0, 10.0, 0.1, 0.0]),
            spec("delay_s", "Age of a fix when it comes", "s", [0.0, 5.0, 0.04, 0.0]),
        ],
    ),
    (
        "radio",
        &[
            spec("range_m", "Radio range, 0 = everyone", "m", [0.0, 100_000.0, 1.0, 0.0]),
            spec("delay_s", "Age of what is heard", "s", [0.0, 10.0, 0.04, 0.0]),
            spec("loss", "Share of messages lost", "", [0.0, 1.0, 0.01, 0.0]),
            spec("loss_ratio", "Share lost more at the loss distance", "", [0.0, 1.0, 0.01, 0.0]),
            spec("loss_distance_m", "Loss distance", "m", [1.0, 100_000.0, 1.0, 80.0]),
            spec("jitter_s", "Messages are late by up to", "s", [0.0, 10.0, 0.04, 0.0]),
            spec("period_s", "Time between two messages, 0 = every tick", "s", [0.0, 10.0, 0.1, 0.0]),
            spec("burst_share", "Share of time in bad states", "", [0.0, 0.95, 0.01, 0.0]),
            spec("burst_s", "Mean length of a bad state", "s", [0.01, 1000.0, 0.1, 2.0]),
            spec("burst_loss", "Share of messages lost in it", "", [0.0, 1.0, 0.01, 1.0]),
            spec(
                "nearest",
                "Only so many of the nearest are heard, 0 = all",
                "",
                [0.0, NEAREST_MAX, 1.0, 0.0],
            ),
        ],
    ),
    (
        "dynamics",
        &[
            Spec::choice("update", "Which velocity moves a point", &["old_heading", "forward"]),
            spec("lag_s", "Time constant of the velocity loop", "s", [0.01, 60.0, 0.1, 1.0]),
            spec("accel_mps2_max", "Largest acceleration", "m/s²", [0.01, 1000.0, 0.1, 6.0]),
            spec("noise_m2ps3", "Random acceleration", "m²/s³", [0.0, 100.0, 0.01, 0.0]),
        ],
    ),
    (
        "metrics",
        &[
            spec("link_m", "Distance of a link", "m", [0.01, 10_000.0, 1.0, 24.0]),
            spec("lattice_m", "Distance of the lattice", "m", [0.01, 10_000.0, 0.5, 7.0]),
            spec("cell_m", "Side of a cell of the site, from the start on", "m", [0.5, 1000.0, 0.5, 5.0]),
            spec("steady_from_s", "Aggregates from", "s", [0.0, 1e9, 1.0, 0.0]),
            spec("settle_polarization", "Polarization that counts as order", "", [0.0, 1.0, 0.01, 0.9]),
            spec("settle_error_m", "Error that counts as a formation", "m", [0.0, 1000.0, 0.1, 1.0]),
            spec("settle_hold_s", "How long it has to last", "s", [0.0, 100_000.0, 1.0, 10.0]),
            spec("collision_m", "Pairs of a flock in danger below", "m", [0.01, 1000.0, 0.1, 3.0]),
            spec("speed_tolerance_mps", "Fitness: tolerance of speed", "m/s", [0.001, 100.0, 0.1, 1.5]),
            spec("danger_tolerance", "Fitness: tolerance of danger", "", [1e-9, 1.0, 1e-5, 3e-5]),
            spec("wall_tolerance_m", "Fitness: tolerance outside the arena", "m", [0.001, 1000.0, 0.1, 2.0]),
        ],
    ),
    (
        "imu",
        &[
            spec("accel_mps2", "Quick error of the accelerometer", "m/s²", [0.0, 10.0, 0.01, 0.0]),
            spec("accel_bias_mps2", "Its lasting error, among drones", "m/s²", [0.0, 10.0, 0.01, 0.0]),
        ],
    ),
    (
        "wind",
        &[
            Spec::choice("profile", "Mean wind over height", &["uniform", "log"]),
            spec("roughness_m", "Roughness of the ground", "m", [0.0001, 2.0, 0.01, 0.03]),
            Spec::choice("gusts", "Strength and time of gusts", &["fixed", "dryden"]),
            spec("gust_time_s", "Correlation time of fixed gusts", "s", [0.1, 600.0, 0.5, 4.0]),
            spec("gust_shared", "Correlation of the gusts of two drones", "", [0.0, 1.0, 0.05, 0.8]),
        ],
    ),
];

/// Position sensors by name: what a scenario means by `[gps] preset`. Fields that stand beside it beat it.
pub const GPS_PRESETS: [(&str, &[(&str, f64)]); 4] = [
    ("perfect", &[]),
    // A receiver without corrections: it drifts by 0.7 m over a minute, five fixes a second.
    (
        "gnss",
        &[("bias_m", 0.7), ("bias_time_s", 60.0), ("white_m", 0.1), ("period_s", 0.2), ("delay_s", 0.12)],
    ),
    // With corrections from a base station.
    ("rtk", &[("bias_m", 0.02), ("bias_time_s", 60.0), ("period_s", 0.2), ("delay_s", 0.12)]),
    // That of the authors of Vásárhelyi et al. 2018 (csviragh/robotsim).
    ("robotsim", &[("coupled_m2ps2", 0.005), ("period_s", 0.2)]),
];

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
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Params {
    limits: [f64; LIMITS_LEN],
    groups: [Vec<f64>; GROUPS_LEN],
    behaviours: Vec<Vec<f64>>,
}

impl Default for Params {
    fn default() -> Self {
        let defaults = |specs: &[Spec]| specs.iter().map(|s| s.default).collect::<Vec<f64>>();
        let mut limits = [0.0; LIMITS.len()];
        limits.copy_from_slice(&defaults(&LIMITS));
        Params {
            limits,
            groups: GROUPS.map(|(_, specs)| defaults(specs)),
            behaviours: behaviour::ALL.iter().map(|b| defaults(b.params)).collect(),
        }
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

    /// A value of the position sensor.
    pub fn gps(&self, which: Gps) -> f64 {
        self.groups[0][which as usize]
    }

    /// A value of the radio.
    pub fn radio(&self, which: Radio) -> f64 {
        self.groups[1][which as usize]
    }

    /// A value of the accelerometer.
    pub fn imu(&self, which: Imu) -> f64 {
        self.groups[4][which as usize]
    }

    /// A value of the air.
    pub fn air(&self, which: Air) -> f64 {
        self.groups[5][which as usize]
    }

    /// A value of the laws of motion.
    pub fn law(&self, which: Law) -> f64 {
        self.groups[2][which as usize]
    }

    /// A value of the metrics.
    pub fn gauge(&self, which: Gauge) -> f64 {
        self.groups[3][which as usize]
    }

    /// Whether drones know less than the truth about themselves or each other.
    pub fn senses_are_imperfect(&self) -> bool {
        [Gps::Bias, Gps::White, Gps::Velocity, Gps::Coupled, Gps::Period, Gps::Delay]
            .iter()
            .any(|&g| self.gps(g) > 0.0)
            || [Radio::Range, Radio::Delay, Radio::Loss, Radio::LossRatio]
                .iter()
                .any(|&r| self.radio(r) > 0.0)
            || [Radio::Jitter, Radio::Period, Radio::BurstShare].iter().any(|&r| self.radio(r) > 0.0)
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
            kind: if spec.choices.is_empty() { "number" } else { "choice" }.into(),
            min: spec.min,
            max: spec.max,
            step: spec.step,
            default: spec.default,
            value,
            choices: spec.choices.iter().map(|&c| c.to_owned()).collect(),
        };
        let mut list: Vec<ParamSpec> =
            LIMITS.iter().zip(&self.limits).map(|(s, &v)| describe("limits", s, v)).collect();
        for ((group, specs), values) in GROUPS.iter().zip(&self.groups) {
            list.extend(specs.iter().zip(values).map(|(s, &v)| describe(group, s, v)));
        }
        for (behaviour, values) in behaviour::ALL.iter().zip(&self.behaviours) {
            let prefix = format!("behavior.{}", behaviour.name);
            list.extend(behaviour.params.iter().zip(values).map(|(s, &v)| describe(&prefix, s, v)));
        }
        list
    }

    /// The value of the parameter at `path`.
    pub fn get(&self, path: &str) -> Option<f64> {
        self.clone().find(path).map(|(_, value)| *value)
    }

    /// Sets the parameter at `path`.
    pub fn set(&mut self, path: &str, value: f64) -> Result<(), ParamError> {
        let (spec, place) = self.find(path).ok_or(ParamError::Unknown)?;
        if !value.is_finite() {
            return Err(ParamError::NotFinite);
        }
        if !spec.accepts(value) {
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
        for ((group, specs), values) in GROUPS.iter().zip(&mut self.groups) {
            if let Some(name) = path.strip_prefix(group).and_then(|rest| rest.strip_prefix('.')) {
                let at = specs.iter().position(|s| s.name == name)?;
                return Some((specs[at], &mut values[at]));
            }
        }
        let (behaviour, name) = path.strip_prefix("behavior.")?.split_once('.')?;
        let which = behaviour::index_of(behaviour)?;
        let specs = behaviour::ALL[which].params;
        let at = specs.iter().position(|s| s.name == name)?;
        Some((specs[at], &mut self.behaviours[which][at]))
    }

    /// Whether it has a value for each parameter that there is, and no other.
    pub(super) fn is_whole(&self) -> bool {
        GROUPS.iter().zip(&self.groups).all(|((_, specs), values)| specs.len() == values.len())
            && self.behaviours.len() == behaviour::ALL.len()
            && behaviour::ALL.iter().zip(&self.behaviours).all(|(b, values)| b.params.len() == values.len())
    }

    /// The values that every hash has held from the first version on, in a fixed order: limits and boids.
    pub(super) fn values(&self) -> impl Iterator<Item = f64> + '_ {
        self.limits.iter().chain(self.behaviours.iter().take(1).flatten()).copied()
    }

    /// Of all later groups and behaviours those that differ from their defaults, as (place, value): a parameter that
    /// is new in some version changes no hash of a run that does not use it.
    pub(super) fn changes(&self) -> impl Iterator<Item = (u64, f64)> + '_ {
        let groups = GROUPS.iter().map(|(_, specs)| *specs).zip(&self.groups);
        let behaviours = behaviour::ALL.iter().map(|b| b.params).zip(&self.behaviours).skip(1);
        let numbered = groups.zip(0u64..).chain(behaviours.zip(0x100u64..));
        numbered.flat_map(|((specs, values), group)| {
            let pairs = specs.iter().zip(values).zip(0u64..);
            pairs.filter(|((s, v), _)| s.default != **v).map(move |((_, &v), at)| (group << 16 | at, v))
        })
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
    fn presets_name_parameters_of_their_group_and_keep_their_ranges() {
        for (name, values) in GPS_PRESETS {
            let mut params = Params::default();
            for (field, value) in values {
                params
                    .set(&format!("gps.{field}"), *value)
                    .unwrap_or_else(|e| panic!("{name}, {field}: {e:?}"));
            }
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
