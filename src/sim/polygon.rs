//! Plane geometry of fences and footprints. Points are `[east, north]` in metres.

/// A point of the ground plane.
pub type Point = [f64; 2];

/// Twice the signed area of the triangle `o a b`: positive if it turns left.
pub fn cross(o: Point, a: Point, b: Point) -> f64 {
    (a[0] - o[0]) * (b[1] - o[1]) - (a[1] - o[1]) * (b[0] - o[0])
}

/// Distance between two points.
pub fn distance(a: Point, b: Point) -> f64 {
    let (dx, dy) = (b[0] - a[0], b[1] - a[1]);
    (dx * dx + dy * dy).sqrt()
}

/// The edges of a closed polygon.
pub fn edges(polygon: &[Point]) -> impl Iterator<Item = (Point, Point)> + '_ {
    (0..polygon.len()).map(|i| (polygon[i], polygon[(i + 1) % polygon.len()]))
}

/// Whether the point lies inside (even-odd rule). Points on an edge may count either way.
pub fn contains(polygon: &[Point], p: Point) -> bool {
    let crosses = |(a, b): (Point, Point)| {
        (a[1] > p[1]) != (b[1] > p[1]) && p[0] < (b[0] - a[0]) * (p[1] - a[1]) / (b[1] - a[1]) + a[0]
    };
    edges(polygon).filter(|&edge| crosses(edge)).count() % 2 == 1
}

/// The point of the segment `a b` next to `p`.
pub fn nearest_on_segment(a: Point, b: Point, p: Point) -> Point {
    let (dx, dy) = (b[0] - a[0], b[1] - a[1]);
    let length2 = dx * dx + dy * dy;
    if length2 == 0.0 {
        return a;
    }
    let t = (((p[0] - a[0]) * dx + (p[1] - a[1]) * dy) / length2).clamp(0.0, 1.0);
    [a[0] + t * dx, a[1] + t * dy]
}

/// False for most edges that are farther than `reach` from `p`, found out without a division; true for all others.
pub fn may_be_near((a, b): (Point, Point), p: Point, reach: f64) -> bool {
    // Rounding moves nothing by more.
    let reach = reach * 1.000_001 + 1e-6;
    let is_within = |a: f64, b: f64, p: f64| p >= a.min(b) - reach && p <= a.max(b) + reach;
    is_within(a[0], b[0], p[0]) && is_within(a[1], b[1], p[1])
}

/// The point of the boundary next to `p`; `None` for an empty polygon.
pub fn nearest_on_boundary(polygon: &[Point], p: Point) -> Option<Point> {
    edges(polygon)
        .map(|(a, b)| nearest_on_segment(a, b, p))
        .min_by(|x, y| distance(*x, p).total_cmp(&distance(*y, p)))
}

/// Distance to the boundary, negative inside.
pub fn signed_distance(polygon: &[Point], p: Point) -> f64 {
    let to_boundary = nearest_on_boundary(polygon, p).map_or(f64::INFINITY, |q| distance(p, q));
    if contains(polygon, p) { -to_boundary } else { to_boundary }
}

/// Whether no two edges of the closed polygon cross or touch except neighbours at their common corner.
pub fn is_simple(polygon: &[Point]) -> bool {
    let n = polygon.len();
    let edge = |i: usize| (polygon[i], polygon[(i + 1) % n]);
    (0..n).all(|i| {
        (i + 1..n).all(|j| {
            let neighbours = j == i + 1 || (i == 0 && j == n - 1);
            neighbours || !segments_meet(edge(i), edge(j))
        })
    })
}

fn segments_meet((a, b): (Point, Point), (c, d): (Point, Point)) -> bool {
    let side = |x: f64| {
        if x > 0.0 {
            1
        } else if x < 0.0 {
            -1
        } else {
            0
        }
    };
    let (s1, s2) = (side(cross(a, b, c)), side(cross(a, b, d)));
    let (s3, s4) = (side(cross(c, d, a)), side(cross(c, d, b)));
    if s1 != s2 && s3 != s4 {
        return true;
    }
    let within = |o: Point, e: Point, p: Point| distance(nearest_on_segment(o, e, p), p) == 0.0;
    (s1 == 0 && within(a, b, c))
        || (s2 == 0 && within(a, b, d))
        || (s3 == 0 && within(c, d, a))
        || (s4 == 0 && within(c, d, b))
}

/// Twice the area, positive if the corners go counter-clockwise.
pub fn area2(polygon: &[Point]) -> f64 {
    edges(polygon).map(|(a, b)| a[0] * b[1] - a[1] * b[0]).sum()
}

/// The convex hull, counter-clockwise, without collinear corners (monotone chain).
pub fn convex_hull(points: &[Point]) -> Vec<Point> {
    let mut sorted = points.to_vec();
    sorted.sort_by(|a, b| a[0].total_cmp(&b[0]).then(a[1].total_cmp(&b[1])));
    sorted.dedup();
    if sorted.len() < 3 {
        return sorted;
    }
    let half = |points: &mut dyn Iterator<Item = &Point>| {
        let mut chain: Vec<Point> = Vec::new();
        for &p in points {
            while chain.len() > 1 && cross(chain[chain.len() - 2], chain[chain.len() - 1], p) <= 0.0 {
                chain.pop();
            }
            chain.push(p);
        }
        chain.pop();
        chain
    };
    let mut hull = half(&mut sorted.iter());
    hull.extend(half(&mut sorted.iter().rev()));
    hull
}

#[cfg(test)]
mod tests {
    use super::*;

    const L: [Point; 6] = [[0.0, 0.0], [4.0, 0.0], [4.0, 2.0], [2.0, 2.0], [2.0, 4.0], [0.0, 4.0]];

    #[test]
    fn inside_and_outside_of_a_concave_polygon() {
        assert!(contains(&L, [1.0, 3.0]) && contains(&L, [3.0, 1.0]));
        assert!(!contains(&L, [3.0, 3.0]) && !contains(&L, [-1.0, 1.0]));
        assert!((signed_distance(&L, [1.0, 3.0]) + 1.0).abs() < 1e-12);
        assert!((signed_distance(&L, [3.0, 3.0]) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn a_bow_tie_is_not_simple() {
        assert!(is_simple(&L));
        assert!(!is_simple(&[[0.0, 0.0], [2.0, 2.0], [2.0, 0.0], [0.0, 2.0]]));
    }

    #[test]
    fn the_hull_goes_round_counter_clockwise() {
        let hull = convex_hull(&L);
        assert_eq!(hull, [[0.0, 0.0], [4.0, 0.0], [4.0, 2.0], [2.0, 4.0], [0.0, 4.0]]);
        assert!(area2(&hull) > 0.0);
    }
}
