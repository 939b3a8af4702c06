//! The markup of messages as a tree. It is never HTML: what is not markup is text.
//!
//! Source: `docs/kore-protocol.md` 10, and the safe subset of Markdown that bots write today.
//!
//! In the path: [`crate::content`] has the text, and the widget draws the tree. `blocks` cuts a message into blocks by
//! its lines. `spans`, `brackets`, `atoms` and `escapes` read what is inside a line.
//!
//! # Invariants
//! - The work grows linearly with the length of the text, whatever the text (`spans::FUEL_PER_BYTE`).
//! - Spans nest at most [`MAX_DEPTH`] deep; a link never holds a link.
//! - Every address in the tree went through [`crate::link`].
//! - No words are lost: markup that does not close or is not known stays visible.

mod atoms;
mod blocks;
mod brackets;
#[cfg(test)]
mod cost;
mod escapes;
mod fences;
mod spans;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

/// How deep spans nest at most, including the innermost text.
pub const MAX_DEPTH: usize = 8;

/// Reads a message's text.
///
/// ```
/// use protocol::markup::{Block, Span, parse};
/// let strong = Span::Strong(vec![Span::Text("now".into())]);
/// assert_eq!(
///     parse("Pay *now*"),
///     [Block::Paragraph(vec![Span::Text("Pay ".into()), strong])]
/// );
/// ```
#[must_use]
pub fn parse(text: &str) -> Vec<Block> {
    blocks::parse(text)
}

/// The words alone, for a preview or a screen reader. Each block, item and row is a line.
///
/// ```
/// let text = protocol::markup::plain("## Open\n- *Mon* [9-17](https://a.test)\n- Tue");
/// assert_eq!(text, "Open\nMon 9-17\nTue");
/// ```
#[must_use]
pub fn plain(text: &str) -> String {
    let mut out = String::new();
    for block in parse(text) {
        line(&mut out);
        match block {
            Block::Code { text, .. } => out.push_str(&text),
            Block::Heading { spans, .. } | Block::Paragraph(spans) | Block::Quote(spans) => {
                words(&spans, &mut out);
            }
            Block::List {
                ordered,
                start,
                items,
            } => {
                for (number, item) in (start..).zip(&items) {
                    line(&mut out);
                    if ordered {
                        out.push_str(&number.to_string());
                        out.push_str(". ");
                    }
                    words(item, &mut out);
                }
            }
            Block::Rule => {}
            Block::Table { head, rows } => {
                row(&head, &mut out);
                for cells in &rows {
                    row(cells, &mut out);
                }
            }
        }
    }
    out.truncate(out.trim_end().len());
    out
}

/// A block of a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Block {
    /// Preformatted, with a copy button.
    Code {
        /// What stands behind the fence: `rust`, or `ts title="a.ts"`.
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
    /// `- …`, `* …` or `1. …`; an indented item is a line of the item above it.
    List {
        /// Whether the items are numbered.
        ordered: bool,
        /// The first item's number; 1 if the list is not numbered. Bots write paragraphs between items, so a list may
        /// begin with any number.
        start: u32,
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
    /// `*bold*`, `**bold**` or `__bold__`.
    Strong(Vec<Span>),
    /// Plain text.
    Text(String),
}

/// The words of spans, without their markup.
fn words(spans: &[Span], out: &mut String) {
    for span in spans {
        match span {
            Span::Break => out.push('\n'),
            Span::Code(text) | Span::Text(text) => out.push_str(text),
            Span::Emphasis(spans) | Span::Link { spans, .. } | Span::Strong(spans) => {
                words(spans, out);
            }
            Span::Image { alt, .. } => out.push_str(alt),
        }
    }
}

fn row(cells: &[Vec<Span>], out: &mut String) {
    line(out);
    for (index, cell) in cells.iter().enumerate() {
        if index > 0 {
            out.push_str(", ");
        }
        words(cell, out);
    }
}

fn line(out: &mut String) {
    if !out.is_empty() && !out.ends_with('\n') {
        out.push('\n');
    }
}
