//! The request that opened a session, and a middleware's verdict on it.

use std::{any::Any, net::IpAddr, sync::Arc};

use actix_web::HttpRequest;
use serde_json::Value;

use super::clock::wall_ms;

/// The HTTP request that opened a session, as middleware and handlers see it.
#[derive(Clone, Debug)]
pub struct Handshake {
    /// The address that the connection came from: the proxy's, if there is one.
    pub peer: Option<IpAddr>,
    /// Path and query.
    pub uri: String,
    /// Whether the connection was encrypted, by itself or by the word of a proxy.
    pub secure: bool,
    /// Milliseconds since 1970.
    pub(super) issued_ms: u64,
    /// `name: value` in lines. One string and not two for each header: a server holds a handshake for every client.
    headers: Box<str>,
}

impl Handshake {
    pub(super) fn of(request: &HttpRequest) -> Self {
        let headers = request.headers().iter().filter_map(|(name, value)| {
            // Visible characters only, hence no line breaks.
            let value = value.to_str().ok()?;
            Some([name.as_str(), ": ", value, "\n"].concat())
        });
        Self {
            peer: request.peer_addr().map(|addr| addr.ip()),
            uri: request.uri().to_string(),
            secure: request.connection_info().scheme() == "https",
            issued_ms: wall_ms(),
            headers: headers.collect::<String>().into_boxed_str(),
        }
    }

    /// The first header of this name, in lower case, if it is readable text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    pub(super) fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.headers.lines().filter_map(|line| line.split_once(": "))
    }

    /// A parameter of the query, decoded.
    pub fn query(&self, name: &str) -> Option<String> {
        let (_, query) = self.uri.split_once('?')?;
        let pairs = actix_web::web::Query::<Vec<(String, String)>>::from_query(query).ok()?;
        pairs.into_inner().into_iter().find(|(key, _)| key == name).map(|(_, value)| value)
    }
}

/// Data that a program keeps with a socket.
pub(super) type SocketData = Arc<dyn Any + Send + Sync>;

/// A middleware's consent, with data for the socket.
#[derive(Default)]
pub struct Grant {
    pub(super) data: Option<SocketData>,
}

impl Grant {
    /// Consent that gives the socket its data, to be read with [`super::Socket::data`]. Of several middlewares the last
    /// one that gives data is heard.
    pub fn with(data: impl Any + Send + Sync) -> Self {
        Self { data: Some(Arc::new(data)) }
    }
}

/// A middleware's refusal, told to the client as `connect_error`.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    /// For people.
    pub message: String,
    /// For programs.
    pub data: Option<Value>,
}

impl Refusal {
    /// A refusal in words.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), data: None }
    }

    /// A refusal with data for the client's program.
    pub fn with_data(message: impl Into<String>, data: Value) -> Self {
        Self { message: message.into(), data: Some(data) }
    }

    pub(super) fn payload(&self) -> Value {
        let mut payload = serde_json::json!({ "message": self.message });
        if let Some(data) = &self.data {
            payload["data"] = data.clone();
        }
        payload
    }
}
