//! The one HTTP client for all calls to other servers.
//!
//! In the path: a connector in `bot` makes a [`Call`] to an [`Address`] and reads the [`Answer`], whole or piece by
//! piece ([`SseReader`], [`Lines`]). `webhook_signature` signs what goes out and verifies what comes in.
//!
//! Invariants:
//! - Everything is bounded: connecting, the first byte, each pause, the total time, and the bytes. A redirect is an
//!   answer like any other, and is not followed.
//! - A configured address may lead anywhere. An address from a bot, a page or a callback must be https and lead to the
//!   public internet, and the connection goes to the addresses that were checked and to no other.
//! - Dropping a call or an answer closes the connection at once. That is how a visitor stops a bot.
//! - No error and no `Debug` shows more than host and port, because addresses hold keys and bodies hold what people
//!   say.

mod address;
mod answer;
mod call;
mod client;
mod error;
mod events;
mod lines;
mod names;
mod ranges;
mod retry_after;
#[cfg(test)]
mod tests;
mod watch;
pub mod webhook_signature;

pub use address::{Address, AddressError};
pub use answer::{Answer, AnswerEvents, AnswerLines};
pub use call::{Call, Waits};
pub use client::Outbound;
pub use error::{CallFault, OutboundError, TlsFault, Wait};
pub use events::{SseEvent, SseReader};
pub use lines::{Lines, TooLong};
pub use ranges::Range;
pub use watch::{Sent, Watch};
