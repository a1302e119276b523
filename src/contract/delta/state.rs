//! What sender and receiver both know of a swarm, column by column, and how it is carried on from tick to tick.

/// Units of position in a metre.
pub const UNITS_PER_M: f64 = 4096.0;
/// Columns of [`Fields`].
pub const FIELDS: usize = 6;
/// 256ths of a turn clockwise from north, 0 to 255.
pub const HEADING: usize = 0;
/// Speed over ground, 0.2 m/s, 0 to 255.
pub const SPEED: usize = 1;
/// Climb, 0.2 m/s, −128 to 127.
pub const CLIMB: usize = 2;
/// Battery, half per cent, 255 unknown.
pub const BATTERY: usize = 3;
/// Mode, and sixteen times the flags of the binary form.
pub const STATUS: usize = 4;
/// Ticks since the drone last reported, 255 at most.
pub const SILENCE: usize = 5;

/// Longest time since a drone's last correction that counts, ticks.
const SINCE_MAX: i32 = 255;

/// What is sent exactly: a column for each field, a row for each drone.
pub type Fields = [Vec<i16>; FIELDS];

/// Where every drone is thought to be, and what else is known of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// East, north and up, [`UNITS_PER_M`]; wrapping.
    pub position: [Vec<i32>; 3],
    /// Change of position a tick; wrapping.
    pub velocity: [Vec<i32>; 3],
    /// Ticks since the drone's position was last corrected.
    pub since: Vec<i32>,
    /// The rest.
    pub fields: Fields,
}

impl State {
    /// Drones.
    pub fn len(&self) -> usize {
        self.since.len()
    }

    /// Whether there are no drones.
    pub fn is_empty(&self) -> bool {
        self.since.is_empty()
    }

    /// Room for `count` drones.
    pub fn resize(&mut self, count: usize) {
        let wide = self.position.iter_mut().chain(&mut self.velocity).chain([&mut self.since]);
        wide.for_each(|column| column.resize(count, 0));
        self.fields.iter_mut().for_each(|column| column.resize(count, 0));
    }

    /// What `before` becomes when `ticks` pass, in the memory that is there: every drone flies on as it did.
    pub fn follow(&mut self, before: &Self, ticks: i32) {
        self.resize(before.len());
        for axis in 0..3 {
            let known = before.position[axis].iter().zip(&before.velocity[axis]);
            for (position, (p, v)) in self.position[axis].iter_mut().zip(known) {
                *position = p.wrapping_add(v.wrapping_mul(ticks));
            }
        }
        self.velocity.clone_from(&before.velocity);
        for (since, before) in self.since.iter_mut().zip(&before.since) {
            *since = (before + ticks).min(SINCE_MAX);
        }
        self.fields.clone_from(&before.fields);
        self.fields[SILENCE].iter_mut().for_each(|silence| *silence = silent_for(*silence, ticks));
    }

    /// Moves one drone by `steps` of `step` units, and has it fly as if the error had grown evenly since it was last moved.
    pub fn correct(&mut self, slot: usize, steps: [i32; 3], step: i32) {
        let since = std::mem::take(&mut self.since[slot]).max(1);
        for (axis, steps) in steps.into_iter().enumerate() {
            let error = steps.wrapping_mul(step);
            let (p, v) = (&mut self.position[axis][slot], &mut self.velocity[axis][slot]);
            *p = p.wrapping_add(error);
            *v = v.wrapping_add(error / since);
        }
    }
}

/// A drone that is silent stays silent.
fn silent_for(silence: i16, ticks: i32) -> i16 {
    if silence == 0 { 0 } else { (i32::from(silence) + ticks).clamp(0, 255) as i16 }
}

/// The change of a field, as small as may be: headings go round.
pub fn change(field: usize, from: i16, to: i16) -> i32 {
    let change = to.wrapping_sub(from);
    i32::from(if field == HEADING { i16::from(change as i8) } else { change })
}

/// A field after its change.
pub fn changed(field: usize, from: i16, change: i32) -> i16 {
    let value = from.wrapping_add(change as i16);
    if field == HEADING { value & 0xff } else { value }
}
