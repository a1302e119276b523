//! The Socket.IO half of one session: which namespaces it is in, and the packet whose attachments are under way.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use serde_json::Value;

use super::{
    error::ProtocolError,
    packet::{Packet, PacketKind, PacketLimits},
};

/// A complete packet for the layer above.
#[derive(Clone, Debug, PartialEq)]
pub enum Incoming {
    /// The client wants to join; answer with [`Multiplexer::accept`] or [`Multiplexer::refuse`].
    Connect {
        /// Where to.
        namespace: String,
        /// The CONNECT payload, an object when present.
        auth: Option<Value>,
    },
    /// The client left; the namespace is already forgotten here.
    Disconnect {
        /// Where from.
        namespace: String,
    },
    /// An event in a joined namespace.
    Event {
        /// Where.
        namespace: String,
        /// The event's name.
        name: String,
        /// What followed the name; placeholders stand where attachments belong.
        args: Vec<Value>,
        /// Binary messages that belong to it, in order.
        attachments: Vec<Bytes>,
        /// Present when the client wants an ack.
        id: Option<u64>,
    },
    /// The answer to an event that was sent with an id.
    Ack {
        /// Where.
        namespace: String,
        /// The id that was sent.
        id: u64,
        /// The answer's arguments; placeholders as in events.
        args: Vec<Value>,
        /// Binary messages that belong to it, in order.
        attachments: Vec<Bytes>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Membership {
    /// Asked to join, not yet answered.
    Connecting,
    Joined,
    /// Put out by the server: packets that crossed with that news are dropped, not punished.
    Left,
}

#[derive(Debug)]
struct Pending {
    namespace: String,
    kind: PacketKind,
    id: Option<u64>,
    args: Vec<Value>,
    attachments: Vec<Bytes>,
    due: usize,
}

/// State machine over the messages of one Engine.IO session.
///
/// `handle_text` and `handle_binary` take messages in order; every error ends the session. A client that joins no namespace
/// until `poll_timeout` is to be closed ([`Multiplexer::handle_timeout`] says so).
#[derive(Debug)]
pub struct Multiplexer {
    /// Shared by all sessions of a server.
    limits: Arc<PacketLimits>,
    namespaces_max: usize,
    namespaces: Vec<(Box<str>, Membership)>,
    pending: Option<Box<Pending>>,
    connect_by: Option<Instant>,
    connect_timeout: Duration,
}

impl Multiplexer {
    /// A session that was just opened and has `connect_timeout` to join a namespace.
    pub fn new(
        limits: impl Into<Arc<PacketLimits>>,
        namespaces_max: usize,
        connect_timeout: Duration,
        now: Instant,
    ) -> Self {
        Self {
            limits: limits.into(),
            namespaces_max,
            namespaces: Vec::new(),
            pending: None,
            connect_by: Some(now + connect_timeout),
            connect_timeout,
        }
    }

    /// Takes a text message; hands out a packet once it is complete.
    pub fn handle_text(&mut self, text: &str) -> Result<Option<Incoming>, ProtocolError> {
        if self.pending.is_some() {
            return Err(ProtocolError::Attachment);
        }
        let packet = Packet::decode(text, &self.limits)?;
        self.handle_packet(packet)
    }

    /// As [`Multiplexer::handle_text`], of a message that was read already.
    pub fn handle_packet(&mut self, packet: Packet<'_>) -> Result<Option<Incoming>, ProtocolError> {
        if self.pending.is_some() {
            return Err(ProtocolError::Attachment);
        }
        let membership = self.membership(packet.namespace);
        match packet.kind {
            PacketKind::Connect => self.connect(packet, membership).map(Some),
            PacketKind::Disconnect => match membership {
                Some(Membership::Left) => Ok(None),
                Some(_) => {
                    self.forget(packet.namespace);
                    Ok(Some(Incoming::Disconnect { namespace: packet.namespace.to_owned() }))
                }
                None => Err(ProtocolError::Namespace),
            },
            _ => match membership {
                Some(Membership::Joined | Membership::Left) => Ok(self.collect(packet)),
                _ => Err(ProtocolError::Namespace),
            },
        }
    }

    /// Takes a binary message: the next attachment of the packet under way.
    pub fn handle_binary(&mut self, data: Bytes) -> Result<Option<Incoming>, ProtocolError> {
        let mut pending = self.pending.take().ok_or(ProtocolError::Attachment)?;
        pending.attachments.push(data);
        if pending.attachments.len() < pending.due {
            self.pending = Some(pending);
            return Ok(None);
        }
        Ok(self.complete(*pending))
    }

    /// The server let the client in. False when the client left (or the session moved on) in the meantime.
    pub fn accept(&mut self, namespace: &str) -> bool {
        self.replace(namespace, Membership::Connecting, Membership::Joined)
    }

    /// The server refused; the client may try again.
    pub fn refuse(&mut self, namespace: &str) {
        if self.membership(namespace) == Some(Membership::Connecting) {
            self.forget(namespace);
        }
    }

    /// The server put the client out of `namespace`.
    pub fn leave(&mut self, namespace: &str) {
        self.replace(namespace, Membership::Joined, Membership::Left);
    }

    /// When [`Multiplexer::handle_timeout`] wants to be called.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.connect_by
    }

    /// True when the client had its time to join a namespace and did not.
    pub fn handle_timeout(&mut self, now: Instant) -> bool {
        if self.connect_by.is_none_or(|by| now < by) {
            return false;
        }
        let in_middleware = self.namespaces.iter().any(|(_, m)| *m == Membership::Connecting);
        let joined = self.namespaces.iter().any(|(_, m)| *m == Membership::Joined);
        self.connect_by = (in_middleware && !joined).then(|| now + self.connect_timeout);
        !in_middleware && !joined
    }

    fn connect(
        &mut self,
        packet: Packet<'_>,
        membership: Option<Membership>,
    ) -> Result<Incoming, ProtocolError> {
        match membership {
            Some(Membership::Connecting | Membership::Joined) => return Err(ProtocolError::AlreadyConnected),
            Some(Membership::Left) => {
                self.replace(packet.namespace, Membership::Left, Membership::Connecting);
            }
            None if self.namespaces.len() >= self.namespaces_max => {
                return Err(ProtocolError::TooManyNamespaces);
            }
            None => {
                // Mostly the only one.
                self.namespaces.reserve_exact(1);
                self.namespaces.push((packet.namespace.into(), Membership::Connecting));
            }
        }
        Ok(Incoming::Connect { namespace: packet.namespace.to_owned(), auth: packet.data })
    }

    fn collect(&mut self, packet: Packet<'_>) -> Option<Incoming> {
        let args = match packet.data {
            Some(Value::Array(args)) => args,
            _ => Vec::new(),
        };
        let pending = Pending {
            namespace: packet.namespace.to_owned(),
            kind: packet.kind,
            id: packet.id,
            args,
            attachments: Vec::with_capacity(packet.attachments),
            due: packet.attachments,
        };
        if pending.due == 0 {
            return self.complete(pending);
        }
        self.pending = Some(Box::new(pending));
        None
    }

    fn complete(&mut self, pending: Pending) -> Option<Incoming> {
        let Pending { namespace, kind, id, mut args, attachments, .. } = pending;
        if self.membership(&namespace) != Some(Membership::Joined) {
            return None;
        }
        match (kind, id) {
            (PacketKind::Event | PacketKind::BinaryEvent, id) => {
                let name = match args.remove(0) {
                    Value::String(name) => name,
                    other => other.to_string(),
                };
                Some(Incoming::Event { namespace, name, args, attachments, id })
            }
            (_, Some(id)) => Some(Incoming::Ack { namespace, id, args, attachments }),
            _ => None,
        }
    }

    fn membership(&self, namespace: &str) -> Option<Membership> {
        self.namespaces.iter().find(|(name, _)| **name == *namespace).map(|(_, membership)| *membership)
    }

    fn replace(&mut self, namespace: &str, from: Membership, to: Membership) -> bool {
        let entry = self.namespaces.iter_mut().find(|(name, m)| **name == *namespace && *m == from);
        entry.map(|(_, membership)| *membership = to).is_some()
    }

    fn forget(&mut self, namespace: &str) {
        self.namespaces.retain(|(name, _)| **name != *namespace);
    }
}
