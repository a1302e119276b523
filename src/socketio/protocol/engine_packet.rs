//! One Engine.IO packet in its text form: a type digit and the rest.
//!
//! Binary messages have no text form over WebSocket (a binary frame *is* the message) and are `b` + base64 in polling
//! bodies; see [`super::payload`].

use super::error::ProtocolError;

/// An Engine.IO v4 packet, borrowing its data from the text it was read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EnginePacket<'a> {
    /// `0{…}`: the handshake, server to client, once.
    Open(&'a str),
    /// `1`: the sender closes the session.
    Close,
    /// `2`: heartbeat from the server; `2probe` from a client that tries a WebSocket.
    Ping(&'a str),
    /// `3`: the answer to a ping, with the same data.
    Pong(&'a str),
    /// `4…`: a message for the layer above.
    Message(&'a str),
    /// `5`: the client moves to the WebSocket it has probed.
    Upgrade,
    /// `6`: nothing, sent to end a pending poll.
    Noop,
}

impl<'a> EnginePacket<'a> {
    /// Reads a packet. Types that carry no data must have none.
    pub fn decode(text: &'a str) -> Result<Self, ProtocolError> {
        let (kind, data) = text.split_at_checked(1).ok_or(ProtocolError::EnginePacket)?;
        match (kind, data) {
            ("0", data) => Ok(Self::Open(data)),
            ("1", "") => Ok(Self::Close),
            ("2", data) => Ok(Self::Ping(data)),
            ("3", data) => Ok(Self::Pong(data)),
            ("4", data) => Ok(Self::Message(data)),
            ("5", "") => Ok(Self::Upgrade),
            ("6", "") => Ok(Self::Noop),
            _ => Err(ProtocolError::EnginePacket),
        }
    }

    /// Writes the packet's text form; [`EnginePacket::decode`] of it gives the packet back.
    pub fn encode(&self) -> String {
        let (kind, data) = match *self {
            Self::Open(data) => ('0', data),
            Self::Close => ('1', ""),
            Self::Ping(data) => ('2', data),
            Self::Pong(data) => ('3', data),
            Self::Message(data) => ('4', data),
            Self::Upgrade => ('5', ""),
            Self::Noop => ('6', ""),
        };
        let mut text = String::with_capacity(1 + data.len());
        text.push(kind);
        text.push_str(data);
        text
    }
}

/// The handshake's text, `0{"sid":…}` with exactly the five keys of the protocol, durations in milliseconds.
pub fn open_packet(
    sid: &str,
    upgrades: bool,
    ping_interval_ms: u128,
    ping_timeout_ms: u128,
    max_payload: usize,
) -> String {
    let upgrades = if upgrades { "[\"websocket\"]" } else { "[]" };
    format!(
        "0{{\"sid\":\"{sid}\",\"upgrades\":{upgrades},\"pingInterval\":{ping_interval_ms},\
         \"pingTimeout\":{ping_timeout_ms},\"maxPayload\":{max_payload}}}"
    )
}
