//! Recorded runs flown again: frames, replays, forks, comparisons.

use actix_web::HttpResponse;
use actix_web::web::{Data, Json, Path, Query};
use serde::Deserialize;
use serde_json::json;
use utoipa::{IntoParams, ToSchema};

use crate::contract::access::Caller;
use crate::contract::error::{ApiError, ErrorCode};
use crate::contract::incoming::Speed;
use crate::contract::outgoing::Place;
use crate::contract::past::{Fork, History};
use crate::gateway::archive::{PastFrames, ReplayWish};
use crate::gateway::door::Deed;
use crate::store::{FrameFilter, Store, StoreError};
use crate::swarm::Origin;

use super::runs::{ask, find};
use super::{Api, SwarmQuery};

/// Most recorded ticks of one answer.
const TICKS_MAX: u32 = 10_000;
/// Frames of recorded telemetry in one answer.
const FRAMES_MAX: u32 = 1_000;

/// Which ticks are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct TicksQuery {
    /// The first tick, 0 unless said.
    from: Option<u64>,
    /// The last tick; the newest unless said.
    to: Option<u64>,
    /// Every so many ticks, 1 unless said.
    every: Option<u64>,
}

impl TicksQuery {
    fn filter(&self, limit: u32) -> FrameFilter {
        FrameFilter {
            from: self.from.unwrap_or(0),
            to: self.to.unwrap_or(u64::MAX),
            every: self.every.unwrap_or(1),
            limit,
        }
    }
}

/// What was measured at the recorded ticks of a run, oldest first; at most 10,000 of them: go on with `from`.
#[utoipa::path(get, path = "/api/runs/{id}/metrics", tag = "runs", params(("id" = String, Path), TicksQuery),
    responses((status = 200, body = Object), (status = 404, body = ApiError)))]
pub async fn metrics(
    api: Data<Api>,
    id: Path<String>,
    query: Query<TicksQuery>,
) -> Result<HttpResponse, ApiError> {
    let run = find(&api, &id).await?;
    let metrics = read(&api, run.id, query.filter(TICKS_MAX), Store::metrics).await?;
    Ok(HttpResponse::Ok().json(json!({ "metrics": metrics })))
}

/// What the database has of some ticks of a run.
async fn read<T: Send + 'static>(
    api: &Api,
    id: String,
    filter: FrameFilter,
    question: fn(&Store, &str, &FrameFilter) -> Result<Vec<T>, StoreError>,
) -> Result<Vec<T>, ApiError> {
    ask(api, move |store| question(store, &id, &filter)).await
}

/// Where every drone was. Every tick that is asked for is flown again, bit for bit (`source` is `replay`); of a run that
/// this program cannot fly again, the recorded telemetry is given (`source` is `telemetry`).
#[utoipa::path(get, path = "/api/runs/{id}/frames", tag = "runs", params(("id" = String, Path), TicksQuery),
    responses((status = 200, body = Object), (status = "4XX", body = ApiError)))]
pub async fn frames(
    api: Data<Api>,
    id: Path<String>,
    query: Query<TicksQuery>,
) -> Result<HttpResponse, ApiError> {
    let run = find(&api, &id).await?;
    let wish = History {
        from_tick: query.from.unwrap_or(0),
        to_tick: query.to.unwrap_or(run.ticks),
        every: query.every.unwrap_or(1),
    };
    let answer = match api.gateway.history(&run.id, wish.checked()?).await {
        Ok(PastFrames { frames, last_tick, .. }) => {
            json!({ "source": "replay", "last_tick": last_tick, "frames": frames })
        }
        Err(error) if error.code == ErrorCode::Conflict => {
            let frames = read(&api, run.id, query.filter(FRAMES_MAX), Store::frames).await?;
            json!({ "source": "telemetry", "why": error.message, "last_tick": run.ticks, "frames": frames })
        }
        Err(error) => return Err(error),
    };
    Ok(HttpResponse::Ok().json(answer))
}

/// Frames of the past of the run that a swarm flies, as over Socket.IO with `history`.
#[utoipa::path(get, path = "/api/history", tag = "state", params(SwarmQuery, History),
    responses((status = 200, body = Object), (status = "4XX", body = ApiError)))]
pub async fn history(
    api: Data<Api>,
    swarm: Query<SwarmQuery>,
    wish: Query<WishedHistory>,
) -> Result<HttpResponse, ApiError> {
    let run = api.swarm(&swarm)?.run_id().await?;
    let WishedHistory { from_tick, to_tick, every } = wish.into_inner();
    let wish = History { from_tick, to_tick, every: every.unwrap_or(1) };
    Ok(HttpResponse::Ok().json(api.gateway.history(&run, wish.checked()?).await?))
}

/// [`History`] beside `swarm` in one query.
#[derive(Debug, Deserialize)]
pub struct WishedHistory {
    from_tick: u64,
    to_tick: u64,
    every: Option<u64>,
}

/// The other run.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct CompareQuery {
    /// Its id.
    with: String,
}

/// The first tick at which two runs differ, and in what.
#[utoipa::path(get, path = "/api/runs/{id}/compare", tag = "runs", params(("id" = String, Path), CompareQuery),
    responses((status = 200, body = Object), (status = "4XX", body = ApiError)))]
pub async fn compare(
    api: Data<Api>,
    id: Path<String>,
    query: Query<CompareQuery>,
) -> Result<HttpResponse, ApiError> {
    Ok(HttpResponse::Ok().json(api.gateway.compare(&id, &query.with).await?))
}

/// How a replay is to begin.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ReplayRequest {
    /// At which tick, 0 unless said.
    tick: Option<u64>,
    /// How fast, 1 unless said; 0.1 to 100.
    speed: Option<f64>,
    /// With the clock held.
    paused: bool,
    /// The id of its swarm; absent: the server makes one.
    name: Option<String>,
}

/// Plays a recorded run as a swarm of its own, in the namespace `/swarms/{id}`. `start`, `pause`, `step`, `set_speed`,
/// `seek` and `fork` work there; `DELETE /api/swarms/{id}` ends it.
#[utoipa::path(post, path = "/api/runs/{id}/replay", tag = "runs", params(("id" = String, Path)),
    request_body = ReplayRequest, responses((status = 201, body = Place), (status = "4XX", body = ApiError)))]
pub async fn replay(
    api: Data<Api>,
    caller: Caller,
    id: Path<String>,
    wish: Json<ReplayRequest>,
) -> Result<HttpResponse, ApiError> {
    let wish = wish.into_inner();
    let factor = wish.speed.unwrap_or(1.0);
    if !Speed::FACTOR.contains(&factor) {
        let (min, max) = (Speed::FACTOR.start(), Speed::FACTOR.end());
        let message = format!("speed is {factor}; it must be from {min} to {max}");
        return Err(ApiError::new(ErrorCode::OutOfRange, message).at("speed"));
    }
    let wish =
        ReplayWish { tick: wish.tick, speed: Speed::Factor(factor), is_paused: wish.paused, name: wish.name };
    let flying = api.gateway.replay(&id, wish).await?;
    put_up(&api, &caller, "replay", flying.place().await?)
}

/// Flies on from a tick of a recorded run, with other parameters if wished: a new run in a swarm of its own.
#[utoipa::path(post, path = "/api/runs/{id}/fork", tag = "runs", params(("id" = String, Path)),
    request_body = Fork, responses((status = 201, body = Place), (status = "4XX", body = ApiError)))]
pub async fn fork(
    api: Data<Api>,
    caller: Caller,
    id: Path<String>,
    fork: Json<Fork>,
) -> Result<HttpResponse, ApiError> {
    let origin = Origin { author: caller.name.clone(), via: "http" };
    let flying = api.gateway.fork(&id, fork.into_inner(), origin).await?;
    put_up(&api, &caller, "fork", flying.place().await?)
}

fn put_up(api: &Api, caller: &Caller, what: &str, place: Place) -> Result<HttpResponse, ApiError> {
    let Place { id, namespace, run_id } = place;
    let deed = Deed { kind: "swarm", what, subject: &id, result: "ok", detail: run_id.clone() };
    api.gateway.commons().note(caller, "http", deed);
    let answer = json!({ "ok": true, "id": id, "namespace": namespace, "run_id": run_id });
    Ok(HttpResponse::Created().json(answer))
}
