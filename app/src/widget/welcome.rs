//! The empty state: who is here, what to begin with, what happens to what is written.

use super::{keys, room::Room};
use crate::{
    icons::{Icon, icon},
    text::Message,
};
use leptos::{ev::MouseEvent, prelude::*};

/// Before the first message.
#[component]
pub(super) fn Welcome() -> impl IntoView {
    let scope = stylers::style_sheet!("app/src/widget/welcome.css");
    let room = Room::here();
    let chat = room.chat;
    let (tagline, starters) =
        room.settings(|settings| (settings.bot.tagline.clone(), settings.bot.starters.clone()));
    let tagline = if tagline.is_empty() {
        room.say(Message::Tagline)
    } else {
        tagline
    };
    let rows = starters.into_iter().map(|text| {
        let value = text.clone();
        let label = text.clone();
        let begin = move |event: MouseEvent| {
            event.prevent_default();
            // Nothing is lost if it is not taken: the starter stays.
            let _ = chat.send(text.clone());
            keys::to_composer();
        };
        view! { class = scope,
            <li class="choice">
                <button type="submit" form="composer" name="choice" value=value class="starter" on:click=begin>
                    <span class="label" dir="auto">{label}</span>
                    {icon(Icon::Chevron)}
                </button>
            </li>
        }
    });
    let rows = rows.collect_view();
    let starters = (!rows.is_empty()).then(|| {
        view! { class = scope, <ul class="starters" aria-label=room.say(Message::Suggestions)>{rows}</ul> }
    });
    view! { class = scope,
        <div class="welcome">
            <span class="face">{room.avatar()}</span>
            <h2 class="title" dir="auto">{room.say(Message::Greeting)}</h2>
            <p class="tagline" dir="auto">{tagline}</p>
            {starters}
            <p class="privacy">{room.say(Message::Privacy)}</p>
        </div>
    }
}
