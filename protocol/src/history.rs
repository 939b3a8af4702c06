//! The stored transcript: `GET botmessages/rtm`.
//!
//! Source: `docs/kore-protocol.md` 6. A page is oldest first; a template is a JSON **string** in
//! `components[0].data.text`. `seq` and `lastSeq` are ours.

use serde::Serialize;

use crate::Extra;
use crate::json::Value;
use crate::message::UserBody;
use crate::message_ref::MessageRef;
use crate::read::{Fields, Read};

/// The most messages of a page.
pub const MAX_LIMIT: u32 = 100;

/// A page of the transcript.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct HistoryPage {
    /// Oldest first.
    pub messages: Vec<HistoryMessage>,
    /// The bot's avatar, for all of its messages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub icon: Option<String>,
    /// Whether there are older ones.
    #[serde(rename = "moreAvailable")]
    pub more_available: bool,
    /// Ours: the conversation's last sequence; a socket opened with `after=lastSeq` misses nothing.
    #[serde(rename = "lastSeq", skip_serializing_if = "Option::is_none")]
    pub last_seq: Option<u64>,
    /// `botId`, `total`.
    #[serde(flatten)]
    pub extra: Extra,
}

/// One stored message.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct HistoryMessage {
    /// Equal to the live `messageId` of bot frames.
    #[serde(rename = "_id")]
    pub id: String,
    /// `incoming` from the visitor, `outgoing` from the bot.
    #[serde(rename = "type")]
    pub direction: Direction,
    /// One entry.
    pub components: Vec<HistoryComponent>,
    /// ISO 8601.
    #[serde(rename = "createdOn")]
    pub created_on: String,
    /// The visitor's own id of the message.
    #[serde(rename = "userMsgId", skip_serializing_if = "Option::is_none")]
    pub user_msg_id: Option<MessageRef>,
    /// `altText` holds what the visitor saw (`renderMsg`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tags: Option<Tags>,
    /// Ours: the visitor's files, as they were sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attachments: Option<Vec<Value>>,
    /// Ours: the message's place in the conversation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
    /// Ours: an answer that was stopped before its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stopped: Option<bool>,
    /// Ours: an answer that was told while it grew stands behind this sequence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub behind: Option<u64>,
    /// Who wrote it, when that was not the bot: see [`person`](crate::reply::person).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub author: Option<Value>,
    /// `lang`, `botId`, `channels`, `status`, …
    #[serde(flatten)]
    pub extra: Extra,
}

/// Who spoke, from the platform's point of view.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// From the visitor.
    Incoming,
    /// From the bot.
    Outgoing,
}

/// `{"cT":"text","data":{"text":"…"}}`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct HistoryComponent {
    /// Clients render `text` only.
    #[serde(rename = "cT")]
    pub kind: String,
    /// What was said.
    pub data: HistoryData,
    /// `_id`, `cS`, …
    #[serde(flatten)]
    pub extra: Extra,
}

/// The text of a component.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct HistoryData {
    /// Plain text, or a template as the string of `{"type":…,"payload":…}`.
    pub text: String,
    /// Everything else.
    #[serde(flatten)]
    pub extra: Extra,
}

/// `{"altText":[{"name":"altText","value":"Check balance"}]}`.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Tags {
    /// The first one replaces the text.
    #[serde(rename = "altText", skip_serializing_if = "Vec::is_empty")]
    pub alt_text: Vec<Tag>,
    /// Other tags.
    #[serde(flatten)]
    pub extra: Extra,
}

/// A named value.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tag {
    /// `altText`.
    pub name: String,
    /// What was shown.
    pub value: String,
}

impl Read for HistoryPage {
    fn read(value: &Value) -> Option<Self> {
        let fields = Fields::of(value)?;
        Some(Self {
            messages: fields.get("messages")?,
            icon: fields.get("icon"),
            more_available: fields.get_or_default("moreAvailable"),
            last_seq: fields.get("lastSeq"),
            extra: fields.extra(),
        })
    }
}

impl Read for HistoryMessage {
    fn read(value: &Value) -> Option<Self> {
        let fields = Fields::of(value)?;
        Some(Self {
            id: fields.get("_id")?,
            direction: fields.get("type")?,
            components: fields.get("components")?,
            created_on: fields.get_or_default("createdOn"),
            user_msg_id: fields.get("userMsgId"),
            tags: fields.get("tags"),
            attachments: fields.get("attachments"),
            seq: fields.get("seq"),
            stopped: fields.get("stopped"),
            behind: fields.get("behind"),
            author: fields.get("author"),
            extra: fields.extra(),
        })
    }
}

impl Read for Direction {
    fn read(value: &Value) -> Option<Self> {
        match value.as_str()? {
            "incoming" => Some(Self::Incoming),
            "outgoing" => Some(Self::Outgoing),
            _ => None,
        }
    }
}

impl Read for HistoryComponent {
    fn read(value: &Value) -> Option<Self> {
        let fields = Fields::of(value)?;
        Some(Self {
            kind: fields.get("cT")?,
            data: fields.get("data")?,
            extra: fields.extra(),
        })
    }
}

impl Read for HistoryData {
    fn read(value: &Value) -> Option<Self> {
        let fields = Fields::of(value)?;
        Some(Self {
            text: fields.get_or_default("text"),
            extra: fields.extra(),
        })
    }
}

impl Read for Tags {
    fn read(value: &Value) -> Option<Self> {
        let fields = Fields::of(value)?;
        Some(Self {
            alt_text: fields.get_or_default("altText"),
            extra: fields.extra(),
        })
    }
}

impl Read for Tag {
    fn read(value: &Value) -> Option<Self> {
        let fields = Fields::of(value)?;
        Some(Self {
            name: fields.get_or_default("name"),
            value: fields.get_or_default("value"),
        })
    }
}

impl HistoryMessage {
    /// The text of the component.
    #[must_use]
    pub fn text(&self) -> &str {
        let first = self.components.first();
        first.map_or("", |component| &component.data.text)
    }

    /// The text that was shown: the alternative text, else the component's.
    #[must_use]
    pub fn shown(&self) -> &str {
        self.alternative().unwrap_or_else(|| self.text())
    }

    fn alternative(&self) -> Option<&str> {
        let mut tags = self.tags.iter().flat_map(|tags| &tags.alt_text);
        tags.next().map(|tag| tag.value.as_str())
    }

    /// What the visitor said, if this is from one.
    #[must_use]
    pub fn said(&self) -> UserBody {
        UserBody {
            body: Some(self.text().to_owned()),
            render_msg: self.alternative().map(str::to_owned),
            attachments: self.attachments.clone(),
            extra: Extra::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_careless_field_does_not_cost_the_page() {
        let page = HistoryPage::parse(
            r#"{"messages":[{"_id":7},{"_id":"ms-1","type":"sideways","components":[]},
                {"_id":"ms-2","type":"outgoing","createdOn":5,"tags":[],"seq":"2",
                 "components":[{"cT":"text","data":{"text":"Hi"}}]}],
                "icon":{},"moreAvailable":"yes","lastSeq":-1}"#,
        )
        .expect("a page");
        assert_eq!(page.messages.len(), 1);
        assert_eq!(page.messages[0].text(), "Hi");
        assert_eq!((page.more_available, page.last_seq), (false, None));
        assert_eq!(HistoryPage::parse("[]"), None);
    }
}
