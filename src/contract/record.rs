//! What a swarm hands to whoever keeps its history, and what that keeper says about itself.
//!
//! A swarm knows a [`Recorder`] and nothing of databases; the store implements it.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::audit::AuditEntry;
use super::histogram::Histogram;
use crate::sim;

/// One thing worth keeping. Everything but [`Record::Telemetry`] and [`Record::Keyframe`] is never
/// dropped once accepted.
///
/// In the spool it lies by the names of its fields: one may be added with `#[serde(default)]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Record {
    /// A run begins. The first record of its `run_id`.
    RunStarted {
        /// Name of the run, unique in the database.
        run_id: String,
        /// The swarm that runs.
        swarm: String,
        /// Name of the scenario.
        scenario: String,
        /// The scenario's source, enough to run it again.
        scenario_text: String,
        /// Seed of the run.
        seed: u64,
        /// Seconds per tick.
        tick_s: f64,
        /// Unix milliseconds.
        wall_time_ms: u64,
        /// Version of the program.
        version: String,
        /// The run that it was forked from, and at which tick.
        #[serde(default)]
        parent: Option<(String, u64)>,
    },
    /// A command or parameter change, at the tick at which it applied. Key: run and `entry.seq`.
    Journal {
        /// The run it belongs to.
        run_id: String,
        /// The entry.
        entry: sim::JournalEntry,
    },
    /// A log entry. Key: run and `seq`.
    Happening {
        /// The run it belongs to.
        run_id: String,
        /// Place in the log of the run.
        seq: u64,
        /// Unix milliseconds.
        wall_time_ms: u64,
        /// What happened.
        happening: sim::Happening,
    },
    /// The state of every drone at one tick. May be dropped, oldest first. Key: run, tick, drone.
    Telemetry {
        /// The run it belongs to.
        run_id: String,
        /// Unix milliseconds.
        wall_time_ms: u64,
        /// The world at its tick.
        snapshot: Arc<sim::Snapshot>,
    },
    /// Telemetry that was dropped for want of room. Key: run and `from_tick`.
    Gap {
        /// The run it belongs to.
        run_id: String,
        /// The first tick that was dropped.
        from_tick: u64,
        /// The last one.
        to_tick: u64,
        /// How many recorded ticks were dropped between them, both included.
        frames: u64,
    },
    /// The state hash of one tick. Key: run and tick.
    Hash {
        /// The run it belongs to.
        run_id: String,
        /// The tick that was hashed.
        tick: u64,
        /// `World::state_hash`.
        state_hash: u64,
    },
    /// A saved world, which makes seeking fast. May be dropped: what it tells follows from the journal. Key: run and tick.
    Keyframe {
        /// The run it belongs to.
        run_id: String,
        /// Its tick.
        tick: u64,
        /// The last journal entry that was applied before.
        journal_seq: u64,
        /// `World::state_hash`.
        state_hash: u64,
        /// The world, packed.
        world: Vec<u8>,
    },
    /// A run ends. The last record of its `run_id`.
    RunEnded {
        /// The run that ended.
        run_id: String,
        /// Its last tick.
        tick: u64,
        /// Unix milliseconds.
        wall_time_ms: u64,
        /// [`RunStatus::Complete`] or [`RunStatus::Truncated`].
        status: RunStatus,
    },
    /// Somebody did or tried something. Belongs to no run. Key: its id.
    Audit(AuditEntry),
}

impl Record {
    /// The run that the record belongs to; of an audit entry no text.
    pub fn run_id(&self) -> &str {
        match self {
            Record::RunStarted { run_id, .. }
            | Record::Journal { run_id, .. }
            | Record::Happening { run_id, .. }
            | Record::Telemetry { run_id, .. }
            | Record::Gap { run_id, .. }
            | Record::Hash { run_id, .. }
            | Record::Keyframe { run_id, .. }
            | Record::RunEnded { run_id, .. } => run_id,
            Record::Audit(_) => "",
        }
    }

    /// Whether the record may be dropped when memory runs short.
    pub fn is_telemetry(&self) -> bool {
        matches!(self, Record::Telemetry { .. } | Record::Keyframe { .. })
    }
}

/// How far a recorded run got.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    /// Still being recorded.
    Recording,
    /// Ended on purpose, with everything recorded.
    Complete,
    /// Ended by a crash or with records missing.
    Truncated,
}

impl RunStatus {
    /// The word used in JSON and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            RunStatus::Recording => "recording",
            RunStatus::Complete => "complete",
            RunStatus::Truncated => "truncated",
        }
    }
}

impl fmt::Display for RunStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for RunStatus {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        [RunStatus::Recording, RunStatus::Complete, RunStatus::Truncated]
            .into_iter()
            .find(|status| status.as_str() == text)
            .ok_or_else(|| format!("status {text:?} is none of recording, complete, truncated"))
    }
}

/// Keeps records. Never blocks: safe to call from the thread that ticks.
pub trait Recorder: Send + Sync {
    /// Takes a record to be written soon.
    ///
    /// Telemetry is always taken, at the price of the oldest telemetry that still waits. Anything else is refused with
    /// [`RecorderFull`] when there is no room; the caller then must not do what it wanted to record.
    fn record(&self, record: Record) -> Result<(), RecorderFull>;

    /// Whether what is recorded now can be kept beyond a crash. If not, a command is refused before it does anything.
    fn ready(&self) -> Result<(), NotDurable>;

    /// Everything but telemetry that was recorded so far, on its way to a disk, without further waiting for company.
    fn durable(&self) -> Durable;

    /// From the oldest record of each batch to its commit in the database, since the start.
    fn lag(&self) -> Histogram {
        Histogram::default()
    }

    /// How the recorder is, now.
    fn health(&self) -> DatabaseHealth;
}

/// Resolves when records would survive a crash of this program or machine, or cannot be made to for now.
pub type Durable = Pin<Box<dyn Future<Output = Result<(), NotDurable>> + Send>>;

/// Neither the database nor the spool takes anything. What was recorded waits in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotDurable {
    /// What both said, one sentence.
    pub reason: String,
}

impl fmt::Display for NotDurable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for NotDurable {}

/// The recorder's memory is full, because the database has been away or slow for too long. Nothing was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecorderFull;

impl fmt::Display for RecorderFull {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the recorder is full: the database has been away or slow for too long")
    }
}

impl std::error::Error for RecorderFull {}

/// Whether there is a database and whether it can be written to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DatabaseState {
    /// The last write or connection attempt succeeded.
    Ok,
    /// It cannot be reached or does not take writes; records wait in the spool, or in memory.
    Away,
    /// Nothing is recorded.
    #[default]
    None,
}

/// The kind of database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DatabaseKind {
    /// The embedded default.
    Sqlite,
    /// A PostgreSQL server.
    Postgres,
}

impl DatabaseKind {
    /// The word used in JSON and messages.
    pub fn as_str(self) -> &'static str {
        match self {
            DatabaseKind::Sqlite => "sqlite",
            DatabaseKind::Postgres => "postgres",
        }
    }
}

impl DatabaseState {
    /// The word used in JSON and messages.
    pub fn as_str(self) -> &'static str {
        match self {
            DatabaseState::Ok => "ok",
            DatabaseState::Away => "away",
            DatabaseState::None => "none",
        }
    }
}

impl fmt::Display for DatabaseKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How a recorder is. [`Default`]: nothing is recorded.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct DatabaseHealth {
    /// Whether records reach a database.
    pub state: DatabaseState,
    /// The kind of database; `None` when nothing is recorded.
    pub kind: Option<DatabaseKind>,
    /// Records that wait or are being written.
    pub queued_records: u64,
    /// Their estimated size in memory, bytes.
    pub queued_bytes: u64,
    /// Telemetry records (one a tick) dropped since the start for want of room.
    pub dropped_telemetry: u64,
    /// Records set aside since the start because the database refuses them; each was logged as an error.
    pub set_aside: u64,
    /// Rows committed since the start.
    pub written_rows: u64,
    /// The newest error while the state is away.
    pub last_error: Option<String>,
    /// Age of the oldest record in memory, milliseconds; 0 when nothing waits.
    pub lag_ms: u64,
    /// What waits on disk for the database; `None` without a spool.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spool: Option<SpoolHealth>,
    /// Why commands are refused: nothing can be kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refusing: Option<String>,
}

/// How full the file is in which records wait for the database.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct SpoolHealth {
    /// Records that wait there.
    pub records: u64,
    /// Their bytes.
    pub bytes: u64,
    /// The bound on `bytes`.
    pub bytes_max: u64,
    /// Telemetry records dropped from it since the start, at the bound.
    pub dropped_telemetry: u64,
    /// Why it takes nothing, if it does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
}

impl SpoolHealth {
    /// `bytes` in per cent of the bound.
    pub fn fill_pct(&self) -> f64 {
        100.0 * self.bytes as f64 / self.bytes_max.max(1) as f64
    }
}

/// A recorder that keeps nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoRecorder;

impl Recorder for NoRecorder {
    fn record(&self, _record: Record) -> Result<(), RecorderFull> {
        Ok(())
    }

    fn ready(&self) -> Result<(), NotDurable> {
        Ok(())
    }

    fn durable(&self) -> Durable {
        Box::pin(std::future::ready(Ok(())))
    }

    fn health(&self) -> DatabaseHealth {
        DatabaseHealth::default()
    }
}
