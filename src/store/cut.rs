//! The wish that a long batch ends early, because somebody waits for an ack that comes after it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Telemetry that is written before a batch ends early, rows. Less would cost more in commits than it saves in waiting; these take
/// some 20 ms.
const ROWS_AT_LEAST: usize = 5_000;

/// Shared by whoever hands a batch out and the thread that writes it.
#[derive(Clone, Debug, Default)]
pub(super) struct Cut(Arc<AtomicBool>);

impl Cut {
    /// Wishes that the batch under way ends.
    pub(super) fn ask(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// For the next batch: nobody waits.
    pub(super) fn withdraw(&self) {
        self.0.store(false, Ordering::Relaxed);
    }

    /// Whether a batch of which so many rows are written is to end here.
    pub(super) fn is_due(&self, rows: usize) -> bool {
        rows >= ROWS_AT_LEAST && self.0.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_ends_when_it_is_asked_to_and_is_worth_a_commit() {
        let cut = Cut::default();
        assert!(!cut.is_due(1_000_000));
        cut.clone().ask();
        assert_eq!([4_999, 5_000].map(|rows| cut.is_due(rows)), [false, true]);
        cut.withdraw();
        assert!(!cut.is_due(1_000_000));
    }
}
