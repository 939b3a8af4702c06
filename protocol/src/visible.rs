//! Whether a text shows anything.
//!
//! This is about whole texts only. Inside a text, joiners combine several characters into an emoji, and Persian words
//! need them.

/// Whether this text shows nothing. A message of it would be an empty bubble.
///
/// ```
/// use protocol::visible::is_blank;
/// assert!(is_blank(" \u{200b}\n"));
/// assert!(!is_blank("\u{200b}a"));
/// ```
#[must_use]
pub fn is_blank(text: &str) -> bool {
    text.chars().all(|c| c.is_whitespace() || is_unseen(c))
}

/// Whether a character is invisible: controls, joiners, direction marks, fillers, variation selectors, tags.
#[must_use]
pub fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}'
                | '\u{34f}'
                | '\u{61c}'
                | '\u{115f}'
                | '\u{1160}'
                | '\u{17b4}'
                | '\u{17b5}'
                | '\u{180b}'..='\u{180f}'
                | '\u{200b}'..='\u{200f}'
                | '\u{202a}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{2800}'
                | '\u{3164}'
                | '\u{fe00}'..='\u{fe0f}'
                | '\u{feff}'
                | '\u{ffa0}'
                | '\u{fff0}'..='\u{fff8}'
                | '\u{1d173}'..='\u{1d17a}'
                | '\u{e0000}'..='\u{e0fff}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_visible_is_blank_and_what_joins_letters_is_not() {
        for text in [
            "",
            " \n\t",
            "\u{200b}",
            "\u{a0}\u{3000}\u{feff}",
            "\u{200d}\u{200c}\u{2060}",
            "\u{202e}\u{2066}",
            "\u{fe0f}",
            "\u{3164}",
            "\u{2800}",
            "\0",
        ] {
            assert!(is_blank(text), "{text:?}");
        }
        for text in [
            "👩\u{200d}👩\u{200d}👧",
            "می\u{200c}خواهم",
            "\u{200b}.",
            "❤\u{fe0f}",
            "\u{301}",
            "\u{fffd}",
        ] {
            assert!(!is_blank(text), "{text:?}");
        }
    }
}
