//! What is seen: Leptos components, rendered by the server, made alive in the browser.
//!
//! In the path: the server renders the [`shell`] of a [`pages::Page`]; the browser loads
//! `frontend`, which hydrates the one island, [`widget::Widget`].
//!
//! # Layout
//! - [`pages`]: the whole documents (chat, home, demo, problem). On the server only.
//! - [`widget`]: the chat window.
//! - [`chat`]: the one store: what is shown, actions a component calls. Behind it, in the browser only,
//!   `transport` drives `protocol::session`, and `host` speaks with the page around the frame.
//! - `draft`: what is put into the composer. `record`: the conversation as a text to keep.
//! - [`text`]: every visible string, by language. [`icons`]: the icons.
//!
//! **Invariants**: nothing is ever rendered from an HTML string; no `style` attribute, no inline script without
//! the page's nonce, so that the strictest content security policy holds.

// The type of a window made of views is deep.
#![recursion_limit = "256"]

#[cfg(feature = "ssr")]
mod base_path;
pub mod chat;
#[cfg(any(target_arch = "wasm32", test))]
mod draft;
pub mod early;
#[cfg(any(target_arch = "wasm32", test))]
mod host;
pub mod icons;
#[cfg(feature = "ssr")]
pub mod pages;
#[cfg(any(target_arch = "wasm32", all(test, feature = "ssr")))]
mod record;
pub mod text;
#[cfg(target_arch = "wasm32")]
mod transport;
pub mod widget;

#[cfg(feature = "ssr")]
pub use base_path::BasePath;
#[cfg(feature = "ssr")]
pub use pages::{Page, shell};
pub use widget::WidgetSettings;
