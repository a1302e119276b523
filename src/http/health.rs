//! Whether the server does its work: honest enough to restart a container on.

use actix_web::web::Data;
use actix_web::{HttpResponse, http::StatusCode};
use serde_json::{Value, json};

use crate::contract::record::{DatabaseHealth, DatabaseState};

use super::Api;

/// A swarm whose thread has not come round for so long is stalled.
const BEAT_AGE_MAX_MS: u64 = 1000;

/// Whether the clock of a swarm stands still although nobody holds it.
fn is_stalled(api: &Api) -> bool {
    api.gateway.swarms().iter().any(|flying| flying.pulse.vitals().beat_age_ms > BEAT_AGE_MAX_MS)
}

/// Whether what the database or the spool keeps is safe.
fn is_safe(database: &DatabaseHealth) -> bool {
    database.refusing.is_none() && database.spool.as_ref().is_none_or(|spool| spool.last_error.is_none())
}

fn plain(status: StatusCode, text: &'static str) -> HttpResponse {
    HttpResponse::build(status).content_type("text/plain").body(text)
}

/// 200 while the process lives and every swarm has come round within a second; else 503: restart it.
#[utoipa::path(get, path = "/healthz", tag = "server",
    responses((status = 200, body = String, description = "ok"), (status = 503, body = String, description = "why not")))]
pub async fn alive(api: Data<Api>) -> HttpResponse {
    match is_stalled(&api) {
        true => plain(StatusCode::SERVICE_UNAVAILABLE, "a swarm stands still\n"),
        false => plain(StatusCode::OK, "ok\n"),
    }
}

/// 200 while clients may be sent here: commands can be kept, and the server is not stopping; else 503.
#[utoipa::path(get, path = "/readyz", tag = "server",
    responses((status = 200, body = String, description = "ok"), (status = 503, body = String, description = "why not")))]
pub async fn ready(api: Data<Api>) -> HttpResponse {
    if api.gateway.takes_commands().is_err() {
        return plain(StatusCode::SERVICE_UNAVAILABLE, "stopping\n");
    }
    if is_stalled(&api) {
        return plain(StatusCode::SERVICE_UNAVAILABLE, "a swarm stands still\n");
    }
    match api.gateway.commons().recorder.health().refusing {
        Some(_) => {
            plain(StatusCode::SERVICE_UNAVAILABLE, "neither the database nor the spool takes anything\n")
        }
        None => plain(StatusCode::OK, "ok\n"),
    }
}

/// `ok`, `degraded` (flying, but the database is away or the spool is broken) or `down` (503: a swarm's clock stands still on its own).
#[utoipa::path(get, path = "/api/health", tag = "server",
    responses((status = 200, body = Object, description = "ok or degraded"), (status = 503, body = Object, description = "down")))]
pub async fn health(api: Data<Api>) -> HttpResponse {
    let swarms = api.gateway.swarms();
    let is_stalled = is_stalled(&api);
    let simulation: Vec<Value> = swarms
        .iter()
        .map(|flying| {
            let vitals = flying.pulse.vitals();
            let state = flying.desk.now().map(|now| json!(now.report.state));
            json!({
                "swarm": flying.id,
                "tick": vitals.tick,
                "tick_age_ms": vitals.beat_age_ms,
                "state": state,
                "missed_ticks": vitals.missed_ticks,
                "crashes": vitals.crashes,
            })
        })
        .collect();
    let database = api.gateway.commons().recorder.health();
    let status = match (is_stalled, database.state) {
        (true, _) => "down",
        (false, DatabaseState::Away) => "degraded",
        (false, _) if !is_safe(&database) => "degraded",
        _ => "ok",
    };
    let code = if is_stalled { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
    let mut first = simulation.first().cloned().unwrap_or_default();
    first["status"] = if is_stalled { "down" } else { "ok" }.into();
    HttpResponse::build(code).json(json!({
        "status": status,
        "ready": api.gateway.takes_commands().is_ok() && !is_stalled && database.refusing.is_none(),
        "version": env!("CARGO_PKG_VERSION"),
        "checks": { "simulation": first, "swarms": simulation, "database": database },
    }))
}
