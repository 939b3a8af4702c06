//! What a click does: the names that controls carry (`data-act`) and that `live` hears. A choice (a starter, a
//! button, a quick reply) carries none: it is a submit button named `choice`, so that it works without the wasm.

/// Asks the page around the frame to close the window.
pub(super) const CLOSE: &str = "close";
/// Copies a piece of code.
pub(super) const COPY: &str = "copy";
/// Takes back what was not sent.
pub(super) const DELETE: &str = "delete";
/// Saves the conversation as a file.
pub(super) const DOWNLOAD: &str = "download";
/// Goes to the end of the transcript.
pub(super) const LATEST: &str = "latest";
/// Begins anew.
pub(super) const NEW: &str = "new";
/// Loads earlier messages.
pub(super) const OLDER: &str = "older";
/// Prints the conversation.
pub(super) const PRINT: &str = "print";
/// Connects at once.
pub(super) const RECONNECT: &str = "reconnect";
/// Sends again what was not sent.
pub(super) const RETRY: &str = "retry";
/// Ends the answer that grows.
#[cfg(target_arch = "wasm32")]
pub(super) const STOP: &str = "stop";
