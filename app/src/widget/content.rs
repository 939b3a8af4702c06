//! What a bot shows: text, buttons, quick replies, a picture, a link, an error; the fallback of what we do not draw.
//!
//! A choice is a submit button of the composer's form: without the wasm it sends its title. With it, its payload.

use super::{keys, markup, room::Room};
use crate::{
    icons::{Icon, icon},
    text::Message,
};
use leptos::prelude::*;
use protocol::{
    content::{Action, Button, Content},
    transcript::Entry,
};

/// How links of a bot are opened: elsewhere, without a handle on this page, without our praise.
pub(super) const REL: &str = "noopener nofollow ugc";

/// What the message shows. `bubble` is the scope in which `.bubble` is styled; `answer` is what the visitor said next.
pub(super) fn view(
    room: Room,
    entry: &Entry,
    answer: Option<String>,
    bubble: &'static str,
) -> AnyView {
    let scope = stylers::style_sheet!("app/src/widget/content.css");
    let said = |text: &str| {
        let blocks = markup::view(room, text);
        view! { class = bubble, <div class="bubble">{blocks}</div> }
    };
    match &entry.content {
        Content::Text(text) | Content::System(text) | Content::Unknown { fallback: text } => {
            said(text).into_any()
        }
        Content::Error { text } => {
            let blocks = markup::view(room, text);
            view! { class = bubble, <div class="bubble fault">{icon(Icon::Alert)}<div>{blocks}</div></div> }.into_any()
        }
        Content::Buttons { text, buttons } => {
            let words = (!text.is_empty()).then(|| {
                let blocks = markup::view(room, text);
                view! { class = scope, <div class="words">{blocks}</div> }
            });
            let actions = choices(room, entry, buttons, answer.as_deref(), Look::Row);
            view! { class = scope, <div class="card">{words} <div role="group">{actions}</div></div> }.into_any()
        }
        Content::QuickReplies { text, replies } => {
            let words = (!text.is_empty()).then(|| said(text));
            let label = room.say(Message::Suggestions);
            let chips = choices(room, entry, replies, answer.as_deref(), Look::Chip);
            view! { class = scope,
                {words}
                <div class="chips" role="group" aria-label=label>{chips}</div>
            }
            .into_any()
        }
        Content::Image { url, alt } => {
            let (url, source, alt) = (url.clone(), url.clone(), alt.clone());
            let alt = if alt.is_empty() {
                room.say(Message::Picture)
            } else {
                alt
            };
            view! { class = scope,
                <a class="picture" href=url target="_blank" rel=REL>
                    <img class="photo" src=source alt=alt width="288" height="216" loading="lazy" decoding="async" referrerpolicy="no-referrer"/>
                </a>
            }
            .into_any()
        }
        Content::Link { url, title } => {
            let (url, title, leaves) = (url.clone(), title.clone(), room.say(Message::NewTab));
            view! { class = scope,
                <div class="card">
                    <a class="action" href=url target="_blank" rel=REL>
                        <span class="label" dir="auto">{title}</span>
                        {icon(Icon::Open)}
                        <span class="quiet">{leaves}</span>
                    </a>
                </div>
            }
            .into_any()
        }
    }
}

/// How a choice looks, and whether it may be made twice.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Look {
    /// Once: the others are switched off after it.
    Chip,
    /// As often as one likes.
    Row,
}

fn choices(
    room: Room,
    entry: &Entry,
    buttons: &[Button],
    answer: Option<&str>,
    look: Look,
) -> Vec<AnyView> {
    let scope = stylers::style_sheet!("app/src/widget/content.css");
    let chip = look == Look::Chip;
    let used = answer.is_some();
    let choice = |button: &Button| {
        let title = button.title.clone();
        let picture = button.image.clone().map(|url| {
            view! { class = scope, <img class="thumb" src=url alt="" width="24" height="24" loading="lazy" referrerpolicy="no-referrer"/> }
        });
        let label = view! { class = scope, <span class="label" dir="auto">{title.clone()}</span> };
        match &button.action {
            Action::Open { url } => {
                let (url, leaves) = (url.clone(), room.say(Message::NewTab));
                view! { class = scope,
                    <a class:action=!chip class:chip=chip href=url target="_blank" rel=REL>
                        {picture}
                        {label}
                        {icon(Icon::Open)}
                        <span class="quiet">{leaves}</span>
                    </a>
                }
                .into_any()
            }
            Action::Post { payload } => {
                let (key, payload, value) = (entry.key.clone(), payload.clone(), title.clone());
                let chosen = answer == Some(title.as_str());
                let mark = chosen.then(|| {
                    let words = room.say(Message::Chosen);
                    view! { {icon(Icon::Check)} <span class="quiet">{words}</span> }
                });
                let choose = move |event: leptos::ev::MouseEvent| {
                    event.prevent_default();
                    // Nothing is lost if it is not taken: the choice stays.
                    let _ = room
                        .chat
                        .choose(key.clone(), title.clone(), payload.clone());
                    keys::to_composer();
                };
                view! { class = scope,
                    <button
                        type="submit"
                        form="composer"
                        name="choice"
                        value=value
                        class:action=!chip
                        class:chip=chip
                        class:used=used
                        class:chosen=chosen
                        disabled=chip && used
                        on:click=choose
                    >
                        {picture}
                        {label}
                        {mark}
                    </button>
                }
                .into_any()
            }
        }
    };
    buttons.iter().map(choice).collect()
}
