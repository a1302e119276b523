//! The server: its sessions, its namespaces, its doors.

use std::{
    any::Any,
    collections::HashMap,
    fmt,
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use actix::Addr;
use actix_web::{dev::Extensions, rt, web};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use super::{
    admin::Admin,
    clock::now,
    config::Config,
    engine::OnMessage,
    entry,
    limits::TokenBucket,
    namespace::Namespace,
    protocol::{connection::Timing, error::CloseReason, packet::PacketLimits},
    registry::{self, Registry},
    session::Session,
    session_handle::{Request, SessionHandle},
    stats::{Counters, Stats},
};

/// A Socket.IO server to mount in an actix-web application. Cheap to clone, usable from any thread.
#[derive(Clone, Debug)]
pub struct SocketIo(Arc<Server>);

impl SocketIo {
    /// A server without namespaces: every CONNECT is refused until there are some.
    pub fn new(config: Config) -> Self {
        Self(Server::new(config, None))
    }

    /// The namespace `name`, made if it is missing. Names begin with a slash.
    pub fn of(&self, name: &str) -> Namespace {
        self.0.registry.of(name)
    }

    /// The namespace `name`, if there is one now.
    pub fn get(&self, name: &str) -> Option<Namespace> {
        self.0.registry.get(name)
    }

    /// Lets clients join every namespace whose name `matches` says yes to, unless it exists already.
    ///
    /// What comes back is a template: nobody is ever in it, but each namespace that a client's CONNECT calls into being
    /// begins with the handlers that the template has then. Such a namespace goes with its last client. There are
    /// [`super::Limits::dynamic_namespaces_max`] of them at most; patterns are asked in the order of the calls.
    ///
    /// ```
    /// # use hmrs::socketio::{Config, Socket, SocketIo};
    /// # let io = SocketIo::new(Config::default());
    /// let swarms = io.of_matching(|name| name.strip_prefix("/swarm-").is_some_and(|id| id.parse::<u16>().is_ok()));
    /// swarms.on_connect(|socket: Socket, _auth| async move {
    ///     socket.emit("welcome", &socket.namespace().name());
    /// });
    /// ```
    pub fn of_matching(&self, matches: impl Fn(&str) -> bool + Send + Sync + 'static) -> Namespace {
        self.0.registry.add_pattern(Arc::new(matches))
    }

    /// [`SocketIo::of_matching`] for names such as `/swarm-*`: each `*` stands for one or more characters other than a
    /// slash.
    pub fn of_pattern(&self, pattern: &str) -> Namespace {
        let pattern = pattern.to_owned();
        self.of_matching(move |name| registry::fits(&pattern, name))
    }

    /// Removes a namespace and puts its sockets out of it.
    pub fn remove(&self, name: &str) {
        if let Some(namespace) = self.0.registry.remove(name) {
            namespace.sockets().iter().for_each(|socket| socket.disconnect(false));
        }
    }

    /// Every namespace, in no order.
    pub fn namespaces(&self) -> Vec<Namespace> {
        self.0.registry.all()
    }

    /// Opens a namespace to which the official admin page (`@socket.io/admin-ui`) can connect.
    pub fn serve_admin(&self, admin: Admin) {
        // Whoever comes back to it must log in.
        let namespace = self.0.registry.of_forgetful(admin.namespace());
        admin.furnish(&namespace, Arc::downgrade(&self.0));
    }

    pub(super) fn revive(server: &Weak<Server>) -> Option<Self> {
        server.upgrade().map(Self)
    }

    /// Mounts the server at its path: `App::new().configure(io.configure())`.
    pub fn configure(&self) -> impl FnOnce(&mut web::ServiceConfig) + Clone + use<> {
        mount(self.0.clone())
    }

    /// For `HttpServer::on_connect`: sends small packets at once, and has the kernel end a connection whose peer has
    /// taken nothing for as long as a heartbeat may take, which nothing else would notice.
    pub fn on_connect(&self) -> impl Fn(&dyn Any, &mut Extensions) + Send + Sync + Clone + use<> {
        prepare_connections(&self.0)
    }

    /// What has been counted so far.
    pub fn stats(&self) -> Stats {
        self.0.counters.snapshot()
    }

    /// Lets nobody in any more and closes every session, spread over `spread` so that clients do not come back all at
    /// once. What waits in the outboxes is sent first. Ends when no session is left, at the latest a second after.
    pub async fn shutdown(&self, spread: Duration) {
        self.0.shut_down(spread).await;
    }
}

/// What the parts of a server share.
pub(super) struct Server {
    pub(super) config: Config,
    pub(super) timing: Arc<Timing>,
    pub(super) packet_limits: Arc<PacketLimits>,
    pub(super) counters: Counters,
    /// Present in a server of Engine.IO alone.
    pub(super) on_message: Option<Arc<OnMessage>>,
    pub(super) registry: Registry,
    sessions: Mutex<Sessions>,
    draining: AtomicBool,
}

struct Sessions {
    by_sid: HashMap<Box<str>, (Addr<Session>, Arc<SessionHandle>)>,
    by_address: HashMap<IpAddr, usize>,
    handshakes: TokenBucket,
    unjoined: usize,
}

/// Why nobody is let in now. Official clients try again after a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Full {
    /// The server is going away, has no room, or has had too many handshakes within a second.
    Server,
    /// This address has its share.
    Address,
}

impl Server {
    pub(super) fn new(config: Config, on_message: Option<Arc<OnMessage>>) -> Arc<Self> {
        let rate = config.limits.handshakes_per_s;
        let sessions = Sessions {
            by_sid: HashMap::new(),
            by_address: HashMap::new(),
            handshakes: TokenBucket::new(rate, rate, now()),
            unjoined: 0,
        };
        let registry = Registry::new(config.limits.dynamic_namespaces_max, config.recovery.clone());
        Arc::new(Self {
            timing: Arc::new(config.timing()),
            packet_limits: Arc::new(config.limits.packet),
            config,
            counters: Counters::default(),
            on_message,
            registry,
            sessions: Mutex::new(sessions),
            draining: AtomicBool::default(),
        })
    }

    pub(super) fn session(&self, sid: &str) -> Option<(Addr<Session>, Arc<SessionHandle>)> {
        self.sessions().by_sid.get(sid).cloned()
    }

    /// Counts a newcomer in, or says why not. Whoever is counted in must be [`Server::enter`]ed.
    pub(super) fn admit(&self, peer: Option<IpAddr>) -> Result<(), Full> {
        let limits = &self.config.limits;
        let mut sessions = self.sessions();
        let refused = &self.counters;
        let obstacle = if self.draining.load(Relaxed) {
            Some(&refused.refused_draining)
        } else if sessions.by_sid.len() >= limits.sessions_max {
            Some(&refused.refused_sessions)
        } else if sessions.unjoined >= limits.sessions_unjoined_max {
            Some(&refused.refused_unjoined)
        } else if !sessions.handshakes.take(1, now()) {
            Some(&refused.refused_handshake_rate)
        } else {
            None
        };
        if let Some(counter) = obstacle {
            counter.up();
            return Err(Full::Server);
        }
        if let Some(peer) = peer {
            let count = sessions.by_address.entry(peer).or_default();
            if *count >= limits.sessions_per_address_max {
                return Err(Full::Address);
            }
            *count += 1;
        }
        Ok(())
    }

    /// A fresh id for a session: behind the server's name, if it has one, what [`fresh_id`] makes.
    pub(super) fn fresh_sid(&self) -> Box<str> {
        match &self.config.node {
            Some(node) => format!("{node}.{}", fresh_id()).into(),
            None => fresh_id().into(),
        }
    }

    pub(super) fn enter(&self, addr: Addr<Session>, session: Arc<SessionHandle>) {
        self.counters.sessions_opened.up();
        let mut sessions = self.sessions();
        // Above Engine.IO alone there is nothing to join.
        match self.on_message {
            Some(_) => {
                session.set_joined();
            }
            None => sessions.unjoined += 1,
        }
        sessions.by_sid.insert(session.sid.clone(), (addr, session));
    }

    /// A session has joined a namespace.
    pub(super) fn joined(&self, session: &SessionHandle) {
        let mut sessions = self.sessions();
        if session.set_joined() {
            sessions.unjoined -= 1;
        }
    }

    pub(super) fn forget(&self, session: &SessionHandle) {
        let mut sessions = self.sessions();
        if sessions.by_sid.remove(&session.sid).is_none() {
            return;
        }
        if session.set_joined() {
            sessions.unjoined -= 1;
        }
        if let Some(peer) = session.handshake.peer
            && let Some(count) = sessions.by_address.get_mut(&peer)
        {
            *count -= 1;
            if *count == 0 {
                sessions.by_address.remove(&peer);
            }
        }
    }

    pub(super) async fn shut_down(&self, spread: Duration) {
        self.draining.store(true, Relaxed);
        let leaving: Vec<_> = self.sessions().by_sid.values().map(|(_, session)| session.clone()).collect();
        let batch = leaving.len().div_ceil(100).max(1);
        let pause = spread / leaving.len().div_ceil(batch).max(1) as u32;
        for sessions in leaving.chunks(batch) {
            sessions
                .iter()
                .for_each(|session| session.request(Request::Close(CloseReason::ServerShuttingDown)));
            rt::time::sleep(pause).await;
        }
        for _ in 0..100 {
            if self.sessions().by_sid.is_empty() {
                return;
            }
            rt::time::sleep(Duration::from_millis(10)).await;
        }
    }

    fn sessions(&self) -> MutexGuard<'_, Sessions> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Server({})", self.config.path)
    }
}

/// A fresh id: 120 random bits in 20 URL-safe characters.
pub(super) fn fresh_id() -> String {
    URL_SAFE_NO_PAD.encode(rand::random::<[u8; 15]>())
}

pub(super) fn mount(server: Arc<Server>) -> impl FnOnce(&mut web::ServiceConfig) + Clone {
    move |config| {
        let path = server.config.path.trim_end_matches('/').to_owned();
        let paths = vec![format!("{path}/"), path];
        config.service(web::resource(paths).to(move |request, payload| {
            let server = server.clone();
            async move { entry::serve(server, request, payload).await }
        }));
    }
}

pub(super) fn prepare_connections(
    server: &Arc<Server>,
) -> impl Fn(&dyn Any, &mut Extensions) + Send + Sync + Clone + use<> {
    let config = &server.config;
    let patience = config.ping_interval + config.ping_timeout;
    let unsent_bytes_max = config.unsent_bytes_max;
    move |connection, _| {
        let Some(stream) = connection.downcast_ref::<rt::net::TcpStream>() else { return };
        let socket = socket2::SockRef::from(stream);
        let mut set = socket.set_tcp_nodelay(true);
        #[cfg(target_os = "linux")]
        {
            set = set.and(socket.set_tcp_user_timeout(Some(patience)));
            if let Some(bytes) = unsent_bytes_max {
                set = set.and(socket.set_tcp_notsent_lowat(bytes));
            }
        }
        #[cfg(not(target_os = "linux"))]
        let _ = (&mut set, patience, unsent_bytes_max);
        if let Err(error) = set {
            log::debug!("a connection keeps its default socket options: {error}");
        }
    }
}
