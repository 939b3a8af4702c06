//! The header: who answers, whether they are there, and the menu.
//!
//! The menu is a native popover: the browser opens it before the wasm is there, closes it on Escape or a click
//! beside it, and keeps `aria-expanded` true.

use super::{avatar::Avatar, keyboard, scroll::Scroll, settings::Settings};
use crate::{
    chat::{Chat, ConnectionStatus, Notice},
    icons::{Icon, icon},
    text::Message,
};
use leptos::prelude::*;

/// The header.
#[component]
pub fn Header() -> impl IntoView {
    let chat = expect_context::<Chat>();
    let settings = expect_context::<Settings>();
    let scroll = expect_context::<Scroll>();
    let scope = stylers::style_sheet!("app/src/widget/header.css");
    let online = move || {
        chat.shown
            .status
            .with(|it| it.connection == ConnectionStatus::Online)
    };
    // The script before hydration knows the button by `data-act`.
    let close = settings.is_embedded().then(|| {
        view! { class = scope,
            <button
                class="tool"
                type="button"
                aria-label=settings.say(Message::Close)
                data-act="close"
                on:click=move |_| chat.close_window()
            >
                {icon(Icon::Close)}
            </button>
        }
    });
    view! { class = scope,
        <header class="header" class:ruled=move || scroll.is_scrolled()>
            <span class="face">
                <Avatar/>
                <span class="dot" class:online=online></span>
            </span>
            <div class="who">
                <h1 class="name" dir="auto">
                    {settings.get().bot.name.clone()}
                </h1>
                <Status/>
            </div>
            <div class="actions screen">
                <button
                    class="tool"
                    type="button"
                    aria-label=settings.say(Message::Menu)
                    popovertarget="menu"
                >
                    {icon(Icon::Menu)}
                </button>
                {close}
            </div>
            <div class="menu" class:window=!settings.is_embedded() id="menu" popover="auto">
                <MenuItem sign=Icon::New label=Message::NewConversation/>
                <MenuItem sign=Icon::Download label=Message::Download/>
                <MenuItem sign=Icon::Print label=Message::Print/>
            </div>
        </header>
    }
}

/// One thing to do. It closes the menu.
#[component]
fn MenuItem(sign: Icon, label: Message) -> impl IntoView {
    let chat = expect_context::<Chat>();
    let settings = expect_context::<Settings>();
    let scroll = expect_context::<Scroll>();
    let scope = stylers::style_sheet!("app/src/widget/header.css");
    let choose = move |_| match label {
        Message::Download => chat.save(),
        Message::Print => chat.print(),
        _ => {
            chat.new_conversation();
            // This also happens if no message comes, because the last greeting still stands there.
            scroll.to_end();
            keyboard::to_composer();
        }
    };
    view! { class = scope,
        <button
            class="item"
            type="button"
            popovertarget="menu"
            popovertargetaction="hide"
            on:click=choose
        >
            {icon(sign)}
            {settings.say(label)}
        </button>
    }
}

/// Who answers, and how the connection stands.
#[component]
fn Status() -> impl IntoView {
    let shown = expect_context::<Chat>().shown;
    let settings = expect_context::<Settings>();
    let scope = stylers::style_sheet!("app/src/widget/header.css");
    let words = move || {
        shown.status.with(|status| {
            match (words(status.connection, status.standing), &status.agent) {
                (Message::RepliesAtOnce, Some(agent)) => settings.about(Message::WithAgent, agent),
                (words, _) => settings.say(words),
            }
        })
    };
    view! { class = scope, <p class="status">{words}</p> }
}

/// The status ignores a short break: it changes together with the notice about the connection.
fn words(connection: ConnectionStatus, standing: Option<Notice>) -> Message {
    match (connection, standing) {
        (ConnectionStatus::Online, _) => Message::RepliesAtOnce,
        (ConnectionStatus::Refused, _) | (_, Some(Notice::Refused)) => Message::Unavailable,
        (ConnectionStatus::Offline, _) | (_, Some(Notice::NoConnection)) => Message::Offline,
        (_, Some(Notice::Reconnecting)) => Message::Reconnecting,
        (ConnectionStatus::Connecting | ConnectionStatus::Reconnecting { .. }, _) => {
            Message::RepliesAtOnce
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_follows_the_connection_whatever_else_is_told() {
        let lost = ConnectionStatus::Reconnecting { since_ms: 0 };
        for (connection, standing, expected) in [
            (ConnectionStatus::Connecting, None, Message::RepliesAtOnce),
            (ConnectionStatus::Online, None, Message::RepliesAtOnce),
            (lost, None, Message::RepliesAtOnce),
            (lost, Some(Notice::Reconnecting), Message::Reconnecting),
            (lost, Some(Notice::NoConnection), Message::Offline),
            (ConnectionStatus::Offline, None, Message::Offline),
            (
                ConnectionStatus::Refused,
                Some(Notice::Refused),
                Message::Unavailable,
            ),
            // It is trying again, and is not connected yet.
            (
                ConnectionStatus::Connecting,
                Some(Notice::Refused),
                Message::Unavailable,
            ),
        ] {
            let said = words(connection, standing);
            assert_eq!(said, expected, "{connection:?} {standing:?}");
        }
    }
}
