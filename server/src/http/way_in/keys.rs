//! The keys with which bots call us. A bot signs its request with a key, or sends the key itself.
//!
//! In the path: they are loaded at the start and again on SIGHUP. The handler asks [`BotKeys::admits`].
//!
//! Invariants: a key that is weak or cannot be read stops the start; on SIGHUP it leaves the old keys in place. Keys
//! are compared in constant time, and never logged or shown.

use std::collections::HashMap;

use http::{HeaderMap, header};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use subtle::{Choice, ConstantTimeEq as _};

use crate::clock::Millis;
use crate::config::secret;
use crate::config::{Bot, Config, ConfigError};
use crate::outbound::webhook_signature::{ID, SIGNATURE, Secret, Secrets, SignatureError};

/// The keys of one bot.
pub struct BotKeys {
    secrets: Secrets,
    /// The digest of each key as text.
    digests: Vec<[u8; 32]>,
}

/// Why a caller is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotAdmitted {
    /// There is neither a signature nor a key.
    #[error("sign the request as in Standard Webhooks, or send the bot's key as bearer")]
    Nothing,
    /// The key is not one of the bot's.
    #[error("this is not a key of the bot")]
    Key,
    /// The signature is not valid.
    #[error("{0}")]
    Signature(SignatureError),
}

/// A caller who was admitted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admitted {
    /// The `webhook-id`, if there is one.
    pub id: Option<String>,
}

/// Never shows a key.
impl std::fmt::Debug for BotKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BotKeys")
            .field("keys", &self.digests.len())
            .finish_non_exhaustive()
    }
}

impl BotKeys {
    /// The keys of all bots that have some, by the bot's id.
    ///
    /// # Errors
    /// The first key that is weak or cannot be read.
    pub fn load(config: &Config) -> Result<HashMap<String, Self>, ConfigError> {
        let mut all = HashMap::new();
        for (id, bot) in &config.bots {
            let read = Self::of(bot).map_err(|what| config.at(&format!("bots.{id}.key"), what))?;
            if let Some(keys) = read {
                all.insert(id.clone(), keys);
            }
        }
        Ok(all)
    }

    /// A bot's own keys: in `key`, or in the file that `key_file` names, with blanks or line breaks between them.
    fn of(bot: &Bot) -> Result<Option<Self>, String> {
        let Some(text) = secret("key", bot.key.as_ref(), bot.key_file.as_ref())? else {
            return Ok(None);
        };
        let keys = text.expose_secret().split_ascii_whitespace();
        let mut digests = Vec::new();
        let mut secrets: Option<Secrets> = None;
        for key in keys {
            let secret = Secret::parse(&SecretString::from(key)).map_err(|it| it.to_string())?;
            digests.push(digest(key));
            secrets = Some(match secrets {
                Some(before) => before.and(secret),
                None => Secrets::new(secret),
            });
        }
        Ok(secrets.map(|secrets| Self { secrets, digests }))
    }

    /// Admits a caller who has signed these bytes a moment ago, or sends a key.
    ///
    /// # Errors
    /// Why the caller is refused.
    pub fn admits(
        &self,
        headers: &HeaderMap,
        body: &[u8],
        now: Millis,
    ) -> Result<Admitted, NotAdmitted> {
        if headers.contains_key(SIGNATURE) {
            let verified = self.secrets.verify(headers, body, now);
            let verified = verified.map_err(NotAdmitted::Signature)?;
            return Ok(Admitted {
                id: Some(verified.id),
            });
        }
        let shown = bearer(headers).ok_or(NotAdmitted::Nothing)?;
        let shown = digest(shown);
        let mut known = Choice::from(0);
        for key in &self.digests {
            known |= key.ct_eq(&shown);
        }
        if !bool::from(known) {
            return Err(NotAdmitted::Key);
        }
        let id = headers.get(ID).and_then(|id| id.to_str().ok());
        Ok(Admitted {
            id: id.map(str::to_owned),
        })
    }
}

fn digest(key: &str) -> [u8; 32] {
    Sha256::digest(key).into()
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then(|| token.trim())
        .filter(|token| !token.is_empty())
}
