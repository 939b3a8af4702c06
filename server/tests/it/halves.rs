//! Half a character in JSON: what programs send that cut a text by JavaScript's count of letters. It is read as
//! U+FFFD and costs nothing else of the frame, the body or the page.

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::test_app::{TestApp, bot_info, text_of};
use crate::test_socket::Socket;

const JSON: (&str, &str) = ("content-type", "application/json");

/// Sends a frame as it is written here; `json!` could not hold half a character.
async fn send(socket: &mut Socket, frame: &str) -> Value {
    socket.send_raw(Message::text(frame)).await;
    socket.next().await
}

#[tokio::test]
async fn a_message_with_half_a_character_is_acknowledged_stored_and_answered() {
    let app = TestApp::start();
    let ann = app.user("ann").await;
    let mut socket = ann.welcomed().await;
    let mut elsewhere = ann.socket("").await;
    elsewhere.nothing_more().await;
    for (id, body, said) in [
        (1, r"thanks \ud83d", "thanks \u{fffd}"),
        (2, r"\ude00 \ud83d\ude00", "\u{fffd} 😀"),
        (3, r"C:\\ud83d \uD83D", "C:\\ud83d \u{fffd}"),
    ] {
        let frame = format!(
            r#"{{"clientMessageId":{id},"resourceid":"/bot.message","message":{{"body":"{body}",
                "customdata":{{"\ud83d":"\udc00"}}}},"customData":"\ud83d","id":{id}}}"#
        );
        let ack = send(&mut socket, &frame).await;
        assert_eq!((&ack["type"], &ack["replyto"]), (&json!("ack"), &json!(id)));
        assert_eq!(text_of(&socket.next().await), format!("echo {said}"));
        let echo = elsewhere.next().await;
        assert_eq!(echo["message"]["body"], said, "{echo}");
        assert_eq!(echo["message"]["customdata"]["\u{fffd}"], "\u{fffd}");
        assert_eq!(text_of(&elsewhere.next().await), format!("echo {said}"));
        let history = ann.history().await;
        assert_eq!(history[history.len() - 2].2, said);
    }
    // Sent again, it is the same message.
    let again = r#"{"clientMessageId":1,"resourceid":"/bot.message","message":{"body":"thanks \ud83d",
        "customdata":{"\ud83d":"\udc00"}},"id":1}"#;
    let stored = ann.history().await.len();
    assert_eq!(send(&mut socket, again).await["replyto"], 1);
    assert_eq!(ann.history().await.len(), stored);
}

#[tokio::test]
async fn frames_of_every_kind_are_read_with_half_a_character() {
    let app = TestApp::start();
    let ann = app.user("ann").await;
    let mut socket = ann.welcomed().await;
    let ping = r#"{"type":"ping","id":7,"x":"\ud83d"}"#;
    assert_eq!(send(&mut socket, ping).await["replyto"], 7);
    let event = r#"{"event":"typing","id":8,"message":{"body":"\ud83d"}}"#;
    assert_eq!(send(&mut socket, event).await["replyto"], 8);
    // A refusal names the frame, also one that comes too fast.
    let wrong =
        r#"{"clientMessageId":9,"resourceid":"/bot.message","message":{"body":7,"x":"\ude00"}}"#;
    assert_eq!(send(&mut socket, wrong).await["replyto"], 9);
    let id = r#"{"clientMessageId":"a\ud83d","resourceid":"/bot.message","message":{"body":"x"}}"#;
    assert_eq!(send(&mut socket, id).await["replyto"], "a\u{fffd}");
}

#[tokio::test]
async fn bodies_of_requests_are_read_with_half_a_character() {
    let app = TestApp::start();
    let assertion = app.assertion("cs-test", "ann");
    let info = bot_info("st-test").to_string();
    let info = info.replacen('{', r#"{"customData":{"name":"\ud83d"},"#, 1);
    let body =
        format!(r#"{{"assertion":"{assertion}","token":{{"x":"\ude00"}},"botInfo":{info}}}"#);
    let reply = app
        .request("POST", "/api/oAuth/token/jwtgrant", &[JSON], &body)
        .await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    let reply = reply.json();
    let token = reply["authorization"]["accessToken"].as_str().unwrap();
    let bearer = format!("bearer {token}");
    let headers = [JSON, ("authorization", bearer.as_str())];
    let body = format!(r#"{{"botInfo":{info},"x":"\ud83d"}}"#);
    let reply = app.request("POST", "/api/rtm/start", &headers, &body).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    // What is no JSON is told with its place still.
    let broken = "{\"a\":\"\\ud83d\",\n x}";
    let reply = app
        .request("POST", "/api/rtm/start", &headers, broken)
        .await;
    assert_eq!(reply.status, 400);
    assert!(reply.body.contains("line 2, column 2"), "{}", reply.body);
}
