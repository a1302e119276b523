//! Frames of changes, written: once a tick for all who follow a chain.

use std::sync::Arc;

use bytes::Bytes;

use super::bits::{BitWriter, rice_parameter, zigzag};
use super::head::{self, Chain, Moment, TICKS_MAX};
use super::state::{FIELDS, Fields, State, change};

/// Drones whose fields are compared at once.
const STRIDE: usize = 16;

/// The truth at a tick, in units: what [`State`] follows.
#[derive(Debug, Default)]
pub struct Truth {
    /// East, north, up.
    pub position: [Vec<i32>; 3],
    /// The rest.
    pub fields: Fields,
}

/// One entry of a list: drones stepped over, and what is said of the next.
type Entry<const N: usize> = (u32, [u32; N]);

/// The sender's end of a chain. It knows what the receivers know.
#[derive(Debug)]
pub struct Encoder {
    chain: Chain,
    last: Moment,
    state: Arc<State>,
    /// What was known at the frame before: its memory serves the next one, unless somebody still holds it.
    spare: Arc<State>,
    errors: Vec<f32>,
    moves: Vec<Entry<3>>,
    changes: Vec<Entry<1>>,
}

impl Encoder {
    /// Begins a chain with the truth, and with what may be taken for the change of position a tick.
    pub fn begin(chain: Chain, now: Moment, truth: &Truth, velocity: [Vec<i32>; 3]) -> Self {
        let state = State {
            position: truth.position.clone(),
            velocity,
            since: vec![0; chain.count],
            fields: truth.fields.clone(),
        };
        let (state, spare) = (Arc::new(state), Arc::default());
        let (errors, moves, changes) = <_>::default();
        Self { chain, last: now, state, spare, errors, moves, changes }
    }

    /// Whether a frame of these drones at this tick can follow the last one.
    pub fn can_go_on(&self, epoch: u32, count: usize, tick: u64) -> bool {
        (self.chain.epoch, self.chain.count) == (epoch, count)
            && tick.checked_sub(self.last.tick).is_some_and(|ticks| ticks <= TICKS_MAX)
    }

    /// The chain's number, and that of its last frame.
    pub fn at(&self) -> (u32, u32) {
        (self.chain.number, self.last.seq)
    }

    /// Makes the last frame anew so that it stands alone. May be called long after.
    pub fn whole(&self) -> impl Fn() -> Bytes + Send + Sync + 'static {
        let (chain, now, state) = (self.chain, self.last, self.state.clone());
        move || whole(&chain, &now, &state)
    }

    /// What changed since the last frame. O(drones); allocates the frame.
    pub fn encode(&mut self, now: Moment, truth: &Truth) -> Bytes {
        let ticks = (now.tick - self.last.tick) as i32;
        if Arc::get_mut(&mut self.spare).is_none() {
            self.spare = Arc::default();
        }
        let state = Arc::make_mut(&mut self.spare);
        state.follow(&self.state, ticks);
        let mut out = Vec::with_capacity(64 + state.len());
        head::put_change(&mut out, &self.chain, &self.last, &now);
        let mut out = BitWriter::new(out);
        find_moves(&mut self.moves, &mut self.errors, state, &truth.position, &self.chain);
        put_list(&mut out, &self.moves, state.len());
        for field in 0..FIELDS {
            find_changes(&mut self.changes, field, &mut state.fields[field], &truth.fields[field]);
            put_list(&mut out, &self.changes, state.len());
        }
        std::mem::swap(&mut self.state, &mut self.spare);
        self.last = now;
        out.finish().into()
    }
}

/// Corrects the drones that have drifted too far.
fn find_moves(
    moves: &mut Vec<Entry<3>>,
    errors: &mut Vec<f32>,
    state: &mut State,
    truth: &[Vec<i32>; 3],
    chain: &Chain,
) {
    moves.clear();
    errors.clear();
    errors.resize(state.len(), 0.0);
    for (known, truth) in state.position.iter().zip(truth) {
        for ((error, known), truth) in errors.iter_mut().zip(known).zip(truth) {
            let away = truth.wrapping_sub(*known) as f32;
            *error += away * away;
        }
    }
    let (bound, step) = ((chain.error as f32).powi(2), chain.step());
    let mut next = 0;
    for (slot, _) in errors.iter().enumerate().filter(|(_, error)| **error > bound) {
        let away = |axis: usize| truth[axis][slot].wrapping_sub(state.position[axis][slot]);
        let steps = [away(0), away(1), away(2)].map(|away| nearest(away, step));
        state.correct(slot, steps, step);
        moves.push(((slot - next) as u32, steps.map(zigzag)));
        next = slot + 1;
    }
}

/// `away / step`, to the nearest whole number.
fn nearest(away: i32, step: i32) -> i32 {
    away / step + (away % step) * 2 / step
}

/// Takes over what has changed.
fn find_changes(changes: &mut Vec<Entry<1>>, field: usize, known: &mut [i16], truth: &[i16]) {
    changes.clear();
    let mut next = 0;
    for (chunk, (known, truth)) in known.chunks_mut(STRIDE).zip(truth.chunks(STRIDE)).enumerate() {
        if known == truth {
            continue;
        }
        for (i, (known, truth)) in known.iter_mut().zip(truth).enumerate().filter(|(_, (a, b))| a != b) {
            let slot = chunk * STRIDE + i;
            changes.push(((slot - next) as u32, [zigzag(change(field, *known, *truth)) - 1]));
            next = slot + 1;
            *known = *truth;
        }
    }
}

/// What `decode::read_list` reads.
fn put_list<const N: usize>(out: &mut BitWriter, entries: &[Entry<N>], count: usize) {
    out.put(u32::from(!entries.is_empty()), 1);
    if entries.is_empty() {
        return;
    }
    let skipped: u64 = entries.iter().map(|(skip, _)| u64::from(*skip)).sum();
    let said: u64 = entries.iter().flat_map(|(_, said)| said).map(|number| u64::from(*number)).sum();
    let (skip, k) = (rice_parameter(entries.len(), skipped), rice_parameter(entries.len() * N, said));
    out.put(skip, 5);
    out.put(k, 5);
    for (skipped, said) in entries {
        out.put_rice(skip, *skipped);
        said.iter().for_each(|number| out.put_rice(k, *number));
    }
    out.put_rice(skip, (count as u64 - entries.len() as u64 - skipped) as u32);
}

fn whole(chain: &Chain, now: &Moment, state: &State) -> Bytes {
    let mut out = Vec::with_capacity(64 + 20 * state.len());
    head::put_whole(&mut out, chain, now);
    let mut out = BitWriter::new(out);
    for column in state.position.iter().chain(&state.velocity).chain([&state.since]) {
        put_column(&mut out, column.iter().copied());
    }
    for column in &state.fields {
        put_column(&mut out, column.iter().map(|value| i32::from(*value)));
    }
    out.finish().into()
}

/// What `decode::read_column` reads.
fn put_column(out: &mut BitWriter, column: impl ExactSizeIterator<Item = i32> + Clone) {
    let differences = || {
        column.clone().scan(0_i32, |last, value| {
            let difference = value.wrapping_sub(*last);
            *last = value;
            Some(zigzag(difference))
        })
    };
    let k = rice_parameter(column.len(), differences().map(u64::from).sum());
    out.put(k, 5);
    differences().for_each(|number| out.put_rice(k, number));
}
