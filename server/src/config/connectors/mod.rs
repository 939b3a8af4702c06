//! `[bots.….<connector>]`: how to reach a bot that is not a script of ours.
//!
//! In the path: each connector has a table, in a file of its own. `bot::open` makes the bot.

mod agent_stream;
mod bot_framework;
mod botkit;
mod direct_line;
mod endpoint;
mod kore_webhook;
mod n8n;
mod openai;
mod rasa;
mod waiting;
mod webhook;

use std::collections::BTreeMap;

use figment::value::magic::RelativePathBuf;
use http::header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING};
use http::{HeaderName, HeaderValue};
use secrecy::{ExposeSecret as _, SecretString};

use super::keys::{KeyAlgorithm, KeyEntry};

pub use agent_stream::AgentStream;
pub use bot_framework::{BotFramework, Delivery};
pub use botkit::BotKit;
pub use direct_line::DirectLine;
pub use endpoint::Endpoint;
pub use kore_webhook::{EndOfTask, KoreWebhook};
pub use n8n::N8n;
pub use openai::{MaxTokensName, McpServer, OpenAi};
pub use rasa::Rasa;
pub(crate) use waiting::Waiting;
pub use webhook::Webhook;

/// A secret that signs, from its value or its file. An empty value or path counts as absent.
fn hmac_key(
    name: &str,
    algorithm: KeyAlgorithm,
    value: Option<&SecretString>,
    file: Option<&RelativePathBuf>,
) -> KeyEntry {
    let value = value.filter(|it| !it.expose_secret().is_empty());
    let file = file.filter(|it| !it.original().as_os_str().is_empty());
    KeyEntry::hmac(name, algorithm, value.cloned(), file.cloned())
}

/// Whether a secret is named, by value or by file. Neither is read.
fn is_set(value: Option<&SecretString>, file: Option<&RelativePathBuf>) -> bool {
    value.is_some_and(|it| !it.expose_secret().is_empty())
        || file.is_some_and(|it| !it.original().as_os_str().is_empty())
}

/// The headers of a configuration, marked as sensitive so that none is shown.
///
/// # Errors
/// If a name or a value is not fit for a header, or a configuration may not set the header. The text names the header,
/// and not its value.
pub(crate) fn headers(
    configured: &BTreeMap<String, SecretString>,
) -> Result<Vec<(HeaderName, HeaderValue)>, String> {
    let read = |(name, value): (&String, &SecretString)| {
        let wrong = |what: &str| format!("the header `{name}` {what}");
        let header = HeaderName::try_from(name.as_str())
            .map_err(|_| wrong("has a name that no header has"))?;
        if [CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING].contains(&header) {
            return Err(wrong("is the request's own; take it out"));
        }
        let mut value = HeaderValue::from_str(value.expose_secret())
            .map_err(|_| wrong("has a value that is not visible ASCII"))?;
        value.set_sensitive(true);
        Ok((header, value))
    };
    configured.iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_read_and_what_is_none_is_refused_without_its_value() {
        let of = |name: &str, value: &str| {
            headers(&BTreeMap::from([(
                name.to_owned(),
                SecretString::from(value.to_owned()),
            )]))
        };
        let read = of("X-Title", "Shop").unwrap();
        assert_eq!(read[0].0, "x-title");
        assert!(read[0].1.is_sensitive());
        for (name, value, expected) in [
            ("x y", "hush", "has a name"),
            ("x-y", "hush\nx-z: 1", "not visible ASCII"),
            ("Content-Length", "hush", "the request's own"),
        ] {
            let error = of(name, value).unwrap_err();
            assert!(error.contains(expected) && error.contains(name), "{error}");
            assert!(!error.contains("hush"), "{error}");
        }
    }
}
