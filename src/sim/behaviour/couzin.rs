//! Couzin, Krause, James, Ruxton, Franks 2002 (J. theor. Biol. 218:1): zones of repulsion, orientation and attraction
//! in three dimensions. Depending on the width of the zone of orientation the group swarms, mills or flies parallel.
//!
//! A model in its own units: `dynamics.model = "kinematic"`, `update = "forward"`, ticks of 0.1 s.

use super::super::Vec3;
use super::super::geodesy;
use super::super::params::Spec;
use super::super::pilot::Percept;
use super::super::rng::{Channel, Stream};
use super::Behaviour;

/// The behaviour.
pub static COUZIN: Behaviour =
    Behaviour { name: "couzin", title: "Couzin zones", params: &PARAMS, rule: velocity, together: None };

const SPEED: usize = 0;
const REPULSION: usize = 1;
const ORIENTATION: usize = 2;
const ATTRACTION: usize = 3;
const VIEW: usize = 4;
const TURN: usize = 5;
const NOISE: usize = 6;

static PARAMS: [Spec; 7] = [
    Spec::amount("speed_mps", "Speed", "m/s", [0.0, 100.0, 0.1, 3.0]),
    Spec::amount("repulsion_m", "Radius of repulsion", "m", [0.0, 1000.0, 0.1, 1.0]),
    Spec::amount("orientation_m", "Width of the zone of orientation", "m", [0.0, 1000.0, 0.1, 2.0]),
    Spec::amount("attraction_m", "Width of the zone of attraction", "m", [0.0, 1000.0, 0.5, 14.0]),
    Spec::amount("view_deg", "Field of view", "deg", [0.0, 360.0, 5.0, 270.0]),
    Spec::amount("turn_dps", "Turning rate", "deg/s", [0.0, 3600.0, 1.0, 40.0]),
    Spec::amount("noise_rad", "Standard deviation of the noise", "rad", [0.0, 3.0, 0.01, 0.05]),
];

fn velocity(p: &Percept, numbers: &[f64]) -> Vec3 {
    let forwards = match p.velocity().unit() {
        Vec3::ZERO => geodesy::direction_of(p.me.heading_deg()),
        unit => unit,
    };
    let wanted = match wish(p, forwards, numbers).unit() {
        Vec3::ZERO => forwards,
        unit => unit,
    };
    let mut stream = Stream::new(p.seed, p.me.serial(), p.tick, Channel::Rule);
    let noisy = swayed(wanted, numbers[NOISE], &mut stream);
    turn(forwards, noisy, (numbers[TURN] * p.tick_s).to_radians()) * numbers[SPEED]
}

/// The direction that the zones ask for, of any length.
fn wish(p: &Percept, forwards: Vec3, numbers: &[f64]) -> Vec3 {
    let repulsion2 = numbers[REPULSION] * numbers[REPULSION];
    let orientation = numbers[REPULSION] + numbers[ORIENTATION];
    let orientation2 = orientation * orientation;
    let blind = libm::cos((numbers[VIEW] / 2.0).to_radians());
    let (mut away, mut along, mut towards) = (Vec3::ZERO, Vec3::ZERO, Vec3::ZERO);
    let mut crowded = false;
    p.each_neighbour(orientation + numbers[ATTRACTION], |offset, velocity| {
        let distance2 = offset.norm2();
        if distance2 == 0.0 {
            return;
        }
        let unit = offset / distance2.sqrt();
        if distance2 < repulsion2 {
            crowded = true;
            away -= unit;
        } else if forwards.dot(unit) < blind {
            // Behind: not seen.
        } else if distance2 < orientation2 {
            along += velocity.unit();
        } else {
            towards += unit;
        }
    });
    // The sums as they are, as in the paper: whoever is seen more of weighs more.
    if crowded { away } else { along + towards }
}

/// `direction` swayed by a normally distributed angle about an axis drawn evenly among those at right angles to it.
fn swayed(direction: Vec3, sigma: f64, stream: &mut Stream) -> Vec3 {
    if sigma == 0.0 {
        return direction;
    }
    let angle = stream.gaussian_pair().0 * sigma;
    let roll = stream.between(0.0, std::f64::consts::TAU);
    let helper = if direction.x.abs() < 0.9 { Vec3::new(1.0, 0.0, 0.0) } else { Vec3::new(0.0, 1.0, 0.0) };
    let a = direction.cross(helper).unit();
    let b = direction.cross(a);
    let side = a * libm::cos(roll) + b * libm::sin(roll);
    direction * libm::cos(angle) + side * libm::sin(angle)
}

/// From one unit vector towards another, by at most `most` radians.
fn turn(from: Vec3, to: Vec3, most: f64) -> Vec3 {
    if from.dot(to) >= libm::cos(most.min(std::f64::consts::PI)) {
        return to;
    }
    let side = match (to - from * from.dot(to)).unit() {
        // Straight back: any way round will do.
        Vec3::ZERO => Vec3::new(-from.y, from.x, 0.0).unit(),
        side => side,
    };
    from * libm::cos(most) + side * libm::sin(most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turning_stops_at_the_limit_or_the_goal() {
        let (x, y) = (Vec3::new(1.0, 0.0, 0.0), Vec3::new(0.0, 1.0, 0.0));
        assert!(turn(x, y, 0.1).distance(Vec3::new(0.1f64.cos(), 0.1f64.sin(), 0.0)) < 1e-12);
        assert_eq!(turn(x, y, 2.0), y);
        assert!((turn(x, -x, 0.1).norm() - 1.0).abs() < 1e-12);
    }
}
