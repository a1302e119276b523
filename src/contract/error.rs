//! The one error that crosses the wire, over Socket.IO and HTTP alike.

use serde::Serialize;
use utoipa::ToSchema;

use crate::sim::CommandError;

pub use crate::sim::ErrorCode;

/// What a client is told when it asked for something that cannot be done: `{"code", "message", "field"?}`.
///
/// Wrapped as `{"ok": false, "error": …}` in acks and HTTP bodies; see [`ApiError::body`].
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ApiError {
    /// What kind of error, as a fixed word that programs can match on.
    #[schema(value_type = String)]
    pub code: ErrorCode,
    /// One sentence for a person: field, value and accepted range where there is one.
    pub message: String,
    /// The field of the request that is at fault, as a path such as `params.position[2]`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// With `rate_limited`: when trying again makes sense, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
}

impl ApiError {
    /// An error of `code` with a sentence for a person.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), field: None, retry_after_ms: None }
    }

    /// `bad_request` at `field`.
    pub fn bad_request(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(ErrorCode::BadRequest, message).at(field)
    }

    /// The same error, naming the field at fault.
    pub fn at(mut self, field: impl Into<String>) -> Self {
        self.field = Some(field.into());
        self
    }

    /// The code as it stands on the wire.
    pub fn code_name(&self) -> String {
        serde_json::to_value(self.code)
            .ok()
            .and_then(|code| code.as_str().map(str::to_owned))
            .unwrap_or_default()
    }

    /// The HTTP status that fits the code.
    pub fn status(&self) -> u16 {
        match self.code {
            ErrorCode::BadRequest
            | ErrorCode::UnknownCommand
            | ErrorCode::UnknownParam
            | ErrorCode::OutOfRange
            | ErrorCode::NotFinite => 400,
            ErrorCode::Unauthorized => 401,
            ErrorCode::Forbidden => 403,
            ErrorCode::UnknownDrone | ErrorCode::UnknownGroup | ErrorCode::NotFound => 404,
            ErrorCode::NotInState | ErrorCode::Conflict => 409,
            ErrorCode::TooLarge => 413,
            ErrorCode::RateLimited => 429,
            ErrorCode::Unavailable => 503,
            ErrorCode::Internal => 500,
        }
    }

    /// The JSON that carries this error: `{"ok": false, "error": {…}}`, with `command_id` when there is one.
    pub fn body(&self, command_id: Option<&str>) -> serde_json::Value {
        let mut body = serde_json::json!({ "ok": false, "error": self });
        if let Some(id) = command_id {
            body["command_id"] = id.into();
        }
        body
    }
}

impl std::fmt::Display for ApiError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.field {
            Some(field) => write!(f, "{field}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

impl std::error::Error for ApiError {}

impl From<CommandError> for ApiError {
    fn from(error: CommandError) -> Self {
        // The simulation names a parameter; on the wire it stands under params.
        let place =
            |field: String| if field.starts_with("targets") { field } else { format!("params.{field}") };
        Self { code: error.code, message: error.message, field: error.field.map(place), retry_after_ms: None }
    }
}
