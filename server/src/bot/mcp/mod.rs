//! Servers of tools by the Model Context Protocol: a small client of streamable HTTP for `tools/list` and `tools/call`
//! (docs/adr/0022-tools-by-mcp.md).
//!
//! In the path: [`super::openai`] opens a [`McpServer`] for each `[bots.….openai.mcp.<name>]`, offers its tools to the model
//! and calls them.
//!
//! Invariants: both kinds of servers are spoken with, those without sessions (2026-07-28) and those before them
//! (`initialize`, `Mcp-Session-Id`). Only tools that the configuration names are known. Everything is bounded: time, bytes,
//! tools and pages.

mod answer;
mod server;
#[cfg(test)]
mod tests;
mod tool;

pub(super) use answer::Outcome;
pub(super) use server::{McpError, McpServer};
pub(super) use tool::Tool;
