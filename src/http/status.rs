//! What is going on, from a swarm's desk: the same payloads that the Socket.IO events carry.

use actix_web::HttpResponse;
use actix_web::web::{Data, Path, Query};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::IntoParams;

use crate::contract::error::{ApiError, ErrorCode};
use crate::contract::mission;
use crate::contract::outgoing::{self, LogEntry, Status};
use crate::gateway::desk::{LogQuery, Now};
use crate::sim::Level;
use crate::sim::mission::Report;
use crate::sim::predicate::{Predicate, Subject};

use super::{Api, SwarmQuery};

/// Log entries of one answer, unless `limit` says less.
const LOG_LIMIT: usize = 1000;

/// The newest publication of the swarm that the request names, for whoever may look.
async fn look(api: &Api, query: &SwarmQuery) -> Result<Now, ApiError> {
    let now = api.swarm(query)?.desk.first().await;
    now.ok_or_else(|| ApiError::new(ErrorCode::Unavailable, "the swarm is just starting; try again"))
}

fn json_text(text: impl Into<String>) -> HttpResponse {
    HttpResponse::Ok().content_type("application/json").body(text.into())
}

/// The swarm in numbers: the last `status-update`.
#[utoipa::path(get, path = "/api/status", tag = "state", params(SwarmQuery), responses((status = 200, body = Status)))]
pub async fn status(api: Data<Api>, query: Query<SwarmQuery>) -> Result<HttpResponse, ApiError> {
    Ok(json_text(look(&api, &query).await?.status.as_ref()))
}

/// Which drones are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct DronesQuery {
    /// Only this group.
    group: Option<String>,
    /// Only this mode.
    mode: Option<String>,
    /// At most so many.
    limit: Option<usize>,
    /// Only drones after this id, in the swarm's order: the last one of the page before.
    after: Option<String>,
    /// Only drones for which this holds, as in a command's targets: `battery < 30 & near 0,0,50`.
    #[serde(rename = "where")]
    predicate: Option<String>,
}

/// The drones: the last `drones-update`.
#[utoipa::path(get, path = "/api/drones", tag = "state", params(SwarmQuery, DronesQuery), responses((status = 200, body = Object)))]
pub async fn drones(
    api: Data<Api>,
    query: Query<SwarmQuery>,
    wanted: Query<DronesQuery>,
) -> Result<HttpResponse, ApiError> {
    let now = look(&api, &query).await?;
    let snapshot = &now.report.snapshot;
    let rows = &snapshot.table.rows;
    let first = match &wanted.after {
        None => 0,
        Some(id) => {
            let slot = rows.iter().position(|row| *row.id == **id);
            slot.ok_or_else(|| {
                ApiError::new(ErrorCode::UnknownDrone, format!("there is no drone {id:?}")).at("after")
            })? + 1
        }
    };
    let wrong = |message| ApiError::bad_request("where", message);
    let predicate = wanted.predicate.as_deref().map(Predicate::parse).transpose().map_err(wrong)?;
    let left = std::cell::Cell::new(wanted.limit.unwrap_or(usize::MAX));
    let json = outgoing::drones_json(snapshot, now.seq, now.report.wall_time_ms, |slot, drone| {
        let keep = slot >= first
            && left.get() > 0
            && wanted.group.as_deref().is_none_or(|group| rows[slot].group.as_deref() == Some(group))
            && wanted.mode.as_deref().is_none_or(|mode| drone.mode.name() == mode)
            && predicate.as_ref().is_none_or(|predicate| {
                predicate.holds_for(&Subject::shown(&rows[slot], drone, now.run.scenario.tick_s))
            });
        left.set(left.get() - usize::from(keep));
        keep
    });
    Ok(json_text(json))
}

/// One drone in full: type, capabilities, mission, command, faults.
#[utoipa::path(get, path = "/api/drones/{id}", tag = "state", params(SwarmQuery, ("id" = String, Path)),
    responses((status = 200, body = Object), (status = 404, body = ApiError)))]
pub async fn drone(
    api: Data<Api>,
    query: Query<SwarmQuery>,
    id: Path<String>,
) -> Result<HttpResponse, ApiError> {
    let flying = api.swarm(&query)?;
    match flying.helm.describe(id.clone()).await? {
        Some(drone) => Ok(HttpResponse::Ok().json(drone)),
        None => Err(ApiError::new(ErrorCode::UnknownDrone, format!("there is no drone {:?}", *id)).at("id")),
    }
}

/// Trails, goals, fences, obstacles: the last `visualization-update`.
#[utoipa::path(get, path = "/api/visualization", tag = "state", params(SwarmQuery), responses((status = 200, body = Object)))]
pub async fn visualization(api: Data<Api>, query: Query<SwarmQuery>) -> Result<HttpResponse, ApiError> {
    Ok(json_text(look(&api, &query).await?.visualization.as_ref()))
}

/// The mission: what the swarm believes of its site, tasks, drones, rules. As in `visualization-update`, but of this moment.
#[utoipa::path(get, path = "/api/mission", tag = "state", params(SwarmQuery),
    responses((status = 200, body = Object), (status = 404, body = ApiError)))]
pub async fn mission(api: Data<Api>, query: Query<SwarmQuery>) -> Result<HttpResponse, ApiError> {
    let now = look(&api, &query).await?;
    match mission::block(&now.run.scenario, now.run.seed, &now.report.snapshot) {
        Value::Null => Err(no_mission(&now)),
        block => Ok(HttpResponse::Ok().json(block)),
    }
}

/// What the mission came to, or has come to so far.
#[utoipa::path(get, path = "/api/mission/report", tag = "state", params(SwarmQuery),
    responses((status = 200, body = Object), (status = 404, body = ApiError)))]
pub async fn mission_report(api: Data<Api>, query: Query<SwarmQuery>) -> Result<HttpResponse, ApiError> {
    let now = look(&api, &query).await?;
    let report = Report::new(&now.run.scenario, now.run.seed, &now.report.snapshot);
    Ok(HttpResponse::Ok().json(report.ok_or_else(|| no_mission(&now))?))
}

fn no_mission(now: &Now) -> ApiError {
    ApiError::new(ErrorCode::NotFound, format!("the scenario {} has no mission", now.run.scenario.name))
}

/// Which log entries are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct LogsQuery {
    /// Only entries after this `seq`.
    after: Option<u64>,
    /// Only this level and worse: debug, info, warning, error, critical.
    level: Option<String>,
    /// Only from this source: a drone's id, `swarm`, an operator's name.
    source: Option<String>,
    /// At most so many, 1000 unless said.
    limit: Option<usize>,
}

/// The log, oldest entry first; without `after` the newest entries.
#[utoipa::path(get, path = "/api/logs", tag = "state", params(SwarmQuery, LogsQuery),
    responses((status = 200, body = Object, description = "{\"entries\": [LogEntry]}")))]
pub async fn logs(
    api: Data<Api>,
    query: Query<SwarmQuery>,
    wanted: Query<LogsQuery>,
) -> Result<HttpResponse, ApiError> {
    let level = wanted.level.as_deref().map(parse_level).transpose()?;
    let entries: Vec<LogEntry> = api.swarm(&query)?.desk.log(&LogQuery {
        after: wanted.after.unwrap_or(0),
        level,
        source: wanted.source.clone(),
        limit: wanted.limit.unwrap_or(LOG_LIMIT).min(LOG_LIMIT),
    });
    Ok(HttpResponse::Ok().json(json!({ "entries": entries })))
}

fn parse_level(name: &str) -> Result<Level, ApiError> {
    serde_json::from_value(Value::from(name)).map_err(|_| {
        ApiError::bad_request(
            "level",
            format!("{name:?} is no level; levels are debug, info, warning, error, critical"),
        )
    })
}

/// The newest commands of this run and what became of them, oldest first.
#[utoipa::path(get, path = "/api/commands", tag = "commands", params(SwarmQuery),
    responses((status = 200, body = Object, description = "{\"commands\": [CommandRecord]}")))]
pub async fn commands(api: Data<Api>, query: Query<SwarmQuery>) -> Result<HttpResponse, ApiError> {
    Ok(HttpResponse::Ok().json(json!({ "commands": api.swarm(&query)?.desk.commands() })))
}

/// The tunable parameters, with unit, range, default and value.
#[utoipa::path(get, path = "/api/params", tag = "state", params(SwarmQuery), responses((status = 200, body = Object)))]
pub async fn params(api: Data<Api>, query: Query<SwarmQuery>) -> Result<HttpResponse, ApiError> {
    let flying = api.swarm(&query)?;
    let params = flying.helm.params().await?;
    Ok(HttpResponse::Ok().json(json!({ "params": params })))
}

/// What a console needs before it connects. Asks for no token.
#[utoipa::path(get, path = "/api/config", tag = "server", responses((status = 200, body = Object)))]
pub async fn config(api: Data<Api>) -> HttpResponse {
    let swarms: Vec<String> = api.gateway.swarms().iter().map(|flying| flying.id.to_string()).collect();
    HttpResponse::Ok().json(json!({
        "version": env!("CARGO_PKG_VERSION"),
        "build": api.gateway.commons().build,
        "needs_token": api.gateway.commons().gatekeeper.needs_token(),
        "swarms": swarms,
        "tiles": api.assets.tiles.as_ref().map(|tiles| tiles.config()),
        "site_image": api.assets.site_image.as_ref().map(|image| image.config()),
    }))
}

/// Every figure of the run so far: what it means, its value, its aggregates; and the safety report.
#[utoipa::path(get, path = "/api/metrics", tag = "state", params(SwarmQuery), responses((status = 200, body = Object)))]
pub async fn metrics(api: Data<Api>, query: Query<SwarmQuery>) -> Result<HttpResponse, ApiError> {
    let flying = api.swarm(&query)?;
    Ok(HttpResponse::Ok().json(flying.helm.measure().await?))
}
