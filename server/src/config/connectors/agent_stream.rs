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
    /// The address to which the agent gets POSTs.
    pub url: Endpoint,
    /// Headers of each request. Their values may be secrets.
    #[serde(default)]
    pub headers: BTreeMap<String, SecretString>,
    /// The number of earlier messages that are sent along. 0: the agent keeps the conversation itself.
    #[serde(default = "history")]
    pub history: u32,
    /// The greeting. Empty: none.
    #[serde(default)]
    pub greeting: String,
    /// The names of tools for visitors, by tool.
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

/// The most messages that are sent along.
const MOST_HISTORY: u32 = 100;

fn history() -> u32 {
    30
}

impl AgentStream {
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
