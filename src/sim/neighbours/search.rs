//! Finding those within a circle, some at a time.

use super::super::Vec3;
use super::{Neighbours, floor};

/// Found at once before anybody is visited: finding and visiting are two simple loops this way, and what a visitor sums
/// up stays in registers.
pub(super) const HITS: usize = 128;
/// Candidates that are looked at before the room for hits is checked.
const CHUNK: usize = 64;
/// Distances are taken in groups of this many: in vector registers, and without a branch, as half of all candidates
/// are too far away in no order that a processor could learn.
const LANES: usize = 4;
/// A circle over fewer rows of cells than this has no corners worth leaving out.
const ROWS_WHOLE: i32 = 6;
/// More than rounding can move the edge of a circle: whoever is within it is found.
const ROUNDING_M: f64 = 1e-6;
/// Ways to see a point of a torus.
const IMAGES: u8 = 9;

/// A search under way: rows of cells from south to north, in each a run of drones from west to east.
pub(super) struct Search<'a> {
    grid: &'a Neighbours,
    /// The middle, as seen from the side of the torus that is being looked at.
    pub p: Vec3,
    radius: f64,
    /// The middle as it is, and how many ways to see it have been tried.
    home: Vec3,
    images: u8,
    /// Columns of cells, and the rows that are still to be looked at.
    columns: (i32, i32),
    rows: (i32, i32),
    is_tall: bool,
    /// Drones that are still to be looked at: in this run, and in the one where its row goes on.
    run: (usize, usize),
    rest: (usize, usize),
}

impl<'a> Search<'a> {
    #[inline]
    pub fn new(grid: &'a Neighbours, p: Vec3, radius: f64) -> Search<'a> {
        let most = grid.torus.map_or(f64::INFINITY, |size| 0.5 * size.x.min(size.y));
        let radius = radius.min(most);
        let is_over_edge = |x: f64, size: f64| x - radius < 0.0 || x + radius >= size;
        let is_single =
            grid.torus.is_none_or(|size| !is_over_edge(p.x, size.x) && !is_over_edge(p.y, size.y));
        let mut search = Search {
            grid,
            p,
            radius,
            home: p,
            images: if is_single { IMAGES } else { 0 },
            columns: (0, 0),
            rows: (1, 0),
            is_tall: false,
            run: (0, 0),
            rest: (0, 0),
        };
        if is_single {
            search.look();
        }
        search
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
            if self.next_run() {
                continue;
            }
            if found > 0 || self.images == IMAGES {
                return (found, self.images == IMAGES);
            }
            self.next_image();
        }
    }

    /// Adds those within the radius of the slots `from..to`, at most [`CHUNK`].
    fn take(&self, from: usize, to: usize, hits: &mut [u32; HITS], mut found: usize) -> usize {
        let (Vec3 { x, y, z }, radius2) = (self.p, self.radius * self.radius);
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

    /// The rest of this row, or the next.
    fn next_run(&mut self) -> bool {
        if self.rest.0 < self.rest.1 {
            (self.run, self.rest) = (self.rest, (0, 0));
            return true;
        }
        let (y, last_row) = self.rows;
        if y > last_row {
            return false;
        }
        self.rows.0 = y + 1;
        let grid = self.grid;
        let (x0, x1) = if self.is_tall { self.chord(y) } else { self.columns };
        if x0 > x1 {
            return true;
        }
        let x1 = x1.min(x0 + grid.columns - 1);
        let (first, last) = (x0 & (grid.columns - 1), x1 & (grid.columns - 1));
        let row = (y & (grid.rows - 1)) * grid.columns;
        let run = |first: i32, last: i32| {
            (grid.starts[(row + first) as usize] as usize, grid.starts[(row + last) as usize + 1] as usize)
        };
        if first <= last {
            self.run = run(first, last);
        } else {
            (self.run, self.rest) = (run(first, grid.columns - 1), run(0, last));
        }
        true
    }

    /// The columns that the circle reaches in a row: none of the corners.
    fn chord(&self, y: i32) -> (i32, i32) {
        let (p, cell_m) = (self.p, self.grid.cell_m);
        let south = f64::from(y) * cell_m - p.y;
        let off = (south.max(-(south + cell_m)) - ROUNDING_M).max(0.0);
        let half = (self.radius * self.radius - off * off).max(0.0).sqrt() + ROUNDING_M;
        (self.columns.0.max(floor((p.x - half) / cell_m)), self.columns.1.min(floor((p.x + half) / cell_m)))
    }

    /// Where the circle reaches over an edge of the torus, it is looked at from the other side as well.
    fn next_image(&mut self) {
        let Some(size) = self.grid.torus else { return };
        let shift = |way: u8, x: f64, size: f64| match way {
            0 => (x - self.radius < 0.0).then_some(size),
            1 => Some(0.0),
            _ => (x + self.radius >= size).then_some(-size),
        };
        let (ways, home) = (self.images, self.home);
        self.images += 1;
        if let (Some(dy), Some(dx)) = (shift(ways / 3, home.y, size.y), shift(ways % 3, home.x, size.x)) {
            self.p = home + Vec3::new(dx, dy, 0.0);
            self.look();
        }
    }

    /// Chooses the cells that the circle reaches.
    fn look(&mut self) {
        let (grid, p, wide) = (self.grid, self.p, Vec3::new(self.radius, self.radius, 0.0));
        if grid.sorted.is_empty() {
            return;
        }
        let ((x0, y0), (x1, y1)) = (grid.coordinates(p - wide), grid.coordinates(p + wide));
        let (x0, y0) = (x0.max(grid.south_west.0), y0.max(grid.south_west.1));
        let (x1, y1) = (x1.min(grid.north_east.0), y1.min(grid.north_east.1));
        if x0 > x1 || y0 > y1 {
            return;
        }
        // Where rows of cells repeat within the circle, one row stands for several.
        self.is_tall = (ROWS_WHOLE..grid.rows).contains(&y1.saturating_sub(y0));
        // No cell twice, however wide the circle.
        let y1 = y1.min(y0.saturating_add(grid.rows - 1));
        (self.columns, self.rows) = ((x0, x1), (y0, y1));
    }
}
