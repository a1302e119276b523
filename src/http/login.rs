//! Logging in and out with a browser: a token is shown once and a cookie kept, which no script can read.

use std::num::NonZeroU32;

use actix_web::http::header::{HOST, SET_COOKIE};
use actix_web::web::{Data, Json};
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

use crate::contract::access::{Caller, Gatekeeper as _, Identity, Proof, Role, cookie_name, name_of};
use crate::contract::error::{ApiError, ErrorCode};
use crate::contract::outgoing::rfc3339;
use crate::gateway::door::Deed;
use crate::gateway::limits::{Limiters, Rate};
use crate::swarm::wall_time_ms;

use super::Api;
use super::auth::token_hash;
use super::gate::{address_of, is_secure, login_of};
use super::runs::ask;

/// Tries of one address at once, of which one comes back each second.
const TRIES_BURST: u32 = 10;

/// A bucket of tries for each address.
pub struct Tries(Limiters);

impl Default for Tries {
    fn default() -> Self {
        let one = NonZeroU32::MIN;
        let burst = one.saturating_add(TRIES_BURST - 1);
        Self(Limiters::new(Rate { per_second: one, burst }))
    }
}

/// What a browser logs in with.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LoginRequest {
    /// An access token.
    token: String,
    /// What the operator wants to be called; absent: as the token.
    name: Option<String>,
}

/// Logs a browser in: sets a cookie (`HttpOnly`, `SameSite=Strict`; behind TLS `Secure` and named `__Host-hmrs`).
#[utoipa::path(post, path = "/api/login", tag = "access", request_body = LoginRequest,
    responses((status = 200, body = Object), (status = "4XX", body = ApiError)))]
pub async fn login(
    request: HttpRequest,
    api: Data<Api>,
    wish: Json<LoginRequest>,
) -> Result<HttpResponse, ApiError> {
    let address = address_of(&request);
    api.tries.0.of(&address).check().map_err(|mut error| {
        "too many logins from this address".clone_into(&mut error.message);
        error
    })?;
    if !api.tokens.needs_token() {
        let message = "this server asks nobody for a token: there is nothing to log in to";
        return Err(ApiError::new(ErrorCode::NotInState, message));
    }
    let wish = wish.into_inner();
    let identity = match api.tokens.identify(Proof::Token(wish.token.trim())) {
        Ok(identity) => identity,
        Err(refusal) => {
            let nobody = Caller { name: String::new(), identity: Identity::anyone(Role::Viewer), address };
            let deed = Deed {
                kind: "login",
                what: "",
                subject: "",
                result: "unauthorized",
                detail: refusal.message.clone(),
            };
            api.gateway.commons().note_stranger(&nobody, "http", deed);
            return Err(refusal);
        }
    };
    let name = name_of(wish.name.as_deref(), &identity, "operator");
    let gone = || ApiError::new(ErrorCode::Unauthorized, "the access token was revoked");
    let (secret, login) = api.tokens.new_login(&identity, &name).ok_or_else(gone)?;
    if let Some(old) = login_of(&request) {
        end(&api, &token_hash(old)).await;
    }
    let kept = login.clone();
    let is_stored = match ask(&api, move |store| store.begin_login(&kept)).await {
        Ok(()) => true,
        Err(error) => {
            log::warn!("a login lives as long as this server, no database keeps it: {}", error.message);
            false
        }
    };
    let (expires_ms, role) = (login.expires_ms, identity.role);
    api.tokens.enter(login, is_stored)?;
    let caller = Caller { name, identity, address };
    let subject = caller.identity.token.clone().unwrap_or_default();
    let deed = Deed { kind: "login", what: "", subject: &subject, result: "ok", detail: String::new() };
    api.gateway.commons().note(&caller, "http", deed);
    let life = expires_ms.saturating_sub(wall_time_ms()) / 1000;
    let body = json!({ "ok": true, "name": caller.name, "role": role, "expires": rfc3339(expires_ms) });
    Ok(HttpResponse::Ok().insert_header((SET_COOKIE, cookie(&request, &secret, life))).json(body))
}

/// `value` is of letters, digits, `-` and `_`, or empty to take the cookie back.
fn cookie(request: &HttpRequest, value: &str, life_s: u64) -> String {
    let secure = is_secure(request);
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = cookie_name(secure, host);
    let only_by_tls = if secure { "; Secure" } else { "" };
    format!("{name}={value}; Path=/; Max-Age={life_s}; HttpOnly; SameSite=Strict{only_by_tls}")
}

/// Ends a login everywhere; whether there was one.
async fn end(api: &Data<Api>, sha256: &str) -> bool {
    let hash = sha256.to_owned();
    if let Err(error) = ask(api, move |store| store.end_login(&hash)).await {
        log::warn!("a login that ended is still in the database: {}", error.message);
    }
    api.tokens.leave(sha256)
}

/// Logs the browser out, on all of its pages: the cookie is worth nothing from now on.
#[utoipa::path(post, path = "/api/logout", tag = "access", responses((status = 200, body = Object)))]
pub async fn logout(request: HttpRequest, api: Data<Api>) -> HttpResponse {
    let mut answer = HttpResponse::Ok();
    if let Some(secret) = login_of(&request) {
        let identity = api.tokens.identify(Proof::Login(secret));
        end(&api, &token_hash(secret)).await;
        answer.insert_header((SET_COOKIE, cookie(&request, "", 0)));
        if let Ok(identity) = identity {
            let name = name_of(None, &identity, "operator");
            let caller = Caller { name, identity, address: address_of(&request) };
            let subject = caller.identity.token.clone().unwrap_or_default();
            let deed =
                Deed { kind: "logout", what: "", subject: &subject, result: "ok", detail: String::new() };
            api.gateway.commons().note(&caller, "http", deed);
            api.gateway.put_out();
        }
    }
    answer.json(json!({ "ok": true }))
}

/// Who the caller is, for a console that cannot read its cookie.
#[utoipa::path(get, path = "/api/session", tag = "access", responses((status = 200, body = Object)))]
pub async fn session(api: Data<Api>, caller: Caller) -> HttpResponse {
    let by = match (&caller.identity.login, &caller.identity.token) {
        (Some(_), _) => "login",
        (None, Some(_)) => "token",
        (None, None) => "nothing",
    };
    let expires = api.tokens.login_expires_ms(&caller.identity).map(rfc3339);
    HttpResponse::Ok()
        .json(json!({ "name": caller.name, "role": caller.role(), "by": by, "expires": expires }))
}
