//! Questions of an agent that the visitor answers with yes or no.

use std::fmt::Write as _;

use serde_json::Value;

use super::Words;
use crate::bot::TurnKind;
use crate::bot::reply::Button;

/// The most fields of a tool's input that a question names.
const MAX_DETAILS: usize = 6;

/// The most letters of one of them.
const MAX_DETAIL_CHARS: usize = 100;

/// Two buttons for the question of this id.
pub(in crate::bot) fn yes_and_no(id: &str, words: Words<'_>) -> [Button; 2] {
    let [yes, no] = words.yes_and_no();
    [
        Button::sends(yes, format!("{id}#yes")),
        Button::sends(no, format!("{id}#no")),
    ]
}

/// What the visitor has decided, by a button or in one word. `None`: neither.
pub(in crate::bot) fn decided(id: &str, kind: &TurnKind, words: Words<'_>) -> Option<bool> {
    let TurnKind::Message { body, .. } = kind else {
        return None;
    };
    match body.strip_prefix(id) {
        Some("#yes") => return Some(true),
        Some("#no") => return Some(false),
        _ => {}
    }
    let said = body.trim_matches(|letter: char| !letter.is_alphanumeric());
    let said = said.to_lowercase();
    let [yes, no] = words.yes_and_no().map(str::to_lowercase);
    if said == yes || said == "yes" {
        Some(true)
    } else if said == no || said == "no" {
        Some(false)
    } else {
        None
    }
}

/// The input of a tool, as far as a line shows it: `order: 17`.
pub(in crate::bot) fn details(input: &Value) -> String {
    let mut lines = String::new();
    let fields = input.as_object().into_iter().flatten();
    let details = fields.filter_map(|(name, value)| match value {
        Value::String(text) => Some((name, text.clone())),
        Value::Number(_) | Value::Bool(_) => Some((name, value.to_string())),
        _ => None,
    });
    for (name, value) in details.take(MAX_DETAILS) {
        let name: String = name.chars().take(MAX_DETAIL_CHARS).collect();
        let value: String = value.chars().take(MAX_DETAIL_CHARS).collect();
        // It is a line of its own in markup. Writing to a string cannot fail.
        let _ = write!(
            lines,
            "\n- {}: {}",
            name.replace('\n', " "),
            value.replace('\n', " ")
        );
    }
    lines
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;
    use crate::bot::tests::turn;

    #[test]
    fn a_button_or_a_word_decides_and_nothing_else() {
        let titles = BTreeMap::new();
        let mut german = turn(TurnKind::text("hi"));
        german.language = Some("de".to_owned());
        let words = Words::of(&german, &titles);
        for (text, expected) in [
            ("q1#yes", Some(true)),
            ("q1#no", Some(false)),
            ("q2#yes", None),
            ("q1", None),
            (" Ja! ", Some(true)),
            ("yes", Some(true)),
            ("NEIN.", Some(false)),
            ("ja, aber erst morgen", None),
            ("", None),
        ] {
            assert_eq!(
                decided("q1", &TurnKind::text(text), words),
                expected,
                "{text}"
            );
        }
        let [yes, _] = yes_and_no("q1", words);
        assert_eq!(yes, Button::sends("Ja", "q1#yes"));
    }

    #[test]
    fn details_are_a_few_short_lines() {
        let input = json!({"order": 17, "reason": "too\nlate", "deep": {"x": 1}, "sure": true});
        assert_eq!(
            details(&input),
            "\n- order: 17\n- reason: too late\n- sure: true"
        );
        let many: serde_json::Map<_, _> = (0..100)
            .map(|number| (number.to_string(), json!("x".repeat(1_000))))
            .collect();
        assert!(details(&many.into()).len() < 1_000);
        assert_eq!(details(&json!("text")), "");
    }
}
