//! The figures of those who fly as Vásárhelyi et al. 2018, and the fitness of the run.

use std::sync::Arc;

use super::super::behaviour::{self, Flock};
use super::super::drone::{Drone, Task};
use super::super::measure::{Fitness, FlockMetrics, Tolerances};
use super::super::params::Gauge;
use super::World;

impl World {
    /// Place and scale of the behaviour, if anybody flies it.
    fn flock(&self) -> Option<(u8, Flock)> {
        let behaviour = u8::try_from(behaviour::index_of("vasarhelyi")?).ok()?;
        self.drones.iter().any(|d| is_of(d, behaviour)).then(|| {
            let numbers = self.params.of_behaviour(usize::from(behaviour));
            (behaviour, Flock::new(numbers))
        })
    }

    /// Speed, danger and walls.
    pub(super) fn measure_flock(&mut self) {
        let Some((behaviour, flock)) = self.flock() else {
            self.metrics.flock = FlockMetrics::default();
            return;
        };
        let collision_m = self.params.gauge(Gauge::Collision);
        let space = &self.scenario.space;
        self.metrics.flock.set_moment(&self.traffic, behaviour, &flock, space, collision_m);
    }

    /// Clusters and what is the same within them.
    pub(super) fn measure_clusters(&mut self) {
        let Some((behaviour, flock)) = self.flock() else { return };
        let gauges = Arc::make_mut(&mut self.gauges);
        gauges.flock.measure(&self.traffic, behaviour, &flock, &mut self.metrics.flock);
    }

    /// The fitness of the run so far, from `metrics.steady_from_s` on; `None` if nobody flies `vasarhelyi`.
    pub fn fitness(&self) -> Option<Fitness> {
        let (behaviour, flock) = self.flock()?;
        let aggregates = self.aggregates();
        let mean = |name: &str| aggregates.iter().find(|(known, _)| *known == name).map(|(_, a)| a.mean);
        let by = Tolerances {
            flock_mps: flock.flock_mps,
            count: self.drones.iter().filter(|d| is_of(d, behaviour)).count() as f64,
            speed_mps: self.params.gauge(Gauge::SpeedTolerance),
            danger: self.params.gauge(Gauge::DangerTolerance),
            wall_m: self.params.gauge(Gauge::WallTolerance),
        };
        let means = [
            "vasarhelyi_speed_mps",
            "vasarhelyi_danger",
            "vasarhelyi_outside_m",
            "vasarhelyi_correlation",
            "vasarhelyi_cluster_min",
            "vasarhelyi_disconnected",
        ];
        Fitness::new(means.map(mean), &by)
    }
}

fn is_of(drone: &Drone, behaviour: u8) -> bool {
    matches!(drone.task, Task::Swarm { behaviour: flown } if flown == behaviour)
}
