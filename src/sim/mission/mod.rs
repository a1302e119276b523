//! A mission: what a swarm has to get done at a site that it does not know.
//!
//! The scenario describes hidden buildings with windows ([`site`]); the swarm knows what its sensors have seen of them
//! ([`map`], [`Glimpse`]). What is to be done are tasks as data ([`job`]), shared out by a rule ([`allocation`]) among
//! drones by their capabilities. Five times a simulated second the mission is shown every drone and answers with orders:
//! ```text
//! World ──[Sight]──► Mission::round: observe ─► look ─► rules ─► work ─► supply ─► plan ─► steer ─► flow ──[Order]──► World
//! ```
//! It decides on one thread from what it is shown, so it changes nothing about determinism, and a world without a mission
//! pays nothing for it.

pub mod allocation;
mod crew;
mod explore;
mod flow;
mod given;
mod invariants;
pub mod job;
mod look;
pub mod map;
mod plan;
pub mod report;
pub mod rules;
pub mod site;
pub mod spec;
mod steer;
mod supply;
#[cfg(test)]
mod tests;
mod work;

use std::borrow::Cow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use crew::{Activity, Member};
pub use given::Stage;
pub use job::{Board, Job, Kind, Subject};
pub use report::{Acceptance, Check, Report, Verdict};
pub use rules::RuleState;
pub use spec::Spec;

use super::drone_type::DroneType;
use super::hash::Hash64;
use super::scene::Scene;
use super::{Level, Tick, Vec3};
use map::Map;
use site::Truth;

/// Time between two rounds in seconds.
pub const ROUND_S: f64 = 0.2;

/// What the swarm believes of a window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Status {
    /// Nobody has seen it.
    #[default]
    Unknown,
    /// Seen, and to be cleaned.
    Dirty,
    /// Cleaned, and to be checked.
    Cleaned,
    /// Checked, and clean.
    Verified,
    /// Checked, not clean, and to be cleaned again.
    Rejected,
}

impl Status {
    /// One letter for the wire.
    pub fn letter(self) -> char {
        match self {
            Status::Unknown => '.',
            Status::Dirty => 'd',
            Status::Cleaned => 'c',
            Status::Verified => 'v',
            Status::Rejected => 'r',
        }
    }
}

/// What the swarm knows of a window, fused from all who looked at it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Glimpse {
    /// What follows from it.
    pub status: Status,
    /// Mean of the measured dirt levels, then of the measured residues.
    pub dirt: f64,
    /// How many looks it is the mean of.
    pub looks: u32,
    /// When it was found, cleaned last, verified.
    pub found_at: Option<Tick>,
    /// When it was cleaned last.
    pub cleaned_at: Option<Tick>,
    /// When it was verified.
    pub verified_at: Option<Tick>,
    /// The open task to clean it, and the one to inspect it.
    pub jobs: [Option<u32>; 2],
}

impl Glimpse {
    fn fuse(&mut self, measured: f64) {
        self.looks += 1;
        self.dirt += (measured - self.dirt) / f64::from(self.looks);
    }
}

/// How far a mission has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase {
    /// Everybody stands and is checked.
    #[default]
    Preparing,
    /// Nothing to clean is known yet.
    Scanning,
    /// Windows are cleaned, while scouts may still look for more.
    Working,
    /// What is left is to be checked.
    Verifying,
    /// Everybody flies home.
    Returning,
    /// Over.
    Ended,
}

impl Phase {
    /// Name on the wire.
    pub fn name(self) -> &'static str {
        ["preparing", "scanning", "working", "verifying", "returning", "ended"][self as usize]
    }

    /// Whether tasks are given out.
    pub fn is_active(self) -> bool {
        matches!(self, Phase::Scanning | Phase::Working | Phase::Verifying)
    }
}

/// How a mission ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// The site is seen and every window found is verified.
    Complete,
    /// Its time was up.
    Incomplete,
    /// What is left cannot be done by those who are left.
    Stranded,
}

impl Outcome {
    /// All of them with their names.
    pub const ALL: [(&'static str, Outcome); 3] = [
        ("complete", Outcome::Complete),
        ("incomplete", Outcome::Incomplete),
        ("stranded", Outcome::Stranded),
    ];

    /// Name in files and on the wire.
    pub fn name(self) -> &'static str {
        Outcome::ALL[self as usize].0
    }
}

/// A mission under way. Everything that its future depends on stands here; the [`Spec`] comes with the scenario.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Mission {
    /// How far it has come.
    pub phase: Phase,
    /// How it ended, from the phase `returning` on.
    pub outcome: Option<Outcome>,
    /// Why, as a sentence.
    pub reason: String,
    /// When it ended.
    pub ended_at: Option<Tick>,
    /// When the scouts had seen all that there is to see.
    pub scanned_at: Option<Tick>,
    /// Whether operators are shown the truth.
    pub god_view: bool,
    /// The hidden truth.
    pub truth: Truth,
    /// What is known of the site.
    pub map: Map,
    /// What is known of each window.
    pub windows: Vec<Glimpse>,
    /// Whether any window of each building was found.
    pub found: Vec<bool>,
    /// Tasks.
    pub board: Board,
    /// How far each task is that the scenario gives.
    pub given: Vec<Stage>,
    /// The drones, by serial number.
    pub crew: Vec<Member>,
    /// Rules, in the order of the scenario.
    pub rules: Vec<RuleState>,
    /// The wind as the swarm feels it, smoothed, m/s.
    pub wind_mps: f64,
    /// Tankers that wait for a dock at the base or are filled there, in order of coming.
    pub docks: Vec<u32>,
    /// Swaps of cartridges so far.
    pub resupplies: u32,
    /// Windows that were sent back.
    pub rejections: u32,
    /// Fluid used, in litres.
    pub fluid_l: f64,
    /// Laws that were broken when somebody looked last.
    #[serde(skip)]
    pub laws_broken: usize,
    next_event: usize,
    next_patrol: Tick,
    next_corner: u32,
}

/// The world at a round, except drones.
#[derive(Clone, Copy)]
pub struct Moment<'a> {
    /// What the scenario says.
    pub spec: &'a Spec,
    /// What stands still. Sensors are blocked by it; the swarm knows of it only what they see.
    pub scene: &'a Scene,
    /// Types of drones.
    pub types: &'a [DroneType],
    /// Seed of the run.
    pub seed: u64,
    /// Ticks since the start.
    pub tick: Tick,
    /// Length of a tick.
    pub tick_s: f64,
    /// Seconds since the last round.
    pub dt: f64,
    /// Wind that blows now, m/s.
    pub wind_mps: f64,
    /// Charge with which a drone takes off again.
    pub resume_pct: f64,
    /// Altitude of the way home.
    pub way_home_m: f64,
}

impl Moment<'_> {
    fn ticks(&self, seconds: f64) -> Tick {
        (seconds / self.tick_s).ceil() as Tick
    }

    /// Seconds since the start.
    pub fn time_s(&self) -> f64 {
        self.tick as f64 * self.tick_s
    }
}

/// What a drone is doing, as far as a mission cares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doing {
    /// It stands.
    Standing,
    /// It takes off.
    Climbing,
    /// It flies and takes orders.
    Free,
    /// It flies home or comes down.
    Coming,
}

/// A drone as the mission is shown it.
#[derive(Clone, Debug)]
pub struct Sight {
    /// Its serial number.
    pub serial: u32,
    /// Its place among the drones of the world.
    pub index: usize,
    /// Its type, by its place in the list.
    pub kind: u16,
    /// Its id.
    pub id: Arc<str>,
    /// Where it is.
    pub position: Vec3,
    /// How fast it moves.
    pub velocity: Vec3,
    /// Where it looks.
    pub heading_deg: f64,
    /// Its charge in joules.
    pub battery_j: f64,
    /// Where it returns to.
    pub home: Vec3,
    /// What it is doing.
    pub doing: Doing,
    /// What keeps it from working, if anything does.
    pub trouble: Option<&'static str>,
    /// Whether it hears and is heard.
    pub is_linked: bool,
    /// Whether it is beyond a fence.
    pub is_beyond: bool,
    /// Whether that fence itself says to hold.
    pub is_held: bool,
}

/// What a drone is to do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Order {
    /// To take off.
    TakeOff,
    /// To fly to a point and stay there.
    Fly {
        /// The point.
        goal: Vec3,
        /// Speed, if not the type's.
        speed_mps: Option<f64>,
        /// Heading, if not forwards.
        heading_deg: Option<f64>,
    },
    /// To brake and stay where that ends.
    Hold,
    /// To return home and land.
    Return,
    /// Charge that comes or goes through a tether.
    Feed {
        /// In joules.
        joules: f64,
    },
}

/// Something to tell: level, drone or the mission itself, code, sentence.
#[derive(Clone, Debug, PartialEq)]
pub struct Said {
    /// How much it matters.
    pub level: Level,
    /// The drone, if it is about one.
    pub drone: Option<Arc<str>>,
    /// Stable name for programs.
    pub code: &'static str,
    /// A sentence.
    pub message: Cow<'static, str>,
}

/// What comes out of a round.
#[derive(Debug, Default)]
pub struct Answer {
    /// Orders, by place among the drones of the world.
    pub orders: Vec<(usize, Order)>,
    /// What is to be told.
    pub said: Vec<Said>,
}

/// A round under way.
struct Round<'a> {
    m: &'a mut Mission,
    now: Moment<'a>,
    sights: &'a [Sight],
    /// For each member the place of its sight.
    at: Vec<Option<usize>>,
    answer: Answer,
}

impl Mission {
    /// The mission at tick 0 of a run.
    pub fn new(spec: &Spec, scene: &Scene, seed: u64) -> Mission {
        Mission {
            phase: Phase::Preparing,
            outcome: None,
            reason: String::new(),
            ended_at: None,
            scanned_at: None,
            god_view: spec.god_view,
            truth: Truth::new(&spec.layout, seed),
            map: Map::new(&spec.search, scene),
            windows: vec![Glimpse::default(); spec.layout.windows.len()],
            found: vec![false; spec.layout.buildings.len()],
            board: Board::default(),
            given: vec![Stage::Coming; spec.tasks.len()],
            crew: Vec::new(),
            rules: spec.rules.iter().map(|_| RuleState::default()).collect(),
            wind_mps: 0.0,
            docks: Vec::new(),
            resupplies: 0,
            rejections: 0,
            fluid_l: 0.0,
            laws_broken: 0,
            next_event: 0,
            next_patrol: 0,
            next_corner: 0,
        }
    }

    /// Whether a mission that was saved belongs to this scenario: every list has its length.
    pub fn fits(&self, spec: &Spec, scene: &Scene) -> bool {
        let fresh = Mission::new(spec, scene, 0);
        let lengths = |m: &Mission| {
            let truth = (m.truth.dirt.len(), m.truth.cleanings.len());
            (m.windows.len(), truth, m.found.len(), m.rules.len(), m.given.len())
        };
        lengths(self) == lengths(&fresh)
            && self.map.is_like(&fresh.map)
            && self.next_event <= spec.events.len()
    }

    /// Takes on the crew before the first round, which is at tick `first`.
    pub fn muster(&mut self, now: Moment, sights: &[Sight], first: Tick) {
        Round { m: self, now, sights, at: Vec::new(), answer: Answer::default() }.enlist(first);
    }

    /// One round: from what is shown to what is ordered.
    pub fn round(&mut self, now: Moment, sights: &[Sight]) -> Answer {
        let mut round = Round { m: self, now, sights, at: Vec::new(), answer: Answer::default() };
        round.observe();
        round.look();
        round.keep_rules();
        round.work();
        round.supply();
        round.plan();
        round.steer();
        round.flow();
        round.answer
    }

    /// Whether [`Mission::due_events`] has any.
    pub fn has_due_event(&self, spec: &Spec, time_s: f64) -> bool {
        spec.events.get(self.next_event).is_some_and(|event| event.at_s <= time_s + 1e-9)
    }

    /// The events of the scenario that are due, each once.
    pub fn due_events<'s>(&mut self, spec: &'s Spec, time_s: f64) -> &'s [spec::Event] {
        let from = self.next_event;
        while self.has_due_event(spec, time_s) {
            self.next_event += 1;
        }
        &spec.events[from..self.next_event]
    }

    /// An operator gives a drone an order of its own, or gives it back.
    pub fn set_manual(&mut self, serial: u32, is_manual: bool) {
        if let Ok(i) = self.crew.binary_search_by_key(&serial, |member| member.serial) {
            self.crew[i].is_manual = is_manual;
        }
    }

    /// Whether a drone belongs to the mission.
    pub fn has(&self, serial: u32) -> bool {
        self.crew.binary_search_by_key(&serial, |member| member.serial).is_ok()
    }

    /// How many windows are believed to be in each state, in the order of [`Status`].
    pub fn counts(&self) -> [u32; 5] {
        let mut counts = [0; 5];
        self.windows.iter().for_each(|window| counts[window.status as usize] += 1);
        counts
    }

    /// Takes all that the future depends on into a hash.
    pub fn enter(&self, hash: &mut Hash64) {
        hash.word(self.phase as u64 | u64::from(self.god_view) << 8 | (self.next_event as u64) << 16);
        hash.word(self.next_patrol);
        hash.word(u64::from(self.next_corner));
        hash.number(self.wind_mps);
        for (window, (dirt, times)) in
            self.windows.iter().zip(self.truth.dirt.iter().zip(&self.truth.cleanings))
        {
            hash.word(window.status as u64 | u64::from(window.looks) << 8 | u64::from(*times) << 40);
            hash.number(window.dirt);
            hash.number(*dirt);
        }
        self.map.enter(hash);
        self.board.enter(hash);
        let stage = |stage: &Stage| match *stage {
            Stage::Coming => 0,
            Stage::Open(job) => 1 + u64::from(job),
            Stage::Done => u64::MAX,
        };
        self.given.iter().for_each(|given| hash.word(stage(given)));
        self.docks.iter().for_each(|&serial| hash.word(u64::from(serial)));
        self.rules.iter().for_each(|rule| rule.enter(hash));
        self.crew.iter().for_each(|member| member.enter(hash));
    }
}

impl Round<'_> {
    /// What is shown of a member, if it is there.
    fn sight(&self, i: usize) -> Option<&Sight> {
        self.at[i].map(|k| &self.sights[k])
    }

    fn kind(&self, i: usize) -> &DroneType {
        &self.now.types[usize::from(self.m.crew[i].kind)]
    }

    fn tank_l(&self, i: usize) -> f64 {
        self.now.spec.tanks_l.get(usize::from(self.m.crew[i].kind)).copied().unwrap_or(0.0)
    }

    fn member_of(&self, serial: u32) -> Option<usize> {
        self.m.crew.binary_search_by_key(&serial, |member| member.serial).ok()
    }

    fn tell(&mut self, level: Level, code: &'static str, message: impl Into<Cow<'static, str>>) {
        self.answer.said.push(Said { level, drone: None, code, message: message.into() });
    }

    fn tell_of(&mut self, i: usize, level: Level, code: &'static str, message: impl Into<Cow<'static, str>>) {
        let drone = Some(Arc::clone(&self.m.crew[i].id));
        self.answer.said.push(Said { level, drone, code, message: message.into() });
    }

    fn order(&mut self, i: usize, order: Order) {
        if let Some(index) = self.sight(i).map(|sight| sight.index) {
            self.answer.orders.push((index, order));
        }
    }
}
