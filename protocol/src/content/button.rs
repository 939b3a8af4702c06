//! What can be chosen in a message, and what choosing it does.

use super::json_text::scalar;
use crate::json::Value;
use crate::link::{safe_image, sloppy_link};
use crate::wire;

/// Buttons and replies beyond this are dropped: no bot means to show more.
pub(crate) const MAX_BUTTONS: usize = 50;

wire! {
    /// Something to choose.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Button {
        /// What it says.
        pub title: String,
        /// What it does.
        pub action: Action,
        /// A small picture, http or https.
        pub image: Option<String>,
    }
}

wire! {
    /// What a button does.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub enum Action {
        /// Nothing: the address was refused, so the title is shown as text.
        None {},
        /// Opens a page in a new tab and sends nothing.
        Open {
            /// http, https, mailto or tel.
            url: String,
        },
        /// Sends the payload; the title is shown.
        Post {
            /// What the bot gets.
            payload: String,
        },
    }
}

impl Button {
    /// A button that sends its `payload`, or else its `value`, or else its title.
    pub(crate) fn of(button: &Value) -> Option<Self> {
        Self::sending(button, ["payload", "value", "title"])
    }

    /// A button that sends the first of these fields. A button of the type `url` opens a page and sends nothing. If its
    /// address is unsafe, the title is shown as text.
    pub(crate) fn sending(button: &Value, fields: [&str; 3]) -> Option<Self> {
        let kind = ["type", "content_type"]
            .iter()
            .find_map(|key| button[*key].as_str());
        let kind = kind.map(|kind| kind.trim().to_ascii_lowercase());
        let payload = fields.iter().find_map(|key| scalar(&button[*key]));
        let unsaid = || scalar(&button["payload"]).or_else(|| scalar(&button["value"]));
        let title = scalar(&button["title"]).or_else(unsaid)?;
        let action = match kind.as_deref() {
            Some("url" | "web_url" | "data-url") => {
                let mut urls = ["url", "link", "fallback_url", "value", "payload"]
                    .iter()
                    .filter_map(|key| button[*key].as_str());
                let url = urls.find(|url| !url.trim().is_empty());
                match url.and_then(sloppy_link) {
                    Some(url) => Action::Open { url },
                    None => Action::None {},
                }
            }
            _ => Action::Post {
                payload: payload.unwrap_or_else(|| title.clone()),
            },
        };
        Some(Self {
            title,
            action,
            image: button["image_url"].as_str().and_then(safe_image),
        })
    }

    /// The buttons of these lists, in order.
    pub(crate) fn all<'a>(lists: impl IntoIterator<Item = &'a Value>) -> Vec<Self> {
        let all = lists.into_iter().filter_map(Value::as_array).flatten();
        all.filter_map(Self::of).take(MAX_BUTTONS).collect()
    }
}
