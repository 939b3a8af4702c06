//! Agents that stream, AG-UI and the AI SDK: what they are sent, what a visitor sees, and what becomes of bad streams.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::response::Response;
use futures_util::StreamExt as _;
use protocol::reply::BotMessage;
use serde_json::{Value, json};
use server::bot::{Answers, Bot, BotError, Class, TurnKind};

use crate::test_app::{SOON, TestApp, text_of};
use crate::test_bot_app::{APP, LASTING, app_with};
use crate::test_hook::{Asked, Hook, endless, pieces, status, whole};
use crate::test_socket::Socket;
use crate::webhook::{bot_at, said, turn};

const SSE: &str = "text/event-stream";

/// The tables of the two connectors.
const BOTH: [&str; 2] = ["ag_ui", "ai_sdk"];

fn bot(hook: &Hook, table: &str) -> Arc<dyn Bot> {
    waiting_bot(hook, table, "")
}

/// The same with its own idea of how long it waits.
fn waiting_bot(hook: &Hook, table: &str, waits: &str) -> Arc<dyn Bot> {
    bot_at(
        hook,
        &format!(
            "[bots.st-hook.{table}]\nurl = \"URL/run?x=1\"\nheaders = {{ Authorization = \"Bearer hush\" }}\n{waits}"
        ),
    )
}

fn events(all: &[Value]) -> String {
    all.iter().fold(String::new(), |text, event| {
        text + &format!("data: {event}\n\n")
    })
}

/// A whole answer of a kind that both protocols have.
fn stream(table: &str, text: &str) -> String {
    let all = if table == "ag_ui" {
        json!([
            {"type": "RUN_STARTED", "threadId": "t", "runId": "r"},
            {"type": "TEXT_MESSAGE_START", "messageId": "m", "role": "assistant"},
            {"type": "TEXT_MESSAGE_CONTENT", "messageId": "m", "delta": text},
            {"type": "TEXT_MESSAGE_END", "messageId": "m"},
            {"type": "RUN_FINISHED", "threadId": "t", "runId": "r"},
        ])
    } else {
        json!([
            {"type": "start"},
            {"type": "text-start", "id": "m"},
            {"type": "text-delta", "id": "m", "delta": text},
            {"type": "text-end", "id": "m"},
            {"type": "finish"},
        ])
    };
    let done = if table == "ag_ui" {
        ""
    } else {
        "data: [DONE]\n\n"
    };
    events(all.as_array().unwrap()) + done
}

/// One piece of text, and no end.
fn piece(table: &str, text: &str) -> String {
    let one = if table == "ag_ui" {
        json!({"type": "TEXT_MESSAGE_CONTENT", "messageId": "m", "delta": text})
    } else {
        json!({"type": "text-delta", "id": "m", "delta": text})
    };
    events(&[one])
}

/// What the bot of this table says when the agent answers so.
async fn heard(
    table: &str,
    answer: impl Fn() -> Response + Send + Sync + 'static,
) -> Result<Vec<String>, BotError> {
    let hook = Hook::start(move |_| answer());
    said(&*bot(&hook, table)).await
}

#[tokio::test]
async fn an_agent_is_asked_and_heard_wherever_its_stream_is_cut() {
    for table in BOTH {
        let text = stream(table, "Hello 😀");
        let hook = Hook::start(move |_| {
            let all: Vec<_> = text.split_inclusive('e').collect();
            pieces(SSE, &all, true)
        });
        let bot = bot(&hook, table);
        assert_eq!(said(&*bot).await.unwrap(), ["Hello 😀"], "{table}");
        let asked = hook.asked_times(1).await;
        assert_eq!(asked.line, "POST /run?x=1");
        assert_eq!(
            (asked.header("accept"), asked.header("authorization")),
            (SSE, "Bearer hush")
        );
        let body = asked.json();
        let (thread, told) = if table == "ag_ui" {
            (&body["threadId"], &body["forwardedProps"])
        } else {
            (&body["id"], &body["parlour"])
        };
        assert_eq!(
            (thread, &told["user"], &told["language"]),
            (&json!("cv-1"), &json!("u-1"), &json!("de-AT"))
        );
        assert_eq!(body["messages"][0]["id"], "tn-1");
        // A beginning and an end of a session are none of its business.
        for kind in [TurnKind::Connect, TurnKind::Close] {
            bot.answer(turn(kind), &mut Answers::new()).await.unwrap();
        }
        assert_eq!(hook.asked().len(), 1);
        assert_eq!(bot.recent().messages, 30);
    }
}

#[tokio::test]
async fn a_greeting_is_ours_and_check_asks_nothing_of_the_agent() {
    for table in BOTH {
        let hook = Hook::start(|asked| {
            status(if asked.line.starts_with("GET /no") {
                401
            } else {
                405
            })
        });
        let greets = bot_at(
            &hook,
            &format!("[bots.st-hook.{table}]\nurl = \"URL/\"\ngreeting = \"Hello!\"\nhistory = 0"),
        );
        assert_eq!(greets.recent().messages, 0);
        let mut answers = Answers::new();
        greets
            .answer(turn(TurnKind::Connect), &mut answers)
            .await
            .unwrap();
        assert_eq!(answers.len(), 1);
        greets.check().await.unwrap();
        let refused = bot_at(&hook, &format!("[bots.st-hook.{table}]\nurl = \"URL/no\""))
            .check()
            .await;
        assert_eq!(refused.unwrap_err().class(), Class::Refused);
    }
}

#[tokio::test]
async fn a_stream_without_an_end_broke_off() {
    for table in BOTH {
        for (whole, first) in [(true, false), (false, false), (true, true)] {
            let text = if first {
                String::new()
            } else {
                piece(table, "Hel")
            };
            let error = heard(table, move || pieces(SSE, &[&text], whole))
                .await
                .unwrap_err();
            assert_eq!(error.class(), Class::Unreadable, "{table}: {error}");
            // Nobody who has begun is asked twice.
            assert_eq!(error.is_temporary(), first, "{table}: {error}");
        }
    }
}

#[tokio::test]
async fn bad_answers_are_mistakes_with_a_clear_word_and_nothing_of_what_was_said() {
    for table in BOTH {
        let huge = "secret".repeat(500_000);
        for (kind, body, class) in [
            ("text/html", "<h1>secret</h1>", Class::Unreadable),
            (
                "application/json",
                "{\"text\":\"secret\"}",
                Class::Unreadable,
            ),
            (SSE, "data: secret\n\n", Class::Unreadable),
            (SSE, "data: {\"secret\":\n\n", Class::Unreadable),
            (SSE, "data: {\"delta\":\"secret\"}\n\n", Class::Unreadable),
            (SSE, &format!("data: {huge}\n\n"), Class::TooMuch),
        ] {
            let body = body.to_owned();
            let error = heard(table, move || whole(kind, body.clone()))
                .await
                .unwrap_err();
            assert_eq!(error.class(), class, "{table} {kind}: {error}");
            let shown = format!("{error} {error:?}");
            assert!(
                !error.is_temporary() && !shown.contains("secret") && !shown.contains("hush"),
                "{shown}"
            );
        }
    }
}

#[tokio::test]
async fn statuses_say_whether_to_ask_again() {
    for table in BOTH {
        for (code, temporary, class) in [
            (302, false, Class::Setup),
            (401, false, Class::Refused),
            (404, false, Class::Setup),
            (429, true, Class::Busy),
            (503, true, Class::Busy),
        ] {
            let error = heard(table, move || status(code)).await.unwrap_err();
            assert_eq!(
                (error.is_temporary(), error.class(), error.status()),
                (temporary, class, Some(code))
            );
        }
    }
}

#[tokio::test]
async fn who_is_silent_or_talks_for_an_hour_is_not_waited_for() {
    for table in BOTH {
        let hook = Hook::start(|_| endless(SSE, futures_util::stream::pending()));
        let bot = waiting_bot(&hook, table, "first_byte = \"1s\"");
        let error = said(&*bot).await.unwrap_err();
        assert_eq!(
            (error.class(), error.is_temporary()),
            (Class::TooSlow, true),
            "{table}"
        );

        let first = piece(table, "Hel");
        let hook = Hook::start(move |_| {
            let one = futures_util::stream::iter([Bytes::from(first.clone())]);
            endless(SSE, one.chain(futures_util::stream::pending()))
        });
        let bot = waiting_bot(&hook, table, "idle = \"1s\"");
        let error = said(&*bot).await.unwrap_err();
        assert_eq!(
            (error.class(), error.is_temporary()),
            (Class::TooSlow, false),
            "{table}"
        );

        let again = piece(table, "and ");
        let hook = Hook::start(move |_| {
            let ticks = tokio::time::interval(Duration::from_millis(100));
            let again = Bytes::from(again.clone());
            endless(
                SSE,
                futures_util::stream::unfold(ticks, move |mut ticks| {
                    let again = again.clone();
                    async move {
                        ticks.tick().await;
                        Some((again, ticks))
                    }
                }),
            )
        });
        let bot = waiting_bot(&hook, table, "total = \"2s\"");
        let error = said(&*bot).await.unwrap_err();
        assert_eq!(
            (error.class(), error.is_temporary()),
            (Class::TooSlow, false),
            "{table}"
        );
    }
}

#[tokio::test]
async fn a_gigabyte_is_not_taken() {
    for table in BOTH {
        let flood = Bytes::from(piece(table, &"letters ".repeat(1_000)).repeat(8));
        let hook = Hook::start(move |_| endless(SSE, futures_util::stream::repeat(flood.clone())));
        let patient = bot_at(&hook, &format!("[bots.st-hook.{table}]\nurl = \"URL/\""));
        let error = said(&*patient).await.unwrap_err();
        assert_eq!(
            (error.class(), error.is_temporary()),
            (Class::TooMuch, false),
            "{table}: {error}"
        );
    }
}

/// What the agent says to messages, and whether it was told that it may.
fn asks_first(table: &'static str) -> Hook {
    Hook::start(move |asked| {
        let body = asked.json();
        let text = if table == "ag_ui" {
            ag_ui_asks(&body)
        } else {
            ai_sdk_asks(&body)
        };
        pieces(SSE, &[&text], true)
    })
}

fn ag_ui_asks(body: &Value) -> String {
    match body["resume"][0]["payload"]["approved"].as_bool() {
        Some(approved) => stream("ag_ui", if approved { "Cancelled." } else { "Kept." }),
        None if body["resume"][0]["status"] == "cancelled" => stream("ag_ui", "Something else."),
        None => events(&[
            json!({"type": "STATE_SNAPSHOT", "snapshot": {"order": 17}}),
            json!({"type": "TOOL_CALL_START", "toolCallId": "c1", "toolCallName": "cancel_order"}),
            json!({"type": "TOOL_CALL_ARGS", "toolCallId": "c1", "delta": "{\"order\":17}"}),
            json!({"type": "TOOL_CALL_END", "toolCallId": "c1"}),
            json!({"type": "RUN_FINISHED", "outcome": {"type": "interrupt", "interrupts": [
                {"id": "i1", "reason": "tool_call", "toolCallId": "c1", "message": "Cancel order 17?"},
            ]}}),
        ]),
    }
}

fn ai_sdk_asks(body: &Value) -> String {
    let last = body["messages"].as_array().unwrap().last().unwrap();
    let parts = last["parts"].as_array().unwrap();
    let approval = parts
        .iter()
        .find(|part| part["state"] == "approval-responded");
    match approval.map(|part| part["approval"]["approved"] == true) {
        Some(approved) => stream("ai_sdk", if approved { "Cancelled." } else { "Kept." }),
        None if body.to_string().contains("output-denied") => stream("ai_sdk", "Something else."),
        None => events(&[
            json!({"type": "start", "messageId": "m1"}),
            json!({"type": "tool-input-available", "toolCallId": "c1", "toolName": "cancelOrder", "input": {"order": 17}}),
            json!({"type": "tool-approval-request", "approvalId": "i1", "toolCallId": "c1"}),
            json!({"type": "finish"}),
        ]),
    }
}

fn settings(hook: &Hook, table: &str) -> String {
    app_with(
        "st-hook",
        &format!(
            r#"[bots.st-hook.{table}]
url = "http://{}/run"
{LASTING}"#,
            hook.address
        ),
    )
}

/// The next answer, behind what the agent does meanwhile.
async fn answer(socket: &mut Socket) -> Value {
    loop {
        let frame = socket.next().await;
        if frame["type"] == "bot_response" {
            return frame;
        }
    }
}

#[tokio::test]
async fn a_visitor_is_asked_by_buttons_and_the_agent_goes_on() {
    for table in BOTH {
        let hook = asks_first(table);
        let app = TestApp::start_with(&settings(&hook, table));
        let ann = app.user_of(APP, "st-hook", "ann").await;
        let mut socket = ann.plain_socket("").await;
        let mut number = 0;
        for (word, expected) in [
            ("i1#yes", "Cancelled."),
            ("No", "Kept."),
            ("wait", "Something else."),
        ] {
            socket.say(number, "cancel it").await;
            let question = answer(&mut socket).await;
            let message: BotMessage =
                serde_json::from_value(question["message"][0].clone()).unwrap();
            let content = protocol::content::Content::of_bot_message(&message);
            assert_eq!(content.buttons().len(), 2, "{table}: {question}");
            socket.say(number + 1, word).await;
            assert_eq!(text_of(&answer(&mut socket).await), expected, "{table}");
            number += 2;
        }
        let asked = hook.asked();
        assert_eq!(asked.len(), 6);
        if table == "ag_ui" {
            assert_eq!(asked[1].json()["state"], json!({"order": 17}));
            let calls = |asked: &Asked| {
                asked.json()["messages"]
                    .to_string()
                    .contains("cancel_order")
            };
            assert!(calls(&asked[1]) && !calls(&asked[2]));
        } else {
            assert_eq!(asked[1].json()["messageId"], "m1");
        }
    }
}

#[tokio::test]
async fn an_agent_that_has_forgotten_its_question_gets_the_words_instead() {
    for table in BOTH {
        let hook = Hook::start(move |asked| {
            let body = asked.json();
            let goes_on = body.get("resume").is_some() || body.get("messageId").is_some();
            let has_asked = body["messages"].as_array().unwrap().len() > 1;
            let text = match (goes_on, has_asked, table) {
                (true, _, "ag_ui") => {
                    events(&[json!({"type": "RUN_ERROR", "message": "unknown interrupt"})])
                }
                (true, ..) => return status(400),
                (false, true, _) => stream(table, "What do you mean?"),
                (false, false, "ag_ui") => ag_ui_asks(&body),
                (false, false, _) => ai_sdk_asks(&body),
            };
            pieces(SSE, &[&text], true)
        });
        let app = TestApp::start_with(&settings(&hook, table));
        let ann = app.user_of(APP, "st-hook", "ann").await;
        let mut socket = ann.plain_socket("").await;
        socket.say(1, "cancel it").await;
        answer(&mut socket).await;
        socket.say(2, "yes").await;
        assert_eq!(
            text_of(&answer(&mut socket).await),
            "What do you mean?",
            "{table}"
        );
        socket.say(3, "nothing").await;
        assert_eq!(
            text_of(&answer(&mut socket).await),
            "What do you mean?",
            "{table}"
        );
        assert_eq!(hook.asked().len(), 4, "the question is forgotten");
    }
}

#[tokio::test]
async fn stop_hangs_up() {
    /// Tells when the answer's body is dropped.
    struct HungUp(Arc<tokio::sync::Notify>);
    impl Drop for HungUp {
        fn drop(&mut self) {
            self.0.notify_one();
        }
    }
    for table in BOTH {
        let hung_up = Arc::new(tokio::sync::Notify::new());
        let told = Arc::clone(&hung_up);
        let first = piece(table, "Hello ");
        let hook = Hook::start(move |_| {
            let guard = HungUp(Arc::clone(&told));
            let first = futures_util::stream::iter([Bytes::from(first.clone())]);
            let rest = futures_util::stream::pending().map(move |piece: Bytes| {
                let _held = &guard;
                piece
            });
            endless(SSE, first.chain(rest))
        });
        let app = TestApp::start_with(&settings(&hook, table));
        let ann = app.user_of(APP, "st-hook", "ann").await;
        let mut socket = ann.socket("&after=0").await;
        socket.say(1, "stream").await;
        let frame = socket.next().await;
        assert_eq!(text_of(&frame), "Hello ", "{table}");
        socket
            .send(&json!({"type": "stop", "messageId": frame["messageId"]}))
            .await;
        tokio::time::timeout(SOON, hung_up.notified())
            .await
            .expect("we hang up");
        assert_eq!(socket.next().await["message"][0]["stopped"], true);
    }
}
