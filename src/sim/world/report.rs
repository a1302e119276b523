//! What the world shows: snapshot, metrics, state hash.

use std::borrow::Cow;
use std::sync::Arc;

use super::super::battery::Stage;
use super::super::drone::{Drone, Landed, Next, Task};
use super::super::hash::Hash64;
use super::super::route::Way;
use super::super::snapshot::MissionShown;
use super::super::{Alert, AlertLevel, DroneState, Snapshot, Tick, Vec3};
use super::World;

impl World {
    /// Everything to be shown after a tick.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            tick: self.tick,
            sim_time_s: self.sim_time_s(),
            table: self.table(),
            drones: self.drones.iter().map(|d| self.state_as_heard(d)).collect(),
            metrics: self.metrics(),
            visual: Arc::clone(&self.visual),
            mission: self.mission.clone().map(|state| MissionShown { state, safety: self.safety() }),
        }
    }

    /// The state of one drone, as a snapshot shows it. Panics if there is no such drone.
    pub fn shown(&self, index: usize) -> DroneState {
        self.state_as_heard(&self.drones[index])
    }

    /// A drone without link is shown as it was last heard.
    fn state_as_heard(&self, drone: &Drone) -> DroneState {
        match &drone.heard {
            Some(heard) => DroneState {
                silent_ticks: u32::try_from(self.tick - heard.0).unwrap_or(u32::MAX),
                link_lost: true,
                alert: Some(Alert { level: AlertLevel::Warning, text: Cow::Borrowed("link lost") }),
                ..heard.1.clone()
            },
            None => self.state(drone),
        }
    }

    /// The true state of a drone.
    pub(super) fn state(&self, drone: &Drone) -> DroneState {
        DroneState {
            position: drone.body.position,
            velocity: drone.body.velocity,
            heading_deg: drone.heading_deg(),
            battery_pct: self.battery_pct(drone),
            mode: drone.mode(),
            landed: drone.landed,
            armed: drone.armed,
            alert: alert(drone, self.tick).map(|(level, text)| Alert { level, text: Cow::Borrowed(text) }),
            goal: self.goal(drone),
            silent_ticks: 0,
            link_lost: false,
            bad_data: drone.faults.bad_data,
            signalling: self.tick < drone.signal_until,
            faults: faults(drone, self.tick).map(Cow::Borrowed).collect(),
        }
    }

    /// Where a drone is going.
    pub(super) fn goal(&self, drone: &Drone) -> Option<Vec3> {
        match drone.task {
            Task::Takeoff { to, .. } => Some(to),
            Task::Hold { at } => at,
            Task::Goto { goal, .. } | Task::Errand { goal, .. } => Some(goal),
            Task::Follow { leader, offset } => {
                self.by_serial(leader).map(|i| self.drones[i].body.position + offset)
            }
            Task::Mission => {
                drone.mission.as_ref().and_then(|m| m.waypoints.get(drone.leg.waypoint)).map(|w| w.position)
            }
            Task::Rtl { .. } => Some(drone.home),
            Task::Idle | Task::Velocity { .. } | Task::Swarm { .. } | Task::Land | Task::Fall => None,
        }
    }

    /// A hash over every bit that the future depends on. Displayed as `{:016x}`.
    pub fn state_hash(&self) -> u64 {
        let mut hash = Hash64::default();
        hash.word(self.seed);
        hash.word(self.tick);
        hash.word(u64::from(self.next_serial));
        self.params.values().for_each(|value| hash.number(value));
        for (place, value) in self.params.changes() {
            hash.word(place);
            hash.number(value);
        }
        for change in &self.changes {
            hash.text(&change.path);
            hash.number(change.before);
        }
        if self.imperfect {
            self.drones.iter().flat_map(|d| d.sensors.vectors()).for_each(|v| hash.vector(v));
        }
        let wind = self.wind.spec();
        [wind.speed_mps, wind.from_deg, wind.gust_mps].iter().for_each(|&n| hash.number(n));
        hash.vector(self.wind.shared());
        self.crashes.iter().for_each(|&tick| hash.word(tick));
        self.close_calls.near().iter().for_each(|&(a, b)| hash.word(u64::from(a) << 32 | u64::from(b)));
        for (serial, place) in self.slots.all() {
            hash.word(u64::from(serial));
            hash.vector(place);
        }
        self.drones.iter().for_each(|drone| hash_drone(&mut hash, drone));
        if let Some(mission) = &self.mission {
            mission.enter(&mut hash);
        }
        hash.finish()
    }
}

/// The most important thing to know about a drone.
pub(super) fn alert(drone: &Drone, tick: Tick) -> Option<(AlertLevel, &'static str)> {
    let faults = &drone.faults;
    let flying = drone.is_airborne();
    Some(match drone.task {
        Task::Fall if flying => (AlertLevel::Critical, "falling"),
        _ if faults.damaged => (AlertLevel::Critical, "crashed"),
        Task::Fall => (AlertLevel::Critical, "motors stopped"),
        _ if flying && drone.stage >= Stage::Critical => (AlertLevel::Critical, "battery critical"),
        _ if faults.motor.is_some() => (AlertLevel::Critical, "motor failure"),
        _ if tick < faults.link_until => (AlertLevel::Warning, "link lost"),
        _ if drone.breach => (AlertLevel::Warning, "fence crossed"),
        _ if tick < faults.gps_until => (AlertLevel::Warning, "no position fix"),
        _ if faults.bad_data => (AlertLevel::Warning, "bad data"),
        _ if flying && drone.stage == Stage::VeryLow => (AlertLevel::Caution, "battery very low"),
        _ if flying && drone.stage == Stage::Low => (AlertLevel::Caution, "battery low"),
        _ if !flying && drone.standing.is_some() => (AlertLevel::Info, "charging"),
        _ => return None,
    })
}

fn faults(drone: &Drone, tick: Tick) -> impl Iterator<Item = &'static str> {
    let f = drone.faults;
    [
        (f.motor.is_some(), "motor"),
        (tick < f.gps_until, "gps"),
        (tick < f.link_until, "link"),
        (f.panic, "panic"),
        (f.damaged, "damaged"),
        (f.bad_data, "bad_data"),
    ]
    .into_iter()
    .filter_map(|(present, name)| present.then_some(name))
}

fn hash_drone(hash: &mut Hash64, d: &Drone) {
    hash.text(&d.id);
    hash.word(u64::from(d.serial) << 32 | u64::from(d.kind));
    hash.text(d.group.as_deref().unwrap_or_default());
    for vector in
        [d.body.position, d.body.velocity, d.body.accel, d.body.rejected_wind, d.body.gust, d.home, d.command]
    {
        hash.vector(vector);
    }
    hash.number(d.heading_deg());
    hash.number(d.heading_command.towards(d.command).unwrap_or(f64::MAX));
    hash.number(d.battery_j);
    hash.word(d.stage as u64 | (d.armed as u64) << 8 | (d.landed as u64) << 16 | (d.breach as u64) << 24);
    hash_task(hash, &d.task);
    let detour = d.memory.detour.map_or(0, |detour| {
        let way = match detour.way {
            Way::CounterClockwise => 1,
            Way::Clockwise => 2,
            Way::Over => 3,
        };
        u64::from(detour.prism) << 8 | way
    });
    hash.word(detour);
    hash.word(d.leg.waypoint as u64);
    hash.word(d.leg.loiter_until.unwrap_or(Tick::MAX));
    hash.word(d.standing.map_or(0, next_word));
    if let Some(mission) = &d.mission {
        hash.word(u64::from(mission.looped));
        for w in &mission.waypoints {
            hash.vector(w.position);
            hash.number(w.loiter_s);
            hash.number(w.speed_mps.unwrap_or(-1.0));
            hash.number(w.heading_deg.unwrap_or(-1.0));
        }
    }
    if let Some(order) = &d.order {
        hash.word(order.ticket);
        hash.text(order.name);
        hash.word(order.deadline.unwrap_or(Tick::MAX));
        hash.number(order.distance_m);
        hash.word(u64::from(order.progress_pct));
    }
    let f = &d.faults;
    hash.number(f.motor.unwrap_or(-1.0));
    [f.motor_until, f.gps_until, f.link_until, d.signal_until].iter().for_each(|&tick| hash.word(tick));
    let flags = [f.panic, f.damaged, f.bad_data, d.link_rtl_done, d.landed == Landed::OnGround];
    hash.word(flags.iter().fold(u64::from(d.restarts), |word, &flag| word << 1 | u64::from(flag)));
    hash.word(d.heard.as_ref().map_or(Tick::MAX, |heard| heard.0));
}

fn next_word(next: Next) -> u64 {
    match next {
        Next::Hold => 1,
        Next::Mission => 2,
        Next::Swarm(behaviour) => 3 | u64::from(behaviour) << 8,
    }
}

fn hash_task(hash: &mut Hash64, task: &Task) {
    hash.word(task.mode() as u64);
    match *task {
        Task::Idle | Task::Mission | Task::Land | Task::Fall => {}
        Task::Takeoff { to, then } => {
            hash.vector(to);
            hash.word(next_word(then));
        }
        Task::Hold { at } => hash.vector(at.unwrap_or(Vec3::new(f64::MAX, 0.0, 0.0))),
        Task::Goto { goal, speed_mps, heading_deg } | Task::Errand { goal, speed_mps, heading_deg } => {
            hash.word(1);
            hash.vector(goal);
            hash.number(speed_mps.unwrap_or(-1.0));
            hash.number(heading_deg.unwrap_or(-1.0));
        }
        Task::Follow { leader, offset } => {
            hash.word(2 | u64::from(leader) << 8);
            hash.vector(offset);
        }
        Task::Velocity { velocity, until } => {
            hash.word(3);
            hash.vector(velocity);
            hash.word(until);
        }
        Task::Swarm { behaviour } => hash.word(u64::from(behaviour)),
        Task::Rtl { descending } => hash.word(u64::from(descending)),
    }
}
