//! What stands still: obstacles on the ground and fences in the air.

use serde::{Deserialize, Serialize};

use super::Vec3;
use super::polygon::{self, Point};

/// The footprint of an obstacle.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "shape", rename_all = "snake_case")]
pub enum Footprint {
    /// A rectangle along the axes: extent in east and north.
    Box {
        /// Extent in east and north, in metres.
        size: Point,
    },
    /// A circle.
    Cylinder {
        /// Radius in metres.
        radius: f64,
    },
}

/// A building or mast: a footprint that reaches from the ground to its height.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Obstacle {
    /// Name in messages.
    pub name: String,
    /// Footprint.
    #[serde(flatten)]
    pub footprint: Footprint,
    /// Middle of the footprint.
    pub center: Point,
    /// Height above the ground plane.
    pub height_m: f64,
}

impl Obstacle {
    /// Distance from `p` to the surface (negative inside) and the unit vector towards the obstacle.
    pub fn gap(&self, p: Vec3) -> (f64, Vec3) {
        let (dx, dy) = (p.x - self.center[0], p.y - self.center[1]);
        let above = p.z - self.height_m;
        let (side, out) = match self.footprint {
            Footprint::Box { size } => box_gap(dx, dy, size),
            Footprint::Cylinder { radius } => {
                let d = (dx * dx + dy * dy).sqrt();
                let out = if d > 0.0 { Vec3::new(dx / d, dy / d, 0.0) } else { Vec3::new(1.0, 0.0, 0.0) };
                (d - radius, out)
            }
        };
        match (side > 0.0, above > 0.0) {
            (true, true) => {
                let away = out * side + Vec3::UP * above;
                let distance = away.norm();
                (distance, -(away / distance))
            }
            (true, false) => (side, -out),
            (false, true) => (above, -Vec3::UP),
            // Inside: out by the nearest face.
            (false, false) if side >= above => (side, -out),
            (false, false) => (above, -Vec3::UP),
        }
    }

    /// Whether the point stands over the footprint, at any height.
    pub fn covers(&self, p: Vec3) -> bool {
        let (dx, dy) = (p.x - self.center[0], p.y - self.center[1]);
        match self.footprint {
            Footprint::Box { size } => dx.abs() <= size[0] / 2.0 && dy.abs() <= size[1] / 2.0,
            Footprint::Cylinder { radius } => dx * dx + dy * dy <= radius * radius,
        }
    }

    /// Where the segment from `a` to `b` enters the obstacle, as a share of its length; `None` if it passes by. A
    /// segment that starts inside enters at 0.
    pub fn entry(&self, a: Vec3, b: Vec3) -> Option<f64> {
        let (mut t0, mut t1) = (0.0f64, 1.0f64);
        let mut clip = |from: f64, to: f64, low: f64, high: f64| {
            let way = to - from;
            if way.abs() < 1e-12 {
                return low <= from && from <= high;
            }
            let (enter, leave) = ((low - from) / way, (high - from) / way);
            t0 = t0.max(enter.min(leave));
            t1 = t1.min(enter.max(leave));
            t0 <= t1
        };
        let [e, n] = self.center;
        if !clip(a.z, b.z, f64::MIN, self.height_m) {
            return None;
        }
        match self.footprint {
            Footprint::Box { size: [w, d] } => {
                let crossed =
                    clip(a.x, b.x, e - w / 2.0, e + w / 2.0) && clip(a.y, b.y, n - d / 2.0, n + d / 2.0);
                crossed.then_some(t0)
            }
            Footprint::Cylinder { radius } => {
                let (px, py, dx, dy) = (a.x - e, a.y - n, b.x - a.x, b.y - a.y);
                let (k, h, c) = (dx * dx + dy * dy, px * dx + py * dy, px * px + py * py - radius * radius);
                if k < 1e-12 {
                    return (c <= 0.0).then_some(t0);
                }
                let root = h * h - k * c;
                if root < 0.0 {
                    return None;
                }
                let (enter, leave) = ((-h - root.sqrt()) / k, (-h + root.sqrt()) / k);
                let (t0, t1) = (t0.max(enter), t1.min(leave));
                (t0 <= t1).then_some(t0)
            }
        }
    }

    /// Corners of a convex polygon around the footprint, counter-clockwise.
    fn corners(&self) -> Vec<Point> {
        let [e, n] = self.center;
        match self.footprint {
            Footprint::Box { size: [w, d] } => {
                let (w, d) = (w / 2.0, d / 2.0);
                vec![[e - w, n - d], [e + w, n - d], [e + w, n + d], [e - w, n + d]]
            }
            Footprint::Cylinder { radius } => {
                let step = std::f64::consts::TAU / 8.0;
                let reach = radius / libm::cos(step / 2.0);
                (0..8)
                    .map(f64::from)
                    .map(|k| [e + reach * libm::cos(k * step), n + reach * libm::sin(k * step)])
                    .collect()
            }
        }
    }
}

/// Signed distance to a rectangle around zero and the unit vector out of it.
fn box_gap(dx: f64, dy: f64, size: Point) -> (f64, Vec3) {
    let (ox, oy) = (dx.abs() - size[0] / 2.0, dy.abs() - size[1] / 2.0);
    let (sx, sy) = (1f64.copysign(dx), 1f64.copysign(dy));
    if ox > 0.0 && oy > 0.0 {
        let d = (ox * ox + oy * oy).sqrt();
        (d, Vec3::new(sx * ox / d, sy * oy / d, 0.0))
    } else if ox > oy {
        (ox, Vec3::new(sx, 0.0, 0.0))
    } else {
        (oy, Vec3::new(0.0, sy, 0.0))
    }
}

/// Which side of a fence is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FenceKind {
    /// Drones stay inside.
    KeepIn,
    /// Drones stay outside.
    KeepOut,
}

/// What a drone does that has crossed a fence all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FenceAction {
    /// It goes on; the operator is warned.
    Warn,
    /// It holds at the nearest allowed point.
    Hold,
    /// It returns home.
    Rtl,
    /// It lands.
    Land,
}

/// A fence: a polygon, and the layer of altitudes to which it applies.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fence {
    /// Name in messages.
    pub name: String,
    /// Which side is allowed.
    pub kind: FenceKind,
    /// Corners in order; the last joins the first.
    pub polygon: Vec<Point>,
    /// Lower end. A drone below the floor of a `keep_in` fence is not in breach: it has to start somewhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub floor_m: Option<f64>,
    /// Upper end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ceiling_m: Option<f64>,
    /// What follows a breach.
    pub action: FenceAction,
}

impl Fence {
    /// Whether a drone at `p` breaks the fence.
    pub fn is_breached_at(&self, p: Vec3) -> bool {
        let inside = polygon::contains(&self.polygon, [p.x, p.y]);
        match self.kind {
            FenceKind::KeepIn => !inside || self.ceiling_m.is_some_and(|c| p.z > c),
            FenceKind::KeepOut => inside && self.spans(p.z, 0.0),
        }
    }

    /// Whether the altitude lies within the fence's layer, widened by `margin` at both ends.
    pub fn spans(&self, z: f64, margin: f64) -> bool {
        self.floor_m.is_none_or(|f| z >= f - margin) && self.ceiling_m.is_none_or(|c| z <= c + margin)
    }
}

/// A convex upright body to be flown around or over: an obstacle or a forbidden zone.
#[derive(Clone, Debug, PartialEq)]
pub struct Prism {
    corners: Vec<Point>,
    outward: Vec<Point>,
    /// Lower end.
    pub bottom: f64,
    /// Upper end.
    pub top: f64,
}

impl Prism {
    fn new(points: &[Point], bottom: f64, top: f64) -> Self {
        let corners = polygon::convex_hull(points);
        let n = corners.len();
        let normal = |a: Point, b: Point| {
            let d = polygon::distance(a, b).max(1e-9);
            [(b[1] - a[1]) / d, (a[0] - b[0]) / d]
        };
        let outward = (0..n)
            .map(|i| {
                let before = normal(corners[(i + n - 1) % n], corners[i]);
                let after = normal(corners[i], corners[(i + 1) % n]);
                // A mitre: moving both edges out by one metre moves their corner by this much.
                let k = 1.0 / (1.0 + before[0] * after[0] + before[1] * after[1]).max(0.2);
                [(before[0] + after[0]) * k, (before[1] + after[1]) * k]
            })
            .collect();
        Prism { corners, outward, bottom, top }
    }

    /// Number of corners.
    pub fn corner_count(&self) -> usize {
        self.corners.len()
    }

    /// Corner `i` of the footprint widened by `margin`, counter-clockwise.
    pub fn corner(&self, i: usize, margin: f64) -> Point {
        let i = i % self.corners.len();
        let (corner, outward) = (self.corners[i], self.outward[i]);
        [corner[0] + outward[0] * margin, corner[1] + outward[1] * margin]
    }

    /// Distance of a point from the footprint, negative inside.
    pub fn distance(&self, p: Point) -> f64 {
        polygon::signed_distance(&self.corners, p)
    }

    /// The part `t0..t1` of the segment `a b` over the footprint widened by `margin`.
    pub fn crossing(&self, a: Point, b: Point, margin: f64) -> Option<(f64, f64)> {
        let (mut t0, mut t1) = (0.0f64, 1.0f64);
        for i in 0..self.corner_count() {
            let (p, q) = (self.corner(i, margin), self.corner(i + 1, margin));
            // Left of every edge is inside.
            let (from, to) = (polygon::cross(p, q, a), polygon::cross(p, q, b));
            if from < 0.0 && to < 0.0 {
                return None;
            }
            let t = from / (from - to);
            if from < 0.0 {
                t0 = t0.max(t);
            } else if to < 0.0 {
                t1 = t1.min(t);
            }
        }
        (t0 < t1).then_some((t0, t1))
    }
}

/// Everything that stands still, in the order of the scenario.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scene {
    /// Buildings and masts.
    pub obstacles: Vec<Obstacle>,
    /// Fences.
    pub fences: Vec<Fence>,
    prisms: Vec<Prism>,
    ceiling: Option<f64>,
}

impl Scene {
    /// A scene of these obstacles and fences.
    pub fn new(obstacles: Vec<Obstacle>, fences: Vec<Fence>) -> Self {
        let solid = obstacles.iter().map(|o| Prism::new(&o.corners(), f64::NEG_INFINITY, o.height_m));
        let zones = fences.iter().filter(|f| f.kind == FenceKind::KeepOut).map(|f| {
            let bottom = f.floor_m.unwrap_or(f64::NEG_INFINITY);
            Prism::new(&f.polygon, bottom, f.ceiling_m.unwrap_or(f64::INFINITY))
        });
        let prisms = solid.chain(zones).collect();
        let ceiling = fences
            .iter()
            .filter(|f| f.kind == FenceKind::KeepIn)
            .filter_map(|f| f.ceiling_m)
            .min_by(|a, b| a.total_cmp(b));
        Scene { obstacles, fences, prisms, ceiling }
    }

    /// What has to be flown around: obstacles first, then forbidden zones.
    pub fn prisms(&self) -> &[Prism] {
        &self.prisms
    }

    /// The lowest ceiling of the `keep_in` fences.
    pub fn ceiling(&self) -> Option<f64> {
        self.ceiling
    }

    /// Altitude of the ground or roof under `p`.
    pub fn ground_under(&self, p: Vec3) -> f64 {
        let roofs =
            self.obstacles.iter().filter(|o| p.z > o.height_m - 0.5 && o.covers(p)).map(|o| o.height_m);
        roofs.fold(0.0, f64::max)
    }

    /// Why a drone must not be sent to `p`, as part of a sentence; `None` if it may.
    pub fn objection_to(&self, p: Vec3) -> Option<String> {
        if let Some(obstacle) = self.obstacles.iter().find(|o| o.gap(p).0 <= 0.0) {
            return Some(format!("the point lies inside the obstacle {}", obstacle.name));
        }
        let fence = self.fences.iter().find(|f| f.is_breached_at(p))?;
        let side = match fence.kind {
            FenceKind::KeepOut => "inside the keep-out fence",
            FenceKind::KeepIn if polygon::contains(&fence.polygon, [p.x, p.y]) => "above the ceiling of",
            FenceKind::KeepIn => "outside the fence",
        };
        Some(format!("the point lies {side} {}", fence.name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tower() -> Obstacle {
        Obstacle {
            name: "tower".into(),
            footprint: Footprint::Box { size: [20.0, 10.0] },
            center: [0.0, 0.0],
            height_m: 50.0,
        }
    }

    #[test]
    fn the_gap_to_a_box_is_exact_at_faces_edges_and_inside() {
        let tower = tower();
        for (point, distance, toward) in [
            ([13.0, 0.0, 20.0], 3.0, [-1.0, 0.0, 0.0]),
            ([0.0, 9.0, 20.0], 4.0, [0.0, -1.0, 0.0]),
            ([13.0, 9.0, 20.0], 5.0, [-0.6, -0.8, 0.0]),
            ([0.0, 0.0, 52.0], 2.0, [0.0, 0.0, -1.0]),
            ([13.0, 0.0, 54.0], 5.0, [-0.6, 0.0, -0.8]),
            ([9.0, 0.0, 20.0], -1.0, [-1.0, 0.0, 0.0]),
        ] {
            let (gap, direction) = tower.gap(Vec3::from(point));
            assert!((gap - distance).abs() < 1e-12, "{point:?}: {gap}");
            assert!(direction.distance(Vec3::from(toward)) < 1e-12, "{point:?}: {direction:?}");
        }
    }

    #[test]
    fn a_prism_is_crossed_between_its_widened_edges() {
        let scene = Scene::new(vec![tower()], vec![]);
        let prism = &scene.prisms()[0];
        let (t0, t1) = prism.crossing([-20.0, 0.0], [20.0, 0.0], 2.0).unwrap();
        assert!((t0 - 0.2).abs() < 1e-12 && (t1 - 0.8).abs() < 1e-12);
        assert_eq!(prism.crossing([-20.0, 7.5], [20.0, 7.5], 2.0), None);
        assert!(prism.crossing([-20.0, 6.5], [20.0, 6.5], 2.0).is_some());
    }

    #[test]
    fn obstacles_travel_as_the_protocol_says() {
        let json = serde_json::to_value(tower()).unwrap();
        assert_eq!(
            json,
            serde_json::json!({"name": "tower", "shape": "box", "size": [20.0, 10.0], "center": [0.0, 0.0], "height_m": 50.0})
        );
    }

    #[test]
    fn objections_name_what_is_in_the_way() {
        let square = vec![[-100.0, -100.0], [100.0, -100.0], [100.0, 100.0], [-100.0, 100.0]];
        let fence = Fence {
            name: "site".into(),
            kind: FenceKind::KeepIn,
            polygon: square,
            floor_m: None,
            ceiling_m: Some(80.0),
            action: FenceAction::Hold,
        };
        let scene = Scene::new(vec![tower()], vec![fence]);
        let objection = |e, n, u| scene.objection_to(Vec3::new(e, n, u)).unwrap_or_default();
        assert_eq!(objection(0.0, 0.0, 20.0), "the point lies inside the obstacle tower");
        assert_eq!(objection(500.0, 0.0, 20.0), "the point lies outside the fence site");
        assert_eq!(objection(50.0, 0.0, 90.0), "the point lies above the ceiling of site");
        assert_eq!(objection(50.0, 0.0, 20.0), "");
        assert_eq!(scene.ground_under(Vec3::new(1.0, 1.0, 60.0)), 50.0);
        assert_eq!(scene.ground_under(Vec3::new(1.0, 1.0, 0.0)), 0.0);
    }
}
