//! The actor of one session. It outlives its transports and is never frozen by one: it owns the protocol, the heartbeat
//! and the order of events, while bytes flow through the outbox without it.
//!
//! | message | from | answer |
//! |---|---|---|
//! | [`Poll`] | a GET | whether it may wait at the outbox |
//! | [`BeginPost`], [`Packets`] | a POST, before and after its body | whether the session takes it; held back while events wait |
//! | [`Websocket`] | a WebSocket that names the session | whether it may probe |
//! | [`FromWebsocket`] | the reader of a WebSocket | nothing, held back while events wait |
//! | [`Request`]s | anyone, through the handle | none |

use std::{future::poll_fn, sync::Arc, time::Instant};

use actix::prelude::*;
use actix_web::web::Bytes;
use futures_util::{FutureExt, stream};
use serde_json::Value;
use tokio::sync::oneshot;

use super::{
    ack::{Ack, AckReply},
    clock::now,
    engine::{EngineSocket, Message as EngineMessage},
    frame::{Delivery, Frame},
    handshake::{Refusal as NamespaceRefusal, SocketData},
    inbox::{Inbox, Job, Outcome, Step},
    limits::TokenBucket,
    namespace::{Event, Namespace},
    protocol::{
        connection::{Connection, Output, PollAnswer, Received, Refusal, Transport, WebsocketVerdict},
        engine_packet::{EnginePacket, open_packet},
        error::{CloseReason, ProtocolError},
        multiplexer::{Incoming, Multiplexer},
        packet::PacketKind,
        payload::{self, Item},
    },
    server::fresh_id,
    session_handle::{Request, SessionHandle},
    socket::Socket,
    websocket_line::Line,
};

/// Pieces of work in a row before other sessions of the thread get their turn.
const STEPS_MAX: usize = 64;
/// How long a handler that still runs may keep the actor of a closed session.
const LAST_WORDS: std::time::Duration = std::time::Duration::from_secs(30);

/// A GET wants to wait at the outbox.
#[derive(Message)]
#[rtype(result = "Result<(), Refusal>")]
pub(super) struct Poll;

/// A POST has arrived, its body not yet.
#[derive(Message)]
#[rtype(result = "Result<(), Refusal>")]
pub(super) struct BeginPost;

/// A POST's body.
#[derive(Message)]
#[rtype(result = "Result<(), Refusal>")]
pub(super) struct Packets(pub(super) Bytes);

/// A WebSocket names this session.
#[derive(Message)]
#[rtype(result = "Result<WebsocketVerdict, Refusal>")]
pub(super) struct Websocket(pub(super) Arc<Line>);

/// A message from a WebSocket.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct FromWebsocket {
    pub(super) line: Arc<Line>,
    pub(super) input: Input,
}

/// What a WebSocket may bring.
pub(super) enum Input {
    Text(bytestring::ByteString),
    Binary(Bytes),
    /// The peer closes.
    Close,
    /// The peer broke a rule of RFC 6455, or a limit; the close code says which.
    Violation(u16),
}

/// The actor.
pub(super) struct Session {
    handle: Arc<SessionHandle>,
    connection: Connection,
    upper: Upper,
    inbox: Inbox,
    sockets: Vec<Socket>,
    /// The WebSocket that carries the session.
    line: Option<Arc<Line>>,
    /// The WebSocket that wants to.
    probe: Option<Arc<Line>>,
    timer: Option<(Instant, SpawnHandle)>,
    /// Readers that wait until there is room for what they bring.
    held_back: Vec<oneshot::Sender<()>>,
    packets: TokenBucket,
    bytes: TokenBucket,
    awaits_relief: bool,
    /// Everything is over but the work at hand.
    lingers: bool,
    gone: bool,
}

/// The layer above Engine.IO.
enum Upper {
    SocketIo(Multiplexer),
    Raw,
}

impl Session {
    /// Starts the actor of a session that polls: its first poll is pending already.
    pub(super) fn start_polling(handle: Arc<SessionHandle>) -> Addr<Self> {
        let mut session = Self::new(handle, Transport::Polling);
        // A session that has just begun refuses nothing.
        let _ = session.connection.handle_poll(now());
        session.start()
    }

    /// Starts the actor of a session that lives on this WebSocket from the beginning.
    pub(super) fn start_on_websocket(handle: Arc<SessionHandle>, line: Arc<Line>) -> Addr<Self> {
        let mut session = Self::new(handle.clone(), Transport::Websocket);
        handle.set_on_websocket();
        line.attach(handle);
        session.line = Some(line);
        session.start()
    }

    fn new(handle: Arc<SessionHandle>, transport: Transport) -> Self {
        let (server, now) = (handle.server.clone(), now());
        let (config, limits) = (&server.config, &server.config.limits);
        let open = open_packet(
            &handle.sid,
            config.upgrades && transport == Transport::Polling,
            config.ping_interval.as_millis(),
            config.ping_timeout.as_millis(),
            config.max_payload,
        );
        handle.outbox.push_control(Frame::engine_text(&open));
        let upper = match server.on_message {
            Some(_) => Upper::Raw,
            None => Upper::SocketIo(Multiplexer::new(
                limits.packet,
                limits.namespaces_max,
                config.connect_timeout,
                now,
            )),
        };
        Self {
            handle,
            connection: Connection::new(config.timing(), transport, now),
            upper,
            inbox: Inbox::default(),
            sockets: Vec::new(),
            line: None,
            probe: None,
            timer: None,
            held_back: Vec::new(),
            packets: TokenBucket::new(limits.packets_per_s, limits.packets_per_s.saturating_mul(2), now),
            bytes: TokenBucket::new(limits.bytes_per_s, limits.bytes_per_s.saturating_mul(2), now),
            awaits_relief: false,
            lingers: false,
            gone: false,
        }
    }

    // ── the shell's rule: mutate once, drain everything, re-arm the one timer ──

    fn settle(&mut self, ctx: &mut Context<Self>) {
        loop {
            while let Some(output) = self.connection.poll_output() {
                self.carry_out(output);
            }
            if !self.work(ctx) {
                break;
            }
        }
        if self.inbox.len() <= self.handle.server.config.limits.inbox_max {
            self.held_back.drain(..).for_each(|reader| {
                let _ = reader.send(());
            });
        }
        if self.gone {
            self.retire(ctx);
        } else {
            self.arm(ctx);
        }
    }

    fn carry_out(&mut self, output: Output) {
        let outbox = &self.handle.outbox;
        match output {
            Output::Ping => outbox.push_control(Frame::engine_text("2")),
            Output::EndPoll(answer) => outbox.end_poll(answer),
            Output::ProbePong => {
                if let Some(probe) = &self.probe {
                    probe.push(Frame::engine_text("3probe").websocket());
                }
            }
            Output::DropProbe(code) => {
                if let Some(probe) = self.probe.take() {
                    probe.close(code);
                }
            }
            Output::Upgraded => self.upgrade(),
            Output::Closed(reason) => self.closed(reason),
            Output::Gone => self.gone = true,
        }
    }

    /// Does what waits in the inbox. True when the connection may have something to say about it.
    fn work(&mut self, ctx: &mut Context<Self>) -> bool {
        for steps in 0.. {
            if self.waits_for_relief(ctx) {
                return false;
            }
            match self.inbox.step() {
                Step::Idle => return steps > 0,
                Step::Finished(outcome) => self.conclude(outcome),
                Step::Pending(work) => {
                    let work = work.into_actor(self).map(|outcome, session, ctx| {
                        session.inbox.finish();
                        session.conclude(outcome);
                        session.settle(ctx);
                    });
                    ctx.spawn(work);
                    return true;
                }
            }
            if steps == STEPS_MAX {
                let turn = tokio::task::yield_now().into_actor(self);
                ctx.spawn(turn.map(|(), session, ctx| session.settle(ctx)));
                return false;
            }
        }
        false
    }

    /// Handlers mostly answer the client whose events they get. While it does not take the answers, its next events wait,
    /// and behind them what it sends: it feels the same push back that it exerts.
    fn waits_for_relief(&mut self, ctx: &mut Context<Self>) -> bool {
        if !self.awaits_relief && self.inbox.len() > 0 && self.handle.outbox.is_congested() {
            self.awaits_relief = true;
            let handle = self.handle.clone();
            let relief = poll_fn(move |cx| handle.outbox.poll_relief(cx)).into_actor(self);
            ctx.spawn(relief.map(|(), session, ctx| {
                session.awaits_relief = false;
                session.settle(ctx);
            }));
        }
        self.awaits_relief
    }

    fn conclude(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Done => {}
            Outcome::Panicked => self.handle.server.counters.handler_panics.up(),
            Outcome::Admitted { namespace, auth, verdict } => self.admitted(namespace, auth, verdict),
        }
    }

    fn arm(&mut self, ctx: &mut Context<Self>) {
        let connect_by = match &self.upper {
            Upper::SocketIo(upper) if self.connection.is_open() => upper.poll_timeout(),
            _ => None,
        };
        let Some(at) = self.connection.poll_timeout().into_iter().chain(connect_by).min() else { return };
        // A timer that fires early costs one look; only one that would fire late has to be replaced.
        if self.timer.as_ref().is_some_and(|(armed, _)| *armed <= at) {
            return;
        }
        if let Some((_, timer)) = self.timer.take() {
            ctx.cancel_future(timer);
        }
        let timer = ctx.run_later(at.saturating_duration_since(now()), |session, ctx| {
            session.timer = None;
            session.handle_timeout();
            session.settle(ctx);
        });
        self.timer = Some((at, timer));
    }

    fn handle_timeout(&mut self) {
        let now = now();
        self.connection.handle_timeout(now);
        if let Upper::SocketIo(upper) = &mut self.upper
            && upper.handle_timeout(now)
        {
            self.connection.close(CloseReason::ConnectTimeout, now);
        }
    }

    // ── the connection's outputs ──

    fn upgrade(&mut self) {
        let Some(line) = self.probe.take() else { return };
        let counters = &self.handle.server.counters;
        counters.upgrades.up();
        counters.sessions_polling.down();
        counters.sessions_websocket.up();
        self.handle.set_on_websocket();
        line.attach(self.handle.clone());
        self.line = Some(line);
    }

    /// The session is over for everyone above it.
    fn closed(&mut self, reason: CloseReason) {
        let counters = &self.handle.server.counters;
        match reason {
            CloseReason::ParseError => counters.parse_errors.up(),
            CloseReason::PingTimeout => counters.ping_timeouts.up(),
            CloseReason::PolicyViolation => counters.refused_policy.up(),
            _ => {}
        }
        log::debug!("a session on {} closed: {reason}", self.handle.transport());
        self.handle.outbox.seal(reason.websocket_code(), reason.is_graceful());
        // What a client said before it went is still heard; what one said that had to be put out is not.
        if reason != CloseReason::TransportClose {
            self.inbox.forget_events(None);
        }
        for socket in std::mem::take(&mut self.sockets) {
            self.left(socket, reason);
        }
    }

    /// Behind the events that came before it.
    fn left(&mut self, socket: Socket, reason: CloseReason) {
        socket.retire();
        self.inbox.push(Job::Left { socket, reason });
    }

    /// Nothing refers to the session any more. Its actor stays for a handler that still runs.
    fn retire(&mut self, ctx: &mut Context<Self>) {
        self.handle.server.forget(&self.handle);
        if let Some(probe) = self.probe.take() {
            probe.close(1000);
        }
        if !self.inbox.is_running() && self.inbox.len() == 0 {
            ctx.stop();
        } else if !self.lingers {
            self.lingers = true;
            if let Some((_, timer)) = self.timer.take() {
                ctx.cancel_future(timer);
            }
            ctx.run_later(LAST_WORDS, |session, ctx| {
                session.inbox.finish();
                session.work(ctx);
                ctx.stop();
            });
        }
    }

    // ── input ──

    fn absorb(&mut self, requests: Vec<Request>) {
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
                let incoming = upper.handle_text(text)?;
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

    fn connect(&mut self, name: &str, auth: Value) {
        // A query in the name is the client's own business.
        let known = self.handle.server.namespace(name.split('?').next().unwrap_or(name));
        match known {
            Some(namespace) => {
                self.inbox.push(Job::Admit { namespace, handshake: self.handle.handshake.clone(), auth });
            }
            None => self.refuse(name, &NamespaceRefusal::new("Invalid namespace")),
        }
    }

    fn admitted(
        &mut self,
        namespace: Namespace,
        auth: Value,
        verdict: Result<Option<SocketData>, NamespaceRefusal>,
    ) {
        if !self.connection.is_open() {
            return;
        }
        match verdict {
            Err(refusal) => self.refuse(namespace.name(), &refusal),
            Ok(data) => {
                let Upper::SocketIo(upper) = &mut self.upper else { return };
                if !upper.accept(namespace.name()) {
                    return;
                }
                let id: Arc<str> = fresh_id().into();
                let reply = serde_json::json!({ "sid": &*id });
                self.reply(PacketKind::Connect, namespace.name(), &reply);
                let socket = Socket::new(id, namespace, self.handle.clone(), data);
                socket.enter();
                self.sockets.push(socket.clone());
                self.inbox.push_first(Job::Connected { socket, auth });
            }
        }
    }

    fn refuse(&mut self, namespace: &str, refusal: &NamespaceRefusal) {
        if let Upper::SocketIo(upper) = &mut self.upper {
            upper.refuse(namespace);
        }
        self.reply(PacketKind::ConnectError, namespace, &refusal.payload());
    }

    fn reply(&self, kind: PacketKind, namespace: &str, payload: &Value) {
        let frame = Frame::control(kind, namespace, Some(payload));
        if self.handle.outbox.push(&Arc::from(namespace), &frame, Delivery::Event)
            == super::outbox::Pushed::Overflow
        {
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
    fn within_limits(&mut self, packets: usize, bytes: usize, now: Instant) -> bool {
        self.handle.server.counters.bytes_in.add(bytes);
        let within = self.packets.take(packets, now) && self.bytes.take(bytes, now);
        if !within {
            self.connection.close(CloseReason::PolicyViolation, now);
        }
        within
    }

    fn read_body(&mut self, body: &[u8], now: Instant) -> Result<(), ProtocolError> {
        let text = std::str::from_utf8(body).map_err(|_| ProtocolError::Utf8)?;
        for item in payload::decode(text) {
            // Only packets for the layer above cost work worth a limit; pongs and the like are looked at and forgotten.
            let message = matches!(item, Ok(Item::Binary(_) | Item::Packet(EnginePacket::Message(_))));
            if !self.connection.is_open() || (message && !self.within_limits(1, 0, now)) {
                break;
            }
            self.handle_item(item, now)?;
        }
        Ok(())
    }

    fn read_websocket(&mut self, input: Input, now: Instant) -> Result<(), ProtocolError> {
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
                self.handle.outbox.seal(code, false);
                self.connection.close(CloseReason::ParseError, now);
                Ok(())
            }
        }
    }

    fn read_probe(&mut self, input: Input) {
        match input {
            Input::Text(text) => self.connection.handle_probe(&text),
            Input::Binary(_) => self.connection.handle_probe_failed(1002),
            Input::Close => self.connection.handle_probe_failed(1000),
            Input::Violation(code) => self.connection.handle_probe_failed(code),
        }
    }

    /// Resolves as soon as there is room for more events.
    fn room(&mut self) -> impl Future<Output = ()> + 'static {
        let waits = self.inbox.len() > self.handle.server.config.limits.inbox_max;
        let room = waits.then(|| {
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

    fn catch_up(&mut self) {
        let requests = self.handle.take_requests();
        self.absorb(requests);
    }
}

fn is(line: &Option<Arc<Line>>, other: &Arc<Line>) -> bool {
    line.as_ref().is_some_and(|line| Arc::ptr_eq(line, other))
}

impl Actor for Session {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let counters = &self.handle.server.counters;
        match self.connection.transport() {
            Transport::Polling => counters.sessions_polling.up(),
            Transport::Websocket => counters.sessions_websocket.up(),
        }
        let handle = self.handle.clone();
        ctx.add_stream(stream::poll_fn(move |cx| handle.poll_requests(cx).map(Some)));
        self.settle(ctx);
    }
}

impl Drop for Session {
    /// However the actor ends, nobody keeps waiting for it and nobody keeps sending to it.
    fn drop(&mut self) {
        let counters = &self.handle.server.counters;
        counters.sessions_closed.up();
        match self.connection.transport() {
            Transport::Polling => counters.sessions_polling.down(),
            Transport::Websocket => counters.sessions_websocket.down(),
        }
        if self.gone {
            return;
        }
        self.handle.outbox.seal(CloseReason::ForcedServerClose.websocket_code(), true);
        self.handle.outbox.end_poll(PollAnswer::Close);
        self.handle.server.forget(&self.handle);
        self.sockets.drain(..).for_each(|socket| {
            socket.retire();
        });
    }
}

impl StreamHandler<Vec<Request>> for Session {
    fn handle(&mut self, requests: Vec<Request>, ctx: &mut Self::Context) {
        self.absorb(requests);
        self.settle(ctx);
    }
}

impl Handler<Poll> for Session {
    type Result = Result<(), Refusal>;

    fn handle(&mut self, _: Poll, ctx: &mut Self::Context) -> Self::Result {
        // What the last poll left behind comes first: its client may have sent this one on its answer.
        self.catch_up();
        let verdict = self.connection.handle_poll(now());
        self.settle(ctx);
        verdict
    }
}

impl Handler<BeginPost> for Session {
    type Result = Result<(), Refusal>;

    fn handle(&mut self, _: BeginPost, ctx: &mut Self::Context) -> Self::Result {
        self.catch_up();
        let verdict = self.connection.handle_post(now());
        self.settle(ctx);
        verdict
    }
}

impl Handler<Packets> for Session {
    type Result = ResponseFuture<Result<(), Refusal>>;

    fn handle(&mut self, Packets(body): Packets, ctx: &mut Self::Context) -> Self::Result {
        let now = now();
        self.catch_up();
        self.connection.handle_post_done();
        let mut verdict = Ok(());
        if self.within_limits(0, body.len(), now)
            && let Err(error) = self.read_body(&body, now)
        {
            log::debug!("a session sent a body with {error}");
            self.connection.handle_error(error, now);
            verdict = Err(Refusal::BadRequest);
        }
        self.settle(ctx);
        Box::pin(self.room().map(move |()| verdict))
    }
}

impl Handler<Websocket> for Session {
    type Result = Result<WebsocketVerdict, Refusal>;

    fn handle(&mut self, Websocket(line): Websocket, ctx: &mut Self::Context) -> Self::Result {
        self.catch_up();
        let verdict = self.connection.handle_websocket(now());
        if verdict == Ok(WebsocketVerdict::Probe) {
            self.probe = Some(line);
        }
        self.settle(ctx);
        verdict
    }
}

impl Handler<FromWebsocket> for Session {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, message: FromWebsocket, ctx: &mut Self::Context) -> Self::Result {
        let now = now();
        // A probe is never held back: what waits in the outbox may wait for its success.
        let carrier = is(&self.line, &message.line);
        if carrier {
            if let Err(error) = self.read_websocket(message.input, now) {
                log::debug!("a session sent a message with {error}");
                self.connection.handle_error(error, now);
            }
        } else if is(&self.probe, &message.line) {
            self.read_probe(message.input);
        }
        self.settle(ctx);
        if carrier { Box::pin(self.room()) } else { Box::pin(std::future::ready(())) }
    }
}
