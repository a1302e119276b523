//! What is known of one swarm at this moment: the newest report and log, for HTTP answers and newcomers.

use std::collections::VecDeque;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::watch;

use crate::contract::outgoing::{self, LogEntry};
use crate::sim::Level;
use crate::swarm::{RunInfo, TickReport};

/// Log entries kept in memory; older ones are in the database.
const LOG_ENTRIES_MAX: usize = 10_000;
/// Longest wait for a swarm that is just starting.
const FIRST_WAIT_MAX: Duration = Duration::from_secs(10);

/// The newest of everything. Written by the [`Publisher`](super::frames::Publisher), read by anyone.
#[derive(Debug, Default)]
pub struct Desk {
    now: watch::Sender<Option<Now>>,
    log: RwLock<VecDeque<LogEntry>>,
}

/// The newest publication.
#[derive(Debug, Clone)]
pub struct Now {
    /// The run.
    pub run: Arc<RunInfo>,
    /// The report.
    pub report: Arc<TickReport>,
    /// The publication's number.
    pub seq: u64,
    /// Changes whenever the slots of binary frames mean other drones.
    pub epoch: u32,
    /// Payload of `status-update`.
    pub status: Arc<str>,
    /// Payload of the newest `visualization-update`.
    pub visualization: Arc<str>,
}

impl Now {
    /// Payload of `drones-update` with every drone.
    pub fn drones(&self) -> String {
        outgoing::drones_json(&self.report.snapshot, self.seq, self.report.wall_time_ms, |_, _| true)
    }
}

/// Which log entries are wanted.
#[derive(Debug, Clone, Default)]
pub struct LogQuery {
    /// Only entries after this one.
    pub after: u64,
    /// Only this level and worse.
    pub level: Option<Level>,
    /// Only from this source.
    pub source: Option<String>,
    /// At most so many; the newest ones when `after` is 0, else the first ones after it.
    pub limit: usize,
}

impl Desk {
    /// The newest publication; `None` only in the first moment of a swarm.
    pub fn now(&self) -> Option<Now> {
        self.now.borrow().clone()
    }

    /// The newest publication, waiting for the first one if need be; `None` if the swarm never gets that far.
    pub async fn first(&self) -> Option<Now> {
        let mut now = self.now.subscribe();
        let first = now.wait_for(Option::is_some);
        actix_rt::time::timeout(FIRST_WAIT_MAX, first).await.ok()?.ok()?.clone()
    }

    /// Lays a new publication on the desk.
    pub fn put(&self, now: Now) {
        self.now.send_replace(Some(now));
    }

    /// Files a log entry.
    pub fn file(&self, entry: LogEntry) {
        // A panic while the lock was held would leave the log whole.
        let mut log = self.log.write().unwrap_or_else(PoisonError::into_inner);
        if log.len() == LOG_ENTRIES_MAX {
            log.pop_front();
        }
        log.push_back(entry);
    }

    /// The entries that `query` asks for, oldest first.
    pub fn log(&self, query: &LogQuery) -> Vec<LogEntry> {
        let log = self.log.read().unwrap_or_else(PoisonError::into_inner);
        let from = log.partition_point(|entry| entry.seq <= query.after);
        let wanted = log.range(from..).filter(|entry| {
            query.level.is_none_or(|level| entry.level >= level)
                && query.source.as_ref().is_none_or(|source| *source == entry.source)
        });
        if query.after > 0 {
            return wanted.take(query.limit).cloned().collect();
        }
        let mut newest: Vec<LogEntry> = wanted.rev().take(query.limit).cloned().collect();
        newest.reverse();
        newest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(seq: u64, level: Level) -> LogEntry {
        LogEntry {
            seq,
            tick: seq,
            time: String::new(),
            level,
            source: "swarm".into(),
            message: String::new(),
            data: None,
        }
    }

    #[test]
    fn entries_after_a_seq_come_oldest_first_and_the_newest_without_one() {
        let desk = Desk::default();
        for seq in 1..=10 {
            desk.file(entry(seq, if seq % 2 == 0 { Level::Warning } else { Level::Info }));
        }
        let seqs = |query: LogQuery| desk.log(&query).into_iter().map(|e| e.seq).collect::<Vec<_>>();
        assert_eq!(seqs(LogQuery { after: 4, limit: 3, ..Default::default() }), [5, 6, 7]);
        assert_eq!(seqs(LogQuery { limit: 2, ..Default::default() }), [9, 10]);
        assert_eq!(
            seqs(LogQuery { level: Some(Level::Warning), limit: 9, ..Default::default() }),
            [2, 4, 6, 8, 10]
        );
        assert!(seqs(LogQuery { source: Some("x".into()), limit: 9, ..Default::default() }).is_empty());
    }

    #[test]
    fn the_log_in_memory_is_bounded() {
        let desk = Desk::default();
        for seq in 1..=(LOG_ENTRIES_MAX as u64 + 5) {
            desk.file(entry(seq, Level::Info));
        }
        let all = desk.log(&LogQuery { limit: usize::MAX, ..Default::default() });
        assert_eq!((all.len(), all[0].seq), (LOG_ENTRIES_MAX, 6));
    }
}
