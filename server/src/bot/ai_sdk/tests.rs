//! What is read of a message's chunks, and what is kept, asked and sent.

use std::collections::BTreeMap;

use protocol::content::{Action, Content};
use protocol::reply::BotMessage;
use serde_json::{Value, json};

use super::memory::{Memory, Next};
use super::message::Message;
use super::request::request;
use crate::bot::agents::Words;
use crate::bot::tests::turn;
use crate::bot::{Answers, BotError, Class, MAX_STATE_BYTES, PastMessage, Speaker, Turn, TurnKind};
use crate::clock::Millis;

static NONE: BTreeMap<String, String> = BTreeMap::new();

fn words() -> Words<'static> {
    Words::of(&turn(TurnKind::text("hi")), &NONE)
}

fn shown(answers: Answers) -> Vec<Content> {
    let content = |body: String| {
        let message: BotMessage = serde_json::from_str(&body).unwrap();
        Content::of_bot_message(&message)
    };
    answers.into_bodies().into_iter().map(content).collect()
}

/// Hears chunks and ends.
fn heard(chunks: &[Value], answers: &mut Answers) -> Result<Message<'static>, BotError> {
    let mut message = Message::new(words());
    for chunk in chunks {
        message.hear(&chunk.to_string(), answers)?;
    }
    message.end(answers)?;
    Ok(message)
}

fn said(chunks: &[Value]) -> Result<Vec<String>, BotError> {
    let mut answers = Answers::new();
    heard(chunks, &mut answers)?;
    let text = |content: &Content| content.plain_text().to_owned();
    Ok(shown(answers).iter().map(text).collect())
}

fn delta(id: &str, delta: &str) -> Value {
    json!({"type": "text-delta", "id": id, "delta": delta})
}

fn of(kind: &str, id: &str) -> Value {
    json!({"type": kind, "id": id})
}

#[test]
fn texts_are_answers_also_when_they_overlap() {
    let chunks = [
        json!({"type": "start", "messageId": "m"}),
        json!({"type": "start-step"}),
        of("text-start", "a"),
        delta("a", "Hel"),
        of("text-start", "b"),
        delta("b", "second"),
        delta("a", "lo"),
        of("text-end", "a"),
        of("text-end", "b"),
        json!({"type": "finish-step"}),
        of("text-start", "c"),
        of("text-end", "c"),
        delta("d", "no start"),
        json!({"type": "finish", "finishReason": "stop"}),
    ];
    assert_eq!(said(&chunks).unwrap(), ["Hello", "second", "no start"]);
}

#[test]
fn either_end_is_an_end_and_none_is_none() {
    let mut answers = Answers::new();
    let mut message = Message::new(words());
    message
        .hear(&delta("a", "x").to_string(), &mut answers)
        .unwrap();
    assert!(!message.has_ended());
    assert!(message.hear(r#"{"type":"finish"}"#, &mut answers).unwrap());
    assert!(message.has_ended() && !message.is_done());
    assert!(message.hear(" [DONE]", &mut answers).unwrap());
    assert!(message.is_done());
    let mut message = Message::new(words());
    message.hear("[DONE]", &mut answers).unwrap();
    assert!(message.has_ended());
}

#[test]
fn what_is_not_for_the_visitor_is_not_shown() {
    let mut chunks: Vec<Value> = [
        "reasoning-start", "reasoning-delta", "reasoning-end", "tool-input-delta", "data-weather", "message-metadata",
        "source-document", "of-tomorrow", "tool-input-error", "tool-output-error", "tool-output-denied",
    ]
    .iter()
    .map(|kind| json!({"type": kind, "id": "r", "delta": "secret", "data": "secret", "title": "secret", "errorText": "secret"}))
    .collect();
    chunks.push(json!({"type": "tool-output-available", "toolCallId": "t", "output": "secret"}));
    chunks.push(delta("a", "shown"));
    assert_eq!(said(&chunks).unwrap(), ["shown"]);
}

#[test]
fn tools_say_what_is_done() {
    let mut answers = Answers::new();
    let progress = answers.progress();
    let mut message = Message::new(words());
    for (title, doing) in [
        (Value::Null, "Looking something up …"),
        (json!("maps"), "Looking up maps …"),
    ] {
        let chunk = json!({"type": "tool-input-start", "toolCallId": "t", "toolName": "find", "title": title});
        message.hear(&chunk.to_string(), &mut answers).unwrap();
        assert_eq!(progress.borrow().doing.as_deref(), Some(doing));
    }
}

#[test]
fn sources_are_a_short_list_behind_the_answer() {
    let source = |url: &str, title: Option<&str>| json!({"type": "source-url", "sourceId": "s", "url": url, "title": title});
    let mut chunks = vec![
        source("https://a.test/x_(1)", Some("A [b](javascript:c) *d*")),
        source("https://a.test/x_(1)", Some("again")),
        source("javascript:alert(1)", Some("bad")),
        source("https://b.test/", None),
        delta("t", "Answer"),
    ];
    let said_of = |chunks: &[Value]| said(chunks).unwrap();
    let texts = said_of(&chunks);
    assert_eq!(texts[0], "Answer");
    assert!(texts[1].starts_with("Sources:\n"), "{}", texts[1]);
    assert!(
        !texts[1].contains("bad")
            && !texts[1].contains("again")
            && texts[1].contains("https://b.test/")
    );
    let mut answers = Answers::new();
    heard(&chunks, &mut answers).unwrap();
    let body = answers.into_bodies().pop().unwrap();
    assert!(body.contains("(https://a.test/x_%281%29)"), "{body}");
    assert!(!body.contains("javascript:c)"), "{body}");
    chunks.extend((0..10_000).map(|number| source(&format!("https://c.test/{number}"), None)));
    assert_eq!(said_of(&chunks)[1].matches("\n- ").count(), 10);
}

#[test]
fn files_are_pictures_or_links() {
    let file = |url: &str, kind: &str| json!({"type": "file", "url": url, "mediaType": kind});
    let mut answers = Answers::new();
    let chunks = [
        file("https://a.test/x.png", "image/png"),
        file("https://a.test/x.pdf", "application/pdf"),
        file("data:image/png;base64,AAAA", "image/png"),
        file("javascript:alert(1)", "text/html"),
    ];
    heard(&chunks, &mut answers).unwrap();
    let shown = shown(answers);
    assert!(matches!(&shown[0], Content::Image { url, .. } if url == "https://a.test/x.png"));
    assert_eq!(shown[1].plain_text(), "https://a.test/x.pdf");
    assert_eq!(shown[2].plain_text(), "(A file that cannot be shown here.)");
    assert_eq!(shown[3].plain_text(), "(A file that cannot be shown here.)");
}

#[test]
fn failures_are_told_without_what_was_said() {
    for (chunk, class) in [
        (
            json!({"type": "error", "errorText": "secret"}),
            Class::Error,
        ),
        (json!({"type": "abort", "reason": "secret"}), Class::Error),
        (
            json!({"type": "finish", "finishReason": "error"}),
            Class::Error,
        ),
        (
            json!({"type": "finish", "finishReason": "content-filter"}),
            Class::Error,
        ),
        (json!({"type": "text-delta", "id": "a"}), Class::Unreadable),
        (
            json!({"type": "text-delta", "id": "a", "delta": {"secret": 1}}),
            Class::Unreadable,
        ),
        (json!("secret"), Class::Unreadable),
        (json!({"text": "secret"}), Class::Unreadable),
        (json!({"type": ["secret"]}), Class::Unreadable),
        (
            json!({"type": "tool-approval-request", "approvalId": "secret", "toolCallId": "t"}),
            Class::TooMuch,
        ),
    ] {
        let error = said(&[delta("a", "x"), chunk.clone()]).unwrap_err();
        assert_eq!(error.class(), class, "{chunk}");
        assert!(
            !error.is_temporary() && !error.to_string().contains("secret"),
            "{error}"
        );
    }
    let mut message = Message::new(words());
    assert!(message.hear("<h1>secret", &mut Answers::new()).is_err());
    assert!(!message.has_content());
    let many: Vec<_> = (0..1_000)
        .map(|id| of("text-start", &id.to_string()))
        .collect();
    assert_eq!(said(&many).unwrap_err(), BotError::TooMany);
}

#[test]
fn tokens_are_counted_where_the_examples_put_them() {
    for (metadata, tokens) in [
        (json!({"totalTokens": 7}), 7),
        (json!({"usage": {"totalTokens": 8}}), 8),
        (json!({"totalUsage": {"totalTokens": 9}}), 9),
        (json!({"totalTokens": "x"}), 0),
        (Value::Null, 0),
    ] {
        let mut answers = Answers::new();
        heard(
            &[json!({"type": "finish", "messageMetadata": metadata})],
            &mut answers,
        )
        .unwrap();
        assert_eq!(answers.effects().tokens, tokens);
    }
}

fn call(id: &str, input: &Value) -> Value {
    json!({"type": "tool-input-available", "toolCallId": id, "toolName": "cancelOrder", "input": input})
}

fn request_of(id: &str) -> Value {
    json!({"type": "tool-approval-request", "approvalId": format!("a{id}"), "toolCallId": id, "signature": "sig"})
}

/// What is kept after these chunks, and what was shown.
fn asked(chunks: &[Value]) -> (Option<String>, Vec<Content>) {
    let mut answers = Answers::new();
    let message = heard(chunks, &mut answers).unwrap();
    let mut memory = Memory::of(message);
    memory.ask(words(), &mut answers).unwrap();
    memory.keep(&mut answers).unwrap();
    (answers.effects().state.clone(), shown(answers))
}

/// A turn behind a question, in which the visitor says this.
fn behind(state: Option<&str>, text: &str, recent: &[(Speaker, &str)]) -> Turn {
    let said = |(at, (by, text)): (usize, &(Speaker, &str))| PastMessage {
        by: *by,
        text: (*text).to_owned(),
        at: Millis(at as u64),
    };
    Turn {
        state: state.map(ToOwned::to_owned),
        recent: recent.iter().enumerate().map(said).collect(),
        ..turn(TurnKind::text(text))
    }
}

#[test]
fn a_tool_is_allowed_by_a_button() {
    let chunks = [
        json!({"type": "start", "messageId": "m1"}),
        delta("t", "One moment."),
        call("c0", &json!({})),
        json!({"type": "tool-output-available", "toolCallId": "c0", "output": {"found": 1}}),
        call("c1", &json!({"order": 17})),
        request_of("c1"),
        json!({"type": "finish"}),
    ];
    let (state, shown) = asked(&chunks);
    let question = shown.last().unwrap();
    assert!(
        question
            .plain_text()
            .starts_with("May I do this: cancel order?"),
        "{}",
        question.plain_text()
    );
    assert!(question.plain_text().contains("order: 17"));
    let payload = |action: &Action| match action {
        Action::Post { payload } => payload.clone(),
        other => unreachable!("{other:?}"),
    };
    let buttons: Vec<_> = question
        .buttons()
        .iter()
        .map(|button| payload(&button.action))
        .collect();
    assert_eq!(buttons, ["ac1#yes", "ac1#no"]);
    let recent = [
        (Speaker::Visitor, "cancel it"),
        (Speaker::Bot, "One moment."),
        (Speaker::Bot, "May I do this: cancel order?"),
    ];
    for (press, approved) in [("ac1#yes", true), ("ac1#no", false)] {
        let turn = behind(state.as_deref(), press, &recent);
        let mut memory = Memory::read(turn.state.as_deref());
        assert_eq!(memory.hear(&turn.kind, words()), Next::Go);
        let request = request(&turn, &memory);
        assert_eq!(request["messageId"], "m1");
        let messages = request["messages"].as_array().unwrap();
        assert_eq!(messages.len(), 2, "the press is no message: {messages:?}");
        let expected = json!([
            {"type": "step-start"},
            {"type": "text", "text": "One moment."},
            {"type": "tool-cancelOrder", "toolCallId": "c0", "input": {}, "state": "output-available", "output": {"found": 1}},
            {"type": "tool-cancelOrder", "toolCallId": "c1", "input": {"order": 17}, "state": "approval-responded",
             "approval": {"id": "ac1", "approved": approved, "signature": "sig"}},
        ]);
        assert_eq!(messages[1]["parts"], expected);
        assert_eq!(
            (&messages[1]["id"], &messages[1]["role"]),
            (&json!("m1"), &json!("assistant"))
        );
    }
    let turn = behind(state.as_deref(), "what would it cost?", &recent);
    let mut memory = Memory::read(turn.state.as_deref());
    assert_eq!(memory.hear(&turn.kind, words()), Next::Go);
    let request = request(&turn, &memory);
    assert!(request.get("messageId").is_none());
    let messages = request["messages"].as_array().unwrap();
    assert_eq!(messages[1]["parts"][3]["state"], "output-denied");
    assert_eq!(messages[2]["parts"][0]["text"], "what would it cost?");
}

#[test]
fn several_tools_are_asked_about_one_by_one() {
    let chunks = [
        call("c1", &json!({})),
        request_of("c1"),
        call("c2", &json!({})),
        request_of("c2"),
    ];
    let (state, _) = asked(&chunks);
    let turn = behind(state.as_deref(), "yes", &[]);
    let mut memory = Memory::read(turn.state.as_deref());
    assert_eq!(memory.hear(&turn.kind, words()), Next::Ask);
    let mut answers = Answers::new();
    memory.ask(words(), &mut answers).unwrap();
    memory.keep(&mut answers).unwrap();
    let recent = [
        (Speaker::Visitor, "both"),
        (Speaker::Bot, "Fine."),
        (Speaker::Bot, "May I?"),
        (Speaker::Visitor, "Yes"),
        (Speaker::Bot, "And that?"),
    ];
    let turn = behind(answers.effects().state.as_deref(), "ac2#no", &recent);
    let mut memory = Memory::read(turn.state.as_deref());
    assert_eq!(memory.hear(&turn.kind, words()), Next::Go);
    let messages = request(&turn, &memory)["messages"].clone();
    assert_eq!(messages.as_array().unwrap().len(), 2, "{messages}");
    let parts = &messages[1]["parts"];
    assert_eq!(parts[1]["text"], "Fine.");
    assert_eq!(
        (
            &parts[2]["approval"]["approved"],
            &parts[3]["approval"]["approved"]
        ),
        (&json!(true), &json!(false))
    );
}

#[test]
fn a_plain_request_is_that_of_the_sdk() {
    let turn = behind(
        None,
        "hi",
        &[(Speaker::Visitor, "hello"), (Speaker::Bot, "Hi")],
    );
    let request = request(&turn, &Memory::read(None));
    assert_eq!(
        (&request["id"], &request["trigger"]),
        (&json!(turn.conversation), &json!("submit-message"))
    );
    let messages = request["messages"].as_array().unwrap();
    let roles: Vec<_> = messages
        .iter()
        .map(|message| message["role"].as_str().unwrap())
        .collect();
    assert_eq!(roles, ["user", "assistant", "user"]);
    assert_eq!(messages[2]["id"], turn.idempotence_key.as_str());
    assert_eq!(
        messages[2]["parts"],
        json!([{"type": "text", "text": "hi"}])
    );
}

#[test]
fn what_is_kept_is_bounded_and_what_is_none_of_ours_is_forgotten() {
    for kept in [
        None,
        Some(""),
        Some("{"),
        Some("[]"),
        Some(r#"{"tools":5}"#),
    ] {
        assert_eq!(Memory::read(kept), Memory::default());
    }
    assert_eq!(asked(&[delta("a", "x")]).0.as_deref(), Some(""));
    let mut chunks = Vec::new();
    for id in 0..15 {
        let id = format!("d{id}");
        chunks.push(call(&id, &json!("x".repeat(2_000))));
        chunks.push(
            json!({"type": "tool-output-available", "toolCallId": id, "output": "x".repeat(2_000)}),
        );
    }
    chunks.extend([call("c1", &json!({})), request_of("c1")]);
    let (state, _) = asked(&chunks);
    assert!(state.as_ref().unwrap().len() < MAX_STATE_BYTES);
    assert_eq!(Memory::read(state.as_deref()).tools.len(), 1);
    // Nobody is asked about a call of which nobody knows what it would do.
    let error = said(&[call("c1", &json!("x".repeat(10_000))), request_of("c1")]).unwrap_err();
    assert_eq!(error.class(), Class::TooMuch);
}
