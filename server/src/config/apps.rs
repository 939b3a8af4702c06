//! `[apps.…]`: who may ask for assertions, and with which keys.

use serde::Deserialize;

use super::keys::KeyEntry;
use super::values::OriginPattern;
use super::webhook_channel::WebhookChannel;

/// `[apps.<client id>]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct App {
    /// Name for people; empty: the id.
    #[serde(default)]
    pub name: String,
    /// Bots that it may open, by id.
    pub bots: Vec<String>,
    /// Pages that may embed its bots and call the API.
    #[serde(default)]
    pub origins: Vec<OriginPattern>,
    /// Sign what a page claims. For moving over only.
    #[serde(default)]
    pub trust_claimed_identity: bool,
    /// May somebody come without a name?
    #[serde(default = "yes")]
    pub anonymous: bool,
    /// Kore's webhook channel, for clients without a socket.
    #[serde(default)]
    pub webhook: Option<WebhookChannel>,
    /// Newest first.
    #[serde(default)]
    pub keys: Vec<KeyEntry>,
}

impl App {
    /// May a page of this origin embed the app's bots and call the API for it?
    pub fn allows(&self, origin: &str) -> bool {
        self.origins.iter().any(|pattern| pattern.matches(origin))
    }

    /// May it open this bot?
    pub fn opens(&self, bot: &str) -> bool {
        self.bots.iter().any(|id| id == bot)
    }
}

/// Without a word against it, visitors need no name.
pub(super) fn yes() -> bool {
    true
}
