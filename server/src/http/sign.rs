//! The signing service: `POST /api/users/sts`.
//!
//! In the path: the widget (or an official client, or a site's backend) gets an assertion here, and exchanges it at the
//! platform.
//!
//! Invariants: an identity is proven before it is signed (`docs/adr/0009-identity.md`). Either we have issued it to an
//! anonymous visitor who has not signed out since, or a caller who knows the app's secret vouches for it. What a page
//! merely claims is signed only for an app with `trust_claimed_identity`. A page of a foreign origin that the app does
//! not list gets nothing. For an app or bot that is for signed-in people, no anonymous identity is signed. Secrets and
//! assertions are never logged.

use std::sync::Arc;

use axum::Extension;
use axum::Json;
use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::response::{AppendHeaders, IntoResponse, Response};
use http::{HeaderMap, StatusCode, Uri, header};
use protocol::auth::{SignReply, SignRequest};
use serde::Deserialize;

use super::visitor;
use crate::config::{App, Config};
use crate::error::{ApiError, JsonOrForm};
use crate::limits::VISITOR_COOKIES;
use crate::security::client_ip::{AddressKey, Client};
use crate::security::origin::{PageOrigin, caller_of};
use crate::security::refusals::Refused;
use crate::signing::{AnonymousVisitor, Identity, Signed, identity_fits, sign};
use crate::state::AppState;

/// The query with which our own page asks.
#[derive(Debug, Default, Deserialize)]
pub struct Through {
    /// The app, if several may open the bot. A `clientId` in the body comes first.
    app: Option<String>,
}

/// Signs an assertion for the identity that the caller proves.
///
/// # Errors
/// In Kore's shape: 400 (body), 401 (no proof), 403 (origin), 404 (bot), 429 (too often).
pub async fn create(
    State(state): State<AppState>,
    Extension(client): Extension<Client>,
    Query(through): Query<Through>,
    uri: Uri,
    headers: HeaderMap,
    JsonOrForm(mut request): JsonOrForm<SignRequest>,
) -> Result<Response, ApiError> {
    request.client_id = request.client_id.or(through.app);
    let config = state.config();
    let found = find_app(&config, &request);
    let secret = count(&state, &request, found.as_ref().ok().copied(), client)?;
    let (id, app) = found.inspect_err(|error| {
        if matches!(error, ApiError::Credentials) {
            state.refusals.note(Refused::UnknownKey, None, client.ip);
        }
    })?;
    let table = state.keys.table();
    let keys = table.app(id).ok_or(ApiError::Credentials)?;
    let public_url = config.server.public_url.as_ref();
    let caller = caller_of(public_url, &headers, &uri, client);
    if let PageOrigin::Foreign(origin) = &caller
        && !app.allows(origin)
    {
        // It is logged once a minute at most, and escaped (`?`), because a stranger wrote it.
        if state.refusals.note(Refused::Page, Some(id), client.ip) {
            tracing::info!(
                app = id,
                ?origin,
                "a page was refused; if it should be embedded, add its origin to the app's `origins`; if it is our own, set server.public_url"
            );
        }
        return Err(ApiError::Forbidden(
            "this page's origin is not one of the app's",
        ));
    }

    // This comes before the visitor is looked up, so that no token of theirs was issued later.
    let now = state.clock.now();
    let takes_anonymous = config.takes_anonymous(id, named(request.bot.as_ref()));
    let asked = Asked {
        request: &request,
        headers: &headers,
        caller: &caller,
        secret,
        takes_anonymous,
    };
    let proof = prove(&state, &asked, app).await.inspect_err(|error| {
        if matches!(error, ApiError::SignedInOnly) {
            state.refusals.note(Refused::Bot, Some(id), client.ip);
        }
    })?;
    let identity = proof.identity();
    let counted = counted_as(id, &identity.subject);
    state.rtm.rates.sign_identity(&counted).map_err(|wait| {
        state.refusals.note(Refused::Limit, Some(id), client.ip);
        ApiError::TooMany(wait)
    })?;

    let audience = state
        .policy
        .audience_for(request.aud.as_deref())
        .ok_or_else(|| ApiError::Invalid("`aud` is not an audience of this server".to_owned()))?;
    let key = keys.signer().ok_or_else(|| {
        anyhow::anyhow!("app `{id}` has no key that signs: add a secret or a private key")
    })?;
    let what = Signed {
        app: id,
        identity: &identity,
        audience,
        jti: state.ids.uuid(),
        now,
    };
    let jwt = sign(key, &state.policy, what)?;
    tracing::debug!(
        app = id,
        kid = key.kid,
        proof = proof.name(),
        "signed an assertion"
    );

    let mut reply = SignReply { jwt, visitor: None };
    let mut cookie = None;
    if let Proof::Visitor { visitor, remember } = &proof {
        let keep = request.keep_visitor.unwrap_or(false);
        if *remember || keep {
            let token = state.visitors.token(visitor, now)?;
            cookie = state.visitors.cookie(&token).filter(|_| *remember);
            reply.visitor = keep.then_some(token);
        }
    }
    let cookie = AppendHeaders(cookie.map(|value| (header::SET_COOKIE, value)));
    Ok(([(header::CACHE_CONTROL, "no-store")], cookie, Json(reply)).into_response())
}

/// Signs the visitor of this browser out. The cookie is removed, copies of their tokens prove nothing any more, and
/// everything that they were granted ends, in every app. What was said stays with the identity, which nobody can prove
/// again. A frame whose cookies are refused sends the token that it keeps, as `visitor`.
///
/// # Errors
/// 403 from every page but our own. The cookie is removed even if the store fails (503).
pub async fn forget(
    State(state): State<AppState>,
    Extension(client): Extension<Client>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, ApiError> {
    let config = state.config();
    let public_url = config.server.public_url.as_ref();
    if !matches!(
        caller_of(public_url, &headers, &uri, client),
        PageOrigin::Own
    ) {
        return Err(ApiError::Forbidden("only our own pages forget a visitor"));
    }
    let now = state.clock.now();
    let kept = serde_json::from_slice::<SignRequest>(&body)
        .ok()
        .and_then(|request| state.visitors.read(&request.visitor?, now));
    let known = state.visitors.of_cookies(&headers, now);
    let known = known.take(VISITOR_COOKIES).chain(kept);
    let going = known.map(|visitor| visitor.identity().subject);
    // This counts by identity, so that no other visitor at the address can prevent a sign-out. After too many calls the
    // answer is the same, because the visitor is signed out already.
    let often = |identity: &String| state.rtm.rates.sign_identity(&counted_as("", identity));
    let going: Vec<_> = going.filter(|identity| often(identity).is_ok()).collect();
    let rtm = Arc::clone(&state.rtm);
    // This runs on if the browser goes away, as it does after a logout.
    let signing_out = state.shutdown.finish("logout", async move {
        for identity in going {
            rtm.sign_out(&identity).await?;
        }
        Ok::<_, ApiError>(())
    });
    let signed_out = signing_out.await.map_err(anyhow::Error::from)?;
    let mut response = match signed_out {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(error) => error.into_response(),
    };
    if let Some(cookie) = state.visitors.forget() {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

/// Counts the caller: by app if it proves the app's secret, by address otherwise. The result says which. After too many
/// wrong secrets a caller waits, even with the right one. Pages of an app that trusts claims send made-up secrets;
/// those are not counted as wrong.
fn count(
    state: &AppState,
    request: &SignRequest,
    app: Option<(&str, &App)>,
    client: Client,
) -> Result<bool, ApiError> {
    let Some(((id, app), secret)) = app.zip(named(request.client_secret.as_ref())) else {
        return count_address(state, app.map(|(id, _)| id), client).map(|()| false);
    };
    let limited = |wait| {
        state.refusals.note(Refused::Limit, Some(id), client.ip);
        ApiError::TooMany(wait)
    };
    let (rates, address) = (&state.rtm.rates, AddressKey::from(client.ip));
    match rates.may_try_secret(id, address) {
        Ok(()) => {
            let table = state.keys.table();
            if table.app(id).is_some_and(|keys| keys.knows_secret(secret)) {
                rates.sign_app(id).map_err(limited)?;
                return Ok(true);
            }
            rates.wrong_secret(id, address);
            if !app.trust_claimed_identity {
                state.refusals.note(Refused::Secret, Some(id), client.ip);
            }
        }
        Err(_) if app.trust_claimed_identity => {}
        Err(wait) => return Err(limited(wait)),
    }
    count_address(state, Some(id), client).map(|()| false)
}

/// Counts a caller who has proven nothing.
///
/// # Errors
/// 429 if it was too often.
pub(super) fn count_address(
    state: &AppState,
    app: Option<&str>,
    client: Client,
) -> Result<(), ApiError> {
    let key = AddressKey::from(client.ip);
    state.rtm.rates.sign_address(key).map_err(|wait| {
        state.refusals.note(Refused::Limit, app, client.ip);
        ApiError::TooMany(wait)
    })
}

/// The field, unless it is empty.
fn named(field: Option<&String>) -> Option<&str> {
    field.map(String::as_str).filter(|text| !text.is_empty())
}

/// The app by its client id, or the one that signs for our own pages of the bot.
fn find_app<'a>(config: &'a Config, request: &SignRequest) -> Result<(&'a str, &'a App), ApiError> {
    let bot = named(request.bot.as_ref());
    let app = if let Some(id) = named(request.client_id.as_ref()) {
        let found = config.apps.get_key_value(id);
        found.map(|(id, app)| (id.as_str(), app))
    } else {
        let bot = bot.ok_or_else(|| {
            ApiError::Invalid("name the app as `clientId` or the bot as `bot`".to_owned())
        })?;
        if !config.bots.contains_key(bot) {
            return Err(ApiError::NotFound("there is no such bot"));
        }
        config.app_of_bot(bot)
    };
    let (id, app) = app.ok_or(ApiError::Credentials)?;
    match bot {
        Some(bot) if !app.opens(bot) => Err(ApiError::Forbidden("this app may not open that bot")),
        _ => Ok((id, app)),
    }
}

/// The key of an identity's counter: the same name in two apps is two.
pub(super) fn counted_as(app: &str, subject: &str) -> String {
    format!("{app}\0{subject}")
}

/// Why an identity may be signed.
enum Proof {
    /// The caller knows the app's secret and vouches for the identity.
    Backend(Identity),
    /// The app trusts its pages.
    Claimed(Identity),
    /// We issued it to this visitor.
    Visitor {
        visitor: AnonymousVisitor,
        /// The browser has no cookie with it yet, or an old one.
        remember: bool,
    },
}

impl Proof {
    fn identity(&self) -> Identity {
        match self {
            Self::Backend(identity) | Self::Claimed(identity) => identity.clone(),
            Self::Visitor { visitor, .. } => visitor.identity(),
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Backend(_) => "secret",
            Self::Claimed(_) => "claimed",
            Self::Visitor { .. } => "visitor",
        }
    }
}

/// Everything in which a proof may be.
struct Asked<'a> {
    request: &'a SignRequest,
    headers: &'a HeaderMap,
    caller: &'a PageOrigin,
    /// The app's secret was proven.
    secret: bool,
    /// Whether anonymous visitors may come.
    takes_anonymous: bool,
}

async fn prove(state: &AppState, asked: &Asked<'_>, app: &App) -> Result<Proof, ApiError> {
    let (request, caller) = (asked.request, asked.caller);
    let claimed = named(request.identity.as_ref());
    if claimed.is_some_and(|identity| !identity_fits(identity)) {
        return Err(ApiError::Invalid(
            "`identity` has at most 256 characters and no control characters".to_owned(),
        ));
    }
    let claim = || {
        let subject =
            claimed.ok_or_else(|| ApiError::Invalid("`identity` is missing".to_owned()))?;
        let anonymous = request.is_anonymous.unwrap_or(false);
        if anonymous && !asked.takes_anonymous {
            return Err(ApiError::SignedInOnly);
        }
        Ok(Identity {
            subject: subject.to_owned(),
            anonymous,
        })
    };
    if asked.secret {
        return claim().map(Proof::Backend);
    }
    // A page always names its origin on a POST. The app's list was checked above.
    let page = *caller != PageOrigin::Nobody;
    if page && app.trust_claimed_identity && claimed.is_some() {
        return claim().map(Proof::Claimed);
    }
    // A wrong secret is a mistake, and not the wish to be anonymous.
    if *caller != PageOrigin::Own || named(request.client_secret.as_ref()).is_some() {
        return Err(ApiError::Credentials);
    }
    if !asked.takes_anonymous {
        return Err(ApiError::SignedInOnly);
    }
    let now = state.clock.now();
    // The cookie comes first, because the page's first HTML was rendered for its visitor.
    let (visitor, remember) =
        if let Some(visitor) = visitor::of_cookie(state, asked.headers).await? {
            let old = visitor.wants_renewal(now);
            (visitor, old)
        } else {
            let kept = match &request.visitor {
                Some(token) => visitor::of_token(state, token).await?,
                None => None,
            };
            (
                kept.unwrap_or_else(|| state.visitors.create(&*state.ids, now)),
                true,
            )
        };
    if claimed.is_some_and(|identity| identity != visitor.identity().subject) {
        return Err(ApiError::Credentials);
    }
    Ok(Proof::Visitor { visitor, remember })
}

#[cfg(test)]
#[path = "sign_tests.rs"]
mod tests;
