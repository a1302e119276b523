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
}
