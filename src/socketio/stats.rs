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
    /// Handshakes refused because the server is full, hurried or going away.
    pub refused_admission: u64,
    /// Requests refused because of their `Origin`.
    pub refused_origin: u64,
    /// Requests refused for any other reason.
    pub refused_request: u64,
    /// Sessions closed for breaking a limit.
    pub refused_policy: u64,
    /// Handlers that panicked; their sessions live on.
    pub handler_panics: u64,
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
    refused_origin,
    refused_request,
    refused_policy,
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
