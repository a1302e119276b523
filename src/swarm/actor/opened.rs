//! The first world of a swarm and the record of its run, opened as its beginning says.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::contract::record::Recorder;
use crate::sim::{Command, JournalEntry, Targets, Tick, World};

use super::super::Settings;
use super::super::beginning::{Beginning, Forked, Outcome, Resumed};
use super::super::ledger::{Ledger, Origin};
use super::super::run::Run;
use super::Swarm;
use super::commands::ack;

/// What a swarm starts with.
pub(super) struct Opened {
    pub(super) world: World,
    pub(super) run: Run,
    /// Where an interrupted run goes on.
    pub(super) resumed_at: Option<Tick>,
    /// Parameters that a fork changes, and who wants it.
    pub(super) set: Option<(BTreeMap<String, f64>, Origin)>,
}

impl Opened {
    /// Opens the record. `ledger` learns what an interrupted run had answered.
    pub(super) fn of(
        beginning: Beginning,
        settings: &Settings,
        recorder: Arc<dyn Recorder>,
        ledger: &mut Ledger,
    ) -> Opened {
        match beginning {
            Beginning::Fresh => {
                let seed = settings.seed.unwrap_or(settings.scenario.seed);
                let world = World::new(settings.scenario.clone(), seed);
                let run = Run::begin(&world, &settings.id, recorder, 0, None);
                Opened { world, run, resumed_at: None, set: None }
            }
            Beginning::Forked(forked) => {
                let Forked { world, journal, parent, set, origin } = *forked;
                let mut run = Run::begin(&world, &settings.id, recorder, 0, Some(parent));
                if journal.into_iter().try_for_each(|entry| run.enter(entry)).is_err() {
                    log::error!("run {} has no whole journal: the recorder is full", run.info().id);
                }
                Opened { world, run, resumed_at: None, set: Some((set, origin)) }
            }
            Beginning::Resumed(resumed) => {
                let Resumed { run_id, world, journal, progress, log_seq, .. } = *resumed;
                let journal_seq = journal.last().map_or(0, |(entry, _)| entry.seq);
                for (entry, outcome) in journal {
                    remember(ledger, &entry, outcome);
                }
                progress.into_iter().for_each(|step| ledger.handle_progress(step));
                ledger.drain_updates(world.tick()); // told before the crash, or never asked for since
                let resumed_at = Some(world.tick());
                let run = Run::resume(&world, run_id, recorder, journal_seq, log_seq);
                Opened { world, run, resumed_at, set: None }
            }
        }
    }
}

/// Who sends a command again after the crash gets the first answer, and drones that are under way report to it.
fn remember(ledger: &mut Ledger, entry: &JournalEntry, outcome: Outcome) {
    if entry.command_id.is_empty() {
        return;
    }
    let is_known = matches!(outcome, Outcome::Known(_));
    let (Outcome::Known(applied) | Outcome::UnderWay(applied)) = outcome;
    let is_empty = applied.results.is_empty();
    let mut answer = ack(entry.command_id.clone(), entry.tick, applied, false);
    if is_empty && !is_known {
        answer.results.clear(); // over, and nobody knows any more how
    }
    let via = ["socketio", "http", "mavlink"].into_iter().find(|via| *via == entry.via).unwrap_or("system");
    let origin = Origin { author: entry.author.clone(), via };
    ledger.open(entry.seq, entry.command.name(), origin, &answer);
}

impl Swarm {
    /// Changes parameters before the first tick, and journals that.
    pub(super) fn change(&mut self, set: BTreeMap<String, f64>, origin: &Origin) {
        for (path, value) in set {
            let (ticket, command) = (self.run.next_ticket(), Command::SetParam { path, value });
            let entry = self.entry(origin, &format!("fork-{ticket}"), Targets::All, command.clone());
            if self.run.enter(entry).is_err() {
                log::error!("run {} begins without its changes: the recorder is full", self.run.info().id);
                return;
            }
            // Checked before the fork was made.
            if let Err(error) = Arc::make_mut(&mut self.world).apply(&command, &Targets::All, ticket) {
                log::error!("run {}: a change is refused: {error}", self.run.info().id);
            }
        }
        self.hash = (self.world.tick(), self.world.state_hash());
    }
}
