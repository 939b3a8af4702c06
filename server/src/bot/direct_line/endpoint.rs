//! Direct Line and a token endpoint as services: their addresses, the secret, and how they are called.
//!
//! In the path: a conversation (`line`) makes its calls by this.

use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use serde::Deserialize;
use url::Url;

use crate::bot::{BotError, Class};
use crate::clock::Clock;
use crate::outbound::{Address, Answer, Call, Outbound, Waits};

/// How long one call may take. The bot's own time is part of the call that sends, because Direct Line waits for the bot
/// there.
pub(super) const CALL: Duration = Duration::from_secs(20);
/// The most bytes of a small answer.
const SMALL: usize = 64 * 1024;

/// The answers of Direct Line and of token endpoints.
#[derive(Deserialize)]
pub(super) struct Begun {
    #[serde(default, rename = "conversationId")]
    pub(super) conversation: Option<String>,
    #[serde(default)]
    pub(super) token: Option<String>,
    #[serde(default)]
    pub(super) expires_in: u64,
}

/// Where Direct Line is, and what it is called with.
pub(super) struct Endpoint {
    pub(super) url: Url,
    pub(super) secret: Option<SecretString>,
    pub(super) token_url: Option<Address>,
    /// How long the bot may take.
    pub(super) wait: Duration,
    pub(super) outbound: Outbound,
    pub(super) clock: Arc<dyn Clock>,
}

impl Endpoint {
    /// A token, and the seconds for which it is valid.
    pub(super) async fn token(&self) -> Result<(SecretString, u64), BotError> {
        let Some(url) = &self.token_url else {
            return Err(BotError::failed(
                Class::Setup,
                "there is neither secret nor token_url",
            ));
        };
        let call = Call::get(url.clone()).waits(waits(CALL)).max_bytes(SMALL);
        let begun: Begun = self.send(call).await?.json().await?;
        let without = || {
            BotError::failed(
                Class::Unreadable,
                "the token endpoint answers without `token`",
            )
        };
        let token = begun.token.ok_or_else(without)?;
        Ok((token.into(), begun.expires_in))
    }

    /// Tries the secret by requesting a token that nobody uses. That begins no conversation.
    pub(super) async fn try_secret(&self) -> Result<(), BotError> {
        let mut call = self.call(Call::post, &["tokens", "generate"])?;
        if let Some(secret) = &self.secret {
            call = call.bearer(secret);
        }
        self.send(call).await?;
        Ok(())
    }

    /// Sends a call. An error status is an error.
    pub(super) async fn send(&self, call: Call) -> Result<Answer, BotError> {
        let answer = self.outbound.send(call).await?;
        if answer.status().is_success() {
            Ok(answer)
        } else {
            Err(answer.refused().into())
        }
    }

    pub(super) fn call(&self, how: fn(Address) -> Call, path: &[&str]) -> Result<Call, BotError> {
        let call = how(address(self.below(path)?)?);
        Ok(call.waits(waits(CALL)).max_bytes(SMALL))
    }

    /// `{url}/v3/directline/…`, each part of the path escaped.
    pub(super) fn below(&self, path: &[&str]) -> Result<Url, BotError> {
        let mut url = self.url.clone();
        let Ok(mut segments) = url.path_segments_mut() else {
            return Err(BotError::failed(
                Class::Setup,
                "its url can have nothing below it",
            ));
        };
        segments
            .pop_if_empty()
            .extend(["v3", "directline"])
            .extend(path);
        drop(segments);
        Ok(url)
    }
}

pub(super) fn address(url: Url) -> Result<Address, BotError> {
    Address::configured(url).map_err(|error| BotError::failed(Class::Setup, error.to_string()))
}

pub(super) fn waits(wait: Duration) -> Waits {
    Waits {
        first_byte: wait,
        idle: wait,
        total: wait,
    }
}
