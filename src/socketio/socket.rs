//! One client in one namespace.

use std::{
    any::Any,
    fmt,
    future::Future,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use bytes::Bytes;
use serde::Serialize;
use serde_json::Value;
use tokio::sync::oneshot;

use super::{
    ack::{AckError, AckReply, PendingAcks},
    broadcast::Broadcast,
    frame::{Delivery, Forms, Frame},
    handshake::{Handshake, SocketData},
    namespace::Namespace,
    outbox::Pushed,
    protocol::{error::CloseReason, packet::PacketKind},
    recovery::{Belongings, Pass},
    registry::Lease,
    session_handle::{Request, SessionHandle},
};

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
    /// Why it leaves, or has left.
    left_by: OnceLock<CloseReason>,
    /// It was here before: what it had for data then.
    recovered: OnceLock<Option<SocketData>>,
    pass: OnceLock<Pass>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    rooms: Vec<Arc<str>>,
    acks: PendingAcks,
    lease: Option<Lease>,
}

impl Socket {
    pub(super) fn new(
        Belongings { id, rooms, data }: Belongings,
        lease: Lease,
        session: Arc<SessionHandle>,
    ) -> Self {
        let connected = AtomicBool::new(true);
        let namespace = lease.namespace().clone();
        Self(Arc::new(Inner {
            id,
            namespace,
            session,
            data: RwLock::new(data),
            connected,
            left_by: OnceLock::new(),
            recovered: OnceLock::new(),
            pass: OnceLock::new(),
            state: Mutex::new(State { rooms, acks: PendingAcks::default(), lease: Some(lease) }),
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

    /// The id of its session, which is a secret.
    pub(super) fn sid(&self) -> &str {
        &self.0.session.sid
    }

    /// `polling` or `websocket`, whatever carries it now.
    pub fn transport(&self) -> &'static str {
        self.0.session.transport()
    }

    /// False once it has left, for whatever reason.
    pub fn is_connected(&self) -> bool {
        self.0.connected.load(Relaxed)
    }

    /// Whether the client was here before and has lost nothing in between: it has its id, its rooms and its data again.
    /// Only ever true with [`super::Config::recovery`].
    pub fn is_recovered(&self) -> bool {
        self.0.recovered.get().is_some()
    }

    /// The program's data of type `T` that a recovered client had before it was cut off, which middleware may have
    /// replaced by now.
    pub fn recovered_data<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        self.0.recovered.get()?.clone()?.downcast().ok()
    }

    pub(super) fn set_recovered(&self, data: Option<SocketData>) {
        let _ = self.0.recovered.set(data);
    }

    /// Why it left; None while it is here.
    pub fn close_reason(&self) -> Option<CloseReason> {
        self.0.left_by.get().copied()
    }

    pub(super) fn set_pass(&self, pass: Pass) {
        let _ = self.0.pass.set(pass);
    }

    /// Sends an event with one argument that is never compressed.
    pub fn emit_uncompressed(&self, event: &str, payload: &impl Serialize) {
        let frame = Frame::json(self.0.namespace.name(), event, payload).uncompressed();
        self.emit_frame(&frame, Delivery::Event);
    }

    /// Begins a broadcast to everyone else in the namespace.
    pub fn broadcast(&self) -> Broadcast {
        self.0.namespace.except(self.id())
    }

    /// Sends an event with one argument if the client is ready for it at this moment and nothing else waits for it.
    pub fn emit_volatile(&self, event: &str, payload: &impl Serialize) {
        self.emit_frame(&Frame::json(self.0.namespace.name(), event, payload), Delivery::Volatile);
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
        let namespace = &self.0.namespace;
        namespace.deliver(frame, delivery, &[self.id()], &[], |forms| {
            // Whoever has come back hears what is said to the one that it was.
            let successor = if self.is_connected() { None } else { namespace.hub().get(self.id()) };
            successor.as_ref().unwrap_or(self).push(forms, delivery);
        });
        if namespace.is_watched() {
            namespace.show(std::slice::from_ref(self), frame, delivery);
        }
    }

    /// Lays the form that is meant for this client into the outbox.
    pub(super) fn push(&self, forms: &Forms, delivery: Delivery) {
        let numbered = forms.numbered.as_ref().filter(|_| self.0.pass.get().is_some());
        self.push_frame(numbered.unwrap_or(&forms.common), delivery);
    }

    /// Lays a frame into the outbox as it is.
    pub(super) fn push_frame(&self, frame: &Frame, delivery: Delivery) {
        let session = &self.0.session;
        let counters = &session.server.counters;
        if !self.is_connected() {
            return counters.frames_dropped.up();
        }
        match session.outbox.push(self.0.namespace.shared_name(), frame, delivery) {
            Pushed::Queued => counters.frames_queued.up(),
            Pushed::Conflated => counters.frames_conflated.up(),
            Pushed::Closed => counters.frames_dropped.up(),
            Pushed::Dropped => counters.frames_volatile_dropped.up(),
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
        let id = self.0.namespace.fresh_ack_id();
        let value = serde_json::to_value(payload).unwrap_or_default();
        let frame = Frame::event(self.0.namespace.name(), event, &[value], &[], Some(id));
        let answer = self.ask(id, &frame);
        let socket = self.clone();
        async move {
            match tokio::time::timeout(timeout, answer?).await {
                Ok(reply) => reply.map_err(|_| AckError::Disconnected),
                Err(_) => {
                    socket.forget_ack(id);
                    Err(AckError::Timeout)
                }
            }
        }
    }

    /// Sends the question `id`; its answer comes through the receiver, which ends without one when the client leaves.
    pub(super) fn ask(&self, id: u64, frame: &Frame) -> Result<oneshot::Receiver<AckReply>, AckError> {
        let server = &self.0.session.server;
        let answer = {
            let mut state = self.state();
            if !self.is_connected() {
                return Err(AckError::Disconnected);
            }
            state.acks.expect(id, server.config.limits.pending_acks_max)
        };
        let Some(answer) = answer else {
            server.counters.refused_acks.up();
            return Err(AckError::TooManyPending);
        };
        self.emit_frame(frame, Delivery::Event);
        Ok(answer)
    }

    pub(super) fn forget_ack(&self, id: u64) {
        self.state().acks.forget(id);
    }

    pub(super) fn has_room_for(&self, frames: &[Frame]) -> bool {
        self.0.session.outbox.has_room_for(frames)
    }

    /// Joins a room; false when it is in it already, has left, or is in too many.
    pub fn join(&self, room: &str) -> bool {
        let server = &self.0.session.server;
        let limits = &server.config.limits;
        let mut state = self.state();
        let known = state.rooms.iter().any(|known| **known == *room);
        if known || room.is_empty() || !self.is_connected() {
            return false;
        }
        if room.len() > limits.room_bytes_max || state.rooms.len() >= limits.rooms_max {
            server.counters.refused_rooms.up();
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
            self.retire(CloseReason::ServerNamespaceDisconnect);
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

    /// The client has lost the chain of this slot: the next frame of it stands alone.
    pub fn restart_chain(&self, slot: &'static str) {
        self.0.session.outbox.restart(self.0.namespace.shared_name(), slot);
    }

    pub(super) fn resolve_ack(&self, id: u64, reply: AckReply) {
        self.state().acks.resolve(id, reply);
    }

    /// Enters the namespace: from now on it gets what is sent to everyone, and to the rooms that it begins with.
    pub(super) fn enter(&self) {
        let state = self.state();
        let hub = self.0.namespace.hub();
        hub.join("", self);
        for room in &state.rooms {
            hub.join(room, self);
        }
    }

    /// Leaves everything, once.
    pub(super) fn retire(&self, reason: CloseReason) {
        if let Some(belongings) = self.leave_all(reason)
            && let (Some(memory), Some(pass)) = (self.0.namespace.memory(), self.0.pass.get())
        {
            memory.left(pass, belongings, reason);
        }
    }

    /// It begins anew after all.
    pub(super) fn forget_rooms(&self) {
        self.state().rooms.clear();
    }

    /// The client has come back on another connection, which takes over what this one had. None if it has just left.
    pub(super) fn give_up(&self) -> Option<Belongings> {
        let belongings = self.leave_all(CloseReason::TransportError);
        self.0.session.request(Request::Close(CloseReason::TransportError));
        belongings
    }

    fn leave_all(&self, reason: CloseReason) -> Option<Belongings> {
        self.0.left_by.set(reason).ok()?;
        self.0.namespace.disconnecting(self, reason);
        let mut state = self.state();
        self.0.connected.store(false, Relaxed);
        state.acks.clear();
        let hub = self.0.namespace.hub();
        let rooms = std::mem::take(&mut state.rooms);
        for room in &rooms {
            hub.leave(room, self.id());
        }
        hub.leave("", self.id());
        let lease = state.lease.take();
        drop(state);
        drop(lease);
        self.0.session.outbox.forget_slots(self.0.namespace.name());
        let data = self.0.data.read().unwrap_or_else(PoisonError::into_inner).clone();
        Some(Belongings { id: self.0.id.clone(), rooms, data })
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
