//! The world and its mission: what the mission is shown of drones, and what its orders do to them.

use std::sync::Arc;

use super::super::drone::{Drone, Next, Task};
use super::super::mission::spec::{Event, Turn};
use super::super::mission::{Answer, Doing, Mission, Moment, Order, ROUND_S, Said, Sight, Spec};
use super::super::params::Limit;
use super::super::scene::{Fence, FenceAction};
use super::super::{Level, Tick, Vec3};
use super::World;

impl World {
    /// A mission's part of a tick: its events when they are due, a round five times a second.
    pub(super) fn fly_mission(&mut self) {
        let Some(spec) = self.scenario.mission.clone() else { return };
        let (time_s, every) = (self.sim_time_s(), self.round_ticks());
        let Some(mission) = &mut self.mission else { return };
        // Whoever watches holds the mission of the last tick: it is only copied to be changed.
        if mission.has_due_event(&spec, time_s) {
            for event in Arc::make_mut(mission).due_events(&spec, time_s) {
                self.play(event);
            }
        }
        if self.tick.is_multiple_of(every) {
            let sights = self.mission_sights();
            self.play_round(&spec, every, &sights);
        }
        if cfg!(debug_assertions) {
            self.tell_violations();
        }
    }

    /// In debug builds every law is checked at every tick, and a broken one is told.
    fn tell_violations(&mut self) {
        let broken = self.mission_violations();
        let Some(mission) = self.mission.as_mut() else { return };
        let known = mission.laws_broken;
        if broken.len() != known {
            Arc::make_mut(mission).laws_broken = broken.len();
        }
        if broken.len() > known {
            self.tell(Level::Critical, Arc::clone(&self.swarm), "law_broken", broken.join("; "));
        }
    }

    /// Every law of missions that is broken at this tick; none in a sound world, nor in one without a mission.
    pub fn mission_violations(&self) -> Vec<String> {
        let (Some(mission), Some(spec)) = (&self.mission, &self.scenario.mission) else { return Vec::new() };
        mission.violations(spec, self.types(), &self.mission_sights())
    }

    /// Every drone as the mission is shown it.
    pub(in super::super) fn mission_sights(&self) -> Vec<Sight> {
        (0..self.drones.len()).map(|index| self.sight(index)).collect()
    }

    #[cfg(test)]
    pub(in super::super) fn mission_mut(&mut self) -> Option<&mut Arc<Mission>> {
        self.mission.as_mut()
    }

    fn round_ticks(&self) -> Tick {
        ((ROUND_S / self.tick_s()).round() as Tick).max(1)
    }

    /// The crew is known before the clock starts.
    pub(super) fn muster(&mut self) {
        let (Some(spec), Some(mut mission)) = (self.scenario.mission.clone(), self.mission.take()) else {
            return;
        };
        let (sights, every) = (self.mission_sights(), self.round_ticks());
        Arc::make_mut(&mut mission).muster(self.moment(&spec, every), &sights, every);
        self.mission = Some(mission);
    }

    /// The world as a round is shown it, `every` ticks after the one before.
    fn moment<'a>(&'a self, spec: &'a Spec, every: Tick) -> Moment<'a> {
        Moment {
            spec,
            scene: &self.scene,
            types: &self.scenario.types,
            seed: self.seed,
            tick: self.tick,
            tick_s: self.tick_s(),
            dt: every as f64 * self.tick_s(),
            wind_mps: self.wind.at(Vec3::ZERO, 0.3 * spec.search.ceiling_m).horizontal_norm(),
            resume_pct: self.limit(Limit::BatteryResume),
            way_home_m: self.limit(Limit::RtlAltitude),
        }
    }

    fn play_round(&mut self, spec: &Spec, every: Tick, sights: &[Sight]) {
        let Some(mut mission) = self.mission.take() else { return };
        let answer = Arc::make_mut(&mut mission).round(self.moment(spec, every), sights);
        self.mission = Some(mission);
        let Answer { orders, said } = answer;
        for (index, order) in orders {
            self.obey(index, order);
        }
        for Said { level, drone, code, message } in said {
            let source = drone.unwrap_or_else(|| Arc::clone(&self.swarm));
            self.tell(level, source, code, message);
        }
    }

    /// A drone as its mission is shown it.
    fn sight(&self, index: usize) -> Sight {
        let drone = &self.drones[index];
        let holds =
            |fence: &Fence| fence.action == FenceAction::Hold && fence.is_breached_at(drone.body.position);
        Sight {
            serial: drone.serial,
            index,
            kind: drone.kind,
            id: Arc::clone(&drone.id),
            position: drone.body.position,
            velocity: drone.body.velocity,
            heading_deg: drone.heading_deg(),
            battery_j: drone.battery_j,
            home: drone.home,
            doing: match drone.task {
                _ if !drone.is_airborne() => Doing::Standing,
                Task::Takeoff { .. } => Doing::Climbing,
                Task::Rtl { .. } | Task::Land | Task::Fall => Doing::Coming,
                _ => Doing::Free,
            },
            trouble: trouble(drone, self.tick),
            is_linked: self.tick >= drone.faults.link_until,
            is_beyond: drone.breach,
            is_held: drone.breach && self.scene.fences.iter().any(holds),
        }
    }

    fn obey(&mut self, index: usize, order: Order) {
        match order {
            Order::TakeOff => self.lift_off(index, self.limit(Limit::TakeoffAltitude), Next::Hold),
            Order::Fly { goal, speed_mps, heading_deg } => {
                self.drones[index].task = Task::Errand { goal, speed_mps, heading_deg };
            }
            // Whoever holds already keeps its place: it must not drift from round to round.
            Order::Hold if matches!(self.drones[index].task, Task::Hold { .. }) => {}
            Order::Hold => self.drones[index].task = Task::Hold { at: None },
            Order::Return => self.drones[index].task = Task::Rtl { descending: false },
            Order::Feed { joules } => {
                let full = self.kind(&self.drones[index]).battery_j();
                let drone = &mut self.drones[index];
                drone.battery_j = (drone.battery_j + joules).clamp(0.0, full);
            }
        }
        self.glances[index] = self.look().at(index, &self.drones[index]);
    }

    fn play(&mut self, event: &Event) {
        match &event.what {
            Turn::Wind { speed_mps, from_deg, gust_mps } => self.set_wind(*speed_mps, *from_deg, *gust_mps),
            Turn::Fault { drones, fault, value, duration_s } => {
                for id in drones {
                    let Some(index) = self.index_of(id) else { continue };
                    let message = format!("{fault:?} fault, as the scenario has it").to_lowercase();
                    self.tell_of(index, Level::Warning, "fault", message);
                    self.break_or_mend(index, *fault, *value, *duration_s, false);
                    self.glances[index] = self.look().at(index, &self.drones[index]);
                }
            }
        }
    }

    /// A drone is taken out of its mission by an operator, or given back.
    pub(super) fn take_over(&mut self, index: usize, is_manual: bool) {
        if let Some(mission) = &mut self.mission {
            Arc::make_mut(mission).set_manual(self.drones[index].serial, is_manual);
        }
    }

    /// Whether a drone belongs to the world's mission.
    pub(super) fn is_in_mission(&self, index: usize) -> bool {
        self.mission.as_deref().is_some_and(|mission| mission.has(self.drones[index].serial))
    }

    /// Shows operators the truth of the mission, or hides it. Changes nothing else.
    pub(super) fn set_god_view(&mut self, is_on: bool) {
        let Some(mission) = &mut self.mission else { return };
        let mission: &mut Mission = Arc::make_mut(mission);
        mission.god_view = is_on;
        let message = if is_on { "the hidden truth is shown" } else { "only what the swarm knows is shown" };
        self.tell(Level::Warning, Arc::clone(&self.swarm), "god_view", message);
    }
}

/// What keeps a drone from taking part.
fn trouble(drone: &Drone, tick: Tick) -> Option<&'static str> {
    let faults = &drone.faults;
    [
        (faults.damaged, "damaged"),
        (drone.task == Task::Fall, "motors stopped"),
        (faults.motor.is_some(), "motor failure"),
        (tick < faults.gps_until, "no position fix"),
        (faults.bad_data, "bad data"),
    ]
    .into_iter()
    .find_map(|(is_so, what)| is_so.then_some(what))
}
