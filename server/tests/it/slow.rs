//! A real peer that reads slowly: cut off with 1013, recovered from the history, at nobody's cost.

use protocol::reply::BotMessage;
use server::clock::Clock as _;
use server::ids::{Ids as _, RandomIds};
use server::records::StoredMessage;
use server::store::{NewAnswer, NextJob, TurnEnd};

use crate::test_app::{TestApp, text_of};

/// Stores many answers, and then tells everybody of all of them at once.
async fn flood(app: &TestApp, turns: usize, bytes: usize) -> u64 {
    let store = &app.state.store;
    let here = store
        .open_conversations_with_jobs(app.clock.now())
        .await
        .unwrap()[0];
    let big = serde_json::to_string(&BotMessage::text("x".repeat(bytes))).unwrap();
    let mut all: Vec<StoredMessage> = Vec::new();
    for _ in 0..turns {
        let now = app.clock.now();
        let NextJob::Ready(job) = store.next_job(here, now).await.unwrap() else {
            panic!("an open job");
        };
        let answers = (0..20).map(|_| NewAnswer {
            message_id: RandomIds.message(app.clock.now()),
            body: big.clone(),
        });
        let stored = store
            .complete_job(
                job.id,
                TurnEnd {
                    answers: answers.collect(),
                    ..TurnEnd::default()
                },
                now,
            )
            .await;
        all.extend(stored.unwrap().answers);
    }
    let last = all.last().map_or(0, |message| message.seq);
    for message in all {
        app.state.rtm.publish(message).await;
        tokio::task::yield_now().await;
    }
    last
}

#[tokio::test]
async fn a_slow_reader_is_closed_1013_and_recovers_while_others_are_served() {
    let app = TestApp::start();
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let mut slow = ann.welcomed().await;
    let mut his = bob.welcomed().await;
    // Turns that wait, so that the flood has something to answer.
    let turns: u64 = 12;
    let mut hers = ann.socket("").await;
    for id in 1..=turns {
        hers.say(id, "wait").await;
    }
    // Its own echoes, then nothing is read any more.
    for _ in 0..turns {
        assert_eq!(slow.next().await["type"], "user_message");
    }
    drop(hers);
    let last = flood(&app, usize::try_from(turns).unwrap(), 60_000).await;

    // Now it reads: what was under way, then why it was cut off. No frame is torn.
    let mut read = turns + 1;
    let code = loop {
        match slow.next_or_close().await {
            Ok(frame) => {
                read += 1;
                assert_eq!(
                    frame["seq"].as_u64(),
                    Some(read),
                    "in order, none is left out"
                );
            }
            Err(code) => break code,
        }
    };
    assert_eq!(code, Some(1013));
    assert!(read < last, "all {last} messages reached it");
    his.say(1, "hello").await;
    assert_eq!(text_of(&his.next().await), "echo hello");

    // It comes back: too much was missed for a replay of 200, so by the history; then live.
    let mut back = ann.socket(&format!("&isReconnect=true&after={read}")).await;
    let first = back.next().await;
    if first["type"] == "resync" {
        let page = ann.get("/api/botmessages/rtm?botId=st-test&limit=10").await;
        assert_eq!(page.json()["lastSeq"].as_u64(), Some(last));
    } else {
        for seq in read + 2..=last {
            assert_eq!(back.next().await["seq"].as_u64(), Some(seq));
        }
    }
    // The bot still thinks about the first; what it says was stored already.
    app.bot.go.notify_one();
    back.say(100, "hello").await;
    assert_eq!(text_of(&back.next().await), "echo hello");
}
