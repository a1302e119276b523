//! A recorded run that is flown again: any tick of it, bit for bit.
//!
//! The state of a tick is the nearest keyframe before it and what the journal says since; *at* a tick means after the
//! commands of that tick. Every hash that was recorded on the way is compared, so that a run is never shown as something
//! that it was not.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::contract::archive::{Archive, Keyframe, RecordedRun};
use crate::contract::error::{ApiError, ErrorCode};
use crate::contract::record::RunStatus;
use crate::sim::{Applied, JournalEntry, Scenario, Tick, World};

use super::keyframe;

/// Runs that were forked from forks are followed back so far for keyframes.
const ANCESTORS_MAX: usize = 16;
/// A jump forward of fewer ticks is flown, without asking for a keyframe.
const NEAR_TICKS: Tick = 50;

/// A recorded run: its scenario, journal and hashes.
pub struct Recording {
    run: RecordedRun,
    scenario: Arc<Scenario>,
    entries: Vec<JournalEntry>,
    hashes: Vec<(Tick, u64)>,
    flown_to: Tick,
    archive: Arc<dyn Archive>,
}

impl Recording {
    /// Reads the run `id`, which is known to have come as far as `flown_to`. Blocks.
    ///
    /// # Errors
    /// `not_found`; `conflict` if this program cannot fly it as it was; `unavailable` while the database is away.
    pub fn open(archive: Arc<dyn Archive>, id: &str, flown_to: Tick) -> Result<Recording, ApiError> {
        let run = archive.run(id)?;
        let refuse = |why: String| {
            let message = format!("run {id} cannot be flown again: {why}");
            ApiError::new(ErrorCode::Conflict, message).at("run")
        };
        let own = env!("CARGO_PKG_VERSION");
        if run.version != own {
            return Err(refuse(format!("it was recorded by version {}, this is {own}", run.version)));
        }
        let scenario = Scenario::parse(&run.scenario_text).map_err(|errors| {
            let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
            refuse(format!("its scenario is not one of this program: {}", errors.join("; ")))
        })?;
        let entries = archive.journal(id)?;
        let gap = entries.iter().zip(1..).find(|(entry, seq)| entry.seq != *seq);
        if let Some((entry, seq)) = gap {
            return Err(refuse(format!("entry {seq} of its journal is missing before {}", entry.seq)));
        }
        if let Some(pair) = entries.windows(2).find(|pair| pair[0].tick > pair[1].tick) {
            return Err(refuse(format!("entry {} of its journal is out of order", pair[1].seq)));
        }
        let hashes = archive.hashes(id)?;
        Ok(Recording { run, scenario: Arc::new(scenario), entries, hashes, flown_to, archive })
    }

    /// What is recorded.
    pub fn run(&self) -> &RecordedRun {
        &self.run
    }

    /// Its scenario.
    pub fn scenario(&self) -> &Arc<Scenario> {
        &self.scenario
    }

    /// Its journal in order.
    pub fn entries(&self) -> &[JournalEntry] {
        &self.entries
    }

    /// Its recorded hashes by tick.
    pub fn hashes(&self) -> &[(Tick, u64)] {
        &self.hashes
    }

    /// Its newest tick.
    pub fn last_tick(&self) -> Tick {
        let entry = self.entries.last().map_or(0, |entry| entry.tick);
        let hash = self.hashes.last().map_or(0, |(tick, _)| *tick);
        self.run.ticks.max(entry).max(hash).max(self.flown_to)
    }

    /// Whether it may still grow.
    pub fn is_recording(&self) -> bool {
        self.run.status == RunStatus::Recording
    }

    /// # Errors
    /// `out_of_range` beyond the newest tick.
    pub fn check_tick(&self, tick: Tick, field: &str) -> Result<(), ApiError> {
        let last = self.last_tick();
        if tick <= last {
            return Ok(());
        }
        let message = format!("tick {tick} is not recorded; run {} goes from 0 to {last}", self.run.id);
        Err(ApiError::new(ErrorCode::OutOfRange, message).at(field))
    }

    /// The hash that was recorded of a tick, before its commands.
    fn hash_at(&self, tick: Tick) -> Option<u64> {
        let place = self.hashes.binary_search_by_key(&tick, |(tick, _)| *tick).ok()?;
        Some(self.hashes[place].1)
    }

    /// The newest keyframe at or before `tick`, of this run or of one that it was forked from.
    fn keyframe(&self, tick: Tick) -> Result<Option<Keyframe>, ApiError> {
        let (mut run, mut up_to) = (self.run.clone(), tick);
        for _ in 0..ANCESTORS_MAX {
            if let Some(found) = self.archive.keyframe(&run.id, up_to)? {
                return Ok(Some(found));
            }
            let Some((parent, fork_tick)) = run.parent.take() else { break };
            up_to = up_to.min(fork_tick);
            // A parent that was deleted costs time, nothing else.
            let Ok(parent) = self.archive.run(&parent) else { break };
            run = parent;
        }
        Ok(None)
    }

    /// The world at the newest keyframe at or before `tick` that can be used; at tick 0 without one. A keyframe that cannot
    /// costs time and a warning, nothing else.
    fn nearest(&self, tick: Tick) -> Result<(World, usize), ApiError> {
        let mut up_to = Some(tick);
        while let Some(found) = up_to.map(|tick| self.keyframe(tick)).transpose()?.flatten() {
            match self.unpack(&found) {
                Ok(world) => {
                    let next = self.entries.partition_point(|entry| entry.seq <= found.journal_seq);
                    return Ok((world, next));
                }
                Err(why) => {
                    log::warn!("the keyframe of run {} at {} is not used: {why}", self.run.id, found.tick);
                }
            }
            up_to = found.tick.checked_sub(1);
        }
        Ok((World::new(self.scenario.clone(), self.run.seed), 0))
    }

    /// The world of a keyframe, if it belongs to this run and says nothing that the journal does not.
    fn unpack(&self, found: &Keyframe) -> Result<World, String> {
        let newest = self.entries.last().map_or(0, |entry| entry.seq);
        if found.journal_seq > newest {
            let seq = found.journal_seq;
            return Err(format!(
                "it was made after journal entry {seq}, of which only {newest} are recorded"
            ));
        }
        let world =
            keyframe::unpack(self.scenario.clone(), &found.world).map_err(|error| error.to_string())?;
        match self.is_ours(&world, found) {
            true => Ok(world),
            false => Err("it is another's".to_owned()),
        }
    }

    fn is_ours(&self, world: &World, found: &Keyframe) -> bool {
        let hash = self.hash_at(found.tick).unwrap_or(found.state_hash);
        (world.seed(), world.tick(), world.state_hash()) == (self.run.seed, found.tick, hash)
    }
}

/// A place in a recording, with the world there.
pub struct Playhead {
    recording: Arc<Recording>,
    world: World,
    next: usize,
}

impl Playhead {
    /// The nearest keyframe at or before `tick`: [`Playhead::advance`] leads to the tick itself. Blocks.
    ///
    /// # Errors
    /// When the archive does not answer, or the journal does not fit.
    pub fn near(recording: Arc<Recording>, tick: Tick) -> Result<Playhead, ApiError> {
        Self::near_seeing(recording, tick, |_, _| {})
    }

    /// As [`Playhead::near`]; `see` is shown what each command came to.
    pub fn near_seeing(
        recording: Arc<Recording>,
        tick: Tick,
        see: impl FnMut(&JournalEntry, &Applied),
    ) -> Result<Playhead, ApiError> {
        let (world, next) = recording.nearest(tick)?;
        let mut head = Playhead { recording, world, next };
        head.enter_due(see)?;
        Ok(head)
    }

    /// The world at `tick` itself. Blocks for as long as it takes to fly there from the keyframe.
    ///
    /// # Errors
    /// `out_of_range`, and as [`Playhead::advance`].
    pub fn at(recording: Arc<Recording>, tick: Tick) -> Result<Playhead, ApiError> {
        recording.check_tick(tick, "tick")?;
        let mut head = Self::near(recording, tick)?;
        while head.tick() < tick {
            head.advance()?;
        }
        head.quieten();
        Ok(head)
    }

    /// The world at `tick` as it was recorded, before the commands of that tick: [`Playhead::enter_due`] and
    /// [`Playhead::step`], in turns, lead on. Blocks.
    ///
    /// # Errors
    /// As [`Playhead::at`].
    pub fn before_commands(recording: Arc<Recording>, tick: Tick) -> Result<Playhead, ApiError> {
        recording.check_tick(tick, "tick")?;
        let (world, next) = recording.nearest(tick)?;
        let mut head = Playhead { recording, world, next };
        while head.tick() < tick {
            head.enter_due(|_, _| {})?;
            head.step()?;
        }
        head.quieten();
        Ok(head)
    }

    /// Moves as near to `tick` as can be had at once, without passing it.
    ///
    /// # Errors
    /// As [`Playhead::near`].
    pub fn jump(&mut self, tick: Tick) -> Result<(), ApiError> {
        if self.tick() <= tick && tick - self.tick() < NEAR_TICKS {
            return Ok(());
        }
        let found = Self::near(self.recording.clone(), tick)?;
        // Going on from here may be shorter than from the keyframe.
        if tick < self.tick() || found.tick() > self.tick() {
            *self = found;
        }
        Ok(())
    }

    /// One tick.
    ///
    /// # Errors
    /// `conflict` when the state is not the one that was recorded, naming the tick, or the journal does not fit.
    pub fn advance(&mut self) -> Result<(), ApiError> {
        self.advance_seeing(|_, _| {})
    }

    /// As [`Playhead::advance`]; `see` is shown what each command came to.
    ///
    /// # Errors
    /// As [`Playhead::advance`].
    pub fn advance_seeing(&mut self, see: impl FnMut(&JournalEntry, &Applied)) -> Result<(), ApiError> {
        self.step()?;
        self.enter_due(see)
    }

    /// One tick, without the commands of the next.
    ///
    /// # Errors
    /// `conflict` when the state is not the one that was recorded, naming the tick.
    pub fn step(&mut self) -> Result<(), ApiError> {
        self.world.advance();
        let tick = self.tick();
        if let Some(recorded) = self.recording.hash_at(tick) {
            let flown = self.world.state_hash();
            if flown != recorded {
                let message = format!(
                    "run {} cannot be flown again: at tick {tick} its state was {recorded:016x} and is {flown:016x} now",
                    self.recording.run.id
                );
                return Err(ApiError::new(ErrorCode::Conflict, message).at("run"));
            }
        }
        Ok(())
    }

    /// The commands up to this tick that are not carried out yet; `see` is shown what each came to.
    ///
    /// # Errors
    /// `conflict` when the journal does not fit.
    pub fn enter_due(&mut self, mut see: impl FnMut(&JournalEntry, &Applied)) -> Result<(), ApiError> {
        while let Some(entry) = self.recording.entries.get(self.next) {
            if entry.tick > self.world.tick() {
                break;
            }
            let applied = self.world.enter(entry).map_err(|error| {
                let message = format!(
                    "run {} cannot be flown again: its journal entry {} is refused: {error}",
                    self.recording.run.id, entry.seq
                );
                ApiError::new(ErrorCode::Conflict, message).at("run")
            })?;
            see(entry, &applied);
            self.next += 1;
        }
        Ok(())
    }

    /// Forgets what the world has to say of the way here.
    pub fn quieten(&mut self) {
        self.world.drain_happenings();
        self.world.drain_progress();
    }

    /// Where it is.
    pub fn tick(&self) -> Tick {
        self.world.tick()
    }

    /// The world there.
    pub fn world(&self) -> &World {
        &self.world
    }

    /// The world there, to drain it.
    pub fn world_mut(&mut self) -> &mut World {
        &mut self.world
    }

    /// The world there, to fly on from it.
    pub fn into_world(self) -> World {
        self.world
    }

    /// What is played.
    pub fn recording(&self) -> &Arc<Recording> {
        &self.recording
    }

    /// The journal up to here, the commands of this tick included.
    pub fn journal_so_far(&self) -> &[JournalEntry] {
        &self.recording.entries[..self.next]
    }

    /// Goes on with a newer reading of the same run.
    pub fn follow(&mut self, newer: Arc<Recording>) {
        self.recording = newer;
    }
}
