//! Access tokens. The store knows their hashes only.

use diesel::prelude::*;
use serde::Serialize;

use super::error::StoreError;
use super::pool::Store;
use super::rows::bigint;
use super::schema::tokens;

/// A token to be stored. Times are Unix milliseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewToken {
    /// Names it in lists and for revoking, unique.
    pub id: String,
    /// Whom or what it is for.
    pub name: String,
    /// viewer, operator or admin.
    pub role: String,
    /// SHA-256 of the token, 64 hexadecimal digits in lower case.
    pub sha256: String,
    /// When it was made.
    pub created_ms: u64,
    /// From when on it is no longer valid.
    pub expires_ms: Option<u64>,
}

/// A stored token. Times are Unix milliseconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Token {
    /// Names it in lists and for revoking.
    pub id: String,
    /// Whom or what it is for.
    pub name: String,
    /// viewer, operator or admin.
    pub role: String,
    /// When it was made.
    pub created_ms: u64,
    /// From when on it is no longer valid.
    pub expires_ms: Option<u64>,
    /// When it was revoked.
    pub revoked_ms: Option<u64>,
}

impl Token {
    /// Whether the token opens anything at `now_ms`.
    pub fn is_valid_at(&self, now_ms: u64) -> bool {
        self.revoked_ms.is_none() && self.expires_ms.is_none_or(|then| now_ms < then)
    }
}

type TokenTuple = (String, String, String, i64, Option<i64>, Option<i64>);

/// The columns of a [`TokenTuple`].
macro_rules! columns {
    () => {
        (tokens::id, tokens::name, tokens::role, tokens::created_ms, tokens::expires_ms, tokens::revoked_ms)
    };
}
impl Store {
    /// Stores a token. [`StoreError::Refused`] if the id or hash is there already.
    pub fn create_token(&self, token: &NewToken) -> Result<(), StoreError> {
        self.write(|connection| {
            diesel::insert_into(tokens::table)
                .values((
                    tokens::id.eq(&token.id),
                    tokens::name.eq(&token.name),
                    tokens::role.eq(&token.role),
                    tokens::sha256.eq(&token.sha256),
                    tokens::created_ms.eq(bigint(token.created_ms)),
                    tokens::expires_ms.eq(token.expires_ms.map(bigint)),
                    tokens::revoked_ms.eq(None::<i64>),
                ))
                .execute(connection)
        })?;
        Ok(())
    }

    /// The token with this hash, if it is valid at `now_ms`.
    pub fn find_token(&self, sha256: &str, now_ms: u64) -> Result<Option<Token>, StoreError> {
        let row: Option<TokenTuple> = self.read(|connection| {
            tokens::table.filter(tokens::sha256.eq(sha256)).select(columns!()).first(connection).optional()
        })?;
        Ok(row.map(Token::from).filter(|token| token.is_valid_at(now_ms)))
    }

    /// All tokens, oldest first, valid or not.
    pub fn tokens(&self) -> Result<Vec<Token>, StoreError> {
        let rows: Vec<TokenTuple> = self.read(|connection| {
            tokens::table.order((tokens::created_ms, tokens::id)).select(columns!()).load(connection)
        })?;
        Ok(rows.into_iter().map(Token::from).collect())
    }

    /// Every token that is valid at `now_ms`, with its hash.
    pub fn valid_tokens(&self, now_ms: u64) -> Result<Vec<(String, Token)>, StoreError> {
        let rows: Vec<(String, TokenTuple)> =
            self.read(|connection| tokens::table.select((tokens::sha256, columns!())).load(connection))?;
        let tokens = rows.into_iter().map(|(sha256, row)| (sha256, Token::from(row)));
        Ok(tokens.filter(|(_, token)| token.is_valid_at(now_ms)).collect())
    }

    /// Revokes a token from `now_ms` on; whether there was one that was not revoked.
    pub fn revoke_token(&self, id: &str, now_ms: u64) -> Result<bool, StoreError> {
        let revoked = self.write(|connection| {
            diesel::update(tokens::table.filter(tokens::id.eq(id)).filter(tokens::revoked_ms.is_null()))
                .set(tokens::revoked_ms.eq(bigint(now_ms)))
                .execute(connection)
        })?;
        Ok(revoked > 0)
    }
}

impl From<TokenTuple> for Token {
    fn from((id, name, role, created, expires, revoked): TokenTuple) -> Token {
        Token {
            id,
            name,
            role,
            created_ms: created.unsigned_abs(),
            expires_ms: expires.map(i64::unsigned_abs),
            revoked_ms: revoked.map(i64::unsigned_abs),
        }
    }
}
