//! Acks that wait for a disk, or for a look ahead. The swarm does not wait meanwhile.

use std::time::Duration;

use crate::contract::error::{ApiError, ErrorCode};
use crate::contract::outgoing::Ack;
use crate::contract::record::Durable;

use super::foresight::Foresight;

/// Longest wait for a command's record to be on a disk.
const DURABLE_WAIT_MAX: Duration = Duration::from_secs(4);

/// What an ack waits for.
pub(super) enum Then {
    /// Nothing.
    Done,
    /// The record of the command.
    Durable(Durable),
    /// What would be flown.
    Foresee(Foresight),
}

impl Then {
    /// The ack, when it may be sent.
    pub(super) async fn complete(self, ack: Ack) -> Result<Ack, ApiError> {
        match self {
            Self::Done => Ok(ack),
            Self::Durable(durable) => once_durable(ack, durable).await,
            Self::Foresee(foresight) => Ok(foresight.complete(ack).await),
        }
    }
}

/// The ack of a command, not before its record is on a disk.
async fn once_durable(ack: Ack, durable: Durable) -> Result<Ack, ApiError> {
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
