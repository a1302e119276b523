//! The handle through which a swarm hands over its history.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use actix::Addr;

use super::batcher::{Failure, Limits};
use super::db_writer::{DbWriter, Flush, FlushError, Stop, Wake};
use super::error::StoreError;
use super::queue::{Queue, Source};
use super::rows;
use super::spool::SpoolConfig;
use super::url::DatabaseUrl;
use super::write::Done;
use crate::contract::histogram::{Histogram, SharedHistogram};
use crate::contract::record::{
    DatabaseHealth, DatabaseState, Durable, NotDurable, Record, Recorder, RecorderFull,
};

/// Records that wait longer than this are behind a database that does not answer. Telemetry waits for one second.
const LAG_MAX: Duration = Duration::from_secs(5);

/// How often it is looked whether everything is in the spool, in stopping.
const LOOK_EVERY: Duration = Duration::from_millis(20);

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
    /// Where records wait while the database is away; without, they wait in memory and commands are refused.
    pub spool: Option<SpoolConfig>,
}

impl Default for WriterConfig {
    fn default() -> Self {
        WriterConfig { server: "hmrs".to_owned(), limits: Limits::default(), migrate: true, spool: None }
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
    /// From the oldest record of a batch to its commit.
    lag: SharedHistogram,
}

/// How the database was when it was last spoken to.
#[derive(Clone, Debug, Default)]
pub(super) struct Status {
    pub(super) connected: bool,
    /// Whether the runs that a crash left unfinished are marked.
    pub(super) abandoned_are_marked: bool,
    /// Runs that this program records.
    pub(super) own_runs: BTreeSet<String>,
    /// Since when a batch or an attempt to connect is under way.
    pub(super) asked_since: Option<Instant>,
    pub(super) written_rows: u64,
    pub(super) last_error: Option<String>,
}

impl Writer {
    /// Starts the actor on the arbiter of the current thread, which must belong to an actix system, and begins to
    /// connect. Returns at once whether or not there is a database.
    pub fn start(url: DatabaseUrl, config: WriterConfig) -> Writer {
        let queue = Queue::new(config.limits.clone(), config.spool.as_ref().map(|spool| spool.bytes_max));
        let shared = Arc::new(Shared {
            url,
            config,
            queue: Mutex::new(queue),
            status: Mutex::default(),
            address: Mutex::default(),
            lag: SharedHistogram::default(),
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

    /// Flushes, then stops. Records that come later are refused. While the database is away it is enough that everything
    /// is in the spool, for the next start to deliver ([`DatabaseHealth::spool`] tells how much); what is not even there
    /// after `deadline` is lost and the error says how much that is.
    pub async fn stop(&self, deadline: Duration) -> Result<(), FlushError> {
        let flushed = self.flush(deadline);
        let result = match self.shared.config.spool {
            None => flushed.await,
            Some(_) => tokio::select! {
                result = flushed => result.or_else(|_| self.shared.flushed_without_actor()),
                () = self.is_in_the_spool() => Ok(()),
            },
        };
        self.shared.queue().closed = true;
        if let Some(address) = self.shared.address() {
            // A mailbox that is closed already is what we want.
            let _ = address.send(Stop).await;
        }
        result
    }

    /// Resolves when the database is away and nothing waits in memory.
    async fn is_in_the_spool(&self) {
        loop {
            let is_away = self.health().state == DatabaseState::Away;
            if is_away && self.shared.queue().live.stats().items == 0 {
                return;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    #[cfg(test)]
    pub(super) fn address(&self) -> Addr<DbWriter> {
        self.shared.address().unwrap()
    }
}

impl Recorder for Writer {
    fn record(&self, record: Record) -> Result<(), RecorderFull> {
        let bytes = rows::size_of(&record);
        if let Record::RunStarted { run_id, .. } | Record::Hash { run_id, .. } = &record {
            self.shared.is_our_own(run_id);
        }
        let mut queue = self.shared.queue();
        if queue.closed {
            return if record.is_telemetry() { Ok(()) } else { Err(RecorderFull) };
        }
        queue.push(record, bytes, Instant::now()).map_err(|_| RecorderFull)?;
        self.shared.wake_if_earlier(queue);
        Ok(())
    }

    fn ready(&self) -> Result<(), NotDurable> {
        self.shared.queue().ready()
    }

    fn durable(&self) -> Durable {
        let mut queue = self.shared.queue();
        let waiter = queue.durable();
        self.shared.wake_if_earlier(queue);
        Box::pin(async move {
            match waiter {
                None => Ok(()),
                Some(waiter) => waiter.await.unwrap_or_else(|_| {
                    Err(NotDurable { reason: "the writer ended before it was written".to_owned() })
                }),
            }
        })
    }

    fn lag(&self) -> Histogram {
        self.shared.lag.read()
    }

    fn health(&self) -> DatabaseHealth {
        let (stats, oldest, is_detoured, spool, ready) = {
            let queue = self.shared.queue();
            let ready = queue.ready();
            (queue.live.stats(), queue.live.oldest(), queue.is_detoured(), queue.spool(), ready)
        };
        let status = self.shared.status().clone();
        let lag = oldest.map_or(Duration::ZERO, |since| since.elapsed());
        // A frozen server keeps its connections open and answers nothing: only the waiting tells. With a spool nothing
        // waits in memory, but an answer is waited for.
        let hangs = status.asked_since.filter(|_| is_detoured).map_or(lag, |since| lag.max(since.elapsed()));
        let is_frozen = hangs > LAG_MAX;
        let waits = || format!("nothing was committed for {} s", hangs.as_secs());
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
            spool,
            refusing: ready.err().map(|trouble| trouble.reason),
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

    /// Notes a run that this program records: it is not abandoned.
    fn is_our_own(&self, run_id: &str) {
        let mut status = self.status();
        if !status.abandoned_are_marked && !status.own_runs.contains(run_id) {
            status.own_runs.insert(run_id.to_owned());
        }
    }

    pub(super) fn set_address(&self, address: Addr<DbWriter>) {
        *self.address.lock().unwrap_or_else(PoisonError::into_inner) = Some(address);
    }

    fn address(&self) -> Option<Addr<DbWriter>> {
        self.address.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Wakes the actor if something is due before it comes back by itself.
    fn wake_if_earlier(&self, mut queue: MutexGuard<'_, Queue>) {
        let earlier = match (queue.live.poll_timeout(), queue.armed) {
            (Some(due), Some(armed)) => due < armed,
            (due, None) => due.is_some(),
            (None, Some(_)) => false,
        };
        let wake = earlier && !queue.woken;
        queue.woken |= wake;
        drop(queue);
        if wake && self.address().is_none_or(|address| address.try_send(Wake).is_err()) {
            // The actor is being replaced and will look at the queue by itself when it starts.
            self.queue().woken = false;
        }
    }

    /// The batch in flight, or the attempt to connect, came to `error`.
    pub(super) fn failed(
        &self,
        source: Option<Source>,
        failure: Failure,
        error: &StoreError,
    ) -> Option<Arc<Record>> {
        let reason = error.to_string();
        let (set_aside, away, waiting) = {
            let mut queue = self.queue();
            let set_aside = queue.database_failed(source, failure, &reason, jitter(), Instant::now());
            let ill = queue.live.is_refused_everything() || queue.drain.is_refused_everything();
            (set_aside, failure == Failure::Away || ill, queue.live.stats().items)
        };
        match &set_aside {
            Some(record) => log::error!("record set aside, {error}: {record:?}"),
            None => log::debug!("nothing written to {}: {error}", self.url),
        }
        if away {
            self.is_away(&reason, waiting);
        }
        set_aside
    }

    /// The database takes nothing, for `reason`.
    pub(super) fn is_away(&self, reason: &str, waiting: usize) {
        let mut status = self.status();
        // One warning for each time away, not one for each try.
        if status.connected || status.last_error.is_none() {
            let to = if self.config.spool.is_some() { "records go to the spool" } else { "records wait" };
            log::warn!("{} takes nothing ({reason}); {waiting} {to}", self.url);
        }
        status.connected = false;
        status.last_error = Some(reason.to_owned());
    }

    pub(super) fn succeeded(&self, source: Option<Source>, done: Done, took: Duration) {
        {
            let mut queue = self.queue();
            let since = queue.live.flying_since().filter(|_| source == Some(Source::Live));
            queue.database_done(source, done.records, took);
            if let Some(since) = since {
                self.lag.observe(since.elapsed());
            }
        }
        let mut status = self.status();
        if !status.connected {
            log::info!("records go to {}", self.url);
        }
        status.connected = true;
        status.written_rows += done.rows;
        status.last_error = None;
    }

    pub(super) fn flush_error(&self) -> FlushError {
        FlushError {
            remaining: self.queue().live.stats().items,
            last_error: self.status().last_error.clone(),
        }
    }

    fn flushed_without_actor(&self) -> Result<(), FlushError> {
        let error = self.flush_error();
        if error.remaining == 0 { Ok(()) } else { Err(error) }
    }
}

/// A random number in 0..1, so that many servers do not come back to a database at once.
pub(super) fn jitter() -> f64 {
    let random = std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), 0);
    (random >> 11) as f64 / (1u64 << 53) as f64
}
