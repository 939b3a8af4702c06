//! `[bots.….bot_framework]`: a bot made with the Bot Framework or the Microsoft 365 Agents SDK.

use std::time::Duration;

use figment::value::magic::RelativePathBuf;
use secrecy::SecretString;
use serde::Deserialize;

use super::Endpoint;
use crate::config::values::empty_is_none;
use crate::config::{BaseUrl, Period};

/// `[bots.<id>.bot_framework]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BotFramework {
    /// The bot's `/api/messages`.
    pub url: Endpoint,
    /// The way in which answers come.
    #[serde(default)]
    pub delivery: Delivery,
    /// The address at which the bot reaches this server. Without one it is `server.public_url`.
    #[serde(default, deserialize_with = "empty_is_none")]
    pub callback_url: Option<BaseUrl>,
    /// The channel that the bot sees.
    #[serde(default = "webchat")]
    pub channel: String,
    /// The name of an event that is sent when a session begins. Empty: none.
    #[serde(default)]
    pub start_event: String,
    /// The bot's app id. Empty: requests have no token, which suits bots on the same machine.
    #[serde(default)]
    pub app_id: String,
    /// The secret of the app.
    #[serde(default)]
    pub app_password: Option<SecretString>,
    /// The file with it.
    #[serde(default)]
    pub app_password_file: Option<RelativePathBuf>,
    /// The address that issues tokens.
    #[serde(default = "token_url")]
    pub token_url: Option<Endpoint>,
    /// The scope of the tokens. Empty: `<app_id>/.default`.
    #[serde(default)]
    pub scope: String,
    /// How long a turn may take.
    #[serde(default = "wait")]
    pub wait: Period,
}

/// The way in which answers come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Delivery {
    /// In the response to the request (`expectReplies`).
    #[default]
    Replies,
    /// As requests of the bot while ours is open. Only this can stream.
    Callbacks,
}

fn webchat() -> String {
    "webchat".to_owned()
}

fn token_url() -> Option<Endpoint> {
    let microsoft = "https://login.microsoftonline.com/botframework.com/oauth2/v2.0/token";
    Endpoint::try_from(microsoft.to_owned()).ok()
}

fn wait() -> Period {
    Period(Duration::from_mins(1))
}

impl BotFramework {
    /// Checks what serde could not. The error is the key, and what is wrong with it.
    pub(in crate::config) fn check(&self) -> Result<(), (String, String)> {
        let wrong = |key: &str, what: &str| Err((key.to_owned(), what.to_owned()));
        if self.channel.is_empty() || self.channel.len() > 64 {
            return wrong("channel", "has 1 to 64 letters, for example `webchat`");
        }
        let (key, file) = (&self.app_password, &self.app_password_file);
        let password = super::is_set(key.as_ref(), file.as_ref());
        match (self.app_id.is_empty(), password) {
            (true, true) => wrong("app_id", "is missing: a password belongs to an app id"),
            (false, false) => wrong(
                "app_password_file",
                "is missing: an app id proves nothing without its secret; take both out for a bot that asks no token",
            ),
            _ => Ok(()),
        }
    }
}
