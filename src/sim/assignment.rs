//! Who takes which place: the assignment with the smallest sum of costs.

/// The place of each row so that the sum of `cost(row, place)` is smallest, in O(n³) (Jonker, Volgenant 1987: shortest
/// augmenting paths with potentials). `n` rows and `n` places; costs are finite. Ties go to the lower place.
pub fn optimal(n: usize, cost: impl Fn(usize, usize) -> f64) -> Vec<usize> {
    const NOBODY: usize = usize::MAX;
    let (mut row_potential, mut place_potential) = (vec![0.0; n], vec![0.0; n]);
    let mut taken_by = vec![NOBODY; n];
    let (mut shortest, mut before, mut done) = (vec![0.0; n], vec![NOBODY; n], vec![false; n]);
    for start in 0..n {
        shortest.fill(f64::INFINITY);
        before.fill(NOBODY);
        done.fill(false);
        // `via` is the place whose row is looked at; none at first.
        let (mut row, mut via, mut length) = (start, NOBODY, 0.0);
        let end = loop {
            let mut next = (f64::INFINITY, NOBODY);
            for place in (0..n).filter(|&p| !done[p]) {
                let reduced = length + cost(row, place) - row_potential[row] - place_potential[place];
                if reduced < shortest[place] {
                    shortest[place] = reduced;
                    before[place] = via;
                }
                if shortest[place] < next.0 || next.1 == NOBODY {
                    next = (shortest[place], place);
                }
            }
            let place = next.1;
            length = next.0;
            done[place] = true;
            if taken_by[place] == NOBODY {
                break place;
            }
            (row, via) = (taken_by[place], place);
        };
        row_potential[start] += length;
        for place in (0..n).filter(|&p| done[p] && p != end) {
            place_potential[place] += shortest[place] - length;
            row_potential[taken_by[place]] += length - shortest[place];
        }
        let mut place = end;
        while before[place] != NOBODY {
            taken_by[place] = taken_by[before[place]];
            place = before[place];
        }
        taken_by[place] = start;
    }
    let mut places = vec![0; n];
    taken_by.iter().enumerate().for_each(|(place, &row)| places[row] = place);
    places
}

/// The smallest sum by trying every permutation: the reference for small `n`.
pub fn brute_force(n: usize, cost: impl Fn(usize, usize) -> f64 + Copy) -> f64 {
    fn rest(row: usize, free: &mut Vec<usize>, cost: impl Fn(usize, usize) -> f64 + Copy) -> f64 {
        if free.is_empty() {
            return 0.0;
        }
        let mut best = f64::INFINITY;
        for k in 0..free.len() {
            let place = free.swap_remove(k);
            best = best.min(cost(row, place) + rest(row + 1, free, cost));
            free.push(place);
            let last = free.len() - 1;
            free.swap(k, last);
        }
        best
    }
    rest(0, &mut (0..n).collect(), cost)
}

#[cfg(test)]
mod tests {
    use super::super::rng::{Channel, Stream};
    use super::*;

    #[test]
    fn nobody_finds_a_cheaper_assignment() {
        for seed in 0..300 {
            let mut stream = Stream::new(seed, 0, 0, Channel::Placement);
            let n = 1 + (seed % 7) as usize;
            // Every other one with whole costs, so that there are ties.
            let draw = |x: f64| if seed % 2 == 0 { (x * 4.0).floor() } else { x };
            let costs: Vec<f64> = (0..n * n).map(|_| draw(stream.uniform())).collect();
            let cost = |i: usize, j: usize| costs[i * n + j];
            let places = optimal(n, cost);
            let mut sorted = places.clone();
            sorted.sort_unstable();
            assert_eq!(sorted, (0..n).collect::<Vec<_>>(), "seed {seed}");
            let sum: f64 = places.iter().enumerate().map(|(i, &j)| cost(i, j)).sum();
            assert!((sum - brute_force(n, cost)).abs() < 1e-12, "seed {seed}: {sum}");
        }
    }
}
