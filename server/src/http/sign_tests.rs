//! The signing service through the whole router: who gets what for which proof.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::Body;
use http::{Method, Request, StatusCode};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::*;
use crate::clock::Millis;
use crate::router::router;
use crate::security::client_ip::Peer;
use crate::signing::{VISITOR_COOKIE, VerifiedAssertion, verify};
use crate::state::test_state;

#[path = "sign_rate_tests.rs"]
mod rates;

const SECRET: &str = "0123456789abcdef0123456789abcdef";
const SHOP: &str = "https://shop.example.com";
const OURS: &str = "http://chat.example.com";
const NOW: Millis = Millis(1_795_000_000_000);

const CONFIG: &str = r#"
[bots.st-shop]
page = "shop"
name = "Shop"
[bots.st-else]
page = "else"
name = "Else"
[apps.cs-shop]
bots = ["st-shop"]
origins = ["https://shop.example.com"]
[[apps.cs-shop.keys]]
kid = "k1"
algorithm = "HS256"
secret = "0123456789abcdef0123456789abcdef"
[apps.cs-trusting]
bots = ["st-else"]
origins = ["https://old.example.com"]
trust_claimed_identity = true
[[apps.cs-trusting.keys]]
kid = "k1"
algorithm = "HS256"
secret = "fedcba9876543210fedcba9876543210"
"#;

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Value,
}

impl Answer {
    fn code(&self) -> (u16, i64) {
        (
            self.status.as_u16(),
            self.body["errors"][0]["code"].as_i64().unwrap_or(0),
        )
    }

    fn cookie(&self) -> Option<String> {
        let set = self.headers.get("set-cookie")?.to_str().unwrap();
        Some(set.split(';').next().unwrap().to_owned())
    }
}

struct Service(AppState);

impl Service {
    fn new(extra: &str) -> Self {
        Self(test_state(&format!("{CONFIG}{extra}")))
    }

    async fn send(
        &self,
        method: Method,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Answer {
        self.send_to("/api/users/sts", method, headers, body).await
    }

    async fn send_to(
        &self,
        path: &str,
        method: Method,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Answer {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "chat.example.com");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut request = request.body(body.into()).unwrap();
        request
            .extensions_mut()
            .insert(Peer(SocketAddr::from(([203, 0, 113, 9], 4711))));
        let response = router(self.0.clone()).oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, 1 << 20).await.unwrap();
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Answer {
            status: parts.status,
            headers: parts.headers,
            body,
        }
    }

    async fn json(&self, headers: &[(&str, &str)], body: Value) -> Answer {
        let mut all = vec![("content-type", "application/json")];
        all.extend(headers);
        self.send(Method::POST, &all, body.to_string()).await
    }

    fn verified(&self, answer: &Answer) -> VerifiedAssertion {
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
        let jwt = answer.body["jwt"].as_str().unwrap();
        verify(&self.0.keys.table(), &self.0.policy, jwt, NOW).unwrap()
    }
}

#[tokio::test]
async fn an_official_client_gets_an_assertion_for_its_form() {
    let service = Service::new("");
    let form = format!(
        "clientId=cs-shop&clientSecret={SECRET}&identity=user%40example.test&aud=&isAnonymous=false"
    );
    for path in ["/api/users/sts", "/api/1.1/users/sts"] {
        let headers = [
            (
                "content-type",
                "application/x-www-form-urlencoded; charset=UTF-8",
            ),
            ("origin", SHOP),
        ];
        let answer = service
            .send_to(path, Method::POST, &headers, form.clone())
            .await;
        let verified = service.verified(&answer);
        assert_eq!(
            verified.identity,
            Identity {
                subject: "user@example.test".to_owned(),
                anonymous: false
            }
        );
        assert_eq!(
            verified.claims.exp.unwrap() - verified.claims.iat.unwrap(),
            300
        );
        assert!(verified.jti.is_some());
        assert_eq!(answer.headers["cache-control"], "no-store");
        assert_eq!(answer.headers["access-control-allow-origin"], SHOP);
        assert!(answer.cookie().is_none());
    }
}

#[tokio::test]
async fn a_backend_that_knows_the_secret_may_name_any_identity() {
    let service = Service::new("");
    let body = json!({"clientId": "cs-shop", "clientSecret": SECRET, "identity": "ann", "isAnonymous": "true"});
    let verified = service.verified(&service.json(&[], body).await);
    assert_eq!(
        verified.identity,
        Identity {
            subject: "ann".to_owned(),
            anonymous: true
        }
    );
    assert_eq!(verified.app, "cs-shop");
}

#[tokio::test]
async fn our_frame_gets_a_visitor_and_the_cookie_brings_him_back() {
    let service = Service::new("");
    let first = service
        .json(&[("origin", OURS)], json!({"bot": "st-shop"}))
        .await;
    let visitor = service.verified(&first).identity;
    assert!(
        visitor.anonymous && visitor.subject.starts_with("visitor-"),
        "{visitor:?}"
    );
    let cookie = first.cookie().unwrap();
    assert!(cookie.starts_with(VISITOR_COOKIE));
    assert!(first.body.get("visitor").is_none());

    let again = service
        .json(
            &[("origin", OURS), ("cookie", &cookie)],
            json!({"bot": "st-shop"}),
        )
        .await;
    assert_eq!(service.verified(&again).identity, visitor);
    assert!(again.cookie().is_none());
    // His own identity may be named; another's may not.
    let own = json!({"bot": "st-shop", "identity": visitor.subject});
    assert_eq!(
        service
            .verified(
                &service
                    .json(&[("origin", OURS), ("cookie", &cookie)], own)
                    .await
            )
            .identity,
        visitor
    );
    let others =
        json!({"bot": "st-shop", "identity": "visitor-00000000-0000-4000-8000-000000000099"});
    assert_eq!(
        service
            .json(&[("origin", OURS), ("cookie", &cookie)], others)
            .await
            .code(),
        (401, 4002)
    );
}

#[tokio::test]
async fn a_frame_without_cookies_keeps_the_visitor_as_text() {
    let service = Service::new("");
    let first = service
        .json(
            &[("origin", OURS)],
            json!({"bot": "st-shop", "keepVisitor": true}),
        )
        .await;
    let visitor = service.verified(&first).identity;
    let token = first.body["visitor"].as_str().unwrap();
    let again = json!({"bot": "st-shop", "keepVisitor": "true", "visitor": token});
    let again = service.json(&[("origin", OURS)], again).await;
    assert_eq!(service.verified(&again).identity, visitor);
    // A token that is not ours is nobody: somebody new, never an error that strands the visitor.
    let forged = json!({"bot": "st-shop", "visitor": format!("{token}x")});
    let stranger = service
        .verified(&service.json(&[("origin", OURS)], forged).await)
        .identity;
    assert_ne!(stranger, visitor);
}

#[tokio::test]
async fn what_a_page_merely_claims_is_refused() {
    let service = Service::new("");
    let claim = json!({"clientId": "cs-shop", "identity": "ann"});
    for headers in [vec![("origin", SHOP)], vec![("origin", OURS)], vec![]] {
        let answer = service.json(&headers, claim.clone()).await;
        assert_eq!(answer.code(), (401, 4002), "{headers:?}");
        assert_eq!(answer.body["errors"][0]["msg"], "Invalid SDK credentials");
    }
    let wrong = json!({"clientId": "cs-shop", "clientSecret": "fedcba9876543210fedcba9876543210", "identity": "ann"});
    assert_eq!(
        service
            .json(&[("origin", SHOP)], wrong.clone())
            .await
            .code(),
        (401, 4002)
    );
    assert_eq!(
        service.json(&[("origin", OURS)], wrong).await.code(),
        (401, 4002)
    );
}

#[tokio::test]
async fn a_trusting_app_signs_claims_of_its_own_pages_only() {
    let service = Service::new("");
    let claim =
        json!({"clientId": "cs-trusting", "identity": "ann", "clientSecret": "placeholder"});
    let verified = service.verified(
        &service
            .json(&[("origin", "https://old.example.com")], claim.clone())
            .await,
    );
    assert_eq!(verified.identity.subject, "ann");
    assert_eq!(
        service
            .json(&[("origin", SHOP)], claim.clone())
            .await
            .code(),
        (403, 403)
    );
    assert_eq!(service.json(&[], claim).await.code(), (401, 4002));
}

#[tokio::test]
async fn foreign_pages_get_nothing_even_with_the_secret() {
    let service = Service::new("");
    let body = json!({"clientId": "cs-shop", "clientSecret": SECRET, "identity": "ann"});
    for origin in [
        "https://evil.test",
        "null",
        "https://old.example.com",
        "http://shop.example.com",
        "https://chat.example.com",
    ] {
        let answer = service.json(&[("origin", origin)], body.clone()).await;
        assert_eq!(answer.code(), (403, 403), "{origin}");
    }
    let evil = service.json(&[("origin", "https://evil.test")], body).await;
    assert!(!evil.headers.contains_key("access-control-allow-origin"));
}

#[tokio::test]
async fn a_preflight_is_answered_for_the_apps_origins() {
    let service = Service::new("");
    let ask = |origin| {
        [
            ("origin", origin),
            ("access-control-request-method", "POST"),
            ("access-control-request-headers", "content-type"),
        ]
    };
    let good = service
        .send(Method::OPTIONS, &ask(SHOP), Body::empty())
        .await;
    assert_eq!(good.headers["access-control-allow-origin"], SHOP);
    assert!(
        good.headers["access-control-allow-headers"]
            .to_str()
            .unwrap()
            .contains("content-type")
    );
    let evil = service
        .send(Method::OPTIONS, &ask("https://evil.test"), Body::empty())
        .await;
    assert!(!evil.headers.contains_key("access-control-allow-origin"));
}

#[tokio::test]
async fn bodies_that_are_wrong_are_refused_in_kores_shape() {
    let service = Service::new("");
    let json = "application/json";
    let form = "application/x-www-form-urlencoded";
    let long = format!("{{\"identity\":\"{}\"}}", "x".repeat(20_000));
    let identity = format!(
        r#"{{"clientId":"cs-shop","clientSecret":"{SECRET}","identity":"{}"}}"#,
        "x".repeat(257)
    );
    for (kind, body, status) in [
        (json, "{", 400),
        (json, "", 400),
        (json, "[]", 400),
        (json, "null", 400),
        (json, r#"{"clientId":{"$ne":null},"identity":"ann"}"#, 400),
        (json, r#"{"clientId":"cs-shop","clientSecret":["x"]}"#, 400),
        (json, r#"{"bot":"st-shop","isAnonymous":"perhaps"}"#, 400),
        (json, r#"{"identity":"ann"}"#, 400),
        (json, r#"{"bot":"st-none"}"#, 404),
        (json, r#"{"clientId":"cs-none"}"#, 401),
        (json, r#"{"clientId":"cs-shop","bot":"st-else"}"#, 403),
        (
            json,
            r#"{"bot":"st-shop","aud":"https://elsewhere.test"}"#,
            400,
        ),
        (
            json,
            "{\"bot\":\"st-shop\",\"identity\":\"a\\u0000b\"}",
            400,
        ),
        (json, &identity, 400),
        (json, &long, 413),
        ("text/plain", "{}", 415),
        ("multipart/form-data", "{}", 415),
        (form, "isAnonymous=perhaps", 400),
        (form, "", 400),
    ] {
        let answer = service
            .send(
                Method::POST,
                &[("content-type", kind), ("origin", OURS)],
                body.to_owned(),
            )
            .await;
        assert_eq!(
            answer.status.as_u16(),
            status,
            "{body:.60}: {}",
            answer.body
        );
        assert!(
            answer.body["errors"][0]["msg"].is_string(),
            "{body:.60}: {}",
            answer.body
        );
    }
    let none = service.send(Method::POST, &[("origin", OURS)], "{}").await;
    assert_eq!(none.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let get = service.send(Method::GET, &[], Body::empty()).await;
    assert_eq!(get.code(), (405, 405));
    let nowhere = service
        .send_to("/api/nowhere", Method::GET, &[], Body::empty())
        .await;
    assert_eq!(nowhere.code(), (404, 404));
}

#[tokio::test]
async fn an_answer_never_repeats_what_was_sent() {
    let service = Service::new("");
    for body in [
        json!({"clientId": "cs-shop", "clientSecret": "hush-hush-hush-hush", "identity": "ann"}),
        json!({"clientId": "cs-shop", "clientSecret": 7, "identity": "hush-hush"}),
        json!({"clientId": "cs-shop", "aud": "hush-hush", "clientSecret": SECRET, "identity": "a"}),
    ] {
        let answer = service.json(&[], body).await;
        assert!(answer.status.is_client_error());
        assert!(
            !answer.body.to_string().contains("hush") && !answer.body.to_string().contains(SECRET)
        );
    }
}

#[tokio::test]
async fn rotated_keys_sign_at_once_and_old_ones_verify_until_they_go() {
    let service = Service::new("");
    let ask = || json!({"clientId": "cs-shop", "clientSecret": SECRET, "identity": "ann"});
    let old = service.json(&[], ask()).await;
    let new_key = "[[apps.cs-shop.keys]]\nkid = \"k2\"\nalgorithm = \"HS512\"\nsecret = \"00112233445566778899aabbccddeeff\"\n";
    let rotated = CONFIG.replacen(
        "[[apps.cs-shop.keys]]",
        &format!("{new_key}[[apps.cs-shop.keys]]"),
        1,
    );
    service
        .0
        .reload(&crate::config::test_config(&rotated))
        .unwrap();
    let new = service.json(&[], ask()).await;
    let kid = |answer: &Answer| {
        jsonwebtoken::decode_header(answer.body["jwt"].as_str().unwrap())
            .unwrap()
            .kid
            .unwrap()
    };
    assert_eq!((kid(&old), kid(&new)), ("k1".to_owned(), "k2".to_owned()));
    service.verified(&old);
    service.verified(&new);
    // A reload that fails changes nothing.
    let broken = rotated.replace("00112233445566778899aabbccddeeff", "short");
    assert!(
        service
            .0
            .reload(&crate::config::test_config(&broken))
            .is_err()
    );
    service.verified(&service.json(&[], ask()).await);
    let gone = CONFIG.replace(SECRET, "ffeeddccbbaa99887766554433221100");
    service
        .0
        .reload(&crate::config::test_config(&gone))
        .unwrap();
    let jwt = old.body["jwt"].as_str().unwrap();
    assert!(verify(&service.0.keys.table(), &service.0.policy, jwt, NOW).is_err());
    let keys = Arc::clone(&service.0.keys);
    assert!(!keys.table().app("cs-shop").unwrap().knows_secret(SECRET));
}

#[tokio::test]
async fn another_platform_is_signed_for_with_its_apps_key() {
    let service = Service::new(
        "[platform]\nbase_url = \"https://bots.example.com/api/\"\napp = \"cs-trusting\"",
    );
    let verified = service.verified(
        &service
            .json(&[("origin", OURS)], json!({"bot": "st-else"}))
            .await,
    );
    assert_eq!(verified.app, "cs-trusting");
    // A bot that the other platform's app may not open has nobody to sign for it.
    assert_eq!(
        service
            .json(&[("origin", OURS)], json!({"bot": "st-shop"}))
            .await
            .code(),
        (401, 4002)
    );
}

#[tokio::test]
async fn every_answer_is_hardened_and_numbered() {
    let service = Service::new("");
    let answer = service
        .json(&[("origin", OURS)], json!({"bot": "st-shop"}))
        .await;
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        (
            "content-security-policy",
            "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        ),
        ("cross-origin-resource-policy", "same-origin"),
    ] {
        assert_eq!(answer.headers[name], value);
    }
    assert!(answer.headers.contains_key("x-request-id"));
    assert!(!answer.headers.contains_key("strict-transport-security"));
}

#[tokio::test]
async fn only_our_own_page_forgets_the_visitor() {
    let service = Service::new("");
    for (origin, status) in [(OURS, 204), (SHOP, 403), ("https://evil.example.com", 403)] {
        let headers = [("origin", origin), ("host", "chat.example.com")];
        let answer = service.send(Method::DELETE, &headers, Body::empty()).await;
        assert_eq!(answer.status.as_u16(), status, "{origin}");
        let forgotten = answer.cookie().as_deref() == Some(&*format!("{VISITOR_COOKIE}="));
        assert_eq!(forgotten, status == 204, "{origin}");
    }
}
