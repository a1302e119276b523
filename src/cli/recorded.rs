//! A recorded run, from the database or from a file that `--record` wrote: what it takes to fly it again.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::sync::Arc;

use serde::Deserialize;

use crate::contract::record::RunStatus;
use crate::sim::{JournalEntry, Scenario, Tick, World};
use crate::store::Store;
use crate::swarm::headless::Headless;

use super::output::JournalDigest;
use super::{Failure, open_store};
use crate::config::DatabaseArgs;

/// Scenario, seed, journal, and the hashes that a replay must meet.
pub struct Recorded {
    /// Its id or file.
    pub name: String,
    /// Its scenario.
    pub scenario: Arc<Scenario>,
    /// Its seed.
    pub seed: u64,
    /// The version that recorded it.
    pub version: String,
    /// Its newest tick.
    pub ticks: Tick,
    /// Its journal, in order.
    pub journal: Vec<JournalEntry>,
    /// State hashes by tick, each before the commands of its tick.
    pub hashes: Vec<(Tick, u64)>,
    /// The first hashed tick at which the journal is not what was recorded; a file only can tell.
    pub journal_altered_at: Option<Tick>,
    /// The database, if it is from there.
    pub store: Option<Store>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    Run(Head),
    Entry(Box<JournalEntry>),
    Hash(HashAt),
    End(HashAt),
}

#[derive(Deserialize)]
struct Head {
    version: String,
    seed: u64,
    scenario_text: String,
}

#[derive(Deserialize)]
struct HashAt {
    tick: Tick,
    state_hash: String,
    journal_hash: String,
}

impl Recorded {
    /// Reads a run: a file if there is one of this name, else the run with this id in the database.
    pub fn open(name: &str, database: &DatabaseArgs) -> Result<Self, Failure> {
        match Path::new(name).is_file() {
            true => Self::from_file(Path::new(name)),
            false => Self::from_database(name, open_store(database)?),
        }
    }

    fn from_file(path: &Path) -> Result<Self, Failure> {
        let at =
            |line: usize, what: &dyn std::fmt::Display| format!("{}: line {line}: {what}", path.display());
        let file = File::open(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let (mut head, mut journal, mut hashes, mut ticks) =
            (None, Vec::<JournalEntry>::new(), Vec::new(), 0);
        let (mut digest, mut journal_altered_at) = (JournalDigest::default(), None);
        for (line, place) in BufReader::new(file).lines().zip(1..) {
            let line = line.map_err(|error| at(place, &error))?;
            let line: Line = serde_json::from_str(&line).map_err(|error| {
                at(
                    place,
                    &format_args!("{error}; hmrs run --record and hmrs export --record write such files"),
                )
            })?;
            match (line, &head) {
                (Line::Run(found), None) => head = Some(found),
                (Line::Run(_), Some(_)) => return Err(at(place, &"a second run begins")),
                (_, None) => {
                    return Err(at(place, &"the line that names scenario and seed is missing before it"));
                }
                (Line::Entry(entry), _) => {
                    ticks = ticks.max(entry.tick);
                    if journal.last().is_some_and(|last| last.tick > entry.tick) {
                        return Err(at(
                            place,
                            &format_args!("tick {} lies before that of the entry above", entry.tick),
                        ));
                    }
                    digest.enter(&entry);
                    journal.push(*entry);
                }
                (Line::Hash(found) | Line::End(found), _) => {
                    let hash = u64::from_str_radix(&found.state_hash, 16)
                        .map_err(|_| at(place, &"state_hash is not 16 hexadecimal digits"))?;
                    ticks = ticks.max(found.tick);
                    if journal_altered_at.is_none() && found.journal_hash != digest.show() {
                        journal_altered_at = Some(found.tick);
                    }
                    hashes.push((found.tick, hash));
                }
            }
        }
        let head = head.ok_or_else(|| format!("{}: it is empty", path.display()))?;
        hashes.sort_unstable();
        let name = path.display().to_string();
        let scenario = read_scenario(&name, &head.scenario_text)?;
        Ok(Self {
            name,
            scenario,
            seed: head.seed,
            version: head.version,
            ticks,
            journal,
            hashes,
            journal_altered_at,
            store: None,
        })
    }

    fn from_database(id: &str, store: Store) -> Result<Self, Failure> {
        let failed = |error: crate::store::StoreError| error.to_string();
        let run = store
            .run(id)
            .map_err(failed)?
            .ok_or_else(|| format!("{id} is neither a file nor a recorded run; hmrs runs lists them"))?;
        let text = store.scenario_text(id).map_err(failed)?.unwrap_or_default();
        let (journal, hashes) = (store.journal(id).map_err(failed)?, store.hashes(id).map_err(failed)?);
        if let Some((entry, seq)) = journal.iter().zip(1..).find(|(entry, seq)| entry.seq != *seq) {
            return Err(format!("run {id}: entry {seq} of its journal is missing before {}", entry.seq));
        }
        if run.status == RunStatus::Recording {
            log::info!("run {id} is still being recorded; it is replayed as far as it is now");
        }
        Ok(Self {
            name: format!("run {id}"),
            scenario: read_scenario(id, &text)?,
            seed: run.seed,
            version: run.version,
            ticks: run.ticks.max(hashes.last().map_or(0, |(tick, _)| *tick)),
            journal,
            hashes,
            journal_altered_at: None,
            store: Some(store),
        })
    }

    /// The run before its first tick.
    pub fn flight(&self, threads: usize) -> Result<Headless, Failure> {
        let world = World::new(self.scenario.clone(), self.seed);
        Headless::new(world, threads, self.journal.clone()).map_err(|error| error.to_string())
    }

    /// The hash recorded of a tick.
    pub fn hash_at(&self, tick: Tick) -> Option<u64> {
        let place = self.hashes.binary_search_by_key(&tick, |(tick, _)| *tick).ok()?;
        Some(self.hashes[place].1)
    }

    /// What another version may do otherwise, as the end of a sentence.
    pub fn version_note(&self) -> String {
        match self.version == env!("CARGO_PKG_VERSION") {
            true => String::new(),
            false => format!(
                "; it was recorded by version {}, this is {}",
                self.version,
                env!("CARGO_PKG_VERSION")
            ),
        }
    }
}

fn read_scenario(name: &str, text: &str) -> Result<Arc<Scenario>, Failure> {
    Scenario::parse(text).map(Arc::new).map_err(|errors| {
        let found: Vec<String> = errors.iter().map(ToString::to_string).collect();
        format!("{name}: its scenario is not one of this version: {}", found.join("; "))
    })
}
