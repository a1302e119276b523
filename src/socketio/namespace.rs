//! One namespace: who may join, what happens then, and sending to everyone in it.

use std::{
    collections::HashMap,
    fmt,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
};

use bytes::Bytes;
use serde::Serialize;
use serde_json::Value;

use super::{
    ack::Ack,
    broadcast::Broadcast,
    frame::{Delivery, Forms, Frame},
    handshake::{Grant, Handshake, Refusal, SocketData},
    hub::Hub,
    protocol::error::CloseReason,
    recovery::{Memory, Recovery},
    socket::Socket,
};

/// A future that stays on the thread of its session.
pub(super) type LocalFuture<T> = Pin<Box<dyn Future<Output = T>>>;
type Middleware = dyn Fn(Arc<Handshake>, Arc<Value>) -> LocalFuture<Result<Grant, Refusal>> + Send + Sync;
type OnConnect = dyn Fn(Socket, Value) -> LocalFuture<()> + Send + Sync;
type OnEvent = dyn Fn(Socket, Event) -> LocalFuture<()> + Send + Sync;
type OnAny = dyn Fn(&Socket, &Event) + Send + Sync;
type OnAnyOutgoing = dyn Fn(&Socket, &Frame, Delivery) + Send + Sync;
type OnDisconnecting = dyn Fn(&Socket, CloseReason) + Send + Sync;
type OnDisconnect = dyn Fn(Socket, CloseReason) + Send + Sync;

/// An event from a client.
#[derive(Debug)]
pub struct Event {
    /// Its name.
    pub name: String,
    /// Its arguments; `{"_placeholder":true,"num":k}` stands where attachment `k` belongs.
    pub args: Vec<Value>,
    /// Its binary messages, in order.
    pub attachments: Vec<Bytes>,
    /// Present when the client waits for an answer.
    pub ack: Option<Ack>,
}

impl Event {
    /// Argument `index`, null when there is none.
    pub fn arg(&self, index: usize) -> &Value {
        self.args.get(index).unwrap_or(&Value::Null)
    }

    /// Takes argument `index` out, null when there is none: it may be large.
    pub fn take_arg(&mut self, index: usize) -> Value {
        self.args.get_mut(index).map(Value::take).unwrap_or_default()
    }
}

/// A handle to one namespace, cheap to clone and usable from any thread.
#[derive(Clone)]
pub struct Namespace(Arc<Inner>);

struct Inner {
    name: Arc<str>,
    hub: Hub,
    handlers: RwLock<Arc<Handlers>>,
    /// So that sending costs no look at the handlers where nobody looks on.
    watched: AtomicBool,
    ack_ids: AtomicU64,
    memory: Option<Memory>,
}

/// Replaced as a whole when one is added, so that dispatching costs one clone of an `Arc`.
#[derive(Clone, Default)]
struct Handlers {
    middleware: Vec<Arc<Middleware>>,
    connect: Option<Arc<OnConnect>>,
    events: HashMap<String, Arc<OnEvent>>,
    any: Vec<Arc<OnAny>>,
    any_outgoing: Vec<Arc<OnAnyOutgoing>>,
    disconnecting: Option<Arc<OnDisconnecting>>,
    disconnect: Option<Arc<OnDisconnect>>,
}

impl Namespace {
    pub(super) fn new(name: &str, recovery: Option<&Recovery>) -> Self {
        Self::with_handlers(name, recovery, Arc::default())
    }

    /// A namespace that begins with the handlers of another one.
    pub(super) fn like(template: &Self, name: &str, recovery: Option<&Recovery>) -> Self {
        Self::with_handlers(name, recovery, template.handlers())
    }

    fn with_handlers(name: &str, recovery: Option<&Recovery>, handlers: Arc<Handlers>) -> Self {
        Self(Arc::new(Inner {
            name: name.into(),
            hub: Hub::default(),
            watched: AtomicBool::new(!handlers.any_outgoing.is_empty()),
            handlers: RwLock::new(handlers),
            ack_ids: AtomicU64::default(),
            memory: recovery.cloned().map(Memory::new),
        }))
    }

    pub(super) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    pub(super) fn memory(&self) -> Option<&Memory> {
        self.0.memory.as_ref()
    }

    /// An ack id that no other question of this namespace has.
    pub(super) fn fresh_ack_id(&self) -> u64 {
        self.0.ack_ids.fetch_add(1, Relaxed)
    }

    /// Its name, beginning with a slash.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    pub(super) fn shared_name(&self) -> &Arc<str> {
        &self.0.name
    }

    pub(super) fn hub(&self) -> &Hub {
        &self.0.hub
    }

    /// Adds a check that every client passes before it is in, in the order of the calls. It gets the handshake and the
    /// payload of CONNECT (null when absent).
    pub fn middleware<F>(&self, check: F)
    where
        F: AsyncFn(&Handshake, &Value) -> Result<Grant, Refusal> + Send + Sync + 'static,
    {
        let check = Arc::new(check);
        self.change(|handlers| {
            handlers.middleware.push(Arc::new(move |handshake: Arc<Handshake>, auth: Arc<Value>| {
                let check = check.clone();
                Box::pin(async move { check(&handshake, &auth).await })
            }));
        });
    }

    /// Sets what happens when a client is in: it gets the payload of CONNECT (null when absent). Its events wait for it.
    pub fn on_connect<F, Fut>(&self, handler: F)
    where
        F: Fn(Socket, Value) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + 'static,
    {
        let handler: Arc<OnConnect> = Arc::new(move |socket, auth| Box::pin(handler(socket, auth)));
        self.change(|handlers| handlers.connect = Some(handler));
    }

    /// Sets what happens on an event. The client's next event waits for the future.
    pub fn on<F, Fut>(&self, event: &str, handler: F)
    where
        F: Fn(Socket, Event) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + 'static,
    {
        let handler: Arc<OnEvent> = Arc::new(move |socket, event| Box::pin(handler(socket, event)));
        self.change(|handlers| {
            handlers.events.insert(event.to_owned(), handler);
        });
    }

    /// Adds an onlooker that sees every event before its handler does.
    pub fn on_any(&self, onlooker: impl Fn(&Socket, &Event) + Send + Sync + 'static) {
        self.change(|handlers| handlers.any.push(Arc::new(onlooker)));
    }

    /// Adds an onlooker that sees every frame sent to every client, once for each of them. [`Frame::text`] has its words.
    /// Costs every broadcast a call for each receiver.
    pub fn on_any_outgoing(&self, onlooker: impl Fn(&Socket, &Frame, Delivery) + Send + Sync + 'static) {
        self.change(|handlers| handlers.any_outgoing.push(Arc::new(onlooker)));
        self.0.watched.store(true, Relaxed);
    }

    /// Sets what happens when a client is about to leave: it still is in its rooms. Runs at once, wherever the leaving
    /// was decided, and may come before events of the client that wait for their handlers.
    pub fn on_disconnecting(&self, handler: impl Fn(&Socket, CloseReason) + Send + Sync + 'static) {
        self.change(|handlers| handlers.disconnecting = Some(Arc::new(handler)));
    }

    /// Sets what happens when a client has left. Its rooms are empty of it by then.
    pub fn on_disconnect(&self, handler: impl Fn(Socket, CloseReason) + Send + Sync + 'static) {
        self.change(|handlers| handlers.disconnect = Some(Arc::new(handler)));
    }

    /// Sends an event with one argument to everyone in the namespace, encoded once.
    pub fn emit(&self, event: &str, payload: &impl Serialize) {
        self.publish("", &Frame::json(self.name(), event, payload), Delivery::Event);
    }

    /// Begins a broadcast to everyone in the namespace.
    pub fn everyone(&self) -> Broadcast {
        Broadcast::new(self.clone())
    }

    /// Begins a broadcast to a room.
    pub fn to(&self, room: &str) -> Broadcast {
        Broadcast::new(self.clone()).to(room)
    }

    /// Begins a broadcast to everyone outside a room.
    pub fn except(&self, room: &str) -> Broadcast {
        Broadcast::new(self.clone()).except(room)
    }

    /// Hands one encoded frame to everyone in a room, to everyone in the namespace if the room's name is empty.
    pub fn publish(&self, room: &str, frame: &Frame, delivery: Delivery) {
        let rooms = [room];
        let rooms = if room.is_empty() { &[] } else { &rooms[..] };
        self.deliver(frame, delivery, rooms, &[], |forms| self.0.hub.publish(room, forms, delivery));
        if self.is_watched() {
            self.show(&self.0.hub.members(room), frame, delivery);
        }
    }

    /// Prepares a frame for its receivers, who are those in `rooms` and not in `except`, and lets `push` hand it to them.
    pub(super) fn deliver<R: AsRef<str>>(
        &self,
        frame: &Frame,
        delivery: Delivery,
        rooms: &[R],
        except: &[R],
        push: impl FnOnce(&Forms),
    ) {
        match &self.0.memory {
            None => push(&Forms::alike(frame.clone())),
            Some(memory) if delivery == Delivery::Event && frame.is_plain_event() => {
                memory.publish(frame, rooms, except, push);
            }
            Some(_) => push(&Forms::alike(frame.without_offset())),
        }
    }

    pub(super) fn is_watched(&self) -> bool {
        self.0.watched.load(Relaxed)
    }

    /// Shows onlookers what has been sent.
    pub(super) fn show(&self, sockets: &[Socket], frame: &Frame, delivery: Delivery) {
        let handlers = self.handlers();
        for socket in sockets {
            handlers.any_outgoing.iter().for_each(|onlooker| onlooker(socket, frame, delivery));
        }
    }

    /// Sockets in a room; everyone if its name is empty.
    pub fn room_len(&self, room: &str) -> usize {
        self.0.hub.len(room)
    }

    /// Sockets in the namespace.
    pub fn len(&self) -> usize {
        self.0.hub.len("")
    }

    /// Whether nobody is in the namespace.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Everyone in the namespace.
    pub fn sockets(&self) -> Vec<Socket> {
        self.0.hub.members("")
    }

    /// The socket of this id.
    pub fn socket(&self, id: &str) -> Option<Socket> {
        self.0.hub.get(id)
    }

    /// Asks every middleware in turn.
    pub(super) fn admit(
        &self,
        handshake: Arc<Handshake>,
        auth: Arc<Value>,
    ) -> LocalFuture<Result<Option<SocketData>, Refusal>> {
        let handlers = self.handlers();
        Box::pin(async move {
            let mut data = None;
            for check in &handlers.middleware {
                let grant = check(handshake.clone(), auth.clone()).await?;
                data = grant.data.or(data);
            }
            Ok(data)
        })
    }

    pub(super) fn connected(&self, socket: Socket, auth: Value) -> Option<LocalFuture<()>> {
        let handler = self.handlers().connect.clone()?;
        Some(Box::pin(async move { handler(socket, auth).await }))
    }

    pub(super) fn dispatch(&self, socket: Socket, event: Event) -> Option<LocalFuture<()>> {
        let handlers = self.handlers();
        let handler = handlers.events.get(&event.name).cloned();
        if handler.is_none() && handlers.any.is_empty() {
            return None;
        }
        Some(Box::pin(async move {
            handlers.any.iter().for_each(|onlooker| onlooker(&socket, &event));
            if let Some(handler) = handler {
                handler(socket, event).await;
            }
        }))
    }

    pub(super) fn disconnecting(&self, socket: &Socket, reason: CloseReason) {
        if let Some(handler) = self.handlers().disconnecting.clone()
            && catch_unwind(AssertUnwindSafe(|| handler(socket, reason))).is_err()
        {
            log::error!("a handler of leaving clients panicked");
        }
    }

    pub(super) fn disconnected(&self, socket: Socket, reason: CloseReason) {
        if let Some(handler) = self.handlers().disconnect.clone() {
            handler(socket, reason);
        }
    }

    fn handlers(&self) -> Arc<Handlers> {
        self.0.handlers.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn change(&self, change: impl FnOnce(&mut Handlers)) {
        let mut handlers = self.0.handlers.write().unwrap_or_else(PoisonError::into_inner);
        change(Arc::make_mut(&mut handlers));
    }
}

impl fmt::Debug for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Namespace({})", self.0.name)
    }
}
