//! A session's work, one piece after the other: the next begins when the future of the one before it is done.

use std::{
    collections::VecDeque,
    future::ready,
    panic::AssertUnwindSafe,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use futures_util::FutureExt;
use serde_json::Value;

use super::{
    engine::{EngineSocket, Message, OnMessage},
    handshake::{Handshake, Refusal, SocketData},
    namespace::{Event, LocalFuture},
    protocol::error::CloseReason,
    recovery::{Claim, Memory},
    registry::Lease,
    socket::Socket,
};

/// A piece of work that a packet asked for.
pub(super) enum Job {
    /// A client wants to join: ask the middleware.
    Admit { lease: Lease, handshake: Arc<Handshake>, auth: Value, claim: Option<Claim> },
    /// A client is in.
    Connected { socket: Socket, auth: Value },
    /// A client sent an event.
    Event { socket: Socket, event: Event },
    /// A client left a namespace.
    Left { socket: Socket, reason: CloseReason },
    /// A message of a raw Engine.IO server.
    Message { handler: Arc<OnMessage>, socket: EngineSocket, message: Message },
}

/// What the session has to do after a piece of work.
pub(super) enum Outcome {
    Done,
    /// The handler panicked; the log has the message.
    Panicked,
    Admitted {
        lease: Lease,
        auth: Value,
        claim: Option<Claim>,
        verdict: Result<Option<SocketData>, Refusal>,
    },
}

/// Work that could not be finished at once.
pub(super) type Running = Pin<Box<dyn Future<Output = Outcome>>>;

/// The queue. At most one piece of work runs.
#[derive(Default)]
pub(super) struct Inbox {
    jobs: VecDeque<Job>,
    running: bool,
}

impl Inbox {
    pub(super) fn push(&mut self, job: Job) {
        self.jobs.push_back(job);
    }

    /// Work that must come before everything that waits.
    pub(super) fn push_first(&mut self, job: Job) {
        self.jobs.push_front(job);
    }

    /// Forgets what one socket said, or everything that was said; that someone left is not forgotten.
    pub(super) fn forget_events(&mut self, of: Option<&Socket>) {
        self.jobs.retain(|job| match (job, of) {
            (Job::Left { .. }, _) => true,
            (Job::Event { socket, .. }, Some(of)) => socket.id() != of.id(),
            (_, Some(_)) => true,
            (_, None) => false,
        });
    }

    pub(super) fn len(&self) -> usize {
        self.jobs.len()
    }

    pub(super) fn is_running(&self) -> bool {
        self.running
    }

    /// Says that the work handed out as [`Step::Pending`] is done.
    pub(super) fn finish(&mut self) {
        self.running = false;
    }

    /// Begins the next piece of work, if none runs.
    pub(super) fn step(&mut self) -> Step {
        if self.running {
            return Step::Idle;
        }
        let Some(job) = self.jobs.pop_front() else { return Step::Idle };
        if self.jobs.is_empty() {
            // Most sessions are idle most of the time, and there are many: they keep no room for what they might get.
            self.jobs = VecDeque::new();
        }
        let Some(work) = begin(job) else { return Step::Finished(Outcome::Done) };
        let mut work: Running = Box::pin(guarded(work));
        // Most handlers never wait. Polling once here saves them the way through the executor; those that do wait are
        // polled again there, with a waker that counts.
        match work.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(outcome) => Step::Finished(outcome),
            Poll::Pending => {
                self.running = true;
                Step::Pending(work)
            }
        }
    }
}

/// What became of the next piece of work.
pub(super) enum Step {
    /// There is none, or one runs.
    Idle,
    Finished(Outcome),
    /// It waits for something; drive it, then call [`Inbox::finish`].
    Pending(Running),
}

fn begin(job: Job) -> Option<LocalFuture<Outcome>> {
    match job {
        Job::Admit { lease, auth, claim: Some(claim), .. } if skips_middleware(&lease) => {
            let verdict = Ok(claim.belongings.data.clone());
            Some(Box::pin(ready(Outcome::Admitted { lease, auth, claim: Some(claim), verdict })))
        }
        Job::Admit { lease, handshake, auth, claim } => Some(Box::pin(async move {
            let namespace = lease.namespace();
            let auth = Arc::new(auth);
            let asked = AssertUnwindSafe(namespace.admit(handshake, auth.clone())).catch_unwind();
            // Whoever cannot be checked is not let in.
            let verdict = asked.await.unwrap_or_else(|_| Err(Refusal::new("internal error")));
            let auth = Arc::try_unwrap(auth).unwrap_or_else(|shared| (*shared).clone());
            Outcome::Admitted { lease, auth, claim, verdict }
        })),
        Job::Connected { socket, auth } => plain(socket.namespace().clone().connected(socket, auth)?),
        Job::Event { socket, event } => plain(socket.namespace().clone().dispatch(socket, event)?),
        Job::Left { socket, reason } => {
            plain(Box::pin(async move { socket.namespace().clone().disconnected(socket, reason) }))
        }
        Job::Message { handler, socket, message } => plain(handler(socket, message)),
    }
}

fn skips_middleware(lease: &Lease) -> bool {
    lease.namespace().memory().is_some_and(Memory::skips_middleware)
}

fn plain(work: LocalFuture<()>) -> Option<LocalFuture<Outcome>> {
    Some(Box::pin(work.map(|()| Outcome::Done)))
}

/// A handler that panics costs its own event and no more.
async fn guarded(work: LocalFuture<Outcome>) -> Outcome {
    AssertUnwindSafe(work).catch_unwind().await.unwrap_or(Outcome::Panicked)
}
