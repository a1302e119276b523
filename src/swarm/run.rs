//! The run being flown: its name, its journal and its log, each numbered, each handed to the recorder.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::contract::outgoing::{LogEntry, rfc3339};
use crate::contract::record::{
    DatabaseHealth, Durable, NotDurable, Record, Recorder, RecorderFull, RunStatus,
};
use crate::sim::hash::Hash64;
use crate::sim::{Happening, JournalEntry, Snapshot, Tick, World};

use super::{RunInfo, keyframe, wall_time_ms};

/// Numbers what happens in a run and hands it to the recorder.
pub struct Run {
    info: Arc<RunInfo>,
    recorder: Arc<dyn Recorder>,
    journal_seq: u64,
    hashed_seq: u64,
    log_seq: u64,
}

impl Run {
    /// Opens the record of a run of `world`. Log entries go on from `log_seq`, the last one of the run before. `parent`
    /// is the run that it is forked from, and at which tick.
    pub fn begin(
        world: &World,
        swarm: &str,
        recorder: Arc<dyn Recorder>,
        log_seq: u64,
        parent: Option<(String, Tick)>,
    ) -> Self {
        let scenario = world.scenario().clone();
        let info = RunInfo::of(new_id(), world);
        let started = Record::RunStarted {
            run_id: info.id.clone(),
            swarm: swarm.to_owned(),
            scenario: scenario.name.clone(),
            scenario_text: scenario.text().to_owned(),
            seed: world.seed(),
            tick_s: world.tick_s(),
            wall_time_ms: wall_time_ms(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            parent,
        };
        if recorder.record(started).is_err() {
            log::error!("run {} is flown without a record: the recorder is full", info.id);
        }
        Self { info: Arc::new(info), recorder, journal_seq: 0, hashed_seq: 0, log_seq }
    }

    /// Goes on with the record of a run that was interrupted.
    pub fn resume(
        world: &World,
        run_id: String,
        recorder: Arc<dyn Recorder>,
        journal_seq: u64,
        log_seq: u64,
    ) -> Self {
        Self {
            info: Arc::new(RunInfo::of(run_id, world)),
            recorder,
            journal_seq,
            hashed_seq: journal_seq,
            log_seq,
        }
    }

    /// What is being flown.
    pub fn info(&self) -> &Arc<RunInfo> {
        &self.info
    }

    /// The number of the newest log entry.
    pub fn log_seq(&self) -> u64 {
        self.log_seq
    }

    /// The number that the next journal entry will have: the ticket of its command.
    pub fn next_ticket(&self) -> u64 {
        self.journal_seq + 1
    }

    /// Whether what is done now can be kept beyond a crash. If not, no command is carried out.
    pub fn ready(&self) -> Result<(), NotDurable> {
        self.recorder.ready()
    }

    /// Resolves when everything said and entered so far would survive a crash.
    pub fn durable(&self) -> Durable {
        self.recorder.durable()
    }

    /// Enters what is about to be applied. When the recorder is full it must not be applied.
    pub fn enter(&mut self, entry: JournalEntry) -> Result<(), RecorderFull> {
        debug_assert_eq!(entry.seq, self.next_ticket());
        self.recorder.record(Record::Journal { run_id: self.info.id.clone(), entry })?;
        self.journal_seq += 1;
        Ok(())
    }

    /// Numbers a happening, records it, and returns the line that clients get.
    pub fn log(&mut self, happening: Happening) -> LogEntry {
        self.log_seq += 1;
        let now = wall_time_ms();
        let entry = LogEntry {
            seq: self.log_seq,
            tick: happening.tick,
            time: rfc3339(now),
            level: happening.level,
            source: happening.source.as_ref().to_owned(),
            message: happening.message.clone(),
            data: Some(serde_json::json!({ "code": happening.code })),
        };
        let record = Record::Happening {
            run_id: self.info.id.clone(),
            seq: self.log_seq,
            wall_time_ms: now,
            happening,
        };
        if self.recorder.record(record).is_err() {
            log::warn!(
                "log entry {} of run {} is not recorded: the recorder is full",
                entry.seq,
                self.info.id
            );
        }
        entry
    }

    /// Records a tick's telemetry.
    pub fn telemetry(&self, snapshot: Arc<Snapshot>, wall_time_ms: u64) {
        let run_id = self.info.id.clone();
        // Telemetry is always taken: the recorder drops its oldest instead and counts that.
        let _ = self.recorder.record(Record::Telemetry { run_id, wall_time_ms, snapshot });
    }

    /// Whether something was entered since the last hash: hashed at once, it is found at its tick if it is tampered with.
    pub fn has_unhashed_entries(&self) -> bool {
        self.hashed_seq != self.journal_seq
    }

    /// Saves the world of the tick just flown, on a thread that may take its time. `is_busy` tells until when.
    pub fn keyframe(&self, world: &World, is_busy: Arc<AtomicBool>) {
        if self.recorder.health().kind.is_none() {
            return; // nothing is kept, so nobody will seek
        }
        let (run_id, recorder) = (self.info.id.clone(), self.recorder.clone());
        let (journal_seq, world) = (self.journal_seq, world.clone());
        is_busy.store(true, Ordering::Relaxed);
        actix_rt::task::spawn_blocking(move || {
            match keyframe::pack(&world) {
                Ok(packed) => {
                    let (tick, state_hash) = (world.tick(), world.state_hash());
                    // Without it seeking takes longer, and that is all.
                    let _ = recorder.record(Record::Keyframe {
                        run_id,
                        tick,
                        journal_seq,
                        state_hash,
                        world: packed,
                    });
                }
                Err(error) => log::error!("no keyframe of run {run_id} at tick {}: {error}", world.tick()),
            }
            is_busy.store(false, Ordering::Relaxed);
        });
    }

    /// Records a state hash.
    pub fn hash(&mut self, tick: Tick, state_hash: u64) {
        self.hashed_seq = self.journal_seq;
        let run_id = self.info.id.clone();
        if self.recorder.record(Record::Hash { run_id, tick, state_hash }).is_err() {
            log::warn!(
                "the hash of tick {tick} of run {} is not recorded: the recorder is full",
                self.info.id
            );
        }
    }

    /// Closes the record.
    pub fn end(&self, tick: Tick) {
        let (run_id, status) = (self.info.id.clone(), RunStatus::Complete);
        let ended = Record::RunEnded { run_id, tick, wall_time_ms: wall_time_ms(), status };
        if self.recorder.record(ended).is_err() {
            log::error!("the end of run {} is not recorded: the recorder is full", self.info.id);
        }
    }

    /// How the recorder is.
    pub fn database(&self) -> DatabaseHealth {
        self.recorder.health()
    }

    /// The recorder, for the next run.
    pub fn recorder(&self) -> Arc<dyn Recorder> {
        self.recorder.clone()
    }
}

impl RunInfo {
    /// What is told of the run `id` of `world`.
    pub fn of(id: String, world: &World) -> Self {
        Self {
            id,
            seed: world.seed(),
            types: serde_json::to_value(world.types()).unwrap_or_default(),
            params_hash: params_hash(world),
            scenario: world.scenario().clone(),
        }
    }
}

fn params_hash(world: &World) -> String {
    let mut hash = Hash64::default();
    for param in world.params() {
        hash.text(&param.path);
    }
    format!("{:016x}", hash.finish())
}

/// A run's name: when it began, for people, and four random bytes, so that two in one second differ.
fn new_id() -> String {
    let stamp: String = rfc3339(wall_time_ms()).chars().filter(char::is_ascii_digit).take(14).collect();
    format!("{}-{}-{:08x}", &stamp[..8], &stamp[8..], rand::random::<u32>())
}
