//! What a server is told before it starts.

use std::{net::SocketAddr, time::Duration};

use super::{limits::Limits, protocol::connection::Timing, recovery::Recovery};

/// Settings of one server. The defaults are those of the reference implementation.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where the server is mounted; `/socket.io/` by default, answered without the last slash too.
    pub path: String,
    /// The name of this server among several, which session ids begin with (`NAME.`), so that a proxy can send every
    /// request of a session to the server that has it. Lower-case letters, digits and `-`.
    pub node: Option<String>,
    /// From a pong to the next ping.
    pub ping_interval: Duration,
    /// From a ping to its pong.
    pub ping_timeout: Duration,
    /// How long a client may take to join its first namespace.
    pub connect_timeout: Duration,
    /// How long a probe of a WebSocket may take.
    pub upgrade_timeout: Duration,
    /// Bytes of a request body or of a message at most; told to clients.
    pub max_payload: usize,
    /// Which web pages may connect.
    pub allowed_origins: AllowedOrigins,
    /// Name of a cookie with the session's id that a session is opened with, for proxies which send each client to the
    /// same of several servers by it, such as `io`; none by default.
    pub sticky_cookie: Option<String>,
    /// Whether a client may move from polling to a WebSocket.
    pub upgrades: bool,
    /// Whether polling replies of 1 KiB and more are compressed for clients that can read it.
    pub compression: bool,
    /// For which of the clients that offer permessage-deflate WebSocket messages are compressed.
    pub deflate: Deflate,
    /// Bytes that the kernel may hold for a client before it says that it is full, so that what waits can still be
    /// replaced by something newer. None leaves it to the kernel, which may hold seconds of old frames.
    pub unsent_bytes_max: Option<u32>,
    /// What is remembered for clients that are cut off for a while; nothing by default. With it, every ordered event gets
    /// one more argument, a string, which clients hand back when they return: handlers of clients see it too.
    pub recovery: Option<Recovery>,
    /// What a client may cost.
    pub limits: Limits,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            path: "/socket.io/".to_owned(),
            node: None,
            ping_interval: Duration::from_secs(25),
            ping_timeout: Duration::from_secs(20),
            connect_timeout: Duration::from_secs(45),
            upgrade_timeout: Duration::from_secs(10),
            max_payload: 1_000_000,
            allowed_origins: AllowedOrigins::Same,
            sticky_cookie: None,
            upgrades: true,
            compression: true,
            deflate: Deflate::Never,
            unsent_bytes_max: Some(128 * 1024),
            recovery: None,
            limits: Limits::default(),
        }
    }
}

impl Config {
    pub(super) fn timing(&self) -> Timing {
        Timing {
            ping_interval: self.ping_interval,
            ping_timeout: self.ping_timeout,
            upgrade_timeout: self.upgrade_timeout,
            close_timeout: Duration::from_secs(30),
        }
    }
}

/// Whose WebSocket messages are compressed, among those who offer permessage-deflate. Without context takeover: a
/// broadcast is deflated once, however many get it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Deflate {
    /// Nobody's.
    #[default]
    Never,
    /// Those of clients on other machines: on this one there is no wire to spare.
    Remote,
    /// Everyone's, also where a proxy on this machine stands before clients from elsewhere.
    Always,
}

impl Deflate {
    pub(super) fn serves(self, peer: Option<SocketAddr>) -> bool {
        match self {
            Self::Never => false,
            Self::Remote => peer.is_none_or(|peer| !peer.ip().to_canonical().is_loopback()),
            Self::Always => true,
        }
    }
}

/// Which web pages may connect. Programs that are not browsers send no `Origin` and are always let in; CORS does not
/// protect WebSockets, so this is checked for both transports.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum AllowedOrigins {
    /// Pages from the very host and port that the request names in `Host`.
    #[default]
    Same,
    /// Those, and pages from these origins, each as `https://example.org` or `http://example.org:8080`.
    List(Vec<String>),
    /// Every page of every site. Only for servers whose data is public.
    Any,
}

impl AllowedOrigins {
    /// Whether a page from `origin` may connect to a server that is addressed as `host`.
    pub fn allows(&self, origin: &str, host: &str) -> bool {
        let same = || {
            let authority = origin.split_once("://").map(|(_, authority)| authority);
            authority.is_some_and(|authority| !host.is_empty() && authority.eq_ignore_ascii_case(host))
        };
        match self {
            Self::Any => true,
            Self::Same => same(),
            Self::List(origins) => same() || origins.iter().any(|known| known.eq_ignore_ascii_case(origin)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::AllowedOrigins;

    #[test]
    fn only_the_very_same_host_and_port_count_as_the_same_origin() {
        let same = AllowedOrigins::Same;
        assert!(same.allows("http://Example.org:5000", "example.org:5000"));
        for foreign in
            ["http://example.org", "null", "http://evil.org", "http://example.org:5000.evil.org", ""]
        {
            assert!(!same.allows(foreign, "example.org:5000"), "{foreign}");
        }
        assert!(!same.allows("http://", ""));
    }

    #[test]
    fn a_list_adds_to_the_same_host() {
        let list = AllowedOrigins::List(vec!["https://console.example".to_owned()]);
        assert!(list.allows("https://console.example", "api.example"));
        assert!(list.allows("https://api.example", "api.example"));
        assert!(!list.allows("http://console.example", "api.example"));
    }
}
