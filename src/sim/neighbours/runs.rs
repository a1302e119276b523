//! Which cells lie around a place, or around several: runs of drones that lie in one piece of memory.

use super::super::Vec3;
use super::{Neighbours, floor};

/// A circle over fewer rows of cells than this has no corners worth leaving out.
const ROWS_WHOLE: i32 = 6;
/// More than rounding can move the edge of a circle: whoever is within it is found.
const ROUNDING_M: f64 = 1e-6;
/// Ways to see a point of a torus.
const IMAGES: u8 = 9;

/// The cells that are within a radius of a rectangle, row by row from south to north, in each from west to east. On a
/// torus the rectangle is looked at from each side that it reaches over.
pub(super) struct Runs<'a> {
    grid: &'a Neighbours,
    low: Vec3,
    high: Vec3,
    /// Half a torus at most.
    pub radius: f64,
    /// From the rectangle as it is to the one that is being looked at, and how many ways to see it have been tried.
    pub shift: Vec3,
    images: u8,
    /// Columns of cells, and the rows that are still to be looked at.
    columns: (i32, i32),
    rows: (i32, i32),
    is_tall: bool,
    /// Where the row at hand goes on.
    rest: (usize, usize),
}

impl<'a> Runs<'a> {
    #[inline]
    pub fn new(grid: &'a Neighbours, [low, high]: [Vec3; 2], radius: f64) -> Runs<'a> {
        let most = grid.torus.map_or(f64::INFINITY, |size| 0.5 * size.x.min(size.y));
        let radius = radius.min(most);
        let mut runs = Runs {
            grid,
            low,
            high,
            radius,
            shift: Vec3::ZERO,
            images: 0,
            columns: (0, 0),
            rows: (1, 0),
            is_tall: false,
            rest: (0, 0),
        };
        let is_over_edge = |low: f64, high: f64, size: f64| low - radius < 0.0 || high + radius >= size;
        let is_single = grid
            .torus
            .is_none_or(|size| !is_over_edge(low.x, high.x, size.x) && !is_over_edge(low.y, high.y, size.y));
        if is_single {
            runs.images = IMAGES;
            runs.look();
        }
        runs
    }

    /// Whether there is no other way to see it left.
    pub fn is_last_image(&self) -> bool {
        self.images == IMAGES
    }

    /// Goes on to the next way to see it, which may have no cells.
    pub fn next_image(&mut self) {
        let Some(size) = self.grid.torus else { return };
        let way = self.images;
        self.images += 1;
        if let Some(shift) = self.way(way, size) {
            self.shift = shift;
            self.look();
        }
    }

    /// Where the rectangle's surroundings reach over an edge of the torus, it is looked at from the other side as well.
    fn way(&self, way: u8, size: Vec3) -> Option<Vec3> {
        let radius = self.radius;
        let shift = |way: u8, low: f64, high: f64, size: f64| match way {
            0 => (low - radius < 0.0).then_some(size),
            1 => Some(0.0),
            _ => (high + radius >= size).then_some(-size),
        };
        let dy = shift(way / 3, self.low.y, self.high.y, size.y)?;
        let dx = shift(way % 3, self.low.x, self.high.x, size.x)?;
        Some(Vec3::new(dx, dy, 0.0))
    }

    /// The next run of slots `from..to`, in this way to see it.
    #[inline]
    pub fn next(&mut self) -> Option<(usize, usize)> {
        if self.rest.0 < self.rest.1 {
            return Some(std::mem::take(&mut self.rest));
        }
        let (y, last_row) = self.rows;
        if y > last_row {
            return None;
        }
        self.rows.0 = y + 1;
        let grid = self.grid;
        let (x0, x1) = if self.is_tall { self.chord(y) } else { self.columns };
        if x0 > x1 {
            return Some((0, 0));
        }
        let x1 = x1.min(x0 + grid.columns - 1);
        let (first, last) = (x0 & (grid.columns - 1), x1 & (grid.columns - 1));
        let row = (y & (grid.rows - 1)) * grid.columns;
        let run = |first: i32, last: i32| {
            (grid.starts[(row + first) as usize] as usize, grid.starts[(row + last) as usize + 1] as usize)
        };
        if first <= last {
            return Some(run(first, last));
        }
        self.rest = run(0, last);
        Some(run(first, grid.columns - 1))
    }

    /// The columns that a circle reaches in a row: none of the corners.
    fn chord(&self, y: i32) -> (i32, i32) {
        let (p, cell_m) = (self.low + self.shift, self.grid.cell_m);
        let south = f64::from(y) * cell_m - p.y;
        let off = (south.max(-(south + cell_m)) - ROUNDING_M).max(0.0);
        let half = (self.radius * self.radius - off * off).max(0.0).sqrt() + ROUNDING_M;
        (self.columns.0.max(floor((p.x - half) / cell_m)), self.columns.1.min(floor((p.x + half) / cell_m)))
    }

    /// Chooses the cells that are within the radius.
    fn look(&mut self) {
        let (grid, wide) = (self.grid, Vec3::new(self.radius, self.radius, 0.0));
        if grid.sorted.is_empty() {
            return;
        }
        let (low, high) = (self.low + self.shift, self.high + self.shift);
        let ((x0, y0), (x1, y1)) = (grid.coordinates(low - wide), grid.coordinates(high + wide));
        let (x0, y0) = (x0.max(grid.south_west.0), y0.max(grid.south_west.1));
        let (x1, y1) = (x1.min(grid.north_east.0), y1.min(grid.north_east.1));
        if x0 > x1 || y0 > y1 {
            return;
        }
        // Where rows of cells repeat within the circle, one row stands for several.
        self.is_tall = self.low == self.high && (ROWS_WHOLE..grid.rows).contains(&y1.saturating_sub(y0));
        // No cell twice, however wide the circle.
        let y1 = y1.min(y0.saturating_add(grid.rows - 1));
        (self.columns, self.rows) = ((x0, x1), (y0, y1));
    }
}
