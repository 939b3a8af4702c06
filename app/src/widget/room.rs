//! What every component of the window needs: the chat, the words, who answers, what time it is.

use super::{settings::WidgetSettings, when::Now};
use crate::{
    chat::Chat,
    text::{Count, Message, Texts},
};
use leptos::prelude::*;

/// A handle, cheap to copy into closures.
#[derive(Clone, Copy)]
pub(super) struct Room {
    pub(super) chat: Chat,
    settings: StoredValue<WidgetSettings>,
    /// What the clock says; times on screen follow it.
    pub(super) now: RwSignal<Now>,
    /// Whether the transcript is scrolled under the header.
    pub(super) ruled: RwSignal<bool>,
}

impl Room {
    /// Opens the room for all components below.
    pub(super) fn enter(settings: WidgetSettings, chat: Chat) -> Self {
        let room = Self {
            chat,
            now: RwSignal::new(Now::rendered_at(settings.rendered_at_ms)),
            settings: StoredValue::new(settings),
            ruled: RwSignal::new(false),
        };
        provide_context(room);
        room
    }

    /// The room around this component.
    pub(super) fn here() -> Self {
        expect_context()
    }

    /// Reads the settings.
    pub(super) fn settings<T>(self, read: impl FnOnce(&WidgetSettings) -> T) -> T {
        self.settings.with_value(read)
    }

    /// Reads the words.
    pub(super) fn texts<T>(self, read: impl FnOnce(&Texts) -> T) -> T {
        self.settings(|settings| read(&settings.texts))
    }

    /// A sentence in the visitor's language.
    pub(super) fn say(self, message: Message) -> String {
        self.settings(|settings| {
            settings
                .texts
                .say(message)
                .replace("{name}", &settings.bot.name)
        })
    }

    /// A sentence with a number.
    pub(super) fn count(self, count: Count, n: u32) -> String {
        self.texts(|texts| texts.count(count, n))
    }

    /// The bot's picture, or its first letter. For the eye: the name is always near.
    pub(super) fn avatar(self) -> impl IntoView {
        self.settings(|settings| avatar(&settings.bot.name, settings.bot.avatar.as_deref()))
    }
}

fn avatar(name: &str, picture: Option<&str>) -> impl IntoView + use<> {
    let letter = name
        .chars()
        .next()
        .map(|letter| letter.to_uppercase().to_string());
    let face = match picture {
        Some(url) => {
            view! { <img src=url.to_owned() alt="" width="56" height="56" decoding="async"/> }
                .into_any()
        }
        None => letter.into_any(),
    };
    view! { <span class="avatar" aria-hidden="true">{face}</span> }
}
