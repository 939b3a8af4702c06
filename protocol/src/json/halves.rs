//! Half a character. JSON writes characters beyond U+FFFF as two escapes. Programs that cut a text by JavaScript's
//! count of letters send one escape without the other.
//!
//! In the path: the reader in `text` accepts half a character. `serde_json` refuses the whole text because of it, so
//! [`from_text`] and [`from_bytes`] repair the text first.

use std::borrow::Cow;
use std::ops::RangeInclusive;

use serde::de::DeserializeOwned;

/// The numbers of first halves.
pub(super) const HIGH: RangeInclusive<u16> = 0xD800..=0xDBFF;

/// The numbers of second halves.
pub(super) const LOW: RangeInclusive<u16> = 0xDC00..=0xDFFF;

/// The length of a numeric escape in bytes: `\ud83d`.
const ESCAPE: usize = 6;

/// What replaces a lone half. It has the same length, so that positions in the text do not move.
const REPLACEMENT: &[u8; ESCAPE] = b"\\ufffd";

/// The character that two halves make.
pub(crate) fn whole(high: u16, low: u16) -> Option<char> {
    char::decode_utf16([high, low]).next()?.ok()
}

/// Reads JSON from outside by serde. Half a character is read as U+FFFD.
///
/// ```
/// let read: String = protocol::json::from_text(r#""thanks \ud83d""#).unwrap();
/// assert_eq!(read, "thanks \u{fffd}");
/// ```
///
/// # Errors
/// Those of [`serde_json::from_str`].
pub fn from_text<T: DeserializeOwned>(text: &str) -> serde_json::Result<T> {
    match mended(text.as_bytes()) {
        Cow::Borrowed(_) => serde_json::from_str(text),
        Cow::Owned(mended) => serde_json::from_slice(&mended),
    }
}

/// Reads bytes in the same way as [`from_text`].
///
/// # Errors
/// Those of [`serde_json::from_slice`].
pub fn from_bytes<T: DeserializeOwned>(bytes: &[u8]) -> serde_json::Result<T> {
    serde_json::from_slice(&mended(bytes))
}

/// Repairs lone halves. It looks at each backslash once, and copies only when there is something to repair.
fn mended(json: &[u8]) -> Cow<'_, [u8]> {
    let mut mended = Cow::Borrowed(json);
    let mut at = 0;
    while let Some(found) = json.get(at..).and_then(next_escape) {
        let start = at + found;
        at = start + 2;
        let Some(half) = half(json, start) else {
            continue;
        };
        at = start + ESCAPE;
        let next = self::half(json, at);
        if HIGH.contains(&half) && next.is_some_and(|next| LOW.contains(&next)) {
            at += ESCAPE;
        } else {
            mended.to_mut()[start..start + ESCAPE].copy_from_slice(REPLACEMENT);
        }
    }
    mended
}

fn next_escape(json: &[u8]) -> Option<usize> {
    json.iter().position(|byte| *byte == b'\\')
}

/// The half character that is escaped here.
fn half(json: &[u8], at: usize) -> Option<u16> {
    let digits = json.get(at..at + ESCAPE)?.strip_prefix(b"\\u")?;
    let half = u16::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()?;
    (HIGH.contains(&half) || LOW.contains(&half)).then_some(half)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_half_that_stands_alone_is_replaced() {
        for (json, expected) in [
            (r#""\ud83d""#, r#""\ufffd""#),
            (r#""\ude00""#, r#""\ufffd""#),
            (r#""\uD83Dx""#, r#""\ufffdx""#),
            (r#""\ude00\ud83d""#, r#""\ufffd\ufffd""#),
            (r#""\ud83d\u0041""#, r#""\ufffd\u0041""#),
            (r#""\ud83d\ud83d\ude00""#, r#""\ufffd\ud83d\ude00""#),
            (r#""\\\ud83d""#, r#""\\\ufffd""#),
            (r#"{"\ud83d":"\udc00"}"#, r#"{"\ufffd":"\ufffd"}"#),
        ] {
            assert_eq!(mended(json.as_bytes()), expected.as_bytes(), "{json}");
        }
        for json in [
            r#""\ud83d\ude00""#,
            r#""\\ud83d""#,
            r#""\u00e9""#,
            r#""\ud8"#,
            r#""\"#,
            "",
        ] {
            assert!(
                matches!(mended(json.as_bytes()), Cow::Borrowed(_)),
                "{json}"
            );
        }
    }
}
