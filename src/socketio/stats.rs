//! What a server counts.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// A snapshot of a server's counters, all since it was made unless said otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Sessions carried by polling, now.
    pub sessions_polling: u64,
    /// Sessions carried by a WebSocket, now.
    pub sessions_websocket: u64,
    /// Sessions opened.
    pub sessions_opened: u64,
    /// Sessions closed.
    pub sessions_closed: u64,
    /// Sessions that moved from polling to a WebSocket.
    pub upgrades: u64,
    /// WebSocket connections open now, probing and closing ones too.
    pub websockets_open: u64,
    /// Frames queued for clients.
    pub frames_queued: u64,
    /// Frames replaced by a newer one of their slot before they were sent.
    pub frames_conflated: u64,
    /// Frames that were for sessions already closed, or closed theirs by overflowing.
    pub frames_dropped: u64,
    /// Sessions closed because they could not take what was sent to them.
    pub overflows: u64,
    /// Packets received.
    pub packets_in: u64,
    /// Bytes of messages and bodies received.
    pub bytes_in: u64,
    /// Bytes of frames and bodies handed to connections.
    pub bytes_out: u64,
    /// Sessions closed for input that is not the protocol.
    pub parse_errors: u64,
    /// Sessions closed because no pong came in time.
    pub ping_timeouts: u64,
    /// Handshakes refused because the server is full, hurried or going away: the sum of the next four.
    pub refused_admission: u64,
    /// … because it was going away.
    pub refused_draining: u64,
    /// … because there were too many sessions.
    pub refused_sessions: u64,
    /// … because too many sessions had joined no namespace.
    pub refused_unjoined: u64,
    /// … because there were too many handshakes within a second.
    pub refused_handshake_rate: u64,
    /// Handshakes refused because their address had its share of sessions.
    pub refused_address: u64,
    /// Requests refused because of their `Origin`.
    pub refused_origin: u64,
    /// Bodies refused because they were too large.
    pub refused_body_size: u64,
    /// Requests refused for any other reason.
    pub refused_request: u64,
    /// Sessions closed for breaking a limit: the sum of the next three.
    pub refused_policy: u64,
    /// … for too many packets a second.
    pub refused_packet_rate: u64,
    /// … for too many bytes a second.
    pub refused_byte_rate: u64,
    /// … for too many namespaces.
    pub refused_namespaces: u64,
    /// Sessions closed for WebSocket messages larger than allowed, declared or inflated.
    pub refused_message_size: u64,
    /// Sessions closed for an attachment count that is no number or above the limit.
    pub refused_attachments: u64,
    /// Sessions closed for the name of an event or a namespace that is too long, reserved or unknown.
    pub refused_names: u64,
    /// Sessions closed for JSON that is nested too deeply.
    pub refused_depth: u64,
    /// WebSockets cut off because their peer did not read the pongs that it asked for.
    pub refused_pings: u64,
    /// CONNECTs refused because there are as many dynamic namespaces as there may be.
    pub refused_dynamic_namespaces: u64,
    /// Rooms not joined because the socket is in too many, or the name is too long.
    pub refused_rooms: u64,
    /// Acks not asked for because the client owes too many.
    pub refused_acks: u64,
    /// Sessions closed because they joined no namespace in time.
    pub connect_timeouts: u64,
    /// WebSockets that probed and did not carry their session in time or by the rules.
    pub probes_failed: u64,
    /// Volatile frames dropped because their client was not ready for one.
    pub frames_volatile_dropped: u64,
    /// Sockets that came back and lost nothing.
    pub recoveries: u64,
    /// Sockets that came back too late, or with more missed than is remembered.
    pub recoveries_failed: u64,
    /// Handlers that panicked; their sessions live on.
    pub handler_panics: u64,
}

impl Stats {
    /// Everything that was refused, cut off or given up, by a word for why. No two of them count the same thing.
    pub fn refusals(&self) -> [(&'static str, u64); 23] {
        [
            ("draining", self.refused_draining),
            ("sessions", self.refused_sessions),
            ("unjoined_sessions", self.refused_unjoined),
            ("handshake_rate", self.refused_handshake_rate),
            ("address", self.refused_address),
            ("origin", self.refused_origin),
            ("body_size", self.refused_body_size),
            ("request", self.refused_request),
            ("packet_rate", self.refused_packet_rate),
            ("byte_rate", self.refused_byte_rate),
            ("namespaces", self.refused_namespaces),
            ("dynamic_namespaces", self.refused_dynamic_namespaces),
            ("message_size", self.refused_message_size),
            ("attachments", self.refused_attachments),
            ("names", self.refused_names),
            ("json_depth", self.refused_depth),
            ("pings", self.refused_pings),
            ("rooms", self.refused_rooms),
            ("acks", self.refused_acks),
            ("connect_timeout", self.connect_timeouts),
            ("ping_timeout", self.ping_timeouts),
            ("probe", self.probes_failed),
            ("recovery", self.recoveries_failed),
        ]
    }
}

macro_rules! counters {
    ($($name:ident),* $(,)?) => {
        /// The live side of [`Stats`]. Relaxed: each number is right, two of them need not fit together.
        #[derive(Debug, Default)]
        pub(super) struct Counters { $(pub(super) $name: Counter),* }

        impl Counters {
            pub(super) fn snapshot(&self) -> Stats {
                Stats { $($name: self.$name.get()),* }
            }
        }
    };
}

counters!(
    sessions_polling,
    sessions_websocket,
    sessions_opened,
    sessions_closed,
    upgrades,
    websockets_open,
    frames_queued,
    frames_conflated,
    frames_dropped,
    overflows,
    packets_in,
    bytes_in,
    bytes_out,
    parse_errors,
    ping_timeouts,
    refused_admission,
    refused_draining,
    refused_sessions,
    refused_unjoined,
    refused_handshake_rate,
    refused_address,
    refused_origin,
    refused_body_size,
    refused_request,
    refused_policy,
    refused_packet_rate,
    refused_byte_rate,
    refused_namespaces,
    refused_message_size,
    refused_attachments,
    refused_names,
    refused_depth,
    refused_pings,
    refused_dynamic_namespaces,
    refused_rooms,
    refused_acks,
    connect_timeouts,
    probes_failed,
    frames_volatile_dropped,
    recoveries,
    recoveries_failed,
    handler_panics,
);

#[derive(Debug, Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    pub(super) fn add(&self, count: usize) {
        self.0.fetch_add(count as u64, Relaxed);
    }

    pub(super) fn up(&self) {
        self.add(1);
    }

    pub(super) fn down(&self) {
        self.0.fetch_sub(1, Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}
