//! `[sessions]`, `[tokens]`, `[rate]`: how long things live and how often they may be asked for.

use serde::Deserialize;

use super::values::Period;

/// `[sessions]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sessions {
    /// A conversation without activity for this long has ended.
    pub idle: Period,
}

/// `[tokens]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tokens {
    /// Life of assertions that we sign.
    pub assertion_life: Period,
    /// Longest life of assertions that we accept.
    pub assertion_max_life: Period,
    /// How far clocks may be apart.
    pub leeway: Period,
    /// Accepted audiences; the first is the one that we sign for.
    pub audience: Vec<String>,
    /// Life of an access token.
    pub access_life: Period,
    /// Life of a socket address.
    pub ticket_life: Period,
}

/// `[rate]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// Signing, by client address: at once.
    pub sign_address_burst: u32,
    /// Signing, by client address: a minute; 0: no limit.
    pub sign_address_per_minute: u32,
    /// Signing, by identity: at once.
    pub sign_identity_burst: u32,
    /// Signing, by identity: a minute; 0: no limit.
    pub sign_identity_per_minute: u32,
}
