//! The messages of a session and what it answers.

use std::{future::ready, sync::Arc};

use actix::prelude::*;
use bytes::Bytes;
use bytestring::ByteString;
use futures_util::FutureExt;

use super::{Session, is};
use crate::socketio::{
    clock::now,
    protocol::{
        connection::{Refusal, WebsocketVerdict},
        error::ProtocolError,
    },
    websocket_line::Line,
};

/// A GET wants to wait at the outbox.
#[derive(Message)]
#[rtype(result = "Result<(), Refusal>")]
pub(in crate::socketio) struct Poll;

/// A POST has arrived, its body not yet.
#[derive(Message)]
#[rtype(result = "Result<(), Refusal>")]
pub(in crate::socketio) struct BeginPost;

/// A POST's body.
#[derive(Message)]
#[rtype(result = "Result<(), Refusal>")]
pub(in crate::socketio) struct Packets(pub(in crate::socketio) Bytes);

/// A WebSocket names this session.
#[derive(Message)]
#[rtype(result = "Result<WebsocketVerdict, Refusal>")]
pub(in crate::socketio) struct Websocket(pub(in crate::socketio) Arc<Line>);

/// A message from a WebSocket.
#[derive(Message)]
#[rtype(result = "()")]
pub(in crate::socketio) struct FromWebsocket {
    pub(in crate::socketio) line: Arc<Line>,
    pub(in crate::socketio) input: Input,
}

/// What a WebSocket may bring.
pub(in crate::socketio) enum Input {
    Text(ByteString),
    Binary(Bytes),
    /// The peer closes.
    Close,
    /// The peer broke a rule of RFC 6455, or a limit; the close code says which.
    Violation(u16),
}

impl Handler<Poll> for Session {
    type Result = Result<(), Refusal>;

    fn handle(&mut self, _: Poll, ctx: &mut Self::Context) -> Self::Result {
        // What the last poll left behind comes first: its client may have sent this one on its answer.
        self.catch_up();
        let verdict = self.connection.handle_poll(now());
        self.settle(ctx);
        verdict
    }
}

impl Handler<BeginPost> for Session {
    type Result = Result<(), Refusal>;

    fn handle(&mut self, _: BeginPost, ctx: &mut Self::Context) -> Self::Result {
        self.catch_up();
        let verdict = self.connection.handle_post(now());
        self.settle(ctx);
        verdict
    }
}

impl Handler<Packets> for Session {
    type Result = ResponseFuture<Result<(), Refusal>>;

    fn handle(&mut self, Packets(body): Packets, ctx: &mut Self::Context) -> Self::Result {
        let now = now();
        self.catch_up();
        if !self.within_limits(0, body.len(), now) {
            self.settle(ctx);
            return Box::pin(ready(Ok(())));
        }
        let Ok(body) = ByteString::try_from(body) else {
            self.reject(ProtocolError::Utf8, now);
            self.settle(ctx);
            return Box::pin(ready(Err(Refusal::BadRequest)));
        };
        if !self.is_countable(&body, now) {
            self.settle(ctx);
            return Box::pin(ready(Ok(())));
        }
        if !self.decodes_aside(body.len()) {
            return self.take_body(&body, ctx);
        }
        let text = body.clone();
        let taken = self.decode_aside(text, true, ctx, move |session, ctx| session.take_body(&body, ctx));
        // A session that ended meanwhile has taken it as any other.
        Box::pin(async move { if let Some(taken) = taken.await { taken.await } else { Ok(()) } })
    }
}

type Taken = <Session as Handler<Packets>>::Result;

impl Session {
    fn take_body(&mut self, body: &str, ctx: &mut Context<Self>) -> Taken {
        let now = now();
        let mut verdict = Ok(());
        if let Err(error) = self.read_body(body, now) {
            log::debug!("a session sent a body with {error}");
            self.reject(error, now);
            verdict = Err(Refusal::BadRequest);
        }
        self.settle(ctx);
        Box::pin(self.room_for_post().map(move |()| verdict))
    }

    fn take_message(&mut self, input: Input, ctx: &mut Context<Self>) -> ResponseFuture<()> {
        let now = now();
        if let Err(error) = self.read_websocket(input, now) {
            log::debug!("a session sent a message with {error}");
            self.reject(error, now);
        }
        self.settle(ctx);
        Box::pin(self.room())
    }
}

impl Handler<Websocket> for Session {
    type Result = Result<WebsocketVerdict, Refusal>;

    fn handle(&mut self, Websocket(line): Websocket, ctx: &mut Self::Context) -> Self::Result {
        self.catch_up();
        let verdict = self.connection.handle_websocket(now());
        if verdict == Ok(WebsocketVerdict::Probe) {
            self.probe = Some(line);
        }
        self.settle(ctx);
        verdict
    }
}

impl Handler<FromWebsocket> for Session {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, message: FromWebsocket, ctx: &mut Self::Context) -> Self::Result {
        // A probe is never held back: what waits in the outbox may wait for its success.
        if is(&self.probe, &message.line) {
            self.read_probe(message.input);
        } else if is(&self.line, &message.line) {
            return match message.input {
                Input::Text(text) if self.decodes_aside(text.len()) => {
                    let whole = text.clone();
                    let then = move |session: &mut Self, ctx: &mut Context<Self>| {
                        session.take_message(Input::Text(text), ctx)
                    };
                    let taken = self.decode_aside(whole, false, ctx, then);
                    Box::pin(async move {
                        if let Some(taken) = taken.await {
                            taken.await
                        }
                    })
                }
                input => self.take_message(input, ctx),
            };
        }
        self.settle(ctx);
        Box::pin(ready(()))
    }
}
