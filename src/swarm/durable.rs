//! Acks that wait for a disk.

use std::time::Duration;

use crate::contract::error::{ApiError, ErrorCode};
use crate::contract::outgoing::Ack;
use crate::contract::record::Durable;

/// Longest wait for a command's record to be on a disk.
const DURABLE_WAIT_MAX: Duration = Duration::from_secs(4);

/// The ack of a command, not before its record is on a disk. The swarm does not wait meanwhile.
pub(super) async fn once_durable(ack: Ack, durable: Durable) -> Result<Ack, ApiError> {
    let reason = match actix_rt::time::timeout(DURABLE_WAIT_MAX, durable).await {
        Ok(Ok(())) => return Ok(ack),
        Ok(Err(trouble)) => trouble.reason,
        Err(_) => format!("no disk took it within {} s", DURABLE_WAIT_MAX.as_secs()),
    };
    let problem = format!(
        "applied at tick {}, but not safe from a crash yet: {reason}; it is kept in memory until it can be written. \
         Send the same command_id again to ask",
        ack.tick
    );
    Err(ApiError::new(ErrorCode::Unavailable, problem))
}
