//! A bot of the Bot Framework behind the whole server: what it is asked, and what a visitor sees of its answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use axum::response::IntoResponse as _;
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::test_agent::{call_back, replies, says};
use crate::test_app::{TestApp, User, message, text_of};
use crate::test_bot_app::{APP, LASTING, app_with, in_the_long_run};
use crate::test_hook::{Asked, Hook, json_of, status};

/// An app with a bot of this kind; `more` stands in the bot's table.
fn settings(agent: &Hook, more: &str) -> String {
    app_with(
        "st-agent",
        &format!(
            r#"[bots.st-agent.bot_framework]
url = "http://{}/api/messages"
{more}"#,
            agent.address
        ),
    )
}

async fn user<'a>(app: &'a TestApp, identity: &str) -> User<'a> {
    app.user_of(APP, "st-agent", identity).await
}

/// Greets, and answers each message by this.
fn agent(answer: impl Fn(&Value) -> Vec<Value> + Send + Sync + 'static) -> Hook {
    let answer = Arc::new(answer);
    Hook::doing(move |asked: Asked| {
        let answer = Arc::clone(&answer);
        async move {
            let activity = asked.json();
            match activity["type"].as_str() {
                Some("conversationUpdate") => replies(&[says("Welcome")]),
                Some("message") => replies(&answer(&activity)),
                _ => status(200),
            }
        }
    })
}

fn texts(history: &[(u64, String, String)]) -> Vec<&str> {
    history.iter().map(|(_, _, text)| text.as_str()).collect()
}

#[tokio::test]
async fn a_bot_greets_and_answers_in_the_answer_to_the_request() {
    let agent = agent(|activity| {
        let text = activity["text"].as_str().unwrap_or_default();
        vec![
            json!({"type": "typing"}),
            says(&format!("echo {text}")),
            json!({"type": "trace", "label": "inner"}),
            says("anything else?"),
        ]
    });
    let app = TestApp::start_with(&settings(&agent, ""));
    let ann = user(&app, "ann").await;
    let mut socket = ann.socket("").await;
    assert_eq!(text_of(&socket.next().await), "Welcome");
    socket.say(1, "hello").await;
    assert_eq!(text_of(&socket.next().await), "echo hello");
    assert_eq!(text_of(&socket.next().await), "anything else?");
    socket.nothing_more().await;
    let history = ann.history().await;
    let expected = ["Welcome", "hello", "echo hello", "anything else?"];
    assert_eq!(texts(&history), expected);

    let asked = agent.asked();
    assert_eq!(asked.len(), 2);
    assert!(asked.iter().all(|asked| asked.line == "POST /api/messages"));
    assert_eq!(
        asked[1].header("authorization"),
        "",
        "nobody asked for a token"
    );
    let (came, said) = (asked[0].json(), asked[1].json());
    assert_eq!(said["deliveryMode"], "expectReplies");
    assert_eq!(said["conversation"], came["conversation"]);
    assert!(
        said["conversation"]["id"]
            .as_str()
            .unwrap()
            .starts_with("cv-")
    );
    assert!(said["id"].as_str().unwrap().starts_with("tn-"));
    assert_eq!(said["channelId"], "webchat");
    assert_eq!(said["recipient"]["id"], "st-agent");
    assert_eq!(said["channelData"]["identity"], "ann");
    let service_url = said["serviceUrl"].as_str().unwrap();
    assert!(service_url.ends_with('/') && service_url.contains("/api/botframework/st-agent/"));
}

#[tokio::test]
async fn chips_and_cards_come_back_as_text_and_as_value() {
    let agent = agent(|activity| match activity["text"].as_str() {
        Some("menu") => vec![
            json!({"type": "message", "text": "Tea?", "suggestedActions": {"actions": [
            {"type": "imBack", "title": "Yes", "value": "yes, please"}]}}),
        ],
        Some("card") => vec![json!({"type": "message", "attachments": [
            {"contentType": "application/vnd.microsoft.card.hero", "content": {"title": "Order 17",
            "buttons": [{"type": "postBack", "title": "Cancel", "value": {"cancel": 17}}]}}]})],
        _ => vec![says(&format!("{}{}", activity["text"], activity["value"]))],
    });
    let app = TestApp::start_with(&settings(&agent, ""));
    let ann = user(&app, "ann").await;
    let mut socket = ann.socket("").await;
    socket.next().await;
    let inner = |frame: &Value| frame["message"][0]["component"]["payload"]["payload"].clone();
    socket.say(1, "menu").await;
    let chips = inner(&socket.next().await);
    assert_eq!(chips["template_type"], "quick_replies");
    assert_eq!(chips["quick_replies"][0]["payload"], "yes, please");
    socket.say(2, "card").await;
    let card = inner(&socket.next().await);
    assert_eq!(
        (&card["template_type"], &card["text"]),
        (&json!("button"), &json!("**Order 17**"))
    );
    // Both are pressed as a client does it: the payload is sent, the title is shown.
    for (id, button, heard) in [
        (3, &chips["quick_replies"][0], r#""yes, please"null"#),
        (4, &card["buttons"][0], r#"null{"cancel":17}"#),
    ] {
        let mut frame = message(&json!(id), button["payload"].as_str().unwrap());
        frame["message"]["renderMsg"] = button["title"].clone();
        socket.send(&frame).await;
        assert_eq!(socket.next().await["type"], "ack");
        assert_eq!(text_of(&socket.next().await), heard);
    }
}

/// A bot that calls back before it answers, as all SDKs do without `expectReplies`.
fn calling(
    server: Arc<AtomicU16>,
    script: impl Fn(&Value) -> Vec<(&'static str, &'static str, Value)> + Send + Sync + 'static,
) -> Hook {
    let script = Arc::new(script);
    Hook::doing(move |asked: Asked| {
        let (server, script) = (Arc::clone(&server), Arc::clone(&script));
        async move {
            let activity = asked.json();
            if activity["type"] == "message" {
                let port = server.load(Ordering::SeqCst);
                let server = std::net::SocketAddr::from(([127, 0, 0, 1], port));
                let turn = activity["id"].as_str().unwrap();
                let mut last = String::new();
                for (method, to, body) in script(&activity) {
                    let below = match to {
                        "turn" => format!("/{turn}"),
                        "last" => format!("/{last}"),
                        other => other.to_owned(),
                    };
                    let reply = call_back(server, &activity, method, &below, &body).await;
                    assert_eq!(reply.status, 200, "{}", reply.body);
                    if method == "POST" {
                        reply.json()["id"].as_str().unwrap().clone_into(&mut last);
                    }
                }
            }
            status(200)
        }
    })
}

#[tokio::test]
async fn what_a_bot_calls_within_its_turn_is_its_answer_and_may_be_changed_and_grow() {
    let streamed = |kind: &str, stage: &str, text: &str| json!({"type": kind, "text": text, "entities": [{"type": "streaminfo", "streamType": stage}]});
    let port = Arc::new(AtomicU16::new(0));
    let agent = calling(Arc::clone(&port), move |_| {
        vec![
            ("POST", "turn", says("first")),
            ("POST", "turn", says("secnd")),
            ("PUT", "last", says("second")),
            ("POST", "turn", says("not this")),
            ("DELETE", "last", Value::Null),
            ("POST", "turn", streamed("typing", "streaming", "It gr")),
            ("POST", "turn", streamed("typing", "streaming", "It grows")),
            ("POST", "turn", streamed("message", "final", "It grows.")),
            ("POST", "turn", says("last")),
        ]
    });
    let app = TestApp::start_with(&settings(&agent, "delivery = \"callbacks\"\n"));
    port.store(app.address.port(), Ordering::SeqCst);
    let ann = user(&app, "ann").await;
    let mut socket = ann.socket("").await;
    socket.say(1, "go").await;
    let mut stored = 0;
    while stored < 4 {
        stored += usize::from(socket.next().await["seq"].is_u64());
    }
    let history = ann.history().await;
    assert_eq!(
        texts(&history),
        ["go", "first", "second", "It grows.", "last"]
    );
    let asked = agent
        .asked_for(|asked| asked.json()["type"] == "message")
        .await;
    assert_eq!(asked.json().get("deliveryMode"), None);
}

#[tokio::test]
async fn what_a_bot_calls_after_its_turn_is_stored_at_once_and_once() {
    let agent = agent(|_| vec![says("on it")]);
    let app = TestApp::start_with(&settings(&agent, ""));
    let ann = user(&app, "ann").await;
    let mut socket = ann.socket("").await;
    socket.next().await;
    socket.say(1, "work").await;
    assert_eq!(text_of(&socket.next().await), "on it");
    let activity = agent
        .asked_for(|asked| asked.json()["type"] == "message")
        .await
        .json();
    let turn = format!("/{}", activity["id"].as_str().unwrap());
    let late = json!({"type": "message", "id": "reminder-1", "text": "done"});
    for _ in 0..2 {
        let reply = call_back(app.address, &activity, "POST", &turn, &late).await;
        assert_eq!(
            (reply.status, &reply.json()["id"]),
            (200, &json!("reminder-1"))
        );
    }
    assert_eq!(text_of(&socket.next().await), "done");
    let reply = call_back(app.address, &activity, "POST", "", &says("by the way")).await;
    assert_eq!(reply.status, 200);
    assert_eq!(text_of(&socket.next().await), "by the way");
    // What was shown stays.
    let id = format!("/{}", reply.json()["id"].as_str().unwrap());
    for method in ["PUT", "DELETE"] {
        let reply = call_back(app.address, &activity, method, &id, &says("changed")).await;
        assert_eq!(
            (reply.status, &reply.json()["error"]["code"]),
            (405, &json!("NotSupported"))
        );
    }
    // Pieces of a stream and events are nothing to store.
    for nothing in [
        json!({"type": "event", "name": "x"}),
        json!({"type": "message"}),
        json!({"type": "typing", "text": "It gr", "channelData": {"streamType": "streaming"}}),
    ] {
        let reply = call_back(app.address, &activity, "POST", "", &nothing).await;
        assert_eq!(reply.status, 200);
    }
    socket.nothing_more().await;
    let history = ann.history().await;
    let expected = ["Welcome", "work", "on it", "done", "by the way"];
    assert_eq!(texts(&history), expected);
}

#[tokio::test]
async fn only_the_address_of_a_conversation_leads_into_it() {
    let agent = agent(|_| vec![says("ok")]);
    let app = TestApp::start_with(&settings(&agent, ""));
    let (ann, bob) = (user(&app, "ann").await, user(&app, "bob").await);
    let (mut hers, mut his) = (ann.socket("").await, bob.socket("").await);
    hers.next().await;
    his.next().await;
    let activities: Vec<Value> = agent.asked().iter().map(Asked::json).collect();
    let (hers_is, his_is) = (&activities[0], &activities[1]);
    // Her address with his conversation, and the other way round.
    let mut crossed = hers_is.clone();
    crossed["conversation"] = his_is["conversation"].clone();
    let mut guessed = hers_is.clone();
    let url = hers_is["serviceUrl"]
        .as_str()
        .unwrap()
        .trim_end_matches('/');
    let other = if url.ends_with('A') { "Q" } else { "A" };
    guessed["serviceUrl"] = json!(format!("{}{other}/", &url[..url.len() - 1]));
    let mut other_bot = hers_is.clone();
    other_bot["serviceUrl"] = json!(url.replace("st-agent", "st-test") + "/");
    for wrong in [crossed, guessed, other_bot] {
        let reply = call_back(app.address, &wrong, "POST", "", &says("boo")).await;
        assert_eq!(
            (reply.status, &reply.json()["error"]["code"]),
            (404, &json!("NotFound"))
        );
    }
    for (body, status, code) in [
        ("<html>".to_owned(), 400, "BadSyntax"),
        ("[]".to_owned(), 400, "BadSyntax"),
        (
            r#"{"type":"message","text":7}"#.to_owned(),
            400,
            "BadSyntax",
        ),
        (
            says(&"x".repeat(300_000)).to_string(),
            413,
            "MessageSizeTooBig",
        ),
        (
            says(&"x".repeat(70_000)).to_string(),
            413,
            "MessageSizeTooBig",
        ),
    ] {
        let path = hers_is["serviceUrl"]
            .as_str()
            .unwrap()
            .split_once("/api/")
            .unwrap()
            .1;
        let conversation = hers_is["conversation"]["id"].as_str().unwrap();
        let path = format!("/api/{path}v3/conversations/{conversation}/activities");
        let headers = [("content-type", "application/json")];
        let reply = app.request("POST", &path, &headers, &body).await;
        assert_eq!(
            (reply.status, &reply.json()["error"]["code"]),
            (status, &json!(code))
        );
    }
    hers.nothing_more().await;
    his.nothing_more().await;
}

#[tokio::test]
async fn a_bot_that_ends_the_conversation_ends_the_session() {
    let agent = agent(|_| vec![says("Bye"), json!({"type": "endOfConversation"})]);
    let app = TestApp::start_with(&settings(&agent, ""));
    let ann = user(&app, "ann").await;
    let mut socket = ann.socket("").await;
    socket.next().await;
    socket.say(1, "bye").await;
    assert_eq!(text_of(&socket.next().await), "Bye");
    // The next connection begins a session, and is greeted.
    drop(socket);
    let mut socket = ann.socket("").await;
    let mut frame = socket.next().await;
    while text_of(&frame) != "Welcome" {
        frame = socket.next().await;
    }
    let comes = |asked: &&Asked| asked.json()["type"] == "conversationUpdate";
    assert_eq!(agent.asked().iter().filter(comes).count(), 2);
}

#[tokio::test]
async fn bad_answers_are_excused_and_the_next_message_is_answered() {
    let agent = Hook::doing(|asked: Asked| async move {
        let activity = asked.json();
        let huge = "x".repeat(3_000_000);
        match activity["text"].as_str().unwrap_or_default() {
            "html" => "<html>no</html>".into_response(),
            "json" => json_of(&json!([1])),
            "huge" => huge.into_response(),
            "refused" => status(401),
            "nothing" => status(200),
            "" => status(202),
            "buttons" => {
                let action = json!({"type": "imBack", "title": "a", "value": "a"});
                let actions = vec![action; 10_000];
                replies(&[
                    json!({"type": "message", "text": "x", "suggestedActions": {"actions": actions}}),
                    says("after"),
                ])
            }
            "half" => {
                let body = r#"{"activities":[{"type":"message","text":"half \ud83d"}]}"#;
                body.into_response()
            }
            "wrong types" => {
                replies(&[json!({"type": "message", "text": {"a": 1}}), says("after")])
            }
            _ => replies(&[says("fine")]),
        }
    });
    let app = TestApp::start_with(&settings(&agent, ""));
    let ann = user(&app, "ann").await;
    let mut socket = ann.socket("").await;
    let mut id = 0;
    for (said, heard) in [
        ("html", &["Sorry"][..]),
        ("json", &["Sorry"]),
        ("huge", &["Sorry"]),
        ("refused", &["Sorry"]),
        ("nothing", &[]),
        ("buttons", &["_Part of this", "after"]),
        ("half", &["half \u{fffd}"]),
        ("wrong types", &["_Part of this", "after"]),
    ] {
        id += 1;
        socket.say(id, said).await;
        for start in heard {
            let frame = socket.next().await;
            assert!(text_of(&frame).starts_with(start), "{said}: {frame}");
        }
        id += 1;
        socket.say(id, "and now?").await;
        assert_eq!(text_of(&socket.next().await), "fine", "after {said}");
    }
    let refused = |asked: &&Asked| asked.json()["text"] == "refused";
    assert_eq!(
        agent.asked().iter().filter(refused).count(),
        1,
        "a refusal is final"
    );
}

#[tokio::test]
async fn a_token_is_asked_for_once_and_anew_when_it_is_refused() {
    let accepted = Arc::new(AtomicU16::new(1));
    let (now, given) = (Arc::clone(&accepted), Arc::new(AtomicU16::new(0)));
    let agent = Hook::doing(move |asked: Asked| {
        let (now, given) = (Arc::clone(&now), Arc::clone(&given));
        async move {
            if asked.line == "POST /token" {
                let form = "grant_type=client_credentials&client_id=app-1&client_secret=p%26w&scope=app-1%2F.default";
                assert_eq!(asked.body, form.as_bytes());
                let number = given.fetch_add(1, Ordering::SeqCst) + 1;
                let token = format!("token-{number}");
                return json_of(&json!({"access_token": token, "expires_in": 3600}));
            }
            let token = format!("Bearer token-{}", now.load(Ordering::SeqCst));
            if asked.header("authorization") == token {
                replies(&[says("let in")])
            } else {
                status(401)
            }
        }
    });
    let more = format!(
        "app_id = \"app-1\"\napp_password = \"p&w\"\ntoken_url = \"http://{}/token\"\n",
        agent.address
    );
    let app = TestApp::start_with(&settings(&agent, &more));
    let ann = user(&app, "ann").await;
    let mut socket = ann.socket("").await;
    assert_eq!(text_of(&socket.next().await), "let in");
    socket.say(1, "again").await;
    assert_eq!(text_of(&socket.next().await), "let in");
    let tokens = || {
        agent
            .asked()
            .iter()
            .filter(|asked| asked.line == "POST /token")
            .count()
    };
    assert_eq!(tokens(), 1);
    // The bot takes another one from now on.
    accepted.store(2, Ordering::SeqCst);
    socket.say(2, "refused").await;
    assert!(text_of(&socket.next().await).starts_with("Sorry"));
    socket.say(3, "anew").await;
    assert_eq!(text_of(&socket.next().await), "let in");
    assert_eq!(tokens(), 2);
}

#[tokio::test]
async fn who_stops_a_bot_hangs_up_and_nothing_of_it_is_left() {
    let port = Arc::new(AtomicU16::new(0));
    let (never, to) = (Arc::new(Notify::new()), Arc::clone(&port));
    let agent = Hook::doing(move |asked: Asked| {
        let (never, port) = (Arc::clone(&never), Arc::clone(&to));
        async move {
            let activity = asked.json();
            if activity["text"] == "long" {
                let server =
                    std::net::SocketAddr::from(([127, 0, 0, 1], port.load(Ordering::SeqCst)));
                let turn = format!("/{}", activity["id"].as_str().unwrap());
                let piece = json!({"type": "typing", "text": "Once", "channelData": {"streamType": "streaming"}});
                call_back(server, &activity, "POST", &turn, &piece).await;
                never.notified().await;
            }
            status(200)
        }
    });
    let app = TestApp::start_with(&settings(&agent, "delivery = \"callbacks\"\n"));
    port.store(app.address.port(), Ordering::SeqCst);
    let ann = user(&app, "ann").await;
    let mut socket = ann.socket("").await;
    socket.say(1, "long").await;
    let piece = socket.next().await;
    assert_eq!((&piece["sM"], text_of(&piece)), (&json!(true), "Once"));
    socket
        .send(&json!({"type": "stop", "messageId": piece["messageId"], "id": 9}))
        .await;
    while !socket.next().await["seq"].is_u64() {}
    let history = ann.history().await;
    assert_eq!(texts(&history), ["long", "Once"]);
    let page = ann.get("/api/botmessages/rtm?botId=st-agent").await.json();
    assert_eq!(page["messages"][1]["stopped"], true);
    // Bots that do not hear of it go on; what they say then is not wanted.
    let activity = agent
        .asked_for(|asked| asked.json()["text"] == "long")
        .await
        .json();
    let turn = format!("/{}", activity["id"].as_str().unwrap());
    let whole = says("Once upon a time");
    let reply = call_back(app.address, &activity, "POST", &turn, &whole).await;
    let code = &reply.json()["error"]["code"];
    assert_eq!(
        (reply.status, code),
        (403, &json!("ContentStreamNotAllowed"))
    );
    socket.say(2, "and now?").await;
    socket.nothing_more().await;
}

#[tokio::test]
async fn a_bot_that_fails_after_a_call_is_asked_again_and_says_everything_once() {
    let port = Arc::new(AtomicU16::new(0));
    let (to, tries) = (Arc::clone(&port), Arc::new(AtomicU16::new(0)));
    let agent = Hook::doing(move |asked: Asked| {
        let (port, tries) = (Arc::clone(&to), Arc::clone(&tries));
        async move {
            let activity = asked.json();
            if activity["type"] != "message" {
                return status(200);
            }
            let server = std::net::SocketAddr::from(([127, 0, 0, 1], port.load(Ordering::SeqCst)));
            let turn = format!("/{}", activity["id"].as_str().unwrap());
            let first = says("first");
            assert_eq!(
                call_back(server, &activity, "POST", &turn, &first)
                    .await
                    .status,
                200
            );
            if tries.fetch_add(1, Ordering::SeqCst) == 0 {
                return status(503);
            }
            call_back(server, &activity, "POST", &turn, &says("second")).await;
            status(200)
        }
    });
    let app = TestApp::start_with(&settings(&agent, LASTING));
    port.store(app.address.port(), Ordering::SeqCst);
    let ann = user(&app, "ann").await;
    let mut socket = ann.socket("").await;
    socket.say(1, "go").await;
    assert_eq!(text_of(&in_the_long_run(&app, &mut socket).await), "first");
    assert_eq!(text_of(&socket.next().await), "second");
    socket.nothing_more().await;
    let messages = agent.asked().into_iter().map(|asked| asked.json());
    let ids: Vec<Value> = messages
        .filter(|activity| activity["type"] == "message")
        .map(|activity| activity["id"].clone())
        .collect();
    assert_eq!((ids.len(), &ids[0]), (2, &ids[1]), "the same turn");
}

#[tokio::test]
async fn a_bot_that_stalls_is_not_waited_for_for_ever() {
    let agent = Hook::doing(|asked: Asked| async move {
        if asked.json()["text"] != "stall" {
            return replies(&[says("fine")]);
        }
        let begun = futures_util::stream::once(std::future::ready(Ok::<_, std::io::Error>(
            axum::body::Bytes::from_static(b"{\"activities\": ["),
        )));
        let stalls = futures_util::StreamExt::chain(begun, futures_util::stream::pending());
        axum::body::Body::from_stream(stalls).into_response()
    });
    let app = TestApp::start_with(&settings(&agent, "wait = \"3s\"\n"));
    let ann = user(&app, "ann").await;
    let mut socket = ann.socket("").await;
    assert_eq!(text_of(&socket.next().await), "fine");
    socket.say(1, "stall").await;
    assert!(text_of(&socket.next().await).starts_with("Sorry"));
    socket.say(2, "hello").await;
    assert_eq!(text_of(&socket.next().await), "fine");
}
