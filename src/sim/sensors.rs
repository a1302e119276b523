//! What a drone knows of itself and what others hear of it: position errors, and states that arrive late.
//!
//! A sensor's error has three parts: one that drifts (Ornstein–Uhlenbeck, stepped exactly), one that is new each
//! tick, and the coupled second-order error of Vásárhelyi et al. 2018 (their program's GPS model). What others hear
//! is the measured state of some ticks ago, kept in one ring for each drone: memory grows with drones, not with links.

use serde::{Deserialize, Serialize};

use super::params::{Gps, Params};
use super::rng::{Channel, Stream};
use super::{Tick, Vec3};

/// Damping of the coupled error, 1/s.
const COUPLED_DAMPING: f64 = 0.1;

/// A state as a sensor shows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Fix {
    /// Position in metres.
    pub position: Vec3,
    /// Velocity in m/s.
    pub velocity: Vec3,
}

/// The sensor and the transmitter of one drone. Used only while some parameter of either is not perfect.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Sensors {
    bias: Vec3,
    coupled: Fix,
    fix: Fix,
    told: Fix,
    past: Vec<Fix>,
}

impl Sensors {
    /// Starts without error, as if the drone had always been here; what others hear is `delay` ticks old.
    pub fn reset(&mut self, truth: Fix, delay: usize) {
        self.bias = Vec3::ZERO;
        self.coupled = Fix::default();
        self.fix = truth;
        self.told = truth;
        self.set_delay(delay);
    }

    /// Changes how old the states are that others hear.
    pub fn set_delay(&mut self, delay: usize) {
        if self.past.len() != delay {
            self.past.clear();
            self.past.resize(delay, self.told);
        }
    }

    /// What the drone believes about itself.
    pub fn fix(&self) -> Fix {
        self.fix
    }

    /// What others hear of it.
    pub fn told(&self) -> Fix {
        self.told
    }

    /// Error of the velocity that the drone measures.
    pub fn velocity_error(&self, truth: Vec3) -> Vec3 {
        self.fix.velocity - truth
    }

    /// One tick of `dt` seconds, after which the drone is at `truth`. `flat` leaves altitude without error.
    pub fn advance(
        &mut self,
        truth: Fix,
        params: &Params,
        mut stream: Stream,
        tick: Tick,
        dt: f64,
        flat: bool,
    ) {
        let mut noise = || {
            let ((a, b), (c, _)) = (stream.gaussian_pair(), stream.gaussian_pair());
            Vec3::new(a, b, if flat { 0.0 } else { c })
        };
        let mut fix = truth;
        let bias = params.gps(Gps::Bias);
        if bias > 0.0 {
            let keep = libm::exp(-dt / params.gps(Gps::BiasTime));
            self.bias = self.bias * keep + noise() * (bias * (1.0 - keep * keep).sqrt());
            fix.position += self.bias;
        }
        let variance = params.gps(Gps::Coupled);
        if variance > 0.0 {
            let error = &mut self.coupled;
            // Their program computes in centimetres and divides by 300: by 3 in metres.
            let stiffness = (2.0 * COUPLED_DAMPING * variance).sqrt() / 3.0;
            let kick = noise() * (2.0 * COUPLED_DAMPING * dt * variance).sqrt();
            let pull = error.position * stiffness + error.velocity * COUPLED_DAMPING;
            error.velocity += kick - pull * dt;
            error.position += error.velocity * dt;
            fix.position += error.position;
            fix.velocity += error.velocity;
        }
        if params.gps(Gps::White) > 0.0 {
            fix.position += noise() * params.gps(Gps::White);
        }
        if params.gps(Gps::Velocity) > 0.0 {
            fix.velocity += noise() * params.gps(Gps::Velocity);
        }
        self.fix = fix;
        self.told = fix;
        if !self.past.is_empty() {
            let slot = (tick % self.past.len() as u64) as usize;
            self.told = std::mem::replace(&mut self.past[slot], fix);
        }
    }

    /// The stream of a drone's sensor at a tick.
    pub fn stream(seed: u64, serial: u32, tick: Tick) -> Stream {
        Stream::new(seed, serial, tick, Channel::Sensor)
    }

    /// Every vector that the future depends on.
    pub(super) fn vectors(&self) -> impl Iterator<Item = Vec3> + '_ {
        let first = [Fix { position: self.bias, velocity: Vec3::ZERO }, self.coupled, self.fix, self.told];
        first.into_iter().chain(self.past.iter().copied()).flat_map(|f| [f.position, f.velocity])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(values: &[(&str, f64)]) -> Params {
        let mut params = Params::default();
        values.iter().for_each(|(path, value)| params.set(path, *value).unwrap());
        params
    }

    /// Standard deviations of position and velocity over many ticks of 0.2 s.
    fn deviations(params: &Params) -> (f64, f64) {
        let (mut sensors, mut sums, n) = (Sensors::default(), (0.0, 0.0), 400_000);
        sensors.reset(Fix::default(), 0);
        for tick in 0..n {
            sensors.advance(Fix::default(), params, Sensors::stream(3, 0, tick), tick, 0.2, true);
            sums.0 += sensors.fix().position.norm2() / 2.0;
            sums.1 += sensors.fix().velocity.norm2() / 2.0;
        }
        ((sums.0 / n as f64).sqrt(), (sums.1 / n as f64).sqrt())
    }

    #[test]
    fn errors_have_the_strength_that_was_asked_for() {
        let (position, _) = deviations(&params(&[("gps.bias_m", 0.7), ("gps.bias_time_s", 5.0)]));
        assert!((position - 0.7).abs() < 0.03, "{position}");
        let (position, velocity) = deviations(&params(&[("gps.white_m", 0.1), ("gps.velocity_mps", 0.05)]));
        assert!((position - 0.1).abs() < 1e-3 && (velocity - 0.05).abs() < 1e-3);
    }

    #[test]
    fn the_coupled_error_has_the_published_stationary_spread() {
        let (position, velocity) = deviations(&params(&[("gps.coupled_m2ps2", 0.005)]));
        assert!((position - 0.69).abs() < 0.05, "position {position}");
        assert!((velocity - 0.071).abs() < 0.005, "velocity {velocity}");
    }

    #[test]
    fn others_hear_what_was_some_ticks_ago() {
        let at = |x: f64| Fix { position: Vec3::new(x, 0.0, 0.0), velocity: Vec3::ZERO };
        let (mut sensors, params) = (Sensors::default(), Params::default());
        sensors.reset(at(0.0), 5);
        for tick in 1..=20u64 {
            sensors.advance(at(tick as f64), &params, Sensors::stream(1, 0, tick), tick, 0.2, true);
            assert_eq!(sensors.told(), at((tick as f64 - 5.0).max(0.0)), "tick {tick}");
            assert_eq!(sensors.fix(), at(tick as f64));
        }
    }
}
