//! The blocking half of the writing actor: one job at a time for the database, one for the spool, each in a thread of its own.
//!
//! Plain threads and not a runtime's pool: a database that hangs must not keep the program from ending.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::sync::oneshot;

use super::batcher::Failure;
use super::cut::Cut;
use super::error::StoreError;
use super::link::Link;
use super::queue::{CHUNK_BYTES, SpoolWork};
use super::rows::{bigint, size_of};
use super::runs::truncate_abandoned;
use super::spool::{Dropped, Spool, SpoolError};
use super::write::{Done, Scribe};
use super::writer::Shared;
use crate::contract::record::Record;

/// A run of another server is held to be abandoned when nobody has written into it for so long.
const ABANDONED_AFTER_MS: i64 = 3_600_000;

/// Does `work` on a thread of its own. The receiver fails if it panics or no thread can be had.
pub(super) fn in_thread<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> oneshot::Receiver<T> {
    let (sender, receiver) = oneshot::channel();
    let started = std::thread::Builder::new().name(name.to_owned()).spawn(move || {
        let _ = sender.send(work()); // whoever waited may be gone
    });
    if let Err(error) = started {
        log::error!("no thread for {name}: {error}");
    }
    receiver
}

/// What comes back from a job of the database: the connection if it is still good, and what was written.
pub(super) type Written = (Option<Scribe>, Result<Done, (Failure, StoreError)>);

/// Connects if need be, then writes.
pub(super) fn write(shared: &Shared, scribe: Option<Scribe>, records: &[Arc<Record>], cut: &Cut) -> Written {
    let mut scribe = match scribe.map_or_else(|| connect(shared), Ok) {
        Ok(scribe) => scribe,
        Err(error) => return (None, Err((Failure::Away, error))),
    };
    if let Err(error) = mark_abandoned(shared, &mut scribe) {
        return (None, Err((Failure::Away, error)));
    }
    if records.is_empty() {
        return (Some(scribe), Ok(Done::default()));
    }
    let records: Vec<&Record> = records.iter().map(Arc::as_ref).collect();
    match scribe.write(&records, now_ms(), cut) {
        Ok(done) => (Some(scribe), Ok(done)),
        Err(error) if error.is_worth_retrying() => (None, Err((Failure::Away, error))),
        Err(error) => (Some(scribe), Err((Failure::Refused, error))),
    }
}

fn connect(shared: &Shared) -> Result<Scribe, StoreError> {
    let mut link = Link::open(&shared.url)?;
    if shared.config.migrate {
        let applied = link.migrate()?;
        if !applied.is_empty() {
            log::info!("migrations applied to {}: {}", shared.url, applied.join(", "));
        }
    }
    Ok(Scribe::new(link, shared.config.server.clone()))
}

/// Once, as soon as what an earlier server left in the spool is written: runs that a crash left unfinished are marked.
fn mark_abandoned(shared: &Shared, scribe: &mut Scribe) -> Result<(), StoreError> {
    if shared.status().abandoned_are_marked || shared.queue().is_detoured() {
        return Ok(());
    }
    let own: Vec<String> = shared.status().own_runs.iter().cloned().collect();
    let idle_since = u64::try_from(now_ms() - ABANDONED_AFTER_MS).unwrap_or(0);
    let server = &shared.config.server;
    let abandoned =
        scribe.link.write(|connection| truncate_abandoned(connection, server, idle_since, &own))?;
    if abandoned > 0 {
        log::warn!("{abandoned} runs were left unfinished by a crash and are now marked truncated");
    }
    shared.status().abandoned_are_marked = true;
    Ok(())
}

/// What the spool did.
pub(super) enum Spooled {
    Appended { dropped: Vec<Dropped> },
    Loaded { records: Vec<(Record, usize)>, up_to: i64 },
}

/// What comes back from a job of the spool: the file if it is still good, and what was done.
pub(super) type Kept = (Option<Spool>, Result<Spooled, SpoolError>);

/// Opens the spool if need be, keeps what the database refused, and does `work`.
pub(super) fn spool(
    shared: &Shared,
    spool: Option<Spool>,
    work: &SpoolWork,
    refused: &[(Arc<Record>, String)],
) -> Kept {
    let Some(config) = &shared.config.spool else {
        return (None, Err(SpoolError("there is no spool".to_owned())));
    };
    let mut spool = match spool.map_or_else(|| Spool::open(config, &shared.url), Ok) {
        Ok(spool) => spool,
        Err(error) => return (None, Err(error)),
    };
    for (record, reason) in refused {
        if let Err(error) = spool.set_aside(record, reason) {
            log::error!("a record that the database refused is in this log only: {error}");
        }
    }
    match done(&mut spool, work) {
        Ok(done) => (Some(spool), Ok(done)),
        Err(error) => (None, Err(error)),
    }
}

fn done(spool: &mut Spool, work: &SpoolWork) -> Result<Spooled, SpoolError> {
    match work {
        SpoolWork::Append(records) => {
            let records: Vec<&Record> = records.iter().map(Arc::as_ref).collect();
            Ok(Spooled::Appended { dropped: spool.append(&records)? })
        }
        SpoolWork::Load { forget_to, after } => {
            if let Some(up_to) = forget_to {
                spool.forget(*up_to)?;
            }
            let chunk = spool.load(*after, CHUNK_BYTES)?;
            let records = chunk.records.into_iter().map(|(_, record)| (size_of(&record), record));
            let records = records.map(|(size, record)| (record, size)).collect();
            Ok(Spooled::Loaded { records, up_to: chunk.up_to })
        }
    }
}

/// Unix milliseconds.
#[allow(clippy::disallowed_methods)] // when a run was last written into: only for `runs.written_ms`
pub(super) fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    bigint(since.as_millis().try_into().unwrap_or(u64::MAX))
}
