//! The reading side: runs, journals, logs, frames, and the access tokens.

use std::time::Duration;

use super::error::StoreError;
use super::link::{AnyConnection, Link};
use super::url::DatabaseUrl;
use diesel::QueryResult;

/// Bounds of a [`Store`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreConfig {
    /// Connections at most. Each is opened when it is first needed.
    pub connections_max: u32,
    /// How long a query waits for a connection, or for the database to come back, before [`StoreError::Away`].
    pub wait_max: Duration,
}

impl Default for StoreConfig {
    fn default() -> Self {
        StoreConfig { connections_max: 4, wait_max: Duration::from_secs(5) }
    }
}

/// Answers questions about recorded runs. Clone it freely: clones share their connections.
///
/// Every method blocks on the database; call them from `web::block` or a plain thread, never from an actor.
#[derive(Clone)]
pub struct Store {
    pool: r2d2::Pool<Links>,
    url: DatabaseUrl,
}

impl Store {
    /// A store of the database at `url`. Connects to nothing yet: a server whose database is away starts all the same.
    pub fn new(url: DatabaseUrl, config: &StoreConfig) -> Store {
        let pool = r2d2::Pool::builder()
            .max_size(config.connections_max.max(1))
            .min_idle(Some(0))
            .connection_timeout(config.wait_max)
            .error_handler(Box::new(r2d2::NopErrorHandler)) // the query's own error says it
            .build_unchecked(Links { url: url.clone() });
        Store { pool, url }
    }

    /// Where the database is.
    pub fn url(&self) -> &DatabaseUrl {
        &self.url
    }

    /// Whether the database answers, now.
    pub fn ping(&self) -> Result<(), StoreError> {
        self.link()?
            .read(|connection| diesel::RunQueryDsl::execute(diesel::sql_query("SELECT 1"), connection))?;
        Ok(())
    }

    pub(super) fn read<T>(
        &self,
        work: impl FnOnce(&mut AnyConnection) -> QueryResult<T>,
    ) -> Result<T, StoreError> {
        self.link()?.read(work)
    }

    pub(super) fn write<T>(
        &self,
        work: impl FnOnce(&mut AnyConnection) -> QueryResult<T>,
    ) -> Result<T, StoreError> {
        self.link()?.write(work)
    }

    fn link(&self) -> Result<r2d2::PooledConnection<Links>, StoreError> {
        self.pool
            .get()
            .map_err(|error| StoreError::Away { database: self.url.to_string(), reason: error.to_string() })
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Store({})", self.url)
    }
}

/// Opens connections for the pool.
struct Links {
    url: DatabaseUrl,
}

impl r2d2::ManageConnection for Links {
    type Connection = Link;
    type Error = StoreError;

    fn connect(&self) -> Result<Link, StoreError> {
        Link::open(&self.url)
    }

    fn is_valid(&self, link: &mut Link) -> Result<(), StoreError> {
        if link.answers() {
            Ok(())
        } else {
            Err(StoreError::Away {
                database: self.url.to_string(),
                reason: "the connection broke".to_owned(),
            })
        }
    }

    fn has_broken(&self, _link: &mut Link) -> bool {
        false // told by `is_valid` before the next use
    }
}
