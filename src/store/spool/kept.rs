//! Records as bytes: MessagePack in a gzip, whose checksum tells when a disk gives back something else.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::sync::{Arc, Mutex, PoisonError};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};

use crate::contract::audit::AuditEntry;
use crate::contract::record::{Record, RunStatus};
use crate::sim;

/// The largest record that is read back, bytes before compression. Nothing of this program comes near.
const BODY_BYTES_MAX: u64 = 256 << 20;

/// Distinct codes of happenings that are remembered; the program knows some dozens.
const CODES_MAX: usize = 1_000;

/// A [`Record`] as it lies on disk. Fields are stored by name: one may be added with `#[serde(default)]`.
#[derive(Serialize, Deserialize)]
enum Kept<'a> {
    RunStarted {
        run_id: Cow<'a, str>,
        swarm: Cow<'a, str>,
        scenario: Cow<'a, str>,
        scenario_text: Cow<'a, str>,
        seed: u64,
        tick_s: f64,
        wall_time_ms: u64,
        version: Cow<'a, str>,
        #[serde(default)]
        parent: Option<(String, u64)>,
    },
    Journal {
        run_id: Cow<'a, str>,
        entry: Cow<'a, sim::JournalEntry>,
    },
    Happening {
        run_id: Cow<'a, str>,
        seq: u64,
        wall_time_ms: u64,
        tick: u64,
        level: sim::Level,
        source: Arc<str>,
        code: Cow<'a, str>,
        message: Cow<'a, str>,
    },
    Telemetry {
        run_id: Cow<'a, str>,
        wall_time_ms: u64,
        tick: u64,
        sim_time_s: f64,
        table: Arc<sim::DroneTable>,
        drones: Cow<'a, [sim::DroneState]>,
        metrics: Box<Cow<'a, sim::Metrics>>,
    },
    Gap {
        run_id: Cow<'a, str>,
        from_tick: u64,
        to_tick: u64,
        frames: u64,
    },
    Hash {
        run_id: Cow<'a, str>,
        tick: u64,
        state_hash: u64,
    },
    Keyframe {
        run_id: Cow<'a, str>,
        tick: u64,
        journal_seq: u64,
        state_hash: u64,
        world: Cow<'a, [u8]>,
    },
    RunEnded {
        run_id: Cow<'a, str>,
        tick: u64,
        wall_time_ms: u64,
        status: RunStatus,
    },
    Audit(Cow<'a, AuditEntry>),
}

/// `record` as bytes. O(size).
pub(super) fn encode(record: &Record) -> Result<Vec<u8>, String> {
    let plain = rmp_serde::to_vec_named(&Kept::from(record)).map_err(|error| error.to_string())?;
    let mut gzip = GzEncoder::new(Vec::with_capacity(plain.len() / 4 + 64), Compression::fast());
    gzip.write_all(&plain).and_then(|()| gzip.finish()).map_err(|error| error.to_string())
}

/// The record that `bytes` stand for, or what is wrong with them. Never panics, never takes more than
/// [`BODY_BYTES_MAX`].
pub(super) fn decode(bytes: &[u8]) -> Result<Record, String> {
    let mut plain = Vec::new();
    GzDecoder::new(bytes)
        .take(BODY_BYTES_MAX)
        .read_to_end(&mut plain)
        .map_err(|error| format!("damaged: {error}"))?;
    let kept: Kept<'_> = rmp_serde::from_slice(&plain).map_err(|error| format!("not a record: {error}"))?;
    Ok(kept.into())
}

/// Codes are names in the program's text; one that came from a disk is made to live as long.
fn code(name: &str) -> &'static str {
    static KNOWN: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(code) = known.get(name) {
        return code;
    }
    if known.len() == CODES_MAX {
        return "other";
    }
    let code: &'static str = Box::leak(name.to_owned().into_boxed_str());
    known.insert(code);
    code
}

impl<'a> From<&'a Record> for Kept<'a> {
    fn from(record: &'a Record) -> Kept<'a> {
        let text = |text: &'a String| Cow::Borrowed(text.as_str());
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
            } => Kept::RunStarted {
                run_id: text(run_id),
                swarm: text(swarm),
                scenario: text(scenario),
                scenario_text: text(scenario_text),
                seed: *seed,
                tick_s: *tick_s,
                wall_time_ms: *wall_time_ms,
                version: text(version),
                parent: parent.clone(),
            },
            Record::Journal { run_id, entry } => {
                Kept::Journal { run_id: text(run_id), entry: Cow::Borrowed(entry) }
            }
            Record::Happening { run_id, seq, wall_time_ms, happening } => Kept::Happening {
                run_id: text(run_id),
                seq: *seq,
                wall_time_ms: *wall_time_ms,
                tick: happening.tick,
                level: happening.level,
                source: happening.source.clone(),
                code: Cow::Borrowed(happening.code),
                message: text(&happening.message),
            },
            Record::Telemetry { run_id, wall_time_ms, snapshot } => Kept::Telemetry {
                run_id: text(run_id),
                wall_time_ms: *wall_time_ms,
                tick: snapshot.tick,
                sim_time_s: snapshot.sim_time_s,
                table: snapshot.table.clone(),
                drones: Cow::Borrowed(&snapshot.drones),
                metrics: Box::new(Cow::Borrowed(&snapshot.metrics)),
            },
            Record::Gap { run_id, from_tick, to_tick, frames } => {
                Kept::Gap { run_id: text(run_id), from_tick: *from_tick, to_tick: *to_tick, frames: *frames }
            }
            Record::Hash { run_id, tick, state_hash } => {
                Kept::Hash { run_id: text(run_id), tick: *tick, state_hash: *state_hash }
            }
            Record::Keyframe { run_id, tick, journal_seq, state_hash, world } => Kept::Keyframe {
                run_id: text(run_id),
                tick: *tick,
                journal_seq: *journal_seq,
                state_hash: *state_hash,
                world: Cow::Borrowed(world),
            },
            Record::RunEnded { run_id, tick, wall_time_ms, status } => Kept::RunEnded {
                run_id: text(run_id),
                tick: *tick,
                wall_time_ms: *wall_time_ms,
                status: *status,
            },
            Record::Audit(entry) => Kept::Audit(Cow::Borrowed(entry)),
        }
    }
}

impl From<Kept<'_>> for Record {
    fn from(kept: Kept<'_>) -> Record {
        match kept {
            Kept::RunStarted {
                run_id,
                swarm,
                scenario,
                scenario_text,
                seed,
                tick_s,
                wall_time_ms,
                version,
                parent,
            } => Record::RunStarted {
                run_id: run_id.into_owned(),
                swarm: swarm.into_owned(),
                scenario: scenario.into_owned(),
                scenario_text: scenario_text.into_owned(),
                seed,
                tick_s,
                wall_time_ms,
                version: version.into_owned(),
                parent,
            },
            Kept::Journal { run_id, entry } => {
                Record::Journal { run_id: run_id.into_owned(), entry: entry.into_owned() }
            }
            Kept::Happening { run_id, seq, wall_time_ms, tick, level, source, code: name, message } => {
                let (code, message) = (code(&name), message.into_owned());
                let happening = sim::Happening { tick, level, source, code, message };
                Record::Happening { run_id: run_id.into_owned(), seq, wall_time_ms, happening }
            }
            Kept::Telemetry { run_id, wall_time_ms, tick, sim_time_s, table, drones, metrics } => {
                let snapshot = sim::Snapshot {
                    tick,
                    sim_time_s,
                    table,
                    drones: drones.into_owned(),
                    metrics: metrics.into_owned(),
                    visual: Default::default(), // not recorded
                };
                Record::Telemetry { run_id: run_id.into_owned(), wall_time_ms, snapshot: Arc::new(snapshot) }
            }
            Kept::Gap { run_id, from_tick, to_tick, frames } => {
                Record::Gap { run_id: run_id.into_owned(), from_tick, to_tick, frames }
            }
            Kept::Hash { run_id, tick, state_hash } => {
                Record::Hash { run_id: run_id.into_owned(), tick, state_hash }
            }
            Kept::Keyframe { run_id, tick, journal_seq, state_hash, world } => {
                let (run_id, world) = (run_id.into_owned(), world.into_owned());
                Record::Keyframe { run_id, tick, journal_seq, state_hash, world }
            }
            Kept::RunEnded { run_id, tick, wall_time_ms, status } => {
                Record::RunEnded { run_id: run_id.into_owned(), tick, wall_time_ms, status }
            }
            Kept::Audit(entry) => Record::Audit(entry.into_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn records() -> Vec<Record> {
        let run_id = "r\u{0}é".to_owned();
        let entry: sim::JournalEntry = serde_json::from_value(json!({
            "seq": 3, "tick": 77, "author": "Ada", "via": "http", "command_id": "c-1",
            "targets": {"group": "alpha"}, "command": "takeoff", "params": {"altitude_m": 0.1 + 0.2},
        }))
        .unwrap();
        let happening = sim::Happening {
            tick: 5,
            level: sim::Level::Warning,
            source: "scout-1".into(),
            code: "battery_low",
            message: "battery at 20 %".to_owned(),
        };
        let mut world =
            sim::World::new(Arc::new(sim::Scenario::parse(sim::builtin::list()[0].1).unwrap()), u64::MAX - 1);
        for _ in 0..30 {
            world.step(&[]);
        }
        let mut snapshot = world.snapshot();
        snapshot.drones[0].position.x = f64::NAN;
        snapshot.drones[0].heading_deg = f64::INFINITY;
        vec![
            Record::RunStarted {
                run_id: run_id.clone(),
                swarm: "default".to_owned(),
                scenario: "hello".to_owned(),
                scenario_text: "name = 1\n".repeat(500),
                seed: u64::MAX,
                tick_s: 0.04,
                wall_time_ms: 1,
                version: "0".to_owned(),
                parent: Some(("p".to_owned(), 7)),
            },
            Record::Journal { run_id: run_id.clone(), entry },
            Record::Happening { run_id: run_id.clone(), seq: 9, wall_time_ms: 2, happening },
            Record::Telemetry { run_id: run_id.clone(), wall_time_ms: 3, snapshot: Arc::new(snapshot) },
            Record::Gap { run_id: run_id.clone(), from_tick: 1, to_tick: 9, frames: 3 },
            Record::Hash { run_id: run_id.clone(), tick: 25, state_hash: u64::MAX },
            Record::Keyframe {
                run_id: run_id.clone(),
                tick: 25,
                journal_seq: 3,
                state_hash: 4,
                world: (0..=255).collect(),
            },
            Record::RunEnded { run_id, tick: 50, wall_time_ms: 4, status: RunStatus::Complete },
            Record::Audit(serde_json::from_value(json!({
                "id": "1-2", "wall_time_ms": 1, "who": "Ada", "role": "operator", "token": "t-1", "address": "::1", "via": "http",
                "kind": "command", "what": "takeoff", "subject": "c-1", "result": "ok", "detail": "1 accepted",
            })).unwrap()),
        ]
    }

    /// As text, but for what is not recorded.
    fn said(record: &Record) -> String {
        match record {
            Record::Telemetry { run_id, wall_time_ms, snapshot } => {
                let sim::Snapshot { tick, sim_time_s, table, drones, metrics, .. } = &**snapshot;
                format!("{run_id} {wall_time_ms} {tick} {sim_time_s} {table:?} {drones:?} {metrics:?}")
            }
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn every_kind_of_record_comes_back_as_it_was() {
        for record in records() {
            let bytes = encode(&record).unwrap();
            assert_eq!(said(&decode(&bytes).unwrap()), said(&record));
        }
    }

    #[test]
    fn a_record_with_any_byte_changed_or_missing_is_refused_or_the_same() {
        for record in records() {
            let bytes = encode(&record).unwrap();
            for at in (0..bytes.len()).step_by(1 + bytes.len() / 200) {
                let mut damaged = bytes.clone();
                damaged[at] ^= 0x10;
                // Some bytes of a gzip header mean nothing.
                if let Ok(read) = decode(&damaged) {
                    assert_eq!(said(&read), said(&record), "byte {at}");
                }
                assert!(decode(&bytes[..at]).is_err(), "cut at {at}");
            }
        }
    }
}
