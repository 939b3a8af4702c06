//! Checks that need several values: references between sections, and limits that depend on each other.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::time::Duration;

use app::BasePath;

use super::{Config, ConfigError};
use crate::limits::SENT_AGAIN_WITHIN;

/// An assertion of ours is exchanged once, so it need not live longer.
const MAX_ASSERTION_LIFE: Duration = Duration::from_mins(5);
/// RFC 8725 gives no number. Well-kept clocks never differ by a minute.
const MAX_LEEWAY: Duration = Duration::from_mins(1);
/// The id is an exact lookup in a map, but it travels in every header.
const MAX_KID: usize = 64;
/// How long a shutdown may take: long enough for the close frames, but not endless.
const DRAIN: RangeInclusive<Duration> = Duration::from_secs(2)..=Duration::from_hours(1);
/// The messages that a window shows, and that a reconnect may replay in a busy conversation.
const MIN_MESSAGES: u32 = 100;
/// More first questions do not fit on a phone.
const MAX_STARTERS: usize = 6;

impl Config {
    /// Refuses what serde could not check. It stops at the first mistake.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        self.check_server()?;
        self.check_platform()?;
        self.check_policy()?;
        self.check_store()?;
        let bus = self.bus.check();
        bus.map_err(|(key, what)| self.at(&format!("bus.{key}"), what))?;
        for (id, app) in &self.apps {
            let key = |name: &str| format!("apps.{id}.{name}");
            if id.is_empty()
                || !id
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
            {
                return Err(self.at(
                    &format!("apps.{id}"),
                    "use letters, digits, `-`, `_` and `.` in an id",
                ));
            }
            if let Some(bot) = app.bots.iter().find(|bot| !self.bots.contains_key(*bot)) {
                return Err(self.at(
                    &key("bots"),
                    format!(
                        "there is no bot `{bot}`; add a section [bots.{bot}] or take it out of the list"
                    ),
                ));
            }
            if let Some(channel) = &app.webhook {
                let checked = channel.check();
                checked.map_err(|(name, what)| self.at(&key(&format!("webhook.{name}")), what))?;
            }
            let mut kids = BTreeSet::new();
            for entry in &app.keys {
                if entry.kid.is_empty() || entry.kid.len() > MAX_KID {
                    return Err(
                        self.at(&key("keys"), format!("a kid has 1 to {MAX_KID} characters"))
                    );
                }
                if !kids.insert(entry.kid.as_str()) {
                    return Err(self.at(
                        &key("keys"),
                        format!(
                            "the kid `{}` is there twice; give every key its own",
                            entry.kid
                        ),
                    ));
                }
            }
        }
        let mut pages = BTreeSet::new();
        for (id, bot) in &self.bots {
            if !pages.insert(bot.page.as_str()) {
                return Err(self.at(
                    &format!("bots.{id}.page"),
                    format!(
                        "another bot has the page `{}`; choose another name",
                        bot.page.as_str()
                    ),
                ));
            }
            if let [first, second, ..] = bot.connectors().as_slice() {
                return Err(self.at(
                    &format!("bots.{id}.{second}"),
                    format!("the bot has the table `{first}` as well; one of them answers, so take out the other"),
                ));
            }
            if let Err((key, what)) = bot.check_connector() {
                return Err(self.at(&format!("bots.{id}.{key}"), what));
            }
            if let Some(botkit) = &bot.botkit {
                let public_url = self.server.public_url.as_ref();
                let checked = botkit.check(id, public_url);
                checked.map_err(|(key, what)| self.at(&format!("bots.{id}.{key}"), what))?;
            }
            if bot.starters.len() > MAX_STARTERS {
                return Err(self.at(
                    &format!("bots.{id}.starters"),
                    format!("at most {MAX_STARTERS} first questions fit on a phone"),
                ));
            }
        }
        Ok(())
    }

    fn check_server(&self) -> Result<(), ConfigError> {
        if !DRAIN.contains(&self.server.drain_within.0) {
            return Err(self.at("server.drain_within", "must lie between 2s and 1h"));
        }
        let public_url = self.server.public_url.as_ref();
        if public_url.is_some_and(|url| BasePath::new(url.path()).is_none()) {
            return Err(self.at(
                "server.public_url",
                "its path may hold letters, digits, `-`, `_`, `.` and `~` between single slashes, for example https://example.com/help/chat/",
            ));
        }
        let https = self
            .server
            .public_url
            .as_ref()
            .is_some_and(super::BaseUrl::is_https);
        if self.server.require_https && !https {
            return Err(self.at(
                "server.public_url",
                "require_https needs the https address that pages are led to, for example https://chat.example.com/",
            ));
        }
        // TLS ends at the proxy, and only a trusted proxy may say that it was https.
        if self.server.require_https && self.server.trusted_proxies.is_empty() {
            return Err(self.at(
                "server.trusted_proxies",
                "require_https needs the address of the proxy in front, for example [\"127.0.0.1\"]; without it everything is refused",
            ));
        }
        Ok(())
    }

    fn check_platform(&self) -> Result<(), ConfigError> {
        let platform = &self.platform;
        if platform.is_external() && !self.apps.contains_key(&platform.app) {
            return Err(self.at(
                "platform.app",
                format!(
                    "with a base_url it must name the section [apps.…] whose key signs, but there is no app `{}`",
                    platform.app
                ),
            ));
        }
        Ok(())
    }

    fn check_policy(&self) -> Result<(), ConfigError> {
        let tokens = &self.tokens;
        let one_second = Duration::from_secs(1);
        if tokens.assertion_life.0 > MAX_ASSERTION_LIFE || tokens.assertion_life.0 < one_second {
            return Err(self.at("tokens.assertion_life", "must lie between 1s and 5m"));
        }
        if tokens.leeway.0 > MAX_LEEWAY {
            return Err(self.at("tokens.leeway", "must be at most 60s"));
        }
        if tokens.audience.is_empty() {
            return Err(self.at("tokens.audience", "must name at least one audience"));
        }
        self.visitor_secret()?;
        let retention = &self.retention;
        if retention.age.is_some_and(|age| age.0 < SENT_AGAIN_WITHIN) {
            return Err(self.at(
                "retention.age",
                "must be at least 8d, or empty: a browser may send a message again for a week",
            ));
        }
        if (1..MIN_MESSAGES).contains(&retention.messages) {
            return Err(self.at("retention.messages", "must be at least 100, or 0 for all"));
        }
        for (key, life) in [
            ("tokens.assertion_max_life", tokens.assertion_max_life),
            ("tokens.access_life", tokens.access_life),
            ("tokens.ticket_life", tokens.ticket_life),
            ("sessions.idle", self.sessions.idle),
        ] {
            if life.0 < one_second {
                return Err(self.at(key, "must be at least 1s"));
            }
        }
        if tokens.assertion_max_life.0 < tokens.assertion_life.0 {
            return Err(self.at(
                "tokens.assertion_max_life",
                "must be at least assertion_life, or our own assertions are refused; raise it or lower assertion_life",
            ));
        }
        Ok(())
    }
}
