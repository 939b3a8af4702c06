//! Templates that the widget draws by parts it loads when it needs them: what their payloads say, in types.
//!
//! Source: `docs/kore-protocol.md` 8.1 to 8.3. A click sends what the official client sends.
//!
//! In the path: [`crate::content`] keeps a template's payload; the widget asks [`part_of`] which part draws it, and
//! that part (or the server, for the first page) reads it.
//!
//! # Invariants
//! - A reader answers `None` where there is nothing to draw; then the template's fallback is shown.
//! - Every address went through [`crate::link`]; the number of cards, rows, cells, fields and buttons and the length
//!   of texts are bounded, whatever the payload.
//! - Nothing is lost that the official client shows on a second screen: there is no "first three only" here.

pub mod collection;
mod fields;
pub mod form;
pub mod table;

pub use collection::Collection;
pub use form::Form;
pub use table::Tables;

/// Which reader, and which part of the widget, a template is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Cards in a list or a row: [`Collection`].
    Collection,
    /// Fields to fill in: [`Form`].
    Form,
    /// Rows and columns: [`Tables`].
    Table,
}

/// The part that draws the template of this name. `None`: none does, its fallback is shown.
#[must_use]
pub fn part_of(name: &str) -> Option<Part> {
    Some(match name {
        "list" | "listView" | "carousel" => Part::Collection,
        "form_template" => Part::Form,
        "table" | "custom_table" | "mini_table" | "tableList" => Part::Table,
        _ => return None,
    })
}
