//! The carrier over plain HTTP requests: a GET that waits for packets, a POST that brings some.

use std::{future::poll_fn, io::Write, sync::Arc, time::Duration};

use actix::Addr;
use actix_web::{
    HttpRequest, HttpResponse,
    http::{StatusCode, header},
    rt, web,
};
use bytes::{Bytes, BytesMut};
use flate2::{Compression, write::GzEncoder};
use futures_util::StreamExt;

use super::{
    entry::{Cors, Refused},
    protocol::error::CloseReason,
    session::{BeginPost, Packets, Poll, Session},
    session_handle::{Request, SessionHandle},
};

/// Bodies below this size are not worth compressing.
const COMPRESSION_BYTES_MIN: usize = 1024;
/// How long a request body may take.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// A GET that waits at the outbox. Dropped before its answer, it was abandoned by its client.
pub(super) struct Pending {
    session: Arc<SessionHandle>,
    answered: bool,
}

impl Pending {
    pub(super) fn new(session: Arc<SessionHandle>) -> Self {
        Self { session, answered: false }
    }

    pub(super) async fn answer(mut self, request: &HttpRequest, cors: &Cors) -> HttpResponse {
        let server = self.session.server.clone();
        let body = poll_fn(|cx| self.session.outbox.poll_body(cx, server.config.max_payload)).await;
        let compresses = server.config.compression && body.is_compressible && reads_gzip(request);
        let body = body.into_bytes();
        self.answered = true;
        self.session.request(Request::PollDone);
        server.counters.bytes_out.add(body.len());
        let mut response = cors.build(StatusCode::OK);
        response.content_type("text/plain; charset=UTF-8").insert_header((header::CACHE_CONTROL, "no-store"));
        if compresses && body.len() >= COMPRESSION_BYTES_MIN {
            response
                .insert_header((header::CONTENT_ENCODING, "gzip"))
                .append_header((header::VARY, "Accept-Encoding"));
            return response.body(gzip(&body));
        }
        response.body(body)
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if !self.answered {
            self.session.request(Request::PollAbandoned);
        }
    }
}

/// Answers a GET as soon as there is something to say.
pub(super) async fn get(
    addr: &Addr<Session>,
    session: &Arc<SessionHandle>,
    request: &HttpRequest,
    cors: &Cors,
) -> Result<HttpResponse, Refused> {
    let mut pending = Pending::new(session.clone());
    let verdict = addr.send(Poll).await.map_err(|_| Refused::SessionUnknown).and_then(|verdict| Ok(verdict?));
    if let Err(refused) = verdict {
        pending.answered = true;
        return Err(refused);
    }
    Ok(pending.answer(request, cors).await)
}

/// A POST that is not answered yet; until it is, another one overlaps. Dropped before its body is complete, it was broken
/// off by its client.
struct Posting {
    session: Arc<SessionHandle>,
    failure: Option<CloseReason>,
}

impl Drop for Posting {
    fn drop(&mut self) {
        self.session.request(self.failure.map_or(Request::PostDone, Request::PostFailed));
    }
}

/// Hands the packets of a POST to the session.
pub(super) async fn post(
    addr: &Addr<Session>,
    session: &Arc<SessionHandle>,
    request: &HttpRequest,
    payload: web::Payload,
    cors: &Cors,
) -> Result<HttpResponse, Refused> {
    addr.send(BeginPost).await.map_err(|_| Refused::SessionUnknown)??;
    let mut posting = Posting { session: session.clone(), failure: Some(CloseReason::TransportError) };
    let kind = request.headers().get(header::CONTENT_TYPE).map(header::HeaderValue::as_bytes);
    if kind.is_some_and(|kind| kind.starts_with(b"application/octet-stream")) {
        posting.failure = Some(CloseReason::ParseError);
        return Err(Refused::BadRequest);
    }
    let bytes_max = session.server.config.max_payload;
    let declared =
        request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    if declared.is_some_and(|bytes: usize| bytes > bytes_max) {
        return Err(Refused::TooLarge);
    }
    let body = rt::time::timeout(BODY_TIMEOUT, read(payload, bytes_max));
    let body = body.await.unwrap_or(Err(Refused::BadRequest))?;
    posting.failure = None;
    addr.send(Packets(body)).await.map_err(|_| Refused::SessionUnknown)??;
    Ok(cors.build(StatusCode::OK).content_type("text/html").body("ok"))
}

/// Reads a body of at most `bytes_max`, and not a byte more of one that is larger.
async fn read(mut payload: web::Payload, bytes_max: usize) -> Result<Bytes, Refused> {
    let mut body = BytesMut::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|_| Refused::BadRequest)?;
        if body.len() + chunk.len() > bytes_max {
            return Err(Refused::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

fn reads_gzip(request: &HttpRequest) -> bool {
    let accepted = request.headers().get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok());
    accepted.is_some_and(|accepted| accepted.split(',').any(names_gzip))
}

/// Whether one element of an `Accept-Encoding`, such as `gzip;q=0.5`, asks for gzip.
fn names_gzip(element: &str) -> bool {
    let (name, weight) = element.split_once(';').unwrap_or((element, ""));
    let refused = matches!(weight.trim(), "q=0" | "q=0." | "q=0.0" | "q=0.00" | "q=0.000");
    name.trim().eq_ignore_ascii_case("gzip") && !refused
}

fn gzip(body: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 3), Compression::fast());
    // Writing into memory does not fail.
    let _ = encoder.write_all(body);
    encoder.finish().unwrap_or_default().into()
}

#[cfg(test)]
mod tests {
    use super::names_gzip;

    #[test]
    fn gzip_is_used_only_for_those_who_ask_for_it() {
        assert!(names_gzip(" gzip") && names_gzip("GZIP;q=0.5"));
        assert!(!names_gzip("gzip;q=0") && !names_gzip("br") && !names_gzip("x-gzip") && !names_gzip(""));
    }
}
