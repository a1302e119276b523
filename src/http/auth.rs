//! Who sends a request, and the keeper of access tokens.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use actix_web::HttpRequest;
use actix_web::http::header::AUTHORIZATION;
use sha2::{Digest, Sha256};

use crate::contract::access::{Gatekeeper, Identity, Role, name_of};
use crate::contract::error::{ApiError, ErrorCode};
use crate::swarm::wall_time_ms;

/// The sender of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// The name it gives itself, its token's name, or `http`.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// Its address, for rate limits.
    pub peer: String,
}

/// Names the sender, as the `name` given at connect does over Socket.IO.
const OPERATOR_HEADER: &str = "x-operator";

/// Reads `Authorization: Bearer TOKEN` and `X-Operator: NAME`.
///
/// # Errors
/// `unauthorized`.
pub fn identify(gatekeeper: &dyn Gatekeeper, request: &HttpRequest) -> Result<Client, ApiError> {
    let header = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = header.and_then(|value| value.strip_prefix("Bearer ")).map(str::trim);
    let identity = gatekeeper.identify(token)?;
    let given = request.headers().get(OPERATOR_HEADER).and_then(|value| value.to_str().ok());
    let peer = request.peer_addr().map(|address| address.ip().to_string()).unwrap_or_default();
    Ok(Client { name: name_of(given, &identity, "http"), role: identity.role, peer })
}

/// One stored token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// What it is called.
    pub name: String,
    /// What it allows.
    pub role: Role,
    /// Unix milliseconds after which it is refused.
    pub expires_ms: Option<u64>,
}

/// The hash under which a token is stored, lower-case hexadecimal.
pub fn token_hash(token: &str) -> String {
    Sha256::digest(token.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A new token: 256 random bits in URL-safe base64 behind a prefix that secret scanners can find.
pub fn new_token() -> String {
    use base64::Engine as _;
    format!("hmrs_{}", base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>()))
}

/// Lets in who shows a stored token; or everyone as an operator, on a server that is open.
#[derive(Debug, Default, Clone)]
pub struct Tokens {
    by_hash: Arc<RwLock<HashMap<String, Access>>>,
    is_open: bool,
}

impl Tokens {
    /// A keeper that asks for no token.
    pub fn open() -> Self {
        Self { is_open: true, ..Self::default() }
    }

    /// A keeper that asks for one of the tokens it is given with [`Tokens::replace`].
    pub fn closed() -> Self {
        Self::default()
    }

    /// Takes over the tokens as they are stored now; those that are gone are refused from now on.
    pub fn replace(&self, tokens: HashMap<String, Access>) {
        *self.by_hash.write().unwrap_or_else(PoisonError::into_inner) = tokens;
    }
}

impl Gatekeeper for Tokens {
    fn identify(&self, token: Option<&str>) -> Result<Identity, ApiError> {
        if self.is_open {
            return Ok(Identity { name: None, role: Role::Operator });
        }
        let refuse = |why: &str| Err(ApiError::new(ErrorCode::Unauthorized, why));
        let Some(token) = token else {
            return refuse("this server needs an access token; make one with: hmrs token create");
        };
        // Looked up by hash: how long that takes says nothing about the token.
        let tokens = self.by_hash.read().unwrap_or_else(PoisonError::into_inner);
        match tokens.get(&token_hash(token)) {
            None => refuse("the access token is unknown or was revoked"),
            Some(access) if access.expires_ms.is_some_and(|expires| expires <= wall_time_ms()) => {
                refuse("the access token has expired")
            }
            Some(access) => Ok(Identity { name: Some(access.name.clone()), role: access.role }),
        }
    }

    fn needs_token(&self) -> bool {
        !self.is_open
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keeper(expires_ms: Option<u64>) -> Tokens {
        let tokens = Tokens::closed();
        let access = Access { name: "amira".into(), role: Role::Viewer, expires_ms };
        tokens.replace(HashMap::from([(token_hash("secret"), access)]));
        tokens
    }

    #[test]
    fn only_a_stored_token_lets_in_and_with_its_role() {
        let tokens = keeper(None);
        assert_eq!(tokens.identify(Some("secret")).unwrap().role, Role::Viewer);
        for wrong in [None, Some(""), Some("Secret"), Some("secret ")] {
            assert_eq!(tokens.identify(wrong).unwrap_err().code, ErrorCode::Unauthorized);
        }
    }

    #[test]
    fn an_expired_or_revoked_token_is_refused() {
        assert!(keeper(Some(1)).identify(Some("secret")).is_err());
        let tokens = keeper(None);
        tokens.replace(HashMap::new());
        assert!(tokens.identify(Some("secret")).is_err());
    }

    #[test]
    fn an_open_server_makes_everyone_an_operator() {
        assert_eq!(Tokens::open().identify(None).unwrap().role, Role::Operator);
        assert!(!Tokens::open().needs_token());
    }

    #[test]
    fn tokens_are_long_and_never_repeat() {
        assert_ne!(new_token(), new_token());
        assert!(new_token().len() > 45);
    }
}
