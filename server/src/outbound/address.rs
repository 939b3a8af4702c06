//! Where a call goes, and who chose the address.
//!
//! In the path: connectors make an [`Address`] of a URL; [`super::Outbound`] takes nothing else.
//!
//! Invariant: only [`Address::configured`] may lead into private networks, and it is only for addresses that the
//! operator wrote.

use std::fmt;

use url::{Host, Url};

use super::ranges::{Range, must_be_public};
use crate::limits::FOREIGN_URL_BYTES;

/// A checked URL.
#[derive(Clone, PartialEq, Eq)]
pub struct Address {
    url: Url,
    guarded: bool,
}

/// Why a URL is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddressError {
    /// It has the wrong form.
    #[error("it is not a URL")]
    NotUrl,
    /// `ftp`, `file`, …
    #[error("its scheme is not http or https")]
    Scheme,
    /// It comes from a stranger and does not use TLS.
    #[error("its scheme is not https, and its origin is not listed")]
    Plain,
    /// It has a name or a password in front of the host. Those belong into headers, which are never logged.
    #[error("it has a user or a password in it")]
    UserInfo,
    /// It comes from a stranger and is longer than [`FOREIGN_URL_BYTES`].
    #[error("it is longer than {FOREIGN_URL_BYTES} bytes")]
    TooLong,
    /// It comes from a stranger and is not on the public internet.
    #[error("it leads to {0}")]
    Range(Range),
}

impl Address {
    /// An address that the operator wrote. It may be private and without TLS, and it uses the proxy of the environment.
    ///
    /// # Errors
    /// If its scheme is neither http nor https, or it has a user in it.
    pub fn configured(url: Url) -> Result<Self, AddressError> {
        well_formed(&url)?;
        Ok(Self {
            url,
            guarded: false,
        })
    }

    /// An address that came from a bot, a page or a callback. If the operator has listed its origin (scheme, host and
    /// port), it counts as configured. Its name is looked up, and the result is checked, when it is called.
    ///
    /// # Errors
    /// If it is not a URL, not https, too long, has a user in it, or leads away from the public internet.
    pub fn foreign(url: &str, listed: &[Url]) -> Result<Self, AddressError> {
        if url.len() > FOREIGN_URL_BYTES {
            return Err(AddressError::TooLong);
        }
        let url = Url::parse(url).map_err(|_| AddressError::NotUrl)?;
        well_formed(&url)?;
        if listed.iter().any(|it| it.origin() == url.origin()) {
            return Self::configured(url);
        }
        if url.scheme() != "https" {
            return Err(AddressError::Plain);
        }
        // A name that leads away from the public internet is also found when it is looked up. An address in digits is
        // not looked up.
        match url.host() {
            Some(Host::Ipv4(ip)) => must_be_public(ip.into()).map_err(AddressError::Range)?,
            Some(Host::Ipv6(ip)) => must_be_public(ip.into()).map_err(AddressError::Range)?,
            Some(Host::Domain(name)) if is_localhost(name) => {
                return Err(AddressError::Range(Range::Loopback));
            }
            Some(Host::Domain(_)) => {}
            None => return Err(AddressError::NotUrl),
        }
        Ok(Self { url, guarded: true })
    }

    /// An address as a stranger's, but unchecked, because tests have no certificate.
    #[cfg(test)]
    pub(super) fn guarded_without_tls(url: &str) -> Self {
        let url = Url::parse(url).unwrap();
        Self { url, guarded: true }
    }

    /// The URL, including any keys in its query.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Host and port, which may be logged: `bot.example:443`.
    pub fn authority(&self) -> String {
        let host = self.url.host_str().unwrap_or_default();
        let port = self.url.port_or_known_default().unwrap_or_default();
        format!("{host}:{port}")
    }

    /// True if a stranger chose it.
    pub(super) fn is_guarded(&self) -> bool {
        self.guarded
    }
}

/// Shows only host and port, because the rest may hold keys.
impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Address")
            .field("authority", &self.authority())
            .field("guarded", &self.guarded)
            .finish_non_exhaustive()
    }
}

fn well_formed(url: &Url) -> Result<(), AddressError> {
    if !matches!(url.scheme(), "http" | "https") {
        return Err(AddressError::Scheme);
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(AddressError::UserInfo);
    }
    Ok(())
}

/// Whether this is a name of this machine, whatever the resolver says.
fn is_localhost(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    name == "localhost" || name.ends_with(".localhost")
}

#[cfg(test)]
mod tests {
    use super::super::error::OutboundError;
    use super::*;

    const LOOPBACK: AddressError = AddressError::Range(Range::Loopback);

    #[test]
    fn a_strangers_address_is_refused_in_every_spelling() {
        let private = AddressError::Range(Range::Private);
        let metadata = AddressError::Range(Range::Metadata);
        let embedded = AddressError::Range(Range::Embedded);
        let unspecified = AddressError::Range(Range::Unspecified);
        for (url, error) in [
            ("", AddressError::NotUrl),
            ("bot.example", AddressError::NotUrl),
            ("//bot.example/", AddressError::NotUrl),
            ("https://", AddressError::NotUrl),
            ("https://exa mple/", AddressError::NotUrl),
            ("https://[fe80::1%25eth0]/", AddressError::NotUrl),
            ("https://1.2.3.4.5/", AddressError::NotUrl),
            ("https://256.0.0.1/", AddressError::NotUrl),
            ("https://bot.example:99999/", AddressError::NotUrl),
            ("file:///etc/passwd", AddressError::Scheme),
            ("ftp://bot.example/", AddressError::Scheme),
            ("gopher://bot.example/", AddressError::Scheme),
            ("data:text/plain,hi", AddressError::Scheme),
            ("ws://bot.example/", AddressError::Scheme),
            ("unix:/run/docker.sock", AddressError::Scheme),
            ("http://bot.example/", AddressError::Plain),
            ("http://127.0.0.1/", AddressError::Plain),
            ("https://user@bot.example/", AddressError::UserInfo),
            ("https://user:word@bot.example/", AddressError::UserInfo),
            ("https://:word@bot.example/", AddressError::UserInfo),
            ("https://bot.example@127.0.0.1/", AddressError::UserInfo),
            ("https://localhost/", LOOPBACK),
            ("https://LocalHost:8443/", LOOPBACK),
            ("https://localhost./", LOOPBACK),
            ("https://bot.localhost/", LOOPBACK),
            ("https://ｌｏｃａｌｈｏｓｔ/", LOOPBACK),
            ("https://127.0.0.1/", LOOPBACK),
            ("https://127.0.0.1./", LOOPBACK),
            ("https://127.1/", LOOPBACK),
            ("https://127.0.1/", LOOPBACK),
            ("https://2130706433/", LOOPBACK),
            ("https://2130706433./", LOOPBACK),
            ("https://0x7f000001/", LOOPBACK),
            ("https://0x7F.1/", LOOPBACK),
            ("https://017700000001/", LOOPBACK),
            ("https://0177.0.0.1/", LOOPBACK),
            ("https://0177.0x0.0.1/", LOOPBACK),
            ("https://%31%32%37.0.0.1/", LOOPBACK),
            ("https://１２７.０.０.１/", LOOPBACK),
            ("https://①②⑦.0.0.1/", LOOPBACK),
            ("https://127。0。0。1/", LOOPBACK),
            ("https:/\\127.0.0.1/", LOOPBACK),
            ("https:127.0.0.1", LOOPBACK),
            ("https://127.0.0.1#@bot.example/", LOOPBACK),
            ("https://127.0.0.1\\@bot.example/", LOOPBACK),
            ("\thttps://127.0.0.1/", LOOPBACK),
            ("ht\ntps://127.0.0.1/", LOOPBACK),
            ("https://[::1]/", LOOPBACK),
            ("https://[0:0:0:0:0:0:0:1]/", LOOPBACK),
            ("https://0/", unspecified),
            ("https://0.0.0.0/", unspecified),
            ("https://[::]/", unspecified),
            ("https://10.1.2.3/", private),
            ("https://0xa.1.2.3/", private),
            ("https://172.16.0.1/", private),
            ("https://192.168.1.1/", private),
            ("https://3232235777/", private),
            ("https://[fd12::1]/", private),
            ("https://169.254.169.254/latest/meta-data/", metadata),
            ("https://2852039166/", metadata),
            ("https://0xa9fea9fe/", metadata),
            ("https://0251.0376.0251.0376/", metadata),
            ("https://[fd00:ec2::254]/", metadata),
            ("https://[64:ff9b::a9fe:a9fe]/", metadata),
            ("https://[::ffff:127.0.0.1]/", embedded),
            ("https://[::ffff:7f00:1]/", embedded),
            ("https://[::127.0.0.1]/", embedded),
            ("https://[2002:7f00:1::]/", embedded),
        ] {
            let refused = Address::foreign(url, &[]).map(|_| ());
            assert_eq!(refused, Err(error), "{url}");
        }
        let long = format!("https://bot.example/{}", "a".repeat(FOREIGN_URL_BYTES));
        assert_eq!(Address::foreign(&long, &[]), Err(AddressError::TooLong));
    }

    #[test]
    fn a_strangers_address_on_the_public_internet_passes() {
        for (url, authority) in [
            ("https://bot.example/hook?key=1", "bot.example:443"),
            ("https://BOT.example:8443/", "bot.example:8443"),
            ("https://bot.example./", "bot.example.:443"),
            ("https://bücher.example/", "xn--bcher-kva.example:443"),
            ("https://localhost.example/", "localhost.example:443"),
            ("https://mylocalhost/", "mylocalhost:443"),
            ("https://8.8.8.8/", "8.8.8.8:443"),
            ("https://134744072/", "8.8.8.8:443"),
            ("https://[2606:4700::1111]:444/", "[2606:4700::1111]:444"),
        ] {
            let address = Address::foreign(url, &[]).expect(url);
            assert!(address.is_guarded(), "{url}");
            assert_eq!(address.authority(), authority, "{url}");
        }
    }

    #[test]
    fn a_listed_origin_counts_as_configured_and_only_exactly() {
        let listed = [
            Url::parse("http://localhost:3978").unwrap(),
            Url::parse("https://10.0.0.5").unwrap(),
        ];
        for url in [
            "http://localhost:3978/v3/x",
            "https://10.0.0.5:443/",
            "https://0xa.0.0.5/",
        ] {
            let address = Address::foreign(url, &listed).expect(url);
            assert!(!address.is_guarded(), "{url}");
        }
        for (url, error) in [
            ("https://localhost:3978/", LOOPBACK),
            ("http://localhost/", AddressError::Plain),
            ("http://localhost:3979/", AddressError::Plain),
            ("http://localhost:3978@127.0.0.1/", AddressError::UserInfo),
            ("http://10.0.0.5/", AddressError::Plain),
            (
                "https://10.0.0.5:8443/",
                AddressError::Range(Range::Private),
            ),
        ] {
            let refused = Address::foreign(url, &listed).map(|_| ());
            assert_eq!(refused, Err(error), "{url}");
        }
    }

    #[test]
    fn a_configured_address_may_be_private_but_holds_no_password() {
        for url in ["http://127.0.0.1:11434/v1", "http://ollama:11434"] {
            let address = Address::configured(Url::parse(url).unwrap()).expect(url);
            assert!(!address.is_guarded(), "{url}");
        }
        for (url, error) in [
            ("ftp://127.0.0.1/", AddressError::Scheme),
            ("http://me:word@127.0.0.1/", AddressError::UserInfo),
        ] {
            let refused = Address::configured(Url::parse(url).unwrap()).map(|_| ());
            assert_eq!(refused, Err(error), "{url}");
        }
    }

    #[test]
    fn neither_path_nor_query_is_told() {
        let url = Url::parse("https://bot.example/secret-path?key=secret-key").unwrap();
        let text = format!("{:?}", Address::configured(url).unwrap());
        assert!(!text.contains("secret"), "{text}");
        assert!(text.contains("bot.example:443"), "{text}");
        let refused = Address::foreign("https://127.0.0.1/?key=secret", &[]).unwrap_err();
        let text = OutboundError::from(refused).to_string();
        assert_eq!(
            text,
            "an address: it is refused: it leads to a loopback address"
        );
    }
}
