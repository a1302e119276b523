//! One drone: what it is, where it is, what it is doing.

use std::sync::Arc;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use super::battery::Stage;
use super::command::Command;
use super::dynamics::Body;
use super::pilot::Memory;
use super::sensors::Sensors;
use super::snapshot::DroneState;
use super::{Tick, Vec3, geodesy};

/// What an operator calls the thing that a drone is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// On the ground, waiting.
    Standby,
    /// Climbing from the ground.
    Takeoff,
    /// Staying where it is.
    Hold,
    /// Flying to a point, after another drone, or at a commanded velocity.
    Guided,
    /// Flying its waypoints.
    Mission,
    /// Flying a behaviour among others.
    Swarm,
    /// Returning home to land.
    Rtl,
    /// Landing here.
    Land,
    /// Motors stopped, or otherwise out of control.
    Emergency,
}

impl Mode {
    /// Every mode with its name on the wire, in the order of its number there.
    pub const ALL: [(&'static str, Mode); 9] = [
        ("standby", Mode::Standby),
        ("takeoff", Mode::Takeoff),
        ("hold", Mode::Hold),
        ("guided", Mode::Guided),
        ("mission", Mode::Mission),
        ("swarm", Mode::Swarm),
        ("rtl", Mode::Rtl),
        ("land", Mode::Land),
        ("emergency", Mode::Emergency),
    ];

    /// Name on the wire.
    pub fn name(self) -> &'static str {
        Mode::ALL[self as usize].0
    }
}

/// Contact with the ground.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Landed {
    /// Standing.
    OnGround,
    /// Just leaving the ground.
    Takeoff,
    /// Flying.
    InAir,
    /// Coming down to land.
    Landing,
}

impl Landed {
    /// Every state with its name on the wire, in the order of its number there.
    pub const ALL: [(&'static str, Landed); 4] = [
        ("on_ground", Landed::OnGround),
        ("takeoff", Landed::Takeoff),
        ("in_air", Landed::InAir),
        ("landing", Landed::Landing),
    ];

    /// Name on the wire.
    pub fn name(self) -> &'static str {
        Landed::ALL[self as usize].0
    }
}

/// What follows a takeoff.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Next {
    /// Hold at the top.
    Hold,
    /// Start or resume the mission.
    Mission,
    /// Join the swarm in this behaviour.
    Swarm(u8),
}

/// What a drone is doing, with all it needs to know for it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Task {
    /// Standing on the ground.
    Idle,
    /// Climbing straight up to `to`.
    Takeoff {
        /// Top of the climb.
        to: Vec3,
        /// What comes then.
        then: Next,
    },
    /// Staying at a point; `None` while it still brakes and the point is not known yet.
    Hold {
        /// The point.
        at: Option<Vec3>,
    },
    /// Flying to a point.
    Goto {
        /// The point.
        goal: Vec3,
        /// Speed, if not the type's.
        speed_mps: Option<f64>,
        /// Heading on the way, if not forwards.
        heading_deg: Option<f64>,
    },
    /// Keeping a place relative to another drone.
    Follow {
        /// Serial number of that drone.
        leader: u32,
        /// Place relative to it, east-north-up.
        offset: Vec3,
    },
    /// Flying the waypoints of its mission.
    Mission,
    /// Flying at a velocity until a tick.
    Velocity {
        /// The velocity.
        velocity: Vec3,
        /// When it holds instead.
        until: Tick,
    },
    /// Flying a behaviour, by its place in the list of behaviours.
    Swarm {
        /// Which.
        behaviour: u8,
    },
    /// Returning home.
    Rtl {
        /// Whether it has come over its home and goes down.
        descending: bool,
    },
    /// Landing here.
    Land,
    /// Falling, or lying there after a fall.
    Fall,
    /// Flying to a point for the world's mission, and staying there for its next order.
    Errand {
        /// The point.
        goal: Vec3,
        /// Speed, if not the type's.
        speed_mps: Option<f64>,
        /// Heading, if not forwards.
        heading_deg: Option<f64>,
    },
}

impl Task {
    /// The mode that an operator sees.
    pub fn mode(&self) -> Mode {
        match self {
            Task::Idle => Mode::Standby,
            Task::Takeoff { .. } => Mode::Takeoff,
            Task::Hold { .. } => Mode::Hold,
            Task::Goto { .. } | Task::Follow { .. } | Task::Velocity { .. } => Mode::Guided,
            Task::Mission | Task::Errand { .. } => Mode::Mission,
            Task::Swarm { .. } => Mode::Swarm,
            Task::Rtl { .. } => Mode::Rtl,
            Task::Land => Mode::Land,
            Task::Fall => Mode::Emergency,
        }
    }
}

/// One point of a mission.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Waypoint {
    /// Where.
    pub position: Vec3,
    /// How long to stay. Without a stay the drone flies through.
    #[serde(default)]
    pub loiter_s: f64,
    /// Speed on the way there, if not the type's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speed_mps: Option<f64>,
    /// Heading on the way and while staying, if not forwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heading_deg: Option<f64>,
}

/// A list of waypoints.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mission {
    /// The points in order; never empty.
    pub waypoints: Vec<Waypoint>,
    /// Whether the first follows the last for ever.
    #[serde(rename = "loop")]
    pub looped: bool,
}

/// Where a drone stands in its mission.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Leg {
    /// The waypoint that it flies to or stays at.
    pub waypoint: usize,
    /// Until when it stays there.
    pub loiter_until: Option<Tick>,
}

/// A name out of [`Command::NAMES`].
pub type CommandName = &'static str;

fn command_name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<CommandName, D::Error> {
    let name = String::deserialize(deserializer)?;
    let known = Command::NAMES.into_iter().find(|known| *known == name);
    known.ok_or_else(|| D::Error::custom(format_args!("there is no command {name:?}")))
}

/// The command that a drone is carrying out.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Order {
    /// Ticket of the command.
    pub ticket: u64,
    /// Its name.
    #[serde(deserialize_with = "command_name")]
    pub name: CommandName,
    /// When it counts as timed out.
    pub deadline: Option<Tick>,
    /// Distance to go when it was given.
    pub distance_m: f64,
    /// Progress last reported.
    pub progress_pct: u8,
}

/// What is broken. Ticks say until when; `Tick::MAX` until it is cleared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Faults {
    /// Share of the thrust that is left.
    pub motor: Option<f64>,
    /// Motor sound again at this tick.
    pub motor_until: Tick,
    /// No position fix before this tick.
    pub gps_until: Tick,
    /// No link before this tick.
    pub link_until: Tick,
    /// The pilot panics at its next decision.
    pub panic: bool,
    /// Hit the ground too fast to start again.
    pub damaged: bool,
    /// A number was not finite; the last good state stands.
    pub bad_data: bool,
}

/// Where a drone is to look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub enum Heading {
    /// Where it looks already.
    #[default]
    AsBefore,
    /// Where it is commanded to fly to.
    Forwards,
    /// Degrees clockwise from north.
    At(f64),
}

impl Heading {
    /// Whether it is a number.
    pub fn is_finite(self) -> bool {
        !matches!(self, Heading::At(heading_deg) if !heading_deg.is_finite())
    }

    /// In degrees, for a drone under the velocity command `command`.
    pub fn towards(self, command: Vec3) -> Option<f64> {
        match self {
            Heading::AsBefore => None,
            Heading::Forwards => geodesy::heading_deg(command),
            Heading::At(heading_deg) => Some(heading_deg),
        }
    }
}

/// One drone of a world. Read it through its methods; only the world changes it.
///
/// What every tick needs stands together, in the order that is written here: a drone is a dozen cache lines long.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[repr(C)]
pub struct Drone {
    pub(super) body: Body,
    pub(super) command: Vec3,
    pub(super) heading_command: Heading,
    pub(super) memory: Memory,
    pub(super) serial: u32,
    pub(super) kind: u16,
    pub(super) landed: Landed,
    pub(super) stage: Stage,
    /// Whether it moves as a point does: it looks where it goes, at once.
    pub(super) is_point: bool,
    pub(super) armed: bool,
    pub(super) breach: bool,
    /// It moved to where no number is; the judge of this tick is to quarantine it. Never set between ticks.
    #[serde(skip)]
    pub(super) stumbled: bool,
    pub(super) task: Task,
    pub(super) battery_j: f64,
    pub(super) faults: Faults,
    pub(super) order: Option<Order>,
    pub(super) sensors: Sensors,
    pub(super) home: Vec3,
    pub(super) id: Arc<str>,
    pub(super) group: Option<Arc<str>>,
    pub(super) mission: Option<Arc<Mission>>,
    pub(super) leg: Leg,
    pub(super) standing: Option<Next>,
    pub(super) signal_until: Tick,
    pub(super) restarts: u32,
    pub(super) link_rtl_done: bool,
    pub(super) heard: Option<Arc<(Tick, DroneState)>>,
}

impl Drone {
    /// Its id.
    pub fn id(&self) -> &Arc<str> {
        &self.id
    }

    /// Number by which it is known to the random numbers; never given twice in a run.
    pub fn serial(&self) -> u32 {
        self.serial
    }

    /// Its type, as a place in [`super::World::types`].
    pub fn type_index(&self) -> usize {
        usize::from(self.kind)
    }

    /// Its group.
    pub fn group(&self) -> Option<&Arc<str>> {
        self.group.as_ref()
    }

    /// Where it is.
    pub fn position(&self) -> Vec3 {
        self.body.position
    }

    /// How fast it moves over ground.
    pub fn velocity(&self) -> Vec3 {
        self.body.velocity
    }

    /// How its velocity changes.
    pub fn accel(&self) -> Vec3 {
        self.body.accel
    }

    /// Where it points, degrees clockwise from north.
    pub fn heading_deg(&self) -> f64 {
        // Worked out when somebody asks: an arc tangent for every drone and tick would cost as much as its neighbours.
        let course = if self.is_point { geodesy::heading_deg(self.body.velocity) } else { None };
        course.unwrap_or(self.body.heading_deg)
    }

    /// Before it comes to rest: its last course stays its heading.
    pub(super) fn keep_heading(&mut self) {
        self.body.heading_deg = self.heading_deg();
    }

    /// Takes over what its pilot wants.
    pub(super) fn follow(&mut self, (velocity, heading, memory): (Vec3, Heading, Memory)) {
        self.command = velocity;
        self.heading_command = heading;
        self.memory = memory;
    }

    /// Takes back the velocity that its pilot asked for; where it looks stands.
    pub(super) fn command_rest(&mut self) {
        self.heading_command =
            self.heading_command.towards(self.command).map_or(Heading::AsBefore, Heading::At);
        self.command = Vec3::ZERO;
    }

    /// The velocity that its pilot asked for last.
    pub fn command(&self) -> Vec3 {
        self.command
    }

    /// Where it returns to.
    pub fn home(&self) -> Vec3 {
        self.home
    }

    /// What it is doing.
    pub fn task(&self) -> &Task {
        &self.task
    }

    /// The mode that an operator sees.
    pub fn mode(&self) -> Mode {
        self.task.mode()
    }

    /// Contact with the ground.
    pub fn landed(&self) -> Landed {
        self.landed
    }

    /// Whether it is off the ground.
    pub fn is_airborne(&self) -> bool {
        self.landed != Landed::OnGround
    }

    /// Whether its motors are armed.
    pub fn is_armed(&self) -> bool {
        self.armed
    }

    /// Its mission, if it has one.
    pub fn mission(&self) -> Option<&Arc<Mission>> {
        self.mission.as_ref()
    }

    /// Where it stands in its mission.
    pub fn leg(&self) -> Leg {
        self.leg
    }

    /// The command that it is carrying out.
    pub fn order(&self) -> Option<&Order> {
        self.order.as_ref()
    }

    /// What is broken.
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// How often its pilot was restarted.
    pub fn restarts(&self) -> u32 {
        self.restarts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_wire() {
        for (name, mode) in Mode::ALL {
            assert_eq!(serde_json::to_value(mode).unwrap(), name);
            assert_eq!(mode.name(), name);
        }
        for (name, landed) in Landed::ALL {
            assert_eq!(serde_json::to_value(landed).unwrap(), name);
            assert_eq!(landed.name(), name);
        }
    }
}
