//! The errors of a server: `{"error": …}`, with an error status or in the middle of a stream.
//!
//! In the path: `ask` reads the body of an answer with an error status. [`super::completion`] finds errors in a stream.
//!
//! Invariant: of the server's words only names of errors (`insufficient_quota`) get into ours. Sentences never do,
//! because they may repeat what the visitor said.

use std::time::Duration;

use http::StatusCode;
use serde_json::Value;

use crate::bot::fault::of_status;
use crate::bot::{BotError, Class, Fault};

/// The longest name of an error that is logged.
const NAME_BYTES: usize = 64;

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The prompt is longer than the model's context: a shorter history may fit.
    TooLong(BotError),
    /// Anything else.
    Other(BotError),
}

impl Refusal {
    /// The error, of whichever kind.
    pub(super) fn into_error(self) -> BotError {
        match self {
            Self::TooLong(error) | Self::Other(error) => error,
        }
    }
}

/// What an error means. `error` is the value of `error`, or null if there was none. `status` is the answer's status, or
/// `None` in the middle of a stream.
pub(super) fn refusal(
    authority: &str,
    status: Option<StatusCode>,
    retry_after: Option<Duration>,
    error: &Value,
) -> Refusal {
    let code = name_of(&error["code"]);
    let kind = name_of(&error["type"]);
    let says = |name: &str| code == name || kind == name;
    // A number instead of a name is a status (OpenRouter, llama.cpp).
    let number = error["code"].as_u64().and_then(|it| u16::try_from(it).ok());
    let in_body = number
        .filter(|it| (400..600).contains(it))
        .and_then(|it| StatusCode::from_u16(it).ok());
    let status = status.filter(|it| !it.is_success()).or(in_body);

    if is_about_context(&code, &kind, error) && status.is_none_or(|it| it.is_client_error()) {
        let reason = format!("{authority} has no room for so much text; lower `context_tokens`");
        return Refusal::TooLong(failed(Class::Setup, status, reason));
    }
    if [
        "insufficient_quota",
        "billing_hard_limit_reached",
        "exceeded_current_quota_error",
    ]
    .iter()
    .any(|name| says(name))
    {
        let reason = format!(
            "{authority} says that the quota is used up{}",
            named(&code, &kind, error)
        );
        return Refusal::Other(failed(Class::Busy, status, reason));
    }
    if says("content_filter") || says("content_policy_violation") {
        let reason = format!("{authority} has a filter that does not let this through");
        return Refusal::Other(failed(Class::Error, status, reason));
    }
    let found = match status {
        Some(status) => of_status(authority, status, retry_after),
        None => without_status(authority, &code, &kind),
    };
    Refusal::Other(with_names(found, &named(&code, &kind, error)))
}

/// An error in the middle of a stream without a number. Its name says whether to try again.
fn without_status(authority: &str, code: &str, kind: &str) -> BotError {
    let says = |part: &str| code.contains(part) || kind.contains(part);
    if says("rate_limit") || says("overloaded") {
        BotError::unavailable(Class::Busy, format!("{authority} has too much to do"))
    } else if says("authentication") || says("permission") || says("api_key") {
        BotError::failed(Class::Refused, format!("{authority} does not let us in"))
    } else if says("invalid_request") || says("not_found") {
        BotError::failed(
            Class::Setup,
            format!("{authority} does not accept the request"),
        )
    } else {
        BotError::unavailable(
            Class::Error,
            format!("{authority} reports an error of its own"),
        )
    }
}

/// Whether the question is too long for the model. Few servers have a name for that, so their sentences are searched.
fn is_about_context(code: &str, kind: &str, error: &Value) -> bool {
    const NAMES: [&str; 3] = [
        "context_length_exceeded",
        "exceed_context_size_error",
        "model_max_prompt_tokens_exceeded",
    ];
    const WORDS: [&str; 8] = [
        "maximum context length",
        "context length exceeded",
        "exceeds the available context size",
        "exceeds the context window",
        "exceed context window",
        "prompt is too long",
        "max_model_len",
        "too large for model with",
    ];
    let message = error.as_str().or_else(|| error["message"].as_str());
    let message = message.unwrap_or_default().to_ascii_lowercase();
    NAMES.iter().any(|name| code == *name || kind == *name)
        || WORDS.iter().any(|words| message.contains(words))
}

/// The names of an error, for the operator: ` (invalid_request_error, max_tokens)`.
fn named(code: &str, kind: &str, error: &Value) -> String {
    let param = name_of(&error["param"]);
    let mut names: Vec<&str> = [code, kind, param.as_str()]
        .into_iter()
        .filter(|name| !name.is_empty())
        .collect();
    names.dedup();
    if names.is_empty() {
        String::new()
    } else {
        format!(" ({})", names.join(", "))
    }
}

/// A value that looks like a name, and not like a sentence or a key.
fn name_of(value: &Value) -> String {
    let text = value.as_str().unwrap_or_default();
    let fits = text.len() <= NAME_BYTES
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b == b'_' || b == b'.');
    if fits { text.to_owned() } else { String::new() }
}

fn failed(class: Class, status: Option<StatusCode>, reason: String) -> BotError {
    BotError::Failed(Fault {
        class,
        status: status.map(|it| it.as_u16()),
        reason,
    })
}

fn with_names(error: BotError, names: &str) -> BotError {
    let add = |fault: Fault| Fault {
        reason: format!("{}{names}", fault.reason),
        ..fault
    };
    match error {
        BotError::Unavailable { fault, retry_after } => BotError::Unavailable {
            fault: add(fault),
            retry_after,
        },
        BotError::Failed(fault) => BotError::Failed(add(fault)),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(status: u16, error: &Value) -> Refusal {
        let status = (status > 0).then(|| StatusCode::from_u16(status).unwrap());
        refusal("ai.test:443", status, Some(Duration::from_secs(3)), error)
    }

    #[test]
    fn a_question_that_is_too_long_is_known_by_each_servers_own_words() {
        for (status, error) in [
            (
                400,
                json!({"code": "context_length_exceeded", "type": "invalid_request_error", "message": "x"}),
            ),
            (
                400,
                json!({"message": "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens", "type": "BadRequestError", "code": 400}),
            ),
            (
                400,
                json!({"code": 400, "message": "request (5000 tokens) exceeds the available context size (4096 tokens)", "type": "exceed_context_size_error"}),
            ),
            (
                400,
                json!({"type": "invalid_request_error", "message": "prompt is too long: 9 tokens > 8 maximum"}),
            ),
            (
                413,
                json!(
                    "Prompt contains 9 tokens, too large for model with 8 maximum context length"
                ),
            ),
            (0, json!({"code": "context_length_exceeded"})),
        ] {
            assert!(matches!(of(status, &error), Refusal::TooLong(_)), "{error}");
        }
        for (status, error) in [
            (500, json!({"message": "maximum context length"})),
            (
                400,
                json!({"message": "no", "code": "unsupported_parameter"}),
            ),
            (400, Value::Null),
        ] {
            assert!(matches!(of(status, &error), Refusal::Other(_)), "{error}");
        }
    }

    #[test]
    fn errors_are_told_apart() {
        for (status, error, temporary, class, names) in [
            (
                429,
                json!({"code": "rate_limit_exceeded", "type": "requests"}),
                true,
                Class::Busy,
                " (rate_limit_exceeded, requests)",
            ),
            (
                429,
                json!({"code": "insufficient_quota", "type": "insufficient_quota"}),
                false,
                Class::Busy,
                " (insufficient_quota)",
            ),
            (
                401,
                json!({"code": "invalid_api_key", "message": "Incorrect API key provided: sk-12*34"}),
                false,
                Class::Refused,
                " (invalid_api_key)",
            ),
            (
                404,
                json!({"message": "model 'x' not found", "type": "not_found_error"}),
                false,
                Class::Setup,
                " (not_found_error)",
            ),
            (
                400,
                json!({"code": "unsupported_parameter", "param": "max_tokens"}),
                false,
                Class::Setup,
                " (unsupported_parameter, max_tokens)",
            ),
            (
                400,
                json!({"code": "content_filter"}),
                false,
                Class::Error,
                "",
            ),
            (
                503,
                json!({"code": 503, "message": "Loading model", "type": "unavailable_error"}),
                true,
                Class::Busy,
                " (unavailable_error)",
            ),
            (500, Value::Null, true, Class::Error, ""),
            (500, json!("a string"), true, Class::Error, ""),
            (
                200,
                json!({"code": 402, "message": "Insufficient credits"}),
                false,
                Class::Refused,
                "",
            ),
            (200, json!({"code": 502}), true, Class::Error, ""),
            (
                0,
                json!("model runner has unexpectedly stopped"),
                true,
                Class::Error,
                "",
            ),
            (
                0,
                json!({"type": "overloaded_error"}),
                true,
                Class::Busy,
                " (overloaded_error)",
            ),
            (
                0,
                json!({"type": "authentication_error"}),
                false,
                Class::Refused,
                " (authentication_error)",
            ),
            (0, json!({"code": "My secret is 1"}), true, Class::Error, ""),
        ] {
            let found = of(status, &error).into_error();
            assert_eq!(
                (found.is_temporary(), found.class()),
                (temporary, class),
                "{error}"
            );
            let text = found.to_string();
            assert!(
                text.contains(names) && text.contains("ai.test:443"),
                "{text}"
            );
            assert!(!text.contains("secret") && !text.contains("sk-"), "{text}");
            if let BotError::Unavailable { retry_after, .. } = found
                && status == 429
            {
                assert_eq!(retry_after, Some(Duration::from_secs(3)));
            }
        }
    }
}
