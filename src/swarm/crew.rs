//! Threads among which the parts of a tick are dealt out.

use rayon::prelude::*;

use crate::sim::{Alone, Crew};

/// Drones that one task cares for: large enough that handing it over costs little.
const SLICE_DRONES: usize = 64;

/// The thread that asks, or a pool of several.
#[derive(Debug, Default)]
pub struct Hands(Option<rayon::ThreadPool>);

impl Hands {
    /// `threads` threads.
    ///
    /// # Errors
    /// When they cannot be made.
    pub fn new(threads: usize) -> Result<Self, rayon::ThreadPoolBuildError> {
        Ok(Self(match threads {
            0 | 1 => None,
            n => Some(rayon::ThreadPoolBuilder::new().num_threads(n).build()?),
        }))
    }
}

impl Crew for Hands {
    fn each<T: Send>(&self, items: &mut [T], work: impl Fn(usize, &mut T) + Sync) {
        let Some(pool) = self.0.as_ref().filter(|_| items.len() > SLICE_DRONES) else {
            return Alone.each(items, work);
        };
        pool.install(|| {
            items.par_chunks_mut(SLICE_DRONES).enumerate().for_each(|(slice, items)| {
                for (offset, item) in items.iter_mut().enumerate() {
                    work(slice * SLICE_DRONES + offset, item);
                }
            });
        });
    }

    fn each_piece<S: Send, T: Send>(
        &self,
        ones: &mut [S],
        others: &mut [T],
        work: impl Fn(usize, &mut [S], &mut [T]) + Sync,
    ) {
        let Some(pool) = self.0.as_ref().filter(|_| ones.len() > SLICE_DRONES) else {
            return Alone.each_piece(ones, others, work);
        };
        pool.install(|| {
            let slices = ones.par_chunks_mut(SLICE_DRONES).zip(others.par_chunks_mut(SLICE_DRONES));
            slices.enumerate().for_each(|(slice, (ones, others))| work(slice * SLICE_DRONES, ones, others));
        });
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::sim::{Scenario, World, builtin};

    #[test]
    fn two_threads_fly_the_same_bits_as_one() {
        for name in ["flock", "vasarhelyi"] {
            let text = builtin::list().iter().find(|(known, _)| *known == name).unwrap().1;
            let scenario = Arc::new(Scenario::parse(text).unwrap());
            let (mut alone, mut helped) = (World::new(scenario.clone(), 3), World::new(scenario, 3));
            let hands = Hands::new(2).unwrap();
            for tick in 0..50 {
                alone.advance();
                helped.advance_with(&hands);
                assert_eq!(alone.state_hash(), helped.state_hash(), "{name}, tick {tick}");
            }
        }
    }
}
