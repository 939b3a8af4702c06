//! Tokens between this server and a server of the operator that share a secret: the JWTs of Kore's own servers.
//!
//! In the path: the connectors `botkit` and `kore_webhook` sign their requests with it. The routes that a `BotKit` app
//! calls verify the caller with it.
//!
//! Invariants: the algorithm belongs to the key. A token must name the app and its expiry; without either it proves
//! nothing.

use std::time::Duration;

use jsonwebtoken::Header;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::assertion::{AssertionError, part, read_header};
use super::keys::Key;
use crate::clock::Millis;
use crate::config::KeyEntry;
use crate::limits::ASSERTION_BYTES;

/// A secret with the id of the app that it belongs to.
pub struct SharedKey {
    app_id: String,
    key: Key,
}

/// Shows neither the secret nor anything derived from it.
impl std::fmt::Debug for SharedKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SharedKey")
            .field("app_id", &self.app_id)
            .finish_non_exhaustive()
    }
}

/// The claims of a token. Kore's `BotKit` writes `exp` with decimals.
#[derive(Deserialize)]
struct Claims {
    #[serde(rename = "appId", alias = "iss")]
    app_id: Option<String>,
    exp: Option<f64>,
}

impl SharedKey {
    /// Reads the secret that `entry` names.
    ///
    /// # Errors
    /// What is wrong with it: missing, unreadable, or too short.
    pub fn load(app_id: &str, entry: &KeyEntry) -> Result<Self, String> {
        Ok(Self {
            app_id: app_id.to_owned(),
            key: Key::load(entry)?,
        })
    }

    /// The app's id.
    pub fn app_id(&self) -> &str {
        &self.app_id
    }

    /// A JWT with these claims.
    ///
    /// # Errors
    /// If the cryptography fails, which does not happen with a secret.
    pub fn sign(&self, claims: &impl Serialize) -> anyhow::Result<SecretString> {
        let encoding = self.key.encoding.as_ref();
        let encoding = encoding.ok_or_else(|| anyhow::anyhow!("the key verifies only"))?;
        let header = Header::new(self.key.algorithm);
        Ok(jsonwebtoken::encode(&header, claims, encoding)?.into())
    }

    /// Checks a token: form, signature, app, expiry.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn verify(&self, token: &str, now: Millis, leeway: Duration) -> Result<(), AssertionError> {
        if token.len() > ASSERTION_BYTES {
            return Err(AssertionError::Malformed);
        }
        let (message, signature) = token.rsplit_once('.').ok_or(AssertionError::Malformed)?;
        let (header, payload) = message.split_once('.').ok_or(AssertionError::Malformed)?;
        let header = serde_json::from_slice(&part(header)?);
        let (algorithm, _kid) = read_header(&header.map_err(|_| AssertionError::Malformed)?)
            .map(|(algorithm, kid)| (algorithm, kid.map(str::to_owned)))?;
        if algorithm != self.key.algorithm || !self.key.signed(message, signature) {
            return Err(AssertionError::Credentials);
        }
        let claims: Claims =
            serde_json::from_slice(&part(payload)?).map_err(|_| AssertionError::Malformed)?;
        if claims.app_id.as_deref() != Some(self.app_id.as_str()) {
            return Err(AssertionError::Credentials);
        }
        let expires = claims.exp.ok_or(AssertionError::Expired)?;
        // Whole numbers of this size are exact, and a fraction of a second does not matter.
        #[expect(
            clippy::cast_precision_loss,
            reason = "seconds since the epoch are far below 2^52"
        )]
        let now = now.seconds() as f64;
        if expires + leeway.as_secs_f64() <= now {
            return Err(AssertionError::Expired);
        }
        Ok(())
    }

    /// A signature of words that pass through the hands of others. Only the holder of the secret can make it. The words
    /// hold a line break, so they can never be the signed part of a JWT.
    ///
    /// # Errors
    /// If the cryptography fails, which does not happen with a secret.
    pub fn mark(&self, words: &str) -> anyhow::Result<String> {
        let encoding = self.key.encoding.as_ref();
        let encoding = encoding.ok_or_else(|| anyhow::anyhow!("the key verifies only"))?;
        let words = format!("parlour\n{words}");
        Ok(jsonwebtoken::crypto::sign(
            words.as_bytes(),
            encoding,
            self.key.algorithm,
        )?)
    }

    /// Whether this is the signature of these words.
    pub fn is_mark(&self, words: &str, mark: &str) -> bool {
        self.key.signed(&format!("parlour\n{words}"), mark)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::config::KeyAlgorithm;
    use crate::signing::install_crypto;

    const SECRET: &str = "bK4t2vQmS0cW8yXrE6uJ1zPaB5dHnLfG";
    const NOW: Millis = Millis(1_795_000_000_500);

    fn key(algorithm: KeyAlgorithm) -> SharedKey {
        install_crypto();
        let entry = KeyEntry::hmac("k", algorithm, Some(SECRET.into()), None);
        SharedKey::load("cs-app", &entry).unwrap()
    }

    fn verify(key: &SharedKey, claims: &Value) -> Result<(), AssertionError> {
        use secrecy::ExposeSecret as _;
        let token = key.sign(claims).unwrap();
        key.verify(token.expose_secret(), NOW, Duration::from_secs(30))
    }

    #[test]
    fn a_token_names_its_app_and_has_not_ended() {
        let key = key(KeyAlgorithm::HS256);
        let now = NOW.seconds();
        for good in [
            json!({"appId": "cs-app", "exp": now + 60}),
            json!({"iss": "cs-app", "exp": now - 29}),
            // BotKit signs with milliseconds.
            json!({"appId": "cs-app", "exp": 1_795_000_060.123}),
        ] {
            assert_eq!(verify(&key, &good), Ok(()), "{good}");
        }
        for (bad, error) in [
            (json!({"appId": "cs-app"}), AssertionError::Expired),
            (
                json!({"appId": "cs-app", "exp": now - 31}),
                AssertionError::Expired,
            ),
            (
                json!({"appId": "cs-b", "exp": now + 60}),
                AssertionError::Credentials,
            ),
            (json!({"exp": now + 60}), AssertionError::Credentials),
            (
                json!({"appId": 7, "exp": now + 60}),
                AssertionError::Malformed,
            ),
            (json!([]), AssertionError::Malformed),
        ] {
            assert_eq!(verify(&key, &bad), Err(error), "{bad}");
        }
    }

    #[test]
    fn another_secret_algorithm_or_form_proves_nothing() {
        use secrecy::ExposeSecret as _;
        let (ours, long) = (key(KeyAlgorithm::HS256), key(KeyAlgorithm::HS512));
        let claims = json!({"appId": "cs-app", "exp": NOW.seconds() + 60});
        let token = ours.sign(&claims).unwrap();
        let token = token.expose_secret();
        let check = |key: &SharedKey, token: &str| key.verify(token, NOW, Duration::ZERO);
        assert_eq!(check(&ours, token), Ok(()));
        assert_eq!(check(&long, token), Err(AssertionError::Credentials));
        // {"alg":"none"}
        let (_, rest) = token.split_once('.').unwrap();
        let none = format!("eyJhbGciOiJub25lIn0.{rest}");
        assert!(check(&ours, &none).is_err());
        let cut = &token[..token.len() - 2];
        assert_eq!(check(&ours, cut), Err(AssertionError::Credentials));
        for no_token in ["", "a", "a.b", "a.b.c", "..", &"x".repeat(9_000)] {
            assert!(check(&ours, no_token).is_err(), "{no_token}");
        }
    }

    #[test]
    fn marks_belong_to_their_words() {
        let key = key(KeyAlgorithm::HS256);
        let mark = key.mark("cv-1.tn-1").unwrap();
        assert!(key.is_mark("cv-1.tn-1", &mark));
        assert!(!key.is_mark("cv-2.tn-1", &mark));
        assert!(!key.is_mark("cv-1.tn-1", ""));
        assert!(!format!("{key:?}").contains("bK4t"));
    }
}
