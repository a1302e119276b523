//! How much anybody may ask for: token buckets, and what they count by.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};

use crate::contract::error::{ApiError, ErrorCode};

/// Pieces of [`super::MESSAGE_PIECE_BYTES`] that somebody may say to everyone. What one says waits in the outbox of each of
/// the others, who are disconnected when theirs is full: nobody may fill it for them.
const CHATTER: Rate =
    Rate { per_second: NonZeroU32::new(100).unwrap(), burst: NonZeroU32::new(500).unwrap() };

/// Attempts of one account beyond its role that are written down, a second and at once. Further ones are refused like these,
/// and do not fill the database for others, whose commands must have room there.
const REFUSALS: Rate = Rate { per_second: NonZeroU32::new(5).unwrap(), burst: NonZeroU32::new(100).unwrap() };

/// What everybody may ask for, by account: whoever comes back as a new client, or by another way, has used up what they had.
pub struct Allowances {
    /// Commands, and what is asked for like one.
    pub commands: Limiters,
    /// What is said to everyone.
    pub(super) chatter: Limiters,
    /// What of refused attempts is entered into the audit trail.
    pub(super) refusals: Limiters,
}

impl Allowances {
    /// With nothing used up.
    pub fn new(commands: Rate) -> Self {
        Self {
            commands: Limiters::new(commands),
            chatter: Limiters::new(CHATTER),
            refusals: Limiters::new(REFUSALS),
        }
    }
}

/// How much somebody may ask for.
#[derive(Debug, Clone, Copy)]
pub struct Rate {
    /// In the long run.
    pub per_second: NonZeroU32,
    /// At once.
    pub burst: NonZeroU32,
}

/// A token bucket.
pub struct Limiter(DefaultDirectRateLimiter);

impl Limiter {
    /// A full bucket.
    pub fn new(rate: Rate) -> Self {
        Self(RateLimiter::direct(Quota::per_second(rate.per_second).allow_burst(rate.burst)))
    }

    /// # Errors
    /// `rate_limited` with the time until the next one is taken.
    pub fn check(&self) -> Result<(), ApiError> {
        self.check_n(NonZeroU32::MIN)
    }

    /// As [`Limiter::check`], for something that counts as `n`.
    ///
    /// # Errors
    /// As there; also when `n` is more than may ever be given at once.
    pub fn check_n(&self, n: NonZeroU32) -> Result<(), ApiError> {
        let too_many = |_| ApiError::new(ErrorCode::RateLimited, "too much at once");
        self.0.check_n(n).map_err(too_many)?.map_err(|not_until| {
            let wait = not_until.wait_time_from(DefaultClock::default().now());
            let mut error =
                ApiError::new(ErrorCode::RateLimited, "too many at once; nothing is lost, send it again");
            error.retry_after_ms = Some(wait.as_millis() as u64 + 1);
            error
        })
    }
}

/// Buckets that are remembered; beyond, the table is begun anew.
const LIMITERS_MAX: usize = 10_000;

/// A token bucket for each account.
pub struct Limiters {
    rate: Rate,
    by_account: Mutex<HashMap<String, Arc<Limiter>>>,
}

impl Limiters {
    /// Full buckets of `rate`.
    pub fn new(rate: Rate) -> Self {
        Self { rate, by_account: Mutex::default() }
    }

    /// The bucket of `account`.
    pub fn of(&self, account: &str) -> Arc<Limiter> {
        let mut by_account = self.by_account.lock().unwrap_or_else(PoisonError::into_inner);
        if by_account.len() >= LIMITERS_MAX {
            by_account.clear();
        }
        by_account.entry(account.to_owned()).or_insert_with(|| Arc::new(Limiter::new(self.rate))).clone()
    }
}
