//! Who is in the world: drones come and go.

use std::sync::Arc;

use super::super::command::{Applied, Command, CommandError, ErrorCode};
use super::super::params::Limit;
use super::super::scenario::NAME_MAX;
use super::super::{CommandResult, Level, Vec3, Verdict};
use super::apply::Results;
use super::{World, spread};

/// A place is occupied if a drone is nearer than this.
const OCCUPIED_M: f64 = 2.0;

impl World {
    /// Places around a point where drones may stand.
    pub(super) fn free_places(&self, middle: Vec3, count: usize) -> Result<Vec<Vec3>, CommandError> {
        let refused = |p: Vec3| {
            let mut occupied = false;
            self.traffic.each_within(p, OCCUPIED_M, |_, _, _| occupied = true);
            occupied || self.scene.objection_to(p).is_some()
        };
        let places = spread::places(middle, self.limit(Limit::Spacing), count, refused);
        if places.len() < count {
            let message = format!("there is room for {} of {count} drones around this point", places.len());
            return Err(CommandError::new(ErrorCode::Conflict, "position", message));
        }
        Ok(places)
    }

    /// Adds the drones of a `spawn`.
    pub(super) fn spawn(&mut self, command: &Command, ids: Vec<Arc<str>>, places: &[Vec3]) -> Applied {
        let Command::Spawn { kind, group, .. } = command else { return Applied::default() };
        let which = self.types().iter().position(|t| t.name == *kind).unwrap_or_default();
        let group: Option<Arc<str>> = group.as_deref().map(Arc::from);
        for (id, place) in ids.iter().zip(places) {
            self.add(Arc::clone(id), which, group.clone(), *place);
        }
        let message = format!("{} {kind} added: {}", ids.len(), enumerate(&ids));
        self.tell(Level::Info, Arc::clone(&self.swarm), "spawned", message);
        self.rows_changed();
        self.freeze_anew();
        Applied { results: Vec::new(), spawned: ids }
    }

    /// Free ids for new drones: the lowest free numbers of the pattern.
    pub(super) fn new_ids(
        &self,
        kind: &str,
        count: usize,
        name: Option<&str>,
    ) -> Result<Vec<Arc<str>>, CommandError> {
        let pattern = match name {
            None => format!("{kind}-{{n}}"),
            Some(name) if name.contains("{n}") => name.to_owned(),
            Some(name) if count > 1 => format!("{name}-{{n}}"),
            Some(name) => {
                if self.index.contains_key(name) {
                    let message = format!("a drone with the id {name} is there already");
                    return Err(CommandError::new(ErrorCode::Conflict, "name", message));
                }
                return Ok(vec![Arc::from(name)]);
            }
        };
        let numbered = (1u64..).map(|n| pattern.replace("{n}", &n.to_string()));
        let ids: Vec<String> =
            numbered.filter(|id| !self.index.contains_key(id.as_str())).take(count).collect();
        if let Some(long) = ids.iter().find(|id| id.len() > NAME_MAX) {
            let message = format!("the id {long} has more than {NAME_MAX} characters");
            return Err(CommandError::new(ErrorCode::TooLarge, "name", message));
        }
        Ok(ids.iter().map(|id| Arc::from(id.as_str())).collect())
    }

    /// Takes drones out of the world.
    pub(super) fn remove(&mut self, chosen: &[usize], ticket: u64) -> Results {
        let mut results = Vec::with_capacity(chosen.len());
        for &index in chosen {
            self.end_order(index, Verdict::because(CommandResult::Cancelled, "removed"));
            results.push(self.done_at_once(index, ticket));
        }
        let mut position = 0;
        self.drones.retain(|_| {
            let removed = chosen.binary_search(&position).is_ok();
            position += 1;
            !removed
        });
        self.index = self.drones.iter().enumerate().map(|(i, d)| (Arc::clone(&d.id), i as u32)).collect();
        let ids: Vec<Arc<str>> = results.iter().map(|(id, _)| Arc::clone(id)).collect();
        let message = format!("{} removed: {}", ids.len(), enumerate(&ids));
        self.tell(Level::Info, Arc::clone(&self.swarm), "removed", message);
        self.rows_changed();
        self.paths_changed();
        self.freeze_anew();
        results
    }
}

/// The first few ids.
fn enumerate(ids: &[Arc<str>]) -> String {
    const SHOWN: usize = 5;
    let first: Vec<&str> = ids.iter().take(SHOWN).map(|id| &**id).collect();
    let more = if ids.len() > SHOWN { format!(" and {} more", ids.len() - SHOWN) } else { String::new() };
    format!("{}{more}", first.join(", "))
}
