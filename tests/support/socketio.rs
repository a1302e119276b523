//! A client made of a TCP connection and bare hands, so that a test can also do what no decent client does.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::disallowed_methods)]

use std::{collections::HashMap, time::Duration};

use actix_web::{App, HttpServer, dev::ServerHandle, rt};
use hmrs::socketio::{Config, EngineIo, SocketIo, listen, protocol::client::Open};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

#[path = "../../examples/socketio_echo.rs"]
mod echo;

/// Nothing in these tests takes as long, unless it is broken.
const PATIENCE: Duration = Duration::from_secs(15);

/// The settings of the published conformance suites.
pub fn conformance() -> Config {
    Config {
        ping_interval: Duration::from_millis(300),
        ping_timeout: Duration::from_millis(200),
        connect_timeout: Duration::from_millis(1000),
        ..Config::default()
    }
}

/// Settings under which no timer disturbs a test.
pub fn calm() -> Config {
    Config::default()
}

/// A running server, stopped when dropped.
pub struct Server {
    pub port: u16,
    pub io: SocketIo,
    pub engine: EngineIo,
    handle: ServerHandle,
}

impl Drop for Server {
    fn drop(&mut self) {
        let stop = self.handle.stop(false);
        rt::spawn(stop);
    }
}

/// Starts the echo example's two servers.
pub fn echo_server(config: Config) -> Server {
    let (engine, io) = echo::servers(config);
    start(engine, io, 1)
}

/// Starts a Socket.IO server whose namespaces the test furnishes.
pub fn server(config: Config, furnish: impl FnOnce(&SocketIo)) -> Server {
    let (engine, _) = echo::servers(config.clone());
    let io = SocketIo::new(config);
    furnish(&io);
    start(engine, io, 2)
}

/// Every test passes over either carrier of WebSockets: `HMRS_TEST_CARRIER=actor` takes actix-web-actors.
fn start(engine: EngineIo, io: SocketIo, workers: usize) -> Server {
    let (engine_mount, io_mount) = (engine.clone(), io.clone());
    let app = move || App::new().configure(engine_mount.configure()).configure(io_mount.configure());
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = match is_carried_by_actor() {
        true => HttpServer::new(app)
            .on_connect(io.on_connect())
            .h1_allow_half_closed(false)
            .workers(workers)
            .disable_signals()
            .shutdown_timeout(0)
            .listen(listener)
            .unwrap()
            .run(),
        false => {
            let builder =
                actix_server::Server::build().workers(workers).disable_signals().shutdown_timeout(0);
            listen(builder, listener, &io, app).unwrap().run()
        }
    };
    let handle = server.handle();
    rt::spawn(server);
    Server { port, io, engine, handle }
}

/// With it sockets belong to actix-http, which keeps one that takes nothing until the kernel gives its peer up.
pub fn is_carried_by_actor() -> bool {
    std::env::var("HMRS_TEST_CARRIER").is_ok_and(|carrier| carrier == "actor")
}

pub async fn sleep_ms(ms: u64) {
    tokio::time::sleep(Duration::from_millis(ms)).await;
}

/// Waits until something is so, for as long as [`PATIENCE`] lasts.
pub async fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    for _ in 0..PATIENCE.as_millis() / 2 {
        if is_so() {
            return;
        }
        sleep_ms(2).await;
    }
    panic!("never came true: {what}");
}

/// Emits what is volatile until all but `absent` clients take it: one whose last frame is still on its way from the server's
/// hands into the kernel is not ready, which nobody outside can see.
pub async fn until_taken(server: &Server, absent: u64, emit: impl Fn()) {
    eventually("the clients are ready for what is volatile", || {
        let before = server.io.stats().frames_volatile_dropped;
        emit();
        server.io.stats().frames_volatile_dropped == before + absent
    })
    .await;
}

// ── HTTP ──

#[derive(Debug)]
pub struct Response {
    pub status: u16,
    pub headers: HashMap<String, String>,
    pub body: Vec<u8>,
}

impl Response {
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }
}

/// One HTTP exchange under way on a connection of its own; dropping it drops the connection.
pub struct Exchange(TcpStream);

impl Exchange {
    pub async fn begin(port: u16, method: &str, target: &str, headers: &str, body: &[u8]) -> Self {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        let length = if body.is_empty() && method == "GET" {
            String::new()
        } else {
            format!("Content-Length: {}\r\n", body.len())
        };
        let head = format!(
            "{method} {target} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n{length}{headers}\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        // The server may answer and hang up before it has read all of a body that it does not want.
        let _ = stream.write_all(body).await;
        Self(stream)
    }

    pub async fn end(mut self) -> Response {
        let mut raw = Vec::new();
        let read = timeout(PATIENCE, self.0.read_to_end(&mut raw)).await.expect("an answer in time");
        if raw.is_empty() {
            read.expect("an answer");
        }
        let split = raw.windows(4).position(|window| window == b"\r\n\r\n").expect("a head");
        let head = std::str::from_utf8(&raw[..split]).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let headers = head
            .lines()
            .skip(1)
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        Response { status, headers, body: raw[split + 4..].to_vec() }
    }
}

pub async fn request(port: u16, method: &str, target: &str, body: &str) -> Response {
    Exchange::begin(port, method, target, "", body.as_bytes()).await.end().await
}

// ── polling ──

/// A session over polling.
pub struct Polling {
    pub port: u16,
    pub target: String,
    pub open: Open,
}

impl Polling {
    /// Opens a session of the server at `path`.
    pub async fn open(port: u16, path: &str) -> Self {
        let response = request(port, "GET", &format!("{path}?EIO=4&transport=polling"), "").await;
        assert_eq!(response.status, 200, "{}", response.text());
        let open = Open::decode(response.text()).unwrap();
        let target = format!("{path}?EIO=4&transport=polling&sid={}", open.sid);
        Self { port, target, open }
    }

    pub fn websocket_target(&self) -> String {
        self.target.replace("transport=polling", "transport=websocket")
    }

    pub async fn begin_get(&self) -> Exchange {
        Exchange::begin(self.port, "GET", &self.target, "", b"").await
    }

    pub async fn get(&self) -> Response {
        self.begin_get().await.end().await
    }

    pub async fn post(&self, body: &str) -> Response {
        request(self.port, "POST", &self.target, body).await
    }

    /// Polls once and expects an answer of packets.
    pub async fn poll(&self) -> Vec<String> {
        let response = self.get().await;
        assert_eq!(response.status, 200, "{}", response.text());
        response.text().split('\u{1e}').map(str::to_owned).collect()
    }

    /// Posts packets and expects them to be taken.
    pub async fn send(&self, body: &str) {
        let response = self.post(body).await;
        assert_eq!((response.status, response.text()), (200, "ok"));
    }

    pub async fn is_closed(&self) -> bool {
        self.get().await.status == 400
    }
}

// ── WebSocket ──

#[derive(Debug, PartialEq, Eq)]
pub enum Received {
    Text(String),
    Binary(Vec<u8>),
    Pong(Vec<u8>),
    Close(Option<u16>),
    /// The server ended the connection.
    End,
}

pub const TEXT: u8 = 1;
pub const BINARY: u8 = 2;
pub const CLOSE: u8 = 8;
pub const PING: u8 = 9;

pub struct Websocket {
    /// The head of the server's answer to the opening handshake.
    pub head: String,
    pub stream: TcpStream,
    buffer: Vec<u8>,
}

/// A masked frame.
pub fn frame(fin: bool, opcode: u8, body: &[u8]) -> Vec<u8> {
    let mut frame = frame_header(fin, opcode, body.len() as u64);
    frame.extend_from_slice(&[1, 2, 3, 4]);
    frame.extend(body.iter().zip([1, 2, 3, 4].iter().cycle()).map(|(byte, mask)| byte ^ mask));
    frame
}

/// The head of a masked frame, mask not included, whatever length it declares.
pub fn frame_header(fin: bool, opcode: u8, len: u64) -> Vec<u8> {
    let mut head = vec![u8::from(fin) << 7 | opcode];
    match len {
        0..=125 => head.push(0x80 | len as u8),
        126..=0xffff => {
            head.push(0x80 | 126);
            head.extend_from_slice(&(len as u16).to_be_bytes());
        }
        _ => {
            head.push(0x80 | 127);
            head.extend_from_slice(&len.to_be_bytes());
        }
    }
    head
}

impl Websocket {
    /// Sends the opening handshake and whatever stands behind it, and returns the answer's status.
    pub async fn try_open(port: u16, target: &str, headers: &str, behind: &[u8]) -> Result<Self, u16> {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        let version =
            if headers.contains("Sec-WebSocket-Version") { "" } else { "Sec-WebSocket-Version: 13\r\n" };
        let head = format!(
            "GET {target} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{version}{headers}\r\n"
        );
        stream.write_all(&[head.as_bytes(), behind].concat()).await.unwrap();
        let mut buffer = Vec::new();
        let split = loop {
            if let Some(at) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                break at;
            }
            let count = timeout(PATIENCE, stream.read_buf(&mut buffer)).await.expect("an answer").unwrap();
            assert_ne!(count, 0, "the server hung up");
        };
        let head = String::from_utf8(buffer.drain(..split + 4).collect()).unwrap();
        match head.split(' ').nth(1).unwrap() {
            "101" => Ok(Self { head, stream, buffer }),
            status => Err(status.parse().unwrap()),
        }
    }

    pub async fn open(port: u16, target: &str) -> Self {
        Self::try_open(port, target, "", b"").await.expect("101")
    }

    /// Opens a session without polling first.
    pub async fn session(port: u16, path: &str) -> (Self, Open) {
        let mut websocket = Self::open(port, &format!("{path}?EIO=4&transport=websocket")).await;
        let open = Open::decode(&websocket.text().await).unwrap();
        (websocket, open)
    }

    /// Opens a Socket.IO session and joins a namespace; the example's `auth` event is read as well.
    pub async fn joined(port: u16, namespace: &str) -> Self {
        let (mut websocket, _) = Self::session(port, "/socket.io/").await;
        let prefix = if namespace == "/" { String::new() } else { format!("{namespace},") };
        websocket.send(&format!("40{prefix}")).await;
        assert!(websocket.text().await.starts_with("40"));
        websocket
    }

    pub async fn raw(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    pub async fn send(&mut self, text: &str) {
        self.raw(&frame(true, TEXT, text.as_bytes())).await;
    }

    pub async fn send_binary(&mut self, data: &[u8]) {
        self.raw(&frame(true, BINARY, data)).await;
    }

    /// The next frame, whatever it is.
    pub async fn next(&mut self) -> Received {
        timeout(PATIENCE, self.read()).await.expect("a frame in time")
    }

    /// The next frame, which must be text.
    pub async fn text(&mut self) -> String {
        match self.next().await {
            Received::Text(text) => text,
            other => panic!("text expected, not {other:?}"),
        }
    }

    pub async fn binary(&mut self) -> Vec<u8> {
        match self.next().await {
            Received::Binary(data) => data,
            other => panic!("binary expected, not {other:?}"),
        }
    }

    /// Reads on until the server closes; the code of its close frame.
    pub async fn closed(&mut self) -> Option<u16> {
        loop {
            match self.next().await {
                Received::Close(code) => return code,
                Received::End => return None,
                _ => {}
            }
        }
    }

    /// The next frame as it is: its first byte and its body.
    pub async fn frame(&mut self) -> (u8, Vec<u8>) {
        loop {
            if let Some((first, body, taken)) = split(&self.buffer) {
                self.buffer.drain(..taken);
                return (first, body);
            }
            let read = timeout(PATIENCE, self.stream.read_buf(&mut self.buffer)).await;
            assert_ne!(read.expect("a frame in time").unwrap(), 0, "the server hung up");
        }
    }

    async fn read(&mut self) -> Received {
        loop {
            if let Some((received, taken)) = parse(&self.buffer) {
                self.buffer.drain(..taken);
                return received;
            }
            match self.stream.read_buf(&mut self.buffer).await {
                Ok(0) | Err(_) => return Received::End,
                Ok(_) => {}
            }
        }
    }
}

/// A client in good standing, which must be served before and after.
pub struct Bystander(pub Websocket);

impl Bystander {
    /// Of the echo example's Socket.IO server.
    pub async fn of(server: &Server) -> Self {
        let mut websocket = Websocket::joined(server.port, "/").await;
        websocket.text().await;
        Self(websocket)
    }

    pub async fn assert_undisturbed(mut self) {
        self.0.send("42[\"message\",\"all well\"]").await;
        assert_eq!(self.0.text().await, "42[\"message-back\",\"all well\"]");
    }
}

/// Memory that this process holds, in KiB.
pub fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS"));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok()).unwrap_or(0)
}

fn split(buffer: &[u8]) -> Option<(u8, Vec<u8>, usize)> {
    let (&first, &second) = (buffer.first()?, buffer.get(1)?);
    let (len, head) = match second {
        126 => (u16::from_be_bytes(buffer.get(2..4)?.try_into().unwrap()) as usize, 4),
        127 => (u64::from_be_bytes(buffer.get(2..10)?.try_into().unwrap()) as usize, 10),
        len => (len as usize, 2),
    };
    Some((first, buffer.get(head..head + len)?.to_vec(), head + len))
}

fn parse(buffer: &[u8]) -> Option<(Received, usize)> {
    let (first, body, taken) = split(buffer)?;
    let received = match first & 0x0f {
        1 => Received::Text(String::from_utf8(body).unwrap()),
        2 => Received::Binary(body),
        8 => Received::Close(body.get(..2).map(|code| u16::from_be_bytes(code.try_into().unwrap()))),
        10 => Received::Pong(body),
        opcode => panic!("the server sent a frame of opcode {opcode}"),
    };
    Some((received, taken))
}
