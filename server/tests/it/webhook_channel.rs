//! Kore's webhook channel: clients without a socket.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use secrecy::SecretString;
use serde_json::{Value, json};
use server::clock::Clock as _;
use server::outbound::webhook_signature::{Secret, Secrets};

use crate::test_app::{NOW, PAGE, Reply, TestApp, text_of};
use crate::test_peer::Peer;

const SECRET: &str = "hK4t2vQmS0cW8yXrE6uJ1zPaB5dHnLfG";
const SIGNS: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

/// `webhook`: the channel's table.
fn start(webhook: &str) -> TestApp {
    TestApp::start_with(&format!(
        r#"
[apps.cs-hook]
bots = ["st-test", "st-other"]
origins = ["{PAGE}"]
[[apps.cs-hook.keys]]
kid = "h1"
algorithm = "HS256"
secret = "{SECRET}"
[apps.cs-hook.webhook]
{webhook}
"#
    ))
}

fn signed(claims: &Value) -> String {
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    jsonwebtoken::encode(&Header::new(Algorithm::HS256), claims, &key).unwrap()
}

/// As Kore's documentation signs for a user.
fn bearer(user: &str) -> String {
    let claims =
        json!({"appId": "cs-hook", "sub": "shop", "userIdentity": user, "iat": NOW.seconds()});
    format!("bearer {}", signed(&claims))
}

const HOOK: &str = "/chatbot/v2/webhook/st-test";

fn body(user: &str, message: &Value, new: bool) -> Value {
    json!({"session": {"new": new}, "message": message, "from": {"id": user}, "to": {"id": "st-test"}})
}

fn text(val: &str) -> Value {
    json!({"type": "text", "val": val})
}

async fn post(app: &TestApp, user: &str, message: &Value, new: bool) -> Reply {
    let bearer = bearer(user);
    let headers = [("authorization", bearer.as_str())];
    app.post(HOOK, &headers, &body(user, message, new)).await
}

async fn poll(app: &TestApp, user: &str, id: &str) -> Reply {
    let bearer = bearer(user);
    let path = format!("{HOOK}/poll/{id}");
    app.get(&path, &[("authorization", &bearer)]).await
}

/// The texts of an answer.
fn said(reply: &Reply) -> Vec<String> {
    assert_eq!(reply.status, 200, "{}", reply.body);
    let data = reply.json()["data"].as_array().unwrap().clone();
    let val = |entry: &Value| entry["val"].as_str().unwrap().to_owned();
    data.iter().map(val).collect()
}

#[tokio::test]
async fn a_message_is_answered_at_once_and_the_open_widget_shows_both() {
    let app = start("");
    let ann = app.user_of("cs-hook", "st-test", "ann").await;
    let mut socket = ann.socket("").await;
    assert_eq!(text_of(&socket.next().await), "Welcome");
    let reply = post(&app, "ann", &text("hello"), false).await;
    assert_eq!(said(&reply), ["echo hello"]);
    let answer = reply.json();
    assert_eq!(
        (&answer["_v"], &answer["to"], &answer["from"]),
        (&json!("v2"), &json!("ann"), &json!("st-test"))
    );
    assert_eq!(answer["data"][0]["type"], "text");
    assert_eq!(answer["endOfTask"], false);
    assert!(answer.get("pollId").is_none());
    assert_eq!(reply.header("cache-control"), "no-store");
    let echoed = socket.next().await;
    assert_eq!(
        (&echoed["type"], &echoed["message"]["body"]),
        (&json!("user_message"), &json!("hello"))
    );
    let frame = socket.next().await;
    assert_eq!(text_of(&frame), "echo hello");
    assert_eq!(frame["messageId"], answer["data"][0]["messageId"]);
    // A hook's instance is the same place; a template is as it was.
    let bearer = bearer("ann");
    let path = format!("{HOOK}/hookInstance/ivr-1");
    let headers = [("authorization", bearer.as_str())];
    let reply = app
        .post(&path, &headers, &body("ann", &text("buttons"), false))
        .await;
    let entry = &reply.json()["data"][0];
    assert_eq!(entry["type"], "template");
    assert_eq!(entry["val"]["payload"]["template_type"], "button");
}

#[tokio::test]
async fn the_first_version_of_the_channel_is_served_too() {
    let app = start("");
    // As `botium-connector-koreai-webhook` signs.
    let claims = json!({"isAnonymous": true, "iat": NOW.seconds(), "exp": NOW.seconds() + 86_400,
        "iss": "cs-hook", "aud": "https://idproxy.kore.ai/authorize", "sub": "ann"});
    let bearer = format!("Bearer {}", signed(&claims));
    let hello = json!({"message": {"text": "twice"}, "from": {"id": "ann"}, "to": {"id": "x"}});
    let headers = [("authorization", bearer.as_str())];
    let reply = app.post("/chatbot/hooks/st-test", &headers, &hello).await;
    assert_eq!(
        reply.json(),
        json!({"text": ["Welcome", "one", "two"], "endOfTask": false})
    );
}

#[tokio::test]
async fn a_session_that_begins_is_greeted_and_one_that_ends_is_over() {
    let app = start("");
    let connect = json!({"type": "event", "val": "ON_CONNECT"});
    assert_eq!(said(&post(&app, "ann", &connect, true).await), ["Welcome"]);
    // It goes on.
    assert!(said(&post(&app, "ann", &connect, false).await).is_empty());
    assert_eq!(
        said(&post(&app, "ann", &text("twice"), false).await),
        ["one", "two"]
    );
    let close = json!({"type": "event", "val": "SESSION_CLOSURE"});
    let closed = post(&app, "ann", &close, false).await;
    assert!(said(&closed).is_empty());
    assert_eq!(closed.json()["endOfTask"], true);
    // The next word begins another one: the welcome belongs to its answer.
    assert_eq!(
        said(&post(&app, "ann", &text("hello"), false).await),
        ["Welcome", "echo hello"]
    );
    assert_eq!(
        said(&post(&app, "ann", &text("again"), true).await),
        ["Welcome", "echo again"]
    );
    let history = app
        .user_of("cs-hook", "st-test", "ann")
        .await
        .history()
        .await;
    assert_eq!(history.len(), 1 + 3 + 3 + 3);
}

#[tokio::test]
async fn two_requests_at_once_get_each_its_own_answer() {
    let app = start("");
    said(
        &post(
            &app,
            "ann",
            &json!({"type": "event", "val": "ON_CONNECT"}),
            true,
        )
        .await,
    );
    let (first, second) = (text("wait"), text("hello"));
    let first = post(&app, "ann", &first, false);
    let second = async {
        while app.bot.asked.load(Ordering::SeqCst) < 2 {
            tokio::task::yield_now().await;
        }
        let second = post(&app, "ann", &second, false);
        let go = async { app.bot.go.notify_one() };
        tokio::join!(second, go).0
    };
    let (first, second) = tokio::join!(first, second);
    assert_eq!(said(&first), ["at last"]);
    assert_eq!(said(&second), ["echo hello"]);
}

#[tokio::test]
async fn an_answer_that_is_late_is_fetched_once_on_any_node() {
    let app = start("wait = \"200ms\"");
    said(
        &post(
            &app,
            "ann",
            &json!({"type": "event", "val": "ON_CONNECT"}),
            true,
        )
        .await,
    );
    let late = post(&app, "ann", &text("wait"), false).await;
    assert!(said(&late).is_empty());
    let id = late.json()["pollId"].as_str().unwrap().to_owned();
    let waiting = poll(&app, "ann", &id).await.json();
    assert_eq!(
        (&waiting["status"], &waiting["pollId"]),
        (&json!("Inprogress"), &json!(id))
    );
    // Somebody else's, another bot's, and one of our own making.
    let none = |reply: Reply| {
        assert_eq!(
            (reply.status, reply.error()),
            (400, ("No data found".to_owned(), json!(400)))
        );
    };
    none(poll(&app, "bob", &id).await);
    none(poll(&app, "ann", &id.replace('.', "x.")).await);
    none(poll(&app, "ann", "1").await);
    let bearer = bearer("ann");
    let path = format!("/chatbot/v2/webhook/st-other/poll/{id}");
    none(app.get(&path, &[("authorization", &bearer)]).await);
    // It is no socket's ticket.
    let reply = app.get(&format!("/rtm/bot?sid={id}"), &[]).await;
    assert!(reply.status >= 400, "{}", reply.status);

    app.bot.go.notify_one();
    let answered = loop {
        let reply = poll(&app, "ann", &id).await;
        if reply.json().get("data").is_some() {
            break reply;
        }
    };
    assert_eq!(said(&answered), ["at last"]);
    none(poll(&app, "ann", &id).await);
}

#[tokio::test]
async fn who_calls_must_be_who_the_token_speaks_for() {
    let app = start("");
    let now = NOW.seconds();
    let send = async |token: &str, from: &str| {
        let bearer = format!("bearer {token}");
        let headers = [("authorization", bearer.as_str())];
        app.post(HOOK, &headers, &body(from, &text("hello"), false))
            .await
    };
    let fine = json!({"appId": "cs-hook", "sub": "ann", "iat": now});
    assert_eq!(send(&signed(&fine), "ann").await.status, 200);
    for (claims, from, status) in [
        (fine.clone(), "bob", 401),
        (
            json!({"appId": "cs-hook", "sub": "ann", "userIdentity": "bob", "iat": now}),
            "ann",
            401,
        ),
        (json!({"appId": "cs-hook", "sub": "ann"}), "ann", 401),
        (
            json!({"appId": "cs-hook", "sub": "ann", "iat": now - 90_000}),
            "ann",
            401,
        ),
        (
            json!({"appId": "cs-hook", "sub": "ann", "iat": now + 300}),
            "ann",
            401,
        ),
        (
            json!({"appId": "cs-hook", "sub": "ann", "iat": now - 60, "exp": now - 31}),
            "ann",
            401,
        ),
        (
            json!({"appId": "cs-test", "sub": "ann", "iat": now}),
            "ann",
            401,
        ),
    ] {
        let reply = send(&signed(&claims), from).await;
        assert_eq!(reply.status, status, "{claims}: {}", reply.body);
        assert!(reply.json()["errors"][0]["code"].is_number());
    }
    assert_eq!(send("x.y.z", "ann").await.status, 401);
    let reply = app
        .post(HOOK, &[], &body("ann", &text("hello"), false))
        .await;
    assert_eq!(reply.status, 401);
    // A bot that the app may not open, one that there is not, an app without the channel, a foreign page.
    let bearer = bearer("ann");
    let headers = [("authorization", bearer.as_str())];
    let said = body("ann", &text("hello"), false);
    let at = async |bot: &str| {
        let path = format!("/chatbot/v2/webhook/{bot}");
        app.post(&path, &headers, &said).await.status
    };
    assert_eq!((at("st-broken").await, at("st-none").await), (403, 404));
    let other = app.assertion("cs-test", "ann");
    assert_eq!(send(&other, "ann").await.status, 404);
    let foreign = [headers[0], ("origin", "https://evil.test")];
    assert_eq!(app.post(HOOK, &foreign, &said).await.status, 403);
    let page = [headers[0], ("origin", PAGE)];
    let reply = app.post(HOOK, &page, &said).await;
    assert_eq!(
        (reply.status, reply.header("access-control-allow-origin")),
        (200, PAGE)
    );
    // What was issued before a sign-out opens nothing.
    app.state.rtm.sign_out("ann").await.unwrap();
    assert_eq!(send(&signed(&fine), "ann").await.status, 401);
}

#[tokio::test]
async fn a_request_that_is_sent_again_is_one_message() {
    let app = start("");
    let bearer = bearer("ann");
    let headers = [
        ("authorization", bearer.as_str()),
        ("idempotency-key", "r-1"),
    ];
    let hello = body("ann", &text("hello"), false);
    let first = app.post(HOOK, &headers, &hello).await;
    assert_eq!(said(&first), ["Welcome", "echo hello"]);
    let again = app.post(HOOK, &headers, &hello).await;
    assert_eq!(said(&again), ["echo hello"]);
    assert_eq!(
        again.json()["data"][0]["messageId"],
        first.json()["data"][1]["messageId"]
    );
    let history = app
        .user_of("cs-hook", "st-test", "ann")
        .await
        .history()
        .await;
    assert_eq!(history.len(), 3);
}

#[tokio::test]
async fn what_is_wrong_is_said_in_kores_words() {
    let app = start("");
    let bearer = bearer("ann");
    let headers = [
        ("authorization", bearer.as_str()),
        ("content-type", "application/json"),
    ];
    for (broken, status) in [
        ("", 400),
        ("{", 400),
        ("[]", 400),
        ("null", 400),
        (
            r#"{"from":{"id":"ann"},"message":{"type":"template","val":{}}}"#,
            400,
        ),
        (
            r#"{"from":{"id":"ann"},"message":{"type":"text","val":["hush"]}}"#,
            400,
        ),
    ] {
        let reply = app.request("POST", HOOK, &headers, broken).await;
        assert_eq!(reply.status, status, "{broken}");
        assert!(!reply.error().0.is_empty());
        assert!(!reply.body.contains("hush"));
    }
    let long = body("ann", &text(&"x".repeat(20_000)), false);
    assert_eq!(app.post(HOOK, &headers[..1], &long).await.status, 413);
    let huge = body("ann", &text(&"x".repeat(200_000)), false);
    assert_eq!(app.post(HOOK, &headers[..1], &huge).await.status, 413);
    let get = app.get(HOOK, &headers[..1]).await;
    assert_eq!((get.status, get.error().1), (405, json!(405)));
    let form = [headers[0], ("content-type", "text/plain")];
    assert_eq!(app.request("POST", HOOK, &form, "hello").await.status, 415);
    let half = r#"{"from":{"id":"ann"},"message":{"type":"text","val":"ok \ud83d"}}"#;
    let reply = app.request("POST", HOOK, &headers, half).await;
    assert_eq!(said(&reply), ["Welcome", "echo ok \u{fffd}"]);
}

#[tokio::test]
async fn answers_are_brought_to_an_app_that_has_an_address_for_them() {
    let mut peer = Peer::start().await;
    let table = format!(
        "callback_url = \"http://{}/answers\"\nsecret = \"{SIGNS}\"",
        peer.address
    );
    let app = start(&table);
    let ack = post(&app, "ann", &text("hello"), false).await;
    assert_eq!((ack.status, &ack.json()["status"]), (200, &json!("ok")));
    assert!(ack.json()["traceId"].is_string() && ack.json().get("data").is_none());
    let secrets = Secrets::new(Secret::parse(&SecretString::from(SIGNS.to_owned())).unwrap());
    let clock = Arc::clone(&app.clock);
    for expected in ["Welcome", "echo hello"] {
        let heard = peer.heard().await;
        assert_eq!(heard.path, "/answers");
        let verified = secrets
            .verify(&heard.headers, &heard.bytes, clock.now())
            .unwrap();
        let entry = &heard.json()["data"][0];
        assert_eq!(
            (entry["val"].as_str(), entry["messageId"].as_str()),
            (Some(expected), Some(verified.id.as_str()))
        );
    }
    // A call that fails for a moment is tried again, and the order stays.
    peer.tells(503, &json!({}));
    post(&app, "ann", &text("twice"), false).await;
    for expected in ["one", "one", "two"] {
        assert_eq!(peer.heard().await.json()["data"][0]["val"], expected);
    }
    peer.heard_nothing();
}

#[tokio::test]
async fn a_day_is_full_here_too() {
    let app = TestApp::start_with(&format!(
        "[rate]\nuser_messages_per_day = 2\n[apps.cs-hook]\nbots = [\"st-test\"]\n[apps.cs-hook.webhook]\n\
         [[apps.cs-hook.keys]]\nkid = \"h1\"\nalgorithm = \"HS256\"\nsecret = \"{SECRET}\""
    ));
    for _ in 0..2 {
        assert_eq!(post(&app, "ann", &text("hello"), false).await.status, 200);
    }
    let full = post(&app, "ann", &text("hello"), false).await;
    assert_eq!((full.status, full.error().1), (429, json!(429)));
    assert!(full.header("retry-after").parse::<u64>().unwrap() > 60);
}

#[tokio::test]
async fn it_lies_below_the_base_path() {
    let app = start("[server]\npublic_url = \"https://shop.test/help/\"");
    let bearer = bearer("ann");
    let headers = [("authorization", bearer.as_str())];
    let hello = body("ann", &text("hello"), false);
    let reply = app.post(&format!("/help{HOOK}"), &headers, &hello).await;
    assert_eq!(said(&reply), ["Welcome", "echo hello"]);
}

#[tokio::test]
async fn nobody_without_a_name_gets_to_a_bot_for_people_with_one() {
    let app = TestApp::start_with(&format!(
        "[bots.st-named]\npage = \"named\"\nname = \"N\"\nanonymous = false\n[apps.cs-hook]\nbots = [\"st-named\"]\n\
         [apps.cs-hook.webhook]\n[[apps.cs-hook.keys]]\nkid = \"h1\"\nalgorithm = \"HS256\"\nsecret = \"{SECRET}\""
    ));
    for (anonymous, status) in [(true, 403), (false, 200)] {
        let claims = json!({"appId": "cs-hook", "sub": "ann", "iat": NOW.seconds(), "isAnonymous": anonymous});
        let bearer = format!("bearer {}", signed(&claims));
        let headers = [("authorization", bearer.as_str())];
        let hello = body("ann", &text("hello"), false);
        let reply = app
            .post("/chatbot/v2/webhook/st-named", &headers, &hello)
            .await;
        assert_eq!(reply.status, status, "{}", reply.body);
    }
}
