//! A socket that comes back gets what it missed, once and in order, or is told that it cannot.

use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::{Value, json};

use crate::test_app::{TestApp, eventually, text_of};

fn seq(frame: &Value) -> u64 {
    frame["seq"].as_u64().unwrap()
}

#[tokio::test]
async fn a_widget_is_told_what_it_missed_before_anything_else() {
    let app = TestApp::start();
    let ann = app.user("ann").await;
    let mut phone = ann.welcomed().await;
    phone.say(1, "one").await;
    assert_eq!(seq(&phone.next().await), 3);
    drop(phone);
    let mut other = ann.socket("").await;
    other.say(2, "two").await;
    assert_eq!(seq(&other.next().await), 5);

    let mut back = ann.socket("&isReconnect=true&after=2").await;
    let told = [back.next().await, back.next().await, back.next().await];
    assert_eq!(text_of(&told[0]), "echo one");
    assert_eq!(told[1]["type"], "user_message");
    assert_eq!(told[1]["clientMessageId"], 2);
    assert_eq!(text_of(&told[2]), "echo two");
    assert_eq!(told.each_ref().map(seq), [3, 4, 5]);
    back.nothing_more().await;
    // And then it is live.
    other.say(3, "three").await;
    assert_eq!(back.next().await["clientMessageId"], 3);
    assert_eq!(text_of(&back.next().await), "echo three");
}

#[tokio::test]
async fn a_widget_that_knows_all_is_told_nothing_and_an_official_client_never() {
    let app = TestApp::start();
    let ann = app.user("ann").await;
    drop(ann.welcomed().await);
    ann.socket("&isReconnect=true&after=1")
        .await
        .nothing_more()
        .await;
    ann.socket("&isReconnect=true").await.nothing_more().await;
    ann.socket("").await.nothing_more().await;
}

#[tokio::test]
async fn a_widget_without_a_cursor_of_its_own_gets_all_from_zero() {
    let app = TestApp::start();
    let ann = app.user("ann").await;
    let mut first = ann.socket("&after=0").await;
    assert_eq!(text_of(&first.next().await), "Welcome");
    let mut second = ann.socket("&after=0").await;
    assert_eq!(text_of(&second.next().await), "Welcome");
    second.nothing_more().await;
}

#[tokio::test]
async fn too_much_or_an_impossible_cursor_is_a_resync_and_then_live() {
    let app = TestApp::start();
    let ann = app.user("ann").await;
    let mut writer = ann.welcomed().await;
    // 67 turns of three messages: more than 200.
    for id in 0..67 {
        writer
            .send(&crate::test_app::message(&json!(id), "twice"))
            .await;
        for _ in 0..3 {
            writer.next().await;
        }
        app.clock.advance(Duration::from_millis(100));
        if id % 30 == 29 {
            // A fresh socket has a fresh allowance of frames.
            writer = ann.socket("").await;
        }
    }
    assert_eq!(
        ann.get("/api/botmessages/rtm?botId=st-test").await.json()["lastSeq"],
        202
    );
    for after in [0, 1, 203, 9_999_999] {
        let mut back = ann
            .socket(&format!("&isReconnect=true&after={after}"))
            .await;
        assert_eq!(
            back.next().await,
            json!({"type": "resync"}),
            "after {after}"
        );
        back.nothing_more().await;
    }
    let mut back = ann.socket("&isReconnect=true&after=2").await;
    for expected in 3..=202 {
        assert_eq!(seq(&back.next().await), expected);
    }
    let mut late = ann.socket("&isReconnect=true&after=9999").await;
    assert_eq!(late.next().await["type"], "resync");
    writer.say(1000, "live").await;
    assert_eq!(seq(&late.next().await), 203);
    assert_eq!(seq(&late.next().await), 204);
}

#[tokio::test]
async fn a_session_is_greeted_although_its_first_socket_is_cut_off_on_opening() {
    let app = TestApp::start();
    let ann = app.user("ann").await;
    drop(ann.welcomed().await);
    app.clock.advance(Duration::from_hours(1));
    app.tamper("ALTER TABLE messages RENAME TO hidden");
    let mut socket = ann.socket("&after=0").await;
    assert_eq!(socket.closed().await, Some(1011));
    let is_greeted = async || app.bot.asked.load(Ordering::SeqCst) >= 2;
    eventually("the second welcome", is_greeted).await;
}

#[tokio::test]
async fn an_unread_acknowledgement_is_asked_for_again_and_nothing_doubles() {
    let app = TestApp::start();
    let ann = app.user("ann").await;
    let mut socket = ann.welcomed().await;
    socket
        .send(&crate::test_app::message(&json!(5), "hello"))
        .await;
    // The cut: acknowledgement and answer are never read.
    drop(socket);
    let mut back = ann.socket("&isReconnect=true&after=1").await;
    back.send(&crate::test_app::message(&json!(5), "hello"))
        .await;
    let mut seen = Vec::new();
    // What was stored may be replayed before or be acknowledged first; the answer ends it.
    loop {
        let frame = back.next().await;
        let kind = frame["type"].as_str().unwrap().to_owned();
        seen.push(kind);
        if seen.iter().any(|kind| kind == "ack") && seen.iter().any(|kind| kind == "bot_response") {
            break;
        }
    }
    back.nothing_more().await;
    assert!(
        seen.iter().filter(|kind| *kind == "bot_response").count() == 1,
        "{seen:?}"
    );
    let history = ann.history().await;
    let texts: Vec<_> = history.iter().map(|(_, _, text)| text.as_str()).collect();
    assert_eq!(texts, ["Welcome", "hello", "echo hello"]);
}
