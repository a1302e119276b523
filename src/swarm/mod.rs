//! A live swarm: the actors that give the pure simulation a clock, an operator and an audience.
//!
//! | message | from → to | answer | may be lost |
//! | --- | --- | --- | --- |
//! | [`Submit`] | gateway → `Swarm`, `Replay` | ack or error | no |
//! | [`Describe`], [`ListParams`], [`Measure`] | http → `Swarm`, `Replay` | what is asked for | no |
//! | [`Shutdown`] | app → `Swarm`, `Replay` | when the run is closed | no |
//! | [`Sense`](drone::Sense) | `Swarm` → `Drone` | none; the intent goes to the board | the drone is then late |
//! | [`Decided`](drone::Decided) | board → `Swarm` | none | the tick then ends at its deadline |
//! | [`Died`](drone::Died) | `Drone` → `Swarm` | none | found out at the next tick |
//! | [`Published`] | `Swarm`, `Replay` → audience | none | ticks yes, everything else waits and is sent again |
//!
//! The machines behind them are pure: [`crate::sim::World`], [`clock`], [`ledger`], [`load`].

mod actor;
mod beginning;
pub mod clock;
pub mod crew;
mod describe;
pub mod drone;
mod durable;
mod foresight;
pub mod headless;
mod keyframe;
pub mod ledger;
pub mod load;
mod outlet;
pub mod recording;
mod replay;
mod run;
pub mod shelf;
pub mod supervision;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use actix::prelude::*;

use crate::contract::access::Held;
use crate::contract::error::ApiError;
use crate::contract::incoming::{Envelope, Speed};
use crate::contract::outgoing::{Ack, CommandUpdate, Load, LogEntry, Playback, RunState, SpoolFill};
use crate::sim::{ParamSpec, Scenario, Snapshot, Tick};

pub use crate::contract::histogram::{Histogram, SharedHistogram};
pub use actor::Swarm;
pub use beginning::{Beginning, Forked, Resumed};
pub use ledger::Origin;
pub use replay::{Replay, ReplaySettings};
pub use shelf::Shelf;

/// Unix time in milliseconds: the one wall clock of the program, for stamps that people and clients read.
#[allow(clippy::disallowed_methods, reason = "the home of the wall clock")]
pub fn wall_time_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u64
}

/// Up to so many drones, each tick goes through the mailbox of each drone's actor: a pilot that takes too long is late
/// and holds up nobody. A message each way costs about as much as a decision, so in larger swarms the `Swarm` decides in
/// slices; the actors keep identity and supervision. The bits are the same.
pub const ASKED_MAX: usize = 4000;

/// The id of a command whose sender gave it none.
pub fn new_command_id() -> String {
    format!("s-{:016x}", rand::random::<u64>())
}

/// How a swarm is to fly.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Its name: `default`, or what `POST /api/swarms` gave it.
    pub id: Arc<str>,
    /// What it flies.
    pub scenario: Arc<Scenario>,
    /// Seed; `None`: the scenario's own.
    pub seed: Option<u64>,
    /// Begin with the clock held.
    pub is_paused: bool,
    /// Threads that drones decide on.
    pub threads: usize,
    /// The largest swarm whose drones are asked one by one; see [`ASKED_MAX`].
    pub asked_max: usize,
    /// Longest wait for the drones' intents in one tick.
    pub intent_wait_max: Duration,
    /// A telemetry record every so many ticks.
    pub telemetry_every: u64,
    /// Simulated seconds between saved worlds.
    pub keyframe_every_s: f64,
}

/// Gateway → `Swarm`: a command. Applied (or refused) between two ticks, and answered once its record is durable; the tick
/// does not wait for that.
#[derive(Message)]
#[rtype(result = "Result<Ack, ApiError>")]
pub struct Submit {
    /// What is asked for.
    pub envelope: Envelope,
    /// By whom.
    pub origin: Origin,
    /// Which drones are whose. Those of others are left out and answer `not_in_control`.
    pub held: Arc<Held>,
}

/// Http → `Swarm`: one drone in full, as JSON; `None` if there is no such drone.
#[derive(Message)]
#[rtype(result = "Option<serde_json::Value>")]
pub struct Describe(
    /// The drone's id.
    pub String,
);

/// Http → `Swarm`: the tunable parameters with their values.
#[derive(Message)]
#[rtype(result = "Vec<ParamSpec>")]
pub struct ListParams;

/// Asks for every figure of the run so far: value, aggregates, formula; and the safety report.
#[derive(Message)]
#[rtype(result = "serde_json::Value")]
pub struct Measure;

/// App → `Swarm`: close the run and take no more commands. Answered when every record is handed over.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Shutdown;

/// `Swarm` → its audience.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub enum Published {
    /// The state after a tick, or of a held clock, 25 times a second.
    Tick(Arc<TickReport>),
    /// A new run began: another scenario, seed or world.
    Run(Arc<RunInfo>),
    /// Something worth a line.
    Log(LogEntry),
    /// How a command is getting on.
    Command(CommandUpdate),
}

/// The run that a swarm is recording.
#[derive(Debug, Clone)]
pub struct RunInfo {
    /// Unique name.
    pub id: String,
    /// What is flown.
    pub scenario: Arc<Scenario>,
    /// With which seed.
    pub seed: u64,
    /// The drone types of the scenario, as JSON for `welcome`.
    pub types: serde_json::Value,
    /// Changes with the list of parameters, not with their values.
    pub params_hash: String,
}

/// Everything a client may want to know of one moment.
#[derive(Debug)]
pub struct TickReport {
    /// The world.
    pub snapshot: Arc<Snapshot>,
    /// The run it belongs to.
    pub run: Arc<RunInfo>,
    /// Whether simulated time passes.
    pub state: RunState,
    /// How fast.
    pub speed: Speed,
    /// Unix time of publication, milliseconds.
    pub wall_time_ms: u64,
    /// What ticks cost.
    pub load: Load,
    /// A state hash and its tick: the newest one, taken every `hash_every` ticks and whenever the clock is held.
    pub hash: (Tick, u64),
    /// `ok`, `away` or `none`.
    pub database: &'static str,
    /// What waits on disk for the database, if anything does.
    pub spool: Option<SpoolFill>,
    /// The tick at which the run went on after a crash of the server.
    pub resumed_at_tick: Option<Tick>,
    /// Of a replay: how far its recording goes.
    pub playback: Option<Playback>,
}

/// Signs of life that anyone may read without asking the actor.
#[derive(Debug, Default)]
pub struct Pulse {
    beat_ms: AtomicU64,
    tick: AtomicU64,
    missed: AtomicU64,
    late_intents: AtomicU64,
    crashes: AtomicU64,
    published_lost: AtomicU64,
    histograms: std::sync::Mutex<(Histogram, Histogram)>,
}

/// One reading of a [`Pulse`].
#[derive(Debug, Clone, Default)]
pub struct Vitals {
    /// Time since the swarm last finished a tick, or looked at its held clock.
    pub beat_age_ms: u64,
    /// Newest tick.
    pub tick: u64,
    /// Ticks given up because the machine could not keep pace.
    pub missed_ticks: u64,
    /// Intents that came too late.
    pub late_intents: u64,
    /// Drone actors replaced after a panic.
    pub crashes: u64,
    /// Tick reports that the audience had no room for.
    pub published_lost: u64,
    /// Time to compute a tick.
    pub tick_time: Histogram,
    /// Delay of a tick behind its due time.
    pub lateness: Histogram,
}

impl Pulse {
    /// The signs of life, now.
    pub fn vitals(&self) -> Vitals {
        let (tick_time, lateness) =
            self.histograms.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
        Vitals {
            beat_age_ms: wall_time_ms().saturating_sub(self.beat_ms.load(Ordering::Relaxed)),
            tick: self.tick.load(Ordering::Relaxed),
            missed_ticks: self.missed.load(Ordering::Relaxed),
            late_intents: self.late_intents.load(Ordering::Relaxed),
            crashes: self.crashes.load(Ordering::Relaxed),
            published_lost: self.published_lost.load(Ordering::Relaxed),
            tick_time,
            lateness,
        }
    }
}
