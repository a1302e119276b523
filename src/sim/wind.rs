//! Wind: a steady mean and gusts that neighbours feel nearly alike.
//!
//! The mean is the same everywhere, or follows the logarithmic law over rough ground, `w̄(h) = w̄₁₀ ln(h/z₀) / ln(10/z₀)`.
//! Gusts have a strength and a time of the scenario's choice, or those of the Dryden model at low altitude
//! (MIL-F-8785C): with h in feet `L_u = L_v = h / (0.177 + 0.000823 h)^1.2`, `L_w = h`, `σ_w = 0.1 W₂₀`,
//! `σ_u = σ_v = σ_w / (0.177 + 0.000823 h)^0.4` and times of `L / V`, V the mean wind but at least 1 m/s.

use serde::{Deserialize, Serialize};

use super::params::{Air, Params};
use super::rng::{Channel, SWARM, Stream};
use super::{Tick, Vec3, geodesy};

/// Vertical gusts against horizontal ones.
const VERTICAL: f64 = 0.3;

/// The wind of a scenario, as people say it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct WindSpec {
    /// Mean speed.
    pub speed_mps: f64,
    /// Where it comes from, degrees clockwise from north.
    pub from_deg: f64,
    /// Standard deviation of the gusts, each horizontal axis.
    pub gust_mps: f64,
}

/// The wind now. Gusts are Ornstein–Uhlenbeck processes, stepped exactly: one shared by the swarm, one for each drone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Wind {
    spec: WindSpec,
    mean: Vec3,
    shared: Vec3,
    model: Model,
}

/// How mean and gusts depend on height.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Model {
    /// Roughness length of the logarithmic law.
    roughness_m: Option<f64>,
    is_dryden: bool,
    gust_time_s: f64,
    /// Shares of the swarm's gust and the drone's own in what it feels.
    shares: [f64; 2],
}

/// Height at which the mean is the one that was asked for.
const REFERENCE_M: f64 = 10.0;
/// Height for which the shared gust is made.
const SHARED_M: f64 = 20.0;
const FOOT_M: f64 = 0.3048;

impl Wind {
    /// Wind as specified, before the first gust.
    pub fn new(spec: WindSpec, params: &Params) -> Self {
        let mean = geodesy::direction_of(spec.from_deg) * -spec.speed_mps;
        let mut wind = Wind { spec, mean, shared: Vec3::ZERO, model: Model::default() };
        wind.tune(params);
        wind
    }

    /// Takes over parameters; the gusts under way go on.
    pub fn tune(&mut self, params: &Params) {
        self.model = Model {
            roughness_m: (params.air(Air::Profile) > 0.0).then(|| params.air(Air::Roughness)),
            is_dryden: params.air(Air::Gusts) > 0.0,
            gust_time_s: params.air(Air::GustTime),
            shares: [params.air(Air::GustShared), 1.0 - params.air(Air::GustShared)].map(f64::sqrt),
        };
    }

    /// What was asked for.
    pub fn spec(&self) -> WindSpec {
        self.spec
    }

    /// Changes the mean and the strength of the gusts; the gusts under way go on.
    pub fn set(&mut self, spec: WindSpec) {
        let mean = geodesy::direction_of(spec.from_deg) * -spec.speed_mps;
        *self = Wind { spec, mean, ..*self };
    }

    /// One tick of the shared gust.
    pub fn advance(&mut self, seed: u64, tick: Tick, dt: f64) {
        let mut stream = Stream::new(seed, SWARM, tick, Channel::SharedGust);
        self.shared = self.gusts(dt).advance(self.shared, SHARED_M, || stream.gaussian_vector());
    }

    /// How gusts change in a tick of `dt` seconds.
    pub fn gusts(&self, dt: f64) -> Gusts<'_> {
        Gusts { wind: self, dt, fixed: Change::new(self.spec.gust_mps, VERTICAL, self.model.gust_time_s, dt) }
    }

    /// Velocity of the air around a drone at height `z` with its own gust.
    pub fn at(&self, own: Vec3, z: f64) -> Vec3 {
        let [shared, alone] = self.model.shares;
        if self.model.roughness_m.is_none() && !self.model.is_dryden {
            return self.mean + self.shared * shared + own * alone;
        }
        let gust = self.shared * shared + own * alone;
        self.mean * self.shear(z) + if self.model.is_dryden { self.turbulence(gust, z) } else { gust }
    }

    /// The mean at a height over that at [`REFERENCE_M`].
    fn shear(&self, z: f64) -> f64 {
        match self.model.roughness_m {
            Some(rough) if z > rough => libm::log(z / rough) / libm::log(REFERENCE_M / rough),
            Some(_) => 0.0,
            None => 1.0,
        }
    }

    /// A gust of unit variance with the strengths of the Dryden model.
    fn turbulence(&self, gust: Vec3, z: f64) -> Vec3 {
        let upwards = 0.1 * self.spec.speed_mps * self.shear(20.0 * FOOT_M);
        let level = upwards / libm::pow(0.177 + 0.000_823 * feet(z), 0.4);
        Vec3::new(gust.x * level, gust.y * level, gust.z * upwards)
    }

    /// The shared gust, for the state hash.
    pub(super) fn shared(&self) -> Vec3 {
        self.shared
    }
}

/// One tick of gusts. What is the same for all drones is worked out once.
#[derive(Clone, Copy, Debug)]
pub struct Gusts<'a> {
    wind: &'a Wind,
    dt: f64,
    fixed: Change,
}

impl Gusts<'_> {
    /// Whether gusts that have died away stay so: nothing is drawn for them.
    pub fn are_calm(&self) -> bool {
        !self.wind.model.is_dryden && self.fixed.sigma == 0.0
    }

    /// A gust at height `z` after the tick. `draw` gives three standard normal numbers.
    pub fn advance(&self, gust: Vec3, z: f64, draw: impl FnOnce() -> Vec3) -> Vec3 {
        if self.are_calm() && gust == Vec3::ZERO {
            return gust;
        }
        let wind = self.wind;
        if !wind.model.is_dryden {
            return self.fixed.of(gust, draw());
        }
        let speed = (wind.spec.speed_mps * wind.shear(z)).max(1.0);
        let upright = FOOT_M * feet(z);
        let level = upright / libm::pow(0.177 + 0.000_823 * feet(z), 1.2);
        let [level, upright] = [level, upright].map(|length| Change::new(1.0, 1.0, length / speed, self.dt));
        let draw = draw();
        level.of(gust, draw).at_altitude(upright.of(gust, draw).z)
    }
}

/// `w e^(-dt/T) + sigma sqrt(1 - e^(-2dt/T)) N`, on three axes.
#[derive(Clone, Copy, Debug)]
struct Change {
    sigma: f64,
    vertical: f64,
    keep: f64,
    kick: f64,
}

impl Change {
    fn new(sigma: f64, vertical: f64, time: f64, dt: f64) -> Change {
        let keep = libm::exp(-dt / time);
        Change { sigma, vertical, keep, kick: sigma * (1.0 - keep * keep).sqrt() }
    }

    fn of(&self, gust: Vec3, Vec3 { x, y, z }: Vec3) -> Vec3 {
        gust * self.keep + Vec3::new(x, y, z * self.vertical) * self.kick
    }
}

/// A height in feet, within the layer for which the Dryden model at low altitude holds.
fn feet(z: f64) -> f64 {
    (z / FOOT_M).clamp(10.0, 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(serial: u32, tick: Tick) -> Vec3 {
        Stream::new(1, serial, tick, Channel::OwnGust).gaussian_vector()
    }

    #[test]
    fn wind_from_the_north_blows_south() {
        let wind = Wind::new(WindSpec { speed_mps: 5.0, ..WindSpec::default() }, &Params::default());
        assert!(wind.at(Vec3::ZERO, 7.0).distance(Vec3::new(0.0, -5.0, 0.0)) < 1e-12);
    }

    #[test]
    fn gusts_have_the_asked_strength_and_are_shared_as_asked() {
        [0.8, 0.3].iter().for_each(|&share| gusts_are_shared(share));
    }

    fn gusts_are_shared(share: f64) {
        let mut params = Params::default();
        params.set("wind.gust_shared", share).unwrap();
        let mut wind = Wind::new(WindSpec { gust_mps: 2.0, ..WindSpec::default() }, &params);
        let (mut a, mut b) = (Vec3::ZERO, Vec3::ZERO);
        let (mut variance, mut covariance, n) = (0.0, 0.0, 200_000);
        for tick in 0..n {
            wind.advance(1, tick, 0.4);
            a = wind.gusts(0.4).advance(a, 9.0, || own(0, tick));
            b = wind.gusts(0.4).advance(b, 9.0, || own(1, tick));
            variance += wind.at(a, 9.0).x * wind.at(a, 9.0).x;
            covariance += wind.at(a, 9.0).x * wind.at(b, 9.0).x;
        }
        assert!((variance / n as f64 - 4.0).abs() < 0.2, "variance {}", variance / n as f64);
        assert!((covariance / variance - share).abs() < 0.02, "correlation {}", covariance / variance);
    }

    #[test]
    fn wind_over_rough_ground_grows_with_height_and_its_gusts_are_those_of_dryden() {
        let mut params = Params::default();
        [("wind.profile", 1.0), ("wind.gusts", 1.0)].iter().for_each(|(p, v)| params.set(p, *v).unwrap());
        let spec = WindSpec { speed_mps: 8.0, from_deg: 270.0, gust_mps: 0.0 };
        let mut wind = Wind::new(spec, &params);
        assert!((wind.at(Vec3::ZERO, 10.0).x - 8.0).abs() < 1e-12);
        assert!(
            (wind.at(Vec3::ZERO, 40.0).x - 8.0 * (40.0f64 / 0.03).ln() / (10.0f64 / 0.03).ln()).abs() < 1e-9
        );
        assert_eq!(wind.at(Vec3::ZERO, 0.0), Vec3::ZERO);
        let (mut gust, mut level, mut upright, n) = (Vec3::ZERO, 0.0, 0.0, 200_000);
        let mean = wind.at(Vec3::ZERO, 30.48).x;
        for tick in 0..n {
            wind.advance(1, tick, 2.0);
            gust = wind.gusts(2.0).advance(gust, 30.48, || own(0, tick));
            let air = wind.at(gust, 30.48);
            level += (air.x - mean) * (air.x - mean);
            upright += air.z * air.z;
        }
        // Upright gusts die away within h / V, level ones within as much longer as their scale is.
        let once = wind.gusts(1.0).advance(Vec3::new(1.0, 1.0, 1.0), 30.48, || Vec3::ZERO);
        assert!((-once.z.ln() - mean / 30.48).abs() < 1e-9, "{once:?}");
        assert!((-once.x.ln() - mean / (30.48 / 0.2593f64.powf(1.2))).abs() < 1e-9, "{once:?}");
        // At 100 ft: sigma_w a tenth of the wind at 20 ft, sigma_u that over 0.2593^0.4.
        let at_20_ft = 8.0 * (6.096f64 / 0.03).ln() / (10.0f64 / 0.03).ln();
        let (level, upright) = ((level / n as f64).sqrt(), (upright / n as f64).sqrt());
        assert!((upright - 0.1 * at_20_ft).abs() < 0.02, "{upright}");
        assert!((level - 0.1 * at_20_ft / 0.2593f64.powf(0.4)).abs() < 0.03, "{level}");
    }
}
