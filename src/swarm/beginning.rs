//! How the first run of a swarm begins: at tick 0, from a tick of another run, or where a crash interrupted it.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::contract::archive::{Archive, Interrupted};
use crate::contract::error::{ApiError, ErrorCode};
use crate::sim::{Applied, Command, CommandResult, JournalEntry, Progress, Tick, Verdict, World};

use super::ledger::Origin;
use super::recording::{Playhead, Recording};

/// Where a swarm's first run begins.
#[derive(Default)]
pub enum Beginning {
    /// At tick 0 of its scenario.
    #[default]
    Fresh,
    /// At a tick of another run.
    Forked(Box<Forked>),
    /// Where a crash interrupted it.
    Resumed(Box<Resumed>),
}

/// A tick of a run, to fly on from.
pub struct Forked {
    /// The world, after the commands of its tick.
    pub world: World,
    /// Every command that led to it.
    pub journal: Vec<JournalEntry>,
    /// The run and the tick.
    pub parent: (String, Tick),
    /// Parameters to change before the next tick.
    pub set: BTreeMap<String, f64>,
    /// Who forks.
    pub origin: Origin,
}

/// What a command came to before a crash.
pub enum Outcome {
    /// All of it.
    Known(Applied),
    /// Of a command that was given before the keyframe: the drones that still carry it out.
    UnderWay(Applied),
}

/// A run that was interrupted, to fly on with.
pub struct Resumed {
    /// The run's name.
    pub run_id: String,
    /// The world at its last durable tick.
    pub world: World,
    /// Its journal, with what each command came to as far as that is known.
    pub journal: Vec<(JournalEntry, Outcome)>,
    /// What became of them since the keyframe.
    pub progress: Vec<Progress>,
    /// The number of its newest log entry.
    pub log_seq: u64,
    /// Whether its clock was held.
    pub was_paused: bool,
}

impl Resumed {
    /// Flies an interrupted run to its last durable tick. Blocks.
    ///
    /// # Errors
    /// When this program cannot fly it as it was: see [`Recording::open`].
    pub fn read(archive: Arc<dyn Archive>, interrupted: &Interrupted) -> Result<Resumed, ApiError> {
        let recording = Arc::new(Recording::open(archive, &interrupted.run.id, 0)?);
        let tick = interrupted.durable_tick;
        let mut outcomes: BTreeMap<u64, Applied> = BTreeMap::new();
        let mut see = |entry: &JournalEntry, applied: &Applied| {
            outcomes.insert(entry.seq, applied.clone());
        };
        let mut head = Playhead::near_seeing(recording.clone(), tick, &mut see)?;
        while head.tick() < tick {
            head.advance_seeing(&mut see)?;
        }
        // What a crash caught between the journal and the tick that it speaks of is made good.
        let is_missed =
            |entry: &JournalEntry| entry.tick == tick && entry.command == Command::IntentMissed {};
        if recording.entries().last().is_some_and(is_missed) {
            head.advance_seeing(&mut see)?;
        }
        let progress = head.world_mut().drain_progress();
        head.quieten();
        if head.journal_so_far().len() != recording.entries().len() {
            let message =
                format!("run {} has commands after its last durable tick {tick}", recording.run().id);
            return Err(ApiError::new(ErrorCode::Internal, message));
        }
        let journal = head.journal_so_far().to_vec();
        let world = head.into_world();
        let journal = journal.into_iter().map(|entry| {
            let known = outcomes.remove(&entry.seq).map(Outcome::Known);
            let outcome = known.unwrap_or_else(|| Outcome::UnderWay(under_way(&world, entry.seq)));
            (entry, outcome)
        });
        let journal = journal.collect();
        Ok(Resumed {
            run_id: interrupted.run.id.clone(),
            journal,
            progress,
            world,
            log_seq: interrupted.log_seq,
            was_paused: interrupted.clock.as_deref() == Some("clock_paused"),
        })
    }
}

/// The drones that are still carrying out a command that was given before the keyframe.
fn under_way(world: &World, ticket: u64) -> Applied {
    let accepted = Verdict { result: CommandResult::Accepted, reason: None };
    let drones =
        world.drones().iter().filter(|drone| drone.order().is_some_and(|order| order.ticket == ticket));
    let results = drones.map(|drone| (drone.id().clone(), accepted.clone())).collect();
    Applied { results, spawned: Vec::new() }
}
