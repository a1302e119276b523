//! Finding those around any of eight drones that stand side by side in the grid.

use fearless_simd::{ExtractToken, Simd, SimdBase, SimdMask, f64x8, mask64x8};

use super::super::Vec3;
use super::super::lanes::{LANES, Lanes, Vectors};
use super::Neighbours;
use super::runs::Runs;

/// Up to [`LANES`] drones in slots one behind the other that ask together.
#[derive(Clone, Copy, Debug)]
pub struct Eight {
    /// The slot of the first.
    pub first: usize,
    /// Which of them ask, the first in the lowest bit.
    pub asking: u8,
}

impl Eight {
    /// Slots of those who ask.
    pub fn slots(self) -> impl Iterator<Item = usize> {
        self.lanes().map(move |lane| self.first + lane)
    }

    /// Lanes of those who ask.
    pub fn lanes(self) -> impl Iterator<Item = usize> {
        (0..LANES).filter(move |lane| self.asking & 1 << lane != 0)
    }

    /// The first and the second half of those who ask.
    pub fn halves(self) -> [Eight; 2] {
        let (low, high) = (self.lanes().next().unwrap_or(0), self.lanes().last().unwrap_or(0));
        let first = self.asking & (2u8 << ((low + high) / 2)).wrapping_sub(1);
        [Eight { asking: first, ..self }, Eight { asking: self.asking & !first, ..self }]
    }
}

impl Neighbours {
    /// The drones from slot `first` on, of whom those in the air ask.
    pub fn flying(&self, first: usize) -> Eight {
        let drones = self.sorted[first..].iter().take(LANES).enumerate();
        Eight {
            first,
            asking: drones.fold(0, |asking, (lane, drone)| asking | u8::from(drone.airborne) << lane),
        }
    }

    /// The smallest box around those who ask.
    pub fn around(&self, eight: Eight) -> [Vec3; 2] {
        let first = [Vec3::new(f64::MAX, f64::MAX, f64::MAX), Vec3::new(f64::MIN, f64::MIN, f64::MIN)];
        eight.slots().fold(first, |[low, high], slot| {
            let p = self.place(slot);
            [
                Vec3::new(low.x.min(p.x), low.y.min(p.y), low.z.min(p.z)),
                Vec3::new(high.x.max(p.x), high.y.max(p.y), high.z.max(p.z)),
            ]
        })
    }

    /// Calls `visit(slot, offsets, distances², is_within)` for every drone that is within `radius` of any of those who ask, except
    /// of itself. Each of them finds theirs in the order of [`Neighbours::each_within`], with the same offsets.
    #[inline(always)]
    pub fn each_within_any<S: Simd>(
        &self,
        simd: S,
        eight: Eight,
        radius: f64,
        mut visit: impl FnMut(usize, Vectors<f64x8<S>>, f64x8<S>, mask64x8<S>),
    ) {
        let mut runs = Runs::new(self, self.around(eight), radius);
        let homes = self.places_of(simd, eight);
        let radius = f64x8::splat(simd, runs.radius);
        let asking = mask64x8::from_bitmask(simd, u64::from(eight.asking));
        // Nobody is that near those who do not ask.
        let never = f64x8::splat(simd, -1.0);
        let (mut middles, mut radii2) = (homes, (radius * radius).where_or(asking, never));
        loop {
            while let Some((from, to)) = runs.next() {
                let [xs, ys, zs] = self.places.each_ref().map(|places| &places[from..to]);
                for (k, ((&x, &y), &z)) in xs.iter().zip(ys).zip(zs).enumerate() {
                    let offsets = Vectors::same(never, Vec3::new(x, y, z)) - middles;
                    let distances2 = offsets.norm2();
                    let mut is_within = distances2.is_at_most(radii2);
                    let slot = from + k;
                    let own = slot.wrapping_sub(eight.first);
                    if own < LANES {
                        is_within &= mask64x8::from_bitmask(simd, !(1 << own));
                    }
                    if is_within.any_true() {
                        visit(slot, offsets, distances2, is_within);
                    }
                }
            }
            if runs.is_last_image() {
                return;
            }
            runs.next_image();
            middles = homes + Vectors::same(never, runs.shift);
            radii2 = self
                .seen(homes, radius, runs.shift)
                .map_or(never, |seen| (radius * radius).where_or(seen & asking, never));
        }
    }

    /// On a torus, those for whom this way to see them reaches over an edge as it must.
    #[inline(always)]
    fn seen<S: Simd>(&self, homes: Vectors<f64x8<S>>, radius: f64x8<S>, shift: Vec3) -> Option<mask64x8<S>> {
        let size = self.torus?;
        let along = |places: f64x8<S>, shift: f64, size: f64| {
            let (zero, all) = (places.same(0.0), mask64x8::splat(places.token(), true));
            match shift {
                shift if shift > 0.0 => (places - radius).is_below(zero),
                shift if shift < 0.0 => places.same(size).is_at_most(places + radius),
                _ => all,
            }
        };
        Some(along(homes.x, shift.x, size.x) & along(homes.y, shift.y, size.y))
    }

    /// Where the drones in these slots are; past the last, anywhere.
    #[inline(always)]
    fn places_of<S: Simd>(&self, simd: S, eight: Eight) -> Vectors<f64x8<S>> {
        let of = |places: &[f64]| {
            f64x8::from_fn(simd, |lane| places.get(eight.first + lane).copied().unwrap_or_default())
        };
        let [x, y, z] = &self.places;
        Vectors { x: of(x), y: of(y), z: of(z) }
    }
}
