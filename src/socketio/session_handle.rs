//! What everyone may hold of a session: its outbox, and a box for wishes to its actor.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::{Context, Poll, Waker},
};

use super::{
    handshake::Handshake, namespace::Namespace, outbox::Outbox, protocol::error::CloseReason, server::Server,
    websocket_line::Line,
};

/// A wish to a session's actor. Cheap to make from any thread and never lost; not answered.
#[derive(Debug)]
pub(super) enum Request {
    /// The outbox is full.
    Overflow,
    /// The program puts the client out of a namespace, or of all of them.
    Disconnect { namespace: Namespace, close: bool },
    /// The pending poll got its answer.
    PollDone,
    /// The client dropped the pending poll.
    PollAbandoned,
    /// A POST whose body was taken is answered, or nobody waits for that any more.
    PostDone,
    /// A request body broke off or cannot be taken.
    PostFailed(CloseReason),
    /// A WebSocket has nothing more to say.
    WebsocketGone(Arc<Line>),
    /// The server ends the session.
    Close(CloseReason),
}

/// The shared side of a session; its actor is the other.
#[derive(Debug)]
pub(super) struct SessionHandle {
    pub(super) sid: Box<str>,
    pub(super) server: Arc<Server>,
    pub(super) handshake: Arc<Handshake>,
    pub(super) outbox: Outbox,
    on_websocket: AtomicBool,
    joined: AtomicBool,
    requests: Mutex<Requests>,
}

#[derive(Debug, Default)]
struct Requests {
    waiting: Vec<Request>,
    actor: Option<Waker>,
}

impl SessionHandle {
    pub(super) fn new(sid: Box<str>, server: Arc<Server>, handshake: Handshake) -> Self {
        let limits = &server.config.limits;
        let outbox = Outbox::new(limits.outbox_packets_max, limits.outbox_bytes_max);
        let handshake = Arc::new(handshake);
        Self {
            sid,
            server,
            handshake,
            outbox,
            on_websocket: AtomicBool::default(),
            joined: AtomicBool::default(),
            requests: Mutex::default(),
        }
    }

    pub(super) fn transport(&self) -> &'static str {
        if self.on_websocket.load(Relaxed) { "websocket" } else { "polling" }
    }

    pub(super) fn set_on_websocket(&self) {
        self.on_websocket.store(true, Relaxed);
    }

    /// True the first time.
    pub(super) fn set_joined(&self) -> bool {
        !self.joined.swap(true, Relaxed)
    }

    pub(super) fn is_on_websocket(&self) -> bool {
        self.on_websocket.load(Relaxed)
    }

    /// Leaves a wish for the actor and wakes it.
    pub(super) fn request(&self, request: Request) {
        let mut requests = self.requests();
        // A client that overflows does so at every frame until its actor is awake.
        let known = matches!(request, Request::Overflow)
            && requests.waiting.iter().any(|r| matches!(r, Request::Overflow));
        if !known {
            requests.waiting.push(request);
        }
        let actor = requests.actor.take();
        drop(requests);
        if let Some(actor) = actor {
            actor.wake();
        }
    }

    /// Everything wished for so far.
    pub(super) fn take_requests(&self) -> Vec<Request> {
        std::mem::take(&mut self.requests().waiting)
    }

    /// The same, for an actor that sleeps until there is something.
    pub(super) fn poll_requests(&self, cx: &Context<'_>) -> Poll<Vec<Request>> {
        let mut requests = self.requests();
        if requests.waiting.is_empty() {
            requests.actor = Some(cx.waker().clone());
            return Poll::Pending;
        }
        Poll::Ready(std::mem::take(&mut requests.waiting))
    }

    fn requests(&self) -> MutexGuard<'_, Requests> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
