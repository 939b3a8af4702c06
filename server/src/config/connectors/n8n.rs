//! `[bots.….n8n]`: a flow of n8n that begins with its Chat Trigger.

use std::collections::BTreeMap;

use figment::value::magic::RelativePathBuf;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use super::{Endpoint, Waiting};
use crate::config::Period;

/// `[bots.<id>.n8n]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct N8n {
    /// The Chat Trigger's own address, `https://…/webhook/…/chat`.
    pub url: Endpoint,
    /// The trigger's response mode is "Streaming".
    #[serde(default)]
    pub streamed: bool,
    /// Basic auth: the user. Empty: none.
    #[serde(default)]
    pub user: String,
    /// Basic auth: the password.
    #[serde(default)]
    pub password: Option<SecretString>,
    /// File with it.
    #[serde(default)]
    pub password_file: Option<RelativePathBuf>,
    /// Headers of each request. Their values may be secrets.
    #[serde(default)]
    pub headers: BTreeMap<String, SecretString>,
    /// The greeting. Empty: none.
    #[serde(default)]
    pub greeting: String,
    /// How long the flow may take before it says something.
    #[serde(default = "Waiting::first_byte")]
    pub first_byte: Period,
    /// How long it may pause.
    #[serde(default = "Waiting::idle")]
    pub idle: Period,
    /// How long a turn may take.
    #[serde(default = "Waiting::total")]
    pub total: Period,
}

impl N8n {
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
        let written = |it: &SecretString| !it.expose_secret().is_empty();
        let named = |it: &RelativePathBuf| !it.original().as_os_str().is_empty();
        let has_password = self.password.as_ref().is_some_and(written)
            || self.password_file.as_ref().is_some_and(named);
        if has_password && self.user.is_empty() {
            let what = "a password needs its `user`; another kind of key belongs into `headers`";
            return Err(("user".to_owned(), what.to_owned()));
        }
        if self.user.contains(':') {
            let what = "a user of basic auth has no colon in its name";
            return Err(("user".to_owned(), what.to_owned()));
        }
        self.waiting().check()
    }
}
