//! What every rule keeps, and what tells them apart.

use super::super::super::rng::{Channel, Stream};
use super::*;

fn bidder(x: f64) -> Bidder {
    Bidder {
        end: Vec3::new(x, 0.0, 10.0),
        ready_s: 0.0,
        room: 2,
        is_idle: true,
        speed_mps: 1.0,
        climb_mps: 1.0,
        budget_s: 1000.0,
        fluid_l: 10.0,
        home: Vec3::new(0.0, -50.0, 0.0),
    }
}

fn lot(x: f64) -> Lot {
    Lot { site: Vec3::new(x, 0.0, 10.0), duration_s: 5.0, fluid_l: 1.0, urgency_s: 0.0 }
}

fn share_out(rule: Allocation, bidders: &[Bidder], lots: &[Lot]) -> Vec<(usize, usize)> {
    let way_s = |who: &Bidder, from: Vec3, to: Vec3| from.distance(to) / who.speed_mps;
    let market = Market { bidders, lots, extra_s: &|_, _| 0.0, way_s: &way_s };
    (rule.rule())(&market).iter().map(|award| (award.bidder, award.lot)).collect()
}

#[test]
fn no_rule_gives_a_task_twice_or_more_than_a_drone_can_take() {
    for seed in 0..60 {
        let mut stream = Stream::new(seed, 0, 0, Channel::Placement);
        let mut draw = |n: f64| (stream.uniform() * n) as usize;
        let (drones, tasks) = (1 + draw(5.0), draw(12.0));
        let mut bidders: Vec<Bidder> = (0..drones).map(|_| bidder(draw(100.0) as f64)).collect();
        for who in &mut bidders {
            who.is_idle = draw(4.0) > 0;
            who.room = draw(4.0);
            who.budget_s = draw(300.0) as f64;
            who.fluid_l = draw(4.0) as f64;
        }
        let lots: Vec<Lot> = (0..tasks).map(|_| lot(draw(100.0) as f64)).collect();
        for (name, rule, _) in Allocation::ALL {
            let awards = share_out(rule, &bidders, &lots);
            let mut taken: Vec<usize> = awards.iter().map(|(_, lot)| *lot).collect();
            taken.sort_unstable();
            let count = taken.len();
            taken.dedup();
            assert_eq!(taken.len(), count, "{name}, seed {seed}: {awards:?}");
            for (k, who) in bidders.iter().enumerate() {
                let won = awards.iter().filter(|(bidder, _)| *bidder == k).count();
                let most = if rule == Allocation::Auction { who.room } else { usize::from(who.is_idle) };
                assert!(won <= most, "{name}, seed {seed}: {won} tasks for {who:?}");
                assert!(won as f64 <= who.fluid_l, "{name}, seed {seed}: {won} tasks for {who:?}");
            }
        }
    }
}

#[test]
fn the_optimum_sends_the_near_one_far_if_that_is_better_for_all() {
    // The second drone can only do the near task.
    let mut bidders = [bidder(10.0), bidder(0.0)];
    bidders[1].budget_s = 90.0;
    let lots = [lot(12.0), lot(40.0)];
    assert_eq!(share_out(Allocation::Nearest, &bidders, &lots), [(0, 0)]);
    let mut optimal = share_out(Allocation::Optimal, &bidders, &lots);
    optimal.sort_unstable();
    assert_eq!(optimal, [(0, 1), (1, 0)]);
}

#[test]
fn an_auction_waits_for_the_near_one_that_is_nearly_done() {
    let mut bidders = [bidder(100.0), bidder(11.0)];
    (bidders[1].is_idle, bidders[1].ready_s, bidders[1].room) = (false, 3.0, 1);
    let lots = [lot(10.0)];
    assert_eq!(share_out(Allocation::Nearest, &bidders, &lots), [(0, 0)]);
    assert_eq!(share_out(Allocation::Auction, &bidders, &lots), [(1, 0)]);
}

#[test]
fn who_could_not_come_home_gets_nothing() {
    let mut bidders = [bidder(0.0)];
    bidders[0].budget_s = 60.0;
    for (name, rule, _) in Allocation::ALL {
        assert_eq!(share_out(rule, &bidders, &[lot(30.0)]), [], "{name}");
    }
}
