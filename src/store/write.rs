//! A batch of records into the database, in one transaction, exactly once however often it is tried.

use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error as DieselError};

use super::copy::copy_telemetry;
use super::cut::Cut;
use super::error::StoreError;
use super::frames::{NewFrame, TelemetryRow, frames_of};
use super::link::{AnyConnection, Link};
use super::partitions::Partitions;
use super::rows::{DroneRow, KnownDrones, Rows, RunEnd};
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

/// What was written of a batch.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Done {
    /// Rows that were new.
    pub(super) rows: u64,
    /// Records from the front of the batch; less than all if it was cut.
    pub(super) records: usize,
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

    /// Writes `records` in one transaction. Blocks. Nothing but telemetry may end early: then the rest is to be tried again.
    ///
    /// Every row has a key made from its record, so that trying a batch again after an answer got lost adds nothing.
    pub(super) fn write(&mut self, records: &[&Record], now_ms: i64, cut: &Cut) -> Result<Done, StoreError> {
        let Scribe { link, server, known, partitions } = self;
        let frames = frames_of(records);
        partitions.make(link, frames.iter().map(|frame| frame.run_id));
        let uncut = Cut::default();
        let is_telemetry = frames.len() == records.len();
        let cut = if is_telemetry { cut } else { &uncut };
        let done = link.write(|connection| {
            let (written, taken) = insert_telemetry(connection, &frames, cut)?;
            let records = if is_telemetry { &records[..taken] } else { records };
            let rows = Rows::of(records.iter().copied(), server, now_ms);
            let drones = known.new_rows(records.iter().copied());
            let written = written + write_rows(connection, &rows, &drones, now_ms)?;
            Ok(Done { rows: written as u64, records: records.len() })
        });
        if done.is_err() {
            *known = KnownDrones::default();
        }
        done
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

/// Inserts `frames`, all or those before the `cut`; the number of rows that were new, and of frames. SQLite: as the others.
/// PostgreSQL: COPY straight into the table, several times as fast as an INSERT; if a row is there already (a batch tried
/// again), as the others.
fn insert_telemetry(
    connection: &mut AnyConnection,
    frames: &[NewFrame<'_>],
    cut: &Cut,
) -> QueryResult<(usize, usize)> {
    if let AnyConnection::Postgres(connection) = connection
        && !frames.is_empty()
    {
        match connection.transaction(|connection| copy_telemetry(connection, frames, cut)) {
            Err(DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, _)) => {}
            other => return other,
        }
    }
    let (mut inserted, mut seen) = (0, 0);
    let mut some: Vec<TelemetryRow<'_>> = Vec::with_capacity(ROWS_PER_INSERT);
    for (index, frame) in frames.iter().enumerate() {
        for row in frame.rows() {
            some.push(row);
            if some.len() == ROWS_PER_INSERT {
                inserted += insert_new!(connection, telemetry::table, some);
                seen += some.len();
                some.clear();
            }
        }
        if cut.is_due(seen) {
            inserted += insert_new!(connection, telemetry::table, some);
            return Ok((inserted, index + 1));
        }
    }
    inserted += insert_new!(connection, telemetry::table, some);
    Ok((inserted, frames.len()))
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
