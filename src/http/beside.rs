//! Work on large bodies, away from the threads that serve: everybody else on the thread would wait for it.

use actix_web::web::block;
use tokio::sync::Semaphore;

use crate::contract::error::{ApiError, ErrorCode};

/// Bodies below this size take a fraction of a millisecond, which is less than the way to another thread is worth.
const BYTES_MIN: usize = 32 * 1024;

/// One at a time: whoever sends many must not get a processor for each.
static PLACE: Semaphore = Semaphore::const_new(1);

/// Does `work` on a body of `bytes`: at once, or aside if it is large.
///
/// # Errors
/// `internal` when the server is about to end.
pub(super) async fn beside<T: Send + 'static>(
    bytes: usize,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, ApiError> {
    if bytes < BYTES_MIN {
        return Ok(work());
    }
    // It is never closed.
    let _place = PLACE.acquire().await;
    block(work).await.map_err(|_| ApiError::new(ErrorCode::Internal, "the work was given up"))
}
