//! What clients cost that stop reading: in a process of its own, because it is measured.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "support/socketio.rs"]
mod support;

use std::time::Duration;

use hmrs::socketio::{Config, Delivery, Frame};
use serde_json::json;
use support::*;

/// For how long clients do not read; `SOCKETIO_STALL_S=60` is the full length.
#[allow(clippy::disallowed_methods, reason = "a test has no other settings")]
fn stall_s() -> u32 {
    std::env::var("SOCKETIO_STALL_S").ok().and_then(|s| s.parse().ok()).unwrap_or(2)
}

#[actix_web::test]
async fn three_clients_that_stop_reading_under_25_large_frames_a_second_cost_no_memory() {
    // No heartbeat ends them meanwhile.
    let server = server(Config { ping_interval: Duration::from_secs(3600), ..calm() }, |io| {
        io.of("/");
    });
    let nsp = server.io.of("/");
    let mut reading = Websocket::joined(server.port, "/").await;
    let large = "x".repeat(400_000);
    let mut publish = async |n: u32| {
        let frame = Frame::json("/", "state", &json!([n, large]));
        nsp.publish("", &frame, Delivery::Latest { slot: "state" });
        assert!(reading.text().await.starts_with(&format!("42[\"state\",[{n},")), "an old frame");
    };
    // What a reading client costs is there already.
    for n in 0..25 {
        publish(n).await;
    }
    let mut stalled = Vec::new();
    for _ in 0..3 {
        stalled.push(Websocket::joined(server.port, "/").await);
    }
    let before = resident_kib();
    let mut ticks = tokio::time::interval(Duration::from_millis(40));
    for n in 0..25 * stall_s() {
        ticks.tick().await;
        publish(n).await;
    }
    let grown = resident_kib().saturating_sub(before);
    println!("{} frames of 400 kB, three clients that do not read: {grown} KiB more", 25 * stall_s());
    assert!(grown < 5 * 1024, "{grown} KiB");
}
