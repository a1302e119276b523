//! One Socket.IO v5 packet in its text form: `<type>[<n>-][<namespace>,][<ack id>][<json>]`.

use serde_json::Value;

use super::error::ProtocolError;

/// Ack ids are JavaScript's whole numbers.
const ACK_ID_MAX: u64 = (1 << 53) - 1;
/// Names that the layer above uses itself: no peer may send them as events.
const RESERVED_EVENTS: [&str; 6] =
    ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"];

/// The seven packet types, in the order of their digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PacketKind {
    /// `0`: join a namespace, or the server's consent.
    Connect,
    /// `1`: leave a namespace.
    Disconnect,
    /// `2`: an event.
    Event,
    /// `3`: the answer to an event that asked for one.
    Ack,
    /// `4`: the server refuses a CONNECT.
    ConnectError,
    /// `5`: an event with attachments.
    BinaryEvent,
    /// `6`: an answer with attachments.
    BinaryAck,
}

impl PacketKind {
    fn from_digit(digit: u8) -> Option<Self> {
        Some(match digit {
            b'0' => Self::Connect,
            b'1' => Self::Disconnect,
            b'2' => Self::Event,
            b'3' => Self::Ack,
            b'4' => Self::ConnectError,
            b'5' => Self::BinaryEvent,
            b'6' => Self::BinaryAck,
            _ => return None,
        })
    }

    /// The type's digit on the wire.
    pub fn digit(self) -> u8 {
        b'0' + self as u8
    }

    fn is_binary(self) -> bool {
        matches!(self, Self::BinaryEvent | Self::BinaryAck)
    }
}

/// What a packet may cost at most.
#[derive(Clone, Copy, Debug)]
pub struct PacketLimits {
    /// Attachments of one packet.
    pub attachments: usize,
    /// Bytes of a namespace's name, its query included.
    pub namespace_bytes: usize,
    /// Bytes of an event's name.
    pub event_bytes: usize,
    /// Arrays and objects inside each other, the packet's own array counted; 127 at most, as deep as the parser goes.
    pub json_depth: usize,
}

impl Default for PacketLimits {
    fn default() -> Self {
        Self { attachments: 10, namespace_bytes: 256, event_bytes: 128, json_depth: 127 }
    }
}

/// A packet as read from its text; attachments, if announced, follow as binary messages.
#[derive(Clone, Debug, PartialEq)]
pub struct Packet<'a> {
    /// The packet's type.
    pub kind: PacketKind,
    /// Binary messages that follow; zero unless the type is a binary one.
    pub attachments: usize,
    /// The namespace's name, `/` when the text names none.
    pub namespace: &'a str,
    /// The ack id, where there is one.
    pub id: Option<u64>,
    /// The payload; its shape fits the type.
    pub data: Option<Value>,
}

/// A packet that has outlived its text.
#[derive(Clone, Debug, PartialEq)]
pub struct OwnedPacket {
    kind: PacketKind,
    attachments: usize,
    namespace: String,
    id: Option<u64>,
    data: Option<Value>,
}

impl From<Packet<'_>> for OwnedPacket {
    fn from(packet: Packet<'_>) -> Self {
        let Packet { kind, attachments, namespace, id, data } = packet;
        Self { kind, attachments, namespace: namespace.to_owned(), id, data }
    }
}

impl OwnedPacket {
    /// The packet as it was read; its payload moves there.
    pub fn as_packet(&mut self) -> Packet<'_> {
        let data = self.data.take();
        Packet {
            kind: self.kind,
            attachments: self.attachments,
            namespace: &self.namespace,
            id: self.id,
            data,
        }
    }
}

impl<'a> Packet<'a> {
    /// Reads a packet that a client may send. Strict: whatever the grammar does not allow is an error, as are types that
    /// only servers send.
    pub fn decode(text: &'a str, limits: &PacketLimits) -> Result<Self, ProtocolError> {
        let packet = Self::decode_any(text, limits)?;
        match packet.kind {
            PacketKind::ConnectError => Err(ProtocolError::PacketType),
            _ => Ok(packet),
        }
    }

    /// Reads a packet of any type, as a client must.
    pub fn decode_any(text: &'a str, limits: &PacketLimits) -> Result<Self, ProtocolError> {
        let digit = *text.as_bytes().first().ok_or(ProtocolError::PacketType)?;
        let kind = PacketKind::from_digit(digit).ok_or(ProtocolError::PacketType)?;
        let rest = &text[1..];
        let (attachments, rest) = if kind.is_binary() { split_attachments(rest, limits)? } else { (0, rest) };
        let (namespace, rest) = split_namespace(rest, limits)?;
        let (id, json) = split_id(rest)?;
        let data = match json {
            "" => None,
            json if is_deeper_than(limits.json_depth, json) => return Err(ProtocolError::Depth),
            json => Some(serde_json::from_str(json).map_err(|_| ProtocolError::Payload)?),
        };
        let packet = Self { kind, attachments, namespace, id, data };
        packet.check_shape(limits)?;
        Ok(packet)
    }

    fn check_shape(&self, limits: &PacketLimits) -> Result<(), ProtocolError> {
        match (self.kind, &self.data) {
            (PacketKind::Connect, None | Some(Value::Object(_))) if self.id.is_none() => Ok(()),
            (PacketKind::Disconnect, None) if self.id.is_none() => Ok(()),
            // Version 4 of the protocol refused with a bare string; version 5 with an object that has a message.
            (PacketKind::ConnectError, Some(Value::Object(_))) if self.id.is_none() => Ok(()),
            (PacketKind::Event | PacketKind::BinaryEvent, Some(Value::Array(args))) => {
                check_event_name(args.first(), limits)?;
                self.check_placeholders(args)
            }
            (PacketKind::Ack | PacketKind::BinaryAck, Some(Value::Array(args))) => {
                self.id.ok_or(ProtocolError::AckId)?;
                self.check_placeholders(args)
            }
            _ => Err(ProtocolError::Payload),
        }
    }

    fn check_placeholders(&self, args: &[Value]) -> Result<(), ProtocolError> {
        let all_in_range = !self.kind.is_binary() || args.iter().all(|arg| in_range(arg, self.attachments));
        if all_in_range { Ok(()) } else { Err(ProtocolError::Placeholder) }
    }
}

/// Whether arrays and objects stand inside each other more than `max` deep, seen without building them.
fn is_deeper_than(max: usize, json: &str) -> bool {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    json.bytes().any(|byte| {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => depth += 1,
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth > max
    })
}

/// Whether every placeholder in `value` points at one of `attachments`. The recursion is bounded by the parser's depth.
fn in_range(value: &Value, attachments: usize) -> bool {
    match value {
        Value::Object(map) if map.get("_placeholder") == Some(&Value::Bool(true)) => map
            .get("num")
            .and_then(Value::as_u64)
            .and_then(|num| usize::try_from(num).ok())
            .is_some_and(|num| num < attachments),
        Value::Object(map) => map.values().all(|value| in_range(value, attachments)),
        Value::Array(values) => values.iter().all(|value| in_range(value, attachments)),
        _ => true,
    }
}

fn check_event_name(name: Option<&Value>, limits: &PacketLimits) -> Result<(), ProtocolError> {
    match name {
        Some(Value::String(name))
            if name.len() <= limits.event_bytes && !RESERVED_EVENTS.contains(&name.as_str()) =>
        {
            Ok(())
        }
        // The reference server takes numbers for names too, and so do programs written against it.
        Some(Value::Number(_)) => Ok(()),
        _ => Err(ProtocolError::EventName),
    }
}

fn split_attachments<'a>(text: &'a str, limits: &PacketLimits) -> Result<(usize, &'a str), ProtocolError> {
    let (digits, rest) = text.split_once('-').ok_or(ProtocolError::AttachmentCount)?;
    // No count worth accepting has more digits; checked first, so that a long text costs nothing.
    if digits.is_empty() || digits.len() > 4 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(ProtocolError::AttachmentCount);
    }
    match digits.parse() {
        Ok(count) if (1..=limits.attachments).contains(&count) => Ok((count, rest)),
        _ => Err(ProtocolError::AttachmentCount),
    }
}

fn split_namespace<'a>(text: &'a str, limits: &PacketLimits) -> Result<(&'a str, &'a str), ProtocolError> {
    if !text.starts_with('/') {
        return Ok(("/", text));
    }
    let (namespace, rest) = text.split_once(',').unwrap_or((text, ""));
    if namespace.len() > limits.namespace_bytes {
        return Err(ProtocolError::Namespace);
    }
    Ok((namespace, rest))
}

fn split_id(text: &str) -> Result<(Option<u64>, &str), ProtocolError> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    if digits == 0 {
        return Ok((None, text));
    }
    let (id, rest) = text.split_at(digits);
    match id.parse() {
        Ok(id) if id <= ACK_ID_MAX => Ok((Some(id), rest)),
        _ => Err(ProtocolError::AckId),
    }
}

/// Appends everything of a packet that stands before its JSON.
pub fn write_head(out: &mut Vec<u8>, kind: PacketKind, attachments: usize, namespace: &str, id: Option<u64>) {
    out.push(kind.digit());
    if kind.is_binary() {
        out.extend_from_slice(attachments.to_string().as_bytes());
        out.push(b'-');
    }
    if namespace != "/" {
        out.extend_from_slice(namespace.as_bytes());
        out.push(b',');
    }
    if let Some(id) = id {
        out.extend_from_slice(id.to_string().as_bytes());
    }
}

/// The placeholder that stands for attachment `num` in a packet's JSON.
pub fn placeholder(num: usize) -> Value {
    serde_json::json!({ "_placeholder": true, "num": num })
}
