//! Input that nobody sends by mistake: each is refused or closed with the right code, the server lives, and a bystander
//! notices nothing.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "support/socketio.rs"]
mod support;

use std::time::Instant;

use hmrs::socketio::{AllowedOrigins, Config, Limits};
use support::*;
use tokio::io::AsyncWriteExt;

const PATH: &str = "/socket.io/";
const ENGINE: &str = "/engine.io/";

/// Sends bytes over a fresh WebSocket session and returns the code it is closed with.
async fn code_for(server: &Server, path: &str, bytes: &[u8]) -> Option<u16> {
    let (mut websocket, _) = Websocket::session(server.port, path).await;
    // The server may close before it has read everything.
    let _ = websocket.stream.write_all(bytes).await;
    websocket.closed().await
}

#[actix_web::test]
async fn websocket_frames_against_the_rules_are_closed_with_the_code_for_it() {
    let server = echo_server(calm());
    let bystander = Bystander::of(&server).await;
    let reserved_bit = {
        let mut f = frame(true, TEXT, b"4a");
        f[0] |= 0x40;
        f
    };
    let unmasked = vec![0x81, 2, b'4', b'a'];
    let unfinished = frame(false, TEXT, b"4a");
    let cases: [(&str, Vec<u8>, u16); 15] = [
        ("unmasked", unmasked, 1002),
        ("reserved bit", reserved_bit, 1002),
        ("reserved opcode", frame(true, 3, b""), 1002),
        ("reserved control opcode", frame(true, 11, b""), 1002),
        ("control frame too long", frame(true, PING, &[0; 126]), 1002),
        ("fragmented control frame", frame(false, PING, b""), 1002),
        ("continuation of nothing", frame(true, 0, b"a"), 1002),
        ("message inside a message", [unfinished.clone(), frame(true, TEXT, b"4b")].concat(), 1002),
        ("close body of one byte", frame(true, CLOSE, &[3]), 1002),
        ("close code that may not be sent", frame(true, CLOSE, &1005_u16.to_be_bytes()), 1002),
        ("text that is not UTF-8", frame(true, TEXT, &[b'4', 0xff]), 1007),
        (
            "fragments that are not UTF-8",
            [frame(false, TEXT, &[b'4', 0xc3]), frame(true, 0, b"a")].concat(),
            1007,
        ),
        ("2^40 bytes declared", frame_header(true, BINARY, 1 << 40), 1009),
        ("2^63 bytes declared", [frame_header(true, BINARY, 1 << 63), vec![0; 4]].concat(), 1009),
        ("too many fragments", [unfinished, frame(false, 0, b"").repeat(2000)].concat(), 1008),
    ];
    for (what, mut bytes, code) in cases {
        bytes.extend_from_slice(&[0; 4]);
        assert_eq!(code_for(&server, ENGINE, &bytes).await, Some(code), "{what}");
    }
    bystander.assert_undisturbed().await;
}

#[actix_web::test]
async fn a_message_may_be_as_large_as_promised_and_no_larger() {
    let server = echo_server(Config { max_payload: 100_000, ..calm() });
    let (mut websocket, _) = Websocket::session(server.port, ENGINE).await;
    websocket.send_binary(&vec![7; 100_000]).await;
    assert_eq!(websocket.binary().await.len(), 100_000);
    let half = vec![7; 50_000];
    websocket.raw(&[frame(false, BINARY, &half), frame(true, 0, &half)].concat()).await;
    assert_eq!(websocket.binary().await.len(), 100_000);
    let too_much = [frame(false, BINARY, &half), frame_header(true, 0, 50_001), vec![0; 4]].concat();
    assert_eq!(code_for(&server, ENGINE, &too_much).await, Some(1009));
    let session = Polling::open(server.port, ENGINE).await;
    assert_eq!(session.post(&format!("4{}", "x".repeat(99_999))).await.status, 200);
    let answer = session.post(&format!("4{}", "x".repeat(100_000))).await;
    assert_eq!(answer.status, 413);
    eventually("the session is closed", || server.engine.stats().sessions_polling == 0).await;
}

#[actix_web::test]
async fn a_body_that_is_announced_too_large_is_not_waited_for() {
    let server = echo_server(Config { max_payload: 10_000, ..calm() });
    let session = Polling::open(server.port, ENGINE).await;
    let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", server.port)).await.unwrap();
    let head = format!(
        "POST {} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nContent-Length: 10001\r\n\r\n4",
        session.target, server.port
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    tokio::io::AsyncReadExt::read_exact(&mut stream, &mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 413");
}

#[actix_web::test]
async fn a_chunked_body_is_counted_as_it_comes() {
    let server = echo_server(Config { max_payload: 10_000, ..calm() });
    let session = Polling::open(server.port, ENGINE).await;
    let chunk = format!("1000\r\n{}\r\n", "4".repeat(0x1000)).repeat(8);
    let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", server.port)).await.unwrap();
    let head = format!(
        "POST {} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nTransfer-Encoding: chunked\r\n\r\n",
        session.target, server.port
    );
    stream.write_all(format!("{head}{chunk}").as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    tokio::io::AsyncReadExt::read_exact(&mut stream, &mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 413");
}

#[actix_web::test]
async fn a_third_of_a_million_packets_in_one_body_are_read_within_a_second() {
    let server = echo_server(calm());
    let bystander = Bystander::of(&server).await;
    let session = Polling::open(server.port, ENGINE).await;
    let pongs = vec!["3"; 333_333].join("\x1e");
    let start = Instant::now();
    let answer = session.post(&pongs).await;
    assert_eq!(answer.status, 200);
    assert!(start.elapsed().as_millis() < 1000, "{:?}", start.elapsed());
    bystander.assert_undisturbed().await;
}

#[actix_web::test]
async fn socketio_packets_against_the_grammar_close_the_connection() {
    let server = echo_server(calm());
    let bystander = Bystander::of(&server).await;
    let deep = format!("42[\"message\",{}{}]", "[".repeat(100_000), "]".repeat(100_000));
    let long_namespace = format!("40/{},", "n".repeat(300));
    let long_event = format!("42[\"{}\"]", "e".repeat(200));
    let packets = [
        "45",
        "451",
        "45a-",
        "451.23-",
        "450-[\"a\"]",
        "4511-[\"a\"]",
        "451000000000-[\"a\"]",
        "45-1-[\"a\"]",
        "451-[\"a\",{\"_placeholder\":true,\"num\":1}]",
        "451-[\"a\",{\"_placeholder\":true,\"num\":-1}]",
        "451-[\"a\",{\"_placeholder\":true,\"num\":0.5}]",
        "451-[\"a\",{\"_placeholder\":true,\"num\":\"splice\"}]",
        "42",
        "42[]",
        "42{}",
        "42\"a\"",
        "42[null]",
        "42[{\"toString\":1}]",
        "42[\"a\"",
        "42[\"a\"]x",
        "42-1[\"a\"]",
        "429007199254740992[\"a\"]",
        "429223372036854775808[\"a\"]",
        "43[\"a\"]",
        "431{}",
        "44{}",
        "47",
        "48[\"a\"]",
        "42[\"connect\"]",
        "42[\"connect_error\"]",
        "42[\"disconnect\"]",
        "42[\"disconnecting\"]",
        "42[\"newListener\"]",
        "42[\"removeListener\"]",
        "42/not-joined,[\"a\"]",
        "41/not-joined,",
        "41[]",
        "40[]",
        "40\"a\"",
        "40",
        &deep,
        &long_namespace,
        &long_event,
    ];
    for packet in packets {
        let mut websocket = Websocket::joined(server.port, "/").await;
        websocket.text().await;
        websocket.send(packet).await;
        let what = &packet[..packet.len().min(60)];
        assert!(websocket.closed().await.is_some(), "{what}");
    }
    bystander.assert_undisturbed().await;
}

#[actix_web::test]
async fn attachments_that_are_announced_must_come_and_no_others() {
    let server = echo_server(calm());
    let announced = "452-[\"message\",{\"_placeholder\":true,\"num\":0}]";
    let mut text_instead = Websocket::joined(server.port, "/").await;
    text_instead.send(announced).await;
    text_instead.send("42[\"message\"]").await;
    assert_eq!(text_instead.closed().await, Some(1002));
    let mut one_too_many = Websocket::joined(server.port, "/").await;
    one_too_many.send_binary(&[1]).await;
    assert_eq!(one_too_many.closed().await, Some(1002));
    let (mut before_connect, _) = Websocket::session(server.port, PATH).await;
    before_connect.send(announced).await;
    assert_eq!(before_connect.closed().await, Some(1002));
}

#[actix_web::test]
async fn a_foreign_page_is_refused_over_both_transports() {
    let server = echo_server(calm());
    let foreign = "Origin: http://evil.example\r\n";
    let own = format!("Origin: http://127.0.0.1:{}\r\n", server.port);
    let polling = "/socket.io/?EIO=4&transport=polling";
    let websocket = "/socket.io/?EIO=4&transport=websocket";
    let refused = Exchange::begin(server.port, "GET", polling, foreign, b"").await.end().await;
    assert_eq!((refused.status, refused.text()), (403, r#"{"code":4,"message":"Forbidden"}"#));
    assert_eq!(refused.header("access-control-allow-origin"), "");
    assert_eq!(Websocket::try_open(server.port, websocket, foreign, b"").await.err(), Some(403));
    let let_in = Exchange::begin(server.port, "GET", polling, &own, b"").await.end().await;
    assert_eq!(let_in.status, 200);
    assert!(Websocket::try_open(server.port, websocket, &own, b"").await.is_ok());
    assert_eq!(server.io.stats().refused_origin, 2);
}

#[actix_web::test]
async fn a_listed_page_gets_its_cors_headers_on_errors_too() {
    let origin = "https://console.example";
    let allowed_origins = AllowedOrigins::List(vec![origin.to_owned()]);
    let server = echo_server(Config { allowed_origins, ..calm() });
    let header = format!("Origin: {origin}\r\n");
    let target = "/socket.io/?EIO=4&transport=polling&sid=unknown";
    let error = Exchange::begin(server.port, "GET", target, &header, b"").await.end().await;
    assert_eq!((error.status, error.json()["code"].as_u64()), (400, Some(1)));
    assert_eq!(error.header("access-control-allow-origin"), origin);
    let preflight = Exchange::begin(server.port, "OPTIONS", target, &header, b"").await.end().await;
    assert_eq!((preflight.status, preflight.body.len()), (204, 0));
    assert_eq!(preflight.header("access-control-allow-origin"), origin);
}

#[actix_web::test]
async fn a_server_open_to_all_pages_gives_them_no_credentials() {
    let server = echo_server(Config { allowed_origins: AllowedOrigins::Any, ..calm() });
    let target = "/socket.io/?EIO=4&transport=polling";
    let open =
        Exchange::begin(server.port, "GET", target, "Origin: http://any.example\r\n", b"").await.end().await;
    assert_eq!((open.status, open.header("access-control-allow-origin")), (200, "*"));
    assert_eq!(open.header("access-control-allow-credentials"), "");
}

#[actix_web::test]
async fn requests_that_do_not_fit_their_session_are_refused_and_change_nothing() {
    let server = echo_server(calm());
    let session = Polling::open(server.port, PATH).await;
    let other_version = session.target.replace("EIO=4", "EIO=3");
    let twice = format!("{}&EIO=4", session.target);
    for (method, target, code) in [
        ("GET", other_version.as_str(), 3),
        ("GET", &twice, 3),
        ("DELETE", &session.target, 3),
        ("GET", "/socket.io/?EIO=4&transport=polling&sid=__proto__", 1),
        ("GET", "/socket.io/?EIO=4&transport=polling&j=0", 3),
    ] {
        let answer = request(server.port, method, target, "").await;
        assert_eq!((answer.status, answer.json()["code"].as_u64()), (400, Some(code)), "{method} {target}");
    }
    let other_websocket = "Sec-WebSocket-Version: 12\r\n";
    let target = "/socket.io/?EIO=4&transport=websocket";
    assert_eq!(Websocket::try_open(server.port, target, other_websocket, b"").await.err(), Some(426));
    assert_eq!(request(server.port, "GET", target, "").await.status, 400);
    session.send("40").await;
    assert!(session.poll().await[0].starts_with("40"));
}

#[actix_web::test]
async fn two_bodies_at_a_time_or_a_body_that_breaks_off_close_the_session() {
    let server = echo_server(calm());
    let session = Polling::open(server.port, PATH).await;
    let half = "Content-Length: 10\r\n";
    let mut first = tokio::net::TcpStream::connect(("127.0.0.1", server.port)).await.unwrap();
    let head = format!("POST {} HTTP/1.1\r\nHost: x\r\n{half}\r\n40", session.target);
    first.write_all(head.as_bytes()).await.unwrap();
    sleep_ms(20).await;
    assert_eq!(session.post("40").await.status, 400);
    assert!(session.is_closed().await);
    let session = Polling::open(server.port, PATH).await;
    let mut broken = tokio::net::TcpStream::connect(("127.0.0.1", server.port)).await.unwrap();
    let head = format!("POST {} HTTP/1.1\r\nHost: x\r\n{half}\r\n40", session.target);
    broken.write_all(head.as_bytes()).await.unwrap();
    sleep_ms(20).await;
    drop(broken);
    eventually("the broken body is noticed", || server.io.stats().sessions_polling == 0).await;
}

#[actix_web::test]
async fn a_probe_that_says_anything_else_costs_only_itself() {
    let server = echo_server(calm());
    let session = Polling::open(server.port, ENGINE).await;
    let cases: [(&str, Vec<u8>); 6] = [
        ("a message", frame(true, TEXT, b"4hello")),
        ("an upgrade before the probe", frame(true, TEXT, b"5")),
        ("binary", frame(true, BINARY, b"2probe")),
        ("a close", frame(true, CLOSE, &1000_u16.to_be_bytes())),
        ("rubbish", frame(true, TEXT, b"x")),
        ("a broken frame", vec![0xff; 20]),
    ];
    for (what, bytes) in cases {
        let mut probe = Websocket::open(server.port, &session.websocket_target()).await;
        probe.raw(&bytes).await;
        assert!(probe.closed().await.is_some(), "{what}");
    }
    // A reset in mid-upgrade.
    let mut probe = Websocket::open(server.port, &session.websocket_target()).await;
    probe.send("2probe").await;
    assert_eq!(probe.text().await, "3probe");
    drop(probe);
    sleep_ms(20).await;
    session.send("4still here").await;
    assert_eq!(session.poll().await, ["4still here"]);
}

#[actix_web::test]
async fn frames_in_the_same_segment_as_the_upgrade_request_are_heard() {
    let server = echo_server(calm());
    let behind = [frame(true, TEXT, b"4a"), frame(true, TEXT, b"4b")].concat();
    let target = "/engine.io/?EIO=4&transport=websocket";
    let mut websocket = Websocket::try_open(server.port, target, "", &behind).await.ok().unwrap();
    websocket.text().await;
    assert_eq!(websocket.text().await, "4a");
    assert_eq!(websocket.text().await, "4b");
}

#[actix_web::test]
async fn pings_are_answered_even_inside_a_fragmented_message() {
    let server = echo_server(calm());
    let (mut websocket, _) = Websocket::session(server.port, ENGINE).await;
    let frames = [frame(false, TEXT, b"4he"), frame(true, PING, b"you?"), frame(true, 0, b"llo")].concat();
    websocket.raw(&frames).await;
    assert_eq!(websocket.next().await, Received::Pong(b"you?".to_vec()));
    assert_eq!(websocket.text().await, "4hello");
}

#[actix_web::test]
async fn a_flood_of_pings_from_a_peer_that_does_not_read_is_cut_off() {
    let server = echo_server(calm());
    let bystander = Bystander::of(&server).await;
    let (mut flood, _) = Websocket::session(server.port, ENGINE).await;
    let pings = frame(true, PING, &[0; 125]).repeat(1000);
    for _ in 0..2000 {
        let sent =
            tokio::time::timeout(std::time::Duration::from_millis(200), flood.stream.write_all(&pings)).await;
        if !matches!(sent, Ok(Ok(()))) {
            break;
        }
    }
    eventually("the flood's session is closed", || server.engine.stats().sessions_websocket == 0).await;
    assert_eq!(server.engine.stats().refused_pings, 1);
    if !is_carried_by_actor() {
        eventually("its connection is gone while it still does not read", || {
            server.engine.stats().websockets_open == 0
        })
        .await;
    }
    bystander.assert_undisturbed().await;
}

#[actix_web::test]
async fn json_is_as_deep_as_allowed_and_no_deeper() {
    let mut limits = Limits::default();
    limits.packet.json_depth = 4;
    let server = echo_server(Config { limits, ..calm() });
    let mut websocket = Websocket::joined(server.port, "/").await;
    websocket.text().await;
    websocket.send(r#"42["message",[{"a":["]]]] {[\"["]}]]"#).await;
    assert_eq!(websocket.text().await, r#"42["message-back",[{"a":["]]]] {[\"["]}]]"#);
    assert_eq!(server.io.stats().refused_depth, 0);
    websocket.send(r#"42["message",[{"a":[[]]}]]"#).await;
    assert_eq!(websocket.closed().await, Some(1002));
    assert_eq!(server.io.stats().refused_depth, 1);
}

#[actix_web::test]
async fn more_packets_than_allowed_close_their_session() {
    let limits = Limits { packets_per_s: 100, ..Limits::default() };
    let server = echo_server(Config { limits, ..calm() });
    let flood = frame(true, TEXT, b"4x").repeat(1000);
    assert_eq!(code_for(&server, ENGINE, &flood).await, Some(1008));
    assert_eq!(server.engine.stats().refused_policy, 1);
}

#[actix_web::test]
async fn sessions_are_counted_in_all_and_by_address() {
    let limits = Limits { sessions_max: 3, sessions_per_address_max: 2, ..Limits::default() };
    let server = echo_server(Config { limits, ..calm() });
    let first = Websocket::session(server.port, PATH).await;
    let _second = Polling::open(server.port, PATH).await;
    let target = "/socket.io/?EIO=4&transport=polling";
    assert_eq!(request(server.port, "GET", target, "").await.status, 403);
    drop(first);
    eventually("there is room again", || server.io.stats().sessions_websocket == 0).await;
    assert_eq!(request(server.port, "GET", target, "").await.status, 200);
}

#[actix_web::test]
async fn a_cookie_for_proxies_comes_with_the_handshake_alone_and_on_demand() {
    let target = "/socket.io/?EIO=4&transport=polling";
    let server = echo_server(calm());
    assert_eq!(request(server.port, "GET", target, "").await.header("set-cookie"), "");
    let server = echo_server(Config { sticky_cookie: Some("io".to_owned()), ..calm() });
    let opened = request(server.port, "GET", target, "").await;
    let sid = hmrs::socketio::protocol::client::Open::decode(opened.text()).unwrap().sid;
    assert_eq!(opened.header("set-cookie"), format!("io={sid}; Path=/; HttpOnly; SameSite=Lax"));
    let posted = request(server.port, "POST", &format!("{target}&sid={sid}"), "40").await;
    assert_eq!((posted.status, posted.header("set-cookie")), (200, ""));
    let websocket = Websocket::open(server.port, "/socket.io/?EIO=4&transport=websocket").await;
    assert!(websocket.head.to_ascii_lowercase().contains("set-cookie: io="), "{}", websocket.head);
}
