//! What every part of the window needs: the chat, the words, who answers.

use super::{
    node::{Node, PLAIN},
    settings::WidgetSettings,
};
use crate::{
    chat::Chat,
    text::{Count, Message},
};
use std::sync::Arc;

/// The window's settings and its store.
pub(super) struct Room {
    pub(super) chat: Chat,
    pub(super) settings: Arc<WidgetSettings>,
}

impl Room {
    /// A sentence in the visitor's language.
    pub(super) fn say(&self, message: Message) -> &str {
        self.settings.texts.say(message)
    }

    /// A sentence about a person.
    pub(super) fn about(&self, message: Message, agent: &str) -> String {
        self.settings.texts.about(message, agent)
    }

    /// A sentence with a number.
    pub(super) fn count(&self, count: Count, n: u32) -> String {
        self.settings.texts.count(count, n)
    }

    /// The bot's picture, or its first letter; a person's first letter. For the eye: the name is always near.
    pub(super) fn avatar(&self, agent: Option<&str>) -> Node {
        let bot = &self.settings.bot;
        let avatar = PLAIN.el("span", "avatar").set("aria-hidden", "true");
        if let (Some(url), None) = (&bot.avatar, agent) {
            let picture = PLAIN.el("img", "").set("src", url).set("alt", "");
            let picture = picture.set("width", "56").set("height", "56");
            return avatar.add(picture.set("decoding", "async"));
        }
        let letter = agent.unwrap_or(&bot.name).chars().next();
        // The style makes it a capital: the table of all capitals is 14 kB.
        avatar.say(&letter.map_or_else(String::new, String::from))
    }
}
