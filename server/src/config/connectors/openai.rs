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
    /// Where `chat/completions` and `models` lie.
    pub base_url: Endpoint,
    /// The model's name, as the server knows it.
    pub model: String,
    /// The key; none for servers that want none.
    #[serde(default)]
    pub key: Option<SecretString>,
    /// File with it.
    #[serde(default)]
    pub key_file: Option<RelativePathBuf>,
    /// The header that the key travels in, as it is. Empty: `Authorization: Bearer …`.
    #[serde(default)]
    pub key_header: String,
    /// What the model is told first.
    #[serde(default)]
    pub system: String,
    /// File with it.
    #[serde(default)]
    pub system_file: Option<RelativePathBuf>,
    /// What the visitor is greeted with. Empty: with nothing.
    #[serde(default)]
    pub greeting: String,
    /// None: the server's own.
    #[serde(default)]
    pub temperature: Option<f64>,
    /// Tokens of an answer at most; none: the server's own limit.
    #[serde(default)]
    pub max_tokens: Option<u32>,
    /// The name that `max_tokens` travels under.
    #[serde(default)]
    pub max_tokens_name: MaxTokensName,
    /// Tokens of all that the model is given, by our guess.
    #[serde(default = "context_tokens")]
    pub context_tokens: u32,
    /// Ask the server to count (`stream_options`).
    #[serde(default = "yes")]
    pub include_usage: bool,
    /// Headers of each request. Their values may be secrets.
    #[serde(default)]
    pub headers: BTreeMap<String, SecretString>,
    /// More keys of each request's body.
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

/// What a request's body gets from elsewhere.
const OWN: [&str; 7] = [
    "messages",
    "model",
    "stream",
    "stream_options",
    "tools",
    "temperature",
    "n",
];

/// The smallest budget: a question, and a few words about who answers.
const LEAST_CONTEXT: u32 = 256;

/// Servers of tools for one bot: more tools than that confuse every model.
const MOST_SERVERS: usize = 10;

impl OpenAi {
    /// How long it is waited for.
    pub(crate) fn waiting(&self) -> Waiting {
        Waiting {
            first_byte: self.first_byte,
            idle: self.idle,
            total: self.total,
        }
    }

    /// What serde could not see: the key below the table, and what is wrong with it.
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
    /// `max_completion_tokens` for OpenAI and Azure, whose newer models take no other; `max_tokens` for everybody else.
    #[default]
    Auto,
    /// What every other server knows.
    MaxTokens,
    /// The newer name.
    MaxCompletionTokens,
}

/// `[bots.<id>.openai.mcp.<name>]`: a server of tools, as the Model Context Protocol has it (streamable HTTP).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct McpServer {
    /// Its one address.
    pub url: Endpoint,
    /// The key, sent as `Authorization: Bearer …`; none for servers that want none.
    #[serde(default)]
    pub key: Option<SecretString>,
    /// File with it.
    #[serde(default)]
    pub key_file: Option<RelativePathBuf>,
    /// Headers of each request. Their values may be secrets.
    #[serde(default)]
    pub headers: BTreeMap<String, SecretString>,
    /// Tools that the model may use as it likes.
    #[serde(default)]
    pub allow: Vec<String>,
    /// Tools that the visitor agrees to each time.
    #[serde(default)]
    pub writes: Vec<String>,
    /// What visitors call a tool, by its name.
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
