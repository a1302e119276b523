//! A server of Engine.IO alone: messages both ways over whatever transport there is, and nothing above them.

use std::{any::Any, future::Future, sync::Arc, time::Duration};

use actix_web::{dev::Extensions, web};
use bytes::Bytes;

use super::{
    config::Config,
    frame::{Delivery, Frame},
    namespace::LocalFuture,
    outbox::Pushed,
    protocol::error::CloseReason,
    server::{self, Server},
    session_handle::{Request, SessionHandle},
    stats::Stats,
};

/// A message of the layer above Engine.IO.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// Text.
    Text(String),
    /// Bytes.
    Binary(Bytes),
}

pub(super) type OnMessage = dyn Fn(EngineSocket, Message) -> LocalFuture<()> + Send + Sync;

/// A handle to one client of an [`EngineIo`] server.
#[derive(Clone, Debug)]
pub struct EngineSocket {
    session: Arc<SessionHandle>,
    nowhere: Arc<str>,
}

impl EngineSocket {
    pub(super) fn new(session: Arc<SessionHandle>) -> Self {
        Self { session, nowhere: Arc::from("") }
    }

    /// Sends a message: ordered, never dropped.
    pub fn send(&self, message: &Message) {
        let frame = match message {
            Message::Text(text) => Frame::engine_text(&format!("4{text}")),
            Message::Binary(data) => Frame::engine_binary(data),
        };
        if self.session.outbox.push(&self.nowhere, &frame, Delivery::Event) == Pushed::Overflow {
            self.session.request(Request::Overflow);
        }
    }

    /// Ends the session.
    pub fn close(&self) {
        self.session.request(Request::Close(CloseReason::ForcedServerClose));
    }

    /// `polling` or `websocket`.
    pub fn transport(&self) -> &'static str {
        self.session.transport()
    }
}

/// An Engine.IO server to mount in an actix-web application.
#[derive(Clone, Debug)]
pub struct EngineIo(Arc<Server>);

impl EngineIo {
    /// A server whose messages go to `handler`, one after the other for each client.
    pub fn new<F, Fut>(config: Config, handler: F) -> Self
    where
        F: Fn(EngineSocket, Message) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + 'static,
    {
        let handler: Arc<OnMessage> = Arc::new(move |socket, message| Box::pin(handler(socket, message)));
        Self(Server::new(config, Some(handler)))
    }

    /// Mounts the server; see [`super::SocketIo::configure`].
    pub fn configure(&self) -> impl FnOnce(&mut web::ServiceConfig) + Clone + use<> {
        server::mount(self.0.clone())
    }

    /// For `HttpServer::on_connect`; see [`super::SocketIo::on_connect`].
    pub fn on_connect(&self) -> impl Fn(&dyn Any, &mut Extensions) + Send + Sync + Clone + use<> {
        server::prepare_connections(&self.0)
    }

    /// What has been counted so far.
    pub fn stats(&self) -> Stats {
        self.0.counters.snapshot()
    }

    /// Lets nobody in any more and closes every session, spread over `spread`.
    pub async fn shutdown(&self, spread: Duration) {
        self.0.shut_down(spread).await;
    }
}
