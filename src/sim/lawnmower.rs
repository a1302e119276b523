//! Back and forth over a region, in strips.

use super::polygon::{self, Point};

/// Overlap of neighbouring strips.
const OVERLAP: f64 = 0.2;
/// Tangent of half the angle that a camera sees (60 degrees).
const HALF_VIEW: f64 = 0.577_350_269_189_625_8;

/// Width of what a camera that looks down covers at a height, less the overlap.
pub fn strip_width(height_m: f64) -> f64 {
    2.0 * height_m * HALF_VIEW * (1.0 - OVERLAP)
}

/// The strips of a region as segments along their middle, in order from one side to the other, each from left to
/// right; parallel to the longest edge, so that there are few turns. A region that is not convex may cut a strip into
/// several. At most `limit` strips, or `None`.
pub fn strips(region: &[Point], width: f64, limit: usize) -> Option<Vec<Vec<[Point; 2]>>> {
    let longest = polygon::edges(region)
        .max_by(|a, b| polygon::distance(a.0, a.1).total_cmp(&polygon::distance(b.0, b.1)))?;
    let length = polygon::distance(longest.0, longest.1);
    let along = [(longest.1[0] - longest.0[0]) / length, (longest.1[1] - longest.0[1]) / length];
    // Coordinates along the strips and across them.
    let turn = |p: Point| [p[0] * along[0] + p[1] * along[1], p[1] * along[0] - p[0] * along[1]];
    let back = |p: Point| [p[0] * along[0] - p[1] * along[1], p[0] * along[1] + p[1] * along[0]];
    let turned: Vec<Point> = region.iter().map(|&p| turn(p)).collect();
    let low = turned.iter().map(|p| p[1]).fold(f64::INFINITY, f64::min);
    let high = turned.iter().map(|p| p[1]).fold(f64::NEG_INFINITY, f64::max);
    let count = ((high - low) / width).ceil().max(1.0);
    if count > limit as f64 {
        return None;
    }
    let step = (high - low) / count;
    let crossings = |y: f64| -> Vec<f64> {
        let mut crossings: Vec<f64> = polygon::edges(&turned)
            .filter(|(a, b)| (a[1] > y) != (b[1] > y))
            .map(|(a, b)| a[0] + (y - a[1]) / (b[1] - a[1]) * (b[0] - a[0]))
            .collect();
        crossings.sort_by(f64::total_cmp);
        crossings
    };
    let strip = |k: usize| -> Vec<[Point; 2]> {
        let y = low + (k as f64 + 0.5) * step;
        // What the region has anywhere across the strip, not only in its middle.
        let mut spans: Vec<[f64; 2]> = [-0.49, 0.0, 0.49]
            .into_iter()
            .flat_map(|part| {
                crossings(y + part * step).chunks_exact(2).map(|c| [c[0], c[1]]).collect::<Vec<_>>()
            })
            .collect();
        spans.sort_by(|a, b| a[0].total_cmp(&b[0]));
        let mut merged: Vec<[f64; 2]> = Vec::new();
        for span in spans {
            match merged.last_mut() {
                Some(last) if span[0] <= last[1] => last[1] = last[1].max(span[1]),
                _ => merged.push(span),
            }
        }
        merged.into_iter().map(|[from, to]| [back([from, y]), back([to, y])]).collect()
    };
    Some((0..count as usize).map(strip).filter(|strip| !strip.is_empty()).collect())
}

/// The path over neighbouring strips, every second one backwards.
pub fn path(strips: &[Vec<[Point; 2]>]) -> Vec<Point> {
    let mut points = Vec::new();
    for (k, strip) in strips.iter().enumerate() {
        let forwards = strip.iter().flatten().copied();
        if k % 2 == 0 {
            points.extend(forwards);
        } else {
            points.extend(forwards.rev());
        }
    }
    points
}

#[cfg(test)]
mod tests {
    use super::*;

    const L: [Point; 6] = [[0.0, 0.0], [60.0, 0.0], [60.0, 20.0], [20.0, 20.0], [20.0, 40.0], [0.0, 40.0]];

    #[test]
    fn every_point_of_the_region_is_within_half_a_strip_of_the_path() {
        let strips = strips(&L, 8.0, 100).unwrap();
        assert_eq!(strips.len(), 5);
        let path = path(&strips);
        for k in 0..600 {
            let p = [f64::from(k % 30) * 2.0 + 1.0, f64::from(k / 30) * 2.0 + 1.0];
            if polygon::contains(&L, p) {
                let near =
                    path.windows(2).map(|w| polygon::distance(polygon::nearest_on_segment(w[0], w[1], p), p));
                assert!(near.fold(f64::INFINITY, f64::min) < 4.5, "{p:?}");
            }
        }
    }

    #[test]
    fn a_slanted_region_is_flown_along_its_longest_edge() {
        let strips = strips(&[[0.0, 0.0], [30.0, 30.0], [25.0, 35.0], [-5.0, 5.0]], 4.0, 100).unwrap();
        assert_eq!(strips.len(), 2);
        let [a, b] = strips[0][0];
        assert!((b[0] - a[0] - (b[1] - a[1])).abs() < 1e-9 && polygon::distance(a, b) > 40.0);
    }

    #[test]
    fn too_many_strips_are_refused() {
        assert!(strips(&L, 0.1, 100).is_none());
    }
}
