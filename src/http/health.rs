//! Whether the server does its work: honest enough to restart a container on.

use actix_web::web::Data;
use actix_web::{HttpResponse, http::StatusCode};
use serde_json::{Value, json};

use crate::contract::record::DatabaseState;

use super::Api;

/// A swarm whose thread has not come round for so long is stalled.
const BEAT_AGE_MAX_MS: u64 = 1000;

/// `ok`, `degraded` (flying, but the database is away or the spool is broken) or `down` (503: a swarm's clock stands still on its own).
#[utoipa::path(get, path = "/api/health", tag = "server",
    responses((status = 200, body = Object, description = "ok or degraded"), (status = 503, body = Object, description = "down")))]
pub async fn health(api: Data<Api>) -> HttpResponse {
    let swarms = api.gateway.swarms();
    let is_stalled = swarms.iter().any(|flying| flying.pulse.vitals().beat_age_ms > BEAT_AGE_MAX_MS);
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
    let spool_is_broken = database.spool.as_ref().is_some_and(|spool| spool.last_error.is_some());
    let status = match (is_stalled, database.state) {
        (true, _) => "down",
        (false, DatabaseState::Away) => "degraded",
        (false, _) if database.refusing.is_some() || spool_is_broken => "degraded",
        _ => "ok",
    };
    let code = if is_stalled { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
    let mut first = simulation.first().cloned().unwrap_or_default();
    first["status"] = if is_stalled { "down" } else { "ok" }.into();
    HttpResponse::build(code).json(json!({
        "status": status,
        "version": env!("CARGO_PKG_VERSION"),
        "checks": { "simulation": first, "swarms": simulation, "database": database },
    }))
}
