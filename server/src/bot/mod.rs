//! What answers a visitor: one event in, a few answers out.
//!
//! In the path: the runner in `rtm` takes a stored job, makes a [`Turn`] of it, gives it to the
//! [`Bot`] under a time-out and stores the [`Answers`] together with the job's end.
//!
//! Invariants: a bot never touches the store, the bus or a socket. It may be asked the same turn
//! again after a crash ([`Turn::idempotence_key`] stays the same); its answers are stored once.
//! The number and size of answers are bounded.

use async_trait::async_trait;

use crate::records::ConversationId;

mod answers;
mod examples;
mod pattern;
mod script;
mod scripted;
#[cfg(test)]
mod tests;

pub use answers::{Answers, Grown, Growth, MAX_ANSWER_BYTES, MAX_ANSWERS, MAX_STREAMED_BYTES};
pub use scripted::{DEMO_SCRIPT, ScriptedBot};

/// One event for a bot.
#[derive(Clone, PartialEq, Eq)]
pub struct Turn {
    /// The bot that is meant, `st-…`.
    pub bot: String,
    /// The user's id, `u-…`.
    pub user: String,
    /// The user with the bot.
    pub conversation: ConversationId,
    /// The session.
    pub session_id: String,
    /// What happened.
    pub kind: TurnKind,
    /// The same when the same turn is given again, so that a bot with effects can tell.
    pub idempotence_key: String,
}

/// What happened.
#[derive(Clone, PartialEq, Eq)]
pub enum TurnKind {
    /// A session was started (`ON_CONNECT`).
    Connect,
    /// The visitor wrote or pressed something.
    Message {
        /// The text, or the payload of a button.
        body: String,
        /// What the visitor saw, when it differs (`renderMsg`).
        rendered: Option<String>,
    },
    /// The visitor closed the session.
    Close,
}

/// Leaves the visitor's words out: message text is never logged.
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

/// Why a bot gave no (complete) answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BotError {
    /// Try the turn again later.
    #[error("the bot cannot answer now ({reason})")]
    Unavailable {
        /// Why, without contents of the conversation.
        reason: String,
    },
    /// Do not try again: it will fail again.
    #[error("the bot failed ({reason})")]
    Failed {
        /// Why, without contents of the conversation.
        reason: String,
    },
    /// Do not try again: one turn may give [`MAX_ANSWERS`] answers.
    #[error("the bot gave more than {MAX_ANSWERS} answers to one turn")]
    TooMany,
    /// Do not try again: one answer may have [`MAX_ANSWER_BYTES`] bytes.
    #[error("the bot gave an answer of more than {MAX_ANSWER_BYTES} bytes")]
    TooBig,
    /// Correct the script; the last good one goes on answering.
    #[error("the script {path}, line {line}: {reason}")]
    Script {
        /// The file.
        path: String,
        /// Where in it.
        line: usize,
        /// What is wrong, and what would be right.
        reason: String,
    },
    /// Correct the path or the file's permissions; the last good script goes on answering.
    #[error("the script {path} cannot be read ({reason})")]
    Unreadable {
        /// The file.
        path: String,
        /// The system's own words.
        reason: String,
    },
}

impl BotError {
    /// May the same turn succeed later?
    pub fn is_temporary(&self) -> bool {
        matches!(self, BotError::Unavailable { .. })
    }
}

/// A bot.
#[async_trait]
pub trait Bot: Send + Sync + 'static {
    /// Answers one turn: whole answers by [`Answers::push`], or piece by piece by [`Answers::write`]. What was pushed
    /// before an error is not stored, unless pieces were shown. A visitor who has enough stops the turn: it is
    /// dropped wherever it waits.
    async fn answer(&self, turn: Turn, answers: &mut Answers) -> Result<(), BotError>;
}
