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

/// What somebody shows to come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof<'a> {
    /// Nothing.
    Nothing,
    /// An access token.
    Token(&'a str),
    /// The secret of a login, from a browser's cookie.
    Login(&'a str),
}

/// Somebody whose access was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// What the login or the token is called, or nothing where no token is needed.
    pub name: Option<String>,
    /// What they may do.
    pub role: Role,
    /// The id of the token that it rests on. Without one: a server that asks for none.
    pub token: Option<Arc<str>>,
    /// The hash of the login's secret, for who came in by a cookie.
    pub login: Option<Arc<str>>,
}

impl Identity {
    /// Anyone, where no token is needed.
    pub fn anyone(role: Role) -> Self {
        Self { name: None, role, token: None, login: None }
    }
}

/// Who asks for something, and from where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The name they go by.
    pub name: String,
    /// Who they are.
    pub identity: Identity,
    /// The address they come from.
    pub address: String,
}

impl Caller {
    /// What they may do.
    pub fn role(&self) -> Role {
        self.identity.role
    }

    /// What limits count them by: the token that they rest on, or else their address.
    pub fn account(&self) -> &str {
        self.identity.token.as_deref().unwrap_or(&self.address)
    }
}

/// The cookie of a login: behind TLS one that only this very host can have set; in plain HTTP one for each port, since
/// browsers keep one jar for all ports of a host.
pub fn cookie_name(secure: bool, host: &str) -> String {
    let port =
        host.rsplit_once(':').map(|(_, port)| port).filter(|port| port.bytes().all(|b| b.is_ascii_digit()));
    match (secure, port) {
        (true, _) => "__Host-hmrs".to_owned(),
        (false, Some(port)) if !port.is_empty() => format!("hmrs-{port}"),
        (false, _) => "hmrs".to_owned(),
    }
}

/// The value of the cookie `name` in a `Cookie` header.
pub fn cookie<'a>(header: &'a str, name: &str) -> Option<&'a str> {
    header.split(';').find_map(|pair| pair.trim().strip_prefix(name)?.strip_prefix('='))
}

/// Decides who comes in. The one place that knows tokens.
pub trait Gatekeeper: Send + Sync {
    /// Who shows this.
    ///
    /// # Errors
    /// `unauthorized`: a token is needed and this is none, or it is unknown, expired or revoked.
    fn identify(&self, proof: Proof<'_>) -> Result<Identity, ApiError>;

    /// Whether what somebody was let in by still holds: token and login are neither expired nor taken back.
    ///
    /// # Errors
    /// `unauthorized`, with the reason.
    fn recheck(&self, identity: &Identity) -> Result<(), ApiError>;

    /// Whether clients need a token at all.
    fn needs_token(&self) -> bool;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_found_by_its_whole_name() {
        let header = "a=1; hmrs-5000=secret; xhmrs-5000=other; hmrs-50=no";
        assert_eq!(cookie(header, &cookie_name(false, "localhost:5000")), Some("secret"));
        assert_eq!(cookie(header, "hmrs"), None);
        assert_eq!(cookie_name(false, "[::1]:5000"), "hmrs-5000");
        assert_eq!(cookie_name(false, "[::1]"), "hmrs");
        assert_eq!(cookie_name(true, "swarm.example"), "__Host-hmrs");
    }
}
