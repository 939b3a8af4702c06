//! Which addresses a message may point to.
//!
//! Bots echo what visitors typed, so every address is hostile until it is one of these.

/// Longer addresses are no links.
const MAX_LINK_BYTES: usize = 4096;

/// Longer addresses are no pictures; long enough for a small one in the address itself.
const MAX_IMAGE_BYTES: usize = 512 * 1024;

/// An address that may be opened: http, https, mailto or tel; `www.…` gets `https://`.
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
    known.then_some(address)
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

/// Without what browsers drop (and what could hide a scheme), and without characters that are
/// not seen or turn the text around; an inner blank becomes `%20`.
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

/// Whether the address begins with `prefix`, in any case, and goes on.
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
