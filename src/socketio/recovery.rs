//! Connection state recovery: what a namespace remembers, so that a client which was cut off for a while gets everything
//! that it missed, once and in order.
//!
//! Each recoverable event (ordered, without an ack) gets an offset as its last argument, and a client that comes back
//! names the last one it saw. Offsets are positions in a bounded ring, so finding one costs no search. Clients take any
//! trailing string for an offset, hence events that are not remembered never end in one: they get a null behind it.
//!
//! Locks: a namespace's memory comes before its rooms and its sockets, never after.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::{
    clock::now,
    frame::{Delivery, Forms, Frame},
    handshake::SocketData,
    protocol::error::CloseReason,
    server::fresh_id,
    socket::Socket,
};

/// What is remembered for clients that were cut off, for each namespace.
#[derive(Clone, Debug)]
pub struct Recovery {
    /// How long a client may be away.
    pub window: Duration,
    /// Events remembered at most.
    pub packets_max: usize,
    /// Bytes of events remembered at most.
    pub bytes_max: usize,
    /// Clients remembered at most.
    pub sessions_max: usize,
    /// Whether a client that comes back passes the middleware unasked.
    pub skips_middleware: bool,
    /// Whether only clients are remembered whose CONNECT payload says `"recover": true`. The others get their events
    /// without the additional argument, which programs may not expect.
    pub on_request: bool,
}

impl Default for Recovery {
    fn default() -> Self {
        Self {
            window: Duration::from_secs(120),
            packets_max: 1024,
            bytes_max: 4 << 20,
            sessions_max: 1024,
            skips_middleware: true,
            on_request: false,
        }
    }
}

/// The memory of one namespace.
#[derive(Debug)]
pub(super) struct Memory {
    config: Recovery,
    /// Tells this memory's offsets from those of a server that has been restarted.
    epoch: String,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    log: VecDeque<Logged>,
    /// The position of the oldest event in the log.
    first: u64,
    bytes: usize,
    records: HashMap<Arc<str>, Record>,
    /// Until then someone who has come back may be on the way through the middleware, without a record.
    claimed_until: Option<Instant>,
    /// Those who left, in that order.
    away: VecDeque<(Instant, Pass)>,
}

#[derive(Debug)]
struct Logged {
    at: Instant,
    frame: Frame,
    rooms: Box<[Box<str>]>,
    except: Box<[Box<str>]>,
}

/// What a client shows when it comes back. The generation counts its returns, so that a connection which dies late cannot
/// overwrite what came after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pass {
    pid: Arc<str>,
    generation: u64,
}

#[derive(Debug)]
struct Record {
    generation: u64,
    /// The position from which it heard everything.
    since: u64,
    state: State,
}

#[derive(Debug)]
enum State {
    Here(Socket),
    Away(Belongings),
}

/// What a socket keeps over an absence.
#[derive(Clone)]
pub(super) struct Belongings {
    pub(super) id: Arc<str>,
    pub(super) rooms: Vec<Arc<str>>,
    pub(super) data: Option<SocketData>,
}

impl std::fmt::Debug for Belongings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Belongings({}, {:?})", self.id, self.rooms)
    }
}

/// A client that has come back and is not yet in again.
#[derive(Debug)]
pub(super) struct Claim {
    pass: Pass,
    since: u64,
    pub(super) belongings: Belongings,
}

impl Memory {
    pub(super) fn new(config: Recovery) -> Self {
        let epoch = fresh_id()[..8].replace('-', "_");
        Self { config, epoch, inner: Mutex::default() }
    }

    pub(super) fn skips_middleware(&self) -> bool {
        self.config.skips_middleware
    }

    /// Whether a client with this CONNECT payload is to be remembered.
    pub(super) fn serves(&self, auth: &Value) -> bool {
        !self.config.on_request || auth["recover"] == true
    }

    /// Remembers an event and hands it, with and without its offset, to `push`. Both under one lock: nobody sees offsets out of order.
    pub(super) fn publish<R: AsRef<str>>(
        &self,
        frame: &Frame,
        rooms: &[R],
        except: &[R],
        push: impl FnOnce(&Forms),
    ) {
        let now = now();
        let mut inner = self.lock();
        let claimed = inner.claimed_until.is_some_and(|until| now < until);
        if inner.records.is_empty() && !claimed {
            // Nobody could ask for it.
            return push(&Forms::alike(frame.clone()));
        }
        let position = inner.next();
        let numbered = frame.with_last_argument(&format!("\"{}-{position}\"", self.epoch));
        let names = |names: &[R]| names.iter().map(|name| Box::from(name.as_ref())).collect();
        inner.bytes += numbered.len();
        inner.log.push_back(Logged {
            at: now,
            frame: numbered.clone(),
            rooms: names(rooms),
            except: names(except),
        });
        self.shrink(&mut inner, now);
        push(&Forms { common: frame.clone(), numbered: Some(numbered) });
    }

    /// Takes what a client left behind, if it shows a pass of this server and has not missed more than is remembered. A
    /// connection of its own that still seems to live is over.
    pub(super) fn claim(&self, pid: &str, offset: Option<&str>) -> Option<Claim> {
        let mut inner = self.lock();
        let now = now();
        self.shrink(&mut inner, now);
        let record = inner.records.get(pid)?;
        let since = match offset {
            Some(offset) => self.position(offset)?.checked_add(1)?,
            // It was in and has heard no event with an offset.
            None => record.since,
        };
        if since < inner.first || since > inner.next() {
            return None;
        }
        let (pid, record) = inner.records.remove_entry(pid)?;
        inner.claimed_until = Some(now + self.config.window);
        drop(inner);
        let pass = Pass { pid, generation: record.generation + 1 };
        let belongings = match record.state {
            State::Away(belongings) => belongings,
            State::Here(stale) => stale.give_up()?,
        };
        Some(Claim { pass, since, belongings })
    }

    /// Lets a socket in: `greet`s it with the payload of its CONNECT reply, sends what it missed, and from then on it hears
    /// everything. True when it lost nothing.
    pub(super) fn admit(&self, socket: &Socket, claim: Option<Claim>, greet: impl FnOnce(&Value)) -> bool {
        let mut inner = self.lock();
        let missed = claim.as_ref().and_then(|claim| inner.missed(claim, socket));
        let recovered = missed.is_some();
        let pass = match claim {
            Some(Claim { pass, .. }) if recovered => pass,
            // The client tells by a new pass that it has to begin anew.
            _ => Pass { pid: fresh_id().into(), generation: 0 },
        };
        greet(&json!({ "sid": socket.id(), "pid": &*pass.pid }));
        if !recovered {
            socket.forget_rooms();
        }
        for frame in missed.unwrap_or_default() {
            socket.push_frame(&frame, Delivery::Event);
        }
        // Before it is in, so that it gets no event without an offset.
        socket.set_pass(pass.clone());
        socket.enter();
        let record =
            Record { generation: pass.generation, since: inner.next(), state: State::Here(socket.clone()) };
        inner.records.insert(pass.pid, record);
        recovered
    }

    /// A socket has left.
    pub(super) fn left(&self, pass: &Pass, belongings: Belongings, reason: CloseReason) {
        let mut inner = self.lock();
        let now = now();
        let Some(record) = inner.records.get_mut(&pass.pid) else { return };
        if record.generation != pass.generation {
            return;
        }
        if !may_return(reason) {
            inner.records.remove(&pass.pid);
            return;
        }
        record.state = State::Away(belongings);
        inner.away.push_back((now + self.config.window, pass.clone()));
        self.shrink(&mut inner, now);
    }

    fn position(&self, offset: &str) -> Option<u64> {
        offset.strip_prefix(&*self.epoch)?.strip_prefix('-')?.parse().ok()
    }

    /// Forgets what is too old or too much.
    fn shrink(&self, inner: &mut Inner, now: Instant) {
        let config = &self.config;
        while let Some(oldest) = inner.log.front() {
            let old = now.saturating_duration_since(oldest.at) > config.window;
            if !old && inner.log.len() <= config.packets_max && inner.bytes <= config.bytes_max {
                break;
            }
            inner.bytes -= oldest.frame.len();
            inner.log.pop_front();
            inner.first += 1;
        }
        while let Some((until, pass)) = inner.away.front() {
            if *until > now && inner.away.len() <= config.sessions_max {
                break;
            }
            let forgotten = inner.records.get(&pass.pid).is_some_and(|record| {
                record.generation == pass.generation && matches!(record.state, State::Away(_))
            });
            if forgotten {
                inner.records.remove(&pass.pid.clone());
            }
            inner.away.pop_front();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    fn sizes(&self) -> (usize, usize, usize) {
        let inner = self.lock();
        (inner.log.len(), inner.records.len(), inner.away.len())
    }
}

impl Inner {
    /// The position of the next event.
    fn next(&self) -> u64 {
        self.first + self.log.len() as u64
    }

    /// What a client missed, if all of it is remembered and fits its outbox.
    fn missed(&self, claim: &Claim, socket: &Socket) -> Option<Vec<Frame>> {
        let skipped = usize::try_from(claim.since.checked_sub(self.first)?).ok()?;
        let belongings = &claim.belongings;
        let in_any = |names: &[Box<str>]| {
            names
                .iter()
                .any(|name| **name == *belongings.id || belongings.rooms.iter().any(|room| **room == **name))
        };
        let heard =
            |event: &&Logged| (event.rooms.is_empty() || in_any(&event.rooms)) && !in_any(&event.except);
        let missed: Vec<_> =
            self.log.iter().skip(skipped).filter(heard).map(|event| event.frame.clone()).collect();
        socket.has_room_for(&missed).then_some(missed)
    }
}

/// Whether someone who left like this may come back to what it had.
fn may_return(reason: CloseReason) -> bool {
    matches!(
        reason,
        CloseReason::TransportClose
            | CloseReason::TransportError
            | CloseReason::PingTimeout
            | CloseReason::ForcedServerClose
            | CloseReason::ServerShuttingDown
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ring_is_bounded_in_packets_and_in_bytes() {
        let event = Frame::json("/", "x", &"y".repeat(50));
        for bounds in [
            Recovery { packets_max: 10, ..Recovery::default() },
            Recovery { bytes_max: 10 * (event.len() + 15), ..Recovery::default() },
        ] {
            let memory = Memory::new(bounds);
            memory.publish::<&str>(&event, &[], &[], |forms| assert!(forms.numbered.is_none()));
            assert_eq!(memory.sizes().0, 0, "nobody could ask for it");
            let away = Belongings { id: "away".into(), rooms: Vec::new(), data: None };
            let record = Record { generation: 0, since: 0, state: State::Away(away) };
            memory.lock().records.insert("pass".into(), record);
            for _ in 0..1000 {
                memory.publish::<&str>(&event, &[], &[], |_| {});
            }
            let (packets, ..) = memory.sizes();
            assert!((9..=10).contains(&packets), "{packets}");
            assert_eq!(memory.lock().next(), 1000);
        }
    }

    #[test]
    fn a_pass_or_an_offset_of_another_server_is_worth_nothing() {
        let memory = Memory::new(Recovery::default());
        assert!(memory.claim("invented", Some("offset")).is_none());
        for offset in
            ["", "1", "-1", "other-1", &format!("{}-", memory.epoch), &format!("{}--1", memory.epoch)]
        {
            assert_eq!(memory.position(offset), None, "{offset}");
        }
        assert_eq!(memory.position(&format!("{}-7", memory.epoch)), Some(7));
    }
}
