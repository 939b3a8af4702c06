//! `[bots.….rasa]`: a Rasa assistant behind its REST channel.

use std::collections::BTreeMap;

use figment::value::magic::RelativePathBuf;
use secrecy::SecretString;
use serde::Deserialize;

use super::{Endpoint, Waiting};
use crate::config::Period;

/// `[bots.<id>.rasa]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rasa {
    /// The channel's address, `http://…/webhooks/rest/webhook`.
    pub url: Endpoint,
    /// The token, sent as `?token=…`, as Rasa needs it. Some servers need none.
    #[serde(default)]
    pub token: Option<SecretString>,
    /// File with it.
    #[serde(default)]
    pub token_file: Option<RelativePathBuf>,
    /// Headers of each request. Their values may be secrets.
    #[serde(default)]
    pub headers: BTreeMap<String, SecretString>,
    /// The message to the assistant when a session begins, such as `/greet`. Empty: none.
    #[serde(default)]
    pub connect: String,
    /// How long the assistant may take.
    #[serde(default = "Waiting::first_byte")]
    pub first_byte: Period,
    /// How long it may pause.
    #[serde(default = "Waiting::idle")]
    pub idle: Period,
    /// How long a turn may take.
    #[serde(default = "Waiting::total")]
    pub total: Period,
}

impl Rasa {
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
        self.waiting().check()
    }
}
