//! What can be wrong with input, and why a session ended.

use std::fmt;

/// Why a session or one of its sockets ended, in the words of the reference implementation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CloseReason {
    /// The peer closed its connection, or sent an Engine.IO close packet.
    TransportClose,
    /// The connection broke, was abandoned, or could not take what was sent to it.
    TransportError,
    /// No pong within the heartbeat's deadline.
    PingTimeout,
    /// The peer sent something that is not the protocol.
    ParseError,
    /// The peer broke a limit: too many packets, namespaces or bytes in too little time.
    PolicyViolation,
    /// The session never joined a namespace within the time it had for that.
    ConnectTimeout,
    /// The server closed the whole session.
    ForcedServerClose,
    /// The server is going away; clients may come back at once.
    ServerShuttingDown,
    /// The client left this namespace; its session may live on.
    ClientNamespaceDisconnect,
    /// The server put the client out of this namespace; its session may live on.
    ServerNamespaceDisconnect,
}

impl CloseReason {
    /// The reason in the reference implementation's words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TransportClose => "transport close",
            Self::TransportError => "transport error",
            Self::PingTimeout => "ping timeout",
            Self::ParseError => "parse error",
            Self::PolicyViolation => "policy violation",
            Self::ConnectTimeout => "forced close",
            Self::ForcedServerClose => "forced server close",
            Self::ServerShuttingDown => "server shutting down",
            Self::ClientNamespaceDisconnect => "client namespace disconnect",
            Self::ServerNamespaceDisconnect => "server namespace disconnect",
        }
    }

    /// The WebSocket close code (RFC 6455, 7.4.1) that tells the peer about it.
    pub fn websocket_code(self) -> u16 {
        match self {
            Self::ServerShuttingDown => 1001,
            Self::ParseError => 1002,
            Self::PolicyViolation => 1008,
            _ => 1000,
        }
    }

    /// Whether what is still queued for the peer is worth sending before the transport is closed.
    pub fn is_graceful(self) -> bool {
        !matches!(self, Self::TransportClose | Self::TransportError | Self::PingTimeout)
    }
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Input that is not the protocol. Every one of them ends the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProtocolError {
    /// An Engine.IO packet of no known type, or an empty one.
    #[error("unknown or empty Engine.IO packet")]
    EnginePacket,
    /// An Engine.IO packet that only a server may send.
    #[error("an Engine.IO packet that only a server may send")]
    Direction,
    /// A `b…` packet that is not standard base64 with padding.
    #[error("invalid base64")]
    Base64,
    /// Bytes that are not UTF-8 where text is due.
    #[error("invalid UTF-8")]
    Utf8,
    /// A Socket.IO packet type other than 0 to 6.
    #[error("unknown Socket.IO packet type")]
    PacketType,
    /// An attachment count that is missing, zero, above the limit or not a number.
    #[error("invalid number of attachments")]
    AttachmentCount,
    /// A namespace that is too long, or a packet for one that was not joined.
    #[error("invalid namespace")]
    Namespace,
    /// An ack id that is not a whole number below 2^53, or is missing where it is required.
    #[error("invalid ack id")]
    AckId,
    /// A payload that is nested too deeply.
    #[error("a payload that is nested too deeply")]
    Depth,
    /// A payload that is not JSON, or has the wrong shape for its packet type.
    #[error("invalid payload")]
    Payload,
    /// An event name that is no string, too long, or reserved.
    #[error("invalid event name")]
    EventName,
    /// A placeholder that points outside the announced attachments.
    #[error("illegal attachments")]
    Placeholder,
    /// Text where an attachment is due, or an attachment where none is.
    #[error("an attachment out of place")]
    Attachment,
    /// A second CONNECT to a namespace that is joined or being joined.
    #[error("already connected to this namespace")]
    AlreadyConnected,
    /// More namespaces on one session than the limit.
    #[error("too many namespaces")]
    TooManyNamespaces,
}

impl ProtocolError {
    /// The reason with which the session ends.
    pub fn close_reason(self) -> CloseReason {
        match self {
            Self::TooManyNamespaces => CloseReason::PolicyViolation,
            _ => CloseReason::ParseError,
        }
    }
}
