//! Pairs that come too near each other: near misses and collisions, with hysteresis.

use fearless_simd::{Level, Simd, SimdBase, SimdMask, dispatch, f64x8};
use serde::{Deserialize, Serialize};

use super::super::lanes::{LANES, Lanes};
use super::super::neighbours::{Eight, Neighbours, Traffic};

/// Farther pairs do not count for the smallest distance.
pub const SEARCH_M: f64 = 24.0;
/// A pair leaves a near miss or a collision at this multiple of the distance at which it entered it.
const HYSTERESIS: f64 = 1.1;

/// Close pairs for each drone that there is room for at first.
const CROWD: usize = 4;

/// Pairs closer than some distance, by serial numbers, sorted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Close {
    pairs: Vec<(u32, u32)>,
    #[serde(skip)]
    fresh: Vec<(u32, u32)>,
}

impl Close {
    /// Takes a pair at a squared distance; says whether it has just come nearer than `enter`.
    fn take(&mut self, pair: (u32, u32), distance2: f64, enter: f64) -> bool {
        let leave = enter * HYSTERESIS;
        if distance2 >= leave * leave {
            return false;
        }
        let known = self.pairs.binary_search(&pair).is_ok();
        let near = distance2 < enter * enter;
        if near || known {
            self.fresh.push(pair);
        }
        near && !known
    }

    /// Makes room for a crowd, so that a swarm that gathers slowly does not ask for more again and again.
    fn make_room(&mut self, drones: usize) {
        for list in [&mut self.pairs, &mut self.fresh] {
            list.reserve((CROWD * drones).saturating_sub(list.len()));
        }
    }

    fn settle(&mut self) {
        self.fresh.sort_unstable();
        std::mem::swap(&mut self.pairs, &mut self.fresh);
        self.fresh.clear();
    }
}

/// What has begun between two drones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encounter {
    /// They came nearer than `limits.near_miss_m`.
    NearMiss,
    /// They came nearer than the sum of their radii.
    Collision,
}

/// Pairs that are in a near miss or a collision, and buffers kept from tick to tick.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CloseCalls {
    near: Close,
    touching: Close,
    #[serde(skip)]
    met: Vec<(usize, usize, f64)>,
}

/// Adds those whom each of `eight` has nearer than `watched` to `met` as (lane, slot, distance²), each pair once; the
/// smallest distance² of any pair within `radius`, or infinity.
#[inline(always)]
fn look<S: Simd>(
    simd: S,
    traffic: &Neighbours,
    eight: Eight,
    radius: f64,
    watched: f64,
    met: &mut Vec<(usize, usize, f64)>,
) -> f64 {
    let (far, watched2) = (f64x8::splat(simd, f64::INFINITY), f64x8::splat(simd, watched * watched));
    let mut nearest2 = far;
    traffic.each_within_any(simd, eight, radius, |slot, _, distances2, is_within| {
        let other = traffic.in_slot(slot);
        if !other.airborne {
            return;
        }
        nearest2 = distances2.where_or(is_within & distances2.is_below(nearest2), nearest2);
        let close = (is_within & distances2.is_below(watched2)).to_bitmask();
        for lane in (0..LANES).filter(|lane| close & 1 << lane != 0) {
            if traffic.in_slot(eight.first + lane).index < other.index {
                met.push((lane, slot, distances2.lane(lane)));
            }
        }
    });
    nearest2.to_array().into_iter().fold(f64::INFINITY, f64::min)
}

impl CloseCalls {
    /// The smallest distance of two airborne drones, if below [`SEARCH_M`]; what has begun goes to
    /// `begun(encounter, slot, slot, distance)`.
    ///
    /// `serial` gives the serial number of a slot, by which pairs are remembered. O(drones × those that are near).
    pub fn measure(
        &mut self,
        traffic: &Neighbours,
        near_miss_m: f64,
        serial: impl Fn(u32) -> u32,
        mut begun: impl FnMut(Encounter, u32, u32, f64),
    ) -> Option<f64> {
        let flying = || traffic.all().filter(|t| t.airborne);
        let drones = traffic.all().count();
        self.near.make_room(drones);
        self.touching.make_room(drones);
        let widest = flying().map(|t| t.radius_m).fold(0.0, f64::max);
        let watched = HYSTERESIS * near_miss_m.max(2.0 * widest);
        let mut smallest2 = SEARCH_M * SEARCH_M;
        let mut met = std::mem::take(&mut self.met);
        for first in (0..drones).step_by(LANES) {
            let eight = traffic.flying(first);
            if eight.asking == 0 {
                continue;
            }
            // Only who is nearer than the nearest pair so far, or too near, is of interest.
            let radius = watched.max(smallest2.sqrt());
            let nearest2 =
                dispatch!(Level::new(), simd => look(simd, traffic, eight, radius, watched, &mut met));
            smallest2 = smallest2.min(nearest2);
            for lane in eight.lanes() {
                let one = traffic.in_slot(first + lane);
                for &(_, slot, distance2) in met.iter().filter(|(of, ..)| *of == lane) {
                    self.meet(one, traffic.in_slot(slot), distance2, near_miss_m, &serial, &mut begun);
                }
            }
            met.clear();
        }
        self.met = met;
        self.near.settle();
        self.touching.settle();
        (smallest2 < SEARCH_M * SEARCH_M).then(|| smallest2.sqrt())
    }

    fn meet(
        &mut self,
        one: &Traffic,
        other: &Traffic,
        distance2: f64,
        near_miss_m: f64,
        serial: impl Fn(u32) -> u32,
        mut begun: impl FnMut(Encounter, u32, u32, f64),
    ) {
        let pair = (serial(one.index), serial(other.index));
        if self.near.take(pair, distance2, near_miss_m) {
            begun(Encounter::NearMiss, one.index, other.index, distance2.sqrt());
        }
        if self.touching.take(pair, distance2, one.radius_m + other.radius_m) {
            begun(Encounter::Collision, one.index, other.index, distance2.sqrt());
        }
    }

    /// Pairs in a near miss now, sorted.
    pub fn near(&self) -> &[(u32, u32)] {
        &self.near.pairs
    }

    /// Pairs in a collision now, sorted.
    pub fn touching(&self) -> &[(u32, u32)] {
        &self.touching.pairs
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::Vec3;
    use super::*;

    fn begun(calls: &mut CloseCalls, gap: f64) -> (Vec<Encounter>, Option<f64>) {
        let mut grid = Neighbours::default();
        grid.rebuild(24.0, 3, |i| Traffic {
            position: Vec3::new([0.0, gap, 500.0][i], 0.0, 10.0),
            index: i as u32,
            airborne: true,
            radius_m: 0.4,
            ..Traffic::default()
        });
        let mut events = Vec::new();
        let smallest = calls.measure(&grid, 2.0, |slot| slot, |what, _, _, _| events.push(what));
        (events, smallest)
    }

    #[test]
    fn an_encounter_counts_once_until_the_pair_has_parted() {
        use Encounter::{Collision, NearMiss};
        let mut calls = CloseCalls::default();
        let events = [3.0, 1.9, 0.7, 0.85, 0.7, 2.1, 0.7, 2.3, 1.9].map(|gap| begun(&mut calls, gap).0);
        let wanted: [&[Encounter]; 9] =
            [&[], &[NearMiss], &[Collision], &[], &[], &[], &[Collision], &[], &[NearMiss]];
        assert_eq!(events, wanted.map(<[Encounter]>::to_vec));
    }

    #[test]
    fn the_smallest_distance_leaves_out_the_lonely() {
        assert_eq!(begun(&mut CloseCalls::default(), 6.0).1, Some(6.0));
        assert_eq!(begun(&mut CloseCalls::default(), 30.0).1, None);
    }
}
