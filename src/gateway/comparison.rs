//! Where two recorded runs part.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use crate::contract::error::ApiError;
use crate::sim::{Command, JournalEntry, Targets, Tick, World};
use crate::swarm::recording::{Playhead, Recording};

/// Drones that a comparison names.
const DRONES_NAMED_MAX: usize = 20;

/// Where two runs part.
#[derive(Debug, Serialize)]
pub struct Comparison {
    /// The one run.
    pub run: String,
    /// The other.
    pub with: String,
    /// The first tick at which they differ; absent: they do not, as far as both go.
    pub first_divergence_tick: Option<Tick>,
    /// The last tick that was compared.
    pub compared_to_tick: Tick,
    /// What differs, in a sentence.
    pub reason: String,
    /// Commands at that tick that only the one has.
    pub journal: Vec<JournalEntry>,
    /// Commands at that tick that only the other has.
    pub journal_with: Vec<JournalEntry>,
    /// The first drones whose states differ there.
    pub drones: Vec<String>,
}

/// What makes a journal entry the same in two runs.
fn essence(entry: &JournalEntry) -> (Tick, &Targets, &Command) {
    (entry.tick, &entry.targets, &entry.command)
}

/// Finds the first tick at which two runs differ: by their journals, else by flying both from where their hashes were
/// last equal. Blocks.
///
/// # Errors
/// When one of them does not come out as it was recorded.
pub fn compare(one: Arc<Recording>, other: Arc<Recording>) -> Result<Comparison, ApiError> {
    let mut comparison = Comparison {
        run: one.run().id.clone(),
        with: other.run().id.clone(),
        first_divergence_tick: None,
        compared_to_tick: one.last_tick().min(other.last_tick()),
        reason: "they are equal as far as both go".to_owned(),
        journal: Vec::new(),
        journal_with: Vec::new(),
        drones: Vec::new(),
    };
    let to = comparison.compared_to_tick;
    if one.scenario().hash() != other.scenario().hash() || one.run().seed != other.run().seed {
        comparison.first_divergence_tick = Some(0);
        comparison.reason = match one.run().seed == other.run().seed {
            true => "they fly different scenarios".to_owned(),
            false => format!("their seeds are {} and {}", one.run().seed, other.run().seed),
        };
        return Ok(comparison);
    }
    // The first entry that only one of them has, within what both have recorded.
    let same =
        one.entries().iter().zip(other.entries()).take_while(|(a, b)| essence(a) == essence(b)).count();
    let next = [&one, &other].map(|run| run.entries().get(same).map(|entry| entry.tick));
    let by_journal = next.into_iter().flatten().min().filter(|tick| *tick <= to);
    // Equal hashes of both, then unequal ones: the states part in between.
    let mut equal_at = 0;
    let mut unequal_at = None;
    for (tick, hash) in one.hashes().iter().take_while(|(tick, _)| *tick <= to) {
        let Ok(place) = other.hashes().binary_search_by_key(tick, |(tick, _)| *tick) else { continue };
        match other.hashes()[place].1 == *hash {
            true => equal_at = *tick,
            false => {
                unequal_at = Some(*tick);
                break;
            }
        }
    }
    match (by_journal, unequal_at) {
        (None, None) => {}
        (Some(tick), unequal) if unequal.is_none_or(|unequal| tick < unequal) => {
            comparison.first_divergence_tick = Some(tick);
            comparison.reason = format!("their commands differ at tick {tick}");
            let only = |run: &Recording| {
                run.entries()[same..].iter().filter(|entry| entry.tick == tick).cloned().collect::<Vec<_>>()
            };
            (comparison.journal, comparison.journal_with) = (only(&one), only(&other));
        }
        (_, _) => find_state(&mut comparison, one, other, equal_at, unequal_at.unwrap_or(to))?,
    }
    Ok(comparison)
}

/// Flies both from the last tick at which they are known to be equal.
fn find_state(
    comparison: &mut Comparison,
    one: Arc<Recording>,
    other: Arc<Recording>,
    from: Tick,
    to: Tick,
) -> Result<(), ApiError> {
    let (mut a, mut b) = (Playhead::at(one, from)?, Playhead::at(other, from)?);
    while a.tick() <= to {
        let (x, y) = (a.world(), b.world());
        if x.state_hash() != y.state_hash() {
            let states = |world: &World| {
                let snapshot = world.snapshot();
                let rows = snapshot.table.rows.iter().map(|row| row.id.to_string());
                rows.zip(snapshot.drones).collect::<BTreeMap<_, _>>()
            };
            let (x, y) = (states(x), states(y));
            let ids = x.keys().chain(y.keys().filter(|id| !x.contains_key(*id)));
            let differing = ids.filter(|id| x.get(*id) != y.get(*id)).take(DRONES_NAMED_MAX);
            comparison.drones = differing.cloned().collect();
            comparison.first_divergence_tick = Some(a.tick());
            comparison.reason = format!("the same commands lead to other states at tick {}", a.tick());
            return Ok(());
        }
        a.advance()?;
        b.advance()?;
    }
    Ok(())
}
