//! The client's side of the wire: what a test, a load generator or a tool needs to talk to a server.

use bytes::Bytes;
use serde_json::Value;

use super::{
    engine_packet::EnginePacket,
    error::ProtocolError,
    packet::{Packet, PacketKind, PacketLimits, write_head},
};

/// The session's parameters, from the server's first packet.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Open {
    /// The session's id; a secret.
    pub sid: String,
    /// Transports that the client may move to.
    pub upgrades: Vec<String>,
    /// Milliseconds from a pong to the next ping.
    pub ping_interval: u64,
    /// Milliseconds from a ping to its pong.
    pub ping_timeout: u64,
    /// Bytes of a request body or message at most.
    pub max_payload: u64,
}

impl Open {
    /// Reads a `0{…}` packet.
    pub fn decode(text: &str) -> Result<Self, ProtocolError> {
        match EnginePacket::decode(text)? {
            EnginePacket::Open(json) => serde_json::from_str(json).map_err(|_| ProtocolError::Payload),
            _ => Err(ProtocolError::EnginePacket),
        }
    }
}

/// A Socket.IO packet with its attachments, as a client receives it.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// The packet's type.
    pub kind: PacketKind,
    /// The namespace's name.
    pub namespace: String,
    /// The ack id, where there is one.
    pub id: Option<u64>,
    /// The payload.
    pub data: Option<Value>,
    /// Binary messages that belong to it, in order.
    pub attachments: Vec<Bytes>,
}

/// Puts packets and their attachments together again.
#[derive(Debug, Default)]
pub struct Decoder {
    pending: Option<(Message, usize)>,
}

impl Decoder {
    /// Takes a text message (without its Engine.IO type); hands out a packet once it is complete.
    pub fn handle_text(&mut self, text: &str) -> Result<Option<Message>, ProtocolError> {
        if self.pending.is_some() {
            return Err(ProtocolError::Attachment);
        }
        let packet = Packet::decode_any(text, &PacketLimits::default())?;
        let message = Message {
            kind: packet.kind,
            namespace: packet.namespace.to_owned(),
            id: packet.id,
            data: packet.data,
            attachments: Vec::new(),
        };
        if packet.attachments == 0 {
            return Ok(Some(message));
        }
        self.pending = Some((message, packet.attachments));
        Ok(None)
    }

    /// Takes a binary message.
    pub fn handle_binary(&mut self, data: Bytes) -> Result<Option<Message>, ProtocolError> {
        let (mut message, due) = self.pending.take().ok_or(ProtocolError::Attachment)?;
        message.attachments.push(data);
        if message.attachments.len() == due {
            return Ok(Some(message));
        }
        self.pending = Some((message, due));
        Ok(None)
    }
}

/// The text of a packet (without its Engine.IO type).
pub fn encode(
    kind: PacketKind,
    namespace: &str,
    id: Option<u64>,
    data: Option<&Value>,
    attachments: usize,
) -> String {
    let mut text = Vec::new();
    write_head(&mut text, kind, attachments, namespace, id);
    if let Some(data) = data {
        text.extend_from_slice(data.to_string().as_bytes());
    }
    String::from_utf8_lossy(&text).into_owned()
}
