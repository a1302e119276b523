//! What a program on top of the library may rely on.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "support/socketio.rs"]
mod support;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use hmrs::socketio::{AckError, Config, Delivery, Event, Frame, Grant, Handshake, Limits, Refusal, Socket};
use serde_json::{Value, json};
use support::*;

const PATH: &str = "/socket.io/";
const MANY: usize = 10_000;

/// A list that handlers write into and tests read.
#[derive(Clone, Default)]
struct Journal(Arc<Mutex<Vec<String>>>);

impl Journal {
    fn note(&self, line: impl Into<String>) {
        self.0.lock().unwrap().push(line.into());
    }

    fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    fn len(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}

fn numbered(n: usize) -> String {
    format!("42[\"message\",{n}]")
}

fn back(n: usize) -> String {
    format!("42[\"message-back\",{n}]")
}

/// Polls until the echoes of `from..to` have come, in order.
async fn expect_by_polling(session: &Polling, from: usize, to: usize) {
    let mut next = from;
    while next < to {
        for packet in session.poll().await {
            match packet.as_str() {
                "6" => {}
                packet => {
                    assert_eq!(packet, back(next));
                    next += 1;
                }
            }
        }
    }
}

async fn polling_joined(server: &Server) -> Polling {
    let session = Polling::open(server.port, PATH).await;
    session.send("40").await;
    let packets = session.poll().await;
    assert!(packets[0].starts_with("40{"), "{packets:?}");
    session
}

#[actix_web::test]
async fn ten_thousand_events_keep_their_order_over_a_websocket() {
    let server = echo_server(calm());
    let mut websocket = Websocket::joined(server.port, "/").await;
    websocket.text().await;
    let mut next = 0;
    for batch in 0..MANY / 100 {
        let frames: Vec<u8> =
            (0..100).flat_map(|n| frame(true, TEXT, numbered(batch * 100 + n).as_bytes())).collect();
        websocket.raw(&frames).await;
        for _ in 0..100 {
            assert_eq!(websocket.text().await, back(next));
            next += 1;
        }
    }
}

#[actix_web::test]
async fn ten_thousand_events_keep_their_order_over_polling() {
    let server = echo_server(calm());
    let session = polling_joined(&server).await;
    // Far more than an outbox holds, in one body: reading waits until the answers have been taken.
    let body: Vec<String> = (0..MANY).map(numbered).collect();
    let post = Exchange::begin(server.port, "POST", &session.target, "", body.join("\x1e").as_bytes()).await;
    expect_by_polling(&session, 0, MANY).await;
    assert_eq!(post.end().await.text(), "ok");
}

#[actix_web::test]
async fn ten_thousand_events_keep_their_order_across_an_upgrade() {
    let server = echo_server(calm());
    let session = polling_joined(&server).await;
    let half = MANY / 2;
    let body: Vec<String> = (0..half).map(numbered).collect();
    let post = Exchange::begin(server.port, "POST", &session.target, "", body.join("\x1e").as_bytes()).await;
    eventually("all events are there", || server.io.stats().packets_in > half as u64).await;
    let mut websocket = Websocket::open(server.port, &session.websocket_target()).await;
    websocket.send("2probe").await;
    assert_eq!(websocket.text().await, "3probe");
    // Some come by the polls of the upgrade, the rest by the WebSocket, none twice and none too early.
    let mut next = 0;
    for packet in session.poll().await {
        if packet != "6" {
            assert_eq!(packet, back(next));
            next += 1;
        }
    }
    // The official client polls no more and says "5" only when its POST is answered.
    assert_eq!(post.end().await.text(), "ok");
    websocket.send("5").await;
    while next < half {
        assert_eq!(websocket.text().await, back(next));
        next += 1;
    }
    for n in half..MANY {
        websocket.send(&numbered(n)).await;
        assert_eq!(websocket.text().await, back(n));
    }
}

#[actix_web::test]
async fn a_client_that_does_not_read_costs_nothing_and_disturbs_nobody() {
    let server = server(calm(), |io| {
        io.of("/");
    });
    let nsp = server.io.of("/");
    let stalled = Websocket::joined(server.port, "/").await;
    let mut reading = Websocket::joined(server.port, "/").await;
    let large = "x".repeat(400_000);
    for n in 0..50 {
        let frame = Frame::json("/", "state", &json!({ "n": n, "large": large }));
        nsp.publish("", &frame, Delivery::Latest { slot: "state" });
        let text = reading.text().await;
        assert!(text.starts_with("42[\"state\",{\"large\""), "{}", &text[..40]);
        assert!(text.ends_with(&format!("\"n\":{n}}}]")), "an old frame");
    }
    let stats = server.io.stats();
    // Both queued everything; what the stalled one did not take was replaced, not stored.
    assert!(stats.frames_conflated >= 30, "{stats:?}");
    assert_eq!(stats.sessions_websocket, 2);
    drop(stalled);
    eventually("the stalled session is gone", || server.io.stats().sessions_websocket == 1).await;
}

#[actix_web::test]
async fn a_client_that_does_not_take_its_events_is_closed_and_the_others_are_not() {
    let server = server(calm(), |io| {
        io.of("/");
    });
    let nsp = server.io.of("/");
    let _stalled = Websocket::joined(server.port, "/").await;
    let mut reading = Websocket::joined(server.port, "/").await;
    let large = "x".repeat(300_000);
    for n in 0..40 {
        nsp.emit("event", &json!([n, large]));
        assert!(reading.text().await.starts_with(&format!("42[\"event\",[{n},")));
    }
    eventually("the stalled client is out", || nsp.len() == 1).await;
    assert_eq!(server.io.stats().overflows, 1);
    reading.send("42[\"still\"]").await;
}

#[cfg(target_os = "linux")]
#[actix_web::test]
async fn the_connection_of_a_peer_that_stopped_reading_is_given_up_by_the_kernel() {
    let server = server(conformance(), |io| {
        io.of("/");
    });
    let stalled = Websocket::joined(server.port, "/").await;
    let large = "x".repeat(8_000_000);
    server.io.of("/").emit("event", &large);
    eventually("the session is closed", || server.io.stats().sessions_websocket == 0).await;
    assert_eq!(server.io.stats().ping_timeouts, 1);
    eventually("the connection is given up", || server.io.stats().websockets_open == 0).await;
    drop(stalled);
}

#[actix_web::test]
async fn the_next_event_waits_for_the_handler_of_the_one_before() {
    let journal = Journal::default();
    let notes = journal.clone();
    let server = server(calm(), |io| {
        io.of("/").on("work", move |_socket: Socket, event: Event| {
            let notes = notes.clone();
            async move {
                notes.note(format!("begin {}", event.arg(0)));
                tokio::time::sleep(Duration::from_millis(event.arg(0).as_u64().unwrap())).await;
                notes.note(format!("end {}", event.arg(0)));
            }
        });
    });
    let mut websocket = Websocket::joined(server.port, "/").await;
    for ms in [20, 1, 0] {
        websocket.send(&format!("42[\"work\",{ms}]")).await;
    }
    eventually("all is done", || journal.len() == 6).await;
    assert_eq!(journal.lines(), ["begin 20", "end 20", "begin 1", "end 1", "begin 0", "end 0"]);
}

#[actix_web::test]
async fn middleware_refuses_with_a_reason_or_grants_with_data() {
    let server = server(calm(), |io| {
        let nsp = io.of("/");
        nsp.middleware(async |handshake: &Handshake, auth: &Value| {
            assert_eq!(handshake.query("EIO").as_deref(), Some("4"));
            tokio::time::sleep(Duration::from_millis(1)).await;
            match auth["token"].as_str() {
                Some("secret") => Ok(Grant::with("operator".to_owned())),
                _ => Err(Refusal::with_data("not authorized", json!({ "retry": false }))),
            }
        });
        nsp.on_connect(|socket: Socket, _auth: Value| async move {
            socket.emit("role", &socket.data::<String>().as_deref());
        });
    });
    let (mut websocket, _) = Websocket::session(server.port, PATH).await;
    websocket.send("40{\"token\":\"guess\"}").await;
    assert_eq!(websocket.text().await, "44{\"data\":{\"retry\":false},\"message\":\"not authorized\"}");
    websocket.send("40{\"token\":\"secret\"}").await;
    assert!(websocket.text().await.starts_with("40{\"sid\""));
    assert_eq!(websocket.text().await, "42[\"role\",\"operator\"]");
}

#[actix_web::test]
async fn a_client_that_leaves_while_middleware_thinks_never_was_there() {
    let journal = Journal::default();
    let notes = journal.clone();
    let server = server(calm(), |io| {
        let nsp = io.of("/");
        nsp.middleware(async |_: &Handshake, _: &Value| {
            tokio::time::sleep(Duration::from_millis(30)).await;
            Ok(Grant::default())
        });
        nsp.on_connect(move |_socket, _auth| {
            notes.note("connected");
            async {}
        });
    });
    let (mut websocket, _) = Websocket::session(server.port, PATH).await;
    websocket.send("40").await;
    drop(websocket);
    eventually("the session is gone", || server.io.stats().sessions_websocket == 0).await;
    sleep_ms(40).await;
    assert!(journal.lines().is_empty() && server.io.of("/").is_empty());
}

#[actix_web::test]
async fn a_server_gets_its_acks_or_learns_why_not() {
    let journal = Journal::default();
    let notes = journal.clone();
    let server = server(calm(), |io| {
        io.of("/").on("ask", move |socket: Socket, _event: Event| {
            let notes = notes.clone();
            async move {
                // Answers do not queue behind events: this handler can wait for one.
                let reply = socket.emit_with_ack("question", &1, Duration::from_secs(5)).await.unwrap();
                notes.note(reply.args[0].to_string());
                let silence = socket.emit_with_ack("question", &2, Duration::from_millis(10)).await;
                assert_eq!(silence, Err(AckError::Timeout));
                let silence = socket.emit_with_ack("question", &3, Duration::from_secs(5)).await;
                assert_eq!(silence, Err(AckError::Disconnected));
                notes.note("disconnected");
            }
        });
    });
    let mut websocket = Websocket::joined(server.port, "/").await;
    websocket.send("42[\"ask\"]").await;
    assert_eq!(websocket.text().await, "420[\"question\",1]");
    websocket.send("430[\"answer\"]").await;
    // Acks that nobody waits for, repeated, late and invented ones, are ignored.
    websocket.send("430[\"again\"]").await;
    websocket.send("4399[\"invented\"]").await;
    assert_eq!(websocket.text().await, "421[\"question\",2]");
    assert_eq!(websocket.text().await, "422[\"question\",3]");
    drop(websocket);
    eventually("the handler is through", || journal.len() == 2).await;
    assert_eq!(journal.lines(), ["\"answer\"", "disconnected"]);
}

#[actix_web::test]
async fn rooms_reach_their_members_once_and_nobody_else() {
    let server = server(calm(), |io| {
        io.of("/").on("join", |socket: Socket, event: Event| async move {
            for room in &event.args {
                socket.join(room.as_str().unwrap());
            }
            socket.emit("joined", &socket.rooms().len());
        });
    });
    let nsp = server.io.of("/");
    let mut clients = Vec::new();
    for rooms in ["\"a\"", "\"b\"", "\"a\",\"b\""] {
        let mut client = Websocket::joined(server.port, "/").await;
        client.send(&format!("42[\"join\",{rooms}]")).await;
        client.text().await;
        clients.push(client);
    }
    assert_eq!((nsp.room_len("a"), nsp.room_len("b"), nsp.room_len("c"), nsp.len()), (2, 2, 0, 3));
    nsp.to("a").to("b").emit("both", &1);
    nsp.to("a").except("b").emit("only a", &2);
    nsp.except("a").emit("not a", &3);
    nsp.emit("all", &4);
    let expected = [
        vec!["42[\"both\",1]", "42[\"only a\",2]", "42[\"all\",4]"],
        vec!["42[\"both\",1]", "42[\"not a\",3]", "42[\"all\",4]"],
        vec!["42[\"both\",1]", "42[\"all\",4]"],
    ];
    for (client, expected) in clients.iter_mut().zip(expected) {
        for packet in expected {
            assert_eq!(client.text().await, packet);
        }
    }
    drop(clients);
    eventually("the rooms are empty", || nsp.room_len("a") + nsp.room_len("b") + nsp.len() == 0).await;
}

#[actix_web::test]
async fn a_program_puts_clients_out_of_a_namespace_or_closes_them() {
    let journal = Journal::default();
    let notes = journal.clone();
    let server = server(calm(), |io| {
        let nsp = io.of("/");
        nsp.on("leave", |socket: Socket, event: Event| async move {
            socket.disconnect(event.arg(0).as_bool().unwrap());
            socket.emit("too late", &0);
        });
        nsp.on_disconnect(move |_socket, reason| notes.note(reason.as_str()));
    });
    let mut put_out = Websocket::joined(server.port, "/").await;
    put_out.send("42[\"leave\",false]").await;
    assert_eq!(put_out.text().await, "41");
    // What crossed with that news is dropped, not punished; and it may come back.
    put_out.send("42[\"leave\",false]").await;
    put_out.send("40").await;
    let mut reply = put_out.text().await;
    if reply.contains("too late") {
        reply = put_out.text().await;
    }
    assert!(reply.starts_with("40{"), "{reply}");
    let mut closed = Websocket::joined(server.port, "/").await;
    closed.send("42[\"leave\",true]").await;
    assert_eq!(closed.closed().await, Some(1000));
    eventually("both are known to have left", || journal.len() == 2).await;
    assert_eq!(journal.lines(), ["server namespace disconnect", "forced server close"]);
}

#[actix_web::test]
async fn what_a_client_said_before_it_went_is_still_heard() {
    let journal = Journal::default();
    let (events, leaving) = (journal.clone(), journal.clone());
    let server = server(calm(), |io| {
        let nsp = io.of("/");
        nsp.on("last words", move |_socket, event: Event| {
            events.note(event.arg(0).to_string());
            async {}
        });
        nsp.on_disconnect(move |_socket, reason| leaving.note(reason.as_str()));
    });
    let session = polling_joined(&server).await;
    session.send("42[\"last words\",1]\x1e42[\"last words\",2]\x1e41\x1e1").await;
    eventually("all is heard", || journal.len() == 3).await;
    assert_eq!(journal.lines(), ["1", "2", "client namespace disconnect"]);
    assert!(session.is_closed().await);
}

#[actix_web::test]
async fn a_client_that_vanishes_leaves_by_transport_close() {
    let journal = Journal::default();
    let notes = journal.clone();
    let server =
        server(calm(), |io| io.of("/").on_disconnect(move |_socket, reason| notes.note(reason.as_str())));
    let websocket = Websocket::joined(server.port, "/").await;
    drop(websocket);
    eventually("it has left", || journal.len() == 1).await;
    assert_eq!(journal.lines(), ["transport close"]);
}

#[actix_web::test]
async fn a_handler_that_panics_costs_its_own_event_only() {
    let server = server(calm(), |io| {
        io.of("/").on("panic", |_socket, _event| async { panic!("on purpose") });
        io.of("/").on("ping?", |socket: Socket, _event| async move { socket.emit("pong!", &0) });
    });
    let mut websocket = Websocket::joined(server.port, "/").await;
    websocket.send("42[\"panic\"]").await;
    websocket.send("42[\"ping?\"]").await;
    assert_eq!(websocket.text().await, "42[\"pong!\",0]");
    assert_eq!(server.io.stats().handler_panics, 1);
}

#[actix_web::test]
async fn middleware_that_panics_lets_nobody_in() {
    let server =
        server(calm(), |io| io.of("/").middleware(async |_: &Handshake, _: &Value| panic!("on purpose")));
    let (mut websocket, _) = Websocket::session(server.port, PATH).await;
    for _ in 0..2 {
        websocket.send("40").await;
        assert_eq!(websocket.text().await, "44{\"message\":\"internal error\"}");
    }
}

#[actix_web::test]
async fn a_client_with_credit_gets_no_more_frames_than_it_answers() {
    const STATE: Delivery = Delivery::Latest { slot: "state" };
    let server = server(calm(), |io| {
        let nsp = io.of("/");
        nsp.on_connect(|socket: Socket, _auth| async move {
            socket.set_in_flight_max("state", Some(2));
            for n in 0..2 {
                socket.emit_frame(&Frame::json("/", "state", &n), STATE);
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            for n in 2..9 {
                socket.emit_frame(&Frame::json("/", "state", &n), STATE);
            }
            socket.emit("mark", &0);
        });
        nsp.on("frame-ack", |socket: Socket, _event| async move { socket.credit("state") });
    });
    let mut websocket = Websocket::joined(server.port, "/").await;
    for expected in ["42[\"state\",0]", "42[\"state\",1]", "42[\"mark\",0]"] {
        assert_eq!(websocket.text().await, expected);
    }
    websocket.send("42[\"frame-ack\"]").await;
    assert_eq!(websocket.text().await, "42[\"state\",8]", "the newest, once there is credit");
}

#[actix_web::test]
async fn shutting_down_flushes_closes_and_lets_nobody_in() {
    let server = server(calm(), |io| {
        io.of("/");
    });
    let mut websocket = Websocket::joined(server.port, "/").await;
    let session = polling_joined(&server).await;
    let pending = session.begin_get().await;
    sleep_ms(10).await;
    server.io.of("/").emit("server_restart", &json!({ "retryAfterMs": 100 }));
    server.io.shutdown(Duration::from_millis(20)).await;
    assert_eq!(websocket.text().await, "42[\"server_restart\",{\"retryAfterMs\":100}]");
    // No DISCONNECT packet: official clients would not come back from that.
    assert_eq!(websocket.next().await, Received::Close(Some(1001)));
    assert!(pending.end().await.text().starts_with("42[\"server_restart\""));
    let refused = request(server.port, "GET", "/socket.io/?EIO=4&transport=polling", "").await;
    assert_eq!((refused.status, refused.header("retry-after")), (503, "2"));
}

#[actix_web::test]
async fn large_polling_replies_are_compressed_for_those_who_can_read_it() {
    let server = echo_server(calm());
    let session = polling_joined(&server).await;
    let large = "x".repeat(5000);
    session.send(&format!("42[\"message\",\"{large}\"]")).await;
    let zipped = Exchange::begin(server.port, "GET", &session.target, "Accept-Encoding: gzip, br\r\n", b"")
        .await
        .end()
        .await;
    assert_eq!(zipped.header("content-encoding"), "gzip");
    assert!(zipped.body.len() < 200 && zipped.body.starts_with(&[0x1f, 0x8b]));
    session.send(&format!("42[\"message\",\"{large}\"]")).await;
    let plain = session.get().await;
    assert_eq!((plain.header("content-encoding"), plain.text().len()), ("", 5021));
}

#[actix_web::test]
async fn a_session_that_is_full_of_namespaces_or_rooms_gets_no_more() {
    let limits = Limits { rooms_max: 2, namespaces_max: 2, ..Limits::default() };
    let server = server(Config { limits, ..calm() }, |io| {
        for name in ["/", "/a", "/b"] {
            io.of(name).on("join", |socket: Socket, event: Event| async move {
                let joined = socket.join(event.arg(0).as_str().unwrap());
                event.ack.unwrap().send(&joined);
            });
        }
    });
    let mut websocket = Websocket::joined(server.port, "/").await;
    for (room, joined) in [("a", true), ("a", false), ("", false), ("b", true), ("c", false)] {
        websocket.send(&format!("420[\"join\",\"{room}\"]")).await;
        assert_eq!(websocket.text().await, format!("430[{joined}]"), "{room}");
    }
    websocket.send("40/a").await;
    websocket.text().await;
    websocket.send("40/b").await;
    assert_eq!(websocket.closed().await, Some(1008));
}

/// Large ones are decoded on another thread; what comes behind them waits for them.
#[actix_web::test]
async fn large_packets_keep_their_place() {
    let server = echo_server(calm());
    let packet = |n: usize| {
        let text = "x".repeat(if n.is_multiple_of(2) { 100_000 } else { 1 });
        format!("42{n}[\"message-with-ack\",{n},\"{text}\"]")
    };
    let is_answer = |text: &str, n: usize| text.starts_with(&format!("43{n}[{n},\"x"));
    let mut websocket = Websocket::joined(server.port, "/").await;
    for n in 0..6 {
        websocket.send(&packet(n)).await;
    }
    let mut due = 0;
    while due < 6 {
        let text = websocket.text().await;
        if text.starts_with("43") {
            assert!(is_answer(&text, due), "{}", &text[..20]);
            due += 1;
        }
    }
    let session = polling_joined(&server).await;
    let body: Vec<String> = (0..6).map(packet).collect();
    session.send(&body.join("\u{1e}")).await;
    let mut due = 0;
    while due < 6 {
        for text in session.poll().await.iter().filter(|text| text.starts_with("43")) {
            assert!(is_answer(text, due), "{}", &text[..20]);
            due += 1;
        }
    }
    // What is large and wrong ends the session like what is small and wrong, behind what came before it.
    websocket.send(&packet(1)).await;
    websocket.send(&format!("42[\"message\",\"{}\"", "x".repeat(100_000))).await;
    assert!(is_answer(&websocket.text().await, 1));
    assert_eq!(websocket.closed().await, Some(1002));
    let wrong = format!("{}\u{1e}42[\"message\",{}", packet(1), "x".repeat(100_000));
    assert_eq!(session.post(&wrong).await.status, 400);
}

/// Pongs and the like cost little each; hundreds of thousands in one body do not.
#[actix_web::test]
async fn a_body_of_too_many_packets_ends_its_session() {
    let limits = Limits { packets_per_s: 100, ..Limits::default() };
    let server = echo_server(Config { limits, ..calm() });
    let session = polling_joined(&server).await;
    session.send(&["3"; 200].join("\u{1e}")).await;
    assert_eq!(server.io.stats().refused_packet_rate, 0);
    session.post(&["3"; 300].join("\u{1e}")).await;
    assert_eq!(server.io.stats().refused_packet_rate, 1);
    assert!(session.poll().await.contains(&"1".to_owned()), "it is told to close");
}
