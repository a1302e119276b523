//! Taking the figures: the cheap ones every tick, others five times a second, the dear ones once.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::super::drone::{Drone, Task};
use super::super::drone_type::Capability;
use super::super::dynamics::Dynamics;
use super::super::measure::{
    self, Aggregate, AlertCount, Counts, Encounter, FlightGauge, FlockGauge, Goals, Graph, OrderGauge,
    Raster, Scale, Tally,
};
use super::super::params::{Gauge, Limit, Radio};
use super::super::pilot::Reception;
use super::super::scene::FenceKind;
use super::super::{AlertLevel, Level, Metrics, Safety, Scenario, Tick, behaviour, coverage};
use super::World;

/// Time between two measurements of the order of the swarm.
const ORDER_S: f64 = 0.2;
/// Time between two measurements of what costs most.
const SLOW_S: f64 = 1.0;
/// Swarms of more drones …
const LARGE_DRONES: usize = 2000;
/// … have what costs more than a tick can bear taken this seldom.
const LARGE_ORDER_S: f64 = 5.0;
/// With more drones the connectivity, which costs drones × links × rounds, is left out.
const CONNECTIVITY_DRONES_MAX: usize = 1000;
/// With more drones the coverage energy, which costs drones², is left out.
const ENERGY_DRONES_MAX: usize = 1000;

/// What figures keep between ticks. Nothing that flies depends on it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Gauges {
    #[serde(skip)]
    order: OrderGauge,
    #[serde(skip)]
    pub(super) flock: FlockGauge,
    #[serde(skip)]
    graph: Graph,
    #[serde(skip)]
    sites: Vec<[f64; 2]>,
    flight: FlightGauge,
    raster: Option<Raster>,
    /// Large, and of no use to whoever looks at one moment: not saved.
    #[serde(skip)]
    tally: Tally,
    measured: Tick,
    order_ticks: Tick,
    slow_ticks: Tick,
}

impl Gauges {
    pub(super) fn new(scenario: &Scenario) -> Gauges {
        let ticks = |seconds: f64| ((seconds / scenario.tick_s).round() as Tick).max(1);
        let site = scenario.scene.fences.iter().find(|f| f.kind == FenceKind::KeepIn);
        Gauges {
            raster: site.map(|fence| Raster::new(&fence.polygon, scenario.params.gauge(Gauge::Cell))),
            order_ticks: ticks(ORDER_S),
            slow_ticks: ticks(SLOW_S),
            ..Gauges::default()
        }
    }

    /// Whether both were made for the same scenario.
    pub(super) fn are_like(&self, other: &Gauges) -> bool {
        let raster = match (&self.raster, &other.raster) {
            (Some(mine), Some(other)) => mine.is_like(other),
            (mine, other) => mine.is_none() && other.is_none(),
        };
        raster && (self.order_ticks, self.slow_ticks) == (other.order_ticks, other.slow_ticks)
    }
}

impl World {
    /// Figures about the whole swarm; [`measure::METRICS`] describes them. O(drones): some are taken when asked for.
    pub fn metrics(&self) -> Metrics {
        let mut metrics = self.metrics.clone();
        self.measure_all(&mut metrics);
        metrics
    }

    /// Mean, spread, extremes and quantiles of every figure since `metrics.steady_from_s`, by name.
    pub fn aggregates(&self) -> Vec<(&'static str, Aggregate)> {
        self.gauges.tally.aggregates()
    }

    /// First times in seconds from which polarization and the formation error stayed at their goals
    /// (`metrics.settle_…`), if they did.
    pub fn settling_times_s(&self) -> [Option<f64>; 2] {
        [self.gauges.tally.order_time_s(), self.gauges.tally.formation_time_s()]
    }

    /// What matters for safety, since the start.
    pub fn safety(&self) -> Safety {
        let Metrics { near_misses, collisions, fence_breaches, .. } = self.metrics;
        Safety { near_misses, collisions, fence_breaches, ..self.safety.clone() }
    }

    /// A failsafe acts for a drone whose trouble began at `since`.
    pub(super) fn failsafe(&mut self, index: usize, since: Tick) {
        let (now, tick_s) = (self.tick, self.tick_s());
        self.safety.act(self.drones[index].serial, since, now, tick_s);
    }

    pub(super) fn measure(&mut self) {
        self.measure_pairs();
        let order_ticks = match self.drones.len() > LARGE_DRONES {
            true => ((LARGE_ORDER_S / self.tick_s()).round() as Tick).max(1),
            false => self.gauges.order_ticks,
        };
        if self.tick.is_multiple_of(order_ticks) {
            self.measure_order();
        }
        if self.tick.is_multiple_of(self.gauges.slow_ticks) {
            self.measure_slow();
        }
        if !self.safety.open.is_empty() {
            self.close_incidents();
        }
        let goals = Goals {
            steady_from_s: self.params.gauge(Gauge::SteadyFrom),
            polarization: self.params.gauge(Gauge::SettlePolarization),
            formation_m: self.params.gauge(Gauge::SettleError),
            hold_s: self.params.gauge(Gauge::SettleHold),
        };
        let now_s = self.sim_time_s();
        if self.gauges.tally.is_due(now_s) {
            let mut metrics = std::mem::take(&mut self.metrics);
            self.measure_all(&mut metrics);
            Arc::make_mut(&mut self.gauges).tally.take(&metrics, now_s, goals);
            self.metrics = metrics;
        }
    }

    fn measure_pairs(&mut self) {
        let (drones, near) = (&self.drones, self.params.limit(Limit::NearMiss));
        let mut begun = std::mem::take(&mut self.begun);
        self.metrics.separation_min_m = self.close_calls.measure(
            &self.traffic,
            near,
            |slot| drones[slot as usize].serial,
            |what, a, b, distance| begun.push((what, a as usize, b as usize, distance)),
        );
        self.safety.approach(self.metrics.separation_min_m, self.sim_time_s());
        for (what, a, b, distance) in begun.drain(..) {
            let (level, code, words) = match what {
                Encounter::NearMiss => (Level::Warning, "near_miss", "near miss"),
                Encounter::Collision => (Level::Critical, "collision", "collision"),
            };
            match what {
                Encounter::NearMiss => self.metrics.near_misses += 1,
                Encounter::Collision => self.metrics.collisions += 1,
            }
            let falls = [a, b].into_iter().any(|index| self.glances[index].traffic.falling);
            self.safety.wreck_collisions += u64::from(falls && what == Encounter::Collision);
            // Points in units of their own meet all the time: counted, but not told one by one.
            if self.scenario.dynamics != Dynamics::Kinematic {
                let other = Arc::clone(&self.drones[b].id);
                let why = if falls { ", one of them falling" } else { "" };
                self.tell_of(a, level, code, format!("{words} with {other}, {distance:.1} m{why}"));
            }
        }
        self.begun = begun;
    }

    /// What is quickly found out, at the moment when somebody wants to know.
    fn measure_all(&self, metrics: &mut Metrics) {
        let flying = self.glances.iter().filter(|g| g.traffic.airborne);
        let (polarization, cohesion_radius_m) =
            measure::order(flying.clone().map(|g| (g.traffic.position, g.traffic.velocity)));
        let mut alerts = AlertCount::default();
        let (mut least, mut sum) = (f64::INFINITY, 0.0);
        for glance in &self.glances {
            match glance.alert {
                Some(AlertLevel::Caution) => alerts.caution += 1,
                Some(AlertLevel::Warning | AlertLevel::Critical) => alerts.warning += 1,
                Some(AlertLevel::Info) | None => {}
            }
            least = least.min(glance.battery_pct);
            sum += glance.battery_pct;
        }
        let some = !self.glances.is_empty();
        metrics.airborne = flying.count() as u32;
        metrics.battery_min_pct = some.then_some(least);
        metrics.battery_mean_pct = some.then(|| sum / self.glances.len() as f64);
        metrics.polarization = polarization;
        // A torus has no middle.
        metrics.cohesion_radius_m = cohesion_radius_m.filter(|_| self.scenario.space.torus().is_none());
        metrics.alerts = alerts;
    }

    fn measure_order(&mut self) {
        let scale = Scale {
            link_m: self.params.gauge(Gauge::Link),
            lattice_m: self.params.gauge(Gauge::Lattice),
            space: self.scenario.space,
        };
        let elapsed_s = (self.tick - self.gauges.measured) as f64 * self.tick_s();
        let counts = Counts {
            collisions: self.metrics.collisions,
            near: self.close_calls.near().len(),
            has_batteries: self.scenario.dynamics == Dynamics::Quad,
        };
        let reception = self.reception();
        let gauges = Arc::make_mut(&mut self.gauges);
        gauges.measured = self.tick;
        self.metrics.order = gauges.order.measure(&self.traffic, scale);
        let (types, wind) = (&self.scenario.types, &self.wind);
        let air = |d: &Drone| (&types[usize::from(d.kind)], wind.at(d.body.gust, d.body.position.z));
        gauges.flight.advance(&self.drones, air, elapsed_s, counts, &mut self.metrics.flight);
        self.metrics.flight.set_reception(reception);
        self.measure_formation();
        self.measure_flock();
    }

    /// How far those who fly a formation are from their places.
    fn measure_formation(&mut self) {
        let Some(formation) = behaviour::index_of("formation") else { return };
        let frame = behaviour::Frame::at(self.params.of_behaviour(formation), self.sim_time_s());
        let (drones, space) = (&self.drones, &self.scenario.space);
        let error = |(serial, offset)| {
            let drone = &drones[self.by_serial(serial)?];
            Some(space.offset(drone.body.position, frame.place(offset).0).norm())
        };
        let mut flight = self.metrics.flight.clone();
        flight.set_formation(self.slots.all().filter_map(error));
        self.metrics.flight = flight;
    }

    /// What the radio brings at this tick to those who fly a behaviour; nothing to count while it is perfect.
    fn reception(&self) -> Reception {
        let mut all = Reception::default();
        if self.imperfect {
            let range = self.params.radio(Radio::Range);
            let radius = if range > 0.0 { range } else { self.params.gauge(Gauge::Link) };
            let listening = |d: &Drone| d.is_airborne() && matches!(d.task, Task::Swarm { .. });
            for index in (0..self.drones.len()).filter(|&i| listening(&self.drones[i])) {
                let percept = self.percept(index);
                percept.receive(radius, &mut all);
                if percept.hears_all_alike() && all.expected > 0 {
                    // One speaks for all.
                    break;
                }
            }
        }
        all
    }

    fn measure_slow(&mut self) {
        self.measure_clusters();
        let mut sites = std::mem::take(&mut Arc::make_mut(&mut self.gauges).sites);
        let lloyd_energy = self.lloyd_energy(&mut sites);
        let (link_m, tick_s) = (self.params.gauge(Gauge::Link), self.tick_s());
        let gauges = Arc::make_mut(&mut self.gauges);
        gauges.sites = sites;
        let slow = &mut self.metrics.slow;
        slow.lloyd_energy = lloyd_energy;
        slow.connectivity = match self.metrics.order.components {
            Some(1) if self.drones.len() > CONNECTIVITY_DRONES_MAX => None,
            Some(1) => {
                gauges.graph.link(&self.traffic, link_m);
                gauges.graph.connectivity()
            }
            Some(_) => Some(0.0),
            None => None,
        };
        if let Some(raster) = &mut gauges.raster {
            for drone in self.drones.iter().filter(|d| d.is_airborne()) {
                if self.scenario.types[usize::from(drone.kind)].capabilities.contains(&Capability::Scan) {
                    raster.see(drone.body.position, self.tick);
                }
            }
            raster.measure(self.tick, tick_s, slow);
        }
    }

    /// The coverage energy of those who fly `lloyd` over the least that is possible.
    fn lloyd_energy(&self, sites: &mut Vec<[f64; 2]>) -> Option<f64> {
        let lloyd = behaviour::index_of("lloyd")?;
        let flies =
            |d: &&Drone| matches!(d.task, Task::Swarm { behaviour } if usize::from(behaviour) == lloyd);
        sites.clear();
        let place = |d: &Drone| [d.body.position.x, d.body.position.y];
        sites.extend(self.drones.iter().filter(flies).take(ENERGY_DRONES_MAX + 1).map(place));
        if sites.is_empty() || sites.len() > ENERGY_DRONES_MAX {
            return None;
        }
        let (region, area) = behaviour::lloyd_region(self.params.of_behaviour(lloyd));
        Some(coverage::energy(&region, sites) / coverage::energy_min(area, sites.len()))
    }

    /// Drones that a failsafe has brought to safety: on the ground, or holding at rest.
    fn close_incidents(&mut self) {
        let (tick, tick_s, slow) = (self.tick, self.tick_s(), self.params.limit(Limit::ArrivalSpeed));
        let mut safety = std::mem::take(&mut self.safety);
        safety.close(tick, tick_s, |serial| {
            let drone = &self.drones[self.by_serial(serial)?];
            let holds = matches!(drone.task, Task::Hold { .. }) && drone.body.velocity.norm() < slow;
            Some(!drone.is_airborne() || holds)
        });
        self.safety = safety;
    }
}
