//! JSON inside a text: templates as the history stores them, and sentences in objects.

use crate::find::find;
use crate::json::Value;

/// How deep a payload may nest: `component` → `template` → media, and one level more to be safe.
pub(super) const MAX_NESTING: u8 = 4;

/// Whether a text is a JSON object, judged by its first and last character. A text that nests too deep to be read
/// counts too.
pub(super) fn is_json(text: &str) -> bool {
    let inner = text.trim().strip_prefix('{');
    inner
        .and_then(|inner| inner.strip_suffix('}'))
        .is_some_and(|inner| inner.trim().is_empty() || inner.trim_start().starts_with('"'))
}

/// The template that the history stores as this text. Null when the template cannot be read. Other JSON counts as a
/// text of the bot.
pub(super) fn template_in(text: &str) -> Option<Value> {
    if !is_json(text) {
        return None;
    }
    match Value::parse(text) {
        Some(value) => is_template(&value).then_some(value),
        // Nested deeper than any reader goes.
        None => find(text, "\"template_type\"").map(|_| Value::Null),
    }
}

/// Whether an object is a template, of whatever kind.
pub(super) fn is_template(value: &Value) -> bool {
    value.get("payload").is_some() || value.get("template_type").is_some() || is_sentence(value)
}

/// Whether this is a text template: a sentence, and at most a note on how to read it. Other JSON counts as a text of
/// the bot.
fn is_sentence(value: &Value) -> bool {
    let beside = ["text", "type", "color", "speech_hint", "speechHint", "lang"];
    let is_known = |name: &str| beside.contains(&name);
    value["text"].as_str().is_some()
        && ["", "text", "message"].contains(&value["type"].as_str().unwrap_or_default())
        && value
            .as_object()
            .is_some_and(|object| object.keys().all(is_known))
}

/// The sentence of a text template, also when it stands inside another text template. `None`: the text is other JSON.
pub(super) fn sentence_in(text: &str) -> Option<String> {
    sentence_within(text.trim(), MAX_NESTING)
}

fn sentence_within(text: &str, nesting: u8) -> Option<String> {
    if !is_json(text) {
        return Some(text.to_owned());
    }
    let value = Value::parse(text).filter(is_sentence)?;
    sentence_within(value["text"].as_str()?.trim(), nesting.checked_sub(1)?)
}

/// A non-empty string, or a number as text.
pub(crate) fn scalar(value: &Value) -> Option<String> {
    let text = match value {
        Value::Number(number) => number.as_str(),
        value => value.as_str()?.trim(),
    };
    (!text.is_empty()).then(|| text.to_owned())
}
