//! The space that drones move in: the open field, or a torus whose opposite sides are one.

use super::Vec3;

/// Side of the cells into which drones are sorted in the open: about half of the usual search radius.
const CELL_M: f64 = 9.0;

/// A space. On a torus east and north run from 0 to the size and then from 0 again.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Space {
    size: Option<Vec3>,
    cell_m: f64,
}

impl Default for Space {
    fn default() -> Self {
        Space { size: None, cell_m: CELL_M }
    }
}

impl Space {
    /// A torus of this extent in east and north, or the open field if the extent is zero. `cell_m` is the side of
    /// the cells into which drones are sorted: it changes speed and the order of sums, nothing else.
    pub fn new(size: Vec3, cell_m: Option<f64>) -> Space {
        let size = (size.x > 0.0 && size.y > 0.0).then_some(size);
        let fitting = size.map_or(CELL_M, |s| CELL_M.min(s.x.min(s.y) / 3.0));
        Space { size, cell_m: cell_m.unwrap_or(fitting) }
    }

    /// Extent of a torus in east and north.
    pub fn torus(&self) -> Option<Vec3> {
        self.size
    }

    /// Side of the cells into which drones are sorted.
    pub fn cell_m(&self) -> f64 {
        self.cell_m
    }

    /// The farthest that a search makes sense: half a torus.
    pub fn reach_max(&self) -> f64 {
        self.size.map_or(f64::INFINITY, |s| 0.5 * s.x.min(s.y))
    }

    /// The same place within the torus.
    pub fn wrap(&self, p: Vec3) -> Vec3 {
        match self.size {
            Some(size) => Vec3::new(within(p.x, size.x), within(p.y, size.y), p.z),
            None => p,
        }
    }

    /// The shortest way from one place to another.
    pub fn offset(&self, from: Vec3, to: Vec3) -> Vec3 {
        let way = to - from;
        match self.size {
            Some(size) => Vec3::new(nearest(way.x, size.x), nearest(way.y, size.y), way.z),
            None => way,
        }
    }
}

fn within(x: f64, size: f64) -> f64 {
    // Nearly always, and without a division.
    if (0.0..size).contains(&x) {
        return x;
    }
    let rest = x - size * (x / size).floor();
    // Rounding may land on the size itself.
    if rest < size { rest } else { 0.0 }
}

fn nearest(x: f64, size: f64) -> f64 {
    // Less than half, whatever rounding does.
    if x.abs() < 0.499 * size {
        return x;
    }
    x - size * (x / size).round()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_torus_has_no_edge() {
        let space = Space::new(Vec3::new(10.0, 4.0, 0.0), None);
        assert_eq!(space.wrap(Vec3::new(10.5, -0.5, 7.0)), Vec3::new(0.5, 3.5, 7.0));
        assert_eq!(space.wrap(Vec3::new(-1e-18, 4.0, 0.0)), Vec3::ZERO);
        assert_eq!(
            space.offset(Vec3::new(9.5, 0.5, 0.0), Vec3::new(0.5, 3.5, 1.0)),
            Vec3::new(1.0, -1.0, 1.0)
        );
        let open = Space::default();
        assert_eq!(open.wrap(Vec3::new(1e4, 0.0, 0.0)), Vec3::new(1e4, 0.0, 0.0));
    }
}
