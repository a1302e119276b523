//! A bound on what clients can make the log say. Every refused request and every client that comes or goes is a line;
//! whoever sends thousands a second would otherwise fill disks and keep the threads that serve busy with writing.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use log::{Log, Metadata, Record};

/// Where lines come from that clients cause.
const TARGETS: [&str; 3] = ["hmrs::request", "hmrs::client", "hmrs::audit"];
/// Lines a second of each, in the long run, and at once.
const LINES_PER_S: NonZeroU32 = NonZeroU32::new(100).unwrap();
const LINES_AT_ONCE: NonZeroU32 = NonZeroU32::new(1000).unwrap();

/// Lets through what `inner` would log, of each of [`TARGETS`] only so much; says how much was left out.
pub(super) struct Bounded<L> {
    inner: L,
    gates: [Gate; TARGETS.len()],
}

struct Gate {
    target: &'static str,
    limiter: DefaultDirectRateLimiter,
    left_out: AtomicU64,
}

impl<L: Log> Bounded<L> {
    /// `inner` with a bound before it.
    pub(super) fn new(inner: L) -> Self {
        let quota = Quota::per_second(LINES_PER_S).allow_burst(LINES_AT_ONCE);
        let gate = |target| Gate { target, limiter: RateLimiter::direct(quota), left_out: AtomicU64::new(0) };
        Self { inner, gates: TARGETS.map(gate) }
    }
}

impl<L: Log> Log for Bounded<L> {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.inner.enabled(metadata)
    }

    fn log(&self, record: &Record<'_>) {
        let target = record.target();
        if let Some(gate) = self.gates.iter().find(|gate| gate.target == target)
            && self.enabled(record.metadata())
        {
            if gate.limiter.check().is_err() {
                gate.left_out.fetch_add(1, Relaxed);
                return;
            }
            let left_out = gate.left_out.swap(0, Relaxed);
            if left_out > 0 {
                let mut line = Record::builder();
                line.target(target).level(log::Level::Warn);
                self.inner.log(
                    &line.args(format_args!("{left_out} lines were left out, too many came at once")).build(),
                );
            }
        }
        self.inner.log(record);
    }

    fn flush(&self) {
        self.inner.flush();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    struct Kept(Mutex<Vec<String>>);

    impl Log for Kept {
        fn enabled(&self, metadata: &Metadata<'_>) -> bool {
            metadata.level() <= log::Level::Info
        }

        fn log(&self, record: &Record<'_>) {
            self.0.lock().unwrap().push(record.args().to_string());
        }

        fn flush(&self) {}
    }

    fn say(log: &impl Log, target: &str, level: log::Level, text: &str) {
        log.log(&Record::builder().target(target).level(level).args(format_args!("{text}")).build());
    }

    #[test]
    fn a_flood_is_counted_and_nothing_else_is_kept_back() {
        let kept = Kept(Mutex::default());
        let log = Bounded::new(&kept);
        // What nobody would see takes nobody's place.
        (0..5000).for_each(|_| say(&log, TARGETS[0], log::Level::Debug, "unseen"));
        (0..5000).for_each(|_| say(&log, TARGETS[0], log::Level::Info, "refused"));
        say(&log, TARGETS[1], log::Level::Info, "connected");
        say(&log, "hmrs::store", log::Level::Error, "trouble");
        let mut said = 5000;
        while !kept.0.lock().unwrap().iter().any(|line| line == "later") {
            said += 1;
            say(&log, TARGETS[0], log::Level::Info, "later");
        }
        let lines = kept.0.lock().unwrap();
        let count = |text: &str| lines.iter().filter(|line| line.contains(text)).count();
        assert!((1000..1100).contains(&count("refused")), "{} lines", count("refused"));
        assert_eq!(["connected", "trouble", "later"].map(count), [1; 3]);
        let left_out = |line: &String| {
            line.strip_suffix(" lines were left out, too many came at once")?.parse::<usize>().ok()
        };
        let left_out: usize = lines.iter().filter_map(left_out).sum();
        assert!(left_out > 3000);
        assert_eq!(left_out + count("refused") + count("later"), said);
    }
}
