//! `server.require_https`: nothing private travels in the clear.
//!
//! In the path: right after `client_ip::identify`, before any route.
//!
//! Invariant: API and socket are never redirected (a client would send its token in the clear first and
//! never be told); pages are, always to the configured address and never to a name from the request.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderValue, Method, StatusCode, header};

use super::client_ip::Client;
use crate::config::Config;
use crate::error::ApiError;

/// Paths of probes: balancers ask them directly.
const PROBES: [&str; 2] = ["/livez", "/readyz"];

/// Refuses or redirects plain HTTP when the configuration says so.
pub async fn guard(State(config): State<Arc<Config>>, request: Request, next: Next) -> Response {
    let secure = request
        .extensions()
        .get::<Client>()
        .is_some_and(|client| client.secure);
    let path = request.uri().path();
    if secure || !config.server.require_https || PROBES.contains(&path) {
        return next.run(request).await;
    }
    let page = matches!(*request.method(), Method::GET | Method::HEAD)
        && !path.starts_with("/api/")
        && !request.headers().contains_key(header::UPGRADE);
    let target = config
        .server
        .public_url
        .as_ref()
        .filter(|_| page)
        .map(|url| {
            url.at(request
                .uri()
                .path_and_query()
                .map_or("", |rest| rest.as_str()))
        })
        .and_then(|target| HeaderValue::try_from(target).ok());
    match target {
        Some(target) => {
            (StatusCode::PERMANENT_REDIRECT, [(header::LOCATION, target)]).into_response()
        }
        None => ApiError::HttpsRequired.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use axum::body::Body;
    use axum::routing::any;
    use axum::{Router, middleware};
    use tower::ServiceExt as _;

    use super::*;
    use crate::config::test_config;
    use crate::security::client_ip::{Peer, identify};

    async fn answer(peer: &str, headers: &[(&str, &str)], path: &str) -> Response {
        let config = Arc::new(test_config(
            "[server]\nrequire_https = true\npublic_url = \"https://chat.example.com/p\"\ntrusted_proxies = [\"10.0.0.0/8\"]",
        ));
        let router = Router::new()
            .fallback(any(|| async { "reached" }))
            .layer(middleware::from_fn_with_state(Arc::clone(&config), guard))
            .layer(middleware::from_fn_with_state(config, identify));
        let mut request = Request::builder().uri(path).header("host", "evil.test");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut request = request.body(Body::empty()).unwrap();
        let peer: SocketAddr = format!("{peer}:1").parse().unwrap();
        request.extensions_mut().insert(Peer(peer));
        router.oneshot(request).await.unwrap()
    }

    #[tokio::test]
    async fn api_and_socket_are_refused_in_the_clear() {
        for path in [
            "/api/rtm/start",
            "/api/1.1/oAuth/token/jwtgrant",
            "/api/users/sts",
        ] {
            assert_eq!(
                answer("203.0.113.9", &[], path).await.status(),
                StatusCode::FORBIDDEN,
                "{path}"
            );
        }
        let upgrade = [("upgrade", "websocket"), ("connection", "upgrade")];
        assert_eq!(
            answer("203.0.113.9", &upgrade, "/rtm/bot?sid=1")
                .await
                .status(),
            StatusCode::FORBIDDEN
        );
    }

    #[tokio::test]
    async fn a_stranger_cannot_claim_https() {
        let claimed = answer(
            "203.0.113.9",
            &[("x-forwarded-proto", "https")],
            "/api/rtm/start",
        )
        .await;
        assert_eq!(claimed.status(), StatusCode::FORBIDDEN);
        let proxied = answer(
            "10.0.0.1",
            &[("x-forwarded-proto", "https")],
            "/api/rtm/start",
        )
        .await;
        assert_eq!(proxied.status(), StatusCode::OK);
        let plain = answer(
            "10.0.0.1",
            &[("x-forwarded-proto", "http")],
            "/api/rtm/start",
        )
        .await;
        assert_eq!(plain.status(), StatusCode::FORBIDDEN);
    }

    #[tokio::test]
    async fn pages_lead_to_the_configured_address_only() {
        let page = answer("203.0.113.9", &[], "/chat/demo?x=1").await;
        assert_eq!(page.status(), StatusCode::PERMANENT_REDIRECT);
        assert_eq!(
            page.headers()["location"],
            "https://chat.example.com/p/chat/demo?x=1"
        );
        let twice = answer("203.0.113.9", &[], "//evil.test/").await;
        assert_eq!(
            twice.headers()["location"],
            "https://chat.example.com/p/evil.test/"
        );
    }

    #[tokio::test]
    async fn probes_are_answered() {
        assert_eq!(
            answer("203.0.113.9", &[], "/readyz").await.status(),
            StatusCode::OK
        );
    }
}
