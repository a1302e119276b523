//! Who takes which task. A rule is one function from a [`Market`] to awards; a new one is a file here and a line in
//! [`Allocation::ALL`].

mod auction;
mod nearest;
mod optimal;
#[cfg(test)]
mod tests;

use super::super::Vec3;

/// A rule that shares out tasks.
pub type Rule = fn(&Market) -> Vec<Award>;

/// The rules that a scenario may name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Allocation {
    /// Sequential single-item auction over short queues of tasks ([`auction`]).
    #[default]
    Auction,
    /// The smallest sum of costs over idle drones ([`optimal`]).
    Optimal,
    /// Every idle drone in turn takes the nearest task ([`nearest`]).
    Nearest,
}

impl Allocation {
    /// All of them with their names and functions.
    pub const ALL: [(&'static str, Allocation, Rule); 3] = [
        ("auction", Allocation::Auction, auction::share_out),
        ("optimal", Allocation::Optimal, optimal::share_out),
        ("nearest", Allocation::Nearest, nearest::share_out),
    ];

    /// Name in files and on the wire.
    pub fn name(self) -> &'static str {
        Allocation::ALL[self as usize].0
    }

    /// Its function.
    pub fn rule(self) -> Rule {
        Allocation::ALL[self as usize].2
    }
}

/// A drone that may take tasks.
#[derive(Clone, Debug, PartialEq)]
pub struct Bidder {
    /// Where it will be when it is free.
    pub end: Vec3,
    /// Seconds until then; 0 for an idle drone.
    pub ready_s: f64,
    /// How many more tasks it may line up. An idle drone has none yet.
    pub room: usize,
    /// Whether it has no task.
    pub is_idle: bool,
    /// Horizontal speed.
    pub speed_mps: f64,
    /// Vertical speed.
    pub climb_mps: f64,
    /// Seconds that it can fly before it must be home with its reserve.
    pub budget_s: f64,
    /// Litres that it has left.
    pub fluid_l: f64,
    /// Where it lands.
    pub home: Vec3,
}

/// A task that is to be given away.
#[derive(Clone, Debug, PartialEq)]
pub struct Lot {
    /// Where it is done.
    pub site: Vec3,
    /// Seconds that it takes.
    pub duration_s: f64,
    /// Litres that it takes.
    pub fluid_l: f64,
    /// Seconds that it counts as nearer, because it is late or waits for long.
    pub urgency_s: f64,
}

/// What a rule sees. `extra_s[bidder][lot]` are seconds for what only the mission knows: crowded sites, tethers.
pub struct Market<'a> {
    /// Who may take tasks, in order of creation.
    pub bidders: &'a [Bidder],
    /// Tasks, oldest first.
    pub lots: &'a [Lot],
    /// Further cost of a bidder at a lot, in seconds.
    pub extra_s: &'a dyn Fn(usize, usize) -> f64,
    /// Seconds of flight between two points, round what stands between them.
    pub way_s: &'a dyn Fn(&Bidder, Vec3, Vec3) -> f64,
}

/// A lot goes to a bidder, behind what it has already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Award {
    /// Place among the bidders.
    pub bidder: usize,
    /// Place among the lots.
    pub lot: usize,
}

impl Market<'_> {
    /// Seconds until `lot` would be begun by `bidder` coming from `from` after `ready_s`; `None` if its charge or fluid
    /// does not suffice for it and the way home.
    pub fn cost(&self, bidder: usize, lot: usize, from: Vec3, ready_s: f64, fluid_l: f64) -> Option<f64> {
        let (who, what) = (&self.bidders[bidder], &self.lots[lot]);
        let begin_s = ready_s + (self.way_s)(who, from, what.site);
        let home_s = (self.way_s)(who, what.site, who.home);
        let is_possible = begin_s + what.duration_s + home_s <= who.budget_s && what.fluid_l <= fluid_l;
        is_possible.then(|| begin_s + (self.extra_s)(bidder, lot) - what.urgency_s)
    }

    /// As [`Market::cost`], for a bidder's next task.
    pub fn next_cost(&self, bidder: usize, lot: usize) -> Option<f64> {
        let who = &self.bidders[bidder];
        self.cost(bidder, lot, who.end, who.ready_s, who.fluid_l)
    }
}
