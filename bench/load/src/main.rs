//! Opens many Socket.IO clients to one server, listens for a while, and prints one line of JSON: how fast they were let
//! in, what they cost the server, what came and how old it was.

use std::{
    collections::BTreeMap,
    error::Error,
    net::SocketAddr,
    time::{Duration, Instant},
};

use clap::Parser;
use hmrs_load::{
    client::Order,
    pool::Pool,
    process::{self, Usage},
    tally::Latency,
};
use serde::Serialize;

#[derive(Parser)]
#[command(about)]
struct Args {
    /// The server.
    #[arg(long)]
    addr: SocketAddr,
    /// The server's process, whose CPU time and memory are looked at.
    #[arg(long)]
    server_pid: u32,
    /// Clients to open.
    #[arg(long)]
    clients: usize,
    /// Clients opened before, so that what a server sets up once is not charged to the others.
    #[arg(long, default_value_t = 20)]
    first: usize,
    /// Clients that stop reading after `undisturbed_s`.
    #[arg(long, default_value_t = 0)]
    stalled: usize,
    /// Clients that from then on have `slow_share` of the bandwidth which the events take; the first ones, as those that stall.
    #[arg(long, default_value_t = 0)]
    slow: usize,
    /// See `slow`.
    #[arg(long, default_value_t = 0.1)]
    slow_share: f64,
    /// How long events are counted before some clients stall or become slow.
    #[arg(long, default_value_t = 0.0)]
    undisturbed_s: f64,
    /// Events a second that the server sends, for `slow_share`.
    #[arg(long, default_value_t = 25.0)]
    rate_hz: f64,
    /// Clients that are being let in at a time.
    #[arg(long, default_value_t = 64)]
    window: usize,
    /// From the last client's joining to the first measurement.
    #[arg(long, default_value_t = 1.0)]
    settle_s: f64,
    /// How long events are counted; 0 to leave it at opening the clients.
    #[arg(long, default_value_t = 0.0)]
    listen_s: f64,
    /// The event that is counted; its payload begins with `seq` and `wall_time_ms`, or is binary.
    #[arg(long, default_value = "drones-update")]
    event: String,
    /// JSON that clients send when they join.
    #[arg(long, default_value = "")]
    payload: String,
    /// Clients offer permessage-deflate as browsers do, and leave when the server does not take it.
    #[arg(long)]
    deflate: bool,
}

/// How long opening all clients may take.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Serialize)]
struct Report {
    clients: usize,
    joined: usize,
    lost: BTreeMap<String, usize>,
    opening: Opening,
    /// Before some clients stalled or became slow.
    undisturbed: Option<Listening>,
    listening: Option<Listening>,
    slow: Option<Slow>,
}

#[derive(Serialize)]
struct Opening {
    seconds: f64,
    connects_per_s: f64,
    server_cpu_us_per_connect: f64,
    resident_bytes_before: u64,
    resident_bytes_after: u64,
    resident_bytes_per_session: f64,
    own_cpu_share: f64,
}

#[derive(Serialize)]
struct Listening {
    seconds: f64,
    stalled: usize,
    messages: u64,
    attachments_per_s_and_client: f64,
    bytes_per_message: f64,
    hz_per_client: f64,
    missed: u64,
    latency: Latency,
    server_cpu_us_per_message: f64,
    server_cpu_share: f64,
    /// Of the time, how much the server's threads stood in line for their core: high on a machine that is busy with
    /// something else, and latencies say little then.
    server_waited_share: f64,
    resident_bytes_before: u64,
    resident_bytes_after: u64,
    /// Since before the clients came.
    resident_bytes_per_session: f64,
    own_cpu_share: f64,
}

/// What clients at the end of narrow links saw.
#[derive(Serialize)]
struct Slow {
    clients: usize,
    bytes_per_s_allowed: f64,
    bytes_per_s: f64,
    hz_per_client: f64,
    /// How old the data was when the last byte of it came.
    latency: Latency,
}

/// Readings of both processes at one moment. What a thread has used is forgotten with it, so differences are lower bounds.
struct Reading {
    at: Instant,
    server: Usage,
    own: Usage,
    resident_bytes: u64,
}

impl Reading {
    fn take(server: u32) -> std::io::Result<Self> {
        Ok(Self {
            at: Instant::now(),
            server: process::usage(server)?,
            own: process::usage(std::process::id())?,
            resident_bytes: process::resident_bytes(server)?,
        })
    }

    fn server_cpu_us_since(&self, before: &Self) -> f64 {
        self.server.ran_ns.saturating_sub(before.server.ran_ns) as f64 / 1e3
    }

    fn server_waited_share_since(&self, before: &Self) -> f64 {
        self.server.waited_ns.saturating_sub(before.server.waited_ns) as f64
            / 1e9
            / self.seconds_since(before)
    }

    fn own_cpu_share_since(&self, before: &Self) -> f64 {
        self.own.ran_ns.saturating_sub(before.own.ran_ns) as f64 / 1e9 / self.seconds_since(before)
    }

    fn seconds_since(&self, before: &Self) -> f64 {
        (self.at - before.at).as_secs_f64()
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    if args.stalled > 0 && args.slow > 0 {
        return Err("the same clients cannot be stalled and slow".into());
    }
    let order = Order { event: args.event.clone(), payload: args.payload.clone(), deflate: args.deflate };
    let mut pool = Pool::new(args.addr, order, args.slow)?;
    let report = run(&args, &mut pool)?;
    println!("{}", serde_json::to_string(&report)?);
    Ok(())
}

fn run(args: &Args, pool: &mut Pool) -> Result<Report, Box<dyn Error>> {
    pool.open(args.first, args.window, PATIENCE)?;
    pool.listen(Duration::from_millis(300))?;
    let opening = open(args, pool)?;
    let listen =
        |pool: &mut Pool, seconds, deaf| listen(args, pool, seconds, deaf, opening.resident_bytes_before);
    let undisturbed =
        if args.undisturbed_s > 0.0 { Some(listen(pool, args.undisturbed_s, args.slow)?) } else { None };
    let bytes_per_s = pool.tally.event_bytes as f64 * args.rate_hz * args.slow_share;
    if args.slow > 0 {
        pool.slow_down(bytes_per_s)?;
        pool.narrow_tally.open();
    }
    pool.stall(args.stalled)?;
    let listening =
        if args.listen_s > 0.0 { Some(listen(pool, args.listen_s, args.stalled + args.slow)?) } else { None };
    let slow = (args.slow > 0).then(|| slow(args, pool, bytes_per_s));
    Ok(Report {
        clients: args.first + args.clients,
        joined: pool.joined,
        lost: pool.lost.clone(),
        opening,
        undisturbed,
        listening,
        slow,
    })
}

fn open(args: &Args, pool: &mut Pool) -> Result<Opening, Box<dyn Error>> {
    let before = Reading::take(args.server_pid)?;
    let time = pool.open(args.clients, args.window, PATIENCE)?.as_secs_f64();
    let opened = Reading::take(args.server_pid)?;
    pool.listen(Duration::from_secs_f64(args.settle_s))?;
    let settled = process::resident_bytes(args.server_pid)?;
    let count = args.clients as f64;
    Ok(Opening {
        seconds: time,
        connects_per_s: count / time,
        server_cpu_us_per_connect: opened.server_cpu_us_since(&before) / count,
        resident_bytes_before: before.resident_bytes,
        resident_bytes_after: settled,
        resident_bytes_per_session: (settled as f64 - before.resident_bytes as f64) / count,
        own_cpu_share: opened.own_cpu_share_since(&before),
    })
}

/// Counts what comes for so long to all but `deaf` clients, which do not read as the others do.
fn listen(
    args: &Args,
    pool: &mut Pool,
    seconds: f64,
    deaf: usize,
    resident_bytes_at_first: u64,
) -> Result<Listening, Box<dyn Error>> {
    let before = Reading::take(args.server_pid)?;
    pool.tally.open();
    pool.listen(Duration::from_secs_f64(seconds))?;
    pool.tally.close();
    let after = Reading::take(args.server_pid)?;
    let (tally, seconds) = (&pool.tally, after.seconds_since(&before));
    let readers = pool.joined.saturating_sub(deaf) as f64;
    let server_cpu_us = after.server_cpu_us_since(&before);
    let grown = after.resident_bytes as f64 - resident_bytes_at_first as f64;
    Ok(Listening {
        seconds,
        stalled: deaf - args.slow,
        messages: tally.messages,
        attachments_per_s_and_client: tally.attachments as f64 / readers / seconds,
        bytes_per_message: tally.bytes as f64 / tally.messages as f64,
        hz_per_client: tally.messages as f64 / readers / seconds,
        missed: tally.missed,
        latency: tally.latency(),
        server_cpu_us_per_message: server_cpu_us / tally.messages as f64,
        server_cpu_share: server_cpu_us / 1e6 / seconds,
        server_waited_share: after.server_waited_share_since(&before),
        resident_bytes_before: before.resident_bytes,
        resident_bytes_after: after.resident_bytes,
        resident_bytes_per_session: grown / args.clients as f64,
        own_cpu_share: after.own_cpu_share_since(&before),
    })
}

fn slow(args: &Args, pool: &Pool, bytes_per_s_allowed: f64) -> Slow {
    let (tally, count) = (&pool.narrow_tally, args.slow as f64);
    Slow {
        clients: args.slow,
        bytes_per_s_allowed,
        bytes_per_s: tally.bytes as f64 / count / args.listen_s,
        hz_per_client: tally.messages as f64 / count / args.listen_s,
        latency: tally.latency(),
    }
}
