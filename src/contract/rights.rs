//! What each role may do: every HTTP route and every event of a client, in one list.
//!
//! `http::gate` and `gateway::hear` ask here before any handler runs; what is not listed is refused to everyone. The table
//! in `docs/SECURITY.md` is made from this list, and every row of it is tried with every role.

use super::access::Role;

/// The least role that something takes; `None`: nobody is asked.
pub type Needs = Option<Role>;

const ANYONE: Needs = None;
const VIEWER: Needs = Some(Role::Viewer);
const OPERATOR: Needs = Some(Role::Operator);
const ADMIN: Needs = Some(Role::Admin);

/// Method, path and what it takes. The console's files (`/`, `/lite/`) ask nobody; `/socket.io/` asks at CONNECT.
pub const ROUTES: &[(&str, &str, Needs)] = &[
    ("GET", "/healthz", ANYONE),
    ("GET", "/readyz", ANYONE),
    ("GET", "/api/health", ANYONE),
    ("GET", "/api/config", ANYONE),
    ("GET", "/api/openapi.json", ANYONE),
    ("POST", "/api/login", ANYONE),
    ("POST", "/api/logout", ANYONE),
    ("GET", "/api/session", VIEWER),
    ("GET", "/metrics", VIEWER),
    ("GET", "/api/server-metrics", VIEWER),
    ("GET", "/api/tiles/{z}/{x}/{y}", VIEWER),
    ("GET", "/api/site-image", VIEWER),
    ("GET", "/api/status", VIEWER),
    ("GET", "/api/realtime-status", VIEWER),
    ("GET", "/api/drones", VIEWER),
    ("GET", "/api/drones/{id}", VIEWER),
    ("GET", "/api/visualization", VIEWER),
    ("GET", "/api/mission", VIEWER),
    ("GET", "/api/mission/report", VIEWER),
    ("GET", "/api/logs", VIEWER),
    ("GET", "/api/commands", VIEWER),
    ("GET", "/api/params", VIEWER),
    ("GET", "/api/metrics", VIEWER),
    ("GET", "/api/history", VIEWER),
    ("GET", "/api/swarms", VIEWER),
    ("GET", "/api/scenarios", VIEWER),
    ("GET", "/api/scenarios/{name}", VIEWER),
    ("POST", "/api/scenarios/check", VIEWER),
    ("GET", "/api/runs", VIEWER),
    ("GET", "/api/runs/{id}", VIEWER),
    ("GET", "/api/runs/{id}/journal", VIEWER),
    ("GET", "/api/runs/{id}/metrics", VIEWER),
    ("GET", "/api/runs/{id}/frames", VIEWER),
    ("GET", "/api/runs/{id}/export", VIEWER),
    ("GET", "/api/runs/{id}/compare", VIEWER),
    ("POST", "/api/command", OPERATOR),
    ("POST", "/api/prepare", OPERATOR),
    ("POST", "/api/spawn", OPERATOR),
    ("POST", "/api/start", OPERATOR),
    ("POST", "/api/pause", OPERATOR),
    ("POST", "/api/stop", OPERATOR),
    ("POST", "/api/reset", OPERATOR),
    ("POST", "/api/swarms", OPERATOR),
    ("DELETE", "/api/swarms/{id}", OPERATOR),
    ("POST", "/api/runs/{id}/replay", OPERATOR),
    ("POST", "/api/runs/{id}/fork", OPERATOR),
    ("GET", "/api/audit", ADMIN),
    ("GET", "/api/tokens", ADMIN),
    ("POST", "/api/tokens", ADMIN),
    ("DELETE", "/api/tokens/{id}", ADMIN),
];

/// What a client may send to the namespace of a swarm, and what it takes.
pub const EVENTS: &[(&str, Needs)] = &[
    ("subscribe", VIEWER),
    ("unsubscribe", VIEWER),
    ("frame-ack", VIEWER),
    ("keyframe", VIEWER),
    ("history", VIEWER),
    ("message", VIEWER),
    ("command", OPERATOR),
    ("claim", OPERATOR),
    ("release", OPERATOR),
];

/// CONNECT to the namespace of a swarm, and to that of the Socket.IO admin page.
pub const CONNECTS: &[(&str, Needs)] = &[("/", VIEWER), ("/swarms/{id}", VIEWER), ("/admin", ADMIN)];

/// What a route takes; `None`: there is no such route.
pub fn of_route(method: &str, path: &str) -> Option<Needs> {
    ROUTES.iter().find(|(known, at, _)| *known == method && *at == path).map(|(.., needs)| *needs)
}

/// What an event takes; the most, if it is not listed.
pub fn of_event(event: &str) -> Needs {
    EVENTS.iter().find(|(known, _)| *known == event).map_or(ADMIN, |(_, needs)| *needs)
}

/// Every row as `(kind, what, needs)`: `("HTTP", "GET /api/status", Viewer)`.
pub fn all() -> impl Iterator<Item = (&'static str, String, Needs)> {
    let routes = ROUTES.iter().map(|(method, path, needs)| ("HTTP", format!("{method} {path}"), *needs));
    let connects = CONNECTS.iter().map(|(name, needs)| ("CONNECT", (*name).to_owned(), *needs));
    let events = EVENTS.iter().map(|(event, needs)| ("event", (*event).to_owned(), *needs));
    routes.chain(connects).chain(events)
}
