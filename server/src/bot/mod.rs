//! What answers a visitor: one event in, a few answers out.
//!
//! In the path: the runner in `rtm` takes a stored job, makes a [`Turn`] of it, gives it to the
//! [`Bot`] under a time-out and stores the [`Answers`] together with the job's end.
//!
//! Invariants: a bot never touches the store, the bus or a socket. It may be asked the same turn
//! again after a crash ([`Turn::idempotence_key`] stays the same); its answers are stored once.
//! The number and size of answers are bounded.

use std::time::Duration;

use async_trait::async_trait;

pub mod activity;
mod ag_ui;
mod agents;
mod ai_sdk;
mod answers;
mod asked;
pub mod bot_framework;
pub mod botkit;
mod direct_line;
mod error;
mod examples;
pub(crate) mod fault;
mod kore_webhook;
mod mcp;
mod n8n;
mod open;
mod openai;
mod pattern;
#[cfg(test)]
mod played;
mod rasa;
pub mod reply;
mod script;
mod scripted;
mod surroundings;
#[cfg(test)]
mod tests;
mod turn;
mod webhook;

pub use crate::records::Effects;
pub use ag_ui::AgUi;
pub use ai_sdk::AiSdk;
pub use answers::{
    Answers, MAX_ANSWER_BYTES, MAX_ANSWERS, MAX_STATE_BYTES, MAX_STREAMED_BYTES, Progress,
    StreamedAnswer,
};
pub use error::{BotError, Class, Fault};
pub use n8n::N8n;
pub use open::open;
pub use openai::OpenAi;
pub use rasa::Rasa;
pub use scripted::{DEMO_SCRIPT, ScriptedBot};
pub use surroundings::Surroundings;
pub use turn::{File, PastMessage, Speaker, Turn, TurnKind, Visitor};
pub use webhook::Webhook;

/// How much of the conversation so far a bot wants with each turn. Read from the store only when it asks for some.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recent {
    /// At most so many messages of both sides.
    pub messages: u32,
    /// At most so many bytes of their texts.
    pub bytes: usize,
}

/// How long a turn may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// Until the first piece, and between two.
    pub silent: Duration,
    /// From its beginning to its end, when it streams.
    pub total: Duration,
}

impl Default for Patience {
    /// A bot may think for half a minute, and stream for five: a few pages at reading speed.
    fn default() -> Self {
        Self {
            silent: Duration::from_secs(30),
            total: Duration::from_mins(5),
        }
    }
}

/// A bot.
#[async_trait]
pub trait Bot: Send + Sync + 'static {
    /// Answers one turn: whole answers by [`Answers::push`], or piece by piece by [`Answers::write`]. What was pushed
    /// before an error is not stored, unless pieces were shown. A visitor who has enough stops the turn: it is
    /// dropped wherever it waits.
    async fn answer(&self, turn: Turn, answers: &mut Answers) -> Result<(), BotError>;

    /// What [`Turn::recent`] holds. None for bots that remember by themselves.
    fn recent(&self) -> Recent {
        Recent::default()
    }

    /// How long it is waited for.
    fn patience(&self) -> Patience {
        Patience::default()
    }

    /// Does it want the visitor's messages also while a person owns the conversation, to hand them on?
    fn carries_to_agents(&self) -> bool {
        false
    }

    /// Asks once whether the bot is there and lets us in, without saying anything in a conversation.
    ///
    /// # Errors
    /// What stands in the way.
    async fn check(&self) -> Result<(), BotError> {
        Ok(())
    }

    /// Do its answers come outside of its turns?
    fn answers_late(&self) -> bool {
        false
    }

    /// The `BotKit` app, when it is one: it answers by calling us.
    fn botkit(&self) -> Option<&botkit::BotKit> {
        None
    }
}
