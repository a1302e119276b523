//! The simulation: a world of drones, deterministic and pure.
//!
//! **Units and frame.** Metres, seconds, degrees clockwise from north, watts; local east-north-up from the scenario's
//! WGS-84 origin; `altitude_m` is above the origin's ground plane. Time is a number of ticks.
//!
//! **One tick.** Every [`Pilot`] looks at the frozen world and says what it wants; then the world steps.
//! ```text
//! World::percept(i) ─► Pilot::decide ─► Intent ─┐   (any order, any number of threads)
//!                                               ▼
//! World::step(&intents): wind ─► adopt, physics, battery, sensors, look ─► judge, sort neighbours
//!                                (any order, any number of threads)
//!                                               ▼
//!           snapshot() · drain_happenings() · drain_progress() · state_hash()
//! ```
//! Commands come in between ticks through [`World::apply`]. Scenario, seed and the journal of commands determine
//! every bit: no clocks, no threads, no hash maps, no platform trigonometry; randomness is a function of
//! (seed; drone serial, tick, purpose), see [`rng`].
//!
//! This module knows nothing of the rest of the program.

pub mod assignment;
pub mod avoidance;
pub mod battery;
pub mod behaviour;
pub mod builtin;
pub mod command;
pub mod company;
pub mod coverage;
pub mod crew;
pub mod drone;
pub mod drone_type;
pub mod dynamics;
pub mod flocking;
pub mod formation;
pub mod geodesy;
pub mod happening;
pub mod hash;
pub mod journal;
pub mod lanes;
pub mod lawnmower;
pub mod measure;
pub mod mission;
pub mod neighbours;
pub mod orca;
pub mod params;
pub mod pilot;
pub mod polygon;
pub mod predicate;
pub mod rng;
pub mod route;
pub mod scenario;
pub mod scene;
pub mod sensors;
pub mod slots;
pub mod snapshot;
pub mod space;
pub mod targets;
pub mod vec3;
pub mod verify;
pub mod wind;
pub mod world;

/// Number of ticks since the start of a run.
pub type Tick = u64;
pub use vec3::Vec3;

pub use avoidance::Filter;
pub use command::{Applied, Command, CommandError, CommandResult, ErrorCode, Fault, Progress, Verdict};
pub use crew::{Alone, Crew};
pub use drone::{Drone, Heading, Landed, Mission, Mode, Task, Waypoint};
pub use drone_type::{Capability, DroneType};
pub use dynamics::Dynamics;
pub use geodesy::Origin;
pub use happening::{Happening, Level};
pub use journal::{JournalEntry, Replay, ReplayError};
pub use measure::{Aggregate, AlertCount, Fitness, METRICS, Metrics, OrderMetrics, Safety};
pub use params::ParamSpec;
pub use pilot::{Intent, Memory, Percept, Pilot};
pub use predicate::Predicate;
pub use scenario::{Scenario, ScenarioError};
pub use scene::{Fence, FenceKind, Footprint, Obstacle};
pub use snapshot::{Alert, AlertLevel, DroneRow, DroneState, DroneTable, Snapshot, Visual};
pub use space::Space;
pub use targets::Targets;
pub use wind::WindSpec;
pub use world::{Forecast, Meetings, RestoreError, World};
