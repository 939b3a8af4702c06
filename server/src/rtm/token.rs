//! `POST oAuth/token/jwtgrant`: an assertion becomes an access token. `POST oAuth/token/revoke`: the
//! token becomes worthless.
//!
//! In the path: after signing, before `rtm/start`.
//!
//! Invariants: success is 200, because clients take 201 for a failure. A `jti` is spent in the same step that stores
//! the token. The token has 256 random bits, and the store sees only its hash.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Extension, Query, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, Uri, header};
use protocol::Extra;
use protocol::auth::{Authorization, GrantReply, GrantRequest, UserInfo};
use protocol::message::BotInfo;
use protocol::timestamp;
use serde::Deserialize;

use super::Rtm;
use super::access::bot_of_app;
use super::bearer::{Bearer, check_page, paced, too_many};
use super::profile::profile_of;
use crate::clock::Millis;
use crate::error::{ApiError, KoreJson};
use crate::security::client_ip::Client;
use crate::security::refusals::Refused;
use crate::signing::{self, AssertionError, VerifiedAssertion};
use crate::store::{NewGrant, SecretHash, User};

/// Exchanges an assertion for a token. The anonymous route does the same, because the assertion says who is anonymous.
///
/// # Errors
/// 401 with Kore's text and code for an assertion that is not valid, 403 or 404 for the bot that it is meant for, 503
/// when there were too many requests.
pub async fn grant(
    State(rtm): State<Arc<Rtm>>,
    Extension(client): Extension<Client>,
    uri: Uri,
    headers: HeaderMap,
    KoreJson(request): KoreJson<GrantRequest>,
) -> Result<Response, ApiError> {
    paced(&rtm, client)?;
    let now = rtm.clock.now();
    let verified = verify(&rtm, &request.assertion, client)?;
    check_page(&rtm, &verified.app, client, &headers, &uri)?;
    check_bot(&rtm, &verified, request.bot_info.as_ref(), client)?;
    let app = verified.app.clone();
    let identity = &verified.identity.subject;
    let granted = rtm.rates.grant(&app, identity);
    granted.map_err(|wait| too_many(&rtm, Some(&app), client, wait))?;
    let token = rtm.secret();
    let expires = now.plus(rtm.config().tokens.access_life.0);
    let user = rtm
        .store
        .grant(NewGrant {
            once: once(&verified),
            app: verified.app,
            key: verified.key,
            profile: profile_of(&app, &verified.claims),
            identity: verified.identity.subject,
            anonymous: verified.identity.anonymous,
            issued: verified.issued,
            new_user_id: rtm.ids.user(),
            token: SecretHash::of(&token),
            expires,
            now,
        })
        .await?
        .ok_or_else(|| {
            rtm.refusals.note(Refused::Replay, Some(&app), client.ip);
            AssertionError::Replay
        })?;
    let reply = GrantReply {
        authorization: Authorization {
            access_token: token,
            token_type: "bearer".to_owned(),
            expires_date: Some(timestamp::to_iso(expires.0)),
            issued_date: Some(timestamp::to_iso(now.0)),
        },
        user_info: Some(user_info(&user)),
        extra: Extra::new(),
    };
    Ok(private(Json(reply)))
}

/// The query of a revocation.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub struct Revoke {
    /// Revoke everything that the user of this token was granted: a logout.
    #[serde(default)]
    all: bool,
}

/// Revokes the caller's token, or with `?all=true` every token and ticket of its user. Their sockets end.
///
/// # Errors
/// 401 for a token that is not valid, 400 for another value of `all`.
pub async fn revoke(
    State(rtm): State<Arc<Rtm>>,
    Bearer(token): Bearer,
    revoke: Result<Query<Revoke>, QueryRejection>,
) -> Result<Response, ApiError> {
    let Query(Revoke { all }) =
        revoke.map_err(|_| ApiError::Invalid("`all` is true or false".to_owned()))?;
    let revoking = Arc::clone(&rtm);
    // This runs on if the caller hangs up, because a second call would not be let in to end the sockets.
    let revoked = rtm.shutdown.finish("revocation", async move {
        if all {
            revoking.end_user(&token.user).await
        } else {
            revoking.end_token(&token).await
        }
    });
    revoked.await.map_err(anyhow::Error::from)??;
    Ok(private(Json(serde_json::json!({ "revoked": true }))))
}

/// Checks the assertion. One that is not valid is counted in the log.
fn verify(rtm: &Rtm, assertion: &str, client: Client) -> Result<VerifiedAssertion, AssertionError> {
    let table = rtm.keys.table();
    signing::verify(&table, &rtm.policy, assertion, rtm.clock.now()).inspect_err(|error| {
        let what = match error {
            AssertionError::Credentials => Refused::Signature,
            AssertionError::UnknownKey => Refused::UnknownKey,
            AssertionError::Replay => Refused::Replay,
            _ => Refused::Assertion,
        };
        let app = signing::claimed_app(assertion).filter(|app| table.app(app).is_some());
        rtm.refusals.note(what, app.as_deref(), client.ip);
    })
}

/// Refuses a grant for a bot that the app may not open, or that is not for anonymous visitors. Clients name the bot as
/// `taskBotId`, or, like their configuration, as `_id`. If a client names none, `rtm/start` checks its bot.
fn check_bot(
    rtm: &Rtm,
    verified: &VerifiedAssertion,
    named: Option<&BotInfo>,
    client: Client,
) -> Result<(), ApiError> {
    let bot = named.and_then(|info| {
        let configured = || info.extra.get("_id")?.as_str();
        let named = Some(info.task_bot_id.as_str()).filter(|id| !id.is_empty());
        named.or_else(configured)
    });
    let Some(bot) = bot else {
        return Ok(());
    };
    let anonymous = verified.identity.anonymous;
    let opens = bot_of_app(&rtm.config(), &verified.app, anonymous, bot).map(drop);
    opens.inspect_err(|_| {
        let app = Some(verified.app.as_str());
        rtm.refusals.note(Refused::Bot, app, client.ip);
    })
}

/// A `jti` works once. Two apps may use the same one.
fn once(verified: &VerifiedAssertion) -> Option<(SecretHash, Millis)> {
    let jti = verified.jti.as_ref()?;
    let hash = SecretHash::of(format!("{}\n{jti}", verified.app));
    Some((hash, verified.forget))
}

fn user_info(user: &User) -> UserInfo {
    // There are no accounts and no organisations here. The app stands for both.
    let account = user.app.trim_start_matches("cs-");
    UserInfo {
        user_id: user.id.clone(),
        account_id: account.to_owned(),
        org_id: format!("o-{account}"),
        identity: format!("{}/{}", user.app, user.identity),
        enroll_type: "free".to_owned(),
        managed_by: account.to_owned(),
        f_name: String::new(),
        l_name: String::new(),
    }
}

/// An answer that no cache may store.
pub(super) fn private(answer: impl IntoResponse) -> Response {
    let no_store = [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    (no_store, answer).into_response()
}
