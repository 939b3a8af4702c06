//! `[bots.….openai]`: a language model behind an API in the shape of OpenAI's chat completions.

use std::collections::BTreeMap;
use std::time::Duration;

use figment::value::magic::RelativePathBuf;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Endpoint, Waiting};
use crate::config::Period;

/// `[bots.<id>.openai]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpenAi {
    /// The address above `chat/completions` and `models`.
    pub base_url: Endpoint,
    /// The model's name, as the server knows it.
    pub model: String,
    /// The key. Some servers need none.
    #[serde(default)]
    pub key: Option<SecretString>,
    /// File with it.
    #[serde(default)]
    pub key_file: Option<RelativePathBuf>,
    /// The header that holds the key alone. Empty: `Authorization: Bearer …`.
    #[serde(default)]
    pub key_header: String,
    /// The system prompt.
    #[serde(default)]
    pub system: String,
    /// File with it.
    #[serde(default)]
    pub system_file: Option<RelativePathBuf>,
    /// The greeting. Empty: none.
    #[serde(default)]
    pub greeting: String,
    /// The temperature. Without one the server's own is used.
    #[serde(default)]
    pub temperature: Option<f64>,
    /// The most tokens of an answer. Without it the server's own limit counts.
    #[serde(default)]
    pub max_tokens: Option<u32>,
    /// The name of the field for `max_tokens`.
    #[serde(default)]
    pub max_tokens_name: MaxTokensName,
    /// The most tokens that the model gets, by our estimate.
    #[serde(default = "context_tokens")]
    pub context_tokens: u32,
    /// Whether to ask the server for a count (`stream_options`).
    #[serde(default = "yes")]
    pub include_usage: bool,
    /// Headers of each request. Their values may be secrets.
    #[serde(default)]
    pub headers: BTreeMap<String, SecretString>,
    /// Further fields of each request's body.
    #[serde(default)]
    pub body: Map<String, Value>,
    /// How long the model may think.
    #[serde(default = "Waiting::first_byte")]
    pub first_byte: Period,
    /// How long it may pause.
    #[serde(default = "Waiting::idle")]
    pub idle: Period,
    /// How long a turn may take.
    #[serde(default = "Waiting::total")]
    pub total: Period,
    /// Servers whose tools the model may use, by name.
    #[serde(default)]
    pub mcp: BTreeMap<String, McpServer>,
}

/// The fields of a request's body that are set elsewhere.
const OWN: [&str; 7] = [
    "messages",
    "model",
    "stream",
    "stream_options",
    "tools",
    "temperature",
    "n",
];

/// The smallest budget: a question, and a few words about the bot.
const LEAST_CONTEXT: u32 = 256;

/// The most tool servers of a bot. More tools would confuse every model.
const MOST_SERVERS: usize = 10;

impl OpenAi {
    /// The waits of this table.
    pub(crate) fn waiting(&self) -> Waiting {
        Waiting {
            first_byte: self.first_byte,
            idle: self.idle,
            total: self.total,
        }
    }

    /// Checks what serde could not. The error is the key below the table, and what is wrong with it.
    pub(in crate::config) fn check(&self) -> Result<(), (String, String)> {
        let wrong = |key: &str, what: &str| Err((key.to_owned(), what.to_owned()));
        if self.model.trim().is_empty() {
            return wrong("model", "is empty; name the model as the server knows it");
        }
        let in_file = |file: &RelativePathBuf| !file.original().as_os_str().is_empty();
        if !self.system.is_empty() && self.system_file.as_ref().is_some_and(in_file) {
            return wrong("system_file", "name `system` or `system_file`, not both");
        }
        if self
            .temperature
            .is_some_and(|it| !(0.0..=2.0).contains(&it))
        {
            return wrong("temperature", "must lie between 0 and 2");
        }
        if self.max_tokens == Some(0) {
            return wrong(
                "max_tokens",
                "must be at least 1; leave it out for the server's own limit",
            );
        }
        if self.context_tokens < LEAST_CONTEXT {
            return Err((
                "context_tokens".to_owned(),
                format!("must be at least {LEAST_CONTEXT}"),
            ));
        }
        self.waiting().check()?;
        if let Some(own) = OWN.iter().find(|own| self.body.contains_key(**own)) {
            return Err((
                "body".to_owned(),
                format!(
                    "`{own}` is not set here; it has a key of its own, or is not for a configuration to set"
                ),
            ));
        }
        if self.mcp.len() > MOST_SERVERS {
            return Err((
                "mcp".to_owned(),
                format!("at most {MOST_SERVERS} servers for one bot"),
            ));
        }
        for (name, server) in &self.mcp {
            server
                .check()
                .map_err(|(key, what)| (format!("mcp.{name}.{key}"), what))?;
        }
        Ok(())
    }
}

impl McpServer {
    fn check(&self) -> Result<(), (String, String)> {
        if self.allow.is_empty() && self.writes.is_empty() {
            let what = "names no tool; list what the model may use in `allow` or `writes`";
            return Err(("allow".to_owned(), what.to_owned()));
        }
        if let Some(both) = self.writes.iter().find(|tool| self.allow.contains(tool)) {
            return Err((
                "writes".to_owned(),
                format!("`{both}` stands in `allow`, too; keep it in one of them"),
            ));
        }
        if self.call.0 < Duration::from_secs(1) {
            return Err(("call".to_owned(), "must be at least 1s".to_owned()));
        }
        Ok(())
    }
}

/// The key of `max_tokens` in a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MaxTokensName {
    /// `max_completion_tokens` for OpenAI and Azure, whose newer models accept no other name; `max_tokens` for every
    /// other server.
    #[default]
    Auto,
    /// The name that every other server knows.
    MaxTokens,
    /// The newer name.
    MaxCompletionTokens,
}

/// `[bots.<id>.openai.mcp.<name>]`: a tool server of the Model Context Protocol (streamable HTTP).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct McpServer {
    /// Its one address.
    pub url: Endpoint,
    /// The key, which is sent as `Authorization: Bearer …`. Some servers need none.
    #[serde(default)]
    pub key: Option<SecretString>,
    /// File with it.
    #[serde(default)]
    pub key_file: Option<RelativePathBuf>,
    /// Headers of each request. Their values may be secrets.
    #[serde(default)]
    pub headers: BTreeMap<String, SecretString>,
    /// Tools that the model may use freely.
    #[serde(default)]
    pub allow: Vec<String>,
    /// Tools that the visitor must agree to each time.
    #[serde(default)]
    pub writes: Vec<String>,
    /// The names of tools for visitors, by tool.
    #[serde(default)]
    pub titles: BTreeMap<String, String>,
    /// How long a call may take.
    #[serde(default = "call")]
    pub call: Period,
}

fn yes() -> bool {
    true
}

/// What fits into the 4096 tokens that small servers give a conversation, with room for an answer.
fn context_tokens() -> u32 {
    3000
}

fn call() -> Period {
    Period(Duration::from_secs(20))
}
