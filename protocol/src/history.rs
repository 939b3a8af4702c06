//! The stored transcript: `GET botmessages/rtm`.
//!
//! Source: `kore-protocol.md` 6. A page is oldest first; a template is a JSON **string** in
//! `components[0].data.text`. `seq` and `lastSeq` are ours.

use serde::{Deserialize, Serialize};

use crate::Extra;

/// The most messages of a page.
pub const MAX_LIMIT: u32 = 100;

/// A page of the transcript.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct HistoryPage {
    /// Oldest first.
    pub messages: Vec<HistoryMessage>,
    /// The bot's avatar, for all of its messages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub icon: Option<String>,
    /// Whether there are older ones.
    #[serde(rename = "moreAvailable", default)]
    pub more_available: bool,
    /// Ours: the conversation's last sequence; a socket opened with `after=lastSeq` misses nothing.
    #[serde(rename = "lastSeq", default, skip_serializing_if = "Option::is_none")]
    pub last_seq: Option<u64>,
    /// `botId`, `total`.
    #[cfg_attr(not(target_arch = "wasm32"), serde(flatten))]
    #[cfg_attr(target_arch = "wasm32", serde(skip))]
    pub extra: Extra,
}

/// One stored message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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
    #[serde(rename = "userMsgId", default, skip_serializing_if = "Option::is_none")]
    pub user_msg_id: Option<crate::message_ref::MessageRef>,
    /// `altText` holds what the visitor saw (`renderMsg`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tags: Option<Tags>,
    /// Ours: the message's place in the conversation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
    /// `lang`, `author`, `botId`, `channels`, `status`, …
    #[cfg_attr(not(target_arch = "wasm32"), serde(flatten))]
    #[cfg_attr(target_arch = "wasm32", serde(skip))]
    pub extra: Extra,
}

/// Who spoke, from the platform's point of view.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// From the visitor.
    Incoming,
    /// From the bot.
    Outgoing,
}

/// `{"cT":"text","data":{"text":"…"}}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HistoryComponent {
    /// Clients render `text` only.
    #[serde(rename = "cT")]
    pub kind: String,
    /// What was said.
    pub data: HistoryData,
    /// `_id`, `cS`, …
    #[cfg_attr(not(target_arch = "wasm32"), serde(flatten))]
    #[cfg_attr(target_arch = "wasm32", serde(skip))]
    pub extra: Extra,
}

/// The text of a component.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct HistoryData {
    /// Plain text, or a template as the string of `{"type":…,"payload":…}`.
    #[serde(default)]
    pub text: String,
    /// Everything else.
    #[cfg_attr(not(target_arch = "wasm32"), serde(flatten))]
    #[cfg_attr(target_arch = "wasm32", serde(skip))]
    pub extra: Extra,
}

/// `{"altText":[{"name":"altText","value":"Check balance"}]}`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Tags {
    /// The first one replaces the text.
    #[serde(rename = "altText", default, skip_serializing_if = "Vec::is_empty")]
    pub alt_text: Vec<Tag>,
    /// Other tags.
    #[cfg_attr(not(target_arch = "wasm32"), serde(flatten))]
    #[cfg_attr(target_arch = "wasm32", serde(skip))]
    pub extra: Extra,
}

/// A named value.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tag {
    /// `altText`.
    #[serde(default)]
    pub name: String,
    /// What was shown.
    #[serde(default)]
    pub value: String,
}

impl HistoryMessage {
    /// The text that was shown: the alternative text, else the component's.
    #[must_use]
    pub fn shown(&self) -> &str {
        let alternative = self.tags.iter().flat_map(|tags| &tags.alt_text).next();
        match alternative {
            Some(tag) => &tag.value,
            None => self
                .components
                .first()
                .map_or("", |component| &component.data.text),
        }
    }
}
