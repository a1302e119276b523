//! The second half of a tick: what the pilots want meets physics.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::super::dynamics::Dynamics;
use super::super::lanes::LANES;
use super::super::sensors::Moment;
use super::super::{Alone, Crew, Intent, Level, Pilot};
use super::World;
use super::look::{Glance, Look};
use super::meetings::Meetings;
use super::motion::Motion;

impl World {
    /// One tick. `intents[i]` is what the pilot of drone `i` wants; `None`: it did not answer and keeps its last
    /// intent; [`Intent::Crashed`]: it goes into a failsafe. A list that is too short counts as `None` for the rest.
    pub fn step(&mut self, intents: &[Option<Intent>]) {
        self.step_with(intents, &Alone);
    }

    /// As [`World::step`], with help. The crew's size does not change a bit.
    pub fn step_with(&mut self, intents: &[Option<Intent>], crew: &impl Crew) {
        for index in 0..self.drones.len() {
            let intent = intents.get(index).and_then(Option::as_ref);
            if intent.and_then(Intent::wish).is_none() {
                self.do_without(index, intent);
            }
        }
        self.missed.clear();
        let tick_s = self.tick_s();
        self.wind.advance(self.seed, self.tick, tick_s);
        let mut glances = std::mem::take(&mut self.glances);
        glances.resize(self.drones.len(), Glance::default());
        let motion = Motion {
            scenario: &self.scenario,
            scene: &self.scene,
            responses: &self.responses,
            params: &self.params,
            wind: &self.wind,
            gusts: self.wind.gusts(tick_s),
            seed: self.seed,
            tick: self.tick,
            imperfect: self.imperfect,
            end: Moment {
                params: &self.params,
                rhythm: self.rhythm,
                seed: self.seed,
                tick: self.tick + 1,
                dt: tick_s,
                flat: self.scenario.dynamics != Dynamics::Quad,
            },
        };
        let look = Look {
            types: &self.scenario.types,
            scene: &self.scene,
            params: &self.params,
            tick: self.tick + 1,
        };
        // Drones are large: whatever one needs of a tick it gets while it is at hand.
        crew.each_piece(&mut self.drones, &mut glances, |first, drones, glances| {
            for (block, eight) in drones.chunks_mut(LANES).enumerate() {
                let draws = motion.draw(eight);
                for (lane, drone) in eight.iter_mut().enumerate() {
                    let place = block * LANES + lane;
                    let index = first + place;
                    if let Some(wish) = intents.get(index).and_then(Option::as_ref).and_then(Intent::wish) {
                        drone.follow(wish);
                    }
                    motion.advance(drone, &draws, lane);
                    glances[place] = look.at(index, drone);
                }
            }
        });
        self.tick += 1;
        for (index, glance) in glances.iter_mut().enumerate().filter(|(_, glance)| glance.is_due) {
            if std::mem::take(&mut self.drones[index].stumbled) {
                self.quarantine(index, "a state that is not finite");
            }
            self.judge(index);
            *glance = self.look().at(index, &self.drones[index]);
        }
        self.glances = glances;
        self.fly_mission();
        self.freeze();
    }

    /// One whole tick on this thread: every pilot decides, then the world steps. The reference for all other ways.
    pub fn advance(&mut self) {
        self.advance_with(&Alone);
    }

    /// As [`World::advance`], with help. The crew's size does not change a bit.
    pub fn advance_with(&mut self, crew: &impl Crew) {
        let mut intents = std::mem::take(&mut self.intents);
        let mut meetings = std::mem::take(&mut self.meetings);
        self.decide_all(&mut meetings, &mut intents, crew);
        self.step_with(&intents, crew);
        (self.intents, self.meetings) = (intents, meetings);
    }

    /// What every drone wants: what [`World::decide`] says, found out side by side where that is faster. A panic becomes
    /// [`Intent::Crashed`], an announced miss `None`. Both lists are kept from tick to tick by the caller.
    pub fn decide_all(&self, meetings: &mut Meetings, intents: &mut Vec<Option<Intent>>, crew: &impl Crew) {
        self.meet_all(meetings, crew);
        intents.resize(self.drones.len(), None);
        crew.each(intents, |index, intent| {
            if !self.missed.is_empty() && self.missed.binary_search(&self.drones[index].serial).is_ok() {
                *intent = None;
                return;
            }
            let met = meetings.of(self.traffic.slot_of(index));
            // Written in place: an intent is too large to be handed around for every drone and tick.
            let decide = || *intent = Some(Pilot::decide(&self.percept_after(index, met)));
            if catch_unwind(AssertUnwindSafe(decide)).is_err() {
                *intent = Some(Intent::Crashed);
            }
        });
    }

    /// A drone whose pilot wants nothing that could be done.
    fn do_without(&mut self, index: usize, intent: Option<&Intent>) {
        match intent {
            Some(Intent::Fly { .. }) => self.quarantine(index, "an intent that is not finite"),
            Some(Intent::Crashed) => self.restart(index),
            None => {
                self.tell_of(index, Level::Warning, "intent_missed", "no intent in time; the last one stands")
            }
        }
    }
}
