//! What the visitor writes.
//!
//! The form works in three lives: posted by the browser where no script runs, caught by the script before hydration,
//! then ours. The text lives in the field, never in a signal, so that taking over cannot lose a letter.

use super::{browser, keys, room::Room};
use crate::{
    icons::{Icon, icon},
    text::{Count, Message},
};
use leptos::{
    ev::{KeyboardEvent, SubmitEvent},
    html::Textarea,
    prelude::*,
};

/// What an input method reports while it composes, in browsers that do not set `isComposing` in time.
const COMPOSING: u32 = 229;

/// The composer.
#[component]
pub(super) fn Composer() -> impl IntoView {
    let scope = stylers::style_sheet!("app/src/widget/composer.css");
    let room = Room::here();
    let chat = room.chat;
    let limit = room.settings(|settings| settings.max_message_chars);
    let action = room.settings(|settings| settings.form_action.clone());
    let field = NodeRef::<Textarea>::new();
    // Characters; 0 for nothing but blanks.
    let length = RwSignal::new(0_u32);

    let measure = move || {
        if let Some(field) = field.get_untracked() {
            let text = field.value();
            let characters = if text.trim().is_empty() {
                0
            } else {
                text.chars().count()
            };
            length.set(u32::try_from(characters).unwrap_or(u32::MAX));
            browser::grow(&field);
        }
    };
    let sendable = Memo::new(move |_| (1..=limit).contains(&length.get()));
    let send = move || {
        // Asked of the field itself: a script may have filled it without an event.
        measure();
        if let (true, Some(field)) = (sendable.get_untracked(), field.get_untracked()) {
            // What is not taken (too much is waiting already) stays in the field.
            if chat.send(field.value()) {
                field.set_value("");
                measure();
            }
            keys::to_composer();
        }
    };
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        send();
    };
    let press = move |event: KeyboardEvent| {
        if event.key() != "Enter" || event.is_composing() || event.key_code() == COMPOSING {
            return;
        }
        let always = event.ctrl_key() || event.meta_key();
        if always || !(event.shift_key() || browser::touch()) {
            event.prevent_default();
            send();
        }
    };
    // What was typed before the wasm came.
    Effect::new(measure);

    // Told from 80 % on.
    let near = Memo::new(move |_| length.get() > limit / 5 * 4);
    let counter = move || {
        near.get().then(|| {
            let (written, over) = (length.get(), length.get() > limit);
            let words = if over {
                room.count(Count::CharactersOver, written - limit)
            } else {
                room.count(Count::CharactersLeft, limit - written)
            };
            view! { class = scope, <p class="count" class:over=over id="count">{words}</p> }
        })
    };

    view! { class = scope,
        <form class="composer screen" id="composer" method="post" action=action data-composer="" on:submit=submit>
            <div class="field">
                <textarea
                    class="input"
                    id="message"
                    name="text"
                    rows="1"
                    autocomplete="off"
                    aria-label=room.say(Message::MessageLabel)
                    aria-describedby=move || near.get().then_some("count")
                    placeholder=room.say(Message::Placeholder)
                    node_ref=field
                    on:input=move |_| measure()
                    on:keydown=press
                ></textarea>
                <button
                    type="submit"
                    class="send"
                    aria-label=room.say(Message::Send)
                    aria-disabled=move || if sendable.get() { "false" } else { "true" }
                >
                    {icon(Icon::Send)}
                </button>
            </div>
            {counter}
        </form>
    }
    .into_any()
}
