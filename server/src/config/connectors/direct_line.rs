//! `[bots.….direct_line]`: a bot behind Direct Line 3.0: Azure Bot Service, Copilot Studio.

use std::time::Duration;

use figment::value::magic::RelativePathBuf;
use secrecy::SecretString;
use serde::Deserialize;

use super::Endpoint;
use crate::config::Period;
use crate::config::values::empty_is_none;

/// `[bots.<id>.direct_line]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DirectLine {
    /// The address of Direct Line.
    #[serde(default = "url")]
    pub url: Option<Endpoint>,
    /// A secret of the Direct Line channel.
    #[serde(default)]
    pub secret: Option<SecretString>,
    /// File with it.
    #[serde(default)]
    pub secret_file: Option<RelativePathBuf>,
    /// The address that issues a token for a conversation: Copilot Studio's token endpoint.
    #[serde(default, deserialize_with = "empty_is_none")]
    pub token_url: Option<Endpoint>,
    /// The name of the event that is sent when a session begins. Empty: none.
    #[serde(default = "start_event")]
    pub start_event: String,
    /// A bot that has answered and says nothing for this long has finished.
    #[serde(default = "quiet")]
    pub quiet: Period,
    /// How long to wait for the first answer of a turn.
    #[serde(default = "wait")]
    pub wait: Period,
}

fn url() -> Option<Endpoint> {
    Endpoint::try_from("https://directline.botframework.com".to_owned()).ok()
}

fn start_event() -> String {
    "startConversation".to_owned()
}

fn quiet() -> Period {
    Period(Duration::from_secs(3))
}

fn wait() -> Period {
    Period(Duration::from_mins(1))
}

impl DirectLine {
    /// Checks what serde could not. The error is the key, and what is wrong with it.
    pub(in crate::config) fn check(&self) -> Result<(), (String, String)> {
        let wrong = |key: &str, what: &str| Err((key.to_owned(), what.to_owned()));
        let (secret, file) = (&self.secret, &self.secret_file);
        let secret = super::is_set(secret.as_ref(), file.as_ref());
        match (secret, self.token_url.is_some()) {
            (false, false) => wrong(
                "secret_file",
                "is missing: name the secret of the Direct Line channel, or the `token_url` of a Copilot Studio agent",
            ),
            (true, true) => wrong("token_url", "takes the place of a secret: name one of them"),
            _ if self.quiet.0 < Duration::from_millis(200) => wrong("quiet", "is at least 200ms"),
            _ => Ok(()),
        }
    }
}
