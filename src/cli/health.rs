//! `hmrs health`: for container health checks, without curl or a shell.

use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use super::{Failure, say};

/// Longest wait for the server.
const WAIT_MAX: Duration = Duration::from_secs(5);

/// Arguments of `hmrs health`.
#[derive(Debug, clap::Args)]
pub struct HealthArgs {
    /// The server's address
    #[arg(long, env = "HMRS_HEALTH_URL", default_value = "http://127.0.0.1:5000", value_name = "U")]
    url: String,
}

/// Asks `GET /api/health`; healthy is any answer of 200, degraded included.
pub fn health(args: &HealthArgs) -> Result<(), Failure> {
    let host =
        args.url.strip_prefix("http://").ok_or_else(|| format!("{} is no http:// address", args.url))?;
    let host = host.split('/').next().unwrap_or_default();
    let authority = if host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok()) {
        host.to_owned()
    } else {
        format!("{host}:80")
    };
    let answer = ask(&authority).map_err(|error| format!("{} does not answer: {error}", args.url))?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head.split_whitespace().nth(1).unwrap_or_default();
    match status {
        "200" => {
            say(body.trim());
            Ok(())
        }
        _ => Err(format!("{} is not healthy (HTTP {status}): {}", args.url, body.trim())),
    }
}

fn ask(authority: &str) -> std::io::Result<String> {
    let address = authority.to_socket_addrs()?.next().ok_or(std::io::ErrorKind::AddrNotAvailable)?;
    let mut stream = TcpStream::connect_timeout(&address, WAIT_MAX)?;
    stream.set_read_timeout(Some(WAIT_MAX))?;
    stream.set_write_timeout(Some(WAIT_MAX))?;
    write!(stream, "GET /api/health HTTP/1.0\r\nHost: {authority}\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}
