//! What bots, and people behind them, say outside of turns.

use std::time::Duration;

use secrecy::SecretString;
use serde_json::{Value, json};
use server::clock::Millis;
use server::config::Config;
use server::outbound::webhook_signature::{Secret, Secrets};
use server::records::Owner;

use crate::test_app::{CONFIG, NOW, Reply, TestApp, User, text_of};
use crate::test_socket::Socket;

/// The keys of `st-test`, the newer first, and that of `st-other`.
const KEY: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const OLD_KEY: &str = "whsec_plJ3nmyCDGBKInavdOK15jsl8wCBPSbL";
const OTHER_KEY: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

const MORE: &str = r"
[rate]
outside_conversation_burst = 30
outside_conversation_per_minute = 1
";

/// A server whose bots may come in.
fn server() -> TestApp {
    let keys = format!("{KEY} {OLD_KEY}");
    let bots = format!(
        "[bots.st-keyed]\npage = \"keyed\"\nname = \"Keyed\"\nkey = \"{OTHER_KEY}\"\n{MORE}"
    );
    TestApp::start_keyed("st-test", &keys, &bots)
}

/// A conversation as its bot knows it, with a socket of the visitor's that has had its welcome.
struct Room<'a> {
    app: &'a TestApp,
    ann: User<'a>,
    socket: Socket,
    name: String,
}

impl<'a> Room<'a> {
    async fn of(app: &'a TestApp) -> Self {
        let ann = app.user("ann").await;
        let socket = ann.welcomed().await;
        let name = name_of(app).await;
        Self {
            app,
            ann,
            socket,
            name,
        }
    }

    fn path(&self) -> String {
        format!("/api/bots/st-test/conversations/{}/messages", self.name)
    }

    /// Says it with the bot's key as bearer.
    async fn say(&self, body: &Value) -> Reply {
        let bearer = format!("Bearer {KEY}");
        let headers = [("authorization", &*bearer)];
        self.app.post(&self.path(), &headers, body).await
    }

    async fn owner(&self) -> Owner {
        let store = &self.app.state.store;
        let found = store.conversation_named(&self.name).await.unwrap();
        found.unwrap().owner
    }
}

/// The public name of the newest conversation with `st-test`, which the bot is told with each turn.
async fn name_of(app: &TestApp) -> String {
    let dossiers = app.state.store.dossiers("ann", None).await.unwrap();
    dossiers[0].conversations[0].name.clone()
}

fn signed(key: &str, id: &str, at: Millis, body: &str) -> Vec<(String, String)> {
    let secret = Secret::parse(&SecretString::from(key)).unwrap();
    let headers = Secrets::new(secret).sign(id, at, body.as_bytes()).unwrap();
    let text = |(name, value): &(http::HeaderName, http::HeaderValue)| {
        (name.to_string(), value.to_str().unwrap().to_owned())
    };
    headers.iter().map(text).collect()
}

async fn post_signed(app: &TestApp, path: &str, headers: &[(String, String)], body: &str) -> Reply {
    let headers: Vec<_> = headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    app.request("POST", path, &headers, body).await
}

#[tokio::test]
async fn what_a_bot_says_by_itself_is_stored_and_told_to_every_socket() {
    let app = server();
    let mut room = Room::of(&app).await;
    let mut plain = room.ann.plain_socket("").await;
    let mut ours = room.ann.socket("&after=1").await;
    for socket in [&mut plain, &mut ours] {
        socket.nothing_more().await;
    }
    let body = json!({"id": "parcel-7", "messages": [
        {"text": "Your parcel is here"},
        {"text": "Open?", "quick_replies": [{"title": "Yes", "payload": "yes"}]},
    ]});
    let reply = room.say(&body).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    let stored = reply.json()["messages"].clone();
    assert_eq!(
        [&stored[0]["seq"], &stored[1]["seq"]],
        [&json!(2), &json!(3)]
    );
    for socket in [&mut room.socket, &mut plain, &mut ours] {
        for (place, text) in [(0, "Your parcel is here"), (1, "Open?")] {
            let frame = socket.next().await;
            assert_eq!(text_of(&frame), text);
            assert_eq!(frame["messageId"], stored[place]["messageId"]);
            assert_eq!(
                (&frame["author"], &frame["fromAgent"]),
                (&Value::Null, &Value::Null)
            );
        }
        socket.nothing_more().await;
    }
    let history = room.ann.history().await;
    assert_eq!(
        history[1],
        (2, "outgoing".to_owned(), "Your parcel is here".to_owned())
    );
    // Also below the other prefix, and for a visitor who comes later.
    let path = room.path().replace("/api/", "/api/1.1/");
    let bearer = format!("bearer {OLD_KEY}");
    let reply = app
        .post(
            &path,
            &[("authorization", &bearer)],
            &json!({"text": "Hello"}),
        )
        .await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    assert_eq!(
        text_of(&room.ann.socket("&after=3").await.next().await),
        "Hello"
    );
}

#[tokio::test]
async fn the_same_id_says_it_once_and_is_answered_alike() {
    let app = server();
    let mut room = Room::of(&app).await;
    let body = json!({"id": "r1", "messages": [{"text": "one"}, {"text": "two"}]});
    let (first, second) = tokio::join!(room.say(&body), room.say(&body));
    assert_eq!((first.status, second.status), (200, 200));
    assert_eq!(first.json(), second.json());
    let later = room
        .say(&json!({"id": "r1", "text": "something else"}))
        .await;
    assert_eq!(later.json()["messages"][0], first.json()["messages"][0]);
    assert_eq!(text_of(&room.socket.next().await), "one");
    assert_eq!(text_of(&room.socket.next().await), "two");
    room.socket.nothing_more().await;
    // After somebody else took the conversation, too: it was said before.
    let taken = json!({"handover": {"to": "agent", "name": "Ann"}});
    assert_eq!(room.say(&taken).await.status, 200);
    let again = room.say(&body).await;
    assert_eq!((again.status, again.json()), (200, first.json()));
    assert_eq!(room.ann.history().await.len(), 3);
}

#[tokio::test]
async fn a_signature_is_over_the_bytes_of_a_moment_ago() {
    let app = server();
    let mut room = Room::of(&app).await;
    let path = room.path();
    let body = r#"{"text":"signed"}"#;
    let minutes = |many: i64| {
        let away = Duration::from_secs(60 * many.unsigned_abs());
        if many < 0 {
            NOW.minus(away)
        } else {
            NOW.plus(away)
        }
    };
    let headers = |key, at: i64| signed(key, "msg_1", minutes(at), body);
    for (headers, body, status) in [
        (headers(KEY, 0), r#"{"text":"other"}"#, 401),
        (headers(OTHER_KEY, 0), body, 401),
        (headers(KEY, -6), body, 401),
        (headers(KEY, 6), body, 401),
        (vec![headers(KEY, 0)[2].clone()], body, 401),
        (headers(KEY, -4), body, 200),
        (headers(OLD_KEY, 0), body, 200),
    ] {
        let reply = post_signed(&app, &path, &headers, body).await;
        assert_eq!(reply.status, status, "{}", reply.body);
        assert!(
            !reply.body.contains("whsec_") && !reply.body.contains("other"),
            "{}",
            reply.body
        );
    }
    // The last two have one id.
    assert_eq!(text_of(&room.socket.next().await), "signed");
    room.socket.nothing_more().await;
    let nothing = app.post(&path, &[], &json!({"text": "Hi"})).await;
    assert_eq!(nothing.status, 401);
    let of_another = format!("Bearer {OTHER_KEY}");
    let wrong = app
        .post(
            &path,
            &[("authorization", &of_another)],
            &json!({"text": "Hi"}),
        )
        .await;
    assert_eq!(wrong.status, 401);
    // A person who tries is not let try for ever, and neither is the right key from there.
    for _ in 0..10 {
        app.post(&path, &[("authorization", "Bearer x")], &json!({}))
            .await;
    }
    let waits = room.say(&json!({"text": "Hi"})).await;
    assert_eq!(waits.status, 429);
    assert!(!waits.header("retry-after").is_empty());
}

#[tokio::test]
async fn a_bot_comes_into_its_own_conversations_only() {
    let app = server();
    let room = Room::of(&app).await;
    let say = |bot: &'static str, name: String, key: &'static str| {
        let app = &app;
        async move {
            let path = format!("/api/bots/{bot}/conversations/{name}/messages");
            let bearer = format!("Bearer {key}");
            let reply = app
                .post(&path, &[("authorization", &bearer)], &json!({"text": "Hi"}))
                .await;
            reply.status
        }
    };
    assert_eq!(say("st-keyed", room.name.clone(), OTHER_KEY).await, 404);
    assert_eq!(say("st-test", "cv-none".to_owned(), KEY).await, 404);
    assert_eq!(say("st-test", "%20%ff".to_owned(), KEY).await, 404);
    assert_eq!(
        say("st-other", room.name.clone(), KEY).await,
        404,
        "it has no key"
    );
    assert_eq!(say("st-none", room.name.clone(), KEY).await, 404);
    assert_eq!(room.ann.history().await.len(), 1);
}

#[tokio::test]
async fn a_key_comes_and_goes_without_a_restart_and_a_weak_one_changes_nothing() {
    let app = TestApp::start();
    let room = Room::of(&app).await;
    let with = |key: &str| {
        let text = CONFIG.replace(
            "[bots.st-test]\n",
            &format!("[bots.st-test]\nkey = \"{key}\"\n"),
        );
        Config::from_text(&text).unwrap()
    };
    let hi = json!({"id": "hi", "text": "Hi"});
    assert_eq!(room.say(&hi).await.status, 404);
    app.state.reload(&with(KEY)).unwrap();
    assert_eq!(room.say(&hi).await.status, 200);
    for weak in ["hush", "whsec_aHVzaA==", "whsec_!", &format!("{KEY} hush")] {
        let error = app.state.reload(&with(weak)).unwrap_err().to_string();
        assert!(error.contains("bots.st-test.key"), "{error}");
        assert!(!error.contains("hush") && !error.contains(KEY), "{error}");
    }
    assert_eq!(room.say(&hi).await.status, 200);
    app.state.reload(&with(OLD_KEY)).unwrap();
    assert_eq!(room.say(&hi).await.status, 401);
    app.state.reload(&with("")).unwrap();
    assert_eq!(room.say(&hi).await.status, 404);
}

#[tokio::test]
async fn what_is_wrong_or_too_much_is_refused_and_stores_nothing() {
    let app = server();
    let room = Room::of(&app).await;
    let many: Vec<_> = (0..21).map(|_| json!({"text": "x"})).collect();
    for (body, status) in [
        (json!([]), 400),
        (json!({}), 400),
        (json!({"messages": "x"}), 400),
        (json!({"text": 7}), 400),
        (json!({"text": "x", "id": 7}), 400),
        (json!({"text": "x", "agent": "Ann"}), 400),
        (json!({"messages": many}), 400),
        (json!({"handover": {"to": "moon"}}), 400),
        (json!({"typing": "on"}), 400),
        (json!({"text": "x".repeat(64 * 1024)}), 413),
    ] {
        let reply = room.say(&body).await;
        assert_eq!(reply.status, status, "{}", reply.body);
        let (msg, code) = reply.error();
        assert_eq!(code, json!(status), "{msg}");
        assert!(!msg.contains("xx"), "{msg}");
    }
    let bearer = format!("Bearer {KEY}");
    let headers = [("authorization", &*bearer)];
    for body in ["", "{", "<html>", "\u{feff}{}"] {
        let reply = app.request("POST", &room.path(), &headers, body).await;
        assert_eq!(reply.status, 400, "{}", reply.body);
    }
    assert_eq!(app.get(&room.path(), &headers).await.status, 405);
    assert_eq!(room.ann.history().await.len(), 1);
    // What can be read counts. Half an emoji is no mistake.
    let half = r#"{"text":"\ud83d"}"#;
    let half = app.request("POST", &room.path(), &headers, half).await;
    assert_eq!(half.status, 200, "{}", half.body);
    let mut statuses = Vec::new();
    for _ in 0..40 {
        statuses.push(room.say(&json!({"typing": true})).await.status);
    }
    assert_eq!(statuses.last(), Some(&429));
    assert!(statuses.iter().filter(|status| **status == 200).count() <= 30);
}

/// What the next frame is about: `agent_connected Ann`.
async fn event(socket: &mut Socket) -> String {
    let frame = socket.next().await;
    assert_eq!(
        (&frame["type"], &frame["from"]),
        (&json!("events"), &json!("bot")),
        "{frame}"
    );
    let message = &frame["message"];
    let word = |value: &Value| value.as_str().unwrap().to_owned();
    format!(
        "{} {}",
        word(&message["type"]),
        word(&message["author"]["firstName"])
    )
}

#[tokio::test]
async fn a_person_takes_the_conversation_speaks_and_gives_it_back() {
    let app = server();
    let mut room = Room::of(&app).await;
    let mut ours = room.ann.socket("&after=1").await;
    ours.nothing_more().await;
    // Not without a word about it.
    let as_ann = |text: &str| json!({"text": text, "agent": {"name": "Ann Lee"}});
    let early = room.say(&as_ann("Hello")).await;
    assert_eq!(
        (early.status, early.error().1),
        (409, json!(409)),
        "{}",
        early.body
    );
    assert_eq!(
        room.say(&json!({"typing": true, "agent": {"name": "Ann Lee"}}))
            .await
            .status,
        409
    );
    let takes = json!({"handover": {"to": "agent", "name": "Ann Lee"}, "agent": {"name": "Ann Lee"}, "text": "Hello"});
    assert_eq!(room.say(&takes).await.status, 200);
    for socket in [&mut room.socket, &mut ours] {
        assert_eq!(event(socket).await, "agent_connected Ann Lee");
        let says = socket.next().await;
        assert_eq!(text_of(&says), "Hello");
        assert_eq!(says["fromAgent"], true);
        assert_eq!(
            says["author"],
            json!({"id": "Ann Lee", "type": "AGENT", "firstName": "Ann Lee", "lastName": ""})
        );
    }
    assert_eq!(room.owner().await, Owner::Agent("Ann Lee".to_owned()));

    // The bot is still, and a socket that opens is told who is there.
    let still = room.say(&json!({"text": "I am back"})).await;
    assert_eq!(still.status, 409, "{}", still.body);
    room.socket.say(1, "are you there?").await;
    assert_eq!(ours.next().await["type"], "user_message");
    room.socket.nothing_more().await;
    let mut later = room.ann.socket("&after=3&isReconnect=true").await;
    assert_eq!(event(&mut later).await, "agent_connected Ann Lee");
    let mut official = room.ann.socket("&isReconnect=true").await;
    assert_eq!(event(&mut official).await, "agent_connected Ann Lee");

    // Dots, then a word, then another person, then the bot.
    let typing = json!({"typing": true, "agent": {"name": "Ann Lee"}});
    assert_eq!(room.say(&typing).await.status, 200);
    assert_eq!(event(&mut room.socket).await, "typing Ann Lee");
    let bob = json!({"text": "I take over", "agent": {"name": "Bob"}});
    assert_eq!(room.say(&bob).await.status, 200);
    assert_eq!(event(&mut room.socket).await, "agent_disconnected Ann Lee");
    assert_eq!(event(&mut room.socket).await, "agent_connected Bob");
    assert_eq!(text_of(&room.socket.next().await), "I take over");
    let bye = json!({"text": "Goodbye", "agent": {"name": "Bob"}, "handover": {"to": "bot"}});
    assert_eq!(room.say(&bye).await.status, 200);
    assert_eq!(text_of(&room.socket.next().await), "Goodbye");
    assert_eq!(event(&mut room.socket).await, "agent_disconnected Bob");
    room.socket.say(2, "and now?").await;
    assert_eq!(text_of(&room.socket.next().await), "echo and now?");

    // The history knows who spoke.
    let path = "/api/botmessages/rtm?botId=st-test&limit=100";
    let page = room.ann.get(path).await.json();
    let authors: Vec<_> = page["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|message| message["author"]["firstName"].as_str().unwrap_or("-"))
        .collect();
    assert_eq!(authors, ["-", "Ann Lee", "-", "Bob", "Bob", "-", "-"]);
}

#[tokio::test]
async fn a_turn_that_runs_while_a_person_takes_over_adds_nothing() {
    let app = server();
    let mut room = Room::of(&app).await;
    room.socket.say(1, "wait").await;
    let takes = json!({"id": "t", "handover": {"to": "agent", "name": "Ann"}, "agent": {"name": "Ann"}, "text": "Hello"});
    assert_eq!(room.say(&takes).await.status, 200);
    assert_eq!(event(&mut room.socket).await, "agent_connected Ann");
    assert_eq!(text_of(&room.socket.next().await), "Hello");
    app.bot.go.notify_one();
    let gives = json!({"handover": {"to": "bot"}});
    // The turn has ended by the time that the next one answers.
    assert_eq!(room.say(&gives).await.status, 200);
    assert_eq!(event(&mut room.socket).await, "agent_disconnected Ann");
    room.socket.say(2, "hi").await;
    assert_eq!(text_of(&room.socket.next().await), "echo hi");
    let texts: Vec<_> = room
        .ann
        .history()
        .await
        .into_iter()
        .map(|(_, _, text)| text)
        .collect();
    assert_eq!(texts, ["Welcome", "wait", "Hello", "hi", "echo hi"]);
}

#[tokio::test]
async fn a_late_answer_stands_between_what_was_said_before_and_after() {
    let app = server();
    let mut room = Room::of(&app).await;
    room.socket.say(1, "silence").await;
    let late = json!({"id": "late", "text": "Here it is"});
    assert_eq!(room.say(&late).await.status, 200);
    assert_eq!(text_of(&room.socket.next().await), "Here it is");
    // Beside a turn that runs: each is stored when it comes.
    room.socket.say(2, "wait").await;
    let more = json!({"id": "more", "text": "And more"});
    assert_eq!(room.say(&more).await.status, 200);
    assert_eq!(text_of(&room.socket.next().await), "And more");
    app.bot.go.notify_one();
    assert_eq!(text_of(&room.socket.next().await), "at last");
    let seqs: Vec<_> = room
        .ann
        .history()
        .await
        .iter()
        .map(|(seq, ..)| *seq)
        .collect();
    assert_eq!(seqs, [1, 2, 3, 4, 5, 6]);
}

#[tokio::test]
async fn the_bot_closes_a_session_and_the_next_one_begins_anew() {
    let app = server();
    let mut room = Room::of(&app).await;
    let queue = json!({"handover": {"to": "queue"}});
    assert_eq!(room.say(&queue).await.status, 200);
    let asked = app.bot.asked.load(std::sync::atomic::Ordering::SeqCst);
    let close = json!({"close": true, "text": "Bye", "agent": {"name": "Ann"}});
    assert_eq!(room.say(&close).await.status, 200);
    assert_eq!(text_of(&room.socket.next().await), "Bye");
    let end = room.socket.next().await;
    assert_eq!(end["type"], "session_end");
    assert!(end["sessionId"].as_str().unwrap().starts_with("ss-"));
    assert_eq!(room.owner().await, Owner::Bot);
    let now = app.bot.asked.load(std::sync::atomic::Ordering::SeqCst);
    assert_eq!(now, asked, "the bot is not asked");
    let mut next = room.ann.socket("").await;
    assert_eq!(text_of(&next.next().await), "Welcome");
}

#[tokio::test]
async fn a_full_disk_takes_nothing_and_says_when_to_come_again() {
    let app = server();
    let mut room = Room::of(&app).await;
    app.state.rtm.room.look(&app.folder, u64::MAX);
    let refused = room.say(&json!({"id": "x", "text": "Hi"})).await;
    assert_eq!(refused.status, 503);
    assert_eq!(refused.header("retry-after"), "30");
    assert_eq!(
        room.say(&json!({"typing": true})).await.status,
        200,
        "it is not stored"
    );
    assert_eq!(event(&mut room.socket).await, "typing Test Bot");
    app.state.rtm.room.look(&app.folder, 1);
    assert_eq!(
        room.say(&json!({"id": "x", "text": "Hi"})).await.status,
        200
    );
}

#[tokio::test]
async fn what_a_bot_does_meanwhile_is_told_and_a_hand_over_in_a_turn_too() {
    let app = server();
    let mut room = Room::of(&app).await;
    room.socket.say(1, "look it up").await;
    let frame = room.socket.next().await;
    assert_eq!(frame["message"]["type"], "typing", "{frame}");
    assert_eq!(frame["message"]["author"]["type"], "BOT");
    assert_eq!(frame["message"]["doing"], "Looking up orders …");
    app.bot.go.notify_one();
    assert_eq!(text_of(&room.socket.next().await), "found");
    room.socket.say(2, "a person please").await;
    assert_eq!(text_of(&room.socket.next().await), "One moment");
    assert_eq!(event(&mut room.socket).await, "agent_connected Ann");
    assert_eq!(room.owner().await, Owner::Agent("Ann".to_owned()));
}
