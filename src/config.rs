//! The settings of `hmrs serve`: flags, each with an environment variable `HMRS_<FLAG>`. A flag beats the environment.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;

use clap::Args;

/// Settings of the live server.
#[derive(Debug, Clone, Args)]
pub struct ServeConfig {
    /// What to fly: a built-in scenario's name (hmrs scenario list shows them) or a TOML file
    #[arg(long, env = "HMRS_SCENARIO", default_value = "hello", value_name = "FILE")]
    pub scenario: String,

    /// Seed of all randomness; the same scenario and seed give the same run, bit for bit [default: the scenario's own]
    #[arg(long, env = "HMRS_SEED", value_name = "N")]
    pub seed: Option<u64>,

    /// Address and port to listen on. Beyond loopback clients need an access token
    #[arg(long, env = "HMRS_BIND", default_value = "127.0.0.1:5000", value_name = "ADDR:PORT")]
    pub bind: SocketAddr,

    /// postgres://…, sqlite://PATH, or none to record nothing [default: SQLite in the data directory]
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, value_name = "URL")]
    pub database_url: Option<String>,

    /// Where the embedded database lives
    #[arg(long, env = "HMRS_DATA_DIR", default_value = "data", value_name = "DIR")]
    pub data_dir: PathBuf,

    /// Serve the console from this folder in place of the one compiled in
    #[arg(long, env = "HMRS_CONSOLE_DIR", value_name = "DIR")]
    pub console_dir: Option<PathBuf>,

    /// Begin with the clock held
    #[arg(long, env = "HMRS_PAUSED")]
    pub paused: bool,

    /// Threads that drones decide on; the same bits on any number [default: half the machine's cores, at least 1]
    #[arg(long, env = "HMRS_THREADS", value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub threads: Option<u16>,

    /// Record every drone's state every so many ticks
    #[arg(long, env = "HMRS_TELEMETRY_EVERY", default_value_t = 25, value_name = "TICKS", value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub telemetry_every: u64,

    /// Most memory for rows that wait for the database, in MiB; beyond, commands are refused
    #[arg(long, env = "HMRS_DATABASE_QUEUE_MIB", default_value_t = 64, value_name = "MIB", value_parser = clap::value_parser!(u32).range(1..=65_536))]
    pub database_queue_mib: u32,

    /// A drone that has not decided after so long keeps its last intent for that tick
    #[arg(long, env = "HMRS_INTENT_WAIT_MS", default_value_t = 500, value_name = "MS", value_parser = clap::value_parser!(u64).range(1..=60_000))]
    pub intent_wait_ms: u64,

    /// A name by which browsers know this server, besides its address; may be given several times
    #[arg(long = "host-name", env = "HMRS_HOST_NAME", value_delimiter = ',', value_name = "NAME")]
    pub host_names: Vec<String>,

    /// A foreign origin whose pages may use this server, such as https://swarm.example; may be given several times
    #[arg(long = "allow-origin", env = "HMRS_ALLOW_ORIGIN", value_delimiter = ',', value_name = "ORIGIN")]
    pub allow_origins: Vec<String>,

    /// Let everyone in as an operator although the server listens beyond loopback
    #[arg(long, env = "HMRS_INSECURE_OPEN")]
    pub insecure_open: bool,

    /// Commands a second that one client may give in the long run
    #[arg(long, env = "HMRS_COMMANDS_PER_S", default_value = "100", value_name = "N")]
    pub commands_per_s: NonZeroU32,

    /// Commands that one client may give at once
    #[arg(long, env = "HMRS_COMMANDS_BURST", default_value = "500", value_name = "N")]
    pub commands_burst: NonZeroU32,

    /// Threads that serve clients [default: the machine's cores]
    #[arg(long, env = "HMRS_WORKERS", value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub workers: Option<u16>,
}

impl ServeConfig {
    /// Whether the server is reached from this machine only.
    pub fn is_loopback(&self) -> bool {
        self.bind.ip().is_loopback()
    }

    /// Threads that drones decide on.
    pub fn deciding_threads(&self) -> usize {
        self.threads.map_or_else(|| (cores() / 2).max(1), usize::from)
    }

    /// Threads that serve clients.
    pub fn worker_threads(&self) -> usize {
        self.workers.map_or_else(cores, usize::from)
    }
}

/// Cores that this process may use.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
