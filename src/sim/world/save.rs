//! A world as bytes, and back: what a keyframe of a run is made of.
//!
//! The bytes are MessagePack with field names. They hold what the future depends on and cannot be derived: scratch
//! space, lists that follow from others and what is drained anyway are made anew; aggregates over the run start anew. The state hash goes with them, so that
//! a world that comes back differently is refused and never flown.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::super::drone::Drone;
use super::super::measure::{CloseCalls, Metrics, Safety};
use super::super::mission::Mission;
use super::super::params::Params;
use super::super::scene::{Fence, Scene};
use super::super::sensors::Rhythm;
use super::super::slots::Slots;
use super::super::snapshot::DroneTable;
use super::super::wind::Wind;
use super::super::{Scenario, Tick};
use super::World;
use super::gauge::Gauges;
use super::tuning::Change;

/// Counts changes of what is saved. Bytes of another format are refused.
const FORMAT: u32 = 5;

/// What is written.
#[derive(Serialize)]
struct Saving<'a> {
    format: u32,
    scenario: u64,
    hash: u64,
    seed: u64,
    tick: Tick,
    params: &'a Params,
    changes: &'a [Change],
    wind: &'a Wind,
    fences: &'a [Fence],
    drones: &'a [Drone],
    next_serial: u32,
    epoch: u32,
    slots: &'a Slots,
    close_calls: &'a CloseCalls,
    metrics: &'a Metrics,
    gauges: &'a Gauges,
    safety: &'a Safety,
    crashes: &'a [Tick],
    missed: &'a [u32],
    #[serde(skip_serializing_if = "Option::is_none")]
    mission: Option<&'a Mission>,
}

/// What is read: the same fields.
#[derive(Deserialize)]
struct Saved {
    scenario: u64,
    hash: u64,
    seed: u64,
    tick: Tick,
    params: Params,
    changes: Vec<Change>,
    wind: Wind,
    fences: Vec<Fence>,
    drones: Vec<Drone>,
    next_serial: u32,
    epoch: u32,
    slots: Slots,
    close_calls: CloseCalls,
    metrics: Metrics,
    gauges: Gauges,
    safety: Safety,
    crashes: Vec<Tick>,
    missed: Vec<u32>,
    #[serde(default)]
    mission: Option<Mission>,
}

/// The field that says how to read the others.
#[derive(Deserialize)]
struct Header {
    format: u32,
}

/// Why a saved world could not be restored.
#[derive(Clone, Debug, PartialEq)]
pub enum RestoreError {
    /// Not a saved world, or a damaged one.
    Unreadable(String),
    /// Saved in another format: by an older or newer program.
    Format(u32),
    /// Saved from another scenario than the one given.
    OtherScenario,
    /// It reads well, but its state hash is another one: it was damaged, or this program flies differently.
    OtherState {
        /// The hash it was saved with.
        saved: u64,
        /// The hash it has now.
        restored: u64,
    },
}

impl fmt::Display for RestoreError {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            RestoreError::Unreadable(problem) => write!(f, "the saved state is unreadable: {problem}"),
            RestoreError::Format(found) => {
                write!(f, "the saved state has format {found}, this program reads format {FORMAT}")
            }
            RestoreError::OtherScenario => f.write_str("the saved state belongs to another scenario"),
            RestoreError::OtherState { saved, restored } => {
                write!(f, "the saved state has hash {saved:016x} but comes back as {restored:016x}")
            }
        }
    }
}

impl std::error::Error for RestoreError {}

impl World {
    /// The world as bytes for [`World::restore`]. What was not drained yet is left out. O(drones), about 1 kB a drone.
    ///
    /// # Errors
    /// None that is known; the writer of the format may have some.
    pub fn save(&self) -> Result<Vec<u8>, RestoreError> {
        // Every field is named here, so that a new one cannot be forgotten.
        let World {
            scenario,
            seed,
            tick,
            params,
            changes,
            wind,
            scene,
            drones,
            next_serial,
            table,
            slots,
            close_calls,
            metrics,
            gauges,
            safety,
            crashes,
            missed,
            mission,
            // Follow from the scenario and the fields above.
            responses: _,
            kind_names: _,
            imperfect: _,
            rhythm: _,
            index: _,
            visual: _,
            glances: _,
            traffic: _,
            swarm: _,
            // Scratch space, and what is drained.
            begun: _,
            intents: _,
            meetings: _,
            happenings: _,
            progress: _,
        } = self;
        let saving = Saving {
            format: FORMAT,
            scenario: scenario.hash(),
            hash: self.state_hash(),
            seed: *seed,
            tick: *tick,
            params,
            changes,
            wind,
            fences: &scene.fences,
            drones,
            next_serial: *next_serial,
            epoch: table.epoch,
            slots,
            close_calls,
            metrics,
            gauges,
            safety,
            crashes,
            missed,
            mission: mission.as_deref(),
        };
        rmp_serde::to_vec_named(&saving).map_err(|error| RestoreError::Unreadable(error.to_string()))
    }

    /// The world that [`World::save`] wrote. It goes on bit for bit as the saved one does.
    ///
    /// # Errors
    /// When the bytes are damaged, or belong to another scenario or program.
    pub fn restore(scenario: Arc<Scenario>, bytes: &[u8]) -> Result<World, RestoreError> {
        let unreadable = |error: rmp_serde::decode::Error| RestoreError::Unreadable(error.to_string());
        let header: Header = rmp_serde::from_slice(bytes).map_err(unreadable)?;
        if header.format != FORMAT {
            return Err(RestoreError::Format(header.format));
        }
        let saved: Saved = rmp_serde::from_slice(bytes).map_err(unreadable)?;
        if saved.scenario != scenario.hash() {
            return Err(RestoreError::OtherScenario);
        }
        if let Some(drone) = saved.drones.iter().find(|d| usize::from(d.kind) >= scenario.types.len()) {
            let problem = format!("drone {} has type {} of {}", drone.id, drone.kind, scenario.types.len());
            return Err(RestoreError::Unreadable(problem));
        }
        if !saved.params.is_whole() {
            return Err(RestoreError::Unreadable("it has other parameters than this program".to_owned()));
        }
        if saved.mission.is_some() != scenario.mission.is_some() {
            return Err(RestoreError::Unreadable("its mission does not fit the scenario".to_owned()));
        }
        if let (Some(mission), Some(spec)) = (&saved.mission, &scenario.mission)
            && !mission.fits(spec, &scenario.scene)
        {
            return Err(RestoreError::Unreadable("its mission does not fit the scenario".to_owned()));
        }
        let hash = saved.hash;
        let world = World::empty(scenario, saved.seed);
        if !saved.gauges.are_like(&world.gauges) {
            return Err(RestoreError::Unreadable("its figures do not fit the scenario".to_owned()));
        }
        let world = world.with(saved);
        match world.state_hash() {
            restored if restored == hash => Ok(world),
            restored => Err(RestoreError::OtherState { saved: hash, restored }),
        }
    }

    fn with(mut self, saved: Saved) -> World {
        let Saved { scenario: _, hash: _, seed: _, epoch, .. } = saved;
        self.tick = saved.tick;
        self.imperfect = saved.params.senses_are_imperfect();
        self.rhythm = Rhythm::new(&saved.params, self.tick_s());
        self.params = saved.params;
        self.changes = saved.changes;
        self.wind = saved.wind;
        self.scene = Arc::new(Scene::new(self.scene.obstacles.clone(), saved.fences));
        self.index =
            saved.drones.iter().enumerate().map(|(i, drone)| (Arc::clone(&drone.id), i as u32)).collect();
        self.drones = saved.drones;
        self.next_serial = saved.next_serial;
        self.slots = saved.slots;
        self.close_calls = saved.close_calls;
        self.gauges = Arc::new(saved.gauges);
        self.safety = saved.safety;
        self.metrics = saved.metrics;
        self.crashes = saved.crashes;
        self.missed = saved.missed;
        self.mission = saved.mission.map(Arc::new);
        self.table = Arc::new(DroneTable { epoch: epoch.wrapping_sub(1), rows: Vec::new() });
        self.rows_changed();
        self.paths_changed();
        self.sort();
        self
    }
}
