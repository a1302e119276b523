//! `Publisher`: turns what a swarm publishes into frames, each encoded once and shared by all who want it.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::prelude::*;

use crate::contract::compact::{self, Stamp};
use crate::contract::event;
use crate::contract::incoming::Speed;
use crate::contract::mission;
use crate::contract::outgoing::{self, Status};
use crate::sim::{DroneState, DroneTable, Obstacle, Snapshot};
use crate::socketio::{Delivery, Frame, Namespace, OnSent};
use crate::swarm::{Published, RunInfo, TickReport, wall_time_ms};

use super::chains::Chains;
use super::desk::{Desk, Now};
use super::leases::Leases;
use super::presence;
use super::rooms::{Room, Rooms};
use super::subscriptions::{Encoding, Subscription, Topic, VISUALIZATION_EVERY};

/// Publications that may wait for this actor. A tick that finds it full is lost, and its number with it.
const MAILBOX_MESSAGES: usize = 256;
/// Publications between two looks at who is connected: once a second.
const PRESENCE_EVERY: u64 = 25;
/// Points of a trail, at five a second.
const TRAIL_POINTS: usize = 25;
/// Above so many drones a visualization carries no trails: consoles draw their own from what they have seen.
const TRAIL_DRONES_MAX: usize = 250;

/// Publishes one swarm to the namespace it is seen in.
pub struct Publisher {
    namespace: Namespace,
    desk: Arc<Desk>,
    rooms: Arc<Rooms>,
    leases: Arc<Leases>,
    seq: u64,
    run: Option<Arc<RunInfo>>,
    epoch: Epoch,
    chains: Chains,
    trails: Trails,
    welcome: Arc<dyn Fn(&RunInfo) -> serde_json::Value + Send + Sync>,
    presence: String,
    on_sent: OnSent,
}

impl Publisher {
    /// A publisher into `namespace`. `welcome` makes the greeting that everybody gets when a new run begins; `on_sent` is told
    /// the age of each frame of telemetry that is sent.
    pub fn new(
        namespace: Namespace,
        desk: Arc<Desk>,
        rooms: Arc<Rooms>,
        leases: Arc<Leases>,
        welcome: Arc<dyn Fn(&RunInfo) -> serde_json::Value + Send + Sync>,
        on_sent: OnSent,
    ) -> Self {
        // Starting at the second of the day's clock, so that a restarted server never repeats an epoch.
        let epoch = Epoch { number: (wall_time_ms() / 1000) as u32, ..Epoch::default() };
        let chains = Chains::new(epoch.number);
        let (trails, presence) = (Trails::default(), String::new());
        Self {
            namespace,
            desk,
            rooms,
            leases,
            seq: 0,
            run: None,
            epoch,
            chains,
            trails,
            welcome,
            presence,
            on_sent,
        }
    }

    fn publish_tick(&mut self, report: Arc<TickReport>) {
        self.seq += 1;
        let Some(run) = self.run.clone() else { return };
        let is_new_table = self.epoch.follow(&run.id, &report.snapshot.table);
        let occupied = self.rooms.occupied(&self.namespace);
        if self.seq.is_multiple_of(VISUALIZATION_EVERY) || is_new_table {
            self.trails.extend(&report.snapshot);
        }
        let visualization = match self.desk.now() {
            Some(now) if !self.seq.is_multiple_of(VISUALIZATION_EVERY) && !is_new_table => now.visualization,
            _ => visualization(&run, &report.snapshot, self.seq, &self.trails).into(),
        };
        let status = serde_json::to_string(&self.status(&report)).unwrap_or_default().into();
        let (epoch, seq) = (self.epoch.number, self.seq);
        let now = Now { run, report, seq, epoch, status, visualization };
        self.desk.put(now.clone());
        if is_new_table {
            self.announce_table(&now);
        }
        self.fill_rooms(&now, occupied);
        if self.seq.is_multiple_of(PRESENCE_EVERY) {
            self.publish_presence();
        }
    }

    /// One encoding for each kind of frame, one frame for each room, one push for each client.
    fn fill_rooms(&mut self, now: &Now, occupied: Vec<Room>) {
        self.chains.keep(&occupied);
        let name = self.namespace.name();
        // What was computed before this thread came to it is older by that.
        let waited = Duration::from_millis(wall_time_ms().saturating_sub(now.report.wall_time_ms));
        let since = Instant::now().checked_sub(waited).unwrap_or_else(Instant::now);
        let mut binary = None;
        let mut json: HashMap<String, Frame> = HashMap::new();
        for Room { name: room, topic, subscription } in occupied {
            let is_due = self.seq.is_multiple_of(subscription.every);
            if !is_due && !self.chains.begins(&room, &subscription) {
                continue;
            }
            let frame = match (topic, subscription.encoding) {
                (Topic::Status, _) => Frame::raw_json(name, event::STATUS, &now.status),
                (Topic::Visualization, _) => Frame::raw_json(name, event::VISUALIZATION, &now.visualization),
                (Topic::Drones, Some(Encoding::Binary)) => {
                    binary.get_or_insert_with(|| Frame::binary(name, event::DRONES, encode(now))).clone()
                }
                (Topic::Drones, Some(Encoding::Delta)) => {
                    let timed = (since, self.on_sent.clone());
                    let frame = self.chains.frame(name, &room, &subscription, now, timed);
                    self.rooms.set_newest(&room, frame.clone());
                    self.namespace.publish(&room, &frame, Delivery::Latest { slot: topic.event() });
                    continue;
                }
                (Topic::Drones, _) => {
                    let key = serde_json::json!(subscription.filter).to_string();
                    json.entry(key).or_insert_with(|| drones_frame(name, now, &subscription)).clone()
                }
                _ => continue,
            };
            let frame = frame.timed(since, self.on_sent.clone());
            self.namespace.publish(&room, &frame, Delivery::Latest { slot: topic.event() });
        }
    }

    fn announce_table(&self, now: &Now) {
        let table = outgoing::drones_table(&now.report.snapshot.table, now.epoch);
        let frame = Frame::raw_json(self.namespace.name(), event::DRONES_TABLE, &table);
        self.namespace.publish(event::DRONES_TABLE, &frame, Delivery::Passing);
    }

    fn publish_presence(&mut self) {
        let presence =
            serde_json::to_string(&presence::of(&self.namespace, &self.leases)).unwrap_or_default();
        if presence != self.presence {
            let frame = Frame::raw_json(self.namespace.name(), event::PRESENCE, &presence);
            self.publish_event(Topic::Presence, &frame, Delivery::Passing);
            self.presence = presence;
        }
    }

    fn publish_event(&self, topic: Topic, frame: &Frame, delivery: Delivery) {
        self.namespace.publish(&Subscription::default_for(topic).room(topic), frame, delivery);
    }

    fn status(&self, report: &TickReport) -> Status {
        let snapshot = &report.snapshot;
        let mut modes = BTreeMap::new();
        for drone in &snapshot.drones {
            *modes.entry(drone.mode.name()).or_default() += 1;
        }
        Status {
            seq: self.seq,
            tick: snapshot.tick,
            sim_time_s: (snapshot.sim_time_s * 1e6).round() / 1e6,
            wall_time_ms: report.wall_time_ms,
            state: report.state,
            speed: match report.speed {
                Speed::Factor(factor) => Some(factor),
                Speed::Max => None,
            },
            tick_hz: 1.0 / report.run.scenario.tick_s,
            drones: snapshot.drones.len(),
            modes,
            metrics: snapshot.metrics.clone(),
            load: report.load,
            clients: self.namespace.len(),
            run_id: report.run.id.clone(),
            database: report.database,
            spool: report.spool,
            state_hash: format!("{:016x}", report.hash.1),
            state_hash_tick: report.hash.0,
            resumed_at_tick: report.resumed_at_tick,
            replay: report.playback,
            mission: (report.run.scenario.mission.as_deref().zip(snapshot.mission.as_ref()))
                .map(|(spec, shown)| mission::summary(spec, &shown.state)),
        }
    }
}

/// The frame for a binary subscription.
pub fn encode(now: &Now) -> bytes::Bytes {
    let stamp = Stamp {
        epoch: now.epoch,
        seq: now.seq as u32,
        wall_time_ms: now.report.wall_time_ms,
        state: now.report.state,
    };
    compact::encode(&now.report.snapshot, stamp)
}

/// The frame for a JSON subscription.
pub fn drones_frame(namespace: &str, now: &Now, subscription: &Subscription) -> Frame {
    let snapshot = &now.report.snapshot;
    let keep = |slot: usize, drone: &DroneState| subscription.filter.keeps(&snapshot.table, slot, drone);
    let json = outgoing::drones_json(snapshot, now.seq, now.report.wall_time_ms, keep);
    Frame::raw_json(namespace, event::DRONES, &json)
}

impl Actor for Publisher {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX_MESSAGES);
    }
}

impl Handler<Published> for Publisher {
    type Result = ();

    fn handle(&mut self, published: Published, _: &mut Self::Context) {
        let name = self.namespace.name().to_owned();
        match published {
            Published::Tick(report) => self.publish_tick(report),
            Published::Run(run) => {
                if self.run.replace(run.clone()).is_some() {
                    self.namespace.emit(event::WELCOME, &(self.welcome)(&run));
                }
                self.trails = Trails::default();
                self.leases.clear();
                self.desk.forget_commands();
            }
            Published::Log(entry) => {
                self.publish_event(Topic::Log, &Frame::json(&name, event::LOG, &entry), Delivery::Event);
                self.desk.file(entry);
            }
            Published::Command(update) => {
                let frame = Frame::json(&name, event::COMMAND_UPDATE, &update);
                self.publish_event(Topic::Commands, &frame, Delivery::Event);
                if update.results.values().any(|drone| drone.result.is_terminal()) {
                    self.desk.file_outcome(frame);
                }
                self.desk.note_command(update, wall_time_ms());
            }
        }
    }
}

/// Counts the drone tables that clients were told of, across runs.
#[derive(Debug, Default)]
struct Epoch {
    number: u32,
    run: String,
    table: u32,
}

impl Epoch {
    /// True if `table` is another one than last time.
    fn follow(&mut self, run: &str, table: &DroneTable) -> bool {
        if self.run == run && self.table == table.epoch {
            return false;
        }
        (self.run, self.table) = (run.to_owned(), table.epoch);
        self.number = self.number.wrapping_add(1);
        true
    }
}

/// Where each drone has been in the last seconds.
#[derive(Debug, Default)]
struct Trails {
    tick: u64,
    points: BTreeMap<Arc<str>, VecDeque<crate::sim::Vec3>>,
}

impl Trails {
    fn extend(&mut self, snapshot: &Snapshot) {
        // A replay that was moved back begins its trails anew.
        let is_back = std::mem::replace(&mut self.tick, snapshot.tick) > snapshot.tick;
        if is_back || snapshot.drones.len() > TRAIL_DRONES_MAX {
            self.points.clear();
            return;
        }
        let mut old = std::mem::take(&mut self.points);
        for (row, drone) in snapshot.table.rows.iter().zip(&snapshot.drones) {
            let mut trail = old.remove(&row.id).unwrap_or_default();
            if trail.back() != Some(&drone.position) {
                trail.push_back(drone.position);
            }
            if trail.len() > TRAIL_POINTS {
                trail.pop_front();
            }
            self.points.insert(row.id.clone(), trail);
        }
    }
}

/// The obstacles that operators are shown.
pub fn known_obstacles<'s>(run: &'s RunInfo, snapshot: &'s Snapshot) -> Vec<&'s Obstacle> {
    let state = snapshot.mission.as_ref().map(|shown| &*shown.state);
    mission::known_obstacles(&snapshot.visual.obstacles, run.scenario.mission.as_deref(), state).collect()
}

/// Payload of `visualization-update`.
fn visualization(run: &RunInfo, snapshot: &Snapshot, seq: u64, trails: &Trails) -> String {
    let point = |v: &crate::sim::Vec3| [v.x, v.y, v.z].map(|x| (x * 100.0).round() / 100.0);
    let trails: BTreeMap<&str, Vec<[f64; 3]>> =
        trails.points.iter().map(|(id, trail)| (id.as_ref(), trail.iter().map(point).collect())).collect();
    let goals: BTreeMap<&str, [f64; 3]> = (snapshot.table.rows.iter().zip(&snapshot.drones))
        .filter_map(|(row, drone)| Some((row.id.as_ref(), point(&drone.goal?))))
        .collect();
    let paths: BTreeMap<&str, Vec<[f64; 3]>> = snapshot
        .visual
        .paths
        .iter()
        .map(|(id, path)| (id.as_ref(), path.iter().map(point).collect()))
        .collect();
    serde_json::json!({
        "seq": seq,
        "tick": snapshot.tick,
        "trails": trails,
        // Who hears whom is not measured yet; a guess would be shown as a fact.
        "links": [],
        "goals": goals,
        "paths": paths,
        "fences": snapshot.visual.fences,
        "obstacles": known_obstacles(run, snapshot),
        "coverage": snapshot.mission.as_ref().map(|shown| shown.state.map.coverage_pct().round()),
        "mission": mission::block(&run.scenario, run.seed, snapshot),
    })
    .to_string()
}
