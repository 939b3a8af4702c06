//! The scripts that a page runs before the wasm is there.
//!
//! In the path: written in `frontend/scripts/page`, bundled into the site's manifest by `xtask/src/scripts.rs`; the server hands
//! them to the pages as context. A server without a site has none: then its pages are plain HTML, and the form posts itself.

use serde::Deserialize;

/// Each as the text of a script element.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Scripts {
    /// Asks for what the wasm will ask for.
    pub ahead: String,
    /// Makes the composer listen.
    pub early: String,
    /// Forgets what the tab keeps of another visitor.
    pub forget: String,
    /// Speaks with the page around the frame.
    pub hand_over: String,
    /// Shows the newest message.
    pub to_end: String,
    /// Fetches glue and wasm and wakes the island.
    pub wake: String,
}
