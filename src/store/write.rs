//! A batch of records into the database, in one transaction, exactly once however often it is tried.

use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error as DieselError};

use super::copy::copy_telemetry;
use super::error::StoreError;
use super::link::{AnyConnection, Link};
use super::partitions::Partitions;
use super::rows::{DroneRow, KnownDrones, Rows, RunEnd, TelemetryRow};
use super::schema::{audit, drones, gaps, happenings, hashes, journal, keyframes, metrics, runs, telemetry};
use crate::contract::record::Record;

/// Rows of one INSERT. Fastest on SQLite, by measurement, between 200 and 500; its values must stay below 32,766.
const ROWS_PER_INSERT: usize = 500;

/// Inserts rows whose keys are not there yet; the number of those. A `macro` because diesel's batch inserts need the
/// concrete connection and table.
macro_rules! insert_new {
    ($connection:expr, $table:path, $rows:expr) => {{
        let mut inserted = 0;
        for rows in $rows.chunks(ROWS_PER_INSERT) {
            let insert = diesel::insert_into($table).values(rows).on_conflict_do_nothing();
            inserted += match $connection {
                AnyConnection::Postgres(connection) => insert.execute(connection),
                AnyConnection::Sqlite(connection) => insert.execute(connection),
            }?;
        }
        inserted
    }};
}

/// The writing side of a connection.
pub(super) struct Scribe {
    pub(super) link: Link,
    server: String,
    known: KnownDrones,
    partitions: Partitions,
}

impl Scribe {
    /// `server` names this server in the runs it records.
    pub(super) fn new(link: Link, server: String) -> Scribe {
        Scribe { link, server, known: KnownDrones::default(), partitions: Partitions::default() }
    }

    /// Writes `records` in one transaction and returns how many rows were new. Blocks.
    ///
    /// Every row has a key made from its record, so that trying a batch again after an answer got lost adds nothing.
    pub(super) fn write(&mut self, records: &[&Record], now_ms: i64) -> Result<u64, StoreError> {
        let rows = Rows::of(records.iter().copied(), &self.server, now_ms);
        let drones = self.known.new_rows(records.iter().copied());
        self.partitions.make(&mut self.link, rows.telemetry_runs());
        let written = self.link.write(|connection| write_rows(connection, &rows, &drones, now_ms));
        if written.is_err() {
            self.known = KnownDrones::default();
        }
        written.map(|rows| rows as u64)
    }
}

fn write_rows(
    connection: &mut AnyConnection,
    rows: &Rows<'_>,
    drones: &[DroneRow<'_>],
    now_ms: i64,
) -> QueryResult<usize> {
    let mut written = insert_new!(connection, runs::table, rows.runs);
    written += insert_new!(connection, journal::table, rows.journal);
    written += insert_new!(connection, happenings::table, rows.happenings);
    written += insert_new!(connection, hashes::table, rows.hashes);
    written += insert_new!(connection, keyframes::table, rows.keyframes);
    written += insert_new!(connection, drones::table, drones);
    written += insert_new!(connection, metrics::table, rows.metrics);
    written += insert_new!(connection, gaps::table, rows.gaps);
    written += insert_new!(connection, audit::table, rows.audit);
    written += insert_telemetry(connection, &rows.telemetry)?;
    for (run_id, tick) in &rows.ticks {
        let run = runs::table.filter(runs::id.eq(run_id)).filter(runs::ticks.le(tick));
        diesel::update(run.filter(runs::status.ne("complete")))
            .set((runs::ticks.eq(tick), runs::written_ms.eq(now_ms)))
            .execute(connection)?;
    }
    for end in &rows.ends {
        end_run(connection, end, now_ms)?;
    }
    Ok(written)
}

/// SQLite: as the others. PostgreSQL: COPY straight into the table, several times as fast as an INSERT; if a row is
/// there already (a batch tried again), as the others.
fn insert_telemetry(connection: &mut AnyConnection, rows: &[TelemetryRow<'_>]) -> QueryResult<usize> {
    if rows.is_empty() {
        return Ok(0);
    }
    let connection = match connection {
        AnyConnection::Postgres(connection) => connection,
        sqlite => return Ok(insert_new!(sqlite, telemetry::table, rows)),
    };
    let copied = connection.transaction(|connection| copy_telemetry(connection, rows));
    match copied {
        Err(DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, _)) => {
            let mut inserted = 0;
            for rows in rows.chunks(ROWS_PER_INSERT) {
                let insert = diesel::insert_into(telemetry::table).values(rows).on_conflict_do_nothing();
                inserted += insert.execute(connection)?;
            }
            Ok(inserted)
        }
        other => other,
    }
}

fn end_run(connection: &mut AnyConnection, end: &RunEnd<'_>, now_ms: i64) -> QueryResult<()> {
    let newest: Option<String> = hashes::table
        .filter(hashes::run_id.eq(end.run_id))
        .order(hashes::tick.desc())
        .select(hashes::hash)
        .first(connection)
        .optional()?;
    diesel::update(runs::table.filter(runs::id.eq(end.run_id)))
        .set((
            runs::ended_ms.eq(end.ended_ms),
            runs::ticks.eq(end.ticks),
            runs::status.eq(end.status),
            runs::final_hash.eq(newest),
            runs::written_ms.eq(now_ms),
        ))
        .execute(connection)?;
    Ok(())
}
