//! The one way in for commands: rate, grammar, the swarm's ledger, the audit trail. Socket.IO and HTTP both come here,
//! with callers whose role was checked.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use serde_json::Value;

use crate::contract::access::Caller;
use crate::contract::error::{ApiError, ErrorCode};
use crate::contract::incoming::{Control, Envelope, Request, command_id_of};
use crate::contract::outgoing::Ack;
use crate::swarm::{Origin, Submit};

use super::door::Deed;
use super::{Flying, Gateway};

/// Longest wait for a swarm to answer; it answers between two ticks, so this is only reached when it hangs.
const ANSWER_WAIT_MAX: Duration = Duration::from_secs(5);

/// A run without keyframes is flown from its beginning.
const SEEK_WAIT_MAX: Duration = Duration::from_secs(60);

/// How many commands somebody may give.
#[derive(Debug, Clone, Copy)]
pub struct CommandRate {
    /// In the long run.
    pub per_second: std::num::NonZeroU32,
    /// At once.
    pub burst: std::num::NonZeroU32,
}

/// A token bucket.
pub struct Limiter(DefaultDirectRateLimiter);

impl Limiter {
    /// A full bucket.
    pub fn new(rate: CommandRate) -> Self {
        Self(RateLimiter::direct(Quota::per_second(rate.per_second).allow_burst(rate.burst)))
    }

    /// # Errors
    /// `rate_limited` with the time until the next command is taken.
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
    rate: CommandRate,
    by_account: Mutex<HashMap<String, Arc<Limiter>>>,
}

impl Limiters {
    /// Full buckets of `rate`.
    pub fn new(rate: CommandRate) -> Self {
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

/// Gives a command, as JSON, to a swarm.
///
/// # Errors
/// What is wrong with it, and its `command_id` if it had a usable one.
pub async fn give(
    gateway: &Gateway,
    flying: &Flying,
    limiter: &Limiter,
    caller: &Caller,
    via: &'static str,
    command: Value,
) -> Result<Ack, (ApiError, Option<String>)> {
    let command_id = command_id_of(&command);
    let name = command.get("command").or_else(|| command.get("command_type"));
    let name = name.and_then(Value::as_str).unwrap_or_default().to_owned();
    let began = Instant::now();
    let answer = async {
        limiter.check()?;
        gateway.takes_commands()?;
        let origin = Origin { author: caller.name.clone(), via };
        let envelope = Envelope::parse(command)?;
        if let Request::Control(Control::Fork(fork)) = &envelope.request {
            return gateway.fork_here(flying, &envelope, fork.clone(), origin).await;
        }
        let wait_max = match envelope.request {
            Request::Control(Control::Seek { .. }) => SEEK_WAIT_MAX,
            _ => ANSWER_WAIT_MAX,
        };
        let submit = Submit { envelope, origin, held: flying.leases.held() };
        match actix_rt::time::timeout(wait_max, flying.helm.submit(submit)).await {
            Ok(answer) => answer,
            Err(_) => Err(ApiError::new(
                ErrorCode::Internal,
                "the swarm did not answer in time; send the same command_id again to learn what became of it",
            )),
        }
    };
    let answer = answer.await;
    gateway.commons().command_latency.observe(began.elapsed());
    // A flood of what is refused for coming too fast is counted, and not written down a second time.
    if !matches!(&answer, Err(error) if error.code == ErrorCode::RateLimited) {
        let (subject, result, detail) = match &answer {
            Ok(ack) => (ack.command_id.as_str(), "ok".to_owned(), verdicts(ack)),
            Err(error) => {
                (command_id.as_deref().unwrap_or_default(), error.code_name(), error.message.clone())
            }
        };
        let deed = Deed { kind: "command", what: &name, subject, result: &result, detail };
        gateway.commons().note(caller, via, deed);
    }
    answer.map_err(|error| (error, command_id))
}

/// `3 accepted, 1 denied`.
fn verdicts(ack: &Ack) -> String {
    let mut counts = std::collections::BTreeMap::new();
    for verdict in ack.results.values() {
        let word = serde_json::to_value(verdict.result).unwrap_or_default();
        *counts.entry(word.as_str().unwrap_or_default().to_owned()).or_insert(0) += 1;
    }
    let counts: Vec<_> = counts.iter().map(|(result, count)| format!("{count} {result}")).collect();
    let dry = if ack.dry_run { " (dry run)" } else { "" };
    counts.join(", ") + dry
}
