//! Who may do what.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::error::{ApiError, ErrorCode};

/// What a client is allowed, each role everything of the ones before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Sees everything, changes nothing.
    Viewer,
    /// Commands drones and the clock.
    Operator,
    /// Makes and ends swarms, and hands out access.
    Admin,
}

impl Role {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Viewer => "viewer",
            Role::Operator => "operator",
            Role::Admin => "admin",
        }
    }

    /// # Errors
    /// `forbidden`, naming both roles, if this role is less than `needed`.
    pub fn require(self, needed: Role) -> Result<(), ApiError> {
        if self >= needed {
            return Ok(());
        }
        Err(ApiError::new(
            ErrorCode::Forbidden,
            format!("this needs the role {}; yours is {}", needed.as_str(), self.as_str()),
        ))
    }
}

impl std::str::FromStr for Role {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        [Role::Viewer, Role::Operator, Role::Admin]
            .into_iter()
            .find(|role| role.as_str() == text)
            .ok_or_else(|| format!("{text:?} is no role; roles are viewer, operator and admin"))
    }
}

/// Drones that somebody holds a lease of, with the holder's name.
pub type Held = BTreeMap<Arc<str>, Arc<str>>;

/// Longest name that a client may give itself, in characters; longer ones are cut.
const NAME_CHARS_MAX: usize = 64;

/// The name that somebody goes by: what they call themselves, else what their token is called, else `otherwise`.
pub fn name_of(given: Option<&str>, identity: &Identity, otherwise: &str) -> String {
    let given = given.map(str::trim).filter(|name| !name.is_empty());
    let name = given.or(identity.name.as_deref()).unwrap_or(otherwise);
    name.chars().filter(|c| !c.is_control()).take(NAME_CHARS_MAX).collect()
}

/// Somebody whose access was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// What the token is called, or nothing where no token is needed.
    pub name: Option<String>,
    /// What they may do.
    pub role: Role,
}

/// Decides who comes in. The one place that knows tokens.
pub trait Gatekeeper: Send + Sync {
    /// Who shows this token, or no token.
    ///
    /// # Errors
    /// `unauthorized`: a token is needed and this is none, or it is unknown, expired or revoked.
    fn identify(&self, token: Option<&str>) -> Result<Identity, ApiError>;

    /// Whether clients need a token at all.
    fn needs_token(&self) -> bool;
}
