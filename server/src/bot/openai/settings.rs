//! Makes from `[bots.….openai]` what every request needs. It is read and checked once.
//!
//! In the path: [`super::OpenAi::open`] calls this at the start and after SIGHUP.

use std::io::Read as _;
use std::path::Path;

use http::header::AUTHORIZATION;
use http::{HeaderName, HeaderValue};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value, json};
use url::Url;

use crate::bot::BotError;
use crate::config::connectors::headers;
use crate::config::secret;
use crate::config::{self, MaxTokensName};
use crate::outbound::{Address, Waits};

/// The longest `system_file`: some hundred pages.
const SYSTEM_BYTES: u64 = 256 * 1024;

/// The newer models of these services accept only `max_completion_tokens`.
const NEWER_NAMES: [&str; 3] = [
    "api.openai.com",
    ".openai.azure.com",
    ".services.ai.azure.com",
];

/// What all requests of a bot have in common.
pub(super) struct Settings {
    /// `…/chat/completions`.
    pub(super) completions: Address,
    /// `…/models`.
    pub(super) models: Address,
    /// The headers, including the key.
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    /// The body of a request without messages and tools.
    pub(super) body: Map<String, Value>,
    /// The system prompt. Empty: none.
    pub(super) system: String,
    /// The greeting. Empty: none.
    pub(super) greeting: String,
    /// The most tokens that the model gets.
    pub(super) budget: usize,
    /// How long to wait for the model.
    pub(super) waits: Waits,
}

impl Settings {
    /// # Errors
    /// [`BotError::Setting`]: a file that is missing, or a key that does not fit into a header.
    pub(super) fn of(config: &config::OpenAi) -> Result<Self, BotError> {
        let below = |path: &str| address(config.base_url.below(path));
        Ok(Self {
            completions: below("chat/completions")?,
            models: below("models")?,
            headers: all_headers(config)?,
            body: body(config),
            system: system(config)?,
            greeting: config.greeting.trim().to_owned(),
            budget: config.context_tokens as usize,
            waits: config.waiting().waits(),
        })
    }
}

fn address(url: Url) -> Result<Address, BotError> {
    Address::configured(url).map_err(|error| setting("base_url", error.to_string()))
}

fn all_headers(config: &config::OpenAi) -> Result<Vec<(HeaderName, HeaderValue)>, BotError> {
    let mut all = headers(&config.headers).map_err(|what| setting("headers", what))?;
    let key = secret("key", config.key.as_ref(), config.key_file.as_ref());
    if let Some(key) = key.map_err(|what| setting("key_file", what))? {
        let (name, value) = if config.key_header.is_empty() {
            (AUTHORIZATION, bearer(&key, "key")?)
        } else {
            let name = HeaderName::try_from(config.key_header.as_str())
                .map_err(|_| setting("key_header", "is not the name of a header"))?;
            (name, header_value(key.expose_secret(), "key")?)
        };
        all.push((name, value));
    }
    Ok(all)
}

/// The header `Bearer …`, which is never shown.
pub(super) fn bearer(key: &SecretString, setting: &str) -> Result<HeaderValue, BotError> {
    header_value(&format!("Bearer {}", key.expose_secret()), setting)
}

fn header_value(text: &str, name: &str) -> Result<HeaderValue, BotError> {
    let what = "has letters that cannot be in a header; a key is visible ASCII on one line";
    let mut value = HeaderValue::from_str(text).map_err(|_| setting(name, what))?;
    value.set_sensitive(true);
    Ok(value)
}

fn body(config: &config::OpenAi) -> Map<String, Value> {
    let mut body = Map::new();
    body.insert("model".to_owned(), config.model.trim().into());
    body.insert("stream".to_owned(), true.into());
    if config.include_usage {
        body.insert("stream_options".to_owned(), json!({"include_usage": true}));
    }
    if let Some(temperature) = config.temperature {
        body.insert("temperature".to_owned(), temperature.into());
    }
    if let Some(most) = config.max_tokens {
        body.insert(max_tokens_name(config).to_owned(), most.into());
    }
    body.extend(config.body.clone());
    body
}

fn max_tokens_name(config: &config::OpenAi) -> &'static str {
    let host = config.base_url.url().host_str().unwrap_or_default();
    let newer = NEWER_NAMES.iter().any(|name| host.ends_with(name));
    match config.max_tokens_name {
        MaxTokensName::MaxCompletionTokens => "max_completion_tokens",
        MaxTokensName::Auto if newer => "max_completion_tokens",
        MaxTokensName::Auto | MaxTokensName::MaxTokens => "max_tokens",
    }
}

fn system(config: &config::OpenAi) -> Result<String, BotError> {
    let file = config.system_file.as_ref();
    let Some(file) = file.filter(|it| !it.original().as_os_str().is_empty()) else {
        return Ok(config.system.clone());
    };
    read_text(&file.relative()).map_err(|what| setting("system_file", what))
}

fn read_text(file: &Path) -> Result<String, String> {
    let fails = |why: String| format!("the file {} {why}", file.display());
    let opened = std::fs::File::open(file).map_err(|error| {
        fails(format!(
            "cannot be opened ({error}); correct the path or its permissions"
        ))
    })?;
    let mut text = String::new();
    let length = opened
        .take(SYSTEM_BYTES + 1)
        .read_to_string(&mut text)
        .map_err(|error| {
            fails(format!(
                "cannot be read as text ({error}); write it in UTF-8"
            ))
        })?;
    if length as u64 > SYSTEM_BYTES {
        return Err(fails(format!("has more than {SYSTEM_BYTES} bytes")));
    }
    Ok(text)
}

/// The error for a wrong setting of the connector.
pub(super) fn setting(key: &str, reason: impl Into<String>) -> BotError {
    BotError::Setting {
        key: format!("openai.{key}"),
        reason: reason.into(),
    }
}
