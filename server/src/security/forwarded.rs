//! Reads the header `Forwarded` (RFC 7239).
//!
//! In the path: `client_ip` asks for the hops when `server.forwarded_by` says that the proxies write this header.
//!
//! Invariant: what a stranger wrote cannot change how a line is read that a proxy added after it. Each line is read by
//! itself, and one that does not follow the grammar is one hop that says nothing.

use http::{HeaderMap, header};

/// What one proxy says about the request that it passed on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hop {
    /// `for`: who asked the proxy. An address with or without port, `unknown`, or a name that hides who it is.
    pub asked_by: Option<String>,
    /// `proto`: how.
    pub scheme: Option<String>,
}

/// The hops, last first, over all lines.
pub fn from_the_right(headers: &HeaderMap) -> Vec<Hop> {
    let lines = headers.get_all(header::FORWARDED).iter();
    let mut hops: Vec<Hop> = lines
        .flat_map(|line| {
            let line = line.to_str().ok().and_then(read);
            line.unwrap_or_else(|| vec![Hop::default()])
        })
        .collect();
    hops.reverse();
    hops
}

/// The hops of one line, first first. `None`: this is not the grammar.
fn read(line: &str) -> Option<Vec<Hop>> {
    let mut rest = line.trim_start();
    let mut hops = vec![Hop::default()];
    loop {
        // Empty pairs are allowed: `;;` and a line that is empty.
        if !rest.is_empty() && !rest.starts_with([',', ';']) {
            let (name, after) = rest.split_once('=')?;
            let (value, after) = value(after)?;
            let hop = hops.last_mut()?;
            let known = match name.to_ascii_lowercase().as_str() {
                "for" => Some(&mut hop.asked_by),
                "proto" => Some(&mut hop.scheme),
                // `by` and `host` are not needed.
                other if is_token(other) => None,
                _ => return None,
            };
            // A name that is there twice in one hop is a mistake or an attack.
            if known.is_some_and(|known| known.replace(value).is_some()) {
                return None;
            }
            rest = after.trim_start();
        }
        match rest.split_at_checked(1) {
            None => return Some(hops),
            Some((",", after)) => {
                hops.push(Hop::default());
                rest = after.trim_start();
            }
            Some((";", after)) => rest = after.trim_start(),
            Some(_) => return None,
        }
    }
}

/// A token or a quoted string, and what follows it.
fn value(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text
            .find(|c: char| c.is_whitespace() || ",;".contains(c))
            .unwrap_or(text.len());
        let (token, rest) = text.split_at(end);
        // An IPv6 address and a port want quotes, and some proxies forget them.
        let plain = |c: char| is_token_character(c) || "[]:".contains(c);
        return (!token.is_empty() && token.chars().all(plain)).then(|| (token.to_owned(), rest));
    };
    let mut said = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((said, &quoted[at + 1..])),
            '\\' => said.push(characters.next()?.1),
            other => said.push(other),
        }
    }
    // The quote has no end.
    None
}

fn is_token(text: &str) -> bool {
    !text.is_empty() && text.chars().all(is_token_character)
}

fn is_token_character(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn hops(lines: &[&str]) -> Vec<(String, String)> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(header::FORWARDED, line.parse().unwrap());
        }
        let text = |part: Option<String>| part.unwrap_or_else(|| "-".to_owned());
        let hops = from_the_right(&headers).into_iter();
        hops.map(|hop| (text(hop.asked_by), text(hop.scheme)))
            .collect()
    }

    fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
        let owned = |(a, b): &(&str, &str)| ((*a).to_owned(), (*b).to_owned());
        expected.iter().map(owned).collect()
    }

    #[test]
    fn the_examples_of_the_rfc_are_read() {
        for (line, expected) in [
            ("for=\"_gazonk\"", &[("_gazonk", "-")][..]),
            (
                "For=\"[2001:db8:cafe::17]:4711\"",
                &[("[2001:db8:cafe::17]:4711", "-")],
            ),
            (
                "for=192.0.2.60;proto=http;by=203.0.113.43",
                &[("192.0.2.60", "http")],
            ),
            (
                "for=192.0.2.43, for=198.51.100.17;PROTO=https",
                &[("198.51.100.17", "https"), ("192.0.2.43", "-")],
            ),
            (
                "for=_hidden, for=_SEVKISEK",
                &[("_SEVKISEK", "-"), ("_hidden", "-")],
            ),
            (
                "for=\"a\\\"b, c;d\" ; proto=https",
                &[("a\"b, c;d", "https")],
            ),
            ("for=192.0.2.43:47011", &[("192.0.2.43:47011", "-")]),
            ("host=chat.example.com:8443", &[("-", "-")]),
            (";for=192.0.2.1;", &[("192.0.2.1", "-")]),
        ] {
            assert_eq!(hops(&[line]), pairs(expected), "{line}");
        }
        let two = ["for=192.0.2.1;proto=https", "for=10.0.0.1"];
        let expected = pairs(&[("10.0.0.1", "-"), ("192.0.2.1", "https")]);
        assert_eq!(hops(&two), expected);
    }

    #[test]
    fn what_is_not_the_grammar_says_nothing_and_spoils_no_other_line() {
        for wrong in [
            "for=\"192.0.2.1",
            "for",
            "for=",
            "for=192.0.2.1 proto=https",
            "for=192.0.2.1;for=192.0.2.2",
            "for=a\"b",
            "f or=192.0.2.1",
            "for=\"192.0.2.1\"x",
            "192.0.2.1",
        ] {
            assert_eq!(hops(&[wrong]), pairs(&[("-", "-")]), "{wrong}");
            let added = hops(&[wrong, "for=192.0.2.9;proto=https"]);
            assert_eq!(added[0], pairs(&[("192.0.2.9", "https")])[0], "{wrong}");
        }
        assert_eq!(hops(&[]), Vec::new());
    }

    proptest! {
        #[test]
        fn whatever_a_stranger_writes_the_hop_of_a_later_line_is_the_first(line in "[ -~]{0,60}") {
            let added = hops(&[&line, "for=192.0.2.9;proto=https"]);
            prop_assert_eq!(&added[0], &pairs(&[("192.0.2.9", "https")])[0]);
        }
    }
}
