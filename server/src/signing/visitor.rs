//! The anonymous visitors of this server.
//!
//! In the path: `http::sign` and the pages read the visitor from a cookie, or from the same token as text if a frame's
//! cookies are refused.
//!
//! Invariants: only this server can make a token (HMAC-SHA256 with a secret of its own). The header is one fixed text,
//! so there is nothing to negotiate. A visitor's token never counts as an assertion, nor an assertion as a visitor's
//! token.

use std::sync::LazyLock;

use app::BasePath;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, HeaderValue, header};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};

use super::assertion::Identity;
use crate::clock::Millis;
use crate::ids::Ids;
use crate::limits::{VISITOR_LIFE, VISITOR_RENEW};

/// `__Host-`: only this host can set it, over https or on loopback.
pub const VISITOR_COOKIE: &str = "__Host-parlour-visitor";
/// The name below a base path, where the rest of the host is not ours. `__Host-` would allow no other path than `/`.
const VISITOR_COOKIE_BELOW: &str = "__Secure-parlour-visitor";

/// The header of every token, as text.
static HEADER: LazyLock<String> =
    LazyLock::new(|| URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","typ":"parlour-visitor+jwt"}"#));

/// The longest token that is looked at. Ours have about 200 bytes.
const TOKEN_BYTES: usize = 1024;

/// The characters of a fingerprint: 36 bits.
const FINGERPRINT_CHARS: usize = 6;

/// A visitor without a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnonymousVisitor {
    id: String,
    issued: Millis,
}

impl AnonymousVisitor {
    /// The visitor's identity in assertions. It is the same in every app, but each app sees another user.
    pub fn identity(&self) -> Identity {
        Identity {
            subject: format!("visitor-{}", self.id),
            anonymous: true,
        }
    }

    /// When the token was issued, in whole seconds.
    pub fn issued(&self) -> Millis {
        self.issued
    }

    /// Whether it is time for a new token, so that a regular visitor is not forgotten.
    pub fn wants_renewal(&self, now: Millis) -> bool {
        now.since(self.issued) > VISITOR_RENEW
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct VisitorClaims {
    sub: String,
    iat: u64,
    exp: u64,
}

/// Issues and recognises the tokens of visitors.
pub struct Visitors {
    encoding: EncodingKey,
    decoding: DecodingKey,
    base: BasePath,
}

/// Never shows the key.
impl std::fmt::Debug for Visitors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Visitors").finish_non_exhaustive()
    }
}

impl Visitors {
    /// With the secret of this deployment, and the base path of its addresses.
    pub fn new(secret: &SecretString, base: BasePath) -> Self {
        let secret = secret.expose_secret().as_bytes();
        Self {
            encoding: EncodingKey::from_secret(secret),
            decoding: DecodingKey::from_secret(secret),
            base,
        }
    }

    /// A new visitor.
    pub fn create(&self, ids: &dyn Ids, now: Millis) -> AnonymousVisitor {
        AnonymousVisitor {
            id: ids.uuid(),
            issued: now,
        }
    }

    /// A signature of words that pass through the hands of others. Only this deployment can make it. `words` hold a
    /// line break, so they can never be the signed part of a token.
    ///
    /// # Errors
    /// If the cryptography fails, which does not happen with an HMAC key.
    pub fn mark(&self, words: &str) -> anyhow::Result<String> {
        let words = format!("parlour\n{words}");
        let sign = jsonwebtoken::crypto::sign;
        Ok(sign(words.as_bytes(), &self.encoding, Algorithm::HS256)?)
    }

    /// Tells this secret from another: a piece of a signature that is too short to find or confirm the secret.
    pub fn fingerprint(&self) -> String {
        let mut mark = self.mark("fingerprint").unwrap_or_default();
        mark.truncate(FINGERPRINT_CHARS);
        mark
    }

    /// A key for the limit of this name: the same on every node of this deployment, and no help to find the secret.
    pub fn limit_key(&self, name: &str) -> [u8; 16] {
        let mark = self.mark(&format!("limit {name}")).unwrap_or_default();
        let bytes = URL_SAFE_NO_PAD.decode(mark).unwrap_or_default();
        bytes.first_chunk().copied().unwrap_or_default()
    }

    /// Whether this is the signature of these words.
    pub fn is_mark(&self, words: &str, mark: &str) -> bool {
        let words = format!("parlour\n{words}");
        let verify = jsonwebtoken::crypto::verify;
        verify(mark, words.as_bytes(), &self.decoding, Algorithm::HS256).unwrap_or(false)
    }

    /// A token for the visitor, issued now.
    ///
    /// # Errors
    /// If the cryptography fails, which does not happen with an HMAC key.
    pub fn token(&self, visitor: &AnonymousVisitor, now: Millis) -> anyhow::Result<String> {
        let claims = VisitorClaims {
            sub: visitor.id.clone(),
            iat: now.seconds(),
            exp: now.plus(VISITOR_LIFE).seconds(),
        };
        let payload = URL_SAFE_NO_PAD.encode(serde_json::to_vec(&claims)?);
        let message = format!("{}.{payload}", *HEADER);
        let signature =
            jsonwebtoken::crypto::sign(message.as_bytes(), &self.encoding, Algorithm::HS256)?;
        Ok(format!("{message}.{signature}"))
    }

    /// The visitor of a token, unless it is not ours or too old.
    pub fn read(&self, token: &str, now: Millis) -> Option<AnonymousVisitor> {
        if token.len() > TOKEN_BYTES {
            return None;
        }
        let (message, signature) = token.rsplit_once('.')?;
        let payload = message.strip_prefix(HEADER.as_str())?.strip_prefix('.')?;
        let genuine = jsonwebtoken::crypto::verify(
            signature,
            message.as_bytes(),
            &self.decoding,
            Algorithm::HS256,
        )
        .unwrap_or(false);
        if !genuine {
            return None;
        }
        let claims: VisitorClaims =
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()?;
        (now.seconds() < claims.exp).then(|| AnonymousVisitor {
            id: claims.sub,
            issued: Millis(claims.iat * 1000),
        })
    }

    /// The visitors whose genuine cookies come with the request: usually one.
    pub fn of_cookies(
        &self,
        headers: &HeaderMap,
        now: Millis,
    ) -> impl Iterator<Item = AnonymousVisitor> {
        headers
            .get_all(header::COOKIE)
            .iter()
            .filter_map(|line| line.to_str().ok())
            .flat_map(|line| line.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .filter(|(name, _)| *name == self.cookie_name())
            .filter_map(move |(_, token)| self.read(token, now))
    }

    /// The `Set-Cookie` that stores the token, also inside other sites' pages, where each site has its own cookie
    /// (`Partitioned`).
    pub fn cookie(&self, token: &str) -> Option<HeaderValue> {
        self.set_cookie(token, VISITOR_LIFE.as_secs())
    }

    /// The `Set-Cookie` that removes the visitor's token.
    pub fn forget(&self) -> Option<HeaderValue> {
        self.set_cookie("", 0)
    }

    fn set_cookie(&self, token: &str, life: u64) -> Option<HeaderValue> {
        let (name, path) = (self.cookie_name(), &self.base);
        let text = format!(
            "{name}={token}; Path={path}; Max-Age={life}; Secure; HttpOnly; SameSite=None; Partitioned"
        );
        let mut value = HeaderValue::try_from(text).ok()?;
        value.set_sensitive(true);
        Some(value)
    }

    fn cookie_name(&self) -> &'static str {
        if self.base.is_root() {
            VISITOR_COOKIE
        } else {
            VISITOR_COOKIE_BELOW
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::ids::SeededIds;
    use crate::signing::install_crypto;

    const NOW: Millis = Millis(1_795_000_000_000);

    fn visitors(secret: &str) -> Visitors {
        install_crypto();
        Visitors::new(&SecretString::from(secret.to_owned()), BasePath::default())
    }

    #[test]
    fn a_visitor_is_recognised_by_cookie_and_by_token() {
        let visitors = visitors("0123456789abcdef0123456789abcdef");
        let ann = visitors.create(&SeededIds::new(1), NOW);
        assert_eq!(
            ann.identity().subject,
            "visitor-00000000-0000-4000-8000-000000000001"
        );
        let token = visitors.token(&ann, NOW).unwrap();
        assert_eq!(visitors.read(&token, NOW), Some(ann.clone()));
        let mut headers = HeaderMap::new();
        let line = format!("a=b; {VISITOR_COOKIE}=forged; {VISITOR_COOKIE}={token}; x=y");
        headers.insert(header::COOKIE, line.parse().unwrap());
        assert!(visitors.of_cookies(&headers, NOW).eq([ann]));
    }

    #[test]
    fn the_cookie_is_bound_to_this_host_and_out_of_reach_of_scripts() {
        let cookie = visitors("0123456789abcdef0123456789abcdef")
            .cookie("t")
            .unwrap();
        assert_eq!(
            cookie.to_str().unwrap(),
            "__Host-parlour-visitor=t; Path=/; Max-Age=34560000; Secure; HttpOnly; SameSite=None; Partitioned"
        );
        assert!(cookie.is_sensitive());
    }

    #[test]
    fn below_a_base_path_the_rest_of_the_host_does_not_get_the_cookie() {
        install_crypto();
        let secret = SecretString::from("0123456789abcdef0123456789abcdef".to_owned());
        let visitors = Visitors::new(&secret, BasePath::new("/p/").unwrap());
        for (cookie, start) in [
            (
                visitors.cookie("t"),
                "__Secure-parlour-visitor=t; Path=/p/; Max-Age=34560000; Secure; HttpOnly;",
            ),
            (
                visitors.forget(),
                "__Secure-parlour-visitor=; Path=/p/; Max-Age=0; Secure; HttpOnly;",
            ),
        ] {
            let cookie = cookie.unwrap();
            let cookie = cookie.to_str().unwrap();
            assert!(cookie.starts_with(start), "{cookie}");
        }
        let ann = visitors.create(&SeededIds::new(1), NOW);
        let token = visitors.token(&ann, NOW).unwrap();
        let carried = |name: &str| {
            let line = format!("{name}={token}").parse().unwrap();
            let headers = HeaderMap::from_iter([(header::COOKIE, line)]);
            visitors.of_cookies(&headers, NOW).next()
        };
        assert_eq!(carried(VISITOR_COOKIE_BELOW), Some(ann));
        assert_eq!(carried(VISITOR_COOKIE), None);
    }

    #[test]
    fn forged_changed_and_old_tokens_are_nobody() {
        let ours = visitors("0123456789abcdef0123456789abcdef");
        let theirs = visitors("fedcba9876543210fedcba9876543210");
        let ann = ours.create(&SeededIds::new(1), NOW);
        let token = ours.token(&ann, NOW).unwrap();
        assert_eq!(theirs.read(&token, NOW), None);
        assert_eq!(ours.read(&token, NOW.plus(VISITOR_LIFE)), None);
        assert_eq!(ours.read(&token[..token.len() - 2], NOW), None);
        assert_eq!(ours.read("", NOW), None);
        assert_eq!(ours.read(&"x".repeat(TOKEN_BYTES + 1), NOW), None);
        // The same key and claims with the header of another kind of token.
        let key = EncodingKey::from_secret(b"0123456789abcdef0123456789abcdef");
        let claims = VisitorClaims {
            sub: "x".to_owned(),
            iat: NOW.seconds(),
            exp: NOW.seconds() + 9,
        };
        let plain = jsonwebtoken::encode(&jsonwebtoken::Header::default(), &claims, &key).unwrap();
        assert_eq!(ours.read(&plain, NOW), None);
    }

    #[test]
    fn a_token_is_renewed_after_a_month() {
        let visitors = visitors("0123456789abcdef0123456789abcdef");
        let ann = visitors.create(&SeededIds::new(1), NOW);
        assert!(!ann.wants_renewal(NOW.plus(Duration::from_hours(29 * 24))));
        assert!(ann.wants_renewal(NOW.plus(Duration::from_hours(31 * 24))));
    }
}
