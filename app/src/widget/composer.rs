//! What the visitor writes.
//!
//! The form works at three times: without a script the browser posts it, before hydration the script handles it, and
//! then the wasm does. The text is only in the field, so that hydration cannot lose a letter.

use super::{browser, keyboard, settings::Settings};
use crate::{
    chat::Chat,
    icons::{Icon, icon},
    text::{Count, Message},
};
use leptos::{
    ev::{KeyboardEvent, SubmitEvent},
    html::Textarea,
    prelude::*,
};
use protocol::visible::is_blank;

/// The key code during composition, in browsers that do not set `isComposing` in time.
const COMPOSING: u32 = 229;

/// The length of the text in characters; 0 if nothing of it is visible.
fn written(text: &str) -> u32 {
    if is_blank(text) {
        0
    } else {
        u32::try_from(text.chars().count()).unwrap_or(u32::MAX)
    }
}

/// The composer, with nothing in it.
#[component]
pub fn Composer() -> impl IntoView {
    let chat = expect_context::<Chat>();
    let settings = expect_context::<Settings>();
    let scope = stylers::style_sheet!("app/src/widget/composer.css");
    let limit = settings.get().max_message_chars;
    let field = NodeRef::<Textarea>::new();
    // It is unknown before the field is measured. What was typed before the wasm came is counted then.
    let count = RwSignal::new(None::<u32>);
    let sendable = move || {
        count
            .get()
            .is_some_and(|count| (1..=limit).contains(&count))
    };
    // From 80 % on the counter shows how much may still be written.
    let counts = move || count.get().filter(|count| *count > limit / 5 * 4);
    let measure = move || {
        if let Some(field) = field.get_untracked() {
            let now = Some(written(&field.value()));
            if count.get_untracked() != now {
                count.set(now);
            }
            browser::grow(&field);
        }
    };
    Effect::new(move |_| measure());
    let send = move || {
        // The field itself is measured, because a script may have filled it without an event.
        measure();
        if let Some(field) = field.get_untracked() {
            if !untrack(sendable) {
                if let Some(count) = untrack(counts) {
                    chat.announce(&counter(settings, count, limit));
                }
                return;
            }
            // If the text is not accepted because too many messages wait, it stays in the field.
            if chat.send(field.value()) {
                field.set_value("");
                measure();
            }
        }
        keyboard::to_composer();
    };
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        send();
    };
    let pressed = move |event: KeyboardEvent| {
        if event.key() != "Enter" || event.is_composing() || event.key_code() == COMPOSING {
            return;
        }
        let always = event.ctrl_key() || event.meta_key();
        if always || !(event.shift_key() || browser::touch()) {
            event.prevent_default();
            send();
        }
    };
    view! { class = scope,
        <form
            class="composer screen"
            id="composer"
            method="post"
            action=settings.get().form_action.clone()
            // The script that handles the form before hydration has the same limit.
            data-composer=limit.to_string()
            on:submit=submit
        >
            <div class="field">
                <textarea
                    class="input"
                    id="message"
                    name="text"
                    rows="1"
                    autocomplete="off"
                    aria-label=settings.say(Message::MessageLabel)
                    aria-describedby=move || counts().map(|_| "count")
                    placeholder=settings.say(Message::Placeholder)
                    node_ref=field
                    on:input=move |_| measure()
                    on:keydown=pressed
                ></textarea>
                <StopButton/>
                // A press leaves the focus in the field, because otherwise a phone would hide its keyboard.
                <button
                    class="send"
                    type="submit"
                    aria-label=settings.say(Message::Send)
                    aria-disabled=move || count.get().map(|_| if sendable() { "false" } else { "true" })
                    on:mousedown=move |event| event.prevent_default()
                >
                    {icon(Icon::Send)}
                </button>
            </div>
            {move || {
                counts()
                    .map(|count| {
                        let over = count > limit;
                        view! { class = scope,
                            <p class="count" class:over=over id="count">
                                {counter(settings, count, limit)}
                            </p>
                        }
                    })
            }}
        </form>
    }
}

/// Stops the answer that is streaming. It stands before the send button, and replaces it while there is nothing to
/// send.
#[component]
fn StopButton() -> impl IntoView {
    let chat = expect_context::<Chat>();
    let settings = expect_context::<Settings>();
    let scope = stylers::style_sheet!("app/src/widget/composer.css");
    move || {
        let may_stop = chat.shown.status.with(|it| it.may_stop);
        if !may_stop {
            keyboard::leave(".stop");
        }
        may_stop.then(|| {
            view! { class = scope,
                <button
                    class="send stop"
                    type="button"
                    aria-label=settings.say(Message::Stop)
                    on:mousedown=move |event| event.prevent_default()
                    on:click=move |_| chat.stop()
                >
                    {icon(Icon::Stop)}
                </button>
            }
        })
    }
}

/// How many characters may still be written, or are too many.
fn counter(settings: Settings, written: u32, limit: u32) -> String {
    if written > limit {
        settings.count(Count::CharactersOver, written - limit)
    } else {
        settings.count(Count::CharactersLeft, limit - written)
    }
}
