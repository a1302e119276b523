//! Who takes which place: the assignment with the smallest sum of costs, or with the smallest largest one.

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

/// Places for which the sum of `cost(row, place)` is within a ten-thousandth of the largest single cost of the
/// smallest, by an auction with scaled bids (Bertsekas 1988): rows bid for places in turn, in rounds of ever smaller
/// raises. `n` rows and `n` places; costs are finite. Much faster than [`optimal`] when there are many.
pub fn auction(n: usize, cost: impl Fn(usize, usize) -> f64) -> Vec<usize> {
    const NOBODY: usize = usize::MAX;
    const SCALE: f64 = 5.0;
    let pairs = || (0..n).flat_map(|row| (0..n).map(move |place| (row, place)));
    let largest = pairs().map(|(row, place)| cost(row, place).abs()).fold(0.0, f64::max);
    let mut places: Vec<usize> = (0..n).collect();
    if largest == 0.0 {
        return places;
    }
    let least_raise = largest * 1e-4 / n as f64;
    let (mut prices, mut taken_by) = (vec![0.0; n], vec![NOBODY; n]);
    let mut waiting = Vec::with_capacity(n);
    let mut raise = (largest / 4.0).max(least_raise);
    loop {
        taken_by.fill(NOBODY);
        waiting.extend((0..n).rev());
        while let Some(row) = waiting.pop() {
            let (mut best, mut second, mut place) = (f64::INFINITY, f64::INFINITY, 0);
            for (at, price) in prices.iter().enumerate() {
                let burden = cost(row, at) + price;
                if burden < best {
                    (second, best, place) = (best, burden, at);
                } else {
                    second = second.min(burden);
                }
            }
            prices[place] += raise + if second < f64::INFINITY { second - best } else { 0.0 };
            let outbid = std::mem::replace(&mut taken_by[place], row);
            waiting.extend((outbid != NOBODY).then_some(outbid));
        }
        if raise <= least_raise {
            break;
        }
        raise = (raise / SCALE).max(least_raise);
    }
    taken_by.iter().enumerate().for_each(|(place, &row)| places[row] = place);
    places
}

/// Places for which the largest `cost(row, place)` is smallest, and of those the ones with the smallest sum: the bottleneck
/// assignment (Fulkerson, Glicksberg, Gross 1953), by bisection over the costs. Costs are finite and not negative.
pub fn bottleneck(n: usize, cost: impl Fn(usize, usize) -> f64) -> Vec<usize> {
    let mut costs: Vec<f64> = (0..n * n).map(|k| cost(k / n, k % n)).collect();
    costs.sort_unstable_by(f64::total_cmp);
    costs.dedup();
    let least = costs.partition_point(|&limit| !is_enough(n, |row, place| cost(row, place) <= limit));
    let limit = costs.get(least).copied().unwrap_or(0.0);
    // Dearer than everything that is allowed together.
    let forbidden = (n + 1) as f64 * (limit + 1.0);
    optimal(n, |row, place| Some(cost(row, place)).filter(|&c| c <= limit).unwrap_or(forbidden))
}

/// Whether everyone finds a place among those that are allowed (Kuhn 1955: augmenting paths).
fn is_enough(n: usize, is_allowed: impl Fn(usize, usize) -> bool) -> bool {
    const NOBODY: usize = usize::MAX;
    let mut taken_by = vec![NOBODY; n];
    let (mut seen_for, mut before, mut queue) = (vec![NOBODY; n], vec![NOBODY; n], Vec::with_capacity(n));
    (0..n).all(|start| {
        queue.clear();
        queue.push((start, NOBODY));
        let mut at = 0;
        while let Some(&(row, via)) = queue.get(at) {
            at += 1;
            for place in (0..n).filter(|&place| is_allowed(row, place)) {
                if std::mem::replace(&mut seen_for[place], start) == start {
                    continue;
                }
                before[place] = via;
                if taken_by[place] != NOBODY {
                    queue.push((taken_by[place], place));
                    continue;
                }
                // A free one: everyone on the way moves on.
                let mut place = place;
                while before[place] != NOBODY {
                    taken_by[place] = taken_by[before[place]];
                    place = before[place];
                }
                taken_by[place] = start;
                return true;
            }
        }
        false
    })
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

    /// Costs of squared ways between random points; whole ones for even seeds, so that there are ties.
    fn ways(n: usize, seed: u64) -> impl Fn(usize, usize) -> f64 + Copy {
        move |i, j| {
            let draw = |k: usize| Stream::new(seed, k as u32, 0, Channel::Placement).uniform();
            let (a, b) = (draw(i), draw(n + j));
            let way = (a - b) * (a - b);
            if seed.is_multiple_of(2) { (way * 20.0).floor() } else { way }
        }
    }

    fn is_permutation(places: &[usize]) -> bool {
        let mut sorted = places.to_vec();
        sorted.sort_unstable();
        sorted.iter().copied().eq(0..places.len())
    }

    #[test]
    fn an_auction_comes_within_its_bound_of_the_optimum() {
        for seed in 0..60 {
            let n = [0, 1, 2, 3, 7, 40][(seed % 6) as usize];
            let cost = ways(n, seed);
            let sum = |places: &[usize]| places.iter().enumerate().map(|(i, &j)| cost(i, j)).sum::<f64>();
            let largest = (0..n * n).map(|k| cost(k / n, k % n)).fold(0.0, f64::max);
            let places = auction(n, cost);
            assert!(is_permutation(&places), "seed {seed}: {places:?}");
            let excess = sum(&places) - sum(&optimal(n, cost));
            assert!(excess >= -1e-9 && excess <= 1e-4 * largest + 1e-9, "seed {seed}: {excess} too much");
        }
    }

    #[test]
    fn a_bottleneck_is_as_wide_as_can_be() {
        fn least(row: usize, free: &mut Vec<usize>, cost: impl Fn(usize, usize) -> f64 + Copy) -> f64 {
            let mut best = if free.is_empty() { 0.0 } else { f64::INFINITY };
            for k in 0..free.len() {
                let place = free.remove(k);
                best = best.min(cost(row, place).max(least(row + 1, free, cost)));
                free.insert(k, place);
            }
            best
        }
        for seed in 0..60 {
            let n = (seed % 7) as usize;
            let cost = ways(n, seed);
            let places = bottleneck(n, cost);
            assert!(is_permutation(&places), "seed {seed}: {places:?}");
            let largest = places.iter().enumerate().map(|(i, &j)| cost(i, j)).fold(0.0, f64::max);
            assert_eq!(largest, least(0, &mut (0..n).collect(), cost), "seed {seed}");
        }
    }
}
