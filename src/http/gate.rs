//! Who a request is from, and whether they may make it: the one place that asks, for every route.

use std::future::{Ready, ready};

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{AUTHORIZATION, COOKIE, HOST, HeaderMap, HeaderName, ORIGIN};
use actix_web::middleware::Next;
use actix_web::{Error, FromRequest, HttpMessage as _, HttpRequest};

use crate::contract::access::{Caller, Gatekeeper, Proof, cookie, cookie_name, name_of};
use crate::contract::error::{ApiError, ErrorCode};
use crate::contract::rights;
use crate::gateway::Gateway;
use crate::gateway::door::Deed;

use super::error::{no_route, refuse};

/// Names the sender, as the `name` given at connect does over Socket.IO.
const OPERATOR_HEADER: HeaderName = HeaderName::from_static("x-operator");
/// What asks nobody: the small page, and Socket.IO, which asks at CONNECT. The console's files have no pattern at all.
const OPEN: [&str; 2] = ["/lite", "/socket.io"];

/// Lets a request pass that its sender may make by [`rights::ROUTES`], and tells the handler who that is: a [`Caller`].
///
/// # Errors
/// `unauthorized` or `forbidden`; `not_found` for a route that is not listed.
pub async fn gate<B: MessageBody + 'static>(
    gateway: Gateway,
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, Error> {
    match check(&gateway, &request) {
        Err(refusal) => return Ok(refuse(request, &refusal)),
        Ok(Some(caller)) => drop(request.extensions_mut().insert(caller)),
        Ok(None) => {}
    }
    Ok(next.call(request).await?.map_into_left_body())
}

/// Who makes a request, where that is asked.
fn check(gateway: &Gateway, request: &ServiceRequest) -> Result<Option<Caller>, ApiError> {
    let is_open = |pattern: &String| OPEN.iter().any(|open| pattern.starts_with(open));
    let Some(pattern) = request.match_pattern().filter(|pattern| !is_open(pattern)) else { return Ok(None) };
    let needs = rights::of_route(request.method().as_str(), &pattern);
    let Some(role) = needs.ok_or_else(|| no_route(request.method(), request.path()))? else {
        return Ok(None);
    };
    let caller = identify(gateway.commons().gatekeeper.as_ref(), request)?;
    if let Err(refusal) = caller.role().require(role) {
        let (what, detail) = (format!("{} {pattern}", request.method()), refusal.message.clone());
        let deed = Deed { kind: "route", what: &what, subject: request.path(), result: "forbidden", detail };
        gateway.commons().note_refusal(&caller, "http", deed);
        return Err(refusal);
    }
    Ok(Some(caller))
}

/// Whether a request changes nothing, by its method.
pub(super) fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// The secret of the login whose cookie the request carries.
pub(super) fn login_of(request: &HttpRequest) -> Option<&str> {
    let host = text(request.headers(), HOST).unwrap_or_default();
    cookie(text(request.headers(), COOKIE)?, &cookie_name(is_secure(request), host))
}

/// Whether the request came over TLS, by the word of a proxy.
pub(super) fn is_secure(request: &HttpRequest) -> bool {
    request.connection_info().scheme() == "https"
}

/// The address of the client, without its port.
pub(super) fn address_of(request: &HttpRequest) -> String {
    request.peer_addr().map(|address| address.ip().to_canonical().to_string()).unwrap_or_default()
}

/// Reads `Authorization: Bearer TOKEN`, else the cookie of a login; and `X-Operator: NAME`.
fn identify(gatekeeper: &dyn Gatekeeper, request: &ServiceRequest) -> Result<Caller, ApiError> {
    let request = request.request();
    let headers = request.headers();
    let token = text(headers, AUTHORIZATION).and_then(|value| value.strip_prefix("Bearer ")).map(str::trim);
    let proof = match token {
        Some(token) => Proof::Token(token),
        None => login_of(request).map_or(Proof::Nothing, Proof::Login),
    };
    let identity = gatekeeper.identify(proof)?;
    // Browsers send cookies by themselves, and say for which page whenever something may change.
    if identity.login.is_some() && !is_safe(request.method()) && !headers.contains_key(ORIGIN) {
        let message = "a request with a cookie must name its origin; programs send Authorization: Bearer";
        return Err(ApiError::new(ErrorCode::Forbidden, message).at("origin"));
    }
    let name = name_of(text(headers, OPERATOR_HEADER), &identity, "http");
    Ok(Caller { name, identity, address: address_of(request) })
}

impl FromRequest for Caller {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    /// Who was let in by [`gate`].
    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let unknown = || ApiError::new(ErrorCode::Unauthorized, "nobody was asked who this is");
        ready(request.extensions().get::<Caller>().cloned().ok_or_else(unknown))
    }
}
