//! The last word on a velocity: not into others, not into walls, not over fences.
//!
//! Everything near limits the speed towards it: no faster than what can still be braked before the agreed distance.
//! Of two drones each allows for the whole of the other's present velocity, so together they brake twice as hard as
//! needed. Who has to give way slips to the right, which resolves head-on meetings.

use super::Vec3;
use super::drone::Task;
use super::dynamics::{GRAVITY_MPS2, braking_accel, braking_gain, braking_speed};
use super::neighbours::Traffic;
use super::params::Limit;
use super::pilot::Percept;
use super::polygon;
use super::scene::{Fence, FenceKind};

/// What has the last word on a velocity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Filter {
    /// Braking in time for everything near, and slipping to the right: this module.
    #[default]
    Brake,
    /// Reciprocal velocity obstacles for drones ([`super::orca`]), braking for walls.
    Orca,
    /// Nothing.
    None,
}

impl Filter {
    /// All of them with their names in scenarios.
    pub const ALL: [(&'static str, Filter); 3] =
        [("brake", Filter::Brake), ("orca", Filter::Orca), ("none", Filter::None)];
}

/// How far a drone looks for walls.
const WALLS_M: f64 = 24.0;
/// How far a hovering drone looks for others; a moving one looks farther, up to [`TRAFFIC_M_MAX`].
const TRAFFIC_M: f64 = 10.0;
const TRAFFIC_M_MAX: f64 = 40.0;
/// Bounds of a kind that are taken into account at once; those least respected come first.
const BOUNDS_MAX: usize = 8;
/// A bound that leaves this much speed in hand is not looked at.
const SLACK_MPS: f64 = 1.5;
/// Share of the braking that plans count on. The rest is for turning, jerk and for others who brake late.
const CAUTION: f64 = 0.7;
/// Share of the acceleration that a wish may use while something is in its way: more than braking at a goal counts on.
const WISH_SHARE: f64 = 0.9;
/// How fast a drone backs out of what it came too near to.
const RETREAT_MPS: f64 = 2.0;
/// Share of the speed given up that goes into slipping aside.
const SLIP: f64 = 0.7;
/// Height above the ground that is left to takeoff and landing.
const GROUND_M: f64 = 0.5;
const ROUNDS: usize = 4;
/// What falls is looked at from so far below, …
const WRECK_HEIGHT_M: f64 = 60.0;
/// … is passed at least this far from hull to hull, …
const WRECK_M: f64 = 1.5;
/// … and made way for within its time to fall, or this.
const WRECK_HASTE_S: f64 = 0.4;

/// The speed along the unit vector `normal` stays at or below `bound`.
#[derive(Clone, Copy, Default)]
struct Bound {
    normal: Vec3,
    bound: f64,
    slack: f64,
}

/// Velocity nearest to `wish` (roughly: by repeated projection) that respects drones, walls, fences and ground.
pub fn safe_velocity(p: &Percept, wish: Vec3) -> Vec3 {
    respect(p, wish, true)
}

/// As [`safe_velocity`], for a velocity that keeps out of the way of drones already.
pub fn within_walls(p: &Percept, wish: Vec3) -> Vec3 {
    respect(p, wish, false)
}

fn respect(p: &Percept, wish: Vec3, of_drones: bool) -> Vec3 {
    let wish = wish.clamp_parts(p.kind.speed_mps_max, p.kind.climb_mps_max, p.kind.descent_mps_max);
    let (mut traffic, mut walls) = (Bounds::default(), Bounds::default());
    let present = p.me.body.velocity;
    scene_gaps(p, WALLS_M, |normal, gap| walls.add(normal, allowed(p, normal, gap), [wish, present]));
    if of_drones {
        traffic_bounds(p, wish, &mut traffic);
    }
    let free = |bounds: &Bounds| bounds.list().iter().all(|b| b.slack >= 0.0);
    if free(&traffic) && free(&walls) {
        return wish;
    }
    let mut slipping = wish;
    for bound in traffic.list().iter().filter(|b| b.slack < 0.0) {
        slipping += aside(p, bound.normal) * (SLIP * (-bound.slack).min(RETREAT_MPS));
    }
    let reach = WISH_SHARE * p.kind.accel_mps2_max * p.kind.lag_s;
    let mut velocity = present + (slipping - present).clamp_norm(reach);
    for _ in 0..ROUNDS {
        traffic.enforce(&mut velocity);
        // Walls come last: they do not give way.
        walls.enforce(&mut velocity);
    }
    // What cannot be reached at once must not use up the acceleration that the walls need.
    velocity = present + (velocity - present).clamp_norm(p.kind.accel_mps2_max * p.kind.lag_s);
    traffic.enforce(&mut velocity);
    walls.enforce(&mut velocity);
    velocity.clamp_parts(p.kind.speed_mps_max, p.kind.climb_mps_max, p.kind.descent_mps_max)
}

/// Calls `visit(normal, gap)` for each wall, fence, ceiling and floor within `range`: the unit vector towards it and
/// the metres left before the agreed distance to it, negative if it has come too near.
pub fn scene_gaps(p: &Percept, range: f64, mut visit: impl FnMut(Vec3, f64)) {
    let position = p.me.body.position;
    let touching_down =
        matches!(p.me.task, Task::Takeoff { .. } | Task::Land | Task::Rtl { descending: true });
    let clearance = p.params.limit(Limit::Clearance);
    for obstacle in &p.scene.obstacles {
        let (distance, toward) = obstacle.gap(position);
        let own_roof = touching_down && obstacle.covers(position);
        if distance < range + clearance && !own_roof {
            visit(toward, distance - clearance);
        }
    }
    for fence in &p.scene.fences {
        fence_gaps(fence, p, range, &mut visit);
    }
    if !touching_down && position.z < range {
        visit(-Vec3::UP, position.z - p.scene.ground_under(position) - GROUND_M);
    }
}

fn fence_gaps(fence: &Fence, p: &Percept, range: f64, visit: &mut impl FnMut(Vec3, f64)) {
    let position = p.me.body.position;
    let here = [position.x, position.y];
    let margin = p.params.limit(Limit::FenceMargin);
    let inside = polygon::contains(&fence.polygon, here);
    let towards = |q: polygon::Point| {
        let way = Vec3::new(q[0] - here[0], q[1] - here[1], 0.0);
        (way.unit(), way.norm())
    };
    match fence.kind {
        FenceKind::KeepIn => {
            if let Some(ceiling) = fence.ceiling_m {
                visit(Vec3::UP, ceiling - position.z - margin.min(1.0));
            }
            let starting = matches!(p.me.task, Task::Takeoff { .. } | Task::Land | Task::Rtl { .. });
            if let Some(floor) = fence.floor_m.filter(|&f| !starting && position.z > f) {
                visit(-Vec3::UP, position.z - floor);
            }
            if inside {
                let near = polygon::edges(&fence.polygon)
                    .filter(|edge| polygon::may_be_near(*edge, here, range + margin));
                for (a, b) in near {
                    let (normal, distance) = towards(polygon::nearest_on_segment(a, b, here));
                    if distance < range + margin {
                        visit(normal, distance - margin);
                    }
                }
            } else if let Some(q) = polygon::nearest_on_boundary(&fence.polygon, here) {
                let (normal, distance) = towards(q);
                visit(-normal, -distance - margin);
            }
        }
        FenceKind::KeepOut if fence.spans(position.z, 1.0) => {
            if let Some(q) = polygon::nearest_on_boundary(&fence.polygon, here) {
                let (normal, distance) = towards(q);
                match inside {
                    true => visit(-normal, -distance - margin),
                    false if distance < range + margin => visit(normal, distance - margin),
                    false => {}
                }
            }
        }
        FenceKind::KeepOut => {
            let above = fence.ceiling_m.map(|c| position.z - c).filter(|&a| inside && a > 0.0);
            let below = fence.floor_m.map(|f| f - position.z).filter(|&b| inside && b > 0.0);
            if let Some(gap) = above {
                visit(-Vec3::UP, gap - 1.0);
            }
            if let Some(gap) = below {
                visit(Vec3::UP, gap - 1.0);
            }
        }
    }
}

fn traffic_bounds(p: &Percept, wish: Vec3, bounds: &mut Bounds) {
    let (me, separation) = (p.me, p.params.limit(Limit::Separation));
    let stopping = me.body.velocity.norm2() / p.kind.accel_mps2_max;
    let range = (TRAFFIC_M + 0.75 * stopping).min(TRAFFIC_M_MAX);
    for wreck in p.traffic.falling().filter(|wreck| wreck.index as usize != p.index) {
        if let Some((normal, bound)) = from_under(p, wreck) {
            bounds.add(normal, bound, [wish, me.body.velocity]);
        }
    }
    p.traffic.each_within(me.body.position, range, |other, offset, distance2| {
        if other.index as usize == p.index || other.falling {
            return;
        }
        let closing = wish.dot(offset).max(me.body.velocity.dot(offset)) - other.velocity.dot(offset);
        if closing <= 0.0 && distance2 > TRAFFIC_M * TRAFFIC_M {
            return;
        }
        let distance = distance2.sqrt();
        let normal = if distance > 1e-6 { offset / distance } else { own_direction(p) };
        let apart = separation.max(p.kind.radius_m + other.radius_m + 0.5);
        bounds.add(
            normal,
            other.velocity.dot(normal) + allowed(p, normal, distance - apart),
            [wish, me.body.velocity],
        );
    });
}

/// What falls comes down faster than anyone could sink: whoever is beneath, or will be, goes aside. The direction towards
/// the way that it takes to this height, and the speed that is allowed there.
fn from_under(p: &Percept, wreck: &Traffic) -> Option<(Vec3, f64)> {
    let offset = wreck.position - p.me.body.position;
    let apart = p.params.limit(Limit::Separation).max(p.kind.radius_m + wreck.radius_m + WRECK_M);
    let (height, sinks) = (offset.z.max(0.0), -wreck.velocity.z);
    if offset.z < -apart || height > WRECK_HEIGHT_M {
        return None;
    }
    // Without drag: it may take longer, and never less.
    let time = (libm::sqrt((sinks * sinks + 2.0 * GRAVITY_MPS2 * height).max(0.0)) - sinks) / GRAVITY_MPS2;
    let (from, drift) = (offset.horizontal(), wreck.velocity.horizontal() * time);
    let share = if drift.norm2() > 1e-9 { (-from.dot(drift) / drift.norm2()).clamp(0.0, 1.0) } else { 0.0 };
    let nearest = from + drift * share;
    let distance = nearest.norm();
    let normal = if distance > 1e-6 { nearest / distance } else { own_direction(p) };
    let gap = distance - apart;
    Some((normal, if gap < 0.0 { gap / time.max(WRECK_HASTE_S) } else { allowed(p, normal, gap) }))
}

/// The speed towards something `gap` metres before the agreed distance; negative if it has come too near.
fn allowed(p: &Percept, normal: Vec3, gap: f64) -> f64 {
    if gap <= 0.0 {
        return (2.0 * gap).max(-RETREAT_MPS);
    }
    braking_speed(gap, CAUTION * braking_accel(p.kind, normal), braking_gain(p.kind))
}

/// To the right of `normal`; if that is upright, to a side that differs from drone to drone.
fn aside(p: &Percept, normal: Vec3) -> Vec3 {
    let right = normal.cross(Vec3::UP);
    if right.norm2() > 0.05 { right.unit() } else { own_direction(p) }
}

/// A horizontal direction that two drones hardly share: the golden angle times the serial number.
fn own_direction(p: &Percept) -> Vec3 {
    super::geodesy::direction_of(f64::from(p.me.serial % 1000) * 137.507_764)
}

#[derive(Default)]
struct Bounds {
    kept: [Bound; BOUNDS_MAX],
    len: usize,
}

impl Bounds {
    fn list(&self) -> &[Bound] {
        &self.kept[..self.len]
    }

    /// Keeps the bound if it is among the [`BOUNDS_MAX`] that the wished or the present velocity respects least.
    /// Ties keep the earlier.
    fn add(&mut self, normal: Vec3, bound: f64, velocities: [Vec3; 2]) {
        let slack = bound - velocities[0].dot(normal).max(velocities[1].dot(normal));
        if slack > SLACK_MPS {
            return;
        }
        let mut bound = Bound { normal, bound, slack };
        let mut place = self.list().iter().position(|kept| kept.slack > slack).unwrap_or(self.len);
        if place == BOUNDS_MAX {
            return;
        }
        self.len = (self.len + 1).min(BOUNDS_MAX);
        while place < self.len {
            std::mem::swap(&mut self.kept[place], &mut bound);
            place += 1;
        }
    }

    /// Takes out of `velocity` what each bound forbids.
    fn enforce(&self, velocity: &mut Vec3) {
        for bound in self.list() {
            let excess = velocity.dot(bound.normal) - bound.bound;
            if excess > 0.0 {
                *velocity -= bound.normal * excess;
            }
        }
    }
}
