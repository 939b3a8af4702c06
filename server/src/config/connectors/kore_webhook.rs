//! `[bots.….kore_webhook]`: a Kore bot, asked through its webhook channel.

use figment::value::magic::RelativePathBuf;
use secrecy::SecretString;
use serde::Deserialize;

use super::Endpoint;
use crate::config::{KeyAlgorithm, KeyEntry, Period};

/// `[bots.<id>.kore_webhook]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KoreWebhook {
    /// The channel's own address, `…/chatbot/v2/webhook/st-…`, with `/hookInstance/…` if there is one.
    pub url: Endpoint,
    /// The client id of the app that the channel names.
    pub app_id: String,
    /// Its secret.
    #[serde(default)]
    pub secret: Option<SecretString>,
    /// File with it.
    #[serde(default)]
    pub secret_file: Option<RelativePathBuf>,
    /// The algorithm that the app is set to.
    #[serde(default = "hs256")]
    pub algorithm: KeyAlgorithm,
    /// Whether the bot learns (`ON_CONNECT`) that a session begins.
    #[serde(default = "yes")]
    pub connect: bool,
    /// Whether the bot learns (`SESSION_CLOSURE`) that the visitor closed it.
    #[serde(default = "yes")]
    pub close: bool,
    /// What the end of a task does.
    #[serde(default)]
    pub end_of_task: EndOfTask,
    /// How long to wait for one answer. Kore itself gives up after 15 s.
    #[serde(default = "wait")]
    pub wait: Period,
    /// How long to poll for a later answer.
    #[serde(default = "poll")]
    pub poll: Period,
}

/// What `endOfTask` does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EndOfTask {
    /// The conversation goes on.
    #[default]
    Nothing,
    /// The session ends; the next message begins another one.
    Close,
}

fn yes() -> bool {
    true
}

fn hs256() -> KeyAlgorithm {
    KeyAlgorithm::HS256
}

fn wait() -> Period {
    Period(std::time::Duration::from_secs(20))
}

fn poll() -> Period {
    Period(std::time::Duration::from_mins(2))
}

impl KoreWebhook {
    /// The app's secret as a key.
    pub(crate) fn key_entry(&self) -> KeyEntry {
        let (secret, file) = (self.secret.as_ref(), self.secret_file.as_ref());
        super::hmac_key(&self.app_id, self.algorithm, secret, file)
    }

    /// Checks what serde could not. The error is the key below the table, and what is wrong with it.
    pub(in crate::config) fn check(&self) -> Result<(), (String, String)> {
        if self.app_id.is_empty() {
            let what = "is empty; write the client id of the app that the channel names";
            return Err(("app_id".to_owned(), what.to_owned()));
        }
        let hmac = [
            KeyAlgorithm::HS256,
            KeyAlgorithm::HS384,
            KeyAlgorithm::HS512,
        ];
        if !hmac.contains(&self.algorithm) {
            let what = "the app's tokens are signed with its secret: HS256, HS384 or HS512";
            return Err(("algorithm".to_owned(), what.to_owned()));
        }
        Ok(())
    }
}
