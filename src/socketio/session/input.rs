//! What comes in: packets from the transports, verdicts from the middleware, wishes from the program.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use serde_json::Value;
use tokio::sync::oneshot;

use super::{Input, Session, Upper, is};
use crate::socketio::{
    ack::{Ack, AckReply},
    clock::now,
    engine::{EngineSocket, Message as EngineMessage},
    frame::{Delivery, Frame},
    handshake::{Refusal, SocketData},
    inbox::Job,
    namespace::{Event, Namespace},
    outbox::Pushed,
    protocol::{
        connection::Received,
        engine_packet::EnginePacket,
        error::{CloseReason, ProtocolError},
        multiplexer::Incoming,
        packet::PacketKind,
        payload::{self, Item, SEPARATOR},
    },
    recovery::{Belongings, Claim, Memory},
    registry::{Lease, NoNamespace},
    server::fresh_id,
    session_handle::Request,
    socket::Socket,
    websocket_line::Line,
};

/// How long a POST is held back for want of room. Not for ever: a client in mid-upgrade polls no more until its POST is
/// answered, and if that waited for polls to make room, both would wait; the Python client gives up after five seconds.
const POST_HELD: Duration = Duration::from_secs(1);
/// POSTs in a row that are answered without room. Honest clients send one or two; those that take nothing are stopped.
const OVERDRAFTS_MAX: usize = 8;

impl Session {
    pub(super) fn absorb(&mut self, requests: Vec<Request>) {
        let now = now();
        for request in requests {
            match request {
                Request::Overflow => {
                    if self.connection.is_open() {
                        self.handle.server.counters.overflows.up();
                    }
                    self.connection.close(CloseReason::TransportError, now);
                }
                Request::Disconnect { close: true, .. } => {
                    self.connection.close(CloseReason::ForcedServerClose, now);
                }
                Request::Disconnect { namespace, close: false } => self.put_out(&namespace),
                Request::PollDone => self.connection.handle_poll_done(),
                Request::PollAbandoned => self.connection.handle_poll_abandoned(now),
                Request::PostDone => self.connection.handle_post_done(),
                Request::PostFailed(reason) => self.connection.handle_post_failed(reason, now),
                Request::WebsocketGone(line) => self.websocket_gone(&line),
                Request::Close(reason) => self.connection.close(reason, now),
            }
        }
    }

    fn put_out(&mut self, namespace: &Namespace) {
        if let Upper::SocketIo(upper) = &mut self.upper {
            upper.leave(namespace.name());
        }
        if let Some(socket) = self.take_socket(namespace.name()) {
            self.inbox.forget_events(Some(&socket));
            self.left(socket, CloseReason::ServerNamespaceDisconnect);
        }
    }

    fn websocket_gone(&mut self, line: &Arc<Line>) {
        if is(&self.probe, line) {
            self.probe = None;
            self.connection.handle_probe_gone();
        } else if is(&self.line, line) {
            self.connection.close(CloseReason::TransportClose, now());
        }
    }

    /// One Engine.IO packet over the transport that carries the session.
    fn handle_item(
        &mut self,
        item: Result<Item<'_>, ProtocolError>,
        now: Instant,
    ) -> Result<(), ProtocolError> {
        self.handle.server.counters.packets_in.up();
        match item? {
            Item::Binary(data) => {
                self.connection.handle_binary(now);
                self.handle_binary(data)
            }
            Item::Packet(packet) => match self.connection.handle_packet(packet, now)? {
                Received::Message(text) => self.handle_text(text),
                Received::Nothing => Ok(()),
            },
        }
    }

    fn handle_text(&mut self, text: &str) -> Result<(), ProtocolError> {
        match &mut self.upper {
            Upper::Raw => self.raw(EngineMessage::Text(text.to_owned())),
            Upper::SocketIo(upper) => {
                let incoming = match self.decoded.next() {
                    Some(packet) => upper.handle_packet(packet?.as_packet())?,
                    None => upper.handle_text(text)?,
                };
                self.incoming(incoming);
            }
        }
        Ok(())
    }

    fn handle_binary(&mut self, data: Bytes) -> Result<(), ProtocolError> {
        match &mut self.upper {
            Upper::Raw => self.raw(EngineMessage::Binary(data)),
            Upper::SocketIo(upper) => {
                let incoming = upper.handle_binary(data)?;
                self.incoming(incoming);
            }
        }
        Ok(())
    }

    fn raw(&mut self, message: EngineMessage) {
        if let Some(handler) = self.handle.server.on_message.clone() {
            self.inbox.push(Job::Message {
                handler,
                socket: EngineSocket::new(self.handle.clone()),
                message,
            });
        }
    }

    fn incoming(&mut self, incoming: Option<Incoming>) {
        match incoming {
            None => {}
            Some(Incoming::Connect { namespace, auth }) => self.connect(&namespace, auth.unwrap_or_default()),
            Some(Incoming::Disconnect { namespace }) => {
                if let Some(socket) = self.take_socket(&namespace) {
                    self.left(socket, CloseReason::ClientNamespaceDisconnect);
                }
            }
            Some(Incoming::Event { namespace, name, args, attachments, id }) => {
                if let Some(socket) = self.socket(&namespace) {
                    let ack = id.map(|id| Ack::new(socket.clone(), id));
                    self.inbox.push(Job::Event { socket, event: Event { name, args, attachments, ack } });
                }
            }
            Some(Incoming::Ack { namespace, id, args, attachments }) => {
                if let Some(socket) = self.socket(&namespace) {
                    socket.resolve_ack(id, AckReply { args, attachments });
                }
            }
        }
    }

    fn connect(&mut self, name: &str, mut auth: Value) {
        let server = &self.handle.server;
        match server.registry.enter(server, name) {
            Ok(lease) => {
                let claim = self.claim(lease.namespace(), &mut auth);
                let handshake = self.handle.handshake.clone();
                self.inbox.push(Job::Admit { lease, handshake, auth, claim });
            }
            Err(NoNamespace::Unknown) => self.refuse(name, &Refusal::new("Invalid namespace")),
            Err(NoNamespace::TooMany) => {
                server.counters.refused_dynamic_namespaces.up();
                self.refuse(name, &Refusal::new("Too many namespaces"));
            }
        }
    }

    /// What a client that comes back left behind. The words it shows for it are for nobody else.
    fn claim(&self, namespace: &Namespace, auth: &mut Value) -> Option<Claim> {
        let memory = namespace.memory()?;
        let auth = auth.as_object_mut()?;
        let (pid, offset) = (auth.remove("pid")?, auth.remove("offset"));
        let claim = memory.claim(pid.as_str()?, offset.as_ref().and_then(Value::as_str));
        if claim.is_none() {
            self.handle.server.counters.recoveries_failed.up();
        }
        claim
    }

    pub(super) fn admitted(
        &mut self,
        lease: Lease,
        auth: Value,
        claim: Option<Claim>,
        verdict: Result<Option<SocketData>, Refusal>,
    ) {
        if !self.connection.is_open() {
            return;
        }
        let namespace = lease.namespace().clone();
        match verdict {
            Err(refusal) => self.refuse(namespace.name(), &refusal),
            Ok(data) => {
                let Upper::SocketIo(upper) = &mut self.upper else { return };
                if !upper.accept(namespace.name()) {
                    return;
                }
                self.handle.server.joined(&self.handle);
                let belongings = match &claim {
                    Some(claim) => Belongings {
                        data: data.or(claim.belongings.data.clone()),
                        ..claim.belongings.clone()
                    },
                    None => Belongings { id: fresh_id().into(), rooms: Vec::new(), data },
                };
                let socket = Socket::new(belongings, lease, self.handle.clone());
                let greet = |reply: &Value| self.reply(PacketKind::Connect, namespace.name(), reply);
                match namespace.memory().filter(|memory| memory.serves(&auth)) {
                    None => {
                        greet(&serde_json::json!({ "sid": socket.id() }));
                        socket.enter();
                    }
                    Some(memory) => self.readmit(memory, &socket, claim, greet),
                }
                self.sockets.push(socket.clone());
                self.inbox.push_first(Job::Connected { socket, auth });
            }
        }
    }

    fn readmit(&self, memory: &Memory, socket: &Socket, claim: Option<Claim>, greet: impl FnOnce(&Value)) {
        let counters = &self.handle.server.counters;
        let returns = claim.is_some();
        let data = claim.as_ref().and_then(|claim| claim.belongings.data.clone());
        if memory.admit(socket, claim, greet) {
            counters.recoveries.up();
            socket.set_recovered(data);
        } else if returns {
            counters.recoveries_failed.up();
        }
    }

    fn refuse(&mut self, namespace: &str, refusal: &Refusal) {
        if let Upper::SocketIo(upper) = &mut self.upper {
            upper.refuse(namespace);
        }
        self.reply(PacketKind::ConnectError, namespace, &refusal.payload());
    }

    fn reply(&self, kind: PacketKind, namespace: &str, payload: &Value) {
        let frame = Frame::control(kind, namespace, Some(payload));
        if self.handle.outbox.push(&Arc::from(namespace), &frame, Delivery::Event) == Pushed::Overflow {
            self.handle.request(Request::Overflow);
        }
    }

    fn socket(&self, namespace: &str) -> Option<Socket> {
        self.sockets.iter().find(|socket| socket.namespace().name() == namespace).cloned()
    }

    fn take_socket(&mut self, namespace: &str) -> Option<Socket> {
        let at = self.sockets.iter().position(|socket| socket.namespace().name() == namespace)?;
        Some(self.sockets.swap_remove(at))
    }

    /// Counts input against the limits of the session; closes it when there was too much.
    pub(super) fn within_limits(&mut self, packets: usize, bytes: usize, now: Instant) -> bool {
        self.handle.server.counters.bytes_in.add(bytes);
        let counters = &self.handle.server.counters;
        let few = self.packets.take(packets, now);
        let within = few && self.bytes.take(bytes, now);
        if !within && self.connection.is_open() {
            if few {
                counters.refused_byte_rate.up()
            } else {
                counters.refused_packet_rate.up()
            }
            self.connection.close(CloseReason::PolicyViolation, now);
        }
        within
    }

    /// Whether a body has few enough packets, of any kind, to be looked at.
    pub(super) fn is_countable(&mut self, body: &str, now: Instant) -> bool {
        let packets = body.bytes().filter(|byte| *byte == SEPARATOR).count();
        // As many as may come at once over a WebSocket.
        packets <= self.packets.burst() || self.within_limits(packets, 0, now)
    }

    pub(super) fn read_body(&mut self, body: &str, now: Instant) -> Result<(), ProtocolError> {
        for item in payload::decode(body) {
            // Only packets for the layer above cost work worth a limit; pongs and the like are looked at and forgotten.
            let message = matches!(item, Ok(Item::Binary(_) | Item::Packet(EnginePacket::Message(_))));
            if !self.connection.is_open() || (message && !self.within_limits(1, 0, now)) {
                break;
            }
            self.handle_item(item, now)?;
        }
        Ok(())
    }

    pub(super) fn read_websocket(&mut self, input: Input, now: Instant) -> Result<(), ProtocolError> {
        match input {
            Input::Text(text) if self.within_limits(1, text.len(), now) => {
                self.handle_item(EnginePacket::decode(&text).map(Item::Packet), now)
            }
            Input::Binary(data) if self.within_limits(1, data.len(), now) => {
                self.handle_item(Ok(Item::Binary(data)), now)
            }
            Input::Text(_) | Input::Binary(_) => Ok(()),
            Input::Close => {
                self.connection.close(CloseReason::TransportClose, now);
                Ok(())
            }
            Input::Violation(code) => {
                if code == 1009 {
                    self.handle.server.counters.refused_message_size.up();
                }
                self.handle.outbox.seal(code, false);
                self.connection.close(CloseReason::ParseError, now);
                Ok(())
            }
        }
    }

    pub(super) fn read_probe(&mut self, input: Input) {
        match input {
            Input::Text(text) => self.connection.handle_probe(&text),
            Input::Binary(_) => self.connection.handle_probe_failed(1002),
            Input::Close => self.connection.handle_probe_failed(1000),
            Input::Violation(code) => self.connection.handle_probe_failed(code),
        }
    }

    /// What a client sent is not the protocol: the session is over.
    pub(super) fn reject(&mut self, error: ProtocolError, now: Instant) {
        let counters = &self.handle.server.counters;
        match error {
            ProtocolError::TooManyNamespaces => counters.refused_namespaces.up(),
            ProtocolError::AttachmentCount => counters.refused_attachments.up(),
            ProtocolError::Depth => counters.refused_depth.up(),
            ProtocolError::EventName | ProtocolError::Namespace => counters.refused_names.up(),
            _ => {}
        }
        self.connection.handle_error(error, now);
    }

    pub(super) fn has_room(&self) -> bool {
        self.inbox.len() <= self.handle.server.config.limits.inbox_max
    }

    /// Resolves as soon as there is room for more events.
    pub(super) fn room(&mut self) -> impl Future<Output = ()> + 'static {
        let room = (!self.has_room()).then(|| {
            let (sender, receiver) = oneshot::channel();
            self.held_back.push(sender);
            receiver
        });
        async move {
            if let Some(room) = room {
                let _ = room.await;
            }
        }
    }

    /// The same for a POST: resolves in good time even if there is none, unless that was so too often.
    pub(super) fn room_for_post(&mut self) -> impl Future<Output = ()> + 'static {
        let overdraws = !self.has_room() && self.overdrafts < OVERDRAFTS_MAX;
        self.overdrafts += usize::from(overdraws);
        let room = self.room();
        async move {
            if overdraws {
                let _ = tokio::time::timeout(POST_HELD, room).await;
            } else {
                room.await;
            }
        }
    }
}
