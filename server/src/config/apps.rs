//! `[apps.…]`: who may ask for assertions, and with which keys.

use serde::Deserialize;

use super::keys::KeyEntry;
use super::values::OriginPattern;
use super::webhook_channel::WebhookChannel;

/// `[apps.<client id>]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct App {
    /// Name for people. Empty: the id.
    #[serde(default)]
    pub name: String,
    /// Bots that it may open, by id.
    pub bots: Vec<String>,
    /// Pages that may embed its bots and call the API.
    #[serde(default)]
    pub origins: Vec<OriginPattern>,
    /// Whether to sign what a page claims. This is only for a migration.
    #[serde(default)]
    pub trust_claimed_identity: bool,
    /// Whether visitors may be anonymous.
    #[serde(default = "yes")]
    pub anonymous: bool,
    /// Kore's webhook channel, for clients without a socket.
    #[serde(default)]
    pub webhook: Option<WebhookChannel>,
    /// The keys, newest first.
    #[serde(default)]
    pub keys: Vec<KeyEntry>,
}

impl App {
    /// Whether a page of this origin may embed the app's bots and call the API for it.
    pub fn allows(&self, origin: &str) -> bool {
        self.origins.iter().any(|pattern| pattern.matches(origin))
    }

    /// Whether the app may open this bot.
    pub fn opens(&self, bot: &str) -> bool {
        self.bots.iter().any(|id| id == bot)
    }
}

/// By default visitors may be anonymous.
pub(super) fn yes() -> bool {
    true
}
