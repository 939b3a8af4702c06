//! `oAuth/token/jwtgrant`: who gets an access token, and who does not.

use std::sync::Arc;

use axum::extract::{Query, State};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::FutureExt as _;
use serde_json::{Value, json};
use server::clock::Clock as _;
use server::rtm::bearer::Bearer;
use server::rtm::token::{self, Revoke};
use server::store::SecretHash;

use crate::test_app::{PAGE, Reply, SECRETS, TestApp, bot_info};
use crate::test_socket::Socket;

const GRANT: &str = "/api/oAuth/token/jwtgrant";

async fn grant(app: &TestApp, assertion: &str) -> Reply {
    app.post(
        GRANT,
        &[],
        &json!({"assertion": assertion, "botInfo": bot_info("st-test"), "token": {}}),
    )
    .await
}

/// An assertion with any header and claims, signed with the app's secret.
pub(crate) fn forged(header: &Value, claims: &Value, secret: &str) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", part(header), part(claims));
    let key = jsonwebtoken::EncodingKey::from_secret(secret.as_bytes());
    let sign = jsonwebtoken::crypto::sign;
    let signature = sign(message.as_bytes(), &key, jsonwebtoken::Algorithm::HS256).unwrap();
    format!("{message}.{signature}")
}

pub(crate) fn claims(app: &TestApp) -> Value {
    let now = app.clock.now().seconds();
    json!({"iss": "cs-test", "sub": "ann", "aud": "https://idproxy.kore.com/authorize",
           "iat": now, "exp": now + 300, "jti": now.to_string()})
}

pub(crate) fn header() -> Value {
    json!({"alg": "HS256", "typ": "JWT", "kid": "k1"})
}

#[tokio::test]
async fn an_assertion_becomes_a_token_in_kores_shape() {
    let app = TestApp::start();
    for path in [
        GRANT,
        "/api/1.1/oAuth/token/jwtgrant",
        "/api/oAuth/token/jwtgrant/anonymous",
    ] {
        let body = json!({"assertion": app.assertion("cs-test", "ann@example.test")});
        let reply = app.post(path, &[], &body).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        assert_eq!(reply.header("cache-control"), "no-store");
        let reply = reply.json();
        let token = reply["authorization"]["accessToken"].as_str().unwrap();
        assert_eq!(URL_SAFE_NO_PAD.decode(token).unwrap().len(), 32);
        assert_eq!(reply["authorization"]["token_type"], "bearer");
        assert_eq!(
            reply["authorization"]["issuedDate"],
            "2026-11-21T02:15:01.830Z"
        );
        assert_eq!(
            reply["authorization"]["expiresDate"],
            "2026-11-21T14:15:01.830Z"
        );
        assert_eq!(reply["userInfo"]["identity"], "cs-test/ann@example.test");
        assert!(
            reply["userInfo"]["userId"]
                .as_str()
                .unwrap()
                .starts_with("u-")
        );
    }
}

#[tokio::test]
async fn the_same_identity_is_the_same_user_and_in_another_app_another() {
    let app = TestApp::start();
    let id = async |client: &str| {
        let body = json!({"assertion": app.assertion(client, "ann")});
        app.post(GRANT, &[], &body).await.json()["userInfo"]["userId"].clone()
    };
    assert_eq!(id("cs-test").await, id("cs-test").await);
    assert_ne!(id("cs-test").await, id("cs-other").await);
}

#[tokio::test]
async fn an_assertion_works_once() {
    let app = TestApp::start();
    let assertion = app.assertion("cs-test", "ann");
    assert_eq!(grant(&app, &assertion).await.status, 200);
    let again = grant(&app, &assertion).await;
    assert_eq!(again.status, 401);
    assert_eq!(
        again.error(),
        (
            "error verifying the jwt: possibly a replay".into(),
            json!(401)
        )
    );
}

#[tokio::test]
async fn what_does_not_hold_is_refused_with_kores_text_and_code() {
    let app = TestApp::start();
    let now = app.clock.now().seconds();
    let with = |key: &str, value: Value| {
        let mut claims = claims(&app);
        claims[key] = value;
        forged(&header(), &claims, SECRETS[0])
    };
    let kid = |kid: &str| json!({"alg": "HS256", "typ": "JWT", "kid": kid});
    let none = format!(
        "{}.{}.",
        URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"JWT"}"#),
        URL_SAFE_NO_PAD.encode(claims(&app).to_string())
    );
    let credentials = "Invalid SDK credentials";
    for (assertion, code, text) in [
        ("nonsense".to_owned(), 401, "malformed"),
        (String::new(), 401, "it is empty"),
        (none, 4002, credentials),
        (
            forged(&header(), &claims(&app), SECRETS[1]),
            4002,
            credentials,
        ),
        (
            forged(&kid("k2"), &claims(&app), SECRETS[0]),
            4002,
            credentials,
        ),
        (
            forged(
                &json!({"alg": "HS512", "kid": "k1"}),
                &claims(&app),
                SECRETS[0],
            ),
            4002,
            credentials,
        ),
        (with("iss", json!("cs-nobody")), 4002, credentials),
        (with("exp", json!(now - 60)), 401, "expired"),
        (with("iat", json!(now + 600)), 401, "not active"),
        (with("exp", json!("1700000000")), 401, "claim \"exp\""),
        (with("exp", json!(null)), 401, "claim \"exp\""),
        (with("sub", json!({"$ne": null})), 401, "claim \"sub\""),
        (with("sub", json!("")), 401, "claim \"sub\""),
        (with("kore_jti", json!([])), 401, "claim \"kore_jti\""),
        (with("kore_iss", json!("cs-nobody")), 4002, credentials),
        (
            with("aud", json!("https://elsewhere.test")),
            401,
            "audience",
        ),
        (with("exp", json!(now + 7200)), 401, "1 hour"),
    ] {
        let reply = grant(&app, &assertion).await;
        let (msg, got) = reply.error();
        assert_eq!((reply.status, got), (401, json!(code)), "{msg}");
        assert!(msg.contains(text), "{msg:?} should hold {text:?}");
    }
    // Liberal in form: milliseconds, a boolean as text, the aliases.
    let ms = now * 1000;
    let liberal = json!({"kore_iss": "cs-test", "kore_sub": "ann", "aud": "https://idproxy.kore.ai/authorize",
                         "iat": ms, "exp": ms + 86_400_000, "isAnonymous": "false"});
    assert_eq!(
        grant(&app, &forged(&header(), &liberal, SECRETS[0]))
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn a_page_of_another_app_gets_nothing() {
    let app = TestApp::start();
    let own = format!("http://{}", app.address);
    for (origin, status) in [
        (PAGE, 200),
        (own.as_str(), 200),
        ("https://other.test", 403),
        ("https://evil.test", 403),
        ("null", 403),
    ] {
        let body = json!({"assertion": app.assertion("cs-test", "ann")});
        let reply = app.post(GRANT, &[("origin", origin)], &body).await;
        assert_eq!(reply.status, status, "{origin}: {}", reply.body);
        if status == 403 {
            assert_eq!(reply.error().1, 403);
        }
    }
}

#[tokio::test]
async fn a_revoked_token_takes_its_sockets_along() {
    let app = TestApp::start();
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let again = app.user("ann").await;
    let ticket = ann.ticket().await;
    let (mut one, mut two) = (ann.welcomed().await, ann.socket("&isReconnect=true").await);
    let mut other = again.socket("&isReconnect=true").await;
    let mut bobs = bob.welcomed().await;
    let revoked = ann.post("/api/oAuth/token/revoke", &json!({})).await;
    assert_eq!(revoked.status, 200);
    assert_eq!(
        (one.closed().await, two.closed().await),
        (Some(1008), Some(1008))
    );
    // Not those of the same visitor's other tokens, nor anybody else's.
    other.nothing_more().await;
    bobs.nothing_more().await;
    // Nor does an address that the token got before open another.
    let refused = Socket::open(&app, &ticket, &[]).await.err().unwrap();
    assert_eq!(refused.0, 401, "{}", refused.1);
}

#[tokio::test]
async fn a_revocation_that_was_begun_is_ended_although_nobody_waits() {
    let app = TestApp::start();
    let ann = app.user("ann").await;
    let mut socket = ann.welcomed().await;
    let rtm = &app.state.rtm;
    let hash = SecretHash::of(&ann.token);
    let token = rtm.store.token(hash, app.clock.now()).await.unwrap();
    let revoking = token::revoke(
        State(Arc::clone(rtm)),
        Bearer(token.unwrap()),
        Ok(Query(Revoke::default())),
    );
    // Asked, and then dropped by its connection.
    assert!(revoking.now_or_never().is_none());
    assert_eq!(socket.closed().await, Some(1008));
}

#[tokio::test]
async fn a_token_ends_by_time_and_by_revocation() {
    let app = TestApp::start();
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let history = "/api/botmessages/rtm?botId=st-test";
    assert_eq!(ann.get(history).await.status, 200);
    let revoked = ann.post("/api/oAuth/token/revoke", &json!({})).await;
    assert_eq!(revoked.status, 200);
    for _ in 0..2 {
        let refused = ann.get(history).await;
        assert_eq!(
            (refused.status, refused.error()),
            (401, ("token expired".into(), json!(401)))
        );
    }
    assert_eq!(bob.get(history).await.status, 200);
    app.clock.advance(std::time::Duration::from_hours(12));
    assert_eq!(bob.get(history).await.error().0, "token expired");
}

#[tokio::test]
async fn an_identity_providers_own_claims_stand_beside_those_for_us() {
    let app = TestApp::start();
    let granted = async |sub: &str, jti: &str| {
        let mut claims = claims(&app);
        claims["iss"] = json!("https://login.test/");
        claims["sub"] = json!("auth0|1");
        claims["kore_iss"] = json!("cs-test");
        // As they are written: `json!` would round what is longer than its numbers.
        let claims = claims.to_string();
        let claims = claims.replacen('{', &format!(r#"{{"kore_sub":{sub},"kore_jti":{jti},"#), 1);
        let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
        let message = format!("{}.{}", part(&header().to_string()), part(&claims));
        let key = jsonwebtoken::EncodingKey::from_secret(SECRETS[0].as_bytes());
        let sign = jsonwebtoken::crypto::sign;
        let signature = sign(message.as_bytes(), &key, jsonwebtoken::Algorithm::HS256).unwrap();
        grant(&app, &format!("{message}.{signature}")).await
    };
    let mut users = Vec::new();
    for (place, sub) in [
        "4711",
        "12345678901234567890",
        "123456789012345678901234567890",
    ]
    .into_iter()
    .enumerate()
    {
        let number = granted(sub, &format!("1{place}")).await.json();
        let user = &number["userInfo"];
        assert_eq!(user["identity"], format!("cs-test/{sub}"));
        // The same number as text is the same user; the same `jti` as text is the same assertion.
        let text = format!("\"{sub}\"");
        let reply = granted(&text, &format!("2{place}")).await.json();
        assert_eq!(reply["userInfo"]["userId"], user["userId"]);
        let again = granted(&text, &format!("\"2{place}\"")).await;
        assert!(again.error().0.contains("replay"), "{}", again.body);
        users.push(user["userId"].clone());
    }
    users.dedup();
    assert_eq!(users.len(), 3);
}

#[tokio::test]
async fn an_assertion_in_packing_is_named_by_its_form_and_never_repeated() {
    let app = TestApp::start();
    let token = || app.assertion("cs-test", "ann");
    let spaced = format!(" \t{}\r\n", token());
    assert_eq!(grant(&app, &spaced).await.status, 200);
    for (packed, form) in [
        (format!("\"{}\"", token()), "quotes"),
        (format!("'{}'\n", token()), "quotes"),
        (format!("Bearer {}", token()), "Bearer"),
        (format!(r#"{{"jwt":"{}"}}"#, token()), "JSON"),
        (format!("<!doctype html><p>{}</p>", token()), "HTML"),
        (" \n".to_owned(), "empty"),
    ] {
        let reply = grant(&app, &packed).await;
        let (msg, code) = reply.error();
        assert_eq!((reply.status, code), (401, json!(401)), "{msg}");
        assert!(msg.contains(form), "{msg:?} should hold {form:?}");
        assert!(!reply.body.contains("eyJ"), "{}", reply.body);
    }
}
