//! "Is typing": the dots at the end of the transcript, and what the bot is doing. A screen reader learns it from the
//! window's live region, which exists before the dots.

use super::{avatar::Avatar, settings::Settings};
use crate::{chat::Chat, text::Message};
use leptos::prelude::*;

/// The dots, while somebody is typing or busy.
#[component]
pub fn Typing() -> impl IntoView {
    let shown = expect_context::<Chat>().shown;
    let settings = expect_context::<Settings>();
    let scope = stylers::style_sheet!("app/src/widget/typing.css");
    move || {
        let (typing, doing, agent) = shown
            .status
            .with(|it| (it.typing, it.doing.clone(), it.agent.clone()));
        (typing || doing.is_some()).then(|| {
            let words = match &agent {
                Some(agent) => settings.about(Message::AgentTyping, agent),
                None => settings.say(Message::Typing),
            };
            view! { class = scope,
                <div class="typing">
                    <span class="face">
                        <Avatar agent/>
                    </span>
                    <div class="dots" role="img" aria-label=words>
                        <span class="dot"></span>
                        <span class="dot"></span>
                        <span class="dot"></span>
                    </div>
                    {doing.map(|doing| view! { class = scope, <p class="doing" dir="auto">{doing}</p> })}
                </div>
            }
        })
    }
}
