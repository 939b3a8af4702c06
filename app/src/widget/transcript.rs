//! The transcript: the list of messages, and what comes before and after it.

use super::{
    keyboard,
    row::MessageRow,
    rows::{self, KeyedRow},
    scroll::Scroll,
    settings::Settings,
    typing::Typing,
    welcome::Welcome,
    when::Now,
};
use crate::{
    chat::{Chat, ConnectionStatus, List},
    icons::{Icon, icon},
    text::{Count, Message},
};
use leptos::{either::EitherOf3, leptos_dom::helpers::set_interval, prelude::*};
use protocol::transcript::Author;
use std::time::Duration;

/// How often the shown ages are updated.
const REFRESH: Duration = Duration::from_secs(30);

/// The list and everything around it.
#[component]
pub fn Transcript() -> impl IntoView {
    let settings = expect_context::<Settings>();
    let scroll = expect_context::<Scroll>();
    let scope = stylers::style_sheet!("app/src/widget/transcript.css");
    let list = keyed_rows();
    Effect::new(move |_| scroll.watch());
    let pressed = move |event| {
        if let Some(list) = scroll.list.get_untracked() {
            keyboard::in_transcript(&event, &list);
        }
    };
    view! { class = scope,
        <div class="stage">
            <Pill/>
            <div
                class="scroller"
                role="log"
                aria-live="off"
                aria-label=settings.say(Message::Conversation)
                tabindex="0"
                node_ref=scroll.scroller
                on:scroll=move |_| scroll.moved()
                on:keydown=pressed
            >
                <div class="list" node_ref=scroll.list>
                    <Beginning/>
                    <For
                        each=move || list.get()
                        key=|row| row.key.clone()
                        children=|row| view! { <MessageRow row=row.row is_new=row.is_new/> }
                    />
                    <div id="early"></div>
                    <Typing/>
                    <span id="latest"></span>
                </div>
            </div>
        </div>
    }
}

/// The rows of the chat's messages. They follow the messages and the clock.
fn keyed_rows() -> RwSignal<Vec<KeyedRow>> {
    let shown = expect_context::<Chat>().shown;
    let scroll = expect_context::<Scroll>();
    let rendered_at_ms = expect_context::<Settings>().get().rendered_at_ms;
    let rows = move |list: &List, now| rows::rows(&list.entries, list.unread_from.as_deref(), now);
    // They begin as the server drew them.
    let now = Now::rendered_at(rendered_at_ms);
    let first = shown.list.with_untracked(|list| rows(list, now));
    let keyed = RwSignal::new(rows::keyed(first));
    let update = move |list: &List| {
        let rows = rows(list, Now::here());
        let newest = scroll.will_settle(&rows, list.said.as_deref());
        let before = keyed.get_untracked();
        let after = rows::update(&before, rows, newest.as_deref());
        let same = |(before, after): (&KeyedRow, &KeyedRow)| before.key == after.key;
        if before.len() != after.len() || !before.iter().zip(&after).all(same) {
            keyed.set(after);
        }
    };
    // The first run also changes the server's times to the visitor's.
    Effect::new(move |_| shown.list.with(update));
    Effect::new(move |_| {
        // Without a timer the times only get old.
        let refresh = move || shown.list.with_untracked(update);
        if let Ok(timer) = set_interval(refresh, REFRESH) {
            on_cleanup(move || timer.clear());
        }
    });
    keyed
}

/// What stands before the first message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Before {
    /// There is nothing left to load.
    Beginning,
    /// Earlier messages are being loaded.
    Loading,
    /// Earlier messages can be loaded.
    More,
    /// A known visitor's conversation is being loaded.
    Skeleton,
    /// The visitor has not said anything. The welcome stays in its place when the bot greets.
    Welcome,
}

impl Before {
    fn of(chat: Chat, settings: Settings) -> Self {
        let status = chat.shown.status.get();
        let connecting = status.connection == ConnectionStatus::Connecting;
        chat.shown.list.with(|list| {
            let entries = &list.entries;
            if entries.is_empty() && connecting && settings.get().host_identity {
                Self::Skeleton
            } else if status.loading_older {
                Self::Loading
            } else if status.more {
                Self::More
            } else if entries.iter().all(|it| it.author == Author::Bot) {
                Self::Welcome
            } else {
                Self::Beginning
            }
        })
    }
}

/// What stands before the first message, drawn.
#[component]
fn Beginning() -> impl IntoView {
    let chat = expect_context::<Chat>();
    let settings = expect_context::<Settings>();
    let scope = stylers::style_sheet!("app/src/widget/transcript.css");
    let drawn = StoredValue::new(None);
    let older = move |_| {
        chat.load_older();
        keyboard::to_transcript();
    };
    move || {
        let before = Before::of(chat, settings);
        if drawn.get_value() != Some(before) {
            keyboard::leave(".top,.starters");
        }
        drawn.set_value(Some(before));
        match before {
            Before::Skeleton => EitherOf3::A(view! { <Skeleton/> }),
            Before::Welcome => EitherOf3::B(view! { <Welcome/> }),
            _ => {
                let words = (before == Before::Beginning).then(|| settings.say(Message::Beginning));
                let loading = (before == Before::Loading).then(|| {
                    view! { class = scope,
                        <span class="spinner" role="img" aria-label=settings.say(Message::Loading)></span>
                    }
                });
                let more = (before == Before::More).then(|| {
                    view! { class = scope,
                        <button class="older screen" type="button" on:click=older>
                            {icon(Icon::Up)}
                            {settings.say(Message::Older)}
                        </button>
                        <p class="paper">{settings.say(Message::NotWhole)}</p>
                    }
                });
                EitherOf3::C(view! { class = scope,
                    <div class="top">{words} {loading} {more}</div>
                })
            }
        }
    }
}

/// Grey shapes in place of a conversation that is being loaded. The style shows them after 150 ms.
#[component]
fn Skeleton() -> impl IntoView {
    let settings = expect_context::<Settings>();
    let scope = stylers::style_sheet!("app/src/widget/transcript.css");
    view! { class = scope,
        <div role="img" aria-label=settings.say(Message::Loading)>
            <div class="bone"></div>
            <div class="bone short"></div>
            <div class="bone own"></div>
            <div class="bone"></div>
        </div>
    }
}

/// The pill that leads to the end. It counts the messages that came while the reader was away from it.
#[component]
fn Pill() -> impl IntoView {
    let settings = expect_context::<Settings>();
    let scroll = expect_context::<Scroll>();
    let scope = stylers::style_sheet!("app/src/widget/transcript.css");
    move || {
        let missed = scroll.missed();
        if missed.is_none() {
            keyboard::leave(".pill");
        }
        missed.map(|missed| {
            let counts = missed > 0;
            let words = counts.then(|| settings.count(Count::NewMessages, missed));
            let name = words
                .clone()
                .unwrap_or_else(|| settings.say(Message::ToLatest));
            view! { class = scope,
                <button
                    class="pill screen"
                    class:counts=counts
                    type="button"
                    aria-label=name
                    on:click=move |_| scroll.to_latest()
                >
                    {icon(Icon::Down)}
                    {words}
                </button>
            }
        })
    }
}
