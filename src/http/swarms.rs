//! The live swarms of this server, side by side.

use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::web::{Data, Json, Path};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::contract::access::Caller;
use crate::contract::error::{ApiError, ErrorCode};
use crate::gateway::Flying;
use crate::gateway::door::Deed;
use crate::sim::Scenario;
use crate::swarm::{Beginning, Settings};

use super::Api;

fn describe(flying: &Flying) -> Value {
    let now = flying.desk.now();
    json!({
        "id": flying.id,
        "kind": if flying.is_replay { "replay" } else { "live" },
        "namespace": flying.namespace.name(),
        "clients": flying.namespace.len(),
        "tick": flying.pulse.vitals().tick,
        "scenario": now.as_ref().map(|now| now.run.scenario.name.clone()),
        "seed": now.as_ref().map(|now| now.run.seed),
        "run_id": now.as_ref().map(|now| now.run.id.clone()),
        "state": now.as_ref().map(|now| now.report.state),
        "drones": now.as_ref().map(|now| now.report.snapshot.drones.len()),
    })
}

/// Every swarm.
#[utoipa::path(get, path = "/api/swarms", tag = "swarms", responses((status = 200, body = Object)))]
pub async fn list(api: Data<Api>) -> Result<HttpResponse, ApiError> {
    let swarms: Vec<Value> = api.gateway.swarms().iter().map(|flying| describe(flying)).collect();
    Ok(HttpResponse::Ok().json(json!({ "swarms": swarms })))
}

/// A swarm to start.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Launch {
    /// Name of the scenario to fly.
    scenario: String,
    /// Seed; absent: the scenario's own.
    seed: Option<u64>,
    /// Its id; absent: the scenario's name, with a number if that is taken.
    name: Option<String>,
}

/// Starts another swarm, seen in the namespace `/swarms/{id}`.
#[utoipa::path(post, path = "/api/swarms", tag = "swarms", request_body = Launch,
    responses((status = 201, body = Object), (status = "4XX", body = ApiError)))]
pub async fn launch(api: Data<Api>, caller: Caller, launch: Json<Launch>) -> Result<HttpResponse, ApiError> {
    let launch = launch.into_inner();
    let shelf = &api.gateway.commons().shelf;
    let scenario: Scenario = match shelf.scenario(&launch.scenario) {
        Some(Ok(scenario)) => scenario,
        Some(Err(_)) | None => {
            let message =
                format!("there is no scenario {:?}; known are {}", launch.scenario, shelf.names().join(", "));
            return Err(ApiError::new(ErrorCode::NotFound, message).at("scenario"));
        }
    };
    let id = launch.name.unwrap_or_else(|| free_id(&api, &scenario.name));
    let launched = scenario.name.clone();
    let settings = Settings {
        id: Arc::from(id),
        scenario: Arc::new(scenario),
        seed: launch.seed,
        is_paused: false,
        ..api.gateway.commons().template.clone()
    };
    let flying = api.gateway.launch(settings, Beginning::Fresh)?;
    let (id, namespace) = (flying.id.clone(), flying.namespace.name().to_owned());
    let deed = Deed { kind: "swarm", what: "launch", subject: &id, result: "ok", detail: launched };
    api.gateway.commons().note(&caller, "http", deed);
    Ok(HttpResponse::Created().json(json!({ "ok": true, "id": id, "namespace": namespace })))
}

fn free_id(api: &Api, scenario: &str) -> String {
    let mut candidates = std::iter::once(scenario.to_owned()).chain((2..).map(|n| format!("{scenario}-{n}")));
    candidates.find(|id| api.gateway.swarm(id).is_err()).unwrap_or_default()
}

/// Ends a swarm and disconnects its clients.
#[utoipa::path(delete, path = "/api/swarms/{id}", tag = "swarms", params(("id" = String, Path)),
    responses((status = 200, body = Object), (status = "4XX", body = ApiError)))]
pub async fn end(api: Data<Api>, caller: Caller, id: Path<String>) -> Result<HttpResponse, ApiError> {
    api.gateway.end(&id).await?;
    let deed = Deed { kind: "swarm", what: "end", subject: &id, result: "ok", detail: String::new() };
    api.gateway.commons().note(&caller, "http", deed);
    Ok(HttpResponse::Ok().json(json!({ "ok": true })))
}
