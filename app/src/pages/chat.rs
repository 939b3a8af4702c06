//! `/chat/{bot}` and `/embed/{bot}`: the widget, on a page of its own or in a frame.
//!
//! **Invariant**: what makes the composer listen comes first, then what the wasm reads, then what fetches the wasm. Nothing is
//! fetched before the window stands: on a slow phone each request is 20 ms in which nobody is heard.

use super::Theme;
use crate::{
    BasePath, ahead, early, hand_over,
    text::Language,
    widget::{
        EarlyBubble, Widget, WidgetSettings,
        settings::{ELEMENT, Mode},
    },
};
use leptos::{config::LeptosOptions, nonce::Nonce, prelude::*};

/// The `id` of the script that makes the composer listen. Until it is there nothing is painted.
pub(super) const MARK: &str = "early-script";
/// Shows the newest message before anything is painted.
const TO_END: &str = "(e=>{e.scrollTop=e.scrollHeight})(document.querySelector('[role=log]'));";
/// Forgets what the tab keeps under the names of `transport/keep.rs`, once: a reload keeps what is said from now on.
const FORGET: &str = "try{let l=location,p=l.pathname,u=new URL(l);u.searchParams.delete(\"fresh\");history.replaceState(null,\"\",u);\
     for(let k of[\"unsent\",\"draft\",\"last\"])sessionStorage.removeItem(k+\":\"+p)}catch{}";

/// A bot's chat.
#[derive(Clone, Debug)]
pub struct ChatPage {
    /// What the widget gets.
    pub settings: WidgetSettings,
    /// The custom properties of the bot's palette.
    pub theme_css: String,
    /// The bot's colour, or the host's choice, for the launcher.
    pub brand: String,
    /// The bot's theme, or the host's choice.
    pub theme: Theme,
    /// The language of `settings.texts`.
    pub language: Language,
    /// The page around the frame has named somebody else: what the tab kept is not theirs.
    pub fresh: bool,
}

impl ChatPage {
    pub(super) fn view(
        self,
        options: &LeptosOptions,
        base: &BasePath,
        nonce: Option<Nonce>,
    ) -> impl IntoView {
        let mut settings = self.settings;
        settings.texts = settings.texts.naming(&settings.bot.name);
        let text = settings.to_text();
        // An empty transcript is read from its top, and no layout is forced before somebody types.
        let to_end = if settings.entries.is_empty() {
            ""
        } else {
            TO_END
        };
        let forget = if self.fresh { FORGET } else { "" };
        let hand_over = match settings.mode {
            Mode::Embedded => hand_over::SCRIPT,
            Mode::Standalone => "",
        };
        let early = [forget, to_end, early::SCRIPT, ";", hand_over].concat();
        // Only the host knows who the visitor is.
        let ahead = if settings.host_identity {
            ""
        } else {
            ahead::SCRIPT
        };
        provide_context(settings);
        // A server without a built widget has nothing to load.
        let alive = !options.site_pkg_dir.is_empty();
        let wake = alive
            .then(|| view! { <script nonce=nonce.clone()>{wake(options, base, ahead)}</script> });
        view! {
            <Widget/>
            <EarlyBubble/>
            <script id=MARK nonce=nonce.clone() data-brand=self.brand>{early}</script>
            <script type="application/json" id=ELEMENT nonce=nonce inner_html=text></script>
            {wake}
        }
    }
}

/// Fetches glue and wasm side by side, goes `ahead` and wakes the one island, when the screen stands. Leptos' `HydrationScripts`
/// looks for any number of islands at any depth; here that would be half a kilobyte of every first visit.
///
/// Where the network fails meanwhile, it is tried again after two seconds more each time, or as soon as there is a network: what
/// was said in the first second waits for it. Under another address, because a browser may remember that a module failed.
fn wake(options: &LeptosOptions, base: &BasePath, ahead: &str) -> String {
    let path = [options.site_pkg_dir.as_ref(), options.output_name.as_ref()].join("/");
    let path = base.at(&path);
    format!(
        "{{let l=n=>Promise.all([import(\"{path}.js\"+n),fetch(\"{path}_bg.wasm\")]),a=l(\"\");a.catch(b=>b);\
         (self.requestIdleCallback||setTimeout)(async()=>{{{ahead}let n=0,m;\
         while(!m)try{{let[g,w]=await a;await g.default({{module_or_path:w}});m=g}}\
         catch{{await new Promise(r=>{{setTimeout(r,++n*2e3);addEventListener(\"online\",r)}});a=l(\"?\"+n)}}\
         m.hydrate();let e=document.querySelector(\"leptos-island\");m[e.dataset.component](e)}},{{timeout:2e3}})}}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_inline_scripts_can_stand_in_a_script_element() {
        for script in [
            FORGET,
            TO_END,
            early::SCRIPT,
            hand_over::SCRIPT,
            ahead::SCRIPT,
        ] {
            assert!(!script.contains("</"), "`</` would end the script element");
            assert!(
                !script.contains("<!--"),
                "`<!--` changes how the element is parsed"
            );
        }
    }
}
