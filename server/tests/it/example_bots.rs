//! The example bots (`examples/`) behind a whole server: each is started as its first line says, and chatted with.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::json;

use crate::test_app::{SOON, TestApp, text_of};
use crate::test_bot_app::{APP, app_with};

const KEY: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A running example; gone with its owner.
struct Example {
    child: Child,
    port: u16,
}

impl Example {
    /// Starts it with this key.
    fn start(command: &str, file: &str, key: &str) -> Self {
        let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
        let mut child = Command::new(command)
            .arg(examples.join(file))
            .envs([("KEY", key), ("PORT", "0")])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{command}: {error}"));
        let mut said = String::new();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        lines.read_line(&mut said).unwrap();
        let port = said
            .trim()
            .strip_prefix("listening on ")
            .expect("it listens");
        let port = port.parse().unwrap();
        Self { child, port }
    }
}

impl Drop for Example {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn settings(example: &Example) -> String {
    app_with(
        "st-hook",
        &format!(
            r#"key = "{KEY}"
[bots.st-hook.webhook]
url = "http://127.0.0.1:{}/""#,
            example.port
        ),
    )
}

async fn chat_with(example: &Example) {
    let app = TestApp::start_today(&settings(example));
    let ann = app.user_of(APP, "st-hook", "ann").await;
    let mut socket = ann.plain_socket("").await;
    socket.say(1, "hello").await;
    let frame = socket.next().await;
    assert_eq!(text_of(&frame), "You said: hello");
    let inner = &frame["message"][0]["component"]["payload"]["payload"];
    assert_eq!(inner["template_type"], "button");
    assert_eq!(inner["buttons"][1]["payload"], "later");
    socket.say(2, "stream").await;
    assert_eq!(text_of(&socket.next().await), "One word after the other.");
    socket.say(3, "later").await;
    let late = tokio::time::timeout(SOON, socket.next()).await.unwrap();
    assert_eq!(text_of(&late), "Here it is.");
    let texts: Vec<_> = ann
        .history()
        .await
        .into_iter()
        .map(|(_, kind, _)| kind)
        .collect();
    assert_eq!(
        texts,
        [
            "incoming", "outgoing", "incoming", "outgoing", "incoming", "outgoing"
        ]
    );
}

/// With another key it takes nothing.
async fn refuses_strangers(command: &str, file: &str) {
    let example = Example::start(command, file, "whsec_plJ3nmyCDGBKInavdOK15jsl2Gdb0aVJ");
    let app = TestApp::start_today(&settings(&example));
    let ann = app.user_of(APP, "st-hook", "ann").await;
    let mut socket = ann.socket("").await;
    // The session's own event was refused, and so is the message.
    let apology = socket.next().await;
    assert_eq!(apology["message"][0]["component"]["type"], "error");
    socket.say(1, "hello").await;
    let apology = socket.next().await;
    assert_eq!(apology["message"][0]["component"]["type"], json!("error"));
}

#[tokio::test]
async fn the_example_in_node_answers_streams_and_says_something_later() {
    chat_with(&Example::start("node", "webhook-bot.mjs", KEY)).await;
    refuses_strangers("node", "webhook-bot.mjs").await;
}

#[tokio::test]
async fn the_example_in_python_answers_streams_and_says_something_later() {
    chat_with(&Example::start("python3", "webhook_bot.py", KEY)).await;
    refuses_strangers("python3", "webhook_bot.py").await;
}
