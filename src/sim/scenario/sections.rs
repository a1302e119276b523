//! The sections of a scenario except the drones.

use super::super::Vec3;
use super::super::avoidance::Filter;
use super::super::behaviour;
use super::super::drone_type::{Capability, DroneType, SHAPES};
use super::super::dynamics::Dynamics;
use super::super::geodesy::Origin;
use super::super::params::{GPS_PRESETS, GROUPS, LIMITS, Params, Spec};
use super::super::polygon;
use super::super::scene::{Fence, FenceAction, FenceKind, Footprint, Obstacle};
use super::super::space::Space;
use super::super::wind::WindSpec;
use super::reader::{Errors, Field, Section};
use super::{HEIGHT_MAX, NAME_MAX, POSITION_MAX, SECTIONS_MAX};

/// Most corners of a fence.
const CORNERS_MAX: usize = 200;

/// A name: 1 to 64 letters, digits, `_`, `.` or `-`.
pub fn name(field: &Field, errors: &mut Errors) -> Option<String> {
    let text = field.text(errors, NAME_MAX)?;
    if let Some(objection) = objection_to_name(text) {
        field.error(errors, objection);
        return None;
    }
    Some(text.to_owned())
}

/// What is wrong with a name, as a sentence.
pub fn objection_to_name(text: &str) -> Option<String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    if text.is_empty() || text.len() > NAME_MAX || !text.chars().all(fits) {
        return Some(format!(
            "{text:?} is no name: 1 to {NAME_MAX} letters, digits, '_', '.' or '-' are accepted"
        ));
    }
    None
}

/// Length of a tick, its substeps, and how often a state hash is taken.
pub struct Time {
    pub tick_s: f64,
    pub substeps: u32,
    pub hash_every: u64,
}

pub fn time(root: &mut Section, errors: &mut Errors) -> Time {
    let mut time = Time { tick_s: 0.04, substeps: 2, hash_every: 25 };
    let Some(mut section) = root.section(errors, "time") else { return time };
    time.tick_s = section.number(errors, "tick_s", 0.001..=1.0).unwrap_or(time.tick_s);
    if let Some(substeps) = section.get("substeps").and_then(|f| f.integer(errors, 1..=100)) {
        time.substeps = substeps as u32;
    }
    if let Some(every) = section.get("hash_every").and_then(|f| f.integer(errors, 1..=1_000_000)) {
        time.hash_every = every;
    }
    section.finish(errors);
    time
}

pub fn origin(root: &mut Section, errors: &mut Errors) -> Origin {
    // Kuwait City, where the reference tower stands.
    let default = Origin { lat: 29.3759, lon: 47.9774, amsl_m: 0.0 };
    let Some(mut section) = root.section(errors, "origin") else { return default };
    let lat = section.required(errors, "lat").and_then(|f| f.number(errors, -89.0..=89.0));
    let lon = section.required(errors, "lon").and_then(|f| f.number(errors, -180.0..=180.0));
    let amsl = section.number(errors, "amsl_m", -500.0..=9000.0);
    section.finish(errors);
    Origin { lat: lat.unwrap_or(0.0), lon: lon.unwrap_or(0.0), amsl_m: amsl.unwrap_or(0.0) }
}

/// What of `[wind]` is no parameter.
fn wind(section: &mut Section, errors: &mut Errors) -> WindSpec {
    let speed = section.number(errors, "speed_mps", 0.0..=60.0);
    let from = section.number(errors, "from_deg", 0.0..=360.0);
    let gust = section.number(errors, "gust_mps", 0.0..=20.0);
    WindSpec { speed_mps: speed.unwrap_or(0.0), from_deg: from.unwrap_or(0.0), gust_mps: gust.unwrap_or(0.0) }
}

/// The values of the named position sensor of `[gps]`.
fn preset(section: &mut Section, errors: &mut Errors) -> &'static [(&'static str, f64)] {
    section.get("preset").and_then(|f| f.one_of(errors, &GPS_PRESETS)).unwrap_or_default()
}

/// `[limits]`, the groups after it, and `[behavior.<name>]`; also the law of motion, which stands in `[dynamics]`, and
/// the mean wind.
pub fn params(root: &mut Section, errors: &mut Errors) -> (Params, Dynamics, WindSpec) {
    let mut params = Params::default();
    let (mut dynamics, mut air) = (Dynamics::default(), WindSpec::default());
    let mut read = |section: &mut Section, errors: &mut Errors, specs: &[Spec]| {
        if section.path == "gps" {
            for (field, value) in preset(section, errors) {
                let _ = params.set(&section.path_of(field), *value);
            }
        }
        for spec in specs {
            let Some(field) = section.get(spec.name) else { continue };
            let named: Vec<(&str, f64)> = spec.choices.iter().copied().zip((0u32..).map(f64::from)).collect();
            let value = match named.as_slice() {
                [] => field.number(errors, spec.min..=spec.max),
                choices => field.one_of(errors, choices),
            };
            if let Some(value) = value {
                // The path and the range are the schema's own.
                let _ = params.set(&section.path_of(spec.name), value);
            }
        }
    };
    if let Some(mut section) = root.section(errors, "limits") {
        read(&mut section, errors, &LIMITS);
        section.finish(errors);
    }
    for (group, specs) in GROUPS {
        if let Some(mut section) = root.section(errors, group) {
            read(&mut section, errors, specs);
            if group == "dynamics" {
                dynamics =
                    section.get("model").and_then(|f| f.one_of(errors, &Dynamics::ALL)).unwrap_or_default();
            }
            if group == "wind" {
                air = wind(&mut section, errors);
            }
            section.finish(errors);
        }
    }
    if let Some(mut all) = root.section(errors, "behavior") {
        for behaviour in behaviour::ALL {
            if let Some(mut section) = all.section(errors, behaviour.name) {
                read(&mut section, errors, behaviour.params);
                section.finish(errors);
            }
        }
        all.finish(errors);
    }
    (params, dynamics, air)
}

/// `[space]`: open, or a torus of a size on each axis.
pub fn space(root: &mut Section, errors: &mut Errors) -> Space {
    let Some(mut section) = root.section(errors, "space") else { return Space::default() };
    let shape = section.get("shape").and_then(|f| f.one_of(errors, &[("open", false), ("torus", true)]));
    let cell_m = section.number(errors, "cell_m", 0.01..=1000.0);
    let mut size = Vec3::ZERO;
    if shape == Some(true) {
        let sizes = section.required(errors, "size_m");
        if let Some([e, n]) = sizes.and_then(|f| f.numbers::<2>(errors, 0.1..=POSITION_MAX)) {
            size = Vec3::new(e, n, 0.0);
        }
    }
    section.finish(errors);
    Space::new(size, cell_m)
}

/// `[avoidance]`: what has the last word on a velocity. Models of points that mean what they say go without.
pub fn filter(root: &mut Section, errors: &mut Errors, dynamics: Dynamics) -> Filter {
    let default = if dynamics == Dynamics::Quad { Filter::Brake } else { Filter::None };
    let Some(mut section) = root.section(errors, "avoidance") else { return default };
    let filter = section.get("filter").and_then(|f| f.one_of(errors, &Filter::ALL));
    section.finish(errors);
    filter.unwrap_or(default)
}

/// `[[types]]`: changes of `types` by name, and new ones.
pub fn types(root: &mut Section, errors: &mut Errors, mut types: Vec<DroneType>) -> Vec<DroneType> {
    let mut described: Vec<String> = Vec::new();
    for mut section in root.sections(errors, "types", SECTIONS_MAX) {
        let Some(field) = section.required(errors, "name") else { continue };
        let Some(name) = name(&field, errors) else { continue };
        if described.contains(&name) {
            field.error(errors, format!("the type {name} is described twice"));
            continue;
        }
        described.push(name.clone());
        let base = base_of(&mut section, errors, &types, &name);
        let kind = one_type(&mut section, errors, DroneType { name, ..base });
        section.finish(errors);
        match types.iter_mut().find(|t| t.name == kind.name) {
            Some(known) => *known = kind,
            None => types.push(kind),
        }
    }
    types
}

/// The type that a description starts from: itself if it is known, else `base`, else a quad.
fn base_of(section: &mut Section, errors: &mut Errors, types: &[DroneType], name: &str) -> DroneType {
    let base = section.get("base");
    if let Some(known) = types.iter().find(|t| t.name == name) {
        if let Some(field) = base {
            field.error(errors, format!("the type {name} is known already, so it has no base"));
        }
        return known.clone();
    }
    let fresh = DroneType { title: name.to_owned(), ..DroneType::default() };
    let Some(field) = base else { return fresh };
    let named: Vec<(&str, usize)> = types.iter().enumerate().map(|(i, t)| (t.name.as_str(), i)).collect();
    field.one_of(errors, &named).map_or(fresh, |i| DroneType { title: name.to_owned(), ..types[i].clone() })
}

fn one_type(section: &mut Section, errors: &mut Errors, mut kind: DroneType) -> DroneType {
    if let Some(title) = section.text(errors, "title", 100) {
        kind.title = title.to_owned();
    }
    let shapes = SHAPES.map(|shape| (shape, shape));
    if let Some(shape) = section.get("shape").and_then(|f| f.one_of(errors, &shapes)) {
        kind.shape = shape.to_owned();
    }
    for (key, min, max, place) in kind.numbers() {
        if let Some(value) = section.number(errors, key, min..=max) {
            *place = value;
        }
    }
    if let Some(list) = section.get("capabilities").and_then(|f| f.list(errors, 0..=16)) {
        kind.capabilities = list.iter().filter_map(|f| f.one_of(errors, &Capability::ALL)).collect();
    }
    kind
}

pub fn obstacles(root: &mut Section, errors: &mut Errors) -> Vec<Obstacle> {
    let sections = root.sections(errors, "obstacles", SECTIONS_MAX);
    sections
        .into_iter()
        .enumerate()
        .filter_map(|(i, mut section)| {
            let name = section.get("name").and_then(|f| name(&f, errors));
            let center = section.required(errors, "center").and_then(|f| point(&f, errors));
            let height =
                section.required(errors, "height_m").and_then(|f| f.number(errors, 0.1..=HEIGHT_MAX));
            let shape = section.required(errors, "shape");
            let shape = shape.and_then(|f| f.one_of(errors, &[("box", true), ("cylinder", false)]));
            let footprint = shape.and_then(|is_box| match is_box {
                true => section
                    .required(errors, "size_m")
                    .and_then(|f| f.numbers::<2>(errors, 0.1..=10_000.0))
                    .map(|size| Footprint::Box { size }),
                false => section
                    .required(errors, "radius_m")
                    .and_then(|f| f.number(errors, 0.1..=5000.0))
                    .map(|radius| Footprint::Cylinder { radius }),
            });
            if shape.is_none() {
                // Not blamed for fields of a shape that could not be read.
                let _ = (section.get("size_m"), section.get("radius_m"));
            }
            section.finish(errors);
            Some(Obstacle {
                name: name.unwrap_or_else(|| format!("obstacle-{}", i + 1)),
                footprint: footprint?,
                center: center?,
                height_m: height?,
            })
        })
        .collect()
}

pub fn fences(root: &mut Section, errors: &mut Errors) -> Vec<Fence> {
    let sections = root.sections(errors, "fences", SECTIONS_MAX);
    sections.into_iter().enumerate().filter_map(|(i, section)| fence(section, errors, i)).collect()
}

fn fence(mut section: Section, errors: &mut Errors, index: usize) -> Option<Fence> {
    let name = section.get("name").and_then(|f| name(&f, errors));
    let kinds = [("keep_in", FenceKind::KeepIn), ("keep_out", FenceKind::KeepOut)];
    let kind = section.required(errors, "kind").and_then(|f| f.one_of(errors, &kinds));
    let actions = [
        ("warn", FenceAction::Warn),
        ("hold", FenceAction::Hold),
        ("rtl", FenceAction::Rtl),
        ("land", FenceAction::Land),
    ];
    let action = section.get("action").and_then(|f| f.one_of(errors, &actions));
    let polygon = section.required(errors, "polygon").and_then(|f| corners(&f, errors));
    let floor_m = section.number(errors, "floor_m", 0.0..=HEIGHT_MAX);
    let ceiling = section.get("ceiling_m");
    let ceiling_m = ceiling.as_ref().and_then(|f| f.number(errors, 0.0..=HEIGHT_MAX));
    if let (Some(floor), Some(top), Some(field)) = (floor_m, ceiling_m, ceiling)
        && top <= floor
    {
        field.error(errors, format!("{top} is not above the floor, {floor}"));
    }
    section.finish(errors);
    Some(Fence {
        name: name.unwrap_or_else(|| format!("fence-{}", index + 1)),
        kind: kind?,
        polygon: polygon?,
        floor_m,
        ceiling_m,
        action: action.unwrap_or(FenceAction::Hold),
    })
}

fn corners(field: &Field, errors: &mut Errors) -> Option<Vec<polygon::Point>> {
    let list = field.list(errors, 3..=CORNERS_MAX)?;
    let corners: Option<Vec<_>> = list.iter().map(|f| point(f, errors)).collect();
    let corners = corners?;
    if !polygon::is_simple(&corners) || polygon::area2(&corners).abs() < 1.0 {
        field.error(errors, "the polygon crosses itself or has no area");
        return None;
    }
    Some(corners)
}

/// `[east, north]` in metres.
pub fn point(field: &Field, errors: &mut Errors) -> Option<polygon::Point> {
    field.numbers::<2>(errors, -POSITION_MAX..=POSITION_MAX)
}
