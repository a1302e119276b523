//! The same simulation without actors, as fast as the machine allows, on any number of threads with the same bits.

use rayon::prelude::*;

use crate::sim::{Intent, JournalEntry, World};

/// Drones that one task decides for: large enough that handing it over costs little.
const SLICE_DRONES: usize = 64;

/// Advances a world tick by tick, applying a journal on the way.
pub struct Headless {
    world: World,
    pool: Option<rayon::ThreadPool>,
    intents: Vec<Option<Intent>>,
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
        let pool = match threads {
            0 | 1 => None,
            n => Some(rayon::ThreadPoolBuilder::new().num_threads(n).build()?),
        };
        let mut journal = journal.into_iter();
        let next = journal.next();
        Ok(Self { world, pool, intents: Vec::new(), journal, next, entered: Vec::new() })
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
        match &self.pool {
            None => self.world.advance(),
            Some(pool) => {
                let (world, count) = (&self.world, self.world.drones().len());
                self.intents.clear();
                self.intents.resize_with(count, || None);
                let intents = &mut self.intents;
                pool.install(|| {
                    intents.par_chunks_mut(SLICE_DRONES).enumerate().for_each(|(slice, intents)| {
                        for (offset, intent) in intents.iter_mut().enumerate() {
                            *intent = world.decide_or_crash(slice * SLICE_DRONES + offset);
                        }
                    });
                });
                self.world.step(&self.intents);
            }
        }
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
