//! The store as an [`Archive`]: recorded runs for those who fly them again.

use std::time::Duration;

use super::error::StoreError;
use super::pool::Store;
use super::writer::Writer;
use crate::contract::archive::{Archive, Keyframe, RecordedRun, Settled};
use crate::contract::error::{ApiError, ErrorCode};
use crate::sim::{JournalEntry, Tick};

/// Longest wait for what was just recorded to be written.
const SETTLE_WAIT_MAX: Duration = Duration::from_secs(1);

/// Reads recorded runs, those that are just being recorded too.
#[derive(Clone, Debug)]
pub struct Library {
    store: Store,
    writer: Writer,
}

impl Library {
    /// What `store` reads and `writer` writes: the same database.
    pub fn new(store: Store, writer: Writer) -> Library {
        Library { store, writer }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> ApiError {
        if error.is_worth_retrying() {
            return ApiError::new(ErrorCode::Unavailable, format!("the database does not answer: {error}"));
        }
        log::error!("a question to the database failed: {error}");
        ApiError::new(ErrorCode::Internal, "the database refused the question; the server's log says why")
    }
}

impl Archive for Library {
    fn settle(&self) -> Settled {
        let writer = self.writer.clone();
        Box::pin(async move {
            // What is not there by then is not there yet; who asks sees how far the run goes.
            let _ = writer.flush(SETTLE_WAIT_MAX).await;
        })
    }

    fn run(&self, id: &str) -> Result<RecordedRun, ApiError> {
        self.store
            .recorded_run(id)?
            .ok_or_else(|| ApiError::new(ErrorCode::NotFound, format!("there is no run {id:?}")).at("run"))
    }

    fn journal(&self, id: &str) -> Result<Vec<JournalEntry>, ApiError> {
        Ok(self.store.journal(id)?)
    }

    fn hashes(&self, id: &str) -> Result<Vec<(Tick, u64)>, ApiError> {
        Ok(self.store.hashes(id)?)
    }

    fn keyframe(&self, id: &str, tick: Tick) -> Result<Option<Keyframe>, ApiError> {
        Ok(self.store.keyframe(id, tick)?)
    }
}
