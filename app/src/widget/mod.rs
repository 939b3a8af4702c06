//! The chat window: one island of ordinary components.
//!
//! In the path: a page renders [`Widget`] on the server, and the browser's wasm hydrates the same HTML. The island
//! makes the chat (signals) and, in the browser, the driver of the session. Its components read the signals and call
//! the chat's actions.
//!
//! # Layout, from top to bottom of the window
//! - `header`: who answers, the menu, close.
//! - `transcript`: the list. `rows` computes its rows, `row` draws them, and `content` draws their messages. `welcome`
//!   stands in an empty list, `typing` at its end; `scroll` knows where the reader is.
//! - `notice`: what the visitor should know; `composer`: what the visitor writes; `announcements`: what is read out.
//!
//! Besides: `settings`: the data of the page; `keyboard`: where keys lead; `when`: times; `browser`: what only a
//! browser knows.
//!
//! **Invariant**: the browser hydrates what the server drew from the same settings. What differs by clock, time zone or
//! screen comes later, in an effect.

#![expect(
    unreachable_pub,
    reason = "the component macro writes `pub` of its own"
)]

mod announcements;
mod avatar;
mod browser;
mod choice;
mod composer;
mod content;
mod header;
mod keyboard;
mod notice;
mod row;
mod rows;
mod scroll;
pub mod settings;
mod transcript;
mod typing;
mod welcome;
mod when;

#[cfg(feature = "ssr")]
pub(crate) use content::sheets;
#[cfg(feature = "ssr")]
pub use row::EarlyBubble;
pub use settings::WidgetSettings;

use crate::{
    chat::{Chat, Shown},
    text::Message,
};
use announcements::Announcements;
use choice::Choices;
use composer::Composer;
use header::Header;
use leptos::prelude::*;
use notice::NoticeLine;
use scroll::Scroll;
use settings::Settings;
#[cfg(target_arch = "wasm32")]
use std::sync::Arc;
use transcript::Transcript;

/// The chat window.
#[island]
pub fn Widget() -> impl IntoView {
    let of_page = WidgetSettings::of_page();
    let shown = Shown::from_settings(&of_page);
    let chat = Chat::new(shown);
    #[cfg(target_arch = "wasm32")]
    let chat = chat.driven_by(driver(shown, &of_page));
    let settings = Settings::new(of_page);
    provide_context(chat);
    provide_context(settings);
    provide_context(Choices::new(chat));
    provide_context(Scroll::new(chat));
    let name = settings.get().bot.name.clone();
    view! {
        // A click between its parts keeps the focus in the window, where its keys are handled.
        <main
            class="room"
            tabindex="-1"
            aria-label=name
            on:keydown=move |event| keyboard::in_window(&event, chat, settings)
        >
            <a class="button skip quiet" href="#message">
                {settings.say(Message::ToComposer)}
            </a>
            <Header/>
            <Transcript/>
            <div>
                <div role="status">
                    <NoticeLine/>
                </div>
                <Composer/>
            </div>
            <Announcements/>
        </main>
    }
}

/// The driver of the session. It is made with the island, and begins when the page is hydrated. The server has none.
#[cfg(target_arch = "wasm32")]
fn driver(
    shown: Shown,
    settings: &Arc<WidgetSettings>,
) -> UnsyncCallback<crate::chat::ChatAction, bool> {
    let driver = crate::transport::Driver::new(shown, Arc::clone(settings));
    let begun = std::rc::Rc::clone(&driver);
    Effect::new(move |_| begun.begin());
    UnsyncCallback::new(move |action| driver.act(action))
}
