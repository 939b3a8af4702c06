//! What ends: a visitor who signs out, a token, a key; and what goes with it.

use std::time::Duration;

use serde_json::{Value, json};
use server::bus::{Event, Wake};
use server::clock::Clock as _;
use server::config::Config;
use server::rtm::limits::TOKEN_GRACE;
use server::store::SecretHash;

use crate::test_app::{CONFIG, Reply, SECRETS, TestApp, User, bot_info, message, text_of};
use crate::test_socket::Socket;

const SIGN: &str = "/api/users/sts";
const HISTORY: &str = "/api/botmessages/rtm?botId=st-test";

/// Our own page, and the cookie of its visitor.
struct Browser<'a> {
    app: &'a TestApp,
    origin: String,
    cookie: String,
}

impl<'a> Browser<'a> {
    fn new(app: &'a TestApp) -> Self {
        let origin = format!("http://{}", app.address);
        let cookie = String::new();
        Self {
            app,
            origin,
            cookie,
        }
    }

    async fn ask(&self, body: &Value) -> Reply {
        let headers = [("origin", &*self.origin), ("cookie", &*self.cookie)];
        self.app.post(SIGN, &headers, body).await
    }

    /// An assertion of this browser's visitor, through this app.
    async fn assertion(&mut self, app: &str, bot: &str) -> String {
        let reply = self.ask(&json!({"clientId": app, "bot": bot})).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        let set = reply.header("set-cookie").split(';').next().unwrap();
        if !set.is_empty() {
            set.clone_into(&mut self.cookie);
        }
        reply.json()["jwt"].as_str().unwrap().to_owned()
    }

    async fn user(&mut self, app: &str, bot: &'static str) -> User<'a> {
        let assertion = self.assertion(app, bot).await;
        let reply = grant(self.app, &assertion, bot).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        let token = reply.json()["authorization"]["accessToken"].clone();
        let token = token.as_str().unwrap().to_owned();
        User {
            app: self.app,
            token,
            bot,
        }
    }

    async fn forget(&self, body: &str) -> Reply {
        let headers = [
            ("origin", &*self.origin),
            ("cookie", &*self.cookie),
            ("content-type", "application/json"),
        ];
        self.app.request("DELETE", SIGN, &headers, body).await
    }
}

async fn grant(app: &TestApp, assertion: &str, bot: &str) -> Reply {
    let body = json!({"assertion": assertion, "botInfo": bot_info(bot)});
    app.post("/api/oAuth/token/jwtgrant", &[], &body).await
}

async fn forms(app: &TestApp, cookie: &str, text: &str) -> Reply {
    let headers = [
        ("content-type", "application/x-www-form-urlencoded"),
        ("cookie", cookie),
    ];
    app.request("POST", "/chat/test", &headers, text).await
}

#[tokio::test]
async fn a_visitor_who_signs_out_leaves_nothing_that_opens() {
    let app = TestApp::start();
    let mut ann = Browser::new(&app);
    let here = ann.user("cs-test", "st-test").await;
    let again = ann.user("cs-test", "st-test").await;
    let there = ann.user("cs-other", "st-other").await;
    let unused = ann.assertion("cs-test", "st-test").await;
    let (mut one, mut two) = (
        here.welcomed().await,
        again.socket("&isReconnect=true").await,
    );
    let mut three = there.welcomed().await;
    one.say(1, "my name is Ann").await;
    assert_eq!(text_of(&one.next().await), "echo my name is Ann");
    let ticket = again.ticket().await;
    let mut bob = Browser::new(&app);
    let bobs = bob.user("cs-test", "st-test").await;
    let mut his = bobs.welcomed().await;

    let copied = ann.cookie.clone();
    let page = app.get("/chat/test", &[("cookie", &copied)]).await;
    assert!(page.body.contains("my name is Ann"), "the visitor is known");
    let reply = ann.forget("").await;
    assert_eq!(reply.status, 204, "{}", reply.body);
    assert!(reply.header("set-cookie").contains("Max-Age=0"));

    // In every app: sockets, tokens, what rtm/start gave, an assertion that nobody had used yet.
    for socket in [&mut one, &mut two, &mut three] {
        assert_eq!(socket.closed().await, Some(1008));
    }
    for user in [&here, &again] {
        assert_eq!(user.get(HISTORY).await.error().0, "token expired");
    }
    assert_eq!(Socket::open(&app, &ticket, &[]).await.err().unwrap().0, 401);
    assert_eq!(grant(&app, &unused, "st-test").await.status, 401);
    // A copy of the cookie is nobody to the page and the form, and somebody new to the signing service.
    let page = app.get("/chat/test", &[("cookie", &copied)]).await;
    assert_eq!(page.status, 200);
    assert!(!page.body.contains("my name is Ann"));
    let form = forms(&app, &copied, "text=silence").await;
    assert_eq!(form.status, 303);
    let new = form.header("set-cookie").split(';').next().unwrap();
    assert!(
        new.starts_with("__Host-parlour-visitor=") && new != copied,
        "{new}"
    );
    let thief = Browser {
        cookie: copied,
        ..Browser::new(&app)
    };
    let identity = |jwt: &str| {
        server::signing::verify(
            &app.state.keys.table(),
            &app.state.policy,
            jwt,
            app.clock.now(),
        )
        .unwrap()
        .identity
        .subject
    };
    let signed = thief.ask(&json!({"bot": "st-test"})).await.json();
    assert_ne!(identity(signed["jwt"].as_str().unwrap()), identity(&unused));
    // Nobody else is touched.
    his.nothing_more().await;
    assert_eq!(bobs.get(HISTORY).await.status, 200);
}

#[tokio::test]
async fn a_frame_without_cookies_signs_out_with_the_token_it_keeps() {
    let app = TestApp::start();
    let ann = Browser::new(&app);
    let kept = json!({"bot": "st-test", "keepVisitor": true});
    let token = ann.ask(&kept).await.json()["visitor"].clone();
    let with = json!({"bot": "st-test", "visitor": token});
    let identity = |reply: &Reply| {
        let jwt = reply.json()["jwt"].as_str().unwrap().to_owned();
        let (table, policy) = (app.state.keys.table(), &app.state.policy);
        let verified = server::signing::verify(&table, policy, &jwt, app.clock.now());
        verified.unwrap().identity.subject
    };
    let before = identity(&ann.ask(&with).await);
    assert_eq!(identity(&ann.ask(&with).await), before);
    let reply = ann.forget(&json!({"visitor": token}).to_string()).await;
    assert_eq!(reply.status, 204, "{}", reply.body);
    assert_ne!(identity(&ann.ask(&with).await), before);
}

#[tokio::test]
async fn the_cookie_goes_also_when_the_store_cannot_remember() {
    let app = TestApp::start();
    let mut ann = Browser::new(&app);
    ann.user("cs-test", "st-test").await;
    app.tamper("DROP TABLE signed_out");
    let reply = ann.forget("").await;
    assert!(reply.status >= 500, "{}", reply.body);
    assert!(reply.header("set-cookie").contains("Max-Age=0"));
}

#[tokio::test]
async fn a_logout_of_a_user_ends_what_they_have_everywhere() {
    let app = TestApp::start();
    let (desk, phone) = (app.user("ann").await, app.user("ann").await);
    let bob = app.user("bob").await;
    let (mut one, mut two) = (
        desk.welcomed().await,
        phone.socket("&isReconnect=true").await,
    );
    let mut his = bob.welcomed().await;
    let ticket = phone.ticket().await;
    let reply = desk
        .post("/api/oAuth/token/revoke?all=true", &json!({}))
        .await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    assert_eq!(one.closed().await, Some(1008));
    assert_eq!(two.closed().await, Some(1008));
    for user in [&desk, &phone] {
        assert_eq!(user.get(HISTORY).await.status, 401);
    }
    assert_eq!(Socket::open(&app, &ticket, &[]).await.err().unwrap().0, 401);
    his.nothing_more().await;
    // Whom the website vouches for again is there again.
    let back = app.user("ann").await;
    assert_eq!(back.get(HISTORY).await.status, 200);
    let odd = bob
        .post("/api/oAuth/token/revoke?all=perhaps", &json!({}))
        .await;
    assert_eq!(odd.status, 400);
    his.nothing_more().await;
}

#[tokio::test]
async fn a_revocation_on_another_node_is_heard_over_the_bus() {
    let app = TestApp::start();
    let (ann, again) = (app.user("ann").await, app.user("ann").await);
    let (mut one, mut two) = (
        ann.welcomed().await,
        again.socket("&isReconnect=true").await,
    );
    // What another node does.
    let (store, hash) = (&app.state.store, SecretHash::of(&ann.token));
    let token = store.token(hash, app.clock.now()).await.unwrap().unwrap();
    assert!(store.revoke_token(hash, app.clock.now()).await.unwrap());
    for conversation in store.conversations_of(&token.user).await.unwrap() {
        let event = Event::Access;
        let wake = Wake {
            conversation,
            event,
        };
        app.state.bus.publish(wake).await.unwrap();
    }
    assert_eq!(one.closed().await, Some(1008));
    two.nothing_more().await;
}

#[tokio::test]
async fn a_socket_ends_with_its_token_and_loses_nothing() {
    let app = TestApp::start();
    let ann = app.user("ann").await;
    let mut socket = ann.welcomed().await;
    let life = Duration::from_hours(12);
    app.clock.advance(life);
    // Within the grace, in which the widget gets a new one.
    socket.say(1, "hello").await;
    assert_eq!(text_of(&socket.next().await), "echo hello");
    let renewed = app.user("ann").await;
    app.clock.advance(TOKEN_GRACE);
    socket.send(&message(&json!(2), "still here")).await;
    assert_eq!(socket.closed().await, Some(1008));
    assert_eq!(ann.get(HISTORY).await.error().0, "token expired");
    // It comes back with the new one, and says again what was not acknowledged.
    let mut socket = renewed.socket("&isReconnect=true&after=3").await;
    socket.say(2, "still here").await;
    assert_eq!(text_of(&socket.next().await), "echo still here");
    assert_eq!(renewed.history().await.len(), 5);
}

#[tokio::test]
async fn nothing_is_told_to_a_socket_whose_token_has_ended() {
    let app = TestApp::start();
    let ann = app.user("ann").await;
    let mut old = ann.welcomed().await;
    app.clock.advance(Duration::from_hours(12));
    app.clock.advance(TOKEN_GRACE);
    let mut new = app.user("ann").await.socket("&isReconnect=true").await;
    new.say(1, "a secret").await;
    // Not even one event of it.
    assert_eq!(old.next_or_close().await, Err(Some(1008)));
}

#[tokio::test]
async fn a_quiet_socket_ends_with_its_token_too() {
    let app = TestApp::start();
    let mut socket = app.user("ann").await.welcomed().await;
    app.clock.advance(Duration::from_hours(12));
    app.clock.advance(TOKEN_GRACE);
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(26)).await;
    tokio::time::resume();
    assert_eq!(socket.closed().await, Some(1008));
}

#[tokio::test]
async fn a_key_that_is_removed_takes_its_tokens_and_sockets_along() {
    let new = "[[apps.cs-test.keys]]\nkid = \"k0\"\nalgorithm = \"HS256\"\nsecret = \"nE8wPq2rTs5uVx1yZa4bCd7eFg0hJk3m\"\n";
    let app = TestApp::start();
    let old = app.user("ann").await;
    let other = app.user_of("cs-other", "st-other", "ann").await;
    let mut on_old = old.welcomed().await;
    let mut elsewhere = other.welcomed().await;
    // Rotated: the new one signs, the old one still stands.
    let rotated = CONFIG.replacen(
        "[[apps.cs-test.keys]]",
        &format!("{new}[[apps.cs-test.keys]]"),
        1,
    );
    app.state
        .reload(&Config::from_text(&rotated).unwrap())
        .unwrap();
    let mut on_new = app.user("ann").await.socket("&isReconnect=true").await;
    on_old.nothing_more().await;
    let ticket = old.ticket().await;
    // Another secret under the old id is another key.
    let replaced = rotated.replace(SECRETS[0], "qW3eRt6yUi9oPa2sDf5gHj8kLz1xCv4b");
    app.state
        .reload(&Config::from_text(&replaced).unwrap())
        .unwrap();
    assert_eq!(on_old.closed().await, Some(1008));
    assert_eq!(old.get(HISTORY).await.error().0, "token expired");
    assert_eq!(Socket::open(&app, &ticket, &[]).await.err().unwrap().0, 401);
    on_new.nothing_more().await;
    elsewhere.nothing_more().await;
    // And an app that is gone, with all of its keys.
    let gone: String = replaced
        .split("[apps.")
        .filter(|part| !part.starts_with("cs-other"))
        .collect::<Vec<_>>()
        .join("[apps.");
    let gone = format!(
        "{gone}\n[bots.st-test]\npage = \"test\"\nname = \"Test Bot\"\n[bots.st-broken]\npage = \"broken\"\nname = \"Broken Bot\"\n"
    );
    app.state
        .reload(&Config::from_text(&gone).unwrap())
        .unwrap();
    assert_eq!(elsewhere.closed().await, Some(1008));
    on_new.nothing_more().await;
}
