//! `[sessions]`, `[tokens]`, `[rate]`: how long things live, and how often they may be requested.

use std::path::PathBuf;

use figment::value::magic::RelativePathBuf;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use super::values::{Period, Size, empty_is_none};
use super::{Config, ConfigError};

/// `[sessions]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sessions {
    /// A conversation without activity for this long has ended.
    pub idle: Period,
}

/// `[retention]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retention {
    /// Messages older than this are removed. `None`: they are kept.
    #[serde(deserialize_with = "empty_is_none")]
    pub age: Option<Period>,
    /// The number of messages that are kept of each conversation. 0: all.
    pub messages: u32,
}

/// `[tokens]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tokens {
    /// Life of assertions that we sign.
    pub assertion_life: Period,
    /// Longest life of assertions that we accept.
    pub assertion_max_life: Period,
    /// How far clocks may differ.
    pub leeway: Period,
    /// Accepted audiences; the first is the one that we sign for.
    pub audience: Vec<String>,
    /// Life of an access token.
    pub access_life: Period,
    /// Life of a socket address.
    pub ticket_life: Period,
    /// The secret that signs anonymous visitors. Empty: see the file.
    visitor_secret: SecretString,
    /// The file with it. Empty: one in the data folder, which the first start makes.
    visitor_secret_file: RelativePathBuf,
}

/// Where the secret that signs anonymous visitors comes from.
#[derive(Clone, Debug)]
pub enum VisitorSecret {
    /// The configuration itself.
    Value(SecretString),
    /// A file that must be there.
    File(PathBuf),
    /// A file in the data folder, which is made if it is missing.
    Own,
}

impl Config {
    /// Where the visitors' secret comes from. It is an error to name both.
    pub(crate) fn visitor_secret(&self) -> Result<VisitorSecret, ConfigError> {
        let tokens = &self.tokens;
        let value = Some(&tokens.visitor_secret).filter(|it| !it.expose_secret().is_empty());
        let file =
            Some(&tokens.visitor_secret_file).filter(|it| !it.original().as_os_str().is_empty());
        match (value, file) {
            (Some(_), Some(_)) => Err(self.at(
                "tokens.visitor_secret",
                "name visitor_secret or visitor_secret_file, not both",
            )),
            (Some(value), None) => Ok(VisitorSecret::Value(value.clone())),
            (None, Some(file)) => Ok(VisitorSecret::File(file.relative())),
            (None, None) => Ok(VisitorSecret::Own),
        }
    }
}

/// `[rate]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// Signing, by client address: the burst.
    pub sign_address_burst: u32,
    /// Signing, by client address: in a minute. 0: no limit.
    pub sign_address_per_minute: u32,
    /// Signing, by app, for callers that prove its secret: the burst.
    pub sign_app_burst: u32,
    /// Signing, by app: in a minute. 0: no limit.
    pub sign_app_per_minute: u32,
    /// Signing, by identity: the burst.
    pub sign_identity_burst: u32,
    /// Signing, by identity: in a minute. 0: no limit.
    pub sign_identity_per_minute: u32,
    /// The platform's routes and sockets, by client address: the burst.
    pub platform_address_burst: u32,
    /// The platform's routes and sockets, by client address: in a minute. 0: no limit.
    pub platform_address_per_minute: u32,
    /// Start, history and theme, by access token: the burst.
    pub platform_token_burst: u32,
    /// Start, history and theme, by access token: in a minute. 0: no limit.
    pub platform_token_per_minute: u32,
    /// Grants, by identity: the burst.
    pub grant_identity_burst: u32,
    /// Grants, by identity: in a minute. 0: no limit.
    pub grant_identity_per_minute: u32,
    /// Pages, by client address: the burst.
    pub page_address_burst: u32,
    /// Pages, by client address: in a minute. 0: no limit.
    pub page_address_per_minute: u32,
    /// Messages of one user in a day. 0: no limit.
    pub user_messages_per_day: u32,
    /// Bytes of them as they are stored. 0: no limit.
    pub user_bytes_per_day: Size,
    /// Messages from one client address in a day. 0: no limit.
    pub address_messages_per_day: u32,
    /// Bytes of them as they are stored. 0: no limit.
    pub address_bytes_per_day: Size,
    /// What one bot says outside turns: the burst.
    pub outside_bot_burst: u32,
    /// What one bot says outside turns: in a minute. 0: no limit.
    pub outside_bot_per_minute: u32,
    /// What is said outside turns in one conversation: the burst.
    pub outside_conversation_burst: u32,
    /// What is said outside turns in one conversation: in a minute. 0: no limit.
    pub outside_conversation_per_minute: u32,
}
