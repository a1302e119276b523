//! A server that sends one event of telemetry to everyone, many times a second, with nothing of this package but its
//! Socket.IO library: what `make bench-wire` measures.
//!
//! The event is `drones-update` in `/`. A client that does not keep up sees fewer of them, and never old ones.

use std::{
    net::SocketAddr,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use actix_web::{App, rt};
use bytes::{BufMut, Bytes, BytesMut};
use clap::Parser;
use hmrs::socketio::{Config, Deflate, Delivery, Frame, Namespace, SocketIo, listen};
use serde::Serialize;
use tokio::time::MissedTickBehavior;

#[derive(Parser)]
#[command(about = "A Socket.IO server that sends the same event to everyone, many times a second")]
struct Args {
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:3000")]
    bind: SocketAddr,
    /// Drones in each event; none are sent without drones.
    #[arg(long, default_value_t = 0)]
    drones: usize,
    /// Events a second.
    #[arg(long, default_value_t = 25)]
    rate_hz: u32,
    /// Threads that serve clients.
    #[arg(long, default_value_t = 1)]
    workers: usize,
    /// Sends an attachment of 16 bytes a drone instead of JSON.
    #[arg(long)]
    binary: bool,
    /// Deflates events, once for all clients that offer permessage-deflate.
    #[arg(long)]
    deflate: bool,
}

#[derive(Serialize)]
struct Update<'a> {
    seq: u64,
    wall_time_ms: f64,
    drones: &'a [Drone],
}

#[derive(Serialize)]
struct Drone {
    id: String,
    position: [f64; 3],
    velocity: [f64; 3],
    heading_deg: f64,
    mode: &'static str,
}

/// Drones that stand still: what moves would change nothing but the digits.
fn drones(count: usize) -> Vec<Drone> {
    let drone = |at| Drone {
        id: format!("drone-{at}"),
        position: [at as f64 + 0.25, at as f64 + 0.5, 10.75],
        velocity: [1.25, -0.5, 0.25],
        heading_deg: 90.5,
        mode: "hold",
    };
    (0..count).map(drone).collect()
}

#[allow(clippy::disallowed_methods)] // the load generator compares it with the same clock
fn wall_time_ms() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64() * 1000.0)
}

/// The same number and time where the binary frames of `hmrs serve` have them (docs/PROTOCOL.md), and room for the drones.
fn attachment(seq: u32, wall_time_ms: f64, drones: usize) -> Bytes {
    let mut out = BytesMut::with_capacity(64 + 16 * drones);
    out.put_slice(b"HMRS");
    out.put_bytes(0, 8);
    out.put_u32_le(seq);
    out.put_bytes(0, 8);
    out.put_f64_le(wall_time_ms);
    out.put_bytes(0, 32 + 16 * drones);
    out.freeze()
}

async fn broadcast(namespace: Namespace, drones: Vec<Drone>, rate_hz: u32, binary: bool) {
    let mut clock = tokio::time::interval(Duration::from_secs(1) / rate_hz);
    clock.set_missed_tick_behavior(MissedTickBehavior::Skip);
    for seq in 1.. {
        clock.tick().await;
        let frame = if binary {
            let attachment = attachment(seq, wall_time_ms(), drones.len());
            Frame::binary(namespace.name(), "drones-update", attachment)
        } else {
            let update = Update { seq: seq.into(), wall_time_ms: wall_time_ms(), drones: &drones };
            Frame::json(namespace.name(), "drones-update", &update)
        };
        namespace.publish("", &frame, Delivery::Latest { slot: "drones-update" });
    }
}

#[actix_web::main]
async fn main() -> std::io::Result<()> {
    let args = Args::parse();
    let deflate = if args.deflate { Deflate::Always } else { Deflate::Never };
    let io = SocketIo::new(Config { deflate, ..Config::default() });
    let namespace = io.of("/");
    if args.drones > 0 {
        rt::spawn(broadcast(namespace, drones(args.drones), args.rate_hz, args.binary));
    }
    let mount = io.configure();
    let server = actix_server::Server::build().workers(args.workers).shutdown_timeout(1);
    let listener = std::net::TcpListener::bind(args.bind)?;
    listen(server, listener, &io, move || App::new().configure(mount.clone()))?.run().await
}
