//! A Socket.IO server for actix-web: Engine.IO v4 and Socket.IO v5 over polling and WebSocket, as the official clients speak
//! them. It is a library of its own and knows nothing of what it carries.
//!
//! # A chat
//!
//! ```no_run
//! use actix_web::{App, HttpServer};
//! use hmrs::socketio::{Config, Event, Grant, Handshake, Refusal, Socket, SocketIo};
//! use serde_json::{Value, json};
//!
//! struct User(String);
//!
//! #[actix_web::main]
//! async fn main() -> std::io::Result<()> {
//!     let io = SocketIo::new(Config::default());
//!     let chat = io.of("/");
//!     // Everyone passes the middleware first, and may be refused there.
//!     chat.middleware(async |_: &Handshake, auth: &Value| match auth["name"].as_str() {
//!         Some(name) => Ok(Grant::with(User(name.to_owned()))),
//!         None => Err(Refusal::new("tell me your name")),
//!     });
//!     chat.on_connect(|socket: Socket, _auth| async move {
//!         socket.emit("welcome", &json!({ "here": socket.namespace().len() }));
//!     });
//!     // A client's events come one after the other: the next waits until this future is done.
//!     chat.on("join", |socket: Socket, event: Event| async move {
//!         let joined = event.arg(0).as_str().is_some_and(|room| socket.join(room));
//!         if let Some(ack) = event.ack {
//!             ack.send(&json!({ "ok": joined }));
//!         }
//!     });
//!     chat.on("say", |socket: Socket, event: Event| async move {
//!         let user = socket.data::<User>();
//!         let words = json!({ "from": user.map(|user| user.0.clone()), "words": event.arg(1) });
//!         // Encoded once, however many are in the room.
//!         socket.namespace().to(event.arg(0).as_str().unwrap_or("lobby")).emit("said", &words);
//!     });
//!     chat.on_disconnect(|socket, reason| log::info!("{} left: {reason}", socket.id()));
//!
//!     let factory = { let io = io.clone(); move || App::new().configure(io.configure()) };
//!     HttpServer::new(factory)
//!         .on_connect(io.on_connect())
//!         .h1_allow_half_closed(false)
//!         .bind(("127.0.0.1", 5000))?
//!         .run()
//!         .await
//! }
//! ```
//!
//! Whoever builds the `HttpServer` must set both of its options: `h1_allow_half_closed(false)`, because otherwise a poll that
//! its client has dropped lives on until its session times out, and `on_connect`, because otherwise the connection of a
//! peer that no longer reads is never given up.
//!
//! # Rooms
//!
//! ```
//! # use hmrs::socketio::{Config, Event, Socket, SocketIo};
//! # let io = SocketIo::new(Config::default());
//! # let (chat, reading) = (io.of("/"), io.of("/reading"));
//! chat.on("whisper", |socket: Socket, event: Event| async move {
//!     socket.join("whisperers"); // at most `Limits::rooms_max` of them
//!     // Everybody in either room, once; not the one who whispers. An id is a room with one socket in it.
//!     let others = socket.namespace().to("whisperers").to("moderators").except(socket.id());
//!     others.emit("whispered", event.arg(0));
//! });
//! reading.to("attic").disconnect(true); // whole rooms can be moved, joined and put out
//! assert_eq!(chat.room_len("whisperers"), 0);
//! ```
//!
//! # Answers
//!
//! ```
//! # use std::time::Duration;
//! # use hmrs::socketio::{AckError, Config, Event, Socket, SocketIo};
//! # let io = SocketIo::new(Config::default());
//! # let chat = io.of("/");
//! chat.on("ask", |socket: Socket, event: Event| async move {
//!     // Asks the client back while it waits for its own answer. Acks do not queue behind events.
//!     let sure = socket.emit_with_ack("sure?", &"really", Duration::from_secs(5)).await;
//!     let answer = match sure {
//!         Ok(reply) => reply.args.first().cloned().unwrap_or_default(),
//!         Err(AckError::Timeout) => "too late".into(),
//!         Err(gone) => return log::info!("{gone}"),
//!     };
//!     if let Some(ack) = event.ack {
//!         ack.send(&answer);
//!     }
//! });
//! let votes = chat.everyone().emit_with_ack("vote", &"lunch?", Duration::from_secs(1));
//! # drop(votes);
//! ```
//!
//! # A namespace with a lock
//!
//! ```
//! # use hmrs::socketio::{Config, Grant, Handshake, Refusal, Socket, SocketIo};
//! # use serde_json::{Value, json};
//! # let io = SocketIo::new(Config::default());
//! # async fn look_up(token: &str) -> Option<String> { Some(token.to_owned()) }
//! struct Member(String);
//!
//! let members = io.of("/members");
//! members.middleware(async |handshake: &Handshake, auth: &Value| {
//!     let token = auth["token"].as_str().or(handshake.header("x-token")).unwrap_or_default();
//!     match look_up(token).await {
//!         Some(name) => Ok(Grant::with(Member(name))),
//!         // Clients hear `connect_error` with this message and data.
//!         None => Err(Refusal::with_data("who are you?", json!({ "code": "unauthorized" }))),
//!     }
//! });
//! members.on_connect(|socket: Socket, _auth| async move {
//!     if let Some(member) = socket.data::<Member>() {
//!         socket.broadcast().emit("arrived", &member.0);
//!     }
//! });
//! ```
//!
//! # Two classes of delivery
//!
//! [`Socket::emit`] and [`Delivery::Event`]: ordered, never dropped. A client that cannot take them within the bounds of its
//! outbox ([`Limits::outbox_packets_max`], [`Limits::outbox_bytes_max`]) is closed, and official clients come back.
//!
//! [`Delivery::Latest`]: telemetry. A frame that still waits is replaced by a newer one of its slot, so a slow client sees
//! fewer frames and never old ones, and a stalled one costs nothing. [`Socket::set_in_flight_max`] adds flow control by the
//! client's own word.
//!
//! Frames that say only what changed since the one before are a chain ([`Frame::linked`]): all of them arrive, or one that
//! stands alone takes the place of those that wait.
//!
//! A [`Frame`] is encoded once and shared by everyone who gets it: [`Namespace::publish`].
//!
//! [`Delivery::Volatile`]: now or never, for a client that is ready at this moment.
//!
//! # On demand
//!
//! - Namespaces that come and go with their clients: [`SocketIo::of_pattern`], [`SocketIo::of_matching`].
//! - Questions to one client or to many: [`Socket::emit_with_ack`], [`Broadcast::emit_with_ack`].
//! - Clients that were cut off get what they missed: [`Config::recovery`]. Every ordered event then has one more argument,
//!   unless it is [`Delivery::Passing`].
//! - permessage-deflate, each broadcast deflated once: [`Config::deflate`]. Not for this packet: [`Broadcast::compress`].
//! - The official admin page: [`SocketIo::serve_admin`].
//!
//! # Inside
//!
//! One actor a session (`session`) is the pump around the pure machines of [`protocol`]; bytes to the client flow around it,
//! from `outbox` to whichever carrier pulls: the pending poll (`polling`) or the body of the WebSocket (`websocket`).
//!
//! | file | notion |
//! |---|---|
//! | [`protocol`] | Engine.IO and Socket.IO as pure state machines and codecs |
//! | `server`, `entry` | sessions, namespaces, admission; what an HTTP request is checked for |
//! | `session`, `session_handle`, `inbox` | the actor; what others hold of it; its work in order |
//! | `outbox`, `slot`, `frame` | what waits for a client, and of telemetry; one encoded packet |
//! | `polling`, `websocket`, `websocket_line` | the carriers |
//! | `deflate` | compression of WebSocket messages |
//! | `namespace`, `socket`, `ack`, `handshake` | what a program sees |
//! | `registry` | which namespaces there are, and which come and go with their clients |
//! | `recovery` | what is remembered for clients that were cut off |
//! | `hub`, `broadcast` | rooms; sending to some |
//! | `admin`, `admin_view`, `admin_watch` | the namespace of the official admin page, what it shows, what it is told of |
//! | `engine` | Engine.IO without Socket.IO |
//! | `config`, `limits`, `stats`, `clock` | settings, bounds, counters, the time |

mod ack;
mod admin;
mod admin_view;
mod admin_watch;
mod broadcast;
mod clock;
mod config;
pub mod deflate;
mod engine;
mod entry;
mod frame;
mod handshake;
mod hub;
mod inbox;
mod limits;
mod namespace;
mod outbox;
mod polling;
pub mod protocol;
mod raw;
mod recovery;
mod registry;
mod server;
mod session;
mod session_handle;
mod slot;
mod socket;
mod stats;
mod websocket;
mod websocket_input;
mod websocket_line;

pub use ack::{Ack, AckError, AckReplies, AckReply};
pub use admin::{Admin, Holds};
pub use broadcast::Broadcast;
pub use config::{AllowedOrigins, Config, Deflate};
pub use engine::{EngineIo, EngineSocket, Message};
pub use frame::{Delivery, Frame, OnSent};
pub use handshake::{Grant, Handshake, Refusal};
pub use limits::Limits;
pub use namespace::{Event, Namespace};
pub use protocol::error::CloseReason;
pub use raw::{KEEP_ALIVE, listen};
pub use recovery::Recovery;
pub use server::SocketIo;
pub use slot::Link;
pub use socket::Socket;
pub use stats::Stats;
