//! Rooms of telemetry, and how a client takes its seat in one.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::contract::{event, outgoing};
use crate::socketio::{Delivery, Frame, Namespace, Socket};

use super::subscriptions::{Encoding, Subscription, Topic};
use super::{Flying, Seat, frames};

/// The telemetry rooms in which somebody sits, with what they get.
#[derive(Debug, Default)]
pub struct Rooms(Mutex<BTreeMap<String, Seats>>);

#[derive(Debug)]
struct Seats {
    topic: Topic,
    subscription: Subscription,
    /// The newest link of the room's chain, for who comes late.
    newest: Option<Frame>,
}

/// A room in which somebody sits.
#[derive(Debug)]
pub struct Room {
    /// Its name.
    pub name: String,
    /// What it is about.
    pub topic: Topic,
    /// What all in it get.
    pub subscription: Subscription,
}

impl Rooms {
    /// Opens a room in which somebody sits already: an empty one would be closed. Opening it again changes nothing.
    fn open(&self, room: String, topic: Topic, subscription: &Subscription) {
        let seats = || Seats { topic, subscription: subscription.clone(), newest: None };
        self.lock().entry(room).or_insert_with(seats);
    }

    /// Closes the rooms that everybody has left and returns the others.
    pub fn occupied(&self, namespace: &Namespace) -> Vec<Room> {
        let mut rooms = self.lock();
        rooms.retain(|room, _| namespace.room_len(room) > 0);
        let room = |(name, seats): (&String, &Seats)| Room {
            name: name.clone(),
            topic: seats.topic,
            subscription: seats.subscription.clone(),
        };
        rooms.iter().map(room).collect()
    }

    /// Keeps the newest link of a room's chain.
    pub fn set_newest(&self, room: &str, frame: Frame) {
        if let Some(seats) = self.lock().get_mut(room) {
            seats.newest = Some(frame);
        }
    }

    fn newest(&self, room: &str) -> Option<Frame> {
        self.lock().get(room)?.newest.clone()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Seats>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Moves a client to the room of its subscription and shows it the newest frame at once.
pub fn sit_down(
    flying: &Flying,
    rooms: &Rooms,
    socket: &Socket,
    seat: &Seat,
    topic: Topic,
    subscription: &Subscription,
) {
    let before = seat.subscriptions().insert(topic, subscription.clone());
    if let Some(before) = &before {
        socket.leave(&before.room(topic));
    }
    if topic == Topic::Drones {
        socket.set_in_flight_max(event::DRONES, subscription.in_flight_max);
        if !subscription.needs_table() {
            socket.leave(event::DRONES_TABLE);
        } else if !before.is_some_and(|before| before.needs_table()) {
            socket.join(event::DRONES_TABLE);
            tell_table(flying, socket);
        }
    }
    let room = subscription.room(topic);
    socket.join(&room);
    if topic.is_telemetry() {
        rooms.open(room, topic, subscription);
    }
    send_newest(flying, rooms, socket, topic);
}

/// Tells who begins to need it which drones there are. The others were told, and are told of every change: to say it again
/// with every change of encoding would hold a weak link up for longer than a second of frames.
fn tell_table(flying: &Flying, socket: &Socket) {
    let Some(now) = flying.desk.now() else { return };
    let table = outgoing::drones_table(&now.report.snapshot.table, now.epoch);
    let frame = Frame::raw_json(flying.namespace.name(), event::DRONES_TABLE, &table);
    socket.emit_frame(&frame, Delivery::Passing);
}

/// The newest frame of a telemetry topic in the form that the client has subscribed to. A chain that is about to begin sends
/// it by itself.
pub fn send_newest(flying: &Flying, rooms: &Rooms, socket: &Socket, topic: Topic) {
    let (Some(now), Some(seat)) = (flying.desk.now(), socket.data::<Seat>()) else { return };
    let name = flying.namespace.name();
    let Some(subscription) = seat.subscriptions().get(&topic).cloned() else { return };
    let frame = match (topic, subscription.encoding) {
        (Topic::Status, _) => Frame::raw_json(name, event::STATUS, &now.status),
        (Topic::Visualization, _) => Frame::raw_json(name, event::VISUALIZATION, &now.visualization),
        (Topic::Drones, Some(Encoding::Binary)) => Frame::binary(name, event::DRONES, frames::encode(&now)),
        (Topic::Drones, Some(Encoding::Delta)) => {
            socket.restart_chain(event::DRONES);
            let Some(frame) = rooms.newest(&subscription.room(topic)) else { return };
            frame
        }
        (Topic::Drones, _) => frames::drones_frame(name, &now, &subscription),
        _ => return,
    };
    socket.emit_frame(&frame, Delivery::Latest { slot: topic.event() });
}
