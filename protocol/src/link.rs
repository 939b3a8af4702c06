//! Which addresses a message may point to.
//!
//! Bots echo what visitors typed, so every address is hostile until it has been checked here.

/// A longer address is not a link.
const MAX_LINK_BYTES: usize = 4096;

/// A longer address is not a picture. The limit leaves room for a small picture inside the address itself.
const MAX_IMAGE_BYTES: usize = 512 * 1024;

/// An address that may be opened: http, https, mailto or tel. `www.…` gets `https://`.
///
/// ```
/// use protocol::link::safe_link;
/// assert_eq!(safe_link("www.example.test"), Some("https://www.example.test".into()));
/// assert_eq!(safe_link("java\nscript:alert(1)"), None);
/// ```
#[must_use]
pub fn safe_link(address: &str) -> Option<String> {
    let address = clean(address, MAX_LINK_BYTES)?;
    if has_more_than(&address, "www.") {
        return Some("https://".to_owned() + &address);
    }
    let schemes = ["http://", "https://", "mailto:", "tel:"];
    let known = schemes.iter().any(|scheme| has_more_than(&address, scheme));
    if known && has_more_than(&address, "tel:") {
        // A telephone number is written with blanks and dialled without them.
        return Some(address.replace("%20", ""));
    }
    known.then_some(address)
}

/// An address that a button or a template opens. Bots often leave out the scheme, and they never mean another page of
/// the same site. So a text that looks like a host gets `https://`.
///
/// ```
/// use protocol::link::sloppy_link;
/// assert_eq!(sloppy_link(" a.test/x "), Some("https://a.test/x".into()));
/// assert_eq!(sloppy_link("javascript:alert(1)"), None);
/// ```
#[must_use]
pub fn sloppy_link(address: &str) -> Option<String> {
    safe_link(address).or_else(|| {
        let address = clean(address, MAX_LINK_BYTES)?;
        let address = address.strip_prefix("//").unwrap_or(&address);
        let host = address.split(['/', '?', '#']).next()?;
        looks_like_host(host).then(|| ["https://", address].concat())
    })
}

/// Whether this looks like `shop.test` or `shop.test:8080`. The last part must have two letters, so that a number or an
/// abbreviation is not taken for a host.
fn looks_like_host(text: &str) -> bool {
    let (name, port) = text.split_once(':').unwrap_or((text, "443"));
    let mut parts = name.rsplit('.');
    let last = parts.next().unwrap_or_default();
    let is_part = |part: &str| {
        !part.is_empty()
            && !part.starts_with('-')
            && !part.ends_with('-')
            && part.chars().all(|c| c.is_alphanumeric() || c == '-')
    };
    let has_dot = name.len() > last.len();
    let top = last.chars().count() >= 2 && !last.starts_with(|c: char| c.is_ascii_digit());
    let port = (1..=5).contains(&port.len()) && port.bytes().all(|byte| byte.is_ascii_digit());
    has_dot && top && port && is_part(last) && parts.all(is_part)
}

/// An address that an image may come from: http, https, or a bitmap in the address itself.
#[must_use]
pub fn safe_image(address: &str) -> Option<String> {
    let address = clean(address, MAX_IMAGE_BYTES)?;
    let prefixes = [
        "http://",
        "https://",
        "data:image/png;",
        "data:image/jpeg;",
        "data:image/gif;",
        "data:image/webp;",
    ];
    let known = prefixes
        .iter()
        .any(|prefix| has_more_than(&address, prefix));
    known.then_some(address)
}

/// Whether a picture comes from one of these sources. `https:` is any host, every other source is an exact origin. The
/// origin must end there: `https://a.test@evil.test` is another host.
///
/// ```
/// use protocol::link::comes_from;
/// assert!(comes_from("https://a.test/x.png", &["https://a.test".into()]));
/// assert!(!comes_from("https://a.test.evil.test/x.png", &["https://a.test".into()]));
/// ```
#[must_use]
pub fn comes_from(address: &str, sources: &[String]) -> bool {
    sources.iter().any(|source| {
        let start = address.get(..source.len());
        let rest = address.as_bytes().get(source.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(source))
            && (source == "https:" || rest.is_none_or(|byte| b"/?#".contains(byte)))
    })
}

/// The address without the characters that browsers drop and that could hide a scheme, and without characters that are
/// invisible or turn the text around. A blank inside becomes `%20`.
fn clean(address: &str, limit: usize) -> Option<String> {
    if address.len() > limit {
        return None;
    }
    let mut out = String::with_capacity(address.len());
    for c in address.trim().chars() {
        match c {
            ' ' => out.push_str("%20"),
            '\u{ad}'
            | '\u{61c}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}' => {}
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    Some(out)
}

/// Whether the address begins with `prefix`, in any case, and has more behind it.
fn has_more_than(address: &str, prefix: &str) -> bool {
    let start = address.get(..prefix.len());
    address.len() > prefix.len() && start.is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_safe_schemes_survive() {
        for address in [
            "javascript:alert(1)",
            " JaVaScRiPt:alert(1)",
            "java\tscript:alert(1)",
            "\u{1}javascript:alert(1)",
            "data:text/html,x",
            "vbscript:x",
            "file:///etc/passwd",
            "//evil.test",
            "/relative",
            "https:",
            "http://",
            "https:/\\evil.test",
            "www.",
            "javascript://https://a.test",
            " data:text/html;base64,x",
            "blob:https://a.test/1",
            "view-source:https://a.test",
            "\u{202e}javascript:alert(1)",
            "",
        ] {
            assert_eq!(safe_link(address), None, "{address:?}");
        }
        for address in [
            "http://a.test/",
            "HTTPS://a.test",
            "mailto:a@b.test",
            "tel:+4930",
        ] {
            assert_eq!(safe_link(address).as_deref(), Some(address));
        }
        for address in [
            "data:image/svg+xml;base64,x",
            "data:text/html,x",
            "javascript:x",
            "mailto:a@b.test",
            "https://",
            "",
        ] {
            assert_eq!(safe_image(address), None, "{address:?}");
        }
        assert_eq!(
            safe_image("data:image/png;base64,x").as_deref(),
            Some("data:image/png;base64,x")
        );
    }

    #[test]
    fn a_picture_comes_from_exactly_the_sources() {
        let sources = |list: &[&str]| {
            list.iter()
                .map(|&source| source.to_owned())
                .collect::<Vec<_>>()
        };
        let one = sources(&["https://cdn.test", "http://localhost:8080"]);
        for address in [
            "https://cdn.test/x.png",
            "HTTPS://CDN.test/x.png",
            "https://cdn.test",
            "https://cdn.test?x",
            "http://localhost:8080/x.png",
        ] {
            assert!(comes_from(address, &one), "{address}");
        }
        for address in [
            "http://cdn.test/x.png",
            "https://cdn.test.evil.test/x.png",
            "https://cdn.test@evil.test/x.png",
            "https://cdn.test:8443/x.png",
            "https://cdn.test\\@evil.test/x.png",
            "https:///cdn.test/x.png",
            "https://evil.test/https://cdn.test/",
            "http://localhost/x.png",
            "data:image/png;base64,x",
            "",
        ] {
            assert!(!comes_from(address, &one), "{address}");
            assert!(!comes_from(address, &[]), "{address}");
        }
        assert!(comes_from("https://any.test/x.png", &sources(&["https:"])));
        assert!(!comes_from("http://any.test/x.png", &sources(&["https:"])));
    }

    #[test]
    fn what_looks_like_a_host_is_opened() {
        for (address, expected) in [
            ("a.test", "https://a.test"),
            (" Shop.A.test/x?y=1#z\n", "https://Shop.A.test/x?y=1#z"),
            ("a.test:8080/x", "https://a.test:8080/x"),
            ("//a.test/x", "https://a.test/x"),
            ("münchen.test", "https://münchen.test"),
            ("例え.テスト", "https://例え.テスト"),
            ("a-b.test?x", "https://a-b.test?x"),
            ("www.a.test", "https://www.a.test"),
            ("HTTPS://a.test", "HTTPS://a.test"),
            ("tel: +49 30 123", "tel:+4930123"),
            ("mailto:a@b.test", "mailto:a@b.test"),
        ] {
            assert_eq!(sloppy_link(address).as_deref(), Some(expected), "{address}");
        }
        for address in [
            "",
            "javascript:alert(1)",
            "javascript.test:alert(1)",
            "data:text/html,x",
            "java\u{200b}script:alert(1)",
            "blob:https://a.test/1",
            "file.test:/etc/passwd",
            "ftp://a.test",
            "intent:a.test",
            "sms:+49",
            "/relative",
            "///a.test",
            "more",
            "localhost",
            "1.5",
            "v1.2.3",
            "a.b",
            ".test",
            "a..test",
            "-a.test",
            "a@b.test",
            "a.test:",
            "a.test:123456",
            "two words.test",
            "a.test\\evil",
        ] {
            assert_eq!(sloppy_link(address), None, "{address}");
        }
    }

    #[test]
    fn keeps_the_address_but_for_what_browsers_drop() {
        for (address, expected) in [
            (" https://a.test/x ", "https://a.test/x"),
            ("ht\ttps://a\n.test", "https://a.test"),
            ("https://a.test/my file.pdf", "https://a.test/my%20file.pdf"),
            (
                "mailto:a@b.test?subject=Two words",
                "mailto:a@b.test?subject=Two%20words",
            ),
            ("https://a.test/\u{202e}gpj.exe", "https://a.test/gpj.exe"),
            ("WWW.a.test", "https://WWW.a.test"),
            ("https://a.test/größe", "https://a.test/größe"),
        ] {
            assert_eq!(safe_link(address).as_deref(), Some(expected));
        }
    }

    #[test]
    fn an_address_has_a_longest_length() {
        let long = |len: usize| format!("https://{}", "a".repeat(len));
        assert!(safe_link(&long(MAX_LINK_BYTES - 8)).is_some());
        assert_eq!(safe_link(&long(MAX_LINK_BYTES)), None);
        assert!(safe_image(&long(MAX_LINK_BYTES)).is_some());
        assert_eq!(safe_image(&long(MAX_IMAGE_BYTES)), None);
    }
}
