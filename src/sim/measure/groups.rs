//! Drones in groups: who is joined to whom, by way of others (union–find).

use super::super::neighbours::Neighbours;

/// Groups of drones by their places. Kept from time to time, so that nothing is allocated.
#[derive(Clone, Debug, Default)]
pub struct Groups {
    parents: Vec<u32>,
    sizes: Vec<u32>,
}

impl Groups {
    /// Everyone in a group of their own.
    pub fn reset(&mut self, traffic: &Neighbours) {
        let all = traffic.all().map(|t| t.index + 1).max().unwrap_or(0);
        self.parents.clear();
        self.parents.extend(0..all);
        self.sizes.clear();
        self.sizes.resize(all as usize, 0);
    }

    /// Makes one group of two; the smaller root wins, so that the result does not depend on the order.
    pub fn join(&mut self, one: u32, other: u32) {
        let (a, b) = (self.root(one), self.root(other));
        self.parents[a.max(b) as usize] = a.min(b);
        // Shorter ways for those who ask next.
        self.parents[one as usize] = a.min(b);
        self.parents[other as usize] = a.min(b);
    }

    /// Counts a drone in its group.
    pub fn count(&mut self, one: u32) {
        let root = self.root(one);
        self.sizes[root as usize] += 1;
    }

    /// How many of those that were counted are in a drone's group.
    pub fn size(&self, one: u32) -> u32 {
        self.sizes[self.root(one) as usize]
    }

    /// The drone that stands for a group.
    pub fn root(&self, of: u32) -> u32 {
        let mut at = of;
        while self.parents[at as usize] != at {
            at = self.parents[at as usize];
        }
        at
    }
}
