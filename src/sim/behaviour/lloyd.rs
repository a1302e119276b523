//! Coverage by Lloyd's algorithm (Cortés, Martínez, Karataş, Bullo 2004): `u_i = −k (r_i − C_i)`, C_i the centroid of
//! the drone's Voronoi cell in a rectangle.

use super::super::Vec3;
use super::super::coverage::Cell;
use super::super::dynamics::Dynamics;
use super::super::params::Spec;
use super::super::pilot::Percept;
use super::Behaviour;

/// The behaviour.
pub static LLOYD: Behaviour =
    Behaviour { name: "lloyd", title: "Coverage (Lloyd)", params: &PARAMS, rule: velocity, together: None };

const GAIN: usize = 0;
const EAST: usize = 1;
const NORTH: usize = 2;
const WIDTH: usize = 3;
const DEPTH: usize = 4;
const ALTITUDE: usize = 5;

static PARAMS: [Spec; 6] = [
    Spec::amount("gain", "Gain", "1/s", [0.0, 100.0, 0.1, 0.5]),
    Spec::amount("east_m", "Middle of the region, east", "m", [-100_000.0, 100_000.0, 1.0, 0.0]),
    Spec::amount("north_m", "Middle of the region, north", "m", [-100_000.0, 100_000.0, 1.0, 0.0]),
    Spec::amount("width_m", "Extent of the region, east", "m", [1.0, 100_000.0, 1.0, 200.0]),
    Spec::amount("depth_m", "Extent of the region, north", "m", [1.0, 100_000.0, 1.0, 200.0]),
    Spec::amount("altitude_m", "Altitude of quadcopters", "m", [2.0, 500.0, 1.0, 20.0]),
];

/// The region, counter-clockwise, and its area.
pub fn region(numbers: &[f64]) -> ([[f64; 2]; 4], f64) {
    let (east, north) = (numbers[WIDTH] / 2.0, numbers[DEPTH] / 2.0);
    let corner = |e: f64, n: f64| [numbers[EAST] + e * east, numbers[NORTH] + n * north];
    ([corner(-1.0, -1.0), corner(1.0, -1.0), corner(1.0, 1.0), corner(-1.0, 1.0)], 4.0 * east * north)
}

/// O(those who fly it): a cell is cut by everyone who is heard.
fn velocity(p: &Percept, numbers: &[f64]) -> Vec3 {
    let mut cell = Cell::new(&region(numbers).0);
    let (here, mine) = (p.position(), p.traffic_behaviour());
    let site = [here.x, here.y];
    for (index, other) in p.drones.iter().enumerate() {
        if index != p.index && p.behaviour_of(other) == mine {
            let Some(there) = p.heard(other).map(|told| told.position) else { continue };
            cell.cut(site, [there.x, there.y]);
        }
    }
    let way = cell.centroid().map_or(Vec3::ZERO, |(_, [e, n])| Vec3::new(e - site[0], n - site[1], 0.0));
    match p.dynamics {
        Dynamics::Quad => (way * numbers[GAIN]).at_altitude(0.5 * (numbers[ALTITUDE] - here.z)),
        Dynamics::Kinematic | Dynamics::Robotsim => way * numbers[GAIN],
    }
}
