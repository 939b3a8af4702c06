//! The stored transcript: `GET botmessages/rtm`.
//!
//! Source: `docs/kore-protocol.md` 6. A page is oldest first; a template is a JSON **string** in
//! `components[0].data.text`. `seq` and `lastSeq` are ours.

use crate::Extra;
use crate::json::Value;
use crate::message::UserBody;
use crate::message_ref::MessageRef;
use crate::wire;

/// The most messages of a page.
pub const MAX_LIMIT: u32 = 100;

wire! {
    /// A page of the transcript.
    #[derive(Clone, Debug, Default, PartialEq)]
    pub struct HistoryPage {
        /// Oldest first.
        pub messages: Vec<HistoryMessage>,
        /// The bot's avatar, for all of its messages.
        pub icon: Option<String>,
        /// Whether there are older ones.
        #[serde(rename = "moreAvailable", default)]
        pub more_available: bool,
        /// Ours: the conversation's last sequence; a socket opened with `after=lastSeq` misses nothing.
        #[serde(rename = "lastSeq")]
        pub last_seq: Option<u64>,
        /// `botId`, `total`.
        #[serde(flatten)]
        pub extra: Extra,
    }
}

wire! {
    /// One stored message.
    #[derive(Clone, Debug, PartialEq)]
    pub struct HistoryMessage {
        /// Equal to the live `messageId` of bot frames.
        #[serde(rename = "_id")]
        pub id: String,
        /// `incoming` from the visitor, `outgoing` from the bot.
        #[serde(rename = "type")]
        pub direction: Direction,
        /// Exactly one entry.
        pub components: Vec<HistoryComponent>,
        /// ISO 8601.
        #[serde(rename = "createdOn", default)]
        pub created_on: String,
        /// The visitor's own id of the message.
        #[serde(rename = "userMsgId")]
        pub user_msg_id: Option<MessageRef>,
        /// `altText` holds what the visitor saw (`renderMsg`).
        pub tags: Option<Tags>,
        /// Ours: the visitor's files, as they were sent.
        pub attachments: Option<Vec<Value>>,
        /// Ours: the message's position in the conversation.
        pub seq: Option<u64>,
        /// Ours: the answer was stopped before its end.
        pub stopped: Option<bool>,
        /// Ours: an answer that was shown while it streamed stands behind this sequence.
        pub behind: Option<u64>,
        /// The author, if it was not the bot: see [`person`](crate::reply::person).
        pub author: Option<Value>,
        /// `lang`, `botId`, `channels`, `status`, …
        #[serde(flatten)]
        pub extra: Extra,
    }
}

wire! {
    /// Who spoke, from the platform's point of view.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Direction {
        /// From the visitor.
        Incoming = "incoming",
        /// From the bot.
        Outgoing = "outgoing",
    }
}

wire! {
    /// `{"cT":"text","data":{"text":"…"}}`.
    #[derive(Clone, Debug, PartialEq)]
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
}

wire! {
    /// The text of a component.
    #[derive(Clone, Debug, Default, PartialEq)]
    pub struct HistoryData {
        /// Plain text, or a template as the string of `{"type":…,"payload":…}`.
        #[serde(default)]
        pub text: String,
        /// Everything else.
        #[serde(flatten)]
        pub extra: Extra,
    }
}

wire! {
    /// `{"altText":[{"name":"altText","value":"Check balance"}]}`.
    #[derive(Clone, Debug, Default, PartialEq)]
    pub struct Tags {
        /// The first one replaces the text.
        #[serde(rename = "altText", default)]
        pub alt_text: Vec<Tag>,
        /// Other tags.
        #[serde(flatten)]
        pub extra: Extra,
    }
}

wire! {
    /// A named value.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub struct Tag {
        /// `altText`.
        #[serde(default)]
        pub name: String,
        /// What was shown.
        #[serde(default)]
        pub value: String,
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

    /// What the visitor said, if the visitor wrote this message.
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
    use crate::read::Read as _;

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
