//! The mind of one drone: from what it perceives to what it wants, without memory of its own.
//!
//! What a pilot has to remember stands in its [`Intent`] and comes back with the next [`Percept`].

use serde::{Deserialize, Serialize};

use super::avoidance::{Filter, safe_velocity};
use super::drone::{Drone, Heading, Task};
use super::drone_type::DroneType;
use super::dynamics::{Dynamics, braking_accel, braking_gain, braking_speed, speed_along};
use super::flocking::Sums;
use super::neighbours::Neighbours;
use super::params::{Limit, NEAREST_MAX, Params, Radio};
use super::rng::{Channel, Stream};
use super::route::{self, Detour};
use super::scene::Scene;
use super::sensors::{Fix, Rhythm};
use super::slots::Slots;
use super::space::Space;
use super::{Tick, Vec3, behaviour, orca};

/// All that one pilot knows at one tick.
#[derive(Clone, Copy, Debug)]
pub struct Percept<'a> {
    /// Its drone.
    pub me: &'a Drone,
    /// Place of its drone among all.
    pub index: usize,
    /// The drone's type.
    pub kind: &'a DroneType,
    /// What stands still.
    pub scene: &'a Scene,
    /// Everyone in the world at the end of the last tick.
    pub traffic: &'a Neighbours,
    /// The tunable numbers.
    pub params: &'a Params,
    /// Position and velocity of the drone that it follows.
    pub leader: Option<(Vec3, Vec3)>,
    /// Seed of the run.
    pub seed: u64,
    /// Ticks since the start.
    pub tick: Tick,
    /// Length of a tick.
    pub tick_s: f64,
    /// Every drone in order of creation, for what others hear of it.
    pub drones: &'a [Drone],
    /// Places of those who fly a formation.
    pub slots: &'a Slots,
    /// The space that all move in.
    pub space: &'a Space,
    /// How bodies move.
    pub dynamics: Dynamics,
    /// What has the last word.
    pub filter: Filter,
    /// Whether sensors err or messages come late or not at all.
    pub imperfect: bool,
    /// Times of sensors and radios in ticks.
    pub rhythm: Rhythm,
    /// What its behaviour has added up over its neighbours, if it met them together with others (see
    /// [`super::company`]).
    pub met: Option<&'a Sums>,
}

impl Percept<'_> {
    /// The behaviour that the drone flies, if it is part of a swarm.
    pub fn traffic_behaviour(&self) -> Option<u8> {
        match self.me.task {
            Task::Swarm { behaviour } => Some(behaviour),
            _ => None,
        }
    }

    /// The behaviour that another drone flies.
    pub fn behaviour_of(&self, other: &Drone) -> Option<u8> {
        match other.task {
            Task::Swarm { behaviour } => Some(behaviour),
            _ => None,
        }
    }

    fn told(&self, other: &Drone) -> Fix {
        match self.imperfect {
            true => other.sensors.told(self.tick, self.age(other)),
            false => Fix { position: other.body.position, velocity: other.body.velocity },
        }
    }

    /// What this drone hears of another now: nothing, if it is out of the radio's range or the message is lost.
    pub fn heard(&self, other: &Drone) -> Option<Fix> {
        let distance2 = self.space.offset(self.me.body.position, other.body.position).norm2();
        let range = self.params.radio(Radio::Range);
        let is_far = range > 0.0 && distance2 > range * range;
        let is_lost = self.imperfect && self.is_lossy() && self.is_lost(other, distance2);
        (!is_far && !is_lost).then(|| self.told(other))
    }

    /// Where the drone believes to be.
    pub fn position(&self) -> Vec3 {
        if self.imperfect { self.me.sensors.fix().position } else { self.me.body.position }
    }

    /// How fast the drone believes to move.
    pub fn velocity(&self) -> Vec3 {
        if self.imperfect { self.me.sensors.fix().velocity } else { self.me.body.velocity }
    }

    /// Calls `visit(offset, velocity)` for everyone in the same behaviour within `radius` metres, in a fixed order.
    ///
    /// With an imperfect radio the true distance decides who is in range, some messages are lost, and those that
    /// arrive tell where the sender believed to be `radio.delay_s` ago. With `radio.nearest` the nearest so many of those in
    /// range are heard, whatever their distance.
    #[inline(always)]
    pub fn each_neighbour(&self, radius: f64, mut visit: impl FnMut(Vec3, Vec3)) {
        let (mine, range) = (self.traffic_behaviour(), self.params.radio(Radio::Range));
        let radius = if range > 0.0 { radius.min(range) } else { radius };
        let nearest = self.params.radio(Radio::Nearest);
        let radius = if nearest >= 1.0 { self.reach_of(nearest, radius) } else { radius };
        let (here, is_lossy, is_late) = (self.position(), self.is_lossy(), self.rhythm.jitter > 0);
        // Rules are built into this one loop, with their sums in registers.
        self.traffic.each_heard(self.me.body.position, radius, |other, offset, heard, distance2| {
            if other.index as usize == self.index || other.behaviour != mine {
                return;
            }
            if !self.imperfect {
                return visit(offset, other.velocity);
            }
            let sender = &self.drones[other.index as usize];
            if is_lossy && self.is_lost(sender, distance2) {
                return;
            }
            let told = match heard {
                Some(heard) if !is_late => *heard,
                _ => sender.sensors.told(self.tick, self.age(sender)),
            };
            visit(self.space.offset(here, told.position), told.velocity);
        });
    }

    /// The distance, at most `radius`, within which the `nearest` in the same behaviour are; a hair more, so that the last
    /// one is not lost to rounding. Who is exactly as far as the last one counts too.
    fn reach_of(&self, nearest: f64, radius: f64) -> f64 {
        let mine = self.traffic_behaviour();
        let mut least = [f64::INFINITY; NEAREST_MAX as usize];
        let least = &mut least[..nearest as usize];
        let last = least.len() - 1;
        self.traffic.each_within(self.me.body.position, radius, |other, _, distance2| {
            if other.index as usize != self.index && other.behaviour == mine && distance2 < least[last] {
                let at = least.partition_point(|&known| known <= distance2);
                least[at..].rotate_right(1);
                least[at] = distance2;
            }
        });
        radius.min(least[last].sqrt() * (1.0 + 1e-12))
    }

    /// Counts the messages of those in the same behaviour within `radius` metres at this tick.
    pub fn receive(&self, radius: f64, all: &mut Reception) {
        let (mine, is_lossy) = (self.traffic_behaviour(), self.is_lossy());
        self.traffic.each_within(self.me.body.position, radius, |other, _, distance2| {
            if other.index as usize == self.index || other.behaviour != mine {
                return;
            }
            all.expected += 1;
            let sender = &self.drones[other.index as usize];
            if !(is_lossy && self.is_lost(sender, distance2)) {
                all.delivered += 1;
                all.age_s += (self.age(sender) as f64 + f64::from(sender.sensors.since())) * self.tick_s;
            }
        });
    }

    /// Whether all messages arrive, equally late.
    pub fn hears_all_alike(&self) -> bool {
        !self.is_lossy() && self.rhythm.jitter == 0 && self.rhythm.period <= 1
    }

    fn is_lossy(&self) -> bool {
        is_lossy(self.params)
    }

    /// Whether the newest message of a sender at this squared distance does not arrive: with probability
    /// `loss + loss_ratio (d / loss_distance)²`, and `burst_loss` beside it in the sender's bad states.
    fn is_lost(&self, sender: &Drone, distance2: f64) -> bool {
        let far = self.params.radio(Radio::LossDistance);
        let mut loss =
            self.params.radio(Radio::Loss) + self.params.radio(Radio::LossRatio) * distance2 / (far * far);
        if sender.sensors.is_bad() {
            loss = 1.0 - (1.0 - loss.min(1.0)) * (1.0 - self.params.radio(Radio::BurstLoss));
        }
        loss > 0.0 && self.draw(sender, Channel::Loss) < loss
    }

    /// How many ticks ago was sent what this drone hears of another now.
    fn age(&self, sender: &Drone) -> usize {
        let Rhythm { delay, jitter, .. } = self.rhythm;
        match jitter {
            0 => delay,
            _ => delay + ((jitter as f64 + 1.0) * self.draw(sender, Channel::Jitter)) as usize,
        }
    }

    /// A number in [0, 1) for the newest message from a sender to this drone.
    fn draw(&self, sender: &Drone, channel: Channel) -> f64 {
        let sent = self.tick.saturating_sub(u64::from(sender.sensors.since()));
        Stream::of_pair(self.seed, self.me.serial, sender.serial, sent, channel).uniform()
    }
}

/// What the radio has brought to some drones.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Reception {
    /// Messages of drones in range.
    pub expected: u32,
    /// Those that arrived.
    pub delivered: u32,
    /// The sum of the ages of their contents in seconds.
    pub age_s: f64,
}

/// What a pilot remembers from one tick to the next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Memory {
    /// How it passes what is in its way.
    pub detour: Option<Detour>,
}

/// What a pilot wants.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Intent {
    /// To fly at a velocity.
    Fly {
        /// Velocity over ground, east-north-up, m/s.
        velocity: Vec3,
        /// Where to look.
        heading: Heading,
        /// What it remembers.
        memory: Memory,
    },
    /// Nothing: the pilot panicked. The world puts the drone into a failsafe.
    Crashed,
}

impl Intent {
    /// Velocity, heading and memory, if they are something that can be done.
    pub fn wish(&self) -> Option<(Vec3, Heading, Memory)> {
        match *self {
            Intent::Fly { velocity, heading, memory } if velocity.is_finite() && heading.is_finite() => {
                Some((velocity, heading, memory))
            }
            Intent::Fly { .. } | Intent::Crashed => None,
        }
    }
}

/// Whether any message may be lost.
pub(super) fn is_lossy(params: &Params) -> bool {
    let causes = [Radio::Loss, Radio::LossRatio, Radio::BurstShare];
    causes.iter().any(|&cause| params.radio(cause) > 0.0)
}

/// Below this horizontal speed a drone keeps its heading.
const TURN_MPS_MIN: f64 = 0.7;
/// Correcting a position is done gently.
const HOLD_MPS_MAX: f64 = 3.0;
/// Farther from its place than this, a follower looks for a way round obstacles.
const FORMATION_M: f64 = 8.0;
/// How much wider than the clearance a route passes obstacles, so that avoidance need not brake.
const ROUTE_MARGIN_M: f64 = 1.5;
/// Speed at touchdown, and the gain with height above it.
const TOUCHDOWN_MPS: f64 = 0.4;
const TOUCHDOWN_GAIN: f64 = 0.4;

/// A pilot. It has no state: two with the same percept want the same.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pilot;

impl Pilot {
    /// What the pilot wants, given what it knows. Panics only if that fault was injected.
    pub fn decide(percept: &Percept) -> Intent {
        if percept.me.faults.panic {
            // As a panic unwinds, but without its words on stderr: it was asked for.
            std::panic::resume_unwind(Box::new("injected panic"));
        }
        let mut flight = Flight { p: percept, memory: percept.me.memory, heading_deg: None };
        let wish = flight.wish();
        let velocity = match percept.filter {
            Filter::Brake => safe_velocity(percept, wish),
            Filter::Orca => orca::safe_velocity(percept, wish),
            Filter::None => wish,
        };
        let is_turning = velocity.horizontal_norm() > TURN_MPS_MIN;
        let forwards = if is_turning { Heading::Forwards } else { Heading::AsBefore };
        let heading = flight.heading_deg.map_or(forwards, Heading::At);
        Intent::Fly { velocity, heading, memory: flight.memory }
    }
}

/// One decision under way.
struct Flight<'a> {
    p: &'a Percept<'a>,
    memory: Memory,
    heading_deg: Option<f64>,
}

impl Flight<'_> {
    fn wish(&mut self) -> Vec3 {
        let (me, p) = (self.p.me, self.p);
        if p.tick < me.faults.gps_until {
            // Without a fix only the descent can be controlled.
            return if matches!(me.task, Task::Land) { self.touchdown() } else { Vec3::ZERO };
        }
        let travels = matches!(
            me.task,
            Task::Goto { .. } | Task::Errand { .. } | Task::Mission | Task::Rtl { .. } | Task::Follow { .. }
        );
        if !travels {
            self.memory = Memory::default();
        }
        match me.task {
            Task::Idle | Task::Fall | Task::Hold { at: None } => Vec3::ZERO,
            Task::Hold { at: Some(at) } => self.arrive(at, HOLD_MPS_MAX),
            Task::Takeoff { to, .. } => self.arrive(to, f64::INFINITY),
            Task::Goto { goal, speed_mps, heading_deg } | Task::Errand { goal, speed_mps, heading_deg } => {
                self.heading_deg = heading_deg;
                self.travel(goal, speed_mps.unwrap_or(f64::INFINITY), true)
            }
            Task::Follow { offset, .. } => self.follow(offset),
            Task::Mission => self.mission(),
            Task::Velocity { velocity, .. } => velocity,
            Task::Swarm { behaviour } => behaviour::ALL[usize::from(behaviour)].velocity(p, behaviour),
            Task::Rtl { descending: false } => self.way_home(),
            Task::Rtl { descending: true } => {
                let home = me.home - self.p.position();
                home.horizontal().clamp_norm(1.0) + self.touchdown()
            }
            Task::Land => self.touchdown(),
        }
    }

    /// Straight to a point, at rest there.
    fn arrive(&self, goal: Vec3, speed: f64) -> Vec3 {
        self.approach(goal, speed, 0.0)
    }

    /// To `point`, from where `beyond` metres remain before the drone has to stand.
    fn approach(&self, point: Vec3, speed: f64, beyond: f64) -> Vec3 {
        let way = point - self.p.position();
        let direction = way.unit();
        let kind = self.p.kind;
        let braking = braking_speed(way.norm() + beyond, braking_accel(kind, direction), braking_gain(kind));
        direction * braking.min(speed).min(speed_along(kind, direction))
    }

    /// To a goal round obstacles, at rest there or passing through.
    fn travel(&mut self, goal: Vec3, speed: f64, stop: bool) -> Vec3 {
        let margin = self.p.params.limit(Limit::Clearance) + ROUTE_MARGIN_M;
        let position = self.p.position();
        let step = route::next_point(self.p.scene, margin, position, goal, &mut self.memory.detour);
        self.approach(step.point, speed, if stop { step.beyond_m } else { f64::MAX })
    }

    fn follow(&mut self, offset: Vec3) -> Vec3 {
        let Some((position, velocity)) = self.p.leader else { return Vec3::ZERO };
        let place = position + offset;
        if place.distance(self.p.position()) > FORMATION_M {
            return self.travel(place, f64::INFINITY, true) + velocity * 0.5;
        }
        velocity + self.arrive(place, f64::INFINITY)
    }

    fn mission(&mut self) -> Vec3 {
        let me = self.p.me;
        let Some(mission) = &me.mission else { return Vec3::ZERO };
        let Some(waypoint) = mission.waypoints.get(me.leg.waypoint) else { return Vec3::ZERO };
        self.heading_deg = waypoint.heading_deg;
        if me.leg.loiter_until.is_some() {
            return self.arrive(waypoint.position, HOLD_MPS_MAX);
        }
        let last = me.leg.waypoint + 1 == mission.waypoints.len();
        let stop = waypoint.loiter_s > 0.0 || (last && !mission.looped);
        self.travel(waypoint.position, waypoint.speed_mps.unwrap_or(f64::INFINITY), stop)
    }

    /// Up to the altitude of the way home first; a drone that is higher comes down on the way.
    fn way_home(&mut self) -> Vec3 {
        let (me, altitude) = (self.p.me, self.p.params.limit(Limit::RtlAltitude));
        let position = self.p.position();
        let over_home = me.home.at_altitude(me.home.z.max(0.0) + altitude);
        let near = (over_home - position).horizontal_norm() < 5.0;
        if position.z < over_home.z - 1.0 && !near {
            return self.arrive(position.at_altitude(over_home.z), f64::INFINITY);
        }
        // Low over the home already: no need to climb for the last metres.
        let goal = if near { over_home.at_altitude(over_home.z.min(position.z)) } else { over_home };
        self.travel(goal, f64::INFINITY, true)
    }

    fn touchdown(&self) -> Vec3 {
        let position = self.p.position();
        let height = (position.z - self.p.scene.ground_under(position)).max(0.0);
        Vec3::UP * -(TOUCHDOWN_MPS + TOUCHDOWN_GAIN * height).min(self.p.kind.descent_mps_max)
    }
}
