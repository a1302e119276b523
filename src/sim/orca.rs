//! Optimal reciprocal collision avoidance (van den Berg, Guy, Lin, Manocha 2011) in the plane, as a filter beneath any
//! behaviour: the velocity nearest to the wanted one that keeps out of the velocity obstacles of others, each of two
//! taking half of the effort.
//!
//! Walls, fences and altitude stay with [`super::avoidance`], which also has the last word. What this does not promise:
//! with many neighbours, or where no velocity suits all, drones do come nearer than agreed, and symmetric meetings can
//! dead-lock; a turn of the wish to the right, different for every drone, resolves
//! those of a few drones, not those of a crowd. Count the near misses.

use super::Vec3;
use super::avoidance;
use super::params::Limit;
use super::pilot::Percept;
use super::rng::{Channel, Stream};

/// Neighbours that are taken into account, the nearest first.
const NEIGHBOURS_MAX: usize = 10;
/// How far ahead in time velocities must be free of collisions.
const HORIZON_S: f64 = 4.0;
/// How far a drone looks.
const RANGE_M: f64 = 40.0;
/// Drones farther apart in height do not see each other.
const LAYER_M: f64 = 4.0;
/// Turn to the right of a wish that cannot be had, in radians, drawn between these for every drone: all the same way
/// round, so that those who meet do not dodge to the same side.
const SWAY: [f64; 2] = [0.2, 0.5];

type V2 = [f64; 2];

/// Allowed velocities lie on the left of a directed line.
#[derive(Clone, Copy, Debug, Default)]
struct Line {
    point: V2,
    direction: V2,
}

/// The velocity that respects other drones by ORCA, then everything else by braking. O(neighbours), no allocation.
pub fn safe_velocity(p: &Percept, wish: Vec3) -> Vec3 {
    let mut near = [(f64::INFINITY, Line::default()); NEIGHBOURS_MAX];
    let mut count = 0;
    let me = &p.me.body;
    let own = [me.velocity.x, me.velocity.y];
    let keep = p.params.limit(Limit::Separation);
    p.traffic.each_within(me.position, RANGE_M, |other, offset, _| {
        if other.index as usize == p.index || !other.airborne || offset.z.abs() > LAYER_M {
            return;
        }
        let way = [offset.x, offset.y];
        let distance2 = dot(way, way);
        let place = near[..count].iter().position(|(kept, _)| *kept > distance2).unwrap_or(count);
        if place < NEIGHBOURS_MAX {
            count = (count + 1).min(NEIGHBOURS_MAX);
            near[place..count].rotate_right(1);
            let line = half_plane(way, own, [other.velocity.x, other.velocity.y], keep, HORIZON_S, p.tick_s);
            near[place] = (distance2, line);
        }
    });
    if count == 0 {
        return avoidance::within_walls(p, wish);
    }
    let mut lines = [Line::default(); NEIGHBOURS_MAX];
    near[..count].iter().zip(&mut lines).for_each(|((_, line), place)| *place = *line);
    let speed = p.kind.speed_mps_max;
    let lines = &lines[..count];
    let blocked = lines.iter().any(|line| violation(line, [wish.x, wish.y]) > 0.0);
    let wanted = if blocked { sway(p, wish) } else { wish };
    let [x, y] = solve(lines, speed, [wanted.x, wanted.y]);
    avoidance::within_walls(p, Vec3::new(x, y, wish.z))
}

/// The wish in the plane, turned by an angle that is a drone's own.
fn sway(p: &Percept, wish: Vec3) -> Vec3 {
    let angle = Stream::new(p.seed, p.me.serial(), 0, Channel::Sway).between(-SWAY[1], -SWAY[0]);
    let (sin, cos) = libm::sincos(angle);
    Vec3::new(wish.x * cos - wish.y * sin, wish.x * sin + wish.y * cos, 0.0)
}

/// The half-plane of velocities that one neighbour leaves: `way` to it, `own` and `other` velocities, the distance to
/// keep between the middles, seconds to look ahead, and the length of a tick for those who overlap already.
fn half_plane(way: V2, own: V2, other: V2, keep: f64, horizon: f64, tick: f64) -> Line {
    let relative = sub(own, other);
    let (distance2, keep2) = (dot(way, way), keep * keep);
    let (direction, change);
    if distance2 > keep2 {
        // From the middle of the circle that cuts off the cone.
        let w = sub(relative, scale(way, 1.0 / horizon));
        let w2 = dot(w, w);
        let along = dot(w, way);
        if along < 0.0 && along * along > keep2 * w2 {
            let length = w2.sqrt();
            let unit = scale(w, 1.0 / length);
            direction = [unit[1], -unit[0]];
            change = scale(unit, keep / horizon - length);
        } else {
            let leg = (distance2 - keep2).sqrt();
            let left = det(way, w) > 0.0;
            let turned = match left {
                true => [way[0] * leg - way[1] * keep, way[0] * keep + way[1] * leg],
                false => [-(way[0] * leg + way[1] * keep), -(-way[0] * keep + way[1] * leg)],
            };
            direction = scale(turned, 1.0 / distance2);
            change = sub(scale(direction, dot(relative, direction)), relative);
        }
    } else {
        let w = sub(relative, scale(way, 1.0 / tick));
        let length = dot(w, w).sqrt();
        let unit = if length > 0.0 { scale(w, 1.0 / length) } else { [1.0, 0.0] };
        direction = [unit[1], -unit[0]];
        change = scale(unit, keep / tick - length);
    }
    Line { point: [own[0] + 0.5 * change[0], own[1] + 0.5 * change[1]], direction }
}

/// The velocity within `speed` nearest to `wish` on the left of every line; if there is none, the one that is least far
/// on the right of any.
fn solve(lines: &[Line], speed: f64, wish: V2) -> V2 {
    let mut result = clamp(wish, speed);
    for i in 0..lines.len() {
        if violation(&lines[i], result) > 0.0 {
            match on_line(lines, i, speed, wish, false) {
                Some(better) => result = better,
                None => return least_bad(lines, i, speed, result),
            }
        }
    }
    result
}

/// The point of line `i` nearest to `wish` (or farthest along it) that suits the lines before it.
fn on_line(lines: &[Line], i: usize, speed: f64, wish: V2, farthest: bool) -> Option<V2> {
    let line = &lines[i];
    let middle = dot(line.point, line.direction);
    let inside = middle * middle + speed * speed - dot(line.point, line.point);
    if inside < 0.0 {
        return None;
    }
    let (mut low, mut high) = (-middle - inside.sqrt(), -middle + inside.sqrt());
    for other in &lines[..i] {
        let denominator = det(line.direction, other.direction);
        let numerator = det(other.direction, sub(line.point, other.point));
        if denominator.abs() <= 1e-9 {
            if numerator < 0.0 {
                return None;
            }
            continue;
        }
        let t = numerator / denominator;
        if denominator >= 0.0 {
            high = high.min(t)
        } else {
            low = low.max(t)
        }
        if low > high {
            return None;
        }
    }
    let t = if farthest {
        if dot(wish, line.direction) > 0.0 { high } else { low }
    } else {
        dot(line.direction, sub(wish, line.point)).clamp(low, high)
    };
    Some(add(line.point, scale(line.direction, t)))
}

/// Where the largest violation is smallest, from line `first` on, which could not be met.
fn least_bad(lines: &[Line], first: usize, speed: f64, start: V2) -> V2 {
    let (mut result, mut worst) = (start, 0.0);
    for i in first..lines.len() {
        if violation(&lines[i], result) <= worst {
            continue;
        }
        let mut between = [Line::default(); NEIGHBOURS_MAX];
        let mut count = 0;
        for other in &lines[..i] {
            let determinant = det(lines[i].direction, other.direction);
            let point = if determinant.abs() <= 1e-9 {
                if dot(lines[i].direction, other.direction) > 0.0 {
                    continue;
                }
                scale(add(lines[i].point, other.point), 0.5)
            } else {
                let t = det(other.direction, sub(lines[i].point, other.point)) / determinant;
                add(lines[i].point, scale(lines[i].direction, t))
            };
            let direction = sub(other.direction, lines[i].direction);
            let length = dot(direction, direction).sqrt().max(1e-12);
            between[count] = Line { point, direction: scale(direction, 1.0 / length) };
            count += 1;
        }
        // As far as can be to the left of line i, while no other is violated more.
        let left = [-lines[i].direction[1], lines[i].direction[0]];
        let mut best = scale(left, speed);
        for k in 0..count {
            if violation(&between[k], best) > 0.0 {
                match on_line(&between[..count], k, speed, left, true) {
                    Some(point) => best = point,
                    None => {
                        best = result;
                        break;
                    }
                }
            }
        }
        result = best;
        worst = violation(&lines[i], result);
    }
    result
}

/// How far a velocity lies on the wrong side of a line.
fn violation(line: &Line, v: V2) -> f64 {
    det(line.direction, sub(line.point, v))
}

fn add(a: V2, b: V2) -> V2 {
    [a[0] + b[0], a[1] + b[1]]
}

fn sub(a: V2, b: V2) -> V2 {
    [a[0] - b[0], a[1] - b[1]]
}

fn scale(a: V2, k: f64) -> V2 {
    [a[0] * k, a[1] * k]
}

fn dot(a: V2, b: V2) -> f64 {
    a[0] * b[0] + a[1] * b[1]
}

fn det(a: V2, b: V2) -> f64 {
    a[0] * b[1] - a[1] * b[0]
}

fn clamp(v: V2, most: f64) -> V2 {
    let length = dot(v, v).sqrt();
    if length > most { scale(v, most / length) } else { v }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The best velocity on a fine grid: the reference for the linear programme.
    fn searched(lines: &[Line], speed: f64, wish: V2) -> Option<V2> {
        let mut best: Option<(f64, V2)> = None;
        for i in -200..=200 {
            for j in -200..=200 {
                let v = [f64::from(i) * speed / 200.0, f64::from(j) * speed / 200.0];
                let off = dot(sub(v, wish), sub(v, wish));
                let fits = dot(v, v) <= speed * speed && lines.iter().all(|l| violation(l, v) <= 1e-9);
                if fits && best.is_none_or(|(least, _)| off < least) {
                    best = Some((off, v));
                }
            }
        }
        best.map(|(_, v)| v)
    }

    #[test]
    fn the_nearest_allowed_velocity_is_found() {
        let mut met = 0;
        for seed in 0..60 {
            let mut stream = Stream::new(seed, 0, 0, Channel::Sway);
            let mut draw = |r: f64| [stream.between(-r, r), stream.between(-r, r)];
            let own = draw(3.0);
            let lines: Vec<Line> =
                (0..4).map(|_| half_plane(draw(12.0), own, draw(3.0), 3.0, 4.0, 0.04)).collect();
            let wish = draw(5.0);
            let found = solve(&lines, 5.0, wish);
            assert!(dot(found, found) <= 25.0 + 1e-6, "seed {seed}");
            if let Some(best) = searched(&lines, 5.0, wish) {
                let off = |v: V2| dot(sub(v, wish), sub(v, wish)).sqrt();
                assert!(off(found) <= off(best) + 1e-6, "seed {seed}: {found:?} {best:?}");
                assert!(lines.iter().all(|l| violation(l, found) < 1e-6), "seed {seed}");
                met += 1;
            }
        }
        assert!(met > 20, "only {met} of 60 had a solution");
    }

    #[test]
    fn two_who_meet_share_the_effort() {
        let line = half_plane([20.0, 0.0], [2.0, 0.0], [-2.0, 0.0], 3.0, 4.0, 0.04);
        let mirrored = half_plane([-20.0, 0.0], [-2.0, 0.0], [2.0, 0.0], 3.0, 4.0, 0.04);
        assert!(
            (line.point[0] + mirrored.point[0]).abs() < 1e-12
                && (line.point[1] + mirrored.point[1]).abs() < 1e-12
        );
        assert!(violation(&line, [2.0, 0.0]) > -1e-9 || line.point != [2.0, 0.0]);
    }
}
