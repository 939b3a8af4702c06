//! Parlour's own JSON for a bot's replies: the only code that reads it.
//!
//! ```json
//! {"messages": [
//!    {"text": "Hello"},
//!    {"text": "Pick one", "buttons": [{"title": "Blue", "payload": "blue"}, {"title": "Shop", "url": "https://a.test/"}]},
//!    {"text": "Sure?", "quick_replies": [{"title": "Yes", "payload": "yes"}]},
//!    {"image": {"url": "https://a.test/parcel.png", "alt": "Your parcel"}},
//!    {"template": {"template_type": "carousel", "elements": []}, "text": "for clients that do not know the template"}
//!  ],
//!  "handover": {"to": "agent", "name": "Ada"}, "close": false, "typing": false}
//! ```
//!
//! Every field may be missing. `{"text": "Hello"}` alone is one message. A stream uses [`ReplyPieces`].
//!
//! In the path: a connector or `http::way_in` gives bytes, takes a [`Reply`], and gives it to [`Answers`].
//!
//! Invariants: fields without a name here are ignored. Types are strict: a number instead of a text is an error. A
//! template belongs to the bot: it is kept unchanged, with words beside it for clients that do not know it. Half a
//! character becomes U+FFFD. A reply has at most [`MAX_ANSWERS`] messages, each of at most [`MAX_ANSWER_BYTES`] bytes.
//! No error repeats what was said.

use protocol::content::Content;
use protocol::reply::BotMessage;
use protocol::visible::is_blank;
use serde_json::{Map, Value};

use super::{Answers, BotError, Class, MAX_ANSWER_BYTES, MAX_ANSWERS};
use crate::records::Owner;

mod buttons;
mod halves;
mod pieces;
#[cfg(test)]
mod tests;

pub use buttons::{Button, MAX_BUTTONS, Press, image, quick_replies, with_buttons};
pub(super) use halves::Halves;
pub use pieces::{ReplyPiece, ReplyPieces};

/// The longest name of a person who answers: what fits above a bubble.
pub const MAX_NAME_CHARS: usize = 100;

/// The name of the whole reply in an error.
const WHOLE: &str = "the reply";

/// The fields of which one makes an object a message.
const MESSAGE: [&str; 5] = ["text", "template", "buttons", "quick_replies", "image"];

/// What a bot says and does in one reply.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reply {
    /// The messages, in order.
    pub messages: Vec<BotMessage>,
    /// Shows or hides the typing dots. It matters only outside a turn, because Parlour shows them within one.
    pub typing: Option<bool>,
    /// Who answers from now on.
    pub hand_over: Option<Owner>,
    /// Whether the session ends.
    pub close: bool,
}

/// Why something is not a reply, in words for the operator. It names the path, and not the contents.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReplyError {
    /// It is not JSON, or nests too deep.
    #[error("it is no JSON")]
    NoJson,
    /// A field has another type.
    #[error("{path} is not {expected}")]
    Type {
        /// The path: `messages[2].text`.
        path: String,
        /// What belongs there.
        expected: &'static str,
    },
    /// A message has nothing to read.
    #[error("{path} has nothing to read: give it a text")]
    Silent {
        /// The path.
        path: String,
    },
    /// A message stands beside a list of messages, so the order is unclear.
    #[error("`messages` stands beside a message; put it into the list")]
    Beside,
    /// There are more than [`MAX_ANSWERS`] messages.
    #[error("it has more than {MAX_ANSWERS} messages")]
    TooManyMessages,
    /// There are more than [`MAX_BUTTONS`].
    #[error("{path} has more than {MAX_BUTTONS} entries")]
    TooManyButtons {
        /// The path.
        path: String,
    },
    /// It has more than [`MAX_ANSWER_BYTES`].
    #[error("{path} has more than {MAX_ANSWER_BYTES} bytes")]
    TooBig {
        /// The path.
        path: String,
    },
    /// A link that no client may open, or a picture that none may load.
    #[error("{path} is no address of the web (https, http; for links mailto and tel as well)")]
    Address {
        /// The path.
        path: String,
    },
}

impl From<ReplyError> for BotError {
    fn from(error: ReplyError) -> Self {
        let class = match error {
            ReplyError::TooManyMessages
            | ReplyError::TooManyButtons { .. }
            | ReplyError::TooBig { .. } => Class::TooMuch,
            _ => Class::Unreadable,
        };
        Self::failed(class, format!("its reply cannot be used: {error}"))
    }
}

impl Reply {
    /// Reads JSON as it came.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub fn from_bytes(json: &[u8]) -> Result<Self, ReplyError> {
        let value: Value = protocol::json::from_bytes(json).map_err(|_| ReplyError::NoJson)?;
        Self::read(&value)
    }

    /// Reads JSON that was parsed by [`protocol::json::from_bytes`] or a similar function.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub fn read(value: &Value) -> Result<Self, ReplyError> {
        let object = object(value, WHOLE)?;
        let mut messages = Vec::new();
        match field(object, "messages") {
            Some(_) if is_message(object) => return Err(ReplyError::Beside),
            Some(listed) => {
                let listed = list(listed, "messages")?;
                if listed.len() > MAX_ANSWERS {
                    return Err(ReplyError::TooManyMessages);
                }
                for (number, one) in listed.iter().enumerate() {
                    messages.extend(message(one, &format!("messages[{number}]"))?);
                }
            }
            None if is_message(object) => messages.extend(message(value, WHOLE)?),
            None => {}
        }
        Ok(Self {
            messages,
            typing: flag(object, "typing")?,
            hand_over: field(object, "handover").map(owner).transpose()?,
            close: flag(object, "close")?.unwrap_or_default(),
        })
    }

    /// A reply of one message.
    pub fn of(message: BotMessage) -> Self {
        Self {
            messages: vec![message],
            ..Self::default()
        }
    }

    /// Gives everything to the answers.
    ///
    /// # Errors
    /// Those of [`Answers::push`].
    pub fn give(self, answers: &mut Answers) -> Result<(), BotError> {
        for message in &self.messages {
            answers.push(message)?;
        }
        if let Some(owner) = self.hand_over {
            answers.hand_over(owner);
        }
        if self.close {
            answers.close();
        }
        Ok(())
    }
}

/// Whether this object is a message. One of its fields decides.
fn is_message(object: &Map<String, Value>) -> bool {
    MESSAGE.iter().any(|name| field(object, name).is_some())
}

/// One message. `None`: a text without a letter, which would be an empty bubble.
///
/// # Errors
/// What is wrong with it.
pub(super) fn message(value: &Value, path: &str) -> Result<Option<BotMessage>, ReplyError> {
    let fields = object(value, path)?;
    let at = |name: &str| {
        if path == WHOLE {
            name.to_owned()
        } else {
            format!("{path}.{name}")
        }
    };
    let said = match field(fields, "text") {
        Some(said) => text(said, &at("text"))?,
        None => "",
    };
    let message = if let Some(inner) = field(fields, "template") {
        template(inner, said, &at("template"))?
    } else if let Some(listed) = field(fields, "buttons") {
        let buttons = buttons::read(listed, &at("buttons"))?;
        with_buttons(said, &buttons, &at("buttons"))?
    } else if let Some(listed) = field(fields, "quick_replies") {
        let replies = buttons::read(listed, &at("quick_replies"))?;
        quick_replies(said, &replies, &at("quick_replies"))?
    } else if let Some(picture) = field(fields, "image") {
        let picture = object(picture, &at("image"))?;
        let url = match field(picture, "url") {
            Some(url) => text(url, &at("image.url"))?,
            None => "",
        };
        let alt = match field(picture, "alt") {
            Some(alt) => text(alt, &at("image.alt"))?,
            None => said,
        };
        image(url, alt, &at("image.url"))?
    } else if field(fields, "text").is_none() {
        return Err(ReplyError::Silent {
            path: path.to_owned(),
        });
    } else if is_blank(said) {
        return Ok(None);
    } else {
        BotMessage::text(said)
    };
    fits(message, path).map(Some)
}

/// A template of the bot, unchanged, with the words for clients that do not know it.
///
/// It is the inner payload (`{"template_type": …}`), or that payload in its wire form (`{"type": "template", "payload":
/// …}`).
///
/// # Errors
/// If there is nothing to read: no text beside it, and no words inside it.
pub fn template(inner: &Value, said: &str, path: &str) -> Result<BotMessage, ReplyError> {
    if !inner.is_object() {
        // The template is lost, but its words are not.
        if is_blank(said) {
            return Err(type_of(path, "an object"));
        }
        return Ok(BotMessage::text(said));
    }
    let make = |fallback: &str| match (inner["type"].as_str(), &inner["payload"]) {
        (Some(kind), payload @ Value::Object(_)) if inner["template_type"].is_null() => {
            BotMessage::media(kind, payload.clone(), fallback)
        }
        _ => BotMessage::template(inner.clone(), fallback),
    };
    if !is_blank(said) {
        return Ok(make(said));
    }
    let content = Content::of_bot_message(&make(""));
    let words = match &content {
        Content::Image { url, alt } if alt.is_empty() => url,
        content => content.plain_text(),
    };
    if !is_blank(words) {
        return Ok(make(words));
    }
    let titles: Vec<_> = content.buttons().iter().map(|one| &*one.title).collect();
    if titles.is_empty() {
        return Err(ReplyError::Silent {
            path: path.to_owned(),
        });
    }
    Ok(make(&titles.join(", ")))
}

/// The message, if it is small enough for a socket.
fn fits(message: BotMessage, path: &str) -> Result<BotMessage, ReplyError> {
    let bytes = serde_json::to_vec(&message).map_err(|_| ReplyError::NoJson)?;
    if bytes.len() > MAX_ANSWER_BYTES {
        let path = path.to_owned();
        return Err(ReplyError::TooBig { path });
    }
    Ok(message)
}

/// `{"to": "queue" | "agent" | "bot", "name": …}`.
fn owner(value: &Value) -> Result<Owner, ReplyError> {
    let fields = object(value, "handover")?;
    let named = match field(fields, "name") {
        Some(name) => text(name, "handover.name")?.trim(),
        None => "",
    };
    match field(fields, "to").and_then(Value::as_str) {
        Some("bot") => Ok(Owner::Bot),
        Some("queue") => Ok(Owner::Queue),
        Some("agent") if is_blank(named) => Err(ReplyError::Silent {
            path: "handover.name".to_owned(),
        }),
        Some("agent") => Ok(Owner::Agent(named.chars().take(MAX_NAME_CHARS).collect())),
        _ => Err(type_of("handover.to", "`bot`, `queue` or `agent`")),
    }
}

/// The field of this name. Null counts as absent.
fn field<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    object.get(name).filter(|value| !value.is_null())
}

fn flag(object: &Map<String, Value>, name: &'static str) -> Result<Option<bool>, ReplyError> {
    let read = |value: &Value| {
        value
            .as_bool()
            .ok_or_else(|| type_of(name, "true or false"))
    };
    field(object, name).map(read).transpose()
}

fn object<'a>(value: &'a Value, path: &str) -> Result<&'a Map<String, Value>, ReplyError> {
    value.as_object().ok_or_else(|| type_of(path, "an object"))
}

fn list<'a>(value: &'a Value, path: &str) -> Result<&'a [Value], ReplyError> {
    let listed = value.as_array().ok_or_else(|| type_of(path, "a list"))?;
    Ok(listed)
}

fn text<'a>(value: &'a Value, path: &str) -> Result<&'a str, ReplyError> {
    value.as_str().ok_or_else(|| type_of(path, "a text"))
}

fn type_of(path: impl Into<String>, expected: &'static str) -> ReplyError {
    ReplyError::Type {
        path: path.into(),
        expected,
    }
}
