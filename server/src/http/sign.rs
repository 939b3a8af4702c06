//! The signing service: `POST /api/users/sts`.
//!
//! In the path: the widget (or an official client, or a site's backend) asks here for an assertion and
//! exchanges it at the platform.
//!
//! Invariants: an identity is proven before it is signed (design decision 8): issued by us as an anonymous
//! visitor, or vouched for by somebody who knows the app's secret. What a page merely claims is signed only
//! for an app that is set to `trust_claimed_identity`. A page of a foreign origin that the app does not list
//! gets nothing. Secrets and assertions are never logged.

use axum::Extension;
use axum::Json;
use axum::extract::{Query, State};
use axum::response::{AppendHeaders, IntoResponse, Response};
use http::{HeaderMap, StatusCode, Uri, header};
use protocol::auth::{SignReply, SignRequest};
use serde::Deserialize;

use crate::config::{App, Config};
use crate::error::{ApiError, JsonOrForm};
use crate::security::client_ip::{AddressKey, Client};
use crate::security::origin::{Caller, caller_of};
use crate::signing::{AppKeys, Identity, Signed, Visitor, identity_fits, sign};
use crate::state::AppState;

/// In the address that our own page asks at.
#[derive(Debug, Default, Deserialize)]
pub struct Through {
    /// The app, where several may open the bot; a `clientId` in the body comes first.
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
    state
        .sign_by_address
        .check(&AddressKey::from(client.ip))
        .map_err(ApiError::TooMany)?;
    request.client_id = request.client_id.or(through.app);
    let config = state.config();
    let (id, app) = find_app(&config, &request)?;
    let table = state.keys.table();
    let keys = table.app(id).ok_or(ApiError::Credentials)?;
    let public_url = config.server.public_url.as_ref();
    let caller = caller_of(public_url, &headers, &uri, client);
    if let Caller::Foreign(origin) = &caller
        && !app.allows(origin)
    {
        // Escaped (`?`): a stranger wrote it.
        tracing::info!(
            app = id,
            ?origin,
            "a page was refused; if it should be embedded, add its origin to the app's `origins`; if it is our own, set server.public_url"
        );
        return Err(ApiError::Forbidden(
            "this page's origin is not one of the app's",
        ));
    }

    let proof = prove(&state, &request, &headers, &caller, app, keys)?;
    let identity = proof.identity();
    state
        .sign_by_identity
        .check(&counted_as(id, &identity.subject))
        .map_err(ApiError::TooMany)?;

    let audience = state
        .policy
        .audience_for(request.aud.as_deref())
        .ok_or_else(|| ApiError::Invalid("`aud` is not an audience of this server".to_owned()))?;
    let now = state.clock.now();
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

/// Forgets the visitor of this browser: the cookie goes. What was said stays with the identity, which
/// nobody can prove any more.
///
/// # Errors
/// 403 from any page but our own.
pub async fn forget(
    State(state): State<AppState>,
    Extension(client): Extension<Client>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let config = state.config();
    let public_url = config.server.public_url.as_ref();
    if !matches!(caller_of(public_url, &headers, &uri, client), Caller::Own) {
        return Err(ApiError::Forbidden("only our own pages forget a visitor"));
    }
    let cookie = AppendHeaders(
        state
            .visitors
            .forget()
            .map(|value| (header::SET_COOKIE, value)),
    );
    Ok((StatusCode::NO_CONTENT, cookie).into_response())
}

/// The app by its client id, or the one that signs for our own pages of the bot.
fn find_app<'a>(config: &'a Config, request: &SignRequest) -> Result<(&'a str, &'a App), ApiError> {
    let bot = request.bot.as_deref().filter(|bot| !bot.is_empty());
    let app = if let Some(id) = request.client_id.as_deref().filter(|id| !id.is_empty()) {
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

/// What an identity's requests are counted by: the same name in two apps is two.
pub(super) fn counted_as(app: &str, subject: &str) -> String {
    format!("{app}\0{subject}")
}

/// Why an identity may be signed.
enum Proof {
    /// The caller knows the app's secret and vouches.
    Backend(Identity),
    /// The app trusts its pages.
    Claimed(Identity),
    /// We issued it.
    Visitor {
        visitor: Visitor,
        /// The browser does not have it as a (fresh) cookie yet.
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

fn prove(
    state: &AppState,
    request: &SignRequest,
    headers: &HeaderMap,
    caller: &Caller,
    app: &App,
    keys: &AppKeys,
) -> Result<Proof, ApiError> {
    let claimed = request
        .identity
        .as_deref()
        .filter(|identity| !identity.is_empty());
    if claimed.is_some_and(|identity| !identity_fits(identity)) {
        return Err(ApiError::Invalid(
            "`identity` has at most 256 characters and no control characters".to_owned(),
        ));
    }
    let claim = || {
        let subject =
            claimed.ok_or_else(|| ApiError::Invalid("`identity` is missing".to_owned()))?;
        Ok::<_, ApiError>(Identity {
            subject: subject.to_owned(),
            anonymous: request.is_anonymous.unwrap_or(false),
        })
    };
    let secret = request
        .client_secret
        .as_deref()
        .filter(|secret| !secret.is_empty());
    if secret.is_some_and(|secret| keys.knows_secret(secret)) {
        return claim().map(Proof::Backend);
    }
    // A page always names its origin on a POST; it passed the app's list above.
    let page = *caller != Caller::Nobody;
    if page && app.trust_claimed_identity && claimed.is_some() {
        return claim().map(Proof::Claimed);
    }
    // A wrong secret is a mistake to tell, not a wish to be anonymous.
    if *caller != Caller::Own || secret.is_some() {
        return Err(ApiError::Credentials);
    }
    let now = state.clock.now();
    // The cookie first: it is what the page's first HTML was rendered for.
    let (visitor, remember) = if let Some(visitor) = state.visitors.of_cookie(headers, now) {
        let old = visitor.wants_renewal(now);
        (visitor, old)
    } else {
        let token = request.visitor.as_deref();
        let kept = token.and_then(|token| state.visitors.read(token, now));
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
