//! The frames that a server sends over the socket.
//!
//! Source: `docs/kore-protocol.md` 4.5 to 4.8. The fields `seq`, `messageId` (on `ack` and
//! `user_message`) and the frames `resync` and `error` are ours (`docs/protocol.md`); official
//! clients ignore them.

use serde::Serialize;

use crate::Extra;
use crate::error::ErrorItem;
use crate::json::Value;
use crate::message::{BotInfo, UserBody};
use crate::message_ref::MessageRef;
use crate::read::Read;
use crate::wire;

/// A frame from the server. It is written untagged, because each variant has its own `type`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum ServerFrame {
    /// The message with this id is stored.
    Ack(Ack),
    /// The bot says something.
    BotResponse(BotResponse),
    /// Ours: the frame with this id was refused.
    Error(ErrorFrame),
    /// Agent and session events, and frames of an unknown type.
    Other(Value),
    /// The answer to a ping.
    Pong(Pong),
    /// Ours: what was missed cannot be replayed; load the transcript anew.
    Resync(Resync),
    /// The same user said this on another session.
    UserMessage(EchoedMessage),
}

wire! {
    /// `{"ok":true,"replyto":1795227303240,"message":"delivered","type":"ack"}`.
    #[derive(Clone, Debug, PartialEq)]
    pub struct Ack {
        /// True.
        pub ok: bool,
        /// The message's id, in its own JSON type. A pong-like ack may have none.
        pub replyto: Option<MessageRef>,
        /// `delivered`.
        #[serde(default)]
        pub message: String,
        /// `ack`.
        #[serde(rename = "type")]
        pub kind: AckKind,
        /// Ours: the message's position in the conversation.
        pub seq: Option<u64>,
        /// Ours: the message's id in the history.
        #[serde(rename = "messageId")]
        pub message_id: Option<String>,
    }
}

wire! {
    /// The `type` of an [`Ack`].
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum AckKind {
        /// The only value.
        Ack = "ack",
    }
}

impl Ack {
    /// An acknowledgement; for our widget with the position of the message.
    #[must_use]
    pub fn new(replyto: Option<MessageRef>, seq: Option<u64>, message_id: Option<String>) -> Self {
        Self {
            ok: true,
            replyto,
            message: "delivered".to_owned(),
            kind: AckKind::Ack,
            seq,
            message_id,
        }
    }
}

wire! {
    /// `{"type":"bot_response","from":"bot","message":[…],"messageId":"ms-…",…}`.
    #[derive(Clone, Debug, PartialEq)]
    pub struct BotResponse {
        /// `bot_response`.
        #[serde(rename = "type")]
        pub kind: String,
        /// `bot`.
        pub from: Option<String>,
        /// One entry: v3 shows only the first.
        pub message: Vec<BotMessage>,
        /// By this id clients recognise duplicates; it is the `_id` of the history. Lean frames have none.
        #[serde(rename = "messageId")]
        pub message_id: Option<String>,
        /// The bot as the client named it.
        #[serde(rename = "botInfo")]
        pub bot_info: Option<BotInfo>,
        /// ISO 8601; without it a client shows an invalid date.
        #[serde(rename = "createdOn")]
        pub created_on: Option<String>,
        /// The bot's avatar.
        pub icon: Option<String>,
        /// Milliseconds since the epoch; echoed in the delivery receipt.
        pub timestamp: Option<u64>,
        /// Streamed: this frame holds the next piece of the text.
        #[serde(rename = "sM")]
        pub streaming: Option<bool>,
        /// Streamed: the last piece.
        #[serde(rename = "endChunk")]
        pub end_chunk: Option<bool>,
        /// Ours, streamed: how many bytes of the text (as UTF-8) come before this piece.
        pub at: Option<u64>,
        /// Ours: the message's position in the conversation.
        pub seq: Option<u64>,
        /// The author, if it was not the bot: see [`person`].
        pub author: Option<Value>,
        /// `fromAgent`, `sessionId`, `traceId`, `key`, `botLanguage`, …
        #[serde(flatten)]
        pub extra: Extra,
    }
}

/// The name of the person that an `author` names: `{"type":"AGENT","firstName":"Ann","lastName":"Lee"}`. The history of
/// other platforms leaves the type out. `None`: the author has no name, or is the visitor.
#[must_use]
pub fn person(author: &Value) -> Option<String> {
    if !matches!(author["type"].as_str(), None | Some("AGENT")) {
        return None;
    }
    let part = |name| author[name].as_str().unwrap_or_default().trim();
    let name = [part("firstName"), " ", part("lastName")].concat();
    let name = name.trim();
    (!name.is_empty()).then(|| name.to_owned())
}

wire! {
    /// One entry of a `bot_response`. The store keeps a bot's answer as this JSON, too.
    #[derive(Clone, Debug, Default, PartialEq)]
    pub struct BotMessage {
        /// `text`.
        #[serde(rename = "type")]
        pub kind: Option<String>,
        /// What to show. Lean frames have only `cInfo`.
        pub component: Option<Component>,
        /// The fallback text, never JSON.
        #[serde(rename = "cInfo")]
        pub c_info: Option<CInfo>,
        /// Ours: the visitor stopped the answer, or it broke off. This is what was said until then.
        pub stopped: Option<bool>,
        /// Ours: the answer was shown while it streamed, and it stands behind this sequence, where it began.
        pub behind: Option<u64>,
        /// Everything else.
        #[serde(flatten)]
        pub extra: Extra,
    }
}

wire! {
    /// `{"type":"text","payload":{"text":"…"}}` or
    /// `{"type":"template","payload":{"type":"template","payload":{"template_type":…}}}`.
    #[derive(Clone, Debug, PartialEq)]
    pub struct Component {
        /// `text`, `template`, `image`, `error`, `message`, …
        #[serde(rename = "type")]
        pub kind: Option<String>,
        /// An object, a string, or a string that holds JSON.
        #[serde(default)]
        pub payload: Value,
        /// `formData`, …
        #[serde(flatten)]
        pub extra: Extra,
    }
}

wire! {
    /// The fallback text.
    #[derive(Clone, Debug, Default, PartialEq)]
    pub struct CInfo {
        /// A readable sentence. Almost always a string.
        #[serde(default)]
        pub body: Value,
        /// Everything else.
        #[serde(flatten)]
        pub extra: Extra,
    }
}

impl BotMessage {
    /// Plain text (with markup).
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        let text = text.into();
        let payload = object([("text", text.clone().into())]);
        Self::new("text", payload, text)
    }

    /// A template. `inner` is the payload with the `template_type`; it is nested as the clients expect.
    #[must_use]
    pub fn template(inner: impl Into<Value>, fallback: impl Into<String>) -> Self {
        let payload = object([("type", "template".into()), ("payload", inner.into())]);
        Self::new("template", payload, fallback.into())
    }

    /// An image, audio, video, link or document; nested like a template (`docs/kore-protocol.md` 8.8).
    #[must_use]
    pub fn media(kind: &str, payload: impl Into<Value>, fallback: impl Into<String>) -> Self {
        let payload = object([("type", kind.into()), ("payload", payload.into())]);
        Self::new("template", payload, fallback.into())
    }

    fn new(kind: &str, payload: Value, fallback: String) -> Self {
        Self {
            kind: Some("text".to_owned()),
            component: Some(Component {
                kind: Some(kind.to_owned()),
                payload,
                extra: Extra::new(),
            }),
            c_info: Some(CInfo {
                body: Value::String(fallback),
                extra: Extra::new(),
            }),
            stopped: None,
            behind: None,
            extra: Extra::new(),
        }
    }
}

fn object<const N: usize>(fields: [(&str, Value); N]) -> Value {
    let mut object = Extra::new();
    for (name, value) in fields {
        object.insert(name.to_owned(), value);
    }
    Value::Object(object)
}

wire! {
    /// `{"type":"user_message","from":"self","message":{…},"id":…}`.
    #[derive(Clone, Debug, PartialEq)]
    pub struct EchoedMessage {
        /// `user_message`.
        #[serde(rename = "type")]
        pub kind: String,
        /// `self`.
        pub from: Option<String>,
        /// What was said.
        pub message: UserBody,
        /// Milliseconds since the epoch: clients use it as id **and** as the time.
        pub id: MessageRef,
        /// The bot as the client named it.
        #[serde(rename = "botInfo")]
        pub bot_info: Option<BotInfo>,
        /// Ours: the sender's own id, so that its other sessions know the message.
        #[serde(rename = "clientMessageId")]
        pub client_message_id: Option<MessageRef>,
        /// Ours: the message's id in the history.
        #[serde(rename = "messageId")]
        pub message_id: Option<String>,
        /// Ours: the message's position in the conversation.
        pub seq: Option<u64>,
        /// Everything else.
        #[serde(flatten)]
        pub extra: Extra,
    }
}

wire! {
    /// `{"type":"pong"}`, with `ok` and `replyto` where the ping had an id.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Pong {
        /// `pong`.
        #[serde(rename = "type")]
        pub kind: String,
        /// True.
        pub ok: Option<bool>,
        /// The ping's id.
        pub replyto: Option<MessageRef>,
    }
}

impl Pong {
    /// The answer to the ping with this id.
    #[must_use]
    pub fn new(replyto: Option<MessageRef>) -> Self {
        Self {
            kind: "pong".to_owned(),
            ok: Some(true),
            replyto,
        }
    }
}

wire! {
    /// `{"type":"resync"}`.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Resync {
        /// `resync`.
        #[serde(rename = "type")]
        pub kind: String,
    }
}

impl Default for Resync {
    fn default() -> Self {
        Self {
            kind: "resync".to_owned(),
        }
    }
}

/// The code of an error frame for a message beyond the limit of a day. A person can send it again the next day.
pub const DAY_IS_FULL: u64 = 429;

wire! {
    /// `{"type":"error","replyto":…,"errors":[{"msg":"…","code":413}]}`.
    #[derive(Clone, Debug, PartialEq)]
    pub struct ErrorFrame {
        /// `error`.
        #[serde(rename = "type")]
        pub kind: String,
        /// The refused frame's id, where it had one.
        pub replyto: Option<MessageRef>,
        /// Why. Code 503 means: try again later; any other: do not send this again.
        pub errors: Vec<ErrorItem>,
    }
}

impl ErrorFrame {
    /// A frame with one reason.
    #[must_use]
    pub fn new(replyto: Option<MessageRef>, msg: impl Into<String>, code: u64) -> Self {
        let errors = vec![ErrorItem {
            msg: msg.into(),
            code: code.into(),
        }];
        Self {
            kind: "error".to_owned(),
            replyto,
            errors,
        }
    }
}

impl ServerFrame {
    /// Reads a frame. `None`: it is not a JSON object with a `type`, or it lacks a field that its type needs. A client
    /// ignores such a frame.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let value = Value::parse_piece(text)?;
        match value["type"].as_str()? {
            "ack" => Ack::read(&value).map(Self::Ack),
            "bot_response" => BotResponse::read(&value).map(Self::BotResponse),
            "error" => ErrorFrame::read(&value).map(Self::Error),
            "pong" => Pong::read(&value).map(Self::Pong),
            "resync" => Resync::read(&value).map(Self::Resync),
            "user_message" => EchoedMessage::read(&value).map(Self::UserMessage),
            _ => Some(Self::Other(value)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ack_has_the_recorded_shape() {
        let ack = ServerFrame::Ack(Ack::new(Some(1_795_227_303_240.into()), None, None));
        let expected = serde_json::json!(
            {"ok":true,"replyto":1_795_227_303_240_u64,"message":"delivered","type":"ack"}
        );
        assert_eq!(serde_json::to_value(ack).unwrap(), expected);
    }

    #[test]
    fn a_careless_field_does_not_cost_the_message() {
        for field in [
            r#""from":null"#,
            r#""botInfo":{"chatBot":null}"#,
            r#""timestamp":1.5"#,
            r#""timestamp":"1795227301830""#,
            r#""messageId":7"#,
            r#""createdOn":7"#,
            r#""sM":"true""#,
            r#""icon":false"#,
            r#""seq":-1"#,
        ] {
            let frame = format!(
                r#"{{"type":"bot_response","message":[{{"cInfo":{{"body":"Hi"}}}}],{field}}}"#
            );
            assert!(
                matches!(
                    ServerFrame::parse(&frame),
                    Some(ServerFrame::BotResponse(_))
                ),
                "{field}"
            );
        }
    }

    #[test]
    fn a_person_has_a_name_and_is_not_the_visitor() {
        for (author, name) in [
            (
                r#"{"type":"AGENT","firstName":"Ann","lastName":"Lee"}"#,
                Some("Ann Lee"),
            ),
            (r#"{"firstName":" Ann "}"#, Some("Ann")),
            (r#"{"type":"AGENT","lastName":"Lee"}"#, Some("Lee")),
            (r#"{"type":"AGENT","firstName":" ","lastName":7}"#, None),
            (r#"{"type":"USER","firstName":"Ann"}"#, None),
            (r#"{"type":"BOT","firstName":"Ada"}"#, None),
            ("null", None),
            ("[]", None),
        ] {
            let author = Value::parse(author).unwrap();
            assert_eq!(person(&author).as_deref(), name, "{author:?}");
        }
    }

    #[test]
    fn ignores_what_is_no_frame() {
        for text in [
            "",
            "[]",
            "{}",
            "{\"type\":7}",
            "{\"type\":\"ack\"}",
            "{\"type\":\"bot_response\"}",
        ] {
            assert_eq!(ServerFrame::parse(text), None, "{text}");
        }
    }
}
