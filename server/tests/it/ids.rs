//! The idempotence key: user, bot and `clientMessageId` with its JSON type.

use std::sync::atomic::Ordering;

use serde_json::{Value, json};

use crate::test_app::{TestApp, message, text_of};

#[tokio::test]
async fn the_same_id_is_acknowledged_each_time_and_stored_once() {
    let app = TestApp::start();
    let ann = app.user("ann").await;
    let mut phone = ann.welcomed().await;
    let mut desk = ann.socket("").await;
    desk.nothing_more().await;
    let first = phone.say(7, "hello").await;
    assert_eq!(text_of(&phone.next().await), "echo hello");
    // At once, and on another socket.
    assert_eq!(phone.say(7, "hello").await, first);
    phone.nothing_more().await;
    assert_eq!(desk.next().await["type"], "user_message");
    assert_eq!(text_of(&desk.next().await), "echo hello");
    assert_eq!(desk.say(7, "hello").await, first);
    desk.nothing_more().await;
    assert_eq!(ann.history().await.len(), 3);
    assert_eq!(
        app.bot.asked.load(Ordering::SeqCst),
        2,
        "the welcome and one answer"
    );
}

#[tokio::test]
async fn an_id_that_comes_again_with_other_words_is_another_message() {
    let app = TestApp::start();
    let ann = app.user("ann").await;
    let (mut phone, mut desk) = (ann.welcomed().await, ann.socket("").await);
    desk.nothing_more().await;
    let mut ids = Vec::new();
    // Clients that count from one on each page, that always say the same, that say fractions or texts.
    for id in [json!(1), json!(1795.5), json!("constant"), json!("")] {
        for text in ["one", "two", "three"] {
            for sent in ["first", "again"] {
                phone.send(&message(&id, text)).await;
                let ack = phone.next().await;
                assert_eq!(
                    (&ack["type"], &ack["replyto"]),
                    (&json!("ack"), &id),
                    "{sent}: {ack}"
                );
                ids.push(ack["messageId"].as_str().unwrap().to_owned());
                if sent == "again" {
                    continue;
                }
                assert_eq!(text_of(&phone.next().await), format!("echo {text}"));
                let echo = desk.next().await;
                assert_eq!(
                    (
                        &echo["clientMessageId"],
                        &echo["messageId"],
                        &echo["message"]["body"]
                    ),
                    (&id, &ack["messageId"], &json!(text))
                );
                assert_eq!(text_of(&desk.next().await), format!("echo {text}"));
            }
        }
    }
    phone.nothing_more().await;
    desk.nothing_more().await;
    assert!(ids.chunks(2).all(|twice| twice[0] == twice[1]), "{ids:?}");
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 12);
    assert_eq!(ann.history().await.len(), 1 + 2 * 12);
}

#[tokio::test]
async fn words_are_text_title_and_files_and_nothing_that_a_host_adds() {
    let app = TestApp::start();
    let mut socket = app.user("ann").await.welcomed().await;
    let mut acks = Vec::new();
    for words in [
        json!({"body": "silence"}),
        json!({"body": "silence", "nlMeta": {"intent": "quiet"}}),
        json!({"body": "silence", "renderMsg": "Be quiet"}),
        json!({"body": "silence", "attachments": [{"fileId": "f-1"}]}),
        json!({"body": "silence", "attachments": [{"fileId": "f-2"}]}),
    ] {
        let mut frame = message(&json!(7), "");
        frame["message"] = words;
        socket.send(&frame).await;
        acks.push(socket.next().await["seq"].as_u64().unwrap());
    }
    assert_eq!(acks, [2, 2, 3, 4, 5]);
}

#[tokio::test]
async fn copies_that_come_at_once_get_two_acks_one_answer_and_one_echo() {
    let app = TestApp::start();
    let ann = app.user("ann").await;
    let (mut phone, mut desk) = (ann.welcomed().await, ann.socket("").await);
    desk.nothing_more().await;
    let frame = message(&json!(7), "hello");
    phone.send(&frame).await;
    phone.send(&frame).await;
    let mut frames = Vec::new();
    for _ in 0..3 {
        frames.push(phone.next().await);
    }
    let (acks, answers): (Vec<_>, Vec<_>) = frames.iter().partition(|it| it["type"] == "ack");
    assert_eq!((acks.len(), answers.len()), (2, 1), "{frames:?}");
    assert_eq!(acks[0], acks[1]);
    phone.nothing_more().await;
    assert_eq!(desk.next().await["type"], "user_message");
    assert_eq!(text_of(&desk.next().await), "echo hello");
    desk.nothing_more().await;
    assert_eq!(ann.history().await.len(), 3);
}

#[tokio::test]
async fn a_number_and_the_same_digits_as_text_are_two_messages() {
    let app = TestApp::start();
    let ann = app.user("ann").await;
    let mut socket = ann.welcomed().await;
    for id in [json!(7), json!("7")] {
        socket.send(&message(&id, "hello")).await;
        assert_eq!(socket.next().await["replyto"], id);
        assert_eq!(text_of(&socket.next().await), "echo hello");
    }
    let page = ann.get("/api/botmessages/rtm?botId=st-test").await.json();
    let ids: Vec<_> = page["messages"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|m| m.get("userMsgId"))
        .collect();
    assert_eq!(ids, [&json!(7), &json!("7")]);
}

#[tokio::test]
async fn two_users_with_the_same_id_do_not_meet() {
    let app = TestApp::start();
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let (mut hers, mut his) = (ann.welcomed().await, bob.welcomed().await);
    let first = hers.say(7, "hers").await;
    let second = his.say(7, "his").await;
    assert_ne!(first["messageId"], second["messageId"]);
    assert_eq!(text_of(&hers.next().await), "echo hers");
    assert_eq!(text_of(&his.next().await), "echo his");
}

#[tokio::test]
async fn strange_ids_are_echoed_as_they_came_and_impossible_ones_refused() {
    let app = TestApp::start();
    let mut socket = app.user("ann").await.welcomed().await;
    for id in [
        json!(0),
        json!(-1),
        json!(1.5),
        json!(""),
        json!("ü \"q\" \\"),
        json!(u64::MAX),
        json!("x".repeat(256)),
    ] {
        socket.send(&message(&id, "silence")).await;
        let ack = socket.next().await;
        assert_eq!(
            (&ack["type"], &ack["replyto"]),
            (&json!("ack"), &id),
            "{ack}"
        );
    }
    // Nothing to recognise it by: stored, acknowledged without an id.
    socket.send(&message(&Value::Null, "silence")).await;
    let ack = socket.next().await;
    assert_eq!(
        (&ack["type"], ack.get("replyto")),
        (&json!("ack"), None),
        "{ack}"
    );
    for id in [
        json!({"$ne": null}),
        json!([1]),
        json!(true),
        json!("x".repeat(400)),
    ] {
        socket.send(&message(&id, "silence")).await;
        socket.nothing_more().await;
    }
    // The other id says whom the refusal is for.
    let mut frame = message(&json!(8), "silence");
    frame["clientMessageId"] = json!({});
    socket.send(&frame).await;
    let refused = socket.next().await;
    assert_eq!(
        (&refused["type"], &refused["replyto"]),
        (&json!("error"), &json!(8))
    );
}

#[tokio::test]
async fn racing_copies_of_a_message_are_one_message() {
    let app = TestApp::start();
    let ann = app.user("ann").await;
    let (mut one, mut two) = (ann.welcomed().await, ann.socket("").await);
    let frame = message(&json!(7), "hello");
    tokio::join!(one.send(&frame), two.send(&frame));
    let mut acks = Vec::new();
    for socket in [&mut one, &mut two] {
        // A copy may hear the other's echo before its own acknowledgement.
        let ack = loop {
            let frame = socket.next().await;
            if frame["type"] == "ack" {
                break frame;
            }
        };
        acks.push(ack["messageId"].clone());
    }
    assert_eq!(acks[0], acks[1]);
    let texts: Vec<_> = loop {
        let history = ann.history().await;
        if history.len() >= 3 {
            break history.into_iter().map(|(_, _, text)| text).collect();
        }
    };
    assert_eq!(texts, ["Welcome", "hello", "echo hello"]);
}
