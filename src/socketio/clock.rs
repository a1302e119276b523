//! The one place where this library reads a clock.

use std::time::Instant;

/// Now.
#[allow(
    clippy::disallowed_methods,
    reason = "the machines get their time as an argument; it must come from somewhere"
)]
pub(super) fn now() -> Instant {
    Instant::now()
}
