//! One message: its place in the group, its bubble, its time and state.
//!
//! A row never changes (see `rows`): all here is static but the words of its time.

use super::{content, room::Room, rows::Row, when};
use crate::{
    icons::{Icon, icon},
    text::Message,
};
use leptos::prelude::*;
use protocol::{
    content::Content,
    transcript::{Author, Delivery},
};

/// One message.
#[component]
pub(super) fn RowView(row: Row) -> impl IntoView {
    let scope = stylers::style_sheet!("app/src/widget/row.css");
    let room = Room::here();
    let Row {
        entry,
        joined,
        day,
        news,
        answer,
        fresh,
    } = row;
    let mine = entry.author == Author::Visitor;
    let bot = entry.author == Author::Bot;
    let system = entry.author == Author::System;
    let at_ms = entry.at_ms;
    let day = day.then(|| {
        view! { class = scope,
            <p class="day">{move || room.texts(|texts| room.now.get().day(at_ms, texts))}</p>
        }
    });
    let news =
        news.then(|| view! { class = scope, <p class="news">{room.say(Message::NewMessages)}</p> });
    let face = (bot && !joined)
        .then(|| view! { class = scope, <span class="face">{room.avatar()}</span> });
    let who = match entry.author {
        Author::Bot => Some(Message::BotSaid),
        Author::Visitor => Some(Message::YouSaid),
        Author::System => None,
    };
    let who = who.map(|who| view! { <span class="quiet">{room.say(who)}</span> });
    let time = move || {
        view! { class = scope,
            <time
                class="time"
                datetime=when::machine(at_ms)
                title=move || room.texts(|texts| room.now.get().in_full(at_ms, texts))
            >
                {move || room.texts(|texts| room.now.get().time(at_ms, texts))}
            </time>
        }
    };
    let meta = match entry.delivery {
        _ if system => ().into_any(),
        Delivery::Sending => view! { {icon(Icon::Clock)} {room.say(Message::Sending)} }.into_any(),
        Delivery::Failed => failed(room, entry.key.clone()).into_any(),
        Delivery::Sent if mine => {
            let sent = room.say(Message::Sent);
            view! { {time()} {icon(Icon::Check)} <span class="quiet">{sent}</span> }.into_any()
        }
        Delivery::Sent => time().into_any(),
    };
    let body = match &entry.content {
        Content::System(text) => {
            view! { class = scope, <p class="notice" dir="auto">{text.clone()}</p> }.into_any()
        }
        Content::Text(text) if mine => {
            view! { class = scope, <div class="bubble" dir="auto">{text.clone()}</div> }.into_any()
        }
        _ => content::view(room, &entry, answer, scope).into_any(),
    };

    view! { class = scope,
        <article
            class="row"
            class:joined=joined
            class:fresh=fresh
            class:mine=mine
            class:bot=bot
            class:failed=entry.delivery == Delivery::Failed
            class:sending=entry.delivery == Delivery::Sending
            tabindex="-1"
            data-key=entry.key
            class:system=system
        >
            {day}
            {news}
            <div class="line">
                {face}
                <div class="said">
                    {who}
                    {body}
                    <div class="meta">{meta}</div>
                </div>
            </div>
        </article>
    }
    .into_any()
}

/// What did not get through, and what to do about it.
fn failed(room: Room, key: String) -> impl IntoView {
    let scope = stylers::style_sheet!("app/src/widget/row.css");
    let (chat, again) = (room.chat, key.clone());
    view! { class = scope,
        {icon(Icon::Alert)}
        {room.say(Message::NotSent)}
        <button type="button" class="again" on:click=move |_| chat.retry(again.clone())>
            {room.say(Message::Retry)}
        </button>
        <button type="button" class="again" on:click=move |_| chat.delete(key.clone())>
            {room.say(Message::Delete)}
        </button>
    }
}

/// The bubble that the script before hydration copies for a message sent before the wasm is there. It looks as
/// [`RowView`] does; it stands in the page outside the island.
#[component]
pub fn EarlyBubble() -> impl IntoView {
    let scope = stylers::style_sheet!("app/src/widget/row.css");
    view! { class = scope,
        <template id="early-bubble">
            <div class="row fresh mine">
                <div class="line">
                    <div class="said">
                        <div class="bubble" dir="auto" data-text=""></div>
                    </div>
                </div>
            </div>
        </template>
    }
}
