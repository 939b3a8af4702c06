//! Names whoever says or does something, in the form of frames.
//!
//! In the path: `conversation` names the person behind an answer, `presence` names who comes, goes or types.

use protocol::message::BotInfo;
use serde::Serialize;

/// `author`, as Kore writes it. Kore's clients join the first and the last name.
#[derive(Serialize)]
pub(super) struct Who<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    #[serde(rename = "type")]
    kind: &'a str,
    #[serde(rename = "firstName")]
    first_name: &'a str,
    #[serde(rename = "lastName")]
    last_name: &'a str,
}

impl<'a> Who<'a> {
    /// A person.
    pub(super) fn agent(name: &'a str) -> Self {
        Self {
            id: Some(name),
            kind: "AGENT",
            first_name: name,
            last_name: "",
        }
    }

    /// The bot.
    pub(super) fn bot(info: &'a BotInfo) -> Self {
        Self {
            id: None,
            kind: "BOT",
            first_name: &info.chat_bot,
            last_name: "",
        }
    }
}
