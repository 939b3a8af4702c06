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
    /// Where events go.
    pub url: Endpoint,
    /// Headers of each request. Their values may be secrets.
    #[serde(default)]
    pub headers: BTreeMap<String, SecretString>,
    /// Messages before this one that go along.
    #[serde(default)]
    pub history: u32,
    /// Hears of the beginning and the end of sessions too, not of messages only.
    #[serde(default = "yes")]
    pub sessions: bool,
    /// People answer behind it: it gets the visitor's messages also while one of them has the conversation.
    #[serde(default)]
    pub people: bool,
    /// Where it reaches this server; none: at the public address, else on this machine.
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

/// Messages that go along at most: a bot that wants more keeps them itself.
const MOST_HISTORY: u32 = 100;

impl Webhook {
    /// How long it is waited for.
    pub(crate) fn waiting(&self) -> Waiting {
        Waiting {
            first_byte: self.first_byte,
            idle: self.idle,
            total: self.total,
        }
    }

    /// What serde could not see: the key below the table, and what is wrong with it.
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
