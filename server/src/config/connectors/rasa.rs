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
    /// Sent as `?token=…`, as Rasa wants it; none for servers that want none.
    #[serde(default)]
    pub token: Option<SecretString>,
    /// File with it.
    #[serde(default)]
    pub token_file: Option<RelativePathBuf>,
    /// Headers of each request. Their values may be secrets.
    #[serde(default)]
    pub headers: BTreeMap<String, SecretString>,
    /// What the assistant is told when a session begins, such as `/greet`. Empty: nothing.
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
        self.waiting().check()
    }
}
