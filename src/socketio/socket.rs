//! One client in one namespace.

use std::{
    any::Any,
    fmt,
    future::Future,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use bytes::Bytes;
use serde::Serialize;
use serde_json::Value;

use super::{
    ack::{AckError, AckReply, PendingAcks},
    frame::{Delivery, Frame},
    handshake::{Handshake, SocketData},
    namespace::Namespace,
    outbox::Pushed,
    protocol::packet::PacketKind,
    session_handle::{Request, SessionHandle},
};

/// Bytes of a room's name.
const ROOM_BYTES_MAX: usize = 128;

/// A handle to one client in one namespace, cheap to clone and usable from any thread. Once the client has left, whatever
/// is sent through it is dropped.
#[derive(Clone)]
pub struct Socket(Arc<Inner>);

struct Inner {
    id: Arc<str>,
    namespace: Namespace,
    session: Arc<SessionHandle>,
    data: RwLock<Option<SocketData>>,
    /// Read without the lock on the way of every frame; written under it.
    connected: AtomicBool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    rooms: Vec<Arc<str>>,
    acks: PendingAcks,
}

impl Socket {
    pub(super) fn new(
        id: Arc<str>,
        namespace: Namespace,
        session: Arc<SessionHandle>,
        data: Option<SocketData>,
    ) -> Self {
        let connected = AtomicBool::new(true);
        Self(Arc::new(Inner {
            id,
            namespace,
            session,
            data: RwLock::new(data),
            connected,
            state: Mutex::default(),
        }))
    }

    /// The socket's id: unique, not secret, good for one connection to one namespace. Also a room for
    /// [`Namespace::to`] that holds nobody else.
    pub fn id(&self) -> &str {
        &self.0.id
    }

    pub(super) fn shared_id(&self) -> Arc<str> {
        self.0.id.clone()
    }

    /// The namespace that it is in.
    pub fn namespace(&self) -> &Namespace {
        &self.0.namespace
    }

    /// The request that opened its session.
    pub fn handshake(&self) -> &Handshake {
        &self.0.session.handshake
    }

    /// `polling` or `websocket`, whatever carries it now.
    pub fn transport(&self) -> &'static str {
        self.0.session.transport()
    }

    /// False once it has left, for whatever reason.
    pub fn is_connected(&self) -> bool {
        self.0.connected.load(Relaxed)
    }

    /// Sends an event with one argument: ordered, never dropped.
    pub fn emit(&self, event: &str, payload: &impl Serialize) {
        self.emit_frame(&Frame::json(self.0.namespace.name(), event, payload), Delivery::Event);
    }

    /// Sends an event with any arguments; placeholders in them stand for the attachments.
    pub fn emit_args(&self, event: &str, args: &[Value], attachments: &[Bytes]) {
        self.emit_frame(&Frame::args(self.0.namespace.name(), event, args, attachments), Delivery::Event);
    }

    /// Sends a frame that was encoded for this namespace.
    pub fn emit_frame(&self, frame: &Frame, delivery: Delivery) {
        let session = &self.0.session;
        let counters = &session.server.counters;
        if !self.is_connected() {
            return counters.frames_dropped.up();
        }
        match session.outbox.push(self.0.namespace.shared_name(), frame, delivery) {
            Pushed::Queued => counters.frames_queued.up(),
            Pushed::Conflated => counters.frames_conflated.up(),
            Pushed::Closed => counters.frames_dropped.up(),
            Pushed::Overflow => {
                counters.frames_dropped.up();
                session.request(Request::Overflow);
            }
        }
    }

    /// Sends an event with one argument and waits for the client's answer, at most for `timeout`.
    ///
    /// May be awaited inside a handler: answers do not queue behind events.
    pub fn emit_with_ack(
        &self,
        event: &str,
        payload: &impl Serialize,
        timeout: Duration,
    ) -> impl Future<Output = Result<AckReply, AckError>> + 'static {
        let max = self.0.session.server.config.limits.pending_acks_max;
        let value = serde_json::to_value(payload).unwrap_or_default();
        let expected = {
            let mut state = self.state();
            if self.is_connected() {
                state.acks.expect(max).ok_or(AckError::TooManyPending)
            } else {
                Err(AckError::Disconnected)
            }
        };
        if let Ok((id, _)) = &expected {
            let frame = Frame::event(self.0.namespace.name(), event, &[value], &[], Some(*id));
            self.emit_frame(&frame, Delivery::Event);
        }
        let socket = self.clone();
        async move {
            let (id, reply) = expected?;
            match tokio::time::timeout(timeout, reply).await {
                Ok(reply) => reply.map_err(|_| AckError::Disconnected),
                Err(_) => {
                    socket.state().acks.forget(id);
                    Err(AckError::Timeout)
                }
            }
        }
    }

    /// Joins a room; false when it is in it already, has left, or is in too many.
    pub fn join(&self, room: &str) -> bool {
        let max = self.0.session.server.config.limits.rooms_max;
        let mut state = self.state();
        let known = state.rooms.iter().any(|known| **known == *room);
        if known
            || room.is_empty()
            || room.len() > ROOM_BYTES_MAX
            || !self.is_connected()
            || state.rooms.len() >= max
        {
            return false;
        }
        state.rooms.push(Arc::from(room));
        // Under the socket's lock, so that leaving for good cannot slip in between.
        self.0.namespace.hub().join(room, self)
    }

    /// Leaves a room; false when it is not in it.
    pub fn leave(&self, room: &str) -> bool {
        let mut state = self.state();
        state.rooms.retain(|known| **known != *room);
        !room.is_empty() && self.0.namespace.hub().leave(room, self.id())
    }

    /// The rooms that it is in, its own id not among them.
    pub fn rooms(&self) -> Vec<Arc<str>> {
        self.state().rooms.clone()
    }

    /// Puts the client out.
    ///
    /// With `close` its whole session ends, in all of its namespaces, and official clients come back by themselves.
    /// Without, it leaves this namespace for good: official clients do not come back from that.
    pub fn disconnect(&self, close: bool) {
        if !close && self.is_connected() {
            let frame = Frame::control(PacketKind::Disconnect, self.0.namespace.name(), None);
            self.emit_frame(&frame, Delivery::Event);
            self.retire();
        }
        self.0.session.request(Request::Disconnect { namespace: self.0.namespace.clone(), close });
    }

    /// The program's data of type `T`, if that is what was set.
    pub fn data<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        let data = self.0.data.read().unwrap_or_else(PoisonError::into_inner).clone();
        data?.downcast().ok()
    }

    /// Keeps data with the socket, in place of what was there.
    pub fn set_data(&self, data: impl Any + Send + Sync) {
        *self.0.data.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(data));
    }

    /// Lets at most `max` frames of a `latest` slot be under way until [`Socket::credit`] is called for each; None for
    /// no such bound. Forgets what was under way.
    pub fn set_in_flight_max(&self, slot: &'static str, max: Option<u32>) {
        self.0.session.outbox.set_in_flight_max(self.0.namespace.shared_name(), slot, max);
    }

    /// The client has dealt with a frame of this slot.
    pub fn credit(&self, slot: &'static str) {
        self.0.session.outbox.credit(self.0.namespace.shared_name(), slot);
    }

    pub(super) fn resolve_ack(&self, id: u64, reply: AckReply) {
        self.state().acks.resolve(id, reply);
    }

    /// Enters the namespace: from now on it gets what is sent to everyone.
    pub(super) fn enter(&self) {
        self.0.namespace.hub().join("", self);
    }

    /// Leaves everything, once.
    pub(super) fn retire(&self) {
        let mut state = self.state();
        if !self.0.connected.swap(false, Relaxed) {
            return;
        }
        state.acks.clear();
        let hub = self.0.namespace.hub();
        for room in state.rooms.drain(..) {
            hub.leave(&room, self.id());
        }
        hub.leave("", self.id());
        drop(state);
        self.0.session.outbox.forget_slots(self.0.namespace.name());
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Socket({} in {})", self.0.id, self.0.namespace.name())
    }
}
