//! What a bot's message shows: the wire's nesting, strings in strings and fallbacks sorted into
//! one enum that the widget draws.
//!
//! Source: `docs/kore-protocol.md` 4.6, 6.2 and 8. Only links of safe schemes survive; text is text,
//! read by [`crate::markup`], never HTML.
//!
//! In the path: [`crate::transcript`] makes a row of it, the widget draws it.
//!
//! # Invariants
//! - A message shows the same live and from the history.
//! - No JSON is shown for a template: what cannot be drawn shows its words.
//! - Every address went through [`crate::link`].

mod button;
mod fallback;
mod json_text;
mod payload;
mod said;

pub use button::{Action, Button};
pub(crate) use json_text::scalar;
pub use said::{File, FileKind};

use crate::json::Value;
use crate::message::add;
use crate::reply::BotMessage;
use crate::wire;

/// Bytes of JSON text of a payload that is kept; beyond it only the words stay.
pub const MAX_PAYLOAD_BYTES: usize = 64 * 1024;

wire! {
    /// One message, ready to draw. As JSON, `kind` says which variant it is.
    #[derive(Clone, Debug, PartialEq, Eq)]
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
        /// Everything that a visitor said.
        Said {
            /// The words as they were shown, without markup; empty where only files were sent.
            text: String,
            /// What the bot got, where that is something else: a button's payload.
            payload: Option<String>,
            /// In order.
            files: Vec<File>,
        },
        /// A centred line that nobody said.
        System {
            /// A sentence with markup.
            text: String,
        },
        /// A bot's template that has no variant of its own.
        Template(template: Template),
        /// What a bot said.
        Text {
            /// With markup.
            text: String,
        },
    }
}

wire! {
    /// A template as the bot sent it.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub struct Template {
        /// Its `template_type`. Empty: it is none, and cannot be read.
        pub name: String,
        /// The object with the `template_type`; null where it is longer than [`MAX_PAYLOAD_BYTES`]. Nothing in it has been
        /// checked: addresses in it are what the bot wrote.
        #[serde(default)]
        pub payload: Value,
        /// Its words, for who does not draw it: a sentence of the bot, else the words found in it.
        pub fallback: String,
    }
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

impl Content {
    /// Words of a bot.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text { text: text.into() }
    }

    /// Words that a visitor typed.
    #[must_use]
    pub fn said(text: impl Into<String>) -> Self {
        Self::Said {
            text: text.into(),
            payload: None,
            files: Vec::new(),
        }
    }

    /// What a live `bot_response` entry shows.
    ///
    /// ```
    /// use protocol::{content::Content, reply::BotMessage};
    /// let lean: BotMessage = serde_json::from_str(r#"{"type":"text","cInfo":{"body":" Hi.  "}}"#).unwrap();
    /// assert_eq!(Content::of_bot_message(&lean), Content::text("Hi."));
    /// ```
    #[must_use]
    pub fn of_bot_message(message: &BotMessage) -> Self {
        let fallback = fallback::sentence(message.c_info.as_ref().map(|info| &info.body));
        match &message.component {
            None => Self::text(fallback),
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
        match json_text::template_in(text) {
            Some(Value::Null) => Self::Template(Template::default()),
            Some(template) => {
                let fallback = fallback::sentence(template["cInfo"].get("body"));
                payload::read("", &template, fallback)
            }
            None => Self::text(text.trim()),
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
        match self {
            // As it was typed.
            Self::Said { text, files, .. } => {
                let mut words = text.clone();
                add(&mut words, "\n", &said::names_of(files));
                words
            }
            content => crate::markup::plain(content.plain_text()),
        }
    }

    /// The text, still with markup, that this content shows beside its buttons, pictures and files.
    #[must_use]
    pub fn plain_text(&self) -> &str {
        match self {
            Self::Buttons { text, .. }
            | Self::Error { text }
            | Self::QuickReplies { text, .. }
            | Self::Said { text, .. }
            | Self::System { text }
            | Self::Text { text } => text,
            Self::Image { alt, .. } => alt,
            Self::Link { title, .. } => title,
            Self::Template(template) => &template.fallback,
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

    /// Whether there is nothing to draw: `wait_for_response`, a template without words.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Image { .. } | Self::Link { .. } => false,
            Self::Said { text, files, .. } => text.is_empty() && files.is_empty(),
            content => content.buttons().is_empty() && content.plain_text().is_empty(),
        }
    }
}
