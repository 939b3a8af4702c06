//! The routes at which Bot Framework bots and Microsoft 365 Agents answer: the `serviceUrl` in each of our activities.
//!
//! In the path: `{serviceUrl}/v3/conversations/{conversation}/activities[/{activity}]`, as at the Bot Connector. A call
//! that answers the open turn goes to that turn. For every other call, `rtm::outside` says it at once.
//!
//! Invariants: the address itself proves the caller, because its token was made for this conversation of this bot, and
//! a bot on the same machine has no other proof. A token in the header, as bots of Azure send it, is ignored. Without
//! the address' token nothing is looked up. What is stored stays as it is: updates and deletions work only on what the
//! turn still holds back.

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, Extension, Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use http::StatusCode;
use serde_json::json;
use tokio::sync::oneshot;

use crate::bot::activity::{Activity, messages, read};
use crate::bot::bot_framework::{CallOutcome, Called};
use crate::limits::ACTIVITY_BYTES;
use crate::rtm::outside::{NotSaid, Saying};
use crate::security::client_ip::Client;
use crate::security::refusals::Refused;
use crate::state::AppState;

/// The longest id that a bot may give an activity.
const MAX_ID: usize = 200;

/// A refusal of a call, in the shape of the Bot Connector.
struct Refusal(StatusCode, &'static str, String);

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let Self(status, code, message) = self;
        let body = json!({"error": {"code": code, "message": message}});
        (status, Json(body)).into_response()
    }
}

/// The bot and the conversation of a call.
struct Target {
    bot: String,
    conversation: String,
}

type Body = Result<Bytes, BytesRejection>;

/// The routes, below `/api/botframework`.
pub fn routes() -> Router<AppState> {
    let base = "/{bot}/{token}/v3/conversations/{conversation}/activities";
    let one = post(reply).put(update).delete(delete);
    Router::new()
        .route(base, post(say))
        .route(&format!("{base}/{{activity}}"), one)
        .fallback(|| async { unknown() })
        .layer(DefaultBodyLimit::max(ACTIVITY_BYTES))
}

fn unknown() -> Refusal {
    let message = "there is no such conversation, or nothing of the kind".to_owned();
    Refusal(StatusCode::NOT_FOUND, "NotFound", message)
}

async fn say(
    State(state): State<AppState>,
    Extension(client): Extension<Client>,
    Path((bot, token, conversation)): Path<(String, String, String)>,
    body: Body,
) -> Result<Response, Refusal> {
    let target = admitted(&state, &client, bot, &token, conversation)?;
    heard(&state, &client, target, None, activity(body)?).await
}

async fn reply(
    State(state): State<AppState>,
    Extension(client): Extension<Client>,
    Path((bot, token, conversation, to)): Path<(String, String, String, String)>,
    body: Body,
) -> Result<Response, Refusal> {
    let target = admitted(&state, &client, bot, &token, conversation)?;
    heard(&state, &client, target, Some(to), activity(body)?).await
}

async fn update(
    State(state): State<AppState>,
    Extension(client): Extension<Client>,
    Path((bot, token, conversation, id)): Path<(String, String, String, String)>,
    body: Body,
) -> Result<Response, Refusal> {
    let target = admitted(&state, &client, bot, &token, conversation)?;
    let activity = Box::new(activity(body)?);
    let (done, was_there) = oneshot::channel();
    let called = Called::Updated {
        id: id.clone(),
        activity,
        done,
    };
    changed(&state, &target, called, was_there).await?;
    Ok(Json(json!({"id": id})).into_response())
}

async fn delete(
    State(state): State<AppState>,
    Extension(client): Extension<Client>,
    Path((bot, token, conversation, id)): Path<(String, String, String, String)>,
) -> Result<Response, Refusal> {
    let target = admitted(&state, &client, bot, &token, conversation)?;
    let (done, was_there) = oneshot::channel();
    changed(&state, &target, Called::Deleted { id, done }, was_there).await?;
    Ok(StatusCode::OK.into_response())
}

/// Checks the address' token, and that the bot still uses this connector.
fn admitted(
    state: &AppState,
    client: &Client,
    bot: String,
    token: &str,
    conversation: String,
) -> Result<Target, Refusal> {
    if !state.around.callbacks.is_ours(token, &bot, &conversation) {
        state.refusals.note(Refused::Secret, None, client.ip);
        return Err(unknown());
    }
    let config = state.config();
    let is_one = config
        .bots
        .get(&bot)
        .is_some_and(|bot| bot.bot_framework.is_some());
    is_one
        .then_some(Target { bot, conversation })
        .ok_or_else(unknown)
}

fn activity(body: Body) -> Result<Activity, Refusal> {
    let body = body.map_err(|_| {
        let message = format!("an activity has at most {ACTIVITY_BYTES} bytes, and comes whole");
        Refusal(StatusCode::PAYLOAD_TOO_LARGE, "MessageSizeTooBig", message)
    })?;
    read(&body).map_err(|error| bad_syntax(error.to_string()))
}

/// A refusal in words that the SDKs know from Teams. They end the stream.
fn stopped() -> Refusal {
    let message = "the visitor has stopped this answer".to_owned();
    Refusal(StatusCode::FORBIDDEN, "ContentStreamNotAllowed", message)
}

fn bad_syntax(message: String) -> Refusal {
    Refusal(StatusCode::BAD_REQUEST, "BadSyntax", message)
}

/// Gives the activity to the open turn that it answers, or says it at once.
async fn heard(
    state: &AppState,
    client: &Client,
    target: Target,
    to: Option<String>,
    activity: Activity,
) -> Result<Response, Refusal> {
    let given = activity
        .id
        .clone()
        .filter(|id| (1..=MAX_ID).contains(&id.len()));
    let id = given.unwrap_or_else(|| format!("ac-{}", state.ids.uuid()));
    let answers = to.or_else(|| activity.reply_to.clone());
    let mut late = activity;
    if let Some(turn) = &answers {
        let called = Called::Said {
            id: id.clone(),
            activity: Box::new(late),
        };
        let callbacks = &state.around.callbacks;
        let delivered = callbacks.deliver(&target.bot, &target.conversation, Some(turn), called);
        late = match delivered.await {
            CallOutcome::NotOpen(Called::Said { activity, .. }) => *activity,
            CallOutcome::Stopped => return Err(stopped()),
            _ => return Ok(Json(json!({"id": id})).into_response()),
        };
    }
    say_late(state, client, &target, &id, &late).await?;
    Ok(Json(json!({"id": id})).into_response())
}

/// Lets the turn change or delete what it holds back.
async fn changed(
    state: &AppState,
    target: &Target,
    called: Called,
    was_there: oneshot::Receiver<bool>,
) -> Result<(), Refusal> {
    let callbacks = &state.around.callbacks;
    let delivered = callbacks.deliver(&target.bot, &target.conversation, None, called);
    let taken = matches!(delivered.await, CallOutcome::Taken);
    if taken && was_there.await.unwrap_or_default() {
        return Ok(());
    }
    let message = "what was shown stays as it is".to_owned();
    Err(Refusal(
        StatusCode::METHOD_NOT_ALLOWED,
        "NotSupported",
        message,
    ))
}

/// Says it at once, because no turn waits for it.
async fn say_late(
    state: &AppState,
    client: &Client,
    target: &Target,
    id: &str,
    activity: &Activity,
) -> Result<(), Refusal> {
    let Some(saying) = saying(id, activity)? else {
        return Ok(());
    };
    let rates = &state.rtm.rates;
    let allowed = rates
        .bot(&target.bot)
        .and_then(|()| rates.bot_conversation(&target.conversation));
    if allowed.is_err() {
        state
            .refusals
            .note(Refused::Limit, Some(&target.bot), client.ip);
        let message = "too much is said outside of turns; try again in a minute".to_owned();
        return Err(Refusal(
            StatusCode::TOO_MANY_REQUESTS,
            "TooManyRequests",
            message,
        ));
    }
    let conversation = state
        .rtm
        .conversation_of(&target.bot, &target.conversation)
        .await;
    let conversation = conversation.map_err(failed)?.ok_or_else(unknown)?;
    let rtm = std::sync::Arc::clone(&state.rtm);
    // This runs on if the bot hangs up, because what is stored must be published.
    let said = state.shutdown.finish("late activity", async move {
        rtm.say(&conversation, saying).await
    });
    match said.await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(not_said(error)),
        Err(panicked) => Err(failed(panicked)),
    }
}

/// What an activity says outside a turn. `None`: it says nothing.
fn saying(id: &str, activity: &Activity) -> Result<Option<Saying>, Refusal> {
    let saying = Saying {
        id: id.to_owned(),
        ..Saying::default()
    };
    Ok(match activity.kind.as_str() {
        "typing" if !activity.is_streamed() => Some(Saying {
            typing: Some(true),
            ..saying
        }),
        "message" | "endOfConversation" => {
            let messages = messages(activity).map_err(|error| bad_syntax(error.to_string()))?;
            let close = activity.kind == "endOfConversation";
            (close || !messages.is_empty()).then_some(Saying {
                messages,
                close,
                ..saying
            })
        }
        // Pieces of a stream are only for those who watch it. Its end has the complete text.
        _ => None,
    })
}

fn not_said(error: NotSaid) -> Refusal {
    let (status, code) = match error {
        NotSaid::NotOwner(_) => (StatusCode::CONFLICT, "ConversationNotOwned"),
        NotSaid::Message => (StatusCode::PAYLOAD_TOO_LARGE, "MessageSizeTooBig"),
        NotSaid::NoRoom => (StatusCode::SERVICE_UNAVAILABLE, "ServiceError"),
        other => return failed(other),
    };
    Refusal(status, code, error.to_string())
}

fn failed(error: impl std::fmt::Display) -> Refusal {
    tracing::warn!(%error, "what a bot said could not be stored");
    let message = "it could not be stored; try again".to_owned();
    Refusal(StatusCode::SERVICE_UNAVAILABLE, "ServiceError", message)
}
