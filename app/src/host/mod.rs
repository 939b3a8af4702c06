//! The frame's side of the conversation with the page around it (the loader, `frontend/scripts/loader`).
//!
//! In the path: the loader opens and closes the window, hands over assertions and calls of its
//! API; the frame says when it listens, what is unread and when it wants to be closed.
//!
//! `parent` is the window around the frame; `words` is what is said, in which form.
//!
//! **Invariants.** Messages go to exactly the origin that the loader named in `?origin=`, and are
//! heard only from the parent window with that origin. A page that lies about it hears nothing.

#[cfg(target_arch = "wasm32")]
mod parent;
#[cfg_attr(
    not(target_arch = "wasm32"),
    expect(dead_code, reason = "spoken in the browser; tested everywhere")
)]
mod words;

#[cfg(target_arch = "wasm32")]
pub(crate) use parent::Host;
#[cfg(target_arch = "wasm32")]
pub(crate) use words::HostCommand;
