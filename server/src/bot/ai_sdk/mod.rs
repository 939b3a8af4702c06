//! An agent that answers with a UI message stream of the AI SDK (`x-vercel-ai-ui-message-stream: v1`).
//!
//! In the path: `bot::open` makes an [`AiSdk`] of `[bots.….ai_sdk]`, and `rtm::answers` gives it turns. `request` makes
//! the request, [`message`] reads the stream, and [`memory`] keeps what the agent asks permission for.
//!
//! Invariants: a stream that ends without `finish` or `[DONE]` broke off. The agent's thoughts are not shown.

mod memory;
mod message;
mod request;
#[cfg(test)]
mod tests;
mod tool;

use async_trait::async_trait;

use self::memory::{Memory, Next};
use self::message::Message;
use self::request::request;
use super::agents::{AgentClient, Words, Wrong};
use super::fault::once_shown;
use super::{Answers, Bot, BotError, Patience, Recent, Turn, TurnKind};
use crate::config;
use crate::outbound::Outbound;

/// The most bytes of the messages that are sent along.
const HISTORY_BYTES: usize = 128 * 1024;

/// The bot.
pub struct AiSdk {
    client: AgentClient,
    settings: config::AgentStream,
}

impl AiSdk {
    /// Opens the bot with these settings.
    ///
    /// # Errors
    /// [`BotError::Setting`]: what is wrong, and where.
    pub fn open(settings: &config::AgentStream, outbound: &Outbound) -> Result<Self, BotError> {
        Ok(Self {
            client: AgentClient::open("ai_sdk", settings, outbound)?,
            settings: settings.clone(),
        })
    }

    async fn converse(&self, turn: &Turn, answers: &mut Answers) -> Result<(), BotError> {
        let words = Words::of(turn, &self.settings.titles);
        let mut memory = Memory::read(turn.state.as_deref());
        if memory.hear(&turn.kind, words) == Next::Ask {
            memory.ask(words, answers)?;
            return memory.keep(answers);
        }
        let message = match self.message(turn, &memory, words, answers).await {
            // The agent does not continue what it had asked: it has another secret, or other tools by now.
            Err(Wrong::Refused(_)) if memory.goes_on() => {
                let nothing = Memory::default();
                self.message(turn, &nothing, words, answers).await?
            }
            outcome => outcome?,
        };
        memory = Memory::of(message);
        memory.ask(words, answers)?;
        memory.keep(answers)
    }

    async fn message<'a>(
        &self,
        turn: &Turn,
        memory: &Memory,
        words: Words<'a>,
        answers: &mut Answers,
    ) -> Result<Message<'a>, Wrong> {
        let mut events = self.client.ask(&request(turn, memory)).await?;
        let mut message = Message::new(words);
        while let Some(data) = events.next().await? {
            match message.hear(&data, answers) {
                Ok(false) => {}
                Ok(true) => break,
                Err(error) if message.has_content() => return Err(Wrong::Failed(error)),
                Err(error) => return Err(Wrong::Refused(error)),
            }
        }
        if !message.has_ended() {
            return Err(events.broken("it has no `finish`").into());
        }
        // A server may write more behind the end of what a model has said.
        while !message.is_done() {
            match events.more().await {
                Some(data) => message.hear(&data, answers)?,
                None => break,
            };
        }
        message.end(answers)?;
        events.let_end().await;
        Ok(message)
    }
}

#[async_trait]
impl Bot for AiSdk {
    async fn answer(&self, turn: Turn, answers: &mut Answers) -> Result<(), BotError> {
        match turn.kind {
            TurnKind::Close => Ok(()),
            TurnKind::Connect => answers.greet(&self.settings.greeting),
            TurnKind::Message { .. } => {
                let outcome = self.converse(&turn, answers).await;
                outcome.map_err(|error| once_shown(error, answers))
            }
        }
    }

    fn recent(&self) -> Recent {
        Recent {
            messages: self.settings.history,
            bytes: HISTORY_BYTES,
        }
    }

    fn patience(&self) -> Patience {
        self.client.patience()
    }

    async fn check(&self) -> Result<(), BotError> {
        self.client.check().await
    }
}
