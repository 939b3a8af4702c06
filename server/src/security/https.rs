//! `server.require_https`: nothing private travels unencrypted.
//!
//! In the path: right after `client_ip::identify`, before any route.
//!
//! Invariant: the API and the socket are never redirected, because a client would send its token unencrypted first and
//! never learn of it. Pages are redirected, always to the configured address and never to a name from the request. A
//! visitor who used https already is not redirected in a loop, but gets a page that says what the proxy in front does
//! wrong.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderName, HeaderValue, Method, StatusCode, header};

use super::client_ip::{Announced, Client, Peer, is_proxy, misled};
use super::origin::own_origin;
use super::proxy::{ProxyFault, ProxyFaults};
use crate::config::Config;
use crate::error::ApiError;

/// The paths of health probes. Load balancers call them directly.
const PROBES: [&str; 2] = ["/livez", "/readyz"];

/// Browsers send this header to https addresses, and to addresses of their own machine.
const FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");

/// Refuses or redirects plain HTTP when the configuration says so.
pub async fn guard(
    State((config, faults)): State<(Arc<Config>, Arc<ProxyFaults>)>,
    request: Request,
    next: Next,
) -> Response {
    let secure = request
        .extensions()
        .get::<Client>()
        .is_some_and(|client| client.secure);
    let path = request.uri().path();
    if secure || !config.server.require_https || PROBES.contains(&path) {
        return next.run(request).await;
    }
    let fault = fault(&config, &request);
    if let Some(fault) = fault {
        faults.report(fault);
    }
    let page = matches!(*request.method(), Method::GET | Method::HEAD)
        && !path.starts_with("/api/")
        && !request.headers().contains_key(header::UPGRADE);
    if let Some(fault) = fault.filter(|_| page) {
        return explain(fault);
    }
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

/// What the proxy in front does wrong for a visitor who used https.
fn fault(config: &Config, request: &Request) -> Option<ProxyFault> {
    let peer = request.extensions().get::<Peer>()?.0.ip();
    let proxies = &config.server.trusted_proxies;
    let listed = is_proxy(peer, proxies);
    if !listed && request.extensions().get::<Announced>().is_some() {
        return used_https(request).then_some(ProxyFault::NoTls);
    }
    let said = misled(peer, request.headers(), proxies, config.server.forwarded_by);
    said.or_else(|| {
        used_https(request).then_some(if listed {
            ProxyFault::SaysHttp
        } else {
            ProxyFault::NotListed(peer)
        })
    })
}

/// Whether the browser itself says that it used https.
fn used_https(request: &Request) -> bool {
    let Some(client) = request.extensions().get::<Client>() else {
        return false;
    };
    let asked = own_origin(None, request.headers(), request.uri(), *client);
    let asked = asked.and_then(|origin| url::Url::parse(&origin).ok());
    let elsewhere = match asked.as_ref().and_then(url::Url::host) {
        Some(url::Host::Domain(name)) => name != "localhost" && !name.ends_with(".localhost"),
        Some(url::Host::Ipv4(address)) => !address.is_loopback(),
        Some(url::Host::Ipv6(address)) => !address.is_loopback(),
        None => false,
    };
    elsewhere && request.headers().contains_key(FETCH_MODE)
}

/// A page for the operator who sets this server up.
fn explain(fault: ProxyFault) -> Response {
    let remedy = fault.remedy().replace('<', "&lt;");
    let page = format!(
        "<!DOCTYPE html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>Not set up yet</title><h1>This chat is not set up completely</h1>\
         <p>It is served over https only, and cannot see that you used https.</p>\
         <p>For its operator: {remedy}.</p></html>"
    );
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (StatusCode::FORBIDDEN, headers, page).into_response()
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
        let host = [("host", "evil.test")];
        answer_at(peer, &[&host, headers].concat(), path).await
    }

    async fn answer_at(peer: &str, headers: &[(&str, &str)], path: &str) -> Response {
        let config = Arc::new(test_config(
            "[server]\nrequire_https = true\npublic_url = \"https://chat.example.com/p\"\ntrusted_proxies = [\"10.0.0.0/8\"]",
        ));
        let front = (config, Arc::new(ProxyFaults::default()));
        let router = Router::new()
            .fallback(any(|| async { "reached" }))
            .layer(middleware::from_fn_with_state(front.clone(), guard))
            .layer(middleware::from_fn_with_state(front, identify));
        let mut request = Request::builder().uri(path);
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

    async fn text(response: Response) -> String {
        let bytes = axum::body::to_bytes(response.into_body(), 4096).await;
        String::from_utf8(bytes.unwrap().to_vec()).unwrap()
    }

    #[tokio::test]
    async fn who_used_https_is_told_what_the_proxy_lacks_and_not_led_round_and_round() {
        for (peer, headers, named) in [
            ("10.0.0.1", &[][..], "X-Forwarded-Proto"),
            (
                "10.0.0.1",
                &[("forwarded", "proto=https")],
                "X-Forwarded-Proto",
            ),
            (
                "10.0.0.1",
                &[("x-forwarded-proto", "https, http")],
                "outermost",
            ),
            (
                "10.0.0.1",
                &[
                    ("x-forwarded-proto", "http"),
                    ("sec-fetch-mode", "navigate"),
                ],
                "where TLS ends",
            ),
            (
                "203.0.113.9",
                &[("x-forwarded-proto", "https")],
                "server.trusted_proxies",
            ),
            (
                "203.0.113.9",
                &[("sec-fetch-mode", "navigate")],
                "server.trusted_proxies",
            ),
        ] {
            let page = answer(peer, headers, "/chat/demo").await;
            assert_eq!(page.status(), StatusCode::FORBIDDEN, "{headers:?}");
            assert!(!page.headers().contains_key("location"));
            assert_eq!(page.headers()["content-type"], "text/html; charset=utf-8");
            let page = text(page).await;
            assert!(page.contains(named), "{headers:?}: {page}");
            let api = answer(peer, headers, "/api/rtm/start").await;
            assert_eq!(api.headers()["content-type"], "application/json");
        }
        let plain = [("x-forwarded-proto", "http")];
        for (peer, headers) in [("10.0.0.1", &plain[..]), ("203.0.113.9", &[])] {
            let page = answer(peer, headers, "/chat/demo").await;
            assert_eq!(page.status(), StatusCode::PERMANENT_REDIRECT, "{headers:?}");
        }
        // A browser also sends it to its own machine without https.
        let here = [
            ("host", "localhost:8080"),
            ("sec-fetch-mode", "navigate"),
            ("x-forwarded-proto", "http"),
        ];
        let page = answer_at("10.0.0.1", &here, "/chat/demo").await;
        assert_eq!(page.status(), StatusCode::PERMANENT_REDIRECT);
    }

    #[tokio::test]
    async fn the_schemes_of_sockets_are_understood() {
        for (scheme, status) in [("wss", 200), ("ws", 403)] {
            let headers = [("x-forwarded-proto", scheme), ("upgrade", "websocket")];
            let socket = answer("10.0.0.1", &headers, "/rtm/bot?sid=1").await;
            assert_eq!(socket.status(), status, "{scheme}");
        }
    }

    #[tokio::test]
    async fn probes_are_answered() {
        assert_eq!(
            answer("203.0.113.9", &[], "/readyz").await.status(),
            StatusCode::OK
        );
    }
}
