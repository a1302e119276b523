//! The description of the API that programs can read, generated from the handlers.

use actix_web::HttpResponse;
use utoipa::OpenApi;

use super::{
    command, export, health, login, past, runs, scenarios, site_image, status, swarms, tiles, tokens,
};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "HMRS",
        description = "A live drone-swarm simulation server. Every route acts on the default swarm; `?swarm=ID` names another."
    ),
    paths(
        health::health,
        health::alive,
        health::ready,
        login::login,
        login::logout,
        login::session,
        tokens::list,
        tokens::create,
        tokens::revoke,
        tokens::audit,
        status::status,
        status::drones,
        status::drone,
        status::visualization,
        status::mission,
        status::mission_report,
        status::logs,
        status::commands,
        status::params,
        status::metrics,
        status::config,
        tiles::tile,
        site_image::site_image,
        command::command,
        command::prepare,
        command::spawn,
        command::start,
        command::pause,
        command::stop,
        command::reset,
        swarms::list,
        swarms::launch,
        swarms::end,
        scenarios::list,
        scenarios::get,
        scenarios::check,
        runs::list,
        runs::get,
        runs::journal,
        export::export,
        past::metrics,
        past::frames,
        past::compare,
        past::replay,
        past::fork,
        past::history,
    )
)]
struct Description;

/// `GET /api/openapi.json`.
pub async fn openapi() -> HttpResponse {
    HttpResponse::Ok().json(Description::openapi())
}
