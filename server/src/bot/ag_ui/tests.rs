//! What is read of a run's events, and what is kept and asked.

use std::collections::BTreeMap;

use protocol::content::{Action, Content};
use protocol::reply::BotMessage;
use serde_json::{Value, json};

use super::input::input;
use super::memory::{Memory, Next};
use super::run::{Run, State};
use crate::bot::agents::{Words, Wrong};
use crate::bot::tests::turn;
use crate::bot::{Answers, BotError, Class, MAX_STATE_BYTES, TurnKind};

static NONE: BTreeMap<String, String> = BTreeMap::new();

fn words() -> Words<'static> {
    Words::of(&turn(TurnKind::text("hi")), &NONE)
}

fn texts(answers: Answers) -> Vec<String> {
    let text = |body: String| {
        let message: BotMessage = serde_json::from_str(&body).unwrap();
        message.c_info.unwrap().body.as_str().unwrap().to_owned()
    };
    answers.into_bodies().into_iter().map(text).collect()
}

/// Hears events; with `RUN_FINISHED` behind them.
fn heard(events: &[Value], answers: &mut Answers) -> Result<Run<'static>, Wrong> {
    let mut run = Run::new(words());
    for event in events {
        if run.hear(&event.to_string(), answers)? {
            return Ok(run);
        }
    }
    assert!(run.hear(r#"{"type":"RUN_FINISHED"}"#, answers)?, "it ends");
    Ok(run)
}

fn said(events: &[Value]) -> Result<Vec<String>, BotError> {
    let mut answers = Answers::new();
    heard(events, &mut answers)?;
    Ok(texts(answers))
}

fn start(id: &str) -> Value {
    json!({"type": "TEXT_MESSAGE_START", "messageId": id, "role": "assistant"})
}

fn content(id: &str, delta: &str) -> Value {
    json!({"type": "TEXT_MESSAGE_CONTENT", "messageId": id, "delta": delta})
}

fn end(id: &str) -> Value {
    json!({"type": "TEXT_MESSAGE_END", "messageId": id})
}

#[test]
fn messages_are_answers_also_side_by_side() {
    let events = [
        json!({"type": "RUN_STARTED", "threadId": "t", "runId": "r"}),
        start("a"),
        content("a", "Hel"),
        start("b"),
        content("b", "second"),
        content("a", "lo"),
        end("b"),
        end("a"),
        start("c"),
        content("c", "not ended"),
    ];
    assert_eq!(said(&events).unwrap(), ["Hello", "second", "not ended"]);
    assert_eq!(said(&[content("x", "no start")]).unwrap(), ["no start"]);
    assert_eq!(said(&[]).unwrap(), [""; 0]);
}

#[test]
fn chunks_begin_and_end_by_themselves() {
    let chunk = |id: Option<&str>, delta: &str| json!({"type": "TEXT_MESSAGE_CHUNK", "messageId": id, "delta": delta});
    let events = [
        chunk(Some("a"), "Hel"),
        chunk(None, "lo"),
        chunk(Some("a"), "!"),
        chunk(Some("b"), "two"),
        json!({"type": "TOOL_CALL_CHUNK", "toolCallId": "t", "toolCallName": "find", "delta": "{}"}),
        chunk(Some("b"), "three"),
        json!({"type": "TEXT_MESSAGE_CHUNK"}),
    ];
    assert_eq!(said(&events).unwrap(), ["Hello!", "two", "three"]);
    assert_eq!(said(&[chunk(None, "bare")]).unwrap(), ["bare"]);
}

#[test]
fn what_is_not_for_the_visitor_is_not_shown() {
    let mut events = vec![
        json!({"type": "TEXT_MESSAGE_START", "messageId": "u", "role": "user"}),
        content("u", "secret"),
        end("u"),
        json!({"type": "TEXT_MESSAGE_CHUNK", "messageId": "s", "role": "system", "delta": "secret"}),
        json!({"type": "MESSAGES_SNAPSHOT", "messages": [{"id": "1", "role": "assistant", "content": "secret"}]}),
        json!({"type": "TOOL_CALL_RESULT", "messageId": "m", "toolCallId": "t", "content": "secret"}),
        json!({"type": "CUSTOM", "name": "x", "value": "secret"}),
        json!({"type": "RAW", "event": {"delta": "secret"}}),
        json!({"type": "OF_TOMORROW", "delta": "secret"}),
    ];
    for kind in [
        "REASONING_START",
        "REASONING_MESSAGE_START",
        "REASONING_MESSAGE_CONTENT",
        "REASONING_MESSAGE_END",
        "REASONING_MESSAGE_CHUNK",
        "REASONING_END",
        "REASONING_ENCRYPTED_VALUE",
        "THINKING_START",
        "THINKING_TEXT_MESSAGE_CONTENT",
        "THINKING_END",
        "STEP_STARTED",
        "STEP_FINISHED",
        "ACTIVITY_SNAPSHOT",
        "ACTIVITY_DELTA",
        "SUBAGENT_STARTED",
        "SUBAGENT_FINISHED",
        "SUBAGENT_ERROR",
    ] {
        events
            .push(json!({"type": kind, "messageId": "m", "delta": "secret", "stepName": "secret"}));
    }
    events.push(content("m", "shown"));
    assert_eq!(said(&events).unwrap(), ["shown"]);
}

#[test]
fn tools_say_what_is_done() {
    let mut answers = Answers::new();
    let progress = answers.progress();
    let mut run = Run::new(words());
    let call = json!({"type": "TOOL_CALL_START", "toolCallId": "t", "toolCallName": "find"});
    run.hear(&call.to_string(), &mut answers).unwrap();
    assert_eq!(
        progress.borrow().doing.as_deref(),
        Some("Looking something up …")
    );
    run.hear(&content("a", "Found").to_string(), &mut answers)
        .unwrap();
    assert_eq!(progress.borrow().doing, None);
}

#[test]
fn a_state_is_kept_while_it_is_known() {
    let state = |events: &[Value]| heard(events, &mut Answers::new()).unwrap().state;
    let snapshot = |value: Value| json!({"type": "STATE_SNAPSHOT", "snapshot": value});
    let delta = |value: Value| json!({"type": "STATE_DELTA", "delta": value});
    let patch = json!([{"op": "add", "path": "/x", "value": 1}]);
    assert_eq!(state(&[]), State::Same);
    assert_eq!(
        state(&[snapshot(json!({"a": 1}))]),
        State::Kept(json!({"a": 1}))
    );
    assert_eq!(
        state(&[snapshot(json!({"a": 1})), delta(json!([]))]),
        State::Kept(json!({"a": 1}))
    );
    assert_eq!(
        state(&[snapshot(json!({"a": 1})), delta(patch.clone())]),
        State::Unknown
    );
    assert_eq!(
        state(&[delta(patch), snapshot(json!({"b": 1}))]),
        State::Kept(json!({"b": 1}))
    );
    assert_eq!(
        state(&[snapshot(json!("x".repeat(10_000)))]),
        State::Unknown
    );
}

#[test]
fn tokens_are_counted_where_they_are_told() {
    let mut answers = Answers::new();
    let usage =
        json!([{"totalTokens": 10}, {"inputTokens": 1, "outputTokens": 2}, {"totalTokens": "x"}]);
    heard(
        &[json!({"type": "RUN_FINISHED", "usage": usage})],
        &mut answers,
    )
    .unwrap();
    assert_eq!(answers.effects().tokens, 13);
}

#[test]
fn failures_are_told_without_what_was_said() {
    let error = |events: &[Value]| match heard(events, &mut Answers::new()) {
        Err(wrong @ Wrong::Refused(_)) => (true, BotError::from(wrong)),
        Err(wrong) => (false, BotError::from(wrong)),
        Ok(_) => unreachable!("{events:?}"),
    };
    let failed = |code: &str| json!({"type": "RUN_ERROR", "message": "secret", "code": code});
    let (refused, first) = error(&[json!({"type": "RUN_STARTED"}), failed("rate_limit")]);
    assert!(refused && first.class() == Class::Error && !first.is_temporary());
    assert!(first.to_string().contains("code rate_limit") && !first.to_string().contains("secret"));
    let (refused, later) = error(&[content("a", "x"), failed("this is secret")]);
    assert!(!refused && !later.to_string().contains("secret"), "{later}");
    let stopped = json!({"type": "RUN_FINISHED", "outcome": {"type": "cancelled"}});
    assert_eq!(error(&[stopped]).1.class(), Class::Error);
    for event in [
        json!("secret"),
        json!([]),
        json!({"delta": "secret"}),
        json!({"type": 5}),
        json!({"type": "TEXT_MESSAGE_CONTENT", "messageId": "a", "delta": 5}),
        json!({"type": "TEXT_MESSAGE_CONTENT", "messageId": "a"}),
        json!({"type": "TEXT_MESSAGE_CHUNK", "delta": {"secret": 1}}),
        json!({"type": "RUN_FINISHED", "outcome": {"type": "interrupt", "interrupts": []}}),
        json!({"type": "RUN_FINISHED", "outcome": {"type": "interrupt", "interrupts": "secret"}}),
        json!({"type": "RUN_FINISHED", "outcome": {"type": "interrupt", "interrupts": [{"message": "secret"}]}}),
    ] {
        let (_, error) = error(std::slice::from_ref(&event));
        assert_eq!(error.class(), Class::Unreadable, "{event}");
        assert!(!error.to_string().contains("secret"), "{error}");
    }
    let mut run = Run::new(words());
    assert!(run.hear("{\"type\":\"RUN_", &mut Answers::new()).is_err());
    let many = vec![json!({"id": "i"}); 10_000];
    let many =
        json!({"type": "RUN_FINISHED", "outcome": {"type": "interrupt", "interrupts": many}});
    assert_eq!(error(&[many]).1.class(), Class::TooMuch);
    let hidden: Vec<_> = (0..1_000)
        .map(
            |id| json!({"type": "TEXT_MESSAGE_START", "messageId": id.to_string(), "role": "user"}),
        )
        .collect();
    assert_eq!(error(&hidden).1, BotError::TooMany);
}

/// A memory after a run that stopped with these interrupts, and what was asked.
fn asked(events: &[Value], interrupts: &Value) -> (Memory, Content) {
    let mut events = events.to_vec();
    events.push(
        json!({"type": "RUN_FINISHED", "outcome": {"type": "interrupt", "interrupts": interrupts}}),
    );
    let mut answers = Answers::new();
    let run = heard(&events, &mut answers).unwrap();
    let mut memory = Memory::default();
    memory.learn(run);
    memory.ask(words(), &mut answers).unwrap();
    memory.keep(&mut answers).unwrap();
    let kept = answers.effects().state.clone().unwrap();
    let last = answers.into_bodies().pop().unwrap();
    let message: BotMessage = serde_json::from_str(&last).unwrap();
    (Memory::read(Some(&kept)), Content::of_bot_message(&message))
}

/// What the buttons send.
fn payloads(content: &Content) -> Vec<String> {
    let payload = |action: &Action| match action {
        Action::Post { payload } => payload.clone(),
        other => unreachable!("{other:?}"),
    };
    content
        .buttons()
        .iter()
        .map(|button| payload(&button.action))
        .collect()
}

/// What goes to the agent when the visitor says this.
fn input_for(mut memory: Memory, text: &str) -> Value {
    let turn = turn(TurnKind::text(text));
    match memory.hear(&turn.kind, words()) {
        Next::Ask => Value::Null,
        Next::Run(resume) => input(&turn, &memory, resume),
    }
}

#[test]
fn a_tool_call_is_asked_about_with_its_input_and_resumed() {
    let events = [
        json!({"type": "TOOL_CALL_START", "toolCallId": "t", "toolCallName": "cancel_order"}),
        json!({"type": "TOOL_CALL_ARGS", "toolCallId": "t", "delta": "{\"order\":"}),
        json!({"type": "TOOL_CALL_ARGS", "toolCallId": "t", "delta": "17}"}),
        json!({"type": "TOOL_CALL_END", "toolCallId": "t"}),
    ];
    let interrupts = json!([{"id": "i", "reason": "tool_call", "toolCallId": "t"}]);
    let (memory, shown) = asked(&events, &interrupts);
    assert!(
        shown.plain_text().contains("May I do this: cancel order?"),
        "{}",
        shown.plain_text()
    );
    assert!(shown.plain_text().contains("order: 17"));
    let buttons = payloads(&shown);
    assert_eq!(buttons, ["i#yes", "i#no"]);
    let input = input_for(memory, &buttons[0]);
    let expected =
        json!([{"interruptId": "i", "status": "resolved", "payload": {"approved": true}}]);
    assert_eq!(input["resume"], expected);
    let messages = input["messages"].as_array().unwrap();
    assert_eq!(messages.len(), 1, "the press is no message");
    assert_eq!(
        messages[0]["toolCalls"][0]["function"],
        json!({"name": "cancel_order", "arguments": "{\"order\":17}"})
    );
}

#[test]
fn who_says_something_else_is_heard_with_it() {
    let interrupts = json!([{"id": "i", "reason": "confirmation", "message": "Sure?"}, {"id": "j", "reason": "confirmation"}]);
    let (memory, shown) = asked(&[], &interrupts);
    assert_eq!(shown.plain_text(), "Sure?");
    let input = input_for(memory, "what would it cost?");
    let expected = json!([{"interruptId": "i", "status": "cancelled"}, {"interruptId": "j", "status": "cancelled"}]);
    assert_eq!(input["resume"], expected);
    assert_eq!(input["messages"][0]["content"], "what would it cost?");
}

#[test]
fn several_questions_are_asked_one_by_one_and_answered_together() {
    let interrupts = json!([{"id": "i", "reason": "confirmation"}, {"id": "j", "reason": "input_required", "message": "Your name?"}]);
    let (mut memory, shown) = asked(&[], &interrupts);
    assert_eq!(shown.plain_text(), "May I go on?");
    let press = TurnKind::text("i#no");
    assert!(matches!(memory.hear(&press, words()), Next::Ask));
    let mut answers = Answers::new();
    memory.ask(words(), &mut answers).unwrap();
    memory.keep(&mut answers).unwrap();
    let memory = Memory::read(answers.effects().state.as_deref());
    assert_eq!(texts(answers), ["Your name?"]);
    let input = input_for(memory, "Ann");
    let expected = json!([
        {"interruptId": "i", "status": "resolved", "payload": false},
        {"interruptId": "j", "status": "resolved", "payload": "Ann"},
    ]);
    assert_eq!(input["resume"], expected);
}

#[test]
fn answers_have_the_shape_that_the_agent_wants() {
    let schema = |schema: &Value| json!([{"id": "i", "reason": "x:y", "message": "?", "responseSchema": schema}]);
    for (wanted, said, payload) in [
        (
            json!({"properties": {"approved": {"type": "boolean"}, "editedArgs": {}}}),
            "No",
            json!({"approved": false}),
        ),
        (json!({"type": "boolean"}), "i#yes", json!(true)),
        (
            json!({"properties": {"ok": {"type": "boolean"}}}),
            "yes",
            json!({"ok": true}),
        ),
        (json!({"enum": ["red", 7]}), "i#1", json!(7)),
        (json!({"enum": ["red", 7]}), "RED", json!("red")),
        (
            json!({"properties": {"size": {"enum": ["S", "L"]}}}),
            "i#1",
            json!({"size": "L"}),
        ),
        (json!({"type": "integer"}), " 42", json!(42)),
        (
            json!({"properties": {"name": {"type": "string"}}}),
            "Ann",
            json!({"name": "Ann"}),
        ),
        (
            json!({"properties": {"a": {}, "b": {}}}),
            "Ann",
            json!("Ann"),
        ),
        (Value::Null, "Ann", json!("Ann")),
    ] {
        let (memory, _) = asked(&[], &schema(&wanted));
        let input = input_for(memory, said);
        assert_eq!(input["resume"][0]["payload"], payload, "{wanted}");
    }
    let (memory, shown) = asked(&[], &schema(&json!({"enum": ["red", 7]})));
    assert_eq!(payloads(&shown), ["i#0", "i#1"]);
    assert_eq!(input_for(memory, "i#2")["resume"][0]["status"], "cancelled");
    let many: Vec<_> = (0..10_000).collect();
    let (_, shown) = asked(&[], &schema(&json!({"enum": many})));
    assert!(shown.buttons().is_empty());
}

#[test]
fn an_input_has_what_an_agent_needs() {
    let mut turn = turn(TurnKind::Message {
        body: "hi".to_owned(),
        rendered: None,
        files: Vec::new(),
        custom_data: Some(json!({"page": "cart"})),
    });
    turn.language = Some("de".to_owned());
    let memory = Memory::read(Some(r#"{"state":{"a":1}}"#));
    let input = input(&turn, &memory, None);
    assert_eq!(input["threadId"], turn.conversation);
    assert_eq!(input["runId"], turn.idempotence_key);
    assert_eq!(input["state"], json!({"a": 1}));
    assert_eq!(input["tools"], json!([]));
    assert_eq!(input["context"][0]["value"], "de");
    assert_eq!(input["context"][1]["value"], r#"{"page":"cart"}"#);
    assert_eq!(
        input["forwardedProps"]["customData"],
        json!({"page": "cart"})
    );
    assert!(input.get("resume").is_none());
    let message = json!({"id": turn.idempotence_key, "role": "user", "content": "hi"});
    assert_eq!(input["messages"], json!([message]));
}

#[test]
fn what_is_kept_is_bounded_and_what_is_none_of_ours_is_forgotten() {
    for kept in [None, Some(""), Some("{"), Some("[]"), Some(r#"{"open":5}"#)] {
        assert_eq!(Memory::read(kept), Memory::default());
    }
    let mut events = vec![json!({"type": "STATE_SNAPSHOT", "snapshot": "x".repeat(8_000)})];
    let mut interrupts = Vec::new();
    for id in 0..8 {
        events.push(
            json!({"type": "TOOL_CALL_START", "toolCallId": id.to_string(), "toolCallName": "x"}),
        );
        events.push(json!({"type": "TOOL_CALL_ARGS", "toolCallId": id.to_string(), "delta": "1".repeat(4_000)}));
        interrupts.push(json!({"id": id.to_string(), "reason": "x", "toolCallId": id.to_string()}));
    }
    let (memory, _) = asked(&events, &interrupts.into());
    assert_eq!(memory.state(), json!({}));
    assert_eq!(memory.calls().count(), 0);
    let mut answers = Answers::new();
    memory.keep(&mut answers).unwrap();
    assert!(answers.effects().state.as_ref().unwrap().len() < MAX_STATE_BYTES);
    let mut answers = Answers::new();
    Memory::default().keep(&mut answers).unwrap();
    assert_eq!(answers.effects().state.as_deref(), Some(""));
}
