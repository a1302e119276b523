//! Large packets are decoded beside the threads that serve: a megabyte of JSON takes milliseconds, for which every other
//! client of the thread would wait. One at a time, so that whoever sends many does not get a processor for each, and at a
//! lower priority, so that where processors are few it waits for those who serve and not they for it.

use std::{
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{LazyLock, mpsc},
    thread,
};

use actix::prelude::*;
use bytestring::ByteString;

use super::{Session, Upper};
use crate::socketio::protocol::{
    error::ProtocolError,
    packet::{OwnedPacket, Packet, PacketLimits},
    payload::SEPARATOR,
};

/// Smaller ones take a tenth of a millisecond, which is less than the way to another thread is worth.
const BYTES_MIN: usize = 32 * 1024;
/// What the thread adds to its nice value.
#[cfg(target_os = "linux")]
const NICER_BY: i32 = 10;

type Work = Box<dyn FnOnce() + Send>;

/// The thread, from the first large packet on.
static ASIDE: LazyLock<mpsc::Sender<Work>> = LazyLock::new(|| {
    let (sender, works) = mpsc::channel::<Work>();
    let started = thread::Builder::new().name("hmrs-decode".into()).spawn(move || {
        // Elsewhere a nice value is the whole process's. Where it may not be changed, it is decoded all the same.
        #[cfg(target_os = "linux")]
        let _ = rustix::process::nice(NICER_BY);
        for work in works {
            // Whoever waits for what became of it learns that nothing did.
            let _ = catch_unwind(AssertUnwindSafe(work));
        }
    });
    if let Err(error) = started {
        log::error!("large packets are decoded by the threads that serve: {error}");
    }
    sender
});

/// Packets that were decoded before the session came to them, in their order.
#[derive(Default)]
pub(super) struct Decoded(VecDeque<Result<OwnedPacket, ProtocolError>>);

impl Decoded {
    pub(super) fn next(&mut self) -> Option<Result<OwnedPacket, ProtocolError>> {
        self.0.pop_front()
    }
}

/// Decodes the Socket.IO packets in the body of a POST, or in one message of a WebSocket. The last one may be an error: with
/// it the session ends.
fn decode(text: &str, is_body: bool, limits: &PacketLimits) -> Decoded {
    let separator = |c: char| is_body && c == char::from(SEPARATOR);
    let messages = text.split(separator).filter_map(|packet| packet.strip_prefix('4'));
    let mut decoded = VecDeque::new();
    for message in messages {
        decoded.push_back(Packet::decode(message, limits).map(OwnedPacket::from));
        if matches!(decoded.back(), Some(Err(_))) {
            break;
        }
    }
    Decoded(decoded)
}

impl Session {
    /// Whether something so long had better be decoded aside.
    pub(super) fn decodes_aside(&self, bytes: usize) -> bool {
        bytes >= BYTES_MIN && matches!(self.upper, Upper::SocketIo(_))
    }

    /// Lets `then` go on once `text` is decoded.
    pub(super) fn decode_aside<T: 'static>(
        &self,
        text: ByteString,
        is_body: bool,
        ctx: &mut Context<Self>,
        then: impl FnOnce(&mut Self, &mut Context<Self>) -> T + 'static,
    ) -> impl Future<Output = Option<T>> + 'static {
        let (done, answer) = tokio::sync::oneshot::channel();
        let (give, decoding) = tokio::sync::oneshot::channel();
        let limits = self.handle.server.packet_limits.clone();
        // Where there is no such thread, `decoding` says so.
        let _ = ASIDE.send(Box::new(move || {
            // The session may be gone, before or meanwhile.
            if !give.is_closed() {
                let _ = give.send(decode(&text, is_body, &limits));
            }
        }));
        ctx.spawn(decoding.into_actor(self).map(move |decoded, session, ctx| {
            // What could not be decoded there is decoded here.
            session.decoded = decoded.unwrap_or_default();
            let result = then(session, ctx);
            session.decoded = Decoded::default();
            // Whoever asked may be gone.
            let _ = done.send(result);
        }));
        async move { answer.await.ok() }
    }
}
