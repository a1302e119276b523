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

/// The time of day as JavaScript writes it, such as `2026-01-31T23:59:59.999Z`.
pub(super) fn wall_text() -> String {
    text(wall_ms())
}

fn text(ms: u64) -> String {
    let (days, ms) = (ms / 86_400_000, ms % 86_400_000);
    // Years that begin in March, so that the leap day is the last one of its year.
    let shifted = days + 719_468;
    let (era, day) = (shifted / 146_097, shifted % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let year = year + era * 400 + u64::from(month >= 10);
    let month = if month < 10 { month + 3 } else { month - 9 };
    let (h, min, s) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60);
    format!("{year}-{month:02}-{day:02}T{h:02}:{min:02}:{s:02}.{:03}Z", ms % 1000)
}

/// Milliseconds since 1970, for people who look on.
#[allow(clippy::disallowed_methods, reason = "this library's one look at the wall clock")]
pub(super) fn wall_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

#[cfg(test)]
mod tests {
    use super::text;

    #[test]
    fn a_time_is_written_as_javascript_writes_it() {
        for (ms, written) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_709_251_199_999, "2024-02-29T23:59:59.999Z"),
            (1_795_330_260_129, "2026-11-22T06:51:00.129Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        ] {
            assert_eq!(text(ms), written);
        }
    }
}
