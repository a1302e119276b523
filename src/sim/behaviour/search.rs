//! Random search of a rectangle, as the baseline that planned coverage has to beat: a Lévy walk with exponent μ
//! (Viswanathan et al. 1999, best near 2), whose straight flights have lengths `l` with density ∝ l^−μ between a
//! shortest and a longest, in random directions; or a correlated random walk (Kareiva, Shigesada 1983) that turns by a
//! normally distributed angle after every shortest flight. At the edge of the rectangle drones are reflected.
//!
//! A direction is kept in the velocity commanded last, so the walk has no memory of its own. Lévy flights are drawn
//! anew in rounds of the longest flight: a flight that reaches over the end of its round is cut there.

use super::super::Vec3;
use super::super::dynamics::Dynamics;
use super::super::geodesy;
use super::super::params::Spec;
use super::super::pilot::Percept;
use super::super::rng::{Channel, Stream};
use super::Behaviour;

/// The behaviour.
pub static SEARCH: Behaviour =
    Behaviour { name: "search", title: "Random search", params: &PARAMS, rule: velocity, together: None };

const WALK: usize = 0;
const SPEED: usize = 1;
const EXPONENT: usize = 2;
const SHORTEST: usize = 3;
const LONGEST: usize = 4;
const TURN: usize = 5;
const EAST: usize = 6;
const NORTH: usize = 7;
const WIDTH: usize = 8;
const DEPTH: usize = 9;
const ALTITUDE: usize = 10;

static PARAMS: [Spec; 11] = [
    Spec::choice("walk", "Kind of walk", &["levy", "correlated"]),
    Spec::amount("speed_mps", "Speed", "m/s", [0.1, 50.0, 0.5, 5.0]),
    Spec::amount("exponent", "Exponent μ of a Lévy walk", "", [1.05, 4.0, 0.05, 2.0]),
    Spec::amount("shortest_m", "Shortest flight", "m", [0.5, 1000.0, 0.5, 5.0]),
    Spec::amount("longest_m", "Longest flight", "m", [1.0, 10_000.0, 5.0, 200.0]),
    Spec::amount("turn_deg", "Spread of turns of a correlated walk", "deg", [0.0, 180.0, 1.0, 20.0]),
    Spec::amount("east_m", "Middle of the region, east", "m", [-100_000.0, 100_000.0, 1.0, 0.0]),
    Spec::amount("north_m", "Middle of the region, north", "m", [-100_000.0, 100_000.0, 1.0, 0.0]),
    Spec::amount("width_m", "Extent of the region, east", "m", [1.0, 100_000.0, 1.0, 200.0]),
    Spec::amount("depth_m", "Extent of the region, north", "m", [1.0, 100_000.0, 1.0, 200.0]),
    Spec::amount("altitude_m", "Altitude of quadcopters", "m", [2.0, 500.0, 1.0, 20.0]),
];

fn velocity(p: &Percept, numbers: &[f64]) -> Vec3 {
    let mut direction = match p.me.command().horizontal().unit() {
        Vec3::ZERO => geodesy::direction_of(p.me.heading_deg()),
        unit => unit,
    };
    // Drones turn at times of their own.
    let step = p.tick_s * numbers[SPEED];
    let shift = Stream::new(p.seed, p.me.serial(), 0, Channel::Search).uniform();
    let flown = p.tick as f64 * step + shift * numbers[LONGEST].max(numbers[SHORTEST]);
    if let Some(turn) = turn_within(p, flown, step, numbers) {
        direction = turned(direction, turn);
    }
    direction = reflected(direction, p.position(), numbers);
    let level = direction * numbers[SPEED];
    match p.dynamics {
        Dynamics::Quad => level.at_altitude(0.5 * (numbers[ALTITUDE] - p.position().z)),
        Dynamics::Kinematic | Dynamics::Robotsim => level,
    }
}

/// The turn in radians that falls into this tick, in which the drone flies from `flown − step` to `flown`.
fn turn_within(p: &Percept, flown: f64, step: f64, numbers: &[f64]) -> Option<f64> {
    let draw = |block: u64| Stream::new(p.seed, p.me.serial(), block + 1, Channel::Search);
    if numbers[WALK] > 0.0 {
        let leg = (flown / numbers[SHORTEST]) as u64;
        let is_new = leg != ((flown - step) / numbers[SHORTEST]) as u64;
        return is_new.then(|| draw(leg).gaussian_pair().0 * numbers[TURN].to_radians());
    }
    let longest = numbers[LONGEST].max(numbers[SHORTEST]);
    let round = (flown / longest) as u64;
    let mut stream = draw(round);
    let (mut start, now) = (round as f64 * longest, flown);
    loop {
        let turn = stream.between(-std::f64::consts::PI, std::f64::consts::PI);
        let end = start + flight(stream.uniform(), numbers[EXPONENT], numbers[SHORTEST], longest);
        if start <= now && now - step < start {
            return Some(turn);
        }
        if end > now {
            return None;
        }
        start = end;
    }
}

/// A length with density ∝ l^−μ between the shortest and the longest, from a number in [0, 1).
fn flight(uniform: f64, exponent: f64, shortest: f64, longest: f64) -> f64 {
    let power = 1.0 - exponent;
    let (low, high) = (libm::pow(shortest, power), libm::pow(longest, power));
    libm::pow(low + uniform * (high - low), 1.0 / power)
}

/// Back into the rectangle.
fn reflected(direction: Vec3, position: Vec3, numbers: &[f64]) -> Vec3 {
    let back =
        |along: f64, off: f64, half: f64| if off.abs() > half { -along.abs() * off.signum() } else { along };
    Vec3::new(
        back(direction.x, position.x - numbers[EAST], numbers[WIDTH] / 2.0),
        back(direction.y, position.y - numbers[NORTH], numbers[DEPTH] / 2.0),
        0.0,
    )
}

/// `v` turned counter-clockwise.
fn turned(v: Vec3, angle: f64) -> Vec3 {
    let (sin, cos) = libm::sincos(angle);
    Vec3::new(v.x * cos - v.y * sin, v.x * sin + v.y * cos, 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flights_have_the_length_of_a_truncated_power_law() {
        let n = 100_000;
        let (mut sum, mut beyond) = (0.0, 0);
        for k in 0..n {
            let length = flight((f64::from(k) + 0.5) / f64::from(n), 2.0, 5.0, 200.0);
            assert!((5.0..=200.0).contains(&length));
            sum += length;
            beyond += u32::from(length > 50.0);
        }
        // Mean: ln(b/a) / (1/a − 1/b). Tail: (1/50 − 1/200) / (1/5 − 1/200).
        let mean = libm::log(40.0) / (0.2 - 0.005);
        assert!((sum / f64::from(n) - mean).abs() < 0.01 * mean);
        assert!((f64::from(beyond) / f64::from(n) - 0.015 / 0.195).abs() < 1e-3);
    }
}
