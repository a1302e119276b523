//! The one way in for commands: rate, grammar, the swarm's ledger, the audit trail. Socket.IO and HTTP both come here,
//! with callers whose role was checked.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::contract::access::Caller;
use crate::contract::error::{ApiError, ErrorCode};
use crate::contract::incoming::{Control, Envelope, Request, command_id_of};
use crate::contract::outgoing::Ack;
use crate::swarm::{Origin, Submit};

use super::door::Deed;
use super::limits::Limiter;
use super::{Flying, Gateway};

/// Longest wait for a swarm to answer; it answers between two ticks, so this is only reached when it hangs.
const ANSWER_WAIT_MAX: Duration = Duration::from_secs(5);

/// A run without keyframes is flown from its beginning.
const SEEK_WAIT_MAX: Duration = Duration::from_secs(60);

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
