//! Tests of `conversation`: every kind of frame, every place of an event.

use protocol::reply::BotMessage;
use serde_json::json;

use super::*;
use crate::clock::Millis;
use crate::records::ConversationId;

fn stored(sender: Sender, body: &str) -> StoredMessage {
    StoredMessage {
        conversation: ConversationId(1),
        seq: 7,
        message_id: "ms-1".to_owned(),
        sender,
        client_message_id: (sender == Sender::User).then(|| "\"17\"".to_owned()),
        body: body.to_owned(),
        created: Millis(1_795_227_301_830),
        session_id: "ss-1".to_owned(),
        agent: None,
    }
}

fn step(frame: &serde_json::Value) -> Step {
    Step::of(&frame.to_string())
}

fn message(id: serde_json::Value, body: serde_json::Value) -> Step {
    step(&json!({"resourceid": "/bot.message", "clientMessageId": id, "message": body}))
}

fn said(step: Step) -> VisitorMessage {
    match step {
        Step::Store(said) => *said,
        other => panic!("stored, not {other:?}"),
    }
}

#[test]
fn a_message_is_stored_under_its_id_as_json_text() {
    for (id, key) in [
        (json!(1_795_227_303_240_u64), Some("1795227303240")),
        (json!("1795227303240"), Some("\"1795227303240\"")),
        (json!(0), Some("0")),
        (json!(-1), Some("-1")),
        (json!(1.5), Some("1.5")),
        (json!(null), None),
    ] {
        let said = said(message(id.clone(), json!({"body": "hi"})));
        assert_eq!(said.client_message_id.as_deref(), key, "{id}");
        assert_eq!(said.body, r#"{"body":"hi"}"#);
    }
}

#[test]
fn an_id_that_cannot_be_one_is_refused() {
    for id in [
        json!({"$ne": null}),
        json!([1]),
        json!(true),
        json!("x".repeat(400)),
    ] {
        let step = message(id, json!({"body": "hi"}));
        assert_eq!(step, Step::Refuse(Offence::WrongType, None));
    }
}

#[test]
fn what_a_visitor_saw_and_what_hosts_add_is_kept() {
    let body = json!({"body": "BAL", "renderMsg": "Balance", "customdata": {"plan": "gold"}});
    let said = said(message(json!(1), body.clone()));
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(&said.body).unwrap(),
        body
    );
}

#[test]
fn a_stop_names_an_answer_that_could_be() {
    let stop = |id: &str| step(&json!({"type": "stop", "messageId": id}));
    let longest = "x".repeat(MAX_ID_BYTES);
    assert_eq!(stop(&longest), Step::Stop(longest.clone()));
    let refused = Step::Refuse(Offence::TooLong, None);
    assert_eq!(stop(&format!("{longest}x")), refused);
}

#[test]
fn wrong_types_emptiness_and_length_are_refused_with_the_id() {
    let id = || Some(MessageRef::from(5));
    for (body, offence) in [
        (json!({"body": {"$ne": null}}), Offence::WrongType),
        (json!({"body": 7}), Offence::WrongType),
        (json!("text"), Offence::WrongType),
        (json!({}), Offence::Empty),
        (json!({"body": " \n "}), Offence::Empty),
        (json!({"body": "", "attachments": []}), Offence::Empty),
        (
            json!({"body": "x".repeat(MAX_TEXT_CHARS + 1)}),
            Offence::TooLong,
        ),
        (
            json!({"attachments": vec![json!({}); MAX_ATTACHMENTS + 1]}),
            Offence::TooLong,
        ),
    ] {
        assert_eq!(
            message(json!(5), body),
            Step::Refuse(offence, id()),
            "{offence:?}"
        );
    }
    let longest = json!({"body": "ä".repeat(MAX_TEXT_CHARS)});
    assert!(matches!(message(json!(5), longest), Step::Store(_)));
    let files = json!({"attachments": [{"fileId": "1", "fileName": "a.png"}]});
    assert!(matches!(message(json!(5), files), Step::Store(_)));
}

#[test]
fn other_frames_get_what_the_protocol_says() {
    let one = || MessageRef::from(1);
    for (frame, expected) in [
        (
            json!({"type": "ping", "resourceid": "/bot.message", "id": 1}),
            Step::Pong(Some(one())),
        ),
        (json!({"type": "ping"}), Step::Pong(None)),
        (json!({"type": "ack", "replyto": 1, "id": 1}), Step::Ignore),
        (
            json!({"resourceid": "/bot.closeConversationSession", "clientMessageId": 1}),
            Step::CloseSession(Some(one())),
        ),
        (
            json!({"event": "typing", "resourceid": "/bot.message", "message": {"body": ""}, "id": 1}),
            Step::Ack(one()),
        ),
        (
            json!({"event": "typing", "resourceid": "/bot.message"}),
            Step::Ignore,
        ),
        (
            json!({"resourceid": "/bot.clientEvent", "id": 1}),
            Step::Ack(one()),
        ),
        (json!({}), Step::Ignore),
        (json!([]), Step::Refuse(Offence::Unreadable, None)),
        (json!("ping"), Step::Refuse(Offence::Unreadable, None)),
    ] {
        assert_eq!(step(&frame), expected, "{frame}");
    }
    assert_eq!(
        Step::of("nonsense"),
        Step::Refuse(Offence::Unreadable, None)
    );
}

#[test]
fn what_comes_too_fast_is_answered_by_its_id() {
    let refuse = |id| Step::Refuse(Offence::TooFast, id);
    assert_eq!(
        Step::of_too_fast(r#"{"clientMessageId":5,"id":6}"#),
        refuse(Some(5.into()))
    );
    assert_eq!(Step::of_too_fast(r#"{"id":6}"#), refuse(Some(6.into())));
    assert_eq!(Step::of_too_fast("nonsense"), refuse(None));
    let frame = serde_json::to_value(Offence::TooFast.frame(Some(5.into()))).unwrap();
    assert_eq!(frame["errors"][0]["code"], 503);
    assert_eq!(frame["replyto"], 5);
}

#[test]
fn a_stored_answer_becomes_a_bot_response() {
    let body = serde_json::to_string(&BotMessage::text("Hello")).unwrap();
    let listener = Listener {
        bot: bot_info("Demo", "st-demo"),
        icon: Some("https://x.test/a.png".into()),
    };
    let frame = listener.frame(&stored(Sender::Bot, &body), 0).unwrap();
    let expected = json!({
        "type": "bot_response", "from": "bot",
        "message": [{"type": "text", "component": {"type": "text", "payload": {"text": "Hello"}},
                     "cInfo": {"body": "Hello"}}],
        "messageId": "ms-1", "botInfo": {"chatBot": "Demo", "taskBotId": "st-demo"},
        "createdOn": "2026-11-21T02:15:01.830Z", "icon": "https://x.test/a.png",
        "timestamp": 1_795_227_301_830_u64, "seq": 7, "sessionId": "ss-1"
    });
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(&frame).unwrap(),
        expected
    );
    assert!(matches!(
        ServerFrame::parse(&frame),
        Some(ServerFrame::BotResponse(_))
    ));
}

#[test]
fn a_stored_message_becomes_a_user_message_with_the_senders_id() {
    let listener = Listener {
        bot: bot_info("Demo", "st-demo"),
        icon: None,
    };
    let message = stored(Sender::User, r#"{"body":"BAL","renderMsg":"Balance"}"#);
    let frame = listener.frame(&message, 1_795_227_301_830).unwrap();
    let expected = json!({
        "type": "user_message", "from": "self",
        "message": {"body": "BAL", "renderMsg": "Balance"}, "id": 1_795_227_301_830_u64,
        "botInfo": {"chatBot": "Demo", "taskBotId": "st-demo"},
        "clientMessageId": "17", "messageId": "ms-1", "seq": 7
    });
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(&frame).unwrap(),
        expected
    );
    assert!(matches!(
        ServerFrame::parse(&frame),
        Some(ServerFrame::UserMessage(_))
    ));
}
