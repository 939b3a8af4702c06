//! The input of a run (`RunAgentInput`).
//!
//! It has every field of 0.x, because the Python side requires each. It has no field that came with 1.0, because 0.x
//! accepts no other.

use serde_json::{Value, json};

use super::memory::{Memory, Resume};
use crate::bot::agents::before;
use crate::bot::n8n::metadata;
use crate::bot::{Turn, TurnKind};

/// The input for a turn in which the visitor said something.
pub(super) fn input(turn: &Turn, memory: &Memory, resume: Option<Resume>) -> Value {
    let lines = before(turn);
    let message = |line: &crate::bot::agents::Line| json!({"id": line.id, "role": line.role(), "content": line.text});
    let mut messages: Vec<Value> = lines.iter().map(message).collect();
    if resume.is_some() {
        messages.extend(memory.calls());
    }
    if resume.as_ref().is_none_or(|resume| !resume.is_all) {
        messages.push(json!({
            "id": turn.idempotence_key,
            "role": "user",
            "content": turn.kind.newest(true).unwrap_or_default(),
        }));
    }
    let mut input = json!({
        "threadId": turn.conversation,
        "runId": turn.idempotence_key,
        "state": memory.state(),
        "messages": messages,
        "tools": [],
        "context": context(turn),
        "forwardedProps": metadata(turn),
    });
    if let Some(resume) = resume {
        input["resume"] = resume.answers.into();
    }
    input
}

/// What the agent's model may want to know.
fn context(turn: &Turn) -> Vec<Value> {
    let mut context = Vec::new();
    if let Some(language) = &turn.language {
        context.push(json!({"description": "The visitor's language", "value": language}));
    }
    if let TurnKind::Message {
        custom_data: Some(data),
        ..
    } = &turn.kind
    {
        // A value must be a text.
        context.push(json!({
            "description": "What the page that the visitor is on says (JSON)",
            "value": data.to_string(),
        }));
    }
    context
}
