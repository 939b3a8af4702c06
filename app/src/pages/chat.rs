//! `/chat/{bot}` and `/embed/{bot}`: the widget, on a page of its own or in a frame.
//!
//! **Invariant**: what makes the composer listen comes first, then what the wasm reads, then what fetches the wasm. Nothing is
//! fetched before the window stands: on a slow phone each request is 20 ms in which nobody is heard.

use std::sync::Arc;

use super::{Scripts, Theme};
use crate::{
    BasePath,
    text::Language,
    widget::{
        EarlyBubble, Widget, WidgetSettings,
        settings::{ELEMENT, Mode},
    },
};
use leptos::{config::LeptosOptions, nonce::Nonce, prelude::*};

/// The `id` of the script that makes the composer listen. Until it is there nothing is painted.
pub(super) const MARK: &str = "early-script";

/// A bot's chat.
#[derive(Clone, Debug)]
pub struct ChatPage {
    /// What the widget gets.
    pub settings: Arc<WidgetSettings>,
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
    ) -> impl IntoView + use<> {
        let settings = self.settings;
        let text = settings.to_text();
        let scripts = use_context::<Arc<Scripts>>()
            .map(|scripts| self::scripts(&scripts, &settings, self.fresh));
        let pkg = [options.site_pkg_dir.as_ref(), options.output_name.as_ref()].join("/");
        let pkg = base.at(&pkg);
        let brand = self.brand;
        let (early, wake) = scripts.unzip();
        let early = early.map(
            |early| view! { <script id=MARK nonce=nonce.clone() data-brand=brand>{early}</script> },
        );
        let wake =
            wake.map(|wake| view! { <script nonce=nonce.clone() data-pkg=pkg>{wake}</script> });
        provide_context(settings);
        view! {
            <Widget/>
            <EarlyBubble/>
            {early}
            <script type="application/json" id=ELEMENT nonce=nonce inner_html=text></script>
            {wake}
        }
    }
}

/// What the page runs above its settings, and what it runs below them.
fn scripts(scripts: &Scripts, settings: &WidgetSettings, fresh: bool) -> (String, String) {
    let only = |wanted: bool, script: &str| {
        if wanted {
            script.to_owned()
        } else {
            String::new()
        }
    };
    let above = [
        only(fresh, &scripts.forget),
        // An empty transcript is read from its top, and no layout is forced before somebody types.
        only(!settings.entries.is_empty(), &scripts.to_end),
        scripts.early.clone(),
        only(settings.mode == Mode::Embedded, &scripts.hand_over),
    ];
    let below = [
        // Else only the host knows who the visitor is.
        only(!settings.host_identity, &scripts.ahead),
        scripts.wake.clone(),
    ];
    (above.concat(), below.concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_page_that_needs_a_script_holds_it() {
        let [ahead, early, forget, hand_over, to_end, wake] = [
            "ahead;",
            "early;",
            "forget;",
            "hand_over;",
            "to_end;",
            "wake;",
        ]
        .map(str::to_owned);
        let all = Scripts {
            ahead,
            early,
            forget,
            hand_over,
            to_end,
            wake,
        };
        let mut settings = WidgetSettings::default();
        let texts = |settings: &WidgetSettings, fresh| scripts(&all, settings, fresh);
        let plain = ("early;".to_owned(), "ahead;wake;".to_owned());
        assert_eq!(texts(&settings, false), plain);
        settings.mode = Mode::Embedded;
        settings.host_identity = true;
        let embedded = ("forget;early;hand_over;".to_owned(), "wake;".to_owned());
        assert_eq!(texts(&settings, true), embedded);
    }
}
