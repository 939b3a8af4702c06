//! What the visitor should know: one row above the composer, with a sentence and perhaps a button.

use super::{keyboard, settings::Settings};
use crate::{
    chat::{Chat, Notice},
    icons::{Icon, icon},
    text::Message,
};
use leptos::prelude::*;

/// The row, while there is a notice.
#[component]
pub fn NoticeLine() -> impl IntoView {
    let chat = expect_context::<Chat>();
    let settings = expect_context::<Settings>();
    let scope = stylers::style_sheet!("app/src/widget/notice.css");
    move || {
        let (notice, person) = chat
            .shown
            .status
            .with(|it| (it.notice(), it.person.clone()));
        let line = notice.map(|notice| (words(notice), notice));
        if line
            .as_ref()
            .is_none_or(|((.., way_out), _)| way_out.is_none())
        {
            keyboard::leave("[role=status] .notice");
        }
        let ((sign, words, way_out), notice) = line?;
        let way_out = way_out.map(|label| {
            view! { class = scope,
                <button class="act" type="button" on:click=move |_| chat.reconnect_now()>
                    {settings.say(label)}
                </button>
            }
        });
        Some(view! { class = scope,
            <div class="notice" class:bad=notice == Notice::Refused>
                {icon(sign)}
                <span class="words">{settings.about(words, &person)}</span>
                {way_out}
            </div>
        })
    }
}

/// An icon, a sentence, and the label of the button that connects, if there is one.
fn words(notice: Notice) -> (Icon, Message, Option<Message>) {
    match notice {
        Notice::Reconnecting => (Icon::Offline, Message::Reconnecting, None),
        Notice::NoConnection => (
            Icon::Offline,
            Message::NoConnection,
            Some(Message::RetryNow),
        ),
        Notice::DayFull => (Icon::Alert, Message::DayFull, None),
        Notice::Ended => (Icon::Check, Message::Ended, None),
        Notice::Full => (Icon::Alert, Message::Full, None),
        Notice::Joined => (Icon::Check, Message::WithAgent, None),
        Notice::Left => (Icon::Check, Message::AgentLeft, None),
        Notice::Loading => (Icon::Clock, Message::LoadingAll, None),
        Notice::NotCopied => (Icon::Alert, Message::NotCopied, None),
        Notice::NotKept => (Icon::Alert, Message::NotKept, None),
        Notice::NotLoaded => (Icon::Alert, Message::NotLoaded, None),
        Notice::Refused => (Icon::Alert, Message::Refused, Some(Message::TryAgain)),
    }
}
