//! What a turn knows, who gets it, and that it ends when it should.

use std::sync::atomic::Ordering;

use serde_json::{Value, json};
use server::bot::{Speaker, Turn, TurnKind};
use server::bus::{Event, Wake};
use server::clock::Clock as _;
use server::records::{ConversationId, Effects, Owner};
use server::store::{AnswersAppended, NewAnswer, NewAnswers};

use crate::grant::{claims, forged, header};
use crate::test_app::{SECRETS, TestApp, User, bot_info, message, text_of};

/// The turns that were given, from the one with this number on.
fn turns(app: &TestApp, from: usize) -> Vec<Turn> {
    app.bot.turns.lock().unwrap()[from..].to_vec()
}

async fn conversation(app: &TestApp) -> ConversationId {
    let turn = turns(app, 0).remove(0);
    let found = app.state.store.conversation_named(&turn.conversation).await;
    found.unwrap().unwrap().id
}

fn ann_agent() -> Owner {
    Owner::Agent("Ann Agent".to_owned())
}

async fn give(app: &TestApp, owner: Owner) {
    let here = conversation(app).await;
    let now = app.clock.now();
    let given = app.state.store.set_owner(here, None, owner, now).await;
    assert!(given.unwrap().is_some());
}

/// Waits until something that must come has come.
async fn until(done: impl Fn() -> bool) {
    let soon = async {
        while !done() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(crate::test_app::SOON, soon)
        .await
        .expect("it comes");
}

/// Waits until no job is open.
async fn all_done(app: &TestApp) {
    let store = &app.state.store;
    let done = async {
        while !store
            .open_conversations_with_jobs(app.clock.now())
            .await
            .unwrap()
            .is_empty()
        {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(crate::test_app::SOON, done)
        .await
        .expect("they are done");
}

#[tokio::test]
async fn a_bot_is_told_who_speaks_where_and_what_the_page_says() {
    let app = TestApp::start();
    let mut said = claims(&app);
    said["email"] = "ann@example.test".into();
    said["customData"] = json!({"plan": "gold"});
    said["nonce"] = "n".into();
    let body =
        json!({"assertion": forged(&header(), &said, SECRETS[0]), "botInfo": bot_info("st-test")});
    let reply = app.post("/api/oAuth/token/jwtgrant", &[], &body).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    let token = reply.json()["authorization"]["accessToken"].clone();
    let ann = app.returning(token.as_str().unwrap().to_owned());
    let mut socket = ann.welcomed().await;
    let mut frame = message(&json!(1), "one");
    frame["botInfo"]["customData"] = json!({"page": "/cart"});
    socket.send(&frame).await;
    assert_eq!(socket.next().await["type"], "ack");
    assert_eq!(text_of(&socket.next().await), "echo one");
    frame = message(&json!(2), "two");
    frame["message"]["customdata"] = json!({"item": 7});
    frame["botInfo"]["customData"] = json!({"page": "/cart"});
    socket.send(&frame).await;
    assert_eq!(socket.next().await["type"], "ack");
    assert_eq!(text_of(&socket.next().await), "echo two");

    let turns = turns(&app, 0);
    let [welcome, one, two] = turns.as_slice() else {
        panic!("{turns:?}");
    };
    for turn in [welcome, one, two] {
        assert_eq!(
            (turn.app.as_str(), turn.bot.as_str()),
            ("cs-test", "st-test")
        );
        assert_eq!(turn.visitor.identity, "ann");
        assert!(turn.visitor.id.starts_with("u-"));
        let profile = json!({"email": "ann@example.test", "customData": {"plan": "gold"}});
        assert_eq!(turn.visitor.profile, Some(profile));
        assert!(turn.conversation.starts_with("cv-"));
        assert_eq!(turn.conversation, welcome.conversation);
        assert_eq!((&turn.owner, turn.attempt), (&Owner::Bot, 0));
        assert!(turn.recent.is_empty(), "it asked for none");
    }
    let custom = |turn: &Turn| match &turn.kind {
        TurnKind::Message { custom_data, .. } => custom_data.clone(),
        _ => None,
    };
    assert_eq!(custom(one), Some(json!({"page": "/cart"})));
    assert_eq!(custom(two), Some(json!({"item": 7})));
    assert_ne!(one.idempotence_key, two.idempotence_key);
    // What the page said beside a message is nobody's to read afterwards.
    let history = ann.get("/api/botmessages/rtm?botId=st-test").await;
    assert!(!history.body.contains("/cart"));
}

#[tokio::test]
async fn a_bot_that_asks_for_it_is_told_what_was_said_before() {
    let app = TestApp::start();
    app.bot.recalls.store(2, Ordering::SeqCst);
    let ann = app.user("ann").await;
    let mut socket = ann.welcomed().await;
    for (id, body) in [(1, "one"), (2, "two")] {
        socket.say(id, body).await;
        socket.next().await;
    }
    let told: Vec<Vec<_>> = turns(&app, 0)
        .into_iter()
        .map(|turn| {
            let said = turn.recent.into_iter();
            said.map(|said| (said.by, said.text)).collect()
        })
        .collect();
    let said = |by, text: &str| (by, text.to_owned());
    assert_eq!(
        told,
        [
            vec![],
            vec![said(Speaker::Bot, "Welcome")],
            vec![
                said(Speaker::Visitor, "one"),
                said(Speaker::Bot, "echo one")
            ]
        ]
    );
}

#[tokio::test]
async fn a_bot_gets_no_turn_while_somebody_else_has_the_conversation() {
    let app = TestApp::start();
    let ann = app.user("ann").await;
    let mut socket = ann.welcomed().await;
    for (id, owner) in [(1, Owner::Queue), (2, ann_agent())] {
        give(&app, owner).await;
        socket.say(id, "hello").await;
        socket.nothing_more().await;
    }
    assert_eq!(app.bot.asked.load(Ordering::SeqCst), 1);
    all_done(&app).await;
    assert_eq!(
        app.bot.asked.load(Ordering::SeqCst),
        1,
        "nothing waits for it"
    );
    give(&app, Owner::Bot).await;
    socket.say(3, "back").await;
    assert_eq!(text_of(&socket.next().await), "echo back");
}

#[tokio::test]
async fn a_bot_that_carries_on_to_people_is_given_what_is_said_to_them() {
    let app = TestApp::start();
    app.bot.carries.store(true, Ordering::SeqCst);
    let ann = app.user("ann").await;
    let mut socket = ann.welcomed().await;
    give(&app, ann_agent()).await;
    socket.say(1, "silence").await;
    until(|| app.bot.asked.load(Ordering::SeqCst) == 2).await;
    assert_eq!(turns(&app, 1)[0].owner, ann_agent());
    socket.nothing_more().await;
}

/// A person takes the conversation, and says so in it.
async fn take_over(app: &TestApp) {
    let taken = app.state.store.append_answers(NewAnswers {
        conversation: conversation(app).await,
        answers: vec![NewAnswer {
            message_id: "ms-agent".to_owned(),
            body: json!({"cInfo": {"body": "I am Ann."}}).to_string(),
        }],
        agent: Some("Ann Agent".to_owned()),
        only_if: Some(Owner::Bot),
        effects: Effects {
            owner: Some(ann_agent()),
            ..Effects::default()
        },
        now: app.clock.now(),
    });
    let AnswersAppended::Stored { messages, .. } = taken.await.unwrap() else {
        panic!("the bot has it");
    };
    for message in messages {
        app.state.rtm.publish(message).await;
    }
}

async fn texts(ann: &User<'_>) -> Vec<String> {
    let history = ann.history().await.into_iter();
    history.map(|(_, _, text)| text).collect()
}

#[tokio::test]
async fn a_turn_that_streams_when_a_person_takes_over_adds_nothing() {
    // It comes to its end, good or bad.
    for (body, goes_on) in [("stream", true), ("stream and fail", false)] {
        let app = TestApp::start();
        let ann = app.user("ann").await;
        drop(ann.welcomed().await);
        let mut socket = ann.socket("&after=1").await;
        socket.say(1, body).await;
        let piece = socket.next().await;
        assert_eq!((&piece["sM"], text_of(&piece)), (&json!(true), "Hello "));
        give(&app, ann_agent()).await;
        app.bot.go.notify_one();
        if goes_on {
            assert_eq!(text_of(&socket.next().await), "wörld");
            app.bot.go.notify_one();
        }
        all_done(&app).await;
        assert_eq!(texts(&ann).await, ["Welcome", body]);
        // The conversation goes on.
        give(&app, Owner::Bot).await;
        let mut socket = ann.socket("&after=2").await;
        socket.say(2, "hello").await;
        assert_eq!(text_of(&socket.next().await), "echo hello");
    }
}

#[tokio::test]
async fn a_turn_that_waits_when_a_person_takes_over_adds_nothing() {
    let app = TestApp::start();
    let ann = app.user("ann").await;
    let mut socket = ann.welcomed().await;
    socket.say(1, "wait").await;
    until(|| app.bot.asked.load(Ordering::SeqCst) == 2).await;
    take_over(&app).await;
    assert_eq!(text_of(&socket.next().await), "I am Ann.");
    app.bot.go.notify_one();
    all_done(&app).await;
    socket.nothing_more().await;
    assert_eq!(texts(&ann).await, ["Welcome", "wait", "I am Ann."]);
}

#[tokio::test]
async fn to_stop_a_turn_ends_what_the_bot_was_doing_at_once() {
    let app = TestApp::start();
    let ann = app.user("ann").await;
    drop(ann.welcomed().await);
    let mut socket = ann.socket("&after=1").await;
    socket.say(1, "stream and hang").await;
    let piece = socket.next().await;
    assert_eq!(app.bot.dropped.load(Ordering::SeqCst), 0);
    socket
        .send(&json!({"type": "stop", "messageId": piece["messageId"]}))
        .await;
    until(|| app.bot.dropped.load(Ordering::SeqCst) == 1).await;
    let stored = socket.next().await;
    assert_eq!((text_of(&stored), &stored["sM"]), ("Hello ", &Value::Null));
}

#[tokio::test]
async fn a_person_who_takes_over_ends_what_the_bot_was_streaming_at_once() {
    let app = TestApp::start();
    let ann = app.user("ann").await;
    drop(ann.welcomed().await);
    let mut socket = ann.socket("&after=1").await;
    socket.say(1, "stream and hang").await;
    assert_eq!(socket.next().await["sM"], true);
    let told = async |owner| {
        let event = Event::Owner(owner);
        let conversation = conversation(&app).await;
        let wake = Wake {
            conversation,
            event,
        };
        app.state.rtm.bus.publish(wake).await.unwrap();
    };
    // What the bus says of before is not believed.
    told(ann_agent()).await;
    assert_eq!(socket.next().await["type"], "events");
    socket.nothing_more().await;
    assert_eq!(app.bot.dropped.load(Ordering::SeqCst), 0);
    take_over(&app).await;
    told(ann_agent()).await;
    until(|| app.bot.dropped.load(Ordering::SeqCst) == 1).await;
    all_done(&app).await;
    let expected = ["Welcome", "stream and hang", "I am Ann."];
    assert_eq!(texts(&ann).await, expected);
}

#[tokio::test]
async fn a_bot_that_was_asked_before_a_crash_is_given_the_same_turn_again() {
    let app = TestApp::start();
    app.bot.wait_to_greet.store(true, Ordering::SeqCst);
    let ann = app.user("ann").await;
    let bob = app.user("bob").await;
    let socket = ann.socket("").await;
    until(|| app.bot.asked.load(Ordering::SeqCst) == 1).await;
    let mut his = bob.welcomed().await;
    his.say(1, "hang").await;
    until(|| app.bot.asked.load(Ordering::SeqCst) == 3).await;
    let before = turns(&app, 0);
    app.stop().await;
    drop(socket);

    let next = app.again();
    until(|| next.bot.asked.load(Ordering::SeqCst) == 2).await;
    let again = turns(&next, 0);
    for turn in [&before[0], &before[2]] {
        let same = again
            .iter()
            .find(|it| it.idempotence_key == turn.idempotence_key)
            .expect("the same turn");
        assert_eq!(same, turn);
    }
}
