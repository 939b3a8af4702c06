//! The frames that a client sends over the socket.
//!
//! Source: `docs/kore-protocol.md` 4.2 to 4.4. One JSON object a frame, no envelope.

use serde::Deserialize;

use crate::Extra;
use crate::json::{self, Value};
use crate::message_ref::MessageRef;
use crate::wire;

/// The `resourceid` of a message.
pub const RESOURCE_MESSAGE: &str = "/bot.message";
/// The `resourceid` that ends the session.
pub const RESOURCE_CLOSE: &str = "/bot.closeConversationSession";

wire! {
    /// The bot as clients name it, on every request and frame.
    #[derive(Clone, Debug, Default, PartialEq)]
    pub struct BotInfo {
        /// The bot's display name.
        #[serde(rename = "chatBot", default)]
        pub chat_bot: String,
        /// The bot's id, `st-…`.
        #[serde(rename = "taskBotId", default)]
        pub task_bot_id: String,
        /// `v3` if the client can show streamed answers. A v2 client sends nothing.
        #[serde(rename = "uiVersion")]
        pub ui_version: Option<String>,
        /// `customData`, `metaTags`, `tenanturl`, …
        #[serde(flatten)]
        pub extra: Extra,
    }
}

/// A frame from a client, sorted by what it asks for.
#[derive(Clone, Debug, PartialEq)]
pub enum ClientFrame {
    /// A delivery receipt for a `bot_response`. It gets no answer.
    Ack(DeliveryAck),
    /// Ends the session; the next connection starts a new one.
    CloseSession(Envelope),
    /// Typing, receipts and call control of the agent plugins.
    Event(Envelope),
    /// A message, a postback or an attachment.
    Message(UserMessage),
    /// Keep-alive. Never a message, although its `resourceid` says so.
    Ping(Envelope),
    /// Ours: stops the answer that is streaming.
    Stop(Stop),
    /// Anything else with a JSON object's shape: acknowledged when it has an id, else ignored.
    Unknown(Envelope),
}

/// What can be wrong with a frame.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// Not JSON at all.
    #[error("the frame is not JSON")]
    NotJson,
    /// JSON, but not an object.
    #[error("the frame is not a JSON object")]
    NotAnObject,
    /// A field has the wrong type. `replyto` is the id of the frame, if it has a usable one.
    #[error("{field}")]
    Field {
        /// The sentence of serde, which names the field and never its value.
        field: String,
        /// The id to answer to.
        replyto: Option<MessageRef>,
    },
}

wire! {
    /// `resourceid: /bot.message`.
    #[derive(Clone, Debug, PartialEq)]
    pub struct UserMessage {
        /// The client's own id, the idempotence key.
        #[serde(rename = "clientMessageId")]
        pub client_message_id: Option<MessageRef>,
        /// Always `/bot.message` here.
        #[serde(rename = "resourceid", default)]
        pub resource_id: String,
        /// What was said.
        pub message: UserBody,
        /// The bot that it is for. The server trusts the socket's own bot instead.
        #[serde(rename = "botInfo")]
        pub bot_info: Option<BotInfo>,
        /// `sdk` unless configured.
        pub client: Option<String>,
        /// `{"timezone":"Etc/UTC","locale":"en-US"}`, sometimes a location.
        pub meta: Option<Value>,
        /// Same value as `clientMessageId`.
        pub id: Option<MessageRef>,
        /// Hosts may merge any key into the frame.
        #[serde(flatten)]
        pub extra: Extra,
    }
}

impl UserMessage {
    /// A message of our widget. `id` is in milliseconds since the epoch, and unique within the outbox.
    #[must_use]
    pub fn new(id: u64, body: UserBody, bot_info: BotInfo) -> Self {
        Self {
            client_message_id: Some(id.into()),
            resource_id: RESOURCE_MESSAGE.to_owned(),
            message: body,
            bot_info: Some(bot_info),
            client: Some("sdk".to_owned()),
            meta: None,
            id: Some(id.into()),
            extra: Extra::new(),
        }
    }

    /// The id to acknowledge: `clientMessageId`, or else `id`.
    #[must_use]
    pub fn reference(&self) -> Option<&MessageRef> {
        self.client_message_id.as_ref().or(self.id.as_ref())
    }
}

wire! {
    /// What a visitor said: the same type is sent, stored and sent to other sessions.
    #[derive(Clone, Debug, Default, PartialEq)]
    pub struct UserBody {
        /// Text or postback payload; absent when only files are sent.
        pub body: Option<String>,
        /// What the visitor saw: a button's title, a masked secret.
        #[serde(rename = "renderMsg")]
        pub render_msg: Option<String>,
        /// Uploaded files.
        pub attachments: Option<Vec<Value>>,
        /// `customdata`, `metaTags`, `nlMeta`, …
        #[serde(flatten)]
        pub extra: Extra,
    }
}

impl UserBody {
    /// Plain text.
    #[must_use]
    pub fn text(body: impl Into<String>) -> Self {
        Self {
            body: Some(body.into()),
            ..Self::default()
        }
    }

    /// A choice: `payload` goes to the bot, `title` is shown.
    #[must_use]
    pub fn choice(payload: impl Into<String>, title: impl Into<String>) -> Self {
        Self {
            render_msg: Some(title.into()),
            ..Self::text(payload)
        }
    }

    /// What to show: `renderMsg`, or else the body, or else the names of the files.
    #[must_use]
    pub fn shown(&self) -> String {
        match self.render_msg.as_ref().or(self.body.as_ref()) {
            Some(text) => text.clone(),
            None => self.file_names(),
        }
    }

    /// The names of the files in one line.
    pub(crate) fn file_names(&self) -> String {
        let mut names = String::new();
        for name in self.attachments.iter().flatten() {
            if let Some(name) = name["fileName"].as_str() {
                add(&mut names, ", ", name);
            }
        }
        names
    }
}

/// Adds a word to a list of words. The `join` of std costs a kilobyte of the widget.
pub(crate) fn add(words: &mut String, between: &str, word: &str) {
    if !words.is_empty() && !word.is_empty() {
        words.push_str(between);
    }
    words.push_str(word);
}

wire! {
    /// A delivery receipt: `{"type":"ack","replyto":…,"status":"delivered","key":…}`.
    #[derive(Clone, Debug, PartialEq)]
    pub struct DeliveryAck {
        /// `ack`.
        #[serde(rename = "type")]
        pub kind: String,
        /// The `timestamp` of the `bot_response`.
        pub replyto: Option<MessageRef>,
        /// `delivered`.
        pub status: Option<String>,
        /// `clientMessageId`, `id`, `key`.
        #[serde(flatten)]
        pub extra: Extra,
    }
}

wire! {
    /// Ours: `{"type":"stop","messageId":"ms-…"}`. The visitor stops this answer. The frame gets no acknowledgement:
    /// the answer arrives, as far as it got.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Stop {
        /// `stop`.
        #[serde(rename = "type")]
        pub kind: String,
        /// The answer that is streaming.
        #[serde(rename = "messageId")]
        pub message_id: String,
    }
}

impl Stop {
    /// A frame that stops this answer.
    #[must_use]
    pub fn new(message_id: &str) -> Self {
        Self {
            kind: "stop".to_owned(),
            message_id: message_id.to_owned(),
        }
    }
}

wire! {
    /// A frame of which only the id and the purpose matter.
    #[derive(Clone, Debug, Default, PartialEq)]
    pub struct Envelope {
        /// `ping`, …
        #[serde(rename = "type")]
        pub kind: Option<String>,
        /// `typing`, `message_read`, `close_agent_chat`, …
        pub event: Option<String>,
        /// `/bot.message`, `/bot.closeConversationSession`, `/bot.clientEvent`.
        #[serde(rename = "resourceid")]
        pub resource_id: Option<String>,
        /// The client's own id.
        #[serde(rename = "clientMessageId")]
        pub client_message_id: Option<MessageRef>,
        /// The client's own id, or a counter.
        pub id: Option<MessageRef>,
        /// Everything else.
        #[serde(flatten)]
        pub extra: Extra,
    }
}

impl Envelope {
    /// The id to acknowledge: `clientMessageId`, or else `id`.
    #[must_use]
    pub fn reference(&self) -> Option<&MessageRef> {
        self.client_message_id.as_ref().or(self.id.as_ref())
    }
}

impl ClientFrame {
    /// Reads a frame.
    ///
    /// # Errors
    /// [`FrameError`] if the text is not a JSON object, or if a field that matters has a wrong type.
    ///
    /// ```
    /// use protocol::message::ClientFrame;
    /// let ping = r#"{"type":"ping","resourceid":"/bot.message","id":1}"#;
    /// assert!(matches!(ClientFrame::parse(ping), Ok(ClientFrame::Ping(_))));
    /// ```
    pub fn parse(text: &str) -> Result<Self, FrameError> {
        let value: serde_json::Value = json::from_text(text).map_err(|_| FrameError::NotJson)?;
        let Some(object) = value.as_object() else {
            return Err(FrameError::NotAnObject);
        };
        let word = |key| {
            object
                .get(key)
                .and_then(|word| word.as_str())
                .unwrap_or_default()
        };
        let replyto = ["clientMessageId", "id"]
            .iter()
            .find_map(|key| MessageRef::deserialize(object.get(*key)?).ok());
        let wrong = |error: serde_json::Error| FrameError::Field {
            field: error.to_string(),
            replyto,
        };
        match (word("type"), word("event"), word("resourceid")) {
            ("ping", ..) => serde_json::from_value(value).map(Self::Ping).map_err(wrong),
            ("ack", ..) => serde_json::from_value(value).map(Self::Ack).map_err(wrong),
            ("stop", ..) => serde_json::from_value(value).map(Self::Stop).map_err(wrong),
            (_, event, _) if !event.is_empty() => serde_json::from_value(value)
                .map(Self::Event)
                .map_err(wrong),
            (_, _, RESOURCE_CLOSE) => serde_json::from_value(value)
                .map(Self::CloseSession)
                .map_err(wrong),
            (_, _, RESOURCE_MESSAGE) => serde_json::from_value(value)
                .map(Self::Message)
                .map_err(wrong),
            _ => serde_json::from_value(value)
                .map(Self::Unknown)
                .map_err(wrong),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::write::Write as _;

    #[test]
    fn sorts_frames_by_purpose() {
        let parse = |text: &str| ClientFrame::parse(text).expect(text);
        assert!(matches!(
            parse(r#"{"resourceid":"/bot.message","message":{"body":"hi"},"clientMessageId":"7"}"#),
            ClientFrame::Message(message) if message.reference() == Some(&MessageRef::Text("7".into()))
        ));
        assert!(matches!(
            parse(r#"{"event":"typing","message":{"body":"","type":""},"resourceid":"/bot.message"}"#),
            ClientFrame::Event(event) if event.event.as_deref() == Some("typing")
        ));
        assert!(matches!(
            parse(r#"{"resourceid":"/bot.closeConversationSession","clientMessageId":1}"#),
            ClientFrame::CloseSession(_)
        ));
        assert!(matches!(
            parse(r#"{"resourceid":"/bot.clientEvent"}"#),
            ClientFrame::Unknown(_)
        ));
        let stop = Stop::new("ms-1");
        assert_eq!(parse(&stop.to_text()), ClientFrame::Stop(stop));
        assert!(ClientFrame::parse(r#"{"type":"stop","messageId":7}"#).is_err());
    }

    #[test]
    fn says_what_is_wrong_and_keeps_the_id_to_answer_to() {
        assert_eq!(ClientFrame::parse("nonsense"), Err(FrameError::NotJson));
        assert_eq!(ClientFrame::parse("[1]"), Err(FrameError::NotAnObject));
        let wrong =
            r#"{"resourceid":"/bot.message","message":{"body":{"$ne":null}},"clientMessageId":5}"#;
        assert!(matches!(
            ClientFrame::parse(wrong),
            Err(FrameError::Field {
                replyto: Some(MessageRef::Number(_)),
                ..
            })
        ));
        let wrong = r#"{"resourceid":"/bot.message","message":{"body":"x"},"clientMessageId":{}}"#;
        assert!(matches!(
            ClientFrame::parse(wrong),
            Err(FrameError::Field { replyto: None, .. })
        ));
    }

    #[test]
    fn depth_does_not_end_the_process() {
        let deep = "[".repeat(100_000);
        assert_eq!(ClientFrame::parse(&deep), Err(FrameError::NotJson));
    }
}
