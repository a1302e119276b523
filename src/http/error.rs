//! Errors as HTTP answers: `{"ok": false, "error": {"code", "message", "field"?}}` with the fitting status.

use actix_web::body::EitherBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::{InternalError, JsonPayloadError};
use actix_web::http::header::RETRY_AFTER;
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse, ResponseError, web};

use crate::contract::error::{ApiError, ErrorCode};

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        answer(self, None)
    }
}

/// The answer to a request that cannot be done, naming its command if it had one.
pub fn answer(error: &ApiError, command_id: Option<&str>) -> HttpResponse {
    let mut response = HttpResponse::build(error.status_code());
    if let Some(ms) = error.retry_after_ms {
        response.insert_header((RETRY_AFTER, ms.div_ceil(1000).to_string()));
    }
    if error.code == ErrorCode::Unauthorized {
        response.insert_header(("WWW-Authenticate", "Bearer"));
    }
    response.json(error.body(command_id))
}

/// The answer of a middleware that does not let `request` pass.
pub fn refuse<B>(request: ServiceRequest, refusal: &ApiError) -> ServiceResponse<EitherBody<B>> {
    request.into_response(answer(refusal, None)).map_into_right_body()
}

/// JSON bodies up to `bytes_max`, refused in our form.
pub fn json_config(bytes_max: usize) -> web::JsonConfig {
    web::JsonConfig::default().limit(bytes_max).error_handler(move |error, _| {
        let ours = match &error {
            JsonPayloadError::Overflow { .. } | JsonPayloadError::OverflowKnownLength { .. } => {
                ApiError::new(ErrorCode::TooLarge, format!("the body is larger than {bytes_max} bytes"))
            }
            JsonPayloadError::ContentType => ApiError::bad_request(
                "content-type",
                "the body must be JSON with Content-Type: application/json",
            ),
            other => ApiError::bad_request("body", format!("the body is not JSON as expected: {other}")),
        };
        let response = answer(&ours, None);
        InternalError::from_response(error, response).into()
    })
}

/// Query strings, refused in our form.
pub fn query_config() -> web::QueryConfig {
    web::QueryConfig::default().error_handler(|error, _| {
        let response = answer(&ApiError::bad_request("query", error.to_string()), None);
        InternalError::from_response(error, response).into()
    })
}

/// There is no such route.
pub fn no_route(method: &Method, path: &str) -> ApiError {
    let message = format!("there is no route {method} {path}; GET /api/openapi.json lists them");
    ApiError::new(ErrorCode::NotFound, message)
}

/// Any path under `/api` that is none of ours.
pub async fn not_found(request: HttpRequest) -> Result<HttpResponse, ApiError> {
    Err(no_route(request.method(), request.path()))
}
