//! Scenarios: what a run starts from, as a TOML file that is checked to the last field.
//!
//! Reading never stops at the first mistake: each is reported with line, column, field, value and accepted range, and
//! a name that is not known with the nearest one that is.

mod fleet;
mod mission;
mod reader;
mod sections;

use std::collections::BTreeMap;
use std::sync::Arc;

use toml::de::DeTable;

pub use fleet::{Block, GOAL_ALTITUDE_MIN, Place, Push, Start, WAYPOINTS_MAX};
pub use reader::ScenarioError;
use reader::{Errors, Section};
pub(super) use sections::objection_to_name;

use super::avoidance::Filter;
use super::drone_type::{self, DroneType};
use super::dynamics::Dynamics;
use super::geodesy::Origin;
use super::hash::Hash64;
use super::mission::{Acceptance, Spec};
use super::params::Params;
use super::scene::Scene;
use super::space::Space;
use super::wind::WindSpec;

/// Longest accepted file in bytes.
pub const TEXT_MAX: usize = 4 << 20;
/// Largest number of drones in a world.
pub const DRONES_MAX: usize = 100_000;
/// Positions are within this of the origin on every axis, in metres.
pub const POSITION_MAX: f64 = 100_000.0;
/// Largest height of anything above the ground plane, in metres.
pub const HEIGHT_MAX: f64 = 10_000.0;
/// Most types, obstacles or fences.
pub const SECTIONS_MAX: usize = 1000;
/// Longest name of anything, in characters.
pub const NAME_MAX: usize = 64;

/// What a run starts from. Read-only once parsed.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Name, such as `hello`.
    pub name: String,
    /// Name for people.
    pub title: String,
    /// What there is to see.
    pub description: String,
    /// Seed, if nobody names another.
    pub seed: u64,
    /// Length of a tick in seconds.
    pub tick_s: f64,
    /// Physics substeps in a tick.
    pub substeps: u32,
    /// Ticks from one state hash to the next.
    pub hash_every: u64,
    /// Where the local frame stands on the earth.
    pub origin: Origin,
    /// Every type of drone: the built-in ones as changed, then new ones.
    pub types: Vec<DroneType>,
    /// Obstacles and fences.
    pub scene: Arc<Scene>,
    /// Wind at the start.
    pub wind: WindSpec,
    /// Parameters at the start.
    pub params: Params,
    /// How bodies move.
    pub dynamics: Dynamics,
    /// The space that they move in.
    pub space: Space,
    /// What has the last word on a velocity.
    pub filter: Filter,
    /// The drones, in blocks.
    pub fleet: Vec<Block>,
    /// What is to be done, if there is a mission.
    pub mission: Option<Arc<Spec>>,
    /// What a run must come to.
    pub acceptance: Option<Acceptance>,
    text: String,
}

impl Scenario {
    /// Reads a scenario. Never panics; the mistakes come in the order of the text.
    pub fn parse(text: &str) -> Result<Scenario, Vec<ScenarioError>> {
        let mut errors = Errors::new(text);
        let scenario = read_document(text, &mut errors, read_scenario);
        match scenario {
            Some(scenario) if errors.is_empty() => Ok(scenario),
            _ => Err(errors.into_vec()),
        }
    }

    /// Every field that a scenario with the sections of this text may have, with `[]` for places in lists, and whether
    /// the text has it anywhere.
    pub fn fields(text: &str) -> BTreeMap<String, bool> {
        let mut errors = Errors::new(text);
        read_document(text, &mut errors, read_scenario);
        let mut fields = BTreeMap::new();
        for (path, is_there) in errors.asked() {
            let parts = path.split('[').map(|part| part.split_once(']').map_or(part, |(_, rest)| rest));
            *fields.entry(parts.collect::<Vec<_>>().join("[]")).or_default() |= is_there;
        }
        fields
    }

    /// The text that it was read from.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Fingerprint of the text.
    pub fn hash(&self) -> u64 {
        let mut hash = Hash64::default();
        hash.text(&self.text);
        hash.finish()
    }

    /// How many drones it starts with.
    pub fn drone_count(&self) -> usize {
        self.fleet.iter().map(|block| block.ids.len()).sum()
    }
}

/// Reads a file that holds nothing but `[[types]]`.
pub(super) fn read_types(text: &str) -> Result<Vec<DroneType>, Vec<ScenarioError>> {
    let mut errors = Errors::new(text);
    let types = read_document(text, &mut errors, |mut root, errors, _| {
        let types = sections::types(&mut root, errors, Vec::new());
        root.finish(errors);
        Some(types)
    });
    match types {
        Some(types) if errors.is_empty() => Ok(types),
        _ => Err(errors.into_vec()),
    }
}

fn read_document<T>(
    text: &str,
    errors: &mut Errors,
    read: impl FnOnce(Section, &mut Errors, &str) -> Option<T>,
) -> Option<T> {
    if text.len() > TEXT_MAX {
        errors.add(0, "", format!("the file has {} bytes; at most {TEXT_MAX} are accepted", text.len()));
        return None;
    }
    match DeTable::parse(text) {
        Ok(table) => read(Section::new(table.get_ref(), String::new(), 0), errors, text),
        Err(error) => {
            let start = error.span().map_or(0, |span| span.start);
            errors.add(start, "", error.message().to_owned());
            None
        }
    }
}

fn read_scenario(mut root: Section, errors: &mut Errors, text: &str) -> Option<Scenario> {
    let name = root.required(errors, "name").and_then(|f| sections::name(&f, errors));
    let title = root.text(errors, "title", 200).map(str::to_owned);
    let description = root.text(errors, "description", 4000).unwrap_or_default().to_owned();
    let seed = root.get("seed").and_then(|f| f.integer(errors, 0..=u64::MAX)).unwrap_or(1);
    let time = sections::time(&mut root, errors);
    let origin = sections::origin(&mut root, errors);
    let types = sections::types(&mut root, errors, drone_type::builtin().to_vec());
    let obstacles = sections::obstacles(&mut root, errors);
    let fences = sections::fences(&mut root, errors);
    let (params, dynamics, wind) = sections::params(&mut root, errors);
    let space = sections::space(&mut root, errors);
    let filter = sections::filter(&mut root, errors, dynamics);
    let scene = Arc::new(Scene::new(obstacles, fences));
    let fleet = fleet::read(&mut root, errors, &types, &scene, &params);
    let mission = mission::read(&mut root, errors, &types, &scene, &fleet).map(Arc::new);
    let acceptance = mission::acceptance(&mut root, errors, mission.is_some());
    root.finish(errors);
    let name = name?;
    let title = title.unwrap_or_else(|| name.clone());
    Some(Scenario {
        name,
        title,
        description,
        seed,
        tick_s: time.tick_s,
        substeps: time.substeps,
        hash_every: time.hash_every,
        origin,
        types,
        scene,
        wind,
        params,
        dynamics,
        space,
        filter,
        fleet,
        mission,
        acceptance,
        text: text.to_owned(),
    })
}
