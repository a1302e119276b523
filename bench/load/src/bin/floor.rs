//! The floor: what any server must pay at least. One epoll, and one `send` a client of a frame that was encoded before;
//! only its number and its time are written into it. It speaks just enough Socket.IO to let clients in.

use std::{
    error::Error,
    fmt::Write as _,
    io::{self, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    os::fd::OwnedFd,
    time::{Duration, Instant},
};

use clap::Parser;
use hmrs_load::{
    clock::wall_us,
    frame::{BINARY, FrameReader, TEXT, server_frame},
};
use rustix::{
    buffer::spare_capacity,
    event::epoll::{self, EventData, EventFlags},
};

#[derive(Parser)]
#[command(about)]
struct Args {
    /// Where to listen.
    #[arg(long)]
    bind: SocketAddr,
    /// Drones in each event; none are sent without drones.
    #[arg(long, default_value_t = 0)]
    drones: usize,
    /// Events a second.
    #[arg(long, default_value_t = 25)]
    rate_hz: u32,
    /// The binary form instead of JSON.
    #[arg(long)]
    binary: bool,
}

/// The answer to the one key that the load generator sends.
const WELCOME: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
const OPEN: &[u8] =
    br#"0{"sid":"x","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#;
const LISTENER: u64 = u64::MAX;

fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    let mut floor = Floor::new(&args)?;
    let tick = Duration::from_secs(1) / args.rate_hz;
    let mut due = Instant::now() + tick;
    loop {
        let left = due.saturating_duration_since(Instant::now());
        if left.is_zero() {
            if args.drones > 0 {
                floor.broadcast();
            }
            // Ticks that were missed are left out.
            due = (due + tick).max(Instant::now());
        } else {
            floor.serve(left)?;
        }
    }
}

struct Floor {
    listener: TcpListener,
    epoll: OwnedFd,
    ready: Vec<epoll::Event>,
    clients: Vec<Option<Client>>,
    event: Event,
    seq: u64,
}

struct Client {
    stream: TcpStream,
    reader: Option<FrameReader>,
    joined: bool,
    /// The rest of a frame that the kernel would not take whole; what comes meanwhile is left out.
    rest: Vec<u8>,
}

impl Floor {
    fn new(args: &Args) -> io::Result<Self> {
        let listener = TcpListener::bind(args.bind)?;
        // The standard library asks for room for 128.
        rustix::net::listen(&listener, 4096)?;
        listener.set_nonblocking(true)?;
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        epoll::add(&epoll, &listener, EventData::new_u64(LISTENER), EventFlags::IN)?;
        Ok(Self {
            listener,
            epoll,
            ready: Vec::with_capacity(1024),
            clients: Vec::new(),
            event: if args.binary { Event::binary(args.drones) } else { Event::json(args.drones) },
            seq: 0,
        })
    }

    fn serve(&mut self, patience: Duration) -> io::Result<()> {
        let timeout = patience.try_into().map_err(io::Error::other)?;
        self.ready.clear();
        epoll::wait(&self.epoll, spare_capacity(&mut self.ready), Some(&timeout))?;
        for at in 0..self.ready.len() {
            match self.ready[at].data.u64() {
                LISTENER => self.accept()?,
                index => self.read(index as usize),
            }
        }
        Ok(())
    }

    fn accept(&mut self) -> io::Result<()> {
        while let Ok((stream, _)) = self.listener.accept() {
            stream.set_nonblocking(true)?;
            stream.set_nodelay(true)?;
            epoll::add(&self.epoll, &stream, EventData::new_u64(self.clients.len() as u64), EventFlags::IN)?;
            self.clients.push(Some(Client { stream, reader: None, joined: false, rest: Vec::new() }));
        }
        Ok(())
    }

    fn read(&mut self, index: usize) {
        if let Some(client) = &mut self.clients[index]
            && client.read().is_err()
        {
            self.clients[index] = None;
        }
    }

    fn broadcast(&mut self) {
        self.seq += 1;
        self.event.stamp(self.seq, wall_us());
        for slot in &mut self.clients {
            if let Some(client) = slot.as_mut().filter(|client| client.joined)
                && client.send(&self.event.frame).is_err()
            {
                *slot = None;
            }
        }
    }
}

impl Client {
    fn read(&mut self) -> io::Result<()> {
        let mut bytes = [0; 2048];
        let len = self.stream.read(&mut bytes)?;
        if len == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let Some(reader) = &mut self.reader else {
            // A request of a few hundred bytes comes in one piece on the loopback interface.
            self.reader = Some(FrameReader::default());
            return self.stream.write_all(&[WELCOME, &server_frame(TEXT, OPEN)].concat());
        };
        let mut joins = false;
        reader.read(&bytes[..len], |frame| joins |= frame.head == b"40");
        if joins {
            self.joined = true;
            self.stream.write_all(&server_frame(TEXT, br#"40{"sid":"y"}"#))?;
        }
        Ok(())
    }

    fn send(&mut self, frame: &[u8]) -> io::Result<()> {
        let kept = !self.rest.is_empty();
        let bytes = if kept { &self.rest[..] } else { frame };
        let sent = match self.stream.write(bytes) {
            Ok(sent) => sent,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
            Err(error) => return Err(error),
        };
        match (kept, sent) {
            (true, sent) => drop(self.rest.drain(..sent)),
            (false, 0) => {}
            (false, sent) => self.rest.extend(&frame[sent..]),
        }
        Ok(())
    }
}

/// The same event that all servers of the benchmark send, encoded but for its number and its time.
struct Event {
    frame: Vec<u8>,
    /// Where they stand in the frame.
    stamp_at: usize,
    is_binary: bool,
}

impl Event {
    fn json(drones: usize) -> Self {
        let frame = server_frame(TEXT, packet(drones).as_bytes());
        let stamp_at = frame.windows(6).position(|key| key == b"\"seq\":").map_or(0, |at| at + 6);
        Self { frame, stamp_at, is_binary: false }
    }

    /// A header of 64 bytes and 16 bytes a drone, as in `docs/PROTOCOL.md`.
    fn binary(drones: usize) -> Self {
        let mut frame = server_frame(TEXT, br#"451-["drones-update",{"_placeholder":true,"num":0}]"#);
        let mut attachment = vec![0; 64 + 16 * drones];
        attachment[..4].copy_from_slice(b"HMRS");
        let attachment_frame = server_frame(BINARY, &attachment);
        let stamp_at = frame.len() + attachment_frame.len() - attachment.len();
        frame.extend(attachment_frame);
        Self { frame, stamp_at, is_binary: true }
    }

    fn stamp(&mut self, seq: u64, now_us: u64) {
        let room = &mut self.frame[self.stamp_at..];
        if self.is_binary {
            room[12..16].copy_from_slice(&(seq as u32).to_le_bytes());
            room[24..32].copy_from_slice(&(now_us as f64 / 1000.0).to_le_bytes());
        } else {
            let (ms, us) = (now_us / 1000, now_us % 1000);
            let text = format!("{:010},\"wall_time_ms\":{ms:013}.{us:03}", seq + 1_000_000_000);
            room[..text.len()].copy_from_slice(text.as_bytes());
        }
    }
}

/// The event as JSON, with room for a number and a time.
fn packet(drones: usize) -> String {
    let mut text =
        r#"42["drones-update",{"seq":1000000000,"wall_time_ms":1000000000000.000,"drones":["#.to_owned();
    for at in 0..drones {
        let comma = if at == 0 { "" } else { "," };
        // Writing to a String does not fail.
        let _ = write!(
            text,
            r#"{comma}{{"id":"drone-{at}","position":[{at}.25,{at}.5,10.75],"velocity":[1.25,-0.5,0.25],"heading_deg":90.5,"mode":"hold"}}"#
        );
    }
    text + "]}]"
}
