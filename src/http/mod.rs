//! Every route of the server on one screen.
//!
//! Nothing here knows a rule of the simulation: handlers read a swarm's desk, or hand a command to the gateway.

pub mod assets;
pub mod auth;
mod beside;
mod command;
mod error;
mod export;
mod gate;
mod guard;
mod health;
mod login;
mod metrics;
mod openapi;
mod past;
mod proxy;
mod runs;
mod scenarios;
pub mod site_image;
mod status;
mod swarms;
pub mod tiles;
pub mod tokens;
mod trace;

use std::sync::Arc;

use actix_web::web::{self, Data, ServiceConfig};

use crate::contract::error::ApiError;
use crate::gateway::{DEFAULT_SWARM, Flying, Gateway};
use crate::store::Store;

pub use gate::gate;
pub use guard::{Origins, guard};
pub use proxy::Proxies;
pub use trace::trace;

/// Largest JSON body of a request, bytes.
const BODY_BYTES_MAX: usize = 1_100_000;

/// What handlers know.
#[derive(Clone)]
pub struct Api {
    /// The swarms.
    pub gateway: Gateway,
    /// The recorded runs; `None` if this server records nothing.
    pub store: Option<Store>,
    /// Where the console's files come from.
    pub assets: assets::Assets,
    /// Tokens and logins.
    pub tokens: auth::Tokens,
    tries: Arc<login::Tries>,
}

impl Api {
    /// What handlers of every worker share.
    pub fn new(gateway: Gateway, store: Option<Store>, assets: assets::Assets, tokens: auth::Tokens) -> Self {
        Self { gateway, store, assets, tokens, tries: Arc::default() }
    }

    /// The swarm that `?swarm=` names, or the default one.
    fn swarm(&self, query: &SwarmQuery) -> Result<Arc<Flying>, ApiError> {
        self.gateway.swarm(query.swarm.as_deref().unwrap_or(DEFAULT_SWARM))
    }
}

/// `?swarm=ID`: which swarm a route acts on.
#[derive(Debug, serde::Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct SwarmQuery {
    /// The swarm's id; absent: the default swarm.
    swarm: Option<String>,
}

/// Mounts every route. What each takes stands in [`crate::contract::rights`]; [`gate`] asks before them.
pub fn routes(api: Api) -> impl FnOnce(&mut ServiceConfig) {
    move |config| {
        config
            .app_data(error::json_config(BODY_BYTES_MAX))
            .app_data(error::query_config())
            .app_data(Data::new(api.clone()))
            .service(
                web::scope("/api")
                    .route("/health", web::get().to(health::health))
                    .route("/status", web::get().to(status::status))
                    .route("/realtime-status", web::get().to(status::status))
                    .route("/drones", web::get().to(status::drones))
                    .route("/drones/{id}", web::get().to(status::drone))
                    .route("/visualization", web::get().to(status::visualization))
                    .route("/mission", web::get().to(status::mission))
                    .route("/mission/report", web::get().to(status::mission_report))
                    .route("/logs", web::get().to(status::logs))
                    .route("/commands", web::get().to(status::commands))
                    .route("/params", web::get().to(status::params))
                    .route("/metrics", web::get().to(status::metrics))
                    .route("/server-metrics", web::get().to(metrics::metrics))
                    .route("/config", web::get().to(status::config))
                    .route("/tiles/{z}/{x}/{y}", web::get().to(tiles::tile))
                    .route("/site-image", web::get().to(site_image::site_image))
                    .route("/login", web::post().to(login::login))
                    .route("/logout", web::post().to(login::logout))
                    .route("/session", web::get().to(login::session))
                    .route("/tokens", web::get().to(tokens::list))
                    .route("/tokens", web::post().to(tokens::create))
                    .route("/tokens/{id}", web::delete().to(tokens::revoke))
                    .route("/audit", web::get().to(tokens::audit))
                    .route("/command", web::post().to(command::command))
                    .route("/prepare", web::post().to(command::prepare))
                    .route("/spawn", web::post().to(command::spawn))
                    .route("/start", web::post().to(command::start))
                    .route("/pause", web::post().to(command::pause))
                    .route("/stop", web::post().to(command::stop))
                    .route("/reset", web::post().to(command::reset))
                    .route("/swarms", web::get().to(swarms::list))
                    .route("/swarms", web::post().to(swarms::launch))
                    .route("/swarms/{id}", web::delete().to(swarms::end))
                    .route("/scenarios", web::get().to(scenarios::list))
                    .route("/scenarios/check", web::post().to(scenarios::check))
                    .route("/scenarios/{name}", web::get().to(scenarios::get))
                    .route("/runs", web::get().to(runs::list))
                    .route("/runs/{id}", web::get().to(runs::get))
                    .route("/runs/{id}/journal", web::get().to(runs::journal))
                    .route("/runs/{id}/metrics", web::get().to(past::metrics))
                    .route("/runs/{id}/export", web::get().to(export::export))
                    .route("/runs/{id}/frames", web::get().to(past::frames))
                    .route("/runs/{id}/compare", web::get().to(past::compare))
                    .route("/runs/{id}/replay", web::post().to(past::replay))
                    .route("/runs/{id}/fork", web::post().to(past::fork))
                    .route("/history", web::get().to(past::history))
                    .route("/openapi.json", web::get().to(openapi::openapi))
                    .default_service(web::to(error::not_found)),
            )
            .route("/healthz", web::get().to(health::alive))
            .route("/readyz", web::get().to(health::ready))
            .route("/metrics", web::get().to(metrics::metrics))
            .configure(assets::routes(api.assets));
    }
}
