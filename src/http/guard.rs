//! Refuses requests that a foreign web page makes in a visitor's name: by Host (DNS rebinding) and by Origin.

use std::collections::BTreeSet;
use std::sync::Arc;

use actix_web::Error;
use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{HOST, ORIGIN};
use actix_web::middleware::Next;

use crate::contract::error::{ApiError, ErrorCode};

use super::error::refuse;
use super::gate::is_safe;

/// The names that this server answers to, and the origins whose pages may use it.
#[derive(Debug, Clone)]
pub struct Origins {
    /// Host names without ports; `None`: any (a server that is reached through names it cannot know).
    pub hosts: Option<Arc<BTreeSet<String>>>,
    /// Whole origins such as `https://swarm.example`, besides the server's own.
    pub allowed: Arc<BTreeSet<String>>,
}

impl Origins {
    /// Whether `host`, with or without a port, is this server.
    pub fn is_own_host(&self, host: &str) -> bool {
        let name = match host.strip_prefix('[') {
            Some(v6) => v6.split(']').next().unwrap_or_default(),
            None => host.rsplit_once(':').map_or(host, |(name, _)| name),
        };
        self.hosts.as_ref().is_none_or(|hosts| hosts.contains(&name.to_ascii_lowercase()))
    }

    /// Whether a page of `origin` may change something at `host`.
    pub fn is_allowed(&self, origin: &str, host: &str) -> bool {
        let own = origin.split_once("://").is_some_and(|(_, authority)| authority.eq_ignore_ascii_case(host));
        own || self.allowed.contains(origin)
    }
}

/// Checks Host on every request and Origin on those that may change something.
///
/// The Socket.IO path checks Origin itself, for reading too.
///
/// # Errors
/// 403 `forbidden`, naming the header.
pub async fn guard<B: MessageBody + 'static>(
    origins: Origins,
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, Error> {
    match check(&origins, &request) {
        Err(refusal) => Ok(refuse(request, &refusal)),
        Ok(()) => Ok(next.call(request).await?.map_into_left_body()),
    }
}

fn check(origins: &Origins, request: &ServiceRequest) -> Result<(), ApiError> {
    let header = |name| {
        request
            .headers()
            .get(name)
            .and_then(|value: &actix_web::http::header::HeaderValue| value.to_str().ok())
    };
    let host = header(HOST)
        .map(str::to_owned)
        .or_else(|| request.uri().authority().map(ToString::to_string))
        .unwrap_or_default();
    if !origins.is_own_host(&host) {
        let message =
            format!("this server is not known as {host:?}; name it with --host-name if it is meant to be");
        return Err(ApiError::new(ErrorCode::Forbidden, message).at("host"));
    }
    let is_safe = is_safe(request.method());
    if let Some(origin) = header(ORIGIN).filter(|origin| !is_safe && !origins.is_allowed(origin, &host)) {
        let message = format!("pages of {origin:?} may not use this server; allow them with --allow-origin");
        return Err(ApiError::new(ErrorCode::Forbidden, message).at("origin"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origins() -> Origins {
        Origins {
            hosts: Some(Arc::new(["localhost", "127.0.0.1", "::1"].map(String::from).into())),
            allowed: Arc::new(["https://swarm.example".to_owned()].into()),
        }
    }

    #[test]
    fn a_rebound_name_is_not_this_server() {
        for own in ["localhost", "LOCALHOST:5000", "127.0.0.1:5000", "[::1]:5000", "[::1]"] {
            assert!(origins().is_own_host(own), "{own}");
        }
        for foreign in ["evil.example", "evil.example:5000", "", "localhost.evil.example"] {
            assert!(!origins().is_own_host(foreign), "{foreign}");
        }
    }

    #[test]
    fn only_own_and_listed_pages_may_change_anything() {
        let ok = |origin| origins().is_allowed(origin, "localhost:5000");
        assert!(ok("http://localhost:5000"));
        assert!(ok("https://swarm.example"));
        for foreign in ["http://localhost:5001", "null", "https://swarm.example.evil", "http://evil.example"]
        {
            assert!(!ok(foreign), "{foreign}");
        }
    }
}
