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
        Ok(Self { world, pool, intents: Vec::new(), journal, next })
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
        while let Some(entry) = self.next.take_if(|entry| entry.tick <= self.world.tick()) {
            self.world.enter(&entry).map_err(|error| {
                format!("journal entry {} at tick {}: {}", entry.seq, entry.tick, error.message)
            })?;
            self.next = self.journal.next();
        }
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
}
