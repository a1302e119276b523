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
    net::sockopt,
};

use crate::{
    client::{self, Client, Lost, Stage},
    tally::Tally,
};

const BUFFER_BYTES: usize = 256 * 1024;
/// Between two looks at the sockets while events are counted: many wake-ups for one message each would cost more than
/// the messages.
const NAP: Duration = Duration::from_micros(500);
/// What the kernel may keep for a client that does not read, so that what piles up does so at the server.
const STALLED_RECEIVE_BYTES: usize = 16 * 1024;

/// The clients, and what has come of them.
pub struct Pool {
    addr: SocketAddr,
    event: String,
    epoll: OwnedFd,
    ready: Vec<epoll::Event>,
    clients: Vec<Option<(TcpStream, Client)>>,
    buffer: Vec<u8>,
    replies: Vec<u8>,
    /// What is counted while it is open.
    pub tally: Tally,
    /// Clients that are in.
    pub joined: usize,
    /// Clients that are gone, by reason.
    pub lost: BTreeMap<String, usize>,
}

impl Pool {
    /// Clients for the server at `addr`, which count its events called `event`.
    ///
    /// # Errors
    /// When the system gives no epoll.
    pub fn new(addr: SocketAddr, event: String) -> io::Result<Self> {
        Ok(Self {
            addr,
            event,
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?,
            ready: Vec::with_capacity(1024),
            clients: Vec::new(),
            buffer: vec![0; BUFFER_BYTES],
            replies: Vec::new(),
            tally: Tally::default(),
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
            self.turn(left.min(Duration::from_millis(100)))?;
            #[allow(clippy::disallowed_methods)] // this thread has nothing else to do
            std::thread::sleep(NAP);
        }
        Ok(())
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
        let mut stream = TcpStream::connect(self.addr)?;
        stream.set_nodelay(true)?;
        stream.write_all(&client::request(&self.addr.to_string()))?;
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
            if let Err(why) = self.read(index) {
                self.lose(index, why);
            }
        }
        Ok(())
    }

    fn read(&mut self, index: usize) -> Result<(), Lost> {
        let Some((stream, client)) = &mut self.clients[index] else { return Ok(()) };
        let len = match stream.read(&mut self.buffer) {
            Ok(0) => return Err("ended by the server".to_owned()),
            Ok(len) => len,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error.to_string()),
        };
        let before = client.stage();
        client.handle_bytes(&self.buffer[..len], &self.event, &mut self.tally, &mut self.replies)?;
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
