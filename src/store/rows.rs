//! Records as rows.

use std::collections::HashMap;
use std::sync::Arc;

use diesel::prelude::*;
use serde::Serialize;

use super::schema::{audit, drones, gaps, happenings, hashes, journal, keyframes, metrics, runs};
use crate::contract::audit::AuditEntry;
use crate::contract::record::{Record, RunStatus};
use crate::sim;

#[derive(Insertable)]
#[diesel(table_name = runs, treat_none_as_default_value = false)]
pub(super) struct RunRow<'a> {
    id: &'a str,
    swarm: String,
    scenario: String,
    scenario_text: String,
    seed: String,
    tick_s: f64,
    version: &'a str,
    server: &'a str,
    started_ms: i64,
    ended_ms: Option<i64>,
    ticks: i64,
    status: &'static str,
    final_hash: Option<String>,
    written_ms: i64,
    parent_id: Option<&'a str>,
    fork_tick: Option<i64>,
}

#[derive(Insertable)]
#[diesel(table_name = gaps, treat_none_as_default_value = false)]
pub(super) struct GapRow<'a> {
    run_id: &'a str,
    from_tick: i64,
    to_tick: i64,
    frames: i64,
}

#[derive(Insertable)]
#[diesel(table_name = journal, treat_none_as_default_value = false)]
pub(super) struct JournalRow<'a> {
    run_id: &'a str,
    seq: i64,
    tick: i64,
    author: String,
    via: String,
    command_id: String,
    command: String,
    targets: String,
    params: String,
}

#[derive(Insertable)]
#[diesel(table_name = happenings, treat_none_as_default_value = false)]
pub(super) struct HappeningRow<'a> {
    run_id: &'a str,
    seq: i64,
    tick: i64,
    wall_time_ms: i64,
    level: String,
    source: String,
    code: &'a str,
    message: String,
}

#[derive(Insertable)]
#[diesel(table_name = hashes, treat_none_as_default_value = false)]
pub(super) struct HashRow<'a> {
    run_id: &'a str,
    tick: i64,
    hash: String,
}

#[derive(Insertable)]
#[diesel(table_name = keyframes, treat_none_as_default_value = false)]
pub(super) struct KeyframeRow<'a> {
    run_id: &'a str,
    tick: i64,
    journal_seq: i64,
    hash: String,
    world: &'a [u8],
}

#[derive(Insertable)]
#[diesel(table_name = drones, treat_none_as_default_value = false)]
pub(super) struct DroneRow<'a> {
    run_id: &'a str,
    drone: &'a str,
    since_tick: i64,
    kind: &'a str,
    swarm_group: Option<&'a str>,
}

#[derive(Insertable)]
#[diesel(table_name = metrics, treat_none_as_default_value = false)]
pub(super) struct MetricsRow<'a> {
    run_id: &'a str,
    tick: i64,
    wall_time_ms: i64,
    json: String,
}

#[derive(Insertable)]
#[diesel(table_name = audit, treat_none_as_default_value = false)]
pub(super) struct AuditRow<'a> {
    id: &'a str,
    wall_time_ms: i64,
    server: &'a str,
    who: String,
    role: &'a str,
    token_id: &'a str,
    address: String,
    via: &'a str,
    kind: &'a str,
    what: String,
    subject: String,
    result: &'a str,
    detail: String,
}

impl<'a> AuditRow<'a> {
    /// The row of an entry of the server named `server`.
    pub(super) fn of(entry: &'a AuditEntry, server: &'a str) -> AuditRow<'a> {
        AuditRow {
            id: &entry.id,
            wall_time_ms: bigint(entry.wall_time_ms),
            server,
            who: text(&entry.who),
            role: &entry.role,
            token_id: &entry.token,
            address: text(&entry.address),
            via: &entry.via,
            kind: &entry.kind,
            what: text(&entry.what),
            subject: text(&entry.subject),
            result: &entry.result,
            detail: text(&entry.detail),
        }
    }
}

/// The end of a run, which updates its row.
pub(super) struct RunEnd<'a> {
    pub(super) run_id: &'a str,
    pub(super) ticks: i64,
    pub(super) ended_ms: i64,
    pub(super) status: &'static str,
}

/// The rows of a batch but those of telemetry, sorted by table, each in the order of the records.
#[derive(Default)]
pub(super) struct Rows<'a> {
    pub(super) runs: Vec<RunRow<'a>>,
    pub(super) journal: Vec<JournalRow<'a>>,
    pub(super) happenings: Vec<HappeningRow<'a>>,
    pub(super) hashes: Vec<HashRow<'a>>,
    pub(super) keyframes: Vec<KeyframeRow<'a>>,
    pub(super) gaps: Vec<GapRow<'a>>,
    pub(super) metrics: Vec<MetricsRow<'a>>,
    pub(super) audit: Vec<AuditRow<'a>>,
    pub(super) ends: Vec<RunEnd<'a>>,
    /// The newest tick of each run in the batch.
    pub(super) ticks: Vec<(&'a str, i64)>,
}

impl<'a> Rows<'a> {
    /// The rows of `records`, written by the server named `server` at `now_ms`.
    ///
    /// Texts lose their NUL characters (to U+FFFD), which PostgreSQL does not store. Numbers that are not finite become
    /// NULL. O(rows).
    pub(super) fn of(
        records: impl IntoIterator<Item = &'a Record>,
        server: &'a str,
        now_ms: i64,
    ) -> Rows<'a> {
        let mut rows = Rows::default();
        for record in records {
            rows.add(record, server, now_ms);
        }
        rows
    }

    fn add(&mut self, record: &'a Record, server: &'a str, now_ms: i64) {
        match record {
            Record::RunStarted {
                run_id,
                swarm,
                scenario,
                scenario_text,
                seed,
                tick_s,
                wall_time_ms,
                version,
                parent,
            } => {
                self.runs.push(RunRow {
                    id: run_id,
                    swarm: text(swarm),
                    scenario: text(scenario),
                    scenario_text: text(scenario_text),
                    seed: seed.to_string(),
                    tick_s: *tick_s,
                    version,
                    server,
                    started_ms: bigint(*wall_time_ms),
                    ended_ms: None,
                    ticks: 0,
                    status: RunStatus::Recording.as_str(),
                    final_hash: None,
                    written_ms: now_ms,
                    parent_id: parent.as_ref().map(|(run, _)| run.as_str()),
                    fork_tick: parent.as_ref().map(|(_, tick)| bigint(*tick)),
                });
            }
            Record::Journal { run_id, entry } => {
                self.saw(run_id, entry.tick);
                self.journal.push(JournalRow::of(run_id, entry));
            }
            Record::Happening { run_id, seq, wall_time_ms, happening } => {
                self.saw(run_id, happening.tick);
                self.happenings.push(HappeningRow {
                    run_id,
                    seq: bigint(*seq),
                    tick: bigint(happening.tick),
                    wall_time_ms: bigint(*wall_time_ms),
                    level: word(&happening.level),
                    source: text(&happening.source),
                    code: &happening.code,
                    message: text(&happening.message),
                });
            }
            Record::Hash { run_id, tick, state_hash } => {
                self.saw(run_id, *tick);
                self.hashes.push(HashRow { run_id, tick: bigint(*tick), hash: format!("{state_hash:016x}") });
            }
            Record::Keyframe { run_id, tick, journal_seq, state_hash, world } => {
                self.keyframes.push(KeyframeRow {
                    run_id,
                    tick: bigint(*tick),
                    journal_seq: bigint(*journal_seq),
                    hash: format!("{state_hash:016x}"),
                    world,
                });
            }
            Record::Telemetry { run_id, wall_time_ms, snapshot } => {
                self.saw(run_id, snapshot.tick);
                self.metrics.push(MetricsRow {
                    run_id,
                    tick: bigint(snapshot.tick),
                    wall_time_ms: bigint(*wall_time_ms),
                    json: json(&snapshot.metrics),
                });
            }
            Record::Gap { run_id, from_tick, to_tick, frames } => self.gaps.push(GapRow {
                run_id,
                from_tick: bigint(*from_tick),
                to_tick: bigint(*to_tick),
                frames: bigint(*frames),
            }),
            Record::RunEnded { run_id, tick, wall_time_ms, status } => self.ends.push(RunEnd {
                run_id,
                ticks: bigint(*tick),
                ended_ms: bigint(*wall_time_ms),
                status: status.as_str(),
            }),
            Record::Audit(entry) => self.audit.push(AuditRow::of(entry, server)),
        }
    }

    fn saw(&mut self, run_id: &'a str, tick: u64) {
        let tick = bigint(tick);
        // From the back: a batch is mostly about one run.
        match self.ticks.iter_mut().rfind(|(run, _)| *run == run_id) {
            Some((_, newest)) => *newest = (*newest).max(tick),
            None => self.ticks.push((run_id, tick)),
        }
    }
}

impl<'a> JournalRow<'a> {
    fn of(run_id: &'a str, entry: &'a sim::JournalEntry) -> JournalRow<'a> {
        let (command, params) = match serde_json::to_value(&entry.command) {
            Ok(serde_json::Value::Object(mut fields)) => {
                let name = fields.remove("command").and_then(|name| name.as_str().map(str::to_owned));
                (name.unwrap_or_default(), fields.remove("params").unwrap_or(serde_json::Value::Null))
            }
            _ => (String::new(), serde_json::Value::Null),
        };
        JournalRow {
            run_id,
            seq: bigint(entry.seq),
            tick: bigint(entry.tick),
            author: text(&entry.author),
            via: text(&entry.via),
            command_id: text(&entry.command_id),
            command,
            targets: json(&entry.targets),
            params: json(&params),
        }
    }
}

/// The types of the drones of a run as far as they are in the database, to write only what changed.
#[derive(Default)]
pub(super) struct KnownDrones {
    runs: Vec<KnownRun>,
}

struct KnownRun {
    run_id: String,
    epoch: u32,
    /// Type and group by id.
    drones: HashMap<Arc<str>, Kind>,
}

type Kind = (Arc<str>, Option<Arc<str>>);

impl KnownDrones {
    /// Runs remembered at once; forgetting one costs some rows that are there already.
    const RUNS_MAX: usize = 16;

    /// Rows for the drones in `records` that are new or have another type or group than the last one known. Remembers
    /// them: start anew if the rows do not get written.
    pub(super) fn new_rows<'a>(
        &mut self,
        records: impl IntoIterator<Item = &'a Record>,
    ) -> Vec<DroneRow<'a>> {
        let mut rows = Vec::new();
        for record in records {
            let Record::Telemetry { run_id, snapshot, .. } = record else { continue };
            let run = self.run(run_id);
            if run.epoch == snapshot.table.epoch && !run.drones.is_empty() {
                continue;
            }
            run.epoch = snapshot.table.epoch;
            for drone in &snapshot.table.rows {
                let now = (drone.kind.clone(), drone.group.clone());
                if run.drones.get(&drone.id) != Some(&now) {
                    run.drones.insert(drone.id.clone(), now);
                    rows.push(DroneRow {
                        run_id,
                        drone: &drone.id,
                        since_tick: bigint(snapshot.tick),
                        kind: &drone.kind,
                        swarm_group: drone.group.as_deref(),
                    });
                }
            }
        }
        rows
    }

    fn run(&mut self, run_id: &str) -> &mut KnownRun {
        let index = self.runs.iter().position(|run| run.run_id == run_id).unwrap_or_else(|| {
            if self.runs.len() == Self::RUNS_MAX {
                self.runs.remove(0);
            }
            self.runs.push(KnownRun { run_id: run_id.to_owned(), epoch: 0, drones: HashMap::new() });
            self.runs.len() - 1
        });
        &mut self.runs[index]
    }
}

/// Estimated bytes that `record` holds in memory: what it owns, and the drones of a snapshot (whose `Arc` others may
/// share for a while).
pub(super) fn size_of(record: &Record) -> usize {
    let own = std::mem::size_of::<Record>();
    own + match record {
        Record::RunStarted { run_id, swarm, scenario, scenario_text, version, .. } => {
            run_id.len() + swarm.len() + scenario.len() + scenario_text.len() + version.len()
        }
        Record::Journal { run_id, entry } => run_id.len() + json_len(entry),
        Record::Happening { run_id, happening, .. } => {
            run_id.len() + happening.source.len() + happening.message.len()
        }
        Record::Telemetry { run_id, snapshot, .. } => {
            run_id.len()
                + std::mem::size_of::<sim::Snapshot>()
                + std::mem::size_of_val(snapshot.drones.as_slice())
        }
        Record::Keyframe { run_id, world, .. } => run_id.len() + world.len(),
        Record::Gap { run_id, .. } | Record::Hash { run_id, .. } | Record::RunEnded { run_id, .. } => {
            run_id.len()
        }
        Record::Audit(entry) => {
            entry.who.len() + entry.what.len() + entry.subject.len() + entry.detail.len() + 128
        }
    }
}

/// As PostgreSQL and SQLite count: signed. No tick or sequence number gets beyond.
pub(super) fn bigint(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// PostgreSQL stores no NUL in a text.
pub(super) fn text(text: &str) -> String {
    if text.contains('\0') { text.replace('\0', "\u{fffd}") } else { text.to_owned() }
}

/// The JSON word of a plain enum value.
fn word(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}

/// JSON escapes NUL by itself.
fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_else(|_| "null".to_owned())
}

fn json_len(value: &impl Serialize) -> usize {
    struct Count(usize);
    impl std::io::Write for Count {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut count = Count(0);
    let _ = serde_json::to_writer(&mut count, value); // an estimate: what was counted counts
    count.0
}
