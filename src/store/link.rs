//! One connection to either back end.

use std::path::Path;
use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::{PgConnection, SqliteConnection};

use super::error::StoreError;
use super::url::DatabaseUrl;

/// How long an SQLite connection waits for another one's lock before it says `database is locked`.
const SQLITE_BUSY_WAIT: Duration = Duration::from_secs(5);

/// A connection to one of the back ends, with the same queries for both.
#[derive(diesel::MultiConnection)]
pub(super) enum AnyConnection {
    Postgres(PgConnection),
    Sqlite(SqliteConnection),
}

/// An open connection that knows where it leads.
pub(super) struct Link {
    pub(super) connection: AnyConnection,
    url: DatabaseUrl,
}

/// What the system says about a file that SQLite cannot open: SQLite does not tell.
pub(super) fn why_not(path: &Path) -> String {
    match std::fs::OpenOptions::new().write(true).create(true).truncate(false).open(path) {
        Ok(_) => String::new(),
        Err(error) => format!(": {error}"),
    }
}

impl Link {
    /// Connects. Makes the file and its directories if the database is SQLite. Blocks, at most some 5 s per address.
    ///
    /// Not diesel's `AnyConnection::establish`, which tries one back end after the other and so would make an SQLite
    /// file named `postgres:` whenever PostgreSQL is away.
    pub(super) fn open(url: &DatabaseUrl) -> Result<Link, StoreError> {
        let away = |reason: String| StoreError::Away {
            database: url.to_string(),
            reason: url.redacted(reason.trim()),
        };
        let connection = match url.path() {
            Some(path) => {
                if let Some(directory) = path.parent().filter(|directory| !directory.as_os_str().is_empty()) {
                    std::fs::create_dir_all(directory)
                        .map_err(|error| away(format!("{}: {error}", directory.display())))?;
                }
                let mut connection = SqliteConnection::establish(&url.for_driver())
                    .map_err(|error| away(format!("{error}{}", why_not(path))))?;
                // WAL: readers never wait for the writer. FULL: what was committed survives a loss of power. 4,000
                // pages between checkpoints instead of 1,000: some 10 % more rows a second.
                connection
                    .batch_execute(&format!(
                        "PRAGMA busy_timeout = {}; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
                         PRAGMA wal_autocheckpoint = 4000; PRAGMA cache_size = -16000;",
                        SQLITE_BUSY_WAIT.as_millis()
                    ))
                    .map_err(|error| away(error.to_string()))?;
                AnyConnection::Sqlite(connection)
            }
            None => AnyConnection::Postgres(
                PgConnection::establish(&url.for_driver()).map_err(|error| away(error.to_string()))?,
            ),
        };
        Ok(Link { connection, url: url.clone() })
    }

    /// Does `work` in a transaction that is rolled back on error. On SQLite it takes the write lock at once, since a
    /// transaction that begins by reading can be refused when it comes to write.
    pub(super) fn write<T>(
        &mut self,
        work: impl FnOnce(&mut AnyConnection) -> QueryResult<T>,
    ) -> Result<T, StoreError> {
        let result = match &mut self.connection {
            AnyConnection::Postgres(_) => self.connection.transaction(work),
            AnyConnection::Sqlite(_) => self.immediately(work),
        };
        result.map_err(|error| self.sorted(&error))
    }

    /// Does `work` without a transaction of its own.
    pub(super) fn read<T>(
        &mut self,
        work: impl FnOnce(&mut AnyConnection) -> QueryResult<T>,
    ) -> Result<T, StoreError> {
        work(&mut self.connection).map_err(|error| self.sorted(&error))
    }

    /// Where the connection leads.
    pub(super) fn url(&self) -> &DatabaseUrl {
        &self.url
    }

    /// Whether the database answers on this connection.
    pub(super) fn answers(&mut self) -> bool {
        diesel::sql_query("SELECT 1").execute(&mut self.connection).is_ok()
    }

    /// `BEGIN IMMEDIATE` around `work`: diesel offers it for an `SqliteConnection` only, and `work` wants the enum.
    fn immediately<T>(&mut self, work: impl FnOnce(&mut AnyConnection) -> QueryResult<T>) -> QueryResult<T> {
        self.connection.batch_execute("BEGIN IMMEDIATE")?;
        let result = work(&mut self.connection).and_then(|value| {
            self.connection.batch_execute("COMMIT")?;
            Ok(value)
        });
        if result.is_err() {
            // After some errors (a full disk) SQLite has rolled back by itself, and this one says so: nothing to do.
            let _ = self.connection.batch_execute("ROLLBACK");
        }
        result
    }

    fn sorted(&mut self, error: &diesel::result::Error) -> StoreError {
        let lives = self.answers();
        StoreError::from_query(error, &self.url.to_string(), lives)
    }
}
