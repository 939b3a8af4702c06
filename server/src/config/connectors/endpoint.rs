//! An address to call.

use std::fmt;

use serde::Deserialize;
use url::Url;

/// An absolute `http(s)` address of the operator, without a user in it. It may have a query, which addresses below it
/// keep.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Endpoint(Url);

impl Endpoint {
    /// The address itself.
    pub fn url(&self) -> &Url {
        &self.0
    }

    /// An address below this one, for example `chat/completions`, with the same query.
    pub fn below(&self, path: &str) -> Url {
        let mut url = self.0.clone();
        let path = format!("{}/{path}", url.path().trim_end_matches('/'));
        url.set_path(&path);
        url
    }
}

/// Shows neither path nor query, because they may hold keys.
impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.origin().ascii_serialization())
    }
}

impl TryFrom<String> for Endpoint {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        // The text itself is left out, because it may hold a password.
        let wrong = |what: &str| {
            format!(
                "{what}; write https://host/path or http://host:port/path, keys belong into `key_file` or `headers`"
            )
        };
        let url = Url::parse(&text).map_err(|_| wrong("this is not an address"))?;
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
            return Err(wrong("this is not an address of http or https"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(wrong("the address has a user or a password in it"));
        }
        if url.fragment().is_some() {
            return Err(wrong("the address has a `#` in it"));
        }
        Ok(Self(url))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(text: &str) -> Result<Endpoint, String> {
        Endpoint::try_from(text.to_owned())
    }

    #[test]
    fn what_lies_below_keeps_the_query() {
        for (base, below) in [
            (
                "http://127.0.0.1:11434/v1",
                "http://127.0.0.1:11434/v1/chat/completions",
            ),
            ("https://a.test/v1/", "https://a.test/v1/chat/completions"),
            ("https://a.test", "https://a.test/chat/completions"),
            (
                "https://a.openai.azure.com/openai/deployments/gpt?api-version=2024-10-21",
                "https://a.openai.azure.com/openai/deployments/gpt/chat/completions?api-version=2024-10-21",
            ),
        ] {
            let found = endpoint(base).unwrap().below("chat/completions");
            assert_eq!(found.as_str(), below);
        }
    }

    #[test]
    fn what_is_no_address_is_refused_and_not_repeated() {
        for wrong in [
            "",
            "localhost:11434/v1",
            "/v1",
            "ftp://a.test/",
            "https://me:secret@a.test/",
            "https://secret@a.test/",
            "https://a.test/#secret",
        ] {
            let error = endpoint(wrong).unwrap_err();
            assert!(
                error.contains("write https://host/path"),
                "{wrong}: {error}"
            );
            assert!(!error.contains("secret"), "{error}");
        }
        let shown = format!(
            "{:?}",
            endpoint("https://a.test/secret?key=secret").unwrap()
        );
        assert_eq!(shown, "https://a.test");
    }
}
