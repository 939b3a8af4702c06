//! Reads what a `BotKit` app says, and writes what the bot behind it says.
//!
//! In the path: `sendUserMessage` has a JSON body, which becomes one message. `on_bot_message` has fields for a
//! message.
//!
//! Invariants: a template passes unchanged. A text stays a text, whatever it looks like, because an app passes on what
//! people and language models write. Only what the app marks as a template counts as one, and a message of the bot that
//! the app passes on unchanged. Half a character becomes U+FFFD.

use protocol::json::Value as Kept;
use protocol::reply::BotMessage;
use protocol::visible::is_blank;
use serde_json::{Map, Value, json};

use crate::bot::reply::{ReplyError, template};

/// Reads the body of `sendUserMessage`. `None`: there is nothing to read, so there is no message.
///
/// # Errors
/// What is wrong with it, for the app's log.
pub fn said(body: &Value) -> Result<Option<BotMessage>, ReplyError> {
    let Some(fields) = body.as_object() else {
        return Err(type_of("the body", "an object"));
    };
    if let Some(payload) = field(fields, "overrideMessagePayload") {
        let path = "overrideMessagePayload";
        let payload = payload
            .as_object()
            .ok_or_else(|| type_of(path, "an object"))?;
        let body = field(payload, "body").unwrap_or(&Value::Null);
        let is_template = flag(payload, "isTemplate")?;
        return one(body, is_template, "overrideMessagePayload.body");
    }
    let message = field(fields, "message").unwrap_or(&Value::Null);
    if let Some(unchanged) = field(fields, "messageObject").and_then(|was| unchanged(was, message))
    {
        return Ok(Some(unchanged));
    }
    one(message, flag(fields, "isTemplate")?, "message")
}

/// A text, or a template as an object or as its JSON.
fn one(said: &Value, is_template: bool, path: &str) -> Result<Option<BotMessage>, ReplyError> {
    if is_template {
        let read = said
            .as_str()
            .map(|text| protocol::json::from_bytes::<Value>(text.as_bytes()));
        let inner = match read {
            Some(read) => read.map_err(|_| type_of(path, "the JSON of a template"))?,
            None => said.clone(),
        };
        return template(&inner, "", path).map(Some);
    }
    match said {
        Value::Null => Ok(None),
        Value::String(text) if is_blank(text) => Ok(None),
        Value::String(text) => Ok(Some(BotMessage::text(text))),
        _ => Err(type_of(path, "a text")),
    }
}

/// The bot's own message, if the app passes it on unchanged. The SDK drops `isTemplate` on the way.
fn unchanged(was: &Value, message: &Value) -> Option<BotMessage> {
    if was.get("text")? != message {
        return None;
    }
    serde_json::from_value(was.get("message")?.clone()).ok()
}

/// The fields of `on_bot_message` that say what the bot says.
pub(super) fn message_fields(message: &BotMessage) -> Map<String, Value> {
    let (text, is_template) = words(message);
    let fields = json!({
        "message": text,
        "isTemplate": is_template,
        "messageObject": {"text": text, "message": message},
    });
    match fields {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

/// The words as Kore writes them: the text, or the JSON of the template.
fn words(message: &BotMessage) -> (String, bool) {
    let fallback = message.c_info.as_ref().and_then(|info| info.body.as_str());
    let fallback = fallback.unwrap_or_default();
    let Some(component) = &message.component else {
        return (fallback.to_owned(), false);
    };
    match (component.kind.as_deref(), &component.payload) {
        (Some("template"), payload @ Kept::Object(_)) => (payload.to_text(), true),
        (_, Kept::String(text)) => (text.clone(), false),
        (_, payload) => (
            payload["text"].as_str().unwrap_or(fallback).to_owned(),
            false,
        ),
    }
}

/// The field of this name. Null counts as absent.
fn field<'a>(fields: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    fields.get(name).filter(|value| !value.is_null())
}

fn flag(fields: &Map<String, Value>, name: &'static str) -> Result<bool, ReplyError> {
    match field(fields, name) {
        None => Ok(false),
        Some(Value::Bool(flag)) => Ok(*flag),
        Some(_) => Err(type_of(name, "true or false")),
    }
}

fn type_of(path: &str, expected: &'static str) -> ReplyError {
    ReplyError::Type {
        path: path.to_owned(),
        expected,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUTTONS: &str = r#"{"template_type":"button","text":"Pick one","buttons":[{"type":"postback","title":"Yes","payload":"YES"}]}"#;

    fn inner() -> Value {
        serde_json::from_str(BUTTONS).unwrap()
    }

    #[test]
    fn a_text_stays_a_text_whatever_it_looks_like() {
        for text in [
            "Hello",
            BUTTONS,
            "{\"type\":\"template\"}",
            "null",
            "<b>x</b>",
        ] {
            let read = said(&json!({"message": text, "isTemplate": null})).unwrap();
            assert_eq!(read, Some(BotMessage::text(text)));
            let override_it =
                json!({"message": "as it was", "overrideMessagePayload": {"body": text}});
            assert_eq!(said(&override_it).unwrap(), Some(BotMessage::text(text)));
        }
        for nothing in [
            json!({}),
            json!({"message": " \u{200b}"}),
            json!({"message": null}),
        ] {
            assert_eq!(said(&nothing), Ok(None), "{nothing}");
        }
    }

    #[test]
    fn a_template_passes_as_it_is_with_words_beside_it() {
        let expected = Some(BotMessage::template(inner(), "Pick one"));
        let wire = json!({"type": "template", "payload": inner()});
        for body in [
            json!(BUTTONS),
            inner(),
            wire.clone(),
            json!(wire.to_string()),
        ] {
            let payload = json!({"body": body, "isTemplate": true});
            let overridden = json!({"message": "Hi", "overrideMessagePayload": payload});
            assert_eq!(said(&overridden).unwrap(), expected, "{body}");
            let message = json!({"message": body, "isTemplate": true});
            assert_eq!(said(&message).unwrap(), expected, "{body}");
        }
    }

    #[test]
    fn what_the_bot_said_comes_back_as_it_was_unless_it_was_changed() {
        for message in [
            BotMessage::text("Hi"),
            BotMessage::template(inner(), "Pick one"),
        ] {
            let mut fields = message_fields(&message);
            // The SDK does not pass this on.
            fields.remove("isTemplate");
            let mut body = Value::Object(fields);
            assert_eq!(said(&body), Ok(Some(message)));
            body["message"] = json!("The bot says hi");
            assert_eq!(said(&body), Ok(Some(BotMessage::text("The bot says hi"))));
        }
    }

    #[test]
    fn wrong_types_are_told_by_their_place_and_not_repeated() {
        for (body, path) in [
            (json!(["hush"]), "the body"),
            (json!({"message": ["hush"]}), "message"),
            (json!({"message": 7}), "message"),
            (
                json!({"message": "hush", "isTemplate": "yes"}),
                "isTemplate",
            ),
            (json!({"message": "hush", "isTemplate": true}), "message"),
            (
                json!({"overrideMessagePayload": "hush"}),
                "overrideMessagePayload",
            ),
            (
                json!({"overrideMessagePayload": {"body": ["hush"]}}),
                "overrideMessagePayload.body",
            ),
            (
                json!({"overrideMessagePayload": {"body": [1], "isTemplate": true}}),
                "overrideMessagePayload.body",
            ),
            (
                json!({"overrideMessagePayload": {"body": {"template_type": 7}, "isTemplate": true}}),
                "overrideMessagePayload.body",
            ),
        ] {
            let error = said(&body).unwrap_err().to_string();
            assert!(error.starts_with(path), "{error}");
            assert!(!error.contains("hush"), "{error}");
        }
    }
}
