//! The carrier over a WebSocket, and the only file that knows actix-web-actors.
//!
//! ```text
//!  connection ──payload──▶ FrameGuard ──▶ WsConn (actor) ──FromWebsocket──▶ Session
//!             ◀──body───── WsOut ◀── Line ◀── pongs of WsConn
//!                                    Line ◀── Outbox ◀── everyone who sends
//! ```
//!
//! A `WebsocketContext` that is the body of a response stands still while its peer does not read. Here it is driven by a
//! task of its own and the body is [`WsOut`], so that reading never waits for writing.

use std::{
    cell::Cell,
    pin::Pin,
    rc::Rc,
    sync::Arc,
    task::{Context, Poll, ready},
};

use actix::{Actor, ActorContext, ActorFutureExt, Addr, AsyncContext, StreamHandler, WrapFuture, fut};
use actix_web::{Error, HttpRequest, HttpResponse, HttpResponseBuilder, http::header, rt, web};
use actix_web_actors::ws::{self, WebsocketContext};
use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};

use super::{
    config::Config,
    deflate,
    entry::{Cors, Refused, closed_at_once},
    protocol::connection::WebsocketVerdict,
    raw::Handoff,
    session::{FromWebsocket, Input, Session, Websocket},
    session_handle::{Request, SessionHandle},
    websocket_input::{Fragments, FrameGuard},
    websocket_line::Line,
};

/// What the connection is given at a time. It copies each piece into a buffer of its own that it keeps, so a piece should
/// be small, while the rest of a large frame stays in the memory that all of its receivers share.
const PIECE_BYTES: usize = 32 * 1024;

/// What was agreed in the opening handshake: the answer so far, and the line on which it holds.
pub(super) struct Agreement {
    pub(super) response: HttpResponseBuilder,
    pub(super) line: Arc<Line>,
}

/// Checks the opening handshake of RFC 6455 and begins its answer.
pub(super) fn shake_hands(request: &HttpRequest, config: &Config) -> Result<Agreement, Refused> {
    let headers = request.headers();
    let key = headers.get(header::SEC_WEBSOCKET_KEY).map_or(0, header::HeaderValue::len);
    let version = headers.get(header::SEC_WEBSOCKET_VERSION);
    if version.is_some_and(|version| version != "13") {
        return Err(Refused::WebsocketVersion);
    }
    // Sixteen bytes in base64.
    if key != 24 {
        return Err(Refused::BadRequest);
    }
    let mut response = ws::handshake(request).map_err(|_| Refused::BadRequest)?;
    let offers = headers.get_all(header::SEC_WEBSOCKET_EXTENSIONS).filter_map(|offer| offer.to_str().ok());
    let deflate = config.deflate.serves(request.peer_addr()) && offers.into_iter().any(deflate::accepts);
    if deflate {
        response.insert_header((header::SEC_WEBSOCKET_EXTENSIONS, deflate::ANSWER));
    }
    Ok(Agreement { response, line: Arc::new(Line::new(deflate)) })
}

/// A WebSocket that names a session: lets it probe, or accepts and closes it.
pub(super) async fn join(
    addr: Addr<Session>,
    session: Arc<SessionHandle>,
    request: &HttpRequest,
    payload: web::Payload,
    cors: &Cors,
) -> Result<HttpResponse, Refused> {
    let Agreement { mut response, line } = shake_hands(request, &session.server.config)?;
    cors.add_to(&mut response);
    if !session.server.config.upgrades {
        return Err(Refused::BadRequest);
    }
    let mut knocking = Knocking(Some((session.clone(), line.clone())));
    let verdict = addr.send(Websocket(line.clone())).await.map_err(|_| Refused::SessionUnknown)?;
    match verdict? {
        WebsocketVerdict::Probe => {
            knocking.0 = None;
            Ok(carry(request, response, addr, session, line, payload))
        }
        WebsocketVerdict::Refuse => {
            let farewell = stream::once(async { Ok::<_, Error>(closed_at_once()) });
            Ok(response.streaming(farewell))
        }
    }
}

/// A WebSocket that asks to probe. Its client may be gone before it is told, and must not keep others from probing.
struct Knocking(Option<(Arc<SessionHandle>, Arc<Line>)>);

impl Drop for Knocking {
    fn drop(&mut self) {
        if let Some((session, line)) = self.0.take() {
            session.request(Request::WebsocketGone(line));
        }
    }
}

/// Puts a WebSocket to work for a session.
pub(super) fn carry(
    request: &HttpRequest,
    mut response: HttpResponseBuilder,
    addr: Addr<Session>,
    session: Arc<SessionHandle>,
    line: Arc<Line>,
    payload: web::Payload,
) -> HttpResponse {
    if let Some(handoff) = Handoff::of(request) {
        return handoff.fill(addr, session, line, response);
    }
    let message_bytes_max = session.server.config.max_payload;
    let guard = FrameGuard::new(payload, message_bytes_max, line.clone());
    let violation = guard.violation();
    let connection = WsConn { addr, session: session.clone(), line: line.clone(), violation, message: None };
    let codec = WebsocketContext::with_codec(
        connection,
        guard,
        actix_http::ws::Codec::new().max_size(message_bytes_max.max(125)),
    );
    // Boxed, because a future holds what it is given twice: as it came, and pinned.
    rt::spawn(drive(Box::pin(codec), session.clone(), line.clone()));
    session.server.counters.websockets_open.up();
    response.streaming(WsOut { session, line, rest: Bytes::new() })
}

/// Runs the actor and queues what it writes, which is pongs.
async fn drive(
    mut context: impl Stream<Item = Result<Bytes, Error>> + Unpin,
    session: Arc<SessionHandle>,
    line: Arc<Line>,
) {
    while let Some(Ok(chunk)) = context.next().await {
        if !line.push(chunk) {
            session.server.counters.refused_pings.up();
            line.cut();
            return;
        }
        // Lets the connection write: only a peer that does not read lets pongs pile up.
        tokio::task::yield_now().await;
    }
}

/// The input side of one WebSocket: puts fragments together and hands messages to the session, one at a time.
struct WsConn {
    addr: Addr<Session>,
    session: Arc<SessionHandle>,
    line: Arc<Line>,
    violation: Rc<Cell<Option<u16>>>,
    message: Option<Box<Fragments>>,
}

impl WsConn {
    /// Hands over one message and reads on when the session has room for more.
    fn hand_over(&mut self, input: Input, ctx: &mut WebsocketContext<Self>) {
        let last = matches!(input, Input::Close | Input::Violation(_));
        let sent = self.addr.send(FromWebsocket { line: self.line.clone(), input });
        ctx.wait(sent.into_actor(self).map(move |sent, _, ctx| {
            if last || sent.is_err() {
                ctx.stop();
            }
        }));
    }
}

impl Actor for WsConn {
    type Context = WebsocketContext<Self>;
}

impl Drop for WsConn {
    fn drop(&mut self) {
        self.session.request(Request::WebsocketGone(self.line.clone()));
    }
}

impl StreamHandler<Result<ws::Message, ws::ProtocolError>> for WsConn {
    fn handle(&mut self, message: Result<ws::Message, ws::ProtocolError>, ctx: &mut Self::Context) {
        match message {
            Ok(ws::Message::Text(text)) => self.hand_over(Input::Text(text), ctx),
            Ok(ws::Message::Binary(data)) => self.hand_over(Input::Binary(data), ctx),
            Ok(ws::Message::Ping(data)) => ctx.pong(&data),
            Ok(ws::Message::Close(_)) => self.hand_over(Input::Close, ctx),
            Ok(ws::Message::Continuation(item)) => {
                if let Some(input) = Fragments::add(&mut self.message, item) {
                    self.hand_over(input, ctx);
                }
            }
            Ok(ws::Message::Pong(_) | ws::Message::Nop) => {}
            // Of what passes the guard, the codec refuses only text that is not UTF-8.
            Err(_) => self.hand_over(Input::Violation(1007), ctx),
        }
    }

    fn finished(&mut self, ctx: &mut Self::Context) {
        match self.violation.take() {
            Some(code) => self.hand_over(Input::Violation(code), ctx),
            None => ctx.wait(fut::ready(()).map(|(), _: &mut Self, ctx: &mut Self::Context| ctx.stop())),
        }
    }
}

/// The body of the response: whatever the line has to say. Dropped with the connection.
struct WsOut {
    session: Arc<SessionHandle>,
    line: Arc<Line>,
    /// What the connection has not been given yet of the frames taken last.
    rest: Bytes,
}

impl Stream for WsOut {
    type Item = Result<Bytes, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if this.rest.is_empty() {
            match ready!(this.line.poll_chunk(cx)) {
                Some(chunk) => this.rest = chunk,
                None => return Poll::Ready(None),
            }
            this.session.server.counters.bytes_out.add(this.rest.len());
        }
        let piece = this.rest.split_to(this.rest.len().min(PIECE_BYTES));
        Poll::Ready(Some(Ok(piece)))
    }
}

impl Drop for WsOut {
    fn drop(&mut self) {
        self.session.server.counters.websockets_open.down();
        self.line.drop_connection();
    }
}
