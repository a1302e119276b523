//! What clients ask of runs that were flown: forks, and frames of the past.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::error::{ApiError, ErrorCode};
use super::incoming::parse_params;

/// A what-if: a run that goes on from a tick of another, with other parameters.
#[derive(Debug, Clone, PartialEq, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Fork {
    /// The tick to go on from; absent: the newest.
    #[serde(default)]
    pub tick: Option<u64>,
    /// Parameters to change there: path to value.
    #[serde(default)]
    pub set: BTreeMap<String, f64>,
    /// The id of its swarm; absent: the server makes one.
    #[serde(default)]
    pub name: Option<String>,
    /// Begin with the clock held.
    #[serde(default)]
    pub paused: bool,
}

/// Which frames of the past are wanted.
#[derive(Debug, Clone, PartialEq, Deserialize, ToSchema, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct History {
    /// The first tick.
    pub from_tick: u64,
    /// The last tick; at most the newest one counts.
    pub to_tick: u64,
    /// Every so many ticks, 1 unless said.
    #[serde(default = "one")]
    pub every: u64,
}

fn one() -> u64 {
    1
}

impl History {
    /// Parses the payload of `history`.
    ///
    /// # Errors
    /// `bad_request` with the field, `out_of_range`.
    pub fn parse(value: &Value) -> Result<Self, ApiError> {
        parse_params::<Self>(value, "")?.checked()
    }

    /// The same, if it makes sense.
    ///
    /// # Errors
    /// `out_of_range`.
    pub fn checked(self) -> Result<Self, ApiError> {
        if self.every == 0 {
            return Err(ApiError::new(ErrorCode::OutOfRange, "every is 0; it must be at least 1").at("every"));
        }
        if self.to_tick < self.from_tick {
            let message = format!("to_tick is {}, before from_tick {}", self.to_tick, self.from_tick);
            return Err(ApiError::new(ErrorCode::OutOfRange, message).at("to_tick"));
        }
        Ok(self)
    }
}
