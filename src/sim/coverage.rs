//! Coverage of a region by Voronoi cells (Cortés, Martínez, Karataş, Bullo 2004).

use super::polygon::Point;

/// Corners of a region and of a cell at most. A cell with more loses its smallest corners.
const CORNERS_MAX: usize = 64;

/// A convex polygon, counter-clockwise, kept in place: cells are made every tick.
#[derive(Clone, Copy, Debug)]
pub struct Cell {
    corners: [Point; CORNERS_MAX],
    len: usize,
}

impl Cell {
    /// A convex region, counter-clockwise; at most 64 corners are taken.
    pub fn new(region: &[Point]) -> Cell {
        let len = region.len().min(CORNERS_MAX);
        let mut corners = [[0.0; 2]; CORNERS_MAX];
        corners[..len].copy_from_slice(&region[..len]);
        Cell { corners, len }
    }

    /// Corners in order.
    pub fn corners(&self) -> &[Point] {
        &self.corners[..self.len]
    }

    /// Keeps what is nearer to `site` than to `other`.
    pub fn cut(&mut self, site: Point, other: Point) {
        let normal = [other[0] - site[0], other[1] - site[1]];
        let middle = [(other[0] + site[0]) / 2.0, (other[1] + site[1]) / 2.0];
        let beyond = |p: Point| (p[0] - middle[0]) * normal[0] + (p[1] - middle[1]) * normal[1];
        if self.corners().iter().all(|&p| beyond(p) <= 0.0) {
            return;
        }
        let old = *self;
        self.len = 0;
        for i in 0..old.len {
            let (a, b) = (old.corners[i], old.corners[(i + 1) % old.len]);
            let (da, db) = (beyond(a), beyond(b));
            if da <= 0.0 {
                self.push(a);
            }
            if (da < 0.0 && db > 0.0) || (da > 0.0 && db < 0.0) {
                let t = da / (da - db);
                self.push([a[0] + t * (b[0] - a[0]), a[1] + t * (b[1] - a[1])]);
            }
        }
    }

    fn push(&mut self, p: Point) {
        if self.len < CORNERS_MAX {
            self.corners[self.len] = p;
            self.len += 1;
        }
    }

    /// Area, and the centroid; `None` if there is nothing left.
    pub fn centroid(&self) -> Option<(f64, Point)> {
        let (mut area2, mut sum) = (0.0, [0.0; 2]);
        let origin = *self.corners().first()?;
        for (a, b) in super::polygon::edges(self.corners()) {
            let cross = super::polygon::cross(origin, a, b);
            area2 += cross;
            for axis in 0..2 {
                sum[axis] += cross * (a[axis] + b[axis] - 2.0 * origin[axis]);
            }
        }
        (area2 > 0.0).then(|| (area2 / 2.0, [0, 1].map(|axis| origin[axis] + sum[axis] / (3.0 * area2))))
    }

    /// `∫ |q − p|² dq` over the cell.
    pub fn moment(&self, p: Point) -> f64 {
        let edge = |(a, b): (Point, Point)| {
            let (a, b) = ([a[0] - p[0], a[1] - p[1]], [b[0] - p[0], b[1] - p[1]]);
            let cross = a[0] * b[1] - a[1] * b[0];
            let dot = |u: Point, v: Point| u[0] * v[0] + u[1] * v[1];
            cross * (dot(a, a) + dot(a, b) + dot(b, b)) / 12.0
        };
        super::polygon::edges(self.corners()).map(edge).sum()
    }
}

/// The Voronoi cell of site `index` within a convex region. O(sites).
pub fn voronoi(region: &[Point], sites: &[Point], index: usize) -> Cell {
    let mut cell = Cell::new(region);
    for (other, &site) in sites.iter().enumerate() {
        if other != index {
            cell.cut(sites[index], site);
        }
    }
    cell
}

/// The energy `H = ∫ min_i |q − r_i|² dq` of sites in a convex region: the less, the better it is covered.
pub fn energy(region: &[Point], sites: &[Point]) -> f64 {
    (0..sites.len()).map(|i| voronoi(region, sites, i).moment(sites[i])).sum()
}

/// One step of Lloyd's algorithm: each site moves the share `gain` of the way to the centroid of its cell.
pub fn lloyd(region: &[Point], sites: &[Point], gain: f64) -> Vec<Point> {
    let step = |i: usize| {
        let site = sites[i];
        voronoi(region, sites, i).centroid().map_or(site, |(_, centre)| {
            [site[0] + gain * (centre[0] - site[0]), site[1] + gain * (centre[1] - site[1])]
        })
    };
    (0..sites.len()).map(step).collect()
}

/// What no arrangement can beat: `5 / (18 √3) A² / N`, hexagons everywhere (Fejes Tóth).
pub fn energy_min(area: f64, count: usize) -> f64 {
    5.0 / (18.0 * 3f64.sqrt()) * area * area / count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const SQUARE: [Point; 4] = [[0.0, 0.0], [2.0, 0.0], [2.0, 2.0], [0.0, 2.0]];

    #[test]
    fn cells_divide_the_region() {
        let sites = [[0.5, 0.5], [1.5, 0.5], [0.7, 1.6]];
        let area: f64 = (0..3).filter_map(|i| voronoi(&SQUARE, &sites, i).centroid()).map(|(a, _)| a).sum();
        assert!((area - 4.0).abs() < 1e-12);
        let (area, centre) = voronoi(&SQUARE, &[[0.5, 1.0], [1.5, 1.0]], 0).centroid().unwrap();
        assert_eq!((area, centre), (2.0, [0.5, 1.0]));
    }

    #[test]
    fn the_moment_of_a_square_is_known() {
        // ∫|q − c|² = a⁴ / 6 for a square of side a around its middle.
        assert!((Cell::new(&SQUARE).moment([1.0, 1.0]) - 16.0 / 6.0).abs() < 1e-12);
    }
}
