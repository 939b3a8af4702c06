//! The body of a request to the webhook channel.
//!
//! Invariants: a message passes the same limits as one over a socket, by the same code. An error about a wrong type
//! names its path, and never what was said.

use serde_json::{Map, Value, json};

use crate::error::ApiError;
use crate::rtm::conversation::{Step, VisitorMessage};

/// A request that was read.
#[derive(Debug, PartialEq)]
pub(super) struct ChannelRequest {
    /// `session.new`.
    pub(super) new_session: bool,
    /// `from.id`.
    pub(super) from: String,
    pub(super) what: What,
}

/// What the request says.
#[derive(Debug, PartialEq)]
pub(super) enum What {
    /// `ON_CONNECT`: the user wants the welcome.
    Connect,
    /// `SESSION_CLOSURE`.
    Close,
    /// Something for the bot, ready to be stored.
    Message(Box<VisitorMessage>),
}

impl ChannelRequest {
    /// Reads a body of either version. `key` marks a request that the client sends again.
    ///
    /// # Errors
    /// 400 for what cannot be read, 413 for what is too long.
    pub(super) fn read(body: &Value, key: Option<&str>) -> Result<Self, ApiError> {
        let fields = object(Some(body), "the body")?.unwrap_or(&NOTHING);
        let session = object(fields.get("session"), "session")?.unwrap_or(&NOTHING);
        let new_session = match session.get("new") {
            None | Some(Value::Null) => false,
            Some(new) => new
                .as_bool()
                .ok_or_else(|| wrong("session.new", "true or false"))?,
        };
        let from = object(fields.get("from"), "from")?.and_then(|from| from.get("id"));
        let from = from.and_then(Value::as_str).unwrap_or_default().to_owned();
        if from.is_empty() {
            return Err(wrong("from.id", "a text"));
        }
        let message = object(fields.get("message"), "message")?
            .ok_or_else(|| wrong("message", "an object"))?;
        Ok(Self {
            new_session,
            from,
            what: what(fields, message, key)?,
        })
    }
}

fn what(
    fields: &Map<String, Value>,
    message: &Map<String, Value>,
    key: Option<&str>,
) -> Result<What, ApiError> {
    let kind = match message.get("type") {
        None | Some(Value::Null) => "text",
        Some(kind) => kind
            .as_str()
            .ok_or_else(|| wrong("message.type", "a text"))?,
    };
    // The first version of the channel has `text` instead.
    let said = message.get("val").or_else(|| message.get("text"));
    match (kind, said) {
        ("event", Some(Value::String(name))) if name == "ON_CONNECT" => Ok(What::Connect),
        ("event", Some(Value::String(name))) if name == "SESSION_CLOSURE" => Ok(What::Close),
        ("event", _) => Err(wrong("message.val", "ON_CONNECT or SESSION_CLOSURE")),
        ("text", None | Some(Value::Null)) => say(fields, message, None, key),
        ("text" | "formData", Some(Value::String(text))) => say(fields, message, Some(text), key),
        ("text", _) => Err(wrong("message.val", "a text")),
        ("formData", Some(form)) => say(fields, message, Some(&form.to_string()), key),
        _ => Err(wrong("message.type", "text, event or formData")),
    }
}

/// The message as a frame of a socket would say it, under the limits of such a frame.
fn say(
    fields: &Map<String, Value>,
    message: &Map<String, Value>,
    text: Option<&str>,
    key: Option<&str>,
) -> Result<What, ApiError> {
    let mut said = json!({"body": text, "attachments": message.get("attachments")});
    for (name, value) in [("customData", "customData"), ("metaTags", "metaTags")] {
        if let Some(value) = fields.get(value).filter(|value| !value.is_null()) {
            said[name] = value.clone();
        }
    }
    let frame = json!({"resourceid": "/bot.message", "clientMessageId": key, "message": said});
    match Step::of(&frame.to_string()) {
        Step::Store(said) => Ok(What::Message(said)),
        Step::Refuse(offence, _) => Err(match offence.reason() {
            (413, _) => ApiError::TooLarge,
            (_, reason) => ApiError::Invalid(reason.to_owned()),
        }),
        _ => Err(wrong("message", "a message")),
    }
}

static NOTHING: std::sync::LazyLock<Map<String, Value>> = std::sync::LazyLock::new(Map::new);

fn object<'a>(
    value: Option<&'a Value>,
    path: &str,
) -> Result<Option<&'a Map<String, Value>>, ApiError> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Object(fields)) => Ok(Some(fields)),
        Some(_) => Err(wrong(path, "an object")),
    }
}

fn wrong(path: &str, expected: &str) -> ApiError {
    ApiError::Invalid(format!("{path} is not {expected}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &Value) -> Result<ChannelRequest, String> {
        ChannelRequest::read(body, None).map_err(|error| error.to_string())
    }

    fn stored(body: &Value) -> Value {
        match read(body).unwrap().what {
            What::Message(said) => serde_json::from_str(&said.body).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_kores_clients_send_is_read() {
        let sdk = json!({"session": {"new": true},
            "message": {"type": "text", "val": "hello", "attachments": []},
            "from": {"id": "u1", "userInfo": {"firstName": "", "lastName": "", "email": ""}},
            "to": {"id": "Kore.ai", "groupInfo": {"id": "", "name": ""}},
            "preferredChannelForResponse": "rtm"});
        let asked = read(&sdk).unwrap();
        assert!(asked.new_session && asked.from == "u1");
        assert_eq!(stored(&sdk)["body"], "hello");
        let v1 = json!({"message": {"text": "hello"}, "from": {"id": "u1"}});
        assert_eq!(stored(&v1)["body"], "hello");
        let form = json!({"message": {"type": "formData", "val": {"a": 1}}, "from": {"id": "u1"}});
        assert_eq!(stored(&form)["body"], "{\"a\":1}");
        for (event, what) in [
            ("ON_CONNECT", What::Connect),
            ("SESSION_CLOSURE", What::Close),
        ] {
            let body = json!({"message": {"type": "event", "val": event}, "from": {"id": "u1"}});
            assert_eq!(read(&body).unwrap().what, what);
        }
    }

    #[test]
    fn files_and_custom_data_come_along() {
        let body = json!({"message": {"type": "text", "val": "see",
            "attachments": [{"fileId": "f1", "fileType": "image", "fileName": "a.png"}]},
            "customData": {"cart": 3}, "metaTags": {"messageLevelMeta": []}, "from": {"id": "u1"}});
        let stored = stored(&body);
        assert_eq!(stored["attachments"][0]["fileId"], "f1");
        assert_eq!(stored["customData"]["cart"], 3);
        assert!(stored["metaTags"].is_object());
    }

    #[test]
    fn what_is_wrong_is_told_by_its_place() {
        let long = "x".repeat(20_000);
        for (body, said) in [
            (json!(7), "the body"),
            (json!([]), "the body"),
            (json!({}), "from.id"),
            (json!({"from": {"id": 7}}), "from.id"),
            (json!({"from": "u1"}), "from is"),
            (json!({"from": {"id": "u1"}}), "message is"),
            (
                json!({"from": {"id": "u1"}, "session": {"new": "x"}}),
                "session.new",
            ),
            (
                json!({"from": {"id": "u1"}, "message": {}}),
                "neither text nor a file",
            ),
            (
                json!({"from": {"id": "u1"}, "message": {"val": 7}}),
                "message.val",
            ),
            (
                json!({"from": {"id": "u1"}, "message": {"type": "hush"}}),
                "message.type",
            ),
            (
                json!({"from": {"id": "u1"}, "message": {"type": "event", "val": "hush"}}),
                "message.val",
            ),
            (
                json!({"from": {"id": "u1"}, "message": {"val": long}}),
                "too large",
            ),
        ] {
            let error = read(&body).unwrap_err();
            assert!(error.contains(said), "{error}");
            assert!(!error.contains("hush"), "{error}");
        }
    }
}
