//! Answers that stream: sent to those who can show them, stored once, stopped by the visitor.

use std::sync::atomic::Ordering;

use serde_json::{Value, json};

use crate::test_app::{TestApp, message, text_of};
use crate::test_socket::Socket;

/// Reads pieces until this much of the text was told; gives the id.
async fn read(socket: &mut Socket, text: &str) -> String {
    read_on(socket, String::new(), text).await
}

/// The same for a reader who has a part of the text.
async fn read_on(socket: &mut Socket, mut told: String, text: &str) -> String {
    loop {
        let frame = socket.next().await;
        assert_eq!(
            (&frame["type"], &frame["sM"], &frame["endChunk"]),
            (&json!("bot_response"), &json!(true), &json!(false)),
            "{frame}"
        );
        assert_eq!(frame["at"], told.len(), "{frame}");
        assert_eq!(frame["seq"], Value::Null, "only what is stored has one");
        told.push_str(text_of(&frame));
        assert!(text.starts_with(&told), "{told}");
        if told == text {
            return frame["messageId"].as_str().unwrap().to_owned();
        }
    }
}

/// The answer as it is stored.
async fn whole(socket: &mut Socket, text: &str) -> Value {
    let frame = socket.next().await;
    assert_eq!((text_of(&frame), &frame["sM"]), (text, &Value::Null));
    frame
}

#[tokio::test]
async fn our_widget_sees_it_grow_and_gets_the_stored_message_at_the_end() {
    let app = TestApp::start();
    let ann = app.user("ann").await;
    drop(ann.welcomed().await);
    let mut hers = ann.socket("&after=1").await;
    hers.say(1, "stream").await;
    let id = read(&mut hers, "Hello ").await;
    // Another tab, that comes in the middle, is told all that there is with the next piece.
    let mut other = ann.socket("&after=1").await;
    assert_eq!(other.next().await["type"], "user_message");
    app.bot.go.notify_one();
    assert_eq!(read(&mut other, "Hello wörld").await, id);
    let frame = hers.next().await;
    assert_eq!((text_of(&frame), &frame["at"]), ("wörld", &json!(6)));
    app.bot.go.notify_one();
    for socket in [&mut hers, &mut other] {
        let frame = whole(socket, "Hello wörld!").await;
        assert_eq!(
            (&frame["messageId"], &frame["seq"]),
            (&json!(id), &json!(3))
        );
        socket.nothing_more().await;
    }
    let texts = ann.history().await;
    assert_eq!(texts.len(), 3);
    assert_eq!(texts[2].2, "Hello wörld!");
}

#[tokio::test]
async fn a_v3_client_gets_every_letter_once_and_a_v2_client_the_whole_text() {
    let app = TestApp::start();
    let ann = app.user("ann").await;
    let mut v3 = ann.welcomed().await;
    let mut v2 = ann.plain_socket("&isReconnect=true").await;
    v2.nothing_more().await;
    v3.say(1, "stream").await;
    let id = read(&mut v3, "Hello ").await;
    // One that comes in the middle may have the beginning on its screen already.
    let mut late = ann.socket("&isReconnect=true").await;
    late.nothing_more().await;
    app.bot.go.notify_one();
    assert_eq!(text_of(&v3.next().await), "wörld");
    app.bot.go.notify_one();
    let last = v3.next().await;
    assert_eq!(
        (text_of(&last), &last["sM"], &last["endChunk"]),
        ("!", &json!(true), &json!(true))
    );
    assert_eq!((&last["messageId"], &last["seq"]), (&json!(id), &json!(3)));
    assert_eq!(v2.next().await["type"], "user_message");
    assert_eq!(whole(&mut v2, "Hello wörld!").await["messageId"], id);
    assert_eq!(whole(&mut late, "Hello wörld!").await["messageId"], id);
    for socket in [&mut v3, &mut v2, &mut late] {
        socket.nothing_more().await;
    }
}

#[tokio::test]
async fn the_visitor_stops_it_also_from_another_tab() {
    let app = TestApp::start();
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    drop(ann.welcomed().await);
    let mut hers = ann.socket("&after=1").await;
    let mut other = ann.socket("&after=1").await;
    other.nothing_more().await;
    let mut his = bob.welcomed().await;
    hers.say(1, "stream").await;
    let id = read(&mut hers, "Hello ").await;
    // Neither a stranger nor a wrong id stops it.
    his.send(&json!({"type": "stop", "messageId": id})).await;
    his.nothing_more().await;
    hers.send(&json!({"type": "stop", "messageId": "ms-other"}))
        .await;
    hers.nothing_more().await;
    assert_eq!(other.next().await["type"], "user_message");
    read(&mut other, "Hello ").await;
    other.send(&json!({"type": "stop", "messageId": id})).await;
    for socket in [&mut hers, &mut other] {
        let frame = whole(socket, "Hello ").await;
        assert_eq!(frame["message"][0]["stopped"], true);
        assert_eq!(
            (&frame["messageId"], &frame["seq"]),
            (&json!(id), &json!(3))
        );
    }
    // The turn is over, and stopping again does nothing.
    hers.send(&json!({"type": "stop", "messageId": id})).await;
    hers.say(2, "hello").await;
    assert_eq!(text_of(&hers.next().await), "echo hello");
    let page = ann.get("/api/botmessages/rtm?botId=st-test").await.json();
    let stopped: Vec<_> = page["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|message| message["stopped"] == true)
        .collect();
    assert_eq!(stopped, [false, false, true, false, false]);
}

#[tokio::test]
async fn a_turn_that_is_run_again_after_a_crash_grows_in_the_same_message() {
    let app = TestApp::start();
    let ann = app.user("ann").await;
    drop(ann.welcomed().await);
    let mut socket = ann.socket("&after=1").await;
    socket.say(1, "stream").await;
    let id = read(&mut socket, "Hello ").await;
    let token = ann.token.clone();
    app.stop().await;
    assert_eq!(socket.closed().await, Some(1001));

    let next = app.again();
    let ann = next.returning(token);
    let mut socket = ann.socket("&isReconnect=true&after=2").await;
    while next.bot.asked.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    // A piece that comes before the server listens for the socket is not sent to it.
    let begun: String = socket.listening().await.iter().map(text_of).collect();
    next.bot.go.notify_one();
    assert_eq!(read_on(&mut socket, begun, "Hello wörld").await, id);
    next.bot.go.notify_one();
    assert_eq!(whole(&mut socket, "Hello wörld!").await["messageId"], id);
    socket.nothing_more().await;
    assert_eq!(ann.history().await.len(), 3);
}

#[tokio::test]
async fn what_was_shown_of_an_answer_that_fails_is_kept_before_the_apology() {
    let app = TestApp::start();
    let ann = app.user("ann").await;
    drop(ann.welcomed().await);
    let mut socket = ann.socket("&after=1").await;
    socket.say(1, "stream and fail").await;
    let id = read(&mut socket, "Hello ").await;
    app.bot.go.notify_one();
    let kept = whole(&mut socket, "Hello ").await;
    assert_eq!(
        (&kept["messageId"], &kept["message"][0]["stopped"]),
        (&json!(id), &json!(true))
    );
    assert!(text_of(&socket.next().await).starts_with("Sorry"));
    socket.nothing_more().await;
}

#[tokio::test]
async fn a_visitor_who_talks_meanwhile_is_answered_after_it_and_it_stands_where_it_began() {
    let app = TestApp::start();
    let ann = app.user("ann").await;
    drop(ann.welcomed().await);
    let mut socket = ann.socket("&after=1").await;
    socket.say(1, "stream").await;
    read(&mut socket, "Hello ").await;
    assert_eq!(socket.say(2, "hello").await["seq"], 3);
    app.bot.go.notify_one();
    let piece = socket.next().await;
    assert_eq!(text_of(&piece), "wörld");
    // The newest that was stored when it began.
    assert_eq!(piece["message"][0]["behind"], 2);
    app.bot.go.notify_one();
    let stored = whole(&mut socket, "Hello wörld!").await;
    assert_eq!(
        (&stored["seq"], &stored["message"][0]["behind"]),
        (&json!(4), &json!(2))
    );
    let echo = socket.next().await;
    assert_eq!(text_of(&echo), "echo hello");
    assert_eq!(echo["message"][0]["behind"], Value::Null);
    let page = ann.get("/api/botmessages/rtm?botId=st-test").await.json();
    let behind: Vec<_> = page["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|message| message["behind"].as_u64())
        .collect();
    assert_eq!(behind, [None, None, None, Some(2), None]);
    socket.send(&message(&json!(2), "hello")).await;
    assert_eq!(socket.next().await["seq"], 3);
}
