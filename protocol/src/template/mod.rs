//! The templates that the widget draws with parts that it loads on demand: their payloads as types.
//!
//! Source: `docs/kore-protocol.md` 8.1 to 8.3. A click sends what the official client sends.
//!
//! In the path: [`crate::content`] keeps the payload of a template. The widget asks [`part_of`] which part draws it.
//! That part (or the server, for the first page) reads the payload.
//!
//! # Invariants
//! - A reader gives `None` if there is nothing to draw. Then the template's fallback is shown.
//! - Every address went through [`crate::link`]; the number of cards, rows, cells, fields and buttons and the length
//!   of texts are bounded, whatever the payload.
//! - Everything is shown that the official client shows on a second screen: there is no "first three only" here.

pub mod collection;
mod fields;
pub mod form;
pub mod table;

pub use collection::Collection;
pub use form::Form;
pub use table::Tables;

/// The reader of a template, which is also the part of the widget that draws it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Cards in a list or a row: [`Collection`].
    Collection,
    /// Fields to fill in: [`Form`].
    Form,
    /// Rows and columns: [`Tables`].
    Table,
}

/// The part that draws the template of this name. `None`: no part does, and the fallback is shown.
#[must_use]
pub fn part_of(name: &str) -> Option<Part> {
    Some(match name {
        "list" | "listView" | "carousel" => Part::Collection,
        "form_template" => Part::Form,
        "table" | "custom_table" | "mini_table" | "tableList" => Part::Table,
        _ => return None,
    })
}
