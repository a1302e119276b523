//! What matters for safety over a run: how near, how often, and how fast failsafes brought drones out of it.

use serde::{Deserialize, Serialize};

use super::super::Tick;

/// Count, mean and largest of some durations in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Span {
    /// How many.
    pub count: u64,
    /// Their mean; 0 without any.
    pub mean_s: f64,
    /// The largest.
    pub max_s: f64,
}

impl Span {
    /// Takes one more.
    pub fn add(&mut self, seconds: f64) {
        self.count += 1;
        self.mean_s += (seconds - self.mean_s) / self.count as f64;
        self.max_s = self.max_s.max(seconds);
    }
}

/// A failsafe that has taken over and whose drone is not safe yet.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Incident {
    /// The drone.
    pub serial: u32,
    /// When the cause began.
    pub since: Tick,
}

/// The safety report of a run so far.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Safety {
    /// Times that two airborne drones came nearer than `limits.near_miss_m`.
    pub near_misses: u64,
    /// Times that two airborne drones came nearer than the sum of their radii.
    pub collisions: u64,
    /// Those of them in which one of the two had lost its thrust and was falling.
    pub wreck_collisions: u64,
    /// Smallest distance of two airborne drones at any tick, if it was ever below 24 m.
    pub separation_min_m: Option<f64>,
    /// When that was, in seconds since the start.
    pub separation_min_at_s: Option<f64>,
    /// Times that a drone crossed a fence.
    pub fence_breaches: u64,
    /// Drones that hit the ground or an obstacle too fast to fly on.
    pub crashes: u64,
    /// From the cause of a failsafe (battery, fence, lost link or fix, failing motor, restarted pilot) until it acted.
    pub failsafe_latency: Span,
    /// From the cause until the drone stood: on the ground, or holding at rest.
    pub failsafe_recovery: Span,
    /// Failsafes that are under way.
    pub open: Vec<Incident>,
}

impl Safety {
    /// Takes the smallest distance at a time.
    pub fn approach(&mut self, separation_min_m: Option<f64>, at_s: f64) {
        let Some(distance) = separation_min_m else { return };
        if self.separation_min_m.is_none_or(|known| distance < known) {
            self.separation_min_m = Some(distance);
            self.separation_min_at_s = Some(at_s);
        }
    }

    /// A failsafe acts at tick `now` for a cause that began at `since`. Of one drone the first cause counts until it
    /// is safe again.
    pub fn act(&mut self, serial: u32, since: Tick, now: Tick, tick_s: f64) {
        self.failsafe_latency.add(now.saturating_sub(since) as f64 * tick_s);
        if !self.open.iter().any(|incident| incident.serial == serial) {
            self.open.push(Incident { serial, since });
        }
    }

    /// Closes the incidents of drones that are safe: `Some(true)`; `None`: the drone is gone.
    pub fn close(&mut self, now: Tick, tick_s: f64, is_safe: impl Fn(u32) -> Option<bool>) {
        let recovery = &mut self.failsafe_recovery;
        self.open.retain(|incident| match is_safe(incident.serial) {
            Some(false) => true,
            Some(true) => {
                recovery.add((now - incident.since) as f64 * tick_s);
                false
            }
            None => false,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_incident_lasts_from_its_first_cause_until_the_drone_is_safe() {
        let mut safety = Safety::default();
        safety.act(7, 10, 30, 0.1);
        safety.act(7, 40, 40, 0.1);
        safety.act(8, 50, 50, 0.1);
        safety.close(60, 0.1, |serial| (serial == 7).then_some(false));
        assert_eq!(safety.open, [Incident { serial: 7, since: 10 }], "8 is gone");
        safety.close(110, 0.1, |_| Some(true));
        assert_eq!((safety.failsafe_latency.count, safety.failsafe_latency.max_s), (3, 2.0));
        assert_eq!((safety.failsafe_recovery.count, safety.failsafe_recovery.mean_s), (1, 10.0));
        safety.approach(Some(3.0), 1.0);
        safety.approach(None, 2.0);
        safety.approach(Some(4.0), 3.0);
        assert_eq!((safety.separation_min_m, safety.separation_min_at_s), (Some(3.0), Some(1.0)));
    }
}
