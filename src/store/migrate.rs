//! Bringing the tables up to date.

use std::collections::BTreeSet;

use diesel::connection::SimpleConnection;
use diesel::migration::{MigrationSource, MigrationVersion};
use diesel::prelude::*;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::error::StoreError;
use super::link::{AnyConnection, Link};
use super::url::DatabaseUrl;
use crate::contract::record::DatabaseKind;

const POSTGRES: EmbeddedMigrations = embed_migrations!("migrations/postgres");
const SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");

/// Tries, and the pause between them, while another program holds a new SQLite file.
const LOCKED_TRIES: u32 = 10;
const LOCKED_PAUSE: std::time::Duration = std::time::Duration::from_millis(50);

/// Key of the PostgreSQL advisory lock under which migrations run: "HMRS" and "mig" in ASCII.
const LOCK: i64 = 0x484d_5253_006d_6967;

/// Applies every migration that is missing and returns their versions. Blocks.
///
/// Several programs may call it at once: one works, the others wait and find nothing to do. Refuses a database made by a
/// newer program ([`StoreError::SchemaTooNew`]).
#[allow(clippy::disallowed_methods, reason = "blocks by contract; no actor calls it on its own thread")]
pub fn migrate(url: &DatabaseUrl) -> Result<Vec<String>, StoreError> {
    // Two that turn a new SQLite file into a write-ahead log at once find it locked, whatever the busy timeout.
    for _ in 0..LOCKED_TRIES {
        match Link::open(url).and_then(|mut link| link.migrate()) {
            Err(error) if error.is_worth_retrying() && url.kind() == DatabaseKind::Sqlite => {
                std::thread::sleep(LOCKED_PAUSE);
            }
            outcome => return outcome,
        }
    }
    Link::open(url)?.migrate()
}

impl Link {
    pub(super) fn migrate(&mut self) -> Result<Vec<String>, StoreError> {
        match &mut self.connection {
            AnyConnection::Postgres(connection) => {
                if is_up_to_date(connection) {
                    return Ok(Vec::new());
                }
                connection
                    .batch_execute(&format!(
                        "SET client_min_messages = warning; SELECT pg_advisory_lock({LOCK})"
                    ))
                    .map_err(|error| failed(&error))?;
                let applied = run(connection, POSTGRES);
                let unlocked = connection.batch_execute(&format!("SELECT pg_advisory_unlock({LOCK})"));
                applied.and_then(|applied| unlocked.map(|()| applied).map_err(|error| failed(&error)))
            }
            AnyConnection::Sqlite(connection) => {
                let mut result = Ok(Vec::new());
                let transaction = connection.immediate_transaction(|connection| {
                    result = run(connection, SQLITE);
                    if result.is_ok() { Ok(()) } else { Err(diesel::result::Error::RollbackTransaction) }
                });
                match transaction {
                    Ok(()) | Err(diesel::result::Error::RollbackTransaction) => result,
                    Err(error) => Err(failed(&error)),
                }
            }
        }
        .map_err(|error| self.away_if_dead(error))
    }

    /// A migration that failed because the connection broke may be tried again.
    fn away_if_dead(&mut self, error: StoreError) -> StoreError {
        match error {
            StoreError::Migration { reason } if !self.answers() => {
                StoreError::Away { database: self.url().to_string(), reason }
            }
            other => other,
        }
    }
}

/// Whether all migrations, and no others, are applied. Asked first: diesel begins by making its table, if it is not there, which
/// not every user may who may write rows.
fn is_up_to_date(connection: &mut PgConnection) -> bool {
    #[derive(QueryableByName)]
    struct Applied {
        #[diesel(sql_type = diesel::sql_types::Text)]
        version: String,
    }
    let known = MigrationSource::<diesel::pg::Pg>::migrations(&POSTGRES).unwrap_or_default();
    let known: BTreeSet<String> = known.iter().map(|known| known.name().version().to_string()).collect();
    diesel::sql_query("SELECT version FROM __diesel_schema_migrations")
        .load::<Applied>(connection)
        .is_ok_and(|applied| applied.into_iter().map(|row| row.version).collect::<BTreeSet<_>>() == known)
}

fn run<DB, C>(connection: &mut C, migrations: EmbeddedMigrations) -> Result<Vec<String>, StoreError>
where
    DB: diesel::backend::Backend,
    C: MigrationHarness<DB>,
    EmbeddedMigrations: MigrationSource<DB>,
{
    let known: Vec<String> = MigrationSource::<DB>::migrations(&migrations)
        .map_err(|error| failed(error.as_ref()))?
        .iter()
        .map(|migration| migration.name().version().to_string())
        .collect();
    let newest = known.iter().max().cloned().unwrap_or_default();
    let applied = connection.applied_migrations().map_err(|error| failed(error.as_ref()))?;
    if let Some(found) = applied.iter().map(ToString::to_string).find(|version| !known.contains(version)) {
        return Err(StoreError::SchemaTooNew { found, known: newest });
    }
    let versions = connection.run_pending_migrations(migrations).map_err(|error| failed(error.as_ref()))?;
    Ok(versions.iter().map(MigrationVersion::to_string).collect())
}

fn failed(error: &(impl std::fmt::Display + ?Sized)) -> StoreError {
    StoreError::Migration { reason: error.to_string() }
}
