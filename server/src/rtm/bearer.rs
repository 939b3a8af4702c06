//! Who calls: the access token of a request, and the page that it comes from.
//!
//! In the path: an extractor of every handler behind the grant; grant and socket, which know the
//! app by other means, call [`check_page`] themselves. (A preflight names no app, so the router
//! says yes to a page that any app allows; the call itself is held to its app here.)
//!
//! Invariants: only the token's hash is looked up. What is unknown, revoked or too old is answered
//! `token expired`, which makes every official client ask for a new grant (`docs/kore-protocol.md` 3.5).

use std::sync::Arc;

use axum::extract::{FromRef, FromRequestParts};
use axum::http::request::Parts;
use http::{HeaderMap, Uri, header};

use super::Rtm;
use crate::error::ApiError;
use crate::security::client_ip::{AddressKey, Client};
use crate::security::origin::{PageOrigin, caller_of};
use crate::security::rate::RetryAfter;
use crate::security::refusals::Refused;
use crate::store::{SecretHash, TokenRecord};

/// The longest token that is looked at. Our tokens have 43 characters.
const MAX_TOKEN: usize = 128;

/// A caller with a valid access token, from a page that its app allows.
#[derive(Clone, Debug)]
pub struct Bearer(pub TokenRecord);

impl<S> FromRequestParts<S> for Bearer
where
    S: Send + Sync,
    Arc<Rtm>: FromRef<S>,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let rtm = Arc::<Rtm>::from_ref(state);
        let client = parts.extensions.get::<Client>().copied();
        if let Some(client) = client {
            paced(&rtm, client)?;
        }
        let token = token(&parts.headers).ok_or(ApiError::Unauthorized(
            "send the access token as Authorization: bearer …",
        ))?;
        let record = rtm
            .access(SecretHash::of(token))
            .await?
            .ok_or(ApiError::TokenExpired)?;
        if let Some(client) = client {
            let allowed = rtm.rates.token(record.hash.0);
            allowed.map_err(|wait| too_many(&rtm, Some(&record.app), client, wait))?;
            check_page(&rtm, &record.app, client, &parts.headers, &parts.uri)?;
        }
        Ok(Self(record))
    }
}

/// Counts a request to the platform's routes by the caller's address. The grant and the socket, which bring no access
/// token, call this themselves.
///
/// # Errors
/// 503 with `Retry-After` when there were too many.
pub fn paced(rtm: &Rtm, client: Client) -> Result<(), ApiError> {
    let address = AddressKey::from(client.ip);
    let allowed = rtm.rates.platform(address);
    allowed.map_err(|wait| too_many(rtm, None, client, wait))
}

/// The answer to a caller who asks too often. It is counted in the log.
pub(super) fn too_many(rtm: &Rtm, app: Option<&str>, client: Client, wait: RetryAfter) -> ApiError {
    rtm.refusals.note(Refused::Limit, app, client.ip);
    ApiError::Paced(wait)
}

/// Refuses a page that this app does not list. A caller without an origin is not a page.
///
/// # Errors
/// 403 for such a page.
pub fn check_page(
    rtm: &Rtm,
    app: &str,
    client: Client,
    headers: &HeaderMap,
    uri: &Uri,
) -> Result<(), ApiError> {
    let config = rtm.config();
    match caller_of(config.server.public_url.as_ref(), headers, uri, client) {
        PageOrigin::Own | PageOrigin::Nobody => Ok(()),
        PageOrigin::Foreign(origin) => {
            let app = config.apps.get(app);
            if app.is_some_and(|app| app.allows(&origin)) {
                Ok(())
            } else {
                Err(ApiError::Forbidden(
                    "this page may not use the app; add its origin to the app's `origins`",
                ))
            }
        }
    }
}

/// The token of `Authorization: bearer …`, with the scheme in any case.
fn token(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    let token = token.trim();
    let fits = scheme.eq_ignore_ascii_case("bearer") && (1..=MAX_TOKEN).contains(&token.len());
    fits.then_some(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &str) -> Option<String> {
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, value.parse().unwrap());
        token(&headers).map(str::to_owned)
    }

    #[test]
    fn reads_the_scheme_in_any_case_and_nothing_else() {
        for scheme in ["bearer", "Bearer", "BEARER"] {
            assert_eq!(read(&format!("{scheme} abc")).as_deref(), Some("abc"));
        }
        for wrong in ["abc", "basic abc", "bearer", "bearer ", "bearerabc"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
        assert_eq!(read(&format!("bearer {}", "x".repeat(129))), None);
        assert_eq!(token(&HeaderMap::new()), None);
    }
}
