//! Authority: which drones an operator has claimed, so that nobody else commands them by mistake.
//!
//! A lease binds a drone to an operator's name, whatever transports that operator uses. It ends when it is released,
//! handed over or taken, with the run, or when the operator has been away for [`AWAY_MAX`]. It guards against
//! mistakes, not against malice: access is a matter of tokens.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::contract::access::Held;
use crate::contract::error::{ApiError, ErrorCode};
use crate::contract::event;
use crate::contract::lease::{self, Claim, Release};
use crate::contract::outgoing::Lease;
use crate::sim::{CommandResult, DroneTable, Targets, Verdict};
use crate::socketio::Socket;

use super::door::{Deed, hear, seat_of};
use super::{Commons, Flying, Gateway, answer, presence};

/// How long an operator may be disconnected before its drones are free.
pub const AWAY_MAX: Duration = Duration::from_secs(30);

/// The ids that `targets` mean now.
///
/// # Errors
/// `unknown_drone`, `unknown_group`, and `bad_request` for a predicate, whose drones change from tick to tick.
pub fn resolve(targets: &Targets, table: &DroneTable) -> Result<Vec<Arc<str>>, ApiError> {
    let of_group = |name: &str| {
        let members = table.rows.iter().filter(|row| row.group.as_deref() == Some(name));
        members.map(|row| row.id.clone()).collect::<Vec<_>>()
    };
    match targets {
        Targets::All => Ok(table.rows.iter().map(|row| row.id.clone()).collect()),
        Targets::Ids(ids) => {
            let known: BTreeSet<&Arc<str>> = table.rows.iter().map(|row| &row.id).collect();
            let find = |id: &String| {
                known.get(&Arc::from(id.as_str())).map(|id| Arc::clone(id)).ok_or_else(|| {
                    ApiError::new(ErrorCode::UnknownDrone, format!("no drone has the id {id:?}"))
                        .at("targets")
                })
            };
            ids.iter().map(find).collect()
        }
        Targets::Group(name) => match of_group(name) {
            members if members.is_empty() => {
                let message = format!("no drone is in a group {name:?}");
                Err(ApiError::new(ErrorCode::UnknownGroup, message).at("targets.group"))
            }
            members => Ok(members),
        },
        Targets::Where(_) => {
            Err(ApiError::bad_request("targets.where", "drones are claimed by id, by group or all of them"))
        }
    }
}

/// Who holds which drones of one swarm.
#[derive(Debug, Default)]
pub struct Leases(Mutex<Book>);

#[derive(Debug, Default)]
struct Book {
    held: Arc<Held>,
    away: BTreeMap<Arc<str>, Instant>,
}

impl Leases {
    /// Every lease.
    pub fn held(&self) -> Arc<Held> {
        self.book().held.clone()
    }

    /// `who` claims `drones`; with `take` also those of others. Drones of others are `not_in_control` otherwise.
    pub fn claim(&self, who: &str, drones: &[Arc<str>], take: bool) -> BTreeMap<String, Verdict> {
        let who: Arc<str> = who.into();
        self.change(drones, |held, id| match held.get(id) {
            Some(holder) if **holder != *who && !take => refused(holder),
            _ => {
                held.insert(id.clone(), who.clone());
                Verdict { result: CommandResult::Completed, reason: None }
            }
        })
    }

    /// `who` gives `drones` up, or over to somebody. Those of others stay where they are.
    pub fn release(&self, who: &str, drones: &[Arc<str>], to: Option<&str>) -> BTreeMap<String, Verdict> {
        let to: Option<Arc<str>> = to.map(Arc::from);
        self.change(drones, |held, id| {
            if let Some(holder) = held.get(id).filter(|holder| ***holder != *who) {
                return refused(holder);
            }
            match &to {
                Some(to) => held.insert(id.clone(), to.clone()),
                None => held.remove(id),
            };
            Verdict { result: CommandResult::Completed, reason: None }
        })
    }

    /// Ends the leases of operators who have been away for too long at `now`.
    pub fn end_forsaken(&self, present: &BTreeSet<&str>, now: Instant) {
        let mut book = self.book();
        let holders: BTreeSet<Arc<str>> = book.held.values().cloned().collect();
        book.away.retain(|name, _| holders.contains(name) && !present.contains(name.as_ref()));
        for name in holders {
            if present.contains(name.as_ref()) {
                continue;
            }
            let since = *book.away.entry(name.clone()).or_insert(now);
            if now.saturating_duration_since(since) >= AWAY_MAX {
                Arc::make_mut(&mut book.held).retain(|_, holder| *holder != name);
            }
        }
    }

    /// Ends every lease.
    pub fn clear(&self) {
        *self.book() = Book::default();
    }

    /// The leases by holder.
    pub fn by_holder(&self) -> Vec<Lease> {
        let mut found: BTreeMap<Arc<str>, Vec<String>> = BTreeMap::new();
        for (drone, holder) in self.held().iter() {
            found.entry(holder.clone()).or_default().push(drone.as_ref().to_owned());
        }
        found
            .into_iter()
            .map(|(holder, drones)| Lease { holder: holder.as_ref().to_owned(), drones })
            .collect()
    }

    fn change(
        &self,
        drones: &[Arc<str>],
        mut each: impl FnMut(&mut Held, &Arc<str>) -> Verdict,
    ) -> BTreeMap<String, Verdict> {
        let mut book = self.book();
        let held = Arc::make_mut(&mut book.held);
        drones.iter().map(|id| (id.as_ref().to_owned(), each(held, id))).collect()
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Hears `claim` and `release` in the namespace of a swarm.
pub fn listen(gateway: &Gateway, flying: &Arc<Flying>) {
    let (at, commons) = (flying.clone(), gateway.commons().clone());
    hear(gateway, flying, "claim", move |_, socket, event| {
        answer(event, |arg| {
            let Claim { targets, take } = lease::parse(&arg)?;
            change((&commons, &at), &socket, ("claim", &targets), |who, drones| {
                at.leases.claim(who, drones, take)
            })
        });
        async {}
    });
    let (at, commons) = (flying.clone(), gateway.commons().clone());
    hear(gateway, flying, "release", move |_, socket, event| {
        answer(event, |arg| {
            let Release { targets, to } = lease::parse(&arg)?;
            change((&commons, &at), &socket, ("release", &targets), |who, drones| {
                at.leases.release(who, drones, to.as_deref())
            })
        });
        async {}
    });
}

/// Claims or releases drones on behalf of a client, and tells everybody at once.
fn change(
    (commons, flying): (&Commons, &Flying),
    socket: &Socket,
    (what, targets): (&str, &Targets),
    change: impl FnOnce(&str, &[Arc<str>]) -> BTreeMap<String, Verdict>,
) -> Result<Value, ApiError> {
    let seat = seat_of(socket)?;
    seat.limiter.check()?;
    let now = flying
        .desk
        .now()
        .ok_or_else(|| ApiError::new(ErrorCode::NotInState, "the swarm is just starting"))?;
    let drones = resolve(targets, &now.report.snapshot.table)?;
    let results = change(seat.name(), &drones);
    let detail = drones.iter().map(AsRef::as_ref).collect::<Vec<&str>>().join(" ");
    commons.note(
        &seat.caller,
        "socketio",
        Deed { kind: "lease", what, subject: &flying.id, result: "ok", detail },
    );
    flying.namespace.emit(event::PRESENCE, &presence::of(&flying.namespace, &flying.leases));
    Ok(json!({ "ok": true, "results": results }))
}

fn refused(holder: &str) -> Verdict {
    Verdict { result: CommandResult::NotInControl, reason: Some(format!("held by {holder}")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(names: &[&str]) -> Vec<Arc<str>> {
        names.iter().map(|&name| name.into()).collect()
    }

    #[test]
    fn what_somebody_holds_is_refused_to_others_by_name_until_it_is_released_handed_over_or_taken() {
        let leases = Leases::default();
        leases.claim("amira", &ids(&["a", "b"]), false);
        let answer = leases.claim("jonas", &ids(&["b", "c"]), false);
        assert_eq!(answer["b"].result, CommandResult::NotInControl);
        assert_eq!(answer["b"].reason.as_deref(), Some("held by amira"));
        assert_eq!(answer["c"].result, CommandResult::Completed);
        assert_eq!(leases.release("jonas", &ids(&["a"]), None)["a"].result, CommandResult::NotInControl);

        leases.release("amira", &ids(&["a"]), Some("jonas"));
        leases.claim("jonas", &ids(&["b"]), true);
        let holder = |id: &str| leases.held().get(id).map(|name| name.as_ref().to_owned());
        assert_eq!(
            [holder("a"), holder("b"), holder("c")],
            [const { "jonas" }; 3].map(|n| Some(n.to_owned()))
        );
        leases.release("jonas", &ids(&["a"]), None);
        assert_eq!(holder("a"), None);
    }

    #[test]
    fn whoever_comes_back_in_time_keeps_its_drones() {
        let (leases, start) = (Leases::default(), Instant::now());
        leases.claim("amira", &ids(&["a"]), false);
        let nobody = BTreeSet::new();
        leases.end_forsaken(&nobody, start);
        leases.end_forsaken(&BTreeSet::from(["amira"]), start + AWAY_MAX / 2);
        leases.end_forsaken(&nobody, start + AWAY_MAX);
        assert_eq!(leases.held().len(), 1);
        leases.end_forsaken(&nobody, start + AWAY_MAX * 2);
        assert!(leases.held().is_empty());
    }
}
