//! The main job: welcome, message, acknowledgement, answer, and the same on every session.

use serde_json::json;

use crate::test_app::{TestApp, bot_info, text_of};

#[tokio::test]
async fn a_visitor_is_welcomed_acknowledged_and_answered() {
    let app = TestApp::start();
    let ann = app.user("ann").await;
    let mut socket = ann.welcomed().await;

    let ack = socket.say(1_795_227_303_240, "hello").await;
    let expected = json!({"ok": true, "replyto": 1_795_227_303_240_u64, "message": "delivered",
                          "type": "ack", "seq": 2, "messageId": ack["messageId"]});
    assert_eq!(ack, expected);

    let answer = socket.next().await;
    assert_eq!(text_of(&answer), "echo hello");
    assert_eq!(answer["type"], "bot_response");
    assert_eq!(answer["from"], "bot");
    assert_eq!(answer["seq"], 3);
    assert_eq!(answer["createdOn"], "2026-11-21T02:15:01.830Z");
    assert_eq!(answer["icon"], "https://cdn.test/bot.png");
    assert_eq!(
        answer["botInfo"],
        json!({"chatBot": "Test Bot", "taskBotId": "st-test"})
    );
    assert!(answer["messageId"].as_str().unwrap().starts_with("ms-"));
    socket.nothing_more().await;
}

#[tokio::test]
async fn the_other_session_of_the_same_user_hears_both_sides() {
    let app = TestApp::start();
    let ann = app.user("ann").await;
    let mut phone = ann.welcomed().await;
    let mut desk = ann.socket("").await;
    desk.nothing_more().await;

    let ack = phone.say(7, "hello").await;
    assert_eq!(text_of(&phone.next().await), "echo hello");
    let heard = desk.next().await;
    let expected = json!({"type": "user_message", "from": "self", "message": {"body": "hello"},
        "id": 1_795_227_301_830_u64, "botInfo": {"chatBot": "Test Bot", "taskBotId": "st-test"},
        "clientMessageId": 7, "messageId": ack["messageId"], "seq": 2});
    assert_eq!(heard, expected);
    assert_eq!(text_of(&desk.next().await), "echo hello");
    phone.nothing_more().await;
    desk.nothing_more().await;
}

#[tokio::test]
async fn another_user_hears_nothing() {
    let app = TestApp::start();
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let (mut hers, mut his) = (ann.welcomed().await, bob.welcomed().await);
    hers.say(7, "hello").await;
    assert_eq!(text_of(&hers.next().await), "echo hello");
    his.nothing_more().await;
}

#[tokio::test]
async fn several_answers_come_in_order_and_one_after_the_other() {
    let app = TestApp::start();
    let mut socket = app.user("ann").await.welcomed().await;
    for id in 1..=5 {
        socket
            .send(&crate::test_app::message(&json!(id), "twice"))
            .await;
    }
    let mut answers = Vec::new();
    let mut acks = Vec::new();
    while answers.len() < 10 {
        let frame = socket.next().await;
        if frame["type"] == "ack" {
            acks.push(frame["replyto"].as_u64().unwrap());
        } else {
            answers.push((frame["seq"].as_u64().unwrap(), text_of(&frame).to_owned()));
        }
    }
    assert_eq!(acks, [1, 2, 3, 4, 5]);
    assert!(answers.is_sorted_by_key(|(seq, _)| *seq));
    let words: Vec<_> = answers.iter().map(|(_, text)| text.as_str()).collect();
    assert_eq!(words, ["one", "two"].repeat(5));
}

#[tokio::test]
async fn one_welcome_a_session() {
    let app = TestApp::start();
    let ann = app.user("ann").await;
    drop(ann.welcomed().await);
    // However the client says that it comes back, the session goes on.
    for more in [
        "",
        "&isReconnect=true",
        "&ConnectionMode=Reconnect&foo=bar",
        "&ConnectionMode=Default",
    ] {
        ann.socket(more).await.nothing_more().await;
    }
    assert_eq!(ann.history().await.len(), 1);
}

#[tokio::test]
async fn a_new_session_is_welcomed_whatever_the_client_says() {
    let app = TestApp::start();
    let ann = app.user("ann").await;
    // A first connection can come as a reconnect (the token ended before the first socket).
    let mut socket = ann.socket("&isReconnect=true").await;
    assert_eq!(text_of(&socket.next().await), "Welcome");
    let mut socket = ann
        .socket("&ConnectionMode=Start_New&isReconnect=true")
        .await;
    assert_eq!(text_of(&socket.next().await), "Welcome");
    // Half an hour later the session is over.
    app.clock.advance(std::time::Duration::from_mins(31));
    let mut socket = ann.socket("&ConnectionMode=Reconnect").await;
    assert_eq!(text_of(&socket.next().await), "Welcome");
}

#[tokio::test]
async fn our_widget_is_not_greeted_again_before_a_word_was_said() {
    let app = TestApp::start();
    let ann = app.user("ann").await;
    drop(ann.welcomed().await);
    let mut hers = ann.socket("&after=1&ConnectionMode=Start_New").await;
    hers.nothing_more().await;
    assert_eq!(ann.history().await.len(), 1);
    hers.say(1, "hello").await;
    assert_eq!(text_of(&hers.next().await), "echo hello");
    for (greetings, after) in [(1, 3), (0, 4), (0, 4)] {
        let address = format!("&after={after}&ConnectionMode=Start_New");
        let mut anew = ann.socket(&address).await;
        for _ in 0..greetings {
            assert_eq!(text_of(&anew.next().await), "Welcome");
        }
        anew.nothing_more().await;
    }
    assert_eq!(ann.history().await.len(), 4);
}

#[tokio::test]
async fn a_closed_session_is_over() {
    let app = TestApp::start();
    let ann = app.user("ann").await;
    let mut socket = ann.welcomed().await;
    socket
        .send(&json!({"clientMessageId": 9, "resourceid": "/bot.closeConversationSession"}))
        .await;
    let ack = socket.next().await;
    assert_eq!((&ack["type"], &ack["replyto"]), (&json!("ack"), &json!(9)));
    assert_eq!(text_of(&ann.socket("").await.next().await), "Welcome");
}

#[tokio::test]
async fn frames_besides_messages_get_what_the_protocol_says() {
    let app = TestApp::start();
    let mut socket = app.user("ann").await.welcomed().await;
    socket.send(&json!({"type": "ping", "resourceid": "/bot.message", "botInfo": bot_info("st-test"), "id": 1})).await;
    assert_eq!(
        socket.next().await,
        json!({"type": "pong", "ok": true, "replyto": 1})
    );
    socket.send(&json!({"event": "typing", "message": {"body": "", "type": ""}, "resourceid": "/bot.message", "id": 2})).await;
    assert_eq!(socket.next().await["replyto"], 2);
    socket.send(&json!({"clientMessageId": 3, "type": "ack", "replyto": 3, "status": "delivered", "id": 3})).await;
    socket.nothing_more().await;
}
