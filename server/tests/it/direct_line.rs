//! A bot behind Direct Line: a stand-in of the service as its documentation has it, and what a visitor sees.

use std::sync::{Arc, Mutex};

use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use serde_json::{Value, json};

use crate::test_agent::says;
use crate::test_app::{TestApp, User, text_of};
use crate::test_bot_app::{APP, LASTING, app_with};
use crate::test_hook::{Asked, Hook, json_of, status};

/// What the stand-in holds.
#[derive(Default)]
struct Service {
    /// The activities of each conversation.
    conversations: Vec<Vec<Value>>,
    /// Tokens given so far.
    tokens: usize,
    /// The only one that is let in, besides the secret.
    valid: Option<String>,
    /// The next activity is not taken: this status.
    refuse: Option<u16>,
    /// The next look gets this.
    instead: Option<String>,
}

const SECRET: &str = "dl-secret";

/// Direct Line with a bot that answers so.
struct DirectLine {
    agent: Hook,
    service: Arc<Mutex<Service>>,
}

impl DirectLine {
    fn start(bot: impl Fn(&Value) -> Vec<Value> + Send + Sync + 'static) -> Self {
        let service = Arc::new(Mutex::new(Service::default()));
        let (inside, bot) = (Arc::clone(&service), Arc::new(bot));
        let agent = Hook::doing(move |asked: Asked| {
            let answer = inside.lock().unwrap().answer(&asked, &*bot);
            std::future::ready(answer)
        });
        Self { agent, service }
    }

    fn settings(&self, more: &str) -> String {
        app_with(
            "st-line",
            &format!(
                r#"[bots.st-line.direct_line]
url = "http://{}"
quiet = "400ms"
{more}
{LASTING}"#,
                self.agent.address
            ),
        )
    }

    fn asked(&self, start: &str) -> usize {
        let asked = self.agent.asked();
        asked
            .iter()
            .filter(|asked| asked.line.starts_with(start))
            .count()
    }
}

impl Service {
    fn answer(&mut self, asked: &Asked, bot: &dyn Fn(&Value) -> Vec<Value>) -> Response {
        let (method, path) = asked.line.split_once(' ').unwrap();
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        if path == "/token" {
            return self.token();
        }
        let brought = asked.header("authorization").strip_prefix("Bearer ");
        let known = brought.is_some_and(|it| it == SECRET || Some(it) == self.valid.as_deref());
        if !known {
            return status(403);
        }
        let path = path
            .strip_prefix("/v3/directline/")
            .expect("Direct Line 3.0");
        let parts: Vec<&str> = path.split('/').collect();
        match (method, parts.as_slice()) {
            ("POST", ["tokens", "refresh"]) => self.token(),
            ("POST", ["conversations"]) => {
                self.conversations.push(Vec::new());
                let id = format!("c{}", self.conversations.len());
                let mut body = json!({"conversationId": id, "expires_in": 1800});
                if brought != Some(SECRET) {
                    body["token"] = json!(brought);
                }
                (StatusCode::CREATED, json_of(&body)).into_response()
            }
            ("GET", ["conversations", id]) if self.conversation(id).is_some() => {
                json_of(&json!({"conversationId": id}))
            }
            ("POST", ["conversations", id, "activities"]) => {
                if let Some(code) = self.refuse.take() {
                    return status(code);
                }
                let Some(activities) = self.conversation(id) else {
                    return status(404);
                };
                let mut said = asked.json();
                let sent = format!("{id}|{}", activities.len());
                said["id"] = json!(sent);
                let answers = bot(&said);
                activities.push(said);
                for mut answer in answers {
                    answer["id"] = json!(format!("{id}|{}", activities.len()));
                    answer["from"] = json!({"id": "the-bot"});
                    answer["replyToId"] = json!(sent);
                    activities.push(answer);
                }
                json_of(&json!({"id": sent}))
            }
            ("GET", ["conversations", id, "activities"]) => {
                if let Some(instead) = self.instead.take() {
                    return instead.into_response();
                }
                let Some(activities) = self.conversation(id) else {
                    return status(404);
                };
                let from = query.strip_prefix("watermark=").unwrap_or("0");
                let new = &activities[from.parse().unwrap()..];
                json_of(&json!({"activities": new, "watermark": activities.len().to_string()}))
            }
            _ => status(405),
        }
    }

    fn conversation(&mut self, id: &str) -> Option<&mut Vec<Value>> {
        let number: usize = id.strip_prefix('c')?.parse().ok()?;
        self.conversations.get_mut(number - 1)
    }

    fn token(&mut self) -> Response {
        self.tokens += 1;
        let token = format!("dl-token-{}", self.tokens);
        self.valid = Some(token.clone());
        json_of(&json!({"token": token, "expires_in": 1800}))
    }
}

async fn user<'a>(app: &'a TestApp, identity: &str) -> User<'a> {
    app.user_of(APP, "st-line", identity).await
}

/// Greets at the event, and echoes.
fn echo(said: &Value) -> Vec<Value> {
    match said["type"].as_str() {
        Some("event") => vec![says("Welcome")],
        Some("message") => {
            let text = said["text"].as_str().unwrap_or_default();
            let mut answer = says(&format!("echo {text}"));
            answer["inputHint"] = json!("acceptingInput");
            vec![json!({"type": "typing"}), answer]
        }
        _ => Vec::new(),
    }
}

#[tokio::test]
async fn a_bot_greets_answers_and_goes_on_after_a_restart() {
    let line = DirectLine::start(echo);
    let settings = line.settings("secret = \"dl-secret\"");
    let app = TestApp::start_with(&settings);
    let ann = user(&app, "ann").await;
    let mut socket = ann.socket("").await;
    assert_eq!(text_of(&socket.next().await), "Welcome");
    socket.say(1, "hello").await;
    assert_eq!(text_of(&socket.next().await), "echo hello");
    let token = ann.token.clone();
    app.stop().await;

    let next = app.again_with(&settings);
    let ann = User {
        app: &next,
        token,
        bot: "st-line",
    };
    let mut socket = ann.socket("&isReconnect=true&after=3").await;
    socket.say(2, "still there?").await;
    assert_eq!(text_of(&socket.next().await), "echo still there?");
    socket.nothing_more().await;
    assert_eq!(line.asked("POST /v3/directline/conversations"), 1 + 3);
    assert_eq!(line.service.lock().unwrap().conversations.len(), 1);
    let asked = line.agent.asked();
    assert!(
        asked
            .iter()
            .all(|asked| asked.header("authorization") == "Bearer dl-secret")
    );
    let said = line.service.lock().unwrap().conversations[0][2].clone();
    assert_eq!(
        (&said["type"], &said["text"]),
        (&json!("message"), &json!("hello"))
    );
    assert_eq!(said["from"]["role"], "user");
}

#[tokio::test]
async fn what_comes_after_the_end_of_a_turn_is_heard_with_the_next_and_nothing_twice() {
    let line = DirectLine::start(echo);
    let app = TestApp::start_with(&line.settings("secret = \"dl-secret\""));
    let ann = user(&app, "ann").await;
    let mut socket = ann.socket("").await;
    socket.next().await;
    socket.say(1, "one").await;
    assert_eq!(text_of(&socket.next().await), "echo one");
    let mut late = says("late");
    late["from"] = json!({"id": "the-bot"});
    late["inputHint"] = json!("acceptingInput");
    line.service.lock().unwrap().conversations[0].push(late);
    socket.say(2, "two").await;
    assert_eq!(text_of(&socket.next().await), "late");
    assert_eq!(text_of(&socket.next().await), "echo two");
    socket.nothing_more().await;
}

#[tokio::test]
async fn a_token_is_renewed_before_its_end_and_taken_anew_in_the_same_conversation() {
    let line = DirectLine::start(echo);
    let more = format!("token_url = \"http://{}/token\"", line.agent.address);
    let app = TestApp::start_with(&line.settings(&more));
    let ann = user(&app, "ann").await;
    let mut socket = ann.socket("").await;
    socket.next().await;
    let minutes = |minutes: u64| std::time::Duration::from_secs(minutes * 60);
    // Shortly before its end; after its end; while Direct Line has forgotten it.
    for (id, passed, refreshed, taken) in [(1, 26, 1, 1), (2, 40, 1, 2), (3, 1, 1, 3)] {
        app.clock.advance(minutes(passed));
        if id == 3 {
            line.service.lock().unwrap().valid = None;
        }
        socket.say(id, "hello").await;
        assert_eq!(text_of(&socket.next().await), "echo hello");
        assert_eq!(line.asked("POST /v3/directline/tokens/refresh"), refreshed);
        assert_eq!(line.asked("GET /token"), taken);
    }
    assert_eq!(line.service.lock().unwrap().conversations.len(), 1);
}

#[tokio::test]
async fn a_conversation_that_is_gone_or_has_ended_is_begun_anew() {
    let line = DirectLine::start(|said| match said["text"].as_str() {
        Some("bye") => vec![says("Bye"), json!({"type": "endOfConversation"})],
        _ => echo(said),
    });
    let app = TestApp::start_with(&line.settings("secret = \"dl-secret\""));
    let ann = user(&app, "ann").await;
    let mut socket = ann.socket("").await;
    socket.next().await;
    line.service.lock().unwrap().refuse = Some(404);
    socket.say(1, "hello").await;
    assert_eq!(text_of(&socket.next().await), "echo hello");
    assert_eq!(line.service.lock().unwrap().conversations.len(), 2);
    socket.say(2, "bye").await;
    assert_eq!(text_of(&socket.next().await), "Bye");
    drop(socket);
    let mut socket = ann.socket("").await;
    let mut frame = socket.next().await;
    while text_of(&frame) != "Welcome" {
        frame = socket.next().await;
    }
    assert_eq!(line.service.lock().unwrap().conversations.len(), 3);
}

#[tokio::test]
async fn a_turn_that_is_given_again_looks_first_whether_it_was_answered() {
    let line = DirectLine::start(echo);
    let app = TestApp::start_with(&line.settings("secret = \"dl-secret\""));
    let ann = user(&app, "ann").await;
    let mut socket = ann.socket("").await;
    socket.next().await;
    line.service.lock().unwrap().refuse = Some(502);
    socket.say(1, "hello").await;
    let flying = async {
        loop {
            app.clock.advance(std::time::Duration::from_secs(1));
            tokio::task::yield_now().await;
        }
    };
    let answer = tokio::select! {
        frame = socket.next() => frame,
        () = flying => unreachable!("it never ends"),
    };
    assert_eq!(text_of(&answer), "echo hello");
    socket.nothing_more().await;
}

#[tokio::test]
async fn bad_answers_are_excused_and_do_not_stand_in_the_way_of_the_next() {
    let line = DirectLine::start(|said| {
        let action = json!({"type": "imBack", "title": "a", "value": "a"});
        match said["text"].as_str().unwrap_or_default() {
            "buttons" => {
                let actions = json!({"actions": vec![action; 1_000]});
                vec![json!({"type": "message", "text": "x", "suggestedActions": actions})]
            }
            "wrong types" => vec![json!({"type": "message", "text": 7}), says("after")],
            "silence" => Vec::new(),
            _ => echo(said),
        }
    });
    let app = TestApp::start_with(&line.settings("secret = \"dl-secret\"\nwait = \"3s\""));
    let ann = user(&app, "ann").await;
    let mut socket = ann.socket("").await;
    socket.next().await;
    let mut id = 0;
    for (said, heard) in [
        ("buttons", &["_Part of this"][..]),
        ("wrong types", &["_Part of this", "after"]),
        ("silence", &["Sorry"]),
    ] {
        id += 1;
        socket.say(id, said).await;
        for start in heard {
            let frame = socket.next().await;
            assert!(text_of(&frame).starts_with(start), "{said}: {frame}");
        }
        id += 1;
        socket.say(id, "hello").await;
        assert_eq!(text_of(&socket.next().await), "echo hello", "after {said}");
    }
    for (number, instead) in ["<html>".to_owned(), "[]".to_owned(), "x".repeat(3_000_000)]
        .into_iter()
        .enumerate()
    {
        line.service.lock().unwrap().instead = Some(instead);
        socket.say(50 + number as u64, "one").await;
        assert!(text_of(&socket.next().await).starts_with("Sorry"));
        // What the bot said meanwhile is still to be had.
        socket.say(60 + number as u64, "two").await;
        assert_eq!(text_of(&socket.next().await), "echo one");
        assert_eq!(text_of(&socket.next().await), "echo two");
    }
    // A secret that is refused is not tried again.
    line.service.lock().unwrap().refuse = Some(403);
    socket.say(90, "refused").await;
    assert!(text_of(&socket.next().await).starts_with("Sorry"));
    socket.say(91, "hello").await;
    assert_eq!(text_of(&socket.next().await), "echo hello");
}
