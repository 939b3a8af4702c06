//! What an agent stops for: a question to the visitor, with buttons if only a few answers are possible.

use protocol::reply::BotMessage;
use protocol::visible::is_blank;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::call::Call;
use crate::bot::agents::{Words, decided, details, yes_and_no};
use crate::bot::reply::{Button, MAX_BUTTONS, ReplyError, with_buttons};
use crate::bot::{BotError, Class, TurnKind};

/// The most questions of one run. More would be a form.
const MAX_QUESTIONS: usize = 8;

/// The most bytes of an id.
const MAX_ID_BYTES: usize = 256;

/// The most letters of a question.
const MAX_QUESTION_CHARS: usize = 1_000;

/// The most bytes of all choices together.
const MAX_CHOICE_BYTES: usize = 2_000;

/// An interrupt, with what is needed to ask and to answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Question {
    pub(super) id: String,
    /// The text of the question. Empty: the agent gave none.
    text: String,
    /// The tool call that it is about. Empty: none.
    pub(super) call: String,
    shape: Shape,
}

/// The form of the answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Shape {
    /// `{"approved": true}`.
    Approval,
    /// `true`.
    YesOrNo { field: Option<String> },
    /// One of these values.
    Choice {
        field: Option<String>,
        of: Vec<Value>,
    },
    /// A number.
    Number { field: Option<String> },
    /// Any text.
    Text { field: Option<String> },
}

/// Reads the interrupts of a run.
///
/// # Errors
/// If they have the wrong form, or there are too many.
pub(super) fn questions(
    interrupts: &Value,
    calls: &[Call],
    words: Words<'_>,
) -> Result<Vec<Question>, BotError> {
    let listed = interrupts.as_array().filter(|listed| !listed.is_empty());
    let listed = listed.ok_or_else(|| unreadable("an interrupt is told, and none is there"))?;
    if listed.len() > MAX_QUESTIONS {
        let reason = format!("it asks more than {MAX_QUESTIONS} things at once");
        return Err(BotError::failed(Class::TooMuch, reason));
    }
    listed
        .iter()
        .map(|one| Question::read(one, calls, words))
        .collect()
}

fn unreadable(what: &str) -> BotError {
    BotError::failed(
        Class::Unreadable,
        format!("its answer cannot be used: {what}"),
    )
}

impl Question {
    fn read(interrupt: &Value, calls: &[Call], words: Words<'_>) -> Result<Self, BotError> {
        let text = |name: &str| interrupt[name].as_str().unwrap_or_default();
        let (id, call) = (text("id"), text("toolCallId"));
        if id.is_empty() || id.len() > MAX_ID_BYTES || call.len() > MAX_ID_BYTES {
            return Err(unreadable("an interrupt has no id, or a long one"));
        }
        let mut said: String = text("message").chars().take(MAX_QUESTION_CHARS).collect();
        if is_blank(&said) {
            let about = calls.iter().find(|it| it.id == call);
            said = match about {
                Some(call) => words.may_i(&call.name, None) + &details(&call.input()),
                None => String::new(),
            };
        }
        Ok(Self {
            id: id.to_owned(),
            text: said,
            call: call.to_owned(),
            shape: Shape::of(&interrupt["responseSchema"], text("reason")),
        })
    }

    /// The question as a message.
    pub(super) fn message(&self, words: Words<'_>) -> Result<BotMessage, ReplyError> {
        let buttons: Vec<Button> = match &self.shape {
            Shape::Approval | Shape::YesOrNo { .. } => yes_and_no(&self.id, words).into(),
            Shape::Choice { of, .. } => {
                let button =
                    |(number, value)| Button::sends(word(value), format!("{}#{number}", self.id));
                of.iter().enumerate().map(button).collect()
            }
            Shape::Number { .. } | Shape::Text { .. } => Vec::new(),
        };
        let said = if is_blank(&self.text) {
            words.go_on()
        } else {
            &self.text
        };
        with_buttons(said, &buttons, "an interrupt")
    }

    /// The visitor's answer to the question. `None`: the visitor said something else.
    pub(super) fn answer(&self, kind: &TurnKind, words: Words<'_>) -> Option<Value> {
        let TurnKind::Message { body, .. } = kind else {
            return None;
        };
        let (field, value) = match &self.shape {
            Shape::Approval => {
                let approved = decided(&self.id, kind, words)?;
                return Some(json!({"approved": approved}));
            }
            Shape::YesOrNo { field } => (field, json!(decided(&self.id, kind, words)?)),
            Shape::Choice { field, of } => {
                let number = body
                    .strip_prefix(&self.id)
                    .and_then(|it| it.strip_prefix('#'));
                let pressed = number.and_then(|it| of.get(it.parse::<usize>().ok()?));
                let said = || {
                    of.iter()
                        .find(|value| word(value).eq_ignore_ascii_case(body.trim()))
                };
                (field, pressed.or_else(said)?.clone())
            }
            Shape::Number { field } => {
                let number: serde_json::Number = body.trim().parse().ok()?;
                (field, number.into())
            }
            Shape::Text { field } => (field, kind.newest(true).unwrap_or_default().into()),
        };
        Some(match field {
            Some(field) => json!({field.as_str(): value}),
            None => value,
        })
    }
}

/// The label of a value on a button.
fn word(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

impl Shape {
    fn of(schema: &Value, reason: &str) -> Self {
        let fields = schema["properties"].as_object();
        if fields.is_some_and(|fields| fields.contains_key("approved")) {
            return Self::Approval;
        }
        if let Some(fields) = fields
            && let [(name, schema)] = fields.iter().collect::<Vec<_>>()[..]
            && name.len() <= MAX_ID_BYTES
        {
            return Self::of_value(schema, Some(name.clone()));
        }
        match reason {
            "tool_call" => Self::Approval,
            "confirmation" if schema.is_null() => Self::YesOrNo { field: None },
            _ => Self::of_value(schema, None),
        }
    }

    fn of_value(schema: &Value, field: Option<String>) -> Self {
        if let Some(of) = schema["enum"].as_array()
            && (1..=MAX_BUTTONS).contains(&of.len())
            && of.iter().all(|value| !is_blank(&word(value)))
            && of.iter().map(|value| word(value).len()).sum::<usize>() <= MAX_CHOICE_BYTES
        {
            let of = of.clone();
            return Self::Choice { field, of };
        }
        match schema["type"].as_str() {
            Some("boolean") => Self::YesOrNo { field },
            Some("number" | "integer") => Self::Number { field },
            _ => Self::Text { field },
        }
    }
}
