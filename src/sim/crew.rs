//! Who does the parts of a tick that do not look at each other: one thread or several, with the same result.

/// Hands out work. The model has no threads; those who have some bring them.
pub trait Crew {
    /// Calls `work(k, &mut items[k])` once for every `k`, in any order, on any thread.
    fn each<T: Send>(&self, items: &mut [T], work: impl Fn(usize, &mut T) + Sync);

    /// Calls `work(k, ones, others)` for pieces of two equally long lists that begin at the same place `k`, in any
    /// order, on any thread. Together they are the lists; every piece but the last has a multiple of
    /// [`LANES`](super::lanes::LANES) items.
    fn each_piece<S: Send, T: Send>(
        &self,
        ones: &mut [S],
        others: &mut [T],
        work: impl Fn(usize, &mut [S], &mut [T]) + Sync,
    );
}

/// The thread that asks, alone.
#[derive(Clone, Copy, Debug, Default)]
pub struct Alone;

impl Crew for Alone {
    fn each<T: Send>(&self, items: &mut [T], work: impl Fn(usize, &mut T) + Sync) {
        items.iter_mut().enumerate().for_each(|(k, item)| work(k, item));
    }

    fn each_piece<S: Send, T: Send>(
        &self,
        ones: &mut [S],
        others: &mut [T],
        work: impl Fn(usize, &mut [S], &mut [T]) + Sync,
    ) {
        work(0, ones, others);
    }
}
