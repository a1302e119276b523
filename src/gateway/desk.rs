//! What is known of one swarm at this moment: the newest report and log, for HTTP answers and newcomers.

use std::collections::VecDeque;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::watch;

use crate::contract::outgoing::{self, CommandRecord, CommandUpdate, LogEntry};
use crate::sim::Level;
use crate::socketio::Frame;
use crate::swarm::{RunInfo, TickReport};

/// Log entries kept in memory; older ones are in the database.
const LOG_ENTRIES_MAX: usize = 10_000;
/// Command updates with terminal results that are kept for clients which resume. They must fit an outbox together.
const OUTCOMES_MAX: usize = 256;
/// Commands whose fate is kept for consoles that join late.
const COMMANDS_MAX: usize = 40;
/// Longest wait for a swarm that is just starting.
const FIRST_WAIT_MAX: Duration = Duration::from_secs(10);

/// The newest of everything. Written by the [`Publisher`](super::frames::Publisher), read by anyone.
#[derive(Debug, Default)]
pub struct Desk {
    now: watch::Sender<Option<Now>>,
    log: RwLock<VecDeque<LogEntry>>,
    outcomes: RwLock<VecDeque<Outcome>>,
    commands: RwLock<VecDeque<CommandRecord>>,
}

/// What became of a command, and the log entry after which it was told.
#[derive(Debug, Clone)]
struct Outcome {
    after: u64,
    update: Frame,
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

    /// Files a `command-update` that says how something ended.
    pub fn file_outcome(&self, update: Frame) {
        let after = self.last_seq();
        let mut outcomes = self.outcomes.write().unwrap_or_else(PoisonError::into_inner);
        if outcomes.len() == OUTCOMES_MAX {
            outcomes.pop_front();
        }
        outcomes.push_back(Outcome { after, update });
    }

    /// What was told since log entry `seq`, oldest first: at least all that someone missed who has read that far.
    pub fn outcomes_since(&self, seq: u64) -> Vec<Frame> {
        let outcomes = self.outcomes.read().unwrap_or_else(PoisonError::into_inner);
        let from = outcomes.partition_point(|outcome| outcome.after < seq);
        outcomes.range(from..).map(|outcome| outcome.update.clone()).collect()
    }

    fn last_seq(&self) -> u64 {
        let log = self.log.read().unwrap_or_else(PoisonError::into_inner);
        log.back().map_or(0, |entry| entry.seq)
    }

    /// Takes in what an update says of a command.
    pub fn note_command(&self, update: CommandUpdate, now_ms: u64) {
        let mut commands = self.commands.write().unwrap_or_else(PoisonError::into_inner);
        // The newest are the ones that are still under way.
        if let Some(known) = commands.iter_mut().rev().find(|c| c.update.command_id == update.command_id) {
            known.update.results.extend(update.results);
            (known.update.done, known.update.tick, known.changed_ms) = (update.done, update.tick, now_ms);
            return;
        }
        if commands.len() == COMMANDS_MAX {
            commands.pop_front();
        }
        commands.push_back(CommandRecord { update, began_ms: now_ms, changed_ms: now_ms });
    }

    /// Forgets the commands of a run that is over.
    pub fn forget_commands(&self) {
        self.commands.write().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// The newest commands and what became of them, oldest first.
    pub fn commands(&self) -> Vec<CommandRecord> {
        self.commands.read().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
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
    use crate::contract::outgoing::DroneResult;

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
    fn outcomes_are_told_again_to_whoever_had_not_read_further_than_them() {
        let desk = Desk::default();
        for seq in 1..=3 {
            desk.file_outcome(Frame::json("/", "command-update", &seq));
            desk.file(entry(seq, Level::Info));
        }
        let told = |seq| desk.outcomes_since(seq).iter().map(|f| f.text().to_owned()).collect::<Vec<_>>();
        assert_eq!(told(1), ["2[\"command-update\",2]", "2[\"command-update\",3]"]);
        assert_eq!((told(0).len(), told(3).len()), (3, 0));
        (0..1000).for_each(|n| desk.file_outcome(Frame::json("/", "command-update", &n)));
        assert_eq!(told(0).len(), OUTCOMES_MAX);
    }

    #[test]
    fn a_command_is_kept_with_all_that_became_of_it() {
        let desk = Desk::default();
        let result = crate::sim::CommandResult::Accepted;
        let update = |id: &str, drone: &str, done| CommandUpdate {
            command_id: id.into(),
            author: "amira".into(),
            via: "http",
            command: "goto".into(),
            params: None,
            tick: 1,
            results: [(drone.to_owned(), DroneResult { result, reason: None, progress_pct: None })].into(),
            done,
        };
        desk.note_command(update("c", "a", false), 10);
        desk.note_command(update("c", "b", true), 20);
        let known = &desk.commands()[0];
        assert_eq!((known.began_ms, known.changed_ms, known.update.done), (10, 20, true));
        assert_eq!(known.update.results.len(), 2);
        for i in 0..COMMANDS_MAX {
            desk.note_command(update(&i.to_string(), "a", true), 30);
        }
        assert_eq!(
            (desk.commands().len(), desk.commands()[0].update.command_id.as_str()),
            (COMMANDS_MAX, "0")
        );
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
