//! What waits of one kind of telemetry for one client: the newest frame, or the end of a chain.

use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, OnceLock},
};

use super::{frame::Frame, outbox::Pushed};

/// Changes of a chain that may wait for a client; then one frame that stands alone takes their place.
const CHANGES_MAX: usize = 12;

/// Where a frame stands in a chain, in which each frame holds only what changed since the one before.
#[derive(Clone)]
pub struct Link {
    /// Tells chains apart.
    pub chain: u64,
    /// The frame's number.
    pub seq: u32,
    /// The number of the frame that it says the changes to; None if it stands alone.
    pub after: Option<u32>,
    whole: Arc<Whole>,
}

struct Whole {
    make: Box<dyn Fn() -> Frame + Send + Sync>,
    made: OnceLock<Frame>,
}

impl Link {
    /// A link of `chain`. `whole` makes what a client gets that has not got the frame before: the same, standing alone. It
    /// is called once for all of them, and only if there is such a client.
    pub fn new(
        chain: u64,
        seq: u32,
        after: Option<u32>,
        whole: impl Fn() -> Frame + Send + Sync + 'static,
    ) -> Self {
        Self { chain, seq, after, whole: Arc::new(Whole { make: Box::new(whole), made: OnceLock::new() }) }
    }

    fn whole(&self) -> Frame {
        self.whole.made.get_or_init(|| (self.whole.make)()).clone()
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of chain {} after {:?}", self.seq, self.chain, self.after)
    }
}

/// One slot of an outbox.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) namespace: Arc<str>,
    pub(super) name: &'static str,
    /// One frame, or consecutive ones of a chain.
    waiting: VecDeque<Frame>,
    /// Chain and number of the last frame that was laid in here.
    reached: Option<(u64, u32)>,
    in_flight: u32,
    in_flight_max: Option<u32>,
}

impl Slot {
    pub(super) fn new(namespace: Arc<str>, name: &'static str) -> Self {
        let (waiting, reached) = (VecDeque::new(), None);
        Self { namespace, name, waiting, reached, in_flight: 0, in_flight_max: None }
    }

    /// Lays in a frame: in place of those that wait, or behind them if it is the next of their chain.
    pub(super) fn put(&mut self, frame: &Frame) -> Pushed {
        let Some(link) = frame.link() else {
            self.reached = None;
            return self.replace(frame.clone());
        };
        let reached = self.reached.replace((link.chain, link.seq));
        match reached {
            Some((chain, seq)) if chain == link.chain && !is_later(link.seq, seq) => {
                self.reached = reached;
                Pushed::Dropped
            }
            Some((chain, seq))
                if chain == link.chain && link.after == Some(seq) && self.waiting.len() < CHANGES_MAX =>
            {
                self.waiting.push_back(frame.clone());
                Pushed::Queued
            }
            _ => self.replace(link.whole()),
        }
    }

    fn replace(&mut self, frame: Frame) -> Pushed {
        let replaced = !self.waiting.is_empty();
        self.waiting.clear();
        self.waiting.push_back(frame);
        if replaced { Pushed::Conflated } else { Pushed::Queued }
    }

    /// The next frame of a chain stands alone.
    pub(super) fn restart(&mut self) {
        self.reached = None;
    }

    pub(super) fn take(&mut self) -> Option<Frame> {
        if !self.is_ready() {
            return None;
        }
        self.in_flight += u32::from(self.in_flight_max.is_some());
        self.waiting.pop_front().inspect(Frame::sent)
    }

    pub(super) fn is_ready(&self) -> bool {
        !self.waiting.is_empty() && self.in_flight_max.is_none_or(|max| self.in_flight < max)
    }

    /// What [`Slot::take`] would give.
    pub(super) fn next(&self) -> Option<&Frame> {
        self.waiting.front().filter(|_| self.is_ready())
    }

    pub(super) fn set_in_flight_max(&mut self, max: Option<u32>) {
        self.in_flight_max = max;
        self.in_flight = 0;
    }

    pub(super) fn credit(&mut self) {
        self.in_flight = self.in_flight.saturating_sub(1);
    }
}

/// Numbers wrap round.
fn is_later(seq: u32, than: u32) -> bool {
    (1..1 << 31).contains(&seq.wrapping_sub(than))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(chain: u64, seq: u32) -> Frame {
        let whole = move || Frame::json("/", "whole", &seq);
        Frame::json("/", "change", &seq).linked(Link::new(chain, seq, Some(seq.wrapping_sub(1)), whole))
    }

    fn drain(slot: &mut Slot) -> Vec<String> {
        std::iter::from_fn(|| slot.take()).map(|frame| frame.text()[1..].to_owned()).collect()
    }

    fn slot() -> Slot {
        Slot::new(Arc::from("/"), "state")
    }

    #[test]
    fn who_joins_late_gets_a_whole_frame_and_then_every_change() {
        let mut slot = slot();
        for seq in [u32::MAX - 1, u32::MAX, 0, 1] {
            slot.put(&link(7, seq));
        }
        let whole = format!("[\"whole\",{}]", u32::MAX - 1);
        let change = format!("[\"change\",{}]", u32::MAX);
        assert_eq!(drain(&mut slot), [&whole, &change, "[\"change\",0]", "[\"change\",1]"]);
        slot.put(&link(7, 2));
        assert_eq!(drain(&mut slot), ["[\"change\",2]"]);
    }

    #[test]
    fn a_gap_another_chain_or_a_wish_brings_a_whole_frame() {
        let mut slot = slot();
        slot.put(&link(7, 1));
        slot.put(&link(7, 3));
        assert_eq!(drain(&mut slot), ["[\"whole\",3]"]);
        slot.put(&link(8, 4));
        assert_eq!(drain(&mut slot), ["[\"whole\",4]"]);
        slot.restart();
        slot.put(&link(8, 5));
        assert_eq!(drain(&mut slot), ["[\"whole\",5]"]);
        assert_eq!(slot.put(&link(8, 5)), Pushed::Dropped, "twice");
        assert_eq!(slot.put(&link(8, 2)), Pushed::Dropped, "overtaken");
        assert_eq!(drain(&mut slot), [""; 0]);
    }

    #[test]
    fn what_a_stalled_client_has_to_take_is_bounded_and_ends_with_the_newest() {
        let mut slot = slot();
        slot.set_in_flight_max(Some(1));
        slot.put(&link(7, 0));
        assert!(slot.take().is_some());
        for seq in 1..1000 {
            slot.put(&link(7, seq));
            assert!(slot.waiting.len() <= CHANGES_MAX && slot.take().is_none());
        }
        slot.set_in_flight_max(None);
        let taken = drain(&mut slot);
        assert!(taken[0].starts_with("[\"whole\""), "{taken:?}");
        assert_eq!(taken.last().unwrap(), "[\"change\",999]");
    }

    #[test]
    fn a_frame_of_another_kind_ends_the_chain() {
        let mut slot = slot();
        slot.put(&link(7, 1));
        slot.put(&Frame::json("/", "plain", &2));
        slot.put(&link(7, 2));
        assert_eq!(drain(&mut slot), ["[\"whole\",2]"]);
    }
}
