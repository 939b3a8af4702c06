//! Types that store, bus and bot share: ids, the stored message, who answers, and what a turn changes.
//!
//! In the path: they are here, and not in `store`, so that `bus` and `bot` need not know the store.
//!
//! Invariant: a message's position is its sequence in its conversation. The store gives it inside the transaction that
//! stores the message. Sequences begin at 1 and have no gaps.

use std::collections::BTreeMap;

use crate::clock::Millis;

/// What keys of a limit have used: tags of the keys, each with how much.
pub type Uses = Vec<(u64, u32)>;

/// The same of all limits, by name. It is what nodes tell each other.
pub type Usage = BTreeMap<Box<str>, Uses>;

/// A conversation of one user with one bot. The store gives the number, which never leaves the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConversationId(pub i64);

/// A stored job for a bot. A number is never used twice, even after the job is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobId(pub i64);

/// Who wrote a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sender {
    /// The visitor.
    User,
    /// The bot.
    Bot,
}

/// Who answers a conversation: exactly one at any time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Owner {
    /// The bot.
    #[default]
    Bot,
    /// Nobody yet: the conversation waits for a person.
    Queue,
    /// A person, by the name that the visitor sees.
    Agent(String),
}

/// A message as the store keeps it.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredMessage {
    /// The conversation that it belongs to.
    pub conversation: ConversationId,
    /// Its position in the conversation, from 1, without gaps.
    pub seq: u64,
    /// The server's id, `ms-<uuid>`. It is the same live and in the history.
    pub message_id: String,
    /// Who wrote it.
    pub sender: Sender,
    /// The client's id as JSON text (`17` and `"17"` differ); only on a visitor's message.
    pub client_message_id: Option<String>,
    /// JSON: a `UserBody` for a visitor's message, a `BotMessage` for a bot's.
    pub body: String,
    /// When it was stored. It is shown, and never used for ordering.
    pub created: Millis,
    /// The session it was written in.
    pub session_id: String,
    /// The person who wrote it in the bot's place, by the name that the visitor sees. `None` for messages of the bot
    /// and of the visitor.
    pub agent: Option<String>,
}

/// What changes besides the transcript, stored in the transaction that stores the answers.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Effects {
    /// What the bot keeps of the conversation. An empty text deletes it.
    pub state: Option<String>,
    /// Who answers from now on.
    pub owner: Option<Owner>,
    /// Whether the session ends.
    pub closes: bool,
    /// The tokens of a language model that were used, for question and answer together. They are not part of the
    /// conversation, so the store does not keep them.
    pub tokens: u64,
}

/// Leaves out the state, because it may hold what was said.
impl std::fmt::Debug for Effects {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Effects")
            .field("state_bytes", &self.state.as_ref().map(String::len))
            .field("owner", &self.owner)
            .field("closes", &self.closes)
            .field("tokens", &self.tokens)
            .finish()
    }
}

/// Leaves out the text, because message text is never logged.
impl std::fmt::Debug for StoredMessage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoredMessage")
            .field("conversation", &self.conversation)
            .field("seq", &self.seq)
            .field("message_id", &self.message_id)
            .field("sender", &self.sender)
            .field("client_message_id", &self.client_message_id)
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}
