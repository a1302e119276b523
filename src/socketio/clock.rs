//! The one place where this library reads a clock.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Now.
#[allow(
    clippy::disallowed_methods,
    reason = "the machines get their time as an argument; it must come from somewhere"
)]
pub(super) fn now() -> Instant {
    Instant::now()
}

/// Milliseconds since 1970, for people who look on.
#[allow(clippy::disallowed_methods, reason = "this library's one look at the wall clock")]
pub(super) fn wall_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}
