//! The audit trail: who did or tried what, from where, and what came of it.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One row of the trail. Texts of clients are cut to [`AuditEntry::TEXT_MAX`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditEntry {
    /// Unique; ids sort by time.
    pub id: String,
    /// Unix milliseconds.
    pub wall_time_ms: u64,
    /// The name they go by.
    pub who: String,
    /// Their role, or nothing for somebody who was not let in.
    pub role: String,
    /// The id of the token that their access rests on, or nothing.
    pub token: String,
    /// The address they came from; nothing for the command line.
    pub address: String,
    /// `socketio`, `http`, `cli` or `server`.
    pub via: String,
    /// `command`, `login`, `logout`, `cut`, `token`, `swarm`, `lease`, or `route` for a refused request.
    pub kind: String,
    /// The command's name, `create` or `revoke`, `launch` or `end`, the route.
    pub what: String,
    /// What it was about: a command's id, a token's, a swarm's.
    pub subject: String,
    /// `ok`, or the error's code.
    pub result: String,
    /// In words: the verdicts of a command, the reason of a refusal.
    pub detail: String,
}

impl AuditEntry {
    /// Longest text of one column, in characters.
    pub const TEXT_MAX: usize = 200;

    /// A new id, which sorts by time: the time, a number of this process, and a count.
    pub fn new_id(wall_time_ms: u64) -> String {
        static PROCESS: LazyLock<u32> = LazyLock::new(|| RandomState::new().hash_one(0) as u32);
        static COUNT: AtomicU32 = AtomicU32::new(0);
        format!("{wall_time_ms:013}-{:08x}-{:08x}", *PROCESS, COUNT.fetch_add(1, Relaxed))
    }

    /// The same entry with every text cut to what is kept.
    pub fn cut(mut self) -> Self {
        for text in [&mut self.who, &mut self.what, &mut self.subject, &mut self.detail, &mut self.address] {
            if text.chars().count() > Self::TEXT_MAX {
                *text = text.chars().take(Self::TEXT_MAX - 1).chain(['…']).collect();
            }
        }
        self
    }
}
