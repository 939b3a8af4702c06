//! What goes to the webhook channel and what comes back, as JSON.
//!
//! Invariants: a text stays a text; only what the channel marks as a template counts as one. No error repeats what was
//! said.

use protocol::reply::BotMessage;
use protocol::visible::is_blank;
use serde_json::{Map, Value, json};

use crate::bot::reply::template;
use crate::bot::{File, Turn, TurnKind, Visitor};

/// The longest poll id.
const MAX_POLL_ID: usize = 1024;

/// The body of a call, and the identity that it speaks for.
pub(super) struct Said {
    pub(super) from: String,
    pub(super) body: Value,
}

impl Said {
    /// `new`: the bot does not know the session. `v1`: the channel's first version, which accepts only a text.
    pub(super) fn of(turn: &Turn, new: bool, v1: bool) -> Self {
        let visitor = &turn.visitor;
        let from = if visitor.identity.is_empty() {
            &visitor.id
        } else {
            &visitor.identity
        };
        let event = |name: &str| json!({"type": "event", "val": name});
        let mut custom = None;
        let message = match &turn.kind {
            TurnKind::Connect => event("ON_CONNECT"),
            TurnKind::Close => event("SESSION_CLOSURE"),
            TurnKind::Message { body, .. } if v1 => json!({"text": body}),
            TurnKind::Message {
                body,
                files,
                custom_data,
                ..
            } => {
                custom = custom_data.as_ref();
                let files: Vec<Value> = files.iter().map(attachment).collect();
                json!({"type": "text", "val": body, "attachments": files})
            }
        };
        let mut fields = json!({
            "session": {"new": new},
            "message": message,
            "from": {"id": from, "userInfo": user_info(visitor)},
            "to": {"id": turn.bot},
        });
        if let Some(custom) = custom {
            fields["customData"] = custom.clone();
        }
        Self {
            from: from.clone(),
            body: fields,
        }
    }
}

fn attachment(file: &File) -> Value {
    if file.reference.starts_with("https://") || file.reference.starts_with("http://") {
        return json!({"url": file.reference});
    }
    json!({"fileId": file.reference, "fileType": file.kind, "fileName": file.name})
}

/// What the site's assertion said about the visitor, under Kore's names.
fn user_info(visitor: &Visitor) -> Value {
    let said = |names: [&str; 2]| {
        let profile = visitor.profile.as_ref();
        let found = names.iter().find_map(|name| profile?.get(*name)?.as_str());
        found.unwrap_or_default().to_owned()
    };
    json!({
        "firstName": said(["firstName", "given_name"]),
        "lastName": said(["lastName", "family_name"]),
        "email": said(["email", "emailId"]),
    })
}

/// What the bot answered.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Heard {
    pub(super) messages: Vec<BotMessage>,
    pub(super) end_of_task: bool,
    /// There is more to come: poll with this id.
    pub(super) poll_id: Option<String>,
}

impl Heard {
    pub(super) fn nothing_yet(id: String) -> Self {
        Self {
            poll_id: Some(id),
            ..Self::default()
        }
    }

    /// Reads an answer of either version.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, String> {
        let answer: Value =
            protocol::json::from_bytes(bytes).map_err(|_| "its answer is no JSON".to_owned())?;
        let fields = answer
            .as_object()
            .ok_or("its answer is no object".to_owned())?;
        let data = fields.get("data").filter(|data| !data.is_null());
        let text = fields.get("text").filter(|text| !text.is_null());
        if fields.contains_key("errors") && data.is_none() && text.is_none() {
            return Err("it reports an error of its own".to_owned());
        }
        let mut messages = Vec::new();
        if let Some(data) = data {
            let entries = data.as_array().ok_or("`data` is no list".to_owned())?;
            for (number, entry) in entries.iter().enumerate() {
                messages.extend(message(entry, &format!("data[{number}]"))?);
            }
        } else if let Some(text) = text {
            let entries = text
                .as_array()
                .map_or(std::slice::from_ref(text), Vec::as_slice);
            for (number, entry) in entries.iter().enumerate() {
                messages.extend(value(entry, false, &format!("text[{number}]"))?);
            }
        }
        Ok(Self {
            messages,
            end_of_task: fields.get("endOfTask") == Some(&Value::Bool(true)),
            poll_id: poll_id(fields)?,
        })
    }
}

fn poll_id(fields: &Map<String, Value>) -> Result<Option<String>, String> {
    match fields.get("pollId") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(id)) if id.is_empty() => Ok(None),
        Some(Value::String(id)) if id.len() <= MAX_POLL_ID => Ok(Some(id.clone())),
        Some(_) => Err("`pollId` is no text, or too long".to_owned()),
    }
}

/// `{"type": "text" | "template", "val": …}`.
fn message(entry: &Value, path: &str) -> Result<Option<BotMessage>, String> {
    let fields = entry
        .as_object()
        .ok_or_else(|| format!("`{path}` is no object"))?;
    let is_template = fields.get("type").and_then(Value::as_str) == Some("template");
    let said = fields.get("val").unwrap_or(&Value::Null);
    value(said, is_template, &format!("{path}.val"))
}

fn value(said: &Value, is_template: bool, path: &str) -> Result<Option<BotMessage>, String> {
    match said {
        Value::String(text) if is_blank(text) => Ok(None),
        Value::String(text) if is_template => {
            match protocol::json::from_bytes::<Value>(text.as_bytes()) {
                Ok(inner @ Value::Object(_)) => made(&inner, path),
                // It is marked as a template but holds only words.
                _ => Ok(Some(BotMessage::text(text))),
            }
        }
        Value::String(text) => Ok(Some(BotMessage::text(text))),
        Value::Object(_) => made(said, path),
        Value::Null => Ok(None),
        _ => Err(format!("`{path}` is neither a text nor a template")),
    }
}

fn made(inner: &Value, path: &str) -> Result<Option<BotMessage>, String> {
    let made = template(inner, "", path).map_err(|error| error.to_string())?;
    Ok(Some(made))
}

/// `{"errors":[{"msg":"No data found","code":400}]}`: everything was delivered.
pub(super) fn is_no_data(bytes: &[u8]) -> bool {
    let refusal: Result<Value, _> = protocol::json::from_bytes(bytes);
    refusal.is_ok_and(|refusal| refusal["errors"][0]["msg"] == "No data found")
}
