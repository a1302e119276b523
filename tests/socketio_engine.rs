//! The published Engine.IO conformance suite, test by test, against the echo example.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[macro_use]
#[path = "support/engine_suite.rs"]
mod engine_suite;
#[path = "support/socketio.rs"]
mod support;

use hmrs::socketio::protocol::client::Open;
use support::*;

const PATH: &str = "/engine.io/";

engine_suite!(PATH);

mod message_polling {
    use super::*;

    #[actix_web::test]
    async fn sends_and_receives_one_plain_text_packet() {
        let server = echo_server(conformance());
        let session = Polling::open(server.port, PATH).await;
        let answer = session.post("4hello").await;
        assert_eq!((answer.status, answer.text()), (200, "ok"));
        assert_eq!(answer.header("content-type"), "text/html");
        assert_eq!(session.poll().await, ["4hello"]);
    }

    #[actix_web::test]
    async fn sends_and_receives_several_plain_text_packets() {
        let server = echo_server(conformance());
        let session = Polling::open(server.port, PATH).await;
        session.send("4test1\x1e4test2\x1e4test3").await;
        assert_eq!(session.poll().await, ["4test1", "4test2", "4test3"]);
    }

    #[actix_web::test]
    async fn sends_and_receives_plain_text_and_binary_packets() {
        let server = echo_server(conformance());
        let session = Polling::open(server.port, PATH).await;
        session.send("4hello\x1ebAQIDBA==").await;
        assert_eq!(session.poll().await, ["4hello", "bAQIDBA=="]);
    }

    #[actix_web::test]
    async fn closes_the_session_upon_an_invalid_packet_format() {
        let server = echo_server(conformance());
        for body in ["abc", "", "4a\x1e", "7", "bA", "b###", "2", "5", "0{}"] {
            let session = Polling::open(server.port, PATH).await;
            assert_eq!(session.post(body).await.status, 400, "{body:?}");
            assert!(session.is_closed().await, "{body:?}");
        }
    }

    #[actix_web::test]
    async fn closes_the_session_upon_duplicate_poll_requests() {
        let server = echo_server(conformance());
        let session = Polling::open(server.port, PATH).await;
        let first = session.begin_get().await;
        sleep_ms(20).await;
        assert_eq!(session.get().await.status, 400);
        let first = first.end().await;
        assert_eq!((first.status, first.text()), (200, "1"));
        assert!(session.is_closed().await);
    }

    #[actix_web::test]
    async fn closes_the_session_upon_a_cancelled_poll_request() {
        let server = echo_server(conformance());
        let session = Polling::open(server.port, PATH).await;
        let poll = session.begin_get().await;
        sleep_ms(20).await;
        drop(poll);
        sleep_ms(20).await;
        assert!(session.is_closed().await);
    }
}

mod message_websocket {
    use super::*;

    #[actix_web::test]
    async fn sends_and_receives_a_plain_text_packet() {
        let server = echo_server(conformance());
        let (mut websocket, _) = Websocket::session(server.port, PATH).await;
        websocket.send("4hello").await;
        assert_eq!(websocket.text().await, "4hello");
    }

    #[actix_web::test]
    async fn sends_and_receives_a_binary_packet() {
        let server = echo_server(conformance());
        let (mut websocket, _) = Websocket::session(server.port, PATH).await;
        websocket.send_binary(&[1, 2, 3, 4]).await;
        assert_eq!(websocket.binary().await, [1, 2, 3, 4]);
    }

    #[actix_web::test]
    async fn closes_the_session_upon_an_invalid_packet_format() {
        let server = echo_server(conformance());
        let (mut websocket, _) = Websocket::session(server.port, PATH).await;
        websocket.send("abc").await;
        assert!(websocket.closed().await.is_some());
    }
}
