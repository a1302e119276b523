//! The shared state of one WebSocket: what its reader, its writer and its session tell each other.

use std::{
    collections::VecDeque,
    future::poll_fn,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
    time::Duration,
};

use actix_web::rt::time::timeout;
use bytes::Bytes;

use super::{protocol::websocket_frame::close_frame, session_handle::SessionHandle};

/// Pongs, and other frames of the WebSocket's own, that wait for a peer that does not read.
const CHUNKS_MAX: usize = 60;
/// How long a peer that takes nothing may hold up what is still to be written once its session is over.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// One WebSocket. It writes frames of its own first (pongs, the probe's answer), then, once attached, whatever its
/// session's outbox hands out.
#[derive(Debug, Default)]
pub(super) struct Line {
    /// permessage-deflate was negotiated.
    deflate: bool,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    chunks: VecDeque<Bytes>,
    attached: Option<Arc<SessionHandle>>,
    /// Nothing more is written after the chunks.
    ended: bool,
    /// The connection is gone: nothing more can be read than what has arrived.
    dropped: bool,
    /// How long what is being written may still take.
    patience: Patience,
    writer: Option<Waker>,
    /// The writer, while its peer takes nothing.
    stuck: Option<Waker>,
    reader: Option<Waker>,
}

/// How long a writer waits for a peer that takes nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Patience {
    /// As long as the session lives, which is over when such a peer answers no ping.
    #[default]
    Session,
    /// The session is over: for [`LAST_WORDS`].
    Short,
    /// Not at all.
    None,
}

impl Line {
    pub(super) fn new(deflate: bool) -> Self {
        Self { deflate, inner: Mutex::default() }
    }

    pub(super) fn deflates(&self) -> bool {
        self.deflate
    }

    /// Makes the outbox of a session flow into this WebSocket.
    pub(super) fn attach(&self, session: Arc<SessionHandle>) {
        let mut inner = self.lock();
        if !inner.dropped {
            inner.attached = Some(session);
        }
        wake_writer(inner);
    }

    /// Queues a frame of the WebSocket's own. False when too many of them wait.
    pub(super) fn push(&self, chunk: Bytes) -> bool {
        let mut inner = self.lock();
        if inner.ended {
            return true;
        }
        let room = inner.chunks.len() < CHUNKS_MAX;
        if room {
            inner.chunks.push_back(chunk);
        }
        wake_writer(inner);
        room
    }

    /// Ends it with a close frame.
    pub(super) fn close(&self, code: u16) {
        let mut inner = self.lock();
        if !inner.ended {
            inner.chunks.push_back(close_frame(code));
            inner.ended = true;
        }
        wake_writer(inner);
        self.hurry();
    }

    /// The session behind it is over: what is still to be written must not take long.
    pub(super) fn hurry(&self) {
        self.lose_patience(Patience::Short);
    }

    fn lose_patience(&self, patience: Patience) {
        let mut inner = self.lock();
        inner.patience = inner.patience.max(patience);
        let stuck = inner.stuck.take();
        drop(inner);
        if let Some(stuck) = stuck {
            stuck.wake();
        }
    }

    /// Over once there is no more waiting for a peer that takes nothing.
    pub(super) async fn out_of_patience(&self) {
        poll_fn(|cx| self.poll_patience(cx, Patience::Short)).await;
        // Timed out or not: that was it.
        let _ = timeout(LAST_WORDS, poll_fn(|cx| self.poll_patience(cx, Patience::None))).await;
    }

    fn poll_patience(&self, cx: &Context<'_>, least: Patience) -> Poll<()> {
        let mut inner = self.lock();
        if inner.patience >= least {
            return Poll::Ready(());
        }
        inner.stuck = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Ends it without another word.
    pub(super) fn cut(&self) {
        let mut inner = self.lock();
        inner.chunks.clear();
        inner.ended = true;
        wake_writer(inner);
        self.lose_patience(Patience::None);
    }

    /// The connection is gone.
    pub(super) fn drop_connection(&self) {
        let mut inner = self.lock();
        inner.dropped = true;
        inner.attached = None;
        let reader = inner.reader.take();
        drop(inner);
        if let Some(reader) = reader {
            reader.wake();
        }
    }

    /// Whether the connection is gone; if not, wakes the caller when it is.
    pub(super) fn poll_dropped(&self, cx: &Context<'_>) -> Poll<()> {
        let mut inner = self.lock();
        if inner.dropped {
            return Poll::Ready(());
        }
        inner.reader = Some(cx.waker().clone());
        Poll::Pending
    }

    /// The next bytes to write, `None` at the end.
    pub(super) fn poll_chunk(&self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let mut inner = self.lock();
        if let Some(chunk) = inner.chunks.pop_front() {
            return Poll::Ready(Some(chunk));
        }
        if inner.ended {
            return Poll::Ready(None);
        }
        if let Some(session) = &inner.attached
            && let Poll::Ready(chunk) = session.outbox.poll_websocket(cx, self.deflate)
        {
            inner.ended = chunk.is_none();
            return Poll::Ready(chunk);
        }
        match &inner.writer {
            Some(waker) if waker.will_wake(cx.waker()) => {}
            _ => inner.writer = Some(cx.waker().clone()),
        }
        Poll::Pending
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn wake_writer(mut inner: MutexGuard<'_, Inner>) {
    let writer = inner.writer.take();
    drop(inner);
    if let Some(writer) = writer {
        writer.wake();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_that_does_not_read_its_pongs_is_found_out() {
        let line = Line::default();
        let pong = Bytes::from_static(&[0x8a, 0]);
        assert!((0..CHUNKS_MAX).all(|_| line.push(pong.clone())));
        assert!(!line.push(pong));
    }

    #[test]
    fn nothing_is_written_behind_a_close_frame() {
        let line = Line::default();
        let mut cx = Context::from_waker(Waker::noop());
        line.push(Bytes::from_static(b"x"));
        line.close(1000);
        line.push(Bytes::from_static(b"y"));
        assert_eq!(line.poll_chunk(&mut cx), Poll::Ready(Some(Bytes::from_static(b"x"))));
        assert_eq!(line.poll_chunk(&mut cx), Poll::Ready(Some(close_frame(1000))));
        assert_eq!(line.poll_chunk(&mut cx), Poll::Ready(None));
    }
}
