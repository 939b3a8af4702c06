//! The caller of the webhook channel: an app that has one, for one of its users.

use http::{HeaderMap, Uri, header};

use crate::config::{Config, WebhookChannel};
use crate::error::ApiError;
use crate::limits::ASSERTION_BYTES;
use crate::rtm::access::bot_of_app;
use crate::rtm::bearer::{check_page, paced};
use crate::security::client_ip::Client;
use crate::security::refusals::Refused;
use crate::signing::{AssertionError, BearerCaller, claimed_app, verify_bearer};
use crate::state::AppState;

/// The caller and its app's channel, if the token is valid and the app may open the bot.
///
/// # Errors
/// 401 for a token that is not valid, 403 or 404 for the bot, for an app without a channel, and for a page that the app
/// does not list, 503 for too many requests.
pub(super) async fn caller<'a>(
    state: &AppState,
    config: &'a Config,
    client: Client,
    headers: &HeaderMap,
    uri: &Uri,
    bot: &str,
) -> Result<(BearerCaller, &'a WebhookChannel), ApiError> {
    paced(&state.rtm, client)?;
    let token = token(headers).ok_or(ApiError::Unauthorized(
        "send the app's token as Authorization: bearer …",
    ))?;
    let table = state.keys.table();
    let now = state.clock.now();
    let caller = verify_bearer(&table, &state.policy, token, now).inspect_err(|error| {
        let what = match error {
            AssertionError::Credentials => Refused::Signature,
            AssertionError::UnknownKey => Refused::UnknownKey,
            _ => Refused::Assertion,
        };
        let app = claimed_app(token).filter(|app| table.app(app).is_some());
        state.refusals.note(what, app.as_deref(), client.ip);
    })?;
    // A token that was issued before a sign-out opens nothing, as at the grant.
    let out = state.store.signed_out(&caller.identity.subject).await?;
    if out.is_some_and(|out| caller.issued <= out) {
        return Err(AssertionError::Expired.into());
    }
    check_page(&state.rtm, &caller.app, client, headers, uri)?;
    bot_of_app(config, &caller.app, caller.identity.anonymous, bot)?;
    let app = config.apps.get(&caller.app);
    let channel = app.and_then(|app| app.webhook.as_ref());
    let channel = channel.ok_or(ApiError::NotFound("the app has no webhook channel"))?;
    Ok((caller, channel))
}

fn token(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    let token = token.trim();
    let fits =
        scheme.eq_ignore_ascii_case("bearer") && (1..=ASSERTION_BYTES).contains(&token.len());
    fits.then_some(token)
}
