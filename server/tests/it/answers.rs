//! Bots that fail, hang and panic; ends and restarts of the server in the middle.

use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::json;

use crate::test_app::{TestApp, bot_info, message, text_of};
use crate::test_bot_app::LASTING;
use crate::test_socket::Socket;

#[tokio::test]
async fn a_bot_that_fails_is_excused_and_the_next_message_answered() {
    let app = TestApp::start();
    let ann = app.user("ann").await;
    let mut socket = ann.welcomed().await;
    for (id, body) in [(1, "fail"), (3, "panic")] {
        socket.say(id, body).await;
        let apology = socket.next().await;
        assert!(text_of(&apology).starts_with("Sorry"), "{apology}");
        assert_eq!(apology["message"][0]["component"]["type"], "error");
        socket.say(id + 1, "hello").await;
        assert_eq!(text_of(&socket.next().await), "echo hello");
    }
    let history = ann.history().await;
    assert!(
        history[2].2.starts_with("Sorry"),
        "an apology is part of the history"
    );
}

#[tokio::test]
async fn a_bot_that_hangs_holds_up_neither_acknowledgements_nor_others() {
    let app = TestApp::start();
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let (mut hers, mut his) = (ann.welcomed().await, bob.welcomed().await);
    hers.say(1, "wait").await;
    hers.say(2, "later").await;
    hers.nothing_more().await;
    his.say(1, "hello").await;
    assert_eq!(text_of(&his.next().await), "echo hello");
    app.bot.go.notify_one();
    assert_eq!(text_of(&hers.next().await), "at last");
    assert_eq!(text_of(&hers.next().await), "echo later", "in order");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_sockets_that_write_at_once_are_answered_once_and_in_order() {
    let app = TestApp::start();
    let ann = app.user("ann").await;
    let mut sockets = [ann.welcomed().await, ann.socket("").await];
    // Then it is in the conversation, and hears all that follows.
    sockets[1].nothing_more().await;
    // Some of these jobs are handed over, some are told with the end of the one before, some are read.
    for turn in 0..15 {
        for (side, socket) in sockets.iter_mut().enumerate() {
            let id = turn * 2 + side;
            socket.send(&message(&json!(id), &id.to_string())).await;
        }
        if turn % 4 == 0 {
            tokio::task::yield_now().await;
        }
    }
    for socket in &mut sockets {
        let (mut said, mut echoed) = (Vec::new(), Vec::new());
        while echoed.len() < 30 {
            let frame = socket.next().await;
            match frame["type"].as_str() {
                Some("ack") => said.push((frame["seq"].as_u64(), frame["replyto"].to_string())),
                Some("user_message") => {
                    let id = frame["clientMessageId"].to_string();
                    said.push((frame["seq"].as_u64(), id));
                }
                _ => echoed.push(text_of(&frame).to_owned()),
            }
        }
        said.sort();
        let wanted: Vec<_> = said.iter().map(|(_, id)| format!("echo {id}")).collect();
        assert_eq!(echoed, wanted);
    }
    assert_eq!(app.bot.asked.load(Ordering::SeqCst), 1 + 30);
}

#[tokio::test]
async fn a_restart_answers_what_was_open_once() {
    let app = TestApp::start();
    let ann = app.user("ann").await;
    let mut socket = ann.welcomed().await;
    socket.say(1, "hang").await;
    socket.say(2, "hello").await;
    let token = ann.token.clone();
    app.stop().await;
    assert_eq!(socket.closed().await, Some(1001));

    // The bot of the next process hangs no more for the first: it is asked "hang" again, so let
    // that turn be cut off, and see the order kept.
    let next = app.again();
    let ann = next.returning(token);
    let history = ann.history().await;
    let texts: Vec<_> = history.iter().map(|(_, _, text)| text.as_str()).collect();
    assert_eq!(
        texts,
        ["Welcome", "hang", "hello"],
        "token, messages and jobs are in the store"
    );
    while next.bot.asked.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn what_was_waiting_when_the_server_ended_is_answered_after_the_start() {
    let app = TestApp::start();
    let ann = app.user("ann").await;
    let mut socket = ann.welcomed().await;
    socket.say(1, "wait").await;
    socket.say(2, "hello").await;
    let token = ann.token.clone();
    app.stop().await;
    let next = app.again();
    let ann = next.returning(token);
    let mut socket = ann.socket("&isReconnect=true&after=3").await;
    next.bot.go.notify_one();
    assert_eq!(text_of(&socket.next().await), "at last");
    assert_eq!(text_of(&socket.next().await), "echo hello");
    socket.nothing_more().await;
}

#[tokio::test]
async fn an_ending_server_begins_no_further_answer() {
    let app = TestApp::start();
    let ann = app.user("ann").await;
    let mut socket = ann.welcomed().await;
    socket.say(1, "wait").await;
    socket.say(2, "hello").await;
    let token = ann.token.clone();
    while app.bot.asked.load(Ordering::SeqCst) < 2 {
        tokio::task::yield_now().await;
    }
    app.shutdown.cancel();
    app.bot.go.notify_one();
    app.stop().await;
    assert_eq!(app.bot.asked.load(Ordering::SeqCst), 2);

    let next = app.again();
    let ann = next.returning(token);
    let mut socket = ann.socket("&isReconnect=true&after=3").await;
    assert_eq!(text_of(&socket.next().await), "at last", "it was finished");
    assert_eq!(text_of(&socket.next().await), "echo hello");
    socket.nothing_more().await;
}

#[tokio::test]
async fn a_busy_bot_is_asked_again_and_then_excused() {
    // Hours may pass, and a socket ends with its token.
    let app = TestApp::start_with(LASTING);
    let ann = app.user("ann").await;
    let mut socket = ann.welcomed().await;
    socket.say(1, "busy").await;
    socket.say(2, "hello").await;
    // The time between the tries flies.
    let flying = async {
        loop {
            app.clock.advance(Duration::from_secs(1));
            tokio::task::yield_now().await;
        }
    };
    let excused = tokio::select! {
        frame = socket.next() => frame,
        () = flying => unreachable!("it never ends"),
    };
    assert!(text_of(&excused).starts_with("Sorry"), "{excused}");
    assert_eq!(
        text_of(&socket.next().await),
        "echo hello",
        "and nobody overtakes"
    );
    assert_eq!(app.bot.asked.load(Ordering::SeqCst), 1 + 4 + 1);
}

#[tokio::test]
async fn a_bot_that_fails_again_and_again_is_left_alone_until_it_is_back() {
    let app = TestApp::start();
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let (mut hers, mut his) = (ann.welcomed().await, bob.welcomed().await);
    for id in 1..=5 {
        hers.say(id, "fail").await;
        assert!(text_of(&hers.next().await).starts_with("Sorry"));
    }
    let asked = app.bot.asked.load(Ordering::SeqCst);
    his.say(1, "hello").await;
    his.nothing_more().await;
    assert_eq!(app.bot.asked.load(Ordering::SeqCst), asked, "it has a rest");
    // Nothing is lost: a moment later one turn finds out, and all go on.
    assert_eq!(text_of(&his.next().await), "echo hello");
    hers.say(6, "hello").await;
    assert_eq!(text_of(&hers.next().await), "echo hello");
}

#[tokio::test]
async fn a_visitor_is_excused_in_their_language_and_the_operators_words() {
    let config = "[bots.st-test.apology]\nfr = \"Pardon, un instant.\"\n";
    let app = TestApp::start_with(config);
    for (language, words) in [
        ("de-AT", "Das konnte ich leider nicht beantworten."),
        ("fr-CA", "Pardon, un instant."),
        ("tlh", "Sorry, I could not answer that."),
    ] {
        let user = app.user(language).await;
        let start = json!({"botInfo": bot_info("st-test"), "language": language});
        let reply = user.post("/api/rtm/start", &start).await;
        let url = reply.json()["url"].as_str().unwrap().to_owned();
        let path = &url[url.find("/rtm/").unwrap()..];
        let mut socket = Socket::open(&app, path, &[]).await.expect("a socket");
        assert_eq!(text_of(&socket.next().await), "Welcome");
        socket.say(1, "fail").await;
        let apology = socket.next().await;
        assert!(text_of(&apology).starts_with(words), "{apology}");
    }
}

#[tokio::test]
async fn an_ending_server_takes_what_has_come_and_says_goodbye() {
    let app = TestApp::start();
    let ann = app.user("ann").await;
    let mut socket = ann.welcomed().await;
    for id in 0..20 {
        socket.send(&message(&json!(id), "silence")).await;
    }
    app.shutdown.cancel();
    let mut acks = 0;
    let code = loop {
        match socket.next_or_close().await {
            Ok(frame) => acks += usize::from(frame["type"] == "ack"),
            Err(code) => break code,
        }
    };
    assert_eq!((acks, code), (20, Some(1001)));
    app.stop().await;
}
