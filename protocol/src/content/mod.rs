//! What a message of a bot shows. The wire nests payloads and puts JSON into strings; here all of that becomes one
//! enum, which the widget draws.
//!
//! Source: `docs/kore-protocol.md` 4.6, 6.2 and 8. Only links with a safe scheme are kept. Text stays text, which
//! [`crate::markup`] reads. It is never HTML.
//!
//! In the path: [`crate::transcript`] makes a row of a [`Content`], and the widget draws it.
//!
//! # Invariants
//! - A message shows the same live and from the history.
//! - No JSON is shown for a template. A template that cannot be drawn shows its words.
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

/// The longest payload that is kept, in bytes of its JSON. Of a longer one only the words stay.
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
        /// Text with quick replies, which disappear once one is chosen.
        QuickReplies {
            /// Text with markup above the quick replies.
            text: String,
            /// In order.
            replies: Vec<Button>,
        },
        /// Everything that a visitor said.
        Said {
            /// The words as they were shown, without markup; empty where only files were sent.
            text: String,
            /// What the bot got, if the visitor saw something else: the payload of a button.
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
        /// The `template_type`. Empty when the template cannot be read.
        pub name: String,
        /// The object with the `template_type`; null when it is longer than [`MAX_PAYLOAD_BYTES`]. Its contents are
        /// unchecked: addresses stand as the bot wrote them.
        #[serde(default)]
        pub payload: Value,
        /// The words for a reader that does not draw the template: the bot's sentence, or else the words found in the
        /// payload.
        pub fallback: String,
    }
}

/// The next piece of a streamed answer. Its ends may cut a character in two.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Piece<'a> {
    /// The text, with U+FFFD for half a character at an end.
    pub text: &'a str,
    /// The half character at the beginning.
    pub first: Option<u16>,
    /// The half character at the end.
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
    /// A text of a bot.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text { text: text.into() }
    }

    /// A text that a visitor typed.
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

    /// What a message of the history shows: text, or a template as a JSON string. The string may also hold the `cInfo`
    /// of the live frame, so that the fallback is not lost.
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

    /// The next piece of a streamed answer, exactly as it was sent. Blanks at its ends stay, because they separate
    /// words.
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
            // A visitor's words are shown as they were typed, without markup.
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

    /// What the visitor can choose, in order.
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
