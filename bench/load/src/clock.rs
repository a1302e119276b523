//! The two clocks.

use std::time::{SystemTime, UNIX_EPOCH};

/// Unix time in microseconds: what servers on the same machine put into their events.
#[allow(clippy::disallowed_methods)] // the one home of the wall clock here
pub fn wall_us() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as u64)
}
