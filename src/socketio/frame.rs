//! A packet, encoded once and shared by everyone who gets it.

use std::{
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use bytes::{BufMut, Bytes, BytesMut};
use serde::Serialize;
use serde_json::Value;

use super::{
    clock::now,
    deflate,
    protocol::{
        packet::{PacketKind, write_head},
        payload,
        websocket_frame::{header_bytes, write_header},
    },
    slot::Link,
};

/// The longest WebSocket frame header that a server sends.
const HEADER_BYTES_MAX: usize = 10;

/// How a frame is treated while it waits for a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// In order and never dropped; a client that cannot take it within its outbox's bounds is closed.
    Event,
    /// The same, but not remembered for clients that are cut off: for what whoever comes back is told anew.
    Passing,
    /// Only the newest of its slot: it replaces one that still waits, or follows it if both are of a chain. For telemetry.
    Latest {
        /// What replaces what; one slot for each kind of frame in a namespace.
        slot: &'static str,
    },
    /// Only if the client is ready for it at this moment and nothing else waits; else it is dropped.
    Volatile,
}

/// An encoded packet with its attachments.
///
/// Cloning shares the bytes. The form for WebSockets, frame headers included, is made at once; the one for polling when
/// the first polling client pulls it, once for all of them.
#[derive(Clone, Debug)]
pub struct Frame(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// All WebSocket frames of the packet, one behind the other.
    websocket: Bytes,
    /// The Engine.IO packet's text, absent for a raw binary message.
    text: Option<Bytes>,
    attachments: Box<[Bytes]>,
    polling: OnceLock<Bytes>,
    deflated: OnceLock<Bytes>,
    nature: Nature,
    /// Not worth the work of compressing it.
    plain: bool,
    timing: OnceLock<Timing>,
    link: OnceLock<Link>,
}

/// Who wants to know how old a frame is when it is sent.
pub type OnSent = Arc<dyn Fn(Duration) + Send + Sync>;

struct Timing {
    since: Instant,
    tell: OnSent,
}

impl std::fmt::Debug for Timing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "since {:?}", self.since)
    }
}

/// One packet in the forms that its receivers need.
#[derive(Debug)]
pub(super) struct Forms {
    /// For everyone else.
    pub(super) common: Frame,
    /// For clients that may come back and then say what they heard last.
    pub(super) numbered: Option<Frame>,
}

impl Forms {
    pub(super) fn alike(frame: Frame) -> Self {
        Self { common: frame, numbered: None }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Nature {
    /// An event that nobody has to answer.
    Event,
    /// An event with an ack id.
    Question,
    /// Anything else.
    Other,
}

impl Frame {
    /// The event `event` in `namespace` with one argument.
    pub fn json(namespace: &str, event: &str, payload: &impl Serialize) -> Self {
        Self::packet(PacketKind::Event, namespace, None, &[], |json| {
            write_event_name(json, event);
            json.push(b',');
            write_json(json, payload);
            json.push(b']');
        })
    }

    /// The event `event` with one argument that is JSON text already. The text is not checked.
    pub fn raw_json(namespace: &str, event: &str, payload: &str) -> Self {
        Self::packet(PacketKind::Event, namespace, None, &[], |json| {
            write_event_name(json, event);
            json.push(b',');
            json.extend_from_slice(payload.as_bytes());
            json.push(b']');
        })
    }

    /// The event `event` with one argument, a binary attachment.
    pub fn binary(namespace: &str, event: &str, attachment: Bytes) -> Self {
        Self::packet(PacketKind::BinaryEvent, namespace, None, &[attachment], |json| {
            write_event_name(json, event);
            json.extend_from_slice(b",{\"_placeholder\":true,\"num\":0}]");
        })
    }

    /// The event `event` with any arguments; placeholders in them stand for the attachments.
    pub fn args(namespace: &str, event: &str, args: &[Value], attachments: &[Bytes]) -> Self {
        Self::event(namespace, event, args, attachments, None)
    }

    pub(super) fn event(
        namespace: &str,
        event: &str,
        args: &[Value],
        attachments: &[Bytes],
        id: Option<u64>,
    ) -> Self {
        let kind = if attachments.is_empty() { PacketKind::Event } else { PacketKind::BinaryEvent };
        Self::packet(kind, namespace, id, attachments, |json| {
            write_event_name(json, event);
            for arg in args {
                json.push(b',');
                write_json(json, arg);
            }
            json.push(b']');
        })
    }

    pub(super) fn ack(namespace: &str, id: u64, args: &[Value], attachments: &[Bytes]) -> Self {
        let kind = if attachments.is_empty() { PacketKind::Ack } else { PacketKind::BinaryAck };
        Self::packet(kind, namespace, Some(id), attachments, |json| write_json(json, &args))
    }

    pub(super) fn control(kind: PacketKind, namespace: &str, payload: Option<&Value>) -> Self {
        Self::packet(kind, namespace, None, &[], |json| {
            if let Some(payload) = payload {
                write_json(json, payload);
            }
        })
    }

    /// An Engine.IO packet from its text, type included.
    pub(super) fn engine_text(text: &str) -> Self {
        let mut websocket = BytesMut::with_capacity(text.len() + HEADER_BYTES_MAX);
        write_header(&mut websocket, false, text.len());
        let header = websocket.len();
        websocket.extend_from_slice(text.as_bytes());
        let websocket = websocket.freeze();
        let text = Some(websocket.slice(header..));
        Self::new(websocket, text, Box::default(), Nature::Other)
    }

    /// A raw binary Engine.IO message.
    pub(super) fn engine_binary(data: &Bytes) -> Self {
        let mut websocket = BytesMut::with_capacity(data.len() + HEADER_BYTES_MAX);
        write_header(&mut websocket, true, data.len());
        websocket.extend_from_slice(data);
        let attachments = Box::new([data.clone()]);
        Self::new(websocket.freeze(), None, attachments, Nature::Other)
    }

    /// Builds a Socket.IO packet: text, then attachments, each in its own WebSocket frame, all in one allocation.
    fn packet(
        kind: PacketKind,
        namespace: &str,
        id: Option<u64>,
        attachments: &[Bytes],
        write_payload: impl FnOnce(&mut Vec<u8>),
    ) -> Self {
        let mut text = Vec::with_capacity(256);
        text.push(b'4');
        write_head(&mut text, kind, attachments.len(), namespace, id);
        write_payload(&mut text);
        let nature = match (kind, id) {
            (PacketKind::Event | PacketKind::BinaryEvent, None) => Nature::Event,
            (PacketKind::Event | PacketKind::BinaryEvent, Some(_)) => Nature::Question,
            _ => Nature::Other,
        };
        Self::assemble(&text, attachments, nature)
    }

    fn assemble(text: &[u8], attachments: &[Bytes], nature: Nature) -> Self {
        let bytes = std::iter::once(text.len())
            .chain(attachments.iter().map(Bytes::len))
            .map(|len| header_bytes(len) + len)
            .sum();
        let mut websocket = BytesMut::with_capacity(bytes);
        write_header(&mut websocket, false, text.len());
        let start = websocket.len();
        websocket.put_slice(text);
        let mut bodies = Vec::with_capacity(attachments.len());
        for attachment in attachments {
            write_header(&mut websocket, true, attachment.len());
            bodies.push(websocket.len()..websocket.len() + attachment.len());
            websocket.put_slice(attachment);
        }
        let websocket = websocket.freeze();
        let text = Some(websocket.slice(start..start + text.len()));
        let attachments = bodies.into_iter().map(|range| websocket.slice(range)).collect();
        Self::new(websocket, text, attachments, nature)
    }

    fn new(websocket: Bytes, text: Option<Bytes>, attachments: Box<[Bytes]>, nature: Nature) -> Self {
        Self(Arc::new(Inner {
            websocket,
            text,
            attachments,
            polling: OnceLock::new(),
            deflated: OnceLock::new(),
            nature,
            plain: false,
            timing: OnceLock::new(),
            link: OnceLock::new(),
        }))
    }

    /// The same packet, never compressed: for bytes that are compressed already, or too urgent for it. They are shared.
    #[must_use]
    pub fn uncompressed(&self) -> Self {
        Self(Arc::new(Inner {
            websocket: self.0.websocket.clone(),
            text: self.0.text.clone(),
            attachments: self.0.attachments.clone(),
            polling: OnceLock::new(),
            deflated: OnceLock::new(),
            nature: self.0.nature,
            plain: true,
            timing: OnceLock::new(),
            link: self.0.link.clone(),
        }))
    }

    /// The same packet, which tells its age each time that one of its receivers' carriers takes it. What it holds is as old
    /// as `since`. Only of frames that are sent as [`Delivery::Latest`].
    #[must_use]
    pub fn timed(self, since: Instant, tell: OnSent) -> Self {
        let _ = self.0.timing.set(Timing { since, tell });
        self
    }

    /// The same packet as a link of a chain. Only of frames that are sent as [`Delivery::Latest`]: a client that takes it gets
    /// every frame of the chain after the first, or one that stands alone in their place.
    #[must_use]
    pub fn linked(self, link: Link) -> Self {
        let _ = self.0.link.set(link);
        self
    }

    pub(super) fn link(&self) -> Option<&Link> {
        self.0.link.get()
    }

    /// A carrier has taken it.
    pub(super) fn sent(&self) {
        if let Some(Timing { since, tell }) = self.0.timing.get() {
            tell(now().saturating_duration_since(*since));
        }
    }

    pub(super) fn is_uncompressed(&self) -> bool {
        self.0.plain
    }

    /// The packet's text without its Engine.IO type, such as `2/chat,["said",1]`; empty for a raw binary message.
    pub fn text(&self) -> &str {
        let text = self.0.text.as_deref().and_then(|text| text.get(1..)).unwrap_or_default();
        std::str::from_utf8(text).unwrap_or_default()
    }

    /// Whether this is an event that nobody has to answer.
    pub(super) fn is_plain_event(&self) -> bool {
        self.0.nature == Nature::Event
    }

    /// The event's name and arguments, as JSON text; None for what is no event.
    pub(super) fn event_json(&self) -> Option<&str> {
        let text = self.text();
        let begin = text.find('[').filter(|_| self.0.nature != Nature::Other)?;
        Some(&text[begin..])
    }

    /// The same event with one more argument, which is JSON text.
    pub(super) fn with_last_argument(&self, json: &str) -> Self {
        let text = self.0.text.as_deref().and_then(|text| text.strip_suffix(b"]")).unwrap_or_default();
        let text = [text, b",", json.as_bytes(), b"]"].concat();
        let frame = Self::assemble(&text, &self.0.attachments, self.0.nature);
        if self.0.plain { frame.uncompressed() } else { frame }
    }

    /// The same event, with a null behind a string that a client would take for an offset.
    pub(super) fn without_offset(&self) -> Self {
        let ends_in_string = self.0.text.as_deref().is_some_and(|text| text.ends_with(b"\"]"));
        if self.0.nature != Nature::Other && ends_in_string {
            self.with_last_argument("null")
        } else {
            self.clone()
        }
    }

    /// Bytes that the frame costs on a WebSocket.
    pub fn len(&self) -> usize {
        self.0.websocket.len()
    }

    /// Never true: every frame has a type.
    pub fn is_empty(&self) -> bool {
        self.0.websocket.is_empty()
    }

    /// Every WebSocket frame of the packet, ready to be written.
    pub(super) fn websocket(&self) -> Bytes {
        self.0.websocket.clone()
    }

    /// The same for connections that negotiated permessage-deflate: deflated once for all of them.
    pub(super) fn deflated(&self) -> Bytes {
        if self.0.plain {
            return self.websocket();
        }
        let write = || {
            let mut out = BytesMut::with_capacity(self.0.websocket.len() / 3);
            if let Some(text) = &self.0.text {
                deflate::write_message(&mut out, false, text);
            }
            self.0
                .attachments
                .iter()
                .for_each(|attachment| deflate::write_message(&mut out, true, attachment));
            out.freeze()
        };
        self.0.deflated.get_or_init(write).clone()
    }

    /// The packet as one or more elements of a polling body.
    pub(super) fn polling(&self) -> &Bytes {
        self.0.polling.get_or_init(|| match (&self.0.text, &*self.0.attachments) {
            (Some(text), []) => text.clone(),
            (text, attachments) => {
                let mut body = text.as_deref().map(String::from_utf8_lossy).unwrap_or_default().into_owned();
                for attachment in attachments {
                    if !body.is_empty() {
                        body.push(char::from(payload::SEPARATOR));
                    }
                    payload::encode_binary(attachment, &mut body);
                }
                body.into()
            }
        })
    }
}

fn write_event_name(json: &mut Vec<u8>, event: &str) {
    json.push(b'[');
    write_json(json, &event);
}

/// Appends `value` as JSON. What cannot be written as JSON (a map with keys that are no strings) is a mistake of the
/// program, not of its input: it is logged and becomes null.
fn write_json(json: &mut Vec<u8>, value: &impl Serialize) {
    let start = json.len();
    if let Err(error) = serde_json::to_writer(&mut *json, value) {
        log::error!("a payload cannot be written as JSON and is sent as null: {error}");
        json.truncate(start);
        json.extend_from_slice(b"null");
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_binary_event_carries_its_attachment_in_both_forms() {
        let frame = Frame::binary("/drones", "update", Bytes::from_static(&[1, 2, 3]));
        let text = b"451-/drones,[\"update\",{\"_placeholder\":true,\"num\":0}]";
        let mut wire = vec![0x81, text.len() as u8];
        wire.extend_from_slice(text);
        wire.extend_from_slice(&[0x82, 3, 1, 2, 3]);
        assert_eq!(frame.websocket(), wire);
        assert_eq!(*frame.polling(), [text.as_slice(), b"\x1ebAQID"].concat());
    }

    #[test]
    fn a_raw_binary_message_needs_no_text() {
        let frame = Frame::engine_binary(&Bytes::from_static(&[1, 2, 3, 4]));
        assert_eq!(frame.websocket(), vec![0x82, 4, 1, 2, 3, 4]);
        assert_eq!(*frame.polling(), "bAQIDBA==");
    }

    #[test]
    fn an_event_has_its_arguments_behind_its_name() {
        let frame = Frame::args("/", "move", &[json!(1), json!({"a": [true]})], &[]);
        assert_eq!(*frame.polling(), r#"42["move",1,{"a":[true]}]"#);
        assert_eq!(*Frame::raw_json("/", "x", "[1]").polling(), r#"42["x",[1]]"#);
        assert_eq!(*Frame::json("/", "x", &[1]).polling(), r#"42["x",[1]]"#);
        assert_eq!(*Frame::ack("/n", 7, &[json!(1)], &[]).polling(), "43/n,7[1]");
    }

    #[test]
    fn what_is_no_json_becomes_null() {
        let map = std::collections::HashMap::from([((1, 2), 3)]);
        assert_eq!(*Frame::json("/", "x", &map).polling(), r#"42["x",null]"#);
    }
}
