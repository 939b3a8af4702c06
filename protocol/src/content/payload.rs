//! The payload of a component: text, a template, media, nested in each other or in strings.

use super::fallback::{self, scalar};
use super::{Action, Button, Content};
use crate::find::find;
use crate::json::Value;
use crate::link::{safe_image, sloppy_link};

/// How deep a payload may nest: `component` → `template` → media, and one for luck.
const MAX_NESTING: u8 = 4;

/// Buttons and replies beyond this are dropped: no bot means to show more.
pub(super) const MAX_BUTTONS: usize = 50;

/// What a component of this kind shows. `fallback` stands in where it has no words of its own.
pub(super) fn read(kind: &str, payload: &Value, fallback: String) -> Content {
    match of_payload(kind, payload, MAX_NESTING) {
        Some(content) if !content.is_empty() => content,
        Some(Content::Error { .. }) => Content::Error { text: fallback },
        Some(Content::System(_)) => Content::System(fallback),
        Some(_) => Content::Text(fallback),
        None if fallback.is_empty() => Content::Unknown {
            fallback: fallback::words(payload),
        },
        None => Content::Unknown { fallback },
    }
}

/// The template that a text is, as the history keeps it; null when it cannot be read. Other JSON
/// is what the bot wanted to say.
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

fn is_template(value: &Value) -> bool {
    value.get("payload").is_some() || value.get("template_type").is_some() || is_text(value)
}

/// A text template: a sentence, and at most how it is to be read. JSON that says more is what the bot wanted to say.
fn is_text(value: &Value) -> bool {
    let beside = ["text", "type", "color", "speech_hint", "speechHint", "lang"];
    let is_known = |name: &str| beside.contains(&name);
    value["text"].as_str().is_some()
        && ["", "text", "message"].contains(&value["type"].as_str().unwrap_or_default())
        && value
            .as_object()
            .is_some_and(|object| object.keys().all(is_known))
}

/// The sentence of a text template, also of one inside of another. `None`: it is other JSON.
pub(super) fn sentence_in(text: &str) -> Option<String> {
    sentence_within(text.trim(), MAX_NESTING)
}

fn sentence_within(text: &str, nesting: u8) -> Option<String> {
    if !is_json(text) {
        return Some(text.to_owned());
    }
    let value = Value::parse(text).filter(is_text)?;
    sentence_within(value["text"].as_str()?.trim(), nesting.checked_sub(1)?)
}

/// Whether a text is a JSON object, judged by its ends: one that nests too deep to be read is
/// one too.
pub(super) fn is_json(text: &str) -> bool {
    let inner = text.trim().strip_prefix('{');
    inner
        .and_then(|inner| inner.strip_suffix('}'))
        .is_some_and(|inner| inner.trim().is_empty() || inner.trim_start().starts_with('"'))
}

/// `None`: this widget cannot draw it.
fn of_payload(kind: &str, payload: &Value, nesting: u8) -> Option<Content> {
    if let Some(text) = payload.as_str() {
        // The payload may be a JSON string, or simply the text (`kore-protocol.md` 4.6).
        if !is_json(text) {
            return Some(Content::Text(text.trim().to_owned()));
        }
        let inner: Value = Value::parse(text)?;
        if kind == "text" && !is_template(&inner) {
            return Some(Content::Text(text.trim().to_owned()));
        }
        return of_payload(kind, &inner, nesting.checked_sub(1)?);
    }
    if let Some(template) = payload["template_type"].as_str() {
        return of_template(template, payload);
    }
    let text = || fallback::caption(payload).unwrap_or_default();
    match kind {
        "error" if payload.get("payload").is_none() => {
            return Some(Content::Error { text: text() });
        }
        "image" if payload.get("url").is_some() => {
            let url = safe_image(payload["url"].as_str()?)?;
            let alt = name_of(payload).unwrap_or_default();
            return Some(Content::Image { url, alt });
        }
        "audio" | "document" | "link" | "message" | "video" => {
            let address = ["url", "audioUrl", "videoUrl"]
                .iter()
                .find_map(|key| payload[*key].as_str());
            if let Some(url) = address {
                let name = name_of(payload);
                return match sloppy_link(url) {
                    Some(url) => {
                        let title = name.unwrap_or_else(|| url.clone());
                        Some(Content::Link { url, title })
                    }
                    None => name.map(Content::Text),
                };
            }
        }
        _ => {}
    }
    if let Some(inner) = payload.get("payload") {
        let kind = payload["type"].as_str().unwrap_or(kind);
        return of_payload(kind, inner, nesting.checked_sub(1)?);
    }
    if let Some(text) = scalar(&payload["text"]) {
        return match template_in(&text) {
            Some(template) => of_payload(kind, &template, nesting.checked_sub(1)?),
            None => Some(Content::Text(text)),
        };
    }
    (kind == "text").then(|| Content::Text(String::new()))
}

fn of_template(template: &str, payload: &Value) -> Option<Content> {
    let text = fallback::caption(payload).unwrap_or_default();
    match template {
        "button" => Some(Content::Buttons {
            text,
            buttons: buttons([&payload["buttons"], &Value::Null]),
        }),
        "quick_replies" | "quick_replies_welcome" => Some(Content::QuickReplies {
            text,
            replies: buttons([&payload["quick_replies"], &payload["buttons"]]),
        }),
        "SYSTEM" => Some(Content::System(text)),
        "live_agent" => Some(Content::Text(text)),
        _ => None,
    }
}

fn buttons(lists: [&Value; 2]) -> Vec<Button> {
    let all = lists.into_iter().filter_map(Value::as_array).flatten();
    all.filter_map(button).take(MAX_BUTTONS).collect()
}

/// Postbacks send `payload`, else `value`, else the title; a `url` opens and sends nothing. Of a
/// button that would open an unsafe address the title stays, as text.
fn button(button: &Value) -> Option<Button> {
    let kind = ["type", "content_type"]
        .iter()
        .find_map(|key| button[*key].as_str());
    let kind = kind.map(|kind| kind.trim().to_ascii_lowercase());
    let payload = scalar(&button["payload"]).or_else(|| scalar(&button["value"]));
    let title = scalar(&button["title"]).or_else(|| payload.clone())?;
    let action = match kind.as_deref() {
        Some("url" | "web_url") => {
            let mut urls = ["url", "value", "payload"]
                .iter()
                .filter_map(|key| button[*key].as_str());
            let url = urls.find(|url| !url.trim().is_empty());
            match url.and_then(sloppy_link) {
                Some(url) => Action::Open { url },
                None => Action::None {},
            }
        }
        _ => Action::Post {
            payload: payload.unwrap_or_else(|| title.clone()),
        },
    };
    Some(Button {
        title,
        action,
        image: button["image_url"].as_str().and_then(safe_image),
    })
}

fn name_of(payload: &Value) -> Option<String> {
    ["name", "fileName", "title", "text"]
        .iter()
        .find_map(|key| scalar(&payload[*key]))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Action, Button, Content, MAX_BUTTONS};

    fn read(kind: &str, payload: &Value, fallback: String) -> Content {
        super::read(kind, &payload.clone().into(), fallback)
    }

    fn shown(payload: Value) -> Content {
        read("template", &payload, "fallback".to_owned())
    }

    fn post(title: &str, payload: &str) -> Button {
        Button {
            title: title.into(),
            action: Action::Post {
                payload: payload.into(),
            },
            image: None,
        }
    }

    #[test]
    fn a_button_sends_its_payload_else_its_value_else_its_title() {
        let content = shown(json!({"template_type":"button","text":"Pick","buttons":[
            {"type":"postback","title":"A","payload":"a","value":"x"},
            {"type":"text","title":"B","value":2},
            {"title":"C","payload":" "},
            {"type":"postback","payload":7},
            {"type":"postback","title":1.5,"payload":{"a":1}},
        ]}));
        let expected = [
            post("A", "a"),
            post("B", "2"),
            post("C", "C"),
            post("7", "7"),
            post("1.5", "1.5"),
        ];
        assert_eq!(content.buttons(), expected);
        assert_eq!(content.plain_text(), "Pick");
    }

    #[test]
    fn a_button_opens_an_address_that_is_written_carelessly() {
        let content = shown(json!({"template_type":"button","buttons":[
            {"type":" Web_URL ","title":"A","url":" a.test/x "},
            {"type":"URL","title":"B","value":"www.a.test"},
            {"type":"web_url","title":"C","url":"tel:+49 30 123"},
            {"type":"web_url","title":"D","url":"","payload":"https://a.test/d"},
        ]}));
        let opens: Vec<_> = content
            .buttons()
            .iter()
            .map(|button| match &button.action {
                Action::Open { url } => url.as_str(),
                other => panic!("{button:?}: {other:?}"),
            })
            .collect();
        let expected = [
            "https://a.test/x",
            "https://www.a.test",
            "tel:+4930123",
            "https://a.test/d",
        ];
        assert_eq!(opens, expected);
    }

    #[test]
    fn a_button_with_an_unsafe_address_leaves_its_title() {
        let content = shown(json!({"template_type":"button","buttons":[
            {"type":"web_url","title":"A","url":"javascript:alert(1)"},
            {"type":"url","title":"B","value":"JAVA\nscript:alert(1)"},
            {"type":"url","title":"C","url":"data:text/html,<script>"},
            {"type":"url","title":"D"}, {"type":"url"},
            {"type":"postback"}, {"title":["E"]}, {"title":true}, null, 7, "F", [],
            {"type":"web_url","title":"G","url":"https://a.test/","image_url":"javascript:x"},
        ]}));
        let open = Button {
            title: "G".into(),
            action: Action::Open {
                url: "https://a.test/".into(),
            },
            image: None,
        };
        let refused = |title: &str| Button {
            title: title.into(),
            action: Action::None {},
            image: None,
        };
        let expected = [refused("A"), refused("B"), refused("C"), refused("D"), open];
        assert_eq!(content.buttons(), expected);
        let link = json!({"type":"link","payload":{"url":"javascript:x","name":"The manual"}});
        assert_eq!(shown(link), Content::Text("The manual".into()));
    }

    #[test]
    fn replies_know_their_kind_by_another_key_and_may_have_pictures() {
        let content = shown(json!({"template_type":"quick_replies","quick_replies":[
            {"content_type":"text","title":"Yes","payload":"YES","image_url":"https://a.test/y.png"},
            {"content_type":"web_url","title":"Go","url":"www.a.test"},
        ],"buttons":[{"title":"More"}]}));
        let [yes, go, more] = content.buttons() else {
            panic!("three replies: {content:?}");
        };
        assert_eq!(yes.image.as_deref(), Some("https://a.test/y.png"));
        let url = "https://www.a.test".to_owned();
        assert_eq!(go.action, Action::Open { url });
        assert_eq!(*more, post("More", "More"));
    }

    #[test]
    fn ten_thousand_buttons_are_fifty() {
        let many = vec![json!({"title":"x"}); 10_000];
        for (template, key) in [("button", "buttons"), ("quick_replies", "quick_replies")] {
            let content = shown(json!({"template_type":template, key: many, "buttons": many}));
            assert_eq!(content.buttons().len(), MAX_BUTTONS);
        }
    }

    #[test]
    fn wrong_types_show_the_fallback() {
        let fallback = Content::Unknown {
            fallback: "fallback".into(),
        };
        for payload in [
            json!(null),
            json!(true),
            json!(5),
            json!([1, {"template_type":"button"}]),
            json!({}),
            json!({"template_type":5}),
            json!({"template_type":{"a":1},"text":["x"]}),
            json!({"payload":null}),
            json!({"payload":[[]]}),
            json!({"type":["image"],"payload":{"url":"https://a.test"}}),
            json!({"type":"image","payload":{"url":7}}),
            json!({"type":"image","payload":{"url":"javascript:x"}}),
            json!({"type":"video","payload":{"url":"file:///etc/passwd"}}),
            json!("{\"template_type\":\"new_one\"}"),
            json!("{\"type\":5}"),
            json!("{}"),
        ] {
            assert_eq!(shown(payload.clone()), fallback, "{payload}");
        }
        for template in ["button", "quick_replies", "live_agent"] {
            for buttons in [json!("x"), json!({"title":"x"}), json!([[]])] {
                let payload = json!({"template_type":template,"text":{},"buttons":buttons});
                assert_eq!(shown(payload), Content::Text("fallback".into()));
            }
        }
        let error = json!({"type":"error","payload":{"text":[]}});
        let text = "fallback".to_owned();
        assert_eq!(shown(error), Content::Error { text });
    }

    #[test]
    fn what_is_nested_too_deep_shows_the_fallback_and_no_json() {
        let button = json!({"template_type":"button","text":"x","buttons":[{"title":"y"}]});
        let nested = |times: usize| {
            (0..times).fold(
                button.clone(),
                |inner, _| json!({"type":"template","payload":inner}),
            )
        };
        assert_eq!(shown(nested(4)).buttons().len(), 1);
        let fallback = Content::Unknown {
            fallback: "fallback".into(),
        };
        for times in [5, 100] {
            assert_eq!(shown(nested(times)), fallback);
            assert_eq!(shown(json!(nested(times).to_string())), fallback);
            let stored = Content::of_history_text(&nested(times).to_string());
            assert!(matches!(&stored, Content::Unknown { fallback } if !fallback.contains('{')));
        }
        // Deeper than the JSON reader goes.
        let deep = [
            r#"{"payload":"#.repeat(200),
            button.to_string(),
            "}".repeat(200),
        ]
        .concat();
        assert_eq!(crate::json::Value::parse(&deep), None);
        assert_eq!(shown(json!(deep)), fallback);
        assert!(Content::of_history_text(&deep).is_empty());
        // Strings in strings.
        let strings = (0..6).fold(button, |inner, _| json!({"payload": inner.to_string()}));
        assert_eq!(shown(strings), fallback);
    }

    #[test]
    fn json_that_is_no_template_is_what_the_bot_said() {
        let said = r#"{"temperature": 21}"#;
        assert_eq!(Content::of_history_text(said), Content::Text(said.into()));
        let live = read("text", &json!({"text": said}), String::new());
        assert_eq!(live, Content::Text(said.into()));
    }
}
