//! What ticks cost: a window for people, counters for graphs. Pure.

use std::collections::VecDeque;
use std::time::Duration;

use crate::contract::outgoing::Load;

/// Cost and lateness of the newest ticks.
#[derive(Debug, Default)]
pub struct LoadMeter {
    window: VecDeque<(Duration, Duration)>,
}

impl LoadMeter {
    const WINDOW_TICKS: usize = 25;

    /// Enters one tick: how long it took and how late it began.
    pub fn enter(&mut self, took: Duration, lateness: Duration) {
        if self.window.len() == Self::WINDOW_TICKS {
            self.window.pop_front();
        }
        self.window.push_back((took, lateness));
    }

    /// Mean cost and largest lateness over the window.
    pub fn load(&self) -> Load {
        let ticks = self.window.len().max(1) as f64;
        let ms = |d: &Duration| d.as_secs_f64() * 1e3;
        let round = |ms: f64| (ms * 1e3).round() / 1e3;
        Load {
            tick_ms: round(self.window.iter().map(|(took, _)| ms(took)).sum::<f64>() / ticks),
            lateness_ms: round(self.window.iter().map(|(_, late)| ms(late)).fold(0.0, f64::max)),
        }
    }
}

/// A histogram of durations with fixed bounds, for percentiles over a whole run.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Histogram {
    /// How many fell under each bound of [`Histogram::BOUNDS_MS`] and, last, above all of them.
    pub counts: [u64; Histogram::BOUNDS_MS.len() + 1],
    /// Sum of all durations, seconds.
    pub sum_s: f64,
}

impl Histogram {
    /// Upper bounds, milliseconds.
    pub const BOUNDS_MS: [f64; 18] =
        [0.1, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 12.0, 15.0, 20.0, 40.0, 100.0, 1000.0];

    /// Counts one duration.
    pub fn observe(&mut self, duration: Duration) {
        let ms = duration.as_secs_f64() * 1e3;
        let bucket = Self::BOUNDS_MS.iter().position(|bound| ms <= *bound).unwrap_or(Self::BOUNDS_MS.len());
        self.counts[bucket] += 1;
        self.sum_s += duration.as_secs_f64();
    }

    /// How many were counted.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_load_speaks_of_the_last_second_only() {
        let mut meter = LoadMeter::default();
        meter.enter(Duration::from_millis(500), Duration::from_millis(400));
        for _ in 0..LoadMeter::WINDOW_TICKS {
            meter.enter(Duration::from_millis(2), Duration::from_millis(1));
        }
        let load = meter.load();
        assert_eq!((load.tick_ms, load.lateness_ms), (2.0, 1.0));
    }

    #[test]
    fn a_duration_is_counted_once_under_its_bound() {
        let mut histogram = Histogram::default();
        for ms in [0, 1, 10, 5000] {
            histogram.observe(Duration::from_millis(ms));
        }
        assert_eq!(histogram.count(), 4);
        assert_eq!(histogram.counts[0], 1);
        assert_eq!(histogram.counts[3], 1);
        assert_eq!(histogram.counts[11], 1);
        assert_eq!(histogram.counts[Histogram::BOUNDS_MS.len()], 1);
    }
}
