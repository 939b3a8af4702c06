//! `POST oAuth/token/jwtgrant`: an assertion becomes an access token. `POST oAuth/token/revoke`: the
//! token becomes worthless.
//!
//! In the path: after signing, before `rtm/start`.
//!
//! Invariants: success is 200 (clients take 201 for a failure). A `jti` is spent in the same step that
//! keeps the token. The token is 256 random bits; the store sees its hash only.

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
use crate::clock::Millis;
use crate::error::{ApiError, KoreJson};
use crate::security::client_ip::Client;
use crate::signing::{self, AssertionError, Verified};
use crate::store::{NewGrant, SecretHash, User};

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
    let token = rtm.secret();
    let expires = now.plus(rtm.config().tokens.access_life.0);
    let user = rtm
        .store
        .grant(NewGrant {
            once: once(&verified),
            app: verified.app,
            identity: verified.identity.subject,
            new_user_id: rtm.ids.user(),
            token: SecretHash::of(&token),
            expires,
            now,
        })
        .await?
        .ok_or(AssertionError::Replay)?;
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
    let revoking = Arc::clone(&rtm);
    // Also when the caller hangs up: a second call would not be let in to end the sockets.
    let revoked = rtm.shutdown.finish("revocation", async move {
        revoking.store.revoke_token(token.hash).await?;
        revoking.registry.revoke(token.hash);
        Ok::<_, ApiError>(())
    });
    revoked.await.map_err(anyhow::Error::from)??;
    Ok(private(Json(serde_json::json!({ "revoked": true }))))
}

/// A `jti` works once. Two apps may use the same.
fn once(verified: &Verified) -> Option<(SecretHash, Millis)> {
    let jti = verified.jti.as_ref()?;
    let hash = SecretHash::of(format!("{}\n{jti}", verified.app));
    Some((hash, verified.forget))
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
