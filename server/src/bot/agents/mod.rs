//! The common parts of the two kinds of agents that stream: AG-UI and the AI SDK.
//!
//! In the path: [`super::AgUi`] and [`super::AiSdk`] are such agents.

mod blocks;
mod client;
mod question;
mod said;
mod words;

pub(super) use blocks::Blocks;
pub(super) use client::{AgentClient, Wrong};
pub(super) use question::{decided, details, yes_and_no};
pub(super) use said::{Line, before};
pub(super) use words::Words;
