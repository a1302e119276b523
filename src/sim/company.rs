//! Drones that stand side by side in the grid and fly one behaviour: they look at the same others together.

use fearless_simd::{Level, Simd, SimdBase, dispatch, f64x8, mask64x8};

use super::Vec3;
use super::flocking::{Flocking, Sums};
use super::lanes::{LANES, Vectors};
use super::neighbours::{Eight, Neighbours};
use super::sensors::Fix;

/// Up to [`LANES`] drones.
pub struct Company<'a> {
    /// Everyone in the world at the end of the last tick.
    pub traffic: &'a Neighbours,
    /// The behaviour that they fly.
    pub behaviour: u8,
    /// How far radios reach.
    pub range_m: f64,
    /// The slot of the first.
    pub first: usize,
    /// What a drone believes about itself, by order of creation, if that is not what is so.
    pub believed: Option<&'a dyn Fn(u32) -> Fix>,
    /// What each of them has added up.
    pub sums: &'a mut [Option<Sums>; LANES],
}

impl Company<'_> {
    /// Lets those `asking` (the first in the lowest bit) meet their neighbours, as long as looking together is worth it;
    /// whoever is left over has no sums.
    pub fn meet<F: Flocking>(&mut self, asking: u8, rule: &F) {
        let eight = Eight { first: self.first, asking };
        if asking.count_ones() < 2 {
            return;
        }
        if self.is_close(eight, rule.reach_m().min(self.range_m)) {
            return dispatch!(Level::new(), simd => self.meet_with(simd, eight, rule));
        }
        eight.halves().into_iter().for_each(|half| self.meet(half.asking, rule));
    }

    /// Whether so few drones are around only some of them that looking at everyone together costs less.
    fn is_close(&self, eight: Eight, reach_m: f64) -> bool {
        let ([low, high], wide) = (self.traffic.around(eight), 2.0 * reach_m);
        let together = (high.x - low.x + wide) * (high.y - low.y + wide);
        together <= (WORTH_EACH * f64::from(eight.asking.count_ones()) + WORTH) * wide * wide
    }

    #[inline(always)]
    fn meet_with<S: Simd, F: Flocking>(&mut self, simd: S, eight: Eight, rule: &F) {
        let (traffic, mine) = (self.traffic, Some(self.behaviour));
        let seen = |lane: usize| {
            let seen = traffic.in_slot(eight.first + lane);
            (seen.index, Fix { position: seen.position, velocity: seen.velocity })
        };
        let (mut truth, mut belief) = ([Fix::default(); LANES], [Fix::default(); LANES]);
        for lane in eight.lanes() {
            let (index, so) = seen(lane);
            (truth[lane], belief[lane]) = (so, self.believed.map_or(so, |believed| believed(index)));
        }
        let places = spread(simd, &belief, |fix| fix.position);
        let velocity = |fix: &Fix| fix.velocity;
        let mut all = rule.begin(spread(simd, &belief, velocity), spread(simd, &truth, velocity));
        let meet = |slot: usize, offsets: Vectors<f64x8<S>>, _: f64x8<S>, counts: mask64x8<S>| {
            let other = traffic.in_slot(slot);
            if other.behaviour != mine {
                return;
            }
            let (offsets, velocity) = match traffic.heard_of(slot) {
                Some(heard) => (Vectors::same(places.x, heard.position) - places, heard.velocity),
                None => (offsets, other.velocity),
            };
            rule.meet(&mut all, counts, offsets, velocity);
        };
        traffic.each_within_any(simd, eight, rule.reach_m().min(self.range_m), meet);
        let sums = F::sums(all).map(|sums| sums.to_array());
        for lane in eight.lanes() {
            self.sums[lane] = Some(Sums(std::array::from_fn(|k| sums[k][lane])));
        }
    }
}

#[inline(always)]
fn spread<S: Simd>(simd: S, all: &[Fix; LANES], of: fn(&Fix) -> Vec3) -> Vectors<f64x8<S>> {
    Vectors {
        x: f64x8::from_fn(simd, |lane| of(&all[lane]).x),
        y: f64x8::from_fn(simd, |lane| of(&all[lane]).y),
        z: f64x8::from_fn(simd, |lane| of(&all[lane]).z),
    }
}

/// Looking around together is worth it for an area up to so many times what one drone looks at …
const WORTH: f64 = 1.0;
/// … and so much more for each of them.
const WORTH_EACH: f64 = 0.5;
