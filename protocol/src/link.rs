//! Which addresses a message may point to.
//!
//! Bots echo what visitors typed, so every address is hostile until it is one of these.

/// An address that may be opened: http, https, mailto or tel; `www.…` gets `https://`. Control
/// characters and blanks are dropped first, as browsers do, so that they cannot hide a scheme.
///
/// ```
/// use protocol::link::safe_link;
/// assert_eq!(safe_link("www.example.test"), Some("https://www.example.test".into()));
/// assert_eq!(safe_link("java\nscript:alert(1)"), None);
/// ```
#[must_use]
pub fn safe_link(address: &str) -> Option<String> {
    let address = clean(address);
    if starts_with(&address, "www.") {
        return Some(format!("https://{address}"));
    }
    let rest = ["http://", "https://", "mailto:", "tel:"]
        .iter()
        .find(|scheme| starts_with(&address, scheme))
        .map(|scheme| &address[scheme.len()..])?;
    (!rest.is_empty()).then(|| address.clone())
}

/// An address that an image may come from: http, https, or a bitmap in the address itself.
#[must_use]
pub fn safe_image(address: &str) -> Option<String> {
    let address = clean(address);
    let bitmap = [
        "data:image/png;",
        "data:image/jpeg;",
        "data:image/gif;",
        "data:image/webp;",
    ];
    let known = starts_with(&address, "http://")
        || starts_with(&address, "https://")
        || bitmap.iter().any(|prefix| starts_with(&address, prefix));
    known.then_some(address)
}

fn clean(address: &str) -> String {
    address
        .chars()
        .filter(|c| !c.is_control() && !c.is_whitespace())
        .collect()
}

fn starts_with(address: &str, prefix: &str) -> bool {
    address
        .get(..prefix.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(prefix))
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
        assert_eq!(safe_image("data:image/svg+xml;base64,x"), None);
        assert_eq!(
            safe_image("data:image/png;base64,x").as_deref(),
            Some("data:image/png;base64,x")
        );
    }
}
