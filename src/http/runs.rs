//! Recorded runs.

use actix_web::HttpResponse;
use actix_web::web::{self, Data, Path, Query};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::IntoParams;

use crate::contract::error::{ApiError, ErrorCode};
use crate::contract::outgoing::rfc3339;
use crate::store::{Run, RunFilter, Store, StoreError};

use super::Api;

/// Runs of one page.
const LIMIT_MAX: u32 = 1000;

/// Asks the database on a thread that may wait for it.
pub(super) async fn ask<T: Send + 'static>(
    api: &Api,
    question: impl FnOnce(&Store) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, ApiError> {
    let store = api.store.clone().ok_or_else(|| {
        ApiError::new(
            ErrorCode::NotFound,
            "this server records nothing: it was started with --database-url none",
        )
    })?;
    let given_up = |_| ApiError::new(ErrorCode::Internal, "the question to the database was given up");
    Ok(web::block(move || question(&store)).await.map_err(given_up)??)
}

fn describe(run: &Run) -> Value {
    json!({
        "id": run.id,
        "swarm": run.swarm,
        "scenario": run.scenario,
        "seed": run.seed,
        "tick_s": run.tick_s,
        "version": run.version,
        "started": rfc3339(run.started_ms),
        "ended": run.ended_ms.map(rfc3339),
        "ticks": run.ticks,
        "status": run.status,
        "final_hash": run.final_hash,
        "parent": run.parent,
        "fork_tick": run.fork_tick,
    })
}

/// Which runs are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct RunsQuery {
    /// At most so many, 100 unless said.
    limit: Option<u32>,
    /// Only runs after this one: the last of the page before.
    after: Option<String>,
    /// Only runs with this text in their id, scenario, swarm or status.
    q: Option<String>,
}

/// Recorded runs, newest first.
#[utoipa::path(get, path = "/api/runs", tag = "runs", params(RunsQuery), responses((status = 200, body = Object)))]
pub async fn list(api: Data<Api>, query: Query<RunsQuery>) -> Result<HttpResponse, ApiError> {
    let query = query.into_inner();
    let limit = query.limit.unwrap_or(100).clamp(1, LIMIT_MAX);
    let filter = RunFilter { limit, after: query.after, q: query.q };
    let runs = ask(&api, move |store| store.runs(&filter)).await?;
    Ok(HttpResponse::Ok().json(json!({ "runs": runs.iter().map(describe).collect::<Vec<_>>() })))
}

pub(super) async fn find(api: &Api, id: &str) -> Result<Run, ApiError> {
    let wanted = id.to_owned();
    let run = ask(api, move |store| store.run(&wanted)).await?;
    run.ok_or_else(|| ApiError::new(ErrorCode::NotFound, format!("there is no run {id:?}")).at("id"))
}

/// One recorded run.
#[utoipa::path(get, path = "/api/runs/{id}", tag = "runs", params(("id" = String, Path)),
    responses((status = 200, body = Object), (status = 404, body = ApiError)))]
pub async fn get(api: Data<Api>, id: Path<String>) -> Result<HttpResponse, ApiError> {
    Ok(HttpResponse::Ok().json(describe(&find(&api, &id).await?)))
}

/// A run's journal: every command and parameter change, with author and tick.
#[utoipa::path(get, path = "/api/runs/{id}/journal", tag = "runs", params(("id" = String, Path)),
    responses((status = 200, body = Object), (status = 404, body = ApiError)))]
pub async fn journal(api: Data<Api>, id: Path<String>) -> Result<HttpResponse, ApiError> {
    let id = find(&api, &id).await?.id;
    let entries = ask(&api, move |store| store.journal(&id)).await?;
    Ok(HttpResponse::Ok().json(json!({ "entries": entries })))
}
