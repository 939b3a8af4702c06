//! Frames that should not be: ignored or refused, counted, and in the end the socket is closed.

use serde_json::json;
use server::rtm::limits::{REFUSED_FOR, SOCKETS_PER_USER};
use tokio_tungstenite::tungstenite::Message;

use crate::test_app::{TestApp, message, text_of};
use crate::test_socket::Socket;

#[tokio::test]
async fn a_frame_that_cannot_be_used_costs_nothing_but_itself() {
    let app = TestApp::start();
    let ann = app.user("ann").await;
    let mut socket = ann.welcomed().await;
    for text in [
        "",
        "nonsense",
        "[]",
        "\"x\"",
        "null",
        "{",
        "{}",
        r#"{"type":7}"#,
        r#"{"type":"unknown"}"#,
        &"[".repeat(60_000),
    ] {
        socket.send_raw(Message::text(text)).await;
        socket.nothing_more().await;
    }
    socket.send_raw(Message::binary(vec![0, 255])).await;
    socket.nothing_more().await;
    socket.say(1, "still here").await;
    assert_eq!(text_of(&socket.next().await), "echo still here");
}

#[tokio::test]
async fn a_refusal_names_the_frame_and_why() {
    let app = TestApp::start();
    let ann = app.user("ann").await;
    let mut socket = ann.welcomed().await;
    let long = "x".repeat(10_001);
    for (body, code) in [
        (json!({"body": {"$ne": null}}), 400),
        (json!({"body": ["x"]}), 400),
        (json!({"body": 7}), 400),
        (json!("x"), 400),
        (json!({"body": "  "}), 400),
        (json!({"body": "\u{200b}"}), 400),
        (
            json!({"body": "\u{2060}\u{feff}\u{a0}", "renderMsg": "x"}),
            400,
        ),
        (json!({}), 400),
        (json!({"body": long}), 413),
        (json!({"body": "x", "renderMsg": long}), 413),
    ] {
        socket
            .send(&json!({"clientMessageId": 5, "resourceid": "/bot.message", "message": body}))
            .await;
        let refused = socket.next().await;
        assert_eq!(
            (&refused["type"], &refused["replyto"]),
            (&json!("error"), &json!(5)),
            "{refused}"
        );
        assert_eq!(refused["errors"][0]["code"], code, "{refused}");
        assert!(
            !refused.to_string().contains("$ne"),
            "what was sent is not repeated: {refused}"
        );
    }
    assert_eq!(ann.history().await.len(), 1, "nothing was stored");
    // The id is free for the corrected message.
    socket.say(5, "corrected").await;
    assert_eq!(text_of(&socket.next().await), "echo corrected");
    // Joiners inside of a text are part of it.
    for (id, text) in [(6, "👩\u{200d}👧"), (7, "می\u{200c}خواهم")] {
        socket.say(id, text).await;
        assert_eq!(text_of(&socket.next().await), format!("echo {text}"));
    }
}

#[tokio::test]
async fn what_our_widget_sends_never_overtakes_what_could_not_be_stored() {
    let app = TestApp::start();
    let ann = app.user("ann").await;
    let mut socket = ann.socket("&after=0").await;
    assert_eq!(text_of(&socket.next().await), "Welcome");
    app.tamper(
        "CREATE TRIGGER refuse BEFORE INSERT ON messages WHEN NEW.body LIKE '%first%'
         BEGIN SELECT RAISE(ABORT, 'on purpose'); END",
    );
    for (id, body) in [(1, "first"), (2, "second")] {
        socket.send(&message(&json!(id), body)).await;
    }
    for id in [1, 2] {
        let refused = socket.next().await;
        assert_eq!(refused["errors"][0]["code"], 503, "{refused}");
        assert_eq!(refused["replyto"], id, "{refused}");
    }
    app.tamper("DROP TRIGGER refuse");
    tokio::time::pause();
    tokio::time::advance(REFUSED_FOR).await;
    tokio::time::resume();
    for (id, body) in [(1, "first"), (2, "second")] {
        socket.say(id, body).await;
        assert_eq!(text_of(&socket.next().await), format!("echo {body}"));
    }
}

#[tokio::test]
async fn a_flood_is_refused_unstored_and_then_closed() {
    let app = TestApp::start();
    let ann = app.user("ann").await;
    let mut socket = ann.welcomed().await;
    for id in 0..400 {
        socket.send(&message(&json!(id), "silence")).await;
    }
    let (mut acks, mut refusals) = (0, 0);
    let code = loop {
        match socket.next_or_close().await {
            Ok(frame) if frame["type"] == "ack" => acks += 1,
            Ok(frame) => {
                assert_eq!(frame["errors"][0]["code"], 503, "{frame}");
                refusals += 1;
            }
            Err(code) => break code,
        }
    };
    assert_eq!(code, Some(1008));
    assert!(acks >= 40, "{acks}");
    // On a busy machine more than the burst is taken meanwhile, and each ten of those forgive one refusal.
    let forgiven = (acks - 40) / 10;
    assert!(
        (99..=99 + forgiven).contains(&refusals),
        "{acks} {refusals}"
    );
    assert_eq!(ann.history().await.len(), 1 + acks);
}

/// Sends the same until the server closes.
async fn until_closed(socket: &mut Socket, frame: &Message) -> Option<u16> {
    for _ in 0..200 {
        socket.send_raw(frame.clone()).await;
    }
    socket.closed().await
}

#[tokio::test]
async fn what_goes_on_and_on_is_closed_with_its_code() {
    let app = TestApp::start();
    for (frame, codes) in [
        (Message::text("nonsense"), [1007, 1008]),
        (Message::binary(vec![1]), [1003, 1003]),
        (Message::Ping(Vec::new().into()), [1008, 1008]),
        (Message::Pong(Vec::new().into()), [1008, 1008]),
        (
            Message::text(json!({"resourceid": "/bot.message", "message": {}}).to_string()),
            [1008, 1008],
        ),
    ] {
        let mut socket = app.user("ann").await.socket("").await;
        let code = until_closed(&mut socket, &frame).await.unwrap();
        assert!(codes.contains(&code), "{frame:?}: {code}");
    }
}

#[tokio::test]
async fn oversize_and_broken_text_close_at_once() {
    let app = TestApp::start();
    let ann = app.user("ann").await;
    let mut socket = ann.welcomed().await;
    socket
        .send_raw(Message::text("x".repeat(64 * 1024 + 1)))
        .await;
    assert_eq!(socket.closed().await, Some(1009));
    ann.socket("").await.nothing_more().await;
}

/// A masked frame with this opcode byte, length field and payload.
fn raw(first: u8, length: &[u8], payload: &[u8]) -> Vec<u8> {
    // A key of zeros leaves the payload as it is.
    [&[first][..], length, &[0; 4], payload].concat()
}

/// What no honest client sends, and its code.
fn faults() -> Vec<(Vec<u8>, u16)> {
    let long = |first| raw(first, &[0xfe, 0, 2], b"{}");
    let longest = |first| raw(first, &[0xff, 0, 0, 0, 0, 0, 0, 0, 2], b"{}");
    let endless = |payload: &[u8]| {
        let length = [0x80 | u8::try_from(payload.len()).unwrap()];
        let rest = raw(0x00, &length, payload).repeat(200);
        [raw(0x01, &length, payload), rest].concat()
    };
    vec![
        (long(0x81), 1002),
        (longest(0x81), 1002),
        (long(0x89), 1002),
        (longest(0x8a), 1002),
        (long(0x88), 1002),
        (endless(b""), 1008),
        (endless(b" "), 1008),
    ]
}

#[tokio::test]
async fn frames_that_no_client_sends_are_closed_with_their_code() {
    let app = TestApp::start();
    let ann = app.user("ann").await;
    for (bytes, code) in faults() {
        let mut socket = ann.socket("&isReconnect=true").await;
        // What is good before it is taken.
        socket.send(&message(&json!(7), "silence")).await;
        socket.send_bytes(&bytes).await;
        while socket.next().await["type"] != "ack" {}
        assert_eq!(socket.closed().await, Some(code), "{bytes:x?}");
    }
}

#[tokio::test]
async fn the_seats_of_sockets_that_were_closed_are_free_at_once() {
    let app = TestApp::start();
    let ann = app.user("ann").await;
    let mut closed = Vec::new();
    // Twice as many as the limit of a user's sockets, and nobody answers the close frame.
    for _ in 0..2 * SOCKETS_PER_USER {
        let mut socket = ann.socket("").await;
        socket.send_bytes(&faults()[0].0).await;
        assert_eq!(socket.closed().await, Some(1002));
        closed.push(socket);
    }
}
