//! What clients cost that are connected and say nothing: in a process of its own, because what it allocates is counted.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on should stop here")]

#[path = "support/socketio.rs"]
mod support;

use std::{
    alloc::System,
    io::{Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use support::*;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const CLIENTS: usize = 200;
/// Bytes for each of them. The parts that may come to it are the tasks that read and write, the actor with its mailbox and
/// what others hold of the session; a buffer that stays behind is larger than all of them.
const BYTES_MAX: usize = 6 * 1024;

/// A client that has joined `/`. It lives in this process too, so it is no more than its socket.
fn join(port: u16) -> TcpStream {
    let mut socket = TcpStream::connect(("127.0.0.1", port)).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(15))).unwrap();
    let request = "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n\
                   Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n";
    socket.write_all(request.as_bytes()).unwrap();
    let mut read = Vec::new();
    // As clients do: what comes in one piece with the request is read from another buffer.
    read_until(&mut socket, &mut read, b"\r\n\r\n");
    let masked_connect = [0x81, 0x80 | 2, 0, 0, 0, 0, b'4', b'0'];
    socket.write_all(&masked_connect).unwrap();
    read_until(&mut socket, &mut read, b"40{\"sid\"");
    socket
}

fn read_until(socket: &mut TcpStream, read: &mut Vec<u8>, end: &[u8]) {
    let mut piece = [0; 512];
    while !read.windows(end.len()).any(|bytes| bytes == end) {
        let taken = socket.read(&mut piece).unwrap();
        assert!(taken > 0, "{}", String::from_utf8_lossy(read));
        read.extend_from_slice(&piece[..taken]);
    }
}

#[actix_web::test]
async fn an_idle_client_keeps_no_buffer() {
    if is_carried_by_actor() {
        return; // there actix-http keeps two for each
    }
    let server = server(calm(), |io| {
        io.of("/");
    });
    let port = server.port;
    let measured = tokio::task::spawn_blocking(move || {
        let mut clients = Vec::with_capacity(CLIENTS + 1);
        clients.push(join(port));
        let region = Region::new(ALLOCATOR);
        clients.extend((0..CLIENTS).map(|_| join(port)));
        let change = region.change();
        change.bytes_allocated.saturating_sub(change.bytes_deallocated) / CLIENTS
    });
    let each = measured.await.unwrap();
    println!("{each} bytes for each of {CLIENTS} idle clients");
    assert!(each < BYTES_MAX, "{each} bytes");
}
