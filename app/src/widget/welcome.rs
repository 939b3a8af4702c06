//! The empty state: who is here, what to begin with, and what happens to messages.

use super::{avatar::Avatar, choice::Choices, settings::Settings};
use crate::{
    icons::{Icon, icon},
    text::Message,
};
use leptos::prelude::*;

/// Before the first message.
#[component]
pub fn Welcome() -> impl IntoView {
    let settings = expect_context::<Settings>();
    let scope = stylers::style_sheet!("app/src/widget/welcome.css");
    let bot = settings.get().bot.clone();
    let tagline = if bot.tagline.is_empty() {
        settings.say(Message::Tagline)
    } else {
        bot.tagline
    };
    let starters = (!bot.starters.is_empty()).then(|| {
        let starters: Vec<_> = bot
            .starters
            .into_iter()
            .map(|text| view! { class = scope, <li class="choice"><Starter text/></li> })
            .collect();
        view! { class = scope,
            <ul class="starters" aria-label=settings.say(Message::Suggestions)>
                {starters}
            </ul>
        }
    });
    view! { class = scope,
        <div class="welcome">
            <span class="face">
                <Avatar/>
            </span>
            <h2 class="title" dir="auto">
                {settings.say(Message::Greeting)}
            </h2>
            <p class="tagline" dir="auto">
                {tagline}
            </p>
            {starters}
            <p class="privacy">{settings.say(Message::Privacy)}</p>
        </div>
    }
}

/// A first message that can be chosen.
#[component]
fn Starter(text: String) -> impl IntoView {
    let choices = expect_context::<Choices>();
    let scope = stylers::style_sheet!("app/src/widget/welcome.css");
    view! { class = scope,
        <button
            class="starter"
            type="submit"
            form="composer"
            name="choice"
            value=text
            on:click=move |click| choices.clicked(&click)
        >
            <span class="label" dir="auto">
                {text.clone()}
            </span>
            {icon(Icon::Chevron)}
        </button>
    }
}
