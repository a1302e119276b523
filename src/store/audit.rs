//! The audit trail, read; and written by programs that have no [`super::Writer`].

use diesel::prelude::*;

use super::error::StoreError;
use super::pool::Store;
use super::rows::AuditRow;
use super::schema::audit;
use crate::contract::audit::AuditEntry;

/// Which entries are wanted, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// At most so many.
    pub limit: u32,
    /// Only entries older than the one with this id: the last of the page before.
    pub before: Option<String>,
    /// Only this kind: `command`, `login`, ….
    pub kind: Option<String>,
    /// Only of whoever goes by this name.
    pub who: Option<String>,
}

type AuditTuple =
    ((String, i64, String, String, String, String), (String, String, String, String, String, String));

impl Store {
    /// Entries of the trail, newest first.
    pub fn audit(&self, filter: &AuditFilter) -> Result<Vec<AuditEntry>, StoreError> {
        let rows: Vec<AuditTuple> = self.read(|connection| {
            let mut query = audit::table.into_boxed();
            if let Some(before) = &filter.before {
                query = query.filter(audit::id.lt(before));
            }
            if let Some(kind) = &filter.kind {
                query = query.filter(audit::kind.eq(kind));
            }
            if let Some(who) = &filter.who {
                query = query.filter(audit::who.eq(who));
            }
            query
                .order(audit::id.desc())
                .limit(i64::from(filter.limit))
                .select((
                    (
                        audit::id,
                        audit::wall_time_ms,
                        audit::who,
                        audit::role,
                        audit::token_id,
                        audit::address,
                    ),
                    (audit::via, audit::kind, audit::what, audit::subject, audit::result, audit::detail),
                ))
                .load(connection)
        })?;
        Ok(rows.into_iter().map(entry).collect())
    }

    /// Writes one entry of the program named `server`.
    pub fn note(&self, entry: &AuditEntry, server: &str) -> Result<(), StoreError> {
        let row = AuditRow::of(entry, server);
        self.write(|connection| diesel::insert_into(audit::table).values(row).execute(connection))?;
        Ok(())
    }
}

fn entry(
    ((id, time, who, role, token, address), (via, kind, what, subject, result, detail)): AuditTuple,
) -> AuditEntry {
    let wall_time_ms = time.unsigned_abs();
    AuditEntry { id, wall_time_ms, who, role, token, address, via, kind, what, subject, result, detail }
}
