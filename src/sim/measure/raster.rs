//! What the swarm has seen of its site, cell by cell; and the figures that are taken once a second.

use serde::{Deserialize, Serialize};

use super::super::polygon::{self, Point};
use super::super::{Tick, Vec3};

/// Most cells of a raster: a larger site gets larger cells.
const CELLS_MAX: f64 = 16_384.0;
/// Tangent of half the angle that a camera sees (60 degrees).
const HALF_VIEW: f64 = 0.577_350_269_189_625_8;
const NEVER: Tick = Tick::MAX;
const OUTSIDE: Tick = Tick::MAX - 1;

/// Figures that cost most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SlowMetrics {
    /// Second eigenvalue of the Laplacian of the links: 0 if the swarm is in parts.
    pub connectivity: Option<f64>,
    /// Share of the site that a drone with the capability `scan` has seen since the start.
    pub covered_share: Option<f64>,
    /// Mean time since a covered cell was last seen.
    pub revisit_mean_s: Option<f64>,
    /// 95 % of the covered cells were seen within this time.
    pub revisit_p95_s: Option<f64>,
    /// Coverage energy of those who fly `lloyd` over the bound `5/(18√3) A²/N` that no arrangement can beat.
    pub lloyd_energy: Option<f64>,
}

/// When each cell of a site was last seen.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Raster {
    corner: Point,
    cell_m: f64,
    columns: usize,
    rows: usize,
    seen: Vec<Tick>,
    #[serde(skip)]
    ages: Vec<Tick>,
}

impl Raster {
    /// A raster over a polygon with cells of `cell_m` metres, or larger ones if those would be too many.
    pub fn new(site: &[Point], cell_m: f64) -> Raster {
        let bound = |axis: usize, pick: fn(f64, f64) -> f64, start: f64| {
            site.iter().map(|corner| corner[axis]).fold(start, pick)
        };
        let (west, south) = (bound(0, f64::min, f64::INFINITY), bound(1, f64::min, f64::INFINITY));
        let (east, north) = (bound(0, f64::max, f64::NEG_INFINITY), bound(1, f64::max, f64::NEG_INFINITY));
        let (width, depth) = ((east - west).max(0.0), (north - south).max(0.0));
        let mut cell_m = cell_m;
        while (width / cell_m).ceil() * (depth / cell_m).ceil() > CELLS_MAX {
            cell_m *= 2.0;
        }
        let (columns, rows) = ((width / cell_m).ceil() as usize, (depth / cell_m).ceil() as usize);
        let mut raster = Raster { corner: [west, south], cell_m, columns, rows, ..Raster::default() };
        let state = |k: usize| if polygon::contains(site, raster.middle(k)) { NEVER } else { OUTSIDE };
        raster.seen = (0..columns * rows).map(state).collect();
        raster
    }

    /// Whether both have the same cells.
    pub fn is_like(&self, other: &Raster) -> bool {
        let cells = |r: &Raster| (r.corner, r.cell_m, r.columns, r.rows, r.seen.len());
        cells(self) == cells(other)
    }

    fn middle(&self, cell: usize) -> Point {
        let at = |k: usize, corner: f64| corner + (k as f64 + 0.5) * self.cell_m;
        [at(cell % self.columns, self.corner[0]), at(cell / self.columns, self.corner[1])]
    }

    /// A camera at `from` looks down: cells with their middle within its circle are seen.
    pub fn see(&mut self, from: Vec3, now: Tick) {
        let radius = from.z * HALF_VIEW;
        if self.columns == 0 || self.rows == 0 || radius <= 0.0 {
            return;
        }
        let span = |x: f64, corner: f64, cells: usize| {
            let first = ((x - radius - corner) / self.cell_m).floor().clamp(0.0, cells as f64);
            let end = ((x + radius - corner) / self.cell_m).ceil().clamp(0.0, cells as f64);
            first as usize..end as usize
        };
        let columns = span(from.x, self.corner[0], self.columns);
        for row in span(from.y, self.corner[1], self.rows) {
            for column in columns.clone() {
                let cell = row * self.columns + column;
                let [e, n] = self.middle(cell);
                let near = (e - from.x) * (e - from.x) + (n - from.y) * (n - from.y) <= radius * radius;
                if near && self.seen[cell] != OUTSIDE {
                    self.seen[cell] = now;
                }
            }
        }
    }

    /// Share covered, mean age and 95th percentile of the ages in seconds. O(cells).
    pub fn measure(&mut self, now: Tick, tick_s: f64, into: &mut SlowMetrics) {
        let cells = self.seen.iter().filter(|&&tick| tick != OUTSIDE).count();
        self.ages.clear();
        self.ages.extend(self.seen.iter().filter(|&&tick| tick < OUTSIDE).map(|&tick| now - tick));
        let covered = self.ages.len();
        into.covered_share = (cells > 0).then(|| covered as f64 / cells as f64);
        into.revisit_mean_s = (covered > 0)
            .then(|| self.ages.iter().map(|&age| age as f64).sum::<f64>() / covered as f64 * tick_s);
        into.revisit_p95_s = (covered > 0).then(|| {
            let place = (covered * 95).div_ceil(100) - 1;
            *self.ages.select_nth_unstable(place).1 as f64 * tick_s
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_raster_counts_what_was_seen_and_when() {
        let site = [[0.0, 0.0], [40.0, 0.0], [40.0, 40.0], [0.0, 40.0]];
        let mut raster = Raster::new(&site, 1.0);
        let mut metrics = SlowMetrics::default();
        raster.measure(5, 0.1, &mut metrics);
        assert_eq!((metrics.covered_share, metrics.revisit_mean_s), (Some(0.0), None));
        // A circle of radius 10 m in the middle.
        raster.see(Vec3::new(20.0, 20.0, 10.0 / HALF_VIEW), 10);
        raster.measure(30, 0.1, &mut metrics);
        let share = std::f64::consts::PI * 100.0 / 1600.0;
        assert!((metrics.covered_share.unwrap() - share).abs() < 0.01, "{metrics:?}");
        assert_eq!((metrics.revisit_mean_s, metrics.revisit_p95_s), (Some(2.0), Some(2.0)));
        // Far away, and over a corner.
        raster.see(Vec3::new(-500.0, 20.0, 10.0), 40);
        raster.see(Vec3::new(0.0, 0.0, 4.0 / HALF_VIEW), 40);
        raster.measure(40, 0.1, &mut metrics);
        assert!(metrics.covered_share.unwrap() > share && metrics.revisit_p95_s == Some(3.0), "{metrics:?}");
    }

    #[test]
    fn a_large_site_gets_larger_cells() {
        let site = [[-50_000.0, -50_000.0], [50_000.0, -50_000.0], [0.0, 50_000.0]];
        let raster = Raster::new(&site, 1.0);
        assert!(raster.seen.len() as f64 <= CELLS_MAX && raster.seen.len() > 5_000);
        let inside = raster.seen.iter().filter(|&&s| s == NEVER).count() as f64 / raster.seen.len() as f64;
        assert!((inside - 0.5).abs() < 0.01, "{inside}");
    }
}
