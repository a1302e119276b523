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

mod aside;
mod input;
mod messages;

use std::{future::poll_fn, sync::Arc, time::Instant};

use actix::prelude::*;
use futures_util::stream;
use tokio::sync::oneshot;

use self::aside::Decoded;
pub(super) use self::messages::{BeginPost, FromWebsocket, Input, Packets, Poll, Websocket};
use super::{
    clock::now,
    frame::Frame,
    inbox::{Inbox, Job, Outcome, Step},
    limits::TokenBucket,
    protocol::{
        connection::{Connection, Output, PollAnswer, Transport},
        engine_packet::open_packet,
        error::CloseReason,
        multiplexer::Multiplexer,
    },
    session_handle::{Request, SessionHandle},
    socket::Socket,
    websocket_line::Line,
};

/// Pieces of work in a row before other sessions of the thread get their turn.
const STEPS_MAX: usize = 64;
/// How long a handler that still runs may keep the actor of a closed session.
const LAST_WORDS: std::time::Duration = std::time::Duration::from_secs(30);

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
    /// POSTs that are not held back for as long as it takes, since there was room last.
    overdrafts: usize,
    decoded: Decoded,
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
                server.packet_limits.clone(),
                limits.namespaces_max,
                config.connect_timeout,
                now,
            )),
        };
        Self {
            handle,
            connection: Connection::new(server.timing.clone(), transport, now),
            upper,
            inbox: Inbox::default(),
            sockets: Vec::new(),
            line: None,
            probe: None,
            timer: None,
            held_back: Vec::new(),
            overdrafts: 0,
            decoded: Decoded::default(),
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
        if self.has_room() {
            self.overdrafts = 0;
            self.held_back.drain(..).for_each(|reader| {
                let _ = reader.send(()); // it may be gone
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
                    self.handle.server.counters.probes_failed.up();
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
            Outcome::Admitted { lease, auth, claim, verdict } => self.admitted(lease, auth, claim, verdict),
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
            CloseReason::ConnectTimeout => counters.connect_timeouts.up(),
            _ => {}
        }
        log::debug!("a session on {} closed: {reason}", self.handle.transport());
        self.handle.outbox.seal(reason.websocket_code(), reason.is_graceful());
        if let Some(line) = &self.line {
            line.hurry();
        }
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
        socket.retire(reason);
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

    /// Does what was wished for before the message at hand.
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
            socket.retire(CloseReason::ForcedServerClose);
        });
    }
}

impl StreamHandler<Vec<Request>> for Session {
    fn handle(&mut self, requests: Vec<Request>, ctx: &mut Self::Context) {
        self.absorb(requests);
        self.settle(ctx);
    }
}
