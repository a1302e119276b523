//! What can go wrong between the program and its database.

use diesel::result::{DatabaseErrorKind, Error as DieselError};

/// An error of the store. Its message never contains a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The database URL cannot be used.
    #[error(
        "database URL {url}: {problem}; accepted are sqlite://PATH and postgres://USER[:PASSWORD]@HOST[:PORT]/DATABASE"
    )]
    Url {
        /// The URL without its password.
        url: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The database cannot be reached, is busy, full or shutting down.
    #[error("database {database} is away: {reason}")]
    Away {
        /// The URL without its password.
        database: String,
        /// The first sentence of what the database or its driver said.
        reason: String,
    },
    /// The database answered and refused.
    #[error("the database refuses: {reason}")]
    Refused {
        /// What the database said.
        reason: String,
    },
    /// The database was made by a newer program.
    #[error(
        "schema too new: the database has migration {found}, this program knows none after {known}; run a newer hmrs"
    )]
    SchemaTooNew {
        /// The newest migration in the database that this program does not know.
        found: String,
        /// The newest migration that this program knows.
        known: String,
    },
    /// A migration failed.
    #[error("migration failed: {reason}")]
    Migration {
        /// Which, and what the database said.
        reason: String,
    },
    /// A stored value does not mean anything to this program.
    #[error("{table}.{column} of {key}: {problem}")]
    Unreadable {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
        /// The row.
        key: String,
        /// What is wrong with the value.
        problem: String,
    },
}

impl StoreError {
    /// Whether the same work may succeed later without anybody changing it: the database is away, busy or full.
    pub fn is_worth_retrying(&self) -> bool {
        matches!(self, StoreError::Away { .. })
    }

    /// Sorts an error of a connection to `database`; `connection_lives` tells whether it still answers afterwards.
    pub(super) fn from_query(error: &DieselError, database: &str, connection_lives: bool) -> StoreError {
        let reason = error.to_string();
        let away = !connection_lives
            || match error {
                DieselError::DatabaseError(kind, _) => is_transient(kind, &reason),
                DieselError::BrokenTransactionManager | DieselError::AlreadyInTransaction => true,
                DieselError::RollbackErrorOnCommit { .. } => true,
                _ => false,
            };
        if away {
            StoreError::Away { database: database.to_owned(), reason }
        } else {
            StoreError::Refused { reason }
        }
    }
}

/// Whether an error is about the state of the database rather than about what was asked of it. Diesel hands out no
/// SQLSTATE, so what it does not sort itself is told by the message.
fn is_transient(kind: &DatabaseErrorKind, message: &str) -> bool {
    const SIGNS: [&str; 15] = [
        "database is locked",
        "database table is locked",
        "database schema is locked",
        "disk I/O error",
        "disk is full",
        "No space left on device",
        "readonly database",
        "permission denied",
        "unable to open database file",
        "out of memory",
        "out of shared memory",
        "remaining connection slots",
        "deadlock detected",
        "canceling statement due to",
        "terminating connection",
    ];
    match kind {
        DatabaseErrorKind::ClosedConnection
        | DatabaseErrorKind::UnableToSendCommand
        | DatabaseErrorKind::SerializationFailure
        | DatabaseErrorKind::ReadOnlyTransaction => true,
        DatabaseErrorKind::Unknown => SIGNS.iter().any(|sign| message.contains(sign)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(kind: DatabaseErrorKind, message: &str) -> DieselError {
        DieselError::DatabaseError(kind, Box::new(message.to_owned()))
    }

    #[test]
    fn a_locked_database_is_worth_retrying_and_a_violated_constraint_is_not() {
        let sorted = |error| StoreError::from_query(&error, "x", true).is_worth_retrying();
        assert!(sorted(failure(DatabaseErrorKind::Unknown, "database is locked")));
        assert!(sorted(failure(DatabaseErrorKind::SerializationFailure, "could not serialize access")));
        // Not the record's fault: somebody who may will permit it.
        assert!(sorted(failure(DatabaseErrorKind::Unknown, "permission denied for table journal")));
        assert!(!sorted(failure(
            DatabaseErrorKind::NotNullViolation,
            "NOT NULL constraint failed: runs.seed"
        )));
        assert!(!sorted(failure(DatabaseErrorKind::Unknown, "relation \"runs\" does not exist")));
    }

    #[test]
    fn any_error_of_a_dead_connection_is_worth_retrying() {
        let error = failure(DatabaseErrorKind::NotNullViolation, "whatever");
        assert!(StoreError::from_query(&error, "x", false).is_worth_retrying());
    }
}
