//! The words of a conversation: the Kore RTM protocol in types, the widget's connection as a state machine, and the
//! markup of messages.
//!
//! There is no I/O, no clock and no randomness. Everything comes in as a value, so the browser, the server, the tests
//! and the load generator run the same code.
//!
//! # Layout, in the order of a conversation
//! - [`auth`]: the assertion's claims, the grant, the signing request.
//! - [`start`]: `rtm/start` and the socket URL.
//! - [`message`]: the frames a client sends; [`reply`]: the frames a server sends.
//! - [`history`]: the stored transcript over HTTP; [`theme`]: the active theme.
//! - [`error`]: Kore's error shape.
//! - [`content`]: what a message shows; [`markup`]: its text as a tree; [`template`]: lists, tables and forms.
//! - [`transcript`]: the visible list; [`session`]: the connection over its reconnects.
//! - [`json`]: values and their text; [`read`], [`mod@write`]: fields by name, for what a client hears and says.
//! - [`find`]: words in texts; [`visible`]: whether a text shows anything; [`link`]: which addresses are safe; [`timestamp`]: ISO 8601 to milliseconds and back.
//!
//! # Invariants
//! - What is read is written back unchanged: fields without a name here are kept in `extra` (`tests/golden.rs`). The
//!   browser drops them, because it never writes back what it read.
//! - No input from outside can cause a panic.

// The macro `wire!` uses the name of this crate, here as in other crates.
extern crate self as protocol;

pub mod auth;
pub mod content;
pub mod error;
pub mod find;
pub mod history;
pub mod json;
pub mod link;
pub mod markup;
pub mod message;
pub mod message_ref;
pub mod read;
pub mod reply;
pub mod session;
pub mod start;
pub mod template;
pub mod theme;
pub mod timestamp;
pub mod transcript;
pub mod visible;
pub mod wire;
pub mod write;

/// The fields of a wire object that have no name here. They are kept, so that they are written back.
pub type Extra = json::Map;
