//! Formation flight, by two laws over the same places. `virtual_structure` (Lewis, Tan 1997; Beard, Lawton, Hadaegh
//! 2001): everyone tracks a place fixed to a frame that moves, `slot_i(t) = c(t) + R(ψ(t)) δ_i`, with the velocity of
//! that place fed forward. `consensus` (Ren, Beard, Atkins 2007): `v_i = −(k/n) Σ_j ((r_i − δ_i) − (r_j − δ_j)) +
//! k_γ (slot_i − r_i)` over n neighbours, plus the velocity of the place.
//!
//! The frame rests, turns on the spot, or flies clockwise round a circle. Who takes which place is shared out when drones join or leave
//! and when the shape changes (see [`super::super::slots`]).

use super::super::Vec3;
use super::super::dynamics::{Dynamics, braking_accel, braking_gain, braking_speed, speed_along};
use super::super::formation::Shape;
use super::super::geodesy;
use super::super::params::Spec;
use super::super::pilot::Percept;
use super::super::slots::Plan;
use super::Behaviour;

/// The behaviour.
pub static FORMATION: Behaviour =
    Behaviour { name: "formation", title: "Formation", params: &PARAMS, rule: velocity, together: None };

const SHAPE: usize = 0;
const SPACING: usize = 1;
const LAW: usize = 2;
const ASSIGNMENT: usize = 3;
const EAST: usize = 4;
const NORTH: usize = 5;
const ALTITUDE: usize = 6;
const HEADING: usize = 7;
const ORBIT: usize = 8;
const SPEED: usize = 9;
const GAIN: usize = 10;
const PULL: usize = 11;
const RANGE: usize = 12;
const COST: usize = 13;
const TURN: usize = 14;

static PARAMS: [Spec; 15] = [
    Spec::choice("shape", "Shape", &["line", "column", "v", "grid", "circle", "sphere"]),
    Spec::amount("spacing_m", "Distance of neighbouring places", "m", [0.5, 1000.0, 0.5, 6.0]),
    Spec::choice("law", "How places are held", &["virtual_structure", "consensus"]),
    Spec::choice("assignment", "Who takes which place", &["optimal", "greedy", "identity", "auction"]),
    Spec::amount("east_m", "Middle, east", "m", [-100_000.0, 100_000.0, 1.0, 0.0]),
    Spec::amount("north_m", "Middle, north", "m", [-100_000.0, 100_000.0, 1.0, 0.0]),
    Spec::amount("altitude_m", "Middle, altitude", "m", [2.0, 500.0, 1.0, 30.0]),
    Spec::amount("heading_deg", "Heading, at the start of a circle", "deg", [0.0, 360.0, 5.0, 0.0]),
    Spec::amount("orbit_m", "Radius of the circle that it flies, 0 = rests", "m", [0.0, 10_000.0, 5.0, 0.0]),
    Spec::amount("speed_mps", "Speed on the circle", "m/s", [0.0, 50.0, 0.5, 3.0]),
    Spec::amount("gain", "Gain between neighbours (consensus)", "1/s", [0.0, 10.0, 0.05, 0.2]),
    Spec::amount("pull", "Gain towards the place", "1/s", [0.0, 10.0, 0.05, 0.4]),
    Spec::amount("range_m", "Neighbours within (consensus)", "m", [0.5, 10_000.0, 1.0, 20.0]),
    Spec::choice("cost", "What is least: squared ways, ways, the longest way", &["sq", "dist", "bottleneck"]),
    Spec::amount("turn_dps", "Turning rate, clockwise, of one that rests", "deg/s", [-90.0, 90.0, 1.0, 0.0]),
];

/// Places come no lower than this.
const ALTITUDE_MIN: f64 = 2.0;

/// What the places of a formation follow from, and its shape.
pub fn plan(numbers: &[f64]) -> (Plan, Shape) {
    let shape = Shape::ALL.get(numbers[SHAPE] as usize).map_or(Shape::Line, |(_, shape)| *shape);
    ([SHAPE, SPACING, ASSIGNMENT, COST].map(|at| numbers[at]), shape)
}

/// The frame of a formation at a time: where its middle is, where it looks, how it moves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Frame {
    middle: Vec3,
    forwards: Vec3,
    speed: f64,
    /// Turning rate, rad/s clockwise.
    turning: f64,
}

impl Frame {
    /// The frame that the parameters say, `seconds` after the start of the run.
    pub fn at(numbers: &[f64], seconds: f64) -> Frame {
        let rest = Vec3::new(numbers[EAST], numbers[NORTH], numbers[ALTITUDE]);
        let moves = numbers[ORBIT] > 0.0;
        let turning = if moves { numbers[SPEED] / numbers[ORBIT] } else { numbers[TURN].to_radians() };
        let heading = geodesy::wrap_deg(numbers[HEADING] + (turning * seconds).to_degrees());
        let forwards = geodesy::direction_of(heading);
        let middle = rest - right(forwards) * numbers[ORBIT];
        Frame { middle, forwards, speed: if moves { numbers[SPEED] } else { 0.0 }, turning }
    }

    /// Place and velocity of an offset given as right, forwards, up.
    pub fn place(&self, offset: Vec3) -> (Vec3, Vec3) {
        let right = right(self.forwards);
        let place = self.middle + right * offset.x + self.forwards * offset.y + Vec3::UP * offset.z;
        let swing = (right * offset.y - self.forwards * offset.x) * self.turning;
        (place.at_altitude(place.z.max(ALTITUDE_MIN)), self.forwards * self.speed + swing)
    }
}

fn right(forwards: Vec3) -> Vec3 {
    Vec3::new(forwards.y, -forwards.x, 0.0)
}

/// O(1), or with consensus O(drones): neighbours are known by their places.
fn velocity(p: &Percept, numbers: &[f64]) -> Vec3 {
    let Some(offset) = p.slots.offset(p.me.serial()) else { return Vec3::ZERO };
    let frame = Frame::at(numbers, p.tick as f64 * p.tick_s);
    let (place, moving) = frame.place(offset);
    let way = p.space.offset(p.position(), place);
    if numbers[LAW] > 0.0 {
        return moving + way * numbers[PULL] + agreement(p, place, &frame, numbers);
    }
    match p.dynamics {
        Dynamics::Kinematic | Dynamics::Robotsim => moving + way * numbers[PULL],
        Dynamics::Quad => {
            let direction = way.unit();
            let gain = braking_gain(p.kind).min(numbers[PULL]);
            let braking = braking_speed(way.norm(), braking_accel(p.kind, direction), gain);
            moving + direction * braking.min(speed_along(p.kind, direction))
        }
    }
}

/// `−(k/n) Σ_j ((r_i − slot_i) − (r_j − slot_j))` over the n who are heard and in range.
fn agreement(p: &Percept, place: Vec3, frame: &Frame, numbers: &[f64]) -> Vec3 {
    let (here, range2) = (p.position(), numbers[RANGE] * numbers[RANGE]);
    let (mut sum, mut count) = (Vec3::ZERO, 0.0);
    for (serial, offset) in p.slots.all() {
        let Ok(index) = p.drones.binary_search_by_key(&serial, |d| d.serial()) else { continue };
        let Some(told) = p.heard(&p.drones[index]) else { continue };
        let way = p.space.offset(here, told.position);
        if index != p.index && way.norm2() <= range2 {
            sum += way - (frame.place(offset).0 - place);
            count += 1.0;
        }
    }
    // The mean, so that the gain that is stable does not depend on how many there are.
    if count > 0.0 { sum * (numbers[GAIN] / count) } else { sum }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_velocity_of_a_place_is_its_derivative() {
        let mut numbers = PARAMS.map(|spec| spec.default);
        (numbers[ORBIT], numbers[SPEED], numbers[HEADING]) = (40.0, 5.0, 30.0);
        let offset = Vec3::new(7.0, -3.0, 2.0);
        for seconds in [0.0, 3.0, 100.0] {
            let at = |t: f64| Frame::at(&numbers, t).place(offset);
            let difference = (at(seconds + 1e-4).0 - at(seconds - 1e-4).0) / 2e-4;
            assert!(difference.distance(at(seconds).1) < 1e-5, "{seconds}: {difference:?}");
            let radius = (at(seconds).0 - Vec3::new(0.0, 0.0, 32.0)).norm();
            assert!((radius - (33.0f64 * 33.0 + 9.0).sqrt()).abs() < 1e-9, "{radius}");
        }
        (numbers[ORBIT], numbers[TURN]) = (0.0, 6.0);
        for seconds in [0.0, 3.0, 100.0] {
            let at = |t: f64| Frame::at(&numbers, t).place(offset);
            let difference = (at(seconds + 1e-4).0 - at(seconds - 1e-4).0) / 2e-4;
            assert!(difference.distance(at(seconds).1) < 1e-5, "{seconds}: {difference:?}");
        }
        // Half a turn in 30 s, on the spot.
        let (before, after) =
            (Frame::at(&numbers, 0.0).place(offset), Frame::at(&numbers, 30.0).place(offset));
        assert!((before.0 + after.0).horizontal_norm() < 1e-9);
    }
}
