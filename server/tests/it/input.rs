//! Bad input over HTTP: a 4xx in Kore's shape, never a 500, and never a secret in any answer.

use std::fmt::Write as _;

use serde_json::json;

use crate::test_app::{PAGE, SECRETS, TestApp, bot_info};

const POSTS: [&str; 3] = [
    "/oAuth/token/jwtgrant",
    "/oAuth/token/jwtgrant/anonymous",
    "/rtm/start",
];

#[tokio::test]
async fn bodies_that_cannot_be_used_are_4xx_in_kores_shape() {
    let app = TestApp::start();
    let ann = app.user("ann").await;
    let bearer = ann.bearer();
    let json = ("content-type", "application/json");
    let huge = format!("{{\"assertion\":\"{}\"}}", "x".repeat(70_000));
    let deep = format!("{{\"botInfo\":{}1{}}}", "[".repeat(5000), "]".repeat(5000));
    for prefix in ["/api", "/api/1.1"] {
        for path in POSTS {
            let path = format!("{prefix}{path}");
            for (kind, body, status) in [
                (json, "", 400),
                (json, "{", 400),
                (json, "[]", 400),
                (json, "null", 400),
                (json, "{}", 400),
                (json, r#"{"assertion":{"$ne":null},"botInfo":[]}"#, 400),
                (json, r#"{"assertion":7,"botInfo":"x"}"#, 400),
                (json, "\u{0}", 400),
                (json, deep.as_str(), 400),
                (json, huge.as_str(), 413),
                (("content-type", "text/plain"), "{}", 415),
                (
                    ("content-type", "application/x-www-form-urlencoded"),
                    "assertion=x",
                    415,
                ),
                (("x-nothing", "x"), "{}", 415),
            ] {
                let headers = [kind, ("authorization", bearer.as_str())];
                let reply = app.request("POST", &path, &headers, body).await;
                assert_eq!(
                    reply.status, status,
                    "{path} {kind:?} {:.60}: {}",
                    body, reply.body
                );
                assert_eq!(reply.error().1, status, "{}", reply.body);
            }
        }
    }
}

#[tokio::test]
async fn callers_without_a_token_are_told_to_get_one() {
    let app = TestApp::start();
    for value in [
        "",
        "bearer",
        "bearer x",
        "basic x",
        "bearer \u{e4}",
        &format!("bearer {}", "x".repeat(5000)),
    ] {
        for (method, path) in [
            ("POST", "/api/rtm/start"),
            ("POST", "/api/oAuth/token/revoke"),
            ("GET", "/api/botmessages/rtm?botId=st-test"),
            ("GET", "/api/websdkthemes/st-test/activetheme"),
        ] {
            let headers = [
                ("authorization", value),
                ("content-type", "application/json"),
            ];
            let reply = app.request(method, path, &headers, "{}").await;
            assert_eq!(
                (reply.status, reply.error().1),
                (401, json!(401)),
                "{path} {value}: {}",
                reply.body
            );
        }
    }
}

#[tokio::test]
async fn other_methods_and_addresses_have_kores_shape_too() {
    let app = TestApp::start();
    for (method, path, status) in [
        ("GET", "/api/rtm/start", 405),
        ("PUT", "/api/oAuth/token/jwtgrant", 405),
        ("DELETE", "/api/botmessages/rtm", 405),
        ("GET", "/api/nothing", 404),
        ("GET", "/api/1.1/nothing", 404),
    ] {
        let reply = app.request(method, path, &[], "").await;
        assert_eq!(
            (reply.status, reply.error().1),
            (status, json!(status)),
            "{method} {path}: {}",
            reply.body
        );
    }
}

#[tokio::test]
async fn preflights_are_answered_for_every_route_and_prefix() {
    let app = TestApp::start();
    for prefix in ["/api", "/api/1.1"] {
        for (method, path, asked) in [
            ("POST", "/oAuth/token/jwtgrant", "content-type"),
            ("POST", "/rtm/start", "authorization,content-type,x-rtm-v"),
            ("GET", "/botmessages/rtm", "authorization,content-type"),
            ("GET", "/websdkthemes/st-test/activetheme", "authorization"),
            ("POST", "/users/sts", "content-type"),
        ] {
            for (origin, allowed) in [(PAGE, true), ("https://evil.test", false), ("null", false)] {
                let headers = [
                    ("origin", origin),
                    ("access-control-request-method", method),
                    ("access-control-request-headers", asked),
                ];
                let reply = app
                    .request("OPTIONS", &format!("{prefix}{path}"), &headers, "")
                    .await;
                assert_eq!(reply.status, 200, "{path}");
                assert_eq!(
                    reply.header("access-control-allow-origin") == origin,
                    allowed,
                    "{path} {origin}"
                );
                let methods = reply.header("access-control-allow-methods");
                assert!(methods.contains(method), "{path}: {methods}");
                let headers = reply.header("access-control-allow-headers");
                assert!(
                    asked.split(',').all(|name| headers.contains(name)),
                    "{path}: {headers}"
                );
                assert_eq!(reply.header("access-control-allow-credentials"), "");
            }
        }
    }
}

#[tokio::test]
async fn an_allowed_page_may_read_answers_and_refusals() {
    let app = TestApp::start();
    let origin = ("origin", PAGE);
    let body = json!({"assertion": app.assertion("cs-test", "ann")});
    let granted = app
        .post("/api/oAuth/token/jwtgrant", &[origin], &body)
        .await;
    assert_eq!(
        (
            granted.status,
            granted.header("access-control-allow-origin")
        ),
        (200, PAGE)
    );
    let refused = app.post("/api/rtm/start", &[origin], &json!({})).await;
    assert_eq!(
        (
            refused.status,
            refused.header("access-control-allow-origin")
        ),
        (401, PAGE)
    );
}

#[tokio::test]
async fn no_answer_holds_a_secret() {
    let app = TestApp::start();
    let ann = app.user("ann").await;
    let assertion = app.assertion("cs-test", "bob");
    let mut answers = String::new();
    for (path, body) in [
        ("/api/oAuth/token/jwtgrant", json!({"assertion": assertion})),
        ("/api/oAuth/token/jwtgrant", json!({"assertion": assertion})),
        (
            "/api/oAuth/token/jwtgrant",
            json!({"assertion": SECRETS[0]}),
        ),
        ("/api/rtm/start", json!({"botInfo": bot_info("st-other")})),
        ("/api/rtm/start", json!({"botInfo": SECRETS[0]})),
        (
            "/api/users/sts",
            json!({"clientId": "cs-test", "clientSecret": SECRETS[1], "identity": "x"}),
        ),
    ] {
        let reply = ann.post(path, &body).await;
        let _ = write!(answers, "{:?} {}", reply.headers, reply.body);
    }
    answers.push_str(&ann.get("/api/botmessages/rtm?botId=st-test").await.body);
    for secret in SECRETS
        .iter()
        .chain([&assertion.as_str(), &ann.token.as_str()])
    {
        assert!(!answers.contains(secret), "{secret} in {answers}");
    }
}
