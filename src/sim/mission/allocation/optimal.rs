//! The smallest sum of costs: as many idle drones as possible get a task each, so that all together start soonest
//! (Jonker, Volgenant 1987). It looks one task ahead, no farther.

use super::super::super::assignment;
use super::{Award, Market};

/// A task that cannot be done costs more than any that can.
const IMPOSSIBLE_S: f64 = 1e7;

/// O(drones⁴) at most: with d drones, nobody's best task is beyond the d nearest to it.
pub fn share_out(market: &Market) -> Vec<Award> {
    let idle: Vec<usize> = (0..market.bidders.len()).filter(|&b| market.bidders[b].is_idle).collect();
    let mut lots: Vec<usize> = Vec::new();
    let mut costs: Vec<Vec<Option<f64>>> = Vec::new();
    for &bidder in &idle {
        let row: Vec<Option<f64>> = (0..market.lots.len()).map(|lot| market.next_cost(bidder, lot)).collect();
        let mut near: Vec<(f64, usize)> =
            row.iter().enumerate().filter_map(|(lot, cost)| Some(((*cost)?, lot))).collect();
        near.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        lots.extend(near.iter().take(idle.len()).map(|(_, lot)| *lot));
        costs.push(row);
    }
    lots.sort_unstable();
    lots.dedup();
    let n = idle.len().max(lots.len());
    // Rows beyond the drones and places beyond the tasks are nobody and nothing.
    let cost = |row: usize, place: usize| match (costs.get(row), lots.get(place)) {
        (Some(costs), Some(&lot)) => costs[lot].unwrap_or(IMPOSSIBLE_S),
        (Some(_), None) => IMPOSSIBLE_S,
        _ => 0.0,
    };
    let places = assignment::optimal(n, cost);
    let award = |(row, &bidder): (usize, &usize)| {
        let lot = *lots.get(places[row])?;
        costs[row][lot].map(|_| Award { bidder, lot })
    };
    idle.iter().enumerate().filter_map(award).collect()
}
