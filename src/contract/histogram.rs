//! Durations counted by size, for percentiles over a whole run.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// A histogram of durations with fixed bounds, for percentiles over a whole run.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Histogram {
    /// How many fell under each bound of [`Histogram::BOUNDS_MS`] and, last, above all of them.
    pub counts: [u64; Histogram::BOUNDS_MS.len() + 1],
    /// Sum of all durations, seconds.
    pub sum_s: f64,
}

impl Histogram {
    /// Upper bounds, milliseconds. An alarm's threshold is one of them: between two bounds a quantile is a guess.
    pub const BOUNDS_MS: [f64; 28] = [
        0.1, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0, 15.0, 20.0, 25.0,
        30.0, 40.0, 60.0, 100.0, 250.0, 500.0, 1000.0, 5000.0, 30000.0,
    ];

    /// Counts one duration.
    pub fn observe(&mut self, duration: Duration) {
        self.counts[Self::bucket(duration)] += 1;
        self.sum_s += duration.as_secs_f64();
    }

    fn bucket(duration: Duration) -> usize {
        let ms = duration.as_secs_f64() * 1e3;
        Self::BOUNDS_MS.iter().position(|bound| ms <= *bound).unwrap_or(Self::BOUNDS_MS.len())
    }

    /// How many were counted.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }
}

/// A histogram that any thread may enter durations into, without a lock.
#[derive(Debug, Default)]
pub struct SharedHistogram {
    counts: [AtomicU64; Histogram::BOUNDS_MS.len() + 1],
    sum_us: AtomicU64,
}

impl SharedHistogram {
    /// Counts one duration.
    pub fn observe(&self, duration: Duration) {
        self.counts[Histogram::bucket(duration)].fetch_add(1, Relaxed);
        self.sum_us.fetch_add(duration.as_micros() as u64, Relaxed);
    }

    /// What was counted until now.
    pub fn read(&self) -> Histogram {
        let mut histogram = Histogram::default();
        for (count, shared) in histogram.counts.iter_mut().zip(&self.counts) {
            *count = shared.load(Relaxed);
        }
        histogram.sum_s = self.sum_us.load(Relaxed) as f64 / 1e6;
        histogram
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_counted_once_under_its_bound() {
        let mut histogram = Histogram::default();
        for ms in [0, 1, 10, 50_000] {
            histogram.observe(Duration::from_millis(ms));
        }
        assert_eq!(histogram.count(), 4);
        assert_eq!(histogram.counts[0], 1);
        assert_eq!(histogram.counts[3], 1);
        assert_eq!(histogram.counts[13], 1);
        assert_eq!(histogram.counts[Histogram::BOUNDS_MS.len()], 1);
    }

    #[test]
    fn threads_count_into_one_histogram() {
        let (shared, mut plain) = (SharedHistogram::default(), Histogram::default());
        for ms in [0, 3, 70] {
            shared.observe(Duration::from_millis(ms));
            plain.observe(Duration::from_millis(ms));
        }
        assert_eq!(shared.read().counts, plain.counts);
        assert!((shared.read().sum_s - plain.sum_s).abs() < 1e-6);
    }
}
