//! The journal and the log of recorded runs.

use diesel::prelude::*;
use serde::Serialize;

use super::error::StoreError;
use super::pool::Store;
use super::rows::bigint;
use super::schema::{happenings, journal};
use crate::sim;

/// A log entry of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Queryable)]
pub struct LogEntry {
    /// Place in the log of the run.
    pub seq: i64,
    /// When, in ticks.
    pub tick: i64,
    /// When, Unix milliseconds.
    pub wall_time_ms: i64,
    /// debug, info, warning, error or critical.
    pub level: String,
    /// A drone, or `swarm`.
    pub source: String,
    /// The kind of happening.
    pub code: String,
    /// A sentence.
    pub message: String,
}

/// Which log entries to read, oldest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogFilter {
    /// Only entries with a greater `seq`.
    pub after: Option<u64>,
    /// Only entries of these levels; empty: of all.
    pub levels: Vec<String>,
    /// Only entries of this source.
    pub source: Option<String>,
    /// At most so many.
    pub limit: u32,
}

impl Default for LogFilter {
    fn default() -> Self {
        LogFilter { after: None, levels: Vec::new(), source: None, limit: 1_000 }
    }
}

type JournalTuple = (i64, i64, String, String, String, String, String, String);

impl Store {
    /// The journal of a run in order. Every number is what it was, bit for bit.
    pub fn journal(&self, run_id: &str) -> Result<Vec<sim::JournalEntry>, StoreError> {
        let rows: Vec<JournalTuple> = self.read(|connection| {
            journal::table
                .filter(journal::run_id.eq(run_id))
                .order(journal::seq)
                .select((
                    journal::seq,
                    journal::tick,
                    journal::author,
                    journal::via,
                    journal::command_id,
                    journal::command,
                    journal::targets,
                    journal::params,
                ))
                .load(connection)
        })?;
        rows.into_iter().map(|row| entry(run_id, row)).collect()
    }

    /// Log entries of a run.
    pub fn log_entries(&self, run_id: &str, filter: &LogFilter) -> Result<Vec<LogEntry>, StoreError> {
        self.read(|connection| {
            let mut query = happenings::table.filter(happenings::run_id.eq(run_id)).into_boxed();
            if let Some(after) = filter.after {
                query = query.filter(happenings::seq.gt(bigint(after)));
            }
            if !filter.levels.is_empty() {
                query = query.filter(happenings::level.eq_any(filter.levels.clone()));
            }
            if let Some(source) = &filter.source {
                query = query.filter(happenings::source.eq(source.clone()));
            }
            query
                .order(happenings::seq)
                .limit(i64::from(filter.limit))
                .select((
                    happenings::seq,
                    happenings::tick,
                    happenings::wall_time_ms,
                    happenings::level,
                    happenings::source,
                    happenings::code,
                    happenings::message,
                ))
                .load(connection)
        })
    }
}

fn entry(run_id: &str, row: JournalTuple) -> Result<sim::JournalEntry, StoreError> {
    let (seq, tick, author, via, command_id, command, targets, params) = row;
    let unreadable = |column: &'static str, error: serde_json::Error| StoreError::Unreadable {
        table: "journal",
        column,
        key: format!("{run_id}, seq {seq}"),
        problem: error.to_string(),
    };
    let params: serde_json::Value =
        serde_json::from_str(&params).map_err(|error| unreadable("params", error))?;
    let mut fields = serde_json::Map::new();
    fields.insert("command".to_owned(), command.into());
    if !params.is_null() {
        fields.insert("params".to_owned(), params);
    }
    Ok(sim::JournalEntry {
        seq: seq.unsigned_abs(),
        tick: tick.unsigned_abs(),
        author,
        via,
        command_id,
        targets: serde_json::from_str(&targets).map_err(|error| unreadable("targets", error))?,
        command: serde_json::from_value(fields.into()).map_err(|error| unreadable("command", error))?,
    })
}
