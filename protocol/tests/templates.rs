//! What bots show, live and from the history: the 36 examples of `server/src/bot/templates.json` and the
//! recorded answers. Known templates are drawn, others show words, nothing shows JSON.

use protocol::content::{Action, Content};
use protocol::history::HistoryPage;
use protocol::message::UserBody;
use protocol::read::Read as _;
use protocol::reply::{BotMessage, ServerFrame};
use protocol::template::{Collection, Form, Part, Tables, part_of};
use protocol::transcript::Entry;
use serde_json::{Value, json};

const TEMPLATES: &str = include_str!("golden/templates.json");
const RECORDED: &str = include_str!("golden/recorded.json");

/// What this widget draws; `wait_for_response` shows nothing, by its nature.
const DRAWN: [&str; 5] = [
    "button",
    "quick_replies",
    "quick_replies_welcome",
    "SYSTEM",
    "live_agent",
];

#[test]
fn shows_every_example_the_same_live_and_from_the_history() {
    let examples = value(TEMPLATES);
    let (mut drawn, mut kept_whole, mut silent) = (0, 0, 0);
    for payload in list(&examples["templates"]) {
        let template = payload["template_type"].as_str().unwrap_or_default();
        let content = of_component(&json!({"type":"template",
            "payload":{"type":"template","payload":payload}}));
        let stored = json!({"type":"template","payload":payload}).to_string();
        assert_eq!(content, Content::of_history_text(&stored), "{template}");
        assert!(!content.plain_text().contains('{'), "{template}");
        let Content::Template(kept) = &content else {
            assert!(DRAWN.contains(&template), "{template}");
            assert!(!content.is_empty());
            drawn += 1;
            continue;
        };
        assert!(!DRAWN.contains(&template), "{template}");
        assert_eq!(kept.name, template);
        assert_eq!(kept.payload, payload.clone().into(), "{template}");
        let is_read = match part_of(template) {
            Some(Part::Collection) => Collection::of(kept).is_some(),
            Some(Part::Form) => Form::of(kept).is_some(),
            Some(Part::Table) => Tables::of(kept).is_some(),
            None => true,
        };
        assert!(is_read, "{template}");
        if template == "wait_for_response" {
            assert!(content.is_empty());
            silent += 1;
        } else {
            assert!(kept.fallback.len() > 3, "{template}: {kept:?}");
            kept_whole += 1;
        }
    }
    // With the digital form below, the 36 of section 8.
    assert_eq!((drawn, kept_whole, silent), (DRAWN.len(), 29, 1));
}

#[test]
fn shows_the_examples_that_are_whole_components() {
    let examples = value(TEMPLATES);
    let [form, error] = list(&examples["components"]) else {
        panic!("a form and an error");
    };
    let Content::Buttons { text, buttons } = of_component(form) else {
        panic!("a digital form shows its buttons");
    };
    assert_eq!(
        (text.as_str(), buttons.len()),
        ("Please fill in", 1),
        "{buttons:?}"
    );
    assert_eq!(
        of_component(error),
        Content::Error {
            text: "Something failed".into()
        }
    );
}

#[test]
fn a_payload_may_be_nested_flat_or_a_string_of_either() {
    let inner = json!({"template_type":"button","text":"Pick one",
        "buttons":[{"type":"postback","title":"Check balance","payload":"BAL"}]});
    let nested = json!({"type":"template","payload":inner});
    let expected = of_component(&json!({"type":"template","payload":nested}));
    assert_eq!(expected.plain_text(), "Pick one");
    assert_eq!(expected.buttons().len(), 1);
    for payload in [
        inner.clone(),
        json!(inner.to_string()),
        json!(nested.to_string()),
        json!({"type":"template","payload":inner.to_string()}),
        json!({"text":nested.to_string()}),
    ] {
        let shown = of_component(&json!({"type":"template","payload":payload}));
        assert_eq!(shown, expected, "{payload}");
    }
    for stored in [&inner, &nested] {
        assert_eq!(Content::of_history_text(&stored.to_string()), expected);
    }
}

#[test]
fn text_may_be_an_object_a_string_or_the_fallback_alone() {
    let expected = Content::text("Hello");
    for message in [
        json!({"component":{"type":"text","payload":{"text":"Hello"}},"cInfo":{"body":"x"}}),
        json!({"component":{"type":"text","payload":"Hello"}}),
        json!({"component":{"type":"text","payload":"{\"text\":\"Hello\"}"}}),
        json!({"component":{"type":"text","payload":{}},"cInfo":{"body":" Hello "}}),
        json!({"component":{"type":"text","payload":{"text":""}},"cInfo":{"body":"Hello"}}),
        json!({"component":{"type":"text"},"cInfo":{"body":"Hello"}}),
        json!({"cInfo":{"body":"Hello"}}),
    ] {
        assert_eq!(of_message(&message), expected, "{message}");
    }
    assert_eq!(Content::of_history_text("Hello"), expected);
}

#[test]
fn media_are_drawn_flat_and_nested() {
    let file = json!({"url":"https://a.test/x.png","name":"x.png"});
    for (kind, expected) in [
        (
            "image",
            Content::Image {
                url: "https://a.test/x.png".into(),
                alt: "x.png".into(),
            },
        ),
        ("audio", link()),
        ("video", link()),
        ("link", link()),
        ("document", link()),
    ] {
        let flat = json!({"type":kind,"payload":file});
        assert_eq!(of_component(&flat), expected, "{kind}");
        let nested = json!({"type":"template","payload":flat});
        assert_eq!(of_component(&nested), expected, "{kind}");
        assert_eq!(Content::of_history_text(&flat.to_string()), expected);
        let sent = BotMessage::media(kind, file.clone(), "x.png");
        assert_eq!(Content::of_bot_message(&sent), expected);
    }
    let player =
        json!({"type":"message","payload":{"text":"x.png","audioUrl":"https://a.test/x.png"}});
    assert_eq!(of_component(&player), link());
}

#[test]
fn no_recorded_answer_shows_json() {
    let recorded = value(RECORDED);
    let mut shown = 0;
    for frame in list(&recorded["frames"]) {
        if frame["kind"] != "server bot_response" {
            continue;
        }
        let Some(ServerFrame::BotResponse(response)) =
            ServerFrame::parse(&frame["value"].to_string())
        else {
            panic!("no answer: {frame}");
        };
        let content = Content::of_bot_message(&response.message[0]);
        assert!(!content.plain_text().contains("template_type"), "{frame}");
        for button in content.buttons() {
            assert!(!matches!(&button.action, Action::Open { url } if !url.starts_with("http")));
        }
        shown += 1;
    }
    assert_eq!(shown, 51);
}

#[test]
fn a_streamed_answer_keeps_the_blanks_between_its_pieces() {
    let recorded = value(RECORDED);
    let mut text = String::new();
    for frame in list(&recorded["frames"]) {
        if frame["value"]["sM"] == true {
            let message: BotMessage =
                serde_json::from_value(frame["value"]["message"][0].clone()).expect("a message");
            text.push_str(Content::piece(&message).text);
        }
    }
    assert_eq!(text, "Hello world");
}

fn link() -> Content {
    Content::Link {
        url: "https://a.test/x.png".into(),
        title: "x.png".into(),
    }
}

fn of_component(component: &Value) -> Content {
    of_message(&json!({"type":"text","component":component}))
}

fn of_message(message: &Value) -> Content {
    let message: BotMessage = serde_json::from_str(&message.to_string())
        .unwrap_or_else(|error| panic!("{error}: {message}"));
    Content::of_bot_message(&message)
}

fn value(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}"))
}

fn list(value: &Value) -> &[Value] {
    value
        .as_array()
        .unwrap_or_else(|| panic!("no list: {value}"))
}

#[test]
fn a_text_template_is_its_sentence_live_and_in_the_history() {
    for said in [
        r#"{"text":"Hello."}"#,
        r#" {"text": " Hello. "} "#,
        r#"{"type":"text","text":"Hello."}"#,
        r#"{"type":"text","payload":{"text":"Hello."}}"#,
        r#"{"text":"{\"text\":\"Hello.\"}"}"#,
        r#"{"text":"Hello.","speech_hint":"Hello"}"#,
    ] {
        let sentence = Content::text("Hello.");
        let text = Value::from(said);
        for component in [
            json!({"type": "text", "payload": {"text": text}}),
            json!({"type": "text", "payload": text}),
            json!({"type": "template", "payload": {"type": "text", "payload": text}}),
            json!({"type": "template", "payload": text}),
        ] {
            assert_eq!(of_component(&component), sentence, "{component}");
        }
        assert_eq!(Content::of_history_text(said), sentence, "{said}");
    }
    let lean = json!({"type": "text", "cInfo": {"body": r#"{"text":"Hello."}"#}});
    let lean: BotMessage = serde_json::from_value(lean).unwrap();
    assert_eq!(Content::of_bot_message(&lean), Content::text("Hello."));
    // JSON that says more than a sentence is what the bot wanted to say.
    for said in [
        r#"{"text":"Hello.","temperature":21}"#,
        r#"{"text":["Hello."]}"#,
        r#"{"text":7}"#,
        r#"{"type":"invoice","text":"Hello."}"#,
    ] {
        assert_eq!(Content::of_history_text(said), Content::text(said));
        for payload in [json!(said), json!({"text": said})] {
            let live = of_component(&json!({"type": "text", "payload": payload}));
            assert_eq!(live, Content::text(said), "{payload}");
        }
    }
}

#[test]
fn what_a_visitor_typed_stays_as_typed() {
    let typed = r#"{"text":"Hello."}"#;
    let page = json!({"messages": [{"_id": "ms-1", "type": "incoming", "components": [
        {"cT": "text", "data": {"text": typed}}]}], "moreAvailable": false});
    let page = HistoryPage::parse(&page.to_string()).unwrap();
    let echo = json!({"type": "user_message", "id": 7, "message": {"body": typed}});
    let Some(ServerFrame::UserMessage(echo)) = ServerFrame::parse(&echo.to_string()) else {
        panic!("an echo");
    };
    for entry in [
        Entry::of_history(&page.messages[0]),
        Entry::of_echo(&echo, 1),
        Entry::own(7, &UserBody::text(typed), 1),
    ] {
        assert_eq!(entry.content, Content::said(typed));
    }
}

#[test]
fn what_a_visitor_chose_is_the_same_live_and_in_the_history() {
    let files =
        json!([{"fileName": "a.png", "fileType": "image", "fileUrl": "https://a.test/a.png"}]);
    for (body, stored) in [
        (
            json!({"body": "BAL", "renderMsg": "Check balance"}),
            json!({"components": [{"cT": "text", "data": {"text": "BAL"}}],
                "tags": {"altText": [{"name": "altText", "value": "Check balance"}]}}),
        ),
        (
            json!({"body": "Look", "attachments": files}),
            json!({"components": [{"cT": "text", "data": {"text": "Look"}}], "attachments": files}),
        ),
        (
            json!({"attachments": files}),
            json!({"components": [{"cT": "text", "data": {"text": "a.png"}}], "attachments": files}),
        ),
    ] {
        let mut stored = stored;
        stored["_id"] = "ms-1".into();
        stored["type"] = "incoming".into();
        let page = json!({ "messages": [stored] });
        let page = HistoryPage::parse(&page.to_string()).unwrap();
        let of_history = Entry::of_history(&page.messages[0]).content;
        let said = UserBody::parse(&body.to_string()).unwrap();
        assert_eq!(Entry::own(7, &said, 1).content, of_history, "{body}");
        let echo = json!({"type": "user_message", "id": 7, "message": body});
        let Some(ServerFrame::UserMessage(echo)) = ServerFrame::parse(&echo.to_string()) else {
            panic!("an echo");
        };
        assert_eq!(Entry::of_echo(&echo, 1).content, of_history, "{body}");
        assert!(matches!(of_history, Content::Said { .. }));
    }
}

#[test]
fn a_payload_that_is_too_long_leaves_its_words() {
    let rows = |many: usize| {
        let payload =
            json!({"template_type": "table", "text": "Stock", "elements": vec!["x"; many]});
        of_component(&json!({"type": "template", "payload": payload}))
    };
    let (Content::Template(short), Content::Template(long)) = (rows(10), rows(20_000)) else {
        panic!("templates");
    };
    assert_ne!(short.payload, protocol::json::Value::Null);
    assert_eq!(long.payload, protocol::json::Value::Null);
    assert_eq!((long.name, long.fallback), (short.name, short.fallback));
}

#[test]
fn half_a_character_in_a_template_is_the_same_live_and_in_the_history() {
    let payload = r#"{"template_type":"list","text":"cut \ud83d"}"#;
    let frame = format!(
        r#"{{"type":"bot_response","message":[{{"component":{{"type":"template","payload":{payload}}}}}]}}"#
    );
    let Some(ServerFrame::BotResponse(frame)) = ServerFrame::parse(&frame) else {
        panic!("an answer");
    };
    let live = Content::of_bot_message(&frame.message[0]);
    assert_eq!(live, Content::of_history_text(payload));
}
