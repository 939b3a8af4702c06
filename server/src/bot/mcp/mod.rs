//! Tool servers of the Model Context Protocol: a small client of streamable HTTP for `tools/list` and `tools/call`
//! (docs/adr/0022-tools-by-mcp.md).
//!
//! In the path: [`super::openai`] opens a [`McpServer`] for each `[bots.….openai.mcp.<name>]`, offers its tools to the
//! model and calls them.
//!
//! Invariants: both kinds of servers work, those without sessions (2026-07-28) and older ones (`initialize`,
//! `Mcp-Session-Id`). Only tools that the configuration names are known. Time, bytes, tools and pages are bounded.

mod answer;
mod server;
#[cfg(test)]
mod tests;
mod tool;

pub(super) use answer::Outcome;
pub(super) use server::{McpError, McpServer};
pub(super) use tool::Tool;
