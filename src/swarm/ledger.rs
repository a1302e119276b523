//! What became of every command: one answer for each id, progress until each drone has its terminal result. Pure.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;

use crate::contract::error::ApiError;
use crate::contract::outgoing::{Ack, CommandUpdate, DroneResult};
use crate::sim::{CommandResult, Progress, Tick};

/// Who gave a command, and over what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// An operator's name, or `system`.
    pub author: String,
    /// `socketio`, `http` or `mavlink`.
    pub via: &'static str,
}

/// Commands by their id.
///
/// The id is the idempotency key: whoever sends it again, over any transport, gets the first answer and nothing
/// happens. Finished commands are kept for [`Ledger::FINISHED_MAX`] commands, unfinished ones until they finish.
#[derive(Debug, Default)]
pub struct Ledger {
    answers: HashMap<String, Result<Ack, ApiError>>,
    under_way: BTreeMap<u64, UnderWay>,
    finished: VecDeque<String>,
}

#[derive(Debug)]
struct UnderWay {
    command_id: String,
    origin: Origin,
    command: String,
    open: HashSet<Arc<str>>,
    news: BTreeMap<String, DroneResult>,
}

impl Ledger {
    /// How many finished commands are remembered.
    pub const FINISHED_MAX: usize = 10_000;

    /// The answer that `command_id` got, if it was here before.
    pub fn first_answer(&self, command_id: &str) -> Option<&Result<Ack, ApiError>> {
        self.answers.get(command_id)
    }

    /// Remembers a command that is over as soon as it is answered: refused as a whole, or done at once.
    pub fn close(&mut self, command_id: &str, answer: Result<Ack, ApiError>) {
        self.answers.insert(command_id.to_owned(), answer);
        self.remember(command_id.to_owned());
    }

    /// Enters a command that drones have taken on, and returns the update that announces it.
    ///
    /// `ticket` is the number under which the simulation reports its progress.
    pub fn open(&mut self, ticket: u64, command: &str, origin: Origin, ack: &Ack) -> CommandUpdate {
        self.answers.insert(ack.command_id.clone(), Ok(ack.clone()));
        let results = ack
            .results
            .iter()
            .map(|(drone, verdict)| {
                let (result, reason) = (verdict.result, verdict.reason.clone());
                (drone.clone(), DroneResult { result, reason, progress_pct: None })
            })
            .collect();
        let open: HashSet<Arc<str>> = ack
            .results
            .iter()
            .filter(|(_, verdict)| !verdict.result.is_terminal())
            .map(|(drone, _)| Arc::from(drone.as_str()))
            .collect();
        let update = CommandUpdate {
            command_id: ack.command_id.clone(),
            author: origin.author.clone(),
            via: origin.via,
            command: command.to_owned(),
            params: None,
            tick: ack.tick,
            results,
            done: open.is_empty(),
        };
        if open.is_empty() {
            self.remember(ack.command_id.clone());
        } else {
            let command_id = ack.command_id.clone();
            let entry =
                UnderWay { command_id, origin, command: command.to_owned(), open, news: BTreeMap::new() };
            self.under_way.insert(ticket, entry);
        }
        update
    }

    /// Takes in what the simulation says of one drone under one ticket.
    pub fn handle_progress(&mut self, progress: Progress) {
        let Some(entry) = self.under_way.get_mut(&progress.ticket) else { return };
        let terminal = progress.verdict.result.is_terminal();
        if terminal && !entry.open.remove(&progress.drone) {
            return;
        }
        let Progress { drone, verdict, progress_pct, .. } = progress;
        let news = DroneResult { result: verdict.result, reason: verdict.reason, progress_pct };
        entry.news.insert(drone.as_ref().to_owned(), news);
    }

    /// Ends everything under way, because the world that it was given to is gone.
    pub fn cancel_all(&mut self, reason: &str) {
        for entry in self.under_way.values_mut() {
            for drone in entry.open.drain() {
                let result = CommandResult::Cancelled;
                let news = DroneResult { result, reason: Some(reason.to_owned()), progress_pct: None };
                entry.news.insert(drone.as_ref().to_owned(), news);
            }
        }
    }

    /// Hands out one update for each command with news, in order of their tickets.
    pub fn drain_updates(&mut self, tick: Tick) -> Vec<CommandUpdate> {
        let mut updates = Vec::new();
        let mut done = Vec::new();
        for (ticket, entry) in self.under_way.iter_mut().filter(|(_, entry)| !entry.news.is_empty()) {
            if entry.open.is_empty() {
                done.push(*ticket);
            }
            updates.push(CommandUpdate {
                command_id: entry.command_id.clone(),
                author: entry.origin.author.clone(),
                via: entry.origin.via,
                command: entry.command.clone(),
                params: None,
                tick,
                results: std::mem::take(&mut entry.news),
                done: entry.open.is_empty(),
            });
        }
        for ticket in done {
            if let Some(entry) = self.under_way.remove(&ticket) {
                self.remember(entry.command_id);
            }
        }
        updates
    }

    fn remember(&mut self, command_id: String) {
        self.finished.push_back(command_id);
        if self.finished.len() > Self::FINISHED_MAX
            && let Some(oldest) = self.finished.pop_front()
        {
            self.answers.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::Verdict;

    fn ack(id: &str, results: &[(&str, CommandResult)]) -> Ack {
        let verdict = |result: CommandResult| Verdict { result, reason: None };
        Ack {
            ok: true,
            command_id: id.into(),
            tick: 5,
            results: results.iter().map(|(drone, result)| ((*drone).into(), verdict(*result))).collect(),
            spawned: Vec::new(),
            fork: None,
            dry_run: false,
            forecast: None,
        }
    }

    fn origin() -> Origin {
        Origin { author: "amira".into(), via: "http" }
    }

    fn progress(ticket: u64, drone: &str, result: CommandResult, pct: Option<u8>) -> Progress {
        Progress { ticket, drone: drone.into(), verdict: Verdict { result, reason: None }, progress_pct: pct }
    }

    #[test]
    fn a_command_is_done_when_every_drone_that_took_it_on_has_its_terminal_result() {
        let mut ledger = Ledger::default();
        let ack = ack(
            "c",
            &[("a", CommandResult::Accepted), ("b", CommandResult::Accepted), ("c", CommandResult::Denied)],
        );
        let first = ledger.open(1, "goto", origin(), &ack);
        assert!(!first.done);
        assert_eq!(first.results.len(), 3);

        ledger.handle_progress(progress(1, "a", CommandResult::InProgress, Some(40)));
        ledger.handle_progress(progress(1, "b", CommandResult::Completed, None));
        let updates = ledger.drain_updates(7);
        assert_eq!(updates.len(), 1);
        assert!(!updates[0].done);
        assert_eq!(updates[0].results["a"].progress_pct, Some(40));

        ledger.handle_progress(progress(1, "a", CommandResult::Failed, None));
        assert!(ledger.drain_updates(8)[0].done);
        assert!(ledger.drain_updates(9).is_empty());
    }

    #[test]
    fn a_second_terminal_result_of_a_drone_is_ignored() {
        let mut ledger = Ledger::default();
        ledger.open(
            1,
            "goto",
            origin(),
            &ack("c", &[("a", CommandResult::Accepted), ("b", CommandResult::Accepted)]),
        );
        ledger.handle_progress(progress(1, "a", CommandResult::Completed, None));
        ledger.drain_updates(6);
        ledger.handle_progress(progress(1, "a", CommandResult::Cancelled, None));
        assert!(ledger.drain_updates(7).is_empty());
    }

    #[test]
    fn the_first_answer_is_kept_for_ten_thousand_commands() {
        let mut ledger = Ledger::default();
        for i in 0..=Ledger::FINISHED_MAX {
            ledger.close(&format!("c{i}"), Ok(ack(&format!("c{i}"), &[])));
        }
        assert!(ledger.first_answer("c0").is_none());
        assert!(ledger.first_answer("c1").is_some());
        assert_eq!(ledger.answers.len(), Ledger::FINISHED_MAX);
    }

    #[test]
    fn a_new_world_cancels_what_the_old_one_was_told() {
        let mut ledger = Ledger::default();
        ledger.open(1, "goto", origin(), &ack("c", &[("a", CommandResult::Accepted)]));
        ledger.cancel_all("the swarm was reset");
        let updates = ledger.drain_updates(0);
        assert_eq!(updates[0].results["a"].result, CommandResult::Cancelled);
        assert!(updates[0].done);
    }
}
