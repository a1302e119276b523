//! Rules that add something up over their neighbours and then conclude: written once, flown by one drone at a time or
//! by eight, with the same bits.

use super::Vec3;
use super::company::Company;
use super::lanes::{Lanes, Vectors};
use super::pilot::Percept;

/// How many numbers a rule may add up.
pub const SUMS: usize = 12;

/// What one drone has added up over its neighbours: vectors, then single numbers, in an order that its rule knows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sums(pub [f64; SUMS]);

impl Sums {
    /// Vector number `k`.
    pub fn vector(&self, k: usize) -> Vec3 {
        Vec3::new(self.0[3 * k], self.0[3 * k + 1], self.0[3 * k + 2])
    }

    /// The single number that stands after `vectors` vectors and `k` others.
    pub fn single(&self, vectors: usize, k: usize) -> f64 {
        self.0[3 * vectors + k]
    }
}

/// Sums in the order of [`Sums`].
#[inline(always)]
pub fn in_order<N: Lanes, const V: usize, const S: usize>(
    vectors: [Vectors<N>; V],
    singles: [N; S],
) -> [N; SUMS] {
    const { assert!(V > 0 && 3 * V + S <= SUMS) };
    let mut sums = [vectors[0].x.same(0.0); SUMS];
    for (k, vector) in vectors.into_iter().enumerate() {
        (sums[3 * k], sums[3 * k + 1], sums[3 * k + 2]) = (vector.x, vector.y, vector.z);
    }
    for (k, single) in singles.into_iter().enumerate() {
        sums[3 * V + k] = single;
    }
    sums
}

/// A rule of this kind, with the numbers that it flies by.
pub trait Flocking: Sized {
    /// What is added up, for one drone (`f64`) or for several side by side.
    type Gathering<N: Lanes>: Copy;

    /// The rule by the values of its parameters, in the order of their schema.
    fn by(numbers: &[f64]) -> Self;

    /// Distance in metres up to which others count.
    fn reach_m(&self) -> f64;

    /// Nobody met yet, for drones that believe to have one velocity and have another.
    fn begin<N: Lanes>(&self, believed: Vectors<N>, true_ones: Vectors<N>) -> Self::Gathering<N>;

    /// Adds one neighbour to the sums of those drones for which `counts` holds: `offsets` are the way from each of
    /// them to the neighbour, `velocity` is the neighbour's. Everyone meets theirs in a fixed order.
    fn meet<N: Lanes>(
        &self,
        all: &mut Self::Gathering<N>,
        counts: N::Mask,
        offsets: Vectors<N>,
        velocity: Vec3,
    );

    /// What has been added up, [`in_order`].
    fn sums<N: Lanes>(all: Self::Gathering<N>) -> [N; SUMS];

    /// The velocity that a drone wants, in m/s.
    fn conclude(&self, p: &Percept, sums: &Sums) -> Vec3;
}

/// The rule for one drone, which may have met its neighbours together with others before.
pub fn alone<F: Flocking>(p: &Percept, numbers: &[f64]) -> Vec3 {
    let rule = F::by(numbers);
    if let Some(sums) = p.met {
        return rule.conclude(p, sums);
    }
    let mut all = rule.begin(Vectors::same(0.0, p.velocity()), Vectors::same(0.0, p.me.body.velocity));
    p.each_neighbour(rule.reach_m(), |offset, velocity| {
        rule.meet(&mut all, true, Vectors::same(0.0, offset), velocity);
    });
    rule.conclude(p, &Sums(F::sums(all)))
}

/// The first half of the rule for those in `company` who are `asking`, side by side.
pub fn together<F: Flocking>(company: &mut Company, asking: u8, numbers: &[f64]) {
    company.meet::<F>(asking, &F::by(numbers));
}
