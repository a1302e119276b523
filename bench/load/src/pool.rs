//! All clients of one run, on one epoll.

use std::{
    collections::BTreeMap,
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    os::fd::OwnedFd,
    time::{Duration, Instant},
};

use rustix::{
    buffer::spare_capacity,
    event::epoll::{self, EventData, EventFlags},
    net::{self, AddressFamily, SocketFlags, SocketType, sockopt},
};

use crate::{
    client::{Client, Lost, Order, Stage},
    deflate::Heads,
    tally::Tally,
};

const BUFFER_BYTES: usize = 256 * 1024;
/// Between two looks at the sockets while events are counted: many wake-ups for one message each would cost more than
/// the messages.
const NAP: Duration = Duration::from_micros(500);
/// What the kernel may keep for a client that does not read, so that what piles up does so at the server.
const STALLED_RECEIVE_BYTES: usize = 16 * 1024;
/// What the kernel keeps for a client at the end of a narrow link: what is under way, since an application behind such a
/// link always reads faster than it brings. What waits for the link does so at the server.
const NARROW_RECEIVE_BYTES: usize = 8 * 1024;
/// How often narrow links bring something at least.
const NARROW_NAP: Duration = Duration::from_millis(2);
/// What a narrow link brings at once at most, after a pause: two packets of an Ethernet.
const NARROW_BURST_BYTES: f64 = 2.0 * 1460.0;

/// Clients at the end of narrow links.
struct Narrow {
    /// They are the first so many.
    count: usize,
    /// What each link brings.
    bytes_per_s: f64,
    /// When they were read last, and what the links would have brought by then that was not taken yet.
    at: Instant,
    allowance: f64,
}

/// The clients, and what has come of them.
pub struct Pool {
    addr: SocketAddr,
    order: Order,
    heads: Heads,
    /// The first so many clients can be made slow.
    slow_max: usize,
    narrow: Option<Narrow>,
    epoll: OwnedFd,
    ready: Vec<epoll::Event>,
    clients: Vec<Option<(TcpStream, Client)>>,
    buffer: Vec<u8>,
    replies: Vec<u8>,
    /// What is counted while it is open.
    pub tally: Tally,
    /// The same, for clients that can be put behind narrow links: they have small windows from the beginning.
    pub narrow_tally: Tally,
    /// Clients that are in.
    pub joined: usize,
    /// Clients that are gone, by reason.
    pub lost: BTreeMap<String, usize>,
}

impl Pool {
    /// Clients for the server at `addr`, of which the first `slow_max` can be put behind narrow links later.
    ///
    /// # Errors
    /// When the system gives no epoll.
    pub fn new(addr: SocketAddr, order: Order, slow_max: usize) -> io::Result<Self> {
        Ok(Self {
            addr,
            order,
            heads: Heads::default(),
            slow_max,
            narrow: None,
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?,
            ready: Vec::with_capacity(1024),
            clients: Vec::new(),
            buffer: vec![0; BUFFER_BYTES],
            replies: Vec::new(),
            tally: Tally::default(),
            narrow_tally: Tally::default(),
            joined: 0,
            lost: BTreeMap::new(),
        })
    }

    /// Lets `count` more clients join, `window` at a time, and says how long that took. Fewer are in afterwards if
    /// some were refused, or if it took longer than `patience`.
    ///
    /// # Errors
    /// When the system gives no more sockets.
    pub fn open(&mut self, count: usize, window: usize, patience: Duration) -> io::Result<Duration> {
        let start = Instant::now();
        let (settled_before, mut begun) = (self.settled(), 0);
        while self.settled() - settled_before < count && start.elapsed() < patience {
            let under_way = begun - (self.settled() - settled_before);
            for _ in under_way..window.min(under_way + count - begun) {
                self.connect()?;
                begun += 1;
            }
            self.turn(Duration::from_millis(10))?;
        }
        Ok(start.elapsed())
    }

    /// Reads what comes for `time`.
    ///
    /// # Errors
    /// When epoll fails.
    pub fn listen(&mut self, time: Duration) -> io::Result<()> {
        let end = Instant::now() + time;
        while let Some(left) = end.checked_duration_since(Instant::now()) {
            let patience = if self.narrow.is_some() { NARROW_NAP } else { Duration::from_millis(100) };
            self.turn(left.min(patience))?;
            self.read_narrow();
            #[allow(clippy::disallowed_methods)] // this thread has nothing else to do
            std::thread::sleep(NAP);
        }
        Ok(())
    }

    /// From now on, links that bring `bytes_per_s` stand before the clients that can be made slow.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn slow_down(&mut self, bytes_per_s: f64) -> io::Result<()> {
        for (stream, _) in self.clients.iter().take(self.slow_max).flatten() {
            epoll::delete(&self.epoll, stream)?;
        }
        self.narrow = Some(Narrow { count: self.slow_max, bytes_per_s, at: Instant::now(), allowance: 0.0 });
        Ok(())
    }

    /// Reads what narrow links have brought since the last time.
    fn read_narrow(&mut self) {
        let Some(narrow) = &mut self.narrow else { return };
        let passed = narrow.at.elapsed();
        narrow.at += passed;
        let allowance = narrow.allowance + narrow.bytes_per_s * passed.as_secs_f64();
        let len = allowance.min(NARROW_BURST_BYTES) as usize;
        narrow.allowance = allowance.min(NARROW_BURST_BYTES) - len as f64;
        for index in 0..narrow.count {
            if let Err(why) = self.read(index, len) {
                self.lose(index, why);
            }
        }
    }

    /// From now on, `count` clients read nothing any more.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn stall(&mut self, count: usize) -> io::Result<()> {
        for (stream, _) in self.clients.iter().flatten().take(count) {
            sockopt::set_socket_recv_buffer_size(stream, STALLED_RECEIVE_BYTES)?;
            epoll::delete(&self.epoll, stream)?;
        }
        Ok(())
    }

    /// Clients that are in or gone.
    fn settled(&self) -> usize {
        self.joined + self.lost.values().sum::<usize>()
    }

    fn connect(&mut self) -> io::Result<()> {
        let family = if self.addr.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
        let socket = net::socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
        if self.clients.len() < self.slow_max {
            // Before it connects: a window that was once announced is not taken back.
            sockopt::set_socket_recv_buffer_size(&socket, NARROW_RECEIVE_BYTES)?;
        }
        net::connect(&socket, &self.addr)?;
        let mut stream = TcpStream::from(socket);
        stream.set_nodelay(true)?;
        stream.write_all(&self.order.request(&self.addr.to_string()))?;
        stream.set_nonblocking(true)?;
        epoll::add(&self.epoll, &stream, EventData::new_u64(self.clients.len() as u64), EventFlags::IN)?;
        self.clients.push(Some((stream, Client::default())));
        Ok(())
    }

    /// Waits until something comes, and reads it.
    fn turn(&mut self, patience: Duration) -> io::Result<()> {
        let timeout = patience.try_into().map_err(io::Error::other)?;
        self.ready.clear();
        match epoll::wait(&self.epoll, spare_capacity(&mut self.ready), Some(&timeout)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        for at in 0..self.ready.len() {
            let event = self.ready[at];
            let index = event.data.u64() as usize;
            if let Err(why) = self.read(index, BUFFER_BYTES) {
                self.lose(index, why);
            }
        }
        Ok(())
    }

    fn read(&mut self, index: usize, bytes_max: usize) -> Result<(), Lost> {
        let Some((stream, client)) = &mut self.clients[index] else { return Ok(()) };
        let len = match stream.read(&mut self.buffer[..bytes_max]) {
            Ok(0) if bytes_max == 0 => return Ok(()),
            Ok(0) => return Err("ended by the server".to_owned()),
            Ok(len) => len,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error.to_string()),
        };
        let before = client.stage();
        let tally = if index < self.slow_max { &mut self.narrow_tally } else { &mut self.tally };
        let Self { order, heads, replies, .. } = self;
        client.handle_bytes(&self.buffer[..len], order, heads, tally, replies)?;
        self.joined += usize::from(client.stage() == Stage::Joined && before != Stage::Joined);
        if !self.replies.is_empty() {
            // So little that a socket that is alive takes it at once.
            stream.write_all(&self.replies).map_err(|error| error.to_string())?;
            self.replies.clear();
        }
        Ok(())
    }

    fn lose(&mut self, index: usize, why: Lost) {
        if let Some((_, client)) = self.clients[index].take() {
            self.joined -= usize::from(client.stage() == Stage::Joined);
            *self.lost.entry(why).or_default() += 1;
        }
    }
}
