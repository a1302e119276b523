//! When the next tick is due: fixed simulated time against the wall clock. Pure; the time comes in.

use std::time::{Duration, Instant};

use crate::contract::incoming::Speed;

/// Paces ticks of one fixed length.
///
/// Due times are counted from the start, never summed up from timer callbacks, so a timer that fires late does not
/// slow simulated time down. A clock more than [`Clock::BEHIND_MAX`] late gives the lost ticks up and counts them.
#[derive(Debug)]
pub struct Clock {
    tick: Duration,
    speed: Speed,
    next_due: Option<Instant>,
    missed: u64,
}

/// A tick that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// How long ago it was due.
    pub lateness: Duration,
}

impl Clock {
    /// How far behind the clock may fall before it gives ticks up.
    pub const BEHIND_MAX: Duration = Duration::from_millis(250);

    /// A clock at rest, for ticks of `tick_s` simulated seconds.
    pub fn new(tick_s: f64, speed: Speed) -> Self {
        Self { tick: Duration::from_secs_f64(tick_s), speed, next_due: None, missed: 0 }
    }

    /// Wall time between ticks; zero at full speed.
    pub fn period(&self) -> Duration {
        match self.speed {
            Speed::Factor(factor) => self.tick.div_f64(factor),
            Speed::Max => Duration::ZERO,
        }
    }

    /// The set speed.
    pub fn speed(&self) -> Speed {
        self.speed
    }

    /// Ticks given up so far because the machine could not keep pace.
    pub fn missed(&self) -> u64 {
        self.missed
    }

    /// Whether the clock runs.
    pub fn is_running(&self) -> bool {
        self.next_due.is_some()
    }

    /// Lets the clock run; the first tick is due one period from `now`.
    pub fn start(&mut self, now: Instant) {
        if self.next_due.is_none() {
            self.next_due = Some(now + self.period());
        }
    }

    /// Holds the clock.
    pub fn hold(&mut self) {
        self.next_due = None;
    }

    /// Changes the speed from `now` on.
    pub fn set_speed(&mut self, speed: Speed, now: Instant) {
        self.speed = speed;
        if self.next_due.is_some() {
            self.next_due = Some(now + self.period());
        }
    }

    /// When to ask again.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.next_due
    }

    /// Takes one tick off the clock if one is due.
    pub fn poll_due(&mut self, now: Instant) -> Option<Due> {
        let due = self.next_due.filter(|due| *due <= now)?;
        let (lateness, period) = (now - due, self.period());
        self.next_due = Some(if lateness > Self::BEHIND_MAX && !period.is_zero() {
            self.missed += (lateness.as_nanos() / period.as_nanos()) as u64;
            now + period
        } else if period.is_zero() {
            now
        } else {
            due + period
        });
        Some(Due { lateness: if period.is_zero() { Duration::ZERO } else { lateness } })
    }
}

/// Lets something happen at most once a period, without drifting and without losing a turn to jitter.
#[derive(Debug)]
pub struct Pacer {
    period: Duration,
    next: Instant,
}

impl Pacer {
    /// A pacer whose first turn is at `now`.
    pub fn new(period: Duration, now: Instant) -> Self {
        Self { period, next: now }
    }

    /// Whether it is time; a quarter of a period early counts, and is made good by the next turn.
    pub fn poll_due(&mut self, now: Instant) -> bool {
        if now + self.period / 4 < self.next {
            return false;
        }
        self.next += self.period;
        if self.next + self.period < now {
            self.next = now + self.period;
        }
        true
    }

    /// When the next turn comes.
    pub fn poll_timeout(&self) -> Instant {
        self.next
    }
}

/// Notices when the wall clock was set, by comparing it with one that only ever goes forward.
#[derive(Debug, Default)]
pub struct WallWatch {
    last: Option<(Instant, u64)>,
}

impl WallWatch {
    /// What is no jump: clocks are slewed, and threads are held up between two readings.
    const STEADY_MS: i64 = 1000;

    /// Compares two readings of one moment with the pair before. The seconds, negative for back, by which the wall clock
    /// jumped in between.
    pub fn look(&mut self, now: Instant, wall_ms: u64) -> Option<f64> {
        let (then, wall_then_ms) = self.last.replace((now, wall_ms))?;
        let passed_ms = i64::try_from((now - then).as_millis()).ok()?;
        let jump_ms = (wall_ms as i64).saturating_sub(wall_then_ms as i64).saturating_sub(passed_ms);
        (jump_ms.abs() > Self::STEADY_MS).then_some(jump_ms as f64 / 1e3)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn running(speed: Speed) -> (Clock, Instant) {
        let now = Instant::now();
        let mut clock = Clock::new(0.04, speed);
        clock.start(now);
        (clock, now)
    }

    #[test]
    fn late_callbacks_do_not_slow_simulated_time_down() {
        let (mut clock, start) = running(Speed::Factor(1.0));
        let mut ticks = 0;
        // A timer that always fires a millisecond late, as a 40 ms interval does.
        for wake in 1..=1000 {
            let now = start + 41 * MS * wake;
            while clock.poll_due(now).is_some() {
                ticks += 1;
            }
        }
        assert_eq!(ticks, 1025);
        assert_eq!(clock.missed(), 0);
    }

    #[test]
    fn a_clock_that_fell_far_behind_gives_ticks_up_and_counts_them() {
        let (mut clock, start) = running(Speed::Factor(1.0));
        let now = start + 2040 * MS;
        assert_eq!(clock.poll_due(now), Some(Due { lateness: 2000 * MS }));
        assert_eq!(clock.missed(), 50);
        assert_eq!(clock.poll_due(now), None);
    }

    #[test]
    fn speed_changes_the_wall_period_only() {
        let (mut clock, start) = running(Speed::Factor(1.0));
        clock.set_speed(Speed::Factor(100.0), start);
        let mut ticks = 0;
        while clock.poll_due(start + 40 * MS).is_some() {
            ticks += 1;
        }
        assert_eq!(ticks, 100);
    }

    #[test]
    fn full_speed_is_always_due_and_never_late() {
        let (mut clock, start) = running(Speed::Max);
        for _ in 0..3 {
            assert_eq!(clock.poll_due(start + 5000 * MS), Some(Due { lateness: Duration::ZERO }));
        }
    }

    #[test]
    fn a_held_clock_is_never_due() {
        let (mut clock, start) = running(Speed::Factor(1.0));
        clock.hold();
        assert_eq!(clock.poll_due(start + 5000 * MS), None);
        assert_eq!(clock.poll_timeout(), None);
    }

    #[test]
    fn a_pacer_keeps_its_mean_rate_under_jitter() {
        let start = Instant::now();
        let mut pacer = Pacer::new(40 * MS, start);
        let turns = (0..1000_u32).filter(|i| pacer.poll_due(start + 40 * MS * *i + 9 * MS * (i % 2))).count();
        assert_eq!(turns, 1000);
        let mut pacer = Pacer::new(40 * MS, start);
        let turns = (0..1000_u32).filter(|i| pacer.poll_due(start + 4 * MS * *i)).count();
        assert!((99..=101).contains(&turns), "{turns}");
    }

    #[test]
    fn a_wall_clock_that_is_set_is_noticed_once_and_a_slow_process_is_not() {
        let (start, mut watch) = (Instant::now(), WallWatch::default());
        assert_eq!(watch.look(start, 5_000_000), None);
        assert_eq!(watch.look(start + 40 * MS, 5_000_040), None);
        assert_eq!(watch.look(start + 9_040 * MS, 5_009_140), None, "frozen for 9 s, and slewed by 100 ms");
        assert_eq!(watch.look(start + 9_080 * MS, 8_609_180), Some(3600.0));
        assert_eq!(watch.look(start + 9_120 * MS, 8_609_220), None);
        assert_eq!(watch.look(start + 9_160 * MS, 6_809_260), Some(-1800.0));
    }
}
