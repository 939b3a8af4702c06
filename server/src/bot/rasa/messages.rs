//! What an assistant answers: a list of `{"text", "buttons", "image", "attachment", "custom"}`, one of these or several.

use protocol::link::{safe_image, sloppy_link};
use protocol::reply::BotMessage;
use protocol::visible::is_blank;
use serde_json::{Value, json};

use crate::bot::reply::{Button, MAX_BUTTONS, ReplyError, template, with_buttons};
use crate::bot::{BotError, MAX_ANSWERS};

/// Reads an answer. An empty list or an empty body says nothing.
///
/// # Errors
/// What is wrong with it, and where.
pub(super) fn read(body: &[u8]) -> Result<Vec<BotMessage>, BotError> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(Vec::new());
    }
    let value: Value = protocol::json::from_bytes(body).map_err(|_| ReplyError::NoJson)?;
    let listed = value
        .as_array()
        .ok_or_else(|| wrong("the answer", "a list"))?;
    let mut messages = Vec::new();
    for (number, message) in listed.iter().enumerate() {
        add(&mut messages, message, &format!("[{number}]"))?;
        if messages.len() > MAX_ANSWERS {
            return Err(ReplyError::TooManyMessages.into());
        }
    }
    Ok(messages)
}

fn add(messages: &mut Vec<BotMessage>, value: &Value, path: &str) -> Result<(), ReplyError> {
    if !value.is_object() {
        return Err(wrong(path, "an object"));
    }
    let said = match &value["text"] {
        Value::Null => "",
        Value::String(text) => text,
        _ => return Err(wrong(&format!("{path}.text"), "a text")),
    };
    let buttons = buttons(&value["buttons"], &format!("{path}.buttons"))?;
    if !buttons.is_empty() || !is_blank(said) {
        messages.push(with_buttons(said, &buttons, &format!("{path}.buttons"))?);
    }
    match &value["image"] {
        Value::Null => {}
        Value::String(url) => messages.push(picture(url, &format!("{path}.image"))?),
        _ => return Err(wrong(&format!("{path}.image"), "a text")),
    }
    match &value["attachment"] {
        Value::Null => {}
        attachment => messages.push(attached(attachment, &format!("{path}.attachment"))?),
    }
    match &value["custom"] {
        Value::Null => {}
        custom => {
            let path = format!("{path}.custom");
            let is_kores = custom.get("template_type").is_some() || custom.get("payload").is_some();
            match template(custom, "", &path) {
                Ok(message) => messages.push(message),
                // This is a message between the assistant and its own page, with nothing to read.
                Err(ReplyError::Silent { .. }) if !is_kores => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(())
}

/// `[{"title", "payload"}]`, or `{"title", "url"}` as assistants for Facebook write it.
fn buttons(value: &Value, path: &str) -> Result<Vec<Button>, ReplyError> {
    let listed = match value {
        Value::Null => return Ok(Vec::new()),
        Value::Array(listed) => listed,
        _ => return Err(wrong(path, "a list")),
    };
    if listed.len() > MAX_BUTTONS {
        let path = path.to_owned();
        return Err(ReplyError::TooManyButtons { path });
    }
    let button = |(number, button): (usize, &Value)| {
        let title = button["title"].as_str();
        let title = title.ok_or_else(|| wrong(&format!("{path}[{number}].title"), "a text"))?;
        Ok(match (button["url"].as_str(), &button["payload"]) {
            (Some(url), _) => Button::opens(title, url),
            (None, Value::String(payload)) if !payload.is_empty() => Button::sends(title, payload),
            (None, Value::Null | Value::String(_)) => Button::sends(title, title),
            (None, _) => return Err(wrong(&format!("{path}[{number}].payload"), "a text")),
        })
    };
    listed.iter().enumerate().map(button).collect()
}

fn picture(url: &str, path: &str) -> Result<BotMessage, ReplyError> {
    crate::bot::reply::image(url, "", path)
}

/// An address, or `{"type", "payload": {"src"}}` as the assistant's other channels write it.
fn attached(value: &Value, path: &str) -> Result<BotMessage, ReplyError> {
    let source = ["src", "url"]
        .iter()
        .find_map(|key| value["payload"][*key].as_str());
    let Some(address) = value.as_str().or(source) else {
        return Err(wrong(path, "a text"));
    };
    if value["type"].as_str() == Some("image") && safe_image(address).is_some() {
        return picture(address, path);
    }
    match sloppy_link(address) {
        Some(url) => {
            let payload = json!({"url": url, "name": name_in(&url)});
            Ok(BotMessage::media("link", payload, url))
        }
        // It is words instead of an address.
        None if !is_blank(address) && value.is_string() => Ok(BotMessage::text(address)),
        None => Err(ReplyError::Address {
            path: path.to_owned(),
        }),
    }
}

/// The last part of an address that is not empty.
fn name_in(url: &str) -> &str {
    let path = url.split(['?', '#']).next().unwrap_or(url);
    let name = path.rsplit('/').find(|part| !part.is_empty());
    name.unwrap_or(url)
}

fn wrong(path: &str, expected: &'static str) -> ReplyError {
    ReplyError::Type {
        path: path.to_owned(),
        expected,
    }
}
