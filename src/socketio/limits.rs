//! What one client, and all of them together, may cost.

use std::time::{Duration, Instant};

use super::protocol::packet::PacketLimits;

/// Named limits; reaching one refuses or closes the client that reached it, counts in [`super::Stats`], and disturbs
/// nobody else.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Sessions at a time.
    pub sessions_max: usize,
    /// Sessions at a time from one address. Behind a proxy all clients share one.
    pub sessions_per_address_max: usize,
    /// Sessions opened a second, with a burst of the same number.
    pub handshakes_per_s: u32,
    /// Sessions at a time that have joined no namespace yet.
    pub sessions_unjoined_max: usize,
    /// Namespaces at a time that were made because a pattern fits; see [`super::SocketIo::of_matching`].
    pub dynamic_namespaces_max: usize,
    /// Packets a second from one session; twice as many in a burst.
    pub packets_per_s: u32,
    /// Bytes a second from one session; twice as many in a burst.
    pub bytes_per_s: u32,
    /// Namespaces that one session is in.
    pub namespaces_max: usize,
    /// Rooms that one socket is in, its own not counted.
    pub rooms_max: usize,
    /// Bytes of a room's name.
    pub room_bytes_max: usize,
    /// Acks that one socket owes.
    pub pending_acks_max: usize,
    /// Events waiting for their handlers before the client is no longer read.
    pub inbox_max: usize,
    /// Packets waiting for one session; one more closes it.
    pub outbox_packets_max: usize,
    /// Bytes waiting for one session; more close it.
    pub outbox_bytes_max: usize,
    /// What a packet may look like.
    pub packet: PacketLimits,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            sessions_max: 20_000,
            sessions_per_address_max: 20_000,
            handshakes_per_s: 20_000,
            sessions_unjoined_max: 10_000,
            dynamic_namespaces_max: 1024,
            packets_per_s: 20_000,
            bytes_per_s: 20_000_000,
            namespaces_max: 16,
            rooms_max: 64,
            room_bytes_max: 128,
            pending_acks_max: 256,
            inbox_max: 256,
            outbox_packets_max: 512,
            outbox_bytes_max: 1 << 20,
            packet: PacketLimits::default(),
        }
    }
}

/// A token bucket: `per_s` tokens a second, at most `burst` of them saved.
#[derive(Clone, Debug)]
pub(super) struct TokenBucket {
    per_s: u32,
    burst: u32,
    tokens: f64,
    at: Instant,
}

impl TokenBucket {
    pub(super) fn new(per_s: u32, burst: u32, now: Instant) -> Self {
        Self { per_s, burst, tokens: f64::from(burst), at: now }
    }

    /// Most tokens that are ever there.
    pub(super) fn burst(&self) -> usize {
        self.burst as usize
    }

    /// Takes `count` tokens if they are there.
    pub(super) fn take(&mut self, count: usize, now: Instant) -> bool {
        let elapsed = now.saturating_duration_since(self.at);
        if elapsed > Duration::ZERO {
            let gained = elapsed.as_secs_f64() * f64::from(self.per_s);
            self.tokens = (self.tokens + gained).min(f64::from(self.burst));
            self.at = now;
        }
        let enough = self.tokens >= count as f64;
        if enough {
            self.tokens -= count as f64;
        }
        enough
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_gives_its_burst_at_once_and_its_rate_afterwards() {
        let start = Instant::now();
        let mut bucket = TokenBucket::new(10, 20, start);
        assert!(bucket.take(20, start));
        assert!(!bucket.take(1, start));
        assert!(bucket.take(10, start + Duration::from_secs(1)));
        assert!(!bucket.take(1, start + Duration::from_secs(1)));
        assert!(!bucket.take(21, start + Duration::from_secs(3600)), "saved beyond the burst");
    }
}
