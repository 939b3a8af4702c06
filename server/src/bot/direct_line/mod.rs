//! A bot behind Direct Line 3.0: Azure Bot Service, Copilot Studio.
//!
//! In the path: a turn sends one activity (`line`) and polls for the bot's activities until the bot has finished.
//! Direct Line does not say when a turn has ended. So it ends when the bot ends the conversation, when the bot waits
//! for the visitor (`inputHint`) and one more poll brings nothing, or when the bot has been quiet for the configured
//! time.
//!
//! Invariants: everything is read once, by the watermark, which is kept with the answers. What comes after the end of a
//! turn is read at the beginning of the next. A repeated turn first looks whether it was answered.
//!
//! This polls. A streaming socket would bring answers some tenths of a second earlier.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::activity::{Activity, ActivitySet, Channel, Heard, Hearing, read_value, said};
use super::{Answers, Bot, BotError, Class, Patience, Surroundings, Turn, TurnKind};
use crate::config;
use crate::outbound::Address;

mod endpoint;
mod line;

use endpoint::Endpoint;
use line::Line;

/// The first pause between two polls; the next constant is the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(300);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// A bot that has not greeted by then does not greet.
const GREETING: Duration = Duration::from_secs(10);

/// A bot behind Direct Line.
pub(super) struct DirectLine {
    bot: String,
    settings: config::DirectLine,
    endpoint: Endpoint,
}

/// What a turn has read so far.
struct Listening {
    /// The id of the activity that was sent.
    sent: Option<String>,
    /// The turn's own id, which Direct Line returns.
    turn: String,
    /// The visitor's id. The visitor's own activities come back, too.
    visitor: String,
    /// Whether our own activity has come back. What comes before it belongs to an earlier turn.
    seen_own: bool,
    /// When the bot said the last message of this turn.
    last: Option<Instant>,
    /// The last message waits for the visitor.
    awaits: bool,
    /// The bot has ended the conversation.
    ended: bool,
}

impl DirectLine {
    /// Opens the bot with these settings.
    ///
    /// # Errors
    /// If an address cannot be called, or the secret cannot be read.
    pub(super) fn open(
        bot: &str,
        settings: &config::DirectLine,
        around: &Surroundings,
    ) -> Result<Self, BotError> {
        let setting = |key: &str, reason: String| BotError::Setting {
            key: format!("direct_line.{key}"),
            reason,
        };
        let file = settings.secret_file.as_ref();
        let secret = config::secret("secret", settings.secret.as_ref(), file)
            .map_err(|what| setting("secret_file", what))?;
        let token_url = settings.token_url.as_ref().map(|url| {
            let address = Address::configured(url.url().clone());
            address.map_err(|error| setting("token_url", error.to_string()))
        });
        let url = settings.url.as_ref().map(|url| url.url().clone());
        Ok(Self {
            bot: bot.to_owned(),
            settings: settings.clone(),
            endpoint: Endpoint {
                url: url.ok_or_else(|| setting("url", "is missing".to_owned()))?,
                secret,
                token_url: token_url.transpose()?,
                wait: settings.wait.0,
                outbound: around.outbound.clone(),
                clock: Arc::clone(&around.clock),
            },
        })
    }

    /// The activity of a turn. A session may begin without one.
    fn activity(&self, turn: &Turn) -> Option<Value> {
        let channel = Channel {
            id: "directline".to_owned(),
            bot: self.bot.clone(),
            service_url: None,
            timestamp: protocol::timestamp::to_iso(self.endpoint.clock.now().0),
        };
        let mut activity = said(turn, &channel);
        // The conversation and the ids belong to Direct Line.
        if let Some(activity) = activity.as_object_mut() {
            for name in ["id", "conversation", "recipient", "membersAdded"] {
                activity.remove(name);
            }
        }
        if matches!(turn.kind, TurnKind::Connect) {
            if self.settings.start_event.is_empty() {
                return None;
            }
            activity["type"] = json!("event");
            activity["name"] = json!(self.settings.start_event);
        }
        Some(activity)
    }

    async fn talk(
        &self,
        turn: &Turn,
        hearing: &mut Hearing,
        answers: &mut Answers,
    ) -> Result<(), BotError> {
        let mut line = Line::open(&self.endpoint, turn.state.as_deref()).await?;
        let mut listening = Listening {
            sent: None,
            turn: turn.idempotence_key.clone(),
            visitor: turn.visitor.id.clone(),
            seen_own: false,
            last: None,
            awaits: false,
            ended: false,
        };
        let is_again = turn.attempt > 0 && !line.is_new;
        if is_again {
            let set = line.hear().await?;
            listening.hear(set, hearing, answers);
        }
        let greets = matches!(turn.kind, TurnKind::Connect);
        match self.activity(turn) {
            Some(activity) if listening.last.is_none() => {
                listening.sent = line.say(&activity).await?;
            }
            _ => {}
        }
        // An activity that was not sent cannot come back.
        listening.seen_own |= greets && line.is_new;
        let patience = if greets {
            self.settings.wait.0.min(GREETING)
        } else {
            self.settings.wait.0
        };
        if !self
            .listen(&mut line, &mut listening, patience, hearing, answers)
            .await?
            && !greets
        {
            let reason = format!("it said nothing for {patience:?}");
            return Err(BotError::failed(Class::TooSlow, reason));
        }
        let state = if listening.ended {
            String::new()
        } else {
            line.state()
        };
        answers.keep(state)
    }

    /// Polls until the bot has finished. False: it has said nothing.
    async fn listen(
        &self,
        line: &mut Line<'_>,
        listening: &mut Listening,
        patience: Duration,
        hearing: &mut Hearing,
        answers: &mut Answers,
    ) -> Result<bool, BotError> {
        let begun = Instant::now();
        let mut pause = FIRST_PAUSE;
        loop {
            let set = line.hear().await?;
            let is_new = listening.hear(set, hearing, answers);
            let now = Instant::now();
            let is_over = match listening.last {
                _ if listening.ended => true,
                Some(last) => !is_new && (listening.awaits || now - last >= self.settings.quiet.0),
                None => now - begun >= patience,
            };
            if is_over {
                return Ok(listening.last.is_some() || !hearing.is_empty());
            }
            if is_new {
                pause = FIRST_PAUSE;
            }
            sleep(pause).await;
            pause = (pause * 3 / 2).min(LONGEST_PAUSE);
        }
    }

    async fn say_goodbye(&self, turn: &Turn, answers: &mut Answers) -> Result<(), BotError> {
        // A bot that was never spoken to need not know the end.
        if turn.state.is_some()
            && let Some(activity) = self.activity(turn)
        {
            let mut line = Line::open(&self.endpoint, turn.state.as_deref()).await?;
            if !line.is_new {
                line.say(&activity).await?;
                answers.keep(line.state())?;
            }
        }
        Ok(())
    }
}

impl Listening {
    /// Takes the new activities. True: they hold a message of this turn.
    fn hear(&mut self, set: ActivitySet, hearing: &mut Hearing, answers: &mut Answers) -> bool {
        let mut is_new = false;
        for value in set.activities {
            let Ok(activity) = read_value(value.clone()) else {
                hearing.hear_value(value, answers);
                continue;
            };
            if self.is_own(&activity) {
                continue;
            }
            let answers_us = activity.reply_to.is_some() && activity.reply_to == self.sent;
            let counts = (self.seen_own || answers_us) && activity.kind == "message";
            let id = activity.id.clone().unwrap_or_default();
            match hearing.hear(id, activity, answers) {
                Heard::Ended => self.ended = true,
                heard if counts => self.awaits = heard == Heard::Awaits,
                _ => {}
            }
            if counts {
                is_new = true;
                self.last = Some(Instant::now());
            }
        }
        is_new
    }

    /// Whether it is the visitor's own activity. Notes it if it belongs to this turn.
    fn is_own(&mut self, activity: &Activity) -> bool {
        let from = activity.from.as_ref();
        if from.is_none_or(|from| from.id != self.visitor) {
            return false;
        }
        let client_id = activity
            .channel_data
            .get("clientActivityID")
            .and_then(Value::as_str);
        let is_this = client_id == Some(self.turn.as_str());
        self.seen_own |= is_this || (self.sent.is_some() && activity.id == self.sent);
        true
    }
}

#[async_trait]
impl Bot for DirectLine {
    async fn answer(&self, turn: Turn, answers: &mut Answers) -> Result<(), BotError> {
        if matches!(turn.kind, TurnKind::Close) {
            return self.say_goodbye(&turn, answers).await;
        }
        let mut hearing = Hearing::new(&turn);
        self.talk(&turn, &mut hearing, answers).await?;
        hearing.finish(answers);
        Ok(())
    }

    fn patience(&self) -> Patience {
        // It covers sending, waiting, and a bot that never stops. The number of its activities is bounded, too.
        let wait = self.settings.wait.0 * 2 + Duration::from_mins(2);
        Patience {
            silent: wait,
            total: wait,
        }
    }

    async fn check(&self) -> Result<(), BotError> {
        if self.endpoint.secret.is_none() {
            self.endpoint.token().await?;
            return Ok(());
        }
        self.endpoint.try_secret().await
    }
}
