//! Kore's webhook channel: a client without a socket talks to any bot by plain requests.
//!
//! In the path: `POST /chatbot/v2/webhook/{bot}` stores what the user says as a socket would, and waits for the bot's
//! answers. `GET …/poll/{id}` gives those that did not come in time. An app with a `callback_url` is acknowledged at
//! once, and called with each answer (`callback`).
//!
//! Invariants: it is only for apps that have the table `webhook`. A token speaks for one identity, and `from.id` is
//! that one. What is said is stored, answered and sent to other sessions as everywhere, so the same user's open widget
//! shows it. It is stored and answered even if the client hangs up.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{FromRequest as _, Path, Request, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::bus::Subscription;
use crate::error::{ApiError, KoreJson};
use crate::limits::ROOM_CHECK;
use crate::records::{ConversationId, JobId};
use crate::rtm::conversation::VisitorMessage;
use crate::rtm::socket::{TicketContext, turn_context};
use crate::rtm::{Rtm, answers};
use crate::security::client_ip::{AddressKey, Client};
use crate::security::refusals::Refused;
use crate::signing::BearerCaller;
use crate::state::AppState;
use crate::store::{NewMessage, OpenMode, OpenSession, TicketRecord, User};

mod awaited;
mod callback;
mod caller;
mod data;
mod followed;
mod poll_id;
mod request;

pub use followed::ChannelCallbacks;

use awaited::Awaited;
use poll_id::PollId;
use request::{ChannelRequest, What};

/// How long a poll waits. Clients poll every second by themselves.
const POLL_WITHIN: Duration = Duration::from_secs(1);
/// How long to wait for the welcome, so that it stands above the first message.
const WELCOME_WITHIN: Duration = Duration::from_secs(2);
/// How long a late answer can be polled. The transcript keeps it longer.
const POLL_LIFE: Duration = Duration::from_mins(10);
/// How long to wait in total for a bot that answers outside its turns. It may have nothing to say.
const LATE_WITHIN: Duration = Duration::from_mins(2);
/// The longest key with which a client marks a request that it sends again.
const KEY_CHARS: usize = 128;

/// The channel's first version: its answers are `text`, and it has no poll.
const FIRST_VERSION: &str = "/chatbot/hooks/{bot}";

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The channel's addresses.
pub fn routes() -> Router<AppState> {
    Router::new()
        .route("/chatbot/v2/webhook/{bot}", post(say))
        .route(FIRST_VERSION, post(say))
        .route(
            "/chatbot/v2/webhook/{bot}/hookInstance/{instance}",
            post(say),
        )
        .route("/chatbot/v2/webhook/{bot}/poll/{poll}", get(poll))
        .route(
            "/chatbot/v2/webhook/{bot}/hookInstance/{instance}/poll/{poll}",
            get(poll),
        )
}

/// The parts of the address. Instances of a hook are the client's own affair.
#[derive(Debug, Deserialize)]
struct Hook {
    bot: String,
    #[serde(default)]
    poll: String,
}

/// What was stored, and what to wait for.
struct Kept {
    conversation: ConversationId,
    session_id: String,
    subscription: Subscription,
    /// `None`: there is nothing to answer.
    awaited: Option<Awaited>,
}

/// Takes what the user says.
async fn say(
    State(state): State<AppState>,
    Extension(client): Extension<Client>,
    Path(hook): Path<Hook>,
    uri: Uri,
    headers: HeaderMap,
    request: Request,
) -> Result<Response, ApiError> {
    let config = state.config();
    let bot = hook.bot.as_str();
    let (caller, channel) = caller::caller(&state, &config, client, &headers, &uri, bot).await?;
    let KoreJson(body) = KoreJson::<Value>::from_request(request, &state).await?;
    let asked = ChannelRequest::read(&body, idempotency_key(&headers)?)?;
    drop(body);
    if asked.from != caller.identity.subject {
        state
            .refusals
            .note(Refused::Assertion, Some(&caller.app), client.ip);
        return Err(ApiError::Unauthorized(
            "from.id is not the user that the token speaks for (userIdentity, else sub)",
        ));
    }
    let rtm = &state.rtm;
    let user = user(&state, &caller).await?;
    if let What::Message(said) = &asked.what {
        allowed(&state, &caller, &user, client, said)?;
    }
    let forward = channel
        .callback_url
        .is_some()
        .then(|| callback::Receiver::new(&caller, bot));
    let name = config.bots.get(bot).map(|bot| bot.name.clone());
    let context = TicketContext {
        name: name.unwrap_or_default(),
        ..TicketContext::default()
    };
    let keeping = keep(
        Arc::clone(rtm),
        caller.clone(),
        user,
        hook.bot.clone(),
        asked,
        turn_context(&context, client.ip),
    );
    let forwards = forward.map(|receiver| (state.clone(), receiver));
    let kept = rtm.shutdown.finish("webhook channel", async move {
        let kept = keeping.await?;
        // This also happens if the client has hung up.
        if let Some((state, receiver)) = forwards {
            callback::forward(&state, receiver, &kept).await?;
        }
        Ok::<_, ApiError>(kept)
    });
    let mut kept = kept.await.map_err(anyhow::Error::from)??;
    if channel.callback_url.is_some() {
        let answer = json!({"status": "ok", "_v": "v2", "traceId": state.ids.uuid()});
        return Ok(private(answer));
    }
    let Some(awaited) = kept.awaited.take() else {
        let nothing = data::answer(bot, &caller.identity.subject, &kept.session_id, &[], false);
        return Ok(private(worded(&uri, nothing)));
    };
    let until = Instant::now() + channel.wait.0;
    let late = rtm.answers_late(bot);
    let waiting = awaited.wait(rtm, kept.conversation, &mut kept.subscription, until, late);
    let seen = waiting.await?;
    if seen.done {
        let closed = is_closed(&state, &caller, bot).await?;
        let from = &caller.identity.subject;
        let answer = data::answer(bot, from, &kept.session_id, &seen.answers, closed);
        return Ok(private(worded(&uri, answer)));
    }
    let id = poll_later(&state, &caller, bot, awaited).await?;
    let mut answer = data::answer(bot, &caller.identity.subject, &kept.session_id, &[], false);
    answer["pollId"] = json!(id);
    Ok(private(worded(&uri, answer)))
}

/// The answer in the version of the address.
fn worded(uri: &Uri, answer: Value) -> Value {
    if uri.path().starts_with("/chatbot/hooks/") {
        data::first_version(&answer)
    } else {
        answer
    }
}

/// Gives an answer that did not come in time, once.
async fn poll(
    State(state): State<AppState>,
    Extension(client): Extension<Client>,
    Path(hook): Path<Hook>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let config = state.config();
    let bot = hook.bot.as_str();
    let (caller, _) = caller::caller(&state, &config, client, &headers, &uri, bot).await?;
    let rtm = &state.rtm;
    let now = rtm.clock.now();
    let no_data = || ApiError::Invalid("No data found".to_owned());
    let id = PollId::read(&hook.poll, bot, &caller, &state.visitors).ok_or_else(no_data)?;
    if now.since(id.asked) >= POLL_LIFE {
        return Err(no_data());
    }
    let user = user(&state, &caller).await?;
    let found = rtm.store.conversation(&user.id, bot).await?;
    let conversation = found.ok_or_else(no_data)?;
    let subscribed = rtm.bus.subscribe(conversation.id).await;
    let mut subscription = subscribed.map_err(anyhow::Error::from)?;
    let late = rtm.answers_late(bot) && now.since(id.asked) < LATE_WITHIN;
    let until = Instant::now() + POLL_WITHIN;
    let waiting = id
        .awaited
        .wait(rtm, conversation.id, &mut subscription, until, late);
    let seen = waiting.await?;
    if !seen.done {
        let answer = json!({"status": "Inprogress", "pollId": hook.poll, "_v": "v2"});
        return Ok(private(answer));
    }
    // Whoever takes the ticket gets the answers, on whichever node.
    let taken = rtm
        .store
        .take_ticket(poll_id::hash(&hook.poll), now)
        .await?;
    taken.ok_or_else(no_data)?;
    let closed = is_closed(&state, &caller, bot).await?;
    let session = conversation.session_id.unwrap_or_default();
    let from = &caller.identity.subject;
    let answer = data::answer(bot, from, &session, &seen.answers, closed);
    Ok(private(answer))
}

async fn user(state: &AppState, caller: &BearerCaller) -> Result<User, ApiError> {
    let rtm = &state.rtm;
    let (app, identity) = (&caller.app, &caller.identity.subject);
    let new_id = rtm.ids.user();
    let user = rtm.store.user(app, identity, &new_id, rtm.clock.now());
    Ok(user.await?)
}

/// Counts a message, and refuses one that is too many.
fn allowed(
    state: &AppState,
    caller: &BearerCaller,
    user: &User,
    client: Client,
    said: &VisitorMessage,
) -> Result<(), ApiError> {
    let rtm = &state.rtm;
    if rtm.room.is_short() {
        return Err(ApiError::Busy(ROOM_CHECK));
    }
    let address = AddressKey::from(client.ip);
    let allowed = rtm.rates.message(&user.id, address, said.body.len());
    allowed.map_err(|wait| {
        let app = Some(caller.app.as_str());
        state.refusals.note(Refused::Limit, app, client.ip);
        ApiError::DayFull(wait)
    })
}

/// Opens the session, stores what was said, and wakes `rtm::answers`.
async fn keep(
    rtm: Arc<Rtm>,
    caller: BearerCaller,
    user: User,
    bot: String,
    asked: ChannelRequest,
    context: String,
) -> Result<Kept, ApiError> {
    let opened = rtm.store.open_session(OpenSession {
        user: user.id,
        bot,
        app: caller.app,
        mode: if asked.new_session {
            OpenMode::StartNew
        } else {
            OpenMode::Default
        },
        new_session_id: rtm.ids.session(),
        new_conversation_name: rtm.ids.conversation(),
        idle: rtm.config().sessions.idle.0,
        now: rtm.clock.now(),
        context: context.clone(),
        at_once: None,
    });
    let opened = opened.await?;
    let conversation = opened.conversation;
    let subscribed = rtm.bus.subscribe(conversation).await;
    let mut subscription = subscribed.map_err(anyhow::Error::from)?;
    let greeting = opened.job.map(|JobId(job)| Awaited {
        after: opened.last_seq,
        job: Some(job),
        origin: opened.session_id.clone(),
        alone: true,
    });
    if greeting.is_some() {
        answers::wake(&rtm, conversation);
    }
    let awaited = match asked.what {
        What::Connect => greeting,
        What::Close => {
            let job = rtm
                .store
                .close_session(conversation, rtm.clock.now())
                .await?;
            if job.is_some() {
                answers::wake(&rtm, conversation);
            }
            job.map(|JobId(job)| Awaited {
                after: opened.last_seq,
                job: Some(job),
                origin: opened.session_id.clone(),
                alone: true,
            })
        }
        What::Message(said) => {
            if let Some(greeting) = &greeting {
                let until = Instant::now() + WELCOME_WITHIN;
                greeting
                    .wait(&rtm, conversation, &mut subscription, until, false)
                    .await?;
            }
            let claim = answers::claim(&rtm, conversation);
            let appended = rtm.store.append_message(NewMessage {
                conversation,
                message_id: rtm.ids.message(rtm.clock.now()),
                client_message_id: said.client_message_id,
                words: said.words,
                body: said.body,
                session_id: opened.session_id.clone(),
                context,
                at_once: None,
                now: rtm.clock.now(),
            });
            let appended = appended.await?;
            let awaited = Awaited {
                alone: appended.ready.is_some() || appended.duplicate || greeting.is_some(),
                // The welcome belongs to the first answer.
                after: greeting.map_or(appended.message.seq, |greeting| greeting.after),
                job: appended.job.map(|JobId(job)| job),
                origin: appended.message.message_id.clone(),
            };
            if !appended.duplicate {
                rtm.publish(appended.message).await;
            }
            if appended.job.is_some() {
                answers::begin(&rtm, conversation, claim, appended.ready);
            }
            Some(awaited)
        }
    };
    Ok(Kept {
        conversation,
        session_id: opened.session_id,
        subscription,
        awaited,
    })
}

/// Whether the session has ended.
async fn is_closed(state: &AppState, caller: &BearerCaller, bot: &str) -> Result<bool, ApiError> {
    let user = user(state, caller).await?;
    let found = state.rtm.store.conversation(&user.id, bot).await?;
    Ok(found.is_some_and(|conversation| !conversation.session_open))
}

/// An id with which the answer can be polled, on any node and after a restart.
async fn poll_later(
    state: &AppState,
    caller: &BearerCaller,
    bot: &str,
    awaited: Awaited,
) -> Result<String, ApiError> {
    let now = state.clock.now();
    let id = PollId::new(awaited, caller, now, state.ids.uuid());
    let text = id.written(bot, &state.visitors)?;
    let ticket = TicketRecord {
        hash: poll_id::hash(&text),
        user: user(state, caller).await?.id,
        app: caller.app.clone(),
        bot: bot.to_owned(),
        expires: now.plus(POLL_LIFE),
        context: "poll".to_owned(),
    };
    state.store.put_ticket(ticket).await?;
    Ok(text)
}

/// The key with which the client marks a request that it sends again.
fn idempotency_key(headers: &HeaderMap) -> Result<Option<&str>, ApiError> {
    let Some(key) = headers.get(IDEMPOTENCY_KEY) else {
        return Ok(None);
    };
    let key = key
        .to_str()
        .ok()
        .filter(|key| (1..=KEY_CHARS).contains(&key.len()));
    let wrong = || ApiError::Invalid("Idempotency-Key has 1 to 128 visible characters".to_owned());
    key.map(Some).ok_or_else(wrong)
}

fn private(answer: Value) -> Response {
    let no_store = [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    (StatusCode::OK, no_store, Json(answer)).into_response()
}
