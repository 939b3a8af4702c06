//! The anonymous visitor of a request, if they have not signed out.
//!
//! In the path: the signing service and the pages ask here. The token names the visitor and when it was issued; the
//! store knows whether they have signed out since.

use http::HeaderMap;

use crate::limits::VISITOR_COOKIES;
use crate::signing::AnonymousVisitor;
use crate::state::AppState;
use crate::store::{StoreError, StoredPage};

/// The visitor whose cookie came along. Of several, the first valid one.
///
/// # Errors
/// When the store cannot be asked.
pub(super) async fn of_cookie(
    state: &AppState,
    headers: &HeaderMap,
) -> Result<Option<AnonymousVisitor>, StoreError> {
    let now = state.clock.now();
    for visitor in state
        .visitors
        .of_cookies(headers, now)
        .take(VISITOR_COOKIES)
    {
        if stands(state, &visitor).await? {
            return Ok(Some(visitor));
        }
    }
    Ok(None)
}

/// The newest messages of that visitor with a bot, in one visit to the store. Empty without such a visitor.
///
/// # Errors
/// When the store cannot be asked.
pub(super) async fn newest_of_cookie(
    state: &AppState,
    headers: &HeaderMap,
    (app, bot): (&str, &str),
    limit: u32,
) -> Result<StoredPage, StoreError> {
    let visitors = state.visitors.of_cookies(headers, state.clock.now());
    for visitor in visitors.take(VISITOR_COOKIES) {
        let (identity, issued) = (visitor.identity().subject, visitor.issued());
        let newest = state.store.newest(app, &identity, issued, bot, limit);
        if let Some(page) = newest.await? {
            return Ok(page);
        }
    }
    Ok(StoredPage::default())
}

/// The visitor of a token that a frame keeps because cookies are refused.
///
/// # Errors
/// When the store cannot be asked.
pub(super) async fn of_token(
    state: &AppState,
    token: &str,
) -> Result<Option<AnonymousVisitor>, StoreError> {
    match state.visitors.read(token, state.clock.now()) {
        Some(visitor) if stands(state, &visitor).await? => Ok(Some(visitor)),
        _ => Ok(None),
    }
}

async fn stands(state: &AppState, visitor: &AnonymousVisitor) -> Result<bool, StoreError> {
    let identity = visitor.identity().subject;
    let signed_out = state.store.signed_out(&identity).await?;
    Ok(signed_out.is_none_or(|moment| visitor.issued() > moment))
}
