//! Browsers that are logged in. The store knows the hashes of their secrets only.

use diesel::prelude::*;

use super::error::StoreError;
use super::pool::Store;
use super::rows::{bigint, text};
use super::schema::logins;

/// A login. Times are Unix milliseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// SHA-256 of the cookie's secret, 64 hexadecimal digits in lower case.
    pub sha256: String,
    /// The token that it rests on: with that it ends.
    pub token_id: String,
    /// The name that whoever logged in goes by.
    pub name: String,
    /// When.
    pub created_ms: u64,
    /// From when on it is no longer valid.
    pub expires_ms: u64,
}

impl Store {
    /// Stores a login, and forgets those that have expired.
    pub fn begin_login(&self, login: &Login) -> Result<(), StoreError> {
        self.write(|connection| {
            diesel::delete(logins::table.filter(logins::expires_ms.le(bigint(login.created_ms))))
                .execute(connection)?;
            diesel::insert_into(logins::table)
                .values((
                    logins::sha256.eq(&login.sha256),
                    logins::token_id.eq(&login.token_id),
                    logins::name.eq(text(&login.name)),
                    logins::created_ms.eq(bigint(login.created_ms)),
                    logins::expires_ms.eq(bigint(login.expires_ms)),
                ))
                .execute(connection)
        })?;
        Ok(())
    }

    /// Forgets the login with this hash, if there is one.
    pub fn end_login(&self, sha256: &str) -> Result<(), StoreError> {
        self.write(|connection| {
            diesel::delete(logins::table.filter(logins::sha256.eq(sha256))).execute(connection)
        })?;
        Ok(())
    }

    /// Every login that is valid at `now_ms`.
    pub fn logins(&self, now_ms: u64) -> Result<Vec<Login>, StoreError> {
        let rows: Vec<(String, String, String, i64, i64)> = self.read(|connection| {
            logins::table.filter(logins::expires_ms.gt(bigint(now_ms))).load(connection)
        })?;
        let login = |(sha256, token_id, name, created, expires): (String, String, String, i64, i64)| Login {
            sha256,
            token_id,
            name,
            created_ms: created.unsigned_abs(),
            expires_ms: expires.unsigned_abs(),
        };
        Ok(rows.into_iter().map(login).collect())
    }
}
