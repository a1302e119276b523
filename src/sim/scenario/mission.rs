//! `[mission]` and `[acceptance]`: what is to be done, and what a run must come to.

use super::super::Vec3;
use super::super::command::Fault;
use super::super::drone_type::{Capability, DroneType};
use super::super::mission::allocation::Allocation;
use super::super::mission::map::CELLS_MAX;
use super::super::mission::report::BOUNDS;
use super::super::mission::site::{Building, Face, Layout, Side};
use super::super::mission::spec::{
    Action, Clean, Event, General, Given, Inspect, Number, Patrol, Rule, Scan, Search, Supply, Tether, Turn,
    Watch,
};
use super::super::mission::{Acceptance, Kind, Outcome, Spec};
use super::super::scene::{Footprint, Scene};
use super::fleet::Block;
use super::reader::{Errors, Field, Section};
use super::sections::{name, point};
use super::{HEIGHT_MAX, POSITION_MAX, SECTIONS_MAX};

/// Most rows or columns of a face.
const LINES_MAX: u64 = 200;
/// Most windows of a mission.
const WINDOWS_MAX: usize = 10_000;
/// Most litres that a drone holds.
const TANK_L_MAX: f64 = 1000.0;
/// Lowest place of a task.
const HOVER_M_MIN: f64 = 2.0;

/// Reads `[mission]`, if there is one.
pub fn read(
    root: &mut Section,
    errors: &mut Errors,
    types: &[DroneType],
    scene: &Scene,
    fleet: &[Block],
) -> Option<Spec> {
    let mut section = root.section(errors, "mission")?;
    let rules = Allocation::ALL.map(|(name, rule, _)| (name, rule));
    let allocation = section.get("allocation").and_then(|f| f.one_of(errors, &rules)).unwrap_or_default();
    let god_view = section.get("god_view").and_then(|f| f.boolean(errors)).unwrap_or(false);
    let mut general = General::default();
    numbers(&mut section, errors, &mut general.numbers());
    let search = section.required(errors, "search").and_then(|f| f.section(errors));
    let search = search.and_then(|section| search_volume(section, errors));
    let layout = buildings(&mut section, errors, scene);
    let (mut scan, mut clean, mut inspect) = (Scan::default(), Clean::default(), Inspect::default());
    optional(&mut section, errors, "scan", &mut scan.numbers());
    optional(&mut section, errors, "clean", &mut clean.numbers());
    optional(&mut section, errors, "inspect", &mut inspect.numbers());
    let mut supply = Supply::default();
    let tanks_l = tanks(&mut section, errors, types, &mut supply);
    let (mut tether, mut patrol) = (Tether::default(), Patrol::default());
    let has_tether = optional(&mut section, errors, "tether", &mut tether.numbers());
    let has_patrol = optional(&mut section, errors, "patrol", &mut patrol.numbers());
    let largest_l = largest_tank_l(&tanks_l, types, fleet);
    if !layout.windows.is_empty() {
        check_tanks(&section, errors, &clean, largest_l);
    }
    let tasks = tasks(&mut section, errors, scene, largest_l);
    let mut rules = Vec::new();
    for rule in section.sections(errors, "rules", SECTIONS_MAX) {
        rules.extend(self::rule(rule, errors));
    }
    let events = events(&mut section, errors, fleet);
    section.finish(errors);
    Some(Spec {
        allocation,
        god_view,
        general,
        search: search?,
        scan,
        clean,
        inspect,
        supply,
        tanks_l,
        tether: has_tether.then_some(tether),
        patrol: has_patrol.then_some(patrol),
        tasks,
        rules,
        events,
        layout,
    })
}

fn numbers(section: &mut Section, errors: &mut Errors, numbers: &mut [Number]) {
    for (key, min, max, place) in numbers {
        if let Some(value) = section.number(errors, key, *min..=*max) {
            **place = value;
        }
    }
}

/// A section of numbers; whether it is there.
fn optional(parent: &mut Section, errors: &mut Errors, key: &'static str, places: &mut [Number]) -> bool {
    let Some(mut section) = parent.section(errors, key) else { return false };
    numbers(&mut section, errors, places);
    section.finish(errors);
    true
}

fn search_volume(mut section: Section, errors: &mut Errors) -> Option<Search> {
    let (start, path) = (section.start, section.path.clone());
    let min = section.required(errors, "min").and_then(|f| point(&f, errors));
    let max = section.required(errors, "max").and_then(|f| point(&f, errors));
    let ceiling = section.required(errors, "ceiling_m").and_then(|f| f.number(errors, 4.0..=HEIGHT_MAX));
    let cell_m = section.number(errors, "cell_m", 1.0..=100.0).unwrap_or(6.0);
    section.finish(errors);
    let search = Search { min: min?, max: max?, ceiling_m: ceiling?, cell_m };
    let ([w, s], [e, n]) = (search.min, search.max);
    if e <= w || n <= s {
        errors.add(start, &path, format!("min {:?} is not south-west of max {:?}", search.min, search.max));
        return None;
    }
    let cells = ((e - w) / cell_m + 1.0) * ((n - s) / cell_m + 1.0) * (search.ceiling_m / cell_m + 1.0);
    if cells > CELLS_MAX {
        errors.add(
            start,
            &path,
            format!("about {cells:.0} cells; at most {CELLS_MAX} are accepted: make cell_m larger"),
        );
        return None;
    }
    Some(search)
}

fn buildings(mission: &mut Section, errors: &mut Errors, scene: &Scene) -> Layout {
    let mut layout = Layout::default();
    let start = mission.start;
    for section in mission.sections(errors, "buildings", SECTIONS_MAX) {
        building(section, errors, scene, &mut layout);
    }
    if layout.windows.len() > WINDOWS_MAX {
        let count = layout.windows.len();
        errors.add(
            start,
            "mission.buildings",
            format!("{count} windows; at most {WINDOWS_MAX} are accepted"),
        );
    }
    layout
}

/// Windows in rows and columns on the faces of a box-shaped obstacle.
fn building(mut section: Section, errors: &mut Errors, scene: &Scene, layout: &mut Layout) -> Option<()> {
    let named: Vec<(&str, usize)> =
        (scene.obstacles.iter().enumerate()).map(|(i, obstacle)| (obstacle.name.as_str(), i)).collect();
    let field = section.required(errors, "obstacle");
    let obstacle = field.as_ref().and_then(|f| f.one_of(errors, &named)).map(|i| &scene.obstacles[i]);
    let sides = section.required(errors, "faces").and_then(|f| f.list(errors, 1..=4));
    let sides: Vec<Side> = (sides.iter().flatten()).filter_map(|f| f.one_of(errors, &Side::ALL)).collect();
    let rows = section.required(errors, "rows").and_then(|f| f.integer(errors, 1..=LINES_MAX));
    let columns = section.required(errors, "columns").and_then(|f| f.integer(errors, 1..=LINES_MAX));
    let sill = section.required(errors, "sill_m").and_then(|f| f.number(errors, 0.5..=HEIGHT_MAX));
    let top = section.get("top_m");
    let top_m = top.as_ref().and_then(|f| f.number(errors, 0.5..=HEIGHT_MAX));
    let window_m =
        section.get("window_m").and_then(|f| f.numbers::<2>(errors, 0.1..=20.0)).unwrap_or([1.6, 1.8]);
    let dirt = section.get("dirt").and_then(|f| f.numbers::<2>(errors, 0.2..=1.0)).unwrap_or([0.4, 1.0]);
    section.finish(errors);
    let (field, obstacle) = (field?, obstacle?);
    let Footprint::Box { size } = obstacle.footprint else {
        field.error(
            errors,
            format!("the obstacle {} is no box: windows stand in the faces of boxes", obstacle.name),
        );
        return None;
    };
    let (rows, columns, sill) = (rows? as usize, columns? as usize, sill?);
    let top_m = top_m.unwrap_or(obstacle.height_m - 3.0);
    if top_m < sill || top_m >= obstacle.height_m {
        let place = top.as_ref().unwrap_or(&field);
        place.error(
            errors,
            format!(
                "the topmost row at {top_m} is not between sill_m = {sill} and the roof at {}",
                obstacle.height_m
            ),
        );
        return None;
    }
    if layout.buildings.iter().any(|known| known.name == obstacle.name) {
        field.error(errors, format!("the building {} is described twice", obstacle.name));
        return None;
    }
    layout.buildings.push(Building {
        name: obstacle.name.clone(),
        center: obstacle.center,
        size_m: size,
        height_m: obstacle.height_m,
        dirt: [dirt[0].min(dirt[1]), dirt[0].max(dirt[1])],
    });
    for side in sides {
        let [width, depth] = match side {
            Side::South | Side::North => size,
            Side::East | Side::West => [size[1], size[0]],
        };
        let pitch = [width / columns as f64, (top_m - sill) / (rows.max(2) - 1) as f64];
        let middle = super::super::Vec3::new(obstacle.center[0], obstacle.center[1], sill);
        let first =
            middle + side.outward() * (depth / 2.0) - side.right() * (pitch[0] * (columns - 1) as f64 / 2.0);
        let (building, start) = (layout.buildings.len() - 1, layout.windows.len());
        layout.add(Face { building, side, rows, columns, first, pitch_m: pitch, window_m, start });
    }
    Some(())
}

/// `[mission.supply]`: numbers, and litres by type in `tanks_l`.
fn tanks(mission: &mut Section, errors: &mut Errors, types: &[DroneType], supply: &mut Supply) -> Vec<f64> {
    let mut tanks_l = vec![0.0; types.len()];
    let Some(mut section) = mission.section(errors, "supply") else { return tanks_l };
    numbers(&mut section, errors, &mut supply.numbers());
    let named: Vec<(&str, usize)> =
        types.iter().enumerate().map(|(i, kind)| (kind.name.as_str(), i)).collect();
    for mut tank in section.sections(errors, "tanks", SECTIONS_MAX) {
        let kind = tank.required(errors, "type").and_then(|f| f.one_of(errors, &named));
        let litres = tank.required(errors, "litres").and_then(|f| f.number(errors, 0.0..=TANK_L_MAX));
        tank.finish(errors);
        if let (Some(kind), Some(litres)) = (kind, litres) {
            tanks_l[kind] = litres;
        }
    }
    section.finish(errors);
    tanks_l
}

/// The most that a drone of the fleet which cleans holds; `None` if nobody cleans.
fn largest_tank_l(tanks_l: &[f64], types: &[DroneType], fleet: &[Block]) -> Option<f64> {
    let cleaners = fleet.iter().filter(|block| types[block.kind].capabilities.contains(&Capability::Clean));
    cleaners.map(|block| tanks_l[block.kind]).reduce(f64::max)
}

/// Whoever cleans holds at least what the dirtiest window takes; otherwise nobody ever could.
fn check_tanks(mission: &Section, errors: &mut Errors, clean: &Clean, largest_l: Option<f64>) {
    let needed_l = clean.work_s * clean.fluid_lps;
    if let Some(largest_l) = largest_l.filter(|&largest_l| needed_l > largest_l) {
        let message = format!(
            "a window takes up to {needed_l} l (clean.work_s × clean.fluid_lps), but no drone that cleans holds more than {largest_l} l"
        );
        errors.add(mission.start, &mission.path_of("clean.fluid_lps"), message);
    }
}

/// `[[mission.tasks]]`: what is to be done at places of their own.
fn tasks(mission: &mut Section, errors: &mut Errors, scene: &Scene, largest_l: Option<f64>) -> Vec<Given> {
    let mut tasks: Vec<Given> = Vec::new();
    for section in mission.sections(errors, "tasks", SECTIONS_MAX) {
        let task = task(section, errors, scene, largest_l, &tasks);
        tasks.extend(task);
    }
    tasks
}

fn task(
    mut section: Section,
    errors: &mut Errors,
    scene: &Scene,
    largest_l: Option<f64>,
    known: &[Given],
) -> Option<Given> {
    let kinds = [Kind::Scan, Kind::Clean, Kind::Inspect, Kind::Patrol].map(|kind| (kind.name(), kind));
    let earlier: Vec<(&str, usize)> =
        known.iter().enumerate().map(|(k, task)| (task.name.as_str(), k)).collect();
    let title = section.required(errors, "name");
    let name = title.as_ref().and_then(|f| name(f, errors));
    let kind = section.required(errors, "kind").and_then(|f| f.one_of(errors, &kinds));
    let position = section.required(errors, "position").and_then(|f| place(&f, errors, scene));
    let look_at = section.get("look_at").and_then(|f| f.numbers::<3>(errors, -POSITION_MAX..=POSITION_MAX));
    let duration_s = section.number(errors, "duration_s", 0.2..=3600.0).unwrap_or(5.0);
    let fluid = section.get("fluid_l");
    let fluid_l = fluid.as_ref().and_then(|f| f.number(errors, 0.0..=TANK_L_MAX)).unwrap_or(0.0);
    let at_s = section.number(errors, "at_s", 0.0..=1e6).unwrap_or(0.0);
    let after = section.get("after").and_then(|f| f.one_of(errors, &earlier));
    let deadline_s = section.number(errors, "deadline_s", 1.0..=1e6);
    section.finish(errors);
    match (&fluid, largest_l) {
        (Some(fluid), _) if kind.is_some_and(|kind| kind != Kind::Clean) => {
            fluid.error(errors, "only tasks of the kind clean take fluid");
        }
        (Some(fluid), Some(largest_l)) if fluid_l > largest_l => {
            fluid.error(errors, format!("{fluid_l} l; no drone that cleans holds more than {largest_l} l"));
        }
        _ => {}
    }
    let name = name?;
    if let Some(title) = title.filter(|_| earlier.iter().any(|(known, _)| *known == name)) {
        title.error(errors, format!("there are two tasks of the name {name}"));
    }
    let look_at = look_at.map(|[x, y, z]| Vec3::new(x, y, z));
    Some(Given {
        name,
        kind: kind?,
        position: position?,
        look_at,
        duration_s,
        fluid_l,
        at_s,
        after,
        deadline_s,
    })
}

/// A point in the air where a drone may hover.
fn place(field: &Field, errors: &mut Errors, scene: &Scene) -> Option<Vec3> {
    let [x, y, z] = field.numbers::<3>(errors, -POSITION_MAX..=POSITION_MAX)?;
    let place = Vec3::new(x, y, z);
    if let Some(objection) = scene.objection_to(place) {
        field.error(errors, objection);
    } else if z < HOVER_M_MIN {
        field.error(errors, format!("the point lies at {z} m; drones hover at {HOVER_M_MIN} m and above"));
    } else {
        return Some(place);
    }
    None
}

fn rule(mut section: Section, errors: &mut Errors) -> Option<Rule> {
    #[derive(Clone, Copy, PartialEq)]
    enum What {
        Wind,
        Hours,
        Fence,
    }
    let title = section.get("name").and_then(|f| name(&f, errors));
    let words = [("wind", What::Wind), ("hours", What::Hours), ("fence", What::Fence)];
    let what = section.required(errors, "watch").and_then(|f| f.one_of(errors, &words));
    let action = section.required(errors, "action").and_then(|f| f.one_of(errors, &Action::ALL));
    let watch = match what {
        Some(What::Wind) => {
            let limit = section.required(errors, "limit_mps").and_then(|f| f.number(errors, 0.1..=60.0));
            let resume = section.number(errors, "resume_mps", 0.1..=60.0);
            limit.map(|limit_mps| Watch::Wind {
                limit_mps,
                resume_mps: resume.unwrap_or(0.85 * limit_mps).min(limit_mps),
            })
        }
        Some(What::Hours) => {
            let from = section.required(errors, "from_h").and_then(|f| f.number(errors, 0.0..=24.0));
            let to = section.required(errors, "to_h").and_then(|f| f.number(errors, 0.0..=24.0));
            from.zip(to).map(|(from_h, to_h)| Watch::Hours { from_h, to_h })
        }
        Some(What::Fence) => Some(Watch::Fence),
        None => {
            // Not blamed for fields of a rule that could not be read.
            let _ = ["limit_mps", "resume_mps", "from_h", "to_h"].map(|key| section.get(key).is_some());
            None
        }
    };
    section.finish(errors);
    let fallback = words.iter().find(|(_, word)| Some(*word) == what).map_or("rule", |(word, _)| word);
    Some(Rule { name: title.unwrap_or_else(|| fallback.to_owned()), watch: watch?, action: action? })
}

/// `[[mission.events]]`: faults and weather that come by themselves.
fn events(mission: &mut Section, errors: &mut Errors, fleet: &[Block]) -> Vec<Event> {
    let ids: Vec<(&str, ())> =
        fleet.iter().flat_map(|block| &block.ids).map(|id| (id.as_str(), ())).collect();
    let mut events: Vec<Event> = Vec::new();
    for section in mission.sections(errors, "events", SECTIONS_MAX) {
        events.extend(event(section, errors, &ids));
    }
    events.sort_by(|a, b| a.at_s.total_cmp(&b.at_s));
    events
}

fn event(mut section: Section, errors: &mut Errors, ids: &[(&str, ())]) -> Option<Event> {
    let at_s = section.required(errors, "at_s").and_then(|f| f.number(errors, 0.0..=1e6));
    let faults = [
        ("panic", Fault::Panic),
        ("motor", Fault::Motor),
        ("battery", Fault::Battery),
        ("gps", Fault::Gps),
        ("link", Fault::Link),
    ];
    let what = match section.get("fault") {
        Some(field) => fault(&mut section, errors, &field, &faults, ids),
        None => {
            let speed_mps = section.number(errors, "wind_mps", 0.0..=60.0);
            let from_deg = section.number(errors, "wind_from_deg", 0.0..=360.0);
            let gust_mps = section.number(errors, "gust_mps", 0.0..=20.0);
            if speed_mps.is_none() && from_deg.is_none() && gust_mps.is_none() {
                errors.add(
                    section.start,
                    &section.path_of("fault"),
                    "is missing; or give wind_mps, wind_from_deg or gust_mps",
                );
            }
            Some(Turn::Wind { speed_mps, from_deg, gust_mps })
        }
    };
    section.finish(errors);
    Some(Event { at_s: at_s?, what: what? })
}

fn fault(
    section: &mut Section,
    errors: &mut Errors,
    field: &Field,
    faults: &[(&str, Fault)],
    ids: &[(&str, ())],
) -> Option<Turn> {
    let fault = field.one_of(errors, faults);
    let drones = section.required(errors, "drones").and_then(|f| f.list(errors, 1..=SECTIONS_MAX));
    let named: Vec<String> = (drones.iter().flatten())
        .filter_map(|f| {
            f.one_of(errors, ids)?;
            f.text(errors, 64).map(str::to_owned)
        })
        .collect();
    let highest = if fault == Some(Fault::Battery) { 100.0 } else { 1.0 };
    let value = section.number(errors, "value", 0.0..=highest);
    let duration_s = section.number(errors, "duration_s", 0.1..=86_400.0);
    (named.len() == drones?.len()).then_some(())?;
    Some(Turn::Fault { drones: named, fault: fault?, value, duration_s })
}

/// Reads `[acceptance]`, if there is one.
pub fn acceptance(root: &mut Section, errors: &mut Errors, has_mission: bool) -> Option<Acceptance> {
    let field = root.get("acceptance")?;
    if !has_mission {
        field.error(errors, "needs a [mission]: it is the mission's report that is judged");
    }
    let mut section = field.section(errors)?;
    let outcome = section.get("outcome").and_then(|f| f.one_of(errors, &Outcome::ALL));
    let bounds = BOUNDS.map(|(key, _, highest, _)| section.number(errors, key, 0.0..=highest));
    section.finish(errors);
    Some(Acceptance { outcome, bounds })
}
