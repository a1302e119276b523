//! Orders: commands to one drone's flight. Each is refused with a reason or accepted; then it ends exactly once.

use std::sync::Arc;

use super::super::battery::Stage;
use super::super::command::{Command, Fault};
use super::super::drone::{Leg, Mission, Next, Order, Task};
use super::super::dynamics::speed_along;
use super::super::params::Limit;
use super::super::{CommandResult, Level, Tick, Vec3, Verdict, behaviour};
use super::apply::Results;
use super::{World, spread};

/// How long a drone blinks.
const SIGNAL_S: f64 = 3.0;
/// An order may take this long beside three times the time that the way should take.
const GRACE_S: f64 = 60.0;
/// Charge that a battery fault leaves if it does not say otherwise, in per cent.
const FAULT_PCT: f64 = 5.0;

impl World {
    /// One command for one drone.
    pub(super) fn order(&mut self, index: usize, command: &Command, ticket: u64) -> (Arc<str>, Verdict) {
        let id = Arc::clone(&self.drones[index].id);
        if let Some(verdict) = self.objection(index, command) {
            return (id, verdict);
        }
        match command {
            Command::Signal {} => self.drones[index].signal_until = self.tick + self.ticks(SIGNAL_S),
            Command::Arm {} => self.drones[index].armed = true,
            Command::InjectFault { fault, value, duration_s, clear } => {
                self.break_or_mend(index, *fault, *value, *duration_s, *clear);
            }
            Command::Disarm {} => {
                self.supersede(index, command, ticket);
                self.drones[index].armed = false;
                self.drones[index].task = Task::Idle;
            }
            Command::Mission { waypoints, looped } => {
                self.hand_over(
                    index,
                    Mission { waypoints: waypoints.clone(), looped: *looped },
                    command,
                    ticket,
                );
            }
            Command::MissionStart {} if self.is_in_mission(index) => {
                self.supersede(index, command, ticket);
                if self.drones[index].is_airborne() {
                    self.drones[index].task = Task::Hold { at: None };
                }
                self.take_over(index, false);
            }
            Command::SetBehavior { behavior, .. } => {
                self.supersede(index, command, ticket);
                let behaviour = behaviour::index_of(behavior).unwrap_or_default() as u8;
                self.go_on(index, Next::Swarm(behaviour));
            }
            _ => {
                self.supersede(index, command, ticket);
                self.start(index, command, ticket);
                return (id, Verdict::accepted());
            }
        }
        self.done_at_once(index, ticket)
    }

    /// Why a drone cannot take a command now.
    pub(super) fn objection(&self, index: usize, command: &Command) -> Option<Verdict> {
        let deny = |reason: String| Some(Verdict::because(CommandResult::Denied, reason));
        let drone = &self.drones[index];
        if let Command::InjectFault { .. } = command {
            return None;
        }
        if self.tick < drone.faults.link_until {
            return Some(Verdict::because(CommandResult::TemporarilyRejected, "link lost"));
        }
        let (airborne, fallen) = (drone.is_airborne(), drone.task == Task::Fall);
        match command {
            Command::Signal {} | Command::EmergencyStop {} => None,
            Command::Disarm {} if airborne => deny("in the air; land first, or use emergency_stop".into()),
            Command::Disarm {} => None,
            _ if fallen && airborne => deny("falling".into()),
            _ if drone.faults.damaged => deny("damaged by an impact; it cannot fly".into()),
            _ if fallen => deny("motors were stopped; disarm it first".into()),
            Command::Arm {} if airborne => deny("in the air already".into()),
            Command::Arm {} => self.objection_to_start(index).and_then(deny),
            Command::Takeoff { altitude_m } => {
                if airborne {
                    return deny("in the air already".into());
                }
                let altitude = altitude_m.unwrap_or_else(|| self.limit(Limit::TakeoffAltitude));
                let top = drone.body.position.at_altitude(altitude);
                let objection = self.objection_to_start(index).or_else(|| self.objection_to_goal(index, top));
                objection.and_then(deny)
            }
            Command::Mission { waypoints, looped } => {
                let mission = Mission { waypoints: waypoints.clone(), looped: *looped };
                self.objection_to_mission(&mission).and_then(deny)
            }
            Command::MissionStart {} if self.is_in_mission(index) => None,
            Command::MissionStart {} if drone.mission.is_none() => deny("it has no mission".into()),
            Command::MissionStart {} if !airborne => self.objection_to_start(index).and_then(deny),
            Command::MissionPause {} if !matches!(drone.task, Task::Mission | Task::Errand { .. }) => {
                deny("no mission under way".into())
            }
            _ if !airborne => deny("on the ground; take off first".into()),
            Command::Land {} => None,
            _ => self
                .objection_to_flight(index)
                .or_else(|| self.objection_to_following(index, command))
                .and_then(deny),
        }
    }

    /// Why a drone must stay on the ground.
    fn objection_to_start(&self, index: usize) -> Option<String> {
        let drone = &self.drones[index];
        if drone.faults.motor.is_some() {
            return Some("motor failure".into());
        }
        if self.tick < drone.faults.gps_until {
            return Some("no position fix".into());
        }
        self.objection_of_battery(index)
    }

    /// Why a drone in the air can only land.
    fn objection_to_flight(&self, index: usize) -> Option<String> {
        let drone = &self.drones[index];
        if drone.faults.motor.is_some() {
            return Some("motor failure; it can only land".into());
        }
        if self.tick < drone.faults.gps_until {
            return Some("no position fix; it can only land".into());
        }
        self.objection_of_battery(index)
    }

    fn objection_of_battery(&self, index: usize) -> Option<String> {
        let (pct, critical) = (self.battery_pct(&self.drones[index]), self.limit(Limit::BatteryCritical));
        let is_critical = Stage::at(pct, 100.0, 100.0, critical) >= Stage::Critical;
        is_critical.then(|| format!("battery {pct:.0} %, at or below the critical {critical:.0} %"))
    }

    fn objection_to_following(&self, index: usize, command: &Command) -> Option<String> {
        let Command::Follow { drone, .. } = command else { return None };
        let leader = self.index_of(drone)?;
        if leader == index {
            return Some("a drone cannot follow itself".into());
        }
        if !self.drones[leader].is_airborne() {
            return Some(format!("{drone} is on the ground"));
        }
        // Up the chain of leaders: it must not come back here.
        let mut above = leader;
        for _ in 0..self.drones.len() {
            let Task::Follow { leader, .. } = self.drones[above].task else { return None };
            above = self.by_serial(leader)?;
            if above == index {
                return Some(format!("{drone} follows this drone already"));
            }
        }
        None
    }

    pub(super) fn objection_to_goal(&self, index: usize, goal: Vec3) -> Option<String> {
        let drone = &self.drones[index];
        let tether = self.kind(drone).tether_m;
        if tether > 0.0 && goal.distance(drone.home) > tether {
            return Some(format!("beyond its tether of {tether} m"));
        }
        self.scene.objection_to(goal)
    }

    /// Ends what the drone is doing for the sake of a new command. A setpoint that is renewed has done its work.
    pub(super) fn supersede(&mut self, index: usize, command: &Command, ticket: u64) {
        let renewed = matches!((command, self.drones[index].order), (Command::Velocity { .. }, Some(o)) if o.name == "velocity");
        let verdict = if renewed {
            Verdict::completed()
        } else {
            Verdict::because(
                CommandResult::Cancelled,
                format!("superseded by {} (ticket {ticket})", command.name()),
            )
        };
        self.end_order(index, verdict);
        self.take_over(index, true);
        let drone = &mut self.drones[index];
        drone.standing = None;
        drone.memory = Default::default();
        if drone.is_airborne() {
            drone.landed = super::Landed::InAir;
        }
    }

    fn start(&mut self, index: usize, command: &Command, ticket: u64) {
        let drone = &self.drones[index];
        let (position, airborne) = (drone.body.position, drone.is_airborne());
        let (task, way) = match command {
            Command::Takeoff { altitude_m } => {
                let altitude = altitude_m.unwrap_or_else(|| self.limit(Limit::TakeoffAltitude));
                self.lift_off(index, altitude, Next::Hold);
                (self.drones[index].task, Some(Vec3::UP * altitude))
            }
            Command::MissionStart {} => {
                if airborne {
                    self.go_on(index, Next::Mission);
                } else {
                    self.lift_off(index, self.limit(Limit::TakeoffAltitude), Next::Mission);
                }
                (self.drones[index].task, None)
            }
            Command::Land {} => (Task::Land, Some(Vec3::UP * -position.z)),
            Command::Rtl {} => {
                let climb = Vec3::UP * self.limit(Limit::RtlAltitude);
                (Task::Rtl { descending: false }, Some(drone.home - position + climb))
            }
            Command::Follow { drone: leader, offset } => {
                let leader = &self.drones[self.index_of(leader).unwrap_or(index)];
                let offset = offset.unwrap_or(position - leader.body.position);
                (Task::Follow { leader: leader.serial, offset }, None)
            }
            Command::Velocity { velocity } => {
                let until = self.tick + self.ticks(self.limit(Limit::SetpointTimeout));
                (Task::Velocity { velocity: *velocity, until }, None)
            }
            Command::EmergencyStop {} => return self.stop_motors(index, command, ticket),
            // hold, mission_pause
            _ => (Task::Hold { at: None }, Some(Vec3::ZERO)),
        };
        self.drones[index].task = task;
        self.take(index, command, ticket, way);
    }

    /// Remembers what the drone is carrying out. With a way to go it also gets a deadline.
    pub(super) fn take(&mut self, index: usize, command: &Command, ticket: u64, way: Option<Vec3>) {
        let kind = self.kind(&self.drones[index]);
        let deadline = way.map(|way| {
            let slowest = speed_along(kind, way.unit()).min(kind.descent_mps_max);
            let seconds = GRACE_S + 3.0 * way.norm() / slowest;
            self.tick + self.ticks(seconds)
        });
        let distance_m = way.map_or(0.0, Vec3::norm);
        self.drones[index].order =
            Some(Order { ticket, name: command.name(), deadline, distance_m, progress_pct: 0 });
    }

    fn stop_motors(&mut self, index: usize, command: &Command, ticket: u64) {
        self.fall(index, "emergency stop");
        self.take(index, command, ticket, Some(Vec3::UP * self.drones[index].body.position.z));
        if !self.drones[index].is_airborne() {
            self.end_order(index, Verdict::completed());
        }
    }

    /// New waypoints. A drone that is flying a mission holds first.
    fn hand_over(&mut self, index: usize, mission: Mission, command: &Command, ticket: u64) {
        if matches!(self.drones[index].task, Task::Mission | Task::Takeoff { then: Next::Mission, .. })
            || self.drones[index].standing == Some(Next::Mission)
        {
            self.supersede(index, command, ticket);
            if matches!(self.drones[index].task, Task::Mission | Task::Takeoff { .. }) {
                self.drones[index].task = Task::Hold { at: None };
            }
        }
        self.drones[index].mission = Some(Arc::new(mission));
        self.drones[index].leg = Leg::default();
        self.paths_changed();
    }

    /// `goto` for all its targets at once: those who can go share the places around the point.
    pub(super) fn send(&mut self, chosen: &[usize], command: &Command, ticket: u64) -> Results {
        let Command::Goto { position, lat, lon, altitude_m, speed_mps, heading_deg } = command else {
            return Vec::new();
        };
        let middle = match (position, lat, lon) {
            (None, Some(lat), Some(lon)) => {
                self.scenario.origin.to_local(*lat, *lon, altitude_m.unwrap_or(0.0))
            }
            _ => {
                position.unwrap_or_default().at_altitude(altitude_m.or(position.map(|p| p.z)).unwrap_or(0.0))
            }
        };
        let keeps_altitude = position.is_none() && altitude_m.is_none();
        let altitude_of = |world: &World, index: usize| match keeps_altitude {
            true => world.drones[index].body.position.z.max(1.0),
            false => middle.z,
        };
        let mut results: Results = Vec::with_capacity(chosen.len());
        let mut going = Vec::new();
        for &index in chosen {
            let goal = middle.at_altitude(altitude_of(self, index));
            let denied = self.objection(index, command).or_else(|| {
                self.objection_to_goal(index, goal)
                    .map(|reason| Verdict::because(CommandResult::Denied, reason))
            });
            if denied.is_none() {
                going.push(index);
            }
            results.push((Arc::clone(&self.drones[index].id), denied.unwrap_or_else(Verdict::accepted)));
        }
        let reference = going.first().map_or(middle, |&index| middle.at_altitude(altitude_of(self, index)));
        let scene = Arc::clone(&self.scene);
        let spacing = self.limit(Limit::Spacing);
        let mut places = spread::places(reference, spacing, going.len(), |p| scene.objection_to(p).is_some());
        // Where there is no room left they share the middle; avoidance keeps them apart.
        places.resize(going.len(), reference);
        let from: Vec<Vec3> = going.iter().map(|&index| self.drones[index].body.position).collect();
        for (&index, place) in going.iter().zip(spread::assign(&from, &places)) {
            let goal = places[place].at_altitude(altitude_of(self, index));
            self.supersede(index, command, ticket);
            self.drones[index].task = Task::Goto { goal, speed_mps: *speed_mps, heading_deg: *heading_deg };
            let way = goal - self.drones[index].body.position;
            let slow = speed_mps.map_or(1.0, |s| (self.kind(&self.drones[index]).speed_mps_max / s).max(1.0));
            self.take(index, command, ticket, Some(way * slow));
            if let Some(order) = &mut self.drones[index].order {
                order.distance_m = way.norm();
            }
        }
        results
    }

    pub(super) fn break_or_mend(
        &mut self,
        index: usize,
        fault: Fault,
        value: Option<f64>,
        duration: Option<f64>,
        clear: bool,
    ) {
        if clear {
            return self.mend_now(index, fault);
        }
        let until = duration.map_or(Tick::MAX, |seconds| self.tick + self.ticks(seconds));
        let battery_j = self.kind(&self.drones[index]).battery_j();
        match fault {
            Fault::Panic => self.drones[index].faults.panic = true,
            Fault::Battery => self.drones[index].battery_j = battery_j * value.unwrap_or(FAULT_PCT) / 100.0,
            Fault::Motor => {
                let left = value.unwrap_or(0.0);
                self.drones[index].faults.motor = Some(left);
                self.drones[index].faults.motor_until = until;
                self.lose_thrust(index, left);
            }
            Fault::Gps => {
                let fresh = self.tick >= self.drones[index].faults.gps_until;
                self.drones[index].faults.gps_until = until;
                if fresh {
                    self.lose_fix(index);
                }
            }
            Fault::Link => {
                if self.tick >= self.drones[index].faults.link_until {
                    let last = self.state(&self.drones[index]);
                    self.drones[index].heard = Some(Arc::new((self.tick, last)));
                    self.tell_of(index, Level::Error, "link_lost", "link lost");
                }
                self.drones[index].faults.link_until = until;
            }
        }
    }

    fn mend_now(&mut self, index: usize, fault: Fault) {
        let (tick, battery_j) = (self.tick, self.kind(&self.drones[index]).battery_j());
        let drone = &mut self.drones[index];
        match fault {
            Fault::Panic => drone.faults.panic = false,
            Fault::Battery => drone.battery_j = battery_j,
            Fault::Motor => {
                drone.faults.motor = None;
                drone.faults.damaged = false;
                drone.faults.bad_data = false;
            }
            Fault::Gps => drone.faults.gps_until = drone.faults.gps_until.min(tick),
            Fault::Link => {
                drone.faults.link_until = drone.faults.link_until.min(tick);
                drone.link_rtl_done = false;
                drone.heard = None;
            }
        }
    }
}
