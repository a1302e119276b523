//! permessage-deflate: agreed only when it is on and offered, and never the server's undoing.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "support/socketio.rs"]
mod support;

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress};
use hmrs::socketio::{Config, Deflate, Limits};
use support::*;

const ENGINE: &str = "/engine.io/?EIO=4&transport=websocket";
const OFFER: &str = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n";
const RSV1: u8 = 0x40;

fn deflating() -> Config {
    Config { deflate: Deflate::Always, ..calm() }
}

fn deflate(body: &[u8]) -> Vec<u8> {
    let mut stream = Compress::new(Compression::best(), false);
    let mut deflated = Vec::with_capacity(body.len() + 1000);
    stream.compress_vec(body, &mut deflated, FlushCompress::Sync).unwrap();
    deflated.truncate(deflated.len() - 4);
    deflated
}

fn inflate(body: &[u8]) -> Vec<u8> {
    let mut message = Vec::with_capacity(1 << 21);
    let body = [body, &[0, 0, 0xff, 0xff]].concat();
    Decompress::new(false).decompress_vec(&body, &mut message, FlushDecompress::Sync).unwrap();
    message
}

async fn open(port: u16, target: &str) -> Websocket {
    let mut websocket = Websocket::try_open(port, target, OFFER, b"").await.ok().unwrap();
    let head = websocket.head.to_ascii_lowercase();
    assert!(head.contains("permessage-deflate; server_no_context_takeover; client_no_context_takeover"));
    websocket.frame().await;
    websocket
}

fn text(len: usize) -> String {
    (0..len / 8).map(|n| format!("{n:08}")).collect()
}

#[actix_web::test]
async fn it_is_off_by_default_and_for_those_who_do_not_offer_it() {
    let server = echo_server(calm());
    let websocket = Websocket::try_open(server.port, ENGINE, OFFER, b"").await.ok().unwrap();
    assert!(!websocket.head.to_ascii_lowercase().contains("extensions"));
    let server = echo_server(deflating());
    let websocket = Websocket::try_open(server.port, ENGINE, "", b"").await.ok().unwrap();
    assert!(!websocket.head.to_ascii_lowercase().contains("extensions"));
    let unkept = "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=9\r\n";
    let websocket = Websocket::try_open(server.port, ENGINE, unkept, b"").await.ok().unwrap();
    assert!(!websocket.head.to_ascii_lowercase().contains("extensions"));
}

#[actix_web::test]
async fn it_may_be_kept_from_clients_on_the_same_machine() {
    let server = echo_server(Config { deflate: Deflate::Remote, ..calm() });
    let websocket = Websocket::try_open(server.port, ENGINE, OFFER, b"").await.ok().unwrap();
    assert!(!websocket.head.to_ascii_lowercase().contains("extensions"));
}

#[actix_web::test]
async fn what_is_marked_as_uncompressed_stays_so_over_both_transports() {
    let server = server(deflating(), |io| {
        io.of("/");
    });
    let mut websocket = open(server.port, "/socket.io/?EIO=4&transport=websocket").await;
    websocket.send("40").await;
    websocket.frame().await;
    let polling = Polling::open(server.port, "/socket.io/").await;
    polling.send("40").await;
    polling.poll().await;
    let (words, nsp) = (text(3000), server.io.of("/"));
    let packet = format!("42[\"words\",\"{words}\"]");
    nsp.everyone().compress(false).local().emit("words", &words);
    nsp.sockets().iter().for_each(|socket| socket.emit_uncompressed("words", &words));
    for _ in 0..2 {
        assert_eq!(websocket.frame().await, (0x81, packet.clone().into_bytes()));
    }
    let get = || async {
        Exchange::begin(server.port, "GET", &polling.target, "Accept-Encoding: gzip\r\n", b"")
            .await
            .end()
            .await
    };
    let plain = get().await;
    assert_eq!((plain.header("content-encoding"), plain.text()), ("", &*[&*packet, &*packet].join("\x1e")));
    // One that may be compressed takes those in the same body along.
    nsp.everyone().compress(false).emit("words", &words);
    nsp.emit("words", &words);
    assert_eq!(get().await.header("content-encoding"), "gzip");
}

#[actix_web::test]
async fn messages_are_inflated_and_answered_deflated_from_half_a_kibibyte_on() {
    let server = echo_server(deflating());
    let mut websocket = open(server.port, ENGINE).await;
    for len in [8, 500, 520, 5000, 200_000, 900_000] {
        let message = format!("4{}", text(len));
        websocket.raw(&frame(true, TEXT | RSV1, &deflate(message.as_bytes()))).await;
        let (first, body) = websocket.frame().await;
        if len < 512 {
            assert_eq!((first, body), (0x81, message.into_bytes()), "{len}");
        } else {
            assert_eq!(first, 0xc1, "{len}");
            assert!(body.len() < message.len());
            assert_eq!(inflate(&body), message.as_bytes(), "{len}");
        }
    }
    // Plain messages are still welcome, binary ones as well.
    websocket.send("4plain").await;
    assert_eq!(websocket.text().await, "4plain");
    let zeros = vec![0; 10_000];
    websocket.raw(&frame(true, BINARY | RSV1, &deflate(&zeros))).await;
    let (first, body) = websocket.frame().await;
    assert_eq!((first, inflate(&body)), (0xc2, zeros));
}

#[actix_web::test]
async fn a_deflated_message_may_come_in_fragments_and_in_drops() {
    let server = echo_server(deflating());
    let mut websocket = open(server.port, ENGINE).await;
    let message = format!("4{}", text(4000));
    let deflated = deflate(message.as_bytes());
    let (head, tail) = deflated.split_at(deflated.len() / 3);
    let (middle, tail) = tail.split_at(7);
    let frames = [
        frame(false, TEXT | RSV1, head),
        frame(true, PING, b"?"),
        frame(false, 0, middle),
        frame(true, 0, tail),
        frame(true, TEXT, b"4next"),
    ]
    .concat();
    for byte in frames {
        websocket.raw(&[byte]).await;
    }
    assert_eq!(websocket.next().await, Received::Pong(b"?".to_vec()));
    assert_eq!(inflate(&websocket.frame().await.1), message.as_bytes());
    assert_eq!(websocket.text().await, "4next");
}

#[actix_web::test]
async fn a_broadcast_is_plain_for_some_and_deflated_for_others() {
    let server = server(deflating(), |io| {
        io.of("/");
    });
    let target = "/socket.io/?EIO=4&transport=websocket";
    let mut plain = Websocket::joined(server.port, "/").await;
    let mut deflated = Vec::new();
    for _ in 0..3 {
        let mut websocket = open(server.port, target).await;
        websocket.send("40").await;
        websocket.frame().await;
        deflated.push(websocket);
    }
    let words = text(3000);
    server.io.of("/").emit("words", &words);
    let packet = format!("42[\"words\",\"{words}\"]");
    assert_eq!(plain.text().await, packet);
    for websocket in &mut deflated {
        let (first, body) = websocket.frame().await;
        assert_eq!((first, inflate(&body)), (0xc1, packet.clone().into_bytes()));
    }
}

#[actix_web::test]
async fn a_bomb_or_rubbish_is_closed_with_the_code_for_it() {
    let server = echo_server(Config { max_payload: 1_000_000, limits: Limits::default(), ..deflating() });
    let bomb = deflate(&vec![b'4'; 40 << 20]);
    assert!(bomb.len() < 1_000_000, "it would pass as it is");
    let half = bomb.len() / 2;
    let good = deflate(b"4good");
    let cases: [(&str, Vec<u8>, u16); 7] = [
        ("a bomb", frame(true, TEXT | RSV1, &bomb), 1009),
        (
            "a bomb in fragments",
            [frame(false, TEXT | RSV1, &bomb[..half]), frame(true, 0, &bomb[half..])].concat(),
            1009,
        ),
        ("rubbish", frame(true, TEXT | RSV1, &[0xff; 50]), 1007),
        ("not UTF-8 inside", frame(true, TEXT | RSV1, &deflate(&[b'4', 0xff, 0xfe])), 1007),
        (
            "the bit on a continuation",
            [frame(false, TEXT | RSV1, &good[..2]), frame(true, RSV1, &good[2..])].concat(),
            1002,
        ),
        ("the bit on a ping", frame(true, PING | RSV1, b""), 1002),
        ("another bit", frame(true, TEXT | 0x20, b"4a"), 1002),
    ];
    for (what, bytes, code) in cases {
        let mut websocket = open(server.port, ENGINE).await;
        let _ = tokio::io::AsyncWriteExt::write_all(&mut websocket.stream, &bytes).await;
        assert_eq!(websocket.closed().await, Some(code), "{what}");
    }
    let without = Websocket::open(server.port, ENGINE).await;
    let mut without = without;
    without.text().await;
    without.raw(&frame(true, TEXT | RSV1, &good)).await;
    assert_eq!(without.closed().await, Some(1002), "the bit without an agreement");
    assert!(server.engine.stats().refused_message_size >= 2);
}
