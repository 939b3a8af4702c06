//! Signatures of Standard Webhooks 1.0. They prove that the holder of the secret wrote exactly these bytes a moment
//! ago.
//!
//! In the path: connectors sign what they send with [`Secrets::sign`]. `http::way_in` verifies with
//! [`Secrets::verify`]. HMAC-SHA256 signs `id.timestamp.body`.
//!
//! Invariants: bytes are signed and verified as they travel, and never JSON that was written again. Every secret is
//! compared in constant time. The caller must know whether an id was seen before.

use std::fmt;
use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::{GeneralPurpose, STANDARD};
use base64::engine::{DecodePaddingMode, GeneralPurposeConfig};
use http::{HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret as _, SecretString};

use crate::clock::Millis;
use crate::limits::{WEBHOOK_ID_BYTES, WEBHOOK_SIGNATURES, WEBHOOK_TOLERANCE};

/// The same in every attempt to deliver one message.
pub const ID: HeaderName = HeaderName::from_static("webhook-id");
/// The seconds since 1970 of this attempt.
pub const TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
/// `v1,<base64>`; several are separated by spaces.
pub const SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");

const PREFIX: &str = "whsec_";
const VERSION: &str = "v1,";
/// The shortest secret, in bytes.
const SHORTEST: usize = 24;
const LONGEST: usize = 64;

/// Some tools leave out the padding.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// One secret, ready to sign. It does not show itself.
#[derive(Clone)]
pub struct Secret(hmac::Key);

/// Why a text is not a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SecretError {
    /// It does not begin with `whsec_`.
    #[error("a signing secret begins with \"whsec_\"")]
    Prefix,
    /// It is cut off, or has another alphabet.
    #[error("behind \"whsec_\" must be base64")]
    Base64,
    /// It is too easy to guess, or another kind of secret.
    #[error(
        "a signing secret has 24 to 64 bytes, this one {0}; make one: echo whsec_$(openssl rand -base64 32)"
    )]
    Length(usize),
}

impl Secret {
    /// Reads `whsec_<base64>`. Blanks around it are ignored.
    ///
    /// # Errors
    /// If it is not a secret, or its length is not 24 to 64 bytes.
    pub fn parse(text: &SecretString) -> Result<Self, SecretError> {
        let text = text.expose_secret().trim();
        let encoded = text.strip_prefix(PREFIX).ok_or(SecretError::Prefix)?;
        let bytes = LENIENT.decode(encoded).map_err(|_| SecretError::Base64)?;
        if !(SHORTEST..=LONGEST).contains(&bytes.len()) {
            return Err(SecretError::Length(bytes.len()));
        }
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, &bytes)))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// The secrets of one bot: the current one, and others while they are being replaced. All of them sign, and any of them
/// verifies.
#[derive(Clone, Debug)]
pub struct Secrets {
    first: Secret,
    others: Vec<Secret>,
}

/// Why something cannot be signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a webhook's id has 1 to {WEBHOOK_ID_BYTES} visible ASCII characters without a dot")]
pub struct IdError;

/// Why something is not verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignatureError {
    /// Add the header.
    #[error("the header {0} is missing")]
    Missing(&'static str),
    /// Correct the header.
    #[error("the header {0} cannot be read")]
    Malformed(&'static str),
    /// Sign again, because each attempt needs its own timestamp. Or correct a clock.
    #[error("the timestamp is too old")]
    TooOld,
    /// Correct a clock.
    #[error("the timestamp is too far in the future")]
    TooNew,
    /// The secret differs, or the bytes.
    #[error("no signature fits")]
    Wrong,
}

/// A verified request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedWebhook {
    /// The id, by which duplicates are recognised.
    pub id: String,
    /// When it was signed.
    pub at: Millis,
}

impl Secrets {
    /// A single secret.
    pub fn new(first: Secret) -> Self {
        let others = Vec::new();
        Self { first, others }
    }

    /// Adds a secret.
    #[must_use]
    pub fn and(mut self, other: Secret) -> Self {
        self.others.push(other);
        self
    }

    fn each(&self) -> impl Iterator<Item = &Secret> {
        std::iter::once(&self.first).chain(&self.others)
    }

    /// The three headers for a body that is sent now.
    ///
    /// # Errors
    /// If the id cannot stand in a header, or has a dot.
    pub fn sign(
        &self,
        id: &str,
        now: Millis,
        body: &[u8],
    ) -> Result<[(HeaderName, HeaderValue); 3], IdError> {
        if !is_id(id) {
            return Err(IdError);
        }
        let timestamp = now.seconds().to_string();
        let signatures: Vec<_> = self
            .each()
            .map(|secret| {
                let tag = signed(secret, id, &timestamp, body).sign();
                format!("{VERSION}{}", STANDARD.encode(tag))
            })
            .collect();
        let value = |text: &str| HeaderValue::from_str(text).map_err(|_| IdError);
        Ok([
            (ID, value(id)?),
            (TIMESTAMP, value(&timestamp)?),
            (SIGNATURE, value(&signatures.join(" "))?),
        ])
    }

    /// Checks the three headers of a request against its body as it arrived.
    ///
    /// # Errors
    /// If a header is missing or wrong, the timestamp is more than [`WEBHOOK_TOLERANCE`] away from now, or no secret
    /// made one of the signatures.
    pub fn verify(
        &self,
        headers: &HeaderMap,
        body: &[u8],
        now: Millis,
    ) -> Result<VerifiedWebhook, SignatureError> {
        let id = text(headers, &ID, "webhook-id")?;
        let timestamp = text(headers, &TIMESTAMP, "webhook-timestamp")?;
        let signatures = text(headers, &SIGNATURE, "webhook-signature")?;
        if !is_id(id) {
            return Err(SignatureError::Malformed("webhook-id"));
        }
        let at = whole_seconds(timestamp).ok_or(SignatureError::Malformed("webhook-timestamp"))?;
        if now.since(at) > WEBHOOK_TOLERANCE {
            return Err(SignatureError::TooOld);
        }
        if at.since(now) > WEBHOOK_TOLERANCE {
            return Err(SignatureError::TooNew);
        }
        let listed: Vec<_> = signatures.split_ascii_whitespace().collect();
        if listed.len() > WEBHOOK_SIGNATURES {
            return Err(SignatureError::Malformed("webhook-signature"));
        }
        // Signatures of other versions may stand beside ours.
        let ours = listed.iter().filter_map(|it| it.strip_prefix(VERSION));
        let tags: Vec<_> = ours.filter_map(|it| LENIENT.decode(it).ok()).collect();
        let by = |secret: &Secret| {
            let tag = signed(secret, id, timestamp, body).sign();
            tags.iter().any(|theirs| subtle_eq(tag.as_ref(), theirs))
        };
        if !self.each().any(by) {
            return Err(SignatureError::Wrong);
        }
        let id = id.to_owned();
        Ok(VerifiedWebhook { id, at })
    }
}

/// Takes the same time wherever the texts differ.
fn subtle_eq(ours: &[u8], theirs: &[u8]) -> bool {
    subtle::ConstantTimeEq::ct_eq(ours, theirs).into()
}

fn signed(secret: &Secret, id: &str, timestamp: &str, body: &[u8]) -> hmac::Context {
    let mut context = hmac::Context::with_key(&secret.0);
    for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", body] {
        context.update(part);
    }
    context
}

/// A dot would move the border between id and timestamp.
fn is_id(id: &str) -> bool {
    let fits = (1..=WEBHOOK_ID_BYTES).contains(&id.len());
    fits && id
        .bytes()
        .all(|byte| byte.is_ascii_graphic() && byte != b'.')
}

fn whole_seconds(text: &str) -> Option<Millis> {
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let seconds = text.parse::<u64>().ok()?;
    Some(Millis(0).plus(Duration::from_secs(seconds)))
}

/// The value of a header, if there is exactly one.
fn text<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
    shown: &'static str,
) -> Result<&'a str, SignatureError> {
    let mut values = headers.get_all(name).iter();
    let value = values.next().ok_or(SignatureError::Missing(shown))?;
    if values.next().is_some() {
        return Err(SignatureError::Malformed(shown));
    }
    value.to_str().map_err(|_| SignatureError::Malformed(shown))
}

#[cfg(test)]
mod tests {
    use super::*;

    // The vector of the standard's reference libraries.
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const MESSAGE: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    const NOW: Millis = Millis(1_614_265_330_000);
    const BODY: &[u8] = br#"{"test": 2432232314}"#;
    const SIGNED: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
    /// Made by the standard's library for Python, `standardwebhooks` 1.1.0.
    const OTHER_SECRET: &str = "whsec_a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s=";
    const OTHER_SIGNED: &str = "v1,+qNgyReIHqPuR060oMQ+nyzPsJZG+OFv/pI9RG/w4Ts=";

    fn secret(text: &str) -> Result<Secret, SecretError> {
        Secret::parse(&SecretString::from(text))
    }

    fn secrets(text: &str) -> Secrets {
        Secrets::new(secret(text).unwrap())
    }

    fn headers(id: &str, timestamp: &str, signature: &str) -> HeaderMap {
        let each = [(ID, id), (TIMESTAMP, timestamp), (SIGNATURE, signature)];
        let each = each.map(|(name, value)| (name, HeaderValue::from_str(value).unwrap()));
        each.into_iter().collect()
    }

    fn verify(secrets: &Secrets, signature: &str) -> Result<VerifiedWebhook, SignatureError> {
        secrets.verify(&headers(MESSAGE, "1614265330", signature), BODY, NOW)
    }

    #[test]
    fn signs_as_the_reference_libraries_do() {
        let signed = secrets(SECRET).sign(MESSAGE, NOW, BODY).unwrap();
        let wanted = headers(MESSAGE, "1614265330", SIGNED);
        assert_eq!(HeaderMap::from_iter(signed), wanted);
    }

    #[test]
    fn verifies_what_the_reference_libraries_sign() {
        let verified = verify(&secrets(SECRET), SIGNED).unwrap();
        let id = MESSAGE.to_owned();
        assert_eq!(verified, VerifiedWebhook { id, at: NOW });
        assert!(verify(&secrets(OTHER_SECRET), OTHER_SIGNED).is_ok());
    }

    #[test]
    fn bytes_that_are_no_json_are_signed_as_they_are() {
        let secrets = secrets(SECRET);
        for body in [&b""[..], b"\xff\x00.", "é😀\r\n".as_bytes()] {
            let signed = HeaderMap::from_iter(secrets.sign("t-1", NOW, body).unwrap());
            assert!(secrets.verify(&signed, body, NOW).is_ok());
            let wrong = secrets.verify(&signed, &[body, b" "].concat(), NOW);
            assert_eq!(wrong, Err(SignatureError::Wrong));
        }
    }

    #[test]
    fn secrets_overlap_while_they_are_exchanged() {
        let both = secrets(OTHER_SECRET).and(secret(SECRET).unwrap());
        let signed = HeaderMap::from_iter(both.sign(MESSAGE, NOW, BODY).unwrap());
        let list = signed[SIGNATURE].to_str().unwrap();
        assert_eq!(list, format!("{OTHER_SIGNED} {SIGNED}"));
        for either in [SECRET, OTHER_SECRET] {
            assert!(verify(&secrets(either), list).is_ok());
        }
        for either in [SIGNED, OTHER_SIGNED] {
            assert!(verify(&both, either).is_ok());
        }
        let third = format!("whsec_{}", STANDARD.encode([7; 24]));
        assert_eq!(verify(&secrets(&third), list), Err(SignatureError::Wrong));
    }

    #[test]
    fn other_versions_and_rubbish_beside_a_signature_are_passed_over() {
        for list in [
            format!("v1a,abcd {SIGNED}"),
            format!("v2,{} {SIGNED}", &SIGNED[3..]),
            format!("v1,!!!  {SIGNED} v1"),
            SIGNED.trim_end_matches('=').to_owned(),
        ] {
            assert!(verify(&secrets(SECRET), &list).is_ok(), "{list}");
        }
        for list in [
            "",
            " ",
            "v1,",
            "v1",
            &SIGNED[3..],
            &SIGNED.replace("v1", "v1a"),
            &SIGNED.replace("v1", "v2"),
            &SIGNED[..SIGNED.len() - 5],
            &SIGNED.replace("v1,g0", "v1,g1"),
        ] {
            let refused = verify(&secrets(SECRET), list);
            assert_eq!(refused, Err(SignatureError::Wrong), "{list:?}");
        }
        let many = [SIGNED; WEBHOOK_SIGNATURES + 1].join(" ");
        let malformed = Err(SignatureError::Malformed("webhook-signature"));
        assert_eq!(verify(&secrets(SECRET), &many), malformed);
    }

    #[test]
    fn every_part_is_signed() {
        let secrets = secrets(SECRET);
        for (id, timestamp, body) in [
            ("msg_p5jXN8AQM9LWM0D4loKWxJel", "1614265330", BODY),
            (MESSAGE, "1614265331", BODY),
            (MESSAGE, "01614265330", BODY),
            (MESSAGE, "1614265330", &BODY[1..]),
        ] {
            let refused = secrets.verify(&headers(id, timestamp, SIGNED), body, NOW);
            assert_eq!(refused, Err(SignatureError::Wrong), "{id} {timestamp}");
        }
    }

    #[test]
    fn a_timestamp_holds_for_five_minutes_both_ways() {
        let secrets = secrets(SECRET);
        let given = headers(MESSAGE, "1614265330", SIGNED);
        let at = |now: Millis| secrets.verify(&given, BODY, now).map(|_| ());
        let moment = Duration::from_millis(1);
        assert_eq!(at(NOW.plus(WEBHOOK_TOLERANCE)), Ok(()));
        let late = NOW.plus(WEBHOOK_TOLERANCE + moment);
        assert_eq!(at(late), Err(SignatureError::TooOld));
        assert_eq!(at(NOW.minus(WEBHOOK_TOLERANCE)), Ok(()));
        let early = NOW.minus(WEBHOOK_TOLERANCE + moment);
        assert_eq!(at(early), Err(SignatureError::TooNew));
    }

    #[test]
    fn headers_that_are_missing_doubled_or_odd_are_named() {
        let secrets = secrets(SECRET);
        let refused = |headers: &HeaderMap| secrets.verify(headers, BODY, NOW).unwrap_err();
        for name in [ID, TIMESTAMP, SIGNATURE] {
            let mut headers = headers(MESSAGE, "1614265330", SIGNED);
            headers.append(&name, headers[&name].clone());
            assert!(
                matches!(refused(&headers), SignatureError::Malformed(named) if name == named),
                "{name}"
            );
            headers.remove(&name);
            assert!(
                matches!(refused(&headers), SignatureError::Missing(named) if name == named),
                "{name}"
            );
            headers.insert(&name, HeaderValue::from_bytes(b"\xff").unwrap());
            assert!(
                matches!(refused(&headers), SignatureError::Malformed(named) if name == named),
                "{name}"
            );
        }
        for timestamp in [
            "",
            "-1",
            "+1614265330",
            "1614265330.0",
            "99999999999999999999",
        ] {
            let headers = headers(MESSAGE, timestamp, SIGNED);
            let malformed = SignatureError::Malformed("webhook-timestamp");
            assert_eq!(refused(&headers), malformed, "{timestamp}");
        }
        let far = headers(MESSAGE, &u64::MAX.to_string(), SIGNED);
        assert_eq!(refused(&far), SignatureError::TooNew);
        let long = "x".repeat(WEBHOOK_ID_BYTES + 1);
        for id in ["", "a.b", "a b", &long] {
            let headers = headers(id, "1614265330", SIGNED);
            let malformed = SignatureError::Malformed("webhook-id");
            assert_eq!(refused(&headers), malformed, "{id}");
            assert!(secrets.sign(id, NOW, BODY).is_err(), "{id}");
        }
    }

    #[test]
    fn a_secret_has_24_to_64_bytes_behind_its_prefix() {
        let made = |bytes: usize| format!("whsec_{}", STANDARD.encode(vec![7; bytes]));
        for text in [
            SECRET.to_owned(),
            format!(" {SECRET}\n"),
            made(24),
            made(64),
            made(32).trim_end_matches('=').to_owned(),
        ] {
            assert!(secret(&text).is_ok());
        }
        for (text, error) in [
            (String::new(), SecretError::Prefix),
            (SECRET[6..].to_owned(), SecretError::Prefix),
            (SECRET.replace("whsec", "whsk"), SecretError::Prefix),
            ("whsec_".to_owned(), SecretError::Length(0)),
            ("whsec_!!!!".to_owned(), SecretError::Base64),
            (made(23), SecretError::Length(23)),
            (made(65), SecretError::Length(65)),
        ] {
            assert_eq!(secret(&text).map(|_| ()), Err(error), "{text}");
        }
    }

    #[test]
    fn a_secret_is_not_shown() {
        let debug = format!("{:?}", secrets(SECRET));
        assert!(!debug.contains("MfKQ9"), "{debug}");
    }
}
