//! What the visitor should know: one slim row above the composer, a sentence and a way out.

use super::room::Room;
use crate::{
    chat::Notice,
    icons::{Icon, icon},
    text::Message,
};
use leptos::prelude::*;

/// The row, while there is something to say.
#[component]
pub(super) fn NoticeRow() -> impl IntoView {
    let scope = stylers::style_sheet!("app/src/widget/notice.css");
    let room = Room::here();
    let chat = room.chat;
    let row = move |notice: Notice| {
        let (sign, words, act) = match notice {
            Notice::Reconnecting => (Icon::Offline, Message::Reconnecting, None),
            Notice::NoConnection => (
                Icon::Offline,
                Message::NoConnection,
                Some(Message::RetryNow),
            ),
            Notice::Refused => (Icon::Alert, Message::Refused, Some(Message::TryAgain)),
            Notice::Ended => (Icon::Check, Message::Ended, Some(Message::NewConversation)),
        };
        let act = act.map(|act| {
            let click = move |_| {
                if notice == Notice::Ended { chat.new_conversation() } else { chat.reconnect_now() }
            };
            view! { class = scope, <button type="button" class="act" on:click=click>{room.say(act)}</button> }
        });
        view! { class = scope,
            <div class="notice" class:bad=notice == Notice::Refused>
                {icon(sign)}
                <span class="words">{room.say(words)}</span>
                {act}
            </div>
        }
    };
    view! { <div role="status">{move || chat.notice.get().map(row)}</div> }
}
