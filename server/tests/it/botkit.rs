//! A bot that is an app made with Kore's `BotKit`, played by a peer that calls back as the SDK does.

use std::time::Duration;

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde_json::{Value, json};
use server::bot::Class;
use server::clock::Clock as _;

use crate::test_app::{Reply, TestApp, text_of};
use crate::test_bot_app::{APP, LASTING, app_with};
use crate::test_peer::{Heard, Peer};

const BOT: &str = "st-0b7e5f3a-2c1d-5e4f-8a9b-0c1d2e3f4a5b";
const SECRET: &str = "kK4t2vQmS0cW8yXrE6uJ1zPaB5dHnLfG";
const APP_ID: &str = "cs-botkit-app";

const SCRIPT: &str = r#"
[[greeting]]
say = "Welcome from behind"
[[rule]]
when = ["pick"]
say = "Pick one"
buttons = [{ title = "Yes", payload = "YES" }]
[[rule]]
when = ["two"]
say = ["one", "two"]
[fallback]
say = "You said {text}"
"#;

/// Server and app, which know each other.
struct Kit {
    app: TestApp,
    peer: Peer,
}

impl Kit {
    /// `script`: the bot behind the app.
    async fn start(script: Option<&str>) -> Self {
        Self::start_with(script, "").await
    }

    async fn start_with(script: Option<&str>, more: &str) -> Self {
        let peer = Peer::start().await;
        let script = script.map_or_else(String::new, |script| {
            let file = std::env::temp_dir().join(format!("parlour-{}.toml", peer.address.port()));
            std::fs::write(&file, script).unwrap();
            format!("script = \"{}\"", file.display())
        });
        let app = TestApp::start_with(&app_with(
            BOT,
            &format!(
                r#"{script}
[bots.{BOT}.botkit]
url = "http://{}/prefix"
app_id = "{APP_ID}"
secret = "{SECRET}"
own_url = "https://chat.test"
{more}"#,
                peer.address
            ),
        ));
        Self { app, peer }
    }

    /// The next event, checked as the app's middleware checks it.
    async fn event(&mut self, name: &str) -> Value {
        let heard = self.peer.heard().await;
        assert_eq!(heard.path, format!("/prefix/sdk/bots/{BOT}/{name}"));
        assert_eq!(heard.method, "POST");
        self.check_token(&heard);
        let event = heard.json();
        for url in ["sendUserMessageUrl", "sendBotMessageUrl", "baseUrl"] {
            let url = event[url].as_str().unwrap();
            // What the SDK does to find its credentials.
            assert_eq!(url.split('/').nth(6), Some(BOT), "{url}");
        }
        event
    }

    fn check_token(&self, heard: &Heard) {
        let key = DecodingKey::from_secret(SECRET.as_bytes());
        let mut validation = Validation::new(Algorithm::HS256);
        // The server's clock stands still.
        validation.validate_exp = false;
        let token = jsonwebtoken::decode::<Value>(heard.header("token"), &key, &validation);
        let claims = token.unwrap().claims;
        assert_eq!(claims["appId"], APP_ID);
        assert_eq!(claims["exp"], self.app.clock.now().seconds() + 60);
    }

    /// A token as the SDK signs it: with milliseconds.
    fn auth(&self, more: f64) -> String {
        #[expect(
            clippy::cast_precision_loss,
            reason = "seconds since the epoch are small"
        )]
        let exp = self.app.clock.now().seconds() as f64 + 60.0 + more;
        Self::signed(&json!({"appId": APP_ID, "exp": exp}), SECRET)
    }

    fn signed(claims: &Value, secret: &str) -> String {
        let key = EncodingKey::from_secret(secret.as_bytes());
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), claims, &key).unwrap()
    }

    /// What the SDK does with one of the addresses that an event brought.
    async fn call(&self, url: &Value, body: &Value) -> Reply {
        self.call_as(&self.auth(0.123), url, body).await
    }

    async fn call_as(&self, auth: &str, url: &Value, body: &Value) -> Reply {
        let path = url
            .as_str()
            .unwrap()
            .strip_prefix("https://chat.test")
            .unwrap();
        self.app.post(path, &[("auth", auth)], body).await
    }
}

/// The event as the app sends it back with another message.
fn with_message(event: &Value, message: &str) -> Value {
    let mut body = event.clone();
    body["message"] = json!(message);
    body
}

#[tokio::test]
async fn a_message_goes_to_the_app_and_its_answer_comes_back_once() {
    let mut kit = Kit::start(None).await;
    let app = &kit.app;
    let ann = app.user_of(APP, BOT, "ann").await;
    let mut socket = ann.socket("").await;
    socket.say(1, "Hi").await;
    let event = kit.event("on_user_message").await;
    assert_eq!(event["message"], "Hi");
    assert_eq!(event["agent_transfer"], false);
    assert_eq!(
        event["context"]["session"]["UserContext"]["identities"][0]["val"],
        "ann"
    );
    let user = event["channel"]["from"].as_str().unwrap();
    assert!(user.starts_with("u-"), "{user}");

    let hello = with_message(&event, "Hello");
    for _ in 0..2 {
        let reply = kit.call(&event["sendUserMessageUrl"], &hello).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
    }
    assert_eq!(text_of(&socket.next().await), "Hello");
    socket.nothing_more().await;
    let template = json!({"template_type": "button", "text": "Pick one", "buttons": [
        {"type": "postback", "title": "Yes", "payload": "YES"}]});
    let wire = json!({"type": "template", "payload": template});
    let mut body = with_message(&event, "Hi");
    body["overrideMessagePayload"] = json!({"body": wire.to_string(), "isTemplate": true});
    assert_eq!(
        kit.call(&event["sendUserMessageUrl"], &body).await.status,
        200
    );
    let frame = socket.next().await;
    assert_eq!(frame["message"][0]["component"]["payload"], wire);
    assert_eq!(text_of(&frame), "Pick one");
    let history = kit.app.user_of(APP, BOT, "ann").await.history().await;
    assert_eq!(history.len(), 3);
    // Nothing that the app may call for that has nothing to work on is an error to it.
    for url in ["skipBotMessageUrl", "resetBotUrl", "skipUserMessageUrl"] {
        assert_eq!(kit.call(&event[url], &event).await.status, 200);
    }
    kit.peer.heard_nothing();
}

#[tokio::test]
async fn who_has_not_the_secret_or_names_no_request_of_ours_says_nothing() {
    let mut kit = Kit::start(None).await;
    let ann = kit.app.user_of(APP, BOT, "ann").await;
    let mut socket = ann.socket("").await;
    socket.say(1, "Hi").await;
    let event = kit.event("on_user_message").await;
    let url = &event["sendUserMessageUrl"];
    let body = with_message(&event, "Hello");
    let now = kit.app.clock.now().seconds();
    for (claims, secret) in [
        (
            json!({"appId": APP_ID, "exp": now + 60}),
            "wrong-secret-wrong-secret-wrong-secret",
        ),
        (json!({"appId": APP_ID, "exp": now - 60}), SECRET),
        (json!({"appId": "cs-other", "exp": now + 60}), SECRET),
        (json!({"appId": APP_ID}), SECRET),
    ] {
        let auth = Kit::signed(&claims, secret);
        let reply = kit.call_as(&auth, url, &body).await;
        assert_eq!(
            (reply.status, reply.error().1),
            (401, json!(4002)),
            "{claims}"
        );
    }
    assert_eq!(kit.call_as("no token", url, &body).await.status, 401);
    // Another bot's address, a request of our own making, an operation that is not there.
    let (start, request) = url.as_str().unwrap().rsplit_once('/').unwrap();
    let other = json!(start.replace(BOT, "st-test"));
    assert_eq!(
        kit.call(
            &json!(format!("{}/{request}", other.as_str().unwrap())),
            &body
        )
        .await
        .status,
        401
    );
    let forged = request.replace("cv-", "cw-");
    for gone in [forged.as_str(), "x", "a.b.0.0.c"] {
        let reply = kit.call(&json!(format!("{start}/{gone}")), &body).await;
        assert_eq!(reply.status, 404, "{gone}");
    }
    let nothing = start.replace("sendUserMessage", "sendFeedbackMessage");
    let reply = kit
        .call(&json!(format!("{nothing}/{request}")), &body)
        .await;
    assert_eq!(reply.status, 404);
    socket.nothing_more().await;
}

#[tokio::test]
async fn the_script_behind_answers_through_the_app() {
    let mut kit = Kit::start(Some(SCRIPT)).await;
    let ann = kit.app.user_of(APP, BOT, "ann").await;
    let mut socket = ann.socket("").await;
    let event = kit.event("on_bot_message").await;
    assert_eq!(event["message"], "Welcome from behind");
    kit.call(&event["sendUserMessageUrl"], &event).await;
    assert_eq!(text_of(&socket.next().await), "Welcome from behind");

    socket.say(1, "pick").await;
    let event = kit.event("on_user_message").await;
    let reply = kit.call(&event["sendBotMessageUrl"], &event).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    let mut answer = kit.event("on_bot_message").await;
    // The SDK does not hand this on.
    answer.as_object_mut().unwrap().remove("isTemplate");
    kit.call(&answer["sendUserMessageUrl"], &answer).await;
    let frame = socket.next().await;
    let inner = &frame["message"][0]["component"]["payload"]["payload"];
    assert_eq!(inner["template_type"], "button");

    // What the app changes is what the visitor sees, in order; a call that comes again changes nothing.
    socket.say(2, "two").await;
    let event = kit.event("on_user_message").await;
    for _ in 0..2 {
        assert_eq!(
            kit.call(&event["sendBotMessageUrl"], &event).await.status,
            200
        );
        for words in ["one", "two"] {
            let answer = kit.event("on_bot_message").await;
            assert_eq!(answer["message"], words);
            let changed = with_message(&answer, &format!("The bot says {words}"));
            kit.call(&answer["sendUserMessageUrl"], &changed).await;
        }
    }
    for words in ["one", "two"] {
        assert_eq!(
            text_of(&socket.next().await),
            format!("The bot says {words}")
        );
    }
    socket.nothing_more().await;
    // An app that sends the bot's answers to the bot.
    let mut event = event;
    for _ in 0..5 {
        assert_eq!(
            kit.call(&event["sendBotMessageUrl"], &with_message(&event, "x"))
                .await
                .status,
            200
        );
        event = kit.event("on_bot_message").await;
    }
    let reply = kit
        .call(&event["sendBotMessageUrl"], &with_message(&event, "x"))
        .await;
    assert_eq!(reply.status, 400, "for ever is not long enough");
}

#[tokio::test]
async fn an_app_without_a_bot_behind_is_told_so() {
    let mut kit = Kit::start(None).await;
    let ann = kit.app.user_of(APP, BOT, "ann").await;
    let mut socket = ann.socket("").await;
    socket.say(1, "Hi").await;
    let event = kit.event("on_user_message").await;
    let reply = kit.call(&event["sendBotMessageUrl"], &event).await;
    assert_eq!(reply.status, 400);
    assert!(
        reply.error().0.contains("behind this app"),
        "{}",
        reply.body
    );
}

#[tokio::test]
async fn during_an_agent_session_the_app_speaks_for_a_person() {
    let mut kit = Kit::start_with(Some(SCRIPT), "agent = \"Ada\"").await;
    let ann = kit.app.user_of(APP, BOT, "ann").await;
    let mut socket = ann.socket("").await;
    let greeting = kit.event("on_bot_message").await;
    let request = greeting["requestId"].as_str().unwrap().to_owned();
    let base = greeting["baseUrl"].as_str().unwrap().to_owned();
    let operation = |name: &str| json!(format!("{base}/{name}/{request}"));
    assert_eq!(
        kit.call(&operation("startAgentSession"), &greeting)
            .await
            .status,
        200
    );
    let connected = socket.next().await;
    assert_eq!(
        connected["message"]["type"], "agent_connected",
        "{connected}"
    );
    assert_eq!(connected["message"]["author"]["firstName"], "Ada");

    socket.say(1, "Help me").await;
    let event = kit.event("on_user_message").await;
    assert_eq!(
        (&event["message"], &event["agent_transfer"]),
        (&json!("Help me"), &json!(true))
    );
    // A person says the same twice; a call that is repeated as it is says it once.
    let (url, ok) = (&event["sendUserMessageUrl"], with_message(&event, "ok"));
    for auth in [kit.auth(0.1), kit.auth(0.1), kit.auth(0.2)] {
        assert_eq!(kit.call_as(&auth, url, &ok).await.status, 200);
    }
    for _ in 0..2 {
        let frame = socket.next().await;
        assert_eq!(
            (text_of(&frame), &frame["fromAgent"]),
            ("ok", &json!(true)),
            "{frame}"
        );
    }
    socket.nothing_more().await;

    // The desk reads what was said before.
    let user = event["channel"]["channelInfos"]["from"].as_str().unwrap();
    let path = |limit| {
        let base = base.strip_prefix("https://chat.test").unwrap();
        format!("{base}/getMessages?skip=0&limit={limit}&userId={user}")
    };
    let auth = kit.auth(0.3);
    let page = kit.app.get(&path(2), &[("auth", &auth)]).await.json();
    assert_eq!(page["messages"].as_array().unwrap().len(), 2);
    assert_eq!(page["moreAvailable"], true);
    assert_eq!(kit.app.get(&path(2), &[]).await.status, 401);
    let nobody = path(2).replace(user, "u-nobody");
    let page = kit.app.get(&nobody, &[("auth", &auth)]).await.json();
    assert_eq!(page["messages"], json!([]));

    for _ in 0..2 {
        assert_eq!(
            kit.call(&operation("clearAgentSession"), &greeting)
                .await
                .status,
            200
        );
    }
    let gone = socket.next().await;
    assert_eq!(gone["message"]["type"], "agent_disconnected", "{gone}");
    socket.say(2, "Hi").await;
    let event = kit.event("on_user_message").await;
    assert_eq!(event["agent_transfer"], false);
}

#[tokio::test]
async fn sessions_are_told_when_the_app_wants_to_know() {
    let mut kit = Kit::start_with(None, "events = true").await;
    let ann = kit.app.user_of(APP, BOT, "ann").await;
    let mut socket = ann.socket("").await;
    let event = kit.event("on_event").await;
    assert_eq!(event["event"]["eventType"], "ON_CONNECT");
    socket
        .send(
            &json!({"resourceid": "/bot.closeConversationSession", "id": 7, "clientMessageId": 7}),
        )
        .await;
    let event = kit.event("on_event").await;
    assert_eq!(event["event"]["eventType"], "SESSION_CLOSURE");
}

#[tokio::test]
async fn an_app_that_refuses_us_is_asked_once_and_the_visitor_is_told_calmly() {
    for (status, kind, body) in [
        (
            401,
            "application/json",
            &br#"{"errors":[{"msg":"Invalid apikey","code":4002}]}"#[..],
        ),
        (404, "text/html", b"<h1>Not here</h1>"),
        (200, "text/html", b"<h1>Welcome to nginx</h1>"),
        (200, "application/json", b"[1]"),
        (200, "application/json", b""),
    ] {
        let mut kit = Kit::start(None).await;
        kit.peer.always_tells(status, kind, body);
        let ann = kit.app.user_of(APP, BOT, "ann").await;
        let mut socket = ann.socket("").await;
        socket.say(1, "Hi").await;
        kit.event("on_user_message").await;
        let apology = socket.next().await;
        assert_eq!(
            apology["message"][0]["component"]["type"], "error",
            "{apology}"
        );
        kit.peer.heard_nothing();
    }
}

#[tokio::test]
async fn an_app_that_fails_for_a_moment_gets_the_same_request_again() {
    // Hours may pass, and a socket ends with its token.
    let mut kit = Kit::start_with(None, LASTING).await;
    kit.peer
        .tells(500, &json!({"errors": [{"msg": "Internal", "code": 500}]}));
    let ann = kit.app.user_of(APP, BOT, "ann").await;
    let mut socket = ann.socket("").await;
    socket.say(1, "Hi").await;
    let first = kit.event("on_user_message").await;
    // The time between the tries flies.
    let flying = async {
        loop {
            kit.app.clock.advance(Duration::from_secs(1));
            tokio::task::yield_now().await;
        }
    };
    let heard = tokio::select! {
        heard = kit.peer.heard() => heard,
        () = flying => unreachable!("it never ends"),
    };
    assert_eq!(heard.json()["requestId"], first["requestId"]);
    kit.call(&first["sendUserMessageUrl"], &with_message(&first, "Hello"))
        .await;
    assert_eq!(text_of(&socket.next().await), "Hello");
}

#[tokio::test]
async fn what_an_app_says_wrongly_is_told_to_it_and_costs_nothing() {
    let mut kit = Kit::start(None).await;
    let ann = kit.app.user_of(APP, BOT, "ann").await;
    let mut socket = ann.socket("").await;
    socket.say(1, "Hi").await;
    let event = kit.event("on_user_message").await;
    let url = &event["sendUserMessageUrl"];
    let buttons: Vec<_> = (0..10_000)
        .map(|n| json!({"type": "postback", "title": format!("{n}"), "payload": "p"}))
        .collect();
    let many = json!({"template_type": "button", "text": "Pick", "buttons": buttons});
    let template =
        |body: Value| json!({"overrideMessagePayload": {"body": body, "isTemplate": true}});
    for (body, statuses) in [
        (json!(7), [400, 400]),
        (json!({"message": ["hush"]}), [400, 400]),
        (template(json!("no JSON")), [400, 400]),
        (template(json!({"template_type": 7})), [400, 400]),
        (template(many), [400, 413]),
        (json!({"message": "x".repeat(100_000)}), [413, 413]),
        (json!({"message": "x".repeat(600_000)}), [413, 413]),
    ] {
        let reply = kit.call(url, &body).await;
        assert!(
            statuses.contains(&reply.status),
            "{} {}",
            reply.status,
            reply.body
        );
        assert!(!reply.body.contains("hush"));
    }
    let path = url
        .as_str()
        .unwrap()
        .strip_prefix("https://chat.test")
        .unwrap();
    let auth = kit.auth(0.5);
    let headers = [
        ("auth", auth.as_str()),
        ("content-type", "application/json"),
    ];
    for broken in ["", "<html>", "{\"message\": \"Hi\"", "nu"] {
        let reply = kit.app.request("POST", path, &headers, broken).await;
        assert_eq!(reply.status, 400, "{broken}");
    }
    // Nothing to say is nothing said, and half an emoji does not cost the rest.
    assert_eq!(kit.call(url, &json!({"message": "  "})).await.status, 200);
    let half = r#"{"message": "ok \ud83d"}"#;
    let reply = kit.app.request("POST", path, &headers, half).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    assert_eq!(text_of(&socket.next().await), "ok \u{fffd}");
    socket.nothing_more().await;
}

#[tokio::test]
async fn an_app_can_be_asked_whether_it_is_there() {
    let mut kit = Kit::start(None).await;
    let bot = kit.app.state.rtm.bot(BOT).unwrap();
    // The SDK's own words for an event that it does not know.
    let unknown = json!({"errors": [{"msg": "Event not found", "code": 404}]});
    kit.peer.tells(404, &unknown);
    assert_eq!(bot.check().await, Ok(()));
    let heard = kit.peer.heard().await;
    kit.check_token(&heard);
    for (status, class) in [
        (401, Class::Refused),
        (404, Class::Setup),
        (500, Class::Error),
    ] {
        kit.peer.tells(status, &json!({"nginx": true}));
        assert_eq!(bot.check().await.unwrap_err().class(), class, "{status}");
    }
}
