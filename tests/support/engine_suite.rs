//! The tests of the Engine.IO conformance suite that do not depend on what is above Engine.IO, for any path.

/// Makes one test of each for the server at a path.
macro_rules! engine_suite {
    ($path:expr) => {
        mod handshake_polling {
            use super::*;

            #[actix_web::test]
            async fn successfully_opens_a_session() {
                let server = echo_server(conformance());
                let open =
                    request(server.port, "GET", &format!("{}?EIO=4&transport=polling", $path), "").await;
                assert_eq!(open.status, 200);
                assert_eq!(open.header("content-type"), "text/plain; charset=UTF-8");
                assert_eq!(open.header("cache-control"), "no-store");
                let open = Open::decode(open.text()).expect("exactly the five keys");
                assert_eq!(open.upgrades, ["websocket"]);
                assert_eq!((open.ping_interval, open.ping_timeout, open.max_payload), (300, 200, 1_000_000));
                assert!(open.sid.len() >= 20);
            }

            #[actix_web::test]
            async fn fails_with_an_invalid_eio_parameter() {
                let server = echo_server(conformance());
                for query in [
                    "transport=polling",
                    "EIO=abc&transport=polling",
                    "EIO=3&transport=polling",
                    "EIO=4abc&transport=polling",
                ] {
                    let answer = request(server.port, "GET", &format!("{}?{query}", $path), "").await;
                    assert_eq!((answer.status, answer.json()["code"].as_u64()), (400, Some(5)), "{query}");
                    assert_eq!(answer.header("content-type"), "application/json");
                }
            }

            #[actix_web::test]
            async fn fails_with_an_invalid_transport_parameter() {
                let server = echo_server(conformance());
                for query in [
                    "EIO=4",
                    "EIO=4&transport=abc",
                    "EIO=4&transport=__proto__",
                    "EIO=4&transport=webtransport",
                ] {
                    let answer = request(server.port, "GET", &format!("{}?{query}", $path), "").await;
                    assert_eq!((answer.status, answer.json()["code"].as_u64()), (400, Some(0)), "{query}");
                }
            }

            #[actix_web::test]
            async fn fails_with_an_invalid_request_method() {
                let server = echo_server(conformance());
                for method in ["POST", "PUT", "DELETE", "PATCH"] {
                    let answer =
                        request(server.port, method, &format!("{}?EIO=4&transport=polling", $path), "").await;
                    assert_eq!((answer.status, answer.json()["code"].as_u64()), (400, Some(2)), "{method}");
                }
            }
        }

        mod handshake_websocket {
            use super::*;

            #[actix_web::test]
            async fn successfully_opens_a_session() {
                let server = echo_server(conformance());
                let (_websocket, open) = Websocket::session(server.port, $path).await;
                assert!(open.upgrades.is_empty());
                assert_eq!((open.ping_interval, open.ping_timeout, open.max_payload), (300, 200, 1_000_000));
            }

            #[actix_web::test]
            async fn fails_with_an_invalid_eio_parameter() {
                let server = echo_server(conformance());
                for query in ["transport=websocket", "EIO=abc&transport=websocket"] {
                    let refused =
                        Websocket::try_open(server.port, &format!("{}?{query}", $path), "", b"").await;
                    assert_eq!(refused.err(), Some(400), "{query}");
                }
            }

            #[actix_web::test]
            async fn fails_with_an_invalid_transport_parameter() {
                let server = echo_server(conformance());
                for query in ["EIO=4", "EIO=4&transport=abc"] {
                    let refused =
                        Websocket::try_open(server.port, &format!("{}?{query}", $path), "", b"").await;
                    assert_eq!(refused.err(), Some(400), "{query}");
                }
            }
        }

        mod heartbeat {
            use super::*;

            #[actix_web::test]
            async fn polling_sends_ping_and_pong_packets() {
                let server = echo_server(conformance());
                let session = Polling::open(server.port, $path).await;
                for _ in 0..3 {
                    assert_eq!(session.poll().await, ["2"]);
                    session.send("3").await;
                }
            }

            #[actix_web::test]
            async fn polling_closes_the_session_upon_ping_timeout() {
                let server = echo_server(conformance());
                let session = Polling::open(server.port, $path).await;
                sleep_ms(500).await;
                let answer = session.get().await;
                assert_eq!((answer.status, answer.json()["code"].as_u64()), (400, Some(1)));
            }

            #[actix_web::test]
            async fn websocket_sends_ping_and_pong_packets() {
                let server = echo_server(conformance());
                let (mut websocket, _) = Websocket::session(server.port, $path).await;
                for _ in 0..3 {
                    assert_eq!(websocket.text().await, "2");
                    websocket.send("3").await;
                }
            }

            #[actix_web::test]
            async fn websocket_closes_the_session_upon_ping_timeout() {
                let server = echo_server(conformance());
                let (mut websocket, _) = Websocket::session(server.port, $path).await;
                assert!(websocket.closed().await.is_some());
            }
        }

        mod close {
            use super::*;

            #[actix_web::test]
            async fn polling_forcefully_closes_the_session() {
                let server = echo_server(conformance());
                let session = Polling::open(server.port, $path).await;
                let pending = session.begin_get().await;
                sleep_ms(20).await;
                session.send("1").await;
                let answer = pending.end().await;
                assert_eq!((answer.status, answer.text()), (200, "6"));
                assert!(session.is_closed().await);
            }

            #[actix_web::test]
            async fn websocket_forcefully_closes_the_session() {
                let server = echo_server(conformance());
                let (mut websocket, _) = Websocket::session(server.port, $path).await;
                let start = std::time::Instant::now();
                websocket.send("1").await;
                assert!(websocket.closed().await.is_some());
                assert!(start.elapsed().as_millis() < 200, "closed by the heartbeat, not at once");
            }
        }

        mod upgrade {
            use super::*;

            async fn upgraded(port: u16) -> (Polling, Websocket) {
                let session = Polling::open(port, $path).await;
                let mut websocket = Websocket::open(port, &session.websocket_target()).await;
                websocket.send("2probe").await;
                assert_eq!(websocket.text().await, "3probe");
                websocket.send("5").await;
                sleep_ms(20).await;
                (session, websocket)
            }

            #[actix_web::test]
            async fn successfully_upgrades_from_polling_to_websocket() {
                let server = echo_server(conformance());
                let session = Polling::open(server.port, $path).await;
                let pending = session.begin_get().await;
                let mut websocket = Websocket::open(server.port, &session.websocket_target()).await;
                websocket.send("2probe").await;
                assert_eq!(websocket.text().await, "3probe");
                assert_eq!(pending.end().await.text(), "6");
                // Every poll until the upgrade is sent away soon, not only the one that was pending.
                assert_eq!(session.poll().await, ["6"]);
                websocket.send("5").await;
                // The heartbeat goes on where it was.
                assert_eq!(websocket.text().await, "2");
            }

            #[actix_web::test]
            async fn ignores_http_requests_with_the_same_sid_after_the_upgrade() {
                let server = echo_server(conformance());
                let (session, mut websocket) = upgraded(server.port).await;
                let answer = session.get().await;
                assert_eq!((answer.status, answer.json()["code"].as_u64()), (400, Some(3)));
                assert_eq!(session.post("3").await.status, 400);
                assert_eq!(websocket.text().await, "2", "the session lives on");
            }

            #[actix_web::test]
            async fn ignores_websockets_with_the_same_sid_after_the_upgrade() {
                let server = echo_server(conformance());
                let (session, mut websocket) = upgraded(server.port).await;
                let mut second = Websocket::open(server.port, &session.websocket_target()).await;
                assert!(second.closed().await.is_some());
                assert_eq!(websocket.text().await, "2", "the session lives on");
            }
        }
    };
}
