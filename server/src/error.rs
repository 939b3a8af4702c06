//! The answers to failed HTTP requests.
//!
//! In the path: every handler of the API returns an [`ApiError`]. [`number`] runs around all routes.
//!
//! Invariants: one `match` leads from error to status. Every body of the API has Kore's shape
//! `{"errors":[{"msg","code"}]}`. A 5xx holds only a request id; its chain of causes is logged once, here. A body from
//! outside is never repeated in an answer or in the log.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use protocol::error::ErrorBody;
use protocol::json;
use serde::de::DeserializeOwned;

use crate::ids::Ids;
use crate::security::rate::RetryAfter;
use crate::signing::AssertionError;
use crate::store::StoreError;

/// Why a request failed. The variants differ by what the sender can do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ApiError {
    /// Send another body.
    #[error("{0}")]
    Invalid(String),
    /// Use the right client id and secret.
    #[error("Invalid SDK credentials")]
    Credentials,
    /// Bring another assertion.
    #[error(transparent)]
    Assertion(#[from] AssertionError),
    /// Bring a bearer token.
    #[error("{0}")]
    Unauthorized(&'static str),
    /// Get a new grant. Clients know this text and code.
    #[error("token expired")]
    TokenExpired,
    /// Bring a signature or a key of the bot.
    #[error("{0}")]
    NotAdmitted(String),
    /// Somebody else has the conversation.
    #[error("{0}")]
    Conflict(&'static str),
    /// Not for this page, app or bot.
    #[error("{0}")]
    Forbidden(&'static str),
    /// Sign in at the website that the bot belongs to.
    #[error("this bot is for people who are signed in at its website")]
    SignedInOnly,
    /// Use https.
    #[error("this address is served over https only")]
    HttpsRequired,
    /// Correct the address.
    #[error("{0}")]
    NotFound(&'static str),
    /// Send it faster.
    #[error("the body took too long to arrive")]
    BodyTimeout,
    /// Send less.
    #[error("the body is too large")]
    TooLarge,
    /// Send another type of body.
    #[error("{0}")]
    MediaType(&'static str),
    /// Wait. This is never used on routes that Kore's clients call, because they hang on 429.
    #[error("too many requests; try again in {} s", .0.seconds())]
    TooMany(RetryAfter),
    /// Wait until tomorrow, because the limit of the day is reached.
    #[error("as much was sent as one day holds")]
    DayFull(RetryAfter),
    /// Wait. It replaces [`ApiError::TooMany`] on the routes of Kore's clients (`docs/adr/0011-no-429.md`).
    #[error("too many requests; try again in {} s", .0.seconds())]
    Paced(RetryAfter),
    /// Wait.
    #[error("the server is busy; try again")]
    Busy(Duration),
    /// The sender cannot change anything.
    #[error("the store failed")]
    Store(#[from] StoreError),
    /// The sender cannot change anything.
    #[error("internal error")]
    Internal(#[from] anyhow::Error),
}

/// The header that names the request in an answer and in the log.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// How long to wait if the store cannot write. It tries again by itself.
const STORE_RETRY: Duration = Duration::from_secs(2);

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (status, code) = match &self {
            Self::Invalid(_) => (StatusCode::BAD_REQUEST, 400),
            Self::Credentials => (StatusCode::UNAUTHORIZED, 4002),
            Self::Assertion(error) => (StatusCode::UNAUTHORIZED, error.code()),
            Self::NotAdmitted(_) | Self::Unauthorized(_) | Self::TokenExpired => {
                (StatusCode::UNAUTHORIZED, 401)
            }
            Self::Conflict(_) => (StatusCode::CONFLICT, 409),
            Self::Forbidden(_) | Self::SignedInOnly | Self::HttpsRequired => {
                (StatusCode::FORBIDDEN, 403)
            }
            Self::NotFound(_) => (StatusCode::NOT_FOUND, 404),
            Self::BodyTimeout => (StatusCode::REQUEST_TIMEOUT, 408),
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, 413),
            Self::MediaType(_) => (StatusCode::UNSUPPORTED_MEDIA_TYPE, 415),
            Self::TooMany(_) | Self::DayFull(_) => (StatusCode::TOO_MANY_REQUESTS, 429),
            Self::Busy(_) | Self::Paced(_) => (StatusCode::SERVICE_UNAVAILABLE, 503),
            Self::Store(error) if error.is_temporary() => (StatusCode::SERVICE_UNAVAILABLE, 503),
            Self::Store(_) | Self::Internal(_) => (StatusCode::INTERNAL_SERVER_ERROR, 500),
        };
        let wait = match &self {
            Self::TooMany(wait) | Self::DayFull(wait) | Self::Paced(wait) => Some(*wait),
            Self::Busy(wait) => Some(RetryAfter(*wait)),
            Self::Store(error) if error.is_temporary() => Some(RetryAfter(STORE_RETRY)),
            _ => None,
        };
        let mut response = kore(status, code, &self.to_string());
        if let Some(wait) = wait {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, wait.seconds().max(1).into());
        }
        if status.is_server_error() {
            response.extensions_mut().insert(Cause(Arc::new(self)));
        }
        response
    }
}

/// Marks an answer whose text may be shown to anybody, whatever its status: probes say why they are not ready.
#[derive(Clone, Copy, Debug)]
pub struct OwnWords;

/// Why the server failed. It is only for the log.
#[derive(Clone)]
struct Cause(Arc<ApiError>);

/// An answer in Kore's shape. Errors are never cached.
fn kore(status: StatusCode, code: u64, msg: &str) -> Response {
    let no_store = [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    (status, no_store, Json(ErrorBody::new(msg, code))).into_response()
}

/// Numbers every request. Failures are logged here, once, and the body of every 5xx is replaced by the number.
///
/// A number from a client is ignored, because it could forge lines in the log.
pub async fn number(State(ids): State<Arc<dyn Ids>>, request: Request, next: Next) -> Response {
    let id = ids.uuid();
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let mut response = next.run(request).await;
    let status = response.status();
    if status.is_server_error() {
        if let Some(Cause(error)) = response.extensions_mut().remove::<Cause>() {
            let chain = match &*error {
                ApiError::Internal(error) => format!("{error:#}"),
                ApiError::Store(error) => error.to_string(),
                other => other.to_string(),
            };
            if matches!(*error, ApiError::Paced(_)) {
                // This is a debug line, because a stranger decides how many there are.
                tracing::debug!(request = id, %method, path, error = chain, "turned away");
            } else if matches!(*error, ApiError::Busy(_)) {
                tracing::warn!(request = id, %method, path, error = chain, "turned away");
            } else {
                tracing::error!(request = id, %method, path, error = chain, "failed");
            }
        }
        // Pages and probes have their own text. Everything else gets Kore's shape.
        let page = response
            .headers()
            .get(header::CONTENT_TYPE)
            .is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
        if !page && response.extensions().get::<OwnWords>().is_none() {
            let text = format!("the server could not do this now; request {id}");
            let body = serde_json::to_vec(&ErrorBody::new(text, status.as_u16().into()));
            // Writing two strings as JSON cannot fail. Even an empty body would still be a refusal.
            *response.body_mut() = Body::from(body.unwrap_or_default());
            let headers = response.headers_mut();
            headers.remove(header::CONTENT_LENGTH);
            headers.insert(
                header::CONTENT_TYPE,
                HeaderValue::from_static("application/json"),
            );
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        }
    }
    tracing::debug!(request = id, %method, path, status = status.as_u16(), "answered");
    if let Ok(id) = HeaderValue::try_from(id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

/// Gives the framework's own refusals (405, time-outs, unread bodies) Kore's shape. It is for API routes.
pub async fn shape(request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    let status = response.status();
    let shaped = response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"));
    if shaped || !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    let mut answer = kore(
        status,
        status.as_u16().into(),
        status.canonical_reason().unwrap_or("refused"),
    );
    if let Some(allow) = response.headers().get(header::ALLOW) {
        answer.headers_mut().insert(header::ALLOW, allow.clone());
    }
    answer
}

/// A JSON body. A body that is broken, too large or of the wrong type gives 400, 413 or 415 in Kore's shape.
#[derive(Clone, Copy, Debug, Default)]
pub struct KoreJson<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for KoreJson<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        if !matches!(BodyKind::of(request.headers()), Some(BodyKind::Json)) {
            return Err(ApiError::MediaType("send the body as application/json"));
        }
        parse_json(&body(request, state).await?).map(Self)
    }
}

/// A body as it arrived, whatever its type, because signatures are over its bytes.
#[derive(Clone, Debug, Default)]
pub struct RawBody(pub Bytes);

impl<S: Send + Sync> FromRequest<S> for RawBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        body(request, state).await.map(Self)
    }
}

/// A JSON or form body, for the signing service.
#[derive(Clone, Copy, Debug, Default)]
pub struct JsonOrForm<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for JsonOrForm<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        match BodyKind::of(request.headers()) {
            Some(BodyKind::Json) => parse_json(&body(request, state).await?).map(Self),
            Some(BodyKind::Form) => {
                let bytes = body(request, state).await?;
                let fields = url::form_urlencoded::parse(&bytes)
                    .map(|(key, value)| (key.into_owned(), value.into_owned().into()))
                    .collect::<serde_json::Map<_, _>>();
                serde_json::from_value(fields.into())
                    .map(Self)
                    .map_err(|_| wrong_shape())
            }
            None => Err(ApiError::MediaType(
                "send the body as application/json or application/x-www-form-urlencoded",
            )),
        }
    }
}

/// The types of bodies that are read.
enum BodyKind {
    Json,
    Form,
}

impl BodyKind {
    fn of(headers: &HeaderMap) -> Option<Self> {
        let kind = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
        match kind.split(';').next()?.trim().to_ascii_lowercase().as_str() {
            "application/json" => Some(Self::Json),
            "application/x-www-form-urlencoded" => Some(Self::Form),
            _ => None,
        }
    }
}

async fn body<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, ApiError> {
    Bytes::from_request(request, state)
        .await
        .map_err(|rejection| {
            if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
                ApiError::TooLarge
            } else if timed_out(&rejection) {
                ApiError::BodyTimeout
            } else {
                ApiError::Invalid("the body ended too early".to_owned())
            }
        })
}

/// Whether the body took too long.
fn timed_out(rejection: &BytesRejection) -> bool {
    let mut cause: Option<&dyn std::error::Error> = Some(rejection);
    while let Some(error) = cause {
        if error.is::<tower_http::timeout::TimeoutError>() {
            return true;
        }
        cause = error.source();
    }
    false
}

fn parse_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    // serde's message may repeat the value, which may be a secret. The position is enough.
    json::from_bytes(bytes).map_err(|error| match error.classify() {
        serde_json::error::Category::Data => wrong_shape(),
        _ => ApiError::Invalid(format!(
            "the body is not valid JSON (line {}, column {})",
            error.line(),
            error.column()
        )),
    })
}

fn wrong_shape() -> ApiError {
    ApiError::Invalid("the body does not have the expected fields and types".to_owned())
}
