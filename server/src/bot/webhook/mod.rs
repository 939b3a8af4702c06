//! A bot that gets each event as a POST, signed as in Standard Webhooks. It answers at once, in pieces, or later
//! through `http::way_in`.
//!
//! In the path: `bot::open` makes a [`Webhook`] of `[bots.….webhook]`, and `rtm::answers` gives it turns. [`event`]
//! makes the body, and [`hear`] reads the answer.
//!
//! Invariants: the signed bytes are the sent bytes. `webhook-id` is the turn's id, which stays the same when the turn
//! is repeated.

mod event;
mod hear;
mod keys;

use std::sync::Arc;

use async_trait::async_trait;
use http::{HeaderName, HeaderValue};

use self::event::Event;
use super::endpoint::BotEndpoint;
use super::fault::once_shown;
use super::{Answers, Bot, BotError, Class, Patience, Recent, Surroundings, Turn, TurnKind};
use crate::clock::Clock;
use crate::config;
use crate::outbound::webhook_signature::Secrets;

/// The most bytes of the messages that are sent along. With the message itself this is about twice what the standard
/// advises for an event.
const HISTORY_BYTES: usize = 32 * 1024;

/// The bot.
pub struct Webhook {
    asked: BotEndpoint,
    /// `None`: the bot has no key, and nothing is signed.
    secrets: Option<Secrets>,
    clock: Arc<dyn Clock>,
    bot: String,
    /// The address of `http::way_in`, up to the conversation.
    own_url: Option<String>,
    history: u32,
    sessions: bool,
    people: bool,
}

impl Webhook {
    /// Opens the bot with these settings, and with the bot's keys.
    ///
    /// # Errors
    /// [`BotError::Setting`]: what is wrong, and where.
    pub fn open(
        id: &str,
        bot: &config::Bot,
        settings: &config::Webhook,
        around: &Surroundings,
    ) -> Result<Self, BotError> {
        let url = settings.url.url().clone();
        let waiting = settings.waiting();
        let secrets = keys::of(bot)?;
        Ok(Self {
            asked: BotEndpoint::open("webhook", url, &settings.headers, waiting, &around.outbound)?,
            // Without a key the bot has no access to that address.
            own_url: secrets.is_some().then(|| {
                let own = around.reached_at(settings.own_url.as_ref());
                format!("{own}api/bots/{id}/conversations/")
            }),
            secrets,
            clock: Arc::clone(&around.clock),
            bot: id.to_owned(),
            history: settings.history,
            sessions: settings.sessions,
            people: settings.people,
        })
    }

    /// The body of an event, and the headers that sign it.
    fn signed(&self, event: &Event<'_>) -> Result<Sent, BotError> {
        let body = serde_json::to_vec(event)
            .map_err(|_| BotError::failed(Class::Setup, "the event cannot be written as JSON"))?;
        let Some(secrets) = &self.secrets else {
            return Ok((body, Vec::new()));
        };
        let signed = secrets.sign(event.id(), self.clock.now(), &body);
        let headers = signed.map_err(|error| BotError::failed(Class::Setup, error.to_string()))?;
        Ok((body, headers.into()))
    }

    async fn converse(&self, turn: &Turn, answers: &mut Answers) -> Result<(), BotError> {
        let own_url = self.own_url.as_ref();
        let reply_url = own_url.map(|own| format!("{own}{}/messages", turn.conversation));
        let (body, headers) = self.signed(&Event::of(turn, self.clock.now(), reply_url))?;
        let answer = self.asked.post(body, headers).await?;
        hear::hear(answer, answers).await
    }
}

/// The body and the headers.
type Sent = (Vec<u8>, Vec<(HeaderName, HeaderValue)>);

#[async_trait]
impl Bot for Webhook {
    async fn answer(&self, turn: Turn, answers: &mut Answers) -> Result<(), BotError> {
        let is_message = matches!(turn.kind, TurnKind::Message { .. });
        if !is_message && !self.sessions {
            return Ok(());
        }
        let outcome = self.converse(&turn, answers).await;
        outcome.map_err(|error| once_shown(error, answers))
    }

    fn recent(&self) -> Recent {
        Recent {
            messages: self.history,
            bytes: HISTORY_BYTES,
        }
    }

    fn patience(&self) -> Patience {
        self.asked.patience()
    }

    fn carries_to_agents(&self) -> bool {
        self.people
    }

    /// Sends an event of the type `ping`. The body of the answer is not read.
    async fn check(&self) -> Result<(), BotError> {
        let now = self.clock.now();
        let id = format!("pg-{}", now.0);
        let (body, headers) = self.signed(&Event::ping(&self.bot, &id, now))?;
        self.asked.check(body, headers).await
    }
}
