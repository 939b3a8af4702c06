//! A bot made with the Bot Framework or the Microsoft 365 Agents SDK, asked at its own `/api/messages`.
//!
//! In the path: a turn is one POST of an activity. Its answers come in the response to it (`expectReplies`), or as
//! calls of the bot to the `serviceUrl` that each activity carries (`callbacks`), or both. `http::bot_framework` stores
//! what the bot calls when no turn is open.
//!
//! Invariants: the activity's id is the turn's, so the bot can recognise a repeated turn. Calls within a turn come
//! before what the response holds.
//!
//! A bot that calls its answers and is too slow is not asked again: it may still answer, and would do so twice.
//!
//! `expectReplies` is the default, because it needs no way from the bot to us, and because a turn then ends with
//! everything that belongs to it. Only calls can stream.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use http::StatusCode;
use hyper::body::Bytes;
use serde_json::{Value, json};

use super::activity::{Channel, Hearing, read_set, said};
use super::fault::once_shown;
use super::{Answers, Bot, BotError, Class, Patience, Surroundings, Turn, TurnKind};
use crate::clock::Clock;
use crate::config;
use crate::outbound::{Address, Call, Outbound, Waits};

mod callbacks;
mod tokens;

use callbacks::SECOND;
pub use callbacks::{CallOutcome, Callbacks, Called, Inbox};
use tokens::Tokens;

/// How much longer the runner waits than the configured time, because the client's error says better what was too slow.
const GRACE: Duration = Duration::from_secs(5);

/// A bot at its `/api/messages`.
pub struct BotFramework {
    bot: String,
    settings: config::BotFramework,
    url: Address,
    /// `https://host/api/botframework/<bot>`.
    base: String,
    tokens: Option<Tokens>,
    callbacks: Callbacks,
    outbound: Outbound,
    clock: Arc<dyn Clock>,
}

impl BotFramework {
    /// Opens the bot with these settings.
    ///
    /// # Errors
    /// If its address cannot be called, or the password cannot be read.
    pub fn open(
        bot: &str,
        settings: &config::BotFramework,
        around: &Surroundings,
    ) -> Result<Self, BotError> {
        let setting = |key: &str, reason: String| BotError::Setting {
            key: format!("bot_framework.{key}"),
            reason,
        };
        let url = Address::configured(settings.url.url().clone())
            .map_err(|error| setting("url", error.to_string()))?;
        let password = config::secret(
            "app_password",
            settings.app_password.as_ref(),
            settings.app_password_file.as_ref(),
        );
        let password = password.map_err(|what| setting("app_password_file", what))?;
        let tokens = match (password, &settings.token_url) {
            (Some(password), Some(token_url)) => {
                let address = Address::configured(token_url.url().clone())
                    .map_err(|error| setting("token_url", error.to_string()))?;
                let (app_id, scope) = (&settings.app_id, &settings.scope);
                let outbound = around.outbound.clone();
                Some(Tokens::new(outbound, address, app_id, password, scope))
            }
            _ => None,
        };
        let own_url = around.reached_at(settings.callback_url.as_ref());
        Ok(Self {
            bot: bot.to_owned(),
            settings: settings.clone(),
            url,
            base: format!("{own_url}api/botframework/{bot}"),
            tokens,
            callbacks: around.callbacks.clone(),
            outbound: around.outbound.clone(),
            clock: Arc::clone(&around.clock),
        })
    }

    /// The activities of a turn.
    fn activities(&self, turn: &Turn) -> Vec<Value> {
        let token = self.callbacks.token(&self.bot, &turn.conversation);
        let channel = Channel {
            id: self.settings.channel.clone(),
            bot: self.bot.clone(),
            service_url: Some(format!("{}/{token}/", self.base)),
            timestamp: protocol::timestamp::to_iso(self.clock.now().0),
        };
        let mut activity = said(turn, &channel);
        if self.settings.delivery == config::Delivery::Replies {
            activity["deliveryMode"] = json!("expectReplies");
        }
        let mut activities = vec![activity];
        if matches!(turn.kind, TurnKind::Connect) && !self.settings.start_event.is_empty() {
            let mut event = activities[0].clone();
            if let Some(event) = event.as_object_mut() {
                event.remove("membersAdded");
            }
            event["type"] = json!("event");
            event["name"] = json!(self.settings.start_event);
            event["id"] = json!(format!("{}{SECOND}", turn.idempotence_key));
            activities.push(event);
        }
        activities
    }

    /// Sends one activity, and gives the body of the answer.
    async fn ask(&self, activity: &Value) -> Result<Bytes, BotError> {
        let mut call = Call::post(self.url.clone())
            .waits(self.waits())
            .header("accept", "application/json")
            .json(activity);
        if let Some(tokens) = &self.tokens {
            call = call.bearer(&tokens.get().await?);
        }
        let mut answer = self.outbound.send(call).await?;
        if answer.status() == StatusCode::UNAUTHORIZED
            && let Some(tokens) = &self.tokens
        {
            tokens.forget().await;
        }
        if !answer.status().is_success() {
            return Err(answer.refused().into());
        }
        Ok(answer.bytes().await?)
    }

    fn waits(&self) -> Waits {
        let wait = self.settings.wait.0;
        Waits {
            first_byte: wait,
            idle: wait,
            total: wait,
        }
    }

    /// Sends one activity, and reads the bot's calls until it has answered.
    async fn exchange(
        &self,
        activity: &Value,
        inbox: &mut Inbox,
        hearing: &mut Hearing,
        answers: &mut Answers,
    ) -> Result<(), BotError> {
        let asking = self.ask(activity);
        tokio::pin!(asking);
        let body = loop {
            tokio::select! {
                biased;
                Some(called) = inbox.next() => take(called, hearing, answers),
                answered = &mut asking => break answered?,
            }
        };
        // Some bots answer "OK", or echo something. Then what they say came as calls.
        let set = match read_set(&body) {
            Err(_)
                if self.settings.delivery == config::Delivery::Callbacks || !hearing.is_empty() =>
            {
                return Ok(());
            }
            set => set?,
        };
        for activity in set.activities {
            hearing.hear_value(activity, answers);
        }
        Ok(())
    }

    async fn hear(
        &self,
        turn: &Turn,
        hearing: &mut Hearing,
        answers: &mut Answers,
    ) -> Result<(), BotError> {
        let (conversation, id) = (&turn.conversation, &turn.idempotence_key);
        let mut inbox = self.callbacks.open(&self.bot, conversation, id);
        let mut heard = Ok(());
        for activity in self.activities(turn) {
            heard = self.exchange(&activity, &mut inbox, hearing, answers).await;
            if heard.is_err() {
                break;
            }
        }
        for called in inbox.close() {
            take(called, hearing, answers);
        }
        heard
    }

    /// What a failed request means for the turn.
    fn judged(&self, error: BotError, answers: &Answers) -> BotError {
        let calls = self.settings.delivery == config::Delivery::Callbacks;
        match once_shown(error, answers) {
            BotError::Unavailable { fault, .. } if calls && fault.class == Class::TooSlow => {
                BotError::Failed(fault)
            }
            error => error,
        }
    }
}

/// Handles one call of the bot within its turn.
fn take(called: Called, hearing: &mut Hearing, answers: &mut Answers) {
    match called {
        Called::Said { id, activity } => {
            hearing.hear(id, *activity, answers);
        }
        // The bot may have hung up.
        Called::Updated { id, activity, done } => {
            let _ = done.send(hearing.update(&id, *activity));
        }
        Called::Deleted { id, done } => {
            let _ = done.send(hearing.delete(&id));
        }
    }
}

#[async_trait]
impl Bot for BotFramework {
    async fn answer(&self, turn: Turn, answers: &mut Answers) -> Result<(), BotError> {
        let mut hearing = Hearing::new(&turn);
        let heard = self.hear(&turn, &mut hearing, answers).await;
        if let Err(error) = heard {
            let error = self.judged(error, answers);
            if error.is_temporary() || hearing.is_empty() {
                return Err(error);
            }
            // What it has said before stays. It is not asked again.
            tracing::warn!(
                bot = self.bot,
                turn = turn.idempotence_key,
                class = error.class().word(),
                status = error.status(),
                error = %error,
                "a bot's request failed after it had answered"
            );
        }
        hearing.finish(answers);
        Ok(())
    }

    fn patience(&self) -> Patience {
        // A session may begin with two activities.
        let wait = self.settings.wait.0 * 2 + GRACE;
        Patience {
            silent: wait,
            total: wait,
        }
    }

    async fn check(&self) -> Result<(), BotError> {
        if let Some(tokens) = &self.tokens {
            tokens.get().await?;
        }
        // No request can check the bot without saying something. Any answer shows that it is there.
        let call = Call::get(self.url.clone()).waits(self.waits());
        self.outbound.send(call).await?;
        Ok(())
    }
}
