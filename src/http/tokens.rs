//! Access tokens and the audit trail, for admins.

use actix_web::HttpResponse;
use actix_web::web::{Data, Json, Path, Query};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};

use crate::contract::access::{Caller, Role};
use crate::contract::error::{ApiError, ErrorCode};
use crate::contract::outgoing::rfc3339;
use crate::gateway::door::Deed;
use crate::store::{AuditFilter, NewToken, Token};
use crate::swarm::wall_time_ms;

use super::Api;
use super::auth::{new_token, token_hash};
use super::runs::ask;

/// Entries of one page of the trail.
const PAGE_MAX: u32 = 1000;
const NAME_CHARS_MAX: usize = 64;

/// A token to be stored, with the word that only whoever asked for it ever sees.
pub fn make(role: Role, name: &str, days: Option<u32>) -> (String, NewToken) {
    let (token, now) = (new_token(), wall_time_ms());
    let new = NewToken {
        id: format!("t-{:012x}", rand::random::<u64>() >> 16),
        name: name.to_owned(),
        role: role.as_str().to_owned(),
        sha256: token_hash(&token),
        created_ms: now,
        expires_ms: days.map(|days| now + u64::from(days) * 86_400_000),
    };
    (token, new)
}

fn describe(token: &Token) -> Value {
    json!({
        "id": token.id,
        "name": token.name,
        "role": token.role,
        "created": rfc3339(token.created_ms),
        "expires": token.expires_ms.map(rfc3339),
        "revoked": token.revoked_ms.map(rfc3339),
        "valid": token.is_valid_at(wall_time_ms()),
    })
}

/// The tokens: what they are called and allow, never what they are.
#[utoipa::path(get, path = "/api/tokens", tag = "access", responses((status = 200, body = Object)))]
pub async fn list(api: Data<Api>) -> Result<HttpResponse, ApiError> {
    let tokens = ask(&api, |store| store.tokens()).await?;
    Ok(HttpResponse::Ok().json(json!({ "tokens": tokens.iter().map(describe).collect::<Vec<_>>() })))
}

/// A token to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenRequest {
    /// What it allows.
    role: Role,
    /// What it is called, 1 to 64 characters.
    name: String,
    /// Days until it is refused, 1 to 36,500; absent: never.
    days: Option<u32>,
}

/// Makes a token. The answer is the only place where it is ever shown.
#[utoipa::path(post, path = "/api/tokens", tag = "access", request_body = TokenRequest,
    responses((status = 201, body = Object), (status = "4XX", body = ApiError)))]
pub async fn create(
    api: Data<Api>,
    caller: Caller,
    wish: Json<TokenRequest>,
) -> Result<HttpResponse, ApiError> {
    let TokenRequest { role, name, days } = wish.into_inner();
    if name.trim().is_empty() || name.chars().count() > NAME_CHARS_MAX {
        return Err(ApiError::bad_request("name", format!("a name has 1 to {NAME_CHARS_MAX} characters")));
    }
    if days.is_some_and(|days| !(1..=36_500).contains(&days)) {
        return Err(ApiError::new(ErrorCode::OutOfRange, "days must be from 1 to 36500").at("days"));
    }
    let (token, new) = make(role, name.trim(), days);
    let (id, kept) = (new.id.clone(), new);
    ask(&api, move |store| store.create_token(&kept)).await?;
    changed(&api, &caller, "create", &id, format!("{} {:?}", role.as_str(), name.trim())).await;
    Ok(HttpResponse::Created().json(json!({ "ok": true, "id": id, "token": token })))
}

/// Takes a token back: whoever uses it is cut off at once, here, and within seconds on other servers.
#[utoipa::path(delete, path = "/api/tokens/{id}", tag = "access", params(("id" = String, Path)),
    responses((status = 200, body = Object), (status = 404, body = ApiError)))]
pub async fn revoke(api: Data<Api>, caller: Caller, id: Path<String>) -> Result<HttpResponse, ApiError> {
    let wanted = id.clone();
    if !ask(&api, move |store| store.revoke_token(&wanted, wall_time_ms())).await? {
        let message = format!("there is no token {:?} that is not revoked", *id);
        return Err(ApiError::new(ErrorCode::NotFound, message).at("id"));
    }
    changed(&api, &caller, "revoke", &id, String::new()).await;
    Ok(HttpResponse::Ok().json(json!({ "ok": true })))
}

/// Notes a change of the tokens, and makes it count.
async fn changed(api: &Data<Api>, caller: &Caller, what: &str, id: &str, detail: String) {
    let deed = Deed { kind: "token", what, subject: id, result: "ok", detail };
    api.gateway.commons().note(caller, "http", deed);
    let tokens = api.tokens.clone();
    if let Err(error) = ask(api, move |store| tokens.refresh(store)).await {
        log::warn!("a change of the tokens counts a little later: {}", error.message);
    }
    api.gateway.put_out();
}

/// Which entries are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct AuditQuery {
    /// At most so many, 100 unless said.
    limit: Option<u32>,
    /// Only entries older than the one with this id: the last of the page before.
    before: Option<String>,
    /// Only this kind: command, login, logout, cut, token, swarm, lease, route.
    kind: Option<String>,
    /// Only of whoever goes by this name.
    who: Option<String>,
}

/// The audit trail, newest first: every command, login, logout and change of a token, also those that were refused.
#[utoipa::path(get, path = "/api/audit", tag = "access", params(AuditQuery), responses((status = 200, body = Object)))]
pub async fn audit(api: Data<Api>, query: Query<AuditQuery>) -> Result<HttpResponse, ApiError> {
    let AuditQuery { limit, before, kind, who } = query.into_inner();
    let filter = AuditFilter { limit: limit.unwrap_or(100).clamp(1, PAGE_MAX), before, kind, who };
    let entries = ask(&api, move |store| store.audit(&filter)).await?;
    Ok(HttpResponse::Ok().json(json!({ "entries": entries })))
}
