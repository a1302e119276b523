//! On PostgreSQL telemetry is partitioned by the day on which its run began, which is how the names of runs begin.

use std::collections::BTreeSet;

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;

use super::link::{AnyConnection, Link};

/// Key of the advisory lock under which partitions are made: "HMRS" and "par" in ASCII.
const LOCK: i64 = 0x484d_5253_0070_6172;

/// The partitions that are known to be there, or not to be had.
#[derive(Default)]
pub(super) struct Partitions(BTreeSet<String>);

impl Partitions {
    /// Makes the partitions for `runs` that are not there yet. A run with another kind of name, or a day that cannot have
    /// one (its rows are in the default partition already), goes to the default partition. Blocks.
    pub(super) fn make<'a>(&mut self, link: &mut Link, runs: impl Iterator<Item = &'a str>) {
        for day in runs.filter_map(day) {
            if self.0.contains(day) {
                continue;
            }
            let made = link.write(|connection| match connection {
                AnyConnection::Postgres(connection) => make(connection, day),
                AnyConnection::Sqlite(_) => Ok(()),
            });
            match made {
                Err(error) if error.is_worth_retrying() => return, // the batch will meet the same
                Err(error) => log::warn!("telemetry of {day} goes to the default partition: {error}"),
                Ok(()) => {}
            }
            self.0.insert(day.to_owned());
        }
    }
}

fn make(connection: &mut PgConnection, day: &str) -> QueryResult<()> {
    // Others at work on the table may hold it for long; the default partition does as well.
    connection.batch_execute(&format!(
        "SET LOCAL lock_timeout = '2s'; SET LOCAL client_min_messages = warning; SELECT pg_advisory_xact_lock({LOCK}); \
         CREATE TABLE IF NOT EXISTS {} PARTITION OF telemetry FOR VALUES FROM ('{day}') TO ('{day}~');",
        name(day)
    ))
}

/// The partition of a day.
pub(super) fn name(day: &str) -> String {
    format!("telemetry_{day}")
}

/// The day in a run's name: `20260131` of `20260131-…`.
pub(super) fn day(run: &str) -> Option<&str> {
    let (day, _) = run.split_once('-')?;
    (day.len() == 8 && day.bytes().all(|byte| byte.is_ascii_digit())).then_some(day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_day_is_read_from_names_that_begin_with_one() {
        assert_eq!(day("20260131-120000-0a1b2c3d"), Some("20260131"));
        for odd in ["r", "", "2026013-x", "20260131", "2026013x-1", "20260131'-; DROP TABLE runs"] {
            assert_eq!(day(odd), None, "{odd}");
        }
    }
}
