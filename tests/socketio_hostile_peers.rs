//! Peers that are hostile in how they behave rather than in what they say: slow, vanishing, flooding with heads. Each is
//! refused or closed, and a bystander notices nothing.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "support/socketio.rs"]
mod support;

use std::time::Duration;

use hmrs::socketio::{Config, Deflate, Limits};
use support::*;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

const PATH: &str = "/socket.io/";
const ENGINE: &str = "/engine.io/";

/// Sends bytes over a fresh connection; the status of the answer, none if the connection was closed without one.
async fn status_of(port: u16, bytes: &[u8]) -> Option<u16> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let _ = stream.write_all(bytes).await;
    let mut answer = [0; 12];
    let read = timeout(Duration::from_secs(5), stream.read_exact(&mut answer)).await.expect("an end in time");
    read.ok().and_then(|_| std::str::from_utf8(&answer[9..]).unwrap().parse().ok())
}

/// The peer's side of a connection that is not closed but reset.
fn reset(stream: TcpStream) {
    socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
}

#[actix_web::test]
async fn two_thousand_headers_and_endless_heads_are_refused() {
    let server = echo_server(calm());
    let bystander = Bystander::of(&server).await;
    let line = "GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\n";
    let headers: String = (0..2000).map(|n| format!("X-{n}: y\r\n")).collect();
    let refused = status_of(server.port, format!("{line}{headers}\r\n").as_bytes()).await;
    assert!(matches!(refused, None | Some(400 | 431)), "{refused:?}");
    let endless = format!("{line}X-Endless: {}", "y".repeat(2 << 20));
    let refused = status_of(server.port, endless.as_bytes()).await;
    assert!(matches!(refused, None | Some(400 | 431)), "{refused:?}");
    assert_eq!(server.io.stats().sessions_opened, 1, "the bystander's alone");
    bystander.assert_undisturbed().await;
}

#[actix_web::test]
async fn fifty_thousand_spaces_in_a_header_cost_no_time() {
    let server = echo_server(Config { deflate: Deflate::Always, ..calm() });
    let bystander = Bystander::of(&server).await;
    let spaces = " ".repeat(50_000);
    let start = std::time::Instant::now();
    for header in ["Accept-Encoding", "Origin", "Sec-WebSocket-Extensions", "Content-Type", "Cookie"] {
        for transport in ["polling", "websocket"] {
            let request = format!(
                "GET /socket.io/?EIO=4&transport={transport} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n\
                 Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
                 {header}: a{spaces}b;{spaces},{spaces}\r\n\r\n"
            );
            let status = status_of(server.port, request.as_bytes()).await;
            assert!(matches!(status, None | Some(101 | 200 | 400 | 403 | 431)), "{header} {status:?}");
        }
    }
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    bystander.assert_undisturbed().await;
}

#[actix_web::test]
async fn bytes_behind_the_upgrade_request_are_heard_or_refused_whatever_they_are() {
    let server = echo_server(calm());
    let bystander = Bystander::of(&server).await;
    let target = "/socket.io/?EIO=4&transport=websocket";
    let join = [frame(true, TEXT, b"40"), frame(true, TEXT, b"42[\"message\",1]")].concat();
    let mut heard = Websocket::try_open(server.port, target, "", &join).await.ok().unwrap();
    heard.text().await;
    assert!(heard.text().await.starts_with("40{"));
    heard.text().await;
    assert_eq!(heard.text().await, "42[\"message-back\",1]");
    let huge = [frame_header(true, BINARY, 1 << 40), vec![0; 4]].concat();
    for (what, behind, code) in [
        ("another request", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(), 1002),
        ("zeros", vec![0; 100], 1002),
        ("a huge frame", huge, 1009),
    ] {
        let mut refused = Websocket::try_open(server.port, target, "", &behind).await.ok().unwrap();
        assert_eq!(refused.closed().await, Some(code), "{what}");
    }
    // Behind an upgrade that is refused as well.
    let refused = Websocket::try_open(server.port, &format!("{target}&sid=unknown"), "", &join).await;
    assert_eq!(refused.err(), Some(400));
    bystander.assert_undisturbed().await;
}

#[actix_web::test]
async fn resets_in_mid_upgrade_leave_the_session_as_it_was() {
    let server = echo_server(calm());
    let bystander = Bystander::of(&server).await;
    let session = Polling::open(server.port, ENGINE).await;
    let target = session.websocket_target();
    for said in [&[][..], &["2probe"], &["2probe", "4too early"]] {
        let mut probe = Websocket::open(server.port, &target).await;
        for text in said {
            probe.send(text).await;
        }
        if said.len() == 1 {
            assert_eq!(probe.text().await, "3probe");
        }
        reset(probe.stream);
        sleep_ms(20).await;
    }
    // Before the answer to the upgrade request is even read.
    let mut stream = TcpStream::connect(("127.0.0.1", server.port)).await.unwrap();
    let head = format!(
        "GET {target} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    reset(stream);
    sleep_ms(20).await;
    session.send("4still here").await;
    assert_eq!(session.poll().await, ["4still here"]);
    // And the upgrade still works.
    let mut probe = Websocket::open(server.port, &target).await;
    probe.send("2probe").await;
    assert_eq!(probe.text().await, "3probe");
    probe.send("5").await;
    probe.send("4moved").await;
    assert_eq!(probe.text().await, "4moved");
    // Reset behind it, the session is over.
    reset(probe.stream);
    eventually("the reset is noticed", || server.engine.stats().sessions_websocket == 0).await;
    eventually("no websocket is left but the bystander's", || {
        server.engine.stats().websockets_open == 0 && server.io.stats().websockets_open == 1
    })
    .await;
    bystander.assert_undisturbed().await;
}

#[actix_web::test]
async fn a_connection_that_does_nothing_is_given_up() {
    let hurried = Config {
        connect_timeout: Duration::from_millis(200),
        upgrade_timeout: Duration::from_millis(150),
        ping_interval: Duration::from_millis(300),
        ping_timeout: Duration::from_millis(200),
        ..calm()
    };
    let server = echo_server(hurried);
    // One never polls, one never joins, one never upgrades.
    let _never_polls = Polling::open(server.port, ENGINE).await;
    let (mut never_joins, _) = Websocket::session(server.port, PATH).await;
    let session = Polling::open(server.port, ENGINE).await;
    let mut never_upgrades = Websocket::open(server.port, &session.websocket_target()).await;
    never_upgrades.send("2probe").await;
    assert_eq!(never_upgrades.text().await, "3probe");
    assert_eq!(never_upgrades.closed().await, Some(1000));
    assert_eq!(never_joins.closed().await, Some(1000));
    eventually("all are gone", || {
        let (io, engine) = (server.io.stats(), server.engine.stats());
        io.sessions_polling + io.sessions_websocket + engine.sessions_polling + engine.websockets_open == 0
    })
    .await;
    let stats = server.io.stats();
    assert_eq!((stats.connect_timeouts, server.engine.stats().probes_failed), (1, 1));
}

#[actix_web::test]
async fn a_peer_that_reads_a_byte_at_a_time_holds_up_nobody_and_is_closed() {
    let limits = Limits { outbox_bytes_max: 200_000, ..Limits::default() };
    let config = Config { limits, unsent_bytes_max: Some(16 * 1024), ..calm() };
    let server = echo_server(config);
    let mut bystander = Bystander::of(&server).await;
    let small = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    small.set_recv_buffer_size(4096).unwrap();
    let address = std::net::SocketAddr::from(([127, 0, 0, 1], server.port));
    small.connect(&address.into()).unwrap();
    small.set_nonblocking(true).unwrap();
    let mut slow = TcpStream::from_std(small.into()).unwrap();
    slow.write_all(
        b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
          Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    )
    .await
    .unwrap();
    slow.write_all(&frame(true, TEXT, b"40")).await.unwrap();
    let nsp = server.io.of("/");
    eventually("both are in", || nsp.len() == 2).await;
    let large = "x".repeat(100_000);
    let mut byte = [0];
    for n in 0..200 {
        if nsp.len() == 1 {
            break;
        }
        nsp.emit("large", &large);
        assert!(bystander.0.text().await.len() > 100_000, "broadcast {n} reaches the bystander");
        let _ = timeout(Duration::from_millis(5), slow.read_exact(&mut byte)).await;
    }
    assert_eq!(nsp.len(), 1, "the slow peer is closed");
    assert_eq!(server.io.stats().overflows, 1);
    if !is_carried_by_actor() {
        eventually("its connection is not kept either", || server.io.stats().websockets_open == 1).await;
    }
    bystander.assert_undisturbed().await;
}

#[actix_web::test]
async fn a_head_or_a_body_that_comes_a_byte_at_a_time_disturbs_nobody() {
    let server = echo_server(calm());
    let bystander = Bystander::of(&server).await;
    let session = Polling::open(server.port, ENGINE).await;
    let request = format!("POST {} HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\n4slow!", session.target);
    let mut stream = TcpStream::connect(("127.0.0.1", server.port)).await.unwrap();
    stream.set_nodelay(true).unwrap();
    for byte in request.bytes() {
        stream.write_all(&[byte]).await.unwrap();
        sleep_ms(1).await;
    }
    assert_eq!(session.poll().await, ["4slow!"]);
    let (mut drops, _) = Websocket::session(server.port, ENGINE).await;
    for byte in frame(true, TEXT, b"4drops") {
        drops.raw(&[byte]).await;
        sleep_ms(1).await;
    }
    assert_eq!(drops.text().await, "4drops");
    bystander.assert_undisturbed().await;
}

#[actix_web::test]
async fn a_flood_of_pongs_or_of_unasked_acks_changes_nothing() {
    let server = echo_server(calm());
    let bystander = Bystander::of(&server).await;
    let mut websocket = Websocket::joined(server.port, "/").await;
    websocket.text().await;
    for _ in 0..10 {
        websocket.raw(&frame(true, TEXT, b"3").repeat(500)).await;
        websocket.raw(&frame(true, TEXT, b"439007199254740991[1]").repeat(500)).await;
        // Control frames of the WebSocket itself, answers to pings that were never sent.
        websocket.raw(&frame(true, 10, b"pong").repeat(500)).await;
    }
    websocket.send("42[\"message\",1]").await;
    assert_eq!(websocket.text().await, "42[\"message-back\",1]");
    bystander.assert_undisturbed().await;
}

#[actix_web::test]
async fn endless_empty_continuations_are_stopped() {
    let server = echo_server(calm());
    let bystander = Bystander::of(&server).await;
    for body in [&b""[..], b"x"] {
        let (mut websocket, _) = Websocket::session(server.port, ENGINE).await;
        let flood = [frame(false, TEXT, b"4"), frame(false, 0, body).repeat(100_000)].concat();
        let _ = websocket.stream.write_all(&flood).await;
        assert_eq!(websocket.closed().await, Some(1008));
    }
    bystander.assert_undisturbed().await;
}

#[actix_web::test]
async fn invalid_utf8_and_base64_close_their_session() {
    let server = echo_server(calm());
    for body in ["bAQ=", "b====", "b*", "4\u{1e}", "", "\u{1e}", "7", "0{}", "2", "5"] {
        let session = Polling::open(server.port, ENGINE).await;
        assert_eq!(session.post(body).await.status, 400, "{body:?}");
        assert!(session.is_closed().await, "{body:?}");
    }
    let session = Polling::open(server.port, ENGINE).await;
    let answer =
        Exchange::begin(server.port, "POST", &session.target, "", &[b'4', 0xff, 0xfe]).await.end().await;
    assert_eq!(answer.status, 400);
    let octets = "Content-Type: application/octet-stream\r\n";
    let session = Polling::open(server.port, ENGINE).await;
    let answer = Exchange::begin(server.port, "POST", &session.target, octets, b"4hello").await.end().await;
    assert_eq!(answer.status, 400);
    assert!(session.is_closed().await);
}

#[actix_web::test]
async fn memory_stays_flat_under_hostile_connections() {
    let server = echo_server(Config { deflate: Deflate::Always, ..calm() });
    async fn assault(port: u16) {
        for n in 0..200_u32 {
            let (mut websocket, _) = Websocket::session(port, ENGINE).await;
            let bytes = match n % 4 {
                0 => [frame_header(true, BINARY, 1 << 40), vec![0; 4]].concat(),
                1 => [frame_header(true, BINARY, 900_000), vec![0; 4]].concat(),
                2 => frame(false, TEXT, &[b'4'; 1000]).to_vec(),
                _ => vec![0xff; 1000],
            };
            let _ = websocket.stream.write_all(&bytes).await;
            if n % 8 >= 4 {
                reset(websocket.stream);
            }
        }
    }
    assault(server.port).await;
    eventually("all are gone", || server.engine.stats().websockets_open == 0).await;
    let before = resident_kib();
    for _ in 0..4 {
        assault(server.port).await;
    }
    eventually("all are gone", || server.engine.stats().websockets_open == 0).await;
    let grown = resident_kib().saturating_sub(before);
    println!("800 hostile connections: resident memory {before} KiB before, {grown} KiB more after");
    assert!(grown < 8 * 1024, "800 connections left {grown} KiB behind");
}

#[actix_web::test]
async fn a_client_that_posts_on_and_takes_no_answers_is_closed() {
    let server = echo_server(calm());
    let session = Polling::open(server.port, "/socket.io/").await;
    session.send("40").await;
    // More than inbox and outbox hold: it is held back for a while, and the next one overlaps.
    let body = vec!["42[\"message\",1]"; 2_000].join("\x1e");
    let post = async || Exchange::begin(server.port, "POST", &session.target, "", body.as_bytes()).await;
    let (one, other) = (post().await, post().await);
    assert!([one.end().await.status, other.end().await.status].contains(&400));
    assert!(session.is_closed().await);
}

#[actix_web::test]
async fn a_client_that_takes_no_answers_is_answered_late_and_then_no_more() {
    let server = echo_server(calm());
    let session = Polling::open(server.port, "/socket.io/").await;
    session.send("40").await;
    // Far more than inbox and outbox hold, each time. The eighth is the last that is not held back until there is room.
    let body = vec!["42[\"message\",1]"; 2_000].join("\x1e");
    for _ in 0..8 {
        session.send(&body).await;
    }
    let last = Exchange::begin(server.port, "POST", &session.target, "", body.as_bytes()).await;
    let mut next = 0;
    while next < 9 * 2_000 {
        next += session.poll().await.iter().filter(|packet| packet.starts_with("42")).count();
    }
    assert_eq!(last.end().await.status, 200);
}
