//! The header: who answers, whether they are there, what else can be done.
//!
//! The menu is a native popover: the browser opens it before the wasm is there, closes it on Escape or a click
//! beside it, and keeps `aria-expanded` true.

use super::{browser, room::Room, settings::Mode};
use crate::{
    chat::{Connection, Notice},
    icons::{Icon, icon},
    text::Message,
};
use leptos::{prelude::*, web_sys};
use protocol::{timestamp, transcript::Author};

/// The header.
#[component]
pub(super) fn Header() -> impl IntoView {
    let scope = stylers::style_sheet!("app/src/widget/header.css");
    let room = Room::here();
    let chat = room.chat;
    let embedded = room.settings(|settings| settings.mode == Mode::Embedded);
    let name = room.settings(|settings| settings.bot.name.clone());

    // A short break is nobody's business: the words change when the notice does.
    let status = move || {
        room.say(match chat.notice.get() {
            Some(Notice::Reconnecting) => Message::Reconnecting,
            Some(Notice::NoConnection) => Message::Offline,
            _ => Message::RepliesAtOnce,
        })
    };
    let close = embedded.then(|| {
        let label = room.say(Message::Close);
        view! { class = scope,
            <button type="button" class="tool" aria-label=label on:click=move |_| chat.close_window()>
                {icon(Icon::Close)}
            </button>
        }
    });

    view! { class = scope,
        <header class="header" class:ruled=move || room.ruled.get()>
            <span class="face">
                {room.avatar()}
                <span class="dot" class:online=move || chat.connection.get() == Connection::Online></span>
            </span>
            <div class="who">
                <h1 class="name" dir="auto">{name}</h1>
                <p class="status">{status}</p>
            </div>
            <div class="actions screen">
                <button type="button" class="tool" aria-label=room.say(Message::Menu) popovertarget="menu">
                    {icon(Icon::Menu)}
                </button>
                {close}
            </div>
            <div class="menu" class:window=!embedded id="menu" popover="auto">
                <button
                    type="button"
                    class="item"
                    popovertarget="menu"
                    popovertargetaction="hide"
                    on:click=move |_| chat.new_conversation()
                >
                    {icon(Icon::New)}
                    {room.say(Message::NewConversation)}
                </button>
                <a class="item" href="#latest" download="chat.txt" on:click=move |event| download(room, &event)>
                    {icon(Icon::Download)}
                    {room.say(Message::Download)}
                </a>
            </div>
        </header>
    }
    .into_any()
}

/// Turns the link into the file it saves, in the moment it is clicked.
fn download(room: Room, event: &web_sys::MouseEvent) {
    let mut text = String::new();
    for entry in room.chat.entries.read_untracked().iter() {
        let who = match entry.author {
            Author::Bot => room.say(Message::BotSaid),
            Author::Visitor => room.say(Message::YouSaid),
            Author::System => String::new(),
        };
        let at = timestamp::to_iso(entry.at_ms);
        text.push_str(&[&at, " ", &who, " ", entry.content.plain_text(), "\n"].concat());
    }
    let link: web_sys::HtmlAnchorElement = event_target(event);
    link.set_href(&browser::text_file(&text));
}
