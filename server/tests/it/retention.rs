//! Old messages are forgotten while the server serves.

use std::time::Duration;

use serde_json::json;

use crate::test_app::{TestApp, message, text_of};

#[tokio::test]
async fn old_messages_go_and_a_cursor_before_them_is_told_to_load_anew() {
    // Days pass, and a socket ends with its token.
    let more = "[retention]\nage = \"8d\"\n[tokens]\naccess_life = \"30d\"\n";
    let app = TestApp::start_with(more);
    let ann = app.user("ann").await;
    let mut socket = ann.welcomed().await;
    socket.say(1, "old").await;
    assert_eq!(text_of(&socket.next().await), "echo old");
    socket.say(2, "wait").await;
    app.clock.advance(Duration::from_hours(6));
    socket.say(3, "young").await;
    app.clock.advance(Duration::from_hours(7 * 24 + 19));
    app.state.start_background();
    let texts = loop {
        let texts: Vec<_> = ann
            .history()
            .await
            .into_iter()
            .map(|(seq, _, text)| (seq, text))
            .collect();
        if texts.len() < 5 {
            break texts;
        }
        tokio::task::yield_now().await;
    };
    let kept = [(4, "wait".to_owned()), (5, "young".to_owned())];
    assert_eq!(texts, kept, "what is not answered stays");
    // Still served, and sequences go on.
    app.bot.go.notify_one();
    assert_eq!(text_of(&socket.next().await), "at last");
    assert_eq!(text_of(&socket.next().await), "echo young");
    for (after, first) in [("1", "resync"), ("3", "user_message")] {
        let mut back = ann
            .socket(&format!("&isReconnect=true&after={after}"))
            .await;
        assert_eq!(back.next().await["type"], first, "after {after}");
    }
    let page = ann
        .get("/api/botmessages/rtm?botId=st-test&limit=100")
        .await;
    assert_eq!(page.json()["lastSeq"], 7);
    socket.send(&message(&json!(4), "next")).await;
    assert_eq!(socket.next().await["seq"], 8);
}
