//! `[bots.….ag_ui]` and `[bots.….ai_sdk]`: an agent that streams events of one of these protocols.

use std::collections::BTreeMap;

use secrecy::SecretString;
use serde::Deserialize;

use super::{Endpoint, Waiting};
use crate::config::Period;

/// `[bots.<id>.ag_ui]`, `[bots.<id>.ai_sdk]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgentStream {
    /// Where the agent takes a POST.
    pub url: Endpoint,
    /// Headers of each request. Their values may be secrets.
    #[serde(default)]
    pub headers: BTreeMap<String, SecretString>,
    /// Messages before this one that go along. 0: for agents that keep the conversation themselves.
    #[serde(default = "history")]
    pub history: u32,
    /// What the visitor is greeted with. Empty: with nothing.
    #[serde(default)]
    pub greeting: String,
    /// What visitors call a tool, by its name.
    #[serde(default)]
    pub titles: BTreeMap<String, String>,
    /// How long the agent may think.
    #[serde(default = "Waiting::first_byte")]
    pub first_byte: Period,
    /// How long it may pause.
    #[serde(default = "Waiting::idle")]
    pub idle: Period,
    /// How long a turn may take.
    #[serde(default = "Waiting::total")]
    pub total: Period,
}

/// Messages that go along at most.
const MOST_HISTORY: u32 = 100;

fn history() -> u32 {
    30
}

impl AgentStream {
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
