//! Where records wait on disk while the database is away: a second SQLite file, with a bound.
//!
//! ```text
//!  append ──► records (id, …, body) ──► load, in order ──► forget
//!                 │ at the bound: the oldest telemetry goes, counted; events never
//!                 └ what cannot be read or is refused by the database ──► set_aside
//! ```
//!
//! A record that was appended survives a crash of the program and of the machine. A file belongs to one server at a time
//! (an exclusive lock, which the kernel drops with the process) and to one database, whose URL is in its name.

mod kept;
mod salvage;

use std::path::{Path, PathBuf};

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};

use super::link::why_not;
use super::rows::bigint;
use super::url::DatabaseUrl;
use crate::contract::record::Record;
use crate::sim::hash::Hash64;

/// Servers that can spool into one directory for one database at once.
const FILES_MAX: u32 = 8;

/// Rows that are looked at when telemetry has to make room, or a chunk is measured.
const LOOK_ROWS: i64 = 1_000;

/// What a row takes besides its body, bytes; an estimate.
const ROW_BYTES: u64 = 64;

diesel::table! {
    records (id) {
        id -> BigInt,
        run_id -> Text,
        tick -> BigInt,
        telemetry -> Bool,
        bytes -> BigInt,
        body -> Binary,
    }
}

diesel::table! {
    set_aside (id) {
        id -> BigInt,
        reason -> Text,
        body -> Binary,
    }
}

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS records (
        id INTEGER PRIMARY KEY AUTOINCREMENT, run_id TEXT NOT NULL, tick BIGINT NOT NULL,
        telemetry BOOLEAN NOT NULL, bytes BIGINT NOT NULL, body BLOB NOT NULL);
    CREATE INDEX IF NOT EXISTS records_telemetry ON records (id) WHERE telemetry;
    CREATE TABLE IF NOT EXISTS set_aside (id INTEGER PRIMARY KEY AUTOINCREMENT, reason TEXT NOT NULL, body BLOB NOT NULL);";

/// Where a spool lies and how big it may become.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpoolConfig {
    /// The directory of its file; made when it is not there.
    pub directory: PathBuf,
    /// Bound on the records in it, bytes as stored.
    pub bytes_max: u64,
}

/// Why a spool takes or gives nothing: one sentence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct SpoolError(pub(super) String);

/// A recorded tick that was dropped: its run and number.
pub(super) type Dropped = (String, u64);

/// An open spool.
pub(super) struct Spool {
    connection: SqliteConnection,
    path: PathBuf,
    bytes_max: u64,
    /// Records in it.
    pub(super) records: u64,
    /// Their bytes.
    pub(super) bytes: u64,
}

/// What was read: each record with its place, and the last place that was looked at.
#[derive(Default)]
pub(super) struct Chunk {
    pub(super) records: Vec<(i64, Record)>,
    pub(super) up_to: i64,
    /// Records that could not be read and were set aside.
    pub(super) unreadable: u64,
}

impl Spool {
    /// Opens the spool for the database at `url`: one that holds something, if a server left it, or else an empty or
    /// a new one. A damaged one is put aside and what can be read of it is taken over. Blocks.
    pub(super) fn open(config: &SpoolConfig, url: &DatabaseUrl) -> Result<Spool, SpoolError> {
        std::fs::create_dir_all(&config.directory)
            .map_err(|error| SpoolError(format!("{}: {error}", config.directory.display())))?;
        let mut hash = Hash64::default();
        hash.text(&url.to_string());
        let stem = format!("spool-{:016x}", hash.finish());
        let mut empty = None;
        let mut problem = None;
        for number in 1..=FILES_MAX {
            let path = config.directory.join(format!("{stem}-{number}.sqlite"));
            if !path.exists() && empty.is_some() {
                break;
            }
            match Spool::open_file(&path, config.bytes_max) {
                Ok(spool) if spool.records > 0 => return Ok(spool),
                Ok(spool) => empty = empty.or(Some(spool)),
                Err(error) if error.0.contains("locked") => {} // another server's
                Err(error) => {
                    problem = Some(error);
                    break;
                }
            }
        }
        empty.ok_or_else(|| {
            problem.unwrap_or_else(|| SpoolError(format!("{stem}-*.sqlite are all in use by other servers")))
        })
    }

    fn open_file(path: &Path, bytes_max: u64) -> Result<Spool, SpoolError> {
        let said = |error: &dyn std::fmt::Display| SpoolError(format!("{}: {error}", path.display()));
        match Spool::open_sound(path, bytes_max) {
            Err(damage) if is_damage(&damage) => {
                let kept = salvage::put_aside(path).map_err(|error| said(&error))?;
                let mut spool = Spool::open_sound(path, bytes_max)?;
                let saved = salvage::take_over(&kept, &mut spool.connection);
                (spool.records, spool.bytes) = spool.measure().map_err(|error| said(&error))?;
                log::error!(
                    "the spool {} is damaged ({damage}): {saved} records are saved, the file is kept as {}",
                    path.display(),
                    kept.display()
                );
                Ok(spool)
            }
            outcome => outcome,
        }
    }

    fn open_sound(path: &Path, bytes_max: u64) -> Result<Spool, SpoolError> {
        let said = |error: &dyn std::fmt::Display| SpoolError(format!("{}: {error}", path.display()));
        let mut connection = SqliteConnection::establish(&path.to_string_lossy())
            .map_err(|error| said(&format!("{error}{}", why_not(path))))?;
        // FULL: what was committed survives a loss of power. The lock is taken before the file becomes a WAL, so that
        // no other process maps it.
        connection
            .batch_execute(&format!(
                "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
                 PRAGMA auto_vacuum = INCREMENTAL; BEGIN IMMEDIATE; {SCHEMA} COMMIT;"
            ))
            .map_err(|error| said(&error))?;
        #[derive(QueryableByName)]
        struct Verdict {
            #[diesel(sql_type = Text)]
            quick_check: String,
        }
        let verdict: Verdict = diesel::sql_query("PRAGMA quick_check(1)")
            .get_result(&mut connection)
            .map_err(|error| said(&error))?;
        if verdict.quick_check != "ok" {
            return Err(said(&format!("malformed: {}", verdict.quick_check)));
        }
        let mut spool = Spool { connection, path: path.to_owned(), bytes_max, records: 0, bytes: 0 };
        (spool.records, spool.bytes) = spool.measure().map_err(|error| said(&error))?;
        Ok(spool)
    }

    /// Where it lies.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Appends records in one transaction, durable when this returns. At the bound the oldest telemetry goes, be it in
    /// the spool or among `new`; what went is returned. Fails without a change when events alone do not fit.
    pub(super) fn append(&mut self, new: &[&Record]) -> Result<Vec<Dropped>, SpoolError> {
        let mut bodies = Vec::with_capacity(new.len());
        for record in new {
            bodies.push(kept::encode(record).map_err(|error| self.said(&error))?);
        }
        let cost = |body: &Vec<u8>| body.len() as u64 + ROW_BYTES;
        let (mut dropped, mut from) = (Vec::new(), 0);
        let bound = self.bytes_max;
        let (old_records, old_bytes) = (self.records, self.bytes);
        let (mut records, mut bytes) = (old_records, old_bytes);
        let outcome = self.connection.immediate_transaction(|connection| {
            let mut need: u64 = bodies.iter().map(cost).sum();
            while bytes + need > bound {
                let oldest = oldest_telemetry(connection)?;
                let Some(newest_of_them) = oldest.last().map(|(id, ..)| *id) else {
                    if new.get(from).is_some_and(|record| record.is_telemetry()) {
                        need -= cost(&bodies[from]);
                        let (run_id, tick) = place(new[from]);
                        dropped.extend(u64::try_from(tick).ok().map(|tick| (run_id, tick)));
                        from += 1;
                        continue;
                    }
                    return Err(Refusal::Full);
                };
                let mut last = newest_of_them;
                for (id, run_id, tick, size) in oldest {
                    last = id;
                    records -= 1;
                    bytes -= size.unsigned_abs().min(bytes);
                    dropped.extend(u64::try_from(tick).ok().map(|tick| (run_id, tick)));
                    if bytes + need <= bound {
                        break;
                    }
                }
                diesel::delete(
                    records::table.filter(records::telemetry.eq(true)).filter(records::id.le(last)),
                )
                .execute(connection)?;
            }
            for (record, body) in new[from..].iter().zip(&bodies[from..]) {
                let (run_id, tick) = place(record);
                diesel::insert_into(records::table)
                    .values((
                        records::run_id.eq(run_id),
                        records::tick.eq(tick),
                        records::telemetry.eq(record.is_telemetry()),
                        records::bytes.eq(bigint(cost(body))),
                        records::body.eq(body),
                    ))
                    .execute(connection)?;
                records += 1;
                bytes += cost(body);
            }
            Ok(())
        });
        match outcome {
            Ok(()) => {
                (self.records, self.bytes) = (records, bytes);
                Ok(dropped)
            }
            Err(Refusal::Full) => {
                Err(self
                    .said(&format!("full: it holds {old_bytes} of {bound} bytes, none of them telemetry")))
            }
            Err(Refusal::Sql(error)) => Err(self.said(&error)),
        }
    }

    /// Reads records that come after place `after`, oldest first: some `bytes_max` bytes of them, at least one if there
    /// is one. One that cannot be read is set aside.
    pub(super) fn load(&mut self, after: i64, bytes_max: u64) -> Result<Chunk, SpoolError> {
        let sizes: Vec<(i64, i64)> = records::table
            .filter(records::id.gt(after))
            .order(records::id)
            .select((records::id, records::bytes))
            .limit(LOOK_ROWS)
            .load(&mut self.connection)
            .map_err(|error| self.said(&error))?;
        let mut chunk = Chunk { up_to: after, ..Chunk::default() };
        let mut bytes = 0;
        for (id, size) in sizes {
            bytes += size.unsigned_abs();
            if chunk.up_to > after && bytes > bytes_max {
                break;
            }
            chunk.up_to = id;
        }
        let rows: Vec<(i64, Vec<u8>)> = records::table
            .filter(records::id.gt(after).and(records::id.le(chunk.up_to)))
            .order(records::id)
            .select((records::id, records::body))
            .load(&mut self.connection)
            .map_err(|error| self.said(&error))?;
        for (id, body) in rows {
            match kept::decode(&body) {
                Ok(record) => chunk.records.push((id, record)),
                Err(problem) => {
                    log::error!("{}: record {id} is set aside: {problem}", self.path.display());
                    self.put_aside(&problem, &body)?;
                    chunk.unreadable += 1;
                }
            }
        }
        Ok(chunk)
    }

    /// Forgets every record up to place `up_to`: they are in the database.
    pub(super) fn forget(&mut self, up_to: i64) -> Result<(), SpoolError> {
        let deleted = diesel::delete(records::table.filter(records::id.le(up_to)))
            .execute(&mut self.connection)
            .and_then(|_| self.measure())
            .map_err(|error| self.said(&error))?;
        (self.records, self.bytes) = deleted;
        if self.records == 0 {
            // Gives the space back. Not worth an error: it is used again.
            let _ =
                self.connection.batch_execute("PRAGMA incremental_vacuum; PRAGMA wal_checkpoint(TRUNCATE);");
        }
        Ok(())
    }

    /// Keeps a record that the database refuses, with what it said.
    pub(super) fn set_aside(&mut self, record: &Record, reason: &str) -> Result<(), SpoolError> {
        let body = kept::encode(record).map_err(|error| self.said(&error))?;
        self.put_aside(reason, &body)
    }

    fn put_aside(&mut self, reason: &str, body: &[u8]) -> Result<(), SpoolError> {
        diesel::insert_into(set_aside::table)
            .values((set_aside::reason.eq(reason), set_aside::body.eq(body)))
            .execute(&mut self.connection)
            .map(|_| ())
            .map_err(|error| self.said(&error))
    }

    /// Records in it and their bytes.
    fn measure(&mut self) -> QueryResult<(u64, u64)> {
        #[derive(QueryableByName)]
        struct Fill {
            #[diesel(sql_type = BigInt)]
            records: i64,
            #[diesel(sql_type = BigInt)]
            bytes: i64,
        }
        let fill: Fill =
            diesel::sql_query("SELECT count(*) AS records, coalesce(sum(bytes), 0) AS bytes FROM records")
                .get_result(&mut self.connection)?;
        Ok((fill.records.unsigned_abs(), fill.bytes.unsigned_abs()))
    }

    fn said(&self, error: &dyn std::fmt::Display) -> SpoolError {
        SpoolError(format!("{}: {error}", self.path.display()))
    }
}

/// Why a transaction of [`Spool::append`] ended.
enum Refusal {
    Full,
    Sql(diesel::result::Error),
}

impl From<diesel::result::Error> for Refusal {
    fn from(error: diesel::result::Error) -> Refusal {
        Refusal::Sql(error)
    }
}

fn oldest_telemetry(connection: &mut SqliteConnection) -> QueryResult<Vec<(i64, String, i64, i64)>> {
    records::table
        .filter(records::telemetry.eq(true))
        .order(records::id)
        .select((records::id, records::run_id, records::tick, records::bytes))
        .limit(LOOK_ROWS)
        .load(connection)
}

/// The run of a record and the tick of its telemetry; -1 for others, whose loss is no gap.
fn place(record: &Record) -> (String, i64) {
    let tick = match record {
        Record::Telemetry { snapshot, .. } => bigint(snapshot.tick),
        _ => -1,
    };
    (record.run_id().to_owned(), tick)
}

fn is_damage(error: &SpoolError) -> bool {
    error.0.contains("malformed") || error.0.contains("not a database")
}
