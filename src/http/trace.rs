//! A name for every request, which stands in the log, in the answer (`X-Request-Id`) and, behind nginx, in its log too.

use std::time::Instant;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage as _};

use crate::contract::access::Caller;

use super::gate::{address_of, is_safe};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const ID_BYTES_MAX: usize = 64;

/// Takes over the name that a proxy gave the request, or gives it one, and logs what became of it: whatever may change
/// something or was refused, and everything else at the level `debug`. Never a query: session ids stand there.
///
/// # Errors
/// None of its own.
pub async fn trace<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    let is_plain = |id: &&HeaderValue| {
        let id = id.as_bytes();
        id.len() <= ID_BYTES_MAX
            && !id.is_empty()
            && id.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'-')
    };
    let given = request.headers().get(REQUEST_ID).filter(is_plain).cloned();
    let new = || HeaderValue::from_str(&format!("{:016x}", rand::random::<u64>()));
    let id = given.map_or_else(new, Ok).unwrap_or(HeaderValue::from_static("none"));
    let began = Instant::now();
    let (method, path) = (request.method().clone(), request.path().to_owned());
    let address = address_of(request.request());
    let mut answer = next.call(request).await?;
    answer.headers_mut().insert(REQUEST_ID, id.clone());
    let status = answer.status();
    let is_wire = path.starts_with("/socket.io");
    let is_noteworthy =
        (!is_safe(&method) && !is_wire) || status.is_client_error() || status.is_server_error();
    let level = if is_noteworthy { log::Level::Info } else { log::Level::Debug };
    if log::log_enabled!(target: "hmrs::request", level) {
        let extensions = answer.request().extensions();
        let caller = extensions.get::<Caller>().map(|caller| caller.name.as_str()).unwrap_or_default();
        log::log!(
            target: "hmrs::request", level,
            request = id.to_str().unwrap_or_default(), who = caller, address = address.as_str(),
            status = status.as_u16(), ms = began.elapsed().as_micros() as f64 / 1e3;
            "{method} {path}"
        );
    }
    Ok(answer)
}
