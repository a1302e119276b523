//! What waits for one session, pulled by whatever carries it.
//!
//! Control packets go first, then the reliable queue in order, then the `latest` slots. Nothing leaves before a transport
//! asks for it, so whatever has not been pulled can still be replaced: a slow client conflates by itself.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

use super::{
    frame::{Delivery, Frame},
    protocol::{connection::PollAnswer, payload::SEPARATOR, websocket_frame::close_frame},
    slot::Slot,
};

/// Packets in the answer to a poll. The official Python client gives a connection up that brings it more at once
/// (`Payload.max_decode_packets` of python-engineio).
const POLL_PACKETS_MAX: usize = 16;

/// What became of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pushed {
    Queued,
    /// It took the place of an older one of its slot.
    Conflated,
    /// The reliable queue is full: the session must be closed.
    Overflow,
    /// It was volatile, and the client not ready for it; or the client has got what follows it already.
    Dropped,
    /// The session is over.
    Closed,
}

/// The queues of one session, shared by its actor, its transports and everyone who sends to it.
#[derive(Debug)]
pub(super) struct Outbox {
    packets_max: usize,
    bytes_max: usize,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    control: VecDeque<Frame>,
    reliable: VecDeque<Frame>,
    reliable_bytes: usize,
    slots: Vec<Slot>,
    /// The transport that waits for something to pull.
    reader: Option<Waker>,
    /// The session that waits until less is queued.
    producer: Option<Waker>,
    poll_answer: Option<PollAnswer>,
    /// Nothing more may be pushed; a WebSocket that has pulled everything closes with this code.
    sealed: Option<u16>,
    close_frame_sent: bool,
}

impl Inner {
    fn next(&mut self) -> Option<Frame> {
        if let Some(frame) = self.control.pop_front() {
            return Some(frame);
        }
        if let Some(frame) = self.reliable.pop_front() {
            self.reliable_bytes -= frame.len();
            return Some(frame);
        }
        self.slots.iter_mut().find_map(Slot::take)
    }

    fn next_len(&self) -> Option<usize> {
        let queued = self.control.front().or_else(|| self.reliable.front());
        let waiting = || self.slots.iter().find_map(Slot::next);
        queued.or_else(waiting).map(|frame| frame.polling().len())
    }

    fn slot(&mut self, namespace: &Arc<str>, name: &'static str) -> &mut Slot {
        let known = self.slots.iter().position(|slot| slot.name == name && slot.namespace == *namespace);
        let index = known.unwrap_or_else(|| {
            self.slots.push(Slot::new(namespace.clone(), name));
            self.slots.len() - 1
        });
        &mut self.slots[index]
    }
}

impl Outbox {
    pub(super) fn new(packets_max: usize, bytes_max: usize) -> Self {
        Self { packets_max, bytes_max, inner: Mutex::default() }
    }

    /// Queues a frame and wakes the transport. Costs a lock and no copy.
    pub(super) fn push(&self, namespace: &Arc<str>, frame: &Frame, delivery: Delivery) -> Pushed {
        let mut inner = self.lock();
        if inner.sealed.is_some() {
            return Pushed::Closed;
        }
        match delivery {
            Delivery::Event | Delivery::Passing => {
                let bytes = inner.reliable_bytes + frame.len();
                // One packet may be larger than the bound on bytes, if nothing else waits.
                if inner.reliable.len() >= self.packets_max
                    || (bytes > self.bytes_max && !inner.reliable.is_empty())
                {
                    return Pushed::Overflow;
                }
                inner.reliable_bytes = bytes;
                inner.reliable.push_back(frame.clone());
                wake(inner);
                Pushed::Queued
            }
            Delivery::Volatile => {
                let ready = inner.reader.is_some() && inner.control.is_empty() && inner.reliable.is_empty();
                if !ready {
                    return Pushed::Dropped;
                }
                inner.reliable_bytes += frame.len();
                inner.reliable.push_back(frame.clone());
                wake(inner);
                Pushed::Queued
            }
            Delivery::Latest { slot } => {
                let slot = inner.slot(namespace, slot);
                let pushed = slot.put(frame);
                if slot.is_ready() {
                    wake(inner);
                }
                pushed
            }
        }
    }

    /// Whether so many ordered frames can be pushed, and one more.
    pub(super) fn has_room_for(&self, frames: &[Frame]) -> bool {
        let inner = self.lock();
        let bytes: usize = frames.iter().map(Frame::len).sum();
        inner.reliable.len() + frames.len() < self.packets_max
            && inner.reliable_bytes + bytes < self.bytes_max
    }

    /// Queues a packet of the protocol itself, ahead of everything else.
    pub(super) fn push_control(&self, frame: Frame) {
        let mut inner = self.lock();
        if inner.sealed.is_none() {
            inner.control.push_back(frame);
            wake(inner);
        }
    }

    /// No more than `max` frames of this slot are under way until [`Outbox::credit`] says that one has arrived.
    pub(super) fn set_in_flight_max(&self, namespace: &Arc<str>, slot: &'static str, max: Option<u32>) {
        let mut inner = self.lock();
        inner.slot(namespace, slot).set_in_flight_max(max);
        wake(inner);
    }

    /// The next frame of a chain in this slot stands alone.
    pub(super) fn restart(&self, namespace: &Arc<str>, slot: &'static str) {
        self.lock().slot(namespace, slot).restart();
    }

    /// A frame of this slot has arrived.
    pub(super) fn credit(&self, namespace: &Arc<str>, slot: &'static str) {
        let mut inner = self.lock();
        inner.slot(namespace, slot).credit();
        wake(inner);
    }

    /// Forgets the slots of a namespace that the session has left.
    pub(super) fn forget_slots(&self, namespace: &str) {
        self.lock().slots.retain(|slot| *slot.namespace != *namespace);
    }

    /// Ends the pending poll: with data if there is any, else with `answer`.
    pub(super) fn end_poll(&self, answer: PollAnswer) {
        let mut inner = self.lock();
        inner.poll_answer = Some(answer);
        wake(inner);
    }

    /// Takes nothing more. What waits is still handed out if `flush`; then a WebSocket is closed with `code`.
    pub(super) fn seal(&self, code: u16, flush: bool) {
        let mut inner = self.lock();
        inner.sealed.get_or_insert(code);
        inner.slots.clear();
        if !flush {
            inner.control.clear();
            inner.reliable.clear();
            inner.reliable_bytes = 0;
        }
        let producer = inner.producer.take();
        wake(inner);
        if let Some(producer) = producer {
            producer.wake();
        }
    }

    /// Whether so much is queued that what would add to it had better wait: half of a bound.
    pub(super) fn is_congested(&self) -> bool {
        self.congested(&self.lock(), 2)
    }

    /// Ready once no more than a quarter of each bound is queued, or nothing can be queued any more.
    pub(super) fn poll_relief(&self, cx: &Context<'_>) -> Poll<()> {
        let mut inner = self.lock();
        if !self.congested(&inner, 4) {
            return Poll::Ready(());
        }
        inner.producer = Some(cx.waker().clone());
        Poll::Pending
    }

    fn congested(&self, inner: &Inner, part: usize) -> bool {
        let full =
            inner.reliable.len() > self.packets_max / part || inner.reliable_bytes > self.bytes_max / part;
        full && inner.sealed.is_none()
    }

    /// Gives the lock back and wakes the session if it waits for what has just become true.
    fn relieve(&self, mut inner: MutexGuard<'_, Inner>) {
        if inner.producer.is_some() && !self.congested(&inner, 4) {
            let producer = inner.producer.take();
            drop(inner);
            if let Some(producer) = producer {
                producer.wake();
            }
        }
    }

    /// The next frames for a WebSocket; `None` when everything, the close frame included, has been handed out.
    pub(super) fn poll_websocket(&self, cx: &mut Context<'_>, deflate: bool) -> Poll<Option<Bytes>> {
        let mut inner = self.lock();
        if let Some(frame) = inner.next() {
            self.relieve(inner);
            return Poll::Ready(Some(if deflate { frame.deflated() } else { frame.websocket() }));
        }
        match inner.sealed {
            Some(_) if inner.close_frame_sent => Poll::Ready(None),
            Some(code) => {
                inner.close_frame_sent = true;
                Poll::Ready(Some(close_frame(code)))
            }
            None => {
                remember(&mut inner.reader, cx);
                Poll::Pending
            }
        }
    }

    /// The next polling body, at least one packet and, unless that one alone is larger, at most `bytes_max` bytes.
    pub(super) fn poll_body(&self, cx: &mut Context<'_>, bytes_max: usize) -> Poll<Body> {
        let mut inner = self.lock();
        let mut body = Body::default();
        // The last answer takes all that is left with it.
        let is_last = matches!(inner.poll_answer, Some(PollAnswer::Close));
        let mut packets = 0;
        while let Some(len) = inner.next_len() {
            if !body.is_empty() && body.len() + 1 + len > bytes_max || packets == POLL_PACKETS_MAX && !is_last
            {
                break;
            }
            let Some(frame) = inner.next() else { break };
            packets += 1;
            body.add(frame.polling().clone());
            body.is_compressible |= !frame.is_uncompressed();
        }
        match inner.poll_answer {
            Some(PollAnswer::Close) => body.add(Bytes::from_static(b"1")),
            Some(PollAnswer::Noop) if body.is_empty() => body.add(Bytes::from_static(b"6")),
            _ if body.is_empty() => {
                remember(&mut inner.reader, cx);
                return Poll::Pending;
            }
            _ => {}
        }
        inner.poll_answer = None;
        self.relieve(inner);
        Poll::Ready(body)
    }

    /// Packets and bytes that wait, slots not counted.
    #[cfg(test)]
    pub(super) fn queued(&self) -> (usize, usize) {
        let inner = self.lock();
        (inner.reliable.len(), inner.reliable_bytes)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // No code that can panic runs under this lock.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a poll brings home.
#[derive(Debug, Default)]
pub(super) struct Body {
    /// The only packet so far, the most frequent case: shared and not copied.
    single: Bytes,
    joined: BytesMut,
    /// Whether there is a packet in it that may be compressed.
    pub(super) is_compressible: bool,
}

impl Body {
    fn add(&mut self, packet: Bytes) {
        if self.is_empty() {
            self.single = packet;
            return;
        }
        if self.joined.is_empty() {
            self.joined.extend_from_slice(&std::mem::take(&mut self.single));
        }
        self.joined.extend_from_slice(&[SEPARATOR]);
        self.joined.extend_from_slice(&packet);
    }

    fn len(&self) -> usize {
        self.single.len() + self.joined.len()
    }

    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn into_bytes(self) -> Bytes {
        if self.joined.is_empty() { self.single } else { self.joined.freeze() }
    }
}

fn remember(reader: &mut Option<Waker>, cx: &Context<'_>) {
    match reader {
        Some(waker) if waker.will_wake(cx.waker()) => {}
        reader => *reader = Some(cx.waker().clone()),
    }
}

/// Wakes the reader after the lock is given back, so that it does not wake up only to wait for it.
fn wake(mut inner: MutexGuard<'_, Inner>) {
    let reader = inner.reader.take();
    drop(inner);
    if let Some(reader) = reader {
        reader.wake();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LATEST: Delivery = Delivery::Latest { slot: "state" };

    fn namespace() -> Arc<str> {
        Arc::from("/")
    }

    fn frame(payload: u32) -> Frame {
        Frame::json("/", "n", &payload)
    }

    fn body(outbox: &Outbox) -> Option<String> {
        let mut cx = Context::from_waker(Waker::noop());
        match outbox.poll_body(&mut cx, 1000) {
            Poll::Ready(body) => Some(String::from_utf8_lossy(&body.into_bytes()).into_owned()),
            Poll::Pending => None,
        }
    }

    #[test]
    fn a_poll_brings_no_more_packets_than_every_official_client_takes() {
        let (outbox, nsp) = (Outbox::new(100, 10_000), namespace());
        (0..20).for_each(|n| assert_eq!(outbox.push(&nsp, &frame(n), Delivery::Event), Pushed::Queued));
        let packets = |body: Option<String>| body.map(|body| body.split('\u{1e}').count());
        assert_eq!(packets(body(&outbox)), Some(16));
        assert_eq!(packets(body(&outbox)), Some(4));
        assert_eq!(body(&outbox), None);
    }

    #[test]
    fn what_was_not_pulled_is_replaced_by_what_is_newer() {
        let (outbox, nsp) = (Outbox::new(4, 100), namespace());
        assert_eq!(outbox.push(&nsp, &frame(1), LATEST), Pushed::Queued);
        assert_eq!(outbox.push(&nsp, &frame(2), LATEST), Pushed::Conflated);
        assert_eq!(outbox.push(&nsp, &frame(3), Delivery::Event), Pushed::Queued);
        assert_eq!(body(&outbox).as_deref(), Some("42[\"n\",3]\u{1e}42[\"n\",2]"));
        assert_eq!(body(&outbox), None);
    }

    #[test]
    fn what_is_volatile_goes_at_once_or_never() {
        let (outbox, nsp) = (Outbox::new(4, 1000), namespace());
        assert_eq!(outbox.push(&nsp, &frame(1), Delivery::Volatile), Pushed::Dropped, "nobody polls");
        assert_eq!(body(&outbox), None);
        assert_eq!(outbox.push(&nsp, &frame(2), Delivery::Volatile), Pushed::Queued);
        assert_eq!(outbox.push(&nsp, &frame(3), Delivery::Volatile), Pushed::Dropped);
        assert_eq!(body(&outbox).as_deref(), Some("42[\"n\",2]"));
    }

    #[test]
    fn a_full_queue_refuses_instead_of_growing() {
        let (outbox, nsp) = (Outbox::new(2, 1000), namespace());
        outbox.push(&nsp, &frame(1), Delivery::Event);
        outbox.push(&nsp, &frame(2), Delivery::Event);
        assert_eq!(outbox.push(&nsp, &frame(3), Delivery::Event), Pushed::Overflow);
        let (outbox, large) = (Outbox::new(9, 50), Frame::json("/", "n", &"x".repeat(100)));
        assert_eq!(outbox.push(&nsp, &large, Delivery::Event), Pushed::Queued, "alone it may be larger");
        assert_eq!(outbox.push(&nsp, &frame(1), Delivery::Event), Pushed::Overflow);
        assert_eq!(outbox.queued(), (1, large.len()));
    }

    #[test]
    fn a_producer_waits_from_half_full_to_a_quarter() {
        let (outbox, nsp) = (Outbox::new(8, 1000), namespace());
        let mut cx = Context::from_waker(Waker::noop());
        for n in 0..5 {
            assert!(!outbox.is_congested());
            outbox.push(&nsp, &frame(n), Delivery::Event);
        }
        assert!(outbox.is_congested());
        for _ in 0..3 {
            assert_eq!(outbox.poll_relief(&cx), Poll::Pending);
            let _ = outbox.poll_websocket(&mut cx, false);
        }
        assert_eq!(outbox.poll_relief(&cx), Poll::Ready(()));
    }

    #[test]
    fn without_credit_a_slot_keeps_its_newest_frame_back() {
        let (outbox, nsp) = (Outbox::new(4, 1000), namespace());
        outbox.set_in_flight_max(&nsp, "state", Some(1));
        outbox.push(&nsp, &frame(1), LATEST);
        assert_eq!(body(&outbox).as_deref(), Some("42[\"n\",1]"));
        outbox.push(&nsp, &frame(2), LATEST);
        outbox.push(&nsp, &frame(3), LATEST);
        assert_eq!(body(&outbox), None);
        outbox.credit(&nsp, "state");
        assert_eq!(body(&outbox).as_deref(), Some("42[\"n\",3]"));
    }

    #[test]
    fn a_sealed_outbox_hands_out_what_waits_then_the_close_frame_then_nothing() {
        let (outbox, nsp) = (Outbox::new(4, 1000), namespace());
        outbox.push(&nsp, &frame(1), Delivery::Event);
        outbox.seal(1001, true);
        assert_eq!(outbox.push(&nsp, &frame(2), Delivery::Event), Pushed::Closed);
        let mut cx = Context::from_waker(Waker::noop());
        assert_eq!(outbox.poll_websocket(&mut cx, false), Poll::Ready(Some(frame(1).websocket())));
        assert_eq!(outbox.poll_websocket(&mut cx, false), Poll::Ready(Some(close_frame(1001))));
        assert_eq!(outbox.poll_websocket(&mut cx, false), Poll::Ready(None));
    }

    #[test]
    fn a_body_ends_before_it_grows_beyond_its_bound() {
        let (outbox, nsp) = (Outbox::new(9, 1000), namespace());
        for n in 0..3 {
            outbox.push(&nsp, &frame(n), Delivery::Event);
        }
        let mut cx = Context::from_waker(Waker::noop());
        let Poll::Ready(first) = outbox.poll_body(&mut cx, 20) else { panic!("nothing to pull") };
        assert_eq!(first.into_bytes(), "42[\"n\",0]\u{1e}42[\"n\",1]");
        let Poll::Ready(second) = outbox.poll_body(&mut cx, 2) else { panic!("nothing to pull") };
        assert_eq!(second.into_bytes(), "42[\"n\",2]", "one packet is always handed out");
    }

    #[test]
    fn a_poll_is_ended_with_data_rather_than_with_nothing() {
        let (outbox, nsp) = (Outbox::new(9, 1000), namespace());
        outbox.push(&nsp, &frame(1), Delivery::Event);
        outbox.end_poll(PollAnswer::Noop);
        assert_eq!(body(&outbox).as_deref(), Some("42[\"n\",1]"));
        assert_eq!(body(&outbox), None);
        outbox.end_poll(PollAnswer::Close);
        assert_eq!(body(&outbox).as_deref(), Some("1"));
        outbox.push(&nsp, &frame(2), Delivery::Event);
        outbox.end_poll(PollAnswer::Close);
        assert_eq!(body(&outbox).as_deref(), Some("42[\"n\",2]\u{1e}1"));
    }
}
