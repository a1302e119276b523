//! Sending to some of a namespace.

use std::{future::Future, time::Duration};

use futures_util::{StreamExt, stream::FuturesUnordered};
use serde::Serialize;

use super::{
    ack::AckReplies,
    frame::{Delivery, Frame},
    namespace::Namespace,
    socket::Socket,
};

/// A selection of sockets: those in any of the rooms named with `to` (everyone, if there is none), each once, without
/// those in any room named with `except`. A socket's id is a room that holds only it.
#[derive(Clone, Debug)]
pub struct Broadcast {
    namespace: Namespace,
    rooms: Vec<String>,
    except: Vec<String>,
    uncompressed: bool,
}

impl Broadcast {
    pub(super) fn new(namespace: Namespace) -> Self {
        Self { namespace, rooms: Vec::new(), except: Vec::new(), uncompressed: false }
    }

    /// Adds the members of a room.
    #[must_use]
    pub fn to(mut self, room: &str) -> Self {
        self.rooms.push(room.to_owned());
        self
    }

    /// Leaves out the members of a room.
    #[must_use]
    pub fn except(mut self, room: &str) -> Self {
        self.except.push(room.to_owned());
        self
    }

    /// Only those whom this very server holds. There are no others: a server of this library stands alone.
    #[must_use]
    pub fn local(self) -> Self {
        self
    }

    /// Whether what is sent may be compressed for those who can read it; it may, unless this says otherwise.
    #[must_use]
    pub fn compress(mut self, compress: bool) -> Self {
        self.uncompressed = !compress;
        self
    }

    /// Sends an event with one argument: ordered, never dropped, encoded once.
    pub fn emit(&self, event: &str, payload: &impl Serialize) {
        self.publish(&Frame::json(self.namespace.name(), event, payload), Delivery::Event);
    }

    /// Sends an event with one argument that replaces one of the same slot which still waits.
    pub fn emit_latest(&self, slot: &'static str, event: &str, payload: &impl Serialize) {
        self.publish(&Frame::json(self.namespace.name(), event, payload), Delivery::Latest { slot });
    }

    /// Sends an event with one argument to those who are ready for it at this moment and have nothing else waiting.
    pub fn emit_volatile(&self, event: &str, payload: &impl Serialize) {
        self.publish(&Frame::json(self.namespace.name(), event, payload), Delivery::Volatile);
    }

    /// Sends an event with one argument, encoded once, and gathers the answers that come within `timeout`.
    pub fn emit_with_ack(
        &self,
        event: &str,
        payload: &impl Serialize,
        timeout: Duration,
    ) -> impl Future<Output = AckReplies> + 'static {
        let id = self.namespace.fresh_ack_id();
        let value = serde_json::to_value(payload).unwrap_or_default();
        let frame = Frame::event(self.namespace.name(), event, &[value], &[], Some(id)).without_offset();
        let sockets = self.sockets();
        let expected = sockets.len();
        let answers: FuturesUnordered<_> = sockets
            .iter()
            .filter_map(|socket| {
                let answer = socket.ask(id, &frame).ok()?;
                let socket = socket.clone();
                Some(async move { (socket, answer.await) })
            })
            .collect();
        async move {
            let mut replies = Vec::with_capacity(expected);
            let timed_out = {
                let mut answers = answers;
                let gather = async {
                    while let Some((socket, answer)) = answers.next().await {
                        replies.extend(answer.ok().map(|reply| (socket.shared_id(), reply)));
                    }
                };
                tokio::time::timeout(timeout, gather).await.is_err()
            };
            // The answers of the others may still come; nobody will hear them.
            if timed_out {
                sockets.iter().for_each(|socket| socket.forget_ack(id));
            }
            AckReplies { replies, expected, timed_out }
        }
    }

    /// Hands one encoded frame to every socket of the selection.
    pub fn publish(&self, frame: &Frame, delivery: Delivery) {
        let namespace = &self.namespace;
        let frame = if self.uncompressed { &frame.uncompressed() } else { frame };
        namespace.deliver(frame, delivery, &self.rooms, &self.except, |forms| {
            self.sockets().iter().for_each(|socket| socket.push(forms, delivery));
        });
        if namespace.is_watched() {
            namespace.show(&self.sockets(), frame, delivery);
        }
    }

    /// The sockets of the selection.
    pub fn sockets(&self) -> Vec<Socket> {
        self.namespace.hub().select(&self.rooms, &self.except)
    }

    /// Makes them join a room.
    pub fn join(&self, room: &str) {
        self.sockets().iter().for_each(|socket| {
            socket.join(room);
        });
    }

    /// Makes them leave a room.
    pub fn leave(&self, room: &str) {
        self.sockets().iter().for_each(|socket| {
            socket.leave(room);
        });
    }

    /// Puts them out; see [`Socket::disconnect`].
    pub fn disconnect(&self, close: bool) {
        self.sockets().iter().for_each(|socket| socket.disconnect(close));
    }
}
