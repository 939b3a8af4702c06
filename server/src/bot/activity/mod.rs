//! Activities: what Bot Framework bots, Microsoft 365 Agents and Copilot Studio hear and say.
//!
//! In the path: [`super::bot_framework`] and `direct_line` send a turn as activities (`said`). `hearing` reads the
//! bot's activities and makes answers of them (`messages`, `cards`, `adaptive`, `buttons`).
//!
//! Invariants: fields that nobody needs are not read. A field that is read must have the type that the protocol gives
//! it, or the whole activity is refused. Half a character becomes U+FFFD. What cannot be shown is reported, and not
//! dropped silently.

mod adaptive;
mod block;
mod buttons;
mod cards;
mod hearing;
mod messages;
mod said;
mod streaming;

use serde::Deserialize;
use serde_json::Value;

pub use hearing::{Heard, Hearing};
pub use messages::messages;
pub use said::{Channel, said};

use super::{BotError, Class};

/// The most messages of one turn that are looked at. Fewer are shown.
const MAX_ACTIVITIES: usize = 200;
/// The most attachments of one activity.
const MAX_ATTACHMENTS: usize = 20;

/// One activity of a bot.
#[derive(Clone, Deserialize)]
pub struct Activity {
    /// `message`, `typing`, `event`, `endOfConversation`, …
    #[serde(rename = "type")]
    pub kind: String,
    /// The id, if it has one already.
    #[serde(default)]
    pub id: Option<String>,
    /// The id of the activity that it answers.
    #[serde(default, rename = "replyToId")]
    pub reply_to: Option<String>,
    /// The sender.
    #[serde(default)]
    pub from: Option<Account>,
    /// Its text.
    #[serde(default)]
    pub text: Option<String>,
    #[serde(default)]
    attachments: Option<Vec<Attachment>>,
    #[serde(default, rename = "suggestedActions")]
    suggested: Option<Suggested>,
    /// `acceptingInput`, `expectingInput`, `ignoringInput`.
    #[serde(default, rename = "inputHint")]
    pub input_hint: Option<String>,
    /// What the channel adds.
    #[serde(default, rename = "channelData")]
    pub channel_data: Value,
    #[serde(default)]
    entities: Option<Vec<Value>>,
}

/// A sender or a recipient.
#[derive(Clone, Deserialize)]
pub struct Account {
    /// The id.
    #[serde(default)]
    pub id: String,
}

#[derive(Clone, Deserialize)]
struct Attachment {
    #[serde(default, rename = "contentType")]
    content_type: Option<String>,
    #[serde(default, rename = "contentUrl")]
    content_url: Option<String>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    content: Value,
}

#[derive(Clone, Deserialize)]
struct Suggested {
    #[serde(default)]
    actions: Vec<Value>,
}

/// Shows only kind and length, because texts are never logged.
impl std::fmt::Debug for Activity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Activity")
            .field("text_bytes", &self.text.as_ref().map(String::len))
            .finish_non_exhaustive()
    }
}

/// Several activities: the answer to `expectReplies`, or new activities from Direct Line.
#[derive(Default, Deserialize)]
pub struct ActivitySet {
    /// The activities in order, not parsed yet, so that a wrong one affects no other.
    #[serde(default)]
    pub activities: Vec<Value>,
    /// Direct Line: the position for the next request.
    #[serde(default)]
    pub watermark: Option<String>,
}

/// Reads one activity.
///
/// # Errors
/// [`BotError::Failed`] of the class `Unreadable` if it is not an activity.
pub fn read(json: &[u8]) -> Result<Activity, BotError> {
    let value = protocol::json::from_bytes(json);
    read_value(value.map_err(|_| BotError::failed(Class::Unreadable, "what it sent is no JSON"))?)
}

/// Reads one activity of a set.
///
/// # Errors
/// As [`read`].
pub fn read_value(value: Value) -> Result<Activity, BotError> {
    let none = || BotError::failed(Class::Unreadable, "what it sent is no activity");
    // Serde would accept a list as an object, too.
    if !value.is_object() {
        return Err(none());
    }
    serde_json::from_value(value).map_err(|_| none())
}

/// Reads a set of activities. An empty body is an empty set.
///
/// # Errors
/// [`BotError::Failed`] of the class `Unreadable` if it is not a set.
pub fn read_set(json: &[u8]) -> Result<ActivitySet, BotError> {
    match json.trim_ascii() {
        [] => Ok(ActivitySet::default()),
        json @ [b'{', ..] => protocol::json::from_bytes(json).map_err(|_| none_of_a_set()),
        _ => Err(none_of_a_set()),
    }
}

fn none_of_a_set() -> BotError {
    BotError::failed(Class::Unreadable, "its answer is no JSON with `activities`")
}

impl Activity {
    fn attachments(&self) -> &[Attachment] {
        self.attachments.as_deref().unwrap_or_default()
    }

    fn actions(&self) -> &[Value] {
        self.suggested
            .as_ref()
            .map_or(&[], |suggested| &suggested.actions)
    }

    /// Whether it is a piece of an answer that streams.
    pub fn is_streamed(&self) -> bool {
        streaming::stage(self).is_some()
    }

    /// Whether it says that it is the visitor's turn now.
    pub fn awaits_the_visitor(&self) -> bool {
        let hint = self.input_hint.as_deref();
        self.kind == "message" && matches!(hint, Some("acceptingInput" | "expectingInput"))
    }
}

/// A text in an object, if it is there and not empty.
fn text_of<'a>(object: &'a Value, name: &str) -> Option<&'a str> {
    let text = object.get(name)?.as_str()?.trim();
    (!text.is_empty()).then_some(text)
}

/// The objects of a list in an object.
fn list_of<'a>(object: &'a Value, name: &str) -> &'a [Value] {
    object
        .get(name)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_set_of_activities_is_unreadable() {
        for wrong in [
            "<html>",
            "[]",
            "7",
            "null",
            r#"{"activities":{}}"#,
            r#"{"activities":[{"type":"message","text":"cut o"#,
        ] {
            let error = read_set(wrong.as_bytes()).err().map(|error| error.class());
            assert_eq!(error, Some(Class::Unreadable), "{wrong}");
        }
        for right in ["", " \n", "{}", r#"{"id":"1"}"#, r#"{"activities":[]}"#] {
            let set = read_set(right.as_bytes()).unwrap();
            assert!(set.activities.is_empty(), "{right}");
        }
    }

    #[test]
    fn what_is_no_activity_is_unreadable() {
        for wrong in [
            "{}",
            "[]",
            r#"["message"]"#,
            r#"{"type":7}"#,
            r#"{"type":"message","text":{"a":1}}"#,
            r#"{"type":"message","attachments":"x"}"#,
            r#"{"type":"message","attachments":[7]}"#,
            r#"{"type":"message","suggestedActions":7}"#,
        ] {
            let error = read(wrong.as_bytes()).err().map(|error| error.class());
            assert_eq!(error, Some(Class::Unreadable), "{wrong}");
        }
    }

    #[test]
    fn half_a_character_and_what_nobody_knows_are_no_fault() {
        let activity = read(
            br#"{"type":"message","text":"hi \ud83d","from":{"id":"b","x":1},"new":[1],"entities":null,
                "attachments":null,"channelData":null,"suggestedActions":null,"inputHint":null}"#,
        )
        .unwrap();
        assert_eq!(activity.text.as_deref(), Some("hi \u{fffd}"));
        let shown = format!("{activity:?}");
        assert!(!shown.contains("hi"), "{shown}");
    }
}
