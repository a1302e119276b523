//! What came, how old it was, and what was missing.

use serde::Serialize;

/// Width of a class of latencies.
const CLASS_US: u64 = 20;
/// Latencies from here on are counted as this much.
const LATENCY_US_MAX: u64 = 20_000_000;

/// Counts over all clients while it is open.
#[derive(Debug)]
pub struct Tally {
    is_open: bool,
    /// Events of telemetry.
    pub messages: u64,
    /// Bytes of frames of all kinds.
    pub bytes: u64,
    /// Events left out between two that came.
    pub missed: u64,
    /// Attachments of the event, whatever they hold.
    pub attachments: u64,
    /// Bytes of the newest event; known also while nothing is counted.
    pub event_bytes: u64,
    classes: Vec<u32>,
}

impl Default for Tally {
    fn default() -> Self {
        let classes = vec![0; (LATENCY_US_MAX / CLASS_US) as usize + 1];
        Self { is_open: false, messages: 0, bytes: 0, missed: 0, attachments: 0, event_bytes: 0, classes }
    }
}

impl Tally {
    /// Counts from now on, and nothing of what was before.
    pub fn open(&mut self) {
        *self = Self { is_open: true, event_bytes: self.event_bytes, ..Self::default() };
    }

    /// Counts nothing any more.
    pub fn close(&mut self) {
        self.is_open = false;
    }

    /// One event of `bytes` that came `latency_us` after it was sent, `missed` events after the one before.
    pub fn count(&mut self, latency_us: u64, missed: u64, bytes: u64) {
        self.event_bytes = bytes;
        if self.is_open {
            self.messages += 1;
            self.missed += missed;
            self.classes[(latency_us.min(LATENCY_US_MAX) / CLASS_US) as usize] += 1;
        }
    }

    /// One attachment of the event.
    pub fn count_attachment(&mut self) {
        self.attachments += u64::from(self.is_open);
    }

    /// Bytes of one frame.
    pub fn count_bytes(&mut self, bytes: u64) {
        if self.is_open {
            self.bytes += bytes;
        }
    }

    /// The latency below which the share `q` of all events came, milliseconds.
    pub fn quantile_ms(&self, q: f64) -> f64 {
        let rank = (self.messages as f64 * q).ceil() as u64;
        let mut seen = 0;
        let class = self.classes.iter().position(|count| {
            seen += u64::from(*count);
            seen >= rank.max(1)
        });
        class.map_or(f64::NAN, |class| ((class as u64 + 1) * CLASS_US) as f64 / 1000.0)
    }

    /// The usual quantiles.
    pub fn latency(&self) -> Latency {
        let of = |q| self.quantile_ms(q);
        Latency { p50_ms: of(0.5), p90_ms: of(0.9), p99_ms: of(0.99), max_ms: of(1.0) }
    }
}

/// Quantiles of the time from sending to reading.
#[derive(Debug, Serialize)]
pub struct Latency {
    p50_ms: f64,
    p90_ms: f64,
    p99_ms: f64,
    max_ms: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_upper_bounds_of_their_class() {
        let mut tally = Tally::default();
        tally.open();
        (0..100).for_each(|n| tally.count(n * 1000, 0, 9));
        assert_eq!(tally.quantile_ms(0.5), 49.02);
        assert_eq!(tally.quantile_ms(0.99), 98.02);
        assert_eq!(tally.quantile_ms(1.0), 99.02);
        tally.count(u64::MAX, 3, 9);
        assert_eq!((tally.quantile_ms(1.0), tally.missed), (20_000.02, 3));
    }

    #[test]
    fn a_tally_that_is_opened_again_begins_anew() {
        let mut tally = Tally::default();
        tally.open();
        tally.count(1000, 1, 9);
        tally.open();
        assert_eq!((tally.messages, tally.missed, tally.event_bytes), (0, 0, 9));
        assert!(tally.quantile_ms(0.5).is_nan());
    }

    #[test]
    fn a_closed_tally_counts_nothing() {
        let mut tally = Tally::default();
        tally.count(1, 1, 9);
        tally.count_bytes(1);
        tally.count_attachment();
        assert_eq!((tally.messages, tally.bytes, tally.missed, tally.attachments), (0, 0, 0, 0));
        assert_eq!(tally.event_bytes, 9);
        assert!(tally.quantile_ms(0.5).is_nan());
    }
}
