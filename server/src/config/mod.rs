//! The configuration, parsed into types that cannot be wrong. It is read at the start; SIGHUP takes over apps and bots.
//!
//! In the path: `cli` names the [`Sources`], and [`Config::load`] reads them. Everything else gets the finished
//! [`Config`] of the moment from the state. `config.default.toml` is compiled in, and is the manual.
//!
//! Invariants: an unknown key, a wrong type or a reference to something that does not exist stops the start with the
//! source, the key and what to do. Secrets are `SecretString`, without `Debug` and `Display`.

mod apology;
mod apps;
mod bots;
mod bus;
mod check;
pub(crate) mod connectors;
mod error;
mod keys;
mod load;
mod platform;
mod policy;
mod provenance;
mod providers;
mod reload;
mod secrets;
mod server;
mod show;
mod store;
mod values;
mod webhook_channel;

use std::collections::BTreeMap;

use app::BasePath;
use serde::Deserialize;

pub use apology::Apology;
pub use apps::App;
pub use bots::{Bot, BotKind, BotLimits, PageName, Spoken};
pub use bus::{BrokerUrl, Bus, BusKind};
pub use connectors::{
    AgentStream, BotFramework, BotKit, Delivery, DirectLine, EndOfTask, Endpoint, KoreWebhook,
    MaxTokensName, McpServer, N8n, OpenAi, Rasa, Webhook,
};
pub use error::ConfigError;
pub use keys::{KeyAlgorithm, KeyEntry};
pub use load::{Flags, Sources};
pub use platform::Platform;
pub use policy::{Rate, Retention, Sessions, Tokens, VisitorSecret};
pub(crate) use secrets::{read_secret, secret};
pub use server::{ForwardedBy, Log, LogFormat, Server};
pub use show::masked;
pub(crate) use store::Database;
pub use store::{Durability, Store, StoreKind};
pub use values::{BaseUrl, ConnectOrigin, ImageSource, OriginPattern, Period, Size};
pub use webhook_channel::WebhookChannel;

/// Everything that can be configured.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The process.
    pub server: Server,
    /// The platform that the widget talks to.
    pub platform: Platform,
    /// The apps by client id, `cs-…`.
    pub apps: BTreeMap<String, App>,
    /// The bots by id, `st-…`.
    pub bots: BTreeMap<String, Bot>,
    /// Conversations.
    pub sessions: Sessions,
    /// How long conversations are kept.
    pub retention: Retention,
    /// Assertions, access tokens, tickets.
    pub tokens: Tokens,
    /// How often somebody may ask, and the limits of a day.
    pub rate: Rate,
    /// Where conversations are kept.
    pub store: Store,
    /// How nodes tell each other what happens.
    pub bus: Bus,
    /// What is logged.
    pub log: Log,
    /// The source of each value.
    #[serde(skip)]
    provenance: provenance::Provenance,
    /// The hash of each section, to see what differs after a SIGHUP.
    #[serde(skip)]
    sections: reload::Sections,
}

impl Config {
    /// The base path of this server's own addresses.
    pub fn base_path(&self) -> BasePath {
        let public_url = self.server.public_url.as_ref();
        // `check` has refused every other path.
        let path = public_url.and_then(|url| BasePath::new(url.path()));
        path.unwrap_or_default()
    }

    /// The bot with this name in addresses.
    pub fn bot_of_page(&self, page: &str) -> Option<(&str, &Bot)> {
        self.bots
            .iter()
            .find(|(_, bot)| bot.page.as_str() == page)
            .map(|(id, bot)| (id.as_str(), bot))
    }

    /// The app that signs for our own pages of this bot: the external platform's app, or else the first one that may
    /// open the bot.
    pub fn app_of_bot(&self, bot: &str) -> Option<(&str, &App)> {
        if self.platform.is_external() {
            return self
                .apps
                .get_key_value(&self.platform.app)
                .filter(|(_, app)| app.opens(bot))
                .map(|(id, app)| (id.as_str(), app));
        }
        self.apps
            .iter()
            .find(|(_, app)| app.opens(bot))
            .map(|(id, app)| (id.as_str(), app))
    }

    /// Whether an anonymous visitor may use this bot through this app. `None` is any bot.
    pub fn takes_anonymous(&self, app: &str, bot: Option<&str>) -> bool {
        let app = self.apps.get(app).is_some_and(|app| app.anonymous);
        app && bot
            .and_then(|bot| self.bots.get(bot))
            .is_none_or(|bot| bot.anonymous)
    }

    /// Whether a page of this origin may call the API for any app. A preflight does not name the app.
    pub fn any_app_allows(&self, origin: &str) -> bool {
        self.apps.values().any(|app| app.allows(origin))
    }

    /// Origins whose pages may embed this bot.
    pub fn embedders(&self, bot: &str) -> Vec<&OriginPattern> {
        let mut patterns: Vec<&OriginPattern> = Vec::new();
        for pattern in self
            .apps
            .values()
            .filter(|app| app.opens(bot))
            .flat_map(|app| &app.origins)
        {
            if !patterns.contains(&pattern) {
                patterns.push(pattern);
            }
        }
        patterns
    }
}

/// The configuration of tests: the defaults and the given text, checked.
#[cfg(test)]
pub(crate) fn test_config(text: &str) -> Config {
    Config::from_text(text).unwrap_or_else(|error| panic!("{error}"))
}
