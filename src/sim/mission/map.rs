//! What the swarm knows of the search volume: a grid of cells that are unknown, free or wall, fused from all scouts.

use serde::{Deserialize, Serialize};

use super::super::Vec3;
use super::super::hash::Hash64;
use super::super::scene::Scene;
use super::site;
use super::spec::Search;

/// A side of a wall counts as looked at after so many looks.
const LOOKS: u8 = 12;
/// A target that could not be seen after so many visits is given up.
pub const TRIES_MAX: u8 = 3;
/// Sides are looked at squarely: within 60 degrees of their normal.
const COS_SQUARE: f64 = 0.5;
/// Sides are looked at from this share of the sensor's range.
const SQUARE_RANGE: f64 = 0.85;
/// Largest number of cells of a map.
pub const CELLS_MAX: f64 = 200_000.0;

/// What is known of a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cell {
    /// Nobody has seen it.
    Unknown,
    /// Nothing stands there.
    Free,
    /// Something was seen there.
    Wall,
}

/// Directions of the four upright sides of a cell.
pub const SIDES: [[i32; 3]; 4] = [[0, -1, 0], [1, 0, 0], [0, 1, 0], [-1, 0, 0]];
const AROUND: [[i32; 3]; 6] = [[0, -1, 0], [1, 0, 0], [0, 1, 0], [-1, 0, 0], [0, 0, 1], [0, 0, -1]];

/// Somebody who looks.
#[derive(Clone, Copy, Debug)]
pub struct Eye {
    /// From where.
    pub position: Vec3,
    /// Unit vector of its heading, level.
    pub forward: Vec3,
    /// How far it sees.
    pub range_m: f64,
    /// Cosine of half its horizontal field of view.
    pub cos_half_fov: f64,
    /// Sine of half its vertical field of view.
    pub sin_half_fov: f64,
}

impl Eye {
    /// Whether a point lies within range and field of view, whatever stands between.
    pub fn covers(&self, point: Vec3) -> bool {
        let way = point - self.position;
        let distance2 = way.norm2();
        if distance2 > self.range_m * self.range_m {
            return false;
        }
        let flat = way.horizontal_norm();
        way.z.abs() <= self.sin_half_fov * distance2.sqrt()
            && (flat < 1e-6 || way.dot(self.forward) >= self.cos_half_fov * flat)
    }
}

/// The map. Cells are numbered eastwards, then northwards, then upwards.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Map {
    origin: Vec3,
    cell_m: f64,
    size: [i32; 3],
    cells: Vec<Cell>,
    looks: Vec<[u8; 4]>,
    tries: Vec<u8>,
    knowable: u32,
    free: u32,
}

impl Map {
    /// A map of which nothing is known. `scene` only serves to tell how much of it can ever be known.
    pub fn new(search: &Search, scene: &Scene) -> Map {
        let count = |length: f64| (length / search.cell_m).ceil().max(1.0) as i32;
        let size = [
            count(search.max[0] - search.min[0]),
            count(search.max[1] - search.min[1]),
            count(search.ceiling_m),
        ];
        let total = size.iter().map(|&n| n as usize).product();
        let mut map = Map {
            origin: Vec3::new(search.min[0], search.min[1], 0.0),
            cell_m: search.cell_m,
            size,
            cells: vec![Cell::Unknown; total],
            looks: vec![[0; 4]; total],
            tries: vec![0; total],
            knowable: 0,
            free: 0,
        };
        let is_open = |&cell: &usize| scene.obstacles.iter().all(|o| o.gap(map.center(cell)).0 > 0.0);
        map.knowable = (0..total).filter(is_open).count() as u32;
        map
    }

    /// Whether both have the same cells.
    pub fn is_like(&self, other: &Map) -> bool {
        let sizes = |map: &Map| (map.size, map.cells.len(), map.looks.len(), map.tries.len());
        sizes(self) == sizes(other) && self.origin == other.origin && self.cell_m == other.cell_m
    }

    /// How many cells there are.
    pub fn len(&self) -> usize {
        self.cells.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// Side of a cell.
    pub fn cell_m(&self) -> f64 {
        self.cell_m
    }

    /// What is known of a cell.
    pub fn at(&self, cell: usize) -> Cell {
        self.cells[cell]
    }

    /// Whether anything is known at all.
    pub fn is_blank(&self) -> bool {
        self.free == 0
    }

    /// Share of what can be known that is known, in per cent.
    pub fn coverage_pct(&self) -> f64 {
        100.0 * (f64::from(self.free) / f64::from(self.knowable.max(1))).min(1.0)
    }

    /// Middle of a cell.
    pub fn center(&self, cell: usize) -> Vec3 {
        let [x, y, z] = self.place(cell).map(f64::from);
        self.origin + Vec3::new(x + 0.5, y + 0.5, z + 0.5) * self.cell_m
    }

    /// The cell of a point.
    pub fn cell_of(&self, p: Vec3) -> Option<usize> {
        let q = (p - self.origin) / self.cell_m;
        self.index([q.x.floor() as i32, q.y.floor() as i32, q.z.floor() as i32])
    }

    /// The cell beside another.
    pub fn beside(&self, cell: usize, step: [i32; 3]) -> Option<usize> {
        let place = self.place(cell);
        self.index([place[0] + step[0], place[1] + step[1], place[2] + step[2]])
    }

    fn place(&self, cell: usize) -> [i32; 3] {
        let (cell, [nx, ny, _]) = (cell as i32, self.size);
        [cell % nx, cell / nx % ny, cell / nx / ny]
    }

    fn index(&self, [x, y, z]: [i32; 3]) -> Option<usize> {
        let [nx, ny, nz] = self.size;
        let is_inside = (0..nx).contains(&x) && (0..ny).contains(&y) && (0..nz).contains(&z);
        is_inside.then_some(((z * ny + y) * nx + x) as usize)
    }

    /// Whether the cell is free, with something unknown beside it that is worth a look.
    pub fn is_frontier(&self, cell: usize) -> bool {
        self.cells[cell] == Cell::Free && self.tries[cell] < TRIES_MAX && self.unknown_beside(cell).is_some()
    }

    /// Sum of the directions from a cell to the unknown cells beside it.
    pub fn unknown_beside(&self, cell: usize) -> Option<Vec3> {
        let mut sum = None;
        for step in AROUND {
            if self.beside(cell, step).is_some_and(|other| self.cells[other] == Cell::Unknown) {
                *sum.get_or_insert(Vec3::ZERO) += Vec3::from(step.map(f64::from));
            }
        }
        sum
    }

    /// Whether this side of a wall is to be seen and was not looked at enough.
    pub fn is_unseen(&self, cell: usize, side: usize) -> bool {
        self.cells[cell] == Cell::Wall
            && self.looks[cell][side] < LOOKS
            && self.tries[cell] < TRIES_MAX
            && self.beside(cell, SIDES[side]).is_some_and(|out| self.cells[out] == Cell::Free)
    }

    /// Whether a wall stands beside the cell.
    pub fn is_near_wall(&self, cell: usize) -> bool {
        AROUND.iter().any(|&step| self.beside(cell, step).is_some_and(|o| self.cells[o] == Cell::Wall))
    }

    /// Somebody went to look at these cells.
    pub fn tried(&mut self, cells: &[u32]) {
        for &cell in cells {
            self.tries[cell as usize] = self.tries[cell as usize].saturating_add(1);
        }
    }

    /// Takes in what an eye sees of the real scene.
    pub fn look(&mut self, eye: &Eye, scene: &Scene) {
        let reach = Vec3::new(1.0, 1.0, 1.0) * eye.range_m;
        let low = (eye.position - reach - self.origin) / self.cell_m;
        let high = (eye.position + reach - self.origin) / self.cell_m;
        let span = |low: f64, high: f64, n: i32| (low.floor() as i32).max(0)..(high.ceil() as i32).min(n);
        for z in span(low.z, high.z, self.size[2]) {
            for y in span(low.y, high.y, self.size[1]) {
                for x in span(low.x, high.x, self.size[0]) {
                    let cell = ((z * self.size[1] + y) * self.size[0] + x) as usize;
                    match self.cells[cell] {
                        Cell::Free => {}
                        Cell::Unknown => self.look_into(cell, eye, scene),
                        Cell::Wall => self.look_at(cell, eye, scene),
                    }
                }
            }
        }
    }

    fn look_into(&mut self, cell: usize, eye: &Eye, scene: &Scene) {
        let center = self.center(cell);
        if !eye.covers(center) {
            return;
        }
        let Some(share) = site::hit(scene, eye.position, center) else {
            self.cells[cell] = Cell::Free;
            self.free += 1;
            return;
        };
        let way = center - eye.position;
        let inside = eye.position + way * share + way.unit() * 0.1;
        if let Some(wall) = self.cell_of(inside).filter(|&wall| self.cells[wall] != Cell::Wall) {
            self.free -= u32::from(self.cells[wall] == Cell::Free);
            self.cells[wall] = Cell::Wall;
        }
    }

    fn look_at(&mut self, cell: usize, eye: &Eye, scene: &Scene) {
        for (side, step) in SIDES.into_iter().enumerate() {
            if !self.is_unseen(cell, side) {
                continue;
            }
            let outward = Vec3::from(step.map(f64::from));
            let point = self.center(cell) + outward * (0.5 * self.cell_m + 0.05);
            let back = eye.position - point;
            let distance = back.norm();
            if distance < SQUARE_RANGE * eye.range_m
                && back.dot(outward) > COS_SQUARE * distance
                && eye.covers(point)
                && site::sees(scene, eye.position, point)
            {
                self.looks[cell][side] += 1;
            }
        }
    }

    /// Takes the map into a hash.
    pub fn enter(&self, hash: &mut Hash64) {
        for chunk in self.cells.chunks(32) {
            hash.word(chunk.iter().fold(0, |word, &cell| word << 2 | cell as u64));
        }
        for (looks, tries) in self.looks.iter().zip(&self.tries) {
            if *tries > 0 || *looks != [0; 4] {
                hash.word(u64::from(u32::from_le_bytes(*looks)) | u64::from(*tries) << 32);
            }
        }
    }
}
