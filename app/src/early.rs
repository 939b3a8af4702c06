//! The first second: what a visitor types before the wasm is there.
//!
//! In the path: the page puts [`SCRIPT`] inline (with the page's nonce) at the end of its body; `chat.rs` takes
//! over from it at hydration.
//!
//! The script is minified by hand because it travels inside every page. What it does, in its order:
//!
//! 1. Shows again what an earlier load of this page left unsent (`sessionStorage`, key [`storage_key`]), unless
//!    the server's transcript already holds it (`data-key`, the key of its row).
//! 2. Catches the composer's form and its Enter key (not with Shift, not while composing; on a touch screen Enter
//!    makes a new line): the text becomes a clone of `<template id="early-bubble">` in `<div id="early">`, the
//!    composer is emptied, and `{id, text}` is kept in memory and in `sessionStorage`. A starter is a submit
//!    button with a `value`. Too long a text (`data-composer` says how long) stays where it is.
//! 3. Leaves the focus in the field when the send button is pressed: a phone would put its keyboard away.
//! 4. Hands over by `parlourEarly.take()`, which stops the script (`signal` says so to others) and empties `#early`;
//!    `composing` tells whether a word was being composed then.
//!
//! **Invariants.** `id` is milliseconds since the epoch and unique in the tab: it becomes the `clientMessageId`, so
//! that the server stores a message once however often a reload sends it. An item stays in `sessionStorage` until
//! the browser's store has it. Without WebAssembly the script does nothing and the form posts itself.

/// The inline script. Small, because it travels inside every page: a test holds it so.
pub const SCRIPT: &str = include_str!("early.js");

/// Where a tab keeps the messages that were not acknowledged yet: the same name in script and wasm.
pub fn storage_key(path: &str) -> String {
    format!("unsent:{path}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_inline_script_stays_small() {
        assert!(SCRIPT.len() < 1280, "early.js has {} bytes", SCRIPT.len());
    }

    #[test]
    fn script_and_wasm_keep_unsent_messages_under_one_name() {
        assert!(SCRIPT.contains(r#"k="unsent:"+location.pathname"#));
        assert_eq!(storage_key("/chat/demo"), "unsent:/chat/demo");
    }
}
