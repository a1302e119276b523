//! What the admin page is told of while it looks on: who came, moved and went, and, if the program allows it, events.

use std::{
    collections::BTreeMap,
    hash::RandomState,
    sync::{Arc, Mutex, PoisonError},
};

use serde_json::{Value, json};

use super::{
    admin_view as view,
    clock::{now, wall_text},
    limits::TokenBucket,
    namespace::{Event, Namespace},
    server::SocketIo,
    socket::Socket,
    stats::Stats,
};

/// Copies of events a second, and how many at once: more than a person reads, and no burden for the page.
const EVENTS_PER_S: u32 = 20;
const EVENTS_BURST: u32 = 40;
/// Larger events are shown by their name and size.
const EVENT_BYTES_MAX: usize = 2048;

/// What one page knows.
pub(super) struct Watch {
    shown: BTreeMap<String, Shown>,
    pub(super) stats: Stats,
}

struct Shown {
    socket: Socket,
    rooms: Vec<Arc<str>>,
    transport: &'static str,
}

impl Watch {
    pub(super) fn new(stats: Stats) -> Self {
        Self { shown: BTreeMap::new(), stats }
    }

    /// Sockets that the page does not know yet.
    pub(super) fn arrivals(&mut self, io: &SocketIo) -> Vec<Socket> {
        let mut new = view::sockets(io);
        new.retain(|socket| {
            let shown =
                || Shown { socket: socket.clone(), rooms: socket.rooms(), transport: socket.transport() };
            let is_new = !self.shown.contains_key(socket.id());
            if is_new {
                self.shown.insert(socket.id().to_owned(), shown());
            }
            is_new
        });
        new
    }

    /// What has changed since the last look: events for the page with their arguments.
    pub(super) fn news(&mut self, io: &SocketIo, key: &RandomState) -> Vec<(&'static str, Vec<Value>)> {
        let mut news = Vec::new();
        for (id, Shown { socket, .. }) in self.shown.extract_if(.., |_, shown| !shown.socket.is_connected()) {
            let reason = socket.close_reason().map_or("unknown", |reason| reason.as_str());
            let args = vec![json!(socket.namespace().name()), json!(id), json!(reason)];
            news.push(("socket_disconnected", args));
        }
        self.shown.values_mut().for_each(|shown| shown.tell_moves(&mut news));
        let arrivals = self.arrivals(io);
        news.extend(arrivals.iter().map(|new| ("socket_connected", vec![view::socket(new, key)])));
        news
    }
}

impl Shown {
    fn tell_moves(&mut self, news: &mut Vec<(&'static str, Vec<Value>)>) {
        let (socket, rooms) = (&self.socket, self.socket.rooms());
        let name = socket.namespace().name();
        let moved = |room: &Arc<str>| vec![json!(name), json!(**room), json!(socket.id())];
        let left = self.rooms.iter().filter(|room| !rooms.contains(room));
        news.extend(left.map(|room| ("room_left", moved(room))));
        let joined = rooms.iter().filter(|room| !self.rooms.contains(room));
        news.extend(joined.map(|room| ("room_joined", moved(room))));
        let transport = socket.transport();
        if transport != self.transport {
            let update = json!({ "id": socket.id(), "nsp": name, "transport": transport });
            news.push(("socket_updated", vec![update]));
        }
        (self.rooms, self.transport) = (rooms, transport);
    }
}

/// Copies events for the page.
#[derive(Clone)]
pub(super) struct Onlooker(Arc<Inner>);

struct Inner {
    page: Namespace,
    budget: Mutex<TokenBucket>,
    looked_at: Mutex<Vec<Namespace>>,
}

impl Onlooker {
    /// An onlooker that shows what it sees to everyone in `page`.
    pub(super) fn new(page: Namespace) -> Self {
        let budget = Mutex::new(TokenBucket::new(EVENTS_PER_S, EVENTS_BURST, now()));
        Self(Arc::new(Inner { page, budget, looked_at: Mutex::default() }))
    }

    /// Looks at every namespace from now on, but not at the page itself.
    pub(super) fn look_at_all(&self, io: &SocketIo) {
        let mut looked_at = self.0.looked_at.lock().unwrap_or_else(PoisonError::into_inner);
        let namespaces = io.namespaces();
        looked_at.retain(|known| namespaces.iter().any(|namespace| namespace.is_same(known)));
        for namespace in namespaces {
            let known = looked_at.iter().any(|known| known.is_same(&namespace));
            if known || namespace.is_same(&self.0.page) {
                continue;
            }
            let (incoming, outgoing) = (self.clone(), self.clone());
            namespace
                .on_any(move |socket, event| incoming.show("event_received", socket, || Some(said(event))));
            namespace.on_any_outgoing(move |socket, frame, _| {
                outgoing.show("event_sent", socket, || shortened(frame.event_json()?));
            });
            looked_at.push(namespace);
        }
    }

    fn show(&self, kind: &str, socket: &Socket, args: impl FnOnce() -> Option<Value>) {
        let Inner { page, budget, .. } = &*self.0;
        let affordable = || budget.lock().unwrap_or_else(PoisonError::into_inner).take(1, now());
        if page.is_empty() || !affordable() {
            return;
        }
        if let Some(args) = args() {
            let args = [json!(socket.namespace().name()), json!(socket.id()), args, json!(wall_text())];
            page.sockets().iter().for_each(|page| page.emit_args(kind, &args, &[]));
        }
    }
}

fn said(event: &Event) -> Value {
    let all = std::iter::once(json!(event.name)).chain(event.args.iter().cloned()).collect();
    let json = Value::Array(all).to_string();
    shortened(&json).unwrap_or_else(|| json!([event.name]))
}

/// `["name", …]` as it is, or with the size in place of the arguments.
fn shortened(json: &str) -> Option<Value> {
    if json.len() <= EVENT_BYTES_MAX {
        return serde_json::from_str(json).ok();
    }
    let name = json.strip_prefix("[\"")?.split('"').next()?;
    Some(json!([name, format!("({} bytes)", json.len())]))
}
