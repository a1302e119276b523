//! What is asked of whoever keeps recorded runs, to fly them again.
//!
//! A swarm and a gateway know an [`Archive`] and nothing of databases; the store implements it.

use std::pin::Pin;

use super::error::ApiError;
use super::record::RunStatus;
use crate::sim::{JournalEntry, Tick};

/// A recorded run, as much of it as is needed to fly it again.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordedRun {
    /// Its name.
    pub id: String,
    /// The swarm that ran.
    pub swarm: String,
    /// The scenario's source.
    pub scenario_text: String,
    /// Its seed.
    pub seed: u64,
    /// Version of the program that ran it.
    pub version: String,
    /// The newest recorded tick.
    pub ticks: Tick,
    /// How far it got.
    pub status: RunStatus,
    /// The run that it was forked from, and at which tick.
    pub parent: Option<(String, Tick)>,
}

/// A saved world of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Keyframe {
    /// Its tick.
    pub tick: Tick,
    /// The last journal entry that was applied before.
    pub journal_seq: u64,
    /// Its state hash.
    pub state_hash: u64,
    /// The world, packed.
    pub world: Vec<u8>,
}

/// A run that a crash interrupted.
#[derive(Clone, Debug, PartialEq)]
pub struct Interrupted {
    /// The run.
    pub run: RecordedRun,
    /// The newest tick up to which the journal is known to be whole.
    pub durable_tick: Tick,
    /// The number of its newest log entry.
    pub log_seq: u64,
    /// Whether it began by a command (`reset`, `load_scenario`) and not with the server.
    pub is_replacement: bool,
    /// The code of the newest log entry about the clock: `clock_running`, `clock_paused` or `clock_stopped`.
    pub clock: Option<String>,
}

/// Resolves when everything recorded so far can be read, or after a second.
pub type Settled = Pin<Box<dyn Future<Output = ()>>>;

/// Answers questions about recorded runs. Everything but [`Archive::settle`] blocks: ask on a thread that may wait.
pub trait Archive: Send + Sync {
    /// Waits until what was recorded so far can be read.
    fn settle(&self) -> Settled;

    /// The run `id`.
    ///
    /// # Errors
    /// `not_found`; `unavailable` while the database is away. So below.
    fn run(&self, id: &str) -> Result<RecordedRun, ApiError>;

    /// Its journal in order.
    fn journal(&self, id: &str) -> Result<Vec<JournalEntry>, ApiError>;

    /// Its state hashes by tick.
    fn hashes(&self, id: &str) -> Result<Vec<(Tick, u64)>, ApiError>;

    /// The newest keyframe of the run at or before `tick`.
    fn keyframe(&self, id: &str, tick: Tick) -> Result<Option<Keyframe>, ApiError>;
}
