//! The settings of `hmrs serve`: flags, each with an environment variable `HMRS_<FLAG>`. A flag beats the environment.

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use ipnet::IpNet;

use crate::store::DatabaseUrl;

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

    /// Where the records go.
    #[command(flatten)]
    pub database: DatabaseArgs,

    /// Serve the console from this folder in place of the one compiled in
    #[arg(long, env = "HMRS_CONSOLE_DIR", value_name = "DIR")]
    pub console_dir: Option<PathBuf>,

    /// A base map under the console's swarm: a folder of tiles, Z/X/Y.png in Web Mercator, with attribution.txt beside them
    #[arg(long, env = "HMRS_TILES_DIR", value_name = "DIR")]
    pub tiles_dir: Option<PathBuf>,

    /// A picture of the site under the console's swarm: a JSON file that names it and where two or more of its pixels lie
    #[arg(long, env = "HMRS_SITE_IMAGE", value_name = "FILE")]
    pub site_image: Option<PathBuf>,

    /// Begin with the clock held
    #[arg(long, env = "HMRS_PAUSED")]
    pub paused: bool,

    /// Threads that drones decide on; the same bits on any number [default: half the machine's cores, at least 1]
    #[arg(long, env = "HMRS_THREADS", value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub threads: Option<u16>,

    /// Record every drone's state every so many ticks
    #[arg(long, env = "HMRS_TELEMETRY_EVERY", default_value_t = 25, value_name = "TICKS", value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub telemetry_every: u64,

    /// Save the whole state every so many simulated seconds, so that seeking in a run and going on after a crash are quick
    #[arg(long, env = "HMRS_KEYFRAME_EVERY_S", default_value_t = 10, value_name = "S", value_parser = clap::value_parser!(u32).range(1..=86_400))]
    pub keyframe_every_s: u32,

    /// What to do with a run that a crash interrupted: fly on as it flew, fly on with the clock held, or begin anew
    #[arg(long, env = "HMRS_RECOVER", value_enum, default_value_t = Recover::Resume)]
    pub recover: Recover,

    /// Most memory for rows that wait for the database, in MiB; beyond, commands are refused
    #[arg(long, env = "HMRS_DATABASE_QUEUE_MIB", default_value_t = 64, value_name = "MIB", value_parser = clap::value_parser!(u32).range(1..=65_536))]
    pub database_queue_mib: u32,

    /// Most disk for rows that wait in the data directory while the database is away, in MiB; at the bound the oldest
    /// telemetry is dropped and counted, never a command. 0: rows wait in memory and commands are refused meanwhile
    #[arg(long, env = "HMRS_SPOOL_MIB", default_value_t = 1024, value_name = "MIB", value_parser = clap::value_parser!(u32).range(0..=1_048_576))]
    pub spool_mib: u32,

    /// Remove the telemetry of runs that ended so many days ago; journal, log, hashes and metrics stay [default: keep it]
    #[arg(long, env = "HMRS_KEEP_TELEMETRY_DAYS", value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=36_500))]
    pub keep_telemetry_days: Option<u32>,

    /// Thin the telemetry of runs that ended so many days ago [default: keep it]
    #[arg(long, env = "HMRS_THIN_TELEMETRY_DAYS", value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=36_500))]
    pub thin_telemetry_days: Option<u32>,

    /// Ticks that stay when telemetry is thinned: those that this divides
    #[arg(long, env = "HMRS_THIN_TELEMETRY_EVERY", default_value_t = 250, value_name = "TICKS", value_parser = clap::value_parser!(u64).range(2..=1_000_000))]
    pub thin_telemetry_every: u64,

    /// A drone that has not decided after so long keeps its last intent for that tick
    #[arg(long, env = "HMRS_INTENT_WAIT_MS", default_value_t = 500, value_name = "MS", value_parser = clap::value_parser!(u64).range(1..=60_000))]
    pub intent_wait_ms: u64,

    /// A name by which browsers know this server, besides its address; may be given several times
    #[arg(long = "host-name", env = "HMRS_HOST_NAME", value_delimiter = ',', value_name = "NAME")]
    pub host_names: Vec<String>,

    /// A foreign origin whose pages may use this server, such as https://swarm.example; may be given several times
    #[arg(long = "allow-origin", env = "HMRS_ALLOW_ORIGIN", value_delimiter = ',', value_name = "ORIGIN")]
    pub allow_origins: Vec<String>,

    /// A proxy before this server, as an address or a network such as 172.30.57.0/24: its X-Forwarded-For is believed; may be given several times
    #[arg(long = "trusted-proxy", env = "HMRS_TRUSTED_PROXY", value_delimiter = ',', value_name = "NETWORK", value_parser = network)]
    pub trusted_proxies: Vec<IpNet>,

    /// The name of this server among several behind one proxy; session ids begin with it, so that the proxy finds the way back
    #[arg(long, env = "HMRS_NODE", value_name = "NAME", value_parser = node_name)]
    pub node: Option<String>,

    /// What a server beyond loopback does when no access token is stored: make an admin token and show it once (log), or let nobody in until there is one (none)
    #[arg(long, env = "HMRS_FIRST_TOKEN", value_enum, default_value_t = FirstToken::Log)]
    pub first_token: FirstToken,

    /// Let everyone in as an operator although the server listens beyond loopback
    #[arg(long, env = "HMRS_INSECURE_OPEN")]
    pub insecure_open: bool,

    /// Commands a second that may be given with one token, or from one address without, in the long run
    #[arg(long, env = "HMRS_COMMANDS_PER_S", default_value = "100", value_name = "N")]
    pub commands_per_s: NonZeroU32,

    /// Commands that may be given at once with one token, or from one address without
    #[arg(long, env = "HMRS_COMMANDS_BURST", default_value = "500", value_name = "N")]
    pub commands_burst: NonZeroU32,

    /// How WebSockets are carried: each owns its socket (least memory and copying), or each is a body of actix-web-actors
    #[arg(long, env = "HMRS_CARRIER", value_enum, default_value_t = Carrier::Socket)]
    pub carrier: Carrier,

    /// Threads that serve clients [default: the machine's cores]
    #[arg(long, env = "HMRS_WORKERS", value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub workers: Option<u16>,

    /// Whose WebSocket messages are compressed; each broadcast once, however many get it
    #[arg(long, env = "HMRS_DEFLATE", value_enum, default_value = "remote", value_name = "WHOSE")]
    pub deflate: Deflate,

    /// For how long events are kept for clients that ask to be remembered when they are cut off; 0 for not at all
    #[arg(long, env = "HMRS_RECOVERY_S", default_value_t = 120, value_name = "S", value_parser = clap::value_parser!(u64).range(0..=3600))]
    pub recovery_s: u64,

    /// Let the official Socket.IO admin page connect to /admin. It logs in with any name and an admin's access token as
    /// the password, or as admin with HMRS_ADMIN_PASSWORD; allow its origin with --allow-origin
    #[arg(long, env = "HMRS_ADMIN_PAGE", value_enum, default_value = "off", value_name = "WHAT")]
    pub admin_page: AdminPage,

    /// Show copies of events on the admin page too (its development mode)
    #[arg(long, env = "HMRS_ADMIN_EVENTS")]
    pub admin_events: bool,

    /// How events are logged: lines for people, or one JSON object a line
    #[arg(long, env = "HMRS_LOG_FORMAT", value_enum, default_value_t = LogFormat::Text, value_name = "FORMAT")]
    pub log_format: LogFormat,

    /// A password for the user admin of the admin page, 8 characters or more; better given by its variable
    #[arg(long, env = "HMRS_ADMIN_PASSWORD", hide_env_values = true, value_name = "PASSWORD", value_parser = admin_password)]
    pub admin_password: Option<String>,
}

fn admin_password(text: &str) -> Result<String, String> {
    match text.chars().count() {
        0..8 => Err("a password of 8 characters or more is wanted".to_owned()),
        _ => Ok(text.to_owned()),
    }
}

/// How events are logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object a line.
    Json,
}

/// What the official Socket.IO admin page may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum AdminPage {
    /// There is none
    Off,
    /// Look on: counters, clients, rooms
    Look,
    /// Also emit, move clients between rooms and disconnect them
    Act,
}

/// Whose WebSocket messages are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Deflate {
    /// Nobody's
    Never,
    /// Those of clients on other machines
    Remote,
    /// Everyone's, for a server behind a proxy on the same machine
    Always,
}

/// Where the database is.
#[derive(Debug, Clone, Args)]
pub struct DatabaseArgs {
    /// postgres://…, sqlite://PATH, or none to record nothing [default: SQLite in the data directory]
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, value_name = "URL")]
    pub database_url: Option<String>,

    /// A file with the password of the PostgreSQL user, in place of one in the URL
    #[arg(long, env = "DATABASE_PASSWORD_FILE", value_name = "FILE")]
    pub database_password_file: Option<PathBuf>,

    /// Where the embedded database lives
    #[arg(long, env = "HMRS_DATA_DIR", default_value = "data", value_name = "DIR")]
    pub data_dir: PathBuf,
}

impl DatabaseArgs {
    /// The database that the settings name: `None` for `none`, SQLite in the data directory when they name nothing.
    ///
    /// # Errors
    /// One sentence saying which setting is wrong, and how.
    pub fn url(&self) -> Result<Option<DatabaseUrl>, String> {
        let url = match self.database_url.as_deref() {
            None | Some("") => DatabaseUrl::sqlite(self.data_dir.join("hmrs.sqlite")),
            Some("none") => return Ok(None),
            Some(url) => DatabaseUrl::parse(url).map_err(|error| format!("DATABASE_URL: {error}"))?,
        };
        let Some(file) = self.database_password_file.as_deref().filter(|file| !file.as_os_str().is_empty())
        else {
            return Ok(Some(url));
        };
        let secret = std::fs::read_to_string(file)
            .map_err(|error| format!("DATABASE_PASSWORD_FILE: {} cannot be read: {error}", file.display()))?;
        Ok(Some(url.with_password(secret.trim_end_matches(['\r', '\n']))))
    }
}

/// How WebSockets are carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Carrier {
    /// Each owns its socket: least memory and copying.
    Socket,
    /// Each is the body of a response of actix-web-actors.
    Actor,
}

/// What happens on a server beyond loopback that has no access token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FirstToken {
    /// An admin token is made and shown once, with the address of the console.
    Log,
    /// Nobody comes in until somebody makes one with `hmrs token create`.
    None,
}

/// An address is a network of one.
fn network(text: &str) -> Result<IpNet, String> {
    text.parse::<IpNet>()
        .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
        .map_err(|_| "neither an address nor a network such as 172.30.57.0/24".to_owned())
}

/// What may stand in a session id, in a query and in the name of a host.
fn node_name(text: &str) -> Result<String, String> {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    match text.len() {
        1..=32 if text.bytes().all(is_plain) => Ok(text.to_owned()),
        _ => Err("1 to 32 characters, of a-z, 0-9 and -".to_owned()),
    }
}

/// What to do with a run that a crash interrupted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Recover {
    /// Go on with it, with the clock as it stood.
    Resume,
    /// Go on with it, with the clock held.
    Paused,
    /// Leave it as it is and begin anew.
    Off,
}

impl ServeConfig {
    /// Under which name this server records its runs, and finds them again after a crash.
    pub fn server_name(&self) -> String {
        self.node.clone().unwrap_or_else(|| self.bind.to_string())
    }

    /// Whether the server is reached from this machine only.
    pub fn is_loopback(&self) -> bool {
        self.bind.ip().is_loopback()
    }

    /// The names by which browsers know this server. A variable that is set to nothing names nothing.
    pub fn host_names(&self) -> impl Iterator<Item = &str> {
        self.host_names.iter().map(String::as_str).filter(|name| !name.is_empty())
    }

    /// The foreign origins whose pages may use this server.
    pub fn allow_origins(&self) -> impl Iterator<Item = &str> {
        self.allow_origins.iter().map(String::as_str).filter(|origin| !origin.is_empty())
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

#[cfg(test)]
mod tests {
    use clap::{Args as _, Command, FromArgMatches as _};

    use super::*;

    fn parse(arguments: &[&str]) -> Result<ServeConfig, String> {
        let command = ServeConfig::augment_args(Command::new("serve").no_binary_name(true));
        let matches = command.try_get_matches_from(arguments).map_err(|error| error.to_string())?;
        ServeConfig::from_arg_matches(&matches).map_err(|error| error.to_string())
    }

    #[test]
    fn a_setting_of_nothing_names_nothing() {
        let config = parse(&["--host-name", "", "--allow-origin", ""]).unwrap();
        assert_eq!((config.host_names().count(), config.allow_origins().count()), (0, 0));
    }

    #[test]
    fn a_proxy_is_an_address_or_a_network() {
        let config = parse(&["--trusted-proxy", "10.1.2.3,172.30.57.0/24"]).unwrap();
        assert_eq!(config.trusted_proxies.len(), 2);
        assert!(
            parse(&["--trusted-proxy", "edge"]).unwrap_err().contains("neither an address nor a network")
        );
    }

    #[test]
    fn a_node_has_a_name_that_a_session_id_can_begin_with() {
        assert_eq!(parse(&["--node", "backend-2"]).unwrap().node.as_deref(), Some("backend-2"));
        for wrong in ["", "Backend", "a.b", "a b", &"x".repeat(33)] {
            assert!(parse(&["--node", wrong]).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn the_password_comes_from_its_file_and_is_never_shown() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("password");
        std::fs::write(&file, "se cret\n").unwrap();
        let file = file.to_str().unwrap();
        let url = "postgres://hmrs@database/hmrs";
        let config = parse(&["--database-url", url, "--database-password-file", file]).unwrap();
        let database = config.database.url().unwrap().unwrap();
        assert!(database != DatabaseUrl::parse(url).unwrap(), "the password was not taken");
        assert!(!format!("{database} {database:?}").contains("cret"));
        let missing = parse(&["--database-url", url, "--database-password-file", "/none"]).unwrap();
        assert!(missing.database.url().unwrap_err().contains("/none"));
    }
}
