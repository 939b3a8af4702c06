//! The face of the speaker. It is only for the eye, because the name is always near.

use super::settings::Settings;
use leptos::{either::Either, prelude::*};

/// The bot's picture, or its first letter; a person's first letter.
#[component]
pub fn Avatar(
    /// The person who speaks in the bot's place.
    #[prop(optional_no_strip)]
    agent: Option<String>,
) -> impl IntoView {
    let settings = expect_context::<Settings>().get();
    let bot = &settings.bot;
    let face = match (&bot.avatar, &agent) {
        (Some(url), None) => Either::Left(
            view! { <img src=url.clone() alt="" width="56" height="56" decoding="async"/> },
        ),
        (_, agent) => {
            let letter = agent.as_ref().unwrap_or(&bot.name).chars().next();
            // The style makes it a capital letter, because the table of all capitals costs 14 kB.
            Either::Right(letter.map(String::from).unwrap_or_default())
        }
    };
    view! {
        <span class="avatar" aria-hidden="true">
            {face}
        </span>
    }
}
