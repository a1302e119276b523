//! The order of the airborne drones: groups, correlation, spacing, the lattice.

use serde::{Deserialize, Serialize};

use super::super::Vec3;
use super::super::neighbours::{Neighbours, Traffic};
use super::super::space::Space;
use super::groups::Groups;

/// Distances up to this, times that of the lattice, are links of the lattice (Olfati-Saber 2006).
const LATTICE_REACH: f64 = 1.2;

/// Figures about the order of the airborne drones. `None` without a meaning: without drones or links, and for those
/// that need a middle also on a torus. Links join drones nearer than `metrics.link_m`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct OrderMetrics {
    /// Length of the mean of `û(r − c) × v̂`: 1 if everyone circles the middle c the same way.
    pub milling: Option<f64>,
    /// Root of the mean squared distance from the middle.
    pub gyration_m: Option<f64>,
    /// Mean of `v̂_i · v̂_j` over linked pairs.
    pub velocity_correlation: Option<f64>,
    /// `½ Σ |v_i − v̄|² / N`, in (m/s)².
    pub velocity_mismatch: Option<f64>,
    /// Mean speed.
    pub speed_mean_mps: Option<f64>,
    /// What polarization is by chance alone, in the plane: `√(π / 4N)`.
    pub polarization_floor: Option<f64>,
    /// Mean distance to the nearest airborne neighbour, whatever it is.
    pub nearest_mean_m: Option<f64>,
    /// Standard deviation of that distance.
    pub nearest_sd_m: Option<f64>,
    /// Groups that no link joins.
    pub components: Option<u32>,
    /// Share of drones in the largest of them.
    pub largest_share: Option<f64>,
    /// `(N − components) / (N − 1)`: 1 if all are joined. Equal to the rank of the Laplacian over N − 1.
    pub union: Option<f64>,
    /// Drones without a link.
    pub lonely: Option<u32>,
    /// Mean distance of linked pairs, and how far it spreads.
    pub link_mean_m: Option<f64>,
    /// Standard deviation of the length of links.
    pub link_sd_m: Option<f64>,
    /// `1/(|E| + 1) Σ (r_ij − d)² / d²` over the pairs E nearer than 1.2 d, each counted both ways, d = `metrics.lattice_m`.
    pub lattice_deviation: Option<f64>,
}

/// What to measure by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale {
    /// Drones nearer than this are linked.
    pub link_m: f64,
    /// Distance of the lattice that is looked for.
    pub lattice_m: f64,
    /// The space: on a torus positions have no mean.
    pub space: Space,
}

/// Measures the order of the airborne drones, with buffers that are kept.
#[derive(Clone, Debug, Default)]
pub struct OrderGauge {
    groups: Groups,
    /// Where each drone is going, by order of creation: found once, not for each of its pairs.
    courses: Vec<Vec3>,
}

impl OrderGauge {
    /// Everything in [`OrderMetrics`]. O(drones × links); sums run in the fixed order of `traffic`.
    pub fn measure(&mut self, traffic: &Neighbours, scale: Scale) -> OrderMetrics {
        let flying = || traffic.all().filter(|t| t.airborne);
        let count = flying().count();
        if count == 0 {
            return OrderMetrics::default();
        }
        let n = count as f64;
        let sum = |of: fn(&Traffic) -> Vec3| flying().fold(Vec3::ZERO, |sum, t| sum + of(t)) / n;
        let (middle, drift) = (sum(|t| t.position), sum(|t| t.velocity));
        let mean = |of: &dyn Fn(&Traffic) -> f64| flying().map(of).sum::<f64>() / n;
        let spin =
            flying().fold(Vec3::ZERO, |sum, t| sum + (t.position - middle).unit().cross(t.velocity.unit()));
        let links = self.join(traffic, scale);
        let has_middle = scale.space.torus().is_none();
        let groups = &self.groups;
        let lonely = flying().filter(|t| groups.size(t.index) == 1).count();
        let roots = flying().filter(|t| groups.root(t.index) == t.index).count();
        let largest = flying().map(|t| groups.size(t.index)).max().unwrap_or(0);
        let linked = |value: f64| (links.count > 0.0).then_some(value);
        let length = links.length / links.count;
        let nearest = (count > 1).then(|| spacing(traffic, &scale.space, count));
        OrderMetrics {
            milling: has_middle.then_some(spin.norm() / n),
            gyration_m: has_middle.then(|| mean(&|t| (t.position - middle).norm2()).sqrt()),
            velocity_correlation: linked(links.correlation / links.count),
            velocity_mismatch: Some(0.5 * mean(&|t| (t.velocity - drift).norm2())),
            speed_mean_mps: Some(mean(&|t| t.velocity.norm())),
            polarization_floor: Some((std::f64::consts::FRAC_PI_4 / n).sqrt()),
            nearest_mean_m: nearest.map(|(mean, _)| mean),
            nearest_sd_m: nearest.map(|(_, sd)| sd),
            components: Some(roots as u32),
            largest_share: Some(f64::from(largest) / n),
            union: (count > 1).then(|| (count - roots) as f64 / (count - 1) as f64),
            lonely: Some(lonely as u32),
            link_mean_m: linked(length),
            link_sd_m: linked((links.length2 / links.count - length * length).max(0.0).sqrt()),
            lattice_deviation: (count > 1).then(|| {
                2.0 * links.misfit / (2.0 * links.lattice + 1.0) / (scale.lattice_m * scale.lattice_m)
            }),
        }
    }

    /// Joins linked drones.
    fn join(&mut self, traffic: &Neighbours, scale: Scale) -> Links {
        self.groups.reset(traffic);
        self.courses.resize(traffic.all().count(), Vec3::ZERO);
        for one in traffic.all() {
            self.courses[one.index as usize] = one.velocity.unit();
        }
        let mut links = Links::default();
        let reach = LATTICE_REACH * scale.lattice_m;
        for one in traffic.all().filter(|t| t.airborne) {
            let course = self.courses[one.index as usize];
            traffic.each_within(one.position, scale.link_m.max(reach), |other, _, distance2| {
                if other.index <= one.index || !other.airborne {
                    return;
                }
                let distance = distance2.sqrt();
                if distance <= reach {
                    links.lattice += 1.0;
                    links.misfit += (distance - scale.lattice_m) * (distance - scale.lattice_m);
                }
                if distance2 > scale.link_m * scale.link_m {
                    return;
                }
                links.count += 1.0;
                links.correlation += course.dot(self.courses[other.index as usize]);
                links.length += distance;
                links.length2 += distance2;
                self.groups.join(one.index, other.index);
            });
        }
        traffic.all().filter(|t| t.airborne).for_each(|one| self.groups.count(one.index));
        links
    }
}

/// Sums over linked pairs, and over pairs of the lattice.
#[derive(Default)]
struct Links {
    count: f64,
    correlation: f64,
    length: f64,
    length2: f64,
    lattice: f64,
    misfit: f64,
}

/// Mean and standard deviation of the distance to the nearest, over `count` ≥ 2 airborne drones.
fn spacing(traffic: &Neighbours, space: &Space, count: usize) -> (f64, f64) {
    let (mut sum, mut squares) = (0.0, 0.0);
    for one in traffic.all().filter(|t| t.airborne) {
        let nearest2 = nearest2(traffic, space, one, count);
        sum += nearest2.sqrt();
        squares += nearest2;
    }
    let mean = sum / count as f64;
    (mean, (squares / count as f64 - mean * mean).max(0.0).sqrt())
}

/// Squared distance to the nearest: within a radius that doubles, and by looking at everyone once that is no dearer.
fn nearest2(traffic: &Neighbours, space: &Space, one: &Traffic, count: usize) -> f64 {
    let mut nearest2 = f64::INFINITY;
    let (mut radius, mut cells) = (space.cell_m(), 9);
    while nearest2 == f64::INFINITY && cells < 2 * count {
        traffic.each_within(one.position, radius, |other, _, d2| {
            if other.index != one.index && other.airborne {
                nearest2 = nearest2.min(d2);
            }
        });
        (radius, cells) = (2.0 * radius, 4 * cells);
    }
    if nearest2 < f64::INFINITY {
        return nearest2;
    }
    let others = traffic.all().filter(|t| t.airborne && t.index != one.index);
    others.map(|t| space.offset(one.position, t.position).norm2()).fold(f64::INFINITY, f64::min)
}

/// Polarization and cohesion radius of positions and velocities, in the given order.
pub fn order(moving: impl Iterator<Item = (Vec3, Vec3)> + Clone) -> (Option<f64>, Option<f64>) {
    let (mut headings, mut middle, mut n) = (Vec3::ZERO, Vec3::ZERO, 0.0);
    for (position, velocity) in moving.clone() {
        headings += velocity.unit();
        middle += position;
        n += 1.0;
    }
    if n == 0.0 {
        return (None, None);
    }
    let centre = middle / n;
    let farthest2 = moving.map(|(position, _)| (position - centre).norm2()).fold(0.0, f64::max);
    (Some(headings.norm() / n), Some(farthest2.sqrt()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn grid_of(drones: &[([f64; 3], [f64; 3])]) -> Neighbours {
        let mut grid = Neighbours::default();
        grid.rebuild(9.0, drones.len(), |i| Traffic {
            position: Vec3::from(drones[i].0),
            velocity: Vec3::from(drones[i].1),
            index: i as u32,
            airborne: true,
            ..Traffic::default()
        });
        grid
    }

    fn order_of(drones: &[([f64; 3], [f64; 3])], link_m: f64) -> OrderMetrics {
        let scale = Scale { link_m, lattice_m: 5.0, space: Space::default() };
        OrderGauge::default().measure(&grid_of(drones), scale)
    }

    #[test]
    fn a_mill_mills_and_a_flock_correlates() {
        let ring = |k: usize| {
            let (sin, cos) = libm::sincos(std::f64::consts::TAU * k as f64 / 12.0);
            ([10.0 * cos, 10.0 * sin, 5.0], [-2.0 * sin, 2.0 * cos, 0.0])
        };
        let mill = order_of(&(0..12).map(ring).collect::<Vec<_>>(), 6.0);
        assert!(
            (mill.milling.unwrap() - 1.0).abs() < 1e-12 && (mill.gyration_m.unwrap() - 10.0).abs() < 1e-12
        );
        let turn = libm::cos(std::f64::consts::TAU / 12.0);
        assert!((mill.velocity_correlation.unwrap() - turn).abs() < 1e-12);
        assert!((mill.velocity_mismatch.unwrap() - 2.0).abs() < 1e-12);
        assert!(mill.link_sd_m.unwrap() < 1e-6 && mill.components == Some(1) && mill.union == Some(1.0));
        let chord = 20.0 * libm::sin(std::f64::consts::PI / 12.0);
        assert!((mill.nearest_mean_m.unwrap() - chord).abs() < 1e-9 && mill.nearest_sd_m.unwrap() < 1e-6);
        // Twelve links of the ring, each counted both ways, over 1 + 24.
        let deviation = 24.0 * (chord - 5.0) * (chord - 5.0) / 25.0 / 25.0;
        assert!((mill.lattice_deviation.unwrap() - deviation).abs() < 1e-12);
        let flock = order_of(&[([0.0; 3], [3.0, 0.0, 0.0]), ([4.0, 0.0, 0.0], [5.0, 0.0, 0.0])], 6.0);
        assert_eq!((flock.velocity_correlation, flock.speed_mean_mps), (Some(1.0), Some(4.0)));
        assert_eq!((flock.velocity_mismatch, flock.link_mean_m), (Some(0.5), Some(4.0)));
    }

    #[test]
    fn groups_are_what_links_join() {
        let at = |x: f64| ([x, 0.0, 5.0], [1.0, 0.0, 0.0]);
        // Given out of order, so that roots have to be joined.
        let order =
            order_of(&[at(0.0), at(20.0), at(5.0), at(25.0), at(10.0), at(15.0), at(90.0), at(200.0)], 6.0);
        assert_eq!((order.components, order.lonely, order.largest_share), (Some(3), Some(2), Some(0.75)));
        assert_eq!(order.union, Some(5.0 / 7.0));
        assert_eq!(order_of(&[], 6.0), OrderMetrics::default());
    }

    proptest! {
        #[test]
        fn the_nearest_is_found_however_far(
            points in prop::collection::vec(prop::array::uniform3(-2000.0..2000.0f64), 2..40)
        ) {
            let drones: Vec<_> = points.iter().map(|&p| (p, [0.0; 3])).collect();
            let nearest = |i: usize| {
                let others = points.iter().enumerate().filter(|(j, _)| *j != i);
                others.map(|(_, &q)| Vec3::from(q).distance(Vec3::from(points[i]))).fold(f64::INFINITY, f64::min)
            };
            let naive = (0..points.len()).map(nearest).sum::<f64>() / points.len() as f64;
            let got = order_of(&drones, 6.0).nearest_mean_m.unwrap();
            prop_assert!((got - naive).abs() < 1e-6 * naive, "{} not {}", got, naive);
        }
    }

    #[test]
    fn polarization_is_one_in_parallel_and_zero_in_opposition() {
        let at = |x: f64, v: f64| (Vec3::new(x, 0.0, 0.0), Vec3::new(v, 0.0, 0.0));
        assert_eq!(order([at(-1.0, 3.0), at(1.0, 5.0)].into_iter()), (Some(1.0), Some(1.0)));
        assert_eq!(order([at(-1.0, 3.0), at(1.0, -5.0)].into_iter()).0, Some(0.0));
        assert_eq!(order([].into_iter()), (None, None));
    }
}
