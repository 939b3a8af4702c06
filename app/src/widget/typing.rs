//! "Is typing": not for what is answered at once, and not for ever.

use super::room::Room;
use crate::text::Message;
use core::time::Duration;
use leptos::prelude::*;

/// An answer this quick needs no dots.
const PATIENCE: Duration = Duration::from_millis(300);
/// A bot that has said nothing for this long is not typing any more.
const LIMIT: Duration = Duration::from_secs(10);

/// The dots at the end of the transcript.
#[component]
pub(super) fn Typing() -> impl IntoView {
    let scope = stylers::style_sheet!("app/src/widget/typing.css");
    let room = Room::here();
    let shown = RwSignal::new(false);
    Effect::new(move || {
        shown.set(false);
        if room.chat.typing.get() {
            let after = |wait, show| set_timeout(move || shown.set(show), wait).ok();
            let timers = [after(PATIENCE, true), after(LIMIT, false)];
            on_cleanup(move || timers.into_iter().flatten().for_each(|timer| timer.clear()));
        }
    });
    move || {
        shown.get().then(|| {
            view! { class = scope,
                <div class="typing">
                    <span class="face">{room.avatar()}</span>
                    <div class="dots" role="img" aria-label=room.say(Message::Typing)>
                        <span class="dot"></span>
                        <span class="dot"></span>
                        <span class="dot"></span>
                    </div>
                    <span class="quiet" role="status">{room.say(Message::Typing)}</span>
                </div>
            }
        })
    }
}
