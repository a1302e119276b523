//! Everyone flies the mean velocity of those near, and a little east. (Write here who published it.)

use super::super::Vec3;
use super::super::params::Spec;
use super::super::pilot::Percept;
use super::Behaviour;

/// The behaviour.
pub static DRIFT: Behaviour =
    Behaviour { name: "drift", title: "Drift", params: &PARAMS, rule: velocity, together: None };

static PARAMS: [Spec; 2] = [
    Spec::amount("radius_m", "Radius", "m", [0.0, 100.0, 1.0, 15.0]), // least, largest, step, default
    Spec::amount("east_mps", "Eastwards", "m/s", [0.0, 10.0, 0.1, 1.0]),
];

fn velocity(p: &Percept, numbers: &[f64]) -> Vec3 {
    let (mut sum, mut count) = (p.velocity(), 1.0);
    p.each_neighbour(numbers[0], |_, velocity| {
        sum += velocity;
        count += 1.0;
    });
    sum / count + Vec3::new(numbers[1], 0.0, 0.0)
}
