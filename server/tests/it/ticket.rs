//! From access token to socket: tickets, origins, sub-protocols, the limit of sockets.

use futures_util::future::join_all;
use serde_json::json;

use crate::test_app::{PAGE, TestApp, bot_info};
use crate::test_socket::Socket;

const START: &str = "/api/rtm/start";

#[tokio::test]
async fn start_gives_an_address_with_a_question_mark() {
    let app = TestApp::start();
    let ann = app.user("ann").await;
    for path in [START, "/api/1.1/rtm/start"] {
        let reply = ann
            .post(
                path,
                &json!({"botInfo": bot_info("st-test"), "language": "en", "token": {}}),
            )
            .await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        let reply = reply.json();
        let prefix = format!("ws://{}/rtm/bot?sid=", app.address);
        assert_eq!(
            reply["url"]
                .as_str()
                .unwrap()
                .strip_prefix(&prefix)
                .unwrap()
                .len(),
            43
        );
        assert!(reply.get("nonce").is_none());
    }
}

#[tokio::test]
async fn start_is_for_a_bot_of_the_app() {
    let app = TestApp::start();
    let ann = app.user("ann").await;
    for (bot, status) in [
        ("st-test", 200),
        ("st-other", 403),
        ("st-nobody", 404),
        ("", 404),
    ] {
        let reply = ann.post(START, &json!({"botInfo": bot_info(bot)})).await;
        assert_eq!(reply.status, status, "{bot}: {}", reply.body);
    }
}

#[tokio::test]
async fn of_24_sockets_that_race_for_a_ticket_one_opens() {
    let app = TestApp::start();
    let ticket = app.user("ann").await.ticket().await;
    let races = (0..24).map(|_| Socket::open(&app, &ticket, &[]));
    let outcomes = join_all(races).await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    for refusal in outcomes.into_iter().filter_map(Result::err) {
        assert_eq!(refusal.0, 401);
        assert!(
            refusal
                .1
                .starts_with(r#"{"errors":[{"msg":"the ticket is unknown"#),
            "{}",
            refusal.1
        );
    }
}

#[tokio::test]
async fn a_ticket_opens_for_thirty_seconds() {
    let app = TestApp::start();
    let ann = app.user("ann").await;
    let (young, old) = (ann.ticket().await, ann.ticket().await);
    app.clock.advance(std::time::Duration::from_millis(29_999));
    assert!(Socket::open(&app, &young, &[]).await.is_ok());
    app.clock.advance(std::time::Duration::from_millis(1));
    assert_eq!(Socket::open(&app, &old, &[]).await.err().unwrap().0, 401);
}

#[tokio::test]
async fn what_is_no_ticket_opens_nothing() {
    let app = TestApp::start();
    for address in [
        "/rtm/bot",
        "/rtm/bot?sid=",
        "/rtm/bot?sid=unknown",
        &format!("/rtm/bot?sid={}", "x".repeat(4000)),
    ] {
        assert_eq!(
            Socket::open(&app, address, &[]).await.err().unwrap().0,
            401,
            "{address}"
        );
    }
    let plain = app.get("/rtm/bot?sid=x", &[]).await;
    assert_eq!((plain.status, plain.error().1), (400, json!(400)));
}

#[tokio::test]
async fn a_foreign_page_opens_no_socket() {
    let app = TestApp::start();
    let ann = app.user("ann").await;
    let own = format!("http://{}", app.address);
    for (origin, opens) in [
        (PAGE, true),
        (own.as_str(), true),
        ("https://other.test", false),
        ("https://evil.test", false),
        ("https://shop.test.evil.test", false),
        ("http://shop.test", false),
        ("null", false),
    ] {
        let ticket = ann.ticket().await;
        match Socket::open(&app, &ticket, &[("origin", origin)]).await {
            Ok(_) => assert!(opens, "{origin}"),
            Err((status, body)) => {
                assert!(!opens && status == 403, "{origin}: {status} {body}");
                assert!(body.contains(r#""code":403"#), "{body}");
            }
        }
    }
}

#[tokio::test]
async fn a_secure_client_proves_its_nonce_by_sub_protocols() {
    let app = TestApp::start();
    let ann = app.user("ann").await;
    let start = async || {
        let headers = [("authorization", ann.bearer()), ("x-rtm-v", "1".to_owned())];
        let headers = headers
            .each_ref()
            .map(|(name, value)| (*name, value.as_str()));
        let reply = app
            .post(START, &headers, &json!({"botInfo": bot_info("st-test")}))
            .await
            .json();
        let url = reply["url"]
            .as_str()
            .unwrap()
            .replace(&format!("ws://{}", app.address), "");
        (url, reply["nonce"].as_str().unwrap().to_owned())
    };
    let (url, nonce) = start().await;
    let offer = format!("x-rtm-v|1, jwt|eyJ.e30.x, nonce|{nonce}");
    let socket = Socket::open(&app, &url, &[("sec-websocket-protocol", &offer)])
        .await
        .unwrap();
    assert_eq!(socket.protocol.as_deref(), Some("x-rtm-v|1"));
    for offer in ["x-rtm-v|1, jwt|eyJ, nonce|wrong", "x-rtm-v|1"] {
        let (url, _) = start().await;
        let refused = Socket::open(&app, &url, &[("sec-websocket-protocol", offer)]).await;
        assert_eq!(refused.err().unwrap().0, 401);
    }
    let (url, _) = start().await;
    assert_eq!(Socket::open(&app, &url, &[]).await.err().unwrap().0, 401);
}

#[tokio::test]
async fn a_user_has_ten_sockets_and_a_closed_one_makes_room() {
    let app = TestApp::start();
    let ann = app.user("ann").await;
    let mut sockets = Vec::new();
    for _ in 0..10 {
        sockets.push(ann.socket("").await);
    }
    let refused = Socket::open(&app, &ann.ticket().await, &[])
        .await
        .err()
        .unwrap();
    assert_eq!(refused.0, 503);
    assert!(app.user("bob").await.socket("").await.protocol.is_none());
    sockets.clear();
    // There is room again when the tasks have seen the end.
    while !app.state.rtm.registry.is_empty() {
        tokio::task::yield_now().await;
    }
    ann.socket("").await.nothing_more().await;
}
