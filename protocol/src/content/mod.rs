//! What a bot's message shows: the wire's nesting, strings in strings and fallbacks sorted into
//! one enum that the widget draws.
//!
//! Source: `kore-protocol.md` 4.6, 6.2 and 8. Only links of safe schemes survive; text is text,
//! read by [`crate::markup`], never HTML.
//!
//! In the path: [`crate::transcript`] makes a row of it, the widget draws it.
//!
//! # Invariants
//! - A message shows the same live and from the history.
//! - No JSON is shown for a template: what cannot be drawn shows its words.
//! - Every address went through [`crate::link`].

mod fallback;
mod payload;

use serde::Serialize;

use crate::json::Value;
use crate::read::{Fields, Read, variant};
use crate::reply::BotMessage;

/// One message, ready to draw.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Button {
    /// What it says.
    pub title: String,
    /// What it does.
    pub action: Action,
    /// A small picture, http or https.
    pub image: Option<String>,
}

/// What a button does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum Action {
    /// Opens a page in a new tab and sends nothing.
    Open {
        /// http, https, mailto or tel.
        url: String,
    },
    /// Nothing: what it would open is refused, so its title is text.
    None {},
    /// Sends the payload; the title is shown.
    Post {
        /// What the bot gets.
        payload: String,
    },
}

/// The next piece of a streamed answer. It may be cut inside of a character.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Piece<'a> {
    /// With U+FFFD for half a character at an end.
    pub text: &'a str,
    /// That half at the beginning.
    pub first: Option<u16>,
    /// That half at the end.
    pub last: Option<u16>,
}

impl<'a> Piece<'a> {
    fn of(value: &'a Value) -> Option<Self> {
        let whole = Self::from(value.as_str()?);
        Some(match value {
            Value::Torn(torn) => Self {
                first: torn.first,
                last: torn.last,
                ..whole
            },
            _ => whole,
        })
    }
}

impl<'a> From<&'a str> for Piece<'a> {
    fn from(text: &'a str) -> Self {
        Self {
            text,
            ..Self::default()
        }
    }
}

impl Read for Content {
    fn read(value: &Value) -> Option<Self> {
        let (kind, value) = variant(value)?;
        match kind {
            "System" => return String::read(value).map(Self::System),
            "Text" => return String::read(value).map(Self::Text),
            _ => {}
        }
        let fields = Fields::of(value)?;
        match kind {
            "Buttons" => Some(Self::Buttons {
                text: fields.get("text")?,
                buttons: fields.get("buttons")?,
            }),
            "Error" => Some(Self::Error {
                text: fields.get("text")?,
            }),
            "Image" => Some(Self::Image {
                url: fields.get("url")?,
                alt: fields.get("alt")?,
            }),
            "Link" => Some(Self::Link {
                url: fields.get("url")?,
                title: fields.get("title")?,
            }),
            "QuickReplies" => Some(Self::QuickReplies {
                text: fields.get("text")?,
                replies: fields.get("replies")?,
            }),
            "Unknown" => Some(Self::Unknown {
                fallback: fields.get("fallback")?,
            }),
            _ => None,
        }
    }
}

impl Read for Button {
    fn read(value: &Value) -> Option<Self> {
        let fields = Fields::of(value)?;
        Some(Self {
            title: fields.get("title")?,
            action: fields.get("action")?,
            image: fields.get("image"),
        })
    }
}

impl Read for Action {
    fn read(value: &Value) -> Option<Self> {
        let (kind, value) = variant(value)?;
        let fields = Fields::of(value)?;
        match kind {
            "Open" => Some(Self::Open {
                url: fields.get("url")?,
            }),
            "None" => Some(Self::None {}),
            "Post" => Some(Self::Post {
                payload: fields.get("payload")?,
            }),
            _ => None,
        }
    }
}

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
        let fallback = fallback::sentence(message.c_info.as_ref().map(|info| &info.body));
        match &message.component {
            None => Self::Text(fallback),
            Some(component) => {
                let kind = component.kind.as_deref().unwrap_or_default();
                payload::read(kind, &component.payload, fallback)
            }
        }
    }

    /// What a message of the history shows: text, or a template as a JSON string. Such a string
    /// may hold the live frame's `cInfo` too, so that its fallback is not lost.
    #[must_use]
    pub fn of_history_text(text: &str) -> Self {
        match payload::template_in(text) {
            Some(Value::Null) => Self::Unknown {
                fallback: String::new(),
            },
            Some(template) => {
                let fallback = fallback::sentence(template["cInfo"].get("body"));
                payload::read("", &template, fallback)
            }
            None => Self::Text(text.trim().to_owned()),
        }
    }

    /// The next piece of a streamed answer exactly as it was sent: blanks at its ends are blanks
    /// between words.
    #[must_use]
    pub fn piece(message: &BotMessage) -> Piece<'_> {
        let text = message.component.as_ref().map(|component| {
            let payload = &component.payload;
            Piece::of(&payload["text"]).or_else(|| Piece::of(payload))
        });
        let fallback = || Piece::of(&message.c_info.as_ref()?.body);
        text.flatten().or_else(fallback).unwrap_or_default()
    }

    /// The words of this content without markup: for a screen reader, a preview, a transcript.
    #[must_use]
    pub fn spoken(&self) -> String {
        crate::markup::plain(self.plain_text())
    }

    /// The text, still with markup, that this content shows beside its buttons or pictures.
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
