//! A sequential single-item auction (Koenig et al. 2006, AAAI): in each round every drone with room bids for every task
//! the time at which it could begin it after all that it has won already; the lowest bid wins. Busy drones bid as well,
//! so a task is not given to a far idle drone when a near one will be free in a moment.

use super::{Award, Market};

/// O(rounds × drones × tasks).
pub fn share_out(market: &Market) -> Vec<Award> {
    let mut ends: Vec<_> =
        market.bidders.iter().map(|who| (who.end, who.ready_s, who.fluid_l, who.room)).collect();
    let mut bids: Vec<Vec<Option<f64>>> = (0..ends.len()).map(|bidder| row(market, bidder, &ends)).collect();
    let mut taken = vec![false; market.lots.len()];
    let mut awards = Vec::new();
    loop {
        let mut best: Option<(f64, Award)> = None;
        for (bidder, row) in bids.iter().enumerate() {
            for (lot, bid) in row.iter().enumerate().filter(|(lot, _)| !taken[*lot]) {
                let Some(bid) = bid else { continue };
                if best.is_none_or(|(lowest, _)| *bid < lowest) {
                    best = Some((*bid, Award { bidder, lot }));
                }
            }
        }
        let Some((_, award)) = best else { return awards };
        let (who, what) = (&market.bidders[award.bidder], &market.lots[award.lot]);
        let (end, ready_s, fluid_l, room) = &mut ends[award.bidder];
        *ready_s += (market.way_s)(who, *end, what.site) + what.duration_s;
        *end = what.site;
        *fluid_l -= what.fluid_l;
        *room -= 1;
        taken[award.lot] = true;
        awards.push(award);
        bids[award.bidder] = row(market, award.bidder, &ends);
    }
}

/// What a drone bids for every task; nothing once its queue is full.
fn row(market: &Market, bidder: usize, ends: &[(super::Vec3, f64, f64, usize)]) -> Vec<Option<f64>> {
    let (end, ready_s, fluid_l, room) = ends[bidder];
    let bid = |lot| if room > 0 { market.cost(bidder, lot, end, ready_s, fluid_l) } else { None };
    (0..market.lots.len()).map(bid).collect()
}
