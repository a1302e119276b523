//! The event of `make bench-wire` from socketioxide, on one thread.

use std::{
    net::SocketAddr,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use clap::Parser;
use serde::Serialize;
use socketioxide::{SocketIo, extract::SocketRef};
use tokio::time::MissedTickBehavior;

#[derive(Parser)]
struct Args {
    #[arg(long)]
    bind: SocketAddr,
    #[arg(long, default_value_t = 0)]
    drones: usize,
    #[arg(long, default_value_t = 25)]
    rate_hz: u32,
    /// An attachment of 16 bytes a drone instead of JSON.
    #[arg(long)]
    binary: bool,
}

/// Number and time at their places, and room for the drones.
struct Attachment(Vec<u8>);

impl Attachment {
    fn new(seq: u64, drones: usize) -> Self {
        let mut bytes = vec![0; 64 + 16 * drones];
        bytes[..4].copy_from_slice(b"HMRS");
        bytes[12..16].copy_from_slice(&(seq as u32).to_le_bytes());
        bytes[24..32].copy_from_slice(&wall_time_ms().to_le_bytes());
        Self(bytes)
    }
}

impl Serialize for Attachment {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
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

async fn broadcast(io: SocketIo, args: Args) {
    let drones = drones(args.drones);
    let mut clock = tokio::time::interval(Duration::from_secs(1) / args.rate_hz);
    clock.set_missed_tick_behavior(MissedTickBehavior::Skip);
    for seq in 1.. {
        clock.tick().await;
        // An error here is a client that is full; the others have got it.
        let _ = if args.binary {
            io.emit("drones-update", &Attachment::new(seq, drones.len())).await
        } else {
            let update = Update { seq, wall_time_ms: wall_time_ms(), drones: &drones };
            io.emit("drones-update", &update).await
        };
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args = Args::parse();
    let (layer, io) = SocketIo::new_layer();
    io.ns("/", async |_: SocketRef| {});
    let listener = tokio::net::TcpListener::bind(args.bind).await?;
    if args.drones > 0 {
        tokio::spawn(broadcast(io, args));
    }
    let listener = axum::serve::ListenerExt::tap_io(listener, |stream| {
        let _ = stream.set_nodelay(true);
    });
    axum::serve(listener, axum::Router::new().layer(layer)).await?;
    Ok(())
}
