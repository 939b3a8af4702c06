//! Assertions: the short-lived JWTs that prove an identity to the platform.
//!
//! In the path: `http::sign` calls [`sign`]. `rtm::token` calls [`verify`], and then spends the `jti` in the store.
//!
//! Invariants: only the *form* of claims is read leniently (see `protocol::auth::Claims`); the checks are strict. Their
//! order is fixed: size, header, app, key, signature, times, audience, identity. `jku`, `jwk` and `x5u` are ignored.
//! `crit`, `zip` and `b64` are refused, because none of them is supported.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, Header};
use protocol::auth::{Audience, ClaimError, ClaimFault, Claims, Packing, unpacked};
use protocol::json;
use serde_json::{Map, Value};

use super::keys::{Key, KeyTable};
use crate::clock::Millis;
use crate::config::Tokens;
use crate::limits::{ASSERTION_BYTES, IDENTITY_CHARS, JTI_CHARS, JTI_LIFE};

/// Why an assertion is refused. The texts are Kore's where Kore has one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AssertionError {
    /// Not a JWT that can be read.
    #[error("error verifying the jwt: jwt malformed")]
    Malformed,
    /// Another algorithm, or a wrong signature.
    #[error("Invalid SDK credentials")]
    Credentials,
    /// Unknown app or key. Only the log distinguishes this from a wrong signature, so that the answer reveals nothing.
    #[error("Invalid SDK credentials")]
    UnknownKey,
    /// There is something around the token, or something else instead of it.
    #[error("error verifying the jwt: {0}; send the token alone")]
    Packed(#[from] Packing),
    /// A claim is missing or of a wrong type.
    #[error("error verifying the jwt: {0}")]
    Claims(#[from] ClaimError),
    /// Ask for a new one.
    #[error("error verifying the jwt: jwt expired")]
    Expired,
    /// Correct the clock.
    #[error("error verifying the jwt: jwt not active")]
    NotActive,
    /// Sign it for a shorter time.
    #[error("error verifying the jwt: \"exp\" is too far from \"iat\"")]
    TooLong,
    /// Sign it for us.
    #[error("error verifying the jwt: jwt audience invalid")]
    Audience,
    /// Sign it for an hour at most, or without `jti`.
    #[error("error verifying the jwt: if \"jti\" claim \"exp\" must be <= 1 hour(s)")]
    JtiLife,
    /// Used before.
    #[error("error verifying the jwt: possibly a replay")]
    Replay,
}

impl AssertionError {
    /// Kore's code for it.
    pub fn code(&self) -> u64 {
        match self {
            Self::Credentials | Self::UnknownKey => 4002,
            _ => 401,
        }
    }
}

/// Whether a text can be an identity: it is not empty, has at most 256 characters, and holds nothing that could forge a
/// log line.
pub fn identity_fits(text: &str) -> bool {
    !text.is_empty()
        && text.chars().count() <= IDENTITY_CHARS
        && !text.chars().any(char::is_control)
}

/// Whom an assertion speaks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// `sub`.
    pub subject: String,
    /// Whether the identity is temporary.
    pub anonymous: bool,
}

/// Rules for assertions, from `[tokens]`.
#[derive(Clone, Debug)]
pub struct Policy {
    audience: Vec<String>,
    life: Duration,
    max_life: Duration,
    leeway: Duration,
}

impl From<&Tokens> for Policy {
    fn from(tokens: &Tokens) -> Self {
        Self {
            audience: tokens.audience.clone(),
            life: tokens.assertion_life.0,
            max_life: tokens.assertion_max_life.0,
            leeway: tokens.leeway.0,
        }
    }
}

impl Policy {
    /// The audience to sign for: the wanted one if it is known, or the first one if none is wanted.
    pub fn audience_for(&self, wanted: Option<&str>) -> Option<&str> {
        match wanted.filter(|wanted| !wanted.is_empty()) {
            None => self.audience.first().map(String::as_str),
            Some(wanted) => self
                .audience
                .iter()
                .find(|known| *known == wanted)
                .map(String::as_str),
        }
    }

    /// Checks the times and the audience of a token that comes with each request.
    pub(super) fn check_bearer(
        &self,
        claims: &Claims,
        issued: u64,
        now: Millis,
    ) -> Result<(), AssertionError> {
        let longest = issued.saturating_add(self.max_life.as_secs());
        let times = Claims {
            exp: claims.exp.or(Some(longest)),
            // The token is not spent, so its `jti` need not be remembered.
            jti: None,
            ..claims.clone()
        };
        check_times(&times, self, now)?;
        let allowed: Vec<&str> = self.audience.iter().map(String::as_str).collect();
        match &claims.aud {
            Some(audience) if !audience.matches(&allowed) => Err(AssertionError::Audience),
            _ => Ok(()),
        }
    }
}

/// What [`sign`] needs to know besides the key.
#[derive(Clone, Debug)]
pub struct Signed<'a> {
    /// Client id: `iss`.
    pub app: &'a str,
    /// `sub` and `isAnonymous`.
    pub identity: &'a Identity,
    /// `aud`, from [`Policy::audience_for`].
    pub audience: &'a str,
    /// A fresh id: `jti`.
    pub jti: String,
    /// `iat`.
    pub now: Millis,
}

/// Signs an assertion with the key's algorithm.
///
/// # Errors
/// If the key cannot sign, because it only verifies.
pub fn sign(key: &Key, policy: &Policy, what: Signed<'_>) -> anyhow::Result<String> {
    let encoding = key
        .encoding
        .as_ref()
        .ok_or_else(|| anyhow::anyhow!("key `{}` verifies only", key.kid))?;
    let mut header = Header::new(key.algorithm);
    header.kid = Some(key.kid.clone());
    let issued = what.now.seconds();
    let claims = Claims {
        iss: Some(what.app.to_owned()),
        sub: Some(what.identity.subject.clone()),
        aud: Some(Audience::One(what.audience.to_owned())),
        iat: Some(issued),
        exp: Some(issued + policy.life.as_secs()),
        jti: Some(what.jti),
        is_anonymous: Some(what.identity.anonymous),
        ..Claims::default()
    };
    Ok(jsonwebtoken::encode(&header, &claims, encoding)?)
}

/// A valid assertion.
#[derive(Clone, Debug, PartialEq)]
pub struct VerifiedAssertion {
    /// The app that vouches.
    pub app: String,
    /// The key that signed it: [`Key::name`].
    pub key: String,
    /// When it was issued.
    pub issued: Millis,
    /// The identity.
    pub identity: Identity,
    /// Makes it single-use: the caller spends it in the store before anything else happens.
    pub jti: Option<String>,
    /// The moment until which a `jti` must be remembered.
    pub forget: Millis,
    /// All of its claims.
    pub claims: Claims,
}

/// Checks an assertion. The caller spends [`VerifiedAssertion::jti`].
///
/// # Errors
/// The first thing that is wrong.
pub fn verify(
    table: &KeyTable,
    policy: &Policy,
    token: &str,
    now: Millis,
) -> Result<VerifiedAssertion, AssertionError> {
    let (app, key, claims) = signed(table, token, |claims| claims.iss.clone())?;

    let expires = check_times(&claims, policy, now)?;
    let allowed: Vec<&str> = policy.audience.iter().map(String::as_str).collect();
    match &claims.aud {
        None => return Err(ClaimFault::Missing.of("aud").into()),
        Some(audience) if !audience.matches(&allowed) => return Err(AssertionError::Audience),
        Some(_) => {}
    }
    let subject = claims.sub.clone().ok_or(ClaimFault::Missing.of("sub"))?;
    if !identity_fits(&subject) {
        return Err(ClaimFault::Unfit.of("sub").into());
    }
    let jti = claims.jti.as_ref();
    if jti.is_some_and(|jti| jti.chars().count() > JTI_CHARS) {
        return Err(ClaimFault::Unfit.of("jti").into());
    }
    let identity = Identity {
        subject,
        anonymous: claims.is_anonymous.unwrap_or(false),
    };
    let forget = Millis(expires.saturating_mul(1000)).plus(policy.leeway);
    Ok(VerifiedAssertion {
        app,
        key: key.name().to_owned(),
        issued: Millis(claims.iat.unwrap_or_default().saturating_mul(1000)),
        identity,
        jti: claims.jti.clone(),
        forget,
        claims,
    })
}

/// The claims of a token that one of its app's keys has signed. Times and audience are not checked yet. `app_of` gives
/// the app that the claims name.
pub(super) fn signed<'a>(
    table: &'a KeyTable,
    token: &str,
    app_of: impl Fn(&Claims) -> Option<String>,
) -> Result<(String, &'a Key, Claims), AssertionError> {
    if token.len() > ASSERTION_BYTES {
        return Err(AssertionError::Malformed);
    }
    let token = unpacked(token)?;
    let (message, signature) = token.rsplit_once('.').ok_or(AssertionError::Malformed)?;
    let (header, payload) = message.split_once('.').ok_or(AssertionError::Malformed)?;
    if payload.contains('.') {
        return Err(AssertionError::Malformed);
    }
    let header: Map<String, Value> =
        json::from_bytes(&part(header)?).map_err(|_| AssertionError::Malformed)?;
    let (algorithm, kid) = read_header(&header)?;
    let claims = read_claims(payload)?;
    let app = app_of(&claims).ok_or(ClaimFault::Missing.of("iss"))?;

    let keys = table.app(&app).ok_or(AssertionError::UnknownKey)?;
    let fits = |key: &Key| key.algorithm == algorithm && key.signed(message, signature);
    let key = match kid {
        Some(kid) => {
            let key = keys.by_kid(kid).ok_or(AssertionError::UnknownKey)?;
            Some(key).filter(|key| fits(key))
        }
        None => keys.of_algorithm(algorithm).find(|key| fits(key)),
    };
    let key = key.ok_or(AssertionError::Credentials)?;
    Ok((app, key, claims))
}

/// The app that an assertion names, without proof. It is for the log of refusals.
pub fn claimed_app(token: &str) -> Option<String> {
    let claims = token.trim().split('.').nth(1)?;
    if claims.len() > ASSERTION_BYTES {
        return None;
    }
    read_claims(claims).ok()?.iss
}

/// Reads with our own reader, which keeps each digit of a number.
fn read_claims(payload: &str) -> Result<Claims, AssertionError> {
    let bytes = part(payload)?;
    let text = str::from_utf8(&bytes).map_err(|_| AssertionError::Malformed)?;
    let value = json::Value::parse(text);
    let object = value.as_ref().and_then(json::Value::as_object);
    Ok(Claims::read(object.ok_or(AssertionError::Malformed)?)?)
}

/// One part of the token.
pub(super) fn part(text: &str) -> Result<Vec<u8>, AssertionError> {
    URL_SAFE_NO_PAD
        .decode(text)
        .map_err(|_| AssertionError::Malformed)
}

/// The algorithm and the key id, unless the header holds something that we would have to understand.
pub(super) fn read_header(
    header: &Map<String, Value>,
) -> Result<(Algorithm, Option<&str>), AssertionError> {
    if ["crit", "zip", "b64", "enc"]
        .iter()
        .any(|name| header.contains_key(*name))
    {
        return Err(AssertionError::Malformed);
    }
    match header.get("typ") {
        None => {}
        Some(Value::String(typ))
            if typ.eq_ignore_ascii_case("jwt") || typ.eq_ignore_ascii_case("application/jwt") => {}
        // Another kind of token, perhaps one of our own. It never counts as an assertion.
        Some(_) => return Err(AssertionError::Malformed),
    }
    let algorithm = match header.get("alg") {
        Some(Value::String(name)) => name.parse().map_err(|_| AssertionError::Credentials)?,
        _ => return Err(AssertionError::Malformed),
    };
    let kid = match header.get("kid") {
        None => None,
        Some(Value::String(kid)) => Some(kid.as_str()),
        Some(_) => return Err(AssertionError::Malformed),
    };
    Ok((algorithm, kid))
}

/// Gives `exp` in seconds.
fn check_times(claims: &Claims, policy: &Policy, now: Millis) -> Result<u64, AssertionError> {
    let issued = claims.iat.ok_or(ClaimFault::Missing.of("iat"))?;
    let expires = claims.exp.ok_or(ClaimFault::Missing.of("exp"))?;
    let now = now.seconds();
    let leeway = policy.leeway.as_secs();
    if issued > now + leeway || claims.nbf.is_some_and(|nbf| nbf > now + leeway) {
        return Err(AssertionError::NotActive);
    }
    if expires + leeway <= now {
        return Err(AssertionError::Expired);
    }
    let life = expires
        .checked_sub(issued)
        .ok_or(ClaimFault::BeforeIssue.of("exp"))?;
    if claims.jti.is_some() && life > JTI_LIFE.as_secs() {
        return Err(AssertionError::JtiLife);
    }
    if life > policy.max_life.as_secs() {
        return Err(AssertionError::TooLong);
    }
    Ok(expires)
}

#[cfg(test)]
#[path = "assertion_tests.rs"]
mod tests;
