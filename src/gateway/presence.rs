//! Who is connected to a swarm, and who holds what.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use crate::contract::outgoing::{Operator, Presence};
use crate::socketio::Namespace;

use super::door::Seat;
use super::leases::Leases;

/// Named in a `presence-update`; beyond, only the count grows.
const OPERATORS_MAX: usize = 100;

/// Everybody in `namespace`, oldest first, after ending the leases of those who are gone.
pub fn of(namespace: &Namespace, leases: &Leases) -> Presence {
    let sockets = namespace.sockets();
    let seats: Vec<Arc<Seat>> = sockets.iter().filter_map(|socket| socket.data::<Seat>()).collect();
    let present: BTreeSet<&str> = seats.iter().map(|seat| seat.name()).collect();
    leases.end_forsaken(&present, Instant::now());
    let operators = sockets.iter().take(OPERATORS_MAX).filter_map(|socket| {
        let seat = socket.data::<Seat>()?;
        let (name, role) = (seat.name().to_owned(), seat.caller.role().as_str().to_owned());
        Some(Operator { id: socket.id().to_owned(), name, role })
    });
    Presence { count: sockets.len(), operators: operators.collect(), leases: leases.by_holder() }
}
