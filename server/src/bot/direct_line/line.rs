//! One conversation over Direct Line: its state between turns, and its calls.
//!
//! Invariants: a secret opens every conversation and is never stored. A token opens one conversation, expires, and is
//! renewed before that. A conversation that Direct Line no longer knows is begun anew.

use std::time::Duration;

use http::StatusCode;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::endpoint::{Begun, CALL, Endpoint, address, waits};
use crate::bot::activity::{ActivitySet, read_set};
use crate::bot::{BotError, Class};
use crate::clock::Millis;
use crate::outbound::{Answer, Call};

/// How long before its end a token is renewed.
const EARLY: Duration = Duration::from_mins(5);
/// The longest id or watermark. Those of Direct Line have some 40 letters.
const MAX_ID: usize = 512;

/// What the bot's state keeps of a conversation.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(super) struct Kept {
    /// Direct Line's own id of the conversation.
    conversation: String,
    /// The watermark: everything before it was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    watermark: Option<String>,
    /// The token of the conversation, if there is no secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    token: Option<String>,
    /// When the token ends.
    #[serde(default)]
    until: Millis,
}

#[derive(Deserialize)]
struct Sent {
    #[serde(default)]
    id: Option<String>,
}

/// An open conversation.
pub(super) struct Line<'a> {
    of: &'a Endpoint,
    kept: Kept,
    /// Whether it was begun in this turn.
    pub(super) is_new: bool,
}

impl<'a> Line<'a> {
    /// Continues the conversation that was kept, or begins one.
    ///
    /// # Errors
    /// If Direct Line refuses.
    pub(super) async fn open(of: &'a Endpoint, state: Option<&str>) -> Result<Self, BotError> {
        // The state of another version is ignored.
        let kept = state.and_then(|state| serde_json::from_str::<Kept>(state).ok());
        match kept {
            Some(kept) => {
                let mut line = Line {
                    of,
                    kept,
                    is_new: false,
                };
                line.renew().await?;
                Ok(line)
            }
            None => Self::begin(of).await,
        }
    }

    /// Begins a conversation.
    ///
    /// # Errors
    /// If Direct Line refuses.
    pub(super) async fn begin(of: &'a Endpoint) -> Result<Self, BotError> {
        let key = match &of.secret {
            Some(secret) => secret.clone(),
            None => of.token().await?.0,
        };
        let call = of.call(Call::post, &["conversations"])?.bearer(&key);
        let begun: Begun = of.send(call).await?.json().await?;
        let mut line = Line {
            of,
            kept: Kept::default(),
            is_new: true,
        };
        match begun.conversation.as_deref() {
            Some(id) if is_id(id) => id.clone_into(&mut line.kept.conversation),
            _ => {
                let reason = "Direct Line begins a conversation without `conversationId`";
                return Err(BotError::failed(Class::Unreadable, reason));
            }
        }
        if of.secret.is_none() {
            // Some servers return the token that was sent, others a new one.
            let token = begun.token.map_or(key, SecretString::from);
            line.hold(&token, begun.expires_in);
        }
        Ok(line)
    }

    /// The state for the next turn.
    pub(super) fn state(&self) -> String {
        serde_json::to_string(&self.kept).unwrap_or_default()
    }

    fn hold(&mut self, token: &SecretString, expires_in: u64) {
        self.kept.token = Some(token.expose_secret().to_owned());
        let life = Duration::from_secs(expires_in);
        self.kept.until = self.of.clock.now().plus(life);
    }

    fn key(&self) -> Result<SecretString, BotError> {
        if let Some(secret) = &self.of.secret {
            return Ok(secret.clone());
        }
        let token = self.kept.token.clone().map(SecretString::from);
        token.ok_or_else(|| BotError::failed(Class::Setup, "there is no token for Direct Line"))
    }

    /// Makes sure that there is a token that is valid for the turn.
    async fn renew(&mut self) -> Result<(), BotError> {
        let now = self.of.clock.now();
        if self.of.secret.is_some() || now.plus(EARLY) < self.kept.until {
            return Ok(());
        }
        if now < self.kept.until {
            let key = self.key()?;
            let call = self
                .of
                .call(Call::post, &["tokens", "refresh"])?
                .bearer(&key);
            let mut answer = self.of.outbound.send(call).await?;
            if answer.status().is_success() {
                let begun: Begun = answer.json().await?;
                if let Some(token) = begun.token {
                    self.hold(&token.into(), begun.expires_in);
                    return Ok(());
                }
            } else if !is_refused(answer.status()) {
                return Err(answer.refused().into());
            }
        }
        self.take_up().await
    }

    /// The token has ended. Gets a new one for the same conversation, if Direct Line allows that, or else begins a new
    /// conversation.
    async fn take_up(&mut self) -> Result<(), BotError> {
        if self.of.secret.is_none() {
            let (token, life) = self.of.token().await?;
            let conversation = self.kept.conversation.clone();
            let call = self.of.call(Call::get, &["conversations", &conversation])?;
            let mut answer = self.of.outbound.send(call.bearer(&token)).await?;
            if answer.status().is_success() {
                let begun: Begun = answer.json().await?;
                let life = if begun.token.is_some() {
                    begun.expires_in
                } else {
                    life
                };
                let token = begun.token.map_or(token, SecretString::from);
                self.hold(&token, life);
                return Ok(());
            }
            if !is_refused(answer.status()) && !is_gone(answer.status()) {
                return Err(answer.refused().into());
            }
        }
        *self = Self::begin(self.of).await?;
        Ok(())
    }

    /// Sends an activity, with a new token or in a new conversation if necessary. Gives its id.
    ///
    /// # Errors
    /// If it was not accepted.
    pub(super) async fn say(&mut self, activity: &Value) -> Result<Option<String>, BotError> {
        let mut answer = self.send(activity).await?;
        let refused = is_refused(answer.status()) && self.of.secret.is_none();
        if !self.is_new && (refused || is_gone(answer.status())) {
            if refused {
                self.take_up().await?;
            } else {
                *self = Self::begin(self.of).await?;
            }
            answer = self.send(activity).await?;
        }
        if !answer.status().is_success() {
            return Err(answer.refused().into());
        }
        let sent: Sent = answer.json().await?;
        Ok(sent.id)
    }

    async fn send(&self, activity: &Value) -> Result<Answer, BotError> {
        let path = ["conversations", &self.kept.conversation, "activities"];
        let wait = self.of.wait.max(CALL);
        let call = self.of.call(Call::post, &path)?;
        let call = call.bearer(&self.key()?).json(activity).waits(waits(wait));
        Ok(self.of.outbound.send(call).await?)
    }

    /// The new activities.
    ///
    /// # Errors
    /// If they cannot be read.
    pub(super) async fn hear(&mut self) -> Result<ActivitySet, BotError> {
        let path = ["conversations", &self.kept.conversation, "activities"];
        let mut url = self.of.below(&path)?;
        if let Some(watermark) = &self.kept.watermark {
            url.query_pairs_mut().append_pair("watermark", watermark);
        }
        let call = Call::get(address(url)?)
            .bearer(&self.key()?)
            .waits(waits(CALL));
        let mut answer = self.of.outbound.send(call).await?;
        if !answer.status().is_success() {
            return Err(answer.refused().into());
        }
        let set = read_set(&answer.bytes().await?)?;
        match &set.watermark {
            Some(watermark) if is_id(watermark) => self.kept.watermark = Some(watermark.clone()),
            Some(_) => {
                let reason = "Direct Line gives a watermark of more letters than can be kept";
                return Err(BotError::failed(Class::Unreadable, reason));
            }
            None => {}
        }
        Ok(set)
    }
}

fn is_refused(status: StatusCode) -> bool {
    matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)
}

fn is_gone(status: StatusCode) -> bool {
    matches!(status, StatusCode::NOT_FOUND | StatusCode::GONE)
}

fn is_id(text: &str) -> bool {
    (1..=MAX_ID).contains(&text.len())
}
