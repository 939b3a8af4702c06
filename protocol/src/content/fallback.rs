//! The words of a template that the widget does not draw.

use super::json_text::{is_json, scalar, sentence_in};
use crate::find::find;
use crate::json::{Map, Value};
use crate::message::add;

/// The most lines of words. The fallback of a long list shows only its beginning.
const MAX_LINES: usize = 12;

/// How deep the reader looks for words: the answers template has them at level seven.
const MAX_DEPTH: u8 = 8;

/// Keys whose values people read, in reading order.
const WORDS: [&str; 12] = [
    "sectionHeader",
    "collectionTitle",
    "heading",
    "title",
    "text",
    "text_message",
    "label",
    "name",
    "subtitle",
    "description",
    "displayValue",
    "answer_fragment",
];

/// The sentence of `cInfo.body`. Empty when `cInfo.body` holds a template's JSON, as some bots write it.
pub(super) fn sentence(body: Option<&Value>) -> String {
    body.and_then(scalar)
        .and_then(|text| sentence_in(&text))
        .unwrap_or_default()
}

/// The words above a template.
pub(super) fn caption(payload: &Value) -> Option<String> {
    ["text", "heading", "title", "text_message"]
        .iter()
        .find_map(|key| scalar(&payload[*key]))
}

/// The words inside a payload, a line each.
pub(super) fn words(payload: &Value) -> String {
    let mut lines = Vec::new();
    let parsed = payload.as_str().and_then(Value::parse);
    if let Value::Object(object) = parsed.as_ref().unwrap_or(payload) {
        collect(object, &mut lines, MAX_DEPTH);
    }
    joined(&lines, "\n")
}

fn collect(object: &Map, lines: &mut Vec<String>, depth: u8) {
    for key in WORDS {
        if let Some(text) = object.get(key).and_then(scalar) {
            add_line(lines, text);
        }
    }
    for (key, value) in object.iter() {
        let values = match value {
            Value::Array(values) => values.as_slice(),
            value => std::slice::from_ref(value),
        };
        if depth == 0 || leads_away(key) {
            continue;
        }
        let mut cells = Vec::new();
        for value in values {
            match value {
                _ if lines.len() >= MAX_LINES => return,
                Value::Object(inner) => collect(inner, lines, depth - 1),
                // A row of a table: it stands in `Values` itself, or is one of the rows in `additional`.
                Value::Array(row) if key == "additional" => {
                    let cells: Vec<_> = row.iter().filter_map(scalar).collect();
                    add_line(lines, joined(&cells, ", "));
                }
                value if key == "Values" => cells.extend(scalar(value)),
                _ => {}
            }
        }
        if !cells.is_empty() {
            add_line(lines, joined(&cells, ", "));
        }
    }
}

/// Whether this key holds a button or its target. Buttons cannot be pressed in a fallback.
fn leads_away(key: &str) -> bool {
    find(key, "utton").is_some()
        || ["default_action", "moreData", "postback", "sources"].contains(&key)
}

fn joined(words: &[String], between: &str) -> String {
    let mut text = String::new();
    for word in words {
        add(&mut text, between, word);
    }
    text
}

fn add_line(lines: &mut Vec<String>, text: String) {
    if lines.len() < MAX_LINES && !text.is_empty() && lines.last() != Some(&text) && !is_json(&text)
    {
        lines.push(text);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::MAX_LINES;

    fn sentence(body: Option<&Value>) -> String {
        super::sentence(body.cloned().map(Into::into).as_ref())
    }

    fn words(payload: &Value) -> String {
        super::words(&payload.clone().into())
    }

    #[test]
    fn a_sentence_is_text_and_never_json() {
        for (body, expected) in [
            (json!(" Pick one "), "Pick one"),
            (json!(5), "5"),
            (json!(r#"{"template_type":"x"}"#), ""),
            (json!(r#" {"text":" Hi. "}"#), "Hi."),
            (json!(r#"{"text":"{\"text\":\"Hi.\"}"}"#), "Hi."),
            (json!(" {} "), ""),
            (json!("{name} is free}"), "{name} is free}"),
            (json!({"a":1}), ""),
            (json!(null), ""),
        ] {
            assert_eq!(sentence(Some(&body)), expected, "{body}");
        }
        assert_eq!(sentence(None), "");
    }

    #[test]
    fn words_are_what_people_read_in_order() {
        let list = json!({"type":"template","payload":{"template_type":"list","heading":"Accounts",
        "buttons":[{"title":"See more"}],
        "elements":[
            {"title":"Savings","subtitle":"1234","image_url":"https://a.test/a.png",
             "default_action":{"title":"hidden"},"buttons":[{"title":"Open"}]},
            {"title":7,"subtitle":["x"]},
            {"title":"{\"a\":1}"},
        ]}});
        assert_eq!(words(&list), "Accounts\nSavings\n1234\n7");
        assert_eq!(words(&json!(list.to_string())), words(&list));
        let table = json!({"text":"Stock","columns":[["Name","left"]],
            "elements":[{"Values":["Pens","3"]},{"Values":["Ink",1]}]});
        assert_eq!(words(&table), "Stock\nPens, 3\nInk, 1");
        let mini = json!({"elements":[{"additional":[["Pens","3"],["Ink","1"]]}]});
        assert_eq!(words(&mini), "Pens, 3\nInk, 1");
    }

    #[test]
    fn words_are_bounded_in_number_and_depth() {
        let many: Vec<_> = (0..10_000).map(|number| json!({"title":number})).collect();
        assert_eq!(words(&json!({"elements":many})).lines().count(), MAX_LINES);
        let deep = (0..100).fold(json!({"title":"deep"}), |inner, _| json!({"a":inner}));
        assert_eq!(words(&deep), "");
        assert_eq!(words(&json!([1, 2])), "");
    }
}
