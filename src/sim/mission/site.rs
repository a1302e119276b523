//! The hidden truth: buildings, their windows, and how dirty each is. The swarm knows nothing of it but what it sees.

use serde::{Deserialize, Serialize};

use super::super::Vec3;
use super::super::rng::{Channel, Stream};
use super::super::scene::Scene;

/// The way that a face looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Towards the south.
    South,
    /// Towards the east.
    East,
    /// Towards the north.
    North,
    /// Towards the west.
    West,
}

impl Side {
    /// All of them with their names.
    pub const ALL: [(&'static str, Side); 4] =
        [("south", Side::South), ("east", Side::East), ("north", Side::North), ("west", Side::West)];

    /// Name in files and on the wire.
    pub fn name(self) -> &'static str {
        Side::ALL[self as usize].0
    }

    /// Unit vector out of the building.
    pub fn outward(self) -> Vec3 {
        match self {
            Side::South => Vec3::new(0.0, -1.0, 0.0),
            Side::East => Vec3::new(1.0, 0.0, 0.0),
            Side::North => Vec3::new(0.0, 1.0, 0.0),
            Side::West => Vec3::new(-1.0, 0.0, 0.0),
        }
    }

    /// Unit vector to the right for somebody who looks at the face from outside.
    pub fn right(self) -> Vec3 {
        Vec3::UP.cross(self.outward())
    }
}

/// A face with windows in rows and columns.
#[derive(Clone, Debug)]
pub struct Face {
    /// Its building, by its place in the list.
    pub building: usize,
    /// The way it looks.
    pub side: Side,
    /// Rows, counted from below.
    pub rows: usize,
    /// Columns, counted from the left as seen from outside.
    pub columns: usize,
    /// Middle of the window in row 0 and column 0.
    pub first: Vec3,
    /// Distances of columns and of rows.
    pub pitch_m: [f64; 2],
    /// Width and height of a window.
    pub window_m: [f64; 2],
    /// Number of its first window; the others follow row by row.
    pub start: usize,
}

/// A building with windows.
#[derive(Clone, Debug)]
pub struct Building {
    /// Name, that of its obstacle.
    pub name: String,
    /// Middle of its footprint.
    pub center: [f64; 2],
    /// Extent of its footprint, east and north.
    pub size_m: [f64; 2],
    /// Its height.
    pub height_m: f64,
    /// How dirty its windows are, drawn evenly from here.
    pub dirt: [f64; 2],
}

/// A window.
#[derive(Clone, Debug)]
pub struct Window {
    /// Its face, by its place in the list.
    pub face: usize,
    /// Its middle.
    pub center: Vec3,
    /// Unit vector out of the building.
    pub outward: Vec3,
}

/// All buildings, faces and windows.
#[derive(Clone, Debug, Default)]
pub struct Layout {
    /// The buildings.
    pub buildings: Vec<Building>,
    /// Their faces.
    pub faces: Vec<Face>,
    /// Their windows, face by face, row by row.
    pub windows: Vec<Window>,
}

impl Layout {
    /// Adds the windows of a face.
    pub fn add(&mut self, face: Face) {
        let index = self.faces.len();
        for row in 0..face.rows {
            for column in 0..face.columns {
                let center = face.first
                    + face.side.right() * (column as f64 * face.pitch_m[0])
                    + Vec3::UP * (row as f64 * face.pitch_m[1]);
                self.windows.push(Window { face: index, center, outward: face.side.outward() });
            }
        }
        self.faces.push(face);
    }

    /// What people call a window: building, face, row and column from 1.
    pub fn name(&self, window: usize) -> String {
        let face = &self.faces[self.windows[window].face];
        let (row, column) = ((window - face.start) / face.columns, (window - face.start) % face.columns);
        format!("{}/{} {}.{}", self.buildings[face.building].name, face.side.name(), row + 1, column + 1)
    }

    /// The building of a window.
    pub fn building_of(&self, window: usize) -> usize {
        self.faces[self.windows[window].face].building
    }
}

/// How dirty each window really is, from 0 to 1.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Truth {
    /// Dirt of each window.
    pub dirt: Vec<f64>,
    /// How often each was cleaned.
    pub cleanings: Vec<u32>,
}

impl Truth {
    /// The truth at the start of a run.
    pub fn new(layout: &Layout, seed: u64) -> Truth {
        let dirt = (0..layout.windows.len()).map(|window| {
            let [low, high] = layout.buildings[layout.building_of(window)].dirt;
            Stream::new(seed, window as u32, 0, Channel::Dirt).between(low, high)
        });
        Truth { dirt: dirt.collect(), cleanings: vec![0; layout.windows.len()] }
    }

    /// A worker has finished a window: nearly nothing is left, or streaks.
    pub fn clean(&mut self, window: usize, streaks: f64, seed: u64) {
        self.cleanings[window] += 1;
        let attempt = u64::from(self.cleanings[window]);
        let mut stream = Stream::new(seed, window as u32, attempt, Channel::Streak);
        let is_streaky = stream.uniform() < streaks;
        self.dirt[window] = if is_streaky { stream.between(0.35, 0.7) } else { stream.between(0.0, 0.05) };
    }
}

/// Whether nothing stands between two points.
pub fn sees(scene: &Scene, from: Vec3, to: Vec3) -> bool {
    scene.obstacles.iter().all(|obstacle| obstacle.entry(from, to).is_none())
}

/// Where a ray first enters an obstacle, as a share of its length.
pub fn hit(scene: &Scene, from: Vec3, to: Vec3) -> Option<f64> {
    scene.obstacles.iter().filter_map(|obstacle| obstacle.entry(from, to)).min_by(f64::total_cmp)
}
