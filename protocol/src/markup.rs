//! The text markup of messages as a tree. Never HTML: what is not markup is text.
//!
//! Source: `kore-protocol.md` 10, and the safe subset of Markdown that bots write today.

use serde::{Deserialize, Serialize};

/// A block of a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Block {
    /// Preformatted, with a copy button.
    Code {
        /// `rust` in ```` ```rust ````.
        language: Option<String>,
        /// Unchanged.
        text: String,
    },
    /// `# …` or `#h1…`.
    Heading {
        /// 1 to 6.
        level: u8,
        /// What it says.
        spans: Vec<Span>,
    },
    /// `- …`, `* …` or `1. …`, one line an item.
    List {
        /// Numbered.
        ordered: bool,
        /// In order.
        items: Vec<Vec<Span>>,
    },
    /// Everything else.
    Paragraph(Vec<Span>),
    /// `> …` or `>> …`.
    Quote(Vec<Span>),
    /// `---`.
    Rule,
    /// `| a | b |`.
    Table {
        /// The first row.
        head: Vec<Vec<Span>>,
        /// The others, each as long as the head.
        rows: Vec<Vec<Vec<Span>>>,
    },
}

/// A run of text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Span {
    /// A line break.
    Break,
    /// `` `code` ``.
    Code(String),
    /// `_it_` or `~it~`.
    Emphasis(Vec<Span>),
    /// `![alt](https://…)`.
    Image {
        /// http or https.
        url: String,
        /// What it shows.
        alt: String,
    },
    /// `[text](https://…)` or a bare address.
    Link {
        /// http, https, mailto or tel.
        url: String,
        /// What it says.
        spans: Vec<Span>,
    },
    /// `*bold*` or `**bold**`.
    Strong(Vec<Span>),
    /// As it is.
    Text(String),
}
