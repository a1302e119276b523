//! Who has which place in the formation that drones fly as a behaviour.

use serde::{Deserialize, Serialize};

use super::Vec3;
use super::formation::Shape;

/// Places by serial number. They depend on where drones were when the places were shared out, so they are part of the
/// state of a world.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Slots {
    /// Serial numbers and offsets (right, forwards, up in metres), sorted.
    places: Vec<(u32, Vec3)>,
    /// What they were made for.
    plan: Plan,
}

/// What the places of a formation follow from, as values of parameters: shape, distance, assignment and its cost.
pub type Plan = [f64; 4];

impl Slots {
    /// Whether places are for these drones and this plan.
    pub fn are_for(&self, members: impl Iterator<Item = u32>, plan: Plan) -> bool {
        let mut known = self.places.iter();
        for serial in members {
            if known.next().is_none_or(|place| place.0 != serial) {
                return false;
            }
        }
        known.next().is_none() && (self.places.is_empty() || self.plan == plan)
    }

    /// Places of `shape`, as far apart as the plan says, for `members` in order of their serial numbers. `share` says which place
    /// each takes, from the offsets of all.
    pub fn new(
        members: &[u32],
        plan: Plan,
        shape: Shape,
        share: impl FnOnce(&[Vec3]) -> Vec<usize>,
    ) -> Slots {
        // To the north right is east and forwards is north: the offsets are in the frame itself.
        let offsets = shape.places(members.len(), plan[1], 0.0);
        let taken = share(&offsets);
        Slots { places: members.iter().zip(taken).map(|(&serial, at)| (serial, offsets[at])).collect(), plan }
    }

    /// The place of a drone.
    pub fn offset(&self, serial: u32) -> Option<Vec3> {
        let at = self.places.binary_search_by_key(&serial, |place| place.0).ok()?;
        Some(self.places[at].1)
    }

    /// All places in order of serial numbers.
    pub fn all(&self) -> impl Iterator<Item = (u32, Vec3)> + '_ {
        self.places.iter().copied()
    }
}
