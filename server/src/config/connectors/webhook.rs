//! `[bots.….webhook]`: a bot that gets each event as a signed POST.

use std::collections::BTreeMap;

use secrecy::SecretString;
use serde::Deserialize;

use super::{Endpoint, Waiting};
use crate::config::values::empty_is_none;
use crate::config::{BaseUrl, Period};

/// `[bots.<id>.webhook]`. Signed by the bot's own `key`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    /// The address that gets the events.
    pub url: Endpoint,
    /// Headers of each request. Their values may be secrets.
    #[serde(default)]
    pub headers: BTreeMap<String, SecretString>,
    /// The number of earlier messages that are sent along.
    #[serde(default)]
    pub history: u32,
    /// Whether it also gets the beginning and the end of sessions, and not only messages.
    #[serde(default = "yes")]
    pub sessions: bool,
    /// Whether people answer behind it. Then it also gets the visitor's messages while one of them has the
    /// conversation.
    #[serde(default)]
    pub people: bool,
    /// The address at which it reaches this server. Without one it is the public address, or else this machine.
    #[serde(default, deserialize_with = "empty_is_none")]
    pub own_url: Option<BaseUrl>,
    /// How long it may think.
    #[serde(default = "Waiting::first_byte")]
    pub first_byte: Period,
    /// How long it may pause.
    #[serde(default = "Waiting::idle")]
    pub idle: Period,
    /// How long a turn may take.
    #[serde(default = "Waiting::total")]
    pub total: Period,
}

/// The most messages that are sent along. A bot that wants more keeps them itself.
const MOST_HISTORY: u32 = 100;

impl Webhook {
    /// The waits of this table.
    pub(crate) fn waiting(&self) -> Waiting {
        Waiting {
            first_byte: self.first_byte,
            idle: self.idle,
            total: self.total,
        }
    }

    /// Checks what serde could not. The error is the key below the table, and what is wrong with it.
    pub(in crate::config) fn check(&self) -> Result<(), (String, String)> {
        if self.history > MOST_HISTORY {
            let what = format!("must be at most {MOST_HISTORY}");
            return Err(("history".to_owned(), what));
        }
        self.waiting().check()
    }
}

fn yes() -> bool {
    true
}
