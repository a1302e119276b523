//! The namespace of the official admin page, spoken to as that page does.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "support/socketio.rs"]
mod support;

use hmrs::socketio::{Admin, Event, Socket};
use serde_json::{Value, json};
use support::*;

const PATH: &str = "/socket.io/";

fn administered(read_only: bool) -> Server {
    administered_with(read_only, false)
}

fn administered_with(read_only: bool, shows_events: bool) -> Server {
    server(calm(), |io| {
        let nsp = io.of("/");
        nsp.on("join", |socket: Socket, event: Event| async move {
            socket.join(event.arg(0).as_str().unwrap());
            event.ack.unwrap().send(&true);
        });
        let mut admin = Admin::new("admin", "a long password");
        admin.read_only = read_only;
        admin.shows_events = shows_events;
        io.serve_admin(admin);
    })
}

async fn session(port: u16) -> Websocket {
    Websocket::session(port, PATH).await.0
}

async fn log_in(websocket: &mut Websocket, auth: &Value) -> String {
    websocket.send(&format!("40/admin,{auth}")).await;
    websocket.text().await
}

async fn event(websocket: &mut Websocket) -> Vec<Value> {
    let text = websocket.text().await;
    serde_json::from_str(text.strip_prefix("42/admin,").unwrap()).unwrap()
}

fn password() -> Value {
    json!({ "username": "admin", "password": "a long password" })
}

#[actix_web::test]
async fn the_page_logs_in_by_password_and_then_by_its_session() {
    let server = administered(true);
    let mut page = session(server.port).await;
    assert!(log_in(&mut page, &password()).await.starts_with("40/admin,{\"sid\""));
    let session_id = event(&mut page).await;
    assert_eq!(session_id[0], "session");
    assert_eq!(
        event(&mut page).await,
        [json!("config"), json!({"supportedFeatures": ["AGGREGATED_EVENTS"]})]
    );
    let all = event(&mut page).await;
    assert_eq!((&all[0], all[1].as_array().unwrap().len()), (&json!("all_sockets"), 1));
    let stats = event(&mut page).await;
    assert_eq!(stats[0], "server_stats");
    assert_eq!(stats[1]["clientsCount"], 1);
    assert_eq!(stats[1]["namespaces"][1], json!({"name": "/admin", "socketsCount": 1}));
    let mut again = session(server.port).await;
    let auth = json!({ "sessionId": session_id[1] });
    assert!(log_in(&mut again, &auth).await.starts_with("40/admin,{\"sid\""));
    assert_eq!(event(&mut again).await[0], "config", "no second session");
}

#[actix_web::test]
async fn guessers_learn_nothing_and_are_slowed_down() {
    let server = administered(true);
    let mut page = session(server.port).await;
    let refused = "44/admin,{\"message\":\"invalid credentials\"}";
    for auth in [json!({}), json!({"username": "admin", "password": "guess"}), json!({"sessionId": "guess"})]
    {
        assert_eq!(log_in(&mut page, &auth).await, refused);
    }
    for _ in 0..3 {
        log_in(&mut page, &json!({"username": "admin", "password": 7})).await;
    }
    assert_eq!(log_in(&mut page, &password()).await, refused, "too many logins, even for the right one");
    sleep_ms(1100).await;
    assert!(log_in(&mut page, &password()).await.starts_with("40/admin,{"));
}

#[actix_web::test]
async fn secrets_are_not_shown() {
    let server = administered(true);
    let target = "/socket.io/?EIO=4&transport=websocket&token=hidden-query";
    let secrets = "Cookie: id=hidden-cookie\r\nAuthorization: Bearer hidden-bearer\r\nX-Api-Key: hidden-key\r\n\
                   User-Agent: a test\r\n";
    let mut client = Websocket::try_open(server.port, target, secrets, b"").await.ok().unwrap();
    let open = client.text().await;
    let sid = hmrs::socketio::protocol::client::Open::decode(&open).unwrap().sid;
    client.send("40").await;
    client.text().await;
    let mut page = session(server.port).await;
    log_in(&mut page, &password()).await;
    event(&mut page).await;
    event(&mut page).await;
    let all = event(&mut page).await;
    let shown = all[1].to_string();
    assert!(!shown.contains("hidden") && !shown.contains(&sid[..8]), "{shown}");
    let socket = all[1].as_array().unwrap().iter().find(|socket| socket["nsp"] == "/").unwrap();
    assert_eq!(socket["handshake"]["headers"]["user-agent"], "a test");
    assert_eq!(socket["handshake"]["headers"]["cookie"], "(redacted)");
    assert_eq!(socket["handshake"]["url"], "/socket.io/");
    assert_eq!((&socket["transport"], &socket["rooms"]), (&json!("websocket"), &json!([socket["id"]])));
    assert_eq!(socket["clientId"].as_str().unwrap().len(), 12);
}

#[actix_web::test]
async fn commands_are_carried_out_only_if_allowed() {
    for read_only in [true, false] {
        let server = administered(read_only);
        let mut client = session(server.port).await;
        client.send("40").await;
        client.text().await;
        let id = server.io.of("/").sockets()[0].id().to_owned();
        let mut page = session(server.port).await;
        log_in(&mut page, &password()).await;
        page.send("42/admin,[\"join\",\"/\",\"room\",null]").await;
        page.send(&format!("42/admin,[\"join\",\"/\",\"own\",\"{id}\"]")).await;
        page.send("42/admin,[\"emit\",\"/\",\"own\",\"hello\",1,\"two\"]").await;
        page.send("42/admin,[\"leave\",\"/\",\"room\",null]").await;
        page.send("42/admin,[\"emit\"]").await;
        page.send("42/admin,[\"join\",\"/nowhere\",\"x\"]").await;
        if read_only {
            client.send("420[\"join\",\"x\"]").await;
            assert_eq!(client.text().await, "430[true]", "nothing came before");
            assert_eq!(server.io.of("/").room_len("room"), 0);
            continue;
        }
        assert_eq!(client.text().await, "42[\"hello\",1,\"two\"]");
        eventually("it has left", || server.io.of("/").room_len("room") == 0).await;
        assert_eq!(server.io.of("/").room_len("own"), 1);
        page.send(&format!("42/admin,[\"_disconnect\",\"/\",false,\"{id}\"]")).await;
        assert_eq!(client.text().await, "41");
    }
}

#[actix_web::test]
async fn the_page_is_told_every_two_seconds_who_came_and_went() {
    let server = administered(true);
    let mut stays = session(server.port).await;
    stays.send("40").await;
    stays.text().await;
    let mut goes = session(server.port).await;
    goes.send("40").await;
    let id = goes.text().await;
    let mut page = session(server.port).await;
    log_in(&mut page, &password()).await;
    for _ in 0..4 {
        event(&mut page).await;
    }
    drop(goes);
    let mut comes = session(server.port).await;
    comes.send("40").await;
    comes.text().await;
    let stats = event(&mut page).await;
    assert_eq!((&stats[0], &stats[1]["clientsCount"]), (&json!("server_stats"), &json!(3)));
    let kinds = stats[1]["aggregatedEvents"].as_array().unwrap();
    let count =
        |kind: &str| kinds.iter().find(|event| event["type"] == kind).unwrap()["count"].as_u64().unwrap();
    assert_eq!((count("rawConnection"), count("rawDisconnection")), (1, 1));
    assert!(count("bytesIn") > 0 && count("packetsOut") > 0);
    let left = event(&mut page).await;
    assert_eq!((&left[0], &left[1]), (&json!("socket_disconnected"), &json!("/")));
    assert!(id.contains(left[2].as_str().unwrap()));
    let new = event(&mut page).await;
    assert_eq!((&new[0], &new[1]["nsp"]), (&json!("socket_connected"), &json!("/")));
}

#[actix_web::test]
async fn the_page_is_told_of_rooms_and_of_the_reason_for_leaving() {
    let server = administered(true);
    let mut client = session(server.port).await;
    client.send("40").await;
    let id = client.text().await;
    let mut page = session(server.port).await;
    log_in(&mut page, &password()).await;
    for _ in 0..4 {
        event(&mut page).await;
    }
    client.send("420[\"join\",\"attic\"]").await;
    client.text().await;
    assert_eq!(event(&mut page).await[0], "server_stats");
    let joined = event(&mut page).await;
    assert_eq!(joined[..3], [json!("room_joined"), json!("/"), json!("attic")]);
    assert!(id.contains(joined[3].as_str().unwrap()) && joined[4].is_string());
    client.send("41").await;
    assert_eq!(event(&mut page).await[0], "server_stats");
    let left = event(&mut page).await;
    assert_eq!((&left[0], &left[3]), (&json!("socket_disconnected"), &json!("client namespace disconnect")));
}

#[actix_web::test]
async fn copies_of_events_are_shown_on_demand_only_and_never_large_or_in_floods() {
    let server = administered_with(true, true);
    let mut client = session(server.port).await;
    client.send("40").await;
    client.text().await;
    let mut page = session(server.port).await;
    log_in(&mut page, &password()).await;
    event(&mut page).await;
    let config = event(&mut page).await;
    assert_eq!(config[1]["supportedFeatures"], json!(["AGGREGATED_EVENTS", "ALL_EVENTS"]));
    event(&mut page).await;
    event(&mut page).await;
    client.send("420[\"join\",\"attic\"]").await;
    client.text().await;
    let received = event(&mut page).await;
    assert_eq!((&received[0], &received[3]), (&json!("event_received"), &json!(["join", "attic"])));
    let nsp = server.io.of("/");
    nsp.emit("large", &"x".repeat(5000));
    client.text().await;
    let sent = event(&mut page).await;
    assert_eq!((&sent[0], &sent[3]), (&json!("event_sent"), &json!(["large", "(5012 bytes)"])));
    for n in 0..400 {
        nsp.emit("flood", &n);
        client.text().await;
    }
    let mut copies = 0;
    while event(&mut page).await[0] == "event_sent" {
        copies += 1;
    }
    assert!((20..200).contains(&copies), "{copies} of 400");
}
