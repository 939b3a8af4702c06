//! The answers of one turn, bounded.

use protocol::reply::BotMessage;

use super::BotError;

/// A turn with more answers than this is a loop, not a conversation.
pub const MAX_ANSWERS: usize = 20;

/// The largest answer: half of the 128 KiB that a socket may have to hold for one event.
pub const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// Collects what a bot answers to one turn, in order.
#[derive(Debug, Default)]
pub struct Answers {
    bodies: Vec<String>,
}

impl Answers {
    /// None yet.
    pub fn new() -> Answers {
        Answers::default()
    }

    /// Adds one `bot_response.message[]` entry.
    ///
    /// # Errors
    /// [`BotError::TooMany`] and [`BotError::TooBig`]: the turn has failed.
    pub fn push(&mut self, answer: &BotMessage) -> Result<(), BotError> {
        if self.bodies.len() == MAX_ANSWERS {
            return Err(BotError::TooMany);
        }
        let body = serde_json::to_string(answer).map_err(|_| BotError::Failed {
            reason: "its answer is no JSON".to_owned(),
        })?;
        if body.len() > MAX_ANSWER_BYTES {
            return Err(BotError::TooBig);
        }
        self.bodies.push(body);
        Ok(())
    }

    /// The JSON of each answer, in order: what the store keeps.
    pub fn into_bodies(self) -> Vec<String> {
        self.bodies
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.bodies.len()
    }

    /// Has the bot said nothing?
    pub fn is_empty(&self) -> bool {
        self.bodies.is_empty()
    }
}
