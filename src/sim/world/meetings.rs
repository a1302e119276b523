//! Drones side by side meet their neighbours before each pilot decides.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::super::Crew;
use super::super::behaviour;
use super::super::company::Company;
use super::super::flocking::Sums;
use super::super::lanes::LANES;
use super::super::params::Radio;
use super::super::pilot::is_lossy;
use super::World;

/// What behaviours have added up, by slots of the grid, [`LANES`] slots a block. `None` where a drone is to meet its
/// neighbours alone.
#[derive(Clone, Debug, Default)]
pub struct Meetings(Vec<[Option<Sums>; LANES]>);

impl Meetings {
    /// The sums of the drone in this slot.
    pub(super) fn of(&self, slot: usize) -> Option<&Sums> {
        self.0.get(slot / LANES)?[slot % LANES].as_ref()
    }
}

impl World {
    /// The sums of those who fly a behaviour that can be flown side by side. O(drones × neighbours).
    pub(super) fn meet_all(&self, meetings: &mut Meetings, crew: &impl Crew) {
        let blocks = if self.can_meet_together() { self.drones.len().div_ceil(LANES) } else { 0 };
        meetings.0.resize(blocks, [None; LANES]);
        crew.each(&mut meetings.0, |block, sums| {
            *sums = [None; LANES];
            // Whoever's rule panics is found out when each decides alone.
            let meet = || self.meet_together(block * LANES, sums);
            if catch_unwind(AssertUnwindSafe(meet)).is_err() {
                *sums = [None; LANES];
            }
        });
    }

    /// Whether everyone hears of a drone the same, and sees it the same way round.
    fn can_meet_together(&self) -> bool {
        let is_plain =
            !is_lossy(&self.params) && self.rhythm.jitter == 0 && self.scenario.space.torus().is_none();
        let hears_all = self.params.radio(Radio::Nearest) < 1.0;
        hears_all
            && (!self.imperfect || is_plain)
            && self.drones.iter().any(|drone| behaviour::together(drone).is_some())
    }

    /// The sums of those in one block, behaviour by behaviour.
    fn meet_together(&self, first: usize, sums: &mut [Option<Sums>; LANES]) {
        let last = self.drones.len().min(first + LANES);
        let flown = |slot: usize| self.traffic.in_slot(slot).behaviour;
        let range = self.params.radio(Radio::Range);
        let believed = |index: u32| self.drones[index as usize].sensors.fix();
        let mut done = 0u8;
        for slot in first..last {
            let Some(behaviour) = flown(slot).filter(|_| done & 1 << (slot - first) == 0) else { continue };
            let same = (slot..last).filter(|&other| flown(other) == Some(behaviour));
            let asking = same.fold(0, |asking, other| asking | 1 << (other - first));
            done |= asking;
            let place = usize::from(behaviour);
            let Some(together) = behaviour::ALL[place].together else { continue };
            let mut company = Company {
                traffic: &self.traffic,
                behaviour,
                range_m: if range > 0.0 { range } else { f64::INFINITY },
                first,
                believed: if self.imperfect { Some(&believed) } else { None },
                sums,
            };
            together(&mut company, asking, self.params.of_behaviour(place));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::super::{Alone, Command, Scenario, Targets};
    use super::*;

    /// Drones of several behaviours, in crowds and alone, some of whom cannot be asked.
    const MIXED: &str = r#"
        name = "mixed"
        {more}
        [[drones]]
        type = "quad"
        count = 90
        box = { min = [0.0, 0.0], max = [60.0, 60.0] }
        altitude_m = [20.0, 45.0]
        behavior = "boids"
        [[drones]]
        type = "quad"
        count = 60
        box = { min = [10.0, 0.0], max = [80.0, 60.0] }
        altitude_m = 30.0
        behavior = "vasarhelyi"
        [[drones]]
        type = "quad"
        count = 50
        box = { min = [0.0, 0.0], max = [79.0, 79.0] }
        altitude_m = 10.0
        velocity = { speed_mps = 2.0 }
        behavior = "boids_abm"
    "#;

    #[test]
    fn meeting_side_by_side_changes_no_bit() {
        let radio = "[gps]\nbias_m = 0.7\n[radio]\ndelay_s = 0.2\nrange_m = 30.0";
        let torus = "[space]\nshape = \"torus\"\nsize_m = [80.0, 80.0]\n[dynamics]\nmodel = \"kinematic\"";
        for (more, share) in [("", 0.5), (radio, 0.5), (torus, 0.5), ("[radio]\nnearest = 5", 0.0)] {
            let scenario = Scenario::parse(&MIXED.replace("{more}", more)).unwrap();
            let mut world = World::new(Arc::new(scenario), 3);
            let targets = Targets::Ids(vec!["quad-3".into(), "quad-97".into()]);
            world.apply(&Command::Hold {}, &targets, 1).unwrap();
            let (mut meetings, mut intents, mut together) = (Meetings::default(), Vec::new(), 0);
            for tick in 0..150 {
                world.decide_all(&mut meetings, &mut intents, &Alone);
                for (index, intent) in intents.iter().enumerate() {
                    assert_eq!(*intent, Some(world.decide(index)), "{more:?}, tick {tick}, drone {index}");
                }
                together += meetings.0.iter().flatten().flatten().count();
                world.step(&intents);
            }
            assert!(
                together as f64 >= share * 150.0 * 200.0,
                "only {together} met their neighbours side by side"
            );
        }
    }
}
