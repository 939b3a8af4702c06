//! Values of the configuration that are parsed once, and cannot be wrong afterwards.
//!
//! In the path: serde calls the `TryFrom<String>` of each type while the configuration is read. Handlers only see the
//! finished value.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Deserializer};
use url::Url;

/// Origins that may embed a bot or call the API for an app: one exact origin, or any port of this machine.
///
/// `https://www.example.com`, `http://localhost:*`, `http://127.0.0.1:*`, `http://[::1]:*`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct OriginPattern {
    /// The origin as browsers write it. In a loopback pattern it has no port.
    origin: String,
    any_port: bool,
}

impl OriginPattern {
    /// Whether the value of an `Origin` header matches this pattern.
    pub fn matches(&self, origin: &str) -> bool {
        if !self.any_port {
            return origin == self.origin;
        }
        match origin.strip_prefix(self.origin.as_str()) {
            Some("") => true,
            Some(rest) => rest
                .strip_prefix(':')
                .is_some_and(|port| !port.is_empty() && port.parse::<u16>().is_ok()),
            None => false,
        }
    }
}

/// The pattern as it is written in the configuration, which is also a valid source of a
/// `Content-Security-Policy`.
impl fmt::Display for OriginPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.origin)?;
        if self.any_port {
            f.write_str(":*")
        } else {
            Ok(())
        }
    }
}

impl TryFrom<String> for OriginPattern {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let Some(base) = text.strip_suffix(":*") else {
            return Ok(Self {
                origin: exact_origin(&text, &["http", "https"])?,
                any_port: false,
            });
        };
        let origin = exact_origin(base, &["http", "https"])?;
        let host = origin.split_once("://").map_or("", |(_, host)| host);
        if !matches!(host, "localhost" | "127.0.0.1" | "[::1]") {
            return Err(format!(
                "`{text}` has a wildcard port, which only localhost, 127.0.0.1 and [::1] may have; name the port"
            ));
        }
        Ok(Self {
            origin,
            any_port: true,
        })
    }
}

/// One exact origin that the widget may connect to, for example `wss://rtm.example.com`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct ConnectOrigin(String);

impl ConnectOrigin {
    /// The origin as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for ConnectOrigin {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        exact_origin(&text, &["http", "https", "ws", "wss"]).map(Self)
    }
}

/// Where pictures in a bot's messages may come from: `https:` (any host) or one exact origin.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct ImageSource(String);

impl ImageSource {
    /// The source as it stands in a `Content-Security-Policy`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Any host, as long as the connection to it is encrypted.
    pub fn any_https() -> Self {
        Self("https:".to_owned())
    }
}

impl TryFrom<String> for ImageSource {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text == "https:" {
            Ok(Self::any_https())
        } else {
            exact_origin(&text, &["http", "https"]).map(Self)
        }
    }
}

/// The text of an origin in the form in which browsers send it, or why it is not one.
fn exact_origin(text: &str, schemes: &[&str]) -> Result<String, String> {
    let wrong = || {
        format!(
            "`{text}` is not an origin; write {}://host or {}://host:port, without a path",
            schemes.last().copied().unwrap_or("https"),
            schemes.last().copied().unwrap_or("https")
        )
    };
    let url = Url::parse(text).map_err(|_| wrong())?;
    let bare = url.path().trim_matches('/').is_empty()
        && !text.ends_with('/')
        && url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none();
    if !bare || !schemes.contains(&url.scheme()) || url.host_str().is_none() || text.contains('*') {
        return Err(wrong());
    }
    Ok(url.origin().ascii_serialization())
}

/// An absolute `http(s)` address on which others are based. Its path ends in `/`.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct BaseUrl(Url);

impl BaseUrl {
    /// The address as text, ending in `/`.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Scheme, host and port, as browsers write an origin.
    pub fn origin(&self) -> String {
        self.0.origin().ascii_serialization()
    }

    /// The origin of its sockets: `wss://…` for an `https` address, or else `ws://…`.
    pub fn socket_origin(&self) -> String {
        self.origin().replacen("http", "ws", 1)
    }

    /// The path, `/` or `/…/`.
    pub fn path(&self) -> &str {
        self.0.path()
    }

    /// True for `https`.
    pub fn is_https(&self) -> bool {
        self.0.scheme() == "https"
    }

    /// An address below this one; `path` has no leading slash.
    pub fn at(&self, path: &str) -> String {
        format!("{}{}", self.0, path.trim_start_matches('/'))
    }
}

impl fmt::Debug for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl TryFrom<String> for BaseUrl {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let wrong =
            || format!("`{text}` is not an address; write https://host/ or https://host/path/");
        let mut url = Url::parse(&text).map_err(|_| wrong())?;
        let plain = url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none();
        if !plain || !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
            return Err(wrong());
        }
        if !url.path().ends_with('/') {
            let path = format!("{}/", url.path());
            url.set_path(&path);
        }
        Ok(Self(url))
    }
}

/// A length of time: `250ms`, `30s`, `5m`, `12h`, `400d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct Period(pub Duration);

impl Period {
    /// Whole milliseconds.
    pub fn millis(self) -> u64 {
        crate::clock::whole_millis(self.0)
    }

    /// Whole seconds.
    pub fn seconds(self) -> u64 {
        self.0.as_secs()
    }
}

impl TryFrom<String> for Period {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let wrong = || {
            format!("`{text}` is not a length of time; write for example 250ms, 30s, 5m, 12h or 7d")
        };
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        let number: u64 = number.parse().map_err(|_| wrong())?;
        let millis: u64 = match unit {
            "ms" => 1,
            "s" => 1000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return Err(wrong()),
        };
        number
            .checked_mul(millis)
            .map(|ms| Self(Duration::from_millis(ms)))
            .ok_or_else(wrong)
    }
}

/// A number of bytes: `0`, `512KiB`, `256MiB`, `2GiB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct Size(u64);

impl Size {
    /// Bytes.
    pub fn bytes(self) -> u64 {
        self.0
    }
}

impl TryFrom<String> for Size {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let wrong = || {
            format!(
                "`{text}` is not a number of bytes; write for example 512KiB, 256MiB, 2GiB or 0"
            )
        };
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        let number: u64 = number.parse().map_err(|_| wrong())?;
        let bytes: u64 = match unit {
            "" if number == 0 => 1,
            "KiB" => 1 << 10,
            "MiB" => 1 << 20,
            "GiB" => 1 << 30,
            _ => return Err(wrong()),
        };
        number.checked_mul(bytes).map(Self).ok_or_else(wrong)
    }
}

/// Reads `""` as "not set", so that the default configuration can name every key.
pub(super) fn empty_is_none<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: TryFrom<String>,
    T::Error: fmt::Display,
{
    let text = String::deserialize(deserializer)?;
    if text.is_empty() {
        return Ok(None);
    }
    T::try_from(text)
        .map(Some)
        .map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> OriginPattern {
        OriginPattern::try_from(text.to_owned()).unwrap()
    }

    #[test]
    fn an_exact_origin_matches_itself_only() {
        let shop = pattern("https://shop.example.com");
        assert!(shop.matches("https://shop.example.com"));
        for other in [
            "http://shop.example.com",
            "https://shop.example.com:8443",
            "https://shop.example.com.evil.test",
            "https://evil.shop.example.com",
            "https://shop.example.co",
            "https://shop.example.com/",
            "null",
            "",
        ] {
            assert!(!shop.matches(other), "{other}");
        }
    }

    #[test]
    fn a_loopback_pattern_matches_every_port_and_no_other_host() {
        let local = pattern("http://localhost:*");
        for own in [
            "http://localhost",
            "http://localhost:1",
            "http://localhost:65535",
        ] {
            assert!(local.matches(own), "{own}");
        }
        for other in [
            "https://localhost:1",
            "http://localhost:",
            "http://localhost:99999",
            "http://localhost:80@evil.test",
            "http://localhost.evil.test",
            "http://localhost:1/",
            "http://127.0.0.1:1",
        ] {
            assert!(!local.matches(other), "{other}");
        }
    }

    #[test]
    fn default_ports_and_case_are_written_as_browsers_write_them() {
        assert!(pattern("https://Shop.Example.com:443").matches("https://shop.example.com"));
    }

    #[test]
    fn what_is_not_an_origin_is_refused_with_the_way_to_write_it() {
        for wrong in [
            "*",
            "https://*.example.com",
            "https://shop.example.com:*",
            "https://shop.example.com/",
            "https://shop.example.com/path",
            "https://user@shop.example.com",
            "shop.example.com",
            "ftp://shop.example.com",
            "null",
        ] {
            let error = OriginPattern::try_from(wrong.to_owned()).unwrap_err();
            assert!(
                error.contains("write") || error.contains("name the port"),
                "{wrong}: {error}"
            );
        }
    }

    #[test]
    fn a_base_address_always_ends_in_a_slash() {
        let base = BaseUrl::try_from("https://chat.example.com/api".to_owned()).unwrap();
        assert_eq!(base.as_str(), "https://chat.example.com/api/");
        assert_eq!(
            base.at("rtm/start"),
            "https://chat.example.com/api/rtm/start"
        );
        assert_eq!(base.origin(), "https://chat.example.com");
        assert_eq!(base.socket_origin(), "wss://chat.example.com");
        assert!(BaseUrl::try_from("https://chat.example.com/?x=1".to_owned()).is_err());
        assert!(BaseUrl::try_from("javascript:alert(1)".to_owned()).is_err());
    }

    #[test]
    fn numbers_of_bytes_have_a_unit() {
        let size = |text: &str| Size::try_from(text.to_owned()).map(Size::bytes);
        assert_eq!(size("0"), Ok(0));
        assert_eq!(size("512KiB"), Ok(512 * 1024));
        assert_eq!(size("2GiB"), Ok(2 << 30));
        for wrong in [
            "",
            "5",
            "MiB",
            "-5MiB",
            "1.5GiB",
            "5 MiB",
            "5MB",
            "99999999999GiB",
        ] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn lengths_of_time_have_a_unit() {
        let period = |text: &str| Period::try_from(text.to_owned()).map(Period::millis);
        assert_eq!(period("250ms"), Ok(250));
        assert_eq!(period("30m"), Ok(1_800_000));
        for wrong in [
            "",
            "5",
            "m",
            "-5s",
            "1.5h",
            "5 s",
            "99999999999999999999d",
            "18446744073709551615d",
        ] {
            assert!(period(wrong).is_err(), "{wrong}");
        }
    }
}
