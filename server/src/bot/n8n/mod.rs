//! A flow of n8n behind its Chat Trigger.
//!
//! In the path: `bot::open` makes an [`N8n`] of `[bots.….n8n]`, and `rtm::answers` gives it turns. [`whole`] reads an
//! answer that comes at once, [`stream`] one that comes in pieces.
//!
//! Source of the shapes: n8n's own chat widget (`@n8n/chat`, `src/api/message.ts`).
//!
//! Invariant: a flow cannot recognise a repeated turn, so a turn is repeated only if it surely did not arrive.

mod stream;
#[cfg(test)]
mod tests;
mod whole;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use http::header::AUTHORIZATION;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use super::endpoint::{BotEndpoint, PIECE_BYTES, once_heard, refused, whole as body_of};
use super::fault::once_shown;
use super::{Answers, Bot, BotError, Class, Patience, Turn, TurnKind};
use crate::config;
use crate::outbound::{Answer, Outbound};

/// The bot.
pub struct N8n {
    asked: BotEndpoint,
    streamed: bool,
    greeting: String,
}

impl N8n {
    /// Opens the bot with these settings.
    ///
    /// # Errors
    /// [`BotError::Setting`]: what is wrong, and where.
    pub fn open(settings: &config::N8n, outbound: &Outbound) -> Result<Self, BotError> {
        let setting = |key: &str, reason: String| BotError::Setting {
            key: format!("n8n.{key}"),
            reason,
        };
        let (url, waiting) = (settings.url.url().clone(), settings.waiting());
        let mut asked = BotEndpoint::open("n8n", url, &settings.headers, waiting, outbound)?;
        if !settings.user.is_empty() {
            let (value, file) = (&settings.password, &settings.password_file);
            let password = config::secret("password", value.as_ref(), file.as_ref());
            let password = password.map_err(|what| setting("password", what))?;
            let password = password.as_ref().map_or("", |it| it.expose_secret());
            let both = STANDARD.encode(format!("{}:{password}", settings.user));
            // base64 is visible ASCII.
            let value = HeaderValue::from_str(&format!("Basic {both}"));
            let mut value = value.map_err(|error| setting("password", error.to_string()))?;
            value.set_sensitive(true);
            asked = asked.with(AUTHORIZATION, value);
        }
        Ok(Self {
            asked,
            streamed: settings.streamed,
            greeting: settings.greeting.clone(),
        })
    }

    async fn converse(&self, said: &Value, answers: &mut Answers) -> Result<(), BotError> {
        let answer = self.asked.post(said.to_string().into_bytes(), []).await?;
        if !answer.status().is_success() {
            return Err(refused(&answer));
        }
        if self.streamed {
            self.stream(answer, answers).await
        } else {
            whole::read(&body_of(answer).await?)?.give(answers)
        }
    }

    async fn stream(&self, answer: Answer, answers: &mut Answers) -> Result<(), BotError> {
        let mut lines = answer.lines(PIECE_BYTES);
        let mut groups = stream::Groups::default();
        while let Some(line) = lines.next().await? {
            groups.hear(&line, answers)?;
        }
        groups.end(answers)
    }
}

#[async_trait]
impl Bot for N8n {
    async fn answer(&self, turn: Turn, answers: &mut Answers) -> Result<(), BotError> {
        match &turn.kind {
            TurnKind::Connect => answers.greet(&self.greeting),
            TurnKind::Close => Ok(()),
            TurnKind::Message { body, .. } => {
                let said = said(&turn, body);
                let outcome = self.converse(&said, answers).await;
                outcome.map_err(|error| once_shown(once_heard(error), answers))
            }
        }
    }

    fn patience(&self) -> Patience {
        self.asked.patience()
    }

    async fn check(&self) -> Result<(), BotError> {
        self.asked.look(self.asked.address().clone()).await
    }
}

/// What n8n's own widget sends.
fn said(turn: &Turn, body: &str) -> Value {
    json!({
        "action": "sendMessage",
        "sessionId": turn.conversation,
        "chatInput": body,
        "metadata": metadata(turn),
    })
}

/// The fields that flows and assistants may use, without those that are absent.
pub(super) fn metadata(turn: &Turn) -> Value {
    let mut all = json!({
        "turn": turn.idempotence_key,
        "bot": turn.bot,
        "app": turn.app,
        "session": turn.session_id,
        "user": turn.visitor.id,
        "identity": turn.visitor.identity,
        "profile": turn.visitor.profile,
        "language": turn.language,
    });
    if let TurnKind::Message {
        rendered,
        files,
        custom_data,
        ..
    } = &turn.kind
    {
        all["rendered"] = json!(rendered);
        all["customData"] = json!(custom_data);
        let file = |file: &super::File| json!({"name": file.name, "type": file.kind, "reference": file.reference});
        all["files"] = files.iter().map(file).collect();
    }
    if let Value::Object(fields) = &mut all {
        let is_empty = |value: &Value| match value {
            Value::Null => true,
            Value::String(text) => text.is_empty(),
            Value::Array(values) => values.is_empty(),
            _ => false,
        };
        fields.retain(|_, value| !is_empty(value));
    }
    all
}

/// The error for an answer that cannot be read. It says where.
fn unreadable(what: &str) -> BotError {
    BotError::failed(
        Class::Unreadable,
        format!("its answer cannot be used: {what}"),
    )
}
