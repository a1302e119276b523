//! Finding those within a circle, some at a time.

use super::super::Vec3;
use super::Neighbours;
use super::runs::Runs;

/// Found at once before anybody is visited: finding and visiting are two simple loops this way, and what a visitor sums
/// up stays in registers.
pub(super) const HITS: usize = 128;
/// Candidates that are looked at before the room for hits is checked.
const CHUNK: usize = 64;
/// Distances are taken in groups of this many: in vector registers, and without a branch, as half of all candidates
/// are too far away in no order that a processor could learn.
const LANES: usize = 4;

/// A search under way.
pub(super) struct Search<'a> {
    grid: &'a Neighbours,
    /// The middle, as seen from the side of the torus that is being looked at.
    pub p: Vec3,
    home: Vec3,
    runs: Runs<'a>,
    /// Drones that are still to be looked at.
    run: (usize, usize),
}

impl<'a> Search<'a> {
    #[inline]
    pub fn new(grid: &'a Neighbours, p: Vec3, radius: f64) -> Search<'a> {
        Search { grid, p, home: p, runs: Runs::new(grid, [p, p], radius), run: (0, 0) }
    }

    /// Writes slots of drones within the radius of `p`, which stays the same for one call; says how many, and whether
    /// those were the last.
    pub fn fill(&mut self, hits: &mut [u32; HITS]) -> (usize, bool) {
        let mut found = 0;
        loop {
            while self.run.0 < self.run.1 {
                if found > HITS - CHUNK {
                    return (found, false);
                }
                let end = self.run.1.min(self.run.0 + CHUNK);
                found = self.take(self.run.0, end, hits, found);
                self.run.0 = end;
            }
            if let Some(run) = self.runs.next() {
                self.run = run;
                continue;
            }
            if found > 0 || self.runs.is_last_image() {
                return (found, self.runs.is_last_image());
            }
            self.runs.next_image();
            self.p = self.home + self.runs.shift;
        }
    }

    /// Adds those within the radius of the slots `from..to`, at most [`CHUNK`].
    fn take(&self, from: usize, to: usize, hits: &mut [u32; HITS], mut found: usize) -> usize {
        let (Vec3 { x, y, z }, radius2) = (self.p, self.runs.radius * self.runs.radius);
        let [xs, ys, zs] = self.grid.places.each_ref().map(|places| places[from..to].as_chunks::<LANES>());
        let mut slot = from as u32;
        let mut keep = |is_near: bool| {
            hits[found & (HITS - 1)] = slot;
            found += usize::from(is_near);
            slot += 1;
        };
        for ((xs, ys), zs) in xs.0.iter().zip(ys.0).zip(zs.0) {
            let distances2: [f64; LANES] = std::array::from_fn(|k| {
                let (dx, dy, dz) = (xs[k] - x, ys[k] - y, zs[k] - z);
                dx * dx + dy * dy + dz * dz
            });
            distances2.iter().for_each(|&distance2| keep(distance2 <= radius2));
        }
        for ((xs, ys), zs) in xs.1.iter().zip(ys.1).zip(zs.1) {
            let (dx, dy, dz) = (xs - x, ys - y, zs - z);
            keep(dx * dx + dy * dy + dz * dz <= radius2);
        }
        found
    }
}
