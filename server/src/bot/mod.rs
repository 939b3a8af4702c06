//! What answers a visitor: one event in, a few answers out.
//!
//! In the path: `rtm::answers` takes a stored job, makes a [`Turn`] of it, gives it to the [`Bot`] under a time-out,
//! and stores the [`Answers`] together with the job's end.
//!
//! Invariants: a bot never touches the store, the bus or a socket. It may get the same turn again after a crash
//! ([`Turn::idempotence_key`] stays the same), but its answers are stored once. The number and the size of answers are
//! bounded.

use std::time::Duration;

use async_trait::async_trait;

pub mod activity;
mod ag_ui;
mod agents;
mod ai_sdk;
mod answers;
pub mod bot_framework;
pub mod botkit;
mod direct_line;
mod endpoint;
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

/// How much of the conversation a bot wants with each turn. It is read from the store only if the bot wants some.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recent {
    /// The most messages of both sides.
    pub messages: u32,
    /// The most bytes of their texts.
    pub bytes: usize,
}

/// How long a turn may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// How long to wait for the first piece, and between two pieces.
    pub silent: Duration,
    /// How long a turn may take in total, if it streams.
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
    /// Answers one turn: with complete answers by [`Answers::push`], or piece by piece by [`Answers::write`]. What was
    /// pushed before an error is not stored, unless pieces were shown. If the visitor stops the turn, the future is
    /// dropped wherever it waits.
    async fn answer(&self, turn: Turn, answers: &mut Answers) -> Result<(), BotError>;

    /// The answers to a visitor's message, for a bot that knows them from the text alone and without waiting. They are
    /// stored together with the message. `None`: [`Bot::answer`] gives them.
    fn at_once(&self, _text: &str) -> Option<Answers> {
        None
    }

    /// The greeting of a new session, likewise.
    fn greets_at_once(&self) -> Option<Answers> {
        None
    }

    /// What [`Turn::recent`] holds. Bots that remember by themselves want nothing.
    fn recent(&self) -> Recent {
        Recent::default()
    }

    /// How long the runner waits for it.
    fn patience(&self) -> Patience {
        Patience::default()
    }

    /// Whether the bot also wants the visitor's messages while a person owns the conversation, to pass them on.
    fn carries_to_agents(&self) -> bool {
        false
    }

    /// Checks that the bot is there and accepts our credentials, without saying anything in a conversation.
    ///
    /// # Errors
    /// What prevents it.
    async fn check(&self) -> Result<(), BotError> {
        Ok(())
    }

    /// Whether its answers come outside its turns.
    fn answers_late(&self) -> bool {
        false
    }

    /// The `BotKit` app, if the bot is one, because it answers by calling us.
    fn botkit(&self) -> Option<&botkit::BotKit> {
        None
    }
}
