//! Vectors in the local east-north-up frame, in metres or metres per second.

use std::ops::{Add, AddAssign, Div, Mul, Neg, Sub, SubAssign};

use serde::{Deserialize, Serialize};

/// East, north, up. Serialised as `[e, n, u]`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "[f64; 3]", into = "[f64; 3]")]
pub struct Vec3 {
    /// East.
    pub x: f64,
    /// North.
    pub y: f64,
    /// Up.
    pub z: f64,
}

impl Vec3 {
    /// The origin, or no motion.
    pub const ZERO: Vec3 = Vec3::new(0.0, 0.0, 0.0);
    /// One metre up.
    pub const UP: Vec3 = Vec3::new(0.0, 0.0, 1.0);

    /// The vector `(e, n, u)`.
    pub const fn new(x: f64, y: f64, z: f64) -> Self {
        Vec3 { x, y, z }
    }

    /// Scalar product.
    pub fn dot(self, other: Vec3) -> f64 {
        self.x * other.x + self.y * other.y + self.z * other.z
    }

    /// Vector product.
    pub fn cross(self, other: Vec3) -> Vec3 {
        Vec3::new(
            self.y * other.z - self.z * other.y,
            self.z * other.x - self.x * other.z,
            self.x * other.y - self.y * other.x,
        )
    }

    /// Squared length.
    pub fn norm2(self) -> f64 {
        self.dot(self)
    }

    /// Length.
    pub fn norm(self) -> f64 {
        self.norm2().sqrt()
    }

    /// Length of the horizontal part.
    pub fn horizontal_norm(self) -> f64 {
        (self.x * self.x + self.y * self.y).sqrt()
    }

    /// The horizontal part.
    pub const fn horizontal(self) -> Vec3 {
        Vec3::new(self.x, self.y, 0.0)
    }

    /// The same point at another altitude.
    pub const fn at_altitude(self, z: f64) -> Vec3 {
        Vec3::new(self.x, self.y, z)
    }

    /// Distance between two points.
    pub fn distance(self, other: Vec3) -> f64 {
        (self - other).norm()
    }

    /// Unit vector of the same direction; zero stays zero.
    pub fn unit(self) -> Vec3 {
        let norm = self.norm();
        if norm > 0.0 { self / norm } else { Vec3::ZERO }
    }

    /// The same direction, at most `max` long.
    pub fn clamp_norm(self, max: f64) -> Vec3 {
        let norm2 = self.norm2();
        if norm2 > max * max { self * (max / norm2.sqrt()) } else { self }
    }

    /// Horizontal part at most `horizontal` long, vertical part within `-down..=up`.
    pub fn clamp_parts(self, horizontal: f64, up: f64, down: f64) -> Vec3 {
        let flat2 = self.x * self.x + self.y * self.y;
        let scale = if flat2 > horizontal * horizontal { horizontal / flat2.sqrt() } else { 1.0 };
        Vec3::new(self.x * scale, self.y * scale, self.z.max(-down).min(up))
    }

    /// Every component at most `max`.
    pub fn min(self, max: f64) -> Vec3 {
        Vec3::new(self.x.min(max), self.y.min(max), self.z.min(max))
    }

    /// Every component at least `min`.
    pub fn max(self, min: f64) -> Vec3 {
        Vec3::new(self.x.max(min), self.y.max(min), self.z.max(min))
    }

    /// Whether no component is NaN or infinite.
    pub fn is_finite(self) -> bool {
        self.x.is_finite() && self.y.is_finite() && self.z.is_finite()
    }
}

impl From<[f64; 3]> for Vec3 {
    fn from([x, y, z]: [f64; 3]) -> Self {
        Vec3 { x, y, z }
    }
}

impl From<Vec3> for [f64; 3] {
    fn from(v: Vec3) -> Self {
        [v.x, v.y, v.z]
    }
}

impl Add for Vec3 {
    type Output = Vec3;
    fn add(self, o: Vec3) -> Vec3 {
        Vec3::new(self.x + o.x, self.y + o.y, self.z + o.z)
    }
}

impl Sub for Vec3 {
    type Output = Vec3;
    fn sub(self, o: Vec3) -> Vec3 {
        Vec3::new(self.x - o.x, self.y - o.y, self.z - o.z)
    }
}

impl Mul<f64> for Vec3 {
    type Output = Vec3;
    fn mul(self, k: f64) -> Vec3 {
        Vec3::new(self.x * k, self.y * k, self.z * k)
    }
}

impl Div<f64> for Vec3 {
    type Output = Vec3;
    fn div(self, k: f64) -> Vec3 {
        Vec3::new(self.x / k, self.y / k, self.z / k)
    }
}

impl Neg for Vec3 {
    type Output = Vec3;
    fn neg(self) -> Vec3 {
        Vec3::new(-self.x, -self.y, -self.z)
    }
}

impl AddAssign for Vec3 {
    fn add_assign(&mut self, o: Vec3) {
        *self = *self + o;
    }
}

impl SubAssign for Vec3 {
    fn sub_assign(&mut self, o: Vec3) {
        *self = *self - o;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unit_of_zero_is_zero() {
        assert_eq!(Vec3::ZERO.unit(), Vec3::ZERO);
    }

    #[test]
    fn clamping_keeps_the_direction_and_short_vectors() {
        let long = Vec3::new(3.0, 4.0, 0.0).clamp_norm(1.0);
        assert!((long.norm() - 1.0).abs() < 1e-12 && (long.x / long.y - 0.75).abs() < 1e-12);
        assert_eq!(Vec3::new(0.1, 0.0, 0.0).clamp_norm(1.0), Vec3::new(0.1, 0.0, 0.0));
        let parts = Vec3::new(30.0, 40.0, -9.0).clamp_parts(5.0, 2.0, 1.5);
        assert_eq!(parts, Vec3::new(3.0, 4.0, -1.5));
    }

    #[test]
    fn travels_as_an_array_of_three() {
        let text = serde_json::to_string(&Vec3::new(1.0, 2.0, 3.5)).unwrap();
        assert_eq!(text, "[1.0,2.0,3.5]");
        assert_eq!(serde_json::from_str::<Vec3>(&text).unwrap(), Vec3::new(1.0, 2.0, 3.5));
    }
}
