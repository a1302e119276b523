//! The actor that writes: a pump around the [`Queue`](super::queue::Queue).
//!
//! It never waits itself. A batch is written by a blocking job that takes the connection with it and brings it back; the
//! next batch goes when the job has come back. The database and the spool have one job each. If the actor panics it is
//! started again and finds the queue as it was; if a job panics its batch counts as refused.

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::prelude::*;
use tokio::sync::oneshot;

use super::batcher::Failure;
use super::cut::Cut;
use super::error::StoreError;
use super::lanes::{self, Kept, Spooled, Written, in_thread};
use super::queue::{PATIENCE, Source, SpoolWork};
use super::spool::{Spool, SpoolError};
use super::write::Scribe;
use super::writer::{Shared, jitter};
use crate::contract::record::Record;

/// Pause before an actor that panicked works again.
const RESTART_PAUSE: Duration = Duration::from_millis(500);

/// Looks at the queue. From [`Writer`](super::Writer) when a batch became due earlier than the actor's timer; no answer.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Wake;

/// Writes at once what waits. The answer comes when everything recorded before is committed (or dropped or set aside), or
/// after `deadline`.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "Result<(), FlushError>")]
pub struct Flush {
    /// How long to wait at most.
    pub deadline: Duration,
}

/// Stops the actor without writing what still waits; flush first.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub struct Stop;

/// Not everything was written in time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{remaining} records are not written yet{}", .last_error.as_ref().map(|error| format!(": {error}")).unwrap_or_default())]
pub struct FlushError {
    /// Records that still wait.
    pub remaining: usize,
    /// The newest error of the database, if it is away.
    pub last_error: Option<String>,
}

/// The writing actor. Made by [`Writer::start`](super::Writer::start).
pub struct DbWriter {
    shared: Arc<Shared>,
    /// `None` while a job has it, and while there is no connection.
    scribe: Option<Scribe>,
    /// `None` while a job has it, and while it is not open.
    spool: Option<Spool>,
    /// The job under way to the database, or the pause before the first one. A source of `None`: it only connects.
    database_job: Option<Option<Source>>,
    spool_is_busy: bool,
    /// Records that the database refused, for the spool to keep.
    refused: Vec<(Arc<Record>, String)>,
    timer: Option<SpawnHandle>,
    hang_timer: Option<SpawnHandle>,
    /// Set while an attempt to connect without anything to write is planned.
    connecting_later: bool,
    /// Who waits for what number of the batcher.
    flushes: Vec<(u64, oneshot::Sender<()>)>,
    pause: Duration,
    arbiter: ArbiterHandle,
}

impl DbWriter {
    /// Starts an actor over `shared` that waits for `pause` before it works.
    pub(super) fn launch(shared: &Arc<Shared>, pause: Duration) {
        let actor = DbWriter {
            shared: shared.clone(),
            scribe: None,
            spool: None,
            database_job: Some(None),
            spool_is_busy: true,
            refused: Vec::new(),
            timer: None,
            hang_timer: None,
            connecting_later: false,
            flushes: Vec::new(),
            pause,
            arbiter: Arbiter::current(),
        };
        shared.set_address(actor.start());
    }

    /// Mutated once, the actor drains what is due and arms its one timer again.
    fn pump(&mut self, context: &mut Context<Self>) {
        if let Some(timer) = self.timer.take() {
            context.cancel_future(timer);
        }
        let now = Instant::now();
        let mut queue = self.shared.queue();
        queue.woken = false;
        let free = |actor: &Self| (!actor.spool_is_busy, actor.database_job.is_none());
        let (spool_is_free, database_is_free) = free(self);
        let to_spool = if spool_is_free { queue.next_for_spool(now, database_is_free) } else { None };
        let to_database = if database_is_free { queue.next_for_database(now) } else { None };
        drop(queue);
        if let Some(work) = to_spool {
            self.send_to_spool(work, context);
        }
        if let Some((source, batch)) = to_database {
            self.send_to_database(Some(source), batch, context);
        } else if database_is_free && self.has_to_mark() {
            self.send_to_database(None, Vec::new(), context);
        }
        let (spool_is_free, database_is_free) = free(self);
        let mut queue = self.shared.queue();
        let due = queue.poll_timeout(spool_is_free, database_is_free);
        let is_served = if queue.is_detoured() { !spool_is_free } else { !database_is_free };
        // Whoever records must not wake the actor while the end of a job does.
        queue.armed = if is_served { Some(now) } else { due };
        drop(queue);
        if let Some(due) = due {
            self.timer = Some(context.run_later(due.saturating_duration_since(now), Self::pump));
        }
    }

    /// Whether runs that an earlier server left unfinished are to be marked: what it left in the spool is delivered.
    fn has_to_mark(&self) -> bool {
        let is_straight = !self.shared.queue().is_detoured();
        self.scribe.is_some() && is_straight && !self.shared.status().abandoned_are_marked
    }

    /// Hands `records` to a blocking job. An empty batch only connects.
    fn send_to_database(
        &mut self,
        source: Option<Source>,
        records: Vec<Arc<Record>>,
        context: &mut Context<Self>,
    ) {
        self.database_job = Some(source);
        self.shared.status().asked_since = Some(Instant::now());
        let (shared, scribe) = (self.shared.clone(), self.scribe.take());
        // What comes from the spool is awaited by nobody.
        let cut = if source == Some(Source::Live) { self.shared.queue().cut.clone() } else { Cut::default() };
        let job = in_thread("hmrs-database", move || lanes::write(&shared, scribe, &records, &cut));
        if source == Some(Source::Live) {
            self.hang_timer = Some(context.run_later(PATIENCE, Self::give_up_waiting));
        }
        context.spawn(job.into_actor(self).map(|outcome, actor, context| {
            actor.database_answered(outcome, context);
        }));
    }

    /// The batch hangs: it goes to the spool as well, and whoever waits for its ack gets it.
    fn give_up_waiting(&mut self, context: &mut Context<Self>) {
        self.hang_timer = None;
        let mut queue = self.shared.queue();
        let waiting = queue.live.stats().items;
        let is_detoured = self.database_job == Some(Some(Source::Live)) && queue.database_hangs();
        drop(queue);
        if is_detoured {
            self.database_job = Some(Some(Source::Orphan));
            self.shared.is_away(&format!("nothing was committed for {} s", PATIENCE.as_secs()), waiting);
            self.pump(context);
        }
    }

    fn database_answered(
        &mut self,
        outcome: Result<Written, oneshot::error::RecvError>,
        context: &mut Context<Self>,
    ) {
        let source = self.database_job.take().flatten();
        if let Some(timer) = self.hang_timer.take() {
            context.cancel_future(timer);
        }
        let asked = self.shared.status().asked_since.take();
        let (scribe, result) = outcome.unwrap_or_else(|_| {
            let error = StoreError::Refused { reason: "writing panicked".to_owned() };
            (None, Err((Failure::Refused, error)))
        });
        self.scribe = scribe;
        match result {
            Ok(done) => {
                let took = asked.map_or(Duration::ZERO, |asked| asked.elapsed());
                self.shared.succeeded(source, done, took);
            }
            Err((failure, error)) => {
                if let Some(record) = self.shared.failed(source, failure, &error)
                    && self.shared.config.spool.is_some()
                {
                    self.refused.push((record, error.to_string()));
                }
                self.connect_later(context);
            }
        }
        self.pump(context);
        self.answer_flushes();
    }

    fn send_to_spool(&mut self, work: SpoolWork, context: &mut Context<Self>) {
        self.spool_is_busy = true;
        let (shared, spool) = (self.shared.clone(), self.spool.take());
        let refused = std::mem::take(&mut self.refused);
        let is_reading = matches!(work, SpoolWork::Load { .. });
        let job = in_thread("hmrs-spool", move || lanes::spool(&shared, spool, &work, &refused));
        context.spawn(job.into_actor(self).map(move |outcome, actor, context| {
            actor.spool_is_busy = false;
            let died = |_| (None, Err(SpoolError("spooling panicked".to_owned())));
            actor.spool_answered(outcome.unwrap_or_else(died), is_reading);
            actor.pump(context);
            actor.answer_flushes();
        }));
    }

    fn spool_answered(&mut self, (spool, result): Kept, is_reading: bool) {
        let fill = spool.as_ref().map(|spool| (spool.records, spool.bytes)).unwrap_or_default();
        let place = spool.as_ref().map(|spool| spool.path().display().to_string());
        self.spool = spool;
        let database_error = Some(self.shared.status().clone())
            .filter(|status| !status.connected)
            .map(|status| status.last_error);
        let mut queue = self.shared.queue();
        let (was_detoured, before) = (queue.is_detoured(), queue.spool().unwrap_or_default());
        match result {
            Ok(Spooled::Appended { dropped }) => {
                queue.spool_appended(dropped, fill.0, fill.1);
            }
            Ok(Spooled::Loaded { records, up_to }) => {
                queue.spool_loaded(records, up_to, fill, Instant::now())
            }
            Err(SpoolError(error)) => {
                if before.last_error.is_none() {
                    log::error!("the spool takes or gives nothing: {error}");
                }
                if is_reading {
                    queue.spool_unreadable(&error, Instant::now());
                } else {
                    let database_error = database_error.map(|error| error.unwrap_or_default());
                    queue.spool_refused(&error, database_error.as_deref(), jitter(), Instant::now());
                }
            }
        }
        if was_detoured && !queue.is_detoured() && before.records > 0 {
            log::info!("the spool is delivered; records go straight to {} again", self.shared.url);
        } else if before.records == 0 && fill.0 > 0 {
            log::info!("{} records wait in the spool {}", fill.0, place.unwrap_or_default());
        }
    }

    /// Without a connection and without anything to write, tries again to connect, so that `health` tells the truth.
    fn connect_later(&mut self, context: &mut Context<Self>) {
        if self.scribe.is_some() || self.connecting_later {
            return;
        }
        self.connecting_later = true;
        context.run_later(self.shared.config.limits.retry_max, |actor, context| {
            actor.connecting_later = false;
            if actor.scribe.is_none() && actor.database_job.is_none() {
                let is_empty = {
                    let queue = actor.shared.queue();
                    queue.live.stats().items == 0 && queue.drain.stats().items == 0
                };
                if is_empty {
                    actor.send_to_database(None, Vec::new(), context);
                } else {
                    actor.connect_later(context); // the queue tries by itself; look again when it may be empty
                }
            }
        });
    }

    fn answer_flushes(&mut self) {
        let queue = self.shared.queue();
        let is_straight = !queue.is_detoured() && self.database_job != Some(None);
        let (done, waiting): (Vec<_>, Vec<_>) =
            self.flushes.drain(..).partition(|(number, _)| is_straight && queue.live.is_flushed(*number));
        drop(queue);
        self.flushes = waiting;
        self.flushes.retain(|(_, waiter)| !waiter.is_closed()); // its deadline passed
        for (_, waiter) in done {
            let _ = waiter.send(()); // nobody waits any more: fine
        }
    }
}

impl Actor for DbWriter {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        context.run_later(self.pause, |actor, context| {
            // The actor before this one may have died while jobs were under way. Whether they committed is no matter.
            let mut queue = actor.shared.queue();
            queue.live.take_back();
            queue.drain.take_back();
            drop(queue);
            actor.spool_is_busy = false;
            actor.send_to_database(None, Vec::new(), context);
            actor.pump(context);
        });
    }
}

impl Handler<Wake> for DbWriter {
    type Result = ();

    fn handle(&mut self, _: Wake, context: &mut Self::Context) {
        self.pump(context);
    }
}

impl Handler<Flush> for DbWriter {
    type Result = ResponseFuture<Result<(), FlushError>>;

    fn handle(&mut self, flush: Flush, context: &mut Self::Context) -> Self::Result {
        let (sender, receiver) = oneshot::channel();
        let number = self.shared.queue().live.flush();
        self.flushes.push((number, sender));
        self.answer_flushes();
        self.pump(context);
        let shared = self.shared.clone();
        Box::pin(async move {
            match tokio::time::timeout(flush.deadline, receiver).await {
                Ok(Ok(())) => Ok(()),
                _ => Err(shared.flush_error()),
            }
        })
    }
}

impl Handler<Stop> for DbWriter {
    type Result = ();

    fn handle(&mut self, _: Stop, context: &mut Self::Context) {
        self.shared.queue().closed = true;
        (self.scribe, self.spool) = (None, None);
        context.stop();
    }
}

/// The guardian: an actor that dies by a panic is started anew, over the same queue.
impl Drop for DbWriter {
    fn drop(&mut self) {
        if std::thread::panicking() && !self.shared.queue().closed {
            let shared = self.shared.clone();
            self.arbiter.spawn_fn(move || {
                if tokio::runtime::Handle::try_current().is_err() {
                    return; // the whole system is going down
                }
                log::error!("the writer of {} panicked and is started again; its queue is whole", shared.url);
                DbWriter::launch(&shared, RESTART_PAUSE);
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::record::{DatabaseState, Recorder};
    use crate::store::{DatabaseUrl, Store, StoreConfig, Writer, WriterConfig};

    #[derive(Message)]
    #[rtype(result = "()")]
    struct Crash;

    impl Handler<Crash> for DbWriter {
        type Result = ();

        fn handle(&mut self, _: Crash, _: &mut Self::Context) {
            panic!("on purpose");
        }
    }

    fn hash(tick: u64) -> Record {
        Record::Hash { run_id: "r".to_owned(), tick, state_hash: tick }
    }

    #[actix::test]
    async fn a_writer_that_panics_is_started_again_and_loses_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let url = DatabaseUrl::sqlite(directory.path().join("hmrs.db"));
        let writer = Writer::start(url.clone(), WriterConfig::default());
        let first = writer.address();
        writer.record(hash(1)).unwrap();
        assert!(first.send(Crash).await.is_err(), "the actor is gone");
        writer.record(hash(2)).unwrap();
        // The new actor is made on this thread after the old one is dropped.
        while writer.address() == first {
            tokio::task::yield_now().await;
        }
        writer.record(hash(3)).unwrap();
        writer.stop(Duration::from_secs(20)).await.unwrap();
        let health = writer.health();
        assert_eq!((health.state, health.queued_records), (DatabaseState::Ok, 0), "{health:?}");
        let hashes = Store::new(url, &StoreConfig::default()).hashes("r").unwrap();
        assert_eq!(hashes, [(1, 1), (2, 2), (3, 3)]);
    }

    #[actix::test]
    async fn a_writer_is_woken_at_most_once_before_it_looks() {
        let directory = tempfile::tempdir().unwrap();
        let writer =
            Writer::start(DatabaseUrl::sqlite(directory.path().join("x.db")), WriterConfig::default());
        for tick in 0..1_000 {
            writer.record(hash(tick)).unwrap(); // would overflow a mailbox of 16
        }
        writer.stop(Duration::from_secs(20)).await.unwrap();
        assert_eq!(writer.health().written_rows, 1_000);
    }
}
