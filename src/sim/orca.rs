//! Stub.
use super::Vec3;
use super::avoidance;
use super::pilot::Percept;
/// Stub.
pub fn safe_velocity(p: &Percept, wish: Vec3) -> Vec3 {
    avoidance::safe_velocity(p, wish)
}
