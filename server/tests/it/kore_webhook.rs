//! A bot of Kore's behind its webhook channel, played by a peer.

use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::{Value, json};
use server::clock::Clock as _;

use crate::test_app::{TestApp, text_of};
use crate::test_bot_app::{APP, app_with};
use crate::test_peer::{Heard, Peer};
use crate::test_socket::Socket;

const SECRET: &str = "wK4t2vQmS0cW8yXrE6uJ1zPaB5dHnLfG";

struct Kore {
    app: TestApp,
    peer: Peer,
}

impl Kore {
    async fn start(more: &str) -> Self {
        Self::start_at("/chatbot/v2/webhook/st-kore/hookInstance/ivr", more).await
    }

    async fn start_at(path: &str, more: &str) -> Self {
        let peer = Peer::start().await;
        let app = TestApp::start_with(&app_with(
            "st-mine",
            &format!(
                r#"[bots.st-mine.kore_webhook]
url = "http://{}{path}"
app_id = "cs-theirs"
secret = "{SECRET}"
algorithm = "HS512"
{more}"#,
                peer.address
            ),
        ));
        Self { app, peer }
    }

    async fn socket(&self) -> Socket {
        let ann = self.app.user_of(APP, "st-mine", "ann").await;
        ann.socket("").await
    }

    /// The next call, with a token as the channel wants it.
    async fn called(&mut self) -> Heard {
        let heard = self.peer.heard().await;
        let (scheme, token) = heard.header("authorization").split_once(' ').unwrap();
        assert!(scheme.eq_ignore_ascii_case("bearer"));
        let key = DecodingKey::from_secret(SECRET.as_bytes());
        let mut validation = Validation::new(Algorithm::HS512);
        // The server's clock stands still.
        validation.validate_exp = false;
        let claims = jsonwebtoken::decode::<Value>(token, &key, &validation)
            .unwrap()
            .claims;
        assert_eq!(
            (&claims["appId"], &claims["sub"], &claims["userIdentity"]),
            (&json!("cs-theirs"), &json!("ann"), &json!("ann"))
        );
        assert_eq!(claims["iat"], self.app.clock.now().seconds());
        heard
    }
}

fn answer(data: &Value) -> Value {
    json!({"_v": "v2", "to": "ann", "from": "st-kore", "data": data, "endOfTask": true,
           "endReason": "Fulfilled"})
}

fn text(val: &str) -> Value {
    json!({"type": "text", "val": val, "createdOn": "2026-11-27T11:00:00.000Z", "messageId": "m"})
}

#[tokio::test]
async fn a_session_is_announced_and_each_message_answered() {
    let mut kore = Kore::start("").await;
    kore.peer.tells(200, &answer(&json!([text("Welcome")])));
    let mut socket = kore.socket().await;
    assert_eq!(text_of(&socket.next().await), "Welcome");
    let connect = kore.called().await;
    assert_eq!(connect.path, "/chatbot/v2/webhook/st-kore/hookInstance/ivr");
    let body = connect.json();
    assert_eq!(
        body["message"],
        json!({"type": "event", "val": "ON_CONNECT"})
    );
    assert_eq!(
        (&body["session"]["new"], &body["from"]["id"]),
        (&json!(true), &json!("ann"))
    );

    let inner = json!({"template_type": "button", "text": "Pick one", "buttons": [
        {"type": "postback", "title": "Yes", "payload": "YES"}]});
    let wire = json!({"type": "template", "payload": inner});
    kore.peer.tells(
        200,
        &answer(&json!([
            text("{\"type\":\"template\"}"),
            {"type": "template", "val": wire},
            {"type": "template", "val": wire.to_string()},
            {"type": "text", "val": inner},
            {"type": "text", "val": " "},
        ])),
    );
    socket.say(1, "Hi").await;
    let frame = socket.next().await;
    assert_eq!(text_of(&frame), "{\"type\":\"template\"}");
    assert_eq!(frame["message"][0]["component"]["type"], "text");
    for _ in 0..3 {
        let frame = socket.next().await;
        assert_eq!(frame["message"][0]["component"]["payload"], wire);
    }
    socket.nothing_more().await;
    let body = kore.called().await.json();
    assert_eq!(
        (&body["message"]["val"], &body["session"]["new"]),
        (&json!("Hi"), &json!(false))
    );
}

#[tokio::test]
async fn an_answer_that_takes_longer_is_asked_for_until_it_is_there() {
    let mut kore = Kore::start("connect = false").await;
    kore.peer.tells(200, &json!({"pollId": "p/1?", "data": []}));
    kore.peer
        .tells(200, &json!({"status": "Inprogress", "pollId": "p/1?"}));
    kore.peer.tells(503, &json!({}));
    kore.peer
        .tells(200, &json!({"data": [text("half")], "pollId": "p2"}));
    kore.peer.tells(200, &answer(&json!([text("whole")])));
    let mut socket = kore.socket().await;
    socket.say(1, "Hi").await;
    assert_eq!(text_of(&socket.next().await), "half");
    assert_eq!(text_of(&socket.next().await), "whole");
    let said = kore.called().await;
    assert_eq!(said.json()["session"]["new"], true);
    for expected in ["p%2F1%3F", "p%2F1%3F", "p%2F1%3F", "p2"] {
        let poll = kore.called().await;
        assert_eq!(
            (poll.method.as_str(), poll.path),
            (
                "GET",
                format!("/chatbot/v2/webhook/st-kore/poll/{expected}")
            )
        );
    }
    // Everything was delivered: no error, and nothing more.
    kore.peer.tells(200, &json!({"pollId": "p3"}));
    kore.peer.tells(
        400,
        &json!({"errors": [{"msg": "No data found", "code": 400}]}),
    );
    socket.say(2, "More").await;
    kore.called().await;
    kore.called().await;
    socket.nothing_more().await;
}

#[tokio::test]
async fn the_end_of_a_task_closes_the_session_where_that_is_wanted() {
    let mut kore = Kore::start("connect = false\nend_of_task = \"close\"\nclose = false").await;
    kore.peer.tells(200, &answer(&json!([text("Bye")])));
    let mut socket = kore.socket().await;
    socket.say(1, "Hi").await;
    assert_eq!(text_of(&socket.next().await), "Bye");
    kore.called().await;
    kore.peer.heard_nothing();
    // What comes next begins another one.
    kore.peer.tells(200, &answer(&json!([text("Hello again")])));
    let mut next = kore.socket().await;
    next.say(2, "More").await;
    assert_eq!(text_of(&next.next().await), "Hello again");
    assert_eq!(kore.called().await.json()["session"]["new"], true);
}

#[tokio::test]
async fn the_first_version_of_the_channel_is_understood_as_well() {
    let mut kore = Kore::start_at("/chatbot/hooks/st-kore", "connect = false").await;
    kore.peer
        .tells(200, &json!({"text": ["one", "two"], "endOfTask": false}));
    let mut socket = kore.socket().await;
    socket.say(1, "Hi").await;
    assert_eq!(text_of(&socket.next().await), "one");
    assert_eq!(text_of(&socket.next().await), "two");
    assert_eq!(kore.called().await.json()["message"], json!({"text": "Hi"}));
}

#[tokio::test]
async fn what_goes_wrong_is_not_said_twice_and_the_visitor_is_told_calmly() {
    let large = "x".repeat(3 * 1024 * 1024).into_bytes();
    let buttons: Vec<_> = (0..10_000)
        .map(|n| json!({"type": "postback", "title": format!("{n}"), "payload": "p"}))
        .collect();
    let many = json!({"template_type": "button", "text": "Pick", "buttons": buttons});
    let many = answer(&json!([{"type": "template", "val": many}]))
        .to_string()
        .into_bytes();
    let twenty_one = answer(&Value::Array(vec![text("again"); 21]))
        .to_string()
        .into_bytes();
    let odd = answer(&json!([{"type": "template", "val": {"template_type": 7}}]))
        .to_string()
        .into_bytes();
    for (status, body) in [
        (401, br#"{"errors":[{"msg":"hush","code":401}]}"#.to_vec()),
        (500, b"{}".to_vec()),
        (504, b"{}".to_vec()),
        (200, b"<html>hush</html>".to_vec()),
        (200, b"[]".to_vec()),
        (200, b"{".to_vec()),
        (200, br#"{"errors":[{"msg":"hush","code":400}]}"#.to_vec()),
        (200, br#"{"data":7}"#.to_vec()),
        (200, br#"{"data":[7]}"#.to_vec()),
        (200, br#"{"data":[{"type":"text","val":7}]}"#.to_vec()),
        (200, br#"{"data":[],"pollId":7}"#.to_vec()),
        (200, large),
        (200, many),
        (200, twenty_one),
        (200, odd),
    ] {
        let mut kore = Kore::start("connect = false").await;
        kore.peer.always_tells(status, "application/json", &body);
        let mut socket = kore.socket().await;
        socket.say(1, "Hi").await;
        let apology = socket.next().await;
        let start = String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned();
        assert_eq!(
            apology["message"][0]["component"]["type"], "error",
            "{start}"
        );
        assert!(!apology.to_string().contains("hush"), "{start}");
        kore.called().await;
        kore.peer.heard_nothing();
    }
}

#[tokio::test]
async fn half_an_emoji_does_not_cost_the_rest() {
    let mut kore = Kore::start("connect = false").await;
    let body = br#"{"data":[{"type":"text","val":"ok \ud83d"}]}"#;
    kore.peer.always_tells(200, "application/json", body);
    let mut socket = kore.socket().await;
    socket.say(1, "Hi").await;
    assert_eq!(text_of(&socket.next().await), "ok \u{fffd}");
    kore.called().await;
}
