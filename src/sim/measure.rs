//! Figures about the whole swarm, taken once a tick.

use serde::{Deserialize, Serialize};

use super::Vec3;
use super::neighbours::{Neighbours, Traffic};

/// Figures about the swarm after a tick. `None` where the figure has no meaning, such as a distance without a pair.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// Drones off the ground.
    pub airborne: u32,
    /// Lowest charge of any drone.
    pub battery_min_pct: Option<f64>,
    /// Mean charge of all drones.
    pub battery_mean_pct: Option<f64>,
    /// Length of the mean of the airborne drones' unit velocities: 1 all the same way, about 0 any way.
    pub polarization: Option<f64>,
    /// Smallest distance between two airborne drones, if below 24 m.
    pub separation_min_m: Option<f64>,
    /// Mean distance to the nearest airborne neighbour, over those that have one within 24 m.
    pub nearest_mean_m: Option<f64>,
    /// Largest distance of an airborne drone from the middle of all airborne drones.
    pub cohesion_radius_m: Option<f64>,
    /// Times since the start that two airborne drones came nearer than `limits.near_miss_m`.
    pub near_misses: u64,
    /// Times since the start that a drone crossed a fence.
    pub fence_breaches: u64,
    /// Drones with an alert now.
    pub alerts: AlertCount,
    /// Figures that cost more, taken five times a second.
    #[serde(default)]
    pub order: OrderMetrics,
}

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
    /// Groups that no link joins.
    pub components: Option<u32>,
    /// Share of drones in the largest of them.
    pub largest_share: Option<f64>,
    /// Drones without a link.
    pub lonely: Option<u32>,
    /// Mean distance of linked pairs, and how far it spreads.
    pub link_mean_m: Option<f64>,
    /// Standard deviation of the length of links.
    pub link_sd_m: Option<f64>,
}

/// Drones by the level of their alert.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertCount {
    /// Caution.
    pub caution: u32,
    /// Warning or critical.
    pub warning: u32,
}

/// Neighbours farther than this do not count; in a dense swarm the nearer search suffices.
pub const SEARCH_M: f64 = 24.0;
const NEARER_M: f64 = 8.0;
/// A pair leaves a near miss at this multiple of the distance at which it entered it.
const HYSTERESIS: f64 = 1.1;

/// Pairs that are in a near miss, and buffers kept from tick to tick.
#[derive(Clone, Debug, Default)]
pub struct NearMisses {
    pairs: Vec<(u32, u32)>,
    fresh: Vec<(u32, u32)>,
}

/// What one pass over the airborne drones finds.
#[derive(Clone, Copy, Debug, Default)]
pub struct Spacing {
    /// Smallest distance of a pair.
    pub separation_min_m: Option<f64>,
    /// Mean distance to the nearest neighbour.
    pub nearest_mean_m: Option<f64>,
}

impl NearMisses {
    /// As after a measurement that found `pairs`, sorted.
    pub fn of(pairs: Vec<(u32, u32)>) -> Self {
        NearMisses { pairs, fresh: Vec::new() }
    }

    /// Distances between airborne drones, and the near misses that have begun: `begun(slot, slot, distance)`.
    ///
    /// `serial` gives the serial number of a slot, by which pairs are remembered. O(drones × neighbours).
    pub fn measure(
        &mut self,
        traffic: &Neighbours,
        near_miss_m: f64,
        serial: impl Fn(u32) -> u32,
        mut begun: impl FnMut(u32, u32, f64),
    ) -> Spacing {
        let leave = near_miss_m * HYSTERESIS;
        let (mut smallest, mut sum, mut count) = (f64::INFINITY, 0.0, 0u32);
        self.fresh.clear();
        for one in traffic.all().filter(|t| t.airborne) {
            let mut nearest2 = f64::INFINITY;
            traffic.each_within(one.position, NEARER_M.max(leave), |other, _, d2| {
                if other.index == one.index || !other.airborne {
                    return;
                }
                nearest2 = nearest2.min(d2);
                if other.index > one.index && d2 < leave * leave {
                    let pair = (serial(one.index), serial(other.index));
                    let known = self.pairs.binary_search(&pair).is_ok();
                    let near = d2 < near_miss_m * near_miss_m;
                    if near && !known {
                        begun(one.index, other.index, d2.sqrt());
                    }
                    if near || known {
                        self.fresh.push(pair);
                    }
                }
            });
            if nearest2 == f64::INFINITY {
                traffic.each_within(one.position, SEARCH_M, |other, _, d2| {
                    if other.index != one.index && other.airborne {
                        nearest2 = nearest2.min(d2);
                    }
                });
            }
            if nearest2 < f64::INFINITY {
                let nearest = nearest2.sqrt();
                smallest = smallest.min(nearest);
                sum += nearest;
                count += 1;
            }
        }
        self.fresh.sort_unstable();
        std::mem::swap(&mut self.pairs, &mut self.fresh);
        Spacing {
            separation_min_m: (count > 0).then_some(smallest),
            nearest_mean_m: (count > 0).then(|| sum / f64::from(count)),
        }
    }

    /// Pairs in a near miss now, sorted.
    pub fn pairs(&self) -> &[(u32, u32)] {
        &self.pairs
    }
}

/// Measures the order of the airborne drones, with buffers that are kept.
#[derive(Clone, Debug, Default)]
pub struct OrderGauge {
    /// Union–find over drones by place.
    parents: Vec<u32>,
    sizes: Vec<u32>,
}

impl OrderGauge {
    /// Everything in [`OrderMetrics`]. O(drones × links); sums run in the fixed order of `traffic`.
    pub fn measure(&mut self, traffic: &Neighbours, link_m: f64, has_middle: bool) -> OrderMetrics {
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
        let links = self.join(traffic, link_m);
        let lonely = flying().filter(|t| self.sizes[self.root(t.index) as usize] == 1).count();
        let roots = flying().filter(|t| self.root(t.index) == t.index).count();
        let largest = flying().map(|t| self.sizes[self.root(t.index) as usize]).max().unwrap_or(0);
        let linked = |value: f64| (links.count > 0.0).then_some(value);
        let length = links.length / links.count;
        OrderMetrics {
            milling: has_middle.then_some(spin.norm() / n),
            gyration_m: has_middle.then(|| mean(&|t| (t.position - middle).norm2()).sqrt()),
            velocity_correlation: linked(links.correlation / links.count),
            velocity_mismatch: Some(0.5 * mean(&|t| (t.velocity - drift).norm2())),
            speed_mean_mps: Some(mean(&|t| t.velocity.norm())),
            components: Some(roots as u32),
            largest_share: Some(f64::from(largest) / n),
            lonely: Some(lonely as u32),
            link_mean_m: linked(length),
            link_sd_m: linked((links.length2 / links.count - length * length).max(0.0).sqrt()),
        }
    }

    /// Joins linked drones; the smaller root wins, so that the result does not depend on the order.
    fn join(&mut self, traffic: &Neighbours, link_m: f64) -> Links {
        let all = traffic.all().map(|t| t.index + 1).max().unwrap_or(0);
        self.parents.clear();
        self.parents.extend(0..all);
        let mut links = Links::default();
        for one in traffic.all().filter(|t| t.airborne) {
            let course = one.velocity.unit();
            traffic.each_within(one.position, link_m, |other, _, distance2| {
                if other.index <= one.index || !other.airborne {
                    return;
                }
                links.count += 1.0;
                links.correlation += course.dot(other.velocity.unit());
                links.length += distance2.sqrt();
                links.length2 += distance2;
                let (a, b) = (self.root(one.index), self.root(other.index));
                self.parents[a.max(b) as usize] = a.min(b);
                // Shorter ways for those who ask next.
                self.parents[one.index as usize] = a.min(b);
                self.parents[other.index as usize] = a.min(b);
            });
        }
        self.sizes.clear();
        self.sizes.resize(all as usize, 0);
        for one in traffic.all().filter(|t| t.airborne) {
            let root = self.root(one.index);
            self.sizes[root as usize] += 1;
        }
        links
    }

    fn root(&self, of: u32) -> u32 {
        let mut at = of;
        while self.parents[at as usize] != at {
            at = self.parents[at as usize];
        }
        at
    }
}

/// Sums over linked pairs.
#[derive(Default)]
struct Links {
    count: f64,
    correlation: f64,
    length: f64,
    length2: f64,
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
    let farthest = moving.map(|(position, _)| position.distance(centre)).fold(0.0, f64::max);
    (Some(headings.norm() / n), Some(farthest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order_of(drones: &[([f64; 3], [f64; 3])], link_m: f64) -> OrderMetrics {
        let mut grid = Neighbours::default();
        grid.rebuild(9.0, drones.len(), |i| Traffic {
            position: Vec3::from(drones[i].0),
            velocity: Vec3::from(drones[i].1),
            index: i as u32,
            airborne: true,
            ..Traffic::default()
        });
        OrderGauge::default().measure(&grid, link_m, true)
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
        assert!(mill.link_sd_m.unwrap() < 1e-6 && mill.components == Some(1));
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
        assert_eq!(order_of(&[], 6.0), OrderMetrics::default());
    }

    fn begun(misses: &mut NearMisses, gap: f64) -> (usize, Spacing) {
        let mut grid = Neighbours::default();
        grid.rebuild(24.0, 3, |i| Traffic {
            position: Vec3::new([0.0, gap, 500.0][i], 0.0, 10.0),
            index: i as u32,
            airborne: true,
            ..Traffic::default()
        });
        let mut events = 0;
        let spacing = misses.measure(&grid, 2.0, |slot| slot, |_, _, _| events += 1);
        (events, spacing)
    }

    #[test]
    fn a_near_miss_counts_once_until_the_pair_has_parted() {
        let mut misses = NearMisses::default();
        let events = [3.0, 1.9, 1.5, 2.1, 1.9, 2.3, 1.9].map(|gap| begun(&mut misses, gap).0);
        assert_eq!(events, [0, 1, 0, 0, 0, 0, 1]);
    }

    #[test]
    fn distances_leave_out_the_lonely() {
        let spacing = begun(&mut NearMisses::default(), 6.0).1;
        assert_eq!(spacing.separation_min_m, Some(6.0));
        assert_eq!(spacing.nearest_mean_m, Some(6.0));
    }

    #[test]
    fn polarization_is_one_in_parallel_and_zero_in_opposition() {
        let at = |x: f64, v: f64| (Vec3::new(x, 0.0, 0.0), Vec3::new(v, 0.0, 0.0));
        assert_eq!(order([at(-1.0, 3.0), at(1.0, 5.0)].into_iter()), (Some(1.0), Some(1.0)));
        assert_eq!(order([at(-1.0, 3.0), at(1.0, -5.0)].into_iter()).0, Some(0.0));
        assert_eq!(order([].into_iter()), (None, None));
    }
}
