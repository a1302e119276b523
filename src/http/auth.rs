//! The keeper of access tokens and logins.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use sha2::{Digest, Sha256};

use crate::contract::access::{Gatekeeper, Identity, Proof, Role};
use crate::contract::error::{ApiError, ErrorCode};
use crate::store::{Login, Store, StoreError};
use crate::swarm::wall_time_ms;

/// A login ends after so long, whatever its token allows.
const LOGIN_LIFE_MS: u64 = 12 * 3_600_000;
/// Logins at once. Beyond, nobody can log in with a browser until one ends.
const LOGINS_MAX: usize = 10_000;

/// One stored token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// Names it in lists and in the audit trail.
    pub id: Arc<str>,
    /// What it is called.
    pub name: String,
    /// What it allows.
    pub role: Role,
    /// Unix milliseconds after which it is refused.
    pub expires_ms: Option<u64>,
}

/// Tokens by the hash under which they are stored.
pub type ByHash = HashMap<String, Access>;

/// The hash under which a token is stored, lower-case hexadecimal.
pub fn token_hash(token: &str) -> String {
    Sha256::digest(token.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A new token: 256 random bits in URL-safe base64 behind a prefix that secret scanners can find.
pub fn new_token() -> String {
    format!("hmrs_{}", new_secret())
}

fn new_secret() -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>())
}

/// Lets in who shows a stored token or the cookie of a login; or everyone as an operator, on a server that is open.
#[derive(Debug, Default, Clone)]
pub struct Tokens {
    book: Arc<RwLock<Book>>,
    is_open: bool,
}

#[derive(Debug, Default)]
struct Book {
    /// Ids of tokens by their hashes.
    ids: HashMap<String, Arc<str>>,
    tokens: HashMap<Arc<str>, Access>,
    logins: HashMap<Arc<str>, Entered>,
    /// Tokens that no database keeps: they live as long as the server.
    unstored: ByHash,
    /// Counts the changes that were made here, so that what was read from the database meanwhile is known to be old.
    changes: u64,
}

#[derive(Debug, Clone)]
struct Entered {
    login: Login,
    /// One that no database took lives as long as this server.
    is_stored: bool,
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
    pub fn replace(&self, mut tokens: ByHash) {
        let mut book = self.write();
        tokens.extend(book.unstored.clone());
        book.ids = tokens.iter().map(|(hash, access)| (hash.clone(), access.id.clone())).collect();
        book.tokens = tokens.into_values().map(|access| (access.id.clone(), access)).collect();
    }

    /// Adds a token that no database keeps: it is good until the server stops.
    pub fn lend(&self, hash: String, access: Access) {
        let mut book = self.write();
        book.ids.insert(hash.clone(), access.id.clone());
        book.tokens.insert(access.id.clone(), access.clone());
        book.unstored.insert(hash, access);
    }

    /// Whether there is any token.
    pub fn is_empty(&self) -> bool {
        self.read().tokens.is_empty()
    }

    /// Reads tokens and logins from the database and takes them over. Blocks.
    ///
    /// # Errors
    /// The database does not answer: everything stays as it was.
    pub fn refresh(&self, store: &Store) -> Result<(), StoreError> {
        // Whoever logs in or out meanwhile has the last word.
        let before = self.read().changes;
        self.replace(read_tokens(store)?);
        let logins = store.logins(wall_time_ms())?;
        let mut book = self.write();
        if book.changes == before {
            book.logins.retain(|_, entered| !entered.is_stored);
            let entered = logins
                .into_iter()
                .map(|login| (Arc::from(login.sha256.as_str()), Entered { login, is_stored: true }));
            book.logins.extend(entered);
        }
        Ok(())
    }

    /// A login for somebody who has shown a token: the secret of its cookie, and what is to be stored and entered.
    pub fn new_login(&self, identity: &Identity, name: &str) -> Option<(String, Login)> {
        let token = self.read().tokens.get(identity.token.as_deref()?)?.clone();
        let (secret, now) = (new_secret(), wall_time_ms());
        let expires_ms = (now + LOGIN_LIFE_MS).min(token.expires_ms.unwrap_or(u64::MAX));
        let (sha256, token_id, name) = (token_hash(&secret), token.id.as_ref().to_owned(), name.to_owned());
        Some((secret, Login { sha256, token_id, name, created_ms: now, expires_ms }))
    }

    /// The login counts from now on.
    ///
    /// # Errors
    /// `unavailable` when there are too many.
    pub fn enter(&self, login: Login, is_stored: bool) -> Result<(), ApiError> {
        let (mut book, now) = (self.write(), wall_time_ms());
        book.logins.retain(|_, entered| entered.login.expires_ms > now);
        if book.logins.len() >= LOGINS_MAX {
            return Err(ApiError::new(ErrorCode::Unavailable, "too many browsers are logged in"));
        }
        book.changes += 1;
        book.logins.insert(Arc::from(login.sha256.as_str()), Entered { login, is_stored });
        Ok(())
    }

    /// The login ends at once; whether there was one.
    pub fn leave(&self, sha256: &str) -> bool {
        let mut book = self.write();
        book.changes += 1;
        book.logins.remove(sha256).is_some()
    }

    /// When the login of somebody ends, Unix milliseconds.
    pub fn login_expires_ms(&self, identity: &Identity) -> Option<u64> {
        Some(self.read().logins.get(identity.login.as_deref()?)?.login.expires_ms)
    }

    fn read(&self) -> RwLockReadGuard<'_, Book> {
        self.book.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Book> {
        self.book.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The tokens that are valid now. Blocks.
fn read_tokens(store: &Store) -> Result<ByHash, StoreError> {
    let access = store.valid_tokens(wall_time_ms())?.into_iter().filter_map(|(hash, token)| {
        let role =
            token.role.parse().inspect_err(|error| log::error!("token {:?}: {error}", token.name)).ok()?;
        let id = Arc::from(token.id);
        Some((hash, Access { id, name: token.name, role, expires_ms: token.expires_ms }))
    });
    Ok(access.collect())
}

impl Book {
    fn token(&self, id: Option<&Arc<str>>) -> Result<&Access, ApiError> {
        match id.and_then(|id| self.tokens.get(id)) {
            None => Err(refusal("the access token is unknown or was revoked")),
            Some(access) if access.expires_ms.is_some_and(|expires| expires <= wall_time_ms()) => {
                Err(refusal("the access token has expired"))
            }
            Some(access) => Ok(access),
        }
    }

    fn login(&self, sha256: &str) -> Result<&Login, ApiError> {
        let entered = self.logins.get(sha256).filter(|entered| entered.login.expires_ms > wall_time_ms());
        let ended = || refusal("this login has ended; log in again");
        entered.map(|entered| &entered.login).ok_or_else(ended)
    }
}

fn refusal(why: &str) -> ApiError {
    ApiError::new(ErrorCode::Unauthorized, why)
}

impl Gatekeeper for Tokens {
    fn identify(&self, proof: Proof<'_>) -> Result<Identity, ApiError> {
        if self.is_open {
            return Ok(Identity::anyone(Role::Operator));
        }
        let book = self.read();
        // Looked up by hash: how long that takes says nothing about the secret.
        match proof {
            Proof::Nothing => {
                Err(refusal("this server needs an access token; make one with: hmrs token create"))
            }
            Proof::Token(token) => {
                let access = book.token(book.ids.get(&token_hash(token)))?;
                let (name, token) = (Some(access.name.clone()), Some(access.id.clone()));
                Ok(Identity { name, role: access.role, token, login: None })
            }
            Proof::Login(secret) => {
                let login = book.login(&token_hash(secret))?;
                let access = book.token(Some(&Arc::from(login.token_id.as_str())))?;
                let (name, token) = (Some(login.name.clone()), Some(access.id.clone()));
                Ok(Identity { name, role: access.role, token, login: Some(Arc::from(login.sha256.as_str())) })
            }
        }
    }

    fn recheck(&self, identity: &Identity) -> Result<(), ApiError> {
        if self.is_open {
            return Ok(());
        }
        let book = self.read();
        if let Some(login) = &identity.login {
            book.login(login)?;
        }
        book.token(identity.token.as_ref()).map(drop)
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
        let access = Access { id: "t-1".into(), name: "amira".into(), role: Role::Viewer, expires_ms };
        tokens.replace(HashMap::from([(token_hash("secret"), access)]));
        tokens
    }

    fn logged_in(tokens: &Tokens) -> (String, Login) {
        let identity = tokens.identify(Proof::Token("secret")).unwrap();
        let (secret, login) = tokens.new_login(&identity, "Amira").unwrap();
        tokens.enter(login.clone(), false).unwrap();
        (secret, login)
    }

    #[test]
    fn only_a_stored_token_lets_in_and_with_its_role() {
        let tokens = keeper(None);
        assert_eq!(tokens.identify(Proof::Token("secret")).unwrap().role, Role::Viewer);
        let wrong = ["", "Secret", "secret "].map(Proof::Token);
        for wrong in wrong.into_iter().chain([Proof::Nothing, Proof::Login("secret"), Proof::Login("")]) {
            assert_eq!(tokens.identify(wrong).unwrap_err().code, ErrorCode::Unauthorized);
        }
    }

    #[test]
    fn an_expired_or_revoked_token_is_refused_and_ends_what_rests_on_it() {
        assert!(keeper(Some(1)).identify(Proof::Token("secret")).is_err());
        let tokens = keeper(None);
        let (secret, _) = logged_in(&tokens);
        let identity = tokens.identify(Proof::Login(&secret)).unwrap();
        assert_eq!(identity.name.as_deref(), Some("Amira"));
        tokens.recheck(&identity).unwrap();
        tokens.replace(HashMap::new());
        assert!(tokens.identify(Proof::Token("secret")).is_err());
        assert!(tokens.identify(Proof::Login(&secret)).is_err());
        assert!(tokens.recheck(&identity).is_err());
    }

    #[test]
    fn a_login_ends_with_logging_out_and_does_not_outlive_its_token() {
        let tokens = keeper(Some(wall_time_ms() + 60_000));
        let (secret, login) = logged_in(&tokens);
        assert!(login.expires_ms <= wall_time_ms() + 60_000);
        let identity = tokens.identify(Proof::Login(&secret)).unwrap();
        assert!(tokens.leave(&login.sha256));
        assert!(!tokens.leave(&login.sha256));
        assert!(tokens.identify(Proof::Login(&secret)).is_err(), "a cookie was replayed after logging out");
        assert!(tokens.recheck(&identity).is_err());
        tokens.recheck(&tokens.identify(Proof::Token("secret")).unwrap()).unwrap();
    }

    #[test]
    fn an_open_server_makes_everyone_an_operator() {
        assert_eq!(Tokens::open().identify(Proof::Nothing).unwrap().role, Role::Operator);
        assert!(!Tokens::open().needs_token());
    }

    #[test]
    fn tokens_are_long_and_never_repeat() {
        assert_ne!(new_token(), new_token());
        assert!(new_token().len() > 45);
    }
}
