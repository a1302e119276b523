//! Recorded runs.

use std::str::FromStr;

use diesel::prelude::*;
use serde::Serialize;

use super::error::StoreError;
use super::pool::Store;
use super::rows::bigint;
use super::schema::{hashes, runs};
use crate::contract::archive::RecordedRun;
use crate::contract::record::RunStatus;

diesel::define_sql_function! {
    /// Lower case; on SQLite of ASCII letters only.
    fn lower(text: diesel::sql_types::Text) -> diesel::sql_types::Text;
}

/// A recorded run. Times are Unix milliseconds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Run {
    /// Its name.
    pub id: String,
    /// The swarm that ran.
    pub swarm: String,
    /// Name of the scenario.
    pub scenario: String,
    /// Its seed.
    pub seed: u64,
    /// Seconds per tick.
    pub tick_s: f64,
    /// Version of the program that ran it.
    pub version: String,
    /// The server that recorded it.
    pub server: String,
    /// When it began.
    pub started_ms: u64,
    /// When it ended; of a truncated run, when something was last written.
    pub ended_ms: Option<u64>,
    /// The newest recorded tick.
    pub ticks: u64,
    /// How far it got.
    pub status: RunStatus,
    /// The last recorded state hash of an ended run, 16 hexadecimal digits.
    pub final_hash: Option<String>,
    /// The run that it was forked from.
    pub parent: Option<String>,
    /// The tick of the parent that it began at.
    pub fork_tick: Option<u64>,
}

/// Which runs to list, newest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunFilter {
    /// At most so many.
    pub limit: u32,
    /// Only runs that come after this one in the list: the last of the page before.
    pub after: Option<String>,
    /// Only runs with this text in their id, scenario, swarm or status, whatever the case.
    pub q: Option<String>,
}

impl Default for RunFilter {
    fn default() -> Self {
        RunFilter { limit: 50, after: None, q: None }
    }
}

type RunTuple = (
    (String, String, String, String, f64, String, String),
    (i64, Option<i64>, i64, String, Option<String>),
    Forked,
);
type Forked = (Option<String>, Option<i64>);

/// The columns of a [`RunTuple`].
macro_rules! columns {
    () => {
        (
            (runs::id, runs::swarm, runs::scenario, runs::seed, runs::tick_s, runs::version, runs::server),
            (runs::started_ms, runs::ended_ms, runs::ticks, runs::status, runs::final_hash),
            (runs::parent_id, runs::fork_tick),
        )
    };
}
impl Store {
    /// Runs, newest first. An unknown `after` gives an empty page.
    pub fn runs(&self, filter: &RunFilter) -> Result<Vec<Run>, StoreError> {
        let rows: Vec<RunTuple> = self.read(|connection| {
            let mut query = runs::table.into_boxed();
            if let Some(after) = &filter.after {
                let place: Option<i64> =
                    runs::table.find(after).select(runs::started_ms).first(connection).optional()?;
                let Some(started) = place else { return Ok(Vec::new()) };
                query = query.filter(
                    runs::started_ms
                        .lt(started)
                        .or(runs::started_ms.eq(started).and(runs::id.lt(after.clone()))),
                );
            }
            if let Some(q) = filter.q.as_deref().filter(|q| !q.is_empty()) {
                let pattern = like_pattern(q);
                query = query.filter(
                    lower(runs::id)
                        .like(pattern.clone())
                        .escape('!')
                        .or(lower(runs::scenario).like(pattern.clone()).escape('!'))
                        .or(lower(runs::swarm).like(pattern.clone()).escape('!'))
                        .or(lower(runs::status).like(pattern).escape('!')),
                );
            }
            query
                .order((runs::started_ms.desc(), runs::id.desc()))
                .limit(i64::from(filter.limit))
                .select(columns!())
                .load(connection)
        })?;
        rows.into_iter().map(Run::try_from).collect()
    }

    /// The run named `id`.
    pub fn run(&self, id: &str) -> Result<Option<Run>, StoreError> {
        self.read(|connection| {
            runs::table.find(id).select(columns!()).first::<RunTuple>(connection).optional()
        })?
        .map(Run::try_from)
        .transpose()
    }

    /// The scenario source of a run, as it was given.
    pub fn scenario_text(&self, run_id: &str) -> Result<Option<String>, StoreError> {
        self.read(|connection| {
            runs::table.find(run_id).select(runs::scenario_text).first(connection).optional()
        })
    }

    /// The run named `id` with all that is needed to fly it again.
    pub fn recorded_run(&self, id: &str) -> Result<Option<RecordedRun>, StoreError> {
        let (Some(run), Some(scenario_text)) = (self.run(id)?, self.scenario_text(id)?) else {
            return Ok(None);
        };
        Ok(Some(RecordedRun {
            id: run.id,
            swarm: run.swarm,
            scenario_text,
            seed: run.seed,
            version: run.version,
            ticks: run.ticks,
            status: run.status,
            parent: run.parent.zip(run.fork_tick),
        }))
    }

    /// The state hashes of a run, `(tick, hash)`, in order of ticks.
    pub fn hashes(&self, run_id: &str) -> Result<Vec<(u64, u64)>, StoreError> {
        let rows: Vec<(i64, String)> = self.read(|connection| {
            hashes::table
                .filter(hashes::run_id.eq(run_id))
                .order(hashes::tick)
                .select((hashes::tick, hashes::hash))
                .load(connection)
        })?;
        rows.into_iter()
            .map(|(tick, hash)| {
                let parsed = u64::from_str_radix(&hash, 16).map_err(|error| StoreError::Unreadable {
                    table: "hashes",
                    column: "hash",
                    key: format!("{run_id}, tick {tick}"),
                    problem: format!("{hash:?}: {error}"),
                })?;
                Ok((tick.unsigned_abs(), parsed))
            })
            .collect()
    }

    /// Marks the runs that a crash left `recording` as `truncated`, and returns how many: those of `server`, and
    /// those into which nobody has written since `idle_since_ms` (a server under another name may still be at work on
    /// the others). Call it when a server starts, before it records.
    pub fn truncate_abandoned(&self, server: &str, idle_since_ms: u64) -> Result<usize, StoreError> {
        self.write(|connection| truncate_abandoned(connection, server, idle_since_ms, &[]))
    }
}

pub(super) fn truncate_abandoned(
    connection: &mut super::link::AnyConnection,
    server: &str,
    idle_since_ms: u64,
    own: &[String],
) -> QueryResult<usize> {
    let abandoned = runs::table
        .filter(runs::id.ne_all(own))
        .filter(runs::status.eq(RunStatus::Recording.as_str()))
        .filter(runs::server.eq(server).or(runs::written_ms.lt(bigint(idle_since_ms))));
    diesel::update(abandoned)
        .set((runs::status.eq(RunStatus::Truncated.as_str()), runs::ended_ms.eq(runs::written_ms.nullable())))
        .execute(connection)
}

impl TryFrom<RunTuple> for Run {
    type Error = StoreError;

    fn try_from(row: RunTuple) -> Result<Run, StoreError> {
        let (
            (id, swarm, scenario, seed, tick_s, version, server),
            (started, ended, ticks, status, final_hash),
            (parent, fork_tick),
        ) = row;
        let unreadable =
            |column, problem| StoreError::Unreadable { table: "runs", column, key: id.clone(), problem };
        let seed = seed.parse().map_err(|error| unreadable("seed", format!("{seed:?}: {error}")))?;
        let status = RunStatus::from_str(&status).map_err(|problem| unreadable("status", problem))?;
        Ok(Run {
            id,
            swarm,
            scenario,
            seed,
            tick_s,
            version,
            server,
            started_ms: started.unsigned_abs(),
            ended_ms: ended.map(i64::unsigned_abs),
            ticks: ticks.unsigned_abs(),
            status,
            final_hash,
            parent,
            fork_tick: fork_tick.map(i64::unsigned_abs),
        })
    }
}

/// A LIKE pattern for "contains", with `!` as escape.
fn like_pattern(q: &str) -> String {
    let mut pattern = "%".to_owned();
    for letter in q.chars().filter(|letter| *letter != '\0') {
        if matches!(letter, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(letter.to_ascii_lowercase());
    }
    pattern.push('%');
    pattern
}
