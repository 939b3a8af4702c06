//! The tree of `protocol::markup` as nodes. Never an HTML string: what is not markup is text.

use super::{browser, content::REL, room::Room};
use crate::text::Message;
use core::time::Duration;
use leptos::{ev::MouseEvent, prelude::*, web_sys};
use protocol::markup::{Block, Span, parse};

/// How long the live region keeps its text: long enough to be read out, gone before it is met by browsing.
const SPOKEN: Duration = Duration::from_secs(1);

/// The text of a message.
pub(super) fn view(room: Room, text: &str) -> Vec<AnyView> {
    parse(text)
        .into_iter()
        .map(|found| block(room, found))
        .collect()
}

fn block(room: Room, block: Block) -> AnyView {
    let scope = stylers::style_sheet!("app/src/widget/markup.css");
    match block {
        Block::Paragraph(inside) => {
            view! { class = scope, <p class="block" dir="auto">{spans(room, inside)}</p> }.into_any()
        }
        // One look and one level: a bubble is no document.
        Block::Heading { spans: inside, .. } => {
            view! { class = scope, <h2 class="block title" dir="auto">{spans(room, inside)}</h2> }.into_any()
        }
        Block::List { ordered, items, start } => {
            let items = items.into_iter().map(|item| {
                view! { class = scope, <li class="point" dir="auto">{spans(room, item)}</li> }
            });
            let items = items.collect_view();
            if ordered {
                view! { class = scope, <ol class="block list" start=start.to_string()>{items}</ol> }.into_any()
            } else {
                view! { class = scope, <ul class="block list bare">{items}</ul> }.into_any()
            }
        }
        Block::Quote(inside) => {
            view! { class = scope, <blockquote class="block quote" dir="auto">{spans(room, inside)}</blockquote> }.into_any()
        }
        Block::Rule => view! { class = scope, <hr class="block"/> }.into_any(),
        Block::Code { language, text } => listing(room, language, text).into_any(),
        Block::Table { head, rows } => {
            let head = head.into_iter().map(|cell| {
                view! { class = scope, <th class="cell head" scope="col" dir="auto">{spans(room, cell)}</th> }
            });
            let head = head.collect_view();
            let rows = rows.into_iter().map(|row| {
                let cells = row.into_iter().map(|cell| {
                    view! { class = scope, <td class="cell" dir="auto">{spans(room, cell)}</td> }
                });
                view! { <tr>{cells.collect_view()}</tr> }
            });
            let rows = rows.collect_view();
            view! { class = scope,
                <div class="block sheet" tabindex="0" role="region" aria-label=room.say(Message::Table)>
                    <table class="table">
                        <thead><tr>{head}</tr></thead>
                        <tbody>{rows}</tbody>
                    </table>
                </div>
            }
            .into_any()
        }
    }
}

/// Code with its language and a button that copies it.
fn listing(room: Room, language: Option<String>, text: String) -> impl IntoView {
    let scope = stylers::style_sheet!("app/src/widget/markup.css");
    let language = language.unwrap_or_else(|| room.say(Message::Code));
    let copy = move |event: MouseEvent| {
        let button: web_sys::Element = event_target(&event);
        let bar = button.parent_element();
        if bar
            .and_then(|bar| bar.next_element_sibling())
            .is_some_and(|code| browser::copy(&code))
        {
            let copied = room.say(Message::Copied);
            button.set_text_content(Some(&copied));
            room.chat.announce.set(copied);
            // Without a timer the text only stays longer.
            let _ = set_timeout(move || room.chat.announce.set(String::new()), SPOKEN);
        }
    };
    view! { class = scope,
        <div class="block listing" dir="ltr">
            <div class="bar">
                <span>{language}</span>
                <button type="button" class="copy screen" on:click=copy>{room.say(Message::Copy)}</button>
            </div>
            <pre class="text" tabindex="0"><code>{text}</code></pre>
        </div>
    }
}

fn spans(room: Room, spans: Vec<Span>) -> Vec<AnyView> {
    spans.into_iter().map(|found| span(room, found)).collect()
}

fn span(room: Room, span: Span) -> AnyView {
    let scope = stylers::style_sheet!("app/src/widget/markup.css");
    match span {
        Span::Text(text) => text.into_any(),
        Span::Break => view! { <br/> }.into_any(),
        Span::Strong(inside) => view! { <strong>{spans(room, inside)}</strong> }.into_any(),
        Span::Emphasis(inside) => view! { <em>{spans(room, inside)}</em> }.into_any(),
        Span::Code(text) => view! { class = scope, <code class="code">{text}</code> }.into_any(),
        Span::Link { url, spans: inside } => {
            let leaves = room.say(Message::NewTab);
            view! {
                <a href=url target="_blank" rel=REL>
                    {spans(room, inside)}
                    <span class="quiet">{leaves}</span>
                </a>
            }
            .into_any()
        }
        Span::Image { url, alt } => {
            let alt = if alt.is_empty() {
                room.say(Message::Picture)
            } else {
                alt
            };
            view! { class = scope,
                <img class="shot" src=url alt=alt width="288" height="216" loading="lazy" decoding="async" referrerpolicy="no-referrer"/>
            }
            .into_any()
        }
    }
}
