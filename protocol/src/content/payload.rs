//! The payload of a component: text, a template, media, nested in each other or in strings.

use super::button::Button;
use super::fallback;
use super::json_text::{MAX_NESTING, is_json, is_template, scalar, template_in};
use super::{Content, MAX_PAYLOAD_BYTES, Template};
use crate::json::Value;
use crate::link::{safe_image, sloppy_link};

/// What a component of this kind shows. `fallback` is used if the component has no words of its own.
pub(super) fn read(kind: &str, payload: &Value, fallback: String) -> Content {
    match of_payload(kind, payload, MAX_NESTING) {
        Some(Content::Template(template)) => template.or_in_words(payload, fallback),
        Some(content) if !content.is_empty() => content,
        Some(Content::Error { .. }) => Content::Error { text: fallback },
        Some(Content::System { .. }) => Content::System { text: fallback },
        Some(_) => Content::Text { text: fallback },
        None => Template::default().or_in_words(payload, fallback),
    }
}

impl Template {
    /// A template that has no variant of its own. Long payloads are dropped, because a frame may be larger than what a
    /// page should keep.
    fn kept(name: &str, payload: &Value) -> Content {
        // The payload is read from its text again, so that it is the same as from the history.
        let text = payload.to_text();
        let kept = (text.len() <= MAX_PAYLOAD_BYTES).then(|| Value::parse(&text));
        Content::Template(Self {
            name: name.to_owned(),
            payload: kept.flatten().unwrap_or_default(),
            fallback: String::new(),
        })
    }

    /// Adds the fallback: this sentence, or else the words found in the payload.
    fn or_in_words(mut self, payload: &Value, fallback: String) -> Content {
        self.fallback = fallback;
        if self.fallback.is_empty() {
            self.fallback = fallback::words(payload);
        }
        Content::Template(self)
    }
}

/// What a payload shows. A template without a variant of its own still lacks its fallback. `None`: the payload is
/// unknown.
fn of_payload(kind: &str, payload: &Value, nesting: u8) -> Option<Content> {
    if let Some(text) = payload.as_str() {
        // The payload may be a JSON string, or simply the text (`docs/kore-protocol.md` 4.6).
        if !is_json(text) {
            return Some(Content::text(text.trim()));
        }
        let inner: Value = Value::parse(text)?;
        if kind == "text" && !is_template(&inner) {
            return Some(Content::text(text.trim()));
        }
        return of_payload(kind, &inner, nesting.checked_sub(1)?);
    }
    if let Some(template) = payload["template_type"].as_str() {
        return Some(of_template(template, payload));
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
                    None => name.map(Content::text),
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
            None => Some(Content::text(text)),
        };
    }
    (kind == "text").then(|| Content::text(""))
}

fn of_template(template: &str, payload: &Value) -> Content {
    let text = fallback::caption(payload).unwrap_or_default();
    match template {
        "button" => Content::Buttons {
            text,
            buttons: Button::all([&payload["buttons"]]),
        },
        "quick_replies" | "quick_replies_welcome" => Content::QuickReplies {
            text,
            replies: Button::all([&payload["quick_replies"], &payload["buttons"]]),
        },
        "SYSTEM" => Content::System { text },
        "live_agent" => Content::Text { text },
        _ => Template::kept(template, payload),
    }
}

fn name_of(payload: &Value) -> Option<String> {
    ["name", "fileName", "title", "text"]
        .iter()
        .find_map(|key| scalar(&payload[*key]))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::content::button::{Action, Button, MAX_BUTTONS};
    use crate::content::{Content, Template};

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
        assert_eq!(shown(link), Content::text("The manual"));
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
        let fallback = Content::Template(Template {
            fallback: "fallback".into(),
            ..Template::default()
        });
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
            json!("{\"type\":5}"),
            json!("{}"),
        ] {
            assert_eq!(shown(payload.clone()), fallback, "{payload}");
        }
        for template in ["button", "quick_replies", "live_agent"] {
            for buttons in [json!("x"), json!({"title":"x"}), json!([[]])] {
                let payload = json!({"template_type":template,"text":{},"buttons":buttons});
                assert_eq!(shown(payload), Content::text("fallback"));
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
        let fallback = Content::Template(Template {
            fallback: "fallback".into(),
            ..Template::default()
        });
        for times in [5, 100] {
            assert_eq!(shown(nested(times)), fallback);
            assert_eq!(shown(json!(nested(times).to_string())), fallback);
            let stored = Content::of_history_text(&nested(times).to_string());
            assert!(matches!(&stored, Content::Template(_)));
            assert!(!stored.plain_text().contains('{'));
        }
        // This payload nests deeper than the JSON reader goes.
        let deep = [
            r#"{"payload":"#.repeat(200),
            button.to_string(),
            "}".repeat(200),
        ]
        .concat();
        assert_eq!(crate::json::Value::parse(&deep), None);
        assert_eq!(shown(json!(deep)), fallback);
        assert!(Content::of_history_text(&deep).is_empty());
        // These payloads are strings inside strings.
        let strings = (0..6).fold(button, |inner, _| json!({"payload": inner.to_string()}));
        assert_eq!(shown(strings), fallback);
    }

    #[test]
    fn json_that_is_no_template_is_what_the_bot_said() {
        let said = r#"{"temperature": 21}"#;
        assert_eq!(Content::of_history_text(said), Content::text(said));
        let live = read("text", &json!({"text": said}), String::new());
        assert_eq!(live, Content::text(said));
    }
}
