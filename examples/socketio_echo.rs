//! A server of Engine.IO and Socket.IO that sends back what it gets, with nothing of this package but its library for that.
//!
//! `/engine.io/` returns every Engine.IO message, text or binary. `/socket.io/` has the namespaces `/` and `/custom`: each
//! emits `auth` with the CONNECT payload, answers `message` with `message-back` and the same arguments, and acks
//! `message-with-ack` with the same arguments.

use std::{net::SocketAddr, time::Duration};

use actix_web::{App, HttpServer};
use clap::Parser;
use hmrs::socketio::{Config, EngineIo, EngineSocket, Event, Message, Namespace, Socket, SocketIo, listen};
use serde_json::{Value, json};

#[derive(Parser)]
#[command(about = "An Engine.IO and Socket.IO server that sends back what it gets")]
struct Args {
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:3000")]
    bind: SocketAddr,
    /// From a pong to the next ping.
    #[arg(long, default_value_t = 25_000)]
    ping_interval_ms: u64,
    /// From a ping to its pong.
    #[arg(long, default_value_t = 20_000)]
    ping_timeout_ms: u64,
    /// How long a client may take to join a namespace.
    #[arg(long, default_value_t = 45_000)]
    connect_timeout_ms: u64,
    /// Bytes of a message or request body at most.
    #[arg(long, default_value_t = 1_000_000)]
    max_payload: usize,
    /// Carry WebSockets by actix-web-actors in place of giving each its socket.
    #[arg(long)]
    actor_carrier: bool,
}

/// Both servers with the same settings, each at its own path.
pub fn servers(config: Config) -> (EngineIo, SocketIo) {
    let engine_config = Config { path: "/engine.io/".to_owned(), ..config.clone() };
    let engine = EngineIo::new(engine_config, |socket: EngineSocket, message: Message| async move {
        socket.send(&message);
    });
    let io = SocketIo::new(config);
    echo(&io.of("/"));
    echo(&io.of("/custom"));
    (engine, io)
}

fn echo(namespace: &Namespace) {
    namespace.on_connect(|socket: Socket, auth: Value| async move {
        let auth = if auth.is_null() { json!({}) } else { auth };
        socket.emit("auth", &auth);
    });
    namespace.on("message", |socket: Socket, event: Event| async move {
        socket.emit_args("message-back", &event.args, &event.attachments);
    });
    namespace.on("message-with-ack", |_socket: Socket, event: Event| async move {
        if let Some(ack) = event.ack {
            ack.send_args(&event.args, &event.attachments);
        }
    });
}

#[actix_web::main]
async fn main() -> std::io::Result<()> {
    env_logger::init();
    let args = Args::parse();
    let (engine, io) = servers(Config {
        ping_interval: Duration::from_millis(args.ping_interval_ms),
        ping_timeout: Duration::from_millis(args.ping_timeout_ms),
        connect_timeout: Duration::from_millis(args.connect_timeout_ms),
        max_payload: args.max_payload,
        ..Config::default()
    });
    let (engine_mount, io_mount) = (engine.configure(), io.configure());
    let app = move || App::new().configure(engine_mount.clone()).configure(io_mount.clone());
    if args.actor_carrier {
        let server = HttpServer::new(app).on_connect(io.on_connect()).h1_allow_half_closed(false);
        return server.shutdown_timeout(1).bind(args.bind)?.run().await;
    }
    let builder = actix_server::Server::build().shutdown_timeout(1);
    listen(builder, std::net::TcpListener::bind(args.bind)?, &io, app)?.run().await
}
