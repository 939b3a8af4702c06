//! The routes that a `BotKit` app calls. Each of our calls to the app names them.
//!
//! In the path: `bot::botkit` calls the app, which only acknowledges. What the app says comes here, during that call or
//! later, and goes into the conversation like everything that comes outside a turn (`rtm::outside`).
//!
//! Invariants: the app's secret signs each call, and each call names a request of ours. A call gets 200 once what it
//! says is stored. The same words for the same request are stored once. During an agent session the app speaks for a
//! person, who may say the same twice; then another signed token makes another call.

use std::sync::Arc;

use axum::extract::{FromRequest as _, Path, Query, Request, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use protocol::history::MAX_LIMIT;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::bot::botkit::{BotKit, RequestId, said};
use crate::bot::{Bot, BotError, Turn, TurnKind, Visitor};
use crate::error::{ApiError, KoreJson};
use crate::limits::ROOM_CHECK;
use crate::records::Owner;
use crate::rtm::bearer::paced;
use crate::rtm::history;
use crate::rtm::limits::MAX_TEXT_CHARS;
use crate::rtm::outside::{NotSaid, Saying};
use crate::security::client_ip::Client;
use crate::security::refusals::Refused;
use crate::state::AppState;
use crate::store::{Conversation, HistoryFrom, HistoryQuery};

const AUTH: HeaderName = HeaderName::from_static("auth");

/// The app returns what it was sent, and a template is in it twice.
pub const BODY_BYTES: usize = 512 * 1024;

/// The number of messages in a page, if the app does not say.
const MESSAGES: u32 = 20;

/// The addresses, without their prefix.
pub fn routes() -> Router<AppState> {
    Router::new()
        .route("/botsdk/stream/{bot}/getMessages", get(messages))
        .route("/botsdk/stream/{bot}/{operation}/{request}", post(called))
        .route(
            "/botsdk/stream/{bot}/getBotVariables/{request}",
            get(variables),
        )
}

/// A bot whose app has proven its identity.
struct Proven(Arc<dyn Bot>);

impl Proven {
    /// Checks the caller.
    ///
    /// # Errors
    /// 401 without a token of the bot's app, whether the bot exists or not.
    fn of(
        state: &AppState,
        client: Client,
        bot: &str,
        headers: &HeaderMap,
    ) -> Result<Self, ApiError> {
        let found = state.rtm.bot(bot).filter(|found| found.botkit().is_some());
        let token = headers.get(AUTH).and_then(|token| token.to_str().ok());
        let leeway = state.config().tokens.leeway.0;
        let proven = found.and_then(|found| {
            let verified = found.botkit()?.verify(token?, state.clock.now(), leeway);
            verified.is_ok().then_some(found)
        });
        proven.map(Self).ok_or_else(|| {
            // Only strangers are counted by address, because an app speaks for all of its visitors from one address.
            if let Err(error) = paced(&state.rtm, client) {
                return error;
            }
            state.refusals.note(Refused::Signature, None, client.ip);
            ApiError::Credentials
        })
    }

    fn app(&self) -> Result<&BotKit, ApiError> {
        self.0.botkit().ok_or(ApiError::Credentials)
    }
}

/// `POST …/{operation}/{request}`.
async fn called(
    State(state): State<AppState>,
    Extension(client): Extension<Client>,
    Path((bot, operation, request_id)): Path<(String, String, String)>,
    headers: HeaderMap,
    request: Request,
) -> Result<Response, ApiError> {
    let proven = Proven::of(&state, client, &bot, &headers)?;
    let app = proven.app()?;
    let gone = || ApiError::NotFound("there is no such request, or its conversation was forgotten");
    let id = app.request(&request_id).ok_or_else(gone)?;
    let found = state.rtm.conversation_of(&bot, &id.conversation).await?;
    let conversation = found.ok_or_else(gone)?;
    let KoreJson(body) = KoreJson::<Value>::from_request(request, &state).await?;
    let token = headers.get(AUTH).map_or(&b""[..], HeaderValue::as_bytes);
    let call = Call {
        state: &state,
        app,
        id: &id,
        conversation: &conversation,
    };
    match operation.as_str() {
        "sendUserMessage" => call.to_visitor(&body, token).await?,
        "sendBotMessage" => call.to_bot(&body).await?,
        "startAgentSession" => call.hand_over(Owner::Agent(app.agent().to_owned())).await?,
        "clearAgentSession" => call.hand_over(Owner::Bot).await?,
        "clearConversationSession" => {
            let close = Saying {
                id: id.saying(&["close"]),
                close: true,
                ..Saying::default()
            };
            call.say(close).await?;
        }
        // Nothing of ours expires, no task is open that could be discarded, and what is skipped is not said.
        "extendcallid" | "resetBot" | "skipUserMessage" | "skipBotMessage" | "serviceCallback" => {}
        _ => {
            return Err(ApiError::NotFound(
                "there is nothing here that this operation could work on",
            ));
        }
    }
    Ok(private(json!({"status": "ok"})))
}

/// A call about a conversation.
struct Call<'a> {
    state: &'a AppState,
    app: &'a BotKit,
    id: &'a RequestId,
    conversation: &'a Conversation,
}

impl Call<'_> {
    /// Says something to the visitor.
    async fn to_visitor(&self, body: &Value, token: &[u8]) -> Result<(), ApiError> {
        let message = said(body).map_err(|error| ApiError::Invalid(error.to_string()))?;
        let Some(message) = message else {
            return Ok(());
        };
        let words = serde_json::to_string(&message).map_err(anyhow::Error::from)?;
        let (agent, id) = match &self.conversation.owner {
            Owner::Bot => (None, self.id.saying(&[&words])),
            owner => {
                let name = match owner {
                    Owner::Agent(name) => name.as_str(),
                    _ => self.app.agent(),
                };
                let token = String::from_utf8_lossy(token);
                (Some(name.to_owned()), self.id.saying(&[&words, &token]))
            }
        };
        self.say(Saying {
            id,
            messages: vec![message],
            agent,
            ..Saying::default()
        })
        .await
    }

    /// Says something to the bot behind the app. The app gets each of its answers before this ends.
    async fn to_bot(&self, body: &Value) -> Result<(), ApiError> {
        let wrong = || ApiError::Invalid("message is not a text".to_owned());
        let words = body["message"].as_str().ok_or_else(wrong)?;
        if words.chars().count() > MAX_TEXT_CHARS {
            return Err(ApiError::TooLarge);
        }
        let conversation = self.conversation;
        let turn = Turn {
            bot: conversation.bot.clone(),
            app: conversation.app.clone(),
            visitor: Visitor {
                id: conversation.user.clone(),
                ..Visitor::default()
            },
            conversation: conversation.name.clone(),
            session_id: conversation.session_id.clone().unwrap_or_default(),
            kind: TurnKind::text(words),
            idempotence_key: self.id.turn.clone(),
            attempt: 0,
            owner: conversation.owner.clone(),
            language: None,
            recent: Vec::new(),
            state: None,
        };
        let asked = self.app.ask_behind(turn, self.id).await;
        let owner = asked.map_err(|error| self.failed(&error))?;
        match owner {
            Some(owner) => self.hand_over(owner).await,
            None => Ok(()),
        }
    }

    /// An app that passes words to nobody learns so. Every other failure is worth another try.
    fn failed(&self, error: &BotError) -> ApiError {
        tracing::warn!(
            bot = self.conversation.bot,
            turn = self.id.turn,
            class = error.class().word(),
            status = error.status(),
            %error,
            "what a BotKit app sent to its bot was not answered"
        );
        if error.is_temporary() {
            ApiError::Busy(ROOM_CHECK)
        } else {
            ApiError::Invalid("the bot behind this app gave no answer".to_owned())
        }
    }

    /// Gives the conversation to somebody else, or back to the bot.
    async fn hand_over(&self, owner: Owner) -> Result<(), ApiError> {
        if self.conversation.owner == owner {
            return Ok(());
        }
        self.say(Saying {
            hand_over: Some(owner),
            ..Saying::default()
        })
        .await
    }

    async fn say(&self, saying: Saying) -> Result<(), ApiError> {
        let said = self.state.rtm.say(self.conversation, saying).await;
        said.map(|_| ()).map_err(|error| match error {
            NotSaid::NotOwner(_) => ApiError::Forbidden("somebody else has the conversation now"),
            NotSaid::Message => ApiError::TooLarge,
            NotSaid::NoRoom => ApiError::Busy(ROOM_CHECK),
            NotSaid::Store(error) => error.into(),
        })
    }
}

/// Which messages the app wants, counted from the newest.
#[derive(Debug, Deserialize)]
struct Wanted {
    #[serde(default)]
    skip: u64,
    limit: Option<u32>,
    #[serde(rename = "userId")]
    user_id: String,
}

/// `GET …/getMessages?skip=&limit=&userId=`: the transcript, for the agents of the app.
async fn messages(
    State(state): State<AppState>,
    Extension(client): Extension<Client>,
    Path(bot): Path<String>,
    wanted: Result<Query<Wanted>, axum::extract::rejection::QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    Proven::of(&state, client, &bot, &headers)?;
    let wrong = |_| ApiError::Invalid("userId is needed; skip and limit are numbers".to_owned());
    let Query(wanted) = wanted.map_err(wrong)?;
    let store = &state.rtm.store;
    let found = store.conversation(&wanted.user_id, &bot).await?;
    let Some(conversation) = found else {
        return Ok(private(json!({"messages": [], "moreAvailable": false})));
    };
    let page = store.history(HistoryQuery {
        conversation: conversation.id,
        from: HistoryFrom::Newest {
            offset: wanted.skip,
        },
        limit: wanted.limit.unwrap_or(MESSAGES).clamp(1, MAX_LIMIT),
    });
    let page = page.await?;
    let messages: Vec<_> = page.messages.iter().map(history::message).collect();
    Ok(private(
        json!({"messages": messages, "moreAvailable": page.more}),
    ))
}

/// There are none, because a script has no variables.
async fn variables(
    State(state): State<AppState>,
    Extension(client): Extension<Client>,
    Path((bot, _request)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    Proven::of(&state, client, &bot, &headers)?;
    Ok(private(json!({})))
}

fn private(answer: Value) -> Response {
    let no_store = [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    (StatusCode::OK, no_store, Json(answer)).into_response()
}
