//! One message: its position in the group, its bubble, its time and state.
//!
//! The row keeps its element as long as its message is shown. What changes about it (`rows`) is drawn again inside.

use super::{
    avatar::Avatar,
    content::Message as MessageContent,
    rows::{HandOver, Row},
    settings::Settings,
};
use crate::{
    chat::Chat,
    icons::{Icon, icon},
    text::Message,
};
use leptos::prelude::*;
use protocol::transcript::{Author, Delivery};

/// One message.
#[component]
pub fn MessageRow(
    row: ArcRwSignal<Row>,
    /// It came while the list was there, so it may be animated.
    is_new: bool,
) -> impl IntoView {
    let row = RwSignal::from(row);
    let scope = stylers::style_sheet!("app/src/widget/row.css");
    let key = row.with_untracked(|row| row.entry.key.clone());
    let is_bot = row.with_untracked(|row| row.entry.author == Author::Bot);
    let classes = move || row.with(|row| classes(row, is_new, scope));
    let is_streaming = move || row.with(|row| row.entry.delivery == Delivery::Streaming);
    // It stands beside the first message of a group; the style hides the others' faces.
    let face = is_bot.then(|| {
        let agent = row.with_untracked(|row| row.entry.agent.clone());
        view! { class = scope, <span class="face"><Avatar agent/></span> }
    });
    view! {
        <article
            class=classes
            tabindex="-1"
            data-key=key
            aria-busy=move || is_streaming().then_some("true")
        >
            <Before row/>
            <div class=["line ", scope].concat()>
                {face}
                <div class=["said ", scope].concat()>
                    <Speaker row/>
                    <MessageContent row bubble=scope/>
                    <Meta row/>
                </div>
            </div>
        </article>
    }
}

fn classes(row: &Row, is_new: bool, scope: &str) -> String {
    let delivery = row.entry.delivery;
    let mut classes = ["row ", scope].concat();
    for (on, class) in [
        (row.joined, " joined"),
        (is_new, " fresh"),
        (row.entry.author == Author::Visitor, " mine"),
        (row.entry.author == Author::Bot, " bot"),
        (delivery == Delivery::Failed, " failed"),
        (delivery == Delivery::Sending, " sending"),
        (row.entry.author == Author::System, " system"),
        (delivery == Delivery::Streaming, " growing"),
    ] {
        if on {
            classes.push_str(class);
        }
    }
    classes
}

/// The lines before a row: a new day, the first unseen message, a hand-over.
#[component]
fn Before(row: RwSignal<Row>) -> impl IntoView {
    let settings = expect_context::<Settings>();
    let scope = stylers::style_sheet!("app/src/widget/row.css");
    move || {
        let (day, unread, hand_over) = row.with(|row| (row.day, row.unread, row.hand_over.clone()));
        let day = day.map(|day| {
            view! { class = scope, <p class="day">{day.words(&settings.get().texts)}</p> }
        });
        let unread = unread.then(|| {
            view! { class = scope, <p class="unread">{settings.say(Message::NewMessages)}</p> }
        });
        let hand_over = hand_over.map(|hand_over| {
            let words = match hand_over {
                HandOver::To(agent) => settings.about(Message::WithAgent, &agent),
                HandOver::From(agent) => settings.about(Message::AgentLeft, &agent),
            };
            view! { class = scope, <p class="turn">{words}</p> }
        });
        (day, unread, hand_over)
    }
}

/// Who said it: in words for a screen reader. A person's name is also visible, unless they said the message before.
#[component]
fn Speaker(row: RwSignal<Row>) -> impl IntoView {
    let settings = expect_context::<Settings>();
    let scope = stylers::style_sheet!("app/src/widget/row.css");
    move || {
        let (author, agent, joined) =
            row.with(|row| (row.entry.author, row.entry.agent.clone(), row.joined));
        let words = match (author, &agent) {
            (Author::Bot, Some(agent)) => Some(settings.about(Message::AgentSaid, agent)),
            (Author::Bot, None) => Some(settings.say(Message::BotSaid)),
            (Author::Visitor, _) => Some(settings.say(Message::YouSaid)),
            (Author::System, _) => None,
        };
        let words =
            words.map(|words| view! { class = scope, <span class="who quiet">{words}</span> });
        let name = agent.filter(|_| !joined).map(|agent| {
            view! { class = scope,
                <span class="by screen" dir="auto" aria-hidden="true">
                    {agent}
                </span>
            }
        });
        (words, name)
    }
}

/// The line below a message: when it was said, and how far it got.
#[derive(Clone, Copy, Default, PartialEq)]
struct State {
    has_time: bool,
    icon: Option<Icon>,
    words: Option<Message>,
    /// The icon is for the eye, and the words are only for a screen reader.
    is_quiet: bool,
    /// It can be sent again or deleted.
    has_failed: bool,
}

impl State {
    fn of(author: Author, delivery: Delivery) -> Self {
        let time = Self {
            has_time: true,
            ..Self::default()
        };
        let sign = |icon, words| Self {
            icon: Some(icon),
            words: Some(words),
            ..Self::default()
        };
        match delivery {
            _ if author == Author::System => Self::default(),
            Delivery::Sending => sign(Icon::Clock, Message::Sending),
            Delivery::Failed => Self {
                has_failed: true,
                ..sign(Icon::Alert, Message::NotSent)
            },
            Delivery::Sent if author == Author::Visitor => Self {
                has_time: true,
                is_quiet: true,
                ..sign(Icon::Check, Message::Sent)
            },
            Delivery::Delivered => Self {
                has_time: true,
                ..sign(Icon::Check, Message::Delivered)
            },
            Delivery::Read => Self {
                has_time: true,
                ..sign(Icon::Check, Message::Seen)
            },
            Delivery::Streaming => Self::default(),
            Delivery::Sent => time,
            Delivery::Stopped => Self {
                words: Some(Message::Stopped),
                ..time
            },
        }
    }
}

/// The line below a message.
#[component]
fn Meta(row: RwSignal<Row>) -> impl IntoView {
    let chat = expect_context::<Chat>();
    let settings = expect_context::<Settings>();
    let scope = stylers::style_sheet!("app/src/widget/row.css");
    let key = move || row.with_untracked(|row| row.entry.key.clone());
    let line = move || {
        let (state, time) =
            row.with(|row| (State::of(row.entry.author, row.entry.delivery), row.time));
        let texts = &settings.get().texts;
        let time = state.has_time.then(|| {
            view! { class = scope,
                <time class="time" datetime=time.machine() title=time.in_full(texts)>
                    {time.words(texts)}
                </time>
            }
        });
        let words = state.words.map(|words| {
            let class = state.is_quiet.then_some("quiet");
            view! { <span class=class>{settings.say(words)}</span> }
        });
        let ways_out = state.has_failed.then(|| {
            let retry = move |_| {
                chat.retry(&key());
                super::keyboard::to_composer();
            };
            let delete = move |_| {
                chat.delete(&key());
                super::keyboard::to_composer();
            };
            view! { class = scope,
                <button class="again" type="button" on:click=retry>
                    {settings.say(Message::Retry)}
                </button>
                <button class="again" type="button" on:click=delete>
                    {settings.say(Message::Delete)}
                </button>
            }
        });
        (time, state.icon.map(icon), words, ways_out)
    };
    view! { class = scope, <div class="meta">{line}</div> }
}

/// The bubble that the script copies for a message that is sent before the wasm is there. It looks like every row, and
/// stands in the page outside the island.
#[cfg(feature = "ssr")]
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
