//! `[apps.….webhook]`: Kore's webhook channel, for clients of the app without a socket.

use figment::value::magic::RelativePathBuf;
use secrecy::SecretString;
use serde::Deserialize;

use super::connectors::Endpoint;
use super::secrets::secret;
use super::values::Period;

/// It is below [`ANSWER_TIME`](crate::limits::ANSWER_TIME), together with the wait for the welcome.
const LONGEST_WAIT: std::time::Duration = std::time::Duration::from_secs(20);

/// `[apps.<client id>.webhook]`. The table alone opens the channel.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookChannel {
    /// The address that gets the answers. `None`: they are the response to the request, or are polled.
    #[serde(default)]
    pub callback_url: Option<Endpoint>,
    /// How long a request waits for its answers before it gets a `pollId`.
    #[serde(default = "wait")]
    pub wait: Period,
    /// The secret that signs them, `whsec_…`.
    #[serde(default)]
    pub secret: Option<SecretString>,
    /// File with it.
    #[serde(default)]
    pub secret_file: Option<RelativePathBuf>,
}

/// As on Kore's platform.
fn wait() -> Period {
    Period(std::time::Duration::from_secs(15))
}

impl WebhookChannel {
    /// Checks what serde could not. The error is the key below the table, and what is wrong with it.
    pub(super) fn check(&self) -> Result<(), (&'static str, String)> {
        if self.wait.0 > LONGEST_WAIT {
            return Err((
                "wait",
                "must be at most 20s: every answer is given within half a minute".to_owned(),
            ));
        }
        Ok(())
    }

    /// The secret, from its value or its file.
    ///
    /// # Errors
    /// It stands in two places, or its file cannot be read.
    pub(crate) fn secret(&self) -> Result<Option<SecretString>, String> {
        secret("secret", self.secret.as_ref(), self.secret_file.as_ref())
    }
}
