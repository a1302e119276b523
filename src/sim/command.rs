//! What can be asked of a world, and what it answers.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Vec3;
use super::drone::Waypoint;
use super::scene::{FenceAction, FenceKind};

/// A change of the world. On the wire `{"command": "goto", "params": {…}}`; `params` may be `{}` but not be missing,
/// and a parameter that is not known is refused.
///
/// A new command for a drone replaces the one it is carrying out, which ends as `cancelled`. What concerns no single
/// drone (`set_param`, `set_environment`, `spawn`) ignores its targets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "command", content = "params", rename_all = "snake_case", deny_unknown_fields)]
pub enum Command {
    /// Starts the motors on the ground.
    Arm {},
    /// Stops the motors on the ground, and ends an emergency there.
    Disarm {},
    /// Climbs straight up and holds; arms by itself. On the ground only.
    Takeoff {
        /// Height above the ground plane; the limit `takeoff_altitude_m` if absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        altitude_m: Option<f64>,
    },
    /// Lands where it is.
    Land {},
    /// Brakes and stays.
    Hold {},
    /// Flies to a point and holds there. Several drones get places around it, `limits.spacing_m` apart: the point
    /// itself, then hexagonal rings; each drone takes the nearest free place, in order of creation. A place inside
    /// an obstacle or beyond a fence is left out.
    Goto {
        /// The point, east-north-up. Either this or `lat` and `lon`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        position: Option<Vec3>,
        /// Latitude in degrees.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        lat: Option<f64>,
        /// Longitude in degrees.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        lon: Option<f64>,
        /// Height above the ground plane; beats that of `position`. With `lat` and `lon` alone the drone keeps its own.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        altitude_m: Option<f64>,
        /// Speed, if not the type's.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        speed_mps: Option<f64>,
        /// Heading to keep, if not forwards.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        heading_deg: Option<f64>,
    },
    /// Returns home and lands there, around or over obstacles.
    Rtl {},
    /// Keeps a place relative to another drone until something else is asked. Fails when that drone lands or is removed.
    Follow {
        /// Id of that drone.
        drone: String,
        /// Place relative to it, east-north-up; where the follower is now, if absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        offset: Option<Vec3>,
    },
    /// Hands over waypoints. `mission_start` flies them.
    Mission {
        /// The points in order.
        waypoints: Vec<Waypoint>,
        /// Whether the first follows the last for ever.
        #[serde(default, rename = "loop")]
        looped: bool,
    },
    /// Flies the mission from where it was paused. A drone on the ground takes off first.
    MissionStart {},
    /// Holds, and remembers where the mission was left.
    MissionPause {},
    /// Flies at a velocity; holds if no new setpoint comes within `limits.setpoint_timeout_s`.
    Velocity {
        /// The velocity, east-north-up.
        velocity: Vec3,
    },
    /// Joins the swarm in a behaviour. Parameters given here are set for every drone that flies the behaviour.
    SetBehavior {
        /// Name of the behaviour, such as `boids`.
        behavior: String,
        /// New values of its parameters.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        params: BTreeMap<String, f64>,
    },
    /// Flies to a place in a formation and holds there. The places are shared out so that the sum of the squared ways
    /// is smallest (up to 300 drones; beyond that each takes the nearest that is free).
    Formation {
        /// `line`, `column`, `v`, `grid`, `circle` or `sphere`.
        shape: String,
        /// Distance between neighbouring places, 0.5–1,000 m.
        spacing_m: f64,
        /// Direction that the formation looks to; north if absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        heading_deg: Option<f64>,
        /// Middle of the formation; the mean position of those who fly it if absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        position: Option<Vec3>,
    },
    /// Flies back and forth over a region. Several drones share its strips; each gets a mission. Needs the capability
    /// `scan`.
    Scan {
        /// Corners of the region, `[east, north]`.
        region: Vec<[f64; 2]>,
        /// Height above the ground plane; the mean of those who fly it if absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        altitude_m: Option<f64>,
        /// Width of a strip; what a camera of 60 degrees sees from that height, less a fifth, if absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        spacing_m: Option<f64>,
    },
    /// Stops the motors at once, wherever the drone is.
    EmergencyStop {},
    /// Blinks for three seconds.
    Signal {},
    /// Changes a parameter of the world from the next tick on.
    SetParam {
        /// Path as `World::params` lists it.
        path: String,
        /// New value.
        value: f64,
    },
    /// Takes back the last change of a parameter that is not taken back yet, or the last of this one. 256 are remembered.
    UndoParam {
        /// Path of the parameter; whichever was changed last if absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        path: Option<String>,
    },
    /// Adds drones.
    Spawn {
        /// Name of the type.
        #[serde(rename = "type")]
        kind: String,
        /// How many; 1 if absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        count: Option<u32>,
        /// Where; in the air and holding if it is more than half a metre up. Beside the home of the oldest drone if
        /// absent, or at the origin. Several drones,
        /// or one on an occupied place, spread as for `goto`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        position: Option<Vec3>,
        /// Group to join.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        group: Option<String>,
        /// Id, or a pattern with `{n}` for the next free number. `type-{n}` if absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
    },
    /// Takes drones away.
    Remove {},
    /// Puts drones into a group; an empty name takes them out of theirs.
    Group {
        /// Name of the group.
        name: String,
    },
    /// Breaks something, or mends it.
    InjectFault {
        /// What.
        fault: Fault,
        /// `motor`: share of the thrust that is left, 0–1 (default 0). `battery`: charge in per cent (default 5).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        value: Option<f64>,
        /// For how long; until it is cleared if absent. `motor`, `gps` and `link` only.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        duration_s: Option<f64>,
        /// Mends instead.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        clear: bool,
    },
    /// Changes the wind; what is absent stays.
    SetEnvironment {
        /// Mean speed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        wind_mps: Option<f64>,
        /// Where it comes from, degrees clockwise from north.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        wind_from_deg: Option<f64>,
        /// Standard deviation of the gusts.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        gust_mps: Option<f64>,
    },
    /// Draws a fence, in place of the one of that name if there is one. Missions that lead across it are not changed.
    SetFence {
        /// Name of the fence.
        name: String,
        /// Which side is allowed.
        kind: FenceKind,
        /// Corners in order, `[east, north]`; the last joins the first.
        polygon: Vec<[f64; 2]>,
        /// Lower end; the ground if absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        floor_m: Option<f64>,
        /// Upper end; none if absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ceiling_m: Option<f64>,
        /// What follows a breach; `hold` if absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        action: Option<FenceAction>,
    },
    /// Takes a fence away.
    RemoveFence {
        /// Name of the fence.
        name: String,
    },
    /// Shows operators the hidden truth of a mission, or only what the swarm knows. Changes nothing that flies.
    GodView {
        /// Whether it is shown.
        on: bool,
    },
    /// The drones whose intent did not come in time at this tick. Written by the server, so that a replay is exact;
    /// [`super::World::advance`] then lets them keep their last intent for one tick.
    IntentMissed {},
}

impl Command {
    /// Every name on the wire, in the order of the variants.
    pub const NAMES: [&'static str; 28] = [
        "arm",
        "disarm",
        "takeoff",
        "land",
        "hold",
        "goto",
        "rtl",
        "follow",
        "mission",
        "mission_start",
        "mission_pause",
        "velocity",
        "set_behavior",
        "formation",
        "scan",
        "emergency_stop",
        "signal",
        "set_param",
        "undo_param",
        "spawn",
        "remove",
        "group",
        "inject_fault",
        "set_environment",
        "set_fence",
        "remove_fence",
        "god_view",
        "intent_missed",
    ];

    /// Name on the wire.
    pub fn name(&self) -> &'static str {
        match self {
            Command::Arm {} => "arm",
            Command::Disarm {} => "disarm",
            Command::Takeoff { .. } => "takeoff",
            Command::Land {} => "land",
            Command::Hold {} => "hold",
            Command::Goto { .. } => "goto",
            Command::Rtl {} => "rtl",
            Command::Follow { .. } => "follow",
            Command::Mission { .. } => "mission",
            Command::MissionStart {} => "mission_start",
            Command::MissionPause {} => "mission_pause",
            Command::Velocity { .. } => "velocity",
            Command::SetBehavior { .. } => "set_behavior",
            Command::Formation { .. } => "formation",
            Command::Scan { .. } => "scan",
            Command::EmergencyStop {} => "emergency_stop",
            Command::Signal {} => "signal",
            Command::SetParam { .. } => "set_param",
            Command::UndoParam { .. } => "undo_param",
            Command::Spawn { .. } => "spawn",
            Command::Remove {} => "remove",
            Command::Group { .. } => "group",
            Command::InjectFault { .. } => "inject_fault",
            Command::SetEnvironment { .. } => "set_environment",
            Command::SetFence { .. } => "set_fence",
            Command::RemoveFence { .. } => "remove_fence",
            Command::GodView { .. } => "god_view",
            Command::IntentMissed {} => "intent_missed",
        }
    }
}

/// What can be broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// The pilot's next decision panics.
    Panic,
    /// Thrust is lost.
    Motor,
    /// Charge is lost.
    Battery,
    /// The position fix is lost.
    Gps,
    /// The link is lost.
    Link,
}

/// Why a command was refused as a whole. Nothing has changed then.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CommandError {
    /// For programs.
    pub code: ErrorCode,
    /// The field that is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// For people: field, value, accepted range.
    pub message: String,
}

impl CommandError {
    pub(super) fn new(code: ErrorCode, field: &str, message: impl Into<String>) -> Self {
        CommandError { code, field: Some(field.to_owned()), message: message.into() }
    }
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match &self.field {
            Some(field) => write!(f, "{field}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

impl std::error::Error for CommandError {}

/// The codes of refusals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// A field is missing or makes no sense.
    BadRequest,
    /// No command has this name.
    UnknownCommand,
    /// No drone has this id.
    UnknownDrone,
    /// No drone is in this group.
    UnknownGroup,
    /// No parameter has this path.
    UnknownParam,
    /// Nothing else has this name: a swarm, a scenario, a run, a route.
    NotFound,
    /// A number is outside its range.
    OutOfRange,
    /// A number is NaN or infinite.
    NotFinite,
    /// Too much of something.
    TooLarge,
    /// The role does not allow it.
    Forbidden,
    /// Nobody known asks.
    Unauthorized,
    /// Too many commands.
    RateLimited,
    /// Not possible now.
    NotInState,
    /// It would collide with something that exists.
    Conflict,
    /// The server is stopping, or something that it needs is away.
    Unavailable,
    /// The server failed.
    Internal,
}

/// What a world answers to a command that it took.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Applied {
    /// One verdict for each target, in order of creation.
    pub results: Vec<(Arc<str>, Verdict)>,
    /// Ids of new drones.
    pub spawned: Vec<Arc<str>>,
}

impl Applied {
    /// Taken, with these verdicts.
    pub fn to(results: Vec<(Arc<str>, Verdict)>) -> Applied {
        Applied { results, spawned: Vec::new() }
    }
}

/// What became of a command for one drone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// For programs.
    pub result: CommandResult,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Verdict {
    pub(super) fn accepted() -> Self {
        Verdict { result: CommandResult::Accepted, reason: None }
    }

    pub(super) fn completed() -> Self {
        Verdict { result: CommandResult::Completed, reason: None }
    }

    pub(super) fn because(result: CommandResult, reason: impl Into<String>) -> Self {
        Verdict { result, reason: Some(reason.into()) }
    }
}

/// The results of a command for one drone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CommandResult {
    /// It will be carried out.
    Accepted,
    /// It is being carried out.
    InProgress,
    /// It is done.
    Completed,
    /// Not now; it may work later.
    TemporarilyRejected,
    /// Not in this state.
    Denied,
    /// This drone or version cannot do it.
    Unsupported,
    /// It was tried and did not work.
    Failed,
    /// Another command or the operator took its place.
    Cancelled,
    /// It took too long.
    TimedOut,
    /// Someone else controls the drone.
    NotInControl,
}

impl CommandResult {
    /// Whether nothing more follows for this drone and ticket.
    pub fn is_terminal(self) -> bool {
        !matches!(self, CommandResult::Accepted | CommandResult::InProgress)
    }
}

/// News of an accepted command. Every drone accepted under a ticket gets exactly one that is terminal.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Progress {
    /// The command's ticket.
    pub ticket: u64,
    /// The drone.
    pub drone: Arc<str>,
    /// How it stands.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// How far it has come, if that can be said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub progress_pct: Option<u8>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_travel_as_the_contract_says() {
        for text in [
            r#"{"command":"hold","params":{}}"#,
            r#"{"command":"takeoff","params":{"altitude_m":12.0}}"#,
            r#"{"command":"goto","params":{"position":[10.0,20.0,15.0],"speed_mps":5.0}}"#,
            r#"{"command":"mission","params":{"waypoints":[{"position":[1.0,2.0,3.0],"loiter_s":0.0}],"loop":true}}"#,
            r#"{"command":"set_behavior","params":{"behavior":"boids","params":{"speed_mps":5.0}}}"#,
            r#"{"command":"spawn","params":{"type":"scout","count":3}}"#,
            r#"{"command":"inject_fault","params":{"fault":"gps","duration_s":5.0}}"#,
            r#"{"command":"set_environment","params":{"wind_mps":3.0}}"#,
        ] {
            let command: Command = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::to_string(&command).unwrap(), text);
            assert!(text.contains(&format!("\"{}\"", command.name())));
        }
    }

    #[test]
    fn what_is_not_known_is_refused() {
        for text in [
            r#"{"command":"dance","params":{}}"#,
            r#"{"command":"hold","params":{"now":true}}"#,
            r#"{"command":"takeoff","params":{"height":3}}"#,
            r#"{"command":"hold","params":{},"more":1}"#,
            r#"{"command":"goto","params":{"position":[1,2]}}"#,
        ] {
            assert!(serde_json::from_str::<Command>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_list_of_names_is_what_serde_accepts() {
        let message =
            serde_json::from_str::<Command>(r#"{"command":"","params":{}}"#).unwrap_err().to_string();
        let listed: Vec<String> = Command::NAMES.iter().map(|name| format!("`{name}`")).collect();
        assert!(message.contains(&format!("expected one of {}", listed.join(", "))), "{message}");
    }
}
