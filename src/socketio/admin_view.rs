//! What the admin page is shown: sockets without their secrets, and the server's counters as differences.

use std::hash::{BuildHasher, RandomState};

use serde_json::{Map, Value, json};

use super::{server::SocketIo, socket::Socket, stats::Stats};

/// Headers whose values are nobody's secret. Of the others only the names are shown.
const PLAIN_HEADERS: [&str; 12] = [
    "accept",
    "accept-encoding",
    "accept-language",
    "connection",
    "content-type",
    "host",
    "origin",
    "sec-websocket-extensions",
    "sec-websocket-version",
    "upgrade",
    "user-agent",
    "x-forwarded-proto",
];
/// The same for parameters of the query.
const PLAIN_PARAMETERS: [&str; 3] = ["EIO", "transport", "t"];
/// Stands for what is not shown.
const REDACTED: &str = "(redacted)";
/// Sockets of one namespace that are shown.
const SOCKETS_MAX: usize = 1000;

/// Every socket that is shown.
pub(super) fn sockets(io: &SocketIo) -> Vec<Socket> {
    let mut namespaces = io.namespaces();
    namespaces.sort_by(|a, b| a.name().cmp(b.name()));
    namespaces.iter().flat_map(|namespace| namespace.sockets().into_iter().take(SOCKETS_MAX)).collect()
}

/// One socket as the page wants it. Its client's id is derived from the session's, which is a secret.
pub(super) fn socket(socket: &Socket, key: &RandomState) -> Value {
    let handshake = socket.handshake();
    let headers: Map<String, Value> = handshake
        .headers()
        .map(|(name, value)| {
            let value = if PLAIN_HEADERS.contains(&name) { value } else { REDACTED };
            (name.to_owned(), value.into())
        })
        .collect();
    let query: Map<String, Value> = PLAIN_PARAMETERS
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), handshake.query(name)?.into())))
        .collect();
    let path = handshake.uri.split('?').next().unwrap_or_default();
    let rooms: Vec<_> = std::iter::once(socket.id().to_owned())
        .chain(socket.rooms().iter().map(|room| room.to_string()))
        .collect();
    json!({
        "id": socket.id(),
        "clientId": &format!("{:016x}", key.hash_one(socket.sid()))[..12],
        "transport": socket.transport(),
        "nsp": socket.namespace().name(),
        "data": {},
        "handshake": {
            "address": handshake.peer.map(|peer| peer.to_string()),
            "headers": headers,
            "query": query,
            "issued": handshake.issued_ms,
            "secure": handshake.secure,
            "time": handshake.issued_ms.to_string(),
            "url": path,
            "xdomain": handshake.header("origin").is_some(),
        },
        "rooms": rooms,
    })
}

/// What has happened between two looks at the counters.
pub(super) fn events(before: &Stats, after: &Stats, timestamp: u64) -> Vec<Value> {
    let differences = [
        ("rawConnection", None, before.sessions_opened, after.sessions_opened),
        ("rawDisconnection", None, before.sessions_closed, after.sessions_closed),
        ("packetsIn", Some("message"), before.packets_in, after.packets_in),
        ("packetsOut", Some("message"), before.frames_queued, after.frames_queued),
        ("bytesIn", None, before.bytes_in, after.bytes_in),
        ("bytesOut", None, before.bytes_out, after.bytes_out),
    ];
    let shown = differences.into_iter().filter(|(.., before, after)| after > before);
    shown
        .map(|(kind, sub_kind, before, after)| {
            let mut event = json!({ "timestamp": timestamp, "type": kind, "count": after - before });
            if let Some(sub_kind) = sub_kind {
                event["subType"] = sub_kind.into();
            }
            event
        })
        .collect()
}

/// Every namespace and how many are in it.
pub(super) fn namespaces(io: &SocketIo) -> Vec<Value> {
    let mut namespaces = io.namespaces();
    namespaces.sort_by(|a, b| a.name().cmp(b.name()));
    namespaces
        .iter()
        .map(|namespace| json!({ "name": namespace.name(), "socketsCount": namespace.len() }))
        .collect()
}
