//! A polling body: Engine.IO packets joined by the record separator `\x1e`, binary ones as `b` + standard base64.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;

use super::{engine_packet::EnginePacket, error::ProtocolError};

/// Stands between the packets of a body.
pub const SEPARATOR: u8 = 0x1e;

/// One element of a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item<'a> {
    /// A packet with a text form.
    Packet(EnginePacket<'a>),
    /// A binary message.
    Binary(Bytes),
}

/// Reads the packets of a body one after the other. An empty body is one empty, hence invalid, packet. O(bytes), no
/// recursion, allocates only for binary messages.
pub fn decode(body: &str) -> impl Iterator<Item = Result<Item<'_>, ProtocolError>> {
    body.split(char::from(SEPARATOR)).map(decode_item)
}

fn decode_item(text: &str) -> Result<Item<'_>, ProtocolError> {
    match text.strip_prefix('b') {
        Some(base64) => {
            let bytes = STANDARD.decode(base64).map_err(|_| ProtocolError::Base64)?;
            Ok(Item::Binary(bytes.into()))
        }
        None => EnginePacket::decode(text).map(Item::Packet),
    }
}

/// Appends a binary message in its polling form.
pub fn encode_binary(data: &[u8], body: &mut String) {
    body.push('b');
    STANDARD.encode_string(data, body);
}
