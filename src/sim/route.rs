//! The way round what stands in the way: for each tick the next point to fly to.
//!
//! Obstacles and forbidden zones are convex prisms. If the straight line crosses one, the drone goes round it on the
//! shorter side, or over it if that is cheaper. The choice is remembered until the line is free, so it never dithers.

use serde::{Deserialize, Serialize};

use super::Vec3;
use super::polygon::{self, Point};
use super::scene::{Prism, Scene};

/// How a prism is passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Way {
    /// Keeping it on the left.
    CounterClockwise,
    /// Keeping it on the right.
    Clockwise,
    /// Above.
    Over,
}

/// A choice once made: which prism, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Detour {
    /// The prism, by its place in [`Scene::prisms`].
    pub prism: u16,
    /// How it is passed.
    pub way: Way,
}

/// Where to fly now, and how far it is from there to the goal along the route.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// The next point.
    pub point: Vec3,
    /// Length of the rest of the way after it, in metres.
    pub beyond_m: f64,
}

/// Climbing counts this many times its length against flying round.
const CLIMB_COST: f64 = 3.0;
/// A corner counts as reached within this distance.
const CORNER_RADIUS_M: f64 = 1.5;
/// A corner beyond a fence is as good as this many metres.
const FORBIDDEN_COST: f64 = 1e5;
/// How many prisms may be in the way of the way round one.
const DEPTH: usize = 4;

/// The next point on the way from `from` to `to`, `margin` metres clear of every prism.
pub fn next_point(scene: &Scene, margin: f64, from: Vec3, to: Vec3, memory: &mut Option<Detour>) -> Step {
    let mut step = Step { point: to, beyond_m: 0.0 };
    let remembered = memory.take();
    for _ in 0..DEPTH {
        let Some(index) = first_in_the_way(scene, margin, from, step.point) else { break };
        let prism = &scene.prisms()[index];
        let known = remembered.filter(|d| usize::from(d.prism) == index).map(|d| d.way);
        let way = known.unwrap_or_else(|| cheapest(scene, prism, margin, from, step.point));
        let next = pass(prism, way, margin, from, step.point);
        *memory = Some(Detour { prism: index as u16, way });
        if next.point == step.point {
            break;
        }
        step = Step { point: next.point, beyond_m: step.beyond_m + next.beyond_m };
    }
    step
}

/// The prism that the segment meets first.
fn first_in_the_way(scene: &Scene, margin: f64, from: Vec3, to: Vec3) -> Option<usize> {
    let entries = scene.prisms().iter().enumerate();
    let met = entries.filter_map(|(i, prism)| entry(prism, margin, from, to).map(|t| (t, i)));
    met.min_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1))).map(|(_, i)| i)
}

/// Where along the segment (0 to 1) it comes too near to the prism.
fn entry(prism: &Prism, margin: f64, from: Vec3, to: Vec3) -> Option<f64> {
    let (a, b) = ([from.x, from.y], [to.x, to.y]);
    // Cheap and common: far away from everything.
    prism.crossing(a, b, margin)?;
    // Ends nearer than the margin are there for a reason, a façade to be cleaned for example.
    let (mut side, mut above, mut below) = (margin, margin, margin);
    for (end, p) in [(from, a), (to, b)] {
        let distance = prism.distance(p);
        if end.z >= prism.top {
            above = if distance < margin { above.min(0.6 * (end.z - prism.top)) } else { above };
        } else if end.z <= prism.bottom {
            below = if distance < margin { below.min(0.6 * (prism.bottom - end.z)) } else { below };
        } else if distance <= 0.0 {
            return None;
        } else {
            side = side.min(0.6 * distance);
        }
    }
    let (t0, t1) = prism.crossing(a, b, side)?;
    let height = |t: f64| from.z + (to.z - from.z) * t;
    let (low, high) = (height(t0).min(height(t1)), height(t0).max(height(t1)));
    (low < prism.top + above && high > prism.bottom - below).then_some(t0)
}

/// The way with the smallest cost in metres.
fn cheapest(scene: &Scene, prism: &Prism, margin: f64, from: Vec3, to: Vec3) -> Way {
    let round = |way| {
        let step = pass(prism, way, margin, from, to);
        let allowed = scene.objection_to(step.point.at_altitude(from.z.max(1.0))).is_none();
        let penalty = if allowed { 0.0 } else { FORBIDDEN_COST };
        (from.distance(step.point) + step.beyond_m + penalty, way)
    };
    let top = prism.top + margin;
    let free = scene.ceiling().is_none_or(|ceiling| top + margin < ceiling);
    let over = if free && prism.top.is_finite() {
        (top - from.z).max(0.0) * CLIMB_COST + (top - to.z).max(0.0) + (to - from).horizontal_norm()
    } else {
        f64::INFINITY
    };
    let ways = [round(Way::CounterClockwise), round(Way::Clockwise), (over, Way::Over)];
    ways.into_iter().min_by(|a, b| a.0.total_cmp(&b.0)).map_or(Way::Over, |(_, way)| way)
}

fn pass(prism: &Prism, way: Way, margin: f64, from: Vec3, to: Vec3) -> Step {
    match way {
        Way::Over => over(prism, margin, from, to),
        Way::CounterClockwise | Way::Clockwise => {
            round(prism, way == Way::CounterClockwise, margin, from, to)
        }
    }
}

fn over(prism: &Prism, margin: f64, from: Vec3, to: Vec3) -> Step {
    let top = prism.top + margin + 0.5;
    let above = to.at_altitude(to.z.max(top));
    if from.z < top - 0.4 {
        let climb = from.at_altitude(top);
        return Step { point: climb, beyond_m: climb.distance(above) + above.distance(to) };
    }
    Step { point: above, beyond_m: above.distance(to) }
}

/// Along the corners of the widened footprint, from the last that `from` sees to the first that `to` sees.
fn round(prism: &Prism, ccw: bool, margin: f64, from: Vec3, to: Vec3) -> Step {
    let n = prism.corner_count();
    let here = seen_corner(prism, margin, [from.x, from.y], ccw);
    let there = seen_corner(prism, margin, [to.x, to.y], !ccw);
    let after = |i: usize| if ccw { (i + 1) % n } else { (i + n - 1) % n };
    let (start, goal) = ([from.x, from.y], [to.x, to.y]);
    let mut at = here;
    if polygon::distance(start, prism.corner(at, margin)) < CORNER_RADIUS_M {
        if at == there {
            return Step { point: to, beyond_m: 0.0 };
        }
        at = after(at);
    }
    let first = prism.corner(at, margin);
    let mut rest = 0.0;
    let mut k = at;
    while k != there {
        rest += polygon::distance(prism.corner(k, margin), prism.corner(after(k), margin));
        k = after(k);
    }
    rest += polygon::distance(prism.corner(there, margin), goal);
    let leg = polygon::distance(start, first);
    let height = from.z + (to.z - from.z) * leg / (leg + rest).max(1e-9);
    Step { point: Vec3::new(first[0], first[1], height), beyond_m: rest }
}

/// The corner at the end (`ccw`) or start of the chain of edges that `p` sees. A point inside sees its nearest edge.
fn seen_corner(prism: &Prism, margin: f64, p: Point, ccw: bool) -> usize {
    let n = prism.corner_count();
    let outside = |i: usize| {
        let (a, b) = (prism.corner(i, margin), prism.corner(i + 1, margin));
        -polygon::cross(a, b, p) / polygon::distance(a, b).max(1e-9)
    };
    let sees = |i: usize| outside(i % n) > 0.0;
    let nearest = (0..n).max_by(|&i, &j| outside(i).total_cmp(&outside(j))).unwrap_or(0);
    let mut edge = nearest;
    for _ in 0..n {
        let next = if ccw { (edge + 1) % n } else { (edge + n - 1) % n };
        if !sees(next) {
            break;
        }
        edge = next;
    }
    if ccw { (edge + 1) % n } else { edge }
}

#[cfg(test)]
mod tests {
    use super::super::scene::{Footprint, Obstacle};
    use super::*;

    fn scene(height_m: f64) -> Scene {
        let boxed = |name: &str, center, size| Obstacle {
            name: name.into(),
            footprint: Footprint::Box { size },
            center,
            height_m,
        };
        Scene::new(vec![boxed("a", [0.0, 0.0], [20.0, 20.0]), boxed("b", [40.0, 5.0], [20.0, 40.0])], vec![])
    }

    /// Follows the route in small steps; returns its length and the smallest distance to an obstacle.
    fn walk(scene: &Scene, from: Vec3, to: Vec3) -> (f64, f64) {
        let (mut at, mut memory, mut length, mut nearest) = (from, None, 0.0, f64::INFINITY);
        for _ in 0..20_000 {
            let way = next_point(scene, 3.0, at, to, &mut memory).point - at;
            if way.norm() < 0.1 && at.distance(to) < 0.1 {
                return (length, nearest);
            }
            let step = way.clamp_norm(0.1);
            at += step;
            length += step.norm();
            nearest = scene.obstacles.iter().map(|o| o.gap(at).0).fold(nearest, f64::min);
        }
        panic!("never arrives: stuck at {at:?} on the way from {from:?} to {to:?}");
    }

    #[test]
    fn a_free_line_is_straight() {
        let (from, to) = (Vec3::new(-50.0, 30.0, 10.0), Vec3::new(-50.0, -30.0, 20.0));
        let mut memory = None;
        assert_eq!(next_point(&scene(50.0), 3.0, from, to, &mut memory), Step { point: to, beyond_m: 0.0 });
    }

    #[test]
    fn a_tower_is_rounded_and_a_shed_is_overflown() {
        let (from, to) = (Vec3::new(-40.0, 1.0, 10.0), Vec3::new(20.0, 1.0, 10.0));
        let (length, clear) = walk(&scene(200.0), from, to);
        assert!(clear > 2.0 && length < 75.0, "length {length}, clear {clear}");
        let mut memory = None;
        next_point(&scene(8.0), 3.0, from, to, &mut memory);
        assert_eq!(memory.unwrap().way, Way::Over);
        let (length, clear) = walk(&scene(8.0), from, to);
        assert!(clear > 2.0 && length < 75.0, "length {length}, clear {clear}");
    }

    #[test]
    fn every_pair_of_points_has_a_way() {
        let scene = scene(200.0);
        let mut stream = super::super::rng::Stream::new(1, 0, 0, super::super::rng::Channel::Placement);
        let mut walked = 0;
        while walked < 60 {
            let mut point = || Vec3::new(stream.between(-40.0, 80.0), stream.between(-50.0, 50.0), 20.0);
            let (from, to) = (point(), point());
            if scene.obstacles.iter().any(|o| o.gap(from).0 < 3.5 || o.gap(to).0 < 3.5) {
                continue;
            }
            let (length, clear) = walk(&scene, from, to);
            assert!(clear > 1.0, "clear {clear} from {from:?} to {to:?}");
            assert!(length < 3.0 * from.distance(to) + 120.0);
            walked += 1;
        }
    }
}
