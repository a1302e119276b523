//! What the events mean: swarms seen in namespaces, subscriptions, frames, and the one way in for commands.
//!
//! The default swarm is seen in the namespace `/`, any other in `/swarms/{id}`. A client that only connects and
//! listens gets everything; [`subscriptions`] change that. Frames are encoded once by the [`frames::Publisher`].

pub mod archive;
pub mod chains;
pub mod commands;
pub mod comparison;
pub mod desk;
pub mod door;
pub mod frames;
pub mod helm;
pub mod leases;
pub mod limits;
pub mod presence;
pub mod rooms;
pub mod subscriptions;

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use actix::prelude::*;
use serde_json::{Value, json};

use crate::contract::access::{Gatekeeper, Role};
use crate::contract::archive::Archive;
use crate::contract::error::{ApiError, ErrorCode};
use crate::contract::event;
use crate::contract::mission;
use crate::contract::outgoing;
use crate::contract::record::Recorder;
use crate::sim::Scenario;
use crate::socketio::{self, Delivery, Frame, Grant, Namespace, Refusal, Socket, SocketIo};
use crate::swarm::{
    Beginning, Published, Pulse, RunInfo, Settings, SharedHistogram, Shelf, Swarm, wall_time_ms,
};

use desk::{Desk, LogQuery};
use door::{Seat, hear, seat_of};
use frames::Publisher;
use helm::Helm;
use leases::Leases;
use limits::Allowances;
use rooms::{Rooms, send_newest, sit_down};
use subscriptions::{Subscribe, Subscription, Topic};

/// Name of the swarm that routes and the namespace `/` mean when none is named.
pub const DEFAULT_SWARM: &str = "default";
/// Largest `message`, in bytes of JSON, that is passed on to everyone.
const MESSAGE_BYTES_MAX: usize = 64 * 1024;
/// A `message` counts once, and once more for each of these.
const MESSAGE_PIECE_BYTES: usize = 1024;
/// Entries of one `communication-log-update`.
const LOG_BATCH_ENTRIES: usize = 1000;
/// Swarms that one server flies.
const SWARMS_MAX: usize = 32;

/// What every swarm of a server shares.
#[derive(Clone)]
pub struct Commons {
    /// The Socket.IO server.
    pub io: SocketIo,
    /// Scenarios that can be loaded by name.
    pub shelf: Arc<Shelf>,
    /// Keeps the runs.
    pub recorder: Arc<dyn Recorder>,
    /// Gives them back; `None` if this server records nothing.
    pub archive: Option<Arc<dyn Archive>>,
    /// How a swarm that is made in flight is flown, unless its maker says otherwise.
    pub template: Settings,
    /// Decides who comes in.
    pub gatekeeper: Arc<dyn Gatekeeper>,
    /// What everybody may ask for.
    pub allowances: Arc<Allowances>,
    /// From a command's arrival to its ack.
    pub command_latency: Arc<SharedHistogram>,
    /// Identifies this build to consoles that may be older than the server.
    pub build: Arc<str>,
}

/// The swarms of this server.
#[derive(Clone)]
pub struct Gateway {
    commons: Commons,
    swarms: Arc<RwLock<BTreeMap<String, Arc<Flying>>>>,
    forks: Arc<Mutex<archive::Forks>>,
    draining: Arc<AtomicBool>,
}

/// A swarm, and where it is seen.
pub struct Flying {
    /// Its name.
    pub id: Arc<str>,
    /// The way to the actor.
    pub helm: Helm,
    /// Whether it plays a recorded run.
    pub is_replay: bool,
    /// Its signs of life.
    pub pulse: Arc<Pulse>,
    /// The newest of everything.
    pub desk: Arc<Desk>,
    /// Who may command which drones.
    pub leases: Arc<Leases>,
    /// From a tick to the moment at which a frame of it is sent.
    pub frame_age: Arc<SharedHistogram>,
    /// Where its clients are.
    pub namespace: Namespace,
    publisher: ArbiterHandle,
}

impl Gateway {
    /// A gateway without swarms.
    pub fn new(commons: Commons) -> Self {
        Self { commons, swarms: Arc::default(), forks: Arc::default(), draining: Arc::default() }
    }

    /// What every swarm of this server shares.
    pub fn commons(&self) -> &Commons {
        &self.commons
    }

    /// The swarm `id`.
    ///
    /// # Errors
    /// `not_found` with the names of the swarms there are.
    pub fn swarm(&self, id: &str) -> Result<Arc<Flying>, ApiError> {
        let swarms = self.swarms.read().unwrap_or_else(PoisonError::into_inner);
        swarms.get(id).cloned().ok_or_else(|| {
            let known = swarms.keys().cloned().collect::<Vec<_>>().join(", ");
            ApiError::new(ErrorCode::NotFound, format!("there is no swarm {id:?}; there are {known}"))
                .at("swarm")
        })
    }

    /// Every swarm, in order of their names.
    pub fn swarms(&self) -> Vec<Arc<Flying>> {
        self.swarms.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// Starts a swarm.
    ///
    /// # Errors
    /// `conflict` if there is one of that name, or too many; `bad_request` for a name that does not fit in a path.
    pub fn launch(&self, settings: Settings, beginning: Beginning) -> Result<Arc<Flying>, ApiError> {
        let (shelf, recorder) = (self.commons.shelf.clone(), self.commons.recorder.clone());
        self.put_up(settings.id.clone(), false, |audience| {
            let (swarm, pulse) = Swarm::launch(settings, beginning, shelf, recorder, audience);
            (Helm::of(swarm), pulse)
        })
    }

    /// Makes a namespace for the swarm `id` and has it flown by what `start` starts.
    fn put_up(
        &self,
        id: Arc<str>,
        is_replay: bool,
        start: impl FnOnce(Recipient<Published>) -> (Helm, Arc<Pulse>),
    ) -> Result<Arc<Flying>, ApiError> {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if id.is_empty() || id.len() > 64 || !id.chars().all(is_plain) {
            let message = "a swarm's name has 1 to 64 letters, digits, - or _";
            return Err(ApiError::bad_request("name", message));
        }
        let mut swarms = self.swarms.write().unwrap_or_else(PoisonError::into_inner);
        if swarms.contains_key(id.as_ref()) {
            return Err(
                ApiError::new(ErrorCode::Conflict, format!("there is a swarm {id:?} already")).at("name")
            );
        }
        if swarms.len() == SWARMS_MAX {
            return Err(ApiError::new(
                ErrorCode::Conflict,
                format!("this server flies at most {SWARMS_MAX} swarms"),
            ));
        }
        let path = if id.as_ref() == DEFAULT_SWARM { "/".to_owned() } else { format!("/swarms/{id}") };
        let namespace = self.commons.io.of(&path);
        let (desk, rooms) = (Arc::new(Desk::default()), Arc::new(Rooms::default()));
        let (leases, frame_age) = (Arc::new(Leases::default()), Arc::new(SharedHistogram::default()));
        let greeter = Greeter { commons: self.commons.clone(), swarm: id.clone() };
        let welcome = Arc::new({
            let greeter = greeter.clone();
            move |run: &RunInfo| greeter.welcome(run, None)
        });
        let arbiter = Arbiter::new().handle();
        let publisher = {
            let (namespace, desk, rooms) = (namespace.clone(), desk.clone(), rooms.clone());
            let (leases, ages) = (leases.clone(), frame_age.clone());
            Publisher::start_in_arbiter(&arbiter, move |_| {
                let on_sent = Arc::new(move |age| ages.observe(age));
                Publisher::new(namespace, desk, rooms, leases, welcome, on_sent)
            })
        };
        let (helm, pulse) = start(publisher.recipient());
        let flying = Flying {
            id: id.clone(),
            helm,
            is_replay,
            pulse,
            desk,
            leases,
            frame_age,
            namespace,
            publisher: arbiter,
        };
        let flying = Arc::new(flying);
        wire(self, &flying, &rooms, &greeter);
        swarms.insert(id.as_ref().to_owned(), flying.clone());
        Ok(flying)
    }

    /// Ends a swarm and disconnects its clients.
    ///
    /// # Errors
    /// `not_found`, or `conflict` for the default swarm, which is always there.
    pub async fn end(&self, id: &str) -> Result<(), ApiError> {
        if id == DEFAULT_SWARM {
            return Err(ApiError::new(
                ErrorCode::Conflict,
                "the default swarm cannot be ended; load another scenario into it",
            ));
        }
        let flying = self.swarm(id)?;
        self.swarms.write().unwrap_or_else(PoisonError::into_inner).remove(id);
        self.commons.io.remove(flying.namespace.name());
        flying.helm.shutdown().await;
        flying.publisher.stop();
        Ok(())
    }

    /// Closes the run of every swarm; none takes commands any more.
    pub async fn shutdown(&self) {
        for flying in self.swarms() {
            flying.helm.shutdown().await;
        }
    }
}

/// Greets clients of one swarm.
#[derive(Clone)]
struct Greeter {
    commons: Commons,
    swarm: Arc<str>,
}

impl Greeter {
    /// Payload of `welcome`. Without a role when it goes to everyone, because a new run began.
    fn welcome(&self, run: &RunInfo, role: Option<Role>) -> Value {
        let scenario: &Scenario = &run.scenario;
        json!({
            "version": env!("CARGO_PKG_VERSION"),
            "build": self.commons.build,
            "swarm": self.swarm,
            "tick_hz": 1.0 / scenario.tick_s,
            "tick_s": scenario.tick_s,
            "origin": scenario.origin,
            "types": run.types,
            "groups": groups(scenario),
            "scenario": { "name": scenario.name, "title": scenario.title, "seed": run.seed, "hash": format!("{:016x}", scenario.hash()) },
            "fences": scenario.scene.fences,
            "obstacles": mission::known_obstacles(&scenario.scene.obstacles, scenario.mission.as_deref(), None).collect::<Vec<_>>(),
            "params_hash": run.params_hash,
            "run_id": run.id,
            "scenarios": self.commons.shelf.names(),
            "access": if self.commons.gatekeeper.needs_token() { "token" } else { "open" },
            "role": role,
        })
    }
}

/// The groups that the scenario's drones begin in, each once, in order.
fn groups(scenario: &Scenario) -> Vec<&str> {
    let mut groups: Vec<&str> = scenario.fleet.iter().filter_map(|block| block.group.as_deref()).collect();
    groups.sort_unstable();
    groups.dedup();
    groups
}

/// Connects the events of a namespace with its swarm.
fn wire(gateway: &Gateway, flying: &Arc<Flying>, rooms: &Arc<Rooms>, greeter: &Greeter) {
    let namespace = &flying.namespace;
    let commons = greeter.commons.clone();
    namespace.middleware(async move |shake: &socketio::Handshake, auth: &Value| {
        match commons.admit(shake, auth) {
            Ok(seat) => Ok(Grant::with(seat)),
            Err(error) => Err(Refusal::with_data(error.message.clone(), json!(error))),
        }
    });

    let (greeter, at, their_rooms) = (greeter.clone(), flying.clone(), rooms.clone());
    namespace.on_disconnect(|socket, reason| door::log_move(&socket, &format!("left: {reason}")));
    namespace.on_connect(move |socket, auth| {
        door::log_move(&socket, if socket.is_recovered() { "came back" } else { "connected" });
        let (greeter, at, rooms) = (greeter.clone(), at.clone(), their_rooms.clone());
        async move {
            if let Some(now) = at.desk.first().await {
                if socket.is_recovered() {
                    resume(&at, &rooms, &socket);
                } else {
                    greet(&greeter, &at, &now, &rooms, &socket, &auth);
                }
            }
        }
    });

    let (at, through) = (flying.clone(), gateway.clone());
    hear(gateway, flying, "command", move |seat, _, mut event| {
        let (at, through) = (at.clone(), through.clone());
        async move {
            let command = event.take_arg(0);
            let answer =
                commands::give(&through, &at, &seat.limiter, &seat.caller, "socketio", command).await;
            if let Some(ack) = event.ack {
                match answer {
                    Ok(answer) => ack.send(&answer),
                    Err((error, command_id)) => ack.send(&error.body(command_id.as_deref())),
                }
            }
        }
    });

    archive::wire(gateway, flying);
    let (at, their_rooms) = (flying.clone(), rooms.clone());
    hear(gateway, flying, "subscribe", move |_, socket, event| {
        answer(event, |arg| subscribe(&at, &their_rooms, &socket, arg));
        async {}
    });
    hear(gateway, flying, "unsubscribe", move |_, socket, event| {
        answer(event, |arg| unsubscribe(&socket, arg));
        async {}
    });
    leases::listen(gateway, flying);
    hear(gateway, flying, "message", move |_, socket, event| {
        answer(event, |arg| pass_on(&socket, arg));
        async {}
    });
    hear(gateway, flying, "frame-ack", move |_, socket, _| {
        socket.credit(event::DRONES);
        async {}
    });
    let (at, their_rooms) = (flying.clone(), rooms.clone());
    hear(gateway, flying, "keyframe", move |_, socket, _| {
        send_newest(&at, &their_rooms, &socket, Topic::Drones);
        async {}
    });
}

/// Answers an event's ack with `{"ok": true, …}` or `{"ok": false, "error": …}`.
fn answer(mut event: socketio::Event, handle: impl FnOnce(Value) -> Result<Value, ApiError>) {
    let answer = handle(event.take_arg(0)).unwrap_or_else(|error| error.body(None));
    if let Some(ack) = event.ack {
        ack.send(&answer);
    }
}

fn greet(greeter: &Greeter, flying: &Flying, now: &desk::Now, rooms: &Rooms, socket: &Socket, auth: &Value) {
    let Some(seat) = socket.data::<Seat>() else { return };
    let mut welcome = greeter.welcome(&now.run, Some(seat.caller.role()));
    // The scenario's fences may have been redrawn since the run began.
    welcome["fences"] = json!(now.report.snapshot.visual.fences);
    welcome["obstacles"] = json!(frames::known_obstacles(&now.run, &now.report.snapshot));
    socket.emit(event::WELCOME, &welcome);
    if let Some(after) = auth.get("logs_after").and_then(Value::as_u64) {
        catch_up(flying, socket, after);
    }
    let wished = std::mem::take(&mut *seat.subscriptions());
    for (topic, subscription) in &wished {
        sit_down(flying, rooms, socket, &seat, *topic, subscription);
    }
    tell_presence(flying, socket);
}

/// A client that was cut off has got every event that it missed; what replaces itself it gets as it is now.
fn resume(flying: &Flying, rooms: &Rooms, socket: &Socket) {
    let (Some(seat), Some(before)) = (socket.data::<Seat>(), socket.recovered_data::<Seat>()) else { return };
    let subscriptions = before.subscriptions().clone();
    seat.subscriptions().clear();
    for (topic, subscription) in &subscriptions {
        sit_down(flying, rooms, socket, &seat, *topic, subscription);
    }
    tell_presence(flying, socket);
}

fn tell_presence(flying: &Flying, socket: &Socket) {
    let presence = presence::of(&flying.namespace, &flying.leases);
    let frame = Frame::json(flying.namespace.name(), event::PRESENCE, &presence);
    socket.emit_frame(&frame, Delivery::Passing);
}

/// Tells a client that has read the log up to `after` what came since, and how commands ended in the meantime. An `after`
/// of 0 is a newcomer's, which has missed nothing.
fn catch_up(flying: &Flying, socket: &Socket, after: u64) {
    send_log_after(flying, socket, after);
    if after > 0 {
        let outcomes = flying.desk.outcomes_since(after);
        outcomes.iter().for_each(|update| socket.emit_frame(update, Delivery::Passing));
    }
}

fn send_log_after(flying: &Flying, socket: &Socket, mut after: u64) {
    loop {
        // An `after` of 0 asks for the beginning, where the desk would give the newest.
        let query = LogQuery { after, limit: LOG_BATCH_ENTRIES, ..LogQuery::default() };
        let entries = flying.desk.log(&query);
        let Some(last) = entries.last() else { return };
        after = last.seq;
        let is_last = entries.len() < LOG_BATCH_ENTRIES || query.after == 0;
        socket.emit(event::LOG_BATCH, &json!({ "entries": entries }));
        if is_last {
            return;
        }
    }
}

fn subscribe(flying: &Flying, rooms: &Rooms, socket: &Socket, arg: Value) -> Result<Value, ApiError> {
    let seat = seat_of(socket)?;
    let wanted = Subscribe::parse(arg)?;
    for (topic, subscription) in &wanted.topics {
        sit_down(flying, rooms, socket, &seat, *topic, subscription);
    }
    if let Some(after) = wanted.logs_after {
        catch_up(flying, socket, after);
    }
    let topics: BTreeMap<&str, &Subscription> =
        wanted.topics.iter().map(|(topic, s)| (topic.event(), s)).collect();
    Ok(json!({ "ok": true, "topics": topics }))
}

fn unsubscribe(socket: &Socket, arg: Value) -> Result<Value, ApiError> {
    let seat = seat_of(socket)?;
    for topic in subscriptions::parse_unsubscribe(&arg)? {
        if let Some(subscription) = seat.subscriptions().remove(&topic) {
            socket.leave(&subscription.room(topic));
        }
        if topic == Topic::Drones {
            socket.leave(event::DRONES_TABLE);
        }
    }
    let left: Vec<&str> = seat.subscriptions().keys().map(|topic| topic.event()).collect();
    Ok(json!({ "ok": true, "topics": left }))
}

fn pass_on(socket: &Socket, message: Value) -> Result<Value, ApiError> {
    let seat = seat_of(socket)?;
    let bytes = message.to_string().len();
    if bytes > MESSAGE_BYTES_MAX {
        let text =
            format!("the message has {bytes} bytes of JSON; at most {MESSAGE_BYTES_MAX} are passed on");
        return Err(ApiError::new(ErrorCode::TooLarge, text));
    }
    seat.chatter.check_n(NonZeroU32::MIN.saturating_add((bytes / MESSAGE_PIECE_BYTES) as u32))?;
    let response = json!({ "msg": message, "from": seat.name(), "time": outgoing::rfc3339(wall_time_ms()) });
    socket.namespace().emit(event::RESPONSE, &response);
    Ok(json!({ "ok": true }))
}
