//! Half a character: JSON writes those beyond U+FFFF as two escapes, and programs that cut a text by
//! JavaScript's count of letters send one without the other.
//!
//! In the path: `text` reads by the same rules; [`from_text`] and [`from_bytes`] bring `serde_json`,
//! which refuses the whole text for it, to do the same.

use std::borrow::Cow;
use std::ops::RangeInclusive;

use serde::de::DeserializeOwned;

/// The first halves.
pub(super) const HIGH: RangeInclusive<u16> = 0xD800..=0xDBFF;

/// The second halves.
pub(super) const LOW: RangeInclusive<u16> = 0xDC00..=0xDFFF;

/// The bytes of an escape by number: `\ud83d`.
const ESCAPE: usize = 6;

/// What stands in the place of a half alone: as long as it, so that places in the text stay.
const REPLACEMENT: &[u8; ESCAPE] = b"\\ufffd";

/// The character of two halves.
pub(crate) fn whole(high: u16, low: u16) -> Option<char> {
    char::decode_utf16([high, low]).next()?.ok()
}

/// Reads JSON that came from outside by serde. Half a character is read as U+FFFD.
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

/// The same for bytes.
///
/// # Errors
/// Those of [`serde_json::from_slice`].
pub fn from_bytes<T: DeserializeOwned>(bytes: &[u8]) -> serde_json::Result<T> {
    serde_json::from_slice(&mended(bytes))
}

/// Looks at each backslash once, and copies only where there is something to mend.
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

/// The half that is escaped here.
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
