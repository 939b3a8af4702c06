//! Which pages may call the API: CORS for browsers, and the same rule checked here for the app that
//! the call is about.
//!
//! In the path: [`layer`] around all API routes; [`check_page`] once a handler knows the app.
//!
//! Invariants: a preflight names no app, so it says yes to a page that *any* app allows; the call
//! itself is then held to *its* app. Own pages may always call. No credentials mode: identity
//! travels in the bearer only.

use std::sync::Arc;

use axum::http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header};
use tower_http::cors::{AllowOrigin, CorsLayer};

use super::Rtm;
use crate::config::Config;
use crate::error::ApiError;
use crate::limits::PREFLIGHT_LIFE;
use crate::security::client_ip::Client;
use crate::security::origin::{Caller, caller, own_origin};

/// The header that asks for the secure sub-protocol.
pub const RTM_VERSION: HeaderName = HeaderName::from_static("x-rtm-v");

/// Answers preflights and lets allowed pages read the answers.
pub fn layer(config: Arc<Config>) -> CorsLayer {
    let allowed = move |origin: &HeaderValue, _: &Parts| {
        let origin = origin.to_str().unwrap_or_default();
        config.apps.values().any(|app| app.allows(origin))
    };
    CorsLayer::new()
        .allow_origin(AllowOrigin::predicate(allowed))
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::OPTIONS])
        .allow_headers([header::AUTHORIZATION, header::CONTENT_TYPE, header::ACCEPT, RTM_VERSION])
        .max_age(PREFLIGHT_LIFE)
}

/// Refuses a page that this app does not list. Callers without an origin are no pages.
pub fn check_page(
    rtm: &Rtm,
    app: &str,
    client: Client,
    headers: &HeaderMap,
    uri: &Uri,
) -> Result<(), ApiError> {
    let own = own_origin(rtm.config.server.public_url.as_ref(), headers, uri, client);
    match caller(own.as_deref(), headers) {
        Caller::Own | Caller::Nobody => Ok(()),
        Caller::Foreign(origin) => {
            let app = rtm.config.apps.get(app);
            if app.is_some_and(|app| app.allows(&origin)) {
                Ok(())
            } else {
                Err(ApiError::Forbidden("this page may not use the app; add its origin to the app's `origins`"))
            }
        }
    }
}
