//! Saved worlds of runs, and what is needed to go on with a run that a crash interrupted.

use std::collections::HashSet;

use diesel::prelude::*;

use super::error::StoreError;
use super::pool::Store;
use super::rows::bigint;
use super::schema::{drones, happenings, hashes, journal, keyframes, metrics, runs, telemetry};
use crate::contract::archive::{Interrupted, Keyframe};
use crate::contract::record::RunStatus;

/// Codes of log entries that tell whether the clock ran.
const CLOCK_CODES: [&str; 3] = ["clock_running", "clock_paused", "clock_stopped"];

/// Runs of one server that are looked through for those that a crash interrupted.
const RUNS_MAX: i64 = 1000;

impl Store {
    /// The newest keyframe of a run at or before `tick`.
    pub fn keyframe(&self, run_id: &str, tick: u64) -> Result<Option<Keyframe>, StoreError> {
        let row: Option<(i64, i64, String, Vec<u8>)> = self.read(|connection| {
            keyframes::table
                .filter(keyframes::run_id.eq(run_id))
                .filter(keyframes::tick.le(bigint(tick)))
                .order(keyframes::tick.desc())
                .select((keyframes::tick, keyframes::journal_seq, keyframes::hash, keyframes::world))
                .first(connection)
                .optional()
        })?;
        let Some((tick, journal_seq, hash, world)) = row else { return Ok(None) };
        let state_hash = u64::from_str_radix(&hash, 16).map_err(|error| StoreError::Unreadable {
            table: "keyframes",
            column: "hash",
            key: format!("{run_id}, tick {tick}"),
            problem: format!("{hash:?}: {error}"),
        })?;
        let (tick, journal_seq) = (tick.unsigned_abs(), journal_seq.unsigned_abs());
        Ok(Some(Keyframe { tick, journal_seq, state_hash, world }))
    }

    /// The runs that `server` was flying when it was interrupted: of each swarm the newest, if it was not closed and
    /// if it flew beside the newest of the swarm `main`.
    pub fn interrupted(&self, server: &str, main: &str) -> Result<Vec<Interrupted>, StoreError> {
        let rows: Vec<(String, String, String, i64, i64)> = self.read(|connection| {
            runs::table
                .filter(runs::server.eq(server))
                .order((runs::started_ms.desc(), runs::id.desc()))
                .limit(RUNS_MAX)
                .select((runs::swarm, runs::id, runs::status, runs::started_ms, runs::written_ms))
                .load(connection)
        })?;
        let mut seen = HashSet::new();
        let newest: Vec<_> = rows.into_iter().filter(|row| seen.insert(row.0.clone())).collect();
        let Some(since) = newest.iter().find(|row| row.0 == main).map(|row| row.3) else {
            return Ok(Vec::new());
        };
        let open = newest
            .into_iter()
            .filter(|(_, _, status, _, written)| status != RunStatus::Complete.as_str() && *written >= since);
        open.filter_map(|(_, id, ..)| self.interrupted_run(&id).transpose()).collect()
    }

    fn interrupted_run(&self, id: &str) -> Result<Option<Interrupted>, StoreError> {
        let Some(run) = self.recorded_run(id)? else { return Ok(None) };
        self.read(|connection| {
            let hash: Option<i64> = hashes::table
                .filter(hashes::run_id.eq(id))
                .select(diesel::dsl::max(hashes::tick))
                .first(connection)?;
            let entry: Option<i64> = journal::table
                .filter(journal::run_id.eq(id))
                .select(diesel::dsl::max(journal::tick))
                .first(connection)?;
            let log_seq: Option<i64> = happenings::table
                .filter(happenings::run_id.eq(id))
                .select(diesel::dsl::max(happenings::seq))
                .first(connection)?;
            let replaced: i64 = happenings::table
                .filter(happenings::run_id.eq(id))
                .filter(happenings::code.eq("run_replaced"))
                .count()
                .get_result(connection)?;
            let clock: Option<String> = happenings::table
                .filter(happenings::run_id.eq(id))
                .filter(happenings::code.eq_any(CLOCK_CODES))
                .order(happenings::seq.desc())
                .select(happenings::code)
                .first(connection)
                .optional()?;
            Ok(Some(Interrupted {
                run,
                durable_tick: hash.max(entry).unwrap_or(0).unsigned_abs(),
                log_seq: log_seq.unwrap_or(0).unsigned_abs(),
                is_replacement: replaced > 0,
                clock,
            }))
        })
    }

    /// Takes a run up again after its tick `tick`: what was recorded of later ticks never came about, and goes.
    pub fn resume_run(&self, run_id: &str, tick: u64) -> Result<(), StoreError> {
        let last = bigint(tick);
        self.write(|connection| {
            macro_rules! forget_later {
                ($table:ident, $tick:ident) => {{
                    let later =
                        $table::table.filter($table::run_id.eq(run_id)).filter($table::$tick.gt(last));
                    diesel::delete(later).execute(connection)?;
                }};
            }
            forget_later!(telemetry, tick);
            forget_later!(metrics, tick);
            forget_later!(hashes, tick);
            forget_later!(keyframes, tick);
            forget_later!(drones, since_tick);
            diesel::update(runs::table.find(run_id))
                .set((
                    runs::status.eq(RunStatus::Recording.as_str()),
                    runs::ticks.eq(last),
                    runs::ended_ms.eq(None::<i64>),
                ))
                .execute(connection)?;
            Ok(())
        })
    }
}
