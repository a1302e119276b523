//! The handle through which a swarm hands over its history.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use actix::Addr;

use super::batcher::{Batcher, Class, Failure, Limits};
use super::db_writer::{DbWriter, Flush, FlushError, Stop, Wake};
use super::error::StoreError;
use super::rows;
use super::url::DatabaseUrl;
use crate::contract::record::{DatabaseHealth, DatabaseState, Record, Recorder, RecorderFull};

/// Records that wait longer than this are behind a database that does not answer. Telemetry waits for one second.
const LAG_MAX: Duration = Duration::from_secs(5);

/// Settings of a [`Writer`].
#[derive(Clone, Debug, PartialEq)]
pub struct WriterConfig {
    /// Names this server in the runs it records. When it starts again under the same name, runs that a crash left
    /// unfinished become `truncated` at once; those of other servers an hour after their last row.
    pub server: String,
    /// Bounds and times of the queue.
    pub limits: Limits,
    /// Whether to apply migrations on connecting. Without, missing tables leave the state at away.
    pub migrate: bool,
}

impl Default for WriterConfig {
    fn default() -> Self {
        WriterConfig { server: "hmrs".to_owned(), limits: Limits::default(), migrate: true }
    }
}

/// Records what it is given into a database, in the background. Clones share one queue and one connection.
#[derive(Clone)]
pub struct Writer {
    shared: Arc<Shared>,
}

/// What the handle, the actor and its blocking jobs share. The queue lives here and not in the actor, so that nothing is
/// lost when the actor dies.
pub(super) struct Shared {
    pub(super) url: DatabaseUrl,
    pub(super) config: WriterConfig,
    queue: Mutex<Queue>,
    status: Mutex<Status>,
    address: Mutex<Option<Addr<DbWriter>>>,
}

/// The batcher and what is needed to wake the actor no more often than necessary.
pub(super) struct Queue {
    pub(super) batcher: Batcher<Record>,
    /// When the actor comes back by itself.
    pub(super) armed: Option<Instant>,
    /// Whether a `Wake` is under way.
    pub(super) woken: bool,
    /// Whether the writer was stopped: nothing is taken any more.
    pub(super) closed: bool,
}

/// How the database was when it was last spoken to.
#[derive(Clone, Debug, Default)]
pub(super) struct Status {
    pub(super) connected: bool,
    /// Whether there ever was a connection.
    pub(super) connected_once: bool,
    pub(super) written_rows: u64,
    pub(super) last_error: Option<String>,
}

impl Writer {
    /// Starts the actor on the arbiter of the current thread, which must belong to an actix system, and begins to
    /// connect. Returns at once whether or not there is a database.
    pub fn start(url: DatabaseUrl, config: WriterConfig) -> Writer {
        let queue =
            Queue { batcher: Batcher::new(config.limits.clone()), armed: None, woken: false, closed: false };
        let shared = Arc::new(Shared {
            url,
            config,
            queue: Mutex::new(queue),
            status: Mutex::default(),
            address: Mutex::default(),
        });
        DbWriter::launch(&shared, Duration::ZERO);
        Writer { shared }
    }

    /// Waits until everything recorded before is committed, at most for `deadline`. It is tried at once, but for the
    /// pause after a failure.
    pub async fn flush(&self, deadline: Duration) -> Result<(), FlushError> {
        let Some(address) = self.shared.address() else { return self.shared.flushed_without_actor() };
        match address.send(Flush { deadline }).await {
            Ok(result) => result,
            Err(_) => self.shared.flushed_without_actor(),
        }
    }

    /// Flushes, then stops. Records that come later are refused; what could not be written within `deadline` is lost
    /// and the error says how much that is.
    pub async fn stop(&self, deadline: Duration) -> Result<(), FlushError> {
        let result = self.flush(deadline).await;
        self.shared.queue().closed = true;
        if let Some(address) = self.shared.address() {
            // A mailbox that is closed already is what we want.
            let _ = address.send(Stop).await;
        }
        result
    }

    #[cfg(test)]
    pub(super) fn address(&self) -> Addr<DbWriter> {
        self.shared.address().unwrap()
    }
}

impl Recorder for Writer {
    fn record(&self, record: Record) -> Result<(), RecorderFull> {
        let class = if record.is_telemetry() { Class::Telemetry } else { Class::Event };
        let bytes = rows::size_of(&record);
        let now = Instant::now();
        let wake = {
            let mut queue = self.shared.queue();
            if queue.closed {
                return if class == Class::Telemetry { Ok(()) } else { Err(RecorderFull) };
            }
            queue.batcher.push(class, record, bytes, now).map_err(|_| RecorderFull)?;
            let earlier = match (queue.batcher.poll_timeout(), queue.armed) {
                (Some(due), Some(armed)) => due < armed,
                (due, None) => due.is_some(),
                (None, Some(_)) => false,
            };
            let wake = earlier && !queue.woken;
            queue.woken |= wake;
            wake
        };
        if wake {
            self.shared.wake();
        }
        Ok(())
    }

    fn health(&self) -> DatabaseHealth {
        let (stats, oldest) = {
            let queue = self.shared.queue();
            (queue.batcher.stats(), queue.batcher.oldest())
        };
        let status = self.shared.status().clone();
        let lag = oldest.map_or(Duration::ZERO, |since| since.elapsed());
        // A frozen server keeps its connections open and answers nothing: only the waiting tells.
        let is_frozen = lag > LAG_MAX;
        let waits = || format!("nothing was committed for {} s", lag.as_secs());
        DatabaseHealth {
            state: if status.connected && !is_frozen { DatabaseState::Ok } else { DatabaseState::Away },
            kind: Some(self.shared.url.kind()),
            queued_records: stats.items as u64,
            queued_bytes: stats.bytes as u64,
            dropped_telemetry: stats.dropped,
            set_aside: stats.set_aside,
            written_rows: status.written_rows,
            last_error: status.last_error.or_else(|| is_frozen.then(waits)),
            lag_ms: lag.as_millis().try_into().unwrap_or(u64::MAX),
        }
    }
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Writer({})", self.shared.url)
    }
}

/// A lock is only held for plain assignments and calls of the batcher; what a panicking thread left is whole.
impl Shared {
    pub(super) fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn status(&self) -> MutexGuard<'_, Status> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set_address(&self, address: Addr<DbWriter>) {
        *self.address.lock().unwrap_or_else(PoisonError::into_inner) = Some(address);
    }

    fn address(&self) -> Option<Addr<DbWriter>> {
        self.address.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn wake(&self) {
        let sent = self.address().is_some_and(|address| address.try_send(Wake).is_ok());
        if !sent {
            // The actor is being replaced and will look at the queue by itself when it starts.
            self.queue().woken = false;
        }
    }

    /// The batch in flight, or the attempt to connect, came to `error`.
    pub(super) fn failed(&self, failure: Failure, error: &StoreError) {
        let random = std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), 0);
        let jitter = (random >> 11) as f64 / (1u64 << 53) as f64;
        let (set_aside, away, waiting) = {
            let batcher = &mut self.queue().batcher;
            let set_aside = batcher.handle_failure(failure, jitter, Instant::now());
            (set_aside, failure == Failure::Away || batcher.is_refused_everything(), batcher.stats().items)
        };
        match set_aside {
            Some(record) => log::error!("record set aside, {error}: {record:?}"),
            None => log::debug!("nothing written to {}: {error}", self.url),
        }
        if away {
            let mut status = self.status();
            // One warning for each time away, not one for each try.
            if status.connected || status.last_error.is_none() {
                log::warn!("{} takes nothing ({error}); {waiting} records wait", self.url);
            }
            status.connected = false;
            status.last_error = Some(error.to_string());
        }
    }

    pub(super) fn succeeded(&self, rows: u64) {
        let mut status = self.status();
        if !status.connected {
            log::info!("records go to {}", self.url);
        }
        status.connected = true;
        status.connected_once = true;
        status.written_rows += rows;
        status.last_error = None;
    }

    pub(super) fn flush_error(&self) -> FlushError {
        FlushError {
            remaining: self.queue().batcher.stats().items,
            last_error: self.status().last_error.clone(),
        }
    }

    fn flushed_without_actor(&self) -> Result<(), FlushError> {
        let error = self.flush_error();
        if error.remaining == 0 { Ok(()) } else { Err(error) }
    }
}
