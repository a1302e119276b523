//! What clients send about authority over drones.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::sim::Targets;

use super::error::ApiError;

/// Payload of `claim`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    /// The drones.
    pub targets: Targets,
    /// Take them from whoever holds them.
    #[serde(default)]
    pub take: bool,
}

/// Payload of `release`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Release {
    /// The drones.
    pub targets: Targets,
    /// To whom they are handed over; to nobody if absent.
    #[serde(default)]
    pub to: Option<String>,
}

/// Reads the payload of `claim` or `release`.
///
/// # Errors
/// `bad_request` with the field.
pub fn parse<T: DeserializeOwned>(payload: &Value) -> Result<T, ApiError> {
    serde_path_to_error::deserialize(payload).map_err(|error| {
        let path = error.path().to_string();
        ApiError::bad_request(
            if path == "." { "targets".to_owned() } else { path },
            error.inner().to_string(),
        )
    })
}
