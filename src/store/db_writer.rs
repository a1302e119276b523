//! The actor that writes: a pump around the [`Batcher`](super::Batcher).
//!
//! It never waits itself. A batch is written by a blocking job that takes the connection with it and brings it back; the
//! next batch goes when the job has come back. If the actor panics it is started again and finds the queue as it was;
//! if a job panics its batch counts as refused.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use actix::prelude::*;
use tokio::sync::oneshot;

use super::batcher::Failure;
use super::error::StoreError;
use super::link::Link;
use super::rows::bigint;
use super::runs::truncate_abandoned;
use super::write::Scribe;
use super::writer::Shared;
use crate::contract::record::Record;

/// Pause before an actor that panicked works again.
const RESTART_PAUSE: Duration = Duration::from_millis(500);

/// A run of another server is held to be abandoned when nobody has written into it for so long.
const ABANDONED_AFTER_MS: i64 = 3_600_000;

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
    /// Whether a job is under way, or the pause before the first one.
    busy: bool,
    timer: Option<SpawnHandle>,
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
            busy: true,
            timer: None,
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
        queue.armed = None;
        if self.busy {
            queue.armed = Some(now); // the end of the job pumps
            return;
        }
        if let Some(batch) = queue.batcher.poll_batch(now) {
            queue.armed = Some(now);
            drop(queue);
            self.send_off(batch, context);
        } else if let Some(due) = queue.batcher.poll_timeout() {
            queue.armed = Some(due);
            drop(queue);
            self.timer = Some(context.run_later(due.saturating_duration_since(now), Self::pump));
        }
    }

    /// Hands `records` to a blocking job. An empty batch only connects.
    fn send_off(&mut self, records: Vec<Arc<Record>>, context: &mut Context<Self>) {
        self.busy = true;
        let (shared, scribe) = (self.shared.clone(), self.scribe.take());
        let job = tokio::task::spawn_blocking(move || write(&shared, scribe, &records));
        let returned = job.into_actor(self).map(|outcome, actor, context| {
            actor.busy = false;
            match outcome {
                Ok((scribe, Ok(rows))) => {
                    actor.scribe = scribe;
                    actor.shared.queue().batcher.handle_done();
                    actor.shared.succeeded(rows);
                }
                Ok((scribe, Err((failure, error)))) => {
                    actor.scribe = scribe;
                    actor.shared.failed(failure, &error);
                    actor.connect_later(context);
                }
                Err(panic) => {
                    let error = StoreError::Refused { reason: format!("writing panicked: {panic}") };
                    actor.shared.failed(Failure::Refused, &error);
                }
            }
            actor.answer_flushes();
            actor.pump(context);
        });
        context.spawn(returned);
    }

    /// Without a connection and without anything to write, tries again to connect, so that `health` tells the truth.
    fn connect_later(&mut self, context: &mut Context<Self>) {
        if self.scribe.is_some() || self.connecting_later {
            return;
        }
        self.connecting_later = true;
        context.run_later(self.shared.config.limits.retry_max, |actor, context| {
            actor.connecting_later = false;
            if actor.scribe.is_none() && !actor.busy {
                if actor.shared.queue().batcher.stats().items == 0 {
                    actor.send_off(Vec::new(), context);
                } else {
                    actor.connect_later(context); // the queue tries by itself; look again when it may be empty
                }
            }
        });
    }

    fn answer_flushes(&mut self) {
        let queue = self.shared.queue();
        let (done, waiting): (Vec<_>, Vec<_>) =
            self.flushes.drain(..).partition(|(number, _)| queue.batcher.is_flushed(*number));
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
            let mut queue = actor.shared.queue();
            if queue.batcher.is_flying() {
                // The actor before this one died while a job was under way. Whether it committed or not is no matter.
                queue.batcher.handle_failure(Failure::Away, 0.0, Instant::now());
            }
            drop(queue);
            actor.send_off(Vec::new(), context);
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
        let number = self.shared.queue().batcher.flush();
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

/// What comes back from a job: the connection if it is still good, and the number of new rows.
type Outcome = (Option<Scribe>, Result<u64, (Failure, StoreError)>);

/// Connects if need be, then writes. Blocks.
fn write(shared: &Shared, scribe: Option<Scribe>, records: &[Arc<Record>]) -> Outcome {
    let mut scribe = match scribe.map_or_else(|| connect(shared), Ok) {
        Ok(scribe) => scribe,
        Err(error) => return (None, Err((Failure::Away, error))),
    };
    if records.is_empty() {
        return (Some(scribe), Ok(0));
    }
    let records: Vec<&Record> = records.iter().map(Arc::as_ref).collect();
    match scribe.write(&records, now_ms()) {
        Ok(rows) => (Some(scribe), Ok(rows)),
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
    let server = &shared.config.server;
    // Only before the first record: later a run that is `recording` under our name is our own.
    let first = !shared.status().connected_once;
    if first {
        let idle_since = u64::try_from(now_ms() - ABANDONED_AFTER_MS).unwrap_or(0);
        let abandoned = link.write(|connection| truncate_abandoned(connection, server, idle_since))?;
        if abandoned > 0 {
            log::warn!("{abandoned} runs were left unfinished by a crash and are now marked truncated");
        }
    }
    Ok(Scribe::new(link, server.clone()))
}

/// Unix milliseconds.
#[allow(clippy::disallowed_methods)] // when a run was last written into: only for `runs.written_ms`
fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    bigint(since.as_millis().try_into().unwrap_or(u64::MAX))
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
