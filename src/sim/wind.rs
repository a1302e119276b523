//! Wind: a steady mean and gusts that neighbours feel nearly alike.

use serde::{Deserialize, Serialize};

use super::rng::{Channel, SWARM, Stream};
use super::{Tick, Vec3, geodesy};

/// Correlation time of the gusts.
const GUST_TIME_S: f64 = 4.0;
/// Part of the gust variance that the whole swarm shares.
const SHARED: f64 = 0.8;
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
}

impl Wind {
    /// Wind as specified, before the first gust.
    pub fn new(spec: WindSpec) -> Self {
        Wind { spec, mean: geodesy::direction_of(spec.from_deg) * -spec.speed_mps, shared: Vec3::ZERO }
    }

    /// What was asked for.
    pub fn spec(&self) -> WindSpec {
        self.spec
    }

    /// Changes the mean and the strength of the gusts; the gusts under way go on.
    pub fn set(&mut self, spec: WindSpec) {
        *self = Wind { shared: self.shared, ..Wind::new(spec) };
    }

    /// One tick of the shared gust.
    pub fn advance(&mut self, seed: u64, tick: Tick, dt: f64) {
        let stream = Stream::new(seed, SWARM, tick, Channel::SharedGust);
        self.shared = step_gust(self.shared, self.spec.gust_mps, dt, stream);
    }

    /// One tick of a drone's own gust.
    pub fn advance_own(&self, own: Vec3, seed: u64, serial: u32, tick: Tick, dt: f64) -> Vec3 {
        step_gust(own, self.spec.gust_mps, dt, Stream::new(seed, serial, tick, Channel::OwnGust))
    }

    /// Velocity of the air around a drone with its own gust.
    pub fn at(&self, own: Vec3) -> Vec3 {
        self.mean + self.shared * SHARED.sqrt() + own * (1.0 - SHARED).sqrt()
    }

    /// The shared gust, for the state hash.
    pub(super) fn shared(&self) -> Vec3 {
        self.shared
    }
}

/// `w e^(-dt/T) + sigma sqrt(1 - e^(-2dt/T)) N`, on three axes.
fn step_gust(gust: Vec3, sigma: f64, dt: f64, mut stream: Stream) -> Vec3 {
    if sigma == 0.0 && gust == Vec3::ZERO {
        return gust;
    }
    let keep = libm::exp(-dt / GUST_TIME_S);
    let kick = sigma * (1.0 - keep * keep).sqrt();
    let (a, b) = stream.gaussian_pair();
    let (c, _) = stream.gaussian_pair();
    gust * keep + Vec3::new(a, b, c * VERTICAL) * kick
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wind_from_the_north_blows_south() {
        let wind = Wind::new(WindSpec { speed_mps: 5.0, from_deg: 0.0, gust_mps: 0.0 });
        assert!(wind.at(Vec3::ZERO).distance(Vec3::new(0.0, -5.0, 0.0)) < 1e-12);
    }

    #[test]
    fn gusts_have_the_asked_strength_and_are_shared_by_four_fifths() {
        let mut wind = Wind::new(WindSpec { gust_mps: 2.0, ..WindSpec::default() });
        let (mut a, mut b) = (Vec3::ZERO, Vec3::ZERO);
        let (mut variance, mut covariance, n) = (0.0, 0.0, 200_000);
        for tick in 0..n {
            wind.advance(1, tick, 0.4);
            a = wind.advance_own(a, 1, 0, tick, 0.4);
            b = wind.advance_own(b, 1, 1, tick, 0.4);
            variance += wind.at(a).x * wind.at(a).x;
            covariance += wind.at(a).x * wind.at(b).x;
        }
        assert!((variance / n as f64 - 4.0).abs() < 0.2, "variance {}", variance / n as f64);
        assert!((covariance / variance - 0.8).abs() < 0.02, "correlation {}", covariance / variance);
    }
}
