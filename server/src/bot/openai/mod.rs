//! A language model behind an API in the shape of OpenAI's chat completions: OpenAI, Azure, Ollama, vLLM, llama.cpp,
//! OpenRouter, Mistral and many more.
//!
//! In the path: `bot::open` makes an [`OpenAi`] of `[bots.….openai]`; the runner gives it turns. [`prompt`] says what the
//! model is told, [`ask`] asks, [`completion`] reads the stream, [`refusal`] the errors.
//!
//! Invariants: what the model says is text, never a template. What it thinks is not shown. Nothing is kept between two
//! turns: the history comes from the store.

mod ask;
mod chunk;
mod completion;
#[cfg(test)]
mod played;
mod prompt;
mod refusal;
mod settings;
#[cfg(test)]
mod tests;
mod thinking;

use async_trait::async_trait;
use protocol::reply::BotMessage;
use std::time::Duration;

use self::ask::ask;
use self::prompt::Prompt;
use self::refusal::Refusal;
use self::settings::Settings;
use super::fault::{of_status, once_shown};
use super::{Answers, Bot, BotError, Class, Patience, Recent, Turn, TurnKind};
use crate::config;
use crate::outbound::{Call, Outbound, Waits};

/// Messages of the history at most; the budget of tokens cuts more.
const RECENT_MESSAGES: u32 = 100;

/// Bytes of the history that are read, whatever the budget.
const RECENT_BYTES: usize = 512 * 1024;

/// How much longer the runner waits than we do: our own words say better what took long.
const SLACK: Duration = Duration::from_secs(5);

/// How long [`Bot::check`] waits.
const CHECK: Duration = Duration::from_secs(10);

/// A list of models: some gateways have thousands.
const CHECK_BYTES: usize = 16 * 1024 * 1024;

/// The bot.
pub struct OpenAi {
    settings: Settings,
    outbound: Outbound,
}

impl OpenAi {
    /// Reads its files; asks nobody.
    ///
    /// # Errors
    /// [`BotError::Setting`]: what is wrong, and where.
    pub fn open(config: &config::OpenAi, outbound: &Outbound) -> Result<Self, BotError> {
        Ok(Self {
            settings: Settings::of(config)?,
            outbound: outbound.clone(),
        })
    }

    async fn converse(&self, turn: &Turn, answers: &mut Answers) -> Result<(), Refusal> {
        let settings = &self.settings;
        let Some(mut prompt) = Prompt::of(&settings.system, turn) else {
            return Ok(());
        };
        prompt.cut(settings.budget, 0);
        let told = match ask(&self.outbound, settings, prompt.messages(), &[], answers).await {
            Err(Refusal::TooLong(_)) if !answers.has_grown() && prompt.halve() => {
                ask(&self.outbound, settings, prompt.messages(), &[], answers).await?
            }
            told => told?,
        };
        if told.text.is_empty() && !told.calls.is_empty() {
            let reason = "it calls a tool, and it was given none";
            return Err(Refusal::Other(BotError::failed(Class::Error, reason)));
        }
        Ok(())
    }
}

#[async_trait]
impl Bot for OpenAi {
    async fn answer(&self, turn: Turn, answers: &mut Answers) -> Result<(), BotError> {
        match turn.kind {
            TurnKind::Close => Ok(()),
            TurnKind::Connect if self.settings.greeting.is_empty() => Ok(()),
            TurnKind::Connect => answers.push(&BotMessage::text(self.settings.greeting.clone())),
            TurnKind::Message { .. } => {
                let told = self.converse(&turn, answers).await;
                told.map_err(|refusal| once_shown(refusal.into_error(), answers))
            }
        }
    }

    fn recent(&self) -> Recent {
        Recent {
            messages: RECENT_MESSAGES,
            // One token is more than three bytes in most languages; the budget decides.
            bytes: (self.settings.budget * 4).min(RECENT_BYTES),
        }
    }

    fn patience(&self) -> Patience {
        let Waits {
            first_byte,
            idle,
            total,
        } = self.settings.waits;
        Patience {
            silent: first_byte.max(idle) + SLACK,
            total: total + SLACK,
        }
    }

    /// Asks for the list of models. A server without one is there, too.
    async fn check(&self) -> Result<(), BotError> {
        let call = Call::get(self.settings.models.clone())
            .headers(self.settings.headers.clone())
            .waits(Waits {
                first_byte: CHECK,
                idle: CHECK,
                total: CHECK,
            })
            .max_bytes(CHECK_BYTES);
        let answer = self.outbound.send(call).await?;
        match answer.status() {
            status if status.is_success() => Ok(()),
            http::StatusCode::NOT_FOUND | http::StatusCode::METHOD_NOT_ALLOWED => Ok(()),
            status => Err(of_status(answer.place(), status, answer.retry_after())),
        }
    }
}
