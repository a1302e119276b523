//! The door: what every HTTP request is checked for, in this order, and how it is refused.

use std::sync::Arc;

use actix_web::{
    HttpRequest, HttpResponse, HttpResponseBuilder,
    http::{Method, StatusCode, header},
    web,
};

use super::{
    config::AllowedOrigins,
    handshake::Handshake,
    polling,
    protocol::{connection::Refusal, websocket_frame::close_frame},
    server::{Full, Server},
    session::Session,
    session_handle::SessionHandle,
    websocket::{self, Agreement},
};

/// What a server that is open to every page says to all of them.
const ANY_ORIGIN: &str = "*";

/// Why a request is refused, in the protocol's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    TransportUnknown,
    SessionUnknown,
    BadHandshakeMethod,
    BadRequest,
    Forbidden,
    UnsupportedVersion,
    /// Not of the protocol's numbers: the body was too large.
    TooLarge,
    /// A WebSocket of another version than 13.
    WebsocketVersion,
    /// Come back later.
    Busy,
    /// This address has its share of sessions.
    Crowded,
}

impl Refused {
    fn status(self) -> StatusCode {
        match self {
            Self::Forbidden | Self::Crowded => StatusCode::FORBIDDEN,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::WebsocketVersion => StatusCode::UPGRADE_REQUIRED,
            Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::BAD_REQUEST,
        }
    }

    fn body(self) -> &'static str {
        match self {
            Self::TransportUnknown => r#"{"code":0,"message":"Transport unknown"}"#,
            Self::SessionUnknown => r#"{"code":1,"message":"Session ID unknown"}"#,
            Self::BadHandshakeMethod => r#"{"code":2,"message":"Bad handshake method"}"#,
            Self::BadRequest | Self::WebsocketVersion => r#"{"code":3,"message":"Bad request"}"#,
            Self::Forbidden | Self::Busy | Self::Crowded => r#"{"code":4,"message":"Forbidden"}"#,
            Self::UnsupportedVersion => r#"{"code":5,"message":"Unsupported protocol version"}"#,
            Self::TooLarge => r#"{"code":3,"message":"Payload too large"}"#,
        }
    }
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Unknown => Self::SessionUnknown,
            Refusal::BadRequest => Self::BadRequest,
        }
    }
}

impl From<Full> for Refused {
    fn from(full: Full) -> Self {
        match full {
            Full::Server => Self::Busy,
            Full::Address => Self::Crowded,
        }
    }
}

/// The parameters of a request's query; each may stand there once.
#[derive(Debug, Default, PartialEq, Eq)]
struct Query {
    transport: Option<String>,
    version: Option<String>,
    sid: Option<String>,
}

impl Query {
    fn parse(query: &str) -> Result<Self, Refused> {
        let pairs =
            web::Query::<Vec<(String, String)>>::from_query(query).map_err(|_| Refused::BadRequest)?;
        let mut parsed = Self::default();
        for (key, value) in pairs.into_inner() {
            let field = match key.as_str() {
                "transport" => &mut parsed.transport,
                "EIO" => &mut parsed.version,
                "sid" => &mut parsed.sid,
                // JSONP: clients of this version never ask for it.
                "j" => return Err(Refused::BadRequest),
                _ => continue,
            };
            if field.replace(value).is_some() {
                return Err(Refused::BadRequest);
            }
        }
        Ok(parsed)
    }
}

/// The answer's headers that depend on the page which asks.
#[derive(Clone)]
pub(super) struct Cors(Option<header::HeaderValue>);

impl Cors {
    pub(super) fn build(&self, status: StatusCode) -> HttpResponseBuilder {
        let mut response = HttpResponse::build(status);
        self.add_to(&mut response);
        response
    }

    pub(super) fn add_to(&self, response: &mut HttpResponseBuilder) {
        let Some(origin) = &self.0 else { return };
        response.insert_header((header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone()));
        if origin != ANY_ORIGIN {
            response
                .insert_header((header::ACCESS_CONTROL_ALLOW_CREDENTIALS, "true"))
                .append_header((header::VARY, "Origin"));
        }
    }

    pub(super) fn refuse(&self, refused: Refused) -> HttpResponse {
        let mut response = self.build(refused.status());
        match refused {
            Refused::Busy => response.insert_header((header::RETRY_AFTER, "2")),
            Refused::WebsocketVersion => response.insert_header((header::SEC_WEBSOCKET_VERSION, "13")),
            _ => &mut response,
        };
        response.content_type("application/json").body(refused.body())
    }

    fn preflight(&self) -> HttpResponse {
        let mut response = self.build(StatusCode::NO_CONTENT);
        if self.0.is_some() {
            response
                .insert_header((header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST"))
                .insert_header((header::ACCESS_CONTROL_ALLOW_HEADERS, "Content-Type"))
                .insert_header((header::ACCESS_CONTROL_MAX_AGE, "600"));
        }
        response.finish()
    }
}

/// Answers a request.
pub(super) async fn serve(server: Arc<Server>, request: HttpRequest, payload: web::Payload) -> HttpResponse {
    let origin = check_origin(&server, &request);
    let cors = Cors(origin.clone().ok().flatten());
    if request.method() == Method::OPTIONS {
        return cors.preflight();
    }
    let answer = match check(&request, origin) {
        Ok(query) => route(&server, &request, payload, query, &cors).await,
        Err(refused) => Err(refused),
    };
    answer.unwrap_or_else(|refused| {
        let counters = &server.counters;
        match refused {
            Refused::Forbidden => counters.refused_origin.up(),
            Refused::Busy => counters.refused_admission.up(),
            Refused::Crowded => counters.refused_address.up(),
            Refused::TooLarge => counters.refused_body_size.up(),
            _ => counters.refused_request.up(),
        }
        cors.refuse(refused)
    })
}

fn check(
    request: &HttpRequest,
    origin: Result<Option<header::HeaderValue>, Refused>,
) -> Result<Query, Refused> {
    let query = Query::parse(request.query_string())?;
    match query.transport.as_deref() {
        Some("polling" | "websocket") => {}
        _ => return Err(Refused::TransportUnknown),
    }
    origin?;
    Ok(query)
}

/// The page that asks, if it may; None for programs that are no browsers.
fn check_origin(server: &Server, request: &HttpRequest) -> Result<Option<header::HeaderValue>, Refused> {
    let Some(value) = request.headers().get(header::ORIGIN) else { return Ok(None) };
    let origin = value.to_str().map_err(|_| Refused::BadRequest)?;
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    match &server.config.allowed_origins {
        // Everyone may read, but nobody with the cookies of somebody else.
        AllowedOrigins::Any => Ok(Some(header::HeaderValue::from_static(ANY_ORIGIN))),
        allowed if allowed.allows(origin, host) => Ok(Some(value.clone())),
        _ => Err(Refused::Forbidden),
    }
}

async fn route(
    server: &Arc<Server>,
    request: &HttpRequest,
    payload: web::Payload,
    query: Query,
    cors: &Cors,
) -> Result<HttpResponse, Refused> {
    let on_websocket = query.transport.as_deref() == Some("websocket");
    let Some(sid) = &query.sid else {
        if request.method() != Method::GET {
            return Err(Refused::BadHandshakeMethod);
        }
        if query.version.as_deref() != Some("4") {
            return Err(Refused::UnsupportedVersion);
        }
        return if on_websocket {
            open_websocket(server, request, payload, cors)
        } else {
            open_polling(server, request, cors).await
        };
    };
    let (addr, session) = server.session(sid).ok_or(Refused::SessionUnknown)?;
    if !on_websocket && session.is_on_websocket() {
        return Err(Refused::BadRequest);
    }
    if query.version.as_deref() != Some("4") {
        return Err(Refused::BadRequest);
    }
    match (on_websocket, request.method().as_str()) {
        (true, _) => websocket::join(addr, session, request, payload, cors).await,
        (false, "GET") => polling::get(&addr, &session, request, cors).await,
        (false, "POST") => polling::post(&addr, &session, request, payload, cors).await,
        _ => Err(Refused::BadRequest),
    }
}

async fn open_polling(
    server: &Arc<Server>,
    request: &HttpRequest,
    cors: &Cors,
) -> Result<HttpResponse, Refused> {
    let session = admit(server, request)?;
    let pending = polling::Pending::new(session.clone());
    let addr = Session::start_polling(session.clone());
    let cookie = sticky_cookie(&session);
    server.enter(addr, session);
    let mut response = pending.answer(request, cors).await;
    if let Some(cookie) = cookie {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

fn open_websocket(
    server: &Arc<Server>,
    request: &HttpRequest,
    payload: web::Payload,
    cors: &Cors,
) -> Result<HttpResponse, Refused> {
    let Agreement { mut response, line } = websocket::shake_hands(request, &server.config)?;
    let session = admit(server, request)?;
    let addr = Session::start_on_websocket(session.clone(), line.clone());
    server.enter(addr.clone(), session.clone());
    cors.add_to(&mut response);
    if let Some(cookie) = sticky_cookie(&session) {
        response.append_header((header::SET_COOKIE, cookie));
    }
    Ok(websocket::carry(request, response, addr, session, line, payload))
}

fn sticky_cookie(session: &SessionHandle) -> Option<header::HeaderValue> {
    let name = session.server.config.sticky_cookie.as_ref()?;
    // A name that is no name of a cookie sets none.
    header::HeaderValue::try_from(format!("{name}={}; Path=/; HttpOnly; SameSite=Lax", session.sid)).ok()
}

fn admit(server: &Arc<Server>, request: &HttpRequest) -> Result<Arc<SessionHandle>, Refused> {
    server.admit(request.peer_addr().map(|peer| peer.ip()))?;
    let session = SessionHandle::new(server.fresh_sid(), server.clone(), Handshake::of(request));
    Ok(Arc::new(session))
}

/// The body of a WebSocket that is accepted only to be closed: its client may listen for nothing else.
pub(super) fn closed_at_once() -> bytes::Bytes {
    close_frame(1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_may_stand_in_the_query_once() {
        let query = Query::parse("EIO=4&transport=polling&t=abc&t=def").unwrap();
        assert_eq!((query.version.as_deref(), query.sid), (Some("4"), None));
        for twice in ["EIO=4&EIO=4", "transport=polling&transport=websocket", "sid=a&sid=b", "j=0"] {
            assert_eq!(Query::parse(twice), Err(Refused::BadRequest), "{twice}");
        }
    }
}
