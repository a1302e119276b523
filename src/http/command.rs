//! Commands over HTTP: the same envelope, the same ledger and the same ack as over Socket.IO.

use actix_web::HttpResponse;
use actix_web::web::{Bytes, Data, Query};
use serde_json::{Value, json};

use crate::contract::access::Caller;
use crate::contract::error::ApiError;
use crate::contract::incoming::command_id_of;
use crate::gateway::commands;

use super::{Api, SwarmQuery, beside::beside, error};

/// Gives a command.
#[utoipa::path(post, path = "/api/command", tag = "commands", params(SwarmQuery), request_body = Object,
    responses((status = 200, body = crate::contract::outgoing::Ack), (status = "4XX", body = ApiError)))]
pub async fn command(
    caller: Caller,
    api: Data<Api>,
    query: Query<SwarmQuery>,
    body: Bytes,
) -> Result<HttpResponse, ApiError> {
    let command = parse(body).await?;
    give(&caller, &api, &query, command).await
}

async fn parse(body: Bytes) -> Result<Value, ApiError> {
    beside(body.len(), move || read(&body)).await?
}

fn read(body: &[u8]) -> Result<Value, ApiError> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(json!({}));
    }
    serde_json::from_slice(body)
        .map_err(|e| ApiError::bad_request("body", format!("the body is not JSON: {e}")))
}

async fn give(
    caller: &Caller,
    api: &Api,
    query: &SwarmQuery,
    command: Value,
) -> Result<HttpResponse, ApiError> {
    let command_id = command_id_of(&command);
    let flying = match api.swarm(query) {
        Ok(flying) => flying,
        Err(refusal) => return Ok(error::answer(&refusal, command_id.as_deref())),
    };
    let limiter = api.gateway.commons().allowances.commands.of(caller.account());
    Ok(match commands::give(&api.gateway, &flying, &limiter, caller, "http", command).await {
        Ok(ack) => HttpResponse::Ok().json(ack),
        Err((refusal, command_id)) => error::answer(&refusal, command_id.as_deref()),
    })
}

/// An old path: the body holds the parameters, or is empty.
async fn short_form(
    name: &str,
    caller: Caller,
    api: Data<Api>,
    query: Query<SwarmQuery>,
    body: Bytes,
) -> Result<HttpResponse, ApiError> {
    let Value::Object(mut params) = parse(body).await? else {
        return Err(ApiError::bad_request("body", "the body must be a JSON object; {} will do"));
    };
    let command_id = params.remove("command_id").unwrap_or(Value::Null);
    if name == "spawn" && !params.contains_key("type") {
        // The old clients left the type to the server.
        let now = api.swarm(&query)?.desk.first().await;
        let types = now.map(|now| now.run.types.clone()).unwrap_or_default();
        params.insert("type".to_owned(), types[0]["name"].clone());
    }
    let command = json!({ "command_id": command_id, "command": name, "params": params });
    give(&caller, &api, &query, command).await
}

macro_rules! short_forms {
    ($($(#[$doc:meta])* $handler:ident: $path:literal => $command:literal;)*) => {$(
        $(#[$doc])*
        #[utoipa::path(post, path = $path, tag = "commands", params(SwarmQuery), request_body = Object,
            responses((status = 200, body = crate::contract::outgoing::Ack), (status = "4XX", body = ApiError)))]
        pub async fn $handler(
            caller: Caller,
            api: Data<Api>,
            query: Query<SwarmQuery>,
            body: Bytes,
        ) -> Result<HttpResponse, ApiError> {
            short_form($command, caller, api, query, body).await
        }
    )*};
}

short_forms! {
    /// Old path: begins a new run, as `reset` does.
    prepare: "/api/prepare" => "reset";
    /// Old path: adds drones, as `spawn` does.
    spawn: "/api/spawn" => "spawn";
    /// Old path: lets the clock run. Never changes the scene.
    start: "/api/start" => "start";
    /// Old path: holds the clock.
    pause: "/api/pause" => "pause";
    /// Old path: closes the run.
    stop: "/api/stop" => "stop";
    /// Old path: begins a new run.
    reset: "/api/reset" => "reset";
}
