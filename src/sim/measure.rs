//! Figures about the whole swarm, taken once a tick.

use serde::{Deserialize, Serialize};

use super::Vec3;
use super::neighbours::Neighbours;

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
    use super::super::neighbours::Traffic;
    use super::*;

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
