//! What a visitor sees of a bot behind a webhook: through the whole server, with retries, Stop and a restart.

use std::sync::Arc;

use axum::body::Bytes;
use axum::response::IntoResponse as _;
use futures_util::StreamExt as _;
use http::StatusCode;
use serde_json::json;
use tokio::sync::Notify;

use crate::test_app::{SOON, TestApp, User, text_of};
use crate::test_bot_app::{APP, LASTING, app_with, in_the_long_run};
use crate::test_hook::{Asked, Hook, endless, json_of, pieces, status, whole};

const KEY: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

fn settings(hook: &Hook) -> String {
    app_with(
        "st-hook",
        &format!(
            r#"key = "{KEY}"
[bots.st-hook.webhook]
url = "http://{}/bot"
{LASTING}"#,
            hook.address
        ),
    )
}

async fn user<'a>(app: &'a TestApp, identity: &str) -> User<'a> {
    app.user_of(APP, "st-hook", identity).await
}

/// Says what the visitor said, and nothing to sessions.
fn text_in(asked: &Asked) -> Option<String> {
    let event = asked.json();
    let is_message = event["type"] == "message.created";
    is_message.then(|| event["data"]["text"].as_str().unwrap().to_owned())
}

/// A bot that answers messages by this.
fn hook(answer: impl Fn(&str) -> axum::response::Response + Send + Sync + 'static) -> Hook {
    Hook::start(move |asked| match text_in(asked) {
        Some(text) => answer(&text),
        None => status(204),
    })
}

#[tokio::test]
async fn a_conversation_with_a_webhook() {
    let hook = hook(|text| json_of(&json!({"text": format!("You said {text}")})));
    let app = TestApp::start_with(&settings(&hook));
    let ann = user(&app, "ann").await;
    let mut socket = ann.socket("").await;
    socket.say(1, "hello").await;
    assert_eq!(text_of(&socket.next().await), "You said hello");
    socket.say(2, "again").await;
    assert_eq!(text_of(&socket.next().await), "You said again");
    let texts: Vec<_> = ann
        .history()
        .await
        .into_iter()
        .map(|(_, _, text)| text)
        .collect();
    assert_eq!(
        texts,
        ["hello", "You said hello", "again", "You said again"]
    );
    let asked = hook.asked();
    let kinds: Vec<_> = asked
        .iter()
        .map(|asked| asked.json()["type"].clone())
        .collect();
    assert_eq!(
        kinds,
        ["session.started", "message.created", "message.created"]
    );
    let data = |number: usize| asked[number].json()["data"].clone();
    assert_eq!(data(0)["conversation"], data(2)["conversation"]);
    assert!(data(1)["conversation"].as_str().unwrap().starts_with("cv-"));
    assert_eq!(data(1)["user"]["identity"], "ann");
    assert_ne!(asked[1].header("webhook-id"), asked[2].header("webhook-id"));
}

#[tokio::test]
async fn the_visitor_sees_it_stream_and_stops_it_which_hangs_up() {
    /// Tells when the answer's body is dropped.
    struct HungUp(Arc<Notify>);
    impl Drop for HungUp {
        fn drop(&mut self) {
            self.0.notify_one();
        }
    }
    let hung_up = Arc::new(Notify::new());
    let told = Arc::clone(&hung_up);
    let hook = hook(move |_| {
        let guard = HungUp(Arc::clone(&told));
        let first =
            futures_util::stream::iter([Bytes::from_static(b"data: {\"delta\":\"Hello \"}\n\n")]);
        let rest = futures_util::stream::pending().map(move |piece: Bytes| {
            let _held = &guard;
            piece
        });
        endless("text/event-stream", first.chain(rest))
    });
    let app = TestApp::start_with(&settings(&hook));
    let ann = user(&app, "ann").await;
    let mut socket = ann.socket("&after=0").await;
    socket.say(1, "stream").await;
    let frame = socket.next().await;
    assert_eq!((text_of(&frame), &frame["sM"]), ("Hello ", &json!(true)));
    let id = frame["messageId"].clone();
    socket.send(&json!({"type": "stop", "messageId": id})).await;
    tokio::time::timeout(SOON, hung_up.notified())
        .await
        .expect("we hang up");
    let stored = socket.next().await;
    assert_eq!((text_of(&stored), &stored["messageId"]), ("Hello ", &id));
    assert_eq!(stored["message"][0]["stopped"], true);
    let asked = hook.asked().len();
    socket.nothing_more().await;
    assert_eq!(hook.asked().len(), asked, "and it is not asked again");
    assert_eq!(ann.history().await.len(), 2);
}

#[tokio::test]
async fn a_busy_bot_gets_the_same_turn_again_by_the_same_id() {
    let tries = std::sync::atomic::AtomicUsize::new(0);
    let hook = hook(move |_| {
        if tries.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == 0 {
            return (StatusCode::SERVICE_UNAVAILABLE, [("retry-after", "1")]).into_response();
        }
        json_of(&json!({"text": "at last"}))
    });
    let app = TestApp::start_with(&settings(&hook));
    let ann = user(&app, "ann").await;
    let mut socket = ann.socket("").await;
    socket.say(1, "hello").await;
    assert_eq!(
        text_of(&in_the_long_run(&app, &mut socket).await),
        "at last"
    );
    let asked = hook.asked();
    assert_eq!(asked.len(), 3);
    assert_eq!(asked[1].header("webhook-id"), asked[2].header("webhook-id"));
    assert_ne!(
        asked[1].header("webhook-timestamp"),
        asked[2].header("webhook-timestamp"),
        "each try is signed anew"
    );
    assert_eq!(ann.history().await.len(), 2);
}

#[tokio::test]
async fn what_cannot_be_answered_is_excused_once_and_the_next_message_is_answered() {
    let hook = hook(|text| match text {
        "refused" => status(401),
        "html" => whole("text/html", "<h1>Gateway</h1>"),
        "cut" => pieces("application/x-ndjson", &["{\"delta\":\"Hel\"}\n"], false),
        "gone" => status(410),
        text => json_of(&json!({"text": text})),
    });
    let app = TestApp::start_with(&settings(&hook));
    let ann = user(&app, "ann").await;
    let mut socket = ann.plain_socket("").await;
    for (number, text) in ["refused", "html", "cut", "gone"].into_iter().enumerate() {
        let before = hook.asked().len().max(1);
        let id = 2 * number as u64;
        socket.say(id, text).await;
        let mut frame = socket.next().await;
        if text == "cut" {
            assert_eq!(text_of(&frame), "Hel", "what was shown stays");
            frame = socket.next().await;
        }
        assert_eq!(
            frame["message"][0]["component"]["type"], "error",
            "{text}: {frame}"
        );
        assert_eq!(hook.asked().len(), before + 1, "{text} is not asked again");
        socket.say(id + 1, "fine").await;
        assert_eq!(text_of(&socket.next().await), "fine");
    }
}

#[tokio::test]
async fn a_turn_that_a_restart_broke_off_is_given_again_by_its_id() {
    let hook = hook(|_| endless("application/json", futures_util::stream::pending()));
    let app = TestApp::start_with(&format!(
        "{}[server]\ndrain_within = \"2s\"\n",
        settings(&hook)
    ));
    let ann = user(&app, "ann").await;
    let mut socket = ann.socket("").await;
    socket.say(1, "hello").await;
    let first = hook.asked_times(2).await;
    app.stop().await;
    let next = app.again_with(&settings(&hook));
    let again = hook.asked_times(3).await;
    assert_eq!(first.header("webhook-id"), again.header("webhook-id"));
    for same in ["turn", "conversation", "text"] {
        assert_eq!(first.json()["data"][same], again.json()["data"][same]);
    }
    drop(next);
}
