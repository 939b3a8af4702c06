//! A Rasa assistant behind its REST channel.
//!
//! In the path: `bot::open` makes a [`Rasa`] of `[bots.….rasa]`, and `rtm::answers` gives it turns. [`messages`] reads
//! the answer.
//!
//! Source of the shapes: Rasa's own channel (`rasa/core/channels/rest.py`).
//!
//! Invariant: an assistant cannot recognise a repeated turn, so a turn is repeated only if it surely did not arrive.

mod messages;
#[cfg(test)]
mod tests;

use async_trait::async_trait;
use secrecy::ExposeSecret as _;
use serde_json::json;

use super::endpoint::{BotEndpoint, once_heard, refused, whole};
use super::n8n::metadata;
use super::{Answers, Bot, BotError, Patience, Turn, TurnKind};
use crate::config;
use crate::outbound::{Address, Outbound};

/// The bot.
pub struct Rasa {
    asked: BotEndpoint,
    /// The address that answers `{"status": "ok"}`.
    health: Address,
    connect: String,
}

impl Rasa {
    /// Opens the bot with these settings.
    ///
    /// # Errors
    /// [`BotError::Setting`]: what is wrong, and where.
    pub fn open(settings: &config::Rasa, outbound: &Outbound) -> Result<Self, BotError> {
        let setting = |key: &str, reason: String| BotError::Setting {
            key: format!("rasa.{key}"),
            reason,
        };
        let (value, file) = (&settings.token, &settings.token_file);
        let token = config::secret("token", value.as_ref(), file.as_ref());
        let token = token.map_err(|what| setting("token", what))?;
        let mut url = settings.url.url().clone();
        if let Some(token) = token {
            url.query_pairs_mut()
                .append_pair("token", token.expose_secret());
        }
        let mut health = url.clone();
        if let Some(channel) = url.path().strip_suffix("webhook") {
            health.set_path(channel);
        }
        let waiting = settings.waiting();
        Ok(Self {
            asked: BotEndpoint::open("rasa", url, &settings.headers, waiting, outbound)?,
            health: Address::configured(health)
                .map_err(|error| setting("url", error.to_string()))?,
            connect: settings.connect.clone(),
        })
    }

    async fn converse(
        &self,
        turn: &Turn,
        said: &str,
        answers: &mut Answers,
    ) -> Result<(), BotError> {
        let body = json!({
            "sender": turn.conversation,
            "message": said,
            "metadata": metadata(turn),
        });
        let answer = self.asked.post(body.to_string().into_bytes(), []).await?;
        if !answer.status().is_success() {
            return Err(refused(&answer));
        }
        for message in messages::read(&whole(answer).await?)? {
            answers.push(&message)?;
        }
        Ok(())
    }
}

#[async_trait]
impl Bot for Rasa {
    async fn answer(&self, turn: Turn, answers: &mut Answers) -> Result<(), BotError> {
        let said = match &turn.kind {
            TurnKind::Message { body, .. } => body.as_str(),
            TurnKind::Connect => self.connect.as_str(),
            TurnKind::Close => "",
        };
        if said.is_empty() {
            return Ok(());
        }
        self.converse(&turn, said, answers)
            .await
            .map_err(once_heard)
    }

    fn patience(&self) -> Patience {
        self.asked.patience()
    }

    async fn check(&self) -> Result<(), BotError> {
        self.asked.look(self.health.clone()).await
    }
}
