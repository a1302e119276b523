//! The life of one Engine.IO session: polling, upgrade, heartbeat, close.
//!
//! ```text
//!            handle_poll, handle_packet            handle_websocket            handle_probe("5")
//!  polling ───────────────────────────▶ polling ───────────────────▶ probing ───────────────────▶ websocket
//!     │                                   ▲  a probe that fails          │                           │
//!     │                                   └──────────────────────────────┘                           │
//!     └──────────────── close: a timeout, an error, either side's wish ──────────────────────────────┴──▶ closed
//! ```
//!
//! After each `handle_…` drain [`Connection::poll_output`] and look at [`Connection::poll_timeout`]. The heartbeat is one
//! absolute deadline, which late timers cannot move and which every request is held against.

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    engine_packet::EnginePacket,
    error::{CloseReason, ProtocolError},
};

/// A deadline this near counts as reached: a client that waits exactly as long as the protocol says must find the session
/// closed, though timers have a granularity of a millisecond.
const SLACK: Duration = Duration::from_millis(2);
/// How long a poll that arrives in mid-upgrade may wait for data before it is sent away.
const UPGRADE_POLL_WAIT: Duration = Duration::from_millis(50);

/// The durations that rule a session.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// From a pong to the next ping.
    pub ping_interval: Duration,
    /// From a ping to its pong.
    pub ping_timeout: Duration,
    /// From the start of a probe to its success.
    pub upgrade_timeout: Duration,
    /// How long a closed polling session waits for a poll that takes the close packet.
    pub close_timeout: Duration,
}

/// What carries a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// HTTP long-polling.
    Polling,
    /// One WebSocket.
    Websocket,
}

/// A packet that ends a pending poll which has nothing else to bring home.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PollAnswer {
    /// `6`
    Noop,
    /// `1`
    Close,
}

/// What the shell has to do next, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// Queue a ping, ahead of everything else.
    Ping,
    /// End the pending poll, with data if there is any, else with this.
    EndPoll(PollAnswer),
    /// Send `3probe` over the probing WebSocket.
    ProbePong,
    /// Close the probing WebSocket with this code; the session lives on.
    DropProbe(u16),
    /// From now on the probing WebSocket carries the session.
    Upgraded,
    /// The session is over for the layer above: no message comes or goes any more.
    Closed(CloseReason),
    /// Nothing refers to the session any more: forget it.
    Gone,
}

/// What a packet meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received<'a> {
    /// Nothing for the layer above.
    Nothing,
    /// A message for the layer above.
    Message(&'a str),
}

/// Why a request is refused. The session goes on unless an output says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// There is no such session any more.
    Unknown,
    /// Not at this time or not over this transport.
    BadRequest,
}

/// What to do with a WebSocket that names this session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WebsocketVerdict {
    /// Let it probe.
    Probe,
    /// Accept the handshake, then close it: the session has one already.
    Refuse,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    /// Closed for the layer above; the close packet waits for a poll until then.
    Closing {
        until: Instant,
    },
    Closed,
}

#[derive(Clone, Copy, Debug)]
enum Heartbeat {
    Quiet { ping_at: Instant },
    Waiting { pong_by: Instant, extended: bool },
}

#[derive(Clone, Copy, Debug)]
struct Probe {
    until: Instant,
    answered: bool,
}

/// The state machine; see the module's page.
#[derive(Debug)]
pub struct Connection {
    /// Shared by all sessions of a server.
    timing: Arc<Timing>,
    state: State,
    transport: Transport,
    probe: Option<Probe>,
    /// A poll is pending.
    polling: bool,
    /// The pending poll is sent away at this time.
    noop_at: Option<Instant>,
    /// A POST is not answered yet.
    posting: bool,
    heartbeat: Heartbeat,
    outputs: VecDeque<Output>,
}

impl Connection {
    /// A session that `transport` has just opened.
    pub fn new(timing: impl Into<Arc<Timing>>, transport: Transport, now: Instant) -> Self {
        let timing = timing.into();
        let ping_at = now + timing.ping_interval;
        Self {
            timing,
            state: State::Open,
            transport,
            probe: None,
            polling: false,
            noop_at: None,
            posting: false,
            heartbeat: Heartbeat::Quiet { ping_at },
            outputs: VecDeque::new(),
        }
    }

    /// What carries the session now.
    pub fn transport(&self) -> Transport {
        self.transport
    }

    /// Whether the layer above may still send and receive.
    pub fn is_open(&self) -> bool {
        self.state == State::Open
    }

    /// The next thing to do.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When [`Connection::handle_timeout`] wants to be called.
    pub fn poll_timeout(&self) -> Option<Instant> {
        match self.state {
            State::Closed => None,
            State::Closing { until } => Some(until),
            State::Open => {
                let heartbeat = match self.heartbeat {
                    Heartbeat::Quiet { ping_at } => ping_at,
                    Heartbeat::Waiting { pong_by, .. } => pong_by,
                };
                [self.noop_at, self.probe.map(|probe| probe.until)]
                    .into_iter()
                    .flatten()
                    .chain([heartbeat])
                    .min()
            }
        }
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        match self.state {
            State::Closing { until } if now >= until => return self.forget(),
            // A timer may fire once more after the end: nothing follows on that.
            State::Closing { .. } | State::Closed => return,
            State::Open => {}
        }
        if self.expire(now) {
            return;
        }
        if let Heartbeat::Quiet { ping_at } = self.heartbeat
            && now >= ping_at
        {
            // The deadline counts from when the ping was due, however late this call is.
            let pong_by = ping_at + self.timing.ping_timeout;
            self.heartbeat = Heartbeat::Waiting { pong_by, extended: false };
            self.outputs.push_back(Output::Ping);
        }
        if self.noop_at.is_some_and(|at| now >= at) {
            self.end_poll(PollAnswer::Noop);
        }
        if self.probe.is_some_and(|probe| now >= probe.until) {
            self.drop_probe(1000);
        }
    }

    /// A GET arrives and, unless refused, waits for data.
    pub fn handle_poll(&mut self, now: Instant) -> Result<(), Refusal> {
        self.check_polling(now)?;
        if self.polling {
            self.close(CloseReason::TransportError, now);
            return Err(Refusal::BadRequest);
        }
        self.polling = true;
        if let State::Closing { .. } = self.state {
            self.end_poll(PollAnswer::Close);
        } else if self.probe.is_some_and(|probe| probe.answered) {
            self.noop_at = Some(now + UPGRADE_POLL_WAIT);
        }
        Ok(())
    }

    /// The pending poll got its answer.
    pub fn handle_poll_done(&mut self) {
        self.polling = false;
        self.noop_at = None;
        if let State::Closing { .. } = self.state {
            self.forget();
        }
    }

    /// The client dropped the pending poll.
    pub fn handle_poll_abandoned(&mut self, now: Instant) {
        self.polling = false;
        self.noop_at = None;
        self.close(CloseReason::TransportError, now);
    }

    /// A POST arrives; its body is still to come.
    pub fn handle_post(&mut self, now: Instant) -> Result<(), Refusal> {
        self.check_polling(now)?;
        if !self.is_open() {
            return Err(Refusal::Unknown);
        }
        if self.posting {
            self.close(CloseReason::TransportError, now);
            return Err(Refusal::BadRequest);
        }
        self.posting = true;
        Ok(())
    }

    /// The POST is answered, or was abandoned once its body was there.
    pub fn handle_post_done(&mut self) {
        self.posting = false;
    }

    /// The POST's body broke off, or cannot be taken.
    pub fn handle_post_failed(&mut self, reason: CloseReason, now: Instant) {
        self.posting = false;
        self.close(reason, now);
    }

    /// A packet with a text form arrives over the transport that carries the session. Errors end it, by
    /// [`Connection::handle_error`].
    pub fn handle_packet<'a>(
        &mut self,
        packet: EnginePacket<'a>,
        now: Instant,
    ) -> Result<Received<'a>, ProtocolError> {
        if !self.is_open() {
            return Ok(Received::Nothing);
        }
        match packet {
            EnginePacket::Message(text) => {
                self.extend_heartbeat(now);
                return Ok(Received::Message(text));
            }
            EnginePacket::Pong(_) => self.handle_pong(now),
            EnginePacket::Close => self.close(CloseReason::TransportClose, now),
            EnginePacket::Noop => self.extend_heartbeat(now),
            EnginePacket::Open(_) | EnginePacket::Ping(_) | EnginePacket::Upgrade => {
                return Err(ProtocolError::Direction);
            }
        }
        Ok(Received::Nothing)
    }

    /// A binary message arrives; it is for the layer above if the session is open.
    pub fn handle_binary(&mut self, now: Instant) {
        if self.is_open() {
            self.extend_heartbeat(now);
        }
    }

    /// The peer sent something that is not the protocol.
    pub fn handle_error(&mut self, error: ProtocolError, now: Instant) {
        self.close(error.close_reason(), now);
    }

    /// A WebSocket names this session.
    pub fn handle_websocket(&mut self, now: Instant) -> Result<WebsocketVerdict, Refusal> {
        if !self.is_open() || self.expire(now) {
            return Err(Refusal::Unknown);
        }
        if self.transport == Transport::Websocket || self.probe.is_some() {
            return Ok(WebsocketVerdict::Refuse);
        }
        self.probe = Some(Probe { until: now + self.timing.upgrade_timeout, answered: false });
        Ok(WebsocketVerdict::Probe)
    }

    /// Text over the probing WebSocket. Whatever is not the upgrade's protocol closes that WebSocket and no more.
    pub fn handle_probe(&mut self, text: &str) {
        let Some(probe) = self.probe.as_mut().filter(|_| self.state == State::Open) else { return };
        match (EnginePacket::decode(text), probe.answered) {
            (Ok(EnginePacket::Ping("probe")), _) => {
                probe.answered = true;
                self.outputs.push_back(Output::ProbePong);
                if self.polling {
                    self.end_poll(PollAnswer::Noop);
                }
            }
            (Ok(EnginePacket::Upgrade), true) => {
                self.probe = None;
                if self.polling {
                    self.end_poll(PollAnswer::Noop);
                }
                self.transport = Transport::Websocket;
                self.outputs.push_back(Output::Upgraded);
            }
            _ => self.drop_probe(1002),
        }
    }

    /// The probing WebSocket sent what no probe may send.
    pub fn handle_probe_failed(&mut self, code: u16) {
        if self.probe.is_some() {
            self.drop_probe(code);
        }
    }

    /// The probing WebSocket is gone by itself.
    pub fn handle_probe_gone(&mut self) {
        self.probe = None;
        self.noop_at = None;
    }

    /// Ends the session. Only the first reason counts.
    pub fn close(&mut self, reason: CloseReason, now: Instant) {
        if !self.is_open() {
            return;
        }
        if self.probe.is_some() {
            self.drop_probe(1000);
        }
        self.state = State::Closed;
        let polling = self.transport == Transport::Polling;
        if polling && self.polling {
            // The client closed by a POST of its own and must not hear an error on its poll.
            let own_wish = reason == CloseReason::TransportClose;
            self.end_poll(if own_wish { PollAnswer::Noop } else { PollAnswer::Close });
        }
        self.outputs.push_back(Output::Closed(reason));
        if polling && !self.polling && reason.is_graceful() && reason != CloseReason::ParseError {
            self.state = State::Closing { until: now + self.timing.close_timeout };
            return;
        }
        self.outputs.push_back(Output::Gone);
    }

    fn check_polling(&mut self, now: Instant) -> Result<(), Refusal> {
        if self.state == State::Closed || (self.is_open() && self.expire(now)) {
            return Err(Refusal::Unknown);
        }
        match self.transport {
            Transport::Websocket => Err(Refusal::BadRequest),
            Transport::Polling => Ok(()),
        }
    }

    /// Closes the session when its deadline has passed, whether or not a timer said so.
    fn expire(&mut self, now: Instant) -> bool {
        let pong_by = match self.heartbeat {
            Heartbeat::Quiet { ping_at } => ping_at + self.timing.ping_timeout,
            Heartbeat::Waiting { pong_by, .. } => pong_by,
        };
        let expired = now + SLACK >= pong_by;
        if expired {
            self.close(CloseReason::PingTimeout, now);
        }
        expired
    }

    fn handle_pong(&mut self, now: Instant) {
        // A pong that nobody asked for changes nothing: a flood of them must not keep timers busy.
        if let Heartbeat::Waiting { .. } = self.heartbeat {
            self.heartbeat = Heartbeat::Quiet { ping_at: now + self.timing.ping_interval };
        }
    }

    /// A packet other than a pong shows that the peer lives: its pong may stand behind a long queue. Granted once a ping.
    fn extend_heartbeat(&mut self, now: Instant) {
        if let Heartbeat::Waiting { pong_by, extended: extended @ false } = &mut self.heartbeat {
            *pong_by = (*pong_by).max(now + self.timing.ping_timeout);
            *extended = true;
        }
    }

    fn end_poll(&mut self, answer: PollAnswer) {
        self.noop_at = None;
        self.outputs.push_back(Output::EndPoll(answer));
    }

    fn drop_probe(&mut self, code: u16) {
        self.probe = None;
        self.noop_at = None;
        self.outputs.push_back(Output::DropProbe(code));
    }

    fn forget(&mut self) {
        self.state = State::Closed;
        self.outputs.push_back(Output::Gone);
    }
}
