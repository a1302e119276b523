//! Sending to some of a namespace.

use serde::Serialize;

use super::{
    frame::{Delivery, Frame},
    namespace::Namespace,
    socket::Socket,
};

/// A selection of sockets: those in any of the rooms named with `to` (everyone, if there is none), each once, without
/// those in any room named with `except`. A socket's id is a room that holds only it.
#[derive(Clone, Debug)]
pub struct Broadcast {
    namespace: Namespace,
    rooms: Vec<String>,
    except: Vec<String>,
}

impl Broadcast {
    pub(super) fn new(namespace: Namespace) -> Self {
        Self { namespace, rooms: Vec::new(), except: Vec::new() }
    }

    /// Adds the members of a room.
    #[must_use]
    pub fn to(mut self, room: &str) -> Self {
        self.rooms.push(room.to_owned());
        self
    }

    /// Leaves out the members of a room.
    #[must_use]
    pub fn except(mut self, room: &str) -> Self {
        self.except.push(room.to_owned());
        self
    }

    /// Sends an event with one argument: ordered, never dropped, encoded once.
    pub fn emit(&self, event: &str, payload: &impl Serialize) {
        self.publish(&Frame::json(self.namespace.name(), event, payload), Delivery::Event);
    }

    /// Sends an event with one argument that replaces one of the same slot which still waits.
    pub fn emit_latest(&self, slot: &'static str, event: &str, payload: &impl Serialize) {
        self.publish(&Frame::json(self.namespace.name(), event, payload), Delivery::Latest { slot });
    }

    /// Hands one encoded frame to every socket of the selection.
    pub fn publish(&self, frame: &Frame, delivery: Delivery) {
        self.sockets().iter().for_each(|socket| socket.emit_frame(frame, delivery));
    }

    /// The sockets of the selection.
    pub fn sockets(&self) -> Vec<Socket> {
        self.namespace.hub().select(&self.rooms, &self.except)
    }

    /// Makes them join a room.
    pub fn join(&self, room: &str) {
        self.sockets().iter().for_each(|socket| {
            socket.join(room);
        });
    }

    /// Makes them leave a room.
    pub fn leave(&self, room: &str) {
        self.sockets().iter().for_each(|socket| {
            socket.leave(room);
        });
    }

    /// Puts them out; see [`Socket::disconnect`].
    pub fn disconnect(&self, close: bool) {
        self.sockets().iter().for_each(|socket| socket.disconnect(close));
    }
}
