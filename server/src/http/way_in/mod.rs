//! The API for bots: `POST /api/bots/{bot}/conversations/{conversation}/messages` says something outside a turn
//! (`docs/bots.md`).
//!
//! In the path: a bot, or the people behind it, call this. `keys` checks the caller, `said` reads the body, and
//! `rtm::outside` stores and publishes it.
//!
//! Invariants: nothing is looked up in the store before the caller has proven a key of the bot. A bot without keys has
//! no such address. Every refusal is counted in the log, and none repeats what was sent.

use axum::extract::rejection::PathRejection;
use axum::extract::{Extension, Path, State};
use axum::response::{IntoResponse as _, Response};
use axum::{Json, http::HeaderMap};
use serde::Serialize;

use crate::error::{ApiError, RawBody};
use crate::limits::NO_ROOM_RETRY;
use crate::records::{Owner, StoredMessage};
use crate::rtm::outside::NotSaid;
use crate::security::client_ip::{AddressKey, Client};
use crate::security::refusals::Refused;
use crate::state::AppState;

mod keys;
mod said;

pub use keys::{Admitted, BotKeys, NotAdmitted};

/// The answer: the positions of the messages.
#[derive(Debug, Serialize)]
struct Stored {
    messages: Vec<Receipt>,
}

/// One message.
#[derive(Debug, Serialize)]
struct Receipt {
    #[serde(rename = "messageId")]
    message_id: String,
    seq: u64,
}

impl From<StoredMessage> for Receipt {
    fn from(message: StoredMessage) -> Self {
        Self {
            message_id: message.message_id,
            seq: message.seq,
        }
    }
}

/// Says something in a conversation of the bot.
///
/// # Errors
/// In Kore's shape: 400 (body), 401 (key), 404 (bot without keys, conversation), 409 (somebody else has the conversation),
/// 413, 429 (too often), 503 (no room).
pub async fn say(
    State(state): State<AppState>,
    Extension(client): Extension<Client>,
    path: Result<Path<(String, String)>, PathRejection>,
    headers: HeaderMap,
    RawBody(body): RawBody,
) -> Result<Response, ApiError> {
    let Path((bot, name)) = path.map_err(|_| NO_BOT)?;
    let bot_keys = state.bot_keys.get();
    let keys = bot_keys.get(&bot).ok_or(NO_BOT)?;
    let limited = |wait| {
        state.refusals.note(Refused::Limit, Some(&bot), client.ip);
        ApiError::TooMany(wait)
    };
    let (rates, address) = (&state.rtm.rates, AddressKey::from(client.ip));
    rates.may_try_secret(&bot, address).map_err(limited)?;
    let admitted = keys
        .admits(&headers, &body, state.clock.now())
        .map_err(|error| {
            rates.wrong_secret(&bot, address);
            let class = match error {
                NotAdmitted::Signature(_) => Refused::Signature,
                NotAdmitted::Nothing | NotAdmitted::Key => Refused::Secret,
            };
            state.refusals.note(class, Some(&bot), client.ip);
            ApiError::NotAdmitted(error.to_string())
        })?;
    rates.bot(&bot).map_err(limited)?;
    let saying = said::read(&body, admitted.id, &*state.ids)
        .map_err(|error| ApiError::Invalid(error.to_string()))?;
    let conversation = state.rtm.conversation_of(&bot, &name).await?;
    let conversation = conversation.ok_or(ApiError::NotFound(
        "there is no such conversation with this bot",
    ))?;
    let allowed = rates.bot_conversation(&conversation.name);
    allowed.map_err(limited)?;
    let rtm = std::sync::Arc::clone(&state.rtm);
    // This runs on if the caller goes away, because what is stored must be published.
    let saying = state.shutdown.finish(
        "way in",
        async move { rtm.say(&conversation, saying).await },
    );
    let stored = saying.await.map_err(anyhow::Error::from)?;
    let messages = stored.map_err(refusal)?;
    let messages = messages.into_iter().map(Receipt::from).collect();
    Ok(Json(Stored { messages }).into_response())
}

const NO_BOT: ApiError =
    ApiError::NotFound("there is no such bot, or it has no key for saying something by itself");

fn refusal(error: NotSaid) -> ApiError {
    match error {
        NotSaid::NotOwner(Owner::Bot) => ApiError::Conflict(
            "the bot has the conversation: a person takes it with `handover` in the same request",
        ),
        NotSaid::NotOwner(Owner::Queue) => ApiError::Conflict(
            "the conversation waits for a person: speak as one (`agent`), or take it back with `handover`",
        ),
        NotSaid::NotOwner(Owner::Agent(_)) => ApiError::Conflict(
            "a person has the conversation: speak as one (`agent`), or take it back with `handover`",
        ),
        NotSaid::Message => ApiError::TooLarge,
        NotSaid::NoRoom => ApiError::Busy(NO_ROOM_RETRY),
        NotSaid::Store(error) => ApiError::Store(error),
    }
}
