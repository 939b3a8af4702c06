//! A tool call that waits for the visitor's yes.
//!
//! In the path: [`super::tools`] asks with two buttons and keeps the call with the conversation. The next turn checks
//! which button was pressed, if any.
//!
//! Invariant: only the button of this question counts as yes. Its payload is made from the turn's id, which neither the
//! model nor a page knows, so nothing that the visitor types counts.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

/// The most text of the arguments that a visitor is shown. A call that needs more is not made, because nobody can agree
/// to what was not shown.
const MAX_SHOWN_CHARS: usize = 600;

/// What is kept from the question to the answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Pending {
    /// The tool as the model names it.
    pub(super) tool: String,
    /// The arguments.
    pub(super) arguments: Map<String, Value>,
    /// The secret part of the buttons' payloads.
    mark: String,
}

/// What the visitor did with the question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reply {
    /// Pressed yes.
    Yes,
    /// Pressed no.
    No,
    /// The visitor said something else.
    Else,
}

impl Pending {
    /// `turn` is the turn's idempotence key, so the same call of the same turn has the same buttons.
    pub(super) fn new(tool: &str, arguments: &Map<String, Value>, turn: &str) -> Self {
        let mut hash = Sha256::new();
        for part in [turn, tool, &Value::Object(arguments.clone()).to_string()] {
            hash.update(part);
            hash.update([0]);
        }
        let bytes = hash.finalize();
        let mark = bytes[..12].iter().map(|byte| format!("{byte:02x}"));
        Self {
            tool: tool.to_owned(),
            arguments: arguments.clone(),
            mark: mark.collect(),
        }
    }

    /// Reads what was kept. `None`: it is something else.
    pub(super) fn read(state: Option<&str>) -> Option<Self> {
        serde_json::from_str(state?).ok()
    }

    /// The JSON to keep.
    pub(super) fn written(&self) -> String {
        // A struct of texts and JSON can always be written.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The payloads of the buttons: yes and no.
    pub(super) fn payloads(&self) -> (String, String) {
        (format!("yes:{}", self.mark), format!("no:{}", self.mark))
    }

    /// What this message means for the question.
    pub(super) fn answered_by(&self, body: &str) -> Reply {
        let (yes, no) = self.payloads();
        if body == yes {
            Reply::Yes
        } else if body == no {
            Reply::No
        } else {
            Reply::Else
        }
    }
}

/// The call in words for the visitor: `Cancel order (number: 17)`. `None`: they would be too long.
pub(super) fn shown(title: &str, arguments: &Map<String, Value>) -> Option<String> {
    let one = |(name, value): (&String, &Value)| {
        let value = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        format!("{}: {value}", name.replace('_', " "))
    };
    let all: Vec<String> = arguments.iter().map(one).collect();
    let text = if all.is_empty() {
        title.to_owned()
    } else {
        format!("{title} ({})", all.join(", "))
    };
    // It is put on one line, without marks that would make it look different.
    let plain = |letter: char| if letter.is_control() { ' ' } else { letter };
    let text: String = text.chars().map(plain).collect();
    (text.chars().count() <= MAX_SHOWN_CHARS).then_some(text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn arguments(value: &Value) -> Map<String, Value> {
        value.as_object().expect("an object").clone()
    }

    #[test]
    fn only_the_buttons_of_this_question_answer_it() {
        let order = arguments(&json!({"number": 17}));
        let pending = Pending::new("cancel_order", &order, "tn-1");
        assert_eq!(pending, Pending::new("cancel_order", &order, "tn-1"));
        let (yes, no) = pending.payloads();
        assert_eq!(pending.answered_by(&yes), Reply::Yes);
        assert_eq!(pending.answered_by(&no), Reply::No);
        for other in [
            Pending::new("cancel_order", &order, "tn-2").payloads().0,
            Pending::new("cancel_all", &order, "tn-1").payloads().0,
            Pending::new("cancel_order", &arguments(&json!({"number": 18})), "tn-1")
                .payloads()
                .0,
            "yes".to_owned(),
            "Yes, do it".to_owned(),
            String::new(),
        ] {
            assert_eq!(pending.answered_by(&other), Reply::Else, "{other}");
        }
        let kept = pending.written();
        assert_eq!(Pending::read(Some(&kept)), Some(pending));
        for nothing in [None, Some(""), Some("{}"), Some("[1]")] {
            assert_eq!(Pending::read(nothing), None);
        }
    }

    #[test]
    fn a_call_is_shown_whole_or_not_at_all() {
        let all = arguments(&json!({"note_text": "two\nlines", "number": 17, "parts": [1, 2]}));
        assert_eq!(
            shown("Cancel order", &all).unwrap(),
            "Cancel order (note text: two lines, number: 17, parts: [1,2])"
        );
        assert_eq!(shown("Cancel all", &Map::new()).unwrap(), "Cancel all");
        let long = arguments(&json!({"note": "x".repeat(MAX_SHOWN_CHARS)}));
        assert_eq!(shown("Write", &long), None);
    }
}
