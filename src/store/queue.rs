//! Where records go: straight to the database, or by way of the spool while it is away. Pure; two batchers and a switch.
//!
//! ```text
//!                     ┌── straight ──► database
//!  push ──► live ─────┤                   ▲
//!                     └── detour ──► spool ──► drain
//! ```
//!
//! The detour begins when a batch fails because the database is away, or hangs, and ends when the spool is empty. During it
//! everything goes through the spool, so that what is older is written first.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::batcher::{Batcher, Class, Failure, Full, Limits};
use super::cut::Cut;
use crate::contract::record::{NotDurable, Record, SpoolHealth};

/// A batch under way to the database for so long goes by way of the spool as well; whoever waits for an ack waits.
pub(super) const PATIENCE: Duration = Duration::from_secs(1);

/// Bytes, as stored, that are read from the spool at once.
pub(super) const CHUNK_BYTES: u64 = 256 << 10;

/// Where a batch for the database came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    Live,
    Spool,
    /// Taken back meanwhile: whatever becomes of it, the records go another way.
    Orphan,
}

/// What is to be done with the spool.
#[derive(Debug)]
pub(super) enum SpoolWork {
    /// Append these.
    Append(Vec<Arc<Record>>),
    /// Forget what is in the database and read on.
    Load { forget_to: Option<i64>, after: i64 },
}

/// The queue. Everything about time is handed in.
pub(super) struct Queue {
    /// What the swarms recorded.
    pub(super) live: Batcher<Record>,
    /// What was read from the spool.
    pub(super) drain: Batcher<Record>,
    detour: Option<Detour>,
    /// Whether it is known what an earlier server left in the spool. Until then nothing is appended.
    is_looked_into: bool,
    /// Whether the spool failed last, so that it is the database's turn, detour or not.
    prefers_database: bool,
    /// Ends the batch of telemetry that is under way to the database early.
    pub(super) cut: Cut,
    /// When the actor comes back by itself.
    pub(super) armed: Option<Instant>,
    /// Whether a `Wake` is under way.
    pub(super) woken: bool,
    /// Whether the writer was stopped: nothing is taken any more.
    pub(super) closed: bool,
    /// Who waits for what number of `live` to be durable.
    waiters: Vec<(u64, oneshot::Sender<Result<(), NotDurable>>)>,
    /// Why nothing can be kept.
    trouble: Option<NotDurable>,
    gaps: Vec<Gap>,
    spool: Option<SpoolHealth>,
    limits: Limits,
}

/// The state of a detour.
#[derive(Debug, Default)]
struct Detour {
    /// The last place that was read from.
    loaded_to: i64,
    /// Records read and not forgotten yet.
    loaded: u64,
    /// After a failure to read.
    load_not_before: Option<Instant>,
}

/// Ticks of a run whose telemetry was dropped.
struct Gap {
    run_id: String,
    from_tick: u64,
    to_tick: u64,
    frames: u64,
}

impl Queue {
    /// An empty queue. With a spool it begins with a detour, to see what an earlier server left there.
    pub(super) fn new(limits: Limits, spool_bytes_max: Option<u64>) -> Queue {
        // What waits to be committed must not be dropped again: a chunk is bounded where it is read.
        let drain = Limits { queue_bytes_max: usize::MAX, ..limits.clone() };
        Queue {
            live: Batcher::new(limits.clone()),
            drain: Batcher::new(drain),
            detour: spool_bytes_max.is_some().then(Detour::default),
            is_looked_into: spool_bytes_max.is_none(),
            prefers_database: false,
            cut: Cut::default(),
            armed: None,
            woken: false,
            closed: false,
            waiters: Vec::new(),
            trouble: None,
            gaps: Vec::new(),
            spool: spool_bytes_max.map(|bytes_max| SpoolHealth { bytes_max, ..SpoolHealth::default() }),
            limits,
        }
    }

    /// Takes a record in.
    pub(super) fn push(&mut self, record: Record, bytes: usize, now: Instant) -> Result<(), Full> {
        let class = if record.is_telemetry() { Class::Telemetry } else { Class::Event };
        self.live.push(class, record, bytes, now)?;
        for dropped in self.live.take_dropped() {
            if let Record::Telemetry { run_id, snapshot, .. } = &*dropped {
                self.note_gap(run_id, snapshot.tick);
            }
        }
        Ok(())
    }

    /// What the spool, which is free, is to do next.
    pub(super) fn next_for_spool(&mut self, now: Instant, database_is_free: bool) -> Option<SpoolWork> {
        let detour = self.detour.as_ref()?;
        let spool = self.spool.as_ref()?;
        let is_its_turn = !(self.prefers_database && database_is_free);
        if self.is_looked_into
            && is_its_turn
            && let Some(batch) = self.live.poll_batch(now)
        {
            return Some(SpoolWork::Append(batch));
        }
        let may_read = detour.load_not_before.is_none_or(|then| then <= now);
        let is_drained = self.drain.stats().items == 0;
        let has_more = spool.records > detour.loaded;
        if may_read && self.drain.is_idle() && (is_drained || has_more) {
            let forget_to = (is_drained && detour.loaded_to > 0).then_some(detour.loaded_to);
            return Some(SpoolWork::Load { forget_to, after: detour.loaded_to });
        }
        None
    }

    /// What goes to the database, which is free, next.
    pub(super) fn next_for_database(&mut self, now: Instant) -> Option<(Source, Vec<Arc<Record>>)> {
        if self.detour.is_some()
            && let Some(batch) = self.drain.poll_batch(now)
        {
            return Some((Source::Spool, batch));
        }
        if self.detour.is_some() && !self.prefers_database {
            return None;
        }
        self.flush_gaps(now);
        let batch = self.live.poll_batch(now)?;
        // Somebody may wait for an event whose turn comes after this.
        if self.waiters.is_empty() {
            self.cut.withdraw()
        } else {
            self.cut.ask()
        }
        Some((Source::Live, batch))
    }

    /// When to look again if nothing happens, given which of the two is free.
    pub(super) fn poll_timeout(&self, spool_is_free: bool, database_is_free: bool) -> Option<Instant> {
        let Some(detour) = &self.detour else {
            return self.live.poll_timeout().filter(|_| database_is_free);
        };
        let live = self.live.poll_timeout();
        let live = live.filter(|_| spool_is_free || (self.prefers_database && database_is_free));
        let drain = self.drain.poll_timeout().filter(|_| database_is_free);
        let load = detour.load_not_before.filter(|_| spool_is_free);
        [live, drain, load].into_iter().flatten().min()
    }

    /// Whether everything goes by way of the spool now.
    pub(super) fn is_detoured(&self) -> bool {
        self.detour.is_some()
    }

    /// The database took the first `records` of a batch, or a connection, in so long.
    pub(super) fn database_done(&mut self, source: Option<Source>, records: usize, took: Duration) {
        match source {
            Some(Source::Live) => {
                self.live.handle_done_of(records, took);
                self.trouble = None;
            }
            Some(Source::Spool) => self.drain.handle_done(),
            // It can be reached again: no pause is left.
            Some(Source::Orphan) | None if !self.drain.is_flying() => self.drain.handle_done(),
            Some(Source::Orphan) | None => {}
        }
        if self.live.is_settled(self.live.stats().accepted) {
            self.trouble = None;
        }
        self.answer();
    }

    /// The database did not take a batch, or no connection. Returns the record that is hereby set aside, if any.
    pub(super) fn database_failed(
        &mut self,
        source: Option<Source>,
        failure: Failure,
        reason: &str,
        jitter: f64,
        now: Instant,
    ) -> Option<Arc<Record>> {
        let set_aside = match source {
            Some(Source::Live) => {
                let set_aside = self.live.handle_failure(failure, jitter, now);
                if failure == Failure::Away || self.live.is_refused_everything() {
                    self.turn_off(reason);
                }
                set_aside
            }
            Some(Source::Spool) => self.drain.handle_failure(failure, jitter, now),
            Some(Source::Orphan) | None => {
                if !self.drain.is_flying() {
                    self.drain.handle_failure(Failure::Away, jitter, now);
                }
                if self.spool.is_none() {
                    if !self.live.is_flying() {
                        self.live.handle_failure(Failure::Away, jitter, now);
                    }
                    self.refuse(reason.to_owned());
                }
                None
            }
        };
        self.answer();
        set_aside
    }

    /// The batch on its way to the database has been so for too long: it goes by way of the spool.
    pub(super) fn database_hangs(&mut self) -> bool {
        if self.spool.is_none() || self.detour.is_some() || !self.live.is_flying() {
            return false;
        }
        self.live.take_back();
        self.detour = Some(Detour::default());
        true
    }

    /// The database takes nothing: by way of the spool from now on, or into memory if there is none that works.
    fn turn_off(&mut self, reason: &str) {
        self.prefers_database = false;
        if self.spool.is_some() {
            self.detour.get_or_insert_default();
        }
        match self.spool.as_ref().map(|spool| spool.last_error.clone()) {
            Some(None) => self.live.take_back(), // without a pause
            Some(Some(spool)) => self.refuse(neither(reason, &spool)),
            None => self.refuse(reason.to_owned()),
        }
    }

    /// The spool took a batch. `dropped` went for want of room.
    pub(super) fn spool_appended(&mut self, dropped: Vec<(String, u64)>, records: u64, bytes: u64) {
        self.live.handle_done();
        for (run_id, tick) in &dropped {
            self.note_gap(run_id, *tick);
        }
        if let Some(spool) = &mut self.spool {
            (spool.records, spool.bytes) = (records, bytes);
            spool.dropped_telemetry += dropped.len() as u64;
            spool.last_error = None;
        }
        self.prefers_database = false;
        self.trouble = None;
        self.answer();
    }

    /// The spool did not take a batch. With the database away as well (`database_error`), nothing can be kept.
    pub(super) fn spool_refused(
        &mut self,
        error: &str,
        database_error: Option<&str>,
        jitter: f64,
        now: Instant,
    ) {
        self.live.handle_failure(Failure::Away, jitter, now);
        if let Some(spool) = &mut self.spool {
            spool.last_error = Some(error.to_owned());
        }
        if let Some(database) = database_error {
            self.refuse(neither(database, error));
        }
        self.prefers_database = true;
    }

    /// What was read from the spool, which holds `records` of `bytes`. Nothing more: the detour is over.
    pub(super) fn spool_loaded(
        &mut self,
        chunk: Vec<(Record, usize)>,
        up_to: i64,
        (records, bytes): (u64, u64),
        now: Instant,
    ) {
        let Some(detour) = &mut self.detour else { return };
        detour.load_not_before = None;
        if self.drain.stats().items == 0 {
            detour.loaded = 0;
        }
        detour.loaded += chunk.len() as u64;
        let is_new = up_to > detour.loaded_to;
        detour.loaded_to = up_to;
        for (record, size) in chunk {
            // Cannot be refused: this one has no bound, the chunk has.
            let _ = self.drain.push(Class::Event, record, size, now);
        }
        self.drain.flush();
        if let Some(spool) = &mut self.spool {
            (spool.records, spool.bytes) = (records, bytes);
            if !self.is_looked_into {
                spool.last_error = None;
            }
        }
        self.is_looked_into = true;
        if self.drain.stats().items == 0 && !is_new {
            self.detour = None;
        }
    }

    /// The spool could not be opened or read: tried again later, and meanwhile the database is written to past it.
    pub(super) fn spool_unreadable(&mut self, error: &str, now: Instant) {
        if let Some(spool) = &mut self.spool {
            spool.last_error = Some(error.to_owned());
        }
        self.prefers_database = true;
        if let Some(detour) = &mut self.detour {
            detour.load_not_before = Some(now + self.limits.retry_max);
        }
    }

    /// Whether what is recorded now can be kept.
    pub(super) fn ready(&self) -> Result<(), NotDurable> {
        match &self.trouble {
            None => Ok(()),
            Some(trouble) => Err(trouble.clone()),
        }
    }

    /// Hurries the events that wait. Says when they are durable; `None`: they are.
    pub(super) fn durable(&mut self) -> Option<oneshot::Receiver<Result<(), NotDurable>>> {
        let number = self.live.hurry();
        if self.live.is_settled(number) {
            return None;
        }
        let (sender, receiver) = oneshot::channel();
        if self.closed || self.trouble.is_some() {
            let closed = || NotDurable { reason: "the writer has stopped".to_owned() };
            let _ = sender.send(Err(self.trouble.clone().unwrap_or_else(closed)));
        } else {
            self.waiters.push((number, sender));
            self.cut.ask();
        }
        Some(receiver)
    }

    /// How full the spool is.
    pub(super) fn spool(&self) -> Option<SpoolHealth> {
        self.spool.clone()
    }

    /// Answers those whose records are durable.
    fn answer(&mut self) {
        for (number, waiter) in std::mem::take(&mut self.waiters) {
            if self.live.is_settled(number) {
                let _ = waiter.send(Ok(())); // the asker may have hung up
            } else {
                self.waiters.push((number, waiter));
            }
        }
    }

    fn refuse(&mut self, reason: String) {
        let trouble = NotDurable { reason };
        for (_, waiter) in self.waiters.drain(..) {
            let _ = waiter.send(Err(trouble.clone()));
        }
        self.trouble = Some(trouble);
    }

    fn note_gap(&mut self, run_id: &str, tick: u64) {
        match self.gaps.iter_mut().rfind(|gap| gap.run_id == run_id) {
            Some(gap) => {
                gap.from_tick = gap.from_tick.min(tick);
                gap.to_tick = gap.to_tick.max(tick);
                gap.frames += 1;
            }
            None => {
                let run_id = run_id.to_owned();
                self.gaps.push(Gap { run_id, from_tick: tick, to_tick: tick, frames: 1 });
            }
        }
    }

    /// Records what was dropped, once the database is there again.
    fn flush_gaps(&mut self, now: Instant) {
        if self.live.stats().committed == 0 || self.live.is_flying() {
            return;
        }
        for Gap { run_id, from_tick, to_tick, frames } in std::mem::take(&mut self.gaps) {
            let record = Record::Gap { run_id: run_id.clone(), from_tick, to_tick, frames };
            if self.live.push(Class::Event, record, 128, now).is_err() {
                self.gaps.push(Gap { run_id, from_tick, to_tick, frames });
            }
        }
    }
}

fn neither(database: &str, spool: &str) -> String {
    format!("neither the database ({database}) nor the spool ({spool}) takes anything")
}
