//! What a drone knows of itself and what others hear of it: position errors, and states that arrive late.
//!
//! A sensor's error has three parts: one that drifts (Ornstein–Uhlenbeck, stepped exactly), one that is new each
//! tick, and the coupled second-order error of Vásárhelyi et al. 2018 (their program's GPS model). Fixes may come late
//! and seldom; in between the drone reckons with an accelerometer that errs. What others hear is the measured state of
//! some ticks ago, kept in one ring for each drone: memory grows with drones, not with links. Each message has a delay
//! and a fate of its own, drawn from the pair and the tick; bad states of a transmitter make losses come in bursts.

use serde::{Deserialize, Serialize};

use super::lanes::LANES;
use super::params::{Gps, Imu, Params, Radio};
use super::rng::{Channel, Stream, gaussian_vectors_of};
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
    /// Fixes that are still on their way to the drone itself.
    late: Vec<Fix>,
    /// True velocity at the last tick, while the drone reckons between fixes.
    before: Vec3,
    sent: Fix,
    /// Ticks since the last message was sent.
    since: u32,
    /// Whether the transmitter is in a bad state.
    is_bad: bool,
}

/// Times of sensor and radio in ticks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rhythm {
    /// Age of what others hear.
    pub delay: usize,
    /// How much later a message may come.
    pub jitter: usize,
    /// Age of a fix when it comes.
    pub fix_delay: usize,
    /// Ticks between fixes.
    fix_period: u64,
    /// Ticks between messages.
    pub period: u64,
}

impl Rhythm {
    /// What the parameters say in ticks of `dt` seconds.
    pub fn new(params: &Params, dt: f64) -> Rhythm {
        let ticks = |seconds: f64| (seconds / dt).round() as usize;
        Rhythm {
            delay: ticks(params.radio(Radio::Delay)),
            jitter: ticks(params.radio(Radio::Jitter)),
            fix_delay: ticks(params.gps(Gps::Delay)),
            fix_period: ticks(params.gps(Gps::Period)).max(1) as u64,
            period: ticks(params.radio(Radio::Period)).max(1) as u64,
        }
    }
}

/// What a sensor needs to know of the run.
#[derive(Clone, Copy, Debug)]
pub struct Moment<'a> {
    /// The tunable numbers.
    pub params: &'a Params,
    /// Times in ticks.
    pub rhythm: Rhythm,
    /// Seed of the run.
    pub seed: u64,
    /// Ticks since the start.
    pub tick: Tick,
    /// Length of a tick in seconds.
    pub dt: f64,
    /// Whether altitude is without error.
    pub flat: bool,
}

/// The parts of the position sensor's error that draw numbers, in the order in which they draw.
const DRAWING: [Gps; 4] = [Gps::Bias, Gps::Coupled, Gps::White, Gps::Velocity];

/// What the position sensor of one drone draws in a tick: a vector for each part of its error that there is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Noise([Vec3; DRAWING.len()]);

impl Noise {
    /// What eight drones draw, side by side.
    pub fn of(serials: [u32; LANES], now: &Moment) -> [Noise; LANES] {
        let mut all = [Noise::default(); LANES];
        let parts = DRAWING.into_iter().filter(|&part| now.params.gps(part) > 0.0);
        for (k, _) in parts.enumerate() {
            let drawn = gaussian_vectors_of(now.seed, serials, now.tick, Channel::Sensor, k as u32, now.flat);
            all.iter_mut().zip(drawn).for_each(|(noise, vector)| noise.0[k] = vector);
        }
        all
    }
}

impl Sensors {
    /// Starts without error, as if the drone had always been here.
    pub fn reset(&mut self, truth: Fix, rhythm: Rhythm) {
        *self = Sensors { fix: truth, told: truth, sent: truth, ..Sensors::default() };
        self.set_rhythm(rhythm);
    }

    /// Changes how old the states are that the drone and others get.
    pub fn set_rhythm(&mut self, rhythm: Rhythm) {
        for (ring, length, value) in [
            (&mut self.past, rhythm.delay + rhythm.jitter, self.told),
            (&mut self.late, rhythm.fix_delay, self.fix),
        ] {
            if ring.len() != length {
                ring.clear();
                ring.resize(length, value);
            }
        }
    }

    /// What the drone believes about itself.
    pub fn fix(&self) -> Fix {
        self.fix
    }

    /// What others hear of it at `tick` that were sent `age` ticks ago, at most the longest delay.
    pub fn told(&self, tick: Tick, age: usize) -> Fix {
        match self.past.len() {
            length if age >= length => self.told,
            length => self.past[((tick + length as u64 - age as u64) % length as u64) as usize],
        }
    }

    /// Ticks since the last message was sent.
    pub fn since(&self) -> u32 {
        self.since
    }

    /// Whether the transmitter is in a bad state.
    pub fn is_bad(&self) -> bool {
        self.is_bad
    }

    /// Error of the velocity that the drone measures.
    pub fn velocity_error(&self, truth: Vec3) -> Vec3 {
        self.fix.velocity - truth
    }

    /// One tick, after which the drone with this serial number is at `truth`.
    pub fn advance(&mut self, truth: Fix, noise: &Noise, serial: u32, now: &Moment) {
        let mut reading = self.read(truth, noise, now);
        if !self.late.is_empty() {
            let slot = (now.tick % self.late.len() as u64) as usize;
            reading = std::mem::replace(&mut self.late[slot], reading);
        }
        let Rhythm { fix_period, period, .. } = now.rhythm;
        if is_due(now.tick, serial, fix_period) {
            self.fix = reading;
        } else {
            self.reckon(truth.velocity - self.before, serial, now);
        }
        self.before = if fix_period > 1 { truth.velocity } else { Vec3::ZERO };
        self.since = if is_due(now.tick, serial, period) { 0 } else { self.since + 1 };
        if self.since == 0 {
            self.sent = self.fix;
        }
        self.told = self.sent;
        if !self.past.is_empty() {
            let slot = (now.tick % self.past.len() as u64) as usize;
            self.told = std::mem::replace(&mut self.past[slot], self.sent);
        }
        self.fade(serial, now);
    }

    /// The true state with the errors of the position sensor.
    fn read(&mut self, truth: Fix, noise: &Noise, now: &Moment) -> Fix {
        let (params, dt) = (now.params, now.dt);
        let mut drawn = noise.0.iter();
        let mut noise = || drawn.next().copied().unwrap_or_default();
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
        fix
    }

    /// Between fixes: what the accelerometer shows of a change of velocity, summed up.
    fn reckon(&mut self, change: Vec3, serial: u32, now: &Moment) {
        let (white, bias) = (now.params.imu(Imu::White), now.params.imu(Imu::Bias));
        let mut error = Vec3::ZERO;
        if white > 0.0 {
            error += gaussian(&mut Stream::new(now.seed, serial, now.tick, Channel::Imu), now.flat) * white;
        }
        if bias > 0.0 {
            error += gaussian(&mut Stream::new(now.seed, serial, 0, Channel::Imu), now.flat) * bias;
        }
        self.fix.velocity += change + error * now.dt;
        self.fix.position += self.fix.velocity * now.dt;
    }

    /// The two states of the transmitter, a Markov chain with the share and the length that were asked for.
    fn fade(&mut self, serial: u32, now: &Moment) {
        let share = now.params.radio(Radio::BurstShare);
        if share == 0.0 {
            self.is_bad = false;
            return;
        }
        let leave = 1.0 - libm::exp(-now.dt / now.params.radio(Radio::BurstTime));
        let enter = leave * share / (1.0 - share);
        let draw = Stream::new(now.seed, serial, now.tick, Channel::Burst).uniform();
        self.is_bad = if self.is_bad { draw >= leave } else { draw < enter };
    }

    /// Every vector that the future depends on.
    pub(super) fn vectors(&self) -> impl Iterator<Item = Vec3> + '_ {
        let first = [Fix { position: self.bias, velocity: Vec3::ZERO }, self.coupled, self.fix, self.told];
        // What came later counts only where it is used, so that older runs keep their hashes.
        let is_new = !self.late.is_empty() || self.before != Vec3::ZERO || self.since > 0 || self.is_bad;
        let state = Vec3::new(f64::from(self.since), f64::from(u8::from(self.is_bad)), 0.0);
        let more = [Fix { position: self.before, velocity: state }, self.sent];
        let more = more.into_iter().chain(self.late.iter().copied()).filter(move |_| is_new);
        first.into_iter().chain(self.past.iter().copied()).chain(more).flat_map(|f| [f.position, f.velocity])
    }
}

/// Whether something that happens every `period` ticks is due; drones have times of their own.
fn is_due(tick: Tick, serial: u32, period: u64) -> bool {
    period <= 1 || tick % period == u64::from(serial) % period
}

fn gaussian(stream: &mut Stream, flat: bool) -> Vec3 {
    let vector = stream.gaussian_vector();
    if flat { vector.horizontal() } else { vector }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn params(values: &[(&str, f64)]) -> Params {
        let mut params = Params::default();
        values.iter().for_each(|(path, value)| params.set(path, *value).unwrap());
        params
    }

    fn moment(params: &Params, tick: Tick) -> Moment<'_> {
        Moment { params, rhythm: Rhythm::new(params, 0.2), seed: 3, tick, dt: 0.2, flat: true }
    }

    fn advance(sensors: &mut Sensors, truth: Fix, now: &Moment) {
        sensors.advance(truth, &Noise::of([0; LANES], now)[0], 0, now);
    }

    /// Standard deviations of position and velocity over many ticks of 0.2 s.
    fn deviations(params: &Params) -> (f64, f64) {
        let (mut sensors, mut sums, n) = (Sensors::default(), (0.0, 0.0), 400_000);
        sensors.reset(Fix::default(), Rhythm::default());
        for tick in 0..n {
            advance(&mut sensors, Fix::default(), &moment(params, tick));
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

    fn at(x: f64) -> Fix {
        Fix { position: Vec3::new(x, 0.0, 0.0), velocity: Vec3::new(5.0, 0.0, 0.0) }
    }

    #[test]
    fn others_hear_what_was_some_ticks_ago() {
        let params = params(&[("radio.delay_s", 0.6), ("radio.jitter_s", 0.4), ("gps.delay_s", 0.2)]);
        let mut sensors = Sensors::default();
        sensors.reset(at(0.0), Rhythm::new(&params, 0.2));
        for tick in 1..=20u64 {
            advance(&mut sensors, at(tick as f64), &moment(&params, tick));
            assert_eq!(sensors.fix(), at((tick as f64 - 1.0).max(0.0)), "tick {tick}");
            for age in 0..=5usize {
                assert_eq!(
                    sensors.told(tick, age),
                    at((tick as f64 - 1.0 - age as f64).max(0.0)),
                    "{tick} {age}"
                );
            }
        }
    }

    #[test]
    fn messages_and_fixes_keep_their_rhythm_and_the_drone_reckons_in_between() {
        let steady = params(&[("gps.period_s", 1.0), ("radio.period_s", 0.6)]);
        let noisy = params(&[("gps.period_s", 1.0), ("imu.accel_mps2", 0.3), ("imu.accel_bias_mps2", 0.1)]);
        let (mut sensors, mut erring) = (Sensors::default(), Sensors::default());
        sensors.reset(at(0.0), Rhythm::default());
        erring.reset(at(0.0), Rhythm::default());
        let mut worst = 0f64;
        for tick in 0..600u64 {
            advance(&mut sensors, at(tick as f64), &moment(&steady, tick));
            advance(&mut erring, at(tick as f64), &moment(&noisy, tick));
            assert!((sensors.fix().position.x - tick as f64).abs() < 1e-9, "5 m/s in ticks of 0.2 s");
            assert_eq!(u64::from(sensors.since()), tick % 3);
            assert!((sensors.told(tick, 0).position.x - (tick - tick % 3) as f64).abs() < 1e-9);
            let error = erring.fix().position.distance(at(tick as f64).position);
            assert!(tick % 5 > 0 || error == 0.0, "a fix has no error here");
            worst = worst.max(error);
        }
        assert!(worst > 0.05 && worst < 1.0, "{worst}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(12))]

        /// Share of time and mean length of bad states are those that were asked for.
        #[test]
        fn bad_states_have_their_share_and_length(share in 0.05..0.6f64, length in 0.5..5.0f64, serial in 0u32..1000) {
            let params = params(&[("radio.burst_share", share), ("radio.burst_s", length)]);
            let (mut sensors, n) = (Sensors::default(), 200_000u64);
            let (mut bad, mut begun) = (0u32, 0u32);
            for tick in 0..n {
                let before = sensors.is_bad();
                sensors.fade(serial, &moment(&params, tick));
                bad += u32::from(sensors.is_bad());
                begun += u32::from(sensors.is_bad() && !before);
            }
            let got = f64::from(bad) / n as f64;
            prop_assert!((got - share).abs() < 0.15 * share, "{} of {}", got, share);
            // In ticks: 1 / (1 − e^(−dt/T)).
            let wanted = 0.2 / (1.0 - (-0.2 / length).exp());
            let got = 0.2 * f64::from(bad) / f64::from(begun);
            prop_assert!((got - wanted).abs() < 0.1 * wanted, "{} s of {} s", got, wanted);
        }
    }
}
