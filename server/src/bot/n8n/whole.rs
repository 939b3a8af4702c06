//! An answer of a flow that comes at once: `{"output": …}`, `{"text": …}`, or a list of such.

use protocol::reply::BotMessage;
use protocol::visible::is_blank;
use serde_json::Value;

use super::unreadable;
use crate::bot::reply::{Reply, ReplyError};
use crate::bot::{BotError, MAX_ANSWERS};

/// The deepest nesting of lists. Flows wrap their items, and agents with a parser wrap theirs.
const MAX_NESTING: u8 = 6;

/// Reads an answer. An empty body means that the flow says nothing.
///
/// # Errors
/// If it is not an answer, or says more than a turn may.
pub(super) fn read(body: &[u8]) -> Result<Reply, BotError> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(Reply::default());
    }
    let value: Value = protocol::json::from_bytes(body).map_err(|_| {
        unreadable(
            "it is no JSON (an error page, or a flow that streams: then say `streamed = true`)",
        )
    })?;
    of(&value)
}

/// Reads JSON that was parsed already.
///
/// # Errors
/// As [`read`].
pub(super) fn of(value: &Value) -> Result<Reply, BotError> {
    let mut reply = Reply::default();
    add(&mut reply, value, MAX_NESTING)?;
    Ok(reply)
}

fn add(reply: &mut Reply, value: &Value, nesting: u8) -> Result<(), BotError> {
    let Some(nesting) = nesting.checked_sub(1) else {
        return Err(unreadable("its lists nest too deep"));
    };
    match value {
        Value::Null => Ok(()),
        Value::String(text) if is_blank(text) => Ok(()),
        Value::String(text) => push(reply, Reply::of(BotMessage::text(text.as_str()))),
        Value::Array(items) => items.iter().try_for_each(|item| add(reply, item, nesting)),
        Value::Object(fields) => {
            if let Some(output) = fields.get("output").filter(|output| !output.is_null()) {
                return add(reply, output, nesting);
            }
            let ours = Reply::read(value)?;
            // n8n answers this if it is set to answer before the flow has run.
            if ours == Reply::default() && !fields.is_empty() && !fields.contains_key("text") {
                return Err(unreadable(
                    "it has neither `output` nor `text`; the trigger's response mode must be \"When Last Node Finishes\", \"Using Response Nodes\" or \"Streaming\"",
                ));
            }
            push(reply, ours)
        }
        Value::Bool(_) | Value::Number(_) => Err(unreadable("it is neither text nor an object")),
    }
}

fn push(reply: &mut Reply, more: Reply) -> Result<(), BotError> {
    reply.messages.extend(more.messages);
    if reply.messages.len() > MAX_ANSWERS {
        return Err(ReplyError::TooManyMessages.into());
    }
    reply.hand_over = more.hand_over.or(reply.hand_over.take());
    reply.close |= more.close;
    Ok(())
}
