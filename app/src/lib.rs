//! What is seen.
use leptos::prelude::*;

/// The widget.
#[island]
pub fn Widget(start: i32) -> impl IntoView {
    let (count, set_count) = signal(start);
    view! { <button on:click=move |_| *set_count.write() += 1>{count}</button> }
}
