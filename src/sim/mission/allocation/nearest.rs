//! Nearest first: every idle drone, in order of creation, takes what is nearest in a straight line. The baseline.

use super::{Award, Market};

/// O(drones × tasks).
pub fn share_out(market: &Market) -> Vec<Award> {
    let mut taken = vec![false; market.lots.len()];
    let mut awards = Vec::new();
    for (bidder, who) in market.bidders.iter().enumerate().filter(|(_, who)| who.is_idle) {
        let open =
            (0..market.lots.len()).filter(|&lot| !taken[lot] && market.next_cost(bidder, lot).is_some());
        let distance = |lot: usize| who.end.distance(market.lots[lot].site);
        if let Some(lot) = open.min_by(|&a, &b| distance(a).total_cmp(&distance(b)).then(a.cmp(&b))) {
            taken[lot] = true;
            awards.push(Award { bidder, lot });
        }
    }
    awards
}
