//! Who is near: drones sorted into square cells of the ground plane.
//!
//! Cells are hashed into a table of twice as many buckets as drones, so one drone far away costs nothing. A query
//! visits cells from south-west to north-east and, within a cell, drones in order of creation: sums over neighbours
//! come out the same however many threads ask.

use super::Vec3;
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
    /// Behaviour that it flies, if it is part of a swarm.
    pub behaviour: Option<u8>,
}

/// The cell-sorted drones of one tick. Its buffers are kept from tick to tick.
#[derive(Clone, Debug, Default)]
pub struct Neighbours {
    cell_m: f64,
    torus: Option<Vec3>,
    mask: u32,
    starts: Vec<u32>,
    /// Positions and cells apart from the rest: most candidates are looked at no further.
    places: Vec<(Vec3, i32, i32)>,
    sorted: Vec<Traffic>,
    buckets: Vec<u32>,
}

impl Neighbours {
    /// Sorts `count` drones, given in order of creation, into cells of `cell_m` metres. O(count).
    pub fn rebuild(&mut self, cell_m: f64, count: usize, traffic: impl Fn(usize) -> Traffic) {
        self.cell_m = cell_m;
        let size = (2 * count).next_power_of_two().max(16);
        self.mask = size as u32 - 1;
        self.starts.clear();
        self.starts.resize(size + 1, 0);
        self.buckets.clear();
        for index in 0..count {
            let (cx, cy) = self.cell(traffic(index).position);
            let bucket = self.bucket(cx, cy);
            self.buckets.push(bucket);
            self.starts[bucket as usize + 1] += 1;
        }
        for bucket in 0..size {
            self.starts[bucket + 1] += self.starts[bucket];
        }
        self.sorted.clear();
        self.sorted.resize(count, Traffic::default());
        self.places.clear();
        self.places.resize(count, (Vec3::ZERO, 0, 0));
        // `starts[b]` serves as the write position of bucket b and so ends as the start of bucket b + 1.
        for index in 0..count {
            let entry = traffic(index);
            let (cx, cy) = self.cell(entry.position);
            let place = &mut self.starts[self.buckets[index] as usize];
            self.places[*place as usize] = (entry.position, cx, cy);
            self.sorted[*place as usize] = entry;
            *place += 1;
        }
        self.starts.rotate_right(1);
        self.starts[0] = 0;
    }

    /// As [`Neighbours::rebuild`], in a space that may be a torus.
    pub fn rebuild_in(&mut self, space: &Space, count: usize, traffic: impl Fn(usize) -> Traffic) {
        self.torus = space.torus();
        self.rebuild(space.cell_m(), count, traffic);
    }

    /// Calls `visit(drone, offset, distance²)` for every drone within `radius` of `p`, in a fixed order. On a torus
    /// the offset is the shortest, and the radius at most half of the torus.
    pub fn each_within(&self, p: Vec3, radius: f64, mut visit: impl FnMut(&Traffic, Vec3, f64)) {
        let Some(size) = self.torus else { return self.each_near(p, radius, visit) };
        let radius = radius.min(0.5 * size.x.min(size.y));
        // Where the circle reaches over an edge, look from the other side as well.
        let images = |x: f64, size: f64| {
            [x - radius < 0.0, true, x + radius >= size].into_iter().zip([size, 0.0, -size])
        };
        for (_, dy) in images(p.y, size.y).filter(|(needed, _)| *needed) {
            for (_, dx) in images(p.x, size.x).filter(|(needed, _)| *needed) {
                self.each_near(p + Vec3::new(dx, dy, 0.0), radius, &mut visit);
            }
        }
    }

    fn each_near(&self, p: Vec3, radius: f64, mut visit: impl FnMut(&Traffic, Vec3, f64)) {
        if self.sorted.is_empty() {
            return;
        }
        let (x0, y0) = self.cell(p - Vec3::new(radius, radius, 0.0));
        let (x1, y1) = self.cell(p + Vec3::new(radius, radius, 0.0));
        for cy in y0..=y1 {
            for cx in x0..=x1 {
                let bucket = self.bucket(cx, cy) as usize;
                let range = self.starts[bucket] as usize..self.starts[bucket + 1] as usize;
                let entries = self.places[range.clone()].iter().zip(&self.sorted[range]);
                for ((position, ex, ey), other) in entries {
                    let offset = *position - p;
                    let distance2 = offset.norm2();
                    if distance2 <= radius * radius && *ex == cx && *ey == cy {
                        visit(other, offset, distance2);
                    }
                }
            }
        }
    }

    /// Every drone, cell by cell.
    pub fn all(&self) -> impl Iterator<Item = &Traffic> {
        self.sorted.iter()
    }

    fn cell(&self, p: Vec3) -> (i32, i32) {
        (floor(p.x / self.cell_m), floor(p.y / self.cell_m))
    }

    fn bucket(&self, cx: i32, cy: i32) -> u32 {
        let mixed = (cx as u32).wrapping_mul(0x9E37_79B1) ^ (cy as u32).wrapping_mul(0x85EB_CA77);
        (mixed ^ mixed >> 15) & self.mask
    }
}

/// The largest whole number not above `x`; a function call less than `f64::floor` without SSE4.1.
fn floor(x: f64) -> i32 {
    let whole = x as i32;
    whole - i32::from(f64::from(whole) > x)
}

#[cfg(test)]
mod tests {
    use super::super::rng::{Channel, Stream};
    use super::*;

    #[test]
    fn finds_exactly_those_within_the_radius() {
        for (seed, count, area) in [(1, 1, 10.0), (2, 60, 100.0), (3, 500, 300.0), (4, 500, 3.0)] {
            let mut stream = Stream::new(seed, 0, 0, Channel::Placement);
            let mut point = || {
                Vec3::new(stream.between(-area, area), stream.between(-area, area), stream.between(0.0, 30.0))
            };
            let points: Vec<Vec3> = (0..count).map(|_| point()).collect();
            let mut grid = Neighbours::default();
            let traffic = |i: usize| Traffic { position: points[i], index: i as u32, ..Traffic::default() };
            grid.rebuild(20.0, count, traffic);
            for radius in [1.0, 12.0, 20.0, 45.0] {
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
        let before = (grid.starts.capacity(), grid.sorted.capacity(), grid.buckets.capacity());
        grid.rebuild(20.0, 280, at);
        assert_eq!(before, (grid.starts.capacity(), grid.sorted.capacity(), grid.buckets.capacity()));
    }
}
