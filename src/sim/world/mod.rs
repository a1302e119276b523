//! The world: all drones and what surrounds them, one tick after another.

mod apply;
mod failsafe;
mod flock;
mod forecast;
mod gauge;
mod judge;
mod look;
mod meetings;
mod mission;
mod motion;
mod orders;
mod patterns;
mod report;
mod roster;
mod save;
mod site;
mod spread;
mod step;
#[cfg(test)]
mod tests;
mod tuning;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use forecast::Forecast;
pub use meetings::Meetings;
pub use save::RestoreError;

use super::battery::Stage;
use super::drone::{Drone, Faults, Heading, Landed, Leg, Next, Order, Task};
use super::drone_type::DroneType;
use super::dynamics::{Body, Dynamics, Response};
use super::flocking::Sums;
use super::measure::{CloseCalls, Encounter, Metrics, Safety};
use super::mission::Mission;
use super::neighbours::Neighbours;
use super::params::{Limit, ParamSpec, Params};
use super::rng::{Channel, Stream};
use super::scenario::{Block, Start};
use super::scene::Scene;
use super::sensors::{Fix, Rhythm, Sensors};
use super::slots::Slots;
use super::snapshot::{DroneRow, DroneTable, Visual};
use super::wind::Wind;
use super::{
    CommandResult, Happening, Intent, Level, Memory, Percept, Pilot, Progress, Scenario, Tick, Vec3, Verdict,
    geodesy,
};

/// A world. Cheap to read from many threads behind an `Arc`; [`World::step`] and [`World::apply`] change it, and leave
/// it frozen for the pilots of the next tick.
#[derive(Clone, Debug)]
pub struct World {
    scenario: Arc<Scenario>,
    seed: u64,
    tick: Tick,
    scene: Arc<Scene>,
    responses: Arc<[Response]>,
    kind_names: Arc<[Arc<str>]>,
    params: Params,
    changes: Vec<tuning::Change>,
    imperfect: bool,
    rhythm: Rhythm,
    wind: Wind,
    drones: Vec<Drone>,
    next_serial: u32,
    index: BTreeMap<Arc<str>, u32>,
    table: Arc<DroneTable>,
    visual: Arc<Visual>,
    glances: Vec<look::Glance>,
    traffic: Neighbours,
    slots: Slots,
    close_calls: CloseCalls,
    begun: Vec<(Encounter, usize, usize, f64)>,
    gauges: Arc<gauge::Gauges>,
    metrics: Metrics,
    safety: Safety,
    crashes: Vec<Tick>,
    missed: Vec<u32>,
    intents: Vec<Option<Intent>>,
    meetings: Meetings,
    happenings: Vec<Happening>,
    progress: Vec<Progress>,
    swarm: Arc<str>,
    mission: Option<Arc<Mission>>,
}

impl World {
    /// The world at tick 0 of a run.
    pub fn new(scenario: Arc<Scenario>, seed: u64) -> World {
        let mut world = World::empty(Arc::clone(&scenario), seed);
        for block in &scenario.fleet {
            world.place(block);
        }
        world.rows_changed();
        world.paths_changed();
        world.freeze_anew();
        world.muster();
        world
    }

    /// A world without drones.
    fn empty(scenario: Arc<Scenario>, seed: u64) -> World {
        let substep = scenario.tick_s / f64::from(scenario.substeps);
        World {
            seed,
            tick: 0,
            scene: Arc::clone(&scenario.scene),
            responses: scenario.types.iter().map(|kind| Response::new(kind, substep)).collect(),
            kind_names: scenario.types.iter().map(|kind| Arc::from(kind.name.as_str())).collect(),
            params: scenario.params.clone(),
            changes: Vec::new(),
            imperfect: scenario.params.senses_are_imperfect(),
            rhythm: Rhythm::new(&scenario.params, scenario.tick_s),
            wind: Wind::new(scenario.wind, &scenario.params),
            drones: Vec::with_capacity(scenario.drone_count()),
            next_serial: 0,
            index: BTreeMap::new(),
            table: Arc::default(),
            visual: Arc::default(),
            glances: Vec::new(),
            traffic: Neighbours::default(),
            slots: Slots::default(),
            close_calls: CloseCalls::default(),
            begun: Vec::new(),
            gauges: Arc::new(gauge::Gauges::new(&scenario)),
            metrics: Metrics::default(),
            safety: Safety::default(),
            crashes: Vec::new(),
            missed: Vec::new(),
            intents: Vec::new(),
            meetings: Meetings::default(),
            happenings: Vec::new(),
            progress: Vec::new(),
            swarm: Arc::from("swarm"),
            mission: scenario
                .mission
                .as_deref()
                .map(|spec| Arc::new(Mission::new(spec, &scenario.scene, seed))),
            scenario,
        }
    }

    /// The scenario that it started from.
    pub fn scenario(&self) -> &Arc<Scenario> {
        &self.scenario
    }

    /// The seed of the run.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Ticks since the start.
    pub fn tick(&self) -> Tick {
        self.tick
    }

    /// Length of a tick in seconds.
    pub fn tick_s(&self) -> f64 {
        self.scenario.tick_s
    }

    /// Seconds since the start.
    pub fn sim_time_s(&self) -> f64 {
        self.tick as f64 * self.tick_s()
    }

    /// Every type of drone.
    pub fn types(&self) -> &[DroneType] {
        &self.scenario.types
    }

    /// Every drone in order of creation. Removal keeps the order of the rest.
    pub fn drones(&self) -> &[Drone] {
        &self.drones
    }

    /// The place of the drone with this id. O(log drones).
    pub fn index_of(&self, id: &str) -> Option<usize> {
        self.index.get(id).map(|&i| i as usize)
    }

    /// Ids, types and groups.
    pub fn table(&self) -> Arc<DroneTable> {
        Arc::clone(&self.table)
    }

    /// Obstacles and fences.
    pub fn scene(&self) -> &Scene {
        &self.scene
    }

    /// Every tunable number with its value.
    pub fn params(&self) -> Vec<ParamSpec> {
        self.params.list()
    }

    /// What the pilot of drone `index` knows. Panics if there is no such drone.
    pub fn percept(&self, index: usize) -> Percept<'_> {
        self.percept_after(index, None)
    }

    /// As [`World::percept`], for a pilot whose behaviour has met its neighbours already.
    #[inline(always)]
    fn percept_after<'a>(&'a self, index: usize, met: Option<&'a Sums>) -> Percept<'a> {
        let me = &self.drones[index];
        let leader = match me.task {
            Task::Follow { leader, .. } => self.by_serial(leader),
            _ => None,
        };
        Percept {
            me,
            index,
            kind: self.kind(me),
            scene: &self.scene,
            traffic: &self.traffic,
            params: &self.params,
            leader: leader.map(|i| (self.drones[i].body.position, self.drones[i].body.velocity)),
            seed: self.seed,
            tick: self.tick,
            tick_s: self.tick_s(),
            drones: &self.drones,
            slots: &self.slots,
            space: &self.scenario.space,
            dynamics: self.scenario.dynamics,
            filter: self.scenario.filter,
            imperfect: self.imperfect,
            rhythm: self.rhythm,
            met,
        }
    }

    /// What drone `index` wants. Pure; panics only for an injected panic, or if there is no such drone.
    pub fn decide(&self, index: usize) -> Intent {
        Pilot::decide(&self.percept(index))
    }

    /// The mission, if the scenario has one.
    pub fn mission(&self) -> Option<&Mission> {
        self.mission.as_deref()
    }

    /// What has happened since the last call, oldest first.
    pub fn drain_happenings(&mut self) -> Vec<Happening> {
        std::mem::take(&mut self.happenings)
    }

    /// What has become of commands since the last call, oldest first.
    pub fn drain_progress(&mut self) -> Vec<Progress> {
        std::mem::take(&mut self.progress)
    }

    fn kind(&self, drone: &Drone) -> &DroneType {
        &self.scenario.types[usize::from(drone.kind)]
    }

    fn limit(&self, limit: Limit) -> f64 {
        self.params.limit(limit)
    }

    fn battery_pct(&self, drone: &Drone) -> f64 {
        100.0 * drone.battery_j / self.kind(drone).battery_j()
    }

    /// Serial numbers rise along the list.
    fn by_serial(&self, serial: u32) -> Option<usize> {
        self.drones.binary_search_by_key(&serial, |d| d.serial).ok()
    }

    /// Ticks that last at least `seconds`.
    fn ticks(&self, seconds: f64) -> Tick {
        (seconds / self.tick_s()).ceil().max(1.0) as Tick
    }

    fn tell(&mut self, level: Level, source: Arc<str>, code: &'static str, message: impl Into<String>) {
        let (tick, code, message) = (self.tick, code.into(), message.into());
        self.happenings.push(Happening { tick, level, source, code, message });
    }

    fn tell_of(&mut self, index: usize, level: Level, code: &'static str, message: impl Into<String>) {
        self.tell(level, Arc::clone(&self.drones[index].id), code, message);
    }

    /// Ends the order of a drone, if it has one.
    fn end_order(&mut self, index: usize, verdict: Verdict) {
        if let Some(order) = self.drones[index].order.take() {
            let done = verdict.result == CommandResult::Completed;
            let drone = Arc::clone(&self.drones[index].id);
            let progress_pct = done.then_some(100);
            self.progress.push(Progress { ticket: order.ticket, drone, verdict, progress_pct });
        }
    }

    /// Says how far the order of a drone has come.
    fn report(&mut self, index: usize, order: &Order, reason: Option<String>) {
        self.progress.push(Progress {
            ticket: order.ticket,
            drone: Arc::clone(&self.drones[index].id),
            verdict: Verdict { result: CommandResult::InProgress, reason },
            progress_pct: Some(order.progress_pct),
        });
    }

    fn place(&mut self, block: &Block) {
        let count = block.ids.len();
        for (k, id) in block.ids.iter().enumerate() {
            let serial = self.next_serial;
            let [e, n] = block.place.point(k, count, self.seed, serial);
            let mut stream = Stream::new(self.seed, serial, 1, Channel::Placement);
            let altitude = stream.between(block.altitude_m[0], block.altitude_m[1]);
            let charge = Stream::new(self.seed, serial, 0, Channel::Battery)
                .between(block.battery_pct[0], block.battery_pct[1]);
            let position = Vec3::new(e, n, altitude);
            let group = block.group.as_deref().map(Arc::from);
            let index = self.add(Arc::from(id.as_str()), block.kind, group, position);
            let home = block.home.as_ref().map(|place| place.point(k, count, self.seed, serial));
            let battery_j = self.types()[block.kind].battery_j();
            let drone = &mut self.drones[index];
            drone.battery_j = battery_j * charge / 100.0;
            drone.body.heading_deg = block.heading_deg;
            drone.body.velocity = block.push.velocity(self.seed, serial);
            if drone.body.velocity != Vec3::ZERO {
                drone.command = drone.body.velocity;
                drone.body.heading_deg =
                    geodesy::heading_deg(drone.body.velocity).unwrap_or(block.heading_deg);
            }
            if let Some([e, n]) = home {
                drone.home = Vec3::new(e, n, 0.0);
            }
            self.reset_sensors(index);
            self.begin(index, block, k);
        }
    }

    fn reset_sensors(&mut self, index: usize) {
        if self.imperfect {
            let rhythm = self.rhythm;
            let Drone { body, sensors, .. } = &mut self.drones[index];
            sensors.reset(Fix { position: body.position, velocity: body.velocity }, rhythm);
        }
    }

    /// After a change of parameters: sensors that become imperfect start from the truth.
    fn tune_sensors(&mut self) {
        let before = std::mem::replace(&mut self.imperfect, self.params.senses_are_imperfect());
        let rhythm = Rhythm::new(&self.params, self.tick_s());
        self.rhythm = rhythm;
        for index in 0..self.drones.len() {
            match before {
                true => self.drones[index].sensors.set_rhythm(rhythm),
                false => self.reset_sensors(index),
            }
        }
        self.hear();
    }

    /// What everyone hears of each drone, where messages are equally old for all.
    fn hear(&mut self) {
        let World { drones, traffic, tick, rhythm, .. } = self;
        if self.imperfect && rhythm.jitter == 0 {
            traffic.tell(|index| drones[index].sensors.told(*tick, rhythm.delay));
        }
    }

    /// What a scenario's drone does first.
    fn begin(&mut self, index: usize, block: &Block, k: usize) {
        let next = match &block.start {
            Start::Wait => return,
            Start::Mission(missions) => {
                let (mission, leg) = &missions[k];
                self.drones[index].mission = Some(Arc::clone(mission));
                self.drones[index].leg = Leg { waypoint: *leg, loiter_until: None };
                Next::Mission
            }
            Start::Behaviour(behaviour) => Next::Swarm(*behaviour),
        };
        if self.drones[index].is_airborne() {
            self.go_on(index, next);
        } else {
            self.lift_off(index, self.limit(Limit::TakeoffAltitude), next);
        }
    }

    /// Adds a drone, in the air and holding if `position` is above the ground there, and returns its place.
    fn add(&mut self, id: Arc<str>, kind: usize, group: Option<Arc<str>>, position: Vec3) -> usize {
        let ground = self.scene.ground_under(position);
        let airborne = position.z > ground + 0.5;
        let position = if airborne { position } else { position.at_altitude(ground) };
        let index = self.drones.len();
        self.index.insert(Arc::clone(&id), index as u32);
        self.drones.push(Drone {
            id,
            serial: self.next_serial,
            kind: kind as u16,
            group,
            body: Body { position, rejected_wind: self.wind.at(Vec3::ZERO, position.z), ..Body::default() },
            home: position.at_altitude(ground),
            battery_j: self.types()[kind].battery_j(),
            stage: Stage::Good,
            task: if airborne { Task::Hold { at: Some(position) } } else { Task::Idle },
            landed: if airborne { Landed::InAir } else { Landed::OnGround },
            armed: airborne,
            command: Vec3::ZERO,
            heading_command: Heading::AsBefore,
            memory: Memory::default(),
            mission: None,
            leg: Leg::default(),
            standing: None,
            order: None,
            faults: Faults::default(),
            signal_until: 0,
            restarts: 0,
            breach: false,
            link_rtl_done: false,
            heard: None,
            sensors: Sensors::default(),
            is_point: self.scenario.dynamics != Dynamics::Quad,
            stumbled: false,
        });
        self.reset_sensors(index);
        self.next_serial += 1;
        index
    }

    /// Starts to climb straight up to `altitude_m` over the ground plane.
    fn lift_off(&mut self, index: usize, altitude_m: f64, then: Next) {
        let drone = &mut self.drones[index];
        let position = drone.body.position;
        let altitude = altitude_m.max(position.z + 2.0);
        drone.armed = true;
        drone.landed = Landed::Takeoff;
        drone.task = Task::Takeoff { to: position.at_altitude(altitude), then };
    }

    /// What follows a takeoff, or the start in the air.
    fn go_on(&mut self, index: usize, next: Next) {
        self.drones[index].task = match next {
            Next::Hold => Task::Hold { at: None },
            Next::Mission => Task::Mission,
            Next::Swarm(behaviour) => Task::Swarm { behaviour },
        };
    }

    /// A new table with the next number.
    fn rows_changed(&mut self) {
        let rows = self.drones.iter().map(|d| DroneRow {
            id: Arc::clone(&d.id),
            kind: Arc::clone(&self.kind_names[usize::from(d.kind)]),
            group: d.group.clone(),
        });
        self.table = Arc::new(DroneTable { epoch: self.table.epoch + 1, rows: rows.collect() });
    }

    fn paths_changed(&mut self) {
        let paths = self.drones.iter().filter_map(|d| {
            let mission = d.mission.as_ref()?;
            Some((Arc::clone(&d.id), mission.waypoints.iter().map(|w| w.position).collect()))
        });
        self.visual = Arc::new(Visual {
            fences: self.scene.fences.clone(),
            obstacles: self.scene.obstacles.clone(),
            paths: paths.collect(),
        });
    }

    /// Sorts the drones for the pilots of the next tick, and measures.
    fn freeze(&mut self) {
        self.arrange();
        self.take_places();
        self.measure();
    }

    /// As [`World::freeze`], after drones have come or gone.
    fn freeze_anew(&mut self) {
        self.look_round();
        self.freeze();
    }

    /// Sorts drones that nobody has looked at.
    fn sort(&mut self) {
        self.look_round();
        self.arrange();
    }

    fn arrange(&mut self) {
        let World { glances, scenario, traffic, .. } = self;
        traffic.rebuild_in(&scenario.space, glances.len(), |i| glances[i].traffic);
        self.hear();
    }

    /// Shows others what has become of one drone between two ticks. It has not gone anywhere.
    fn show(&mut self, index: usize) {
        self.glances[index] = self.look().at(index, &self.drones[index]);
        self.traffic.refresh(index, self.glances[index].traffic);
    }
}
