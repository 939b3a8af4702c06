//! The keys of a bot, which sign what it is sent.

use secrecy::{ExposeSecret as _, SecretString};

use crate::bot::BotError;
use crate::config;
use crate::outbound::webhook_signature::{Secret, Secrets};

/// The bot's `key` or the content of its `key_file`: one or more keys, with blanks or line breaks between them. All of
/// them sign.
///
/// # Errors
/// [`BotError::Setting`] if one cannot be read.
pub(super) fn of(bot: &config::Bot) -> Result<Option<Secrets>, BotError> {
    let setting = |reason: String| BotError::Setting {
        key: "key".to_owned(),
        reason,
    };
    let text = config::secret("key", bot.key.as_ref(), bot.key_file.as_ref());
    let Some(text) = text.map_err(setting)? else {
        return Ok(None);
    };
    let mut all: Option<Secrets> = None;
    for key in text.expose_secret().split_ascii_whitespace() {
        let secret = Secret::parse(&SecretString::from(key));
        let secret = secret.map_err(|error| setting(error.to_string()))?;
        all = Some(match all {
            Some(before) => before.and(secret),
            None => Secrets::new(secret),
        });
    }
    Ok(all)
}
