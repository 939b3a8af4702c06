//! Answers in the form of the webhook channel.

use protocol::json::Value as Kept;
use protocol::reply::BotMessage;
use protocol::timestamp;
use serde_json::{Value, json};

use crate::records::StoredMessage;

/// One entry of `data`: `{"type": "text" | "template", "val": …, "createdOn": …, "messageId": …}`.
pub(super) fn entry(stored: &StoredMessage) -> Value {
    let message: BotMessage = serde_json::from_str(&stored.body).unwrap_or_default();
    let fallback = message.c_info.as_ref().and_then(|info| info.body.as_str());
    let fallback = fallback.unwrap_or_default();
    let payload = message
        .component
        .as_ref()
        .map(|it| (it.kind.as_deref(), &it.payload));
    let (kind, val) = match payload {
        Some((Some("template"), payload @ Kept::Object(_))) => {
            let template = serde_json::from_str(&payload.to_text());
            ("template", template.unwrap_or_else(|_| json!(fallback)))
        }
        Some((_, Kept::String(text))) => ("text", json!(text)),
        Some((_, payload)) => ("text", json!(payload["text"].as_str().unwrap_or(fallback))),
        None => ("text", json!(fallback)),
    };
    json!({
        "type": kind,
        "val": val,
        "createdOn": timestamp::to_iso(stored.created.0),
        "messageId": stored.message_id,
    })
}

/// The answer to a request or to a poll. `closed`: the session has ended, which is the end of a task here.
pub(super) fn answer(
    bot: &str,
    from: &str,
    session: &str,
    data: &[StoredMessage],
    closed: bool,
) -> Value {
    let mut answer = json!({
        "_v": "v2",
        "to": from,
        "from": bot,
        "sessionId": session,
        "data": data.iter().map(entry).collect::<Vec<_>>(),
        "endOfTask": closed,
    });
    if closed {
        answer["endReason"] = json!("Fulfilled");
    }
    answer
}

/// The answer for the channel's first version: `{"text": ["…", {…}], "endOfTask": …}`.
pub(super) fn first_version(answer: &Value) -> Value {
    let entries = answer["data"].as_array().into_iter().flatten();
    let said: Vec<_> = entries.map(|entry| entry["val"].clone()).collect();
    json!({"text": said, "endOfTask": answer["endOfTask"]})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Millis;
    use crate::records::{ConversationId, Sender};

    fn stored(message: &BotMessage) -> StoredMessage {
        StoredMessage {
            conversation: ConversationId(1),
            seq: 3,
            message_id: "ms-1".to_owned(),
            sender: Sender::Bot,
            client_message_id: None,
            body: serde_json::to_string(message).unwrap(),
            created: Millis(1_795_227_303_240),
            session_id: "ss-1".to_owned(),
            agent: None,
        }
    }

    #[test]
    fn text_is_text_and_a_template_is_as_it_was() {
        let inner = json!({"template_type": "button", "text": "Pick one", "buttons": []});
        let text = stored(&BotMessage::text("{\"type\":\"template\"}"));
        let template = stored(&BotMessage::template(inner.clone(), "Pick one"));
        let answer = answer("st-a", "ann", "ss-1", &[text, template], true);
        let expected = json!({
            "_v": "v2", "to": "ann", "from": "st-a", "sessionId": "ss-1",
            "endOfTask": true, "endReason": "Fulfilled",
            "data": [
                {"type": "text", "val": "{\"type\":\"template\"}", "messageId": "ms-1",
                 "createdOn": "2026-11-21T02:15:03.240Z"},
                {"type": "template", "val": {"type": "template", "payload": inner},
                 "messageId": "ms-1", "createdOn": "2026-11-21T02:15:03.240Z"}
            ]
        });
        assert_eq!(answer, expected);
    }
}
