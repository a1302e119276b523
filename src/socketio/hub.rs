//! Who is in which room of a namespace. A published frame goes straight into its members' outboxes: no message a client.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use super::{
    frame::{Delivery, Forms},
    socket::Socket,
};

/// The rooms of one namespace. The room with the empty name holds everyone.
///
/// A join is visible to every publication that begins after it returned.
#[derive(Debug, Default)]
pub(super) struct Hub {
    rooms: RwLock<HashMap<Arc<str>, Room>>,
}

/// Members side by side, so that a publication runs through memory and not through a hash map.
#[derive(Debug, Default)]
struct Room {
    members: Vec<Socket>,
    index: HashMap<Arc<str>, usize>,
}

impl Room {
    fn insert(&mut self, socket: &Socket) -> bool {
        if self.index.contains_key(socket.id()) {
            return false;
        }
        self.index.insert(socket.shared_id(), self.members.len());
        self.members.push(socket.clone());
        true
    }

    fn remove(&mut self, id: &str) -> bool {
        let Some(at) = self.index.remove(id) else { return false };
        self.members.swap_remove(at);
        if let Some(moved) = self.members.get(at) {
            self.index.insert(moved.shared_id(), at);
        }
        true
    }
}

impl Hub {
    pub(super) fn join(&self, room: &str, socket: &Socket) -> bool {
        let mut rooms = self.write();
        if let Some(known) = rooms.get_mut(room) {
            return known.insert(socket);
        }
        rooms.entry(Arc::from(room)).or_default().insert(socket)
    }

    pub(super) fn leave(&self, room: &str, id: &str) -> bool {
        let mut rooms = self.write();
        let Some(known) = rooms.get_mut(room) else { return false };
        let left = known.remove(id);
        if known.members.is_empty() {
            rooms.remove(room);
        }
        left
    }

    pub(super) fn len(&self, room: &str) -> usize {
        self.read().get(room).map_or(0, |room| room.members.len())
    }

    pub(super) fn get(&self, id: &str) -> Option<Socket> {
        let rooms = self.read();
        let everyone = rooms.get("")?;
        everyone.index.get(id).map(|&at| everyone.members[at].clone())
    }

    pub(super) fn members(&self, room: &str) -> Vec<Socket> {
        self.read().get(room).map(|room| room.members.clone()).unwrap_or_default()
    }

    /// Pushes a frame to each member of a room.
    pub(super) fn publish(&self, room: &str, forms: &Forms, delivery: Delivery) {
        if let Some(room) = self.read().get(room) {
            room.members.iter().for_each(|member| member.push(forms, delivery));
        }
    }

    /// The sockets in any of `rooms` (everyone when there are none), each once, without those in any of `except`.
    /// A socket's own id counts as a room of which it is the only member.
    pub(super) fn select(&self, rooms: &[String], except: &[String]) -> Vec<Socket> {
        let index = self.read();
        let in_room = |name: &str| -> Vec<Socket> {
            let named = index.get(name).map(|room| room.members.clone()).unwrap_or_default();
            let own = index.get("").and_then(|all| all.index.get(name).map(|&at| all.members[at].clone()));
            named.into_iter().chain(own).collect()
        };
        let mut seen: HashSet<Arc<str>> =
            except.iter().flat_map(|room| in_room(room)).map(|socket| socket.shared_id()).collect();
        let everyone = [String::new()];
        let rooms = if rooms.is_empty() { &everyone[..] } else { rooms };
        let candidates = rooms.iter().flat_map(|room| in_room(room));
        candidates.filter(|socket| seen.insert(socket.shared_id())).collect()
    }

    fn read(&self) -> RwLockReadGuard<'_, HashMap<Arc<str>, Room>> {
        self.rooms.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, HashMap<Arc<str>, Room>> {
        self.rooms.write().unwrap_or_else(PoisonError::into_inner)
    }
}
