//! Addresses and words of the channel, without a server.

use serde_json::json;

use super::wire::{Heard, Said, is_no_data};
use super::*;
use crate::bot::{File, Visitor};
use crate::records::Owner;

fn turn(kind: TurnKind) -> Turn {
    Turn {
        bot: "st-a".to_owned(),
        app: "cs-a".to_owned(),
        visitor: Visitor {
            id: "u-1".to_owned(),
            identity: "ann".to_owned(),
            profile: Some(json!({"email": "ann@a.test", "given_name": "Ann", "plan": "gold"})),
        },
        conversation: "cv-1".to_owned(),
        session_id: "ss-1".to_owned(),
        kind,
        idempotence_key: "tn-1".to_owned(),
        attempt: 0,
        owner: Owner::Bot,
        language: None,
        recent: Vec::new(),
        state: None,
    }
}

#[test]
fn a_poll_lies_below_the_bot_and_not_below_an_instance() {
    let at = |hook: &str| {
        let url = Url::parse(&format!("https://k.test{hook}")).unwrap();
        poll_address(&url, "p1").unwrap().path().to_owned()
    };
    let bot = "/chatbot/v2/webhook/st-a";
    let expected = format!("{bot}/poll/p1");
    assert_eq!(at(bot), expected);
    assert_eq!(at(&format!("{bot}/")), expected);
    assert_eq!(at(&format!("{bot}/hookInstance/ivr")), expected);
}

#[test]
fn files_custom_data_and_what_is_known_of_the_visitor_go_along() {
    let file = |reference: &str| File {
        name: "a.png".to_owned(),
        kind: "image".to_owned(),
        reference: reference.to_owned(),
    };
    let said = Said::of(
        &turn(TurnKind::Message {
            body: "see".to_owned(),
            rendered: None,
            files: vec![file("f1"), file("https://a.test/a.png")],
            custom_data: Some(json!({"cart": 3})),
        }),
        true,
        false,
    );
    let expected = json!({
        "session": {"new": true},
        "message": {"type": "text", "val": "see", "attachments": [
            {"fileId": "f1", "fileType": "image", "fileName": "a.png"},
            {"url": "https://a.test/a.png"}]},
        "from": {"id": "ann",
                 "userInfo": {"firstName": "Ann", "lastName": "", "email": "ann@a.test"}},
        "to": {"id": "st-a"},
        "customData": {"cart": 3},
    });
    assert_eq!((said.from.as_str(), said.body), ("ann", expected));
}

#[test]
fn both_versions_of_an_answer_are_read_and_no_error_repeats_it() {
    let v2 = br#"{"data":[{"type":"text","val":"a"},{"val":"b"}],"endOfTask":true}"#;
    let read = Heard::read(v2).unwrap();
    assert_eq!(
        (read.messages.len(), read.end_of_task, read.poll_id),
        (2, true, None)
    );
    for v1 in [
        &br#"{"text":"a"}"#[..],
        br#"{"text":["a"]}"#,
        br#"{"text":["a",""]}"#,
    ] {
        assert_eq!(Heard::read(v1).unwrap().messages.len(), 1);
    }
    assert_eq!(Heard::read(b"{}").unwrap(), Heard::default());
    for wrong in [
        "",
        "hush",
        "[\"hush\"]",
        "{\"data\":\"hush\"}",
        "{\"data\":[\"hush\"]}",
    ] {
        let error = Heard::read(wrong.as_bytes()).unwrap_err();
        assert!(!error.contains("hush"), "{error}");
    }
    assert!(is_no_data(
        br#"{"errors":[{"msg":"No data found","code":400}]}"#
    ));
    assert!(!is_no_data(br#"{"errors":[{"msg":"hush","code":400}]}"#));
}
