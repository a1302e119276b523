//! What can be flown.

use actix_web::HttpResponse;
use actix_web::web::{Bytes, Data, Path};
use serde_json::{Value, json};

use crate::contract::error::{ApiError, ErrorCode};
use crate::sim::Scenario;

use super::{Api, beside::beside};

/// The scenarios that can be loaded by name.
#[utoipa::path(get, path = "/api/scenarios", tag = "scenarios", responses((status = 200, body = Object)))]
pub async fn list(api: Data<Api>) -> Result<HttpResponse, ApiError> {
    let shelf = &api.gateway.commons().shelf;
    let scenarios: Vec<Value> = shelf
        .names()
        .iter()
        .filter_map(|name| shelf.scenario(name)?.ok())
        .map(|s| json!({ "name": s.name, "title": s.title, "seed": s.seed, "tick_s": s.tick_s, "hash": format!("{:016x}", s.hash()) }))
        .collect();
    Ok(HttpResponse::Ok().json(json!({ "scenarios": scenarios })))
}

/// One scenario with its source.
#[utoipa::path(get, path = "/api/scenarios/{name}", tag = "scenarios", params(("name" = String, Path)),
    responses((status = 200, body = Object), (status = 404, body = ApiError)))]
pub async fn get(api: Data<Api>, name: Path<String>) -> Result<HttpResponse, ApiError> {
    let shelf = &api.gateway.commons().shelf;
    match shelf.text(&name) {
        Some(text) => Ok(HttpResponse::Ok().json(json!({ "name": *name, "text": text }))),
        None => {
            let message = format!("there is no scenario {:?}; known are {}", *name, shelf.names().join(", "));
            Err(ApiError::new(ErrorCode::NotFound, message).at("name"))
        }
    }
}

/// Checks a scenario: send its text as it is, or as `{"text": …}`.
#[utoipa::path(post, path = "/api/scenarios/check", tag = "scenarios", request_body = String,
    responses((status = 200, body = Object, description = "{\"ok\", \"errors\": [{line, column, field, message}]}")))]
pub async fn check(body: Bytes) -> Result<HttpResponse, ApiError> {
    let answer = beside(body.len(), move || verdict(&body)).await??;
    Ok(HttpResponse::Ok().json(answer))
}

fn verdict(body: &[u8]) -> Result<Value, ApiError> {
    let text =
        std::str::from_utf8(body).map_err(|_| ApiError::bad_request("body", "a scenario is UTF-8 text"))?;
    let wrapped: Option<String> = serde_json::from_str::<Value>(text)
        .ok()
        .and_then(|value| Some(value.get("text")?.as_str()?.to_owned()));
    Ok(match Scenario::parse(wrapped.as_deref().unwrap_or(text)) {
        Ok(scenario) => json!({ "ok": true, "name": scenario.name, "errors": [] }),
        Err(errors) => {
            let errors: Vec<Value> = errors
                .iter()
                .map(
                    |e| json!({ "line": e.line, "column": e.column, "field": e.field, "message": e.message }),
                )
                .collect();
            json!({ "ok": false, "errors": errors })
        }
    })
}
