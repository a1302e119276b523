//! A run is its scenario, its seed and its journal.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Applied, Command, CommandError, Scenario, Targets, Tick, World};

/// One command that was applied, and when.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JournalEntry {
    /// Place in the journal; also the ticket under which its progress is reported.
    pub seq: u64,
    /// The world's tick when it was applied, before the step that leads to the next.
    pub tick: Tick,
    /// Who asked for it; `system` for what the server did itself.
    pub author: String,
    /// How it came: `socketio`, `http`, `mavlink`, `system`.
    pub via: String,
    /// The client's id for it.
    pub command_id: String,
    /// Whom it was for.
    pub targets: Targets,
    /// What was asked.
    #[serde(flatten)]
    pub command: Command,
}

/// Why a journal could not be replayed.
#[derive(Clone, Debug, PartialEq)]
pub enum ReplayError {
    /// An entry lies before the one above it.
    OutOfOrder {
        /// Its number.
        seq: u64,
        /// Its tick.
        tick: Tick,
    },
    /// The world refused what it once took.
    Refused {
        /// The entry's number.
        seq: u64,
        /// Why.
        error: CommandError,
    },
}

impl fmt::Display for ReplayError {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            ReplayError::OutOfOrder { seq, tick } => {
                write!(f, "journal entry {seq} at tick {tick} comes after a later one")
            }
            ReplayError::Refused { seq, error } => write!(f, "journal entry {seq} is refused: {error}"),
        }
    }
}

impl std::error::Error for ReplayError {}

/// A world that is led through a journal tick by tick.
#[derive(Clone, Debug)]
pub struct Replay<'a> {
    world: World,
    entries: &'a [JournalEntry],
}

impl<'a> Replay<'a> {
    /// A replay before its first tick. `entries` are in the order of the journal.
    pub fn new(scenario: Arc<Scenario>, seed: u64, entries: &'a [JournalEntry]) -> Self {
        Replay { world: World::new(scenario, seed), entries }
    }

    /// The world as far as it has come.
    pub fn world(&self) -> &World {
        &self.world
    }

    /// The world as far as it has come, to drain it.
    pub fn world_mut(&mut self) -> &mut World {
        &mut self.world
    }

    /// Whether every entry has been applied.
    pub fn is_done(&self) -> bool {
        self.entries.is_empty()
    }

    /// Applies the entries of the present tick, without stepping.
    pub fn apply_due(&mut self) -> Result<(), ReplayError> {
        while let Some((entry, rest)) = self.entries.split_first() {
            if entry.tick < self.world.tick() {
                return Err(ReplayError::OutOfOrder { seq: entry.seq, tick: entry.tick });
            }
            if entry.tick > self.world.tick() {
                break;
            }
            self.world.enter(entry).map_err(|error| ReplayError::Refused { seq: entry.seq, error })?;
            self.entries = rest;
        }
        Ok(())
    }

    /// One tick: the entries that are due, then a step.
    pub fn advance(&mut self) -> Result<(), ReplayError> {
        self.apply_due()?;
        self.world.advance();
        Ok(())
    }
}

impl World {
    /// Applies one journal entry under its own number.
    pub fn enter(&mut self, entry: &JournalEntry) -> Result<Applied, CommandError> {
        self.apply(&entry.command, &entry.targets, entry.seq)
    }

    /// The world right after the last entry of the journal was applied.
    pub fn replay(
        scenario: Arc<Scenario>,
        seed: u64,
        entries: &[JournalEntry],
    ) -> Result<World, ReplayError> {
        let mut replay = Replay::new(scenario, seed, entries);
        replay.apply_due()?;
        while !replay.is_done() {
            replay.advance()?;
            replay.apply_due()?;
        }
        Ok(replay.world)
    }
}
