//! The namespace of the official admin page (`@socket.io/admin-ui`).
//!
//! The page logs in with a name and a password, or with the id of a session that an earlier login gave it, and is told
//! the counters and who came, moved and went every two seconds. It gets no copies of events and may do nothing, unless
//! the program says otherwise.

use std::{
    collections::VecDeque,
    hash::RandomState,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::{Duration, Instant},
};

use actix_web::rt;
use serde_json::{Value, json};

use super::{
    admin_view as view,
    admin_watch::{Onlooker, Watch},
    clock::{now, wall_ms, wall_text},
    frame::{Delivery, Frame},
    handshake::{Grant, Handshake, Refusal},
    limits::TokenBucket,
    namespace::{Event, Namespace},
    server::{Server, SocketIo, fresh_id},
    socket::Socket,
    stats::Stats,
};

/// Whether a login that was good still is.
pub type Holds = Arc<dyn Fn() -> bool + Send + Sync>;

/// Whether a name and a password are good, and for how long.
type Check = dyn Fn(&str, &str) -> Option<Holds> + Send + Sync;

/// From one `server_stats` to the next.
const STATS_INTERVAL: Duration = Duration::from_secs(2);
/// Logins a second, and how many at once; all failures and successes of all addresses together.
const LOGINS_PER_S: u32 = 1;
const LOGINS_BURST: u32 = 5;
/// Sessions that are remembered, the newest, and for how long.
const SESSIONS_MAX: usize = 32;
const SESSION_LIFE: Duration = Duration::from_secs(12 * 3600);
/// Everything that the page can ask for.
const COMMANDS: [&str; 7] = ["EMIT", "JOIN", "LEAVE", "DISCONNECT", "MJOIN", "MLEAVE", "MDISCONNECT"];

/// Who may look on with the admin page, and where.
///
/// Whoever logs in sees addresses, user agents and rooms of all clients, but none of their cookies, credentials or
/// session ids. The page's origin must be among [`super::Config::allowed_origins`].
#[derive(Clone)]
pub struct Admin {
    /// The namespace, `/admin` in the page's own defaults.
    pub namespace: String,
    /// Whether the page may only look on: not emit, not disconnect, not move sockets between rooms.
    pub read_only: bool,
    /// Whether the page gets copies of events (its development mode), as many a second as a person can read, and of large
    /// ones only the size. Costs every broadcast a call for each receiver.
    pub shows_events: bool,
    /// Tells servers of a cluster apart.
    pub server_id: String,
    check: Arc<Check>,
}

impl Admin {
    /// Read-only access at `/admin` for who knows this name and password. An empty password lets nobody in.
    pub fn new(username: impl Into<String>, password: impl Into<String>) -> Self {
        let (username, password) = (username.into(), password.into());
        // Both are compared, whatever the first says.
        Self::with_login(move |name, word| {
            (same(name, &username) & same(word, &password)) && !password.is_empty()
        })
    }

    /// Read-only access at `/admin` for those whose name and password `check` finds good. There are few checks a second,
    /// however many ask for one.
    pub fn with_login(check: impl Fn(&str, &str) -> bool + Send + Sync + 'static) -> Self {
        Self::with_passes(move |name, word| check(name, word).then(|| Arc::new(|| true) as Holds))
    }

    /// As [`Admin::with_login`], for logins that may end: before each command, every two seconds and whenever a page comes
    /// back it is asked whether its login still holds.
    pub fn with_passes(check: impl Fn(&str, &str) -> Option<Holds> + Send + Sync + 'static) -> Self {
        Self {
            namespace: "/admin".to_owned(),
            read_only: true,
            shows_events: false,
            server_id: fresh_id(),
            check: Arc::new(check),
        }
    }

    pub(super) fn namespace(&self) -> &str {
        &self.namespace
    }

    pub(super) fn furnish(self, namespace: &Namespace, server: Weak<Server>) {
        let read_only = self.read_only;
        let onlooker = self.shows_events.then(|| Onlooker::new(namespace.clone()));
        let desk = Arc::new(Desk {
            server,
            opened: now(),
            hostname: hostname(),
            onlooker,
            client_key: RandomState::new(),
            login: Mutex::new(Login {
                attempts: TokenBucket::new(LOGINS_PER_S, LOGINS_BURST, now()),
                sessions: VecDeque::new(),
            }),
            admin: self,
        });
        let doorkeeper = desk.clone();
        namespace
            .middleware(async move |_: &Handshake, auth: &Value| doorkeeper.admit(auth).map(Grant::with));
        let watch = desk.clone();
        namespace.on_connect(move |socket: Socket, _auth| {
            let watch = watch.clone();
            async move { watch.welcome(&socket) }
        });
        if !read_only {
            desk.take_commands(namespace);
        }
    }
}

impl std::fmt::Debug for Admin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Admin({}, read_only: {})", self.namespace, self.read_only)
    }
}

/// A session to tell the page of, after a login by password.
struct Seat {
    new_session: Option<String>,
    holds: Holds,
}

/// A login that a page may come back with.
struct Remembered {
    since: Instant,
    id: String,
    holds: Holds,
}

struct Login {
    attempts: TokenBucket,
    sessions: VecDeque<Remembered>,
}

/// What the handlers of the namespace share.
struct Desk {
    admin: Admin,
    server: Weak<Server>,
    opened: Instant,
    hostname: String,
    onlooker: Option<Onlooker>,
    client_key: RandomState,
    login: Mutex<Login>,
}

impl Desk {
    /// The page understands one refusal only, and a guesser learns nothing from it: not even that there were too many.
    fn admit(&self, auth: &Value) -> Result<Seat, Refusal> {
        let refused = || Refusal::new("invalid credentials");
        let mut login = self.login.lock().unwrap_or_else(PoisonError::into_inner);
        let is_young = |one: &Remembered| now().saturating_duration_since(one.since) < SESSION_LIFE;
        login.sessions.retain(|one| is_young(one) && (one.holds)());
        if let Some(session) = auth["sessionId"].as_str() {
            let known = login
                .sessions
                .iter()
                .fold(None, |found, one| if same(&one.id, session) { Some(one) } else { found });
            if let Some(known) = known {
                return Ok(Seat { new_session: None, holds: known.holds.clone() });
            }
        }
        if !login.attempts.take(1, now()) {
            return Err(refused());
        }
        let word = |key: &str| auth[key].as_str().unwrap_or_default();
        let Some(holds) = (self.admin.check)(word("username"), word("password")) else {
            log::warn!("a login to the admin namespace failed");
            return Err(refused());
        };
        let session = fresh_id();
        login.sessions.push_back(Remembered { since: now(), id: session.clone(), holds: holds.clone() });
        if login.sessions.len() > SESSIONS_MAX {
            login.sessions.pop_front();
        }
        Ok(Seat { new_session: Some(session), holds })
    }

    fn welcome(self: &Arc<Self>, socket: &Socket) {
        let Some(io) = SocketIo::revive(&self.server) else { return };
        if let Some(session) = socket.data::<Seat>().as_deref().and_then(|seat| seat.new_session.as_ref()) {
            socket.emit("session", session);
        }
        let commands = if self.admin.read_only { &[][..] } else { &COMMANDS };
        let events: &[_] = if self.onlooker.is_some() { &["ALL_EVENTS"] } else { &[] };
        let features: Vec<_> = commands.iter().chain(&["AGGREGATED_EVENTS"]).chain(events).collect();
        socket.emit("config", &json!({ "supportedFeatures": features }));
        if let Some(onlooker) = &self.onlooker {
            onlooker.look_at_all(&io);
        }
        let mut watch = Watch::new(io.stats());
        let all: Vec<_> = watch.arrivals(&io).iter().map(|new| view::socket(new, &self.client_key)).collect();
        socket.emit("all_sockets", &all);
        socket.emit("server_stats", &self.stats(&io, &watch.stats, &watch.stats.clone()));
        let (desk, socket) = (self.clone(), socket.clone());
        drop(io);
        rt::spawn(async move { desk.keep_informed(&socket, watch).await });
    }

    /// Tells one page what changes, until it is gone or the server is.
    async fn keep_informed(&self, page: &Socket, mut watch: Watch) {
        loop {
            rt::time::sleep(STATS_INTERVAL).await;
            let Some(io) = SocketIo::revive(&self.server).filter(|_| page.is_connected()) else { return };
            if !may_stay(page) {
                return page.disconnect(true);
            }
            let stats = io.stats();
            page.emit("server_stats", &self.stats(&io, &watch.stats, &stats));
            watch.stats = stats;
            if let Some(onlooker) = &self.onlooker {
                onlooker.look_at_all(&io);
            }
            let timestamp = json!(wall_text());
            for (event, mut args) in watch.news(&io, &self.client_key) {
                if event != "socket_updated" {
                    args.push(timestamp.clone());
                }
                page.emit_args(event, &args, &[]);
            }
        }
    }

    fn stats(&self, io: &SocketIo, before: &Stats, after: &Stats) -> Value {
        json!({
            "serverId": self.admin.server_id,
            "hostname": self.hostname,
            "pid": std::process::id(),
            "uptime": now().saturating_duration_since(self.opened).as_secs_f64(),
            "clientsCount": after.sessions_polling + after.sessions_websocket,
            "pollingClientsCount": after.sessions_polling,
            "aggregatedEvents": view::events(before, after, wall_ms()),
            "namespaces": view::namespaces(io),
        })
    }

    // ── what the page may do ──

    fn take_commands(self: &Arc<Self>, namespace: &Namespace) {
        self.on(namespace, "emit", |io, args| {
            let [nsp, filter, event, args @ ..] = args else { return };
            let (Some(nsp), Some(event)) = (nsp.as_str().and_then(|nsp| io.get(nsp)), event.as_str()) else {
                return;
            };
            let frame = Frame::args(nsp.name(), event, args, &[]);
            nsp.to(filter.as_str().unwrap_or_default()).publish(&frame, Delivery::Event);
        });
        self.on(namespace, "join", |io, args| {
            if let Some((selection, Some(room))) = select(io, args, 2) {
                selection.join(room);
            }
        });
        self.on(namespace, "leave", |io, args| {
            if let Some((selection, Some(room))) = select(io, args, 2) {
                selection.leave(room);
            }
        });
        self.on(namespace, "_disconnect", |io, args| {
            if let Some((selection, _)) = select(io, args, 2) {
                selection.disconnect(args.get(1).and_then(Value::as_bool).unwrap_or(false));
            }
        });
    }

    fn on(
        self: &Arc<Self>,
        namespace: &Namespace,
        event: &str,
        carry_out: impl Fn(&SocketIo, &[Value]) + Copy + Send + Sync + 'static,
    ) {
        let server = self.server.clone();
        namespace.on(event, move |socket: Socket, event: Event| {
            if let Some(io) = SocketIo::revive(&server).filter(|_| may_stay(&socket)) {
                log::info!("admin {} asks for {} {:?}", socket.id(), event.name, event.args.first());
                carry_out(&io, &event.args);
            }
            async {}
        });
    }
}

/// Whether the login of a page still holds.
fn may_stay(page: &Socket) -> bool {
    page.data::<Seat>().is_some_and(|seat| (seat.holds)())
}

/// `(namespace, word, filter)`: the sockets that a command is about, and its word. Without a filter all of them.
fn select<'a>(
    io: &SocketIo,
    args: &'a [Value],
    filter_at: usize,
) -> Option<(super::broadcast::Broadcast, Option<&'a str>)> {
    let namespace = io.get(args.first()?.as_str()?)?;
    let filter = args.get(filter_at).and_then(Value::as_str).unwrap_or_default();
    Some((namespace.to(filter), args.get(1).and_then(Value::as_str)))
}

/// Compares without telling by its time where two words differ.
fn same(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    a.len() == b.len() && a.iter().zip(b).fold(0, |difference, (a, b)| difference | (a ^ b)) == 0
}

fn hostname() -> String {
    let name = std::fs::read_to_string("/etc/hostname").unwrap_or_default();
    if name.trim().is_empty() { "localhost".to_owned() } else { name.trim().to_owned() }
}
