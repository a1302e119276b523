//! What a snapshot says, in the units of the chain.

use crate::contract::compact::{battery, climb, flags, nearest, speed};
use crate::sim::{DroneState, Snapshot};

use super::encode::Truth;
use super::state::{BATTERY, CLIMB, HEADING, SILENCE, SPEED, STATUS, UNITS_PER_M};

/// 256ths of a turn in a degree.
const HEADINGS_PER_DEG: f64 = 256.0 / 360.0;

impl Truth {
    /// Takes in what `snapshot` says. O(drones), no allocation once grown.
    pub fn read(&mut self, snapshot: &Snapshot) {
        let count = snapshot.drones.len();
        self.position.iter_mut().for_each(|column| column.resize(count, 0));
        self.fields.iter_mut().for_each(|column| column.resize(count, 0));
        for (slot, drone) in snapshot.drones.iter().enumerate() {
            self.read_drone(slot, drone);
        }
    }

    fn read_drone(&mut self, slot: usize, drone: &DroneState) {
        let p = drone.position;
        for (column, p) in self.position.iter_mut().zip([p.x, p.y, p.z]) {
            column[slot] = nearest(p * UNITS_PER_M);
        }
        self.fields[HEADING][slot] = (nearest(drone.heading_deg * HEADINGS_PER_DEG) & 0xff) as i16;
        self.fields[SPEED][slot] = speed(drone).into();
        self.fields[CLIMB][slot] = climb(drone).into();
        self.fields[BATTERY][slot] = battery(drone).into();
        self.fields[STATUS][slot] = drone.mode as i16 | (flags(drone) << 4).cast_signed();
        self.fields[SILENCE][slot] = drone.silent_ticks.min(255) as i16;
    }
}

/// How fast the drones say that they fly, in units a tick; `tick_s` is its length in seconds.
pub fn velocity(snapshot: &Snapshot, tick_s: f64) -> [Vec<i32>; 3] {
    let column = |of: fn(&DroneState) -> f64| {
        snapshot.drones.iter().map(|drone| nearest(of(drone) * UNITS_PER_M * tick_s)).collect()
    };
    [column(|drone| drone.velocity.x), column(|drone| drone.velocity.y), column(|drone| drone.velocity.z)]
}
