//! An app made with Kore's `BotKit`. It stands between the visitor and the bot, and answers by calling us.
//!
//! In the path: a turn is a call (`on_user_message`) that the app only acknowledges. What the app says comes as calls
//! of its own, to the addresses that come with each call. `http::botkit` receives them, and asks this module who calls,
//! which request is meant and what is said. If the app passes the visitor's words on (`sendBotMessage`), the script of
//! the same bot answers, and the app gets each answer (`on_bot_message`) before the visitor does.
//!
//! Invariants: the app's secret signs the calls of both sides. The addresses have the form that the SDK splits:
//! `https://host/api/botsdk/stream/{bot}/{operation}/{request}`. A repeated turn has the same request ids.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use protocol::reply::BotMessage;
use secrecy::SecretString;
use serde_json::{Map, Value, json};

use super::surroundings::Surroundings;
use super::{Answers, Bot, BotError, Class, Fault, Patience, Turn, TurnKind};
use crate::clock::Millis;
use crate::config;
use crate::outbound::{Address, Call, Outbound, Waits};
use crate::records::Owner;
use crate::signing::{AssertionError, SharedKey};

mod request;
mod said;

pub use request::RequestId;
pub use said::said;

/// The app acknowledges with the body of the call, and may add to it.
const ACKNOWLEDGEMENT_BYTES: usize = 1024 * 1024;
/// How long our tokens are valid: as long as the app's own.
const TOKEN_LIFE: Duration = Duration::from_mins(1);

/// A [`Bot`] that a `BotKit` app answers for.
pub struct BotKit {
    bot: String,
    settings: config::BotKit,
    /// `https://host/api/botsdk/stream/{bot}`.
    calls: String,
    key: SharedKey,
    outbound: Outbound,
    /// The bot that answers `sendBotMessage`.
    behind: Option<Arc<dyn Bot>>,
}

impl BotKit {
    /// Opens the bot with these settings. `behind` is the bot behind the app.
    ///
    /// # Errors
    /// If the secret is missing, unreadable or too short.
    pub fn open(
        bot: &str,
        settings: &config::BotKit,
        behind: Option<Arc<dyn Bot>>,
        around: &Surroundings,
    ) -> Result<Self, BotError> {
        let key = SharedKey::load(&settings.app_id, &settings.key_entry());
        let wrong = |key: &str, what: String| BotError::Setting {
            key: format!("botkit.{key}"),
            reason: what,
        };
        let key = key.map_err(|what| wrong("secret", what))?;
        let own = around.reached_at(settings.own_url.as_ref());
        Ok(Self {
            calls: format!("{own}api/botsdk/stream/{bot}"),
            bot: bot.to_owned(),
            settings: settings.clone(),
            key,
            outbound: around.outbound.clone(),
            behind,
        })
    }

    /// Checks the header `auth` of the app's call.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn verify(&self, token: &str, now: Millis, leeway: Duration) -> Result<(), AssertionError> {
        self.key.verify(token, now, leeway)
    }

    /// The request that a call names, if it belongs to this bot.
    pub fn request(&self, id: &str) -> Option<RequestId> {
        RequestId::read(id, &self.bot, &self.key)
    }

    /// The name that visitors see during an agent session.
    pub fn agent(&self) -> &str {
        &self.settings.agent
    }

    /// Gives the words of `turn` to the bot behind, and sends each of its answers to the app, in order. Gives the owner
    /// to whom the bot behind hands over, if it does; the app has learned it by then.
    ///
    /// # Errors
    /// If there is no bot behind, it failed, or the app did not accept an answer.
    pub async fn ask_behind(
        &self,
        turn: Turn,
        request: &RequestId,
    ) -> Result<Option<Owner>, BotError> {
        let Some(behind) = &self.behind else {
            let reason = "it hands words on to a bot, and there is none behind it; name a `script` beside its table";
            return Err(BotError::failed(Class::Setup, reason));
        };
        let words = match &turn.kind {
            TurnKind::Message { body, .. } => body.clone(),
            TurnKind::Connect | TurnKind::Close => String::new(),
        };
        let mut answers = Answers::new();
        behind.answer(turn.clone(), &mut answers).await?;
        answers.end()?;
        let owner = answers.effects().owner.clone();
        for (index, body) in answers.into_bodies().into_iter().enumerate() {
            let message: BotMessage = serde_json::from_str(&body).map_err(|_| {
                BotError::failed(Class::Unreadable, "an answer behind it is no JSON")
            })?;
            let answer = request.of_answer(&words, index).ok_or_else(|| {
                BotError::failed(Class::TooMuch, "app and bot talk with each other only")
            })?;
            self.call(
                "on_bot_message",
                &turn,
                &answer,
                said::message_fields(&message),
            )
            .await?;
        }
        if owner.as_ref().is_some_and(|owner| *owner != Owner::Bot) {
            let callback = format!("{}/serviceCallback", self.calls);
            let id = request.written(&self.bot, &self.key).map_err(unsigned)?;
            let more = fields(json!({"message": words, "callbackUrl": format!("{callback}/{id}")}));
            self.call("on_agent_transfer", &turn, request, more).await?;
        }
        Ok(owner)
    }

    /// Sends one event to the app, which acknowledges it.
    async fn call(
        &self,
        event: &str,
        turn: &Turn,
        request: &RequestId,
        more: Map<String, Value>,
    ) -> Result<(), BotError> {
        let id = request.written(&self.bot, &self.key).map_err(unsigned)?;
        let mut body = self.body(turn, &id);
        body.extend(more);
        let path = format!("sdk/bots/{}/{event}", self.bot);
        let call = self.signed(&path)?.json(&body);
        let mut answer = self.outbound.send(call).await?.successful()?;
        let acknowledged: Value = answer.json().await?;
        if !acknowledged.is_object() {
            return Err(answer
                .unreadable("the acknowledgement of a BotKit app")
                .into());
        }
        Ok(())
    }

    fn signed(&self, path: &str) -> Result<Call, BotError> {
        let address = Address::configured(self.settings.url.below(path));
        let address = address.map_err(|error| BotError::failed(Class::Setup, error.to_string()))?;
        let wait = self.settings.wait.0;
        let waits = Waits {
            first_byte: wait,
            idle: wait,
            total: wait.saturating_mul(2),
        };
        let call = Call::post(address).secret_header("token", &self.token()?);
        Ok(call.waits(waits).max_bytes(ACKNOWLEDGEMENT_BYTES))
    }

    fn token(&self) -> Result<SecretString, BotError> {
        let expires = self.outbound.now().plus(TOKEN_LIFE).seconds();
        let claims = json!({"appId": self.key.app_id(), "exp": expires});
        self.key.sign(&claims).map_err(unsigned)
    }

    /// The fields of every event.
    fn body(&self, turn: &Turn, id: &str) -> Map<String, Value> {
        let calls = |operation: &str| format!("{}/{operation}/{id}", self.calls);
        let visitor = &turn.visitor;
        let identities = json!([{"val": visitor.identity, "type": "cs"}]);
        let user = json!({
            "_id": visitor.id,
            "identities": identities,
            "customData": visitor.profile,
        });
        let language = turn.language.as_deref().unwrap_or("en");
        fields(json!({
            "requestId": id,
            "botId": self.bot,
            "componentId": "default",
            "channel": {
                "type": "rtm",
                "from": visitor.id,
                "botLanguage": language,
                "channelInfos": {"from": visitor.id, "to": self.bot},
            },
            "context": {
                "session": {
                    "UserContext": user,
                    "UserSession": {},
                    "BotContext": {},
                    "BotUserSession": {
                        "conversationSessionId": turn.session_id,
                        "conversation": turn.conversation,
                    },
                },
                "currentLanguage": language,
            },
            "metaInfo": {},
            "metaTags": {},
            "agent_transfer": turn.owner != Owner::Bot,
            "baseUrl": self.calls,
            "sendUserMessageUrl": calls("sendUserMessage"),
            "sendBotMessageUrl": calls("sendBotMessage"),
            "sendAlertMessageUrl": calls("sendAlertMessage"),
            "skipUserMessageUrl": calls("skipUserMessage"),
            "skipBotMessageUrl": calls("skipBotMessage"),
            "resetBotUrl": calls("resetBot"),
            "getBotVariableUrl": calls("getBotVariables"),
            "clearConversationSessionUrl": calls("clearConversationSession"),
            "sendFeedbackMessageUrl": calls("sendFeedbackMessage"),
        }))
    }
}

#[async_trait]
impl Bot for BotKit {
    async fn answer(&self, turn: Turn, answers: &mut Answers) -> Result<(), BotError> {
        let request = RequestId::of_turn(&turn.conversation, &turn.idempotence_key);
        let event = |kind: &str| fields(json!({"event": {"eventType": kind}, "message": ""}));
        match &turn.kind {
            TurnKind::Connect => {
                if self.settings.events {
                    self.call("on_event", &turn, &request, event("ON_CONNECT"))
                        .await?;
                }
                if self.behind.is_some()
                    && let Some(owner) = self.ask_behind(turn, &request).await?
                {
                    answers.hand_over(owner);
                }
                Ok(())
            }
            TurnKind::Close if self.settings.events => {
                self.call("on_event", &turn, &request, event("SESSION_CLOSURE"))
                    .await
            }
            TurnKind::Close => Ok(()),
            TurnKind::Message {
                body,
                rendered,
                files,
                custom_data,
            } => {
                let files = files.iter().map(|file| {
                    json!({"fileName": file.name, "fileType": file.kind, "fileId": file.reference})
                });
                let said = json!({
                    "text": body,
                    "renderMsg": rendered,
                    "attachments": files.collect::<Vec<_>>(),
                    "customData": custom_data,
                });
                let more = fields(json!({"message": body, "messageObject": said}));
                self.call("on_user_message", &turn, &request, more).await
            }
        }
    }

    /// The bot says nothing in its turn. The whole turn is one wait, for the acknowledgement and for the bot behind.
    fn patience(&self) -> Patience {
        let whole = self.settings.wait.0.saturating_mul(8);
        Patience {
            silent: whole,
            total: whole,
        }
    }

    /// The app passes the visitor's words to its agents.
    fn carries_to_agents(&self) -> bool {
        true
    }

    /// Sends an event that no app knows. The app says so, once it has accepted our token.
    async fn check(&self) -> Result<(), BotError> {
        let path = format!("sdk/bots/{}/on_parlour_check", self.bot);
        let mut answer = self
            .outbound
            .send(self.signed(&path)?.json(&json!({})))
            .await?;
        if answer.status() == http::StatusCode::NOT_FOUND {
            let refusal: Value = answer.json().await?;
            if refusal["errors"].is_array() {
                return Ok(());
            }
        }
        answer.successful().map(|_| ()).map_err(BotError::from)
    }

    fn answers_late(&self) -> bool {
        true
    }

    fn botkit(&self) -> Option<&BotKit> {
        Some(self)
    }
}

/// Shows neither the secret nor the addresses.
impl std::fmt::Debug for BotKit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BotKit")
            .field("bot", &self.bot)
            .finish_non_exhaustive()
    }
}

fn unsigned(_error: anyhow::Error) -> BotError {
    BotError::Failed(Fault::new(Class::Setup, "its secret cannot sign"))
}

fn fields(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}
