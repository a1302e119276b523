//! Who is connected to a swarm.

use crate::contract::outgoing::{Operator, Presence};
use crate::socketio::Namespace;

use super::Seat;

/// Named in a `presence-update`; beyond, only the count grows.
const OPERATORS_MAX: usize = 100;

/// Everybody in `namespace`, oldest first.
pub fn of(namespace: &Namespace) -> Presence {
    let sockets = namespace.sockets();
    let operators = sockets.iter().take(OPERATORS_MAX).filter_map(|socket| {
        let seat = socket.data::<Seat>()?;
        let (name, role) = (seat.name.clone(), seat.role.as_str().to_owned());
        Some(Operator { id: socket.id().to_owned(), name, role })
    });
    Presence { count: sockets.len(), operators: operators.collect() }
}
