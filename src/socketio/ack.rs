//! Answers to events, in both directions.

use std::{collections::HashMap, sync::Arc};

use bytes::Bytes;
use serde::Serialize;
use serde_json::Value;
use tokio::sync::oneshot;

use super::{
    frame::{Delivery, Frame},
    socket::Socket,
};

/// The answer that a client waits for. Dropped unsent, the client never gets one.
#[derive(Debug)]
pub struct Ack {
    socket: Socket,
    id: u64,
}

impl Ack {
    pub(super) fn new(socket: Socket, id: u64) -> Self {
        Self { socket, id }
    }

    /// Answers with one argument.
    pub fn send(self, payload: &impl Serialize) {
        let value = serde_json::to_value(payload).unwrap_or_else(|error| {
            log::error!("an ack's payload cannot be written as JSON and is sent as null: {error}");
            Value::Null
        });
        self.send_args(&[value], &[]);
    }

    /// Answers with any arguments; placeholders in them stand for the attachments.
    pub fn send_args(self, args: &[Value], attachments: &[Bytes]) {
        let frame = Frame::ack(self.socket.namespace().name(), self.id, args, attachments);
        self.socket.emit_frame(&frame, Delivery::Event);
    }
}

/// A client's answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AckReply {
    /// Its arguments; placeholders stand where attachments belong.
    pub args: Vec<Value>,
    /// Its binary messages, in order.
    pub attachments: Vec<Bytes>,
}

/// What came back from a broadcast that asked for answers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AckReplies {
    /// Who answered what, in the order of the answers; sockets by their ids.
    pub replies: Vec<(Arc<str>, AckReply)>,
    /// How many were asked.
    pub expected: usize,
    /// Whether the time was over before all had answered. Those who left, or owe too many answers, are not waited for.
    pub timed_out: bool,
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AckError {
    /// The client did not answer in time. Its answer may still come; nobody will hear it.
    #[error("no ack within the time for it")]
    Timeout,
    /// The client left first.
    #[error("the client disconnected before it answered")]
    Disconnected,
    /// The client owes too many answers already.
    #[error("too many acks are pending")]
    TooManyPending,
}

/// The answers that one client owes.
#[derive(Debug, Default)]
pub(super) struct PendingAcks {
    waiting: HashMap<u64, oneshot::Sender<AckReply>>,
}

impl PendingAcks {
    /// Waits for the answer to the question `id`, unless `max` others are waited for.
    pub(super) fn expect(&mut self, id: u64, max: usize) -> Option<oneshot::Receiver<AckReply>> {
        if self.waiting.len() >= max {
            self.waiting.retain(|_, sender| !sender.is_closed());
        }
        if self.waiting.len() >= max {
            return None;
        }
        let (sender, receiver) = oneshot::channel();
        self.waiting.insert(id, sender);
        Some(receiver)
    }

    /// Hands an answer to whoever waits for it; late, repeated and invented ones are ignored.
    pub(super) fn resolve(&mut self, id: u64, reply: AckReply) {
        if let Some(sender) = self.waiting.remove(&id) {
            let _ = sender.send(reply);
        }
    }

    pub(super) fn forget(&mut self, id: u64) {
        self.waiting.remove(&id);
    }

    /// Everyone who waits learns that there will be no answer.
    pub(super) fn clear(&mut self) {
        self.waiting.clear();
    }
}
