//! The carrier over a WebSocket that owns its socket.
//!
//! The one of [`super::websocket`] is the body of an HTTP response: whatever is sent passes actix-http's encoder, which
//! copies it into a buffer of each connection and keeps two such buffers for as long as the connection lives. Here the
//! socket leaves actix-http with the answer to the opening handshake. A frame that goes to a thousand clients is then
//! given to the kernel a thousand times from the one place where it stands, and an idle client holds no buffer at all.
//!
//! ```text
//!  connection ──first request is a WebSocket?──▶ App ──▶ entry ──▶ Handoff
//!             ──any other──▶ HttpService as ever             │
//!                                     read  ◀── socket ──────┤
//!                                     write ◀── Line, Outbox ┘
//! ```

use std::{
    any::Any,
    cell::{Cell, RefCell},
    convert::Infallible,
    fmt, io,
    net::TcpListener,
    pin::Pin,
    rc::Rc,
    sync::Arc,
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use actix::Addr;
use actix_http::{
    HttpService, Request, Response,
    body::{BodySize, MessageBody, to_bytes_limited},
    error::PayloadError,
    h1,
    header::{CONNECTION, HeaderValue},
    ws::{Codec, Frame, Message},
};
use actix_server::ServerBuilder;
use actix_service::{
    IntoServiceFactory, Service, ServiceFactory, ServiceFactoryExt as _, fn_factory, fn_service, map_config,
};
use actix_web::{HttpMessage as _, HttpRequest, HttpResponse, HttpResponseBuilder, dev::AppConfig, rt};
use bytes::{Bytes, BytesMut};
use bytestring::ByteString;
use futures_util::{Stream, StreamExt as _};
use tokio::{
    io::{AsyncRead, AsyncWriteExt as _, ReadBuf},
    net::{
        TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
};
use tokio_util::codec::{Decoder as _, Encoder as _};

use super::{
    server::SocketIo,
    session::{FromWebsocket, Input, Session},
    session_handle::{Request as Wish, SessionHandle},
    websocket_input::{Fragments, FrameGuard},
    websocket_line::Line,
};

/// How long a new connection may say nothing before it is closed, as actix-http has it.
const SILENCE_MAX: Duration = Duration::from_secs(5);
/// How long a connection may say nothing between two requests. Longer than clients and proxies keep connections for another
/// use (nginx 60 s): whoever closes first must not be the server, or a request that is on its way meets a closed door.
pub const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// For how long, and how much, is read from a peer after the close frame for it.
const LINGER: Duration = Duration::from_secs(2);
const LINGER_BYTES: usize = 8 << 20;
/// Frames that are written to one client before others of the thread get their turn: thousands may wait for one that was slow.
const WRITES_MAX: usize = 64;
/// How much of a first request is looked at. A longer head is served as ever.
const HEAD_BYTES_MAX: usize = 4096;
/// Largest refusal of an opening handshake.
const REFUSAL_BYTES_MAX: usize = 64 * 1024;
/// What is read at a time, into one place per thread.
const SCRATCH_BYTES: usize = 64 * 1024;

/// How long a thread works for what clients send before other threads get their turn. A kernel may let it run for four
/// milliseconds, for which a tick would wait that is due on the same processor.
const STRETCH: Duration = Duration::from_micros(200);

thread_local! {
    static SCRATCH: RefCell<Box<[u8]>> = RefCell::new(vec![0; SCRATCH_BYTES].into());
    /// When this thread last let others run.
    static GAVE_WAY: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// Serves the App of `factory` on `listener`, like `HttpServer::listen`, but lets the WebSockets of `io` own their
/// sockets. Everything else, and a WebSocket that is not the first request of its connection, is served as ever.
///
/// # Errors
/// When the listener cannot be made non-blocking.
pub fn listen<F, A, S, B>(
    builder: ServerBuilder,
    listener: TcpListener,
    io: &SocketIo,
    factory: F,
) -> io::Result<ServerBuilder>
where
    F: Fn() -> A + Send + Clone + 'static,
    A: IntoServiceFactory<S, Request>,
    S: ServiceFactory<Request, Config = AppConfig> + 'static,
    S::Error: Into<actix_web::Error> + 'static,
    S::InitError: fmt::Debug,
    S::Response: Into<Response<B>> + 'static,
    S::Service: 'static,
    B: MessageBody + 'static,
{
    let on_connect = io.on_connect();
    builder.listen("hmrs-socketio", listener, move || {
        let app = || {
            map_config(factory().into_factory(), |()| AppConfig::default())
                .map_err(|error| error.into().error_response())
        };
        let service = || {
            let on_connect = on_connect.clone();
            HttpService::build()
                .keep_alive(KEEP_ALIVE)
                .h1_allow_half_closed(false)
                .on_connect_ext(move |socket: &TcpStream, data| on_connect(socket as &dyn Any, data))
        };
        let plain = service().finish(app()).tcp();
        let upgrading = app();
        let upgrading = fn_factory(move || {
            let app = upgrading.new_service(());
            async move {
                let app =
                    Rc::new(app.await.map_err(|error| log::error!("the app cannot be made: {error:?}"))?);
                Ok::<_, ()>(fn_service(move |(request, framed): (Request, _)| {
                    let app = app.clone();
                    async move {
                        // A client that left before it was answered needs no answer.
                        let _ = upgrade(app, request, framed).await;
                        Ok::<(), Infallible>(())
                    }
                }))
            }
        });
        let carrying = service().upgrade(upgrading).finish(app()).tcp();
        fn_factory(move || {
            let services = (plain.new_service(()), carrying.new_service(()));
            async move {
                let (plain, carrying) = (services.0.await?, services.1.await?);
                let services = Rc::new((plain, carrying));
                Ok::<_, ()>(fn_service(move |socket: TcpStream| {
                    let services = services.clone();
                    async move {
                        let Ok(Ok(is_websocket)) =
                            rt::time::timeout(SILENCE_MAX, begins_with_websocket(&socket)).await
                        else {
                            return Ok(());
                        };
                        match is_websocket {
                            true => services.1.call(socket).await,
                            false => services.0.call(socket).await,
                        }
                    }
                }))
            }
        })
    })
}

/// Whether the first request of a connection asks for a WebSocket. Looks without taking anything away; what cannot be
/// told from the first segment is taken for no.
async fn begins_with_websocket(socket: &TcpStream) -> io::Result<bool> {
    let mut head = [0; HEAD_BYTES_MAX];
    let taken = socket.peek(&mut head).await?;
    let Some(end) = head[..taken].windows(4).position(|four| four == b"\r\n\r\n") else {
        return Ok(false);
    };
    let mut lines = head[..end].split(|byte| *byte == b'\n');
    let is_get = lines.next().is_some_and(|line| line.starts_with(b"GET "));
    let asks = lines.any(|line| {
        let line = line.trim_ascii();
        line.len() > 8
            && line[..8].eq_ignore_ascii_case(b"upgrade:")
            && line[8..].trim_ascii().eq_ignore_ascii_case(b"websocket")
    });
    Ok(is_get && asks)
}

/// Where a request that came by a socket of its own leaves what shall get the socket.
#[derive(Clone, Default)]
pub(super) struct Handoff(Rc<Cell<Option<Connection>>>);

/// A WebSocket that a session lets in. When it is dropped, at whatever stage, the session hears of it.
struct Connection {
    addr: Addr<Session>,
    session: Arc<SessionHandle>,
    line: Arc<Line>,
}

impl Handoff {
    /// The one of this request, if its socket can be had.
    pub(super) fn of(request: &HttpRequest) -> Option<Self> {
        request.extensions().get::<Self>().cloned()
    }

    /// Lets a session have the socket once the answer is written.
    pub(super) fn fill(
        self,
        addr: Addr<Session>,
        session: Arc<SessionHandle>,
        line: Arc<Line>,
        mut response: HttpResponseBuilder,
    ) -> HttpResponse {
        self.0.set(Some(Connection { addr, session, line }));
        response.finish()
    }
}

/// Lets the App answer an opening handshake, and takes the socket if it says yes.
async fn upgrade<S, B>(
    app: Rc<S>,
    request: Request,
    framed: actix_codec::Framed<TcpStream, h1::Codec>,
) -> io::Result<()>
where
    S: Service<Request>,
    S::Error: Into<Response<actix_http::body::BoxBody>>,
    S::Response: Into<Response<B>>,
    B: MessageBody + 'static,
{
    let handoff = Handoff::default();
    request.extensions_mut().insert(handoff.clone());
    let response = match app.call(request).await {
        Ok(response) => response.into().map_into_boxed_body(),
        Err(error) => error.into(),
    };
    let mut parts = framed.into_parts();
    let (response, body) = response.into_parts();
    let connection = handoff.0.take();
    let body = match to_bytes_limited(body, REFUSAL_BYTES_MAX).await {
        Ok(Ok(body)) => body,
        _ => Bytes::new(),
    };
    write_answer(&mut parts, response, &body).await?;
    if let Some(connection) = connection {
        // Copied, mostly nothing: what was read of the request would keep the whole buffer of 8 KiB for the connection's life.
        connection.begin(parts.io, Bytes::copy_from_slice(&parts.read_buf));
    }
    Ok(())
}

async fn write_answer(
    parts: &mut actix_codec::FramedParts<TcpStream, h1::Codec>,
    mut response: Response<()>,
    body: &Bytes,
) -> io::Result<()> {
    let is_accepted = response.status() == actix_http::StatusCode::SWITCHING_PROTOCOLS;
    if !is_accepted {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    let size = if is_accepted { BodySize::None } else { BodySize::Sized(body.len() as u64) };
    let mut answer = BytesMut::new();
    parts.codec.encode(h1::Message::Item((response, size)), &mut answer)?;
    answer.extend_from_slice(body);
    parts.io.write_all(&answer).await
}

impl Connection {
    /// Puts the socket to work; `first` is what came behind the opening handshake.
    fn begin(self, socket: TcpStream, first: Bytes) {
        self.session.server.counters.websockets_open.up();
        let (reading, writing) = socket.into_split();
        rt::spawn(write(writing, self.session.clone(), self.line.clone()));
        rt::spawn(read(Incoming { socket: reading, first }, self));
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.session.request(Wish::WebsocketGone(self.line.clone()));
    }
}

/// The bytes from the peer.
struct Incoming {
    socket: OwnedReadHalf,
    first: Bytes,
}

impl Incoming {
    /// Reads something for nothing: how many bytes, none at the end.
    fn poll_skip(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        SCRATCH.with_borrow_mut(|scratch| {
            let mut taken = ReadBuf::new(scratch);
            ready!(Pin::new(&mut self.socket).poll_read(cx, &mut taken))?;
            Poll::Ready(Ok(taken.filled().len()))
        })
    }
}

impl Stream for Incoming {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if !self.first.is_empty() {
            return Poll::Ready(Some(Ok(std::mem::take(&mut self.first))));
        }
        SCRATCH.with_borrow_mut(|scratch| {
            let mut taken = ReadBuf::new(scratch);
            Poll::Ready(match ready!(Pin::new(&mut self.socket).poll_read(cx, &mut taken)) {
                Ok(()) if taken.filled().is_empty() => None,
                Ok(()) => Some(Ok(Bytes::copy_from_slice(taken.filled()))),
                Err(error) => Some(Err(error.into())),
            })
        })
    }
}

/// Lets other threads run first, if this one has worked for [`STRETCH`].
fn give_way() {
    let now = Instant::now();
    if GAVE_WAY.get().is_none_or(|last| now - last >= STRETCH) {
        std::thread::yield_now();
        GAVE_WAY.set(Some(Instant::now()));
    }
}

/// Hands messages to the session, one at a time: while it is busy, nothing more is read.
async fn read(incoming: Incoming, connection: Connection) {
    let Connection { addr, session, line } = &connection;
    let message_bytes_max = session.server.config.max_payload;
    let mut guard = FrameGuard::new(incoming, message_bytes_max, line.clone());
    let mut codec = Codec::new().max_size(message_bytes_max.max(125));
    let mut buffer = BytesMut::new();
    let mut under_way = None;
    loop {
        let input = match codec.decode(&mut buffer) {
            Ok(Some(frame)) => match frame {
                Frame::Text(data) => {
                    Some(ByteString::try_from(data).map_or(Input::Violation(1007), Input::Text))
                }
                Frame::Binary(data) => Some(Input::Binary(data)),
                Frame::Continuation(item) => Fragments::add(&mut under_way, item),
                Frame::Close(_) => Some(Input::Close),
                Frame::Ping(data) => {
                    let mut pong = BytesMut::new();
                    if codec.encode(Message::Pong(data), &mut pong).is_err() || !line.push(pong.freeze()) {
                        session.server.counters.refused_pings.up();
                        break;
                    }
                    // Lets the writer write: only a peer that does not read lets pongs pile up.
                    tokio::task::yield_now().await;
                    None
                }
                Frame::Pong(_) => None,
            },
            Ok(None) => {
                // What has been read is not kept for what may come.
                if buffer.is_empty() {
                    buffer = BytesMut::new();
                }
                match guard.next().await {
                    Some(Ok(bytes)) => {
                        buffer.extend_from_slice(&bytes);
                        None
                    }
                    Some(Err(_)) => break,
                    None => match guard.violation().take() {
                        Some(code) => Some(Input::Violation(code)),
                        None => break,
                    },
                }
            }
            // Of what passes the guard, the codec refuses only text that is not UTF-8.
            Err(_) => Some(Input::Violation(1007)),
        };
        give_way();
        let Some(input) = input else { continue };
        let is_last = matches!(input, Input::Close | Input::Violation(_));
        let sent = addr.send(FromWebsocket { line: line.clone(), input }).await;
        if is_last || sent.is_err() {
            // The answer, a close frame, is on the line already; the writer ends behind it.
            drop(connection);
            return linger(guard.into_payload()).await;
        }
    }
    line.cut();
}

/// Reads on for a moment, for nothing: a socket that is closed with bytes unread is reset, and a peer that still writes
/// would never see the close frame that says why.
async fn linger(mut incoming: Incoming) {
    let drain = async {
        let mut left = LINGER_BYTES.saturating_sub(incoming.first.len());
        while left > 0 {
            match std::future::poll_fn(|cx| incoming.poll_skip(cx)).await {
                Ok(bytes) if bytes > 0 => left = left.saturating_sub(bytes),
                _ => break,
            }
            // Whoever still writes does so as fast as it can, and others want their turn.
            give_way();
            tokio::task::yield_now().await;
        }
    };
    let _ = rt::time::timeout(LINGER, drain).await;
}

/// Writes whatever the line has to say, each frame from where it stands.
async fn write(mut socket: OwnedWriteHalf, session: Arc<SessionHandle>, line: Arc<Line>) {
    let mut in_a_row = 0;
    while let Some(chunk) = std::future::poll_fn(|cx| line.poll_chunk(cx)).await {
        in_a_row += 1;
        if in_a_row == WRITES_MAX {
            in_a_row = 0;
            tokio::task::yield_now().await;
        }
        session.server.counters.bytes_out.add(chunk.len());
        let is_whole = match socket.try_write(&chunk) {
            Ok(written) if written == chunk.len() => true,
            Ok(written) => Box::pin(write_on(&mut socket, &chunk[written..], &line)).await,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                Box::pin(write_on(&mut socket, &chunk, &line)).await
            }
            Err(_) => false,
        };
        if !is_whole {
            break;
        }
    }
    session.server.counters.websockets_open.down();
    line.drop_connection();
    let _ = socket.shutdown().await;
}

/// Writes what the kernel does not take at once, and whether it took it before it was time to give the peer up. Whoever
/// is given up is reset, so that the kernel does not keep for it what it will never read.
async fn write_on(socket: &mut OwnedWriteHalf, bytes: &[u8], line: &Line) -> bool {
    tokio::select! {
        written = socket.write_all(bytes) => written.is_ok(),
        () = line.out_of_patience() => {
            let _ = socket2::SockRef::from(AsRef::<TcpStream>::as_ref(socket)).set_linger(Some(Duration::ZERO));
            false
        }
    }
}
