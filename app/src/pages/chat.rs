//! `/chat/{bot}` and `/embed/{bot}`: the widget, on a page of its own or in a frame.
//!
//! **Invariant**: what makes the composer listen comes first, then what the wasm reads, then what fetches the wasm. Nothing is
//! fetched before the window stands: on a slow phone each request is 20 ms in which nobody is heard.

use super::Theme;
use crate::{
    early,
    text::Language,
    widget::{EarlyBubble, Widget, WidgetSettings, settings::ELEMENT},
};
use leptos::{config::LeptosOptions, nonce::Nonce, prelude::*};

/// The `id` of the script that makes the composer listen. Until it is there nothing is painted.
pub(super) const MARK: &str = "early-script";
/// Shows the newest message before anything is painted.
const TO_END: &str = "(e=>{e.scrollTop=e.scrollHeight})(document.querySelector('[role=log]'));";

/// A bot's chat.
#[derive(Clone, Debug)]
pub struct ChatPage {
    /// What the widget gets.
    pub settings: WidgetSettings,
    /// The custom properties of the bot's palette.
    pub theme_css: String,
    /// The bot's theme, or the host's choice.
    pub theme: Theme,
    /// The language of `settings.texts`.
    pub language: Language,
}

impl ChatPage {
    pub(super) fn view(self, options: &LeptosOptions, nonce: Option<Nonce>) -> impl IntoView {
        let mut settings = self.settings;
        settings.texts = settings.texts.naming(&settings.bot.name);
        let text = settings.to_text();
        provide_context(settings);
        let early = [TO_END, early::SCRIPT].concat();
        // A server without a built widget has nothing to load.
        let alive = !options.site_pkg_dir.is_empty();
        let wake = alive.then(|| view! { <script nonce=nonce.clone()>{wake(options)}</script> });
        view! {
            <Widget/>
            <EarlyBubble/>
            <script id=MARK nonce=nonce.clone()>{early}</script>
            <script type="application/json" id=ELEMENT nonce=nonce inner_html=text></script>
            {wake}
        }
    }
}

/// Fetches glue and wasm side by side and wakes the one island, when the screen stands. Leptos' `HydrationScripts` looks for any
/// number of islands at any depth; here that would be half a kilobyte of every first visit.
fn wake(options: &LeptosOptions) -> String {
    let path = [options.site_pkg_dir.as_ref(), options.output_name.as_ref()].join("/");
    format!(
        "{{let w=fetch(\"/{path}_bg.wasm\"),g=import(\"/{path}.js\");\
         (self.requestIdleCallback||setTimeout)(async()=>{{let m=await g;await m.default({{module_or_path:w}});m.hydrate();\
         let e=document.querySelector(\"leptos-island\");m[e.dataset.component](e)}},{{timeout:2e3}})}}"
    )
}
