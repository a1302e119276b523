//! Randomness without hidden state: Philox4x32-10 (Salmon, Moraes, Dror, Shaw, SC'11).
//!
//! A number is a function of (seed; drone serial, tick, channel, block). Nobody owns a generator, so spawning,
//! removing or reordering drones shifts nobody else's numbers, and the order of evaluation does not matter.

mod normal;

use std::convert::Infallible;

use rand::TryRng;

use super::lanes::LANES;
use super::{Tick, Vec3};

/// What a number is for. A new purpose gets a new channel; the value is part of every recorded run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Channel {
    /// Random placement of a scenario's drones.
    Placement = 1,
    /// First charge of a scenario's drones.
    Battery = 2,
    /// The part of the gusts that the whole swarm shares.
    SharedGust = 3,
    /// The part of the gusts that one drone feels alone.
    OwnGust = 4,
    /// Restlessness of a behaviour.
    Wander = 5,
    /// Drift of a drone without a position fix.
    Drift = 6,
    /// First direction of a scenario's drones.
    Direction = 7,
    /// Noise that is part of a behaviour's rule.
    Rule = 8,
    /// Random acceleration of a law of motion.
    Kick = 9,
    /// Errors of the position sensor.
    Sensor = 10,
    /// Messages lost between two drones.
    Loss = 11,
    /// A turn of the wish that breaks symmetry.
    Sway = 12,
    /// Turns of a random search.
    Search = 13,
    /// Bad times of a radio.
    Burst = 14,
    /// How late a message is.
    Jitter = 15,
    /// Errors of the accelerometer.
    Imu = 16,
    /// What a mission's sensors find, and how they err.
    Look = 17,
    /// How dirty a window is at the start.
    Dirt = 18,
    /// What a cleaning leaves on a window.
    Streak = 19,
}

/// Serial number standing for the swarm as a whole.
pub const SWARM: u32 = u32::MAX;

const ROUNDS: usize = 10;
const MULTIPLIER: [u64; 2] = [0xD251_1F53, 0xCD9E_8D57];
const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];

/// One block of Philox4x32-10: 128 bits that depend on `counter` and `key` alone.
pub fn philox(mut counter: [u32; 4], mut key: [u32; 2]) -> [u32; 4] {
    for _ in 0..ROUNDS {
        let p0 = MULTIPLIER[0] * u64::from(counter[0]);
        let p1 = MULTIPLIER[1] * u64::from(counter[2]);
        counter = [
            (p1 >> 32) as u32 ^ counter[1] ^ key[0],
            p1 as u32,
            (p0 >> 32) as u32 ^ counter[3] ^ key[1],
            p0 as u32,
        ];
        key = [key[0].wrapping_add(WEYL[0]), key[1].wrapping_add(WEYL[1])];
    }
    counter
}

/// The numbers of one drone at one tick for one purpose, in order. Implements `rand`'s traits.
///
/// The counter is (serial, low half of the tick, high 16 bits of the tick | channel << 16, block).
#[derive(Clone, Debug)]
pub struct Stream {
    key: [u32; 2],
    counter: [u32; 4],
    block: [u32; 4],
    used: usize,
}

/// Of eight drones: vector number `k` of each one's [`Stream::gaussian_vector`], without its vertical part if `flat`.
pub fn gaussian_vectors_of(
    seed: u64,
    serials: [u32; LANES],
    tick: Tick,
    channel: Channel,
    k: u32,
    flat: bool,
) -> [Vec3; LANES] {
    let Stream { key, counter: [_, tick, high, _], .. } = Stream::new(seed, 0, tick, channel);
    let pairs =
        |pair: u32| normal::normal_pairs(key, &[serials, [tick; LANES], [high; LANES], [pair; LANES]]);
    let ([x, y], [z, _]) = (pairs(2 * k), if flat { [[0.0; LANES]; 2] } else { pairs(2 * k + 1) });
    std::array::from_fn(|lane| Vec3::new(x[lane], y[lane], z[lane]))
}

impl Stream {
    /// The stream of `serial` at `tick` for `channel` in the run with `seed`.
    pub fn new(seed: u64, serial: u32, tick: Tick, channel: Channel) -> Self {
        let high = (tick >> 32) as u32 & 0xFFFF | (channel as u32) << 16;
        Stream {
            key: [seed as u32, (seed >> 32) as u32],
            counter: [serial, tick as u32, high, 0],
            block: [0; 4],
            used: 4,
        }
    }

    /// The stream of an ordered pair of drones: the block counter starts at the other's serial, so take one block only.
    pub fn of_pair(seed: u64, serial: u32, other: u32, tick: Tick, channel: Channel) -> Self {
        let mut stream = Stream::new(seed, serial, tick, channel);
        stream.counter[3] = other;
        stream
    }

    fn word(&mut self) -> u32 {
        if self.used == 4 {
            self.block = philox(self.counter, self.key);
            self.counter[3] = self.counter[3].wrapping_add(1);
            self.used = 0;
        }
        let word = self.block[self.used];
        self.used += 1;
        word
    }

    /// Uniform in `[0, 1)` with 53 random bits.
    pub fn uniform(&mut self) -> f64 {
        let (high, low) = (self.word(), self.word());
        fraction(high, low)
    }

    /// Uniform in `[low, high)`.
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.uniform()
    }

    /// Two independent standard normal numbers (Box–Muller over `libm`, so equal on every platform).
    pub fn gaussian_pair(&mut self) -> (f64, f64) {
        let (first, second) = self.two_uniforms();
        normal::normal_pair(first, second)
    }

    /// A vector of three independent standard normal numbers: of two pairs the last is left over.
    pub fn gaussian_vector(&mut self) -> Vec3 {
        let ((x, y), (z, _)) = (self.gaussian_pair(), self.gaussian_pair());
        Vec3::new(x, y, z)
    }

    /// The next [`LANES`] of [`Stream::gaussian_pair`], first and second numbers apart.
    pub fn gaussian_pairs(&mut self) -> [[f64; LANES]; 2] {
        if self.used < 4 {
            let pairs: [(f64, f64); LANES] = std::array::from_fn(|_| self.gaussian_pair());
            return [pairs.map(|pair| pair.0), pairs.map(|pair| pair.1)];
        }
        let [serial, tick, high, block] = self.counter;
        self.counter[3] = block.wrapping_add(LANES as u32);
        let blocks = std::array::from_fn(|lane| block.wrapping_add(lane as u32));
        normal::normal_pairs(self.key, &[[serial; LANES], [tick; LANES], [high; LANES], blocks])
    }

    /// The next two of [`Stream::uniform`]; at once, if a block begins here.
    fn two_uniforms(&mut self) -> (f64, f64) {
        if self.used < 4 {
            return (self.uniform(), self.uniform());
        }
        let [a, b, c, d] = philox(self.counter, self.key);
        self.counter[3] = self.counter[3].wrapping_add(1);
        (fraction(a, b), fraction(c, d))
    }
}

/// 53 of 64 random bits as a number in `[0, 1)`.
fn fraction(high: u32, low: u32) -> f64 {
    ((u64::from(high) << 32 | u64::from(low)) >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
}

impl TryRng for Stream {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(self.word())
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let low = u64::from(self.word());
        Ok(u64::from(self.word()) << 32 | low)
    }

    fn try_fill_bytes(&mut self, target: &mut [u8]) -> Result<(), Infallible> {
        for chunk in target.chunks_mut(4) {
            let bytes = self.word().to_le_bytes();
            chunk.copy_from_slice(&bytes[..chunk.len()]);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use rand::RngExt;

    use super::*;

    #[test]
    fn philox_gives_the_published_answers() {
        assert_eq!(philox([0; 4], [0; 2]), [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]);
        assert_eq!(philox([u32::MAX; 4], [u32::MAX; 2]), [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd]);
        assert_eq!(
            philox([0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344], [0xa4093822, 0x299f31d0]),
            [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1]
        );
    }

    #[test]
    fn streams_differ_in_every_part_of_their_key() {
        let first = |seed, serial, tick, channel| Stream::new(seed, serial, tick, channel).uniform();
        let base = first(1, 1, 1, Channel::Wander);
        assert_eq!(base, first(1, 1, 1, Channel::Wander));
        for other in [
            first(2, 1, 1, Channel::Wander),
            first(1 << 32 | 1, 1, 1, Channel::Wander),
            first(1, 2, 1, Channel::Wander),
            first(1, 1, 2, Channel::Wander),
            first(1, 1, 1 << 32 | 1, Channel::Wander),
            first(1, 1, 1, Channel::OwnGust),
        ] {
            assert_ne!(base, other);
        }
    }

    #[test]
    fn gaussians_have_mean_zero_and_variance_one() {
        let (mut sum, mut squares) = (0.0, 0.0);
        for tick in 0..50_000 {
            let (a, b) = Stream::new(7, 3, tick, Channel::OwnGust).gaussian_pair();
            sum += a + b;
            squares += a * a + b * b;
        }
        assert!((sum / 1e5).abs() < 0.015, "mean {}", sum / 1e5);
        assert!((squares / 1e5 - 1.0).abs() < 0.02, "variance {}", squares / 1e5);
    }

    #[test]
    fn vectors_of_eight_drones_are_those_of_each() {
        let serials = [0, 1, 2, 3, 40, 50, 60, 7];
        for (k, flat) in [(0, false), (1, true), (3, false)] {
            let vectors = gaussian_vectors_of(9, serials, 1 << 33, Channel::Sensor, k, flat);
            for (serial, vector) in serials.into_iter().zip(vectors) {
                let mut stream = Stream::new(9, serial, 1 << 33, Channel::Sensor);
                let wanted = (0..=k).map(|_| stream.gaussian_vector()).last().unwrap();
                assert_eq!(vector, if flat { wanted.horizontal() } else { wanted });
            }
        }
    }

    #[test]
    fn eight_pairs_of_a_stream_are_its_next_eight() {
        for used in 0..3 {
            let mut one = Stream::new(9, 8, 7, Channel::Kick);
            assert!((0..used).all(|_| one.uniform() < 1.0));
            let mut eight = one.clone();
            let pairs = eight.gaussian_pairs();
            for pair in pairs[0].into_iter().zip(pairs[1]) {
                assert_eq!(one.gaussian_pair(), pair);
            }
            assert_eq!(one.uniform(), eight.uniform());
        }
    }

    #[test]
    fn serves_the_rand_traits() {
        let mut stream = Stream::new(5, 0, 0, Channel::Placement);
        let value: f64 = stream.random_range(3.0..4.0);
        assert!((3.0..4.0).contains(&value));
        let mut bytes = [0u8; 7];
        stream.fill(&mut bytes);
        assert!(bytes.iter().any(|&b| b != 0));
    }
}
