//! The chat window: one island, everything in it ordinary components.
//!
//! In the path: a page renders [`Widget`] on the server; the browser's wasm takes over the same HTML.
//! Components read the signals of [`Chat`] and call its actions; what they share beside it is the [`Room`].
//!
//! # Layout, from top to bottom of the window
//! - `header`: who answers, the menu, close.
//! - `transcript`: the list, its scrolling and its keys (`keys`); made of `rows` by `row`, whose text is drawn by
//!   `markup` and whose choices and pictures by `content`; `welcome` while it is empty, `typing` at its end.
//! - `notice`: what the visitor should know; `composer`: what the visitor writes.
//! - `when`: times; `browser`: what only a browser knows.
//!
//! **Invariant**: the first render in the browser equals the server's HTML. What differs by clock,
//! time zone or screen comes in an `Effect`, after it.

#![expect(
    unreachable_pub,
    reason = "the component macro writes `pub` of its own"
)]

mod composer;
mod content;
mod header;
mod keys;
mod markup;
mod notice;
mod room;
mod row;
mod rows;
pub mod settings;
mod transcript;
mod typing;
mod welcome;
mod when;

#[cfg(target_arch = "wasm32")]
mod browser;
#[cfg(not(target_arch = "wasm32"))]
#[path = "no_browser.rs"]
mod browser;

pub use row::EarlyBubble;
pub use settings::WidgetSettings;

use crate::{chat::Chat, text::Message};
use composer::Composer;
use header::Header;
use leptos::prelude::*;
use notice::NoticeRow;
use room::Room;
use settings::Mode;
use transcript::Transcript;

/// The chat window.
#[island]
pub fn Widget(
    /// All that the server knows.
    settings: WidgetSettings,
) -> impl IntoView {
    let chat = Chat::from_settings(&settings);
    let embedded = settings.mode == Mode::Embedded;
    let room = Room::enter(settings, chat);

    // The server's times become the visitor's, and stay true.
    Effect::new(move || {
        room.now.set(when::Now::here());
        if let Ok(ticking) = set_interval(move || room.now.set(when::Now::here()), when::REFRESH) {
            on_cleanup(move || ticking.clear());
        }
    });
    // After the first render, so that hydration finds what the server drew: takes over what was typed
    // before, and connects.
    Effect::new(move || room.settings(|settings| chat.start(settings)));

    view! {
        <main class="room" on:keydown=move |event| keys::in_the_room(&event, chat, embedded)>
            <a class="button skip quiet" href="#message">{room.say(Message::ToComposer)}</a>
            <Header/>
            <Transcript/>
            <div>
                <NoticeRow/>
                <Composer/>
            </div>
            <div class="quiet" role="status">{move || chat.announce.get()}</div>
        </main>
    }
    .into_any()
}
