//! Connection state recovery: a client that was cut off gets what it missed, once and in order.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "support/socketio.rs"]
mod support;

use std::time::Duration;

use hmrs::socketio::{Config, Event, Frame, Grant, Handshake, Recovery, Refusal, Socket, SocketIo};
use serde_json::{Value, json};
use support::*;

const PATH: &str = "/socket.io/";

fn recovering(recovery: Recovery) -> Config {
    Config { recovery: Some(recovery), ..calm() }
}

fn furnish(io: &SocketIo) {
    let nsp = io.of("/");
    nsp.on("join", |socket: Socket, event: Event| async move {
        socket.join(event.arg(0).as_str().unwrap());
        event.ack.unwrap().send(&socket.rooms().len());
    });
}

/// A client that remembers what the official one does.
struct Client {
    websocket: Websocket,
    sid: String,
    pid: String,
    offset: Option<String>,
}

impl Client {
    async fn connect(port: u16, was: Option<&Client>) -> Self {
        let (mut websocket, _) = Websocket::session(port, PATH).await;
        let auth = match was {
            None => String::new(),
            Some(Client { pid, offset: None, .. }) => json!({ "pid": pid }).to_string(),
            Some(Client { pid, offset: Some(offset), .. }) => {
                json!({ "pid": pid, "offset": offset }).to_string()
            }
        };
        websocket.send(&format!("40{auth}")).await;
        let reply = websocket.text().await;
        let reply: Value = serde_json::from_str(reply.strip_prefix("40").unwrap()).unwrap();
        let word = |key: &str| reply[key].as_str().unwrap().to_owned();
        let offset = was.and_then(|was| was.offset.clone()).filter(|_| was.unwrap().pid == word("pid"));
        Self { websocket, sid: word("sid"), pid: word("pid"), offset }
    }

    /// The next event, its name and arguments; takes a trailing string for an offset.
    async fn event(&mut self) -> Vec<Value> {
        let packet = self.websocket.text().await;
        let args: Vec<Value> = serde_json::from_str(packet.strip_prefix("42").unwrap()).unwrap();
        if let Some(Value::String(offset)) = args.last() {
            self.offset = Some(offset.clone());
        }
        args
    }

    async fn number(&mut self) -> u64 {
        self.event().await[1].as_u64().unwrap()
    }

    async fn join(&mut self, room: &str) {
        self.websocket.send(&format!("420[\"join\",\"{room}\"]")).await;
        assert!(self.websocket.text().await.starts_with("430["));
    }
}

#[actix_web::test]
async fn a_client_that_was_cut_off_gets_every_missed_event_once_and_in_order() {
    let server = server(recovering(Recovery::default()), furnish);
    let nsp = server.io.of("/");
    let mut client = Client::connect(server.port, None).await;
    client.join("mine").await;
    let publish = |n: u64| match n % 4 {
        0 => nsp.emit("n", &n),
        1 => nsp.to("mine").emit("n", &n),
        2 => nsp.to("mine").to(&client.sid).emit("n", &n),
        _ => {
            nsp.to("others").emit("n", &n);
            nsp.to("mine").except("mine").emit("n", &n);
        }
    };
    let heard: Vec<u64> = (0..500).filter(|n| n % 4 != 3).collect();
    (0..100).for_each(publish);
    let mut got = Vec::new();
    // It reads only some of what was sent before the cut.
    for _ in 0..50 {
        got.push(client.number().await);
    }
    let (sid, pid, offset) = (client.sid.clone(), client.pid.clone(), client.offset.clone());
    let was = Client { websocket: client.websocket, sid, pid, offset };
    let Client { websocket, sid, pid, offset } = was;
    drop(websocket);
    eventually("the cut is noticed", || nsp.is_empty()).await;
    let publish = |n: u64| match n % 4 {
        0 => nsp.emit("n", &n),
        1 => nsp.to("mine").emit("n", &n),
        2 => nsp.to("mine").to(&sid).emit("n", &n),
        _ => nsp.to("others").emit("n", &n),
    };
    (100..300).for_each(publish);
    let (nowhere, _) = Websocket::session(server.port, PATH).await;
    let was = Client { websocket: nowhere, sid: sid.clone(), pid: pid.clone(), offset };
    let mut back = Client::connect(server.port, Some(&was)).await;
    assert_eq!((&back.sid, &back.pid), (&sid, &pid));
    assert!(nsp.socket(&sid).unwrap().is_recovered());
    (300..500).for_each(publish);
    while got.len() < heard.len() {
        got.push(back.number().await);
    }
    assert_eq!(got, heard);
    assert_eq!(server.io.stats().recoveries, 1);
}

#[actix_web::test]
async fn cuts_in_mid_stream_lose_and_double_nothing() {
    let server = server(recovering(Recovery::default()), furnish);
    let nsp = server.io.of("/");
    let mut client = Client::connect(server.port, None).await;
    let emitter = nsp.clone();
    actix_web::rt::spawn(async move {
        for n in 0..600_u64 {
            emitter.emit("n", &n);
            sleep_ms(1).await;
        }
    });
    let mut expected = 0;
    for _ in 0..10 {
        for _ in 0..50 {
            assert_eq!(client.number().await, expected);
            expected += 1;
        }
        // The server does not notice the cut before the client is back: the old connection is still open.
        let stale = client;
        client = Client::connect(server.port, Some(&stale)).await;
        assert_eq!(client.pid, stale.pid);
    }
    assert_eq!(server.io.stats().recoveries, 10);
    while expected < 600 {
        assert_eq!(client.number().await, expected);
        expected += 1;
    }
}

#[actix_web::test]
async fn a_stale_connection_that_dies_late_does_not_take_the_session_along() {
    let server = server(recovering(Recovery::default()), furnish);
    let nsp = server.io.of("/");
    let first = Client::connect(server.port, None).await;
    nsp.emit("n", &0);
    let mut second = Client::connect(server.port, Some(&first)).await;
    assert_eq!((second.number().await, &second.sid), (0, &first.sid));
    drop(first);
    eventually("the first connection is gone", || server.io.stats().sessions_websocket == 1).await;
    assert_eq!(nsp.len(), 1);
    nsp.emit("n", &1);
    let mut third = Client::connect(server.port, Some(&second)).await;
    assert_eq!(third.pid, second.pid);
    assert_eq!(third.number().await, 1, "what the second had not read");
}

#[actix_web::test]
async fn what_is_not_remembered_never_ends_in_a_string() {
    let server = server(recovering(Recovery::default()), furnish);
    let nsp = server.io.of("/");
    let mut client = Client::connect(server.port, None).await;
    nsp.emit("n", &"kept");
    let kept = client.event().await;
    assert_eq!((kept.len(), kept[2].is_string()), (3, true));
    let offset = client.offset.clone();
    nsp.to("").emit_latest("slot", "state", &"text");
    assert_eq!(client.event().await, [json!("state"), json!("text"), Value::Null]);
    until_taken(&server, 0, || nsp.to("").emit_volatile("now", &"text")).await;
    assert_eq!(client.event().await, [json!("now"), json!("text"), Value::Null]);
    nsp.to("").emit_latest("slot", "state", &json!({"a": "text"}));
    assert_eq!(client.event().await, [json!("state"), json!({"a": "text"})]);
    let _asked = nsp.sockets()[0].emit_with_ack("q", &"text", Duration::from_secs(9));
    assert_eq!(client.websocket.text().await, "420[\"q\",\"text\",null]");
    assert_eq!(client.offset, offset);
}

#[actix_web::test]
async fn what_is_said_to_one_who_is_away_waits_for_its_return() {
    let server = server(recovering(Recovery::default()), furnish);
    let nsp = server.io.of("/");
    let Client { websocket, sid, pid, offset } = Client::connect(server.port, None).await;
    let socket = nsp.sockets()[0].clone();
    drop(websocket);
    eventually("the cut is noticed", || nsp.is_empty()).await;
    socket.emit("result", &7);
    socket.emit_frame(&Frame::json("/", "result", &8), hmrs::socketio::Delivery::Event);
    let (nowhere, _) = Websocket::session(server.port, PATH).await;
    let was = Client { websocket: nowhere, sid, pid, offset };
    let mut back = Client::connect(server.port, Some(&was)).await;
    assert_eq!((back.number().await, back.number().await), (7, 8));
    socket.emit("result", &9);
    assert_eq!(back.number().await, 9, "the old handle speaks to whom it was");
}

#[actix_web::test]
async fn too_late_too_much_or_a_forged_pass_begin_anew() {
    let recovery = Recovery { packets_max: 10, window: Duration::from_millis(500), ..Recovery::default() };
    let server = server(recovering(recovery), furnish);
    let nsp = server.io.of("/");
    let mut first = Client::connect(server.port, None).await;
    nsp.emit("n", &0);
    first.number().await;
    (0..11).for_each(|n| nsp.emit("n", &n));
    let second = Client::connect(server.port, Some(&first)).await;
    assert!(second.pid != first.pid && second.sid != first.sid, "more missed than remembered");
    let forged = Client { pid: "forged".to_owned(), offset: second.offset.clone(), ..first };
    let third = Client::connect(server.port, Some(&forged)).await;
    assert_ne!(third.pid, "forged");
    let Client { websocket, sid, pid, offset } = third;
    drop(websocket);
    eventually("it is gone", || nsp.socket(&sid).is_none()).await;
    sleep_ms(600).await;
    let late = Client { websocket: second.websocket, sid, pid, offset };
    assert_ne!(Client::connect(server.port, Some(&late)).await.pid, late.pid, "too late");
    assert_eq!((server.io.stats().recoveries, server.io.stats().recoveries_failed), (0, 3));
}

#[actix_web::test]
async fn middleware_is_skipped_or_asked_again_and_never_sees_the_pass() {
    for (skips_middleware, asked) in [(true, 1), (false, 2)] {
        let count = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let counter = count.clone();
        let server = server(recovering(Recovery { skips_middleware, ..Recovery::default() }), |io| {
            let counter = counter.clone();
            io.of("/").middleware(async move |_: &Handshake, auth: &Value| {
                counter.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                match auth.get("pid").or(auth.get("offset")) {
                    None => Ok(Grant::with("data".to_owned())),
                    Some(_) => Err(Refusal::new("a secret has leaked")),
                }
            });
            io.of("/").on_connect(|socket: Socket, auth: Value| async move {
                let data = socket.data::<String>();
                socket.emit("seen", &json!([data.as_deref(), auth, socket.is_recovered()]));
            });
        });
        let mut first = Client::connect(server.port, None).await;
        assert_eq!(first.event().await[1], json!(["data", null, false]));
        let mut second = Client::connect(server.port, Some(&first)).await;
        assert_eq!(second.event().await[1], json!(["data", {}, true]));
        assert_eq!(count.load(std::sync::atomic::Ordering::Relaxed), asked);
    }
}

#[actix_web::test]
async fn those_who_do_not_ask_are_neither_remembered_nor_given_offsets() {
    let server = server(recovering(Recovery { on_request: true, ..Recovery::default() }), furnish);
    let nsp = server.io.of("/");
    let mut plain = Websocket::session(server.port, PATH).await.0;
    plain.send("40{\"recover\":false}").await;
    let reply = plain.text().await;
    assert!(reply.contains("sid") && !reply.contains("pid"), "{reply}");
    let mut asks = Websocket::session(server.port, PATH).await.0;
    asks.send("40{\"recover\":true}").await;
    let reply = asks.text().await;
    assert!(reply.contains("\"pid\""), "{reply}");
    nsp.emit("news", &1);
    nsp.publish("", &Frame::json("/", "news", &2), hmrs::socketio::Delivery::Passing);
    assert_eq!(plain.text().await, "42[\"news\",1]");
    assert_eq!(plain.text().await, "42[\"news\",2]");
    let first = asks.text().await;
    assert!(first.starts_with("42[\"news\",1,\""), "{first}");
    assert_eq!(asks.text().await, "42[\"news\",2]", "not remembered, hence without an offset");
}

#[actix_web::test]
async fn a_client_that_comes_back_can_be_told_from_what_it_was() {
    let recovery = Recovery { skips_middleware: false, ..Recovery::default() };
    let server = server(recovering(recovery), |io| {
        io.of("/").middleware(async |_: &Handshake, _: &Value| Ok(Grant::with("new".to_owned())));
        io.of("/").on_connect(|socket: Socket, _| async move {
            let (data, before) = (socket.data::<String>(), socket.recovered_data::<String>());
            socket.emit("data", &json!([data.as_deref(), before.as_deref()]));
            socket.set_data("grown".to_owned());
        });
    });
    let mut first = Client::connect(server.port, None).await;
    assert_eq!(first.event().await[1], json!(["new", null]));
    let mut second = Client::connect(server.port, Some(&first)).await;
    assert_eq!(second.event().await[1], json!(["new", "grown"]));
}

#[actix_web::test]
async fn whoever_left_on_purpose_does_not_come_back_to_what_it_had() {
    let server = server(recovering(Recovery::default()), furnish);
    let mut first = Client::connect(server.port, None).await;
    first.websocket.send("41").await;
    eventually("it has left", || server.io.of("/").is_empty()).await;
    let second = Client::connect(server.port, Some(&first)).await;
    assert_ne!(second.pid, first.pid);
}
