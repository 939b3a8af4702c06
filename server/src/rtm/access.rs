//! Whether a grant is still valid, and how it ends.
//!
//! In the path: every call with an access token and every new socket asks [`Rtm::access`]. A revocation, a logout, and
//! the removal of a key or an app reach the sockets through this file.
//!
//! Invariants: what ended is deleted in the store before anybody is notified. The registry ends the sockets of this
//! process. Sockets of other processes are woken over the bus and ask the store. If the wake is lost, `ended` finds the
//! user in the store's list.

use super::Rtm;
use super::limits::SIGNED_OUT_KEPT;
use crate::bus::Event;
use crate::config::{Bot, Config};
use crate::error::ApiError;
use crate::store::{SecretHash, StoreError, TokenRecord};

impl Rtm {
    /// The access token with this hash, if it is valid and the key that vouched for it still exists.
    ///
    /// # Errors
    /// When the store cannot be asked.
    pub async fn access(&self, hash: SecretHash) -> Result<Option<TokenRecord>, StoreError> {
        let found = self.store.token(hash, self.clock.now()).await?;
        Ok(found.filter(|token| self.keys.table().knows(&token.app, &token.key)))
    }

    /// Ends a token and its sockets.
    ///
    /// # Errors
    /// When the store did not take it.
    pub async fn end_token(&self, token: &TokenRecord) -> Result<(), StoreError> {
        self.store
            .revoke_token(token.hash, self.clock.now())
            .await?;
        self.registry.revoke(token.hash);
        self.notify_sockets_of(&token.user).await
    }

    /// Ends everything that a user has been granted: tokens, tickets, sockets.
    ///
    /// # Errors
    /// When the store did not take it.
    pub async fn end_user(&self, user: &str) -> Result<(), StoreError> {
        self.store.revoke_user(user, self.clock.now()).await?;
        self.registry.revoke_user(user);
        self.notify_sockets_of(user).await
    }

    /// Ends everything that an identity has been granted in any app, and everything that could prove the identity until
    /// now.
    ///
    /// # Errors
    /// When the store did not take it.
    pub async fn sign_out(&self, identity: &str) -> Result<(), StoreError> {
        let now = self.clock.now();
        let kept = now.plus(SIGNED_OUT_KEPT);
        for user in self.store.sign_out(identity, now, kept).await? {
            self.registry.revoke_user(&user);
            self.notify_sockets_of(&user).await?;
        }
        Ok(())
    }

    /// Ends the sockets whose key or app is no longer in the key table. It is called after a table was replaced.
    pub fn end_removed(&self) {
        let table = self.keys.table();
        let ended = self
            .registry
            .revoke_where(|app, key| !table.knows(app, key));
        if ended > 0 {
            tracing::info!(
                tokens = ended,
                "sockets were ended: their key or app was removed"
            );
        }
    }

    async fn notify_sockets_of(&self, user: &str) -> Result<(), StoreError> {
        for conversation in self.store.conversations_of(user).await? {
            self.publish_event(conversation, Event::Access).await;
        }
        Ok(())
    }
}

/// The bot, if the app may open it. `anonymous`: the caller has no name, and the bot must allow that.
///
/// # Errors
/// 404 if there is no such bot, 403 if it belongs to other apps or is for signed-in people.
pub fn bot_of_app<'a>(
    config: &'a Config,
    app: &str,
    anonymous: bool,
    bot: &str,
) -> Result<&'a Bot, ApiError> {
    let found = config
        .bots
        .get(bot)
        .ok_or(ApiError::NotFound("there is no such bot"))?;
    let opens = config.apps.get(app).is_some_and(|app| app.opens(bot));
    if !opens {
        return Err(ApiError::Forbidden("the app may not open this bot"));
    }
    if anonymous && !config.takes_anonymous(app, Some(bot)) {
        return Err(ApiError::SignedInOnly);
    }
    Ok(found)
}
