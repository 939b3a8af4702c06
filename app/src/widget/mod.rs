//! The chat window: one island.
//!
//! In the path: a page renders [`Widget`] on the server; the browser's wasm takes over the same HTML (`live`).
//!
//! # Layout, from top to bottom of the window
//! - `header`: who answers, the menu, close.
//! - `transcript`: the list; made of `rows` by `row`, whose text is drawn by `markup` and whose choices and pictures by
//!   `content`; `welcome` while it is empty, `typing` at its end.
//! - `notice`: what the visitor should know; `composer`: what the visitor writes.
//!
//! All of these only draw: from the settings and the state to a tree of `node`s, the same on both sides. `act` names
//! what a click does; `live` (in the browser only) hears it, follows the [`Chat`] and draws again what
//! changed. `when`: times; `browser`: what only a browser knows.
//!
//! **Invariant**: what the browser takes over is what these functions would draw from the same settings. What differs
//! by clock, time zone or screen comes after it.

#![cfg_attr(
    feature = "ssr",
    expect(
        unreachable_pub,
        reason = "the component macro writes `pub` of its own"
    )
)]

mod act;
mod composer;
mod content;
mod header;
mod markup;
mod node;
mod notice;
mod room;
mod row;
mod rows;
pub mod settings;
mod transcript;
mod typing;
mod welcome;
mod when;
mod window;

#[cfg(target_arch = "wasm32")]
mod browser;
#[cfg(not(target_arch = "wasm32"))]
#[path = "no_browser.rs"]
mod browser;
#[cfg(target_arch = "wasm32")]
mod live;

#[cfg(feature = "ssr")]
pub use row::EarlyBubble;
pub use settings::WidgetSettings;

use crate::chat::Chat;
use leptos::prelude::*;
use room::Room;
use std::sync::Arc;
use window::Window;

/// The chat window.
#[island]
pub fn Widget() -> impl IntoView {
    let settings = Arc::new(WidgetSettings::of_page());
    let chat = Chat::from_settings(&settings);
    Window::new(Arc::new(Room { chat, settings }))
}
