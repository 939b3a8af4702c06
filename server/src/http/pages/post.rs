//! `POST /chat/{bot}`: the conversation without JavaScript.
//!
//! In the path: the composer's form on `/chat/{bot}` posts here, and the browser is redirected to the page, which then
//! shows the message and the answer.
//!
//! Invariants: the message goes the same way as one over a socket (session, store with its job, bus, `rtm::answers`),
//! and is stored and answered even if the visitor hangs up. Only our own page may post. These visitors are counted as
//! at the signing service, because they do not use it. The request waits a short time for the answer on the bus; the
//! answer is in the store anyway.

use std::sync::Arc;
use std::time::Duration;

use app::pages::Problem;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Form};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};
use protocol::message::UserBody;
use protocol::visible::is_blank;
use serde::Deserialize;

use super::chat::{Destination, PageParams, Visit};
use super::language;
use crate::bus::{Event, Received, Subscription, Wake};
use crate::error::ApiError;
use crate::http::sign::{count_address, counted_as};
use crate::http::visitor;
use crate::limits::ROOM_CHECK;
use crate::records::ConversationId;
use crate::rtm::limits::MAX_TEXT_CHARS;
use crate::rtm::socket::{TicketContext, turn_context};
use crate::rtm::{Rtm, answers};
use crate::security::client_ip::{AddressKey, Client};
use crate::security::origin::{PageOrigin, caller};
use crate::security::refusals::Refused;
use crate::state::AppState;
use crate::store::{Fingerprint, NewMessage, NextJob, OpenMode, OpenSession};

/// How long to wait for the answer before the page is shown without it.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// How long to wait for the welcome, so that it stands above the first message.
const WELCOME_WITHIN: Duration = Duration::from_secs(2);
/// How often to ask the store in the meantime, because a turn that ends without an answer publishes nothing.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The composer's form: what was typed, or the starter that was pressed.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Composed {
    #[serde(default)]
    text: String,
    #[serde(default)]
    choice: String,
}

/// Stores the message, waits for the answer, and redirects to the page.
pub(super) async fn post(
    State(state): State<AppState>,
    Extension(client): Extension<Client>,
    Path(name): Path<String>,
    Query(asked): Query<PageParams>,
    uri: Uri,
    headers: HeaderMap,
    form: Result<Form<Composed>, axum::extract::rejection::FormRejection>,
) -> Response {
    let visit = Visit::new(&state, client, &headers, &uri, asked, false);
    let Some(destination) = visit.destination(&name) else {
        return visit
            .problem(Problem::UnknownBot, StatusCode::NOT_FOUND)
            .await;
    };
    if !from_our_page(visit.own_origin.as_deref(), &headers) {
        return visit
            .problem(Problem::NotAllowed, StatusCode::FORBIDDEN)
            .await;
    }
    if !destination.takes_anonymous(&visit.config) {
        return visit
            .problem(Problem::SignedInOnly, StatusCode::FORBIDDEN)
            .await;
    }
    let Ok(Form(composed)) = form else {
        return visit
            .problem(Problem::Server, StatusCode::BAD_REQUEST)
            .await;
    };
    let text = if composed.choice.is_empty() {
        composed.text
    } else {
        composed.choice
    };
    let text = text.trim().replace("\r\n", "\n");
    if text.chars().count() > MAX_TEXT_CHARS {
        return visit
            .problem(Problem::Server, StatusCode::PAYLOAD_TOO_LARGE)
            .await;
    }
    if visit.config.platform.is_external() {
        // The conversation is on another platform, which only the widget can reach.
        return visit
            .problem(Problem::Server, StatusCode::NOT_IMPLEMENTED)
            .await;
    }
    let cookie = if is_blank(&text) {
        Ok(None)
    } else {
        say(&state, &destination, client, &headers, text).await
    };
    match cookie {
        Ok(cookie) => {
            let page = destination.bot.page.as_str();
            let through = visit.through(&destination);
            let location = visit
                .config
                .base_path()
                .at(&format!("chat/{page}{through}"));
            let headers = [
                (header::LOCATION, location),
                (header::CACHE_CONTROL, "no-store".into()),
            ];
            let mut response = (StatusCode::SEE_OTHER, headers).into_response();
            if let Some(cookie) = cookie {
                response.headers_mut().append(header::SET_COOKIE, cookie);
            }
            response
        }
        Err(error) => visit.failed(error).await,
    }
}

/// Whether one of our pages posted this. Browsers say it themselves; a client that says nothing is not a browser.
fn from_our_page(own_origin: Option<&str>, headers: &HeaderMap) -> bool {
    match caller(own_origin, headers) {
        PageOrigin::Own => true,
        PageOrigin::Foreign(_) => false,
        PageOrigin::Nobody => headers
            .get(FETCH_SITE)
            .is_none_or(|site| site == "same-origin"),
    }
}

/// Says it, and sets the cookie of a visitor who is new or whose token is old.
async fn say(
    state: &AppState,
    destination: &Destination<'_>,
    client: Client,
    headers: &HeaderMap,
    text: String,
) -> Result<Option<HeaderValue>, ApiError> {
    let rtm = &state.rtm;
    let now = rtm.clock.now();
    let known = visitor::of_cookie(state, headers).await?;
    if known.is_none() {
        // Each such form makes a visitor.
        count_address(state, Some(destination.app_id), client)?;
    }
    let fresh = known
        .as_ref()
        .is_none_or(|visitor| visitor.wants_renewal(now));
    let visitor = known.unwrap_or_else(|| state.visitors.create(rtm.ids.as_ref(), now));
    let cookie = if fresh {
        state.visitors.cookie(&state.visitors.token(&visitor, now)?)
    } else {
        None
    };
    let identity = visitor.identity().subject;
    let counted = counted_as(destination.app_id, &identity);
    rtm.rates.sign_identity(&counted).map_err(|wait| {
        let app = Some(destination.app_id);
        state.refusals.note(Refused::Limit, app, client.ip);
        ApiError::TooMany(wait)
    })?;
    let user = rtm
        .store
        .user(destination.app_id, &identity, &rtm.ids.user(), now)
        .await?;
    if rtm.room.is_short() {
        return Err(ApiError::Busy(ROOM_CHECK));
    }
    let address = AddressKey::from(client.ip);
    let allowed = rtm.rates.message(&user.id, address, text.len());
    allowed.map_err(|wait| {
        let app = Some(destination.app_id);
        state.refusals.note(Refused::Limit, app, client.ip);
        ApiError::DayFull(wait)
    })?;
    let spoken: Vec<_> = destination.bot.languages.iter().map(|it| it.0).collect();
    let context = TicketContext {
        name: destination.bot.name.clone(),
        language: Some(language(&spoken, None, headers).tag().to_owned()),
        ..TicketContext::default()
    };
    let open = OpenSession {
        user: user.id,
        bot: destination.bot_id.to_owned(),
        app: destination.app_id.to_owned(),
        mode: OpenMode::Default,
        new_session_id: rtm.ids.session(),
        new_conversation_name: rtm.ids.conversation(),
        idle: rtm.config().sessions.idle.0,
        now,
        context: turn_context(&context, client.ip),
        at_once: None,
    };
    let keeping = keep(Arc::clone(rtm), open, text);
    let kept = rtm.shutdown.finish("form", keeping).await;
    let (conversation, mut subscription) = kept.map_err(anyhow::Error::from)??;
    answered(rtm, conversation, &mut subscription, ANSWER_WITHIN).await;
    Ok(cookie)
}

/// Opens the session, stores the message and wakes `rtm::answers`. It runs in its own task, because the request ends
/// when the visitor hangs up, but what is stored must be answered.
/// visitor hangs up, but what is stored must be answered.
async fn keep(
    rtm: Arc<Rtm>,
    open: OpenSession,
    text: String,
) -> Result<(ConversationId, Subscription), ApiError> {
    let context = open.context.clone();
    let opened = rtm.store.open_session(open).await?;
    let conversation = opened.conversation;
    let greeted = opened.job.is_some();
    if greeted {
        answers::wake(&rtm, conversation);
    }
    let subscribed = rtm.bus.subscribe(conversation).await;
    let mut subscription = subscribed.map_err(anyhow::Error::from)?;
    if greeted {
        answered(&rtm, conversation, &mut subscription, WELCOME_WITHIN).await;
    }
    let body = serde_json::to_string(&UserBody::text(text)).map_err(anyhow::Error::from)?;
    let appended = rtm
        .store
        .append_message(NewMessage {
            conversation,
            message_id: rtm.ids.message(rtm.clock.now()),
            client_message_id: None,
            words: Fingerprint::of(&body),
            body,
            session_id: opened.session_id,
            context,
            at_once: None,
            now: rtm.clock.now(),
        })
        .await?;
    rtm.publish(appended.message).await;
    answers::wake(&rtm, conversation);
    Ok((conversation, subscription))
}

/// Waits until the conversation has no open job, but not longer than `within`.
async fn answered(
    rtm: &Rtm,
    conversation: ConversationId,
    subscription: &mut Subscription,
    within: Duration,
) {
    let done = async {
        while let Ok(NextJob::Ready(_) | NextJob::NotBefore(_)) =
            rtm.store.next_job(conversation, rtm.clock.now()).await
        {
            let answered = async {
                // A streaming answer has not ended.
                while let Received::Wake(Wake {
                    event: Event::Streaming(_),
                    ..
                }) = subscription.recv().await
                {}
            };
            let _ = tokio::time::timeout(LOOK_AGAIN, answered).await;
        }
    };
    // A late answer is not a failure. It is stored when it comes, and the page shows it then.
    let _ = tokio::time::timeout(within, done).await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::test_state;
    use crate::store::TurnEnd;

    #[tokio::test]
    async fn a_turn_that_ends_without_an_answer_is_not_waited_for() {
        let state = test_state("");
        let (rtm, now) = (&state.rtm, state.rtm.clock.now());
        let user = rtm.store.user("cs-1", "ann", "u-1", now).await.unwrap();
        let opened = rtm
            .store
            .open_session(OpenSession {
                user: user.id,
                bot: "st-1".to_owned(),
                app: "cs-1".to_owned(),
                mode: OpenMode::Default,
                new_session_id: "s-1".to_owned(),
                new_conversation_name: "cv-1".to_owned(),
                idle: rtm.config().sessions.idle.0,
                now,
                context: "{}".to_owned(),
                at_once: None,
            })
            .await
            .unwrap();
        let mut subscription = rtm.bus.subscribe(opened.conversation).await.unwrap();
        let for_ever = Duration::from_hours(1);
        let waiting = answered(rtm, opened.conversation, &mut subscription, for_ever);
        tokio::pin!(waiting);
        // It has asked the store and listens.
        let listening = tokio::time::timeout(Duration::from_millis(50), &mut waiting);
        assert!(listening.await.is_err());
        let job = opened.job.unwrap();
        rtm.store
            .complete_job(job, TurnEnd::default(), now)
            .await
            .unwrap();
        let soon = tokio::time::timeout(Duration::from_secs(10), waiting);
        assert_eq!(soon.await, Ok(()));
    }

    #[test]
    fn only_our_own_page_may_post() {
        let posted = |lines: &[(&'static str, &str)]| {
            let headers = lines.iter().map(|(name, value)| {
                (
                    HeaderName::from_static(name),
                    HeaderValue::from_str(value).unwrap(),
                )
            });
            from_our_page(Some("https://chat.test"), &headers.collect())
        };
        assert!(posted(&[
            ("origin", "https://chat.test"),
            ("sec-fetch-site", "same-origin")
        ]));
        assert!(posted(&[("sec-fetch-site", "same-origin")]));
        assert!(posted(&[]));
        assert!(!posted(&[("origin", "https://evil.test")]));
        assert!(!posted(&[("origin", "null")]));
        assert!(!posted(&[("sec-fetch-site", "cross-site")]));
        assert!(!posted(&[("sec-fetch-site", "none")]));
    }
}
