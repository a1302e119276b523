//! The order parameters of Vásárhelyi et al. 2018 over those who fly their rule, and the fitness of a run, for which
//! they tuned it.

use serde::{Deserialize, Serialize};

use super::super::neighbours::{Neighbours, Traffic};
use super::super::space::Space;
use super::super::{Vec3, behaviour::Flock};
use super::groups::Groups;

/// Order parameters of the airborne drones that fly `vasarhelyi`; `None` without any.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct FlockMetrics {
    /// φ_vel: mean speed.
    pub vasarhelyi_speed_mps: Option<f64>,
    /// φ_coll: share of ordered pairs nearer than `metrics.collision_m`.
    pub vasarhelyi_danger: Option<f64>,
    /// φ_wall: mean distance outside the arena; `None` without an arena.
    pub vasarhelyi_outside_m: Option<f64>,
    /// φ_corr: mean over drones of the mean of v̂_i · v̂_j over the others of their cluster.
    pub vasarhelyi_correlation: Option<f64>,
    /// N_min: drones in the smallest cluster.
    pub vasarhelyi_cluster_min: Option<u32>,
    /// N_disc: drones that are alone.
    pub vasarhelyi_disconnected: Option<u32>,
}

/// Takes the order parameters, with buffers that are kept.
#[derive(Clone, Debug, Default)]
pub struct FlockGauge {
    groups: Groups,
    /// By root: sum of the directions of a cluster, and of their squared lengths.
    sums: Vec<(Vec3, f64)>,
}

/// The airborne drones of one behaviour.
fn members(traffic: &Neighbours, behaviour: u8) -> impl Iterator<Item = &Traffic> {
    traffic.all().filter(move |t| t.airborne && t.behaviour == Some(behaviour))
}

impl FlockMetrics {
    /// Takes what costs little: speed, danger, distance outside. O(drones).
    pub fn set_moment(
        &mut self,
        traffic: &Neighbours,
        behaviour: u8,
        flock: &Flock,
        space: &Space,
        collision_m: f64,
    ) {
        let (mut count, mut pairs, mut speed, mut outside) = (0.0, 0.0, 0.0, 0.0);
        for one in members(traffic, behaviour) {
            count += 1.0;
            speed += one.velocity.norm();
            outside += flock.outside_m(space, one.position).unwrap_or(0.0);
            traffic.each_within(one.position, collision_m, |other, _, distance2| {
                let is_pair =
                    other.index != one.index && other.airborne && other.behaviour == Some(behaviour);
                pairs += f64::from(u8::from(is_pair && distance2 < collision_m * collision_m));
            });
        }
        self.vasarhelyi_speed_mps = (count > 0.0).then(|| speed / count);
        self.vasarhelyi_danger = (count > 1.0).then(|| pairs / (count * (count - 1.0)));
        self.vasarhelyi_outside_m = (count > 0.0 && flock.has_arena()).then(|| outside / count);
    }
}

impl FlockGauge {
    /// Takes what the clusters have to say. O(drones × those within the distance of a cluster).
    pub fn measure(&mut self, traffic: &Neighbours, behaviour: u8, flock: &Flock, into: &mut FlockMetrics) {
        let Self { groups, sums } = self;
        groups.reset(traffic);
        for one in members(traffic, behaviour) {
            traffic.each_within(one.position, flock.cluster_m, |other, _, _| {
                if other.index > one.index && other.airborne && other.behaviour == Some(behaviour) {
                    groups.join(one.index, other.index);
                }
            });
        }
        sums.clear();
        sums.resize(traffic.all().map(|t| t.index as usize + 1).max().unwrap_or(0), (Vec3::ZERO, 0.0));
        for one in members(traffic, behaviour) {
            groups.count(one.index);
            let (direction, sum) = (one.velocity.unit(), &mut sums[groups.root(one.index) as usize]);
            *sum = (sum.0 + direction, sum.1 + direction.norm2());
        }
        let (mut count, mut correlation, mut smallest, mut alone) = (0u32, 0.0, u32::MAX, 0);
        for one in members(traffic, behaviour) {
            let size = groups.size(one.index);
            count += 1;
            smallest = smallest.min(size);
            alone += u32::from(size == 1);
            if groups.root(one.index) == one.index && size > 1 {
                let (sum, squares) = sums[one.index as usize];
                correlation += (sum.norm2() - squares) / f64::from(size - 1);
            }
        }
        into.vasarhelyi_correlation = (count > 0).then(|| correlation / f64::from(count));
        into.vasarhelyi_cluster_min = (count > 0).then_some(smallest);
        into.vasarhelyi_disconnected = (count > 0).then_some(alone);
    }
}

/// What counts as good enough. The tolerances are ours: the paper names none.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tolerances {
    /// The flocking speed that was asked for.
    pub flock_mps: f64,
    /// Number of drones.
    pub count: f64,
    /// `metrics.speed_tolerance_mps`.
    pub speed_mps: f64,
    /// `metrics.danger_tolerance`.
    pub danger: f64,
    /// `metrics.wall_tolerance_m`.
    pub wall_m: f64,
}

/// The fitness of a run after Vásárhelyi et al. 2018, 0 to 1, and its factors. Of means over the run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Fitness {
    /// The product of all others.
    pub total: f64,
    /// Whether they fly as fast as they should.
    pub speed: f64,
    /// Whether they keep apart.
    pub danger: f64,
    /// Whether nobody is lost.
    pub disconnected: f64,
    /// Whether clusters are large.
    pub cluster: f64,
    /// Whether they stay inside.
    pub wall: f64,
    /// Whether those of a cluster fly the same way.
    pub correlation: f64,
}

impl Fitness {
    /// From the means over a run of [`FlockMetrics`], in their order. Without an arena nobody can be outside.
    pub fn new(
        [speed, danger, outside, correlation, cluster_min, disconnected]: [Option<f64>; 6],
        by: &Tolerances,
    ) -> Option<Fitness> {
        let fifth = by.count / 5.0;
        let mut fitness = Fitness {
            total: 1.0,
            speed: rise(speed?, by.flock_mps, by.speed_mps),
            danger: fall(danger?, by.danger),
            disconnected: fall(disconnected?, fifth),
            cluster: rise(cluster_min?, fifth, fifth),
            wall: libm::exp(-(outside.unwrap_or(0.0) / by.wall_m) * (outside.unwrap_or(0.0) / by.wall_m)),
            correlation: correlation?.max(0.0),
        };
        let Fitness { total: _, speed, danger, disconnected, cluster, wall, correlation } = fitness;
        fitness.total = speed * danger * disconnected * cluster * wall * correlation;
        Some(fitness)
    }
}

/// 0 up to `goal − width`, 1 from `goal` on, half a cosine in between.
fn rise(value: f64, goal: f64, width: f64) -> f64 {
    match (value - goal + width) / width {
        share if share <= 0.0 => 0.0,
        share if share < 1.0 => 0.5 * (1.0 - libm::cos(std::f64::consts::PI * share)),
        _ => 1.0,
    }
}

/// `a² / (φ + a)²`.
fn fall(value: f64, tolerance: f64) -> f64 {
    let share = tolerance / (value + tolerance);
    share * share
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flock(half_side: f64) -> Flock {
        Flock { cluster_m: 20.0, flock_mps: 4.0, arena: Some((true, half_side, Vec3::ZERO)) }
    }

    fn taken(drones: &[([f64; 3], [f64; 3])]) -> FlockMetrics {
        let mut grid = Neighbours::default();
        grid.rebuild(9.0, drones.len(), |i| Traffic {
            position: Vec3::from(drones[i].0),
            velocity: Vec3::from(drones[i].1),
            index: i as u32,
            airborne: true,
            behaviour: Some(5),
            ..Traffic::default()
        });
        let mut metrics = FlockMetrics::default();
        metrics.set_moment(&grid, 5, &flock(50.0), &Space::default(), 3.0);
        FlockGauge::default().measure(&grid, 5, &flock(50.0), &mut metrics);
        metrics
    }

    #[test]
    fn the_order_parameters_are_those_of_the_paper() {
        let (east, north) = ([4.0, 0.0, 0.0], [0.0, 2.0, 0.0]);
        // A cluster of three, two of which are too near each other; one that is alone and 7 m outside.
        let got = taken(&[
            ([0.0, 0.0, 5.0], east),
            ([2.0, 0.0, 5.0], east),
            ([15.0, 0.0, 5.0], north),
            ([57.0, 0.0, 5.0], east),
        ]);
        assert_eq!(got.vasarhelyi_speed_mps, Some(3.5));
        assert_eq!(got.vasarhelyi_danger, Some(2.0 / 12.0));
        assert_eq!(got.vasarhelyi_outside_m, Some(7.0 / 4.0));
        assert_eq!((got.vasarhelyi_cluster_min, got.vasarhelyi_disconnected), (Some(1), Some(1)));
        // Two of the three see one of two fly their way: (1/2 + 1/2 + 0 + 0) / 4.
        assert!((got.vasarhelyi_correlation.unwrap() - 0.25).abs() < 1e-12, "{got:?}");
        assert_eq!(taken(&[]), FlockMetrics::default());
    }

    #[test]
    fn a_perfect_run_has_fitness_one_and_each_fault_takes_its_share() {
        let by = Tolerances { flock_mps: 4.0, count: 100.0, speed_mps: 1.5, danger: 3e-5, wall_m: 2.0 };
        let perfect = [4.0, 0.0, 0.0, 1.0, 100.0, 0.0].map(Some);
        let total = |place: usize, value: f64| {
            let mut means = perfect;
            means[place] = Some(value);
            Fitness::new(means, &by).unwrap().total
        };
        assert_eq!(Fitness::new(perfect, &by).unwrap().total, 1.0);
        assert!((total(0, 3.25) - 0.5).abs() < 1e-12 && total(0, 2.4) == 0.0 && total(0, 6.0) == 1.0);
        assert!((total(1, 3e-5) - 0.25).abs() < 1e-12);
        assert!((total(2, 2.0) - libm::exp(-1.0)).abs() < 1e-12);
        assert_eq!((total(3, 0.7), total(3, -0.2)), (0.7, 0.0));
        assert!((total(4, 10.0) - 0.5).abs() < 1e-12);
        assert!((total(5, 20.0) - 0.25).abs() < 1e-12);
        assert!(Fitness::new([None; 6], &by).is_none(), "nobody flies it");
        let mut open = perfect;
        open[2] = None;
        assert_eq!(Fitness::new(open, &by).unwrap().wall, 1.0);
    }
}
