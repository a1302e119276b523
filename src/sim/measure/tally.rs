//! Figures over a run: mean, spread, extremes and quantiles of every one, from `metrics.steady_from_s` on.

use serde::{Deserialize, Serialize};

use super::{METRICS, Metrics};

/// Samples kept of each figure for quantiles. They are exact up to this number; then every other sample is dropped
/// and only every second, fourth, … is taken, so that what is kept stays evenly spread over time.
pub const SAMPLES_MAX: usize = 4096;
/// Time between two samples in simulated seconds.
pub const SAMPLE_S: f64 = 0.2;

/// A figure over a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Aggregate {
    /// Samples that had a value.
    pub count: u64,
    /// Mean over time.
    pub mean: f64,
    /// Standard deviation over time.
    pub sd: f64,
    /// Least sample.
    pub min: f64,
    /// Largest sample.
    pub max: f64,
    /// 5th percentile: the smallest kept sample that at least 5 % of them do not exceed.
    pub p5: f64,
    /// Median.
    pub p50: f64,
    /// 95th percentile.
    pub p95: f64,
}

impl Aggregate {
    /// Names of the fields that stand in columns of their own, with their values.
    pub fn columns(&self) -> [(&'static str, f64); 7] {
        [
            ("mean", self.mean),
            ("sd", self.sd),
            ("min", self.min),
            ("max", self.max),
            ("p5", self.p5),
            ("p50", self.p50),
            ("p95", self.p95),
        ]
    }
}

/// The samples of one figure. Welford's sums, and a bounded series.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Series {
    count: u64,
    mean: f64,
    squares: f64,
    min: f64,
    max: f64,
    kept: Vec<f64>,
    /// One of so many samples is kept, as a power of two.
    stride: u32,
}

impl Series {
    fn add(&mut self, value: f64) {
        if self.count == 0 {
            (self.min, self.max) = (value, value);
        }
        if self.count.is_multiple_of(1 << self.stride) {
            if self.kept.len() == SAMPLES_MAX {
                let mut place = 0;
                self.kept.retain(|_| {
                    place += 1;
                    place % 2 == 1
                });
                self.stride += 1;
            }
            if self.count.is_multiple_of(1 << self.stride) {
                self.kept.push(value);
            }
        }
        self.count += 1;
        let step = value - self.mean;
        self.mean += step / self.count as f64;
        self.squares += step * (value - self.mean);
        (self.min, self.max) = (self.min.min(value), self.max.max(value));
    }

    fn aggregate(&self) -> Option<Aggregate> {
        if self.count == 0 {
            return None;
        }
        let mut sorted = self.kept.clone();
        sorted.sort_by(f64::total_cmp);
        let quantile = |pct: usize| sorted[(sorted.len() * pct).div_ceil(100).max(1) - 1];
        Some(Aggregate {
            count: self.count,
            mean: self.mean,
            sd: (self.squares / self.count as f64).sqrt(),
            min: self.min,
            max: self.max,
            p5: quantile(5),
            p50: quantile(50),
            p95: quantile(95),
        })
    }
}

/// How long a figure has stayed where it should be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Settling {
    since_s: Option<f64>,
    settled_s: Option<f64>,
}

impl Settling {
    fn take(&mut self, is_there: bool, now_s: f64, hold_s: f64) {
        if self.settled_s.is_some() {
            return;
        }
        self.since_s = is_there.then(|| self.since_s.unwrap_or(now_s));
        self.settled_s = self.since_s.filter(|since| now_s - since >= hold_s);
    }
}

/// When swarms have converged, and what counts as that.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Goals {
    /// Samples before this time are left out.
    pub steady_from_s: f64,
    /// Polarization at least this is order.
    pub polarization: f64,
    /// A formation error at most this is a formation.
    pub formation_m: f64,
    /// For how long it has to last.
    pub hold_s: f64,
}

/// Aggregates of every figure over a run. Feed it after every tick.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Tally {
    series: Vec<Series>,
    steady_from_s: f64,
    next_s: f64,
    order: Settling,
    formation: Settling,
}

impl Tally {
    /// Whether the figures are to be taken at a simulated time.
    pub fn is_due(&self, now_s: f64) -> bool {
        // Half a microsecond against times that are not exact in binary.
        now_s + 5e-7 >= self.next_s
    }

    /// Takes the figures at a simulated time, if a sample is due. A warm-up cut that moves drops what was taken.
    pub fn take(&mut self, metrics: &Metrics, now_s: f64, goals: Goals) {
        if self.series.is_empty() || goals.steady_from_s != self.steady_from_s {
            // All the room that they will ever need, so that no tick has to find more.
            let empty = || Series { kept: Vec::with_capacity(SAMPLES_MAX), ..Series::default() };
            self.series = METRICS.iter().map(|_| empty()).collect();
            self.steady_from_s = goals.steady_from_s;
        }
        if !self.is_due(now_s) {
            return;
        }
        self.next_s = now_s + SAMPLE_S;
        let ordered = metrics.polarization.is_some_and(|p| p >= goals.polarization);
        self.order.take(ordered, now_s, goals.hold_s);
        let formed = metrics.flight.formation_rms_m.is_some_and(|e| e <= goals.formation_m);
        self.formation.take(formed, now_s, goals.hold_s);
        if now_s + 5e-7 < goals.steady_from_s {
            return;
        }
        for (series, spec) in self.series.iter_mut().zip(&METRICS) {
            if let Some(value) = (spec.read)(metrics).filter(|value| value.is_finite()) {
                series.add(value);
            }
        }
    }

    /// Every figure that ever had a value, by name, in the order of [`METRICS`].
    pub fn aggregates(&self) -> Vec<(&'static str, Aggregate)> {
        let named = METRICS.iter().zip(&self.series);
        named.filter_map(|(spec, series)| Some((spec.name, series.aggregate()?))).collect()
    }

    /// First time in seconds from which polarization stayed at its goal for long enough.
    pub fn order_time_s(&self) -> Option<f64> {
        self.order.settled_s
    }

    /// First time in seconds from which the formation error stayed at its goal for long enough.
    pub fn formation_time_s(&self) -> Option<f64> {
        self.formation.settled_s
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const GOALS: Goals = Goals { steady_from_s: 0.0, polarization: 0.9, formation_m: 1.0, hold_s: 1.0 };

    fn aggregate(values: &[f64]) -> Option<Aggregate> {
        let mut series = Series::default();
        values.iter().for_each(|&value| series.add(value));
        series.aggregate()
    }

    proptest! {
        #[test]
        fn aggregates_are_those_of_the_textbook(values in prop::collection::vec(-1e3..1e3f64, 1..400)) {
            let got = aggregate(&values).unwrap();
            let n = values.len() as f64;
            let mean = values.iter().sum::<f64>() / n;
            let sd = (values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / n).sqrt();
            prop_assert!((got.mean - mean).abs() < 1e-9 && (got.sd - sd).abs() < 1e-6);
            let mut sorted = values.clone();
            sorted.sort_by(f64::total_cmp);
            prop_assert_eq!((got.min, got.max), (sorted[0], sorted[sorted.len() - 1]));
            for (pct, quantile) in [(0.05, got.p5), (0.5, got.p50), (0.95, got.p95)] {
                // By definition: the least sample with at least this share at or below it.
                let share = |x: f64| values.iter().filter(|&&v| v <= x).count() as f64 / n;
                let wanted = sorted.iter().copied().find(|&x| share(x) >= pct - 1e-12).unwrap();
                prop_assert_eq!(quantile, wanted);
            }
        }
    }

    #[test]
    fn long_series_stay_bounded_and_their_quantiles_near() {
        let n = 1_000_000u64;
        // Every value of a ramp once, in an order that has nothing to do with time.
        let values: Vec<f64> = (0..n).map(|k| ((k * 7919) % n) as f64 / n as f64).collect();
        let mut series = Series::default();
        values.iter().for_each(|&value| series.add(value));
        assert!(series.kept.len() <= SAMPLES_MAX && series.kept.len() >= SAMPLES_MAX / 2 - 1);
        let got = series.aggregate().unwrap();
        assert_eq!((got.count, got.min, got.max), (n, 0.0, (n - 1) as f64 / n as f64));
        for (wanted, got) in [(0.05, got.p5), (0.5, got.p50), (0.95, got.p95), (0.5, got.mean)] {
            assert!((wanted - got).abs() < 0.02, "{got}, not {wanted}");
        }
    }

    #[test]
    fn the_warm_up_is_left_out_and_convergence_has_a_time() {
        let mut tally = Tally::default();
        for tick in 0..500u32 {
            let now_s = f64::from(tick) * 0.04;
            // A dip at 8 s starts the clock anew.
            let polarization = if now_s < 4.0 || (now_s - 8.0).abs() < 0.1 { 0.2 } else { 0.95 };
            let metrics = Metrics { polarization: Some(polarization), ..Metrics::default() };
            tally.take(&metrics, now_s, Goals { steady_from_s: 10.0, hold_s: 5.0, ..GOALS });
        }
        assert!((tally.order_time_s().unwrap() - 8.2).abs() < 0.21, "{:?}", tally.order_time_s());
        assert_eq!(tally.formation_time_s(), None);
        let all = tally.aggregates();
        let (_, got) = all.iter().find(|(name, _)| *name == "polarization").unwrap();
        assert_eq!((got.count, got.mean, got.sd), (50, 0.95, 0.0), "{got:?}");
        assert!(all.iter().all(|(name, _)| *name != "milling"), "never had a value");
        tally.take(&Metrics::default(), 20.0, GOALS);
        assert!(tally.aggregates().iter().all(|(_, a)| a.count == 1), "a new cut starts anew");
    }
}
