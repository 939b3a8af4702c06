//! Peers that are gone, peers that do not read, and what the log says about all of it.

use std::io::Write;
use std::sync::{Arc, Mutex, Once};
use std::time::Duration;

use protocol::reply::BotMessage;
use serde_json::json;
use server::clock::Clock as _;
use server::ids::{Ids as _, RandomIds};
use server::store::{NewAnswer, NextJob, TurnEnd};
use tracing_subscriber::fmt::MakeWriter;

use crate::test_app::{SECRETS, TestApp, message, text_of};

/// Waits until the last socket is counted off.
async fn alone(app: &TestApp) {
    while !app.state.rtm.registry.is_empty() {
        tokio::task::yield_now().await;
    }
}

/// Lets a span of time pass for the server, and everything happen that then does.
async fn pass(span: Duration) {
    tokio::time::pause();
    tokio::time::advance(span).await;
    tokio::time::resume();
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_peer_that_answers_no_ping_is_let_go() {
    let app = TestApp::start();
    let socket = app.user("ann").await.welcomed().await;
    // Nobody reads the socket, so nobody answers.
    pass(Duration::from_secs(26)).await;
    assert_eq!(app.state.rtm.registry.len(), 1);
    pass(Duration::from_secs(21)).await;
    alone(&app).await;
    drop(socket);
}

#[tokio::test]
async fn a_quiet_peer_that_answers_stays() {
    let app = TestApp::start();
    let mut socket = app.user("ann").await.welcomed().await;
    for _ in 0..4 {
        pass(Duration::from_secs(26)).await;
        // Reading answers the ping.
        socket.nothing_more().await;
        pass(Duration::from_secs(19)).await;
        socket.nothing_more().await;
    }
    assert_eq!(app.state.rtm.registry.len(), 1);
}

#[tokio::test]
async fn a_peer_that_does_not_read_is_cut_off_and_costs_others_nothing() {
    let app = TestApp::start();
    let ann = app.user("ann").await;
    let deaf = ann.welcomed().await;
    let (rtm, store) = (&app.state.rtm, &app.state.store);
    // Far more than the kernel keeps for one connection, faster than any bot.
    let conversation = store
        .open_conversations_with_jobs(app.clock.now())
        .await
        .unwrap();
    assert!(conversation.is_empty());
    let mut hers = ann.socket("").await;
    for id in 0..24 {
        hers.send(&message(&json!(id), "wait")).await;
        assert_eq!(hers.next().await["type"], "ack");
    }
    let open = store
        .open_conversations_with_jobs(app.clock.now())
        .await
        .unwrap();
    let big = serde_json::to_string(&BotMessage::text("x".repeat(60_000))).unwrap();
    drop(hers);
    for _ in 0..24 {
        let NextJob::Ready(job) = store.next_job(open[0], app.clock.now()).await.unwrap() else {
            panic!("an open job");
        };
        let answers = (0..20).map(|_| NewAnswer {
            message_id: RandomIds.message(app.clock.now()),
            body: big.clone(),
        });
        for stored in store
            .complete_job(
                job.id,
                TurnEnd {
                    answers: answers.collect(),
                    ..TurnEnd::default()
                },
                app.clock.now(),
            )
            .await
            .unwrap()
            .answers
        {
            rtm.publish(stored).await;
            tokio::task::yield_now().await;
        }
    }
    let mut his = app.user("bob").await.welcomed().await;
    his.say(1, "hello").await;
    assert_eq!(text_of(&his.next().await), "echo hello");
    drop(his);
    pass(Duration::from_secs(11)).await;
    pass(Duration::from_secs(3)).await;
    alone(&app).await;
    drop(deaf);
}

/// Everything that is logged, by all tests of this binary.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Written {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn nothing_that_is_secret_is_logged() {
    static LISTEN: Once = Once::new();
    let written = Written::default();
    let writer = written.clone();
    LISTEN.call_once(move || {
        let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::DEBUG);
        subscriber.with_writer(writer).init();
    });
    let app = TestApp::start();
    let ann = app.user("ann@private.test").await;
    let ticket = ann.ticket().await;
    let sid = ticket.split("sid=").nth(1).unwrap().to_owned();
    let mut socket = crate::test_socket::Socket::open(&app, &ticket, &[])
        .await
        .unwrap();
    socket.next().await;
    socket.say(1, "my card is 4111").await;
    socket.next().await;
    for body in ["fail", "panic"] {
        socket.send(&message(&json!(body), body)).await;
        socket.next().await;
        socket.next().await;
    }
    socket.send(&json!({"clientMessageId": 9, "resourceid": "/bot.message", "message": {"body": ["my card is 4111"]}})).await;
    socket.next().await;
    let assertion = app.assertion("cs-test", "bob");
    for _ in 0..2 {
        app.post(
            "/api/oAuth/token/jwtgrant",
            &[],
            &json!({"assertion": assertion}),
        )
        .await;
    }
    app.post(
        "/api/users/sts",
        &[],
        &json!({"clientId": "cs-test", "clientSecret": SECRETS[1], "identity": "x"}),
    )
    .await;
    ann.get(&format!(
        "/api/botmessages/rtm?botId=st-test&access={}",
        ann.token
    ))
    .await;
    app.stop().await;
    let log = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
    assert!(
        log.contains("on purpose") || log.contains("a bot gave no answer"),
        "the log was heard: {log}"
    );
    // What was refused is told by its class.
    for class in [r#""replay""#, r#""secret""#] {
        assert!(log.contains(class), "{class}: {log}");
    }
    let words = [
        "my card is 4111",
        "ann@private.test",
        &sid,
        &ann.token,
        &assertion,
    ];
    for secret in words.iter().chain(SECRETS.iter()) {
        let line = log.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "{secret} was logged");
    }
}
