//! The request to an agent: what `useChat` sends with its usual transport.

use serde_json::{Value, json};

use super::memory::Memory;
use crate::bot::Turn;
use crate::bot::agents::{Line, before};
use crate::bot::n8n::metadata;

/// The request for a turn in which the visitor said something.
pub(super) fn request(turn: &Turn, memory: &Memory) -> Value {
    let mut lines = before(turn);
    let mut request = json!({
        "id": turn.conversation,
        "trigger": "submit-message",
        "parlour": metadata(turn),
    });
    let mut asks = None;
    if memory.goes_on() {
        // The agent's last text, without our questions, belongs to the message in which it asks. The visitor has
        // answered all questions but the last one in earlier messages.
        let by_visitor = |(_, line): &(usize, &Line)| line.by_visitor;
        let answered = memory.asked.saturating_sub(1);
        let first = lines
            .iter()
            .enumerate()
            .rev()
            .filter(by_visitor)
            .nth(answered);
        let first = first.map_or(0, |(index, _)| index + 1);
        let said = lines.split_off(first);
        asks = Some(asking(memory, &said));
    }
    let mut messages: Vec<Value> = lines.iter().map(message).collect();
    let goes_on = asks.is_some() && !memory.is_passed_over();
    if goes_on {
        // As in the SDK: the message that continues.
        request["messageId"] = asks.as_ref().map_or(Value::Null, |asks| asks["id"].clone());
    }
    messages.extend(asks);
    if !goes_on {
        messages.push(json!({
            "id": turn.idempotence_key,
            "role": "user",
            "parts": [{"type": "text", "text": turn.kind.newest(true).unwrap_or_default()}],
        }));
    }
    request["messages"] = messages.into();
    request
}

fn message(line: &Line) -> Value {
    json!({
        "id": line.id,
        "role": line.role(),
        "parts": [{"type": "text", "text": line.text}],
    })
}

fn asking(memory: &Memory, said: &[Line]) -> Value {
    let ours = (2 * memory.asked).saturating_sub(1);
    let said = &said[..said.len().saturating_sub(ours)];
    let text = |line: &Line| json!({"type": "text", "text": line.text});
    let parts = [json!({"type": "step-start"})].into_iter();
    let parts = parts.chain(said.iter().map(text));
    let parts = parts.chain(memory.tools.iter().filter_map(super::tool::Tool::part));
    json!({
        "id": memory.id,
        "role": "assistant",
        "parts": parts.collect::<Vec<_>>(),
    })
}
