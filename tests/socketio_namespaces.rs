//! Namespaces that come and go, hooks, broadcasts that ask for answers, and what is refused beyond a limit.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "support/socketio.rs"]
mod support;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use hmrs::socketio::{AckError, Config, Event, Grant, Handshake, Limits, Refusal, Socket};
use serde_json::{Value, json};
use support::*;

const PATH: &str = "/socket.io/";

#[derive(Clone, Default)]
struct Journal(Arc<Mutex<Vec<String>>>);

impl Journal {
    fn note(&self, line: impl Into<String>) {
        self.0.lock().unwrap().push(line.into());
    }

    fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

#[actix_web::test]
async fn a_namespace_that_fits_a_pattern_comes_with_its_first_client_and_goes_with_its_last() {
    let server = server(calm(), |io| {
        let swarms = io.of_pattern("/swarm-*");
        swarms.on_connect(|socket: Socket, _auth| async move {
            socket.emit("welcome", &socket.namespace().name());
        });
        io.of_matching(|name| name == "/exact").on("x", |_: Socket, _: Event| async {});
    });
    let (mut first, _) = Websocket::session(server.port, PATH).await;
    first.send("40/swarm-1,").await;
    assert!(first.text().await.starts_with("40/swarm-1,{\"sid\""));
    assert_eq!(first.text().await, "42/swarm-1,[\"welcome\",\"/swarm-1\"]");
    let mut second = Websocket::joined(server.port, "/swarm-1").await;
    second.text().await;
    assert_eq!(server.io.get("/swarm-1").unwrap().len(), 2);
    server.io.get("/swarm-1").unwrap().emit("both", &1);
    assert_eq!(first.text().await, "42/swarm-1,[\"both\",1]");
    assert_eq!(second.text().await, "42/swarm-1,[\"both\",1]");
    for unknown in ["/swarm-", "/swarm-1/x", "/exactly", "/"] {
        first.send(&format!("40{unknown},")).await;
        let name = if unknown == "/" { String::new() } else { format!("{unknown},") };
        assert_eq!(first.text().await, format!("44{name}{{\"message\":\"Invalid namespace\"}}"));
    }
    first.send("41/swarm-1,").await;
    drop(second);
    eventually("the namespace is gone", || server.io.namespaces().is_empty()).await;
}

#[actix_web::test]
async fn a_namespace_whose_middleware_refuses_everyone_does_not_stay() {
    let server = server(calm(), |io| {
        io.of_pattern("/*").middleware(async |_: &Handshake, auth: &Value| match auth["ok"].as_bool() {
            Some(true) => Ok(Grant::default()),
            _ => Err(Refusal::new("no")),
        });
    });
    let (mut websocket, _) = Websocket::session(server.port, PATH).await;
    for n in 0..100 {
        websocket.send(&format!("40/n{n},")).await;
        assert_eq!(websocket.text().await, format!("44/n{n},{{\"message\":\"no\"}}"));
    }
    assert!(server.io.namespaces().is_empty());
    websocket.send("40/kept,{\"ok\":true}").await;
    assert!(websocket.text().await.starts_with("40/kept,{"));
    // Asked for by the program, it stays.
    server.io.of("/kept");
    drop(websocket);
    eventually("the client is gone", || server.io.stats().sessions_websocket == 0).await;
    assert_eq!(server.io.namespaces().len(), 1);
}

#[actix_web::test]
async fn no_more_dynamic_namespaces_are_made_than_allowed() {
    let limits = Limits { dynamic_namespaces_max: 3, ..Limits::default() };
    let server = server(Config { limits, ..calm() }, |io| {
        io.of("/fixed");
        io.of_pattern("/*");
    });
    let (mut websocket, _) = Websocket::session(server.port, PATH).await;
    for n in 0..3 {
        websocket.send(&format!("40/n{n},")).await;
        assert!(websocket.text().await.starts_with("40/n"));
    }
    websocket.send("40/n3,").await;
    assert_eq!(websocket.text().await, "44/n3,{\"message\":\"Too many namespaces\"}");
    websocket.send("40/fixed,").await;
    assert!(websocket.text().await.starts_with("40/fixed,"), "those of the program do not count");
    websocket.send("41/n0,").await;
    eventually("there is room again", || server.io.get("/n0").is_none()).await;
    websocket.send("40/n3,").await;
    assert!(websocket.text().await.starts_with("40/n3,{\"sid\""));
    assert_eq!(server.io.stats().refused_dynamic_namespaces, 1);
}

#[actix_web::test]
async fn a_hundred_thousand_namespaces_or_rooms_are_refused_and_leave_nothing() {
    let limits = Limits { dynamic_namespaces_max: 100, namespaces_max: 8, ..Limits::default() };
    let server = server(Config { limits, ..calm() }, |io| {
        io.of_pattern("/*");
        io.of("/rooms").on("join", |socket: Socket, event: Event| async move {
            let from = event.arg(0).as_u64().unwrap();
            let joined = (from..from + 10_000).filter(|n| socket.join(&format!("room {n}"))).count();
            event.ack.unwrap().send(&joined);
        });
    });
    for _ in 0..20 {
        let (mut websocket, _) = Websocket::session(server.port, PATH).await;
        let flood: Vec<u8> =
            (0..5000).flat_map(|n| frame(true, TEXT, format!("40/n{n},").as_bytes())).collect();
        let _ = tokio::io::AsyncWriteExt::write_all(&mut websocket.stream, &flood).await;
        assert_eq!(websocket.closed().await, Some(1008));
    }
    eventually("only the program's is left", || server.io.namespaces().len() == 1).await;
    assert_eq!(server.io.stats().refused_namespaces, 20);
    let mut websocket = Websocket::joined(server.port, "/rooms").await;
    for (n, joined) in [(0, 64), (10_000, 0)] {
        websocket.send(&format!("42/rooms,0[\"join\",{n}]")).await;
        assert_eq!(websocket.text().await, format!("43/rooms,0[{joined}]"));
    }
    assert_eq!(server.io.stats().refused_rooms, 20_000 - 64);
}

#[actix_web::test]
async fn whoever_is_about_to_leave_still_is_in_its_rooms() {
    let journal = Journal::default();
    let (leaving, left) = (journal.clone(), journal.clone());
    let server = server(calm(), |io| {
        let nsp = io.of("/");
        nsp.on_connect(|socket: Socket, _auth| async move {
            socket.join("a");
            socket.emit("in", &0);
        });
        nsp.on_disconnecting(move |socket, reason| {
            leaving.note(format!("leaving {:?}: {reason}", socket.rooms()));
            socket.namespace().to("a").except(socket.id()).emit("bye", &1);
        });
        nsp.on_disconnect(move |socket, _| left.note(format!("left {:?}", socket.rooms())));
    });
    let mut stays = Websocket::joined(server.port, "/").await;
    stays.text().await;
    let mut goes = Websocket::joined(server.port, "/").await;
    goes.text().await;
    goes.send("41").await;
    assert_eq!(stays.text().await, "42[\"bye\",1]");
    eventually("it has left", || journal.lines().len() == 2).await;
    assert_eq!(journal.lines(), ["leaving [\"a\"]: client namespace disconnect", "left []"]);
}

#[actix_web::test]
async fn an_onlooker_sees_what_goes_out_once_for_each_receiver() {
    let journal = Journal::default();
    let notes = journal.clone();
    let server = server(calm(), |io| {
        io.of("/").on_any_outgoing(move |socket, frame, _| {
            notes.note(format!("{} {}", socket.id().len(), frame.text()));
        });
    });
    let _first = Websocket::joined(server.port, "/").await;
    let _second = Websocket::joined(server.port, "/").await;
    let nsp = server.io.of("/");
    nsp.emit("all", &1);
    nsp.to("nobody").emit("some", &2);
    nsp.sockets()[0].emit("one", &3);
    assert_eq!(journal.lines(), ["20 2[\"all\",1]", "20 2[\"all\",1]", "20 2[\"one\",3]"]);
}

#[actix_web::test]
async fn a_broadcast_gathers_the_answers_that_come_in_time() {
    let server = server(calm(), |io| {
        io.of("/");
    });
    let mut clients = Vec::new();
    for _ in 0..3 {
        clients.push(Websocket::joined(server.port, "/").await);
    }
    let nsp = server.io.of("/");
    let asking = nsp.to("").emit_with_ack("question", &json!({"n": 1}), Duration::from_millis(200));
    let asking = actix_web::rt::spawn(asking);
    for client in &mut clients {
        assert_eq!(client.text().await, "420[\"question\",{\"n\":1}]", "the same packet for all");
    }
    clients[0].send("430[\"a\"]").await;
    clients[1].send("430[\"b\"]").await;
    clients[1].send("430[\"again\"]").await;
    let answers = asking.await.unwrap();
    let mut words: Vec<_> = answers.replies.iter().map(|(_, reply)| reply.args[0].to_string()).collect();
    words.sort();
    assert_eq!(
        (words, answers.expected, answers.timed_out),
        (vec!["\"a\"".to_owned(), "\"b\"".to_owned()], 3, true)
    );
    let asking = nsp.to("").emit_with_ack("question", &2, Duration::from_secs(60));
    let asking = actix_web::rt::spawn(asking);
    let silent = clients.pop();
    for client in &mut clients {
        assert_eq!(client.text().await, "421[\"question\",2]");
        client.send("431[]").await;
    }
    // Whoever leaves is not waited for.
    drop(silent);
    let answers = asking.await.unwrap();
    assert_eq!((answers.replies.len(), answers.expected, answers.timed_out), (2, 3, false));
    let nobody = nsp.to("nobody").emit_with_ack("question", &3, Duration::from_secs(60)).await;
    assert_eq!((nobody.expected, nobody.timed_out), (0, false));
}

#[actix_web::test]
async fn a_client_that_owes_too_many_answers_is_asked_no_more() {
    let limits = Limits { pending_acks_max: 2, ..Limits::default() };
    let server = server(Config { limits, ..calm() }, |io| {
        io.of("/");
    });
    let _silent = Websocket::joined(server.port, "/").await;
    let socket = server.io.of("/").sockets()[0].clone();
    let _first = socket.emit_with_ack("q", &1, Duration::from_secs(60));
    let _second = socket.emit_with_ack("q", &2, Duration::from_secs(60));
    assert_eq!(socket.emit_with_ack("q", &3, Duration::from_secs(60)).await, Err(AckError::TooManyPending));
    let all = server.io.of("/").to("").emit_with_ack("q", &4, Duration::from_secs(60)).await;
    assert_eq!((all.replies.len(), all.expected), (0, 1));
    assert_eq!(server.io.stats().refused_acks, 2);
}

#[actix_web::test]
async fn volatile_frames_reach_only_those_who_are_ready() {
    let server = server(calm(), |io| {
        io.of("/");
    });
    let mut ready = Websocket::joined(server.port, "/").await;
    let absent = Polling::open(server.port, PATH).await;
    absent.send("40").await;
    absent.poll().await;
    until_taken(&server, 1, || server.io.of("/").to("").emit_volatile("now", &1)).await;
    assert_eq!(ready.text().await, "42[\"now\",1]");
    server.io.of("/").emit("later", &2);
    assert_eq!(absent.poll().await, ["42[\"later\",2]"]);
    let socket = server.io.of("/").sockets().into_iter().find(|s| s.transport() == "polling").unwrap();
    let pending = absent.begin_get().await;
    until_taken(&server, 0, || socket.emit_volatile("now", &3)).await;
    assert_eq!(pending.end().await.text(), "42[\"now\",3]");
}

#[actix_web::test]
async fn a_selection_joins_leaves_and_is_put_out_together() {
    let server = server(calm(), |io| {
        io.of("/");
    });
    let mut clients = Vec::new();
    for _ in 0..3 {
        clients.push(Websocket::joined(server.port, "/").await);
    }
    let nsp = server.io.of("/");
    let first = nsp.sockets()[0].clone();
    first.broadcast().join("others");
    assert_eq!((nsp.room_len("others"), nsp.to("others").sockets().len()), (2, 2));
    nsp.to(first.id()).join("others");
    nsp.to("others").except(first.id()).leave("others");
    assert_eq!(nsp.to("others").sockets()[0].id(), first.id());
    first.broadcast().disconnect(false);
    eventually("one is left", || nsp.len() == 1).await;
}

#[actix_web::test]
async fn sessions_that_join_nothing_are_counted_and_refused_beyond_their_limit() {
    let limits = Limits { sessions_unjoined_max: 2, ..Limits::default() };
    let server = echo_server(Config { limits, connect_timeout: Duration::from_millis(300), ..calm() });
    let (mut first, _) = Websocket::session(server.port, PATH).await;
    let (_second, _) = Websocket::session(server.port, PATH).await;
    let target = "/socket.io/?EIO=4&transport=polling";
    assert_eq!(request(server.port, "GET", target, "").await.status, 503);
    first.send("40").await;
    first.text().await;
    let third = request(server.port, "GET", target, "").await;
    assert_eq!(third.status, 200, "who has joined does not count");
    eventually("those who join nothing are put out", || server.io.stats().connect_timeouts == 2).await;
    let stats = server.io.stats();
    assert_eq!((stats.refused_unjoined, stats.refused_admission), (1, 1));
}

#[actix_web::test]
async fn every_refusal_counts_as_what_it_is() {
    let limits = Limits { handshakes_per_s: 12, packets_per_s: 50, bytes_per_s: 10_000, ..Limits::default() };
    let server = echo_server(Config { limits, max_payload: 50_000, ..calm() });
    let port = server.port;
    async fn provoke(port: u16, bytes: Vec<u8>) {
        let mut websocket = Websocket::joined(port, "/").await;
        let _ = tokio::io::AsyncWriteExt::write_all(&mut websocket.stream, &bytes).await;
        websocket.closed().await;
    }
    provoke(port, frame(true, TEXT, b"42[\"x\"]").repeat(200)).await;
    provoke(port, frame(true, TEXT, format!("42[\"x\",\"{}\"]", "y".repeat(30_000)).as_bytes())).await;
    provoke(port, frame(true, TEXT, b"4511-[\"x\"]")).await;
    provoke(port, frame(true, TEXT, b"42[\"disconnecting\"]")).await;
    provoke(port, [frame_header(true, TEXT, 60_000), vec![0; 4]].concat()).await;
    let session = Polling::open(port, PATH).await;
    assert_eq!(session.post(&"4".repeat(50_001)).await.status, 413);
    let target = "/socket.io/?EIO=4&transport=polling";
    let mut refused = 0;
    for _ in 0..20 {
        refused += u64::from(request(port, "GET", target, "").await.status == 503);
    }
    let stats = server.io.stats();
    assert!(refused > 0 && stats.refused_handshake_rate == refused);
    assert_eq!(
        (stats.refused_packet_rate, stats.refused_byte_rate, stats.refused_policy),
        (1, 1, 2),
        "limits of rates"
    );
    assert_eq!((stats.refused_attachments, stats.refused_names), (1, 1));
    assert_eq!((stats.refused_message_size, stats.refused_body_size), (1, 1));
}
