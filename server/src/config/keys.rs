//! `[[apps.….keys]]`: the keys that sign and verify.

use figment::value::magic::RelativePathBuf;
use secrecy::SecretString;
use serde::Deserialize;

/// `[[apps.<client id>.keys]]`: exactly one of the six fields for key material is set.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyEntry {
    /// The key id, which stands in the header of every assertion.
    pub kid: String,
    /// The one algorithm of this key.
    pub algorithm: KeyAlgorithm,
    /// HMAC secret.
    pub secret: Option<SecretString>,
    /// File with it.
    pub secret_file: Option<RelativePathBuf>,
    /// Private key, PEM.
    pub private_key: Option<SecretString>,
    /// File with it.
    pub private_key_file: Option<RelativePathBuf>,
    /// Public key, PEM: verifies only.
    pub public_key: Option<String>,
    /// File with it.
    pub public_key_file: Option<RelativePathBuf>,
}

impl KeyEntry {
    /// An HMAC key whose secret is in a file.
    pub fn of_secret_file(kid: &str, file: &std::path::Path) -> Self {
        let file = RelativePathBuf::from(file);
        Self::hmac(kid, KeyAlgorithm::HS256, None, Some(file))
    }

    /// An HMAC key from a secret, or from a file with one.
    pub fn hmac(
        kid: &str,
        algorithm: KeyAlgorithm,
        secret: Option<SecretString>,
        secret_file: Option<RelativePathBuf>,
    ) -> Self {
        Self {
            kid: kid.to_owned(),
            algorithm,
            secret,
            secret_file,
            private_key: None,
            private_key_file: None,
            public_key: None,
            public_key_file: None,
        }
    }
}

/// The algorithms of Kore's documentation, and ES256.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
pub enum KeyAlgorithm {
    /// HMAC with SHA-256.
    HS256,
    /// HMAC with SHA-384.
    HS384,
    /// HMAC with SHA-512.
    HS512,
    /// RSA PKCS#1 v1.5 with SHA-256.
    RS256,
    /// RSA PKCS#1 v1.5 with SHA-512.
    RS512,
    /// ECDSA on P-256 with SHA-256.
    ES256,
}
