//! The live region: what a screen reader says about events, separate from the visible list.

use crate::chat::Chat;
use leptos::prelude::*;

/// The live region. Each line is an element of its own, so that nothing is read twice.
#[component]
pub fn Announcements() -> impl IntoView {
    let chat = expect_context::<Chat>();
    let lines = move || {
        let lines = chat.shown.status.with(|it| it.announcements.clone());
        let lines = lines.into_iter().enumerate().map(|(position, line)| {
            // The lines are also separated in the plain text.
            let line = if position == 0 {
                line
            } else {
                ["\n", &line].concat()
            };
            view! { <div>{line}</div> }
        });
        lines.collect::<Vec<_>>()
    };
    view! {
        <div class="quiet" role="status" aria-atomic="false">
            {lines}
        </div>
    }
}
