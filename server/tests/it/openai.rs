//! What a visitor sees of a language model: through the whole server, with history, Stop, retries, faults and tools.

use std::sync::Arc;

use axum::body::Bytes;
use axum::response::{IntoResponse as _, Response};
use futures_util::StreamExt as _;
use http::StatusCode;
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::test_app::{SOON, TestApp, User, message, text_of};
use crate::test_bot_app::{APP, LASTING, app_with, in_the_long_run};
use crate::test_hook::{Asked, Hook, endless, json_of, pieces, status};
use crate::test_socket::Socket;

const SSE: &str = "text/event-stream";

fn settings(hook: &Hook, more: &str) -> String {
    app_with(
        "st-ai",
        &format!(
            r#"[bots.st-ai.openai]
base_url = "http://{}/v1"
model = "m"
key = "my-key"
system = "You are Ada."
{more}
{LASTING}"#,
            hook.address
        ),
    )
}

async fn user<'a>(app: &'a TestApp, identity: &str) -> User<'a> {
    app.user_of(APP, "st-ai", identity).await
}

fn event(value: &Value) -> String {
    format!("data: {value}\n\n")
}

fn content(text: &str) -> String {
    event(&json!({"choices": [{"index": 0, "delta": {"content": text}}]}))
}

fn finish(reason: &str) -> String {
    event(&json!({"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]}))
}

/// A model that says this.
fn saying(text: &str) -> Response {
    pieces(
        SSE,
        &[&content(text), &finish("stop"), "data: [DONE]\n\n"],
        true,
    )
}

/// What the visitor asked last.
fn question(asked: &Asked) -> String {
    let body = asked.json();
    let messages = body["messages"].as_array().unwrap().clone();
    messages.last().unwrap()["content"]
        .as_str()
        .unwrap()
        .to_owned()
}

/// The next answer that is stored, past the pieces of it. Not for v3 clients: they get the end of it as a piece, too.
async fn answer(socket: &mut Socket) -> Value {
    loop {
        let frame = socket.next().await;
        if frame["type"] == "bot_response" && frame["sM"].is_null() {
            return frame;
        }
    }
}

#[tokio::test]
async fn each_message_goes_with_what_was_said_before() {
    let hook = Hook::start(|asked| saying(&format!("You said {}", question(asked))));
    let app = TestApp::start_with(&settings(&hook, "greeting = \"Hello.\""));
    let ann = user(&app, "ann").await;
    let mut socket = ann.plain_socket("").await;
    assert_eq!(text_of(&socket.next().await), "Hello.");
    for (id, said) in [(1, "one"), (2, "two")] {
        socket.say(id, said).await;
        assert_eq!(
            text_of(&answer(&mut socket).await),
            format!("You said {said}")
        );
    }
    let asked = hook.asked();
    assert_eq!(asked.len(), 2, "nobody asks a model to greet");
    assert_eq!(asked[1].header("authorization"), "Bearer my-key");
    let expected = json!([
        {"role": "system", "content": "You are Ada."},
        {"role": "user", "content": "(The visitor has opened the chat.)"},
        {"role": "assistant", "content": "Hello."},
        {"role": "user", "content": "one"},
        {"role": "assistant", "content": "You said one"},
        {"role": "user", "content": "two"},
    ]);
    assert_eq!(asked[1].json()["messages"], expected);
    // Another visitor's conversation is another one.
    let bob = user(&app, "bob").await;
    let mut his = bob.plain_socket("").await;
    assert_eq!(text_of(&his.next().await), "Hello.");
    his.say(1, "three").await;
    answer(&mut his).await;
    let messages = hook.asked()[2].json()["messages"].clone();
    assert_eq!(messages.as_array().unwrap().len(), 4);
}

#[tokio::test]
async fn stop_hangs_up_on_the_model_and_keeps_what_was_said() {
    /// Tells when the answer's body is dropped.
    struct HungUp(Arc<Notify>);
    impl Drop for HungUp {
        fn drop(&mut self) {
            self.0.notify_one();
        }
    }
    let hung_up = Arc::new(Notify::new());
    let told = Arc::clone(&hung_up);
    let hook = Hook::start(move |_| {
        let guard = HungUp(Arc::clone(&told));
        let first = futures_util::stream::iter([Bytes::from(content("Hello "))]);
        let rest = futures_util::stream::pending::<Bytes>().map(move |bytes| {
            let _alive = &guard;
            bytes
        });
        endless(SSE, first.chain(rest))
    });
    let app = TestApp::start_with(&settings(&hook, ""));
    let ann = user(&app, "ann").await;
    let mut socket = ann.socket("&after=0").await;
    socket.say(1, "Tell me").await;
    let piece = socket.next().await;
    assert_eq!((text_of(&piece), &piece["sM"]), ("Hello ", &json!(true)));
    let stop = json!({"type": "stop", "messageId": piece["messageId"]});
    socket.send(&stop).await;
    tokio::time::timeout(SOON, hung_up.notified())
        .await
        .expect("the connection is closed");
    let stored = answer(&mut socket).await;
    assert_eq!(text_of(&stored), "Hello ");
    assert_eq!(stored["message"][0]["stopped"], true);
    assert_eq!(hook.asked().len(), 1);
}

#[tokio::test]
async fn a_model_that_is_busy_or_fails_is_asked_again_with_the_same_words() {
    let count = std::sync::atomic::AtomicUsize::new(0);
    let hook =
        Hook::start(
            move |_| match count.fetch_add(1, std::sync::atomic::Ordering::SeqCst) {
                0 => {
                    let error = json!({"error": {"code": "rate_limit_exceeded"}}).to_string();
                    (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "2")], error).into_response()
                }
                1 => pieces(SSE, &[], false),
                _ => saying("At last"),
            },
        );
    let app = TestApp::start_with(&settings(&hook, ""));
    let ann = user(&app, "ann").await;
    let mut socket = ann.plain_socket("").await;
    socket.say(1, "Hi").await;
    let frame = in_the_long_run(&app, &mut socket).await;
    assert_eq!(text_of(&frame), "At last");
    socket.nothing_more().await;
    let asked = hook.asked();
    assert_eq!(asked.len(), 3);
    assert_eq!(asked[0].body, asked[2].body);
    assert_eq!(ann.history().await.len(), 2);
}

#[tokio::test]
async fn what_will_not_get_better_is_excused_at_once() {
    for (name, reply) in [
        ("a refused key", || status(401)),
        ("no money", || {
            let error = json!({"error": {"code": "insufficient_quota"}}).to_string();
            (StatusCode::TOO_MANY_REQUESTS, error).into_response()
        }),
        ("HTML", || {
            crate::test_hook::whole("text/html", "<html>secret</html>")
        }),
        ("garbage", || {
            crate::test_hook::whole("application/json", "garbage secret")
        }),
        ("half", || {
            pieces(SSE, &[&content("Hel"), "data: {\"cho"], false)
        }),
        ("nothing", || saying("")),
    ] as [(&str, fn() -> Response); 6]
    {
        let hook = Hook::start(move |_| reply());
        let app = TestApp::start_with(&settings(&hook, ""));
        let ann = user(&app, "ann").await;
        let mut socket = ann.plain_socket("").await;
        socket.say(1, "Hi").await;
        let mut last = answer(&mut socket).await;
        if name == "half" {
            assert_eq!(
                (text_of(&last), &last["message"][0]["stopped"]),
                ("Hel", &json!(true))
            );
            last = answer(&mut socket).await;
        }
        assert!(text_of(&last).starts_with("Sorry"), "{name}: {last}");
        assert!(!last.to_string().contains("secret"), "{name}: {last}");
        socket.nothing_more().await;
        assert_eq!(hook.asked().len(), 1, "{name}");
    }
}

/// A model that wants to cancel order 17, and the shop that can.
fn shop() -> Hook {
    Hook::start(|asked| {
        let body = asked.json();
        if asked.line == "POST /mcp" {
            return match body["method"].as_str().unwrap() {
                "server/discover" => json_of(&json!({"jsonrpc": "2.0", "id": 1, "result": {}})),
                "tools/list" => json_of(
                    &json!({"jsonrpc": "2.0", "id": 1, "result": {"tools": [{"name": "cancel_order"}]}}),
                ),
                "tools/call" => json_of(
                    &json!({"jsonrpc": "2.0", "id": 1, "result": {"content": [{"type": "text", "text": "cancelled"}]}}),
                ),
                method => panic!("{method}"),
            };
        }
        match question(asked).as_str() {
            "Cancel" => {
                let call = json!({"index": 0, "id": "c1", "function": {"name": "cancel_order", "arguments": "{\"number\":17}"}});
                let delta = event(&json!({"choices": [{"delta": {"tool_calls": [call]}}]}));
                pieces(SSE, &[&delta, &finish("tool_calls")], true)
            }
            "cancelled" => saying("It is cancelled."),
            other => saying(&format!("You said {other}")),
        }
    })
}

fn calls(hook: &Hook) -> usize {
    let is_call =
        |asked: &&Asked| asked.line == "POST /mcp" && asked.json()["method"] == "tools/call";
    hook.asked().iter().filter(is_call).count()
}

#[tokio::test]
async fn a_call_that_changes_something_waits_for_its_button_over_a_restart() {
    let hook = shop();
    let more = format!(
        "[bots.st-ai.openai.mcp.shop]\nurl = \"http://{}/mcp\"\nwrites = [\"cancel_order\"]",
        hook.address
    );
    let settings = settings(&hook, &more);
    let app = TestApp::start_with(&settings);
    let ann = user(&app, "ann").await;
    let token = ann.token.clone();
    let mut socket = ann.socket("&after=0").await;
    socket.say(1, "Cancel").await;
    let asked = answer(&mut socket).await;
    let question = &asked["message"][0]["component"]["payload"]["payload"];
    assert_eq!(question["template_type"], "button");
    assert_eq!(
        question["text"],
        "May I do this for you? cancel order (number: 17)"
    );
    let yes = question["buttons"][0]["payload"]
        .as_str()
        .unwrap()
        .to_owned();
    // Another visitor who knows the payload can do nothing with it.
    let bob = user(&app, "bob").await;
    let mut his = bob.socket("&after=0").await;
    his.say(1, &yes).await;
    assert!(text_of(&answer(&mut his).await).starts_with("You said yes:"));
    assert_eq!(calls(&hook), 0);
    app.stop().await;

    let app = app.again_with(&settings);
    let ann = User {
        bot: "st-ai",
        ..app.returning(token)
    };
    let mut socket = ann.socket("&isReconnect=true&after=2").await;
    let mut pressed = message(&json!(2), &yes);
    pressed["message"]["renderMsg"] = "Yes, do it".into();
    socket.send(&pressed).await;
    assert_eq!(
        text_of(&answer(&mut socket).await),
        "Done: cancel order (number: 17)"
    );
    assert_eq!(text_of(&answer(&mut socket).await), "It is cancelled.");
    assert_eq!(calls(&hook), 1);
    // Once is once.
    socket.say(3, &yes).await;
    assert!(text_of(&answer(&mut socket).await).starts_with("You said yes:"));
    assert_eq!(calls(&hook), 1);
}
