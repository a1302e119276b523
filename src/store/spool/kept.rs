//! Records as bytes: MessagePack in a gzip, whose checksum tells when a disk gives back something else.

use std::io::{Read as _, Write as _};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;

use crate::contract::record::Record;

/// The largest record that is read back, bytes before compression. Nothing of this program comes near.
const BODY_BYTES_MAX: u64 = 256 << 20;

/// `record` as bytes. O(size).
pub(super) fn encode(record: &Record) -> Result<Vec<u8>, String> {
    let plain = rmp_serde::to_vec_named(record).map_err(|error| error.to_string())?;
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
    rmp_serde::from_slice(&plain).map_err(|error| format!("not a record: {error}"))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::contract::record::RunStatus;
    use crate::sim;
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
            code: "battery_low".into(),
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
