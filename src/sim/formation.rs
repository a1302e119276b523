//! Shapes that drones take together, as offsets from their middle.

use super::{Vec3, geodesy};

/// Half the angle between the arms of a V.
const HALF_ANGLE_DEG: f64 = 35.0;
/// Distance of neighbours on a Fibonacci sphere of radius 1, times the square root of their number.
const FIBONACCI: f64 = 2.9;

/// A shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Side by side.
    Line,
    /// One behind the other.
    Column,
    /// Two arms of 35 degrees to the rear of a point.
    V,
    /// Rows and columns, as square as can be.
    Grid,
    /// Evenly on a circle.
    Circle,
    /// Evenly on a sphere (Fibonacci lattice).
    Sphere,
}

impl Shape {
    /// All of them with their names in commands.
    pub const ALL: [(&'static str, Shape); 6] = [
        ("line", Shape::Line),
        ("column", Shape::Column),
        ("v", Shape::V),
        ("grid", Shape::Grid),
        ("circle", Shape::Circle),
        ("sphere", Shape::Sphere),
    ];

    /// The shape of this name.
    pub fn named(name: &str) -> Option<Shape> {
        Shape::ALL.iter().find(|(known, _)| *known == name).map(|(_, shape)| *shape)
    }

    /// `count` places with their mean at zero, neighbours about `spacing` metres apart and never nearer than 0.9 of
    /// it; the shape looks to `heading_deg`.
    pub fn places(self, count: usize, spacing: f64, heading_deg: f64) -> Vec<Vec3> {
        let forwards = geodesy::direction_of(heading_deg);
        let right = Vec3::new(forwards.y, -forwards.x, 0.0);
        // Right, forwards and up in units of the spacing.
        let turned = |[r, f, u]: [f64; 3]| (right * r + forwards * f + Vec3::UP * u) * spacing;
        let mut places: Vec<Vec3> = (0..count).map(|k| turned(self.place(k, count))).collect();
        let middle = places.iter().fold(Vec3::ZERO, |sum, &p| sum + p) / count.max(1) as f64;
        places.iter_mut().for_each(|p| *p -= middle);
        places
    }

    fn place(self, k: usize, count: usize) -> [f64; 3] {
        let (at, n) = (k as f64, count as f64);
        match self {
            Shape::Line => [at, 0.0, 0.0],
            Shape::Column => [0.0, -at, 0.0],
            Shape::V => {
                let along = k.div_ceil(2) as f64;
                let side = if k % 2 == 1 { -1.0 } else { 1.0 };
                let angle = HALF_ANGLE_DEG.to_radians();
                [side * along * libm::sin(angle), -along * libm::cos(angle), 0.0]
            }
            Shape::Grid => {
                let columns = (n.sqrt().ceil() as usize).max(1);
                [(k % columns) as f64, -((k / columns) as f64), 0.0]
            }
            Shape::Circle => {
                let turn = std::f64::consts::TAU / n;
                let radius = if count > 1 { 0.5 / libm::sin(turn / 2.0) } else { 0.0 };
                [radius * libm::sin(at * turn), radius * libm::cos(at * turn), 0.0]
            }
            Shape::Sphere => {
                let radius = if count > 1 { n.sqrt() / FIBONACCI } else { 0.0 };
                let up = 1.0 - (2.0 * at + 1.0) / n;
                let flat = (1.0 - up * up).sqrt();
                let golden = std::f64::consts::PI * (3.0 - 5f64.sqrt()) * at;
                [radius * flat * libm::sin(golden), radius * flat * libm::cos(golden), radius * up]
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_keep_their_spacing_in_every_shape() {
        for (name, shape) in Shape::ALL {
            for count in [1, 2, 3, 5, 12, 40] {
                let places = shape.places(count, 4.0, 30.0);
                assert!(places.iter().fold(Vec3::ZERO, |sum, &p| sum + p).norm() < 1e-9);
                for (i, a) in places.iter().enumerate() {
                    let apart = places[..i].iter().map(|b| a.distance(*b)).fold(f64::INFINITY, f64::min);
                    assert!(apart > 0.9 * 4.0, "{name} of {count}: {apart}");
                }
            }
        }
    }

    #[test]
    fn shapes_look_to_their_heading() {
        let line = Shape::Line.places(2, 10.0, 0.0);
        assert!(line[0].distance(Vec3::new(-5.0, 0.0, 0.0)) < 1e-9);
        let column = Shape::Column.places(2, 10.0, 90.0);
        assert!(column[0].distance(Vec3::new(5.0, 0.0, 0.0)) < 1e-9, "the first leads to the east");
        let v = Shape::V.places(3, 10.0, 0.0);
        assert!(v[0].y > v[1].y && v[1].x < 0.0 && v[2].x > 0.0 && (v[1].y - v[2].y).abs() < 1e-9);
    }
}
