//! `/chat/{bot}` and `/embed/{bot}`: the widget, on a page of its own or in a frame.

use super::Theme;
use crate::{
    text::Language,
    widget::{EarlyBubble, Widget, WidgetSettings, settings::ELEMENT},
};
use leptos::{nonce::use_nonce, prelude::*};

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
    pub(super) fn view(self) -> impl IntoView {
        let mut settings = self.settings;
        settings.texts = settings.texts.naming(&settings.bot.name);
        let text = settings.to_text();
        provide_context(settings);
        view! {
            <script type="application/json" id=ELEMENT nonce=use_nonce() inner_html=text></script>
            <Widget/>
            <EarlyBubble/>
        }
    }
}
