//! The key table: an app and a key id lead to one key with one algorithm.
//!
//! In the path: it is loaded at the start and again on SIGHUP, and read for signing and verifying.
//!
//! Invariants: a weak or unreadable key stops the start; on SIGHUP it leaves the old table in place. Key material comes
//! only from the configuration or its files.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;

use jsonwebtoken::jwk::{AlgorithmParameters, Jwk};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use subtle::{Choice, ConstantTimeEq as _};

use crate::config::{App, Config, KeyAlgorithm, KeyEntry, read_secret};
use crate::limits::{RSA_BITS, SECRET_BYTES};
use crate::swap::Swap;

/// What is wrong with a key: one sentence that names the key and says what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{whose}: {what}")]
pub struct KeyError {
    /// The source, the app and the key.
    whose: String,
    what: String,
}

/// One key of an app.
pub struct Key {
    /// The key's id, which stands in the header of every assertion.
    pub kid: String,
    /// The only algorithm of the key.
    pub algorithm: Algorithm,
    /// `None`: the key only verifies.
    pub(super) encoding: Option<EncodingKey>,
    pub(super) decoding: DecodingKey,
    /// The digest of an HMAC secret, to compare it with one that a caller presents.
    secret_digest: Option<[u8; 32]>,
    /// The id with a piece of the key's fingerprint.
    name: String,
}

impl Key {
    /// The name that access tokens remember the key by. Another key under the same id has another name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Reads one entry of the configuration.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn load(entry: &KeyEntry) -> Result<Self, String> {
        load_key(entry)
    }

    /// Whether the signature (base64url) of the message is made with this key.
    pub(super) fn signed(&self, message: &str, signature: &str) -> bool {
        let message = message.as_bytes();
        jsonwebtoken::crypto::verify(signature, message, &self.decoding, self.algorithm)
            .unwrap_or(false)
    }
}

/// 32 bits of the fingerprint: enough to see that a key was replaced, and too little to test guesses of a secret.
fn name(kid: &str, fingerprint: &[u8; 32]) -> String {
    let [a, b, c, d, ..] = fingerprint;
    format!("{kid}/{a:02x}{b:02x}{c:02x}{d:02x}")
}

/// Never shows the key itself.
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key")
            .field("kid", &self.kid)
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}

/// The keys of one app, newest first.
#[derive(Debug, Default)]
pub struct AppKeys(Vec<Key>);

impl AppKeys {
    /// The key that signs: the first one that can sign.
    pub fn signer(&self) -> Option<&Key> {
        self.0.iter().find(|key| key.encoding.is_some())
    }

    /// The key with this id.
    pub(super) fn by_kid(&self, kid: &str) -> Option<&Key> {
        self.0.iter().find(|key| key.kid == kid)
    }

    /// Whether a key of this name is among them.
    fn has(&self, name: &str) -> bool {
        self.0.iter().any(|key| key.name == name)
    }

    /// The keys that may have signed a token without a key id.
    pub(super) fn of_algorithm(&self, algorithm: Algorithm) -> impl Iterator<Item = &Key> {
        self.0.iter().filter(move |key| key.algorithm == algorithm)
    }

    /// Whether this is one of the app's current HMAC secrets. The comparison takes constant time.
    pub fn knows_secret(&self, presented: &str) -> bool {
        let presented = digest(presented.as_bytes());
        let mut known = Choice::from(0);
        for secret in self.0.iter().filter_map(|key| key.secret_digest.as_ref()) {
            known |= secret.ct_eq(&presented);
        }
        known.into()
    }
}

/// The keys of all apps at one moment.
#[derive(Debug, Default)]
pub struct KeyTable(HashMap<String, AppKeys>);

impl KeyTable {
    /// Reads every key that the configuration names.
    ///
    /// # Errors
    /// The first key that is weak, unreadable or ambiguous.
    pub fn load(config: &Config) -> Result<Self, KeyError> {
        let apps = config
            .apps
            .iter()
            .map(|(id, app)| Ok((id.clone(), load_app(config, id, app)?)));
        let table = Self(apps.collect::<Result<_, KeyError>>()?);
        let external = config
            .platform
            .is_external()
            .then_some(config.platform.app.as_str());
        if let Some(app) = external.filter(|app| table.app(app).and_then(AppKeys::signer).is_none())
        {
            return Err(KeyError {
                whose: config.says(&format!("apps.{app}")),
                what: "platform.app needs a key that can sign; add a `secret_file` or `private_key_file`".to_owned(),
            });
        }
        Ok(table)
    }

    /// Whether the app still exists, and still has the key of this [`Key::name`]. For a token that does not know its
    /// key, only the app counts.
    pub fn knows(&self, app: &str, key: &str) -> bool {
        self.app(app)
            .is_some_and(|keys| key.is_empty() || keys.has(key))
    }

    /// The [`Key::name`]s of each app's keys.
    pub fn names(&self) -> BTreeMap<&str, Vec<&str>> {
        let apps = self.0.iter();
        apps.map(|(app, keys)| (app.as_str(), keys.0.iter().map(Key::name).collect()))
            .collect()
    }

    /// The keys of an app.
    pub fn app(&self, id: &str) -> Option<&AppKeys> {
        self.0.get(id)
    }
}

/// The current key table. A reader keeps the table that it began with.
#[derive(Debug)]
pub struct Keys(Swap<KeyTable>);

impl Keys {
    /// Starts with this table.
    pub fn new(table: KeyTable) -> Self {
        Self(Swap::new(table))
    }

    /// The current table.
    pub fn table(&self) -> Arc<KeyTable> {
        self.0.get()
    }

    /// Replaces the table.
    pub fn replace(&self, table: KeyTable) {
        self.0.replace(table);
    }
}

fn digest(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

fn load_app(config: &Config, id: &str, app: &App) -> Result<AppKeys, KeyError> {
    let keys = app.keys.iter().map(|entry| {
        load_key(entry).map_err(|what| KeyError {
            whose: format!(
                "{}, key `{}`",
                config.says(&format!("apps.{id}.keys")),
                entry.kid
            ),
            what,
        })
    });
    keys.collect::<Result<_, _>>().map(AppKeys)
}

/// The key material of an entry, from the one field that is set.
enum Material {
    Secret(SecretString),
    Private(SecretString),
    Public(String),
}

fn load_key(entry: &KeyEntry) -> Result<Key, String> {
    let material = material(entry)?;
    match entry.algorithm {
        KeyAlgorithm::HS256 => hmac(entry, Algorithm::HS256, material),
        KeyAlgorithm::HS384 => hmac(entry, Algorithm::HS384, material),
        KeyAlgorithm::HS512 => hmac(entry, Algorithm::HS512, material),
        KeyAlgorithm::RS256 => pair(entry, Algorithm::RS256, material),
        KeyAlgorithm::RS512 => pair(entry, Algorithm::RS512, material),
        KeyAlgorithm::ES256 => pair(entry, Algorithm::ES256, material),
    }
}

fn material(entry: &KeyEntry) -> Result<Material, String> {
    let from_file = |file: &figment::value::magic::RelativePathBuf| read_secret(&file.relative());
    let mut found = Vec::new();
    if let Some(secret) = &entry.secret {
        found.push(Material::Secret(secret.clone()));
    }
    if let Some(file) = &entry.secret_file {
        found.push(Material::Secret(from_file(file)?));
    }
    if let Some(pem) = &entry.private_key {
        found.push(Material::Private(pem.clone()));
    }
    if let Some(file) = &entry.private_key_file {
        found.push(Material::Private(from_file(file)?));
    }
    if let Some(pem) = &entry.public_key {
        found.push(Material::Public(pem.clone()));
    }
    if let Some(file) = &entry.public_key_file {
        found.push(Material::Public(
            from_file(file)?.expose_secret().to_owned(),
        ));
    }
    match (found.pop(), found.is_empty()) {
        (Some(material), true) => Ok(material),
        (None, _) => Err("has no key; add `secret_file`, `private_key_file` or `public_key_file`".to_owned()),
        (Some(_), false) => {
            Err("names its key more than once; keep one of secret, private_key, public_key or their _file".to_owned())
        }
    }
}

fn hmac(entry: &KeyEntry, algorithm: Algorithm, material: Material) -> Result<Key, String> {
    let Material::Secret(secret) = material else {
        return Err("is an HMAC key: give it a `secret` or `secret_file`".to_owned());
    };
    let bytes = secret.expose_secret().as_bytes();
    if bytes.len() < SECRET_BYTES {
        return Err(format!(
            "the secret has {} bytes and needs {SECRET_BYTES} or more; make one with `openssl rand -hex 32`",
            bytes.len()
        ));
    }
    // One character repeated, or words of a manual: long enough, but not secret.
    let different = bytes.iter().collect::<std::collections::HashSet<_>>().len();
    if different < 8 {
        return Err("the secret is not random; make one with `openssl rand -hex 32`".to_owned());
    }
    Ok(Key {
        // The digest of the digest. The digest of the secret itself is compared with what callers present.
        name: name(&entry.kid, &digest(&digest(bytes))),
        kid: entry.kid.clone(),
        algorithm,
        encoding: Some(EncodingKey::from_secret(bytes)),
        decoding: DecodingKey::from_secret(bytes),
        secret_digest: Some(digest(bytes)),
    })
}

fn pair(entry: &KeyEntry, algorithm: Algorithm, material: Material) -> Result<Key, String> {
    let ec = algorithm == Algorithm::ES256;
    let unreadable = || {
        if ec {
            "is not a P-256 key in PEM; a private one must be PKCS#8 \
             (`openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256`)"
        } else {
            "is not an RSA key in PEM (`openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:3072`)"
        }
        .to_owned()
    };
    let (encoding, jwk) = match material {
        Material::Secret(_) => {
            return Err(
                "is a key pair: give it a `private_key_file` or a `public_key_file`".to_owned(),
            );
        }
        Material::Private(pem) => {
            let pem = pem.expose_secret().as_bytes();
            let key = if ec {
                EncodingKey::from_ec_pem(pem)
            } else {
                EncodingKey::from_rsa_pem(pem)
            };
            let key = key.map_err(|_| unreadable())?;
            let jwk = Jwk::from_encoding_key(&key, algorithm).map_err(|_| unreadable())?;
            (Some(key), jwk)
        }
        Material::Public(pem) => {
            let pem = pem.as_bytes();
            let key = if ec {
                DecodingKey::from_ec_pem(pem)
            } else {
                DecodingKey::from_rsa_pem(pem)
            };
            let key = key.map_err(|_| unreadable())?;
            (
                None,
                Jwk::from_decoding_key(&key, Some(algorithm)).map_err(|_| unreadable())?,
            )
        }
    };
    if let AlgorithmParameters::RSA(public) = &jwk.algorithm {
        let bits = modulus_bits(&public.n).ok_or_else(unreadable)?;
        if bits < RSA_BITS {
            return Err(format!(
                "the RSA key has {bits} bits and needs {RSA_BITS} or more; make a new pair"
            ));
        }
    }
    let decoding = DecodingKey::from_jwk(&jwk).map_err(|_| unreadable())?;
    let public = serde_json::to_vec(&jwk.algorithm).map_err(|_| unreadable())?;
    Ok(Key {
        name: name(&entry.kid, &digest(&public)),
        kid: entry.kid.clone(),
        algorithm,
        encoding,
        decoding,
        secret_digest: None,
    })
}

/// The length of a base64url modulus, in bits.
fn modulus_bits(modulus: &str) -> Option<usize> {
    use base64::Engine as _;
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD
        .decode(modulus)
        .ok()?;
    let first = bytes.iter().position(|byte| *byte != 0)?;
    let top = 8 - bytes[first].leading_zeros() as usize;
    Some((bytes.len() - first - 1) * 8 + top)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::test_config;
    use crate::signing::install_crypto;

    fn table(keys: &str) -> Result<KeyTable, String> {
        install_crypto();
        KeyTable::load(&test_config(&format!("[apps.cs-a]\nbots = []\n{keys}")))
            .map_err(|error| error.to_string())
    }

    fn entry(kid: &str, algorithm: &str, material: &str) -> String {
        format!("[[apps.cs-a.keys]]\nkid = \"{kid}\"\nalgorithm = \"{algorithm}\"\n{material}\n")
    }

    #[test]
    fn a_weak_secret_is_refused_and_not_repeated() {
        for (secret, expected) in [
            ("short-but-unusual-0123456789abcd", "ok"),
            ("short-but-unusual-0123456789abc", "needs 32 or more"),
            (
                "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                "is not random",
            ),
        ] {
            match table(&entry("k", "HS256", &format!("secret = \"{secret}\""))) {
                Ok(_) => assert_eq!(expected, "ok"),
                Err(error) => {
                    assert!(
                        error.contains(expected)
                            && error.contains("configuration, apps.cs-a.keys, key `k`: "),
                        "{error}"
                    );
                    assert!(!error.contains(secret), "{error}");
                }
            }
        }
    }

    #[test]
    fn one_place_for_a_key_and_no_more() {
        let secret = "secret = \"0123456789abcdef0123456789abcdef\"";
        let error = table(&entry(
            "k",
            "HS256",
            &format!("{secret}\nsecret_file = \"/dev/null\""),
        ))
        .unwrap_err();
        assert!(error.contains("more than once"), "{error}");
        assert!(
            table(&entry("k", "HS256", ""))
                .unwrap_err()
                .contains("has no key")
        );
        assert!(
            table(&entry("k", "RS256", secret))
                .unwrap_err()
                .contains("key pair")
        );
        assert!(
            table(&entry("k", "HS256", "public_key = \"x\""))
                .unwrap_err()
                .contains("HMAC key")
        );
        assert!(
            table(&entry("k", "HS256", "secret_file = \"/no/such/file\""))
                .unwrap_err()
                .contains("/no/such/file")
        );
    }

    #[test]
    fn a_short_rsa_key_is_refused() {
        let pem = include_str!("testdata/rsa1024.public.pem");
        let error = table(&entry(
            "k",
            "RS256",
            &format!("public_key = \"\"\"{pem}\"\"\""),
        ))
        .unwrap_err();
        assert!(error.contains("1024 bits"), "{error}");
    }

    #[test]
    fn the_first_key_that_can_sign_signs() {
        let public = format!(
            "public_key = \"\"\"{}\"\"\"",
            include_str!("testdata/ec.public.pem")
        );
        let private = format!(
            "private_key = \"\"\"{}\"\"\"",
            include_str!("testdata/ec.private.pem")
        );
        let table =
            table(&(entry("new", "ES256", &public) + &entry("old", "ES256", &private))).unwrap();
        assert_eq!(table.app("cs-a").unwrap().signer().unwrap().kid, "old");
        assert!(table.app("cs-b").is_none());
    }

    #[test]
    fn a_presented_secret_must_be_exactly_a_live_one() {
        let secrets = [
            "0123456789abcdef0123456789abcdef",
            "fedcba9876543210fedcba9876543210",
        ];
        let keys: String = secrets
            .iter()
            .enumerate()
            .map(|(i, s)| entry(&format!("k{i}"), "HS256", &format!("secret = \"{s}\"")))
            .collect();
        let table = table(&keys).unwrap();
        let app = table.app("cs-a").unwrap();
        assert!(secrets.iter().all(|secret| app.knows_secret(secret)));
        // HMAC pads with zero bytes, so these give the same signatures. They are still not the secret.
        for wrong in [
            "",
            "0123456789abcdef0123456789abcde",
            "0123456789abcdef0123456789abcdef\0",
            "x",
        ] {
            assert!(!app.knows_secret(wrong), "{wrong:?}");
        }
    }

    #[test]
    fn a_key_is_known_by_its_name_until_it_goes_or_another_takes_its_id() {
        let of =
            |secret: &str| table(&entry("k", "HS256", &format!("secret = \"{secret}\""))).unwrap();
        let first = of("0123456789abcdef0123456789abcdef");
        let name = first.app("cs-a").unwrap().signer().unwrap().name();
        assert!(name.starts_with("k/"), "{name}");
        assert!(first.knows("cs-a", name) && first.knows("cs-a", ""));
        assert!(of("0123456789abcdef0123456789abcdef").knows("cs-a", name));
        assert!(!of("fedcba9876543210fedcba9876543210").knows("cs-a", name));
        assert!(!first.knows("cs-b", name) && !first.knows("cs-b", ""));
        // The private and the public half of a pair are one key.
        let pem = |kind: &str, text: &str| {
            let material = format!("{kind} = \"\"\"{text}\"\"\"");
            table(&entry("p", "ES256", &material)).unwrap()
        };
        let private = pem("private_key", include_str!("testdata/ec.private.pem"));
        let public = pem("public_key", include_str!("testdata/ec.public.pem"));
        let name = private.app("cs-a").unwrap().signer().unwrap().name();
        assert!(public.knows("cs-a", name));
    }

    #[test]
    fn debug_shows_no_key() {
        let secret = "0123456789abcdef0123456789abcdef";
        let table = table(&entry("k", "HS256", &format!("secret = \"{secret}\""))).unwrap();
        assert!(!format!("{table:?}").contains("0123"), "{table:?}");
    }
}
