//! A Kore bot behind its webhook channel. It answers at once, or later, when we ask again.
//!
//! In the path: a turn is one call, and as many polls as the answer needs. `wire` makes the calls and reads the
//! answers.
//!
//! Invariants: the channel has no key by which it could recognise a repeated message. So a call is repeated only if it
//! surely did not arrive. After that a failure is final, and nothing is said to the bot twice.

use std::time::Duration;

use async_trait::async_trait;
use http::StatusCode;
use secrecy::SecretString;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout_at};
use url::Url;

use super::{Answers, Bot, BotError, Class, Patience, Turn, TurnKind};
use crate::config::{EndOfTask, KoreWebhook};
use crate::outbound::{Address, Answer, Call, Outbound, Waits};
use crate::signing::SharedKey;

#[cfg(test)]
mod tests;
mod wire;

use wire::{Heard, Said};

/// Twenty of the largest answers, and what is around them.
const ANSWER_BYTES: usize = 2 * 1024 * 1024;
/// How long our tokens are valid: as long as one poll may take, plus the difference of the clocks.
const TOKEN_LIFE: Duration = Duration::from_mins(5);
/// The first pause before a poll. Kore's own client waits a second.
const POLL_AFTER: Duration = Duration::from_millis(500);
/// The longest pause. Each is half as long again as the one before.
const LONGEST_PAUSE: Duration = Duration::from_secs(4);

/// A [`Bot`] of Kore's platform.
pub(super) struct KoreWebhookBot {
    settings: KoreWebhook,
    key: SharedKey,
    outbound: Outbound,
}

impl KoreWebhookBot {
    /// Opens the bot with these settings.
    ///
    /// # Errors
    /// If the secret is missing, unreadable or too short.
    pub(super) fn open(settings: &KoreWebhook, outbound: &Outbound) -> Result<Self, BotError> {
        let key = SharedKey::load(&settings.app_id, &settings.key_entry());
        let key = key.map_err(|what| BotError::Setting {
            key: "kore_webhook.secret".to_owned(),
            reason: what,
        })?;
        Ok(Self {
            settings: settings.clone(),
            key,
            outbound: outbound.clone(),
        })
    }

    /// Sends the message once. Only a call that surely did not arrive may be repeated later.
    async fn say(&self, from: &str, said: &Value) -> Result<Heard, BotError> {
        let url = self.settings.url.url().clone();
        let call = self.call(Call::post(address(url)?), from)?.json(said);
        let sent = self.outbound.send(call).await.map_err(BotError::from);
        let heard = async { read(sent?).await };
        heard.await.map_err(|error| match error {
            BotError::Unavailable { fault, .. }
                if !matches!(fault.class, Class::Unreachable | Class::Busy) =>
            {
                BotError::Failed(fault)
            }
            error => error,
        })
    }

    /// Polls for what is not there yet.
    async fn poll(&self, from: &str, id: &str) -> Result<Heard, BotError> {
        let url = poll_address(self.settings.url.url(), id)?;
        let call = self.call(Call::get(address(url)?), from)?;
        let sent = self.outbound.send(call).await.map_err(BotError::from)?;
        read(sent).await
    }

    fn call(&self, call: Call, from: &str) -> Result<Call, BotError> {
        let wait = self.settings.wait.0;
        let waits = Waits {
            first_byte: wait,
            idle: wait,
            total: wait.saturating_mul(2),
        };
        let call = call.bearer(&self.token(from)?);
        Ok(call.waits(waits).max_bytes(ANSWER_BYTES))
    }

    fn token(&self, from: &str) -> Result<SecretString, BotError> {
        let now = self.outbound.now();
        let claims = json!({
            "appId": self.key.app_id(),
            "sub": from,
            "userIdentity": from,
            "iat": now.seconds(),
            "exp": now.plus(TOKEN_LIFE).seconds(),
        });
        let signed = self.key.sign(&claims);
        signed.map_err(|_| BotError::failed(Class::Setup, "its secret cannot sign"))
    }

    /// Reads everything that the bot answers, for as long as it takes.
    async fn hear_out(
        &self,
        from: &str,
        mut heard: Heard,
        answers: &mut Answers,
    ) -> Result<(), BotError> {
        let until = Instant::now() + self.settings.poll.0;
        let mut pause = POLL_AFTER;
        loop {
            if !heard.messages.is_empty() {
                pause = POLL_AFTER;
            }
            for message in &heard.messages {
                answers.push(message)?;
            }
            if heard.end_of_task && self.settings.end_of_task == EndOfTask::Close {
                answers.close();
            }
            let Some(id) = heard.poll_id.take() else {
                return Ok(());
            };
            let late = || BotError::failed(Class::TooSlow, "it was asked again for too long");
            if Instant::now() + pause >= until {
                return Err(late());
            }
            sleep(pause).await;
            pause = (pause * 3 / 2).min(LONGEST_PAUSE);
            heard = match timeout_at(until, self.poll(from, &id)).await {
                Err(_) => return Err(late()),
                Ok(Ok(heard)) => heard,
                // The bot has our message, so a temporary error is waited out.
                Ok(Err(error)) if error.is_temporary() => Heard::nothing_yet(id),
                Ok(Err(error)) => return Err(error),
            };
        }
    }
}

#[async_trait]
impl Bot for KoreWebhookBot {
    async fn answer(&self, turn: Turn, answers: &mut Answers) -> Result<(), BotError> {
        let skip = match turn.kind {
            TurnKind::Connect => !self.settings.connect,
            TurnKind::Close => !self.settings.close,
            TurnKind::Message { .. } => false,
        };
        if skip {
            return Ok(());
        }
        // The state is the session that the bot knows.
        let new = turn.state.as_deref() != Some(turn.session_id.as_str());
        let said = Said::of(
            &turn,
            new,
            self.settings.url.url().path().contains("/hooks/"),
        );
        let heard = self.say(&said.from, &said.body).await?;
        answers.keep(turn.session_id)?;
        self.hear_out(&said.from, heard, answers).await
    }

    fn patience(&self) -> Patience {
        let whole = self.settings.wait.0.saturating_mul(2) + self.settings.poll.0;
        let whole = whole + Duration::from_secs(5);
        Patience {
            silent: whole,
            total: whole,
        }
    }

    /// Polls for an answer that does not exist. The bot says so, once it has accepted our token.
    async fn check(&self) -> Result<(), BotError> {
        self.poll("parlour", "none").await.map(|_| ())
    }
}

/// Shows neither the secret nor the address.
impl std::fmt::Debug for KoreWebhookBot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KoreWebhookBot").finish_non_exhaustive()
    }
}

async fn read(mut answer: Answer) -> Result<Heard, BotError> {
    if answer.status().is_success() {
        let bytes = answer.bytes().await?;
        return Heard::read(&bytes).map_err(|what| {
            let reason = format!("{}: {what}", answer.authority());
            BotError::failed(Class::Unreadable, reason)
        });
    }
    let refused = answer.refused();
    if answer.status() == StatusCode::BAD_REQUEST
        && answer
            .bytes()
            .await
            .is_ok_and(|bytes| wire::is_no_data(&bytes))
    {
        return Ok(Heard::default());
    }
    Err(refused.into())
}

fn address(url: Url) -> Result<Address, BotError> {
    Address::configured(url).map_err(|error| BotError::failed(Class::Setup, error.to_string()))
}

/// `…/chatbot/v2/webhook/{bot}/poll/{id}`, also for a channel with an instance of its own.
fn poll_address(hook: &Url, id: &str) -> Result<Url, BotError> {
    let mut url = hook.clone();
    if let Some((bot, _instance)) = hook.path().split_once("/hookInstance/") {
        url.set_path(bot);
    }
    let wrong = || BotError::failed(Class::Setup, "its address has no path");
    url.path_segments_mut()
        .map_err(|()| wrong())?
        .pop_if_empty()
        .extend(["poll", id]);
    Ok(url)
}
