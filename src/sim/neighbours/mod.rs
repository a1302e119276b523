//! Who is near: drones sorted into square cells of the ground plane.
//!
//! A query visits cells from south-west to north-east and, within a cell, drones in order of creation: sums over
//! neighbours come out the same however many threads ask.

mod eight;
mod runs;
mod search;

pub use eight::Eight;
use search::{HITS, Search};

use super::Vec3;
use super::sensors::Fix;
use super::space::Space;

/// What others can see of a drone.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Traffic {
    /// Position.
    pub position: Vec3,
    /// Velocity.
    pub velocity: Vec3,
    /// Radius of the airframe.
    pub radius_m: f64,
    /// Place in the list of drones.
    pub index: u32,
    /// Whether it is in the air.
    pub airborne: bool,
    /// Whether it falls: it makes way for nobody.
    pub falling: bool,
    /// Behaviour that it flies, if it is part of a swarm.
    pub behaviour: Option<u8>,
}

/// The cell-sorted drones of one tick. Its buffers are kept from tick to tick.
///
/// Cells repeat every `columns` cells eastwards and every `rows` cells northwards, so there are never more than a few
/// for each drone and one drone far away costs nothing: who is there only by repetition is too far away to be found.
/// A row of cells lies in one piece, so a query reads a few long runs of memory instead of many short ones.
#[derive(Clone, Debug, Default)]
pub struct Neighbours {
    cell_m: f64,
    torus: Option<Vec3>,
    columns: i32,
    rows: i32,
    /// The cells in which the outermost drones are.
    south_west: (i32, i32),
    north_east: (i32, i32),
    starts: Vec<u32>,
    /// Positions apart from the rest, each coordinate by itself: most candidates are looked at no further.
    places: [Vec<f64>; 3],
    sorted: Vec<Traffic>,
    /// What others hear of each, if that is not what is so.
    heard: Vec<Fix>,
    /// Where each drone stands in those above, by order of creation.
    slots: Vec<u32>,
    /// Where those stand that fall.
    falling: Vec<u32>,
}

impl Neighbours {
    /// Sorts `count` drones, given in order of creation, into cells of `cell_m` metres. O(count).
    pub fn rebuild(&mut self, cell_m: f64, count: usize, traffic: impl Fn(usize) -> Traffic) {
        self.cell_m = cell_m;
        self.lay_out(count, |index| traffic(index).position);
        let size = (self.columns * self.rows) as usize;
        self.starts.clear();
        self.starts.resize(size + 1, 0);
        self.slots.clear();
        for index in 0..count {
            let cell = self.cell_of(traffic(index).position);
            self.slots.push(cell);
            self.starts[cell as usize + 1] += 1;
        }
        for cell in 0..size {
            self.starts[cell + 1] += self.starts[cell];
        }
        self.heard.clear();
        self.falling.clear();
        self.sorted.resize(count, Traffic::default());
        self.places.iter_mut().for_each(|places| places.resize(count, 0.0));
        // `starts[c]` serves as the next free slot of cell c and so ends as the start of cell c + 1.
        for index in 0..count {
            let next = &mut self.starts[self.slots[index] as usize];
            self.slots[index] = *next;
            *next += 1;
            self.refresh(index, traffic(index));
        }
        self.starts.rotate_right(1);
        self.starts[0] = 0;
    }

    /// Changes what is seen of drone `index`, which is still in the same cell. O(1).
    pub fn refresh(&mut self, index: usize, traffic: Traffic) {
        let slot = self.slots[index] as usize;
        let Vec3 { x, y, z } = traffic.position;
        self.places.iter_mut().zip([x, y, z]).for_each(|(places, place)| places[slot] = place);
        self.sorted[slot] = traffic;
        if traffic.falling && !self.falling.contains(&(slot as u32)) {
            self.falling.push(slot as u32);
        }
    }

    /// Says what others hear of each drone, given in order of creation, for [`Neighbours::each_heard`]. O(count).
    pub fn tell(&mut self, heard: impl Fn(usize) -> Fix) {
        self.heard.resize(self.slots.len(), Fix::default());
        for (index, &slot) in self.slots.iter().enumerate() {
            self.heard[slot as usize] = heard(index);
        }
    }

    /// As [`Neighbours::rebuild`], in a space that may be a torus.
    pub fn rebuild_in(&mut self, space: &Space, count: usize, traffic: impl Fn(usize) -> Traffic) {
        self.torus = space.torus();
        self.rebuild(space.cell_m(), count, traffic);
    }

    /// As many cells as the ground that the drones cover needs, but at most eight for each drone.
    fn lay_out(&mut self, count: usize, position: impl Fn(usize) -> Vec3) {
        let (mut low, mut high) = (Vec3::new(f64::MAX, f64::MAX, 0.0), Vec3::new(f64::MIN, f64::MIN, 0.0));
        for p in (0..count).map(position) {
            low = Vec3::new(low.x.min(p.x), low.y.min(p.y), 0.0);
            high = Vec3::new(high.x.max(p.x), high.y.max(p.y), 0.0);
        }
        (self.south_west, self.north_east) = (self.coordinates(low), self.coordinates(high));
        let across = |from: i32, to: i32| to.saturating_sub(from).clamp(0, 1 << 20) as u64 + 1;
        let mut columns = across(self.south_west.0, self.north_east.0).next_power_of_two();
        let mut rows = across(self.south_west.1, self.north_east.1).next_power_of_two();
        let enough = (4 * count as u64).next_power_of_two().max(16);
        while columns * rows > enough {
            *if columns > rows { &mut columns } else { &mut rows } /= 2;
        }
        (self.columns, self.rows) = (columns as i32, rows as i32);
    }

    /// Calls `visit(drone, offset, distance²)` for every drone within `radius` of `p`, in a fixed order. On a torus
    /// the offset is the shortest, and the radius at most half of the torus.
    pub fn each_within(&self, p: Vec3, radius: f64, mut visit: impl FnMut(&Traffic, Vec3, f64)) {
        self.each_slot(p, radius, |slot, offset, distance2| visit(&self.sorted[slot], offset, distance2));
    }

    /// As [`Neighbours::each_within`], with what is heard of each, if [`Neighbours::tell`] has said that:
    /// `visit(drone, offset, heard, distance²)`.
    #[inline(always)]
    pub fn each_heard(&self, p: Vec3, radius: f64, mut visit: impl FnMut(&Traffic, Vec3, Option<&Fix>, f64)) {
        self.each_slot(p, radius, |slot, offset, distance2| {
            visit(&self.sorted[slot], offset, self.heard.get(slot), distance2);
        });
    }

    // Always in place: what the visitor sums up is to stay in registers.
    #[inline(always)]
    fn each_slot(&self, p: Vec3, radius: f64, mut visit: impl FnMut(usize, Vec3, f64)) {
        let (mut search, mut hits) = (Search::new(self, p, radius), [0; HITS]);
        loop {
            let (found, is_over) = search.fill(&mut hits);
            for &slot in &hits[..found] {
                let slot = slot as usize;
                let offset = self.place(slot) - search.p;
                visit(slot, offset, offset.norm2());
            }
            if is_over {
                return;
            }
        }
    }

    /// The drone in a slot: slots count drones cell by cell.
    pub fn in_slot(&self, slot: usize) -> &Traffic {
        &self.sorted[slot]
    }

    /// The slot of a drone, by order of creation.
    pub fn slot_of(&self, index: usize) -> usize {
        self.slots[index] as usize
    }

    /// What others hear of the drone in a slot, if [`Neighbours::tell`] has said that.
    pub fn heard_of(&self, slot: usize) -> Option<&Fix> {
        self.heard.get(slot)
    }

    fn place(&self, slot: usize) -> Vec3 {
        let [x, y, z] = &self.places;
        Vec3::new(x[slot], y[slot], z[slot])
    }

    /// Every drone that falls, however far away, in order of creation within a tick.
    pub fn falling(&self) -> impl Iterator<Item = &Traffic> {
        self.falling.iter().map(|&slot| &self.sorted[slot as usize]).filter(|traffic| traffic.falling)
    }

    /// Every drone, cell by cell.
    pub fn all(&self) -> impl Iterator<Item = &Traffic> {
        self.sorted.iter()
    }

    fn coordinates(&self, p: Vec3) -> (i32, i32) {
        (floor(p.x / self.cell_m), floor(p.y / self.cell_m))
    }

    fn cell_of(&self, p: Vec3) -> u32 {
        let (x, y) = self.coordinates(p);
        ((y & (self.rows - 1)) * self.columns + (x & (self.columns - 1))) as u32
    }
}

/// The largest whole number not above `x`; a function call less than `f64::floor` without SSE4.1.
fn floor(x: f64) -> i32 {
    let whole = x as i32;
    whole.saturating_sub(i32::from(f64::from(whole) > x))
}

#[cfg(test)]
mod tests {
    use super::super::rng::{Channel, Stream};
    use super::*;

    #[test]
    fn finds_exactly_those_within_the_radius() {
        for (seed, count, area) in
            [(1, 1, 10.0), (2, 60, 100.0), (3, 500, 300.0), (4, 500, 3.0), (5, 60, 5e3), (6, 9, 1e9)]
        {
            let mut stream = Stream::new(seed, 0, 0, Channel::Placement);
            let mut point = || {
                Vec3::new(stream.between(-area, area), stream.between(-area, area), stream.between(0.0, 30.0))
            };
            let points: Vec<Vec3> = (0..count).map(|_| point()).collect();
            let mut grid = Neighbours::default();
            let traffic = |i: usize| Traffic { position: points[i], index: i as u32, ..Traffic::default() };
            grid.rebuild(20.0, count, traffic);
            for radius in [1.0, 12.0, 20.0, 45.0, 3e3] {
                for &p in points.iter().take(20) {
                    let mut found = Vec::new();
                    grid.each_within(p, radius, |other, offset, d2| {
                        assert_eq!((offset, d2), (other.position - p, (other.position - p).norm2()));
                        found.push(other.index);
                    });
                    found.sort_unstable();
                    let wanted: Vec<u32> =
                        (0..count as u32).filter(|&i| points[i as usize].distance(p) <= radius).collect();
                    assert_eq!(found, wanted, "seed {seed}, radius {radius}");
                }
            }
        }
    }

    #[test]
    fn a_warm_grid_allocates_nothing() {
        let mut grid = Neighbours::default();
        let at = |i: usize| Traffic { position: Vec3::new(i as f64, 0.0, 0.0), ..Traffic::default() };
        grid.rebuild(20.0, 300, at);
        let before = (grid.starts.capacity(), grid.sorted.capacity(), grid.slots.capacity());
        grid.rebuild(20.0, 280, at);
        assert_eq!(before, (grid.starts.capacity(), grid.sorted.capacity(), grid.slots.capacity()));
    }
}
