//! What is read of a reply, and what is refused.

use proptest::prelude::*;
use protocol::content::{Action, Content};
use protocol::reply::BotMessage;
use serde_json::{Value, json};

use super::*;
use crate::bot::Fault;

fn read(value: &Value) -> Result<Reply, ReplyError> {
    Reply::from_bytes(value.to_string().as_bytes())
}

/// What the widget draws of it.
fn shown(value: &Value) -> Vec<Content> {
    let reply = read(value).unwrap();
    reply.messages.iter().map(Content::of_bot_message).collect()
}

fn refused(value: &Value) -> String {
    read(value).unwrap_err().to_string()
}

/// The fallback text.
fn words(message: &BotMessage) -> &str {
    let info = message.c_info.as_ref().unwrap();
    info.body.as_str().unwrap()
}

#[test]
fn a_text_alone_is_one_message_and_a_list_is_several() {
    let hi = Content::text("Hi");
    assert_eq!(shown(&json!({"text": "Hi"})), std::slice::from_ref(&hi));
    let both = json!({"messages": [{"text": "Hi"}, {"text": "there", "unknown": 1}], "more": {}});
    assert_eq!(shown(&both), [hi, Content::text("there")]);
    for nothing in [
        json!({}),
        json!({"messages": []}),
        json!({"messages": null}),
        json!({"text": " \u{200b}\n"}),
    ] {
        assert_eq!(read(&nothing).unwrap(), Reply::default(), "{nothing}");
    }
}

#[test]
fn buttons_become_kores_template() {
    let said = json!({"text": "Pick", "buttons": [
        {"title": "Blue", "payload": "blue"}, {"title": "Red"}, {"title": "Shop", "url": "a.test/x"},
    ]});
    let reply = read(&said).unwrap();
    let inner = json!({"template_type": "button", "text": "Pick", "buttons": [
        {"type": "postback", "title": "Blue", "payload": "blue"},
        {"type": "postback", "title": "Red", "payload": "Red"},
        {"type": "web_url", "title": "Shop", "url": "https://a.test/x"},
    ]});
    assert_eq!(reply.messages, [BotMessage::template(inner, "Pick")]);
    let [Content::Buttons { text, buttons }] = &shown(&said)[..] else {
        panic!("buttons");
    };
    assert_eq!((text.as_str(), buttons.len()), ("Pick", 3));
    let url = "https://a.test/x".to_owned();
    assert_eq!(buttons[2].action, Action::Open { url });

    let chips = json!({"text": "Sure?", "quick_replies": [{"title": "Yes", "payload": "y"}, {"title": "No"}]});
    let [Content::QuickReplies { replies, .. }] = &shown(&chips)[..] else {
        panic!("chips");
    };
    assert_eq!(replies.len(), 2);

    let bare = read(&json!({"buttons": [{"title": "A"}, {"title": "B"}]})).unwrap();
    assert_eq!(words(&bare.messages[0]), "A, B");
    let none = json!({"text": "Nothing to press", "buttons": []});
    assert_eq!(shown(&none), [Content::text("Nothing to press")]);
}

#[test]
fn pictures_are_shown_and_described() {
    let said = json!({"image": {"url": "https://a.test/x.png", "alt": "A parcel"}});
    let url = "https://a.test/x.png".to_owned();
    let alt = "A parcel".to_owned();
    assert_eq!(shown(&said), [Content::Image { url, alt }]);
    let bare = read(&json!({"image": {"url": "https://a.test/x.png"}})).unwrap();
    assert_eq!(words(&bare.messages[0]), "https://a.test/x.png");
}

#[test]
fn a_template_is_kept_as_it_is_with_words_beside_it() {
    let inner = json!({"template_type": "table", "columns": [["A", "left"]], "elements": [{"Values": ["1", 2]}], "mine": [null, 1e3]});
    let reply = read(&json!({"template": inner, "text": "A table"})).unwrap();
    assert_eq!(
        reply.messages,
        [BotMessage::template(inner.clone(), "A table")]
    );
    let reply = read(&json!({"template": inner})).unwrap();
    assert_eq!(words(&reply.messages[0]), "1, 2");
    // The wire form, as bots of Kore's platform have it.
    let wire = json!({"template": {"type": "template", "payload": {"template_type": "button", "text": "Pick", "buttons": [{"title": "A"}]}}});
    assert!(matches!(&shown(&wire)[..], [Content::Buttons { buttons, .. }] if buttons.len() == 1));
    let media = json!({"template": {"type": "image", "payload": {"url": "https://a.test/x.png"}}});
    let reply = read(&media).unwrap();
    assert_eq!(words(&reply.messages[0]), "https://a.test/x.png");
}

#[test]
fn of_a_template_with_wrong_types_its_words_are_read() {
    for inner in [
        json!({"template_type": 7, "buttons": "x"}),
        json!({"template_type": "button", "text": {}, "buttons": [[], 7, null]}),
        json!({"type": "template", "payload": [1]}),
        json!("button"),
        json!([1, 2]),
        json!({}),
        json!(true),
    ] {
        let reply = read(&json!({"template": inner, "text": "Pick one"})).unwrap();
        let [message] = &reply.messages[..] else {
            panic!("one message");
        };
        assert_eq!(words(message), "Pick one");
        assert_eq!(
            Content::of_bot_message(message).plain_text(),
            "Pick one",
            "{inner}"
        );
    }
    let silent = json!({"messages": [{"template": {"template_type": 7}}]});
    assert_eq!(
        refused(&silent),
        "messages[0].template has nothing to read: give it a text"
    );
}

#[test]
fn what_happens_besides_is_read() {
    let reply = read(&json!({"text": "Bye", "close": true, "typing": false, "handover": {"to": "agent", "name": " Ada "}})).unwrap();
    assert!(reply.close);
    assert_eq!(reply.typing, Some(false));
    assert_eq!(reply.hand_over, Some(Owner::Agent("Ada".to_owned())));
    let mut answers = Answers::new();
    reply.give(&mut answers).unwrap();
    assert!(answers.effects().closes);
    assert_eq!(
        answers.effects().owner,
        Some(Owner::Agent("Ada".to_owned()))
    );
    assert_eq!(answers.len(), 1);
    for (to, owner) in [("bot", Owner::Bot), ("queue", Owner::Queue)] {
        let reply = read(&json!({"handover": {"to": to}})).unwrap();
        assert_eq!(reply.hand_over, Some(owner));
    }
}

#[test]
fn mistakes_are_named_by_their_place_and_without_what_was_said() {
    let many = vec![json!({"title": "secret"}); 10_000];
    for (said, why) in [
        (json!("secret"), "the reply is not an object"),
        (json!([{"text": "secret"}]), "the reply is not an object"),
        (json!({"text": 7}), "text is not a text"),
        (
            json!({"messages": {"text": "secret"}}),
            "messages is not a list",
        ),
        (
            json!({"messages": ["secret"]}),
            "messages[0] is not an object",
        ),
        (
            json!({"messages": [{"text": "a"}, {"text": ["secret"]}]}),
            "messages[1].text is not a text",
        ),
        (
            json!({"messages": [{"secret": "x"}]}),
            "messages[0] has nothing to read: give it a text",
        ),
        (
            json!({"messages": [], "text": "secret"}),
            "`messages` stands beside a message; put it into the list",
        ),
        (
            json!({"text": "a", "buttons": "secret"}),
            "buttons is not a list",
        ),
        (
            json!({"text": "a", "buttons": ["secret"]}),
            "buttons[0] is not an object",
        ),
        (
            json!({"text": "a", "buttons": [{"title": "a"}, {"title": 7}]}),
            "buttons[1].title is not a text",
        ),
        (
            json!({"text": "a", "buttons": [{"payload": "secret"}]}),
            "buttons[0].title has nothing to read: give it a text",
        ),
        (
            json!({"text": "a", "buttons": [{"title": "a", "url": "javascript:secret"}]}),
            "buttons[0].url is no address of the web (https, http; for links mailto and tel as well)",
        ),
        (
            json!({"text": "a", "quick_replies": many}),
            "quick_replies has more than 20 entries",
        ),
        (
            json!({"messages": [{"text": "a", "buttons": many}]}),
            "messages[0].buttons has more than 20 entries",
        ),
        (
            json!({"buttons": []}),
            "buttons has nothing to read: give it a text",
        ),
        (json!({"image": "secret"}), "image is not an object"),
        (
            json!({"image": {"alt": "secret"}}),
            "image.url is no address of the web (https, http; for links mailto and tel as well)",
        ),
        (
            json!({"image": {"url": "data:image/png;base64,AAAA"}}),
            "image.url is no address of the web (https, http; for links mailto and tel as well)",
        ),
        (
            json!({"messages": vec![json!({"text": "secret"}); 21]}),
            "it has more than 20 messages",
        ),
        (
            json!({"messages": [{"text": "x".repeat(70_000)}]}),
            "messages[0] has more than 65536 bytes",
        ),
        (json!({"handover": "queue"}), "handover is not an object"),
        (
            json!({"handover": {}}),
            "handover.to is not `bot`, `queue` or `agent`",
        ),
        (
            json!({"handover": {"to": "secret"}}),
            "handover.to is not `bot`, `queue` or `agent`",
        ),
        (
            json!({"handover": {"to": "agent"}}),
            "handover.name has nothing to read: give it a text",
        ),
        (json!({"close": "yes"}), "close is not true or false"),
    ] {
        assert_eq!(refused(&said), why);
    }
    let error = BotError::from(read(&json!({"text": "a", "buttons": many})).unwrap_err());
    assert_eq!(error.class(), Class::TooMuch);
    let error = BotError::from(read(&json!({"text": 7})).unwrap_err());
    let reason = "its reply cannot be used: text is not a text".to_owned();
    let fault = Fault::new(Class::Unreadable, reason);
    assert_eq!(error, BotError::Failed(fault));
}

#[test]
fn half_an_emoji_breaks_nothing() {
    let reply = Reply::from_bytes(br#"{"text":"thanks \ud83d"}"#).unwrap();
    assert_eq!(words(&reply.messages[0]), "thanks \u{fffd}");
    for broken in [
        &b""[..],
        b"{",
        b"<html>",
        b"\xff\xfe",
        br#"{"text":"a"} {"text":"b"}"#,
    ] {
        assert_eq!(Reply::from_bytes(broken), Err(ReplyError::NoJson));
    }
    let deep = "[".repeat(100_000);
    assert_eq!(Reply::from_bytes(deep.as_bytes()), Err(ReplyError::NoJson));
}

fn pieces(said: &[&str]) -> Result<(Vec<String>, bool), BotError> {
    let mut answers = Answers::new();
    let mut reader = ReplyPieces::default();
    let mut done = false;
    for said in said {
        let piece = reader.read(said)?;
        done |= piece.done;
        piece.give(&mut answers)?;
    }
    if let Some(rest) = reader.finish() {
        answers.write(&rest)?;
    }
    answers.end()?;
    let texts = answers.into_bodies().into_iter().map(|body| {
        let message: BotMessage = serde_json::from_str(&body).unwrap();
        words(&message).to_owned()
    });
    Ok((texts.collect(), done))
}

#[test]
fn deltas_grow_one_answer_and_messages_stand_behind_it() {
    let (texts, done) = pieces(&[
        r#"{"doing": "Looking"}"#,
        r#"{"delta": "Your parcel "}"#,
        r#"{"delta": ""}"#,
        "{}",
        r#"{"delta": "is here."}"#,
        r#"{"message": {"text": "Else?", "buttons": [{"title": "No"}]}}"#,
        r#"{"delta": "Bye"}"#,
        r#"{"done": true}"#,
    ])
    .unwrap();
    assert_eq!(texts, ["Your parcel is here.", "Else?", "Bye"]);
    assert!(done);
    let whole = [
        r#"{"messages": [{"text": "a"}, {"text": "b"}]}"#,
        r#"{"text": "c"}"#,
        " [DONE] ",
    ];
    let (texts, done) = pieces(&whole).unwrap();
    assert_eq!(
        (texts, done),
        (["a", "b", "c"].map(str::to_owned).to_vec(), true)
    );
    let mut reader = ReplyPieces::default();
    let last = reader.read(r#"{"done": true, "close": true, "handover": {"to": "queue"}}"#);
    let last = last.unwrap();
    assert!(last.done && last.reply.close);
    assert_eq!(last.reply.hand_over, Some(Owner::Queue));
}

#[test]
fn a_character_that_is_cut_in_two_comes_together() {
    for (said, text) in [
        (
            &[r#"{"delta": "a\ud83d"}"#, r#"{"delta": "\ude00b"}"#][..],
            "a😀b",
        ),
        (
            &[
                r#"{"delta": "\ud83d"}"#,
                r#"{"delta": "\ude00\ud83d"}"#,
                r#"{"delta": "\ude01"}"#,
            ],
            "😀😁",
        ),
        (
            &[r#"{"delta": "a\ud83d"}"#, r#"{"delta": "b"}"#],
            "a\u{fffd}b",
        ),
        (&[r#"{"delta": "a\ud83d"}"#], "a\u{fffd}"),
        (&[r#"{"delta": "\ude00"}"#], "\u{fffd}"),
        (
            &[r#"{"delta": "\ufffd"}"#, r#"{"delta": "\ude00"}"#],
            "\u{fffd}\u{fffd}",
        ),
    ] {
        assert_eq!(pieces(said).unwrap().0, [text], "{said:?}");
    }
}

#[test]
fn a_piece_of_another_format_is_a_mistake() {
    for (said, class) in [
        ("hello", Class::Unreadable),
        ("7", Class::Unreadable),
        (r#"{"content": "secret"}"#, Class::Unreadable),
        (r#"{"delta": {"content": "secret"}}"#, Class::Unreadable),
        (r#"{"message": "secret"}"#, Class::Unreadable),
        (r#"{"done": "yes"}"#, Class::Unreadable),
        (r#"{"error": "secret"}"#, Class::Error),
        (r#"{"error": {"message": "secret"}}"#, Class::Error),
    ] {
        let error = pieces(&[said]).unwrap_err();
        assert_eq!(error.class(), class, "{said}");
        assert!(!format!("{error} {error:?}").contains("secret"), "{error}");
    }
    assert_eq!(
        pieces(&[r#"{"error": false, "delta": "a"}"#]).unwrap().0,
        ["a"]
    );
}

/// JSON with our names in it, so that what is behind them is reached.
fn any_json() -> impl Strategy<Value = Value> {
    let names = prop_oneof![
        Just("messages"),
        Just("text"),
        Just("template"),
        Just("buttons"),
        Just("quick_replies"),
        Just("image"),
        Just("url"),
        Just("alt"),
        Just("title"),
        Just("payload"),
        Just("type"),
        Just("template_type"),
        Just("handover"),
        Just("to"),
        Just("name"),
        Just("close"),
        Just("typing"),
        Just("delta"),
        Just("message"),
        Just("done"),
        Just("doing"),
        Just("elements"),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
        prop_oneof![
            Just("button"),
            Just("queue"),
            Just("agent"),
            Just("https://a.test/"),
            Just("template"),
            Just("{\"template_type\":\"button\"}"),
            Just("\u{fffd}"),
        ]
        .prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 80, 25, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..25).prop_map(Value::from),
            proptest::collection::vec((names.clone(), inner), 0..6).prop_map(|fields| {
                let fields = fields
                    .into_iter()
                    .map(|(name, value)| (name.to_owned(), value));
                Value::Object(fields.collect())
            }),
        ]
    })
}

fn bounded(reply: Reply) -> Result<(), TestCaseError> {
    prop_assert!(reply.messages.len() <= MAX_ANSWERS);
    for message in &reply.messages {
        let fallback = words(message);
        prop_assert!(!is_blank(fallback), "{message:?}");
    }
    let mut answers = Answers::new();
    reply.give(&mut answers).unwrap();
    for body in answers.into_bodies() {
        prop_assert!(body.len() <= MAX_ANSWER_BYTES);
        prop_assert!(serde_json::from_str::<BotMessage>(&body).is_ok());
    }
    Ok(())
}

proptest! {
    #[test]
    fn whatever_json_comes_it_is_bounded_and_has_words(value in any_json()) {
        if let Ok(reply) = Reply::read(&value) {
            bounded(reply)?;
        }
        let mut reader = ReplyPieces::default();
        if let Ok(piece) = reader.read(&value.to_string()) {
            bounded(piece.reply)?;
        }
    }

    #[test]
    fn whatever_bytes_come_nothing_breaks(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(reply) = Reply::from_bytes(&bytes) {
            bounded(reply)?;
        }
        drop(ReplyPieces::default().read(&String::from_utf8_lossy(&bytes)));
    }
}
