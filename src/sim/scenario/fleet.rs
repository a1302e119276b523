//! The drones of a scenario: how many of what, where, and what they do first.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::drone::{Mission, Waypoint};
use super::super::drone_type::DroneType;
use super::super::geodesy;
use super::super::params::{Limit, Params};
use super::super::polygon::Point;
use super::super::rng::{Channel, Stream};
use super::super::scene::Scene;
use super::super::{Vec3, behaviour};
use super::reader::{Errors, Field, Section};
use super::sections::{name, objection_to_name, point};
use super::{DRONES_MAX, NAME_MAX, POSITION_MAX};

/// Most blocks of drones in a scenario, and most waypoints in a mission.
const BLOCKS_MAX: usize = 10_000;
/// Most waypoints of a mission.
pub const WAYPOINTS_MAX: usize = 1000;
/// Waypoints are at least this high: lower is for landing.
pub const GOAL_ALTITUDE_MIN: f64 = 1.0;
/// Above this height a drone starts in the air.
const GROUND_M: f64 = 0.5;

/// Drones of one type that start in one way.
#[derive(Clone, Debug)]
pub struct Block {
    /// Type, as a place in the list of types.
    pub kind: usize,
    /// Their ids.
    pub ids: Vec<String>,
    /// Their group.
    pub group: Option<String>,
    /// Where they start.
    pub place: Place,
    /// Where they return to; their start if absent.
    pub home: Option<Place>,
    /// Height at the start, drawn evenly from here.
    pub altitude_m: [f64; 2],
    /// Heading at the start.
    pub heading_deg: f64,
    /// Velocity at the start.
    pub push: Push,
    /// Charge at the start in per cent, drawn evenly from here.
    pub battery_pct: [f64; 2],
    /// What they do first.
    pub start: Start,
}

/// The velocity that drones start with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Push {
    /// This one; zero for drones that start at rest.
    Fixed(Vec3),
    /// This speed, in a direction drawn evenly: in the plane, or in space.
    Random {
        /// Speed in m/s.
        speed_mps: f64,
        /// Whether up and down count.
        in_space: bool,
    },
}

impl Push {
    /// The velocity of the drone with this serial number.
    pub fn velocity(&self, seed: u64, serial: u32) -> Vec3 {
        match *self {
            Push::Fixed(velocity) => velocity,
            Push::Random { speed_mps, in_space } => {
                let mut stream = Stream::new(seed, serial, 0, Channel::Direction);
                let angle = stream.between(0.0, std::f64::consts::TAU);
                let up = if in_space { stream.between(-1.0, 1.0) } else { 0.0 };
                let flat = (1.0 - up * up).sqrt();
                Vec3::new(flat * libm::cos(angle), flat * libm::sin(angle), up) * speed_mps
            }
        }
    }

    fn read(field: &Field, errors: &mut Errors) -> Option<Push> {
        if field.is_list() {
            return field.numbers::<3>(errors, -1000.0..=1000.0).map(|v| Push::Fixed(Vec3::from(v)));
        }
        let mut section = field.section(errors)?;
        let speed = section.required(errors, "speed_mps").and_then(|f| f.number(errors, 0.0..=1000.0));
        let direction = section.get("direction");
        let in_space = direction.and_then(|f| f.one_of(errors, &[("plane", false), ("space", true)]));
        section.finish(errors);
        Some(Push::Random { speed_mps: speed?, in_space: in_space.unwrap_or(false) })
    }
}

/// What the drones of a block do first. On the ground they take off for it.
#[derive(Clone, Debug)]
pub enum Start {
    /// Stand or hold.
    Wait,
    /// Fly a mission each, from a waypoint each.
    Mission(Vec<(Arc<Mission>, usize)>),
    /// Fly a behaviour, by its place in the list.
    Behaviour(u8),
}

/// A pattern of places on the ground.
#[derive(Clone, Debug, PartialEq)]
pub enum Place {
    /// One point.
    At(Point),
    /// Rows from the south-west, filled from west to east, around a middle.
    Grid {
        /// Middle of the whole grid.
        center: Point,
        /// Distance between places.
        spacing_m: f64,
        /// Places in a row.
        columns: usize,
    },
    /// Evenly on a circle, clockwise from north.
    Circle {
        /// Middle.
        center: Point,
        /// Radius.
        radius_m: f64,
    },
    /// At random in a rectangle, each in a cell of its own so that nobody starts on top of another.
    Box {
        /// South-west corner.
        min: Point,
        /// North-east corner.
        max: Point,
    },
}

impl Place {
    /// The place of number `k` among `count`; `serial` draws its random numbers.
    pub fn point(&self, k: usize, count: usize, seed: u64, serial: u32) -> Point {
        match self {
            Place::At(p) => *p,
            Place::Grid { center, spacing_m, columns } => {
                let rows = count.div_ceil(*columns);
                let offset =
                    |i: usize, n: usize| (i as f64 - (n.min(count).max(1) - 1) as f64 / 2.0) * spacing_m;
                [center[0] + offset(k % columns, *columns), center[1] + offset(k / columns, rows)]
            }
            Place::Circle { center, radius_m } => {
                let way = geodesy::direction_of(360.0 * k as f64 / count as f64) * *radius_m;
                [center[0] + way.x, center[1] + way.y]
            }
            Place::Box { min, max } => {
                let (width, depth) = (max[0] - min[0], max[1] - min[1]);
                let columns = ((count as f64 * width / depth).sqrt().ceil() as usize).clamp(1, count);
                let rows = count.div_ceil(columns);
                let mut stream = Stream::new(seed, serial, 0, Channel::Placement);
                // A quarter of the cell stays free on each side.
                let mut within = |i: usize, n: usize, low: f64, size: f64| {
                    low + (i as f64 + stream.between(0.25, 0.75)) * size / n as f64
                };
                [within(k % columns, columns, min[0], width), within(k / columns, rows, min[1], depth)]
            }
        }
    }
}

/// Reads `[[drones]]`.
pub fn read(
    root: &mut Section,
    errors: &mut Errors,
    types: &[DroneType],
    scene: &Scene,
    params: &Params,
) -> Vec<Block> {
    let mut names = Names::default();
    let sections = root.sections(errors, "drones", BLOCKS_MAX);
    let around = Around { types, scene, params };
    sections.into_iter().filter_map(|section| block(section, errors, &around, &mut names)).collect()
}

/// What a block is checked against.
struct Around<'a> {
    types: &'a [DroneType],
    scene: &'a Scene,
    params: &'a Params,
}

impl Around<'_> {
    /// Reports a point to which no drone may fly.
    fn check(&self, errors: &mut Errors, start: usize, path: &str, p: Vec3) {
        if let Some(objection) = self.scene.objection_to(p) {
            errors.add(start, path, format!("{:?} is refused: {objection}", [p.x, p.y, p.z]));
        }
    }

    fn altitude_max(&self) -> f64 {
        self.params.limit(Limit::AltitudeMax)
    }
}

fn block(mut section: Section, errors: &mut Errors, around: &Around, names: &mut Names) -> Option<Block> {
    let named: Vec<(&str, usize)> =
        around.types.iter().enumerate().map(|(i, t)| (t.name.as_str(), i)).collect();
    let kind = section.required(errors, "type").and_then(|f| f.one_of(errors, &named));
    let count = match section.get("count") {
        Some(field) => field.integer(errors, 1..=DRONES_MAX as u64).map(|n| n as usize),
        None => Some(1),
    };
    let group = section.get("group").and_then(|f| name(&f, errors));
    let default = kind.map(|k| format!("{}-{{n}}", around.types[k].name));
    let ids = names.read(&mut section, errors, count, default);
    let place = place(&mut section, errors, count);
    let home = section.get("home").and_then(|f| home(&f, errors, count));
    let altitude_m = span(&mut section, errors, "altitude_m", 0.0..=around.altitude_max(), [0.0, 0.0]);
    let heading = section.number(errors, "heading_deg", 0.0..=360.0).unwrap_or(0.0);
    let push =
        section.get("velocity").and_then(|f| Push::read(&f, errors)).unwrap_or(Push::Fixed(Vec3::ZERO));
    let battery_pct = span(&mut section, errors, "battery_pct", 1.0..=100.0, [100.0, 100.0]);
    let start = start(&mut section, errors, around, count.unwrap_or(1));
    let (begin, path) = (section.start, section.path.clone());
    section.finish(errors);
    let (kind, ids, place) = (kind?, ids?, place?);
    check_places(errors, begin, &path, &place, ids.len(), altitude_m, around);
    Some(Block {
        kind,
        ids,
        group,
        place,
        home,
        altitude_m,
        heading_deg: heading % 360.0,
        push,
        battery_pct,
        start,
    })
}

fn check_places(
    errors: &mut Errors,
    begin: usize,
    path: &str,
    place: &Place,
    count: usize,
    [low, high]: [f64; 2],
    around: &Around,
) {
    let points: Vec<Point> = match place {
        Place::Box { min, max } => vec![*min, *max, [min[0], max[1]], [max[0], min[1]]],
        _ => (0..count).map(|k| place.point(k, count, 0, 0)).collect(),
    };
    for [e, n] in points {
        let known = errors.is_empty();
        for altitude in [low, high] {
            // A roof is a fine place to stand.
            let on_roof = around.scene.ground_under(Vec3::new(e, n, altitude)) > 0.0;
            if errors.is_empty() == known && !(on_roof && altitude > GROUND_M) {
                around.check(errors, begin, path, Vec3::new(e, n, altitude));
            }
        }
        if errors.is_empty() != known {
            return;
        }
    }
}

/// Ids given so far and where the numbers of each pattern stand.
#[derive(Default)]
struct Names {
    used: BTreeMap<String, ()>,
    next: BTreeMap<String, usize>,
}

impl Names {
    fn read(
        &mut self,
        section: &mut Section,
        errors: &mut Errors,
        count: Option<usize>,
        default: Option<String>,
    ) -> Option<Vec<String>> {
        let field = section.get("name");
        let (pattern, start, path) = match &field {
            Some(f) => (f.text(errors, NAME_MAX)?.to_owned(), f.start, f.path.clone()),
            None => (default?, section.start, section.path_of("name")),
        };
        let count = count?;
        if self.used.len() + count > DRONES_MAX {
            errors.add(start, &path, format!("more than {DRONES_MAX} drones in one scenario"));
            return None;
        }
        if count > 1 && !pattern.contains("{n}") {
            errors.add(start, &path, format!("{pattern:?} is the name of {count} drones; put {{n}} in it"));
            return None;
        }
        let next = self.next.entry(pattern.clone()).or_insert(1);
        let ids: Vec<String> =
            (*next..*next + count).map(|n| pattern.replace("{n}", &n.to_string())).collect();
        *next += count;
        for id in &ids {
            if let Some(objection) = objection_to_name(id) {
                errors.add(start, &path, objection);
                return None;
            }
            if self.used.insert(id.clone(), ()).is_some() {
                errors.add(start, &path, format!("the id {id} is given twice"));
                return None;
            }
        }
        Some(ids)
    }
}

/// A number, or `[from, to]`.
fn span(
    section: &mut Section,
    errors: &mut Errors,
    key: &'static str,
    range: std::ops::RangeInclusive<f64>,
    default: [f64; 2],
) -> [f64; 2] {
    let Some(field) = section.get(key) else { return default };
    read_span(&field, errors, range).unwrap_or(default)
}

fn read_span(field: &Field, errors: &mut Errors, range: std::ops::RangeInclusive<f64>) -> Option<[f64; 2]> {
    if !field.is_list() {
        return field.number(errors, range).map(|v| [v, v]);
    }
    let [low, high] = field.numbers::<2>(errors, range)?;
    if low > high {
        field.error(errors, format!("{low} is more than {high}"));
        return None;
    }
    Some([low, high])
}

fn home(field: &Field, errors: &mut Errors, count: Option<usize>) -> Option<Place> {
    if field.is_list() {
        let at = point(field, errors)?;
        if count.is_some_and(|n| n > 1) {
            field.error(errors, "several drones need a grid, circle or box to come home to");
        }
        return Some(Place::At(at));
    }
    let mut section = field.section(errors)?;
    let place = place(&mut section, errors, count);
    section.finish(errors);
    place
}

/// `position`, `grid`, `circle` or `box`: one of them.
fn place(section: &mut Section, errors: &mut Errors, count: Option<usize>) -> Option<Place> {
    let fields = ["position", "grid", "circle", "box"].map(|key| section.get(key));
    let mut given = fields.iter().enumerate().filter_map(|(i, f)| f.as_ref().map(|f| (i, f)));
    let Some((which, field)) = given.next() else {
        errors.add(section.start, &section.path_of("position"), "is missing; or give grid, circle or box");
        return None;
    };
    if let Some((_, second)) = given.next() {
        second.error(errors, "only one of position, grid, circle and box is accepted");
        return None;
    }
    match which {
        0 => {
            let at = point(field, errors)?;
            if count.is_some_and(|n| n > 1) {
                field.error(errors, "several drones need grid, circle or box instead of one position");
                return None;
            }
            Some(Place::At(at))
        }
        1 => grid(field.section(errors)?, errors, count),
        2 => {
            let mut circle = field.section(errors)?;
            let center = circle.required(errors, "center").and_then(|f| point(&f, errors));
            let radius =
                circle.required(errors, "radius_m").and_then(|f| f.number(errors, 0.1..=POSITION_MAX));
            circle.finish(errors);
            Some(Place::Circle { center: center?, radius_m: radius? })
        }
        _ => {
            let mut corners = field.section(errors)?;
            let min = corners.required(errors, "min").and_then(|f| point(&f, errors));
            let max = corners.required(errors, "max").and_then(|f| point(&f, errors));
            corners.finish(errors);
            let (min, max) = (min?, max?);
            if min[0] >= max[0] || min[1] >= max[1] {
                field.error(errors, format!("min {min:?} is not south-west of max {max:?}"));
                return None;
            }
            Some(Place::Box { min, max })
        }
    }
}

fn grid(mut section: Section, errors: &mut Errors, count: Option<usize>) -> Option<Place> {
    let center = section.required(errors, "center").and_then(|f| point(&f, errors));
    let spacing = section.required(errors, "spacing_m").and_then(|f| f.number(errors, 0.5..=10_000.0));
    let columns = section.get("columns").map(|f| f.integer(errors, 1..=DRONES_MAX as u64));
    section.finish(errors);
    let square = (count? as f64).sqrt().ceil() as usize;
    let columns = match columns {
        Some(given) => given? as usize,
        None => square,
    };
    Some(Place::Grid { center: center?, spacing_m: spacing?, columns })
}

fn start(section: &mut Section, errors: &mut Errors, around: &Around, count: usize) -> Start {
    let names: Vec<(&str, usize)> = behaviour::ALL.iter().enumerate().map(|(i, b)| (b.name, i)).collect();
    let behavior = section.get("behavior");
    let mission = section.get("mission");
    if let (Some(_), Some(field)) = (&behavior, &mission) {
        field.error(errors, "behavior and mission exclude each other");
    }
    if let Some(index) = behavior.and_then(|f| f.one_of(errors, &names)) {
        return Start::Behaviour(index as u8);
    }
    let Some(section) = mission.and_then(|f| f.section(errors)) else { return Start::Wait };
    missions(section, errors, around, count).map_or(Start::Wait, Start::Mission)
}

/// `waypoints`, one list for all, or `orbit`, a circle for each.
fn missions(
    mut section: Section,
    errors: &mut Errors,
    around: &Around,
    count: usize,
) -> Option<Vec<(Arc<Mission>, usize)>> {
    let looped = section.get("loop").and_then(|f| f.boolean(errors));
    let (begin, path) = (section.start, section.path.clone());
    let (waypoints, orbit) = (section.get("waypoints"), section.get("orbit"));
    section.finish(errors);
    let missions: Vec<(Arc<Mission>, usize)> = match (waypoints, orbit) {
        (Some(field), None) => {
            let list = field.list(errors, 1..=WAYPOINTS_MAX)?;
            let points: Option<Vec<_>> = list.iter().map(|f| waypoint(f, errors, around)).collect();
            let mission = Arc::new(Mission { waypoints: points?, looped: looped.unwrap_or(false) });
            let legs = mission.waypoints.len();
            // Evenly spread along a loop, so that they do not fly on top of each other.
            (0..count)
                .map(|k| (Arc::clone(&mission), if mission.looped { k * legs / count % legs } else { 0 }))
                .collect()
        }
        (None, Some(field)) => {
            let orbit = Orbit::read(field.section(errors)?, errors, around)?;
            (0..count).map(|k| orbit.mission(k, count, looped.unwrap_or(true))).collect()
        }
        _ => {
            errors.add(begin, &path, "needs either waypoints or orbit");
            return None;
        }
    };
    if let Some((bad, objection)) = missions
        .iter()
        .flat_map(|(m, _)| &m.waypoints)
        .find_map(|w| around.scene.objection_to(w.position).map(|objection| (w.position, objection)))
    {
        errors.add(begin, &path, format!("the waypoint {:?} is refused: {objection}", <[f64; 3]>::from(bad)));
    }
    Some(missions)
}

fn waypoint(field: &Field, errors: &mut Errors, around: &Around) -> Option<Waypoint> {
    let mut section = field.section(errors)?;
    let position = section.required(errors, "position").and_then(|f| {
        let [e, n, u] = f.numbers::<3>(errors, -POSITION_MAX..=POSITION_MAX)?;
        let highest = around.altitude_max();
        if !(GOAL_ALTITUDE_MIN..=highest).contains(&u) {
            f.error(errors, format!("altitude {u} is out of range {GOAL_ALTITUDE_MIN}..={highest}"));
            return None;
        }
        Some(Vec3::new(e, n, u))
    });
    let loiter_s = section.number(errors, "loiter_s", 0.0..=86_400.0).unwrap_or(0.0);
    let speed_mps = section.number(errors, "speed_mps", 0.1..=100.0);
    let heading_deg = section.number(errors, "heading_deg", 0.0..=360.0);
    section.finish(errors);
    Some(Waypoint { position: position?, loiter_s, speed_mps, heading_deg })
}

/// A circle to fly along; several drones share it out, in height and in angle.
struct Orbit {
    center: Point,
    radius_m: f64,
    altitude_m: [f64; 2],
    speed_mps: Option<f64>,
    points: usize,
    clockwise: bool,
}

impl Orbit {
    fn read(mut section: Section, errors: &mut Errors, around: &Around) -> Option<Orbit> {
        let center = section.required(errors, "center").and_then(|f| point(&f, errors));
        let radius = section.required(errors, "radius_m").and_then(|f| f.number(errors, 1.0..=POSITION_MAX));
        let altitudes = GOAL_ALTITUDE_MIN..=around.altitude_max();
        let altitude = section.required(errors, "altitude_m").and_then(|f| read_span(&f, errors, altitudes));
        let speed_mps = section.number(errors, "speed_mps", 0.1..=100.0);
        let points =
            section.get("points").and_then(|f| f.integer(errors, 3..=WAYPOINTS_MAX as u64)).unwrap_or(24);
        let clockwise = section.get("clockwise").and_then(|f| f.boolean(errors)).unwrap_or(true);
        section.finish(errors);
        Some(Orbit {
            center: center?,
            radius_m: radius?,
            altitude_m: altitude?,
            speed_mps,
            points: points as usize,
            clockwise,
        })
    }

    fn mission(&self, k: usize, count: usize, looped: bool) -> (Arc<Mission>, usize) {
        let [low, high] = self.altitude_m;
        let share = if count > 1 { k as f64 / (count - 1) as f64 } else { 0.0 };
        let altitude = low + (high - low) * share;
        let sense = if self.clockwise { 360.0 } else { -360.0 };
        let waypoint = |i: usize| {
            let way = geodesy::direction_of(sense * i as f64 / self.points as f64) * self.radius_m;
            let position = Vec3::new(self.center[0] + way.x, self.center[1] + way.y, altitude);
            Waypoint { position, loiter_s: 0.0, speed_mps: self.speed_mps, heading_deg: None }
        };
        let mission = Mission { waypoints: (0..self.points).map(waypoint).collect(), looped };
        (Arc::new(mission), k * self.points / count % self.points)
    }
}
