//! The same simulation without actors, as fast as the machine allows, on any number of threads with the same bits.

use crate::sim::{JournalEntry, World};

use super::crew::Hands;

/// Advances a world tick by tick, applying a journal on the way.
pub struct Headless {
    world: World,
    hands: Hands,
    journal: std::vec::IntoIter<JournalEntry>,
    next: Option<JournalEntry>,
    entered: Vec<JournalEntry>,
}

impl Headless {
    /// A run of `world` on `threads` threads, with the entries of `journal` (in order of their ticks) applied when due.
    ///
    /// # Errors
    /// When the threads cannot be made.
    pub fn new(
        world: World,
        threads: usize,
        journal: Vec<JournalEntry>,
    ) -> Result<Self, rayon::ThreadPoolBuildError> {
        let hands = Hands::new(threads)?;
        let mut journal = journal.into_iter();
        let next = journal.next();
        Ok(Self { world, hands, journal, next, entered: Vec::new() })
    }

    /// The world as it stands.
    pub fn world(&self) -> &World {
        &self.world
    }

    /// The world, to drain what it has to say.
    pub fn world_mut(&mut self) -> &mut World {
        &mut self.world
    }

    /// Applies what the journal has for this tick, then one tick.
    ///
    /// # Errors
    /// When a journal entry cannot be applied: the journal does not belong to this scenario and seed.
    pub fn advance(&mut self) -> Result<(), String> {
        self.apply_due()?;
        self.world.advance_with(&self.hands);
        Ok(())
    }

    /// Applies what the journal has for this tick, without a step.
    ///
    /// # Errors
    /// As [`Headless::advance`].
    pub fn apply_due(&mut self) -> Result<(), String> {
        while let Some(entry) = self.next.take_if(|entry| entry.tick <= self.world.tick()) {
            let (seq, tick) = (entry.seq, entry.tick);
            self.world.enter(&entry).map_err(|error| match &error.field {
                Some(field) => format!("journal entry {seq} at tick {tick}: {field}: {}", error.message),
                None => format!("journal entry {seq} at tick {tick}: {}", error.message),
            })?;
            self.entered.push(entry);
            self.next = self.journal.next();
        }
        Ok(())
    }

    /// The entries that were applied since the last call.
    pub fn drain_entered(&mut self) -> Vec<JournalEntry> {
        std::mem::take(&mut self.entered)
    }
}
