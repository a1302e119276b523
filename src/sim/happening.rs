//! What the simulation has to say: a line for the log, with a stable code for programs.

use std::borrow::Cow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Tick;

/// How much a happening or an alert matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// For developers.
    Debug,
    /// Good to know.
    Info,
    /// Coped with, worth a look.
    Warning,
    /// Something failed.
    Error,
    /// Someone must act.
    Critical,
}

/// One line of the swarm's log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Happening {
    /// The tick at which it came about.
    pub tick: Tick,
    /// How much it matters.
    pub level: Level,
    /// A drone's id, or `swarm`.
    pub source: Arc<str>,
    /// Stable name for programs, such as `battery_low`.
    pub code: Cow<'static, str>,
    /// A sentence for people.
    pub message: String,
}
