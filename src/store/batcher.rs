//! What waits to be written, and what is written next: the pure machine of the writing actor.
//!
//! ```text
//!  push ──► events  ─┐                        ┌─ done   → gone
//!  push ──► telemetry┴─► poll_batch ─► flying ┼─ away   → the same batch again, later (or at once, by another way)
//!                   retries ◄─────────────────┴─ refused → in halves; a single item that others get past: set aside
//! ```
//!
//! * One batch is in flight at a time: a slow database never gets a second one, and what has not been taken can still be
//!   dropped.
//! * Everything counts against one byte bound, what is in flight too. Events are refused at the bound; telemetry makes
//!   room by dropping the oldest telemetry that is not in flight. An event, too, drops telemetry to make room.
//! * An item leaves only by being committed, dropped (telemetry) or set aside. Setting aside needs proof that the item
//!   is at fault: the database refused it alone, several times, while it took something else in between. A database that
//!   refuses everything is ill, and nothing is lost.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Whether an item may be dropped for want of room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// Never dropped; refused when there is no room.
    Event,
    /// Dropped oldest first.
    Telemetry,
}

/// Bounds and times of a [`Batcher`].
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// Everything that waits or is in flight, bytes.
    pub queue_bytes_max: usize,
    /// A batch is not bigger unless a single item is, bytes. A large one costs less for each row, since a commit waits for a disk.
    pub batch_bytes_max: usize,
    /// Batches begin with this size, and are not made smaller for being slow, bytes.
    pub batch_bytes_min: usize,
    /// How long a batch may take to write: further ones are made smaller if it took longer.
    pub batch_time_max: Duration,
    /// An event waits at most so long for others.
    pub event_wait: Duration,
    /// Telemetry waits at most so long for more.
    pub telemetry_wait: Duration,
    /// The pause after the first failure; it doubles with each further one.
    pub retry_min: Duration,
    /// The longest pause between two tries.
    pub retry_max: Duration,
    /// Refusals after which a single item is set aside, if the database took something else meanwhile.
    pub refusals_max: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            queue_bytes_max: 64 << 20,
            batch_bytes_max: 8 << 20,
            batch_bytes_min: 1 << 20,
            batch_time_max: Duration::from_millis(250),
            event_wait: Duration::from_millis(100),
            telemetry_wait: Duration::from_secs(1),
            retry_min: Duration::from_millis(100),
            retry_max: Duration::from_secs(5),
            refusals_max: 3,
        }
    }
}

/// There is no room for another event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

/// Why a batch was not written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The database could not be reached or had no time; the batch may be fine.
    Away,
    /// The database answered and refused the batch.
    Refused,
}

/// What a [`Batcher`] holds and what became of the rest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Items that wait or are in flight.
    pub items: usize,
    /// Their bytes.
    pub bytes: usize,
    /// Items handed in and taken.
    pub accepted: u64,
    /// Items committed.
    pub committed: u64,
    /// Telemetry dropped for want of room.
    pub dropped: u64,
    /// Items set aside because the database refuses them.
    pub set_aside: u64,
}

struct Item<T> {
    value: Arc<T>,
    bytes: usize,
    since: Instant,
    seq: u64,
}

/// Items that are written together, of one class, oldest first.
struct Batch<T> {
    class: Class,
    items: Vec<Item<T>>,
    /// Times that this batch, a single item, was refused.
    refusals: u32,
    /// `Stats::committed` at the first refusal.
    committed_then: u64,
}

/// A queue in two classes that hands out one batch at a time. See the module.
pub struct Batcher<T> {
    limits: Limits,
    events: VecDeque<Item<T>>,
    telemetry: VecDeque<Item<T>>,
    event_bytes: usize,
    telemetry_bytes: usize,
    /// Batches that failed, to be tried again before anything new. At most the parts of one batch.
    retries: VecDeque<Batch<T>>,
    /// Batches, mostly single items, that were refused; tried again in turn with something else.
    suspects: VecDeque<Batch<T>>,
    flying: Option<Batch<T>>,
    /// A batch goes when so much waits, bytes.
    batch_bytes: usize,
    failures_in_a_row: u32,
    not_before: Option<Instant>,
    flush_to: Option<u64>,
    /// Events up to this number wait for no company.
    hurry_to: Option<u64>,
    /// Telemetry dropped since [`Batcher::take_dropped`].
    dropped: Vec<Arc<T>>,
    /// Whether the last batch was a suspect: the next one is not, if there is another.
    suspect_last: bool,
    /// Whether the last new batch was of events.
    events_last: bool,
    stats: Stats,
}

impl<T> Batcher<T> {
    /// Refusals in a row after which the database, not a batch, is held to be at fault: enough to halve a batch of
    /// thousands down to one.
    const REFUSALS_OF_THE_ILL: u32 = 16;

    /// An empty queue.
    pub fn new(limits: Limits) -> Batcher<T> {
        Batcher {
            batch_bytes: limits.batch_bytes_max.min(limits.batch_bytes_min),
            limits,
            events: VecDeque::new(),
            telemetry: VecDeque::new(),
            event_bytes: 0,
            telemetry_bytes: 0,
            retries: VecDeque::new(),
            suspects: VecDeque::new(),
            flying: None,
            failures_in_a_row: 0,
            not_before: None,
            flush_to: None,
            hurry_to: None,
            dropped: Vec::new(),
            suspect_last: false,
            events_last: false,
            stats: Stats::default(),
        }
    }

    /// Takes an item of `bytes` bytes in. Telemetry is always taken, but may be dropped at once if events fill the room.
    /// O(1) and no allocation beyond the queue's, but for dropped items.
    pub fn push(&mut self, class: Class, value: T, bytes: usize, now: Instant) -> Result<(), Full> {
        let room = self.limits.queue_bytes_max;
        let cannot_go = self.stats.bytes - self.telemetry_bytes;
        if class == Class::Event && cannot_go + bytes > room {
            return Err(Full);
        }
        self.stats.accepted += 1;
        let seq = self.stats.accepted;
        while self.stats.bytes + bytes > room {
            match self.telemetry.pop_front() {
                Some(oldest) => {
                    self.telemetry_bytes -= oldest.bytes;
                    self.forget(oldest.bytes);
                    self.stats.dropped += 1;
                    self.dropped.push(oldest.value);
                }
                None => {
                    self.stats.dropped += 1; // this one: events and the batch in flight fill the room
                    self.dropped.push(Arc::new(value));
                    return Ok(());
                }
            }
        }
        self.stats.items += 1;
        self.stats.bytes += bytes;
        let item = Item { value: Arc::new(value), bytes, since: now, seq };
        match class {
            Class::Event => {
                self.event_bytes += bytes;
                self.events.push_back(item);
            }
            Class::Telemetry => {
                self.telemetry_bytes += bytes;
                self.telemetry.push_back(item);
            }
        }
        Ok(())
    }

    /// The next batch to write, if one is due and none is in flight. It is in flight until [`Batcher::handle_done`] or
    /// [`Batcher::handle_failure`] tells what became of it.
    pub fn poll_batch(&mut self, now: Instant) -> Option<Vec<Arc<T>>> {
        if self.flying.is_some() || self.not_before.is_some_and(|then| now < then) {
            return None;
        }
        let batch = self.next_batch(now)?;
        let values = batch.items.iter().map(|item| item.value.clone()).collect();
        self.flying = Some(batch);
        Some(values)
    }

    /// When [`Batcher::poll_batch`] will hand out a batch if nothing else happens; may be past. `None`: a batch is in
    /// flight, or nothing waits.
    pub fn poll_timeout(&self) -> Option<Instant> {
        if self.flying.is_some() {
            return None;
        }
        let again = self.retries.iter().chain(&self.suspects).filter_map(Batch::since).min();
        let due = [again, self.due(Class::Event), self.due(Class::Telemetry)].into_iter().flatten().min()?;
        Some(self.not_before.map_or(due, |then| due.max(then)))
    }

    /// The batch in flight is committed, and it took so long: a full one that was quick makes further ones larger.
    pub fn handle_done_in(&mut self, took: Duration) {
        let bytes = self.flying.iter().flat_map(|batch| &batch.items).map(|item| item.bytes).sum::<usize>();
        let least = self.limits.batch_bytes_max.min(self.limits.batch_bytes_min);
        if took > self.limits.batch_time_max {
            self.batch_bytes = (self.batch_bytes / 2).max(least);
        } else if bytes > self.batch_bytes / 2 && took < self.limits.batch_time_max / 2 {
            self.batch_bytes = (self.batch_bytes * 2).min(self.limits.batch_bytes_max);
        }
        self.handle_done();
    }

    /// Of the batch in flight the first `count` items are committed, which took so long. If there are more, they wait again, as
    /// the oldest of their class.
    pub fn handle_done_of(&mut self, count: usize, took: Duration) {
        match &mut self.flying {
            Some(batch) if count < batch.items.len() => {
                let rest = batch.items.split_off(count);
                let (queue, queue_bytes) = match batch.class {
                    Class::Event => (&mut self.events, &mut self.event_bytes),
                    Class::Telemetry => (&mut self.telemetry, &mut self.telemetry_bytes),
                };
                *queue_bytes += rest.iter().map(|item| item.bytes).sum::<usize>();
                rest.into_iter().rev().for_each(|item| queue.push_front(item));
                self.handle_done();
            }
            _ => self.handle_done_in(took),
        }
    }

    /// The batch in flight is committed; or there is none and the database can be reached.
    pub fn handle_done(&mut self) {
        if let Some(batch) = self.flying.take() {
            for item in &batch.items {
                self.forget(item.bytes);
            }
            self.stats.committed += batch.items.len() as u64;
        }
        self.failures_in_a_row = 0;
        self.not_before = None;
    }

    /// The batch in flight was not written, or there is none and the database could not be reached.
    ///
    /// The next try comes after a pause: `retry_min`, doubled for each failure in a row up to `retry_max`, of which
    /// `jitter` (0..1, random) takes off up to a half. Returns the item that is hereby set aside, if any.
    pub fn handle_failure(&mut self, failure: Failure, jitter: f64, now: Instant) -> Option<Arc<T>> {
        self.failures_in_a_row = self.failures_in_a_row.saturating_add(1);
        let ill = self.is_refused_everything();
        let doublings = match failure {
            Failure::Away => self.failures_in_a_row - 1,
            Failure::Refused if ill => self.failures_in_a_row - Self::REFUSALS_OF_THE_ILL,
            Failure::Refused => 0,
        };
        let pause = self.limits.retry_min.saturating_mul(1 << doublings.min(16)).min(self.limits.retry_max);
        self.not_before = Some(now + pause.mul_f64(1.0 - jitter.clamp(0.0, 1.0) / 2.0));

        let mut batch = self.flying.take()?;
        match failure {
            Failure::Away => self.retries.push_front(batch),
            // Not split further: it is the database's fault. Not first either: what comes next is the proof.
            Failure::Refused if batch.items.len() > 1 && ill => self.suspects.push_back(batch),
            Failure::Refused if batch.items.len() > 1 => {
                let second = batch.items.split_off(batch.items.len() / 2);
                self.retries.push_front(Batch::new(batch.class, second));
                self.retries.push_front(batch);
            }
            Failure::Refused => {
                if batch.refusals == 0 {
                    batch.committed_then = self.stats.committed;
                }
                batch.refusals += 1;
                let others_got_past = self.stats.committed > batch.committed_then;
                if batch.refusals >= self.limits.refusals_max && others_got_past {
                    let item = batch.items.pop()?;
                    self.forget(item.bytes);
                    self.stats.set_aside += 1;
                    return Some(item.value);
                }
                self.suspects.push_back(batch);
            }
        }
        None
    }

    /// The batch in flight will not come back, or not in time: it is handed out again, first and at once.
    pub fn take_back(&mut self) {
        if let Some(batch) = self.flying.take() {
            self.retries.push_front(batch);
        }
        self.not_before = None;
    }

    /// Makes the events that were accepted so far due at once, and returns the number to ask
    /// [`Batcher::is_settled`] for. A pause after a failure is kept.
    pub fn hurry(&mut self) -> u64 {
        self.hurry_to = Some(self.stats.accepted);
        self.stats.accepted
    }

    /// Whether every event accepted up to `number` has left: committed or set aside.
    pub fn is_settled(&self, number: u64) -> bool {
        let batches = self.flying.iter().chain(&self.retries).chain(&self.suspects);
        let events = batches.filter(|batch| batch.class == Class::Event);
        let first = events.filter_map(|batch| batch.items.first()).chain(self.events.front());
        first.map(|item| item.seq).min().is_none_or(|oldest| oldest > number)
    }

    /// Whether nothing is in flight and nothing but refused items waits.
    pub fn is_idle(&self) -> bool {
        let waits = !self.retries.is_empty() || !self.events.is_empty() || !self.telemetry.is_empty();
        self.flying.is_none() && !waits
    }

    /// The telemetry that was dropped since this was last asked. Ask after every push, or it adds up.
    pub fn take_dropped(&mut self) -> Vec<Arc<T>> {
        std::mem::take(&mut self.dropped)
    }

    /// Makes everything that was accepted so far due at once, and returns the number to ask
    /// [`Batcher::is_flushed`] for. A pause after a failure is kept.
    pub fn flush(&mut self) -> u64 {
        self.flush_to = Some(self.stats.accepted);
        self.stats.accepted
    }

    /// Whether everything accepted up to `number` has left: committed, dropped or set aside.
    pub fn is_flushed(&self, number: u64) -> bool {
        self.waiting().map(|item| item.seq).min().is_none_or(|oldest| oldest > number)
    }

    /// Since when the oldest item waits that is not committed.
    pub fn oldest(&self) -> Option<Instant> {
        self.waiting().map(|item| item.since).min()
    }

    /// What is held and what became of the rest.
    pub fn stats(&self) -> Stats {
        self.stats
    }

    /// Whether so many batches failed in a row that the database is at fault and not one of them.
    pub fn is_refused_everything(&self) -> bool {
        self.failures_in_a_row > Self::REFUSALS_OF_THE_ILL
    }

    /// Since when the oldest item of the batch in flight waits.
    pub fn flying_since(&self) -> Option<Instant> {
        self.flying.as_ref().and_then(Batch::since)
    }

    /// Whether a batch is in flight.
    pub fn is_flying(&self) -> bool {
        self.flying.is_some()
    }

    fn next_batch(&mut self, now: Instant) -> Option<Batch<T>> {
        let suspect_first = !std::mem::replace(&mut self.suspect_last, false);
        if suspect_first && let Some(suspect) = self.suspects.pop_front() {
            self.suspect_last = true;
            return Some(suspect);
        }
        if let Some(batch) = self.retries.pop_front() {
            return Some(batch);
        }
        let is_due = |due: Option<Instant>| due.is_some_and(|due| due <= now);
        let telemetry_due = is_due(self.due(Class::Telemetry));
        // Events that wait go before telemetry that is due, so that a run is there before its frames; but not twice, or
        // a busy and slow database would never get any telemetry.
        let events_turn = !(telemetry_due && self.events_last);
        if !self.events.is_empty() && events_turn && (telemetry_due || is_due(self.due(Class::Event))) {
            self.events_last = true;
            return Some(self.take(Class::Event));
        }
        if telemetry_due {
            self.events_last = false;
            return Some(self.take(Class::Telemetry));
        }
        self.suspects.pop_front()
    }

    /// When new items of `class` are due, if there are any.
    fn due(&self, class: Class) -> Option<Instant> {
        let (queue, bytes, wait) = match class {
            Class::Event => (&self.events, self.event_bytes, self.limits.event_wait),
            Class::Telemetry => (&self.telemetry, self.telemetry_bytes, self.limits.telemetry_wait),
        };
        let first = queue.front()?;
        let hurry_to = self.hurry_to.filter(|_| class == Class::Event);
        let flushing = self.flush_to.max(hurry_to).is_some_and(|number| first.seq <= number);
        let at_once = flushing || bytes >= self.batch_bytes;
        Some(if at_once { first.since } else { first.since + wait })
    }

    fn take(&mut self, class: Class) -> Batch<T> {
        let (queue, queue_bytes) = match class {
            Class::Event => (&mut self.events, &mut self.event_bytes),
            Class::Telemetry => (&mut self.telemetry, &mut self.telemetry_bytes),
        };
        let mut items = Vec::new();
        let mut bytes = 0;
        while let Some(next) = queue.front()
            && (items.is_empty() || bytes + next.bytes <= self.batch_bytes)
            && let Some(item) = queue.pop_front()
        {
            bytes += item.bytes;
            items.push(item);
        }
        *queue_bytes -= bytes;
        Batch::new(class, items)
    }

    /// Every item that is not done with, of which the oldest of each part; for minima.
    fn waiting(&self) -> impl Iterator<Item = &Item<T>> {
        let batches = self.flying.iter().chain(&self.retries).chain(&self.suspects);
        batches
            .filter_map(|batch| batch.items.first())
            .chain(self.events.front())
            .chain(self.telemetry.front())
    }

    fn forget(&mut self, bytes: usize) {
        self.stats.items -= 1;
        self.stats.bytes -= bytes;
    }
}

impl<T> Batch<T> {
    fn new(class: Class, items: Vec<Item<T>>) -> Batch<T> {
        Batch { class, items, refusals: 0, committed_then: 0 }
    }

    fn since(&self) -> Option<Instant> {
        self.items.first().map(|item| item.since)
    }
}
