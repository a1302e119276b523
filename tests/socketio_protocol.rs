//! The published Socket.IO conformance suite, test by test, against the echo example.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[macro_use]
#[path = "support/engine_suite.rs"]
mod engine_suite;
#[path = "support/socketio.rs"]
mod support;

use hmrs::socketio::protocol::client::Open;
use serde_json::Value;
use support::*;

const PATH: &str = "/socket.io/";

engine_suite!(PATH);

async fn session(server: &Server) -> Websocket {
    Websocket::session(server.port, PATH).await.0
}

/// A client that has joined `/` and read its `auth` event.
async fn joined(server: &Server) -> Websocket {
    let mut websocket = session(server).await;
    websocket.send("40").await;
    assert!(websocket.text().await.starts_with("40{\"sid\":"));
    assert_eq!(websocket.text().await, "42[\"auth\",{}]");
    websocket
}

fn only_sid(reply: &str) {
    let reply: Value = serde_json::from_str(reply).unwrap();
    let reply = reply.as_object().unwrap();
    assert!(reply.len() == 1 && reply["sid"].is_string(), "{reply:?}");
}

mod connect {
    use super::*;

    #[actix_web::test]
    async fn allows_the_main_namespace() {
        let server = echo_server(conformance());
        let mut websocket = session(&server).await;
        websocket.send("40").await;
        only_sid(websocket.text().await.strip_prefix("40").unwrap());
        assert_eq!(websocket.text().await, "42[\"auth\",{}]");
    }

    #[actix_web::test]
    async fn allows_the_main_namespace_with_a_payload() {
        let server = echo_server(conformance());
        let mut websocket = session(&server).await;
        websocket.send("40{\"token\":\"123\"}").await;
        only_sid(websocket.text().await.strip_prefix("40").unwrap());
        assert_eq!(websocket.text().await, "42[\"auth\",{\"token\":\"123\"}]");
    }

    #[actix_web::test]
    async fn allows_a_custom_namespace() {
        let server = echo_server(conformance());
        let mut websocket = session(&server).await;
        websocket.send("40/custom,").await;
        only_sid(websocket.text().await.strip_prefix("40/custom,").unwrap());
        assert_eq!(websocket.text().await, "42/custom,[\"auth\",{}]");
    }

    #[actix_web::test]
    async fn allows_a_custom_namespace_with_a_payload() {
        let server = echo_server(conformance());
        let mut websocket = session(&server).await;
        websocket.send("40/custom,{\"token\":\"abc\"}").await;
        only_sid(websocket.text().await.strip_prefix("40/custom,").unwrap());
        assert_eq!(websocket.text().await, "42/custom,[\"auth\",{\"token\":\"abc\"}]");
    }

    #[actix_web::test]
    async fn disallows_an_unknown_namespace() {
        let server = echo_server(conformance());
        let mut websocket = session(&server).await;
        websocket.send("40/random").await;
        assert_eq!(websocket.text().await, "44/random,{\"message\":\"Invalid namespace\"}");
    }

    #[actix_web::test]
    async fn disallows_an_invalid_handshake() {
        let server = echo_server(conformance());
        let mut websocket = session(&server).await;
        websocket.send("4abc").await;
        assert!(websocket.closed().await.is_some());
    }

    #[actix_web::test]
    async fn closes_the_connection_if_no_handshake_is_received() {
        let server = echo_server(conformance());
        let mut websocket = session(&server).await;
        let start = std::time::Instant::now();
        loop {
            match websocket.next().await {
                Received::Text(ping) if ping == "2" => websocket.send("3").await,
                Received::Close(_) => break,
                other => panic!("{other:?}"),
            }
        }
        assert!((950..1300).contains(&start.elapsed().as_millis()));
    }
}

mod disconnect {
    use super::*;

    #[actix_web::test]
    async fn leaves_the_main_namespace() {
        let server = echo_server(conformance());
        let mut websocket = joined(&server).await;
        websocket.send("41").await;
        assert_eq!(websocket.text().await, "2", "the session lives on");
        assert!(server.io.of("/").is_empty());
    }

    #[actix_web::test]
    async fn joins_then_leaves_a_custom_namespace() {
        let server = echo_server(conformance());
        let mut websocket = joined(&server).await;
        websocket.send("40/custom").await;
        assert!(websocket.text().await.starts_with("40/custom,"));
        assert_eq!(websocket.text().await, "42/custom,[\"auth\",{}]");
        websocket.send("41/custom").await;
        websocket.send("42[\"message\",\"still here\"]").await;
        assert_eq!(websocket.text().await, "42[\"message-back\",\"still here\"]");
    }
}

mod message {
    use super::*;

    #[actix_web::test]
    async fn sends_a_plain_text_packet() {
        let server = echo_server(conformance());
        let mut websocket = joined(&server).await;
        websocket.send("42[\"message\",1,\"2\",{\"3\":[true]}]").await;
        assert_eq!(websocket.text().await, "42[\"message-back\",1,\"2\",{\"3\":[true]}]");
    }

    #[actix_web::test]
    async fn sends_a_packet_with_binary_attachments() {
        let server = echo_server(conformance());
        let mut websocket = joined(&server).await;
        let args = "{\"_placeholder\":true,\"num\":0},{\"_placeholder\":true,\"num\":1}]";
        websocket.send(&format!("452-[\"message\",{args}")).await;
        websocket.send_binary(&[1, 2, 3]).await;
        websocket.send_binary(&[4, 5, 6]).await;
        assert_eq!(websocket.text().await, format!("452-[\"message-back\",{args}"));
        assert_eq!(websocket.binary().await, [1, 2, 3]);
        assert_eq!(websocket.binary().await, [4, 5, 6]);
    }

    #[actix_web::test]
    async fn sends_a_plain_text_packet_with_an_ack() {
        let server = echo_server(conformance());
        let mut websocket = joined(&server).await;
        websocket.send("42456[\"message-with-ack\",1,\"2\",{\"3\":[false]}]").await;
        assert_eq!(websocket.text().await, "43456[1,\"2\",{\"3\":[false]}]");
    }

    #[actix_web::test]
    async fn sends_a_packet_with_binary_attachments_and_an_ack() {
        let server = echo_server(conformance());
        let mut websocket = joined(&server).await;
        let args = "{\"_placeholder\":true,\"num\":0},{\"_placeholder\":true,\"num\":1}]";
        websocket.send(&format!("452-789[\"message-with-ack\",{args}")).await;
        websocket.send_binary(&[1, 2, 3]).await;
        websocket.send_binary(&[4, 5, 6]).await;
        assert_eq!(websocket.text().await, format!("462-789[{args}"));
        assert_eq!(websocket.binary().await, [1, 2, 3]);
        assert_eq!(websocket.binary().await, [4, 5, 6]);
    }

    #[actix_web::test]
    async fn closes_the_connection_upon_an_unknown_packet_type() {
        let server = echo_server(conformance());
        let mut websocket = joined(&server).await;
        websocket.send("4abc").await;
        assert!(websocket.closed().await.is_some());
    }

    #[actix_web::test]
    async fn closes_the_connection_upon_an_invalid_payload_format() {
        let server = echo_server(conformance());
        let mut websocket = joined(&server).await;
        websocket.send("42{}").await;
        assert!(websocket.closed().await.is_some());
    }

    #[actix_web::test]
    async fn closes_the_connection_upon_an_invalid_ack_id() {
        let server = echo_server(conformance());
        let mut websocket = joined(&server).await;
        websocket.send("42abc[\"message-with-ack\",1,\"2\",{\"3\":[false]}]").await;
        assert!(websocket.closed().await.is_some());
    }
}
