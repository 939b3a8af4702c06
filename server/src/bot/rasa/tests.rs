//! What is read of an assistant's answers.

use protocol::content::{Action, Content};
use protocol::reply::BotMessage;
use serde_json::{Value, json};

use super::messages::read;
use crate::bot::Class;

fn shown(value: &Value) -> Vec<Content> {
    let messages = read(value.to_string().as_bytes()).unwrap();
    messages.iter().map(Content::of_bot_message).collect()
}

fn text(text: &str) -> Content {
    Content::text(text)
}

#[test]
fn texts_buttons_pictures_and_attachments_are_shown() {
    let said = json!([
        {"recipient_id": "cv-1", "text": "Hi"},
        {"recipient_id": "cv-1", "text": "Size?", "buttons": [
            {"title": "Large", "payload": "/inform{\"size\":\"L\"}"}, {"title": "Other"}, {"title": "Shop", "url": "https://a.test/", "type": "web_url"},
        ]},
        {"recipient_id": "cv-1", "image": "https://a.test/x.png"},
        {"recipient_id": "cv-1", "attachment": "https://a.test/files/terms.pdf?v=1"},
        {"recipient_id": "cv-1", "attachment": {"type": "image", "payload": {"src": "https://a.test/y.png"}}},
        {"recipient_id": "cv-1", "text": "with it", "image": "https://a.test/z.png"},
    ]);
    let shown = shown(&said);
    assert_eq!(shown[0], text("Hi"));
    let Content::Buttons {
        text: above,
        buttons,
    } = &shown[1]
    else {
        panic!("buttons: {:?}", shown[1]);
    };
    assert_eq!(above, "Size?");
    let payload = "/inform{\"size\":\"L\"}".to_owned();
    assert_eq!(buttons[0].action, Action::Post { payload });
    let payload = "Other".to_owned();
    assert_eq!(buttons[1].action, Action::Post { payload });
    let url = "https://a.test/".to_owned();
    assert_eq!(buttons[2].action, Action::Open { url });
    assert!(matches!(&shown[2], Content::Image { url, .. } if url == "https://a.test/x.png"));
    let url = "https://a.test/files/terms.pdf?v=1".to_owned();
    let title = "terms.pdf".to_owned();
    assert_eq!(shown[3], Content::Link { url, title });
    assert!(matches!(&shown[4], Content::Image { url, .. } if url == "https://a.test/y.png"));
    assert_eq!(shown[5], text("with it"));
    assert!(matches!(shown[6], Content::Image { .. }));
    assert_eq!(shown.len(), 7);
}

#[test]
fn custom_is_passed_on_as_it_is() {
    let carousel = json!({"template_type": "carousel", "elements": [{"title": "Card"}], "mine": 1});
    let messages = read(json!([{"custom": carousel}]).to_string().as_bytes()).unwrap();
    assert_eq!(messages, [BotMessage::template(carousel, "Card")]);
    let own = json!({"text": "For people", "blocks": [1]});
    let messages = read(json!([{"custom": own}]).to_string().as_bytes()).unwrap();
    assert_eq!(messages, [BotMessage::template(own, "For people")]);
    let signal = json!([{"custom": {"event": "end"}}, {"text": "Bye"}]);
    assert_eq!(shown(&signal), [text("Bye")]);
}

#[test]
fn an_empty_list_says_nothing() {
    for nothing in [
        &b"[]"[..],
        b"",
        b" \n",
        br#"[{"recipient_id":"x"}]"#,
        br#"[{"text":" "}]"#,
    ] {
        assert_eq!(read(nothing).unwrap(), []);
    }
}

#[test]
fn mistakes_are_named_by_their_place() {
    let many = vec![json!({"title": "secret", "payload": "x"}); 10_000];
    for (value, class, word) in [
        (
            json!({"text": "secret"}),
            Class::Unreadable,
            "the answer is not a list",
        ),
        (json!(["secret"]), Class::Unreadable, "[0] is not an object"),
        (
            json!([{"text": {"secret": 1}}]),
            Class::Unreadable,
            "[0].text is not a text",
        ),
        (
            json!([{"text": "a", "buttons": "secret"}]),
            Class::Unreadable,
            "[0].buttons is not a list",
        ),
        (
            json!([{"text": "a", "buttons": [{"payload": "secret"}]}]),
            Class::Unreadable,
            "[0].buttons[0].title is not a text",
        ),
        (
            json!([{"text": "a", "buttons": [{"title": "a", "payload": {"secret": 1}}]}]),
            Class::Unreadable,
            "[0].buttons[0].payload is not a text",
        ),
        (
            json!([{"text": "a", "buttons": many}]),
            Class::TooMuch,
            "[0].buttons has more than 20",
        ),
        (
            json!([{"image": "file:///secret"}]),
            Class::Unreadable,
            "[0].image is no address",
        ),
        (
            json!([{"image": ["secret"]}]),
            Class::Unreadable,
            "[0].image is not a text",
        ),
        (
            json!([{"attachment": {"payload": {"src": "javascript:secret"}}}]),
            Class::Unreadable,
            "[0].attachment is no address",
        ),
        (
            json!([{"custom": "secret"}]),
            Class::Unreadable,
            "[0].custom is not an object",
        ),
        (
            json!([{"custom": {"template_type": "secret"}}]),
            Class::Unreadable,
            "[0].custom has nothing to read",
        ),
        (
            Value::Array(vec![json!({"text": "secret"}); 21]),
            Class::TooMuch,
            "more than 20 messages",
        ),
    ] {
        let error = read(value.to_string().as_bytes()).unwrap_err();
        let shown = format!("{error} {error:?}");
        assert_eq!(error.class(), class, "{shown}");
        assert!(shown.contains(word) && !shown.contains("secret"), "{shown}");
    }
    for bytes in [&b"<html>"[..], b"[{", b"\xff"] {
        assert_eq!(read(bytes).unwrap_err().class(), Class::Unreadable);
    }
}
