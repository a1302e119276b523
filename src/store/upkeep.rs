//! Keeps telemetry within the bounds that an operator sets: of old runs it is thinned, of older ones removed. Everything else of
//! a run is kept, and with it the run: telemetry can be computed again.

use std::collections::BTreeMap;

use diesel::connection::SimpleConnection as _;
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool};

use super::error::StoreError;
use super::link::AnyConnection;
use super::partitions;
use super::pool::Store;
use super::rows::bigint;
use super::schema::{runs, telemetry, thinned};

const DAY_MS: i64 = 86_400_000;

/// Ticks whose rows one transaction deletes: recording does not wait for longer.
const TICKS_AT_ONCE: i64 = 500;

/// What [`Store::upkeep`] does to the telemetry of runs that have ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Upkeep {
    /// It is removed when the run ended so many days ago.
    pub remove_after_days: Option<u32>,
    /// It is thinned when the run ended so many days ago.
    pub thin_after_days: Option<u32>,
    /// Ticks that this divides stay when it is thinned.
    pub thin_every: u64,
}

/// What was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UpkeepDone {
    /// Runs whose telemetry was thinned.
    pub thinned: usize,
    /// Runs whose telemetry was removed.
    pub removed: usize,
    /// Partitions dropped whole.
    pub partitions: usize,
}

/// A run that is due: its id and newest tick.
type Due = (String, i64);

impl Store {
    /// Thins and removes what is due at `now_ms`, in small transactions. Done again, or cut off and done again, it comes to the
    /// same. Blocks.
    pub fn upkeep(&self, upkeep: &Upkeep, now_ms: u64) -> Result<UpkeepDone, StoreError> {
        let before = |days: u32| bigint(now_ms) - i64::from(days) * DAY_MS;
        let mut done = UpkeepDone::default();
        if let Some(days) = upkeep.remove_after_days {
            let due = self.due(before(days), 0)?;
            done.partitions = self.drop_partitions(&due)?;
            done.removed = due.len();
            for run in due {
                self.reduce(&run, 0)?;
            }
        }
        if let Some(days) = upkeep.thin_after_days {
            let due = self.due(before(days), bigint(upkeep.thin_every.max(1)))?;
            done.thinned = due.len();
            for run in due {
                self.reduce(&run, bigint(upkeep.thin_every.max(1)))?;
            }
        }
        Ok(done)
    }

    /// Runs that ended before `before_ms` and are not yet reduced to every `every`th tick (0: to nothing).
    fn due(&self, before_ms: i64, every: i64) -> Result<Vec<Due>, StoreError> {
        self.read(|connection| {
            let ended = runs::table
                .filter(runs::status.ne("recording"))
                .filter(
                    runs::ended_ms
                        .lt(before_ms)
                        .or(runs::ended_ms.is_null().and(runs::written_ms.lt(before_ms))),
                )
                .order(runs::id)
                .select((runs::id, runs::ticks));
            // What was removed is done with; what was thinned is done with as long as it is only to be thinned.
            let bound = if every == 0 { 0 } else { i64::MAX };
            let done = thinned::table.filter(thinned::every.le(bound));
            ended.filter(runs::id.ne_all(done.select(thinned::run_id))).load(connection)
        })
    }

    /// Deletes the rows of a run but every `every`th tick, and notes that.
    fn reduce(&self, (run, ticks): &Due, every: i64) -> Result<(), StoreError> {
        let mut from = 0;
        while from <= *ticks {
            let rows = telemetry::table
                .filter(telemetry::run_id.eq(run))
                .filter(telemetry::tick.ge(from).and(telemetry::tick.lt(from + TICKS_AT_ONCE)));
            self.write(|connection| match every {
                0 => diesel::delete(rows).execute(connection),
                _ => {
                    let others = sql::<Bool>("tick % ").bind::<BigInt, _>(every).sql(" <> 0");
                    diesel::delete(rows.filter(others)).execute(connection)
                }
            })?;
            from += TICKS_AT_ONCE;
        }
        self.write(|connection| {
            diesel::delete(thinned::table.find(run)).execute(connection)?;
            let row = (thinned::run_id.eq(run), thinned::every.eq(every));
            diesel::insert_into(thinned::table).values(row).execute(connection)
        })?;
        Ok(())
    }

    /// PostgreSQL: drops the partitions of days of which every run is in `due`.
    fn drop_partitions(&self, due: &[Due]) -> Result<usize, StoreError> {
        let mut days: BTreeMap<&str, usize> = BTreeMap::new();
        for day in due.iter().filter_map(|(run, _)| partitions::day(run)) {
            *days.entry(day).or_default() += 1;
        }
        let mut dropped = 0;
        for (day, runs_due) in days {
            let kept: i64 = self.read(|connection| {
                let of_the_day = runs::id.ge(day).and(runs::id.lt(format!("{day}~")));
                let without_rows = thinned::table.filter(thinned::every.eq(0)).select(thinned::run_id);
                let with_rows = runs::id.ne_all(without_rows);
                runs::table.filter(of_the_day).filter(with_rows).count().get_result(connection)
            })?;
            if kept == bigint(runs_due as u64) {
                dropped += self.write(|connection| match connection {
                    AnyConnection::Postgres(connection) => {
                        let name = partitions::name(day);
                        // Readers may hold the table for long: another time, then; the rows are deleted one by one.
                        let drop = format!("SET LOCAL lock_timeout = '2s'; DROP TABLE IF EXISTS {name}");
                        connection.batch_execute(&drop).map(|()| 1)
                    }
                    AnyConnection::Sqlite(_) => Ok(0),
                })?;
            }
        }
        Ok(dropped)
    }
}
