//! Where scouts should look next: sides of walls that nobody saw squarely, and frontiers between free and unknown.

use super::super::Vec3;
use super::map::{Cell, Map, SIDES};
use super::spec::Scan;

/// A frontier of fewer cells is not worth a flight.
const FRONTIER_MIN: usize = 4;
/// Lowest viewpoint.
const EYE_M_MIN: f64 = 4.0;
/// Distances at which a side of a wall is looked at, as shares of the sensor's range; the first that is free is taken.
const VIEW: [f64; 4] = [0.55, 0.7, 0.4, 0.3];

/// A place to look from.
#[derive(Clone, Debug, PartialEq)]
pub struct Viewpoint {
    /// The place.
    pub eye: Vec3,
    /// What is to be looked at.
    pub target: Vec3,
    /// The cells that it is about.
    pub cells: Vec<u32>,
}

/// Every viewpoint that is worth a flight, in the order of the cells. Targets that nobody can look at are noted in the
/// map as tried. O(cells), and quadratic in what is left to see.
pub fn viewpoints(map: &mut Map, scan: &Scan) -> Vec<Viewpoint> {
    let mut found = Vec::new();
    for (side, step) in SIDES.into_iter().enumerate() {
        let unseen: Vec<u32> =
            (0..map.len()).filter(|&cell| map.is_unseen(cell, side)).map(|c| c as u32).collect();
        let outward = Vec3::from(step.map(f64::from));
        for group in groups(map, unseen, 0.45 * scan.range_m) {
            let middle = middle(map, &group);
            match VIEW.iter().find_map(|share| eye_at(map, middle + outward * (share * scan.range_m))) {
                Some(eye) => found.push(Viewpoint { eye, target: middle, cells: group }),
                None => map.tried(&group),
            }
        }
    }
    let frontier: Vec<u32> = (0..map.len()).filter(|&cell| map.is_frontier(cell)).map(|c| c as u32).collect();
    for group in groups(map, frontier, 0.6 * scan.range_m) {
        if group.len() < FRONTIER_MIN {
            continue;
        }
        match frontier_view(map, &group) {
            Some((eye, target)) => found.push(Viewpoint { eye, target, cells: group }),
            None => map.tried(&group),
        }
    }
    found
}

/// The cells in groups, none wider than `radius` around its first cell.
fn groups(map: &Map, cells: Vec<u32>, radius: f64) -> Vec<Vec<u32>> {
    let mut groups: Vec<(Vec3, Vec<u32>)> = Vec::new();
    for cell in cells {
        let center = map.center(cell as usize);
        match groups.iter_mut().find(|(first, _)| first.distance(center) < radius) {
            Some((_, group)) => group.push(cell),
            None => groups.push((center, vec![cell])),
        }
    }
    groups.into_iter().map(|(_, group)| group).collect()
}

fn middle(map: &Map, cells: &[u32]) -> Vec3 {
    let sum = cells.iter().fold(Vec3::ZERO, |sum, &cell| sum + map.center(cell as usize));
    sum / cells.len().max(1) as f64
}

/// The point, if a drone may hover there as far as anybody knows.
fn eye_at(map: &Map, point: Vec3) -> Option<Vec3> {
    let eye = point.at_altitude(point.z.max(EYE_M_MIN));
    let cell = map.cell_of(eye)?;
    (map.at(cell) == Cell::Free && !map.is_near_wall(cell)).then_some(eye)
}

/// From the cell of a frontier nearest to its middle that is no wall's neighbour, towards what is unknown.
fn frontier_view(map: &Map, cells: &[u32]) -> Option<(Vec3, Vec3)> {
    let middle = middle(map, cells);
    let distance = |cell: u32| map.center(cell as usize).distance(middle);
    let mut near: Vec<u32> = cells.to_vec();
    near.sort_by(|&a, &b| distance(a).total_cmp(&distance(b)).then(a.cmp(&b)));
    let eye = near.iter().find_map(|&cell| eye_at(map, map.center(cell as usize)))?;
    let sum =
        cells.iter().filter_map(|&cell| map.unknown_beside(cell as usize)).fold(Vec3::ZERO, |a, b| a + b);
    let towards =
        if sum.horizontal_norm() > 1e-9 { sum.horizontal().unit() } else { Vec3::new(0.0, 1.0, 0.0) };
    Some((eye, middle + towards * map.cell_m()))
}
