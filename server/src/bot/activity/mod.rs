//! Activities: what Bot Framework bots, Microsoft 365 Agents and Copilot Studio hear and say.
//!
//! In the path: [`super::bot_framework`] and `direct_line` send a turn as activities (`said`) and read the
//! bot's activities by `hearing`, which makes answers of them (`messages`, `cards`, `adaptive`, `buttons`).
//!
//! Invariants: fields that nobody needs are not read, those that are read have the type that the protocol gives them, or
//! the activity is refused as a whole. Half a character is U+FFFD. What cannot be shown is named, not dropped in silence.

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

/// Messages of one turn that are looked at; fewer are shown.
const MAX_ACTIVITIES: usize = 200;
/// Attachments of one activity.
const MAX_ATTACHMENTS: usize = 20;

/// One activity of a bot.
#[derive(Clone, Deserialize)]
pub struct Activity {
    /// `message`, `typing`, `event`, `endOfConversation`, …
    #[serde(rename = "type")]
    pub kind: String,
    /// Its id, where it has one already.
    #[serde(default)]
    pub id: Option<String>,
    /// The activity that it answers.
    #[serde(default, rename = "replyToId")]
    pub reply_to: Option<String>,
    /// Who says it.
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

/// Somebody.
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

/// Kind and length only: texts are never logged.
impl std::fmt::Debug for Activity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Activity")
            .field("text_bytes", &self.text.as_ref().map(String::len))
            .finish_non_exhaustive()
    }
}

/// Several activities: what an answer to `expectReplies` holds, and a look at what is new by Direct Line.
#[derive(Default, Deserialize)]
pub struct ActivitySet {
    /// In order, not read yet: one that is none costs only itself.
    #[serde(default)]
    pub activities: Vec<Value>,
    /// Direct Line: from where to look the next time.
    #[serde(default)]
    pub watermark: Option<String>,
}

/// Reads one activity.
///
/// # Errors
/// [`BotError::Failed`] of the class `Unreadable` when it is none.
pub fn read(json: &[u8]) -> Result<Activity, BotError> {
    let value = protocol::json::from_bytes(json);
    read_value(value.map_err(|_| BotError::failed(Class::Unreadable, "what it sent is no JSON"))?)
}

/// The same for one of a set.
///
/// # Errors
/// As [`read`].
pub fn read_value(value: Value) -> Result<Activity, BotError> {
    let none = || BotError::failed(Class::Unreadable, "what it sent is no activity");
    // Serde would take a list for an object, too.
    if !value.is_object() {
        return Err(none());
    }
    serde_json::from_value(value).map_err(|_| none())
}

/// Reads a set of activities. No body at all is an empty set.
///
/// # Errors
/// [`BotError::Failed`] of the class `Unreadable` when it is none.
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

    /// Is it a part of an answer that grows?
    pub fn is_streamed(&self) -> bool {
        streaming::stage(self).is_some()
    }

    /// Says it that the visitor's turn has come?
    pub fn awaits_the_visitor(&self) -> bool {
        let hint = self.input_hint.as_deref();
        self.kind == "message" && matches!(hint, Some("acceptingInput" | "expectingInput"))
    }
}

/// A text in an object, if there is one and it is not empty.
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
