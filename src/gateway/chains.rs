//! The chains of `delta` frames: one for each room, because who gets every fifth tick is told of other changes.

use std::collections::BTreeMap;
use std::time::Instant;

use bytes::Bytes;

use crate::contract::delta::encode::{Encoder, Truth};
use crate::contract::delta::head::{Chain, Moment, error_units};
use crate::contract::delta::truth::velocity;
use crate::contract::event;
use crate::socketio::{Frame, Link, OnSent};

use super::desk::Now;
use super::rooms::Room;
use super::subscriptions::{Encoding, Subscription};

/// Chains are told apart by a number that takes two bytes.
const NUMBERS: u32 = 1 << 14;

/// Every chain of one swarm.
#[derive(Debug)]
pub struct Chains {
    by_room: BTreeMap<String, Encoder>,
    /// Number of the newest chain.
    newest: u32,
    truth: Truth,
    /// The publication that `truth` is of.
    truth_seq: u64,
}

impl Chains {
    /// None yet. Numbers begin behind `before`.
    pub fn new(before: u32) -> Self {
        Self { by_room: BTreeMap::new(), newest: before, truth: Truth::default(), truth_seq: 0 }
    }

    /// Forgets the chains of rooms that are not among these.
    pub fn keep(&mut self, occupied: &[Room]) {
        self.by_room.retain(|name, _| occupied.iter().any(|room| room.name == *name));
    }

    /// Whether the room's chain has yet to begin: its first frame is not waited for.
    pub fn begins(&self, room: &str, subscription: &Subscription) -> bool {
        subscription.encoding == Some(Encoding::Delta) && !self.by_room.contains_key(room)
    }

    /// The next frame of a room's chain. `timed`: how old it is, and who wants to know that when it is sent.
    pub fn frame(
        &mut self,
        namespace: &str,
        room: &str,
        subscription: &Subscription,
        now: &Now,
        timed: (Instant, OnSent),
    ) -> Frame {
        let tick_s = now.run.scenario.tick_s;
        if self.truth_seq != now.seq {
            self.truth.read(&now.report.snapshot);
            self.truth_seq = now.seq;
        }
        let (epoch, count, moment) = (now.epoch, now.report.snapshot.drones.len(), moment(now));
        let going = self.by_room.get_mut(room).filter(|chain| chain.can_go_on(epoch, count, moment.tick));
        let (changes, after, encoder) = match going {
            Some(encoder) => {
                let (_, before) = encoder.at();
                (encoder.encode(moment, &self.truth), Some(before), encoder)
            }
            None => {
                self.newest = (self.newest + 1) % NUMBERS;
                let error = error_units(subscription.error_m.unwrap_or_default());
                let chain = Chain { number: self.newest, epoch, count, tick_s, error };
                let encoder = self.by_room.entry(room.to_owned()).insert_entry(Encoder::begin(
                    chain,
                    moment,
                    &self.truth,
                    velocity(&now.report.snapshot, tick_s),
                ));
                // Nobody gets the changes to nothing.
                (Bytes::new(), None, encoder.into_mut())
            }
        };
        let (namespace, (since, tell), whole) = (namespace.to_owned(), timed, encoder.whole());
        let in_packet = move |attachment| {
            let frame = Frame::binary(&namespace, event::DRONES, attachment).uncompressed();
            frame.timed(since, tell.clone())
        };
        let frame = in_packet(changes);
        let (number, seq) = encoder.at();
        frame.linked(Link::new(number.into(), seq, after, move || in_packet(whole())))
    }
}

fn moment(now: &Now) -> Moment {
    Moment {
        seq: now.seq as u32,
        tick: now.report.snapshot.tick,
        wall_time_ms: now.report.wall_time_ms,
        state: now.report.state.bits(),
    }
}
