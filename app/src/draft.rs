//! What is put into the composer besides what the visitor types: the draft of this tab, and text of the page around the
//! frame. Nothing that the visitor wrote is lost, and nothing appears twice.

use protocol::find::find;
use std::ops::Range;

/// What to do with the composer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// It is as it should be.
    Nothing,
    /// Replace its text by this.
    Set(String),
    /// Replace a part of its text, counted in bytes. The cursor stays where it is in the rest.
    Replace(Range<usize>, String),
}

/// Restores the `draft` of this tab, above what was `typed` before the wasm was there.
pub(crate) fn restored(draft: &str, typed: &str) -> Change {
    if typed.is_empty() {
        Change::Set(draft.to_owned())
    } else if find(typed, draft).is_some() {
        // The browser has restored the draft itself.
        Change::Nothing
    } else {
        Change::Replace(0..0, [draft, "\n"].concat())
    }
}

/// Puts `text` of the host page into a composer that holds `value`: into an empty one, or in place of the last such
/// text (`before`) if that was not changed. What the visitor wrote stays, and the text goes below it.
pub(crate) fn filled(value: &str, text: &str, before: &str) -> Change {
    let written = match value.strip_suffix(before) {
        Some(written) if written.is_empty() || written.ends_with('\n') => written.trim_end(),
        _ => value.trim_end(),
    };
    if written.is_empty() {
        Change::Set(text.to_owned())
    } else if find(written, text).is_some() {
        Change::Nothing
    } else {
        Change::Replace(written.len()..value.len(), ["\n", text].concat())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the composer holds then.
    fn after(value: &str, change: Change) -> String {
        match change {
            Change::Nothing => value.to_owned(),
            Change::Set(text) => text,
            Change::Replace(part, text) => {
                let mut value = value.to_owned();
                value.replace_range(part, &text);
                value
            }
        }
    }

    #[test]
    fn a_draft_comes_back_once_and_above_what_was_typed_meanwhile() {
        for (draft, typed, expected) in [
            ("half a word", "", "half a word"),
            ("half a word", "more", "half a word\nmore"),
            (
                "half a word",
                "half a word and more",
                "half a word and more",
            ),
        ] {
            assert_eq!(after(typed, restored(draft, typed)), expected);
        }
    }

    #[test]
    fn text_of_the_page_goes_into_an_empty_composer_or_below_what_was_written() {
        for (value, before, expected) in [
            ("", "", "Order 7"),
            ("  \n", "", "Order 7"),
            ("é: my question ", "", "é: my question\nOrder 7"),
            ("about Order 7, please", "", "about Order 7, please"),
        ] {
            assert_eq!(after(value, filled(value, "Order 7", before)), expected);
        }
    }

    #[test]
    fn a_newer_text_of_the_page_takes_the_place_of_the_one_that_nobody_touched() {
        for (value, expected) in [
            ("Order 6", "Order 7"),
            ("my question\nOrder 6", "my question\nOrder 7"),
            // The visitor has changed it.
            ("Order 6!", "Order 6!\nOrder 7"),
            ("my Order 6", "my Order 6\nOrder 7"),
        ] {
            assert_eq!(after(value, filled(value, "Order 7", "Order 6")), expected);
        }
    }
}
