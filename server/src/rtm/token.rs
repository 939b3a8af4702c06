//! `POST oAuth/token/jwtgrant`: an assertion becomes an access token. `POST oAuth/token/revoke`: the
//! token becomes worthless.
//!
//! In the path: after signing, before `rtm/start`.
//!
//! Invariants: success is 200 (clients take 201 for a failure). A `jti` is spent before anything
//! is given. The token is 256 random bits; the store sees its hash only.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Extension, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, Uri, header};
use protocol::Extra;
use protocol::auth::{Authorization, GrantReply, GrantRequest, UserInfo};
use protocol::timestamp;

use super::Rtm;
use super::bearer::{Bearer, check_page};
use crate::error::{ApiError, KoreJson};
use crate::security::client_ip::Client;
use crate::signing::{self, AssertionError, Verified};
use crate::store::{SecretHash, TokenRecord, User};

/// Exchanges an assertion. The anonymous variant is the same: the assertion says who is anonymous.
///
/// # Errors
/// 401 with Kore's text and code for an assertion that does not hold.
pub async fn grant(
    State(rtm): State<Arc<Rtm>>,
    Extension(client): Extension<Client>,
    uri: Uri,
    headers: HeaderMap,
    KoreJson(request): KoreJson<GrantRequest>,
) -> Result<Response, ApiError> {
    let now = rtm.clock.now();
    let verified = signing::verify(&rtm.keys.table(), &rtm.policy, &request.assertion, now)?;
    check_page(&rtm, &verified.app, client, &headers, &uri)?;
    spend(&rtm, &verified).await?;
    let new_id = rtm.ids.user();
    let user = rtm
        .store
        .user(&verified.app, &verified.identity.subject, &new_id, now)
        .await?;
    let token = rtm.secret();
    let expires = now.plus(rtm.config.tokens.access_life.0);
    rtm.store
        .put_token(TokenRecord {
            hash: SecretHash::of(&token),
            user: user.id.clone(),
            app: verified.app,
            expires,
        })
        .await?;
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

/// Makes the caller's token worthless. Its sockets here end; on other nodes they end with their connection.
///
/// # Errors
/// 401 for a token that already is.
pub async fn revoke(
    State(rtm): State<Arc<Rtm>>,
    Bearer(token): Bearer,
) -> Result<Response, ApiError> {
    rtm.store.revoke_token(token.hash).await?;
    rtm.registry.revoke(token.hash);
    Ok(private(Json(serde_json::json!({ "revoked": true }))))
}

/// A `jti` works once. Two apps may use the same.
async fn spend(rtm: &Rtm, verified: &Verified) -> Result<(), ApiError> {
    let Some(jti) = &verified.jti else {
        return Ok(());
    };
    let hash = SecretHash::of(format!("{}\n{jti}", verified.app));
    if rtm
        .store
        .use_jti(hash, verified.forget, rtm.clock.now())
        .await?
    {
        Ok(())
    } else {
        Err(AssertionError::Replay.into())
    }
}

fn user_info(user: &User) -> UserInfo {
    // There are neither accounts nor organisations here: the app stands for both.
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

/// An answer that no cache may keep.
pub(super) fn private(answer: impl IntoResponse) -> Response {
    let no_store = [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    (no_store, answer).into_response()
}
