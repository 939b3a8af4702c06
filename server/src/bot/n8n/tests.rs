//! What is read of a flow's answers.

use serde_json::{Value, json};

use super::stream::Groups;
use super::whole;
use crate::bot::reply::Reply;
use crate::bot::{Answers, BotError, Class};

fn texts(answers: Answers) -> Vec<String> {
    let text = |body: String| {
        let message: Value = serde_json::from_str(&body).unwrap();
        message["cInfo"]["body"].as_str().unwrap().to_owned()
    };
    answers.into_bodies().into_iter().map(text).collect()
}

fn read(value: &Value) -> Result<Vec<String>, BotError> {
    let mut answers = Answers::new();
    whole::read(value.to_string().as_bytes())?.give(&mut answers)?;
    Ok(texts(answers))
}

#[test]
fn whole_answers_are_read_in_every_wrapping() {
    for (value, expected) in [
        (json!({"output": "Hi"}), &["Hi"][..]),
        (json!({"text": "Hi"}), &["Hi"]),
        (json!([{"output": "a"}, {"text": "b"}]), &["a", "b"]),
        (json!([{"output": [{"output": "deep"}]}]), &["deep"]),
        (
            json!({"output": {"text": "Pick", "buttons": [{"title": "A"}]}}),
            &["Pick"],
        ),
        (json!({"output": "a", "text": "not this one"}), &["a"]),
        (json!({"output": null, "text": "b"}), &["b"]),
        (json!("plain"), &["plain"]),
        (json!({"output": ""}), &[]),
        (json!({"text": ""}), &[]),
        (json!([]), &[]),
        (json!({}), &[]),
        (Value::Null, &[]),
    ] {
        assert_eq!(read(&value).unwrap(), expected, "{value}");
    }
    assert_eq!(whole::read(b" \n").unwrap(), Reply::default());
}

#[test]
fn other_answers_are_mistakes() {
    for (value, word) in [
        (
            json!({"message": "Workflow was started"}),
            "neither `output` nor `text`",
        ),
        (
            json!({"output": {"secret": 1}}),
            "neither `output` nor `text`",
        ),
        (json!({"output": 7}), "neither text nor an object"),
        (json!({"text": 7}), "text is not a text"),
        (json!([[[[[[{"output": "secret"}]]]]]]), "too deep"),
        (
            Value::Array(vec![json!({"output": "secret"}); 21]),
            "more than 20 messages",
        ),
    ] {
        let error = read(&value).unwrap_err().to_string();
        assert!(error.contains(word) && !error.contains("secret"), "{error}");
    }
    for bytes in [&b"<html>"[..], b"{\"output\":", b"\xff"] {
        let error = whole::read(bytes).unwrap_err();
        assert_eq!(error.class(), Class::Unreadable);
    }
}

fn line(kind: &str, node: &str, run: u64, content: &str) -> String {
    json!({"type": kind, "content": content, "metadata": {"nodeId": node, "nodeName": "Agent", "runIndex": run, "itemIndex": 0}}).to_string()
}

fn streamed(lines: &[String]) -> Result<Vec<String>, BotError> {
    let mut answers = Answers::new();
    let mut groups = Groups::default();
    for line in lines {
        groups.hear(line, &mut answers)?;
    }
    groups.end(&mut answers)?;
    Ok(texts(answers))
}

#[test]
fn each_node_and_each_of_its_runs_is_an_answer() {
    let lines = [
        line("begin", "a", 0, ""),
        line("item", "a", 0, "Hel"),
        line("item", "a", 0, "lo"),
        line("end", "a", 0, ""),
        line("begin", "a", 1, ""),
        line("item", "a", 1, "again"),
        line("end", "a", 1, ""),
    ];
    assert_eq!(streamed(&lines).unwrap(), ["Hello", "again"]);
}

#[test]
fn groups_side_by_side_do_not_run_into_each_other() {
    let lines = [
        line("begin", "a", 0, ""),
        line("item", "a", 0, "one "),
        line("begin", "b", 0, ""),
        line("item", "b", 0, "two "),
        line("begin", "c", 0, ""),
        line("item", "c", 0, "three "),
        line("item", "a", 0, "first"),
        line("end", "c", 0, ""),
        line("end", "a", 0, ""),
        line("item", "b", 0, "second"),
        line("end", "b", 0, ""),
    ];
    assert_eq!(
        streamed(&lines).unwrap(),
        ["one first", "two second", "three "]
    );
}

#[test]
fn text_lines_and_whole_answers_in_a_stream_are_heard() {
    let plain = ["Hello".to_owned(), "there".to_owned()];
    assert_eq!(streamed(&plain).unwrap(), ["Hello\nthere"]);
    let mixed = [
        line("begin", "a", 0, ""),
        "not json".to_owned(),
        line("item", "a", 0, "!"),
        line("end", "a", 0, ""),
        json!({"output": "whole"}).to_string(),
    ];
    assert_eq!(streamed(&mixed).unwrap(), ["not json!", "whole"]);
    // Without a beginning, and without a node.
    let bare = [
        json!({"type": "item", "content": "x"}).to_string(),
        json!({"type": "end"}).to_string(),
    ];
    assert_eq!(streamed(&bare).unwrap(), ["x"]);
    let numbers = [
        line("begin", "a", 0, ""),
        json!({"type": "item", "content": 42, "metadata": {"nodeId": "a", "runIndex": 0}})
            .to_string(),
        line("end", "a", 0, ""),
    ];
    assert_eq!(streamed(&numbers).unwrap(), ["42"]);
    assert_eq!(streamed(&[]).unwrap(), [""; 0]);
}

#[test]
fn failures_and_broken_streams_are_told() {
    let failed = [line("begin", "a", 0, ""), line("error", "a", 0, "secret")];
    let error = streamed(&failed).unwrap_err();
    assert_eq!(error.class(), Class::Error);
    assert!(!error.to_string().contains("secret"));
    let broken = [line("begin", "a", 0, ""), line("item", "a", 0, "Hel")];
    assert_eq!(streamed(&broken).unwrap_err().class(), Class::Unreadable);
    let odd = [json!({"type": "item", "content": {"secret": 1}}).to_string()];
    assert_eq!(streamed(&odd).unwrap_err().class(), Class::Unreadable);
    let unknown = [json!({"type": "ping", "secret": 1}).to_string()];
    assert_eq!(streamed(&unknown).unwrap_err().class(), Class::Unreadable);
}

#[test]
fn groups_are_bounded() {
    let mut many: Vec<_> = (0..100).map(|run| line("begin", "a", run, "")).collect();
    assert_eq!(streamed(&many).unwrap_err().class(), Class::TooMuch);
    many.truncate(2);
    many.extend((0..100).map(|_| line("item", "a", 1, &"x".repeat(1_000))));
    assert_eq!(streamed(&many).unwrap_err(), BotError::TooBig);
}
