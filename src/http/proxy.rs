//! Whose request it is when a proxy passes it on: limits and the audit trail must see the client, not the proxy.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use actix_web::dev::ServiceRequest;
use actix_web::http::header::HeaderMap;
use ipnet::IpNet;

/// The proxies whose word is taken for the address of a client.
#[derive(Debug, Clone, Default)]
pub struct Proxies(Arc<[IpNet]>);

impl Proxies {
    /// Proxies at any of these addresses.
    pub fn new(networks: impl Into<Arc<[IpNet]>>) -> Self {
        Self(networks.into())
    }

    /// Puts the client's address in the place of the proxy's, if the request came through a trusted one.
    pub fn unmask(&self, request: &mut ServiceRequest) {
        let client = request
            .peer_addr()
            .filter(|peer| self.trusts(peer.ip()))
            .and_then(|_| self.forwarded_for(request.headers()));
        if let Some(client) = client {
            request.head_mut().peer_addr = Some(SocketAddr::new(client, 0));
        }
    }

    fn trusts(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }

    /// The last address that no trusted proxy has: what stands before it may be invented by the client.
    fn forwarded_for(&self, headers: &HeaderMap) -> Option<IpAddr> {
        let hops: Vec<&str> = headers
            .get_all("x-forwarded-for")
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .collect();
        hops.iter().rev().map_while(|hop| hop.trim().parse::<IpAddr>().ok()).find(|hop| !self.trusts(*hop))
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn client_of(peer: &str, forwarded: &[&str]) -> String {
        let networks: Vec<IpNet> = ["10.0.0.0/8", "::1/128"].iter().map(|net| net.parse().unwrap()).collect();
        let mut request = TestRequest::default().peer_addr(peer.parse().unwrap());
        for value in forwarded {
            request = request.append_header(("X-Forwarded-For", *value));
        }
        let mut request = request.to_srv_request();
        Proxies::new(networks).unmask(&mut request);
        request.peer_addr().unwrap().ip().to_string()
    }

    #[test]
    fn a_trusted_proxy_says_who_the_client_is() {
        assert_eq!(client_of("10.1.2.3:80", &["192.0.2.7"]), "192.0.2.7");
        assert_eq!(client_of("[::1]:80", &["2001:db8::5, 10.9.9.9"]), "2001:db8::5");
        assert_eq!(client_of("10.1.2.3:80", &["203.0.113.1", "192.0.2.7"]), "192.0.2.7");
    }

    #[test]
    fn nobody_else_is_believed() {
        assert_eq!(client_of("192.0.2.1:80", &["203.0.113.1"]), "192.0.2.1");
        assert_eq!(client_of("10.1.2.3:80", &["203.0.113.1, 192.0.2.7"]), "192.0.2.7");
    }

    #[test]
    fn a_header_that_says_nothing_leaves_the_proxy_as_the_client() {
        for forwarded in [&[][..], &["unknown"], &["203.0.113.1, unknown"], &["10.0.0.1"]] {
            assert_eq!(client_of("10.1.2.3:80", forwarded), "10.1.2.3", "{forwarded:?}");
        }
    }
}
