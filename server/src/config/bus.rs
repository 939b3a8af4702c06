//! `[bus]`: how nodes with the same store tell each other what happens.

use std::path::PathBuf;

use figment::value::magic::RelativePathBuf;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use url::Url;

use super::secrets::secret;
use super::values::empty_is_none;

/// Longest name that subjects begin with.
const PREFIX_BYTES: usize = 64;

/// `[bus]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bus {
    /// Which one.
    pub kind: BusKind,
    /// Where the broker is; none: the bus needs none.
    #[serde(deserialize_with = "empty_is_none")]
    pub url: Option<BrokerUrl>,
    /// Our name at the broker; empty: none, or the usual one.
    pub user: String,
    password: SecretString,
    password_file: RelativePathBuf,
    token: SecretString,
    token_file: RelativePathBuf,
    ca_file: RelativePathBuf,
    /// Begins the names of all subjects.
    pub prefix: String,
}

/// The buses there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BusKind {
    /// Within the process.
    Memory,
    /// Over a NATS server.
    Nats,
    /// Over a Redis server.
    Redis,
}

/// The address of a broker: `nats://`, `tls://`, `redis://` or `rediss://`, a host and perhaps a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokerUrl(Url);

impl BrokerUrl {
    /// Name or address of the host.
    pub fn host(&self) -> String {
        // An IPv6 address is written in brackets, and used without.
        let host = self.0.host_str().unwrap_or_default();
        host.trim_matches(['[', ']']).to_owned()
    }

    /// The port, or the usual one.
    pub fn port(&self) -> u16 {
        let usual = if self.kind() == BusKind::Nats {
            4222
        } else {
            6379
        };
        self.0.port().unwrap_or(usual)
    }

    /// Is the connection to be encrypted?
    pub fn is_tls(&self) -> bool {
        matches!(self.0.scheme(), "tls" | "rediss")
    }

    fn kind(&self) -> BusKind {
        match self.0.scheme() {
            "nats" | "tls" => BusKind::Nats,
            _ => BusKind::Redis,
        }
    }
}

impl TryFrom<String> for BrokerUrl {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let form =
            "write nats://host:4222, tls://host:4222, redis://host:6379 or rediss://host:6379";
        // The text itself is left out: it may hold a password.
        let url = Url::parse(&text).map_err(|_| format!("it is not an address; {form}"))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err("an address shows up in many places: name user and password in bus.user and bus.password_file".to_owned());
        }
        let known = matches!(url.scheme(), "nats" | "tls" | "redis" | "rediss");
        let bare = matches!(url.path(), "" | "/") && url.query().is_none();
        if !known || !bare || url.host_str().is_none_or(str::is_empty) {
            return Err(format!("it is not the address of a broker; {form}"));
        }
        Ok(Self(url))
    }
}

impl Bus {
    /// The key that is wrong, and what is wrong with it.
    pub(super) fn check(&self) -> Result<(), (&'static str, String)> {
        let wrong = |key, what: &str| Err((key, what.to_owned()));
        match (self.kind, &self.url) {
            (BusKind::Memory, None) => {}
            (BusKind::Memory, Some(_)) => {
                return wrong("kind", "there is a bus.url, so write \"nats\" or \"redis\"");
            }
            (_, None) => {
                return wrong(
                    "url",
                    "the broker's address is missing, for example nats://127.0.0.1:4222 or redis://127.0.0.1:6379",
                );
            }
            (kind, Some(url)) if url.kind() != kind => {
                return wrong(
                    "url",
                    "it is the address of another kind of broker than bus.kind says",
                );
            }
            _ => {}
        }
        let part = |part: &str| {
            let mut bytes = part.bytes();
            !part.is_empty() && bytes.all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
        };
        if self.prefix.len() > PREFIX_BYTES || !self.prefix.split('.').all(part) {
            return wrong(
                "prefix",
                "use letters, digits, `-` and `_`, with single dots between, 64 at most",
            );
        }
        let password = self.password().map_err(|what| ("password", what))?;
        let token = self.token().map_err(|what| ("token", what))?;
        if token.is_some() && (password.is_some() || !self.user.is_empty()) {
            return wrong("token", "name a token, or user and password, not both");
        }
        if token.is_some() && self.kind != BusKind::Nats {
            return wrong("token", "only NATS knows tokens; write bus.password");
        }
        if password.is_none() && !self.user.is_empty() {
            return wrong("user", "the password is missing: add bus.password_file");
        }
        Ok(())
    }

    /// The password, from wherever it stands.
    ///
    /// # Errors
    /// It stands in two places, or its file cannot be read.
    pub(crate) fn password(&self) -> Result<Option<SecretString>, String> {
        let (value, file) = (Some(&self.password), Some(&self.password_file));
        secret("password", value, file)
    }

    /// The token, from wherever it stands.
    ///
    /// # Errors
    /// It stands in two places, or its file cannot be read.
    pub(crate) fn token(&self) -> Result<Option<SecretString>, String> {
        secret("token", Some(&self.token), Some(&self.token_file))
    }

    /// Whom to trust in place of whom the machine trusts.
    pub fn ca_file(&self) -> Option<PathBuf> {
        let is_named = !self.ca_file.original().as_os_str().is_empty();
        is_named.then(|| self.ca_file.relative())
    }

    /// Would an eavesdropper read the credentials?
    pub fn is_bare(&self) -> bool {
        let secret = |text: &SecretString| !text.expose_secret().is_empty();
        let local = |url: &BrokerUrl| matches!(&*url.host(), "localhost" | "127.0.0.1" | "::1");
        let plain = self
            .url
            .as_ref()
            .is_some_and(|url| !url.is_tls() && !local(url));
        let named = |file: &RelativePathBuf| !file.original().as_os_str().is_empty();
        let secrets = secret(&self.password) || secret(&self.token);
        plain && (secrets || named(&self.password_file) || named(&self.token_file))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Config, test_config};
    use super::*;

    #[test]
    fn a_broker_has_an_address_with_a_usual_port() {
        for (text, host, port, tls) in [
            ("nats://bus.test", "bus.test", 4222, false),
            ("tls://10.0.0.1:5000", "10.0.0.1", 5000, true),
            ("redis://[::1]/", "::1", 6379, false),
            ("rediss://bus.test:7000", "bus.test", 7000, true),
        ] {
            let url = BrokerUrl::try_from(text.to_owned()).unwrap();
            assert_eq!((&*url.host(), url.port(), url.is_tls()), (host, port, tls));
        }
    }

    #[test]
    fn what_does_not_fit_together_is_refused_and_nothing_secret_is_shown() {
        for (text, expected) in [
            ("kind = \"nats\"", "bus.url"),
            ("url = \"nats://a\"", "bus.kind"),
            ("kind = \"redis\"\nurl = \"nats://a\"", "another kind"),
            (
                "kind = \"nats\"\nurl = \"nats://ann:hush@a\"",
                "bus.password_file",
            ),
            (
                "kind = \"nats\"\nurl = \"http://hush\"",
                "not the address of a broker",
            ),
            ("prefix = \"a..b\"", "bus.prefix"),
            ("prefix = \"a.*\"", "bus.prefix"),
            (
                "kind = \"nats\"\nurl = \"nats://a\"\nuser = \"ann\"",
                "password is missing",
            ),
            (
                "kind = \"nats\"\nurl = \"nats://a\"\ntoken = \"hush\"\npassword = \"hush\"",
                "not both",
            ),
            (
                "kind = \"redis\"\nurl = \"redis://a\"\ntoken = \"hush\"",
                "only NATS",
            ),
            (
                "kind = \"redis\"\nurl = \"redis://a\"\npassword_file = \"/no/such\"",
                "/no/such",
            ),
        ] {
            let told = Config::from_text(&format!("[bus]\n{text}"))
                .unwrap_err()
                .to_string();
            assert!(told.contains(expected), "{text}: {told}");
            assert!(!told.contains("hush"), "{told}");
        }
        let config = test_config("[bus]\nkind = \"nats\"\nurl = \"nats://a\"\ntoken = \"hush\"");
        assert!(config.bus.is_bare() && !format!("{:?}", config.bus).contains("hush"));
        assert!(!test_config("").bus.is_bare());
    }
}
