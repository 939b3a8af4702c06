//! What a bot gets: one event, and what it needs to know of the conversation.
//!
//! In the path: `rtm::turn` makes a [`Turn`] of a stored job and its message.
//!
//! Invariant: nothing of it is logged. `Debug` leaves out who the visitor is and what the visitor said.

use serde_json::Value;

use crate::clock::Millis;
use crate::records::Owner;

/// One event for a bot.
#[derive(Clone, PartialEq)]
pub struct Turn {
    /// The bot's id, `st-…`.
    pub bot: String,
    /// The app through which the conversation was begun, `cs-…`.
    pub app: String,
    /// The visitor.
    pub visitor: Visitor,
    /// The conversation's public name, `cv-<uuid>`. It is the same for the whole life of the conversation, and
    /// callbacks name it.
    pub conversation: String,
    /// The session.
    pub session_id: String,
    /// What happened.
    pub kind: TurnKind,
    /// `tn-<uuid>`. A repeated turn has the same key, so that a bot with side effects can recognise it.
    pub idempotence_key: String,
    /// How many times the turn was given before.
    pub attempt: u32,
    /// Who answers the conversation.
    pub owner: Owner,
    /// The language that the client named, a tag such as `de-AT`.
    pub language: Option<String>,
    /// The messages before this one, oldest first: as many as [`Bot::recent`](super::Bot::recent) asks for.
    pub recent: Vec<PastMessage>,
    /// The state that the bot kept with [`Answers::keep`](super::Answers::keep) at the last turn of the conversation.
    pub state: Option<String>,
}

/// Who speaks with a bot.
#[derive(Clone, Default, PartialEq)]
pub struct Visitor {
    /// The user's id, `u-<uuid>`.
    pub id: String,
    /// What the assertion called the visitor.
    pub identity: String,
    /// What the site's own assertion said about the visitor besides the identity, as an object: name, e-mail, custom
    /// data.
    pub profile: Option<Value>,
}

/// What happened.
#[derive(Clone, PartialEq)]
pub enum TurnKind {
    /// A session was started (`ON_CONNECT`).
    Connect,
    /// The visitor wrote or pressed something.
    Message {
        /// The text, or the payload of a button.
        body: String,
        /// What the visitor saw, if it differs (`renderMsg`).
        rendered: Option<String>,
        /// Files that came with it.
        files: Vec<File>,
        /// The custom data of the host page (`customData`).
        custom_data: Option<Value>,
    },
    /// The visitor closed the session.
    Close,
}

impl TurnKind {
    /// The visitor's message as the visitor saw it, with the names of the files, and, with `addresses`, where the files
    /// are. `None` if this is not a message.
    pub(super) fn newest(&self, addresses: bool) -> Option<String> {
        let Self::Message {
            body,
            rendered,
            files,
            ..
        } = self
        else {
            return None;
        };
        let seen = rendered.as_deref().filter(|it| !it.trim().is_empty());
        let mut text = seen.unwrap_or(body).to_owned();
        for file in files {
            if !text.is_empty() {
                text.push('\n');
            }
            let name = if file.name.is_empty() {
                &file.kind
            } else {
                &file.name
            };
            text.extend(["[File: ", name]);
            let web = ["https://", "http://"];
            if addresses && web.iter().any(|scheme| file.reference.starts_with(scheme)) {
                text.extend([" ", &file.reference]);
            }
            text.push(']');
        }
        Some(text)
    }

    /// A message of text only.
    pub fn text(body: impl Into<String>) -> Self {
        Self::Message {
            body: body.into(),
            rendered: None,
            files: Vec::new(),
            custom_data: None,
        }
    }
}

/// A file of a message, by reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// `fileName`.
    pub name: String,
    /// `fileType`: `image`, `audio`, `video`, `attachment`.
    pub kind: String,
    /// `fileId`, or an address (`fileUrl`).
    pub reference: String,
}

/// An earlier message.
#[derive(Clone, PartialEq, Eq)]
pub struct PastMessage {
    /// Who said it.
    pub by: Speaker,
    /// The text as it was read. For a template: its fallback text and the titles of its buttons.
    pub text: String,
    /// When it was stored.
    pub at: Millis,
}

/// The mark in front of what a person of the operator's said. Without it a model would take the text for its own words.
const AGENT: &str = "[A member of the team wrote:] ";

impl PastMessage {
    /// The text for a model. It marks what a person said in the bot's place.
    pub(super) fn to_model(&self) -> String {
        match self.by {
            Speaker::Agent => format!("{AGENT}{}", self.text),
            Speaker::Visitor | Speaker::Bot => self.text.clone(),
        }
    }
}

/// Who said something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speaker {
    /// The visitor.
    Visitor,
    /// The bot.
    Bot,
    /// A person who answered in the bot's place.
    Agent,
}

/// Leaves out the visitor's words, because message text is never logged.
impl std::fmt::Debug for Turn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kind = match self.kind {
            TurnKind::Connect => "connect",
            TurnKind::Message { .. } => "message",
            TurnKind::Close => "close",
        };
        f.debug_struct("Turn")
            .field("bot", &self.bot)
            .field("conversation", &self.conversation)
            .field("kind", &kind)
            .field("idempotence_key", &self.idempotence_key)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pressed_button_is_what_it_said_and_files_have_names() {
        let file = |name: &str, reference: &str| File {
            name: name.to_owned(),
            kind: "image".to_owned(),
            reference: reference.to_owned(),
        };
        let kind = TurnKind::Message {
            body: "BAL".to_owned(),
            rendered: Some("Balance".to_owned()),
            files: vec![file("a.png", "https://a.test/a.png"), file("", "f-1")],
            custom_data: None,
        };
        assert_eq!(
            kind.newest(true).unwrap(),
            "Balance\n[File: a.png https://a.test/a.png]\n[File: image]"
        );
        assert_eq!(
            kind.newest(false).unwrap(),
            "Balance\n[File: a.png]\n[File: image]"
        );
        assert_eq!(TurnKind::Close.newest(true), None);
    }
}
