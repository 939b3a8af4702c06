//! What a bot's message shows: the wire's nesting, strings in strings and fallbacks sorted into
//! one enum that the widget draws.
//!
//! Source: `kore-protocol.md` 4.6, 6.2 and 8. Only links of safe schemes survive; text is text,
//! read by [`crate::markup`], never HTML.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::link::{safe_image, safe_link};
use crate::reply::BotMessage;

/// One message, ready to draw.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Content {
    /// Text with buttons that stay usable.
    Buttons {
        /// Text with markup above the buttons.
        text: String,
        /// In order.
        buttons: Vec<Button>,
    },
    /// Something failed on the bot's side.
    Error {
        /// A sentence.
        text: String,
    },
    /// A picture.
    Image {
        /// http or https.
        url: String,
        /// The file's name or description; may be empty.
        alt: String,
    },
    /// A file or page to open.
    Link {
        /// http, https, mailto or tel.
        url: String,
        /// What to call it.
        title: String,
    },
    /// Text with chips that go away once one is chosen.
    QuickReplies {
        /// Text with markup above the chips.
        text: String,
        /// In order.
        replies: Vec<Button>,
    },
    /// A centred line that nobody said.
    System(String),
    /// Text with markup.
    Text(String),
    /// A template that this widget does not draw.
    Unknown {
        /// Its readable fallback.
        fallback: String,
    },
}

/// Something to choose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Button {
    /// What it says.
    pub title: String,
    /// What it does.
    pub action: Action,
    /// A small picture, http or https.
    pub image: Option<String>,
}

/// What a button does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Action {
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

/// How deep a payload may nest: `component` → `template` → media, and one for luck.
const MAX_NESTING: u8 = 4;

/// Buttons and replies beyond this are dropped: no bot means to show more.
const MAX_BUTTONS: usize = 50;

impl Content {
    /// What a live `bot_response` entry shows.
    ///
    /// ```
    /// use protocol::{content::Content, reply::BotMessage};
    /// let lean: BotMessage = serde_json::from_str(r#"{"type":"text","cInfo":{"body":" Hi.  "}}"#).unwrap();
    /// assert_eq!(Content::of_bot_message(&lean), Content::Text("Hi.".into()));
    /// ```
    #[must_use]
    pub fn of_bot_message(message: &BotMessage) -> Self {
        let fallback = message.c_info.as_ref().and_then(|info| info.body.as_str());
        let fallback = fallback.map(str::trim).filter(|text| !is_json_object(text));
        let Some(component) = &message.component else {
            return Self::Text(fallback.unwrap_or_default().to_owned());
        };
        let kind = component.kind.as_deref().unwrap_or_default();
        of_payload(kind, &component.payload, MAX_NESTING)
            .unwrap_or_else(|| unknown(&component.payload, fallback))
    }

    /// What a message of the history shows: text, or a template as a JSON string.
    #[must_use]
    pub fn of_history_text(text: &str) -> Self {
        if is_json_object(text)
            && let Ok(value) = serde_json::from_str::<Value>(text)
            && (value.get("payload").is_some() || value.get("template_type").is_some())
        {
            return of_payload("", &value, MAX_NESTING).unwrap_or_else(|| unknown(&value, None));
        }
        Self::Text(text.trim().to_owned())
    }

    /// The text (still with markup) that stands for this content where only text can: for a
    /// screen reader, a preview, a form without script.
    #[must_use]
    pub fn plain_text(&self) -> &str {
        match self {
            Self::Text(text) | Self::System(text) => text,
            Self::Buttons { text, .. } | Self::QuickReplies { text, .. } | Self::Error { text } => {
                text
            }
            Self::Image { alt, .. } => alt,
            Self::Link { title, .. } => title,
            Self::Unknown { fallback } => fallback,
        }
    }

    /// What can be chosen, in order.
    #[must_use]
    pub fn buttons(&self) -> &[Button] {
        match self {
            Self::Buttons { buttons, .. } => buttons,
            Self::QuickReplies { replies, .. } => replies,
            _ => &[],
        }
    }

    /// Whether there is nothing to draw: `wait_for_response`, an unknown template without words.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.buttons().is_empty()
            && self.plain_text().is_empty()
            && !matches!(self, Self::Image { .. } | Self::Link { .. })
    }
}

/// `None`: this widget cannot draw it.
fn of_payload(kind: &str, payload: &Value, nesting: u8) -> Option<Content> {
    if let Value::String(text) = payload {
        // The payload may be a JSON string, or simply the text (`kore-protocol.md` 4.6).
        return match serde_json::from_str::<Value>(text) {
            Ok(inner) if inner.is_object() && nesting > 0 => of_payload(kind, &inner, nesting - 1),
            _ => Some(Content::Text(text.trim().to_owned())),
        };
    }
    if let Some(template) = payload["template_type"].as_str() {
        return of_template(template, payload);
    }
    match kind {
        "error" => {
            return Some(Content::Error {
                text: text_of(payload)?,
            });
        }
        "image" => {
            let url = safe_image(payload["url"].as_str()?)?;
            return Some(Content::Image {
                url,
                alt: name_of(payload).unwrap_or_default(),
            });
        }
        "link" | "document" | "audio" | "video" => {
            let url = safe_link(payload["url"].as_str()?)?;
            let title = name_of(payload).unwrap_or_else(|| url.clone());
            return Some(Content::Link { url, title });
        }
        _ => {}
    }
    if let (Some(inner), true) = (payload.get("payload"), nesting > 0) {
        let kind = payload["type"].as_str().unwrap_or(kind);
        return of_payload(kind, inner, nesting - 1);
    }
    payload["text"]
        .as_str()
        .map(|text| Content::Text(text.trim().to_owned()))
}

fn of_template(template: &str, payload: &Value) -> Option<Content> {
    let text = text_of(payload).unwrap_or_default();
    match template {
        "button" => Some(Content::Buttons {
            text,
            buttons: buttons(&payload["buttons"]),
        }),
        "quick_replies" | "quick_replies_welcome" => {
            let mut replies = buttons(&payload["quick_replies"]);
            replies.extend(buttons(&payload["buttons"]));
            Some(Content::QuickReplies { text, replies })
        }
        "SYSTEM" => Some(Content::System(text)),
        "live_agent" => Some(Content::Text(text)),
        _ => None,
    }
}

fn buttons(list: &Value) -> Vec<Button> {
    let list = list.as_array().map(Vec::as_slice).unwrap_or_default();
    list.iter().filter_map(button).take(MAX_BUTTONS).collect()
}

/// Postbacks send `payload`, else `value`, else the title; a `url` opens and sends nothing. A
/// button that would open an unsafe address is left out.
fn button(button: &Value) -> Option<Button> {
    let kind = button["type"]
        .as_str()
        .or_else(|| button["content_type"].as_str());
    let payload = scalar(&button["payload"]).or_else(|| scalar(&button["value"]));
    let title = scalar(&button["title"]).or_else(|| payload.clone())?;
    let action = match kind {
        Some("url" | "web_url") => {
            let url = button["url"].as_str().or_else(|| button["value"].as_str());
            Action::Open {
                url: safe_link(url?)?,
            }
        }
        _ => Action::Post {
            payload: payload.unwrap_or_else(|| title.clone()),
        },
    };
    Some(Button {
        title,
        action,
        image: button["image_url"].as_str().and_then(safe_image),
    })
}

/// The readable words of something that cannot be drawn.
fn unknown(payload: &Value, fallback: Option<&str>) -> Content {
    let inner = payload
        .get("payload")
        .filter(|inner| inner.is_object())
        .unwrap_or(payload);
    let fallback = fallback.filter(|text| !text.is_empty()).map(str::to_owned);
    Content::Unknown {
        fallback: fallback.or_else(|| text_of(inner)).unwrap_or_default(),
    }
}

fn text_of(payload: &Value) -> Option<String> {
    ["text", "heading", "title", "text_message"]
        .iter()
        .find_map(|key| scalar(&payload[*key]))
}

fn name_of(payload: &Value) -> Option<String> {
    ["name", "fileName", "title", "text"]
        .iter()
        .find_map(|key| scalar(&payload[*key]))
}

/// A non-empty string, or a number as text.
fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.trim().is_empty() => Some(text.trim().to_owned()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn is_json_object(text: &str) -> bool {
    text.trim_start().starts_with('{') && serde_json::from_str::<Value>(text).is_ok()
}
