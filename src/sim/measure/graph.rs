//! The graph of links between airborne drones, and the second eigenvalue of its Laplacian.

use super::super::neighbours::Neighbours;

/// Steps of the Lanczos iteration at most.
const STEPS_MAX: usize = 300;
/// Between two looks at the eigenvalue.
const STEPS_PER_LOOK: usize = 10;
/// Relative change between two looks that is small enough.
const TOLERANCE: f64 = 1e-6;
/// With more links (each counted twice) the eigenvalue is left out: it would take too long.
const ENDS_MAX: usize = 2_000_000;

/// Links as lists of neighbours, one behind the other.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    starts: Vec<u32>,
    ends: Vec<u32>,
    places: Vec<u32>,
    work: Work,
}

/// Vectors of the iteration, kept from time to time.
#[derive(Clone, Debug, Default)]
struct Work {
    now: Vec<f64>,
    before: Vec<f64>,
    next: Vec<f64>,
    diagonal: Vec<f64>,
    beside: Vec<f64>,
}

impl Graph {
    /// Links the airborne drones nearer than `link_m`. O(drones × links).
    pub fn link(&mut self, traffic: &Neighbours, link_m: f64) {
        const GROUNDED: u32 = u32::MAX;
        self.places.clear();
        self.places.resize(traffic.all().map(|t| t.index as usize + 1).max().unwrap_or(0), GROUNDED);
        for (place, one) in (0u32..).zip(traffic.all().filter(|t| t.airborne)) {
            self.places[one.index as usize] = place;
        }
        self.starts.clear();
        self.ends.clear();
        self.starts.push(0);
        for one in traffic.all().filter(|t| t.airborne) {
            if self.ends.len() <= ENDS_MAX {
                traffic.each_within(one.position, link_m, |other, _, _| {
                    if other.index != one.index && other.airborne {
                        self.ends.push(self.places[other.index as usize]);
                    }
                });
            }
            self.starts.push(self.ends.len() as u32);
        }
    }

    /// A graph of `count` nodes from its links, each named once.
    pub fn of(count: usize, links: &[(u32, u32)]) -> Graph {
        let mut graph = Graph { starts: vec![0], ..Graph::default() };
        for node in 0..count as u32 {
            for &(a, b) in links {
                if a == node || b == node {
                    graph.ends.push(a + b - node);
                }
            }
            graph.starts.push(graph.ends.len() as u32);
        }
        graph
    }

    /// Number of nodes.
    pub fn count(&self) -> usize {
        self.starts.len().saturating_sub(1)
    }

    /// λ₂ of the Laplacian of a connected graph (Fiedler 1973), by the Lanczos iteration among the vectors whose sum
    /// is zero. `None` below two nodes or above a million links. O(steps × links), at most 300 steps; the start is
    /// fixed, so equal graphs give equal bits.
    pub fn connectivity(&mut self) -> Option<f64> {
        let count = self.count();
        if count < 2 || self.ends.len() > ENDS_MAX {
            return None;
        }
        let mut work = std::mem::take(&mut self.work);
        let value = self.iterate(count, &mut work);
        self.work = work;
        Some(value)
    }

    fn iterate(&self, count: usize, work: &mut Work) -> f64 {
        let Work { now, before, next, diagonal, beside } = work;
        now.clear();
        // Any start that no symmetry of the graph leaves alone.
        now.extend((0..count).map(|k| libm::sin(1.0 + k as f64 * 1.7) + 1e-3 * k as f64 / count as f64));
        project(now);
        let length = dot(now, now).sqrt();
        now.iter_mut().for_each(|x| *x /= length);
        before.clear();
        before.resize(count, 0.0);
        next.resize(count, 0.0);
        diagonal.clear();
        beside.clear();
        let (mut coupling, mut value) = (0.0, f64::INFINITY);
        for step in 1..=STEPS_MAX.min(count - 1) {
            self.multiply(now, next);
            let share = dot(now, next);
            diagonal.push(share);
            for ((x, &a), &b) in next.iter_mut().zip(now.iter()).zip(before.iter()) {
                *x -= share * a + coupling * b;
            }
            project(next);
            coupling = dot(next, next).sqrt();
            let is_whole = coupling < 1e-9 * (1.0 + share.abs());
            if is_whole || step.is_multiple_of(STEPS_PER_LOOK) {
                let fresh = smallest(diagonal, beside);
                if is_whole || value - fresh < TOLERANCE * fresh {
                    return fresh;
                }
                value = fresh;
            }
            beside.push(coupling);
            next.iter_mut().for_each(|x| *x /= coupling);
            std::mem::swap(before, now);
            std::mem::swap(now, next);
        }
        beside.truncate(diagonal.len().saturating_sub(1));
        smallest(diagonal, beside)
    }

    /// `y = L x`.
    fn multiply(&self, x: &[f64], y: &mut [f64]) {
        for (node, y) in y.iter_mut().enumerate() {
            let ends = &self.ends[self.starts[node] as usize..self.starts[node + 1] as usize];
            *y = ends.len() as f64 * x[node] - ends.iter().map(|&e| x[e as usize]).sum::<f64>();
        }
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Takes out the part along (1, 1, …), the vector of the eigenvalue 0.
fn project(x: &mut [f64]) {
    let mean = x.iter().sum::<f64>() / x.len() as f64;
    x.iter_mut().for_each(|x| *x -= mean);
}

/// The smallest eigenvalue of a symmetric tridiagonal matrix, by bisection on Sturm sequences.
fn smallest(diagonal: &[f64], beside: &[f64]) -> f64 {
    let reach = |k: usize| {
        let left = if k > 0 { beside[k - 1].abs() } else { 0.0 };
        left + if k + 1 < diagonal.len() { beside[k].abs() } else { 0.0 }
    };
    let mut low = diagonal.iter().enumerate().map(|(k, d)| d - reach(k)).fold(f64::INFINITY, f64::min);
    let mut high = diagonal.iter().copied().fold(f64::INFINITY, f64::min);
    let is_below = |x: f64| {
        let mut pivot = 1.0;
        diagonal.iter().enumerate().any(|(k, d)| {
            let coupling = if k > 0 { beside[k - 1] * beside[k - 1] } else { 0.0 };
            pivot = d - x - if pivot == 0.0 { f64::INFINITY } else { coupling / pivot };
            pivot < 0.0
        })
    };
    for _ in 0..100 {
        let middle = 0.5 * (low + high);
        if middle <= low || middle >= high {
            break;
        }
        if is_below(middle) { high = middle } else { low = middle }
    }
    high
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn path(n: u32) -> Vec<(u32, u32)> {
        (1..n).map(|k| (k - 1, k)).collect()
    }

    #[test]
    fn rings_paths_stars_and_complete_graphs_have_their_known_eigenvalues() {
        let cosine = |part: f64| libm::cos(std::f64::consts::PI * part);
        for n in [2u32, 3, 4, 7, 20, 65, 150] {
            let size = f64::from(n);
            let check = |name: &str, links: &[(u32, u32)], wanted: f64| {
                let got = Graph::of(n as usize, links).connectivity().unwrap();
                assert!((got - wanted).abs() < 1e-5 * wanted + 1e-9, "{name} of {n}: {got}, not {wanted}");
            };
            check("path", &path(n), 2.0 - 2.0 * cosine(1.0 / size));
            let complete: Vec<_> = (0..n).flat_map(|a| (0..a).map(move |b| (b, a))).collect();
            check("complete", &complete, size);
            if n > 2 {
                let ring: Vec<_> = path(n).into_iter().chain([(0, n - 1)]).collect();
                check("ring", &ring, 2.0 - 2.0 * cosine(2.0 / size));
                check("star", &(1..n).map(|k| (0, k)).collect::<Vec<_>>(), 1.0);
            }
        }
        assert_eq!(Graph::of(1, &[]).connectivity(), None);
    }

    proptest! {
        /// Of a connected graph: above zero, at most n/(n−1) times the least degree, and never less with another link.
        #[test]
        fn connectivity_keeps_its_bounds(n in 3u32..24, extra in prop::collection::vec((0u32..24, 0u32..24), 0..60)) {
            let mut links = path(n);
            let mut before = Graph::of(n as usize, &links).connectivity().unwrap();
            for (a, b) in extra {
                let link = (a.min(b), a.max(b));
                if a == b || link.1 >= n || links.contains(&link) {
                    continue;
                }
                links.push(link);
                let now = Graph::of(n as usize, &links).connectivity().unwrap();
                let degree = |node| links.iter().filter(|l| l.0 == node || l.1 == node).count();
                let least = (0..n).map(degree).min().unwrap() as f64;
                prop_assert!(now > 0.0 && now <= least * f64::from(n) / f64::from(n - 1) + 1e-6);
                prop_assert!(now >= before - 1e-5, "{} after {}", now, before);
                before = now;
            }
        }
    }
}
