//! Where this server's own addresses begin: `/`, or the path that a proxy serves it under.
//!
//! In the path: the configuration makes one of `server.public_url`. Pages, headers, redirects and forms make each of their
//! addresses with [`BasePath::at`]; the router reads the requests of a proxy that leaves the path on with [`BasePath::below`].
//!
//! **Invariant**: it begins and ends with `/` and holds nothing that an address, a cookie, a policy or a script could
//! read as anything else than a path of this host.

use std::fmt;

/// `/`, or `/…/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BasePath(String);

impl Default for BasePath {
    fn default() -> Self {
        Self("/".to_owned())
    }
}

impl BasePath {
    /// The path, if it is one of plain names.
    pub fn new(path: &str) -> Option<Self> {
        let names = path.strip_prefix('/')?;
        let plain = |name: &str| {
            // `//` would name another host, a dot alone another folder.
            !matches!(name, "" | "." | "..")
                && name
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"-_.~".contains(&b))
        };
        let fits = names.is_empty() || names.strip_suffix('/')?.split('/').all(plain);
        fits.then(|| Self(path.to_owned()))
    }

    /// Is it `/`?
    pub fn is_root(&self) -> bool {
        self.0 == "/"
    }

    /// With both slashes.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The address of something of ours; `path` without a slash at its beginning.
    pub fn at(&self, path: &str) -> String {
        [&self.0, path].concat()
    }

    /// What a request for `path` asks for, if its proxy left the base path on.
    pub fn below<'a>(&self, path: &'a str) -> Option<&'a str> {
        let whole = self.0.trim_end_matches('/');
        let rest = path.strip_prefix(whole).filter(|_| !whole.is_empty())?;
        match rest {
            "" => Some("/"),
            _ => rest.starts_with('/').then_some(rest),
        }
    }
}

impl fmt::Display for BasePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base(path: &str) -> BasePath {
        BasePath::new(path).unwrap()
    }

    #[test]
    fn every_address_lies_below_it() {
        assert_eq!(base("/").at("chat/demo"), "/chat/demo");
        assert_eq!(base("/p/").at("chat/demo"), "/p/chat/demo");
        assert_eq!(base("/a/b/").at(""), "/a/b/");
    }

    #[test]
    fn it_is_taken_away_once_and_at_a_whole_name_only() {
        let p = base("/a/p/");
        for (path, rest) in [
            ("/a/p/chat/demo", Some("/chat/demo")),
            ("/a/p/", Some("/")),
            ("/a/p", Some("/")),
            ("/a/p/a/p/x", Some("/a/p/x")),
            ("/a/p//evil.test", Some("//evil.test")),
            ("/a/pp/chat", None),
            ("/a/", None),
            ("/chat/demo", None),
        ] {
            assert_eq!(p.below(path), rest, "{path}");
        }
        assert_eq!(base("/").below("/chat/demo"), None);
    }

    #[test]
    fn what_could_be_read_as_something_else_is_none() {
        for path in [
            "",
            "p",
            "/p",
            "p/",
            "//",
            "//evil.test/",
            "/a//b/",
            "/./",
            "/../",
            "/a;b/",
            "/a,b/",
            "/a'b/",
            "/a%20b/",
            "/ä/",
        ] {
            assert_eq!(BasePath::new(path), None, "{path}");
        }
        assert!(BasePath::new("/shop-1/Chat_2.~/").is_some());
    }
}
