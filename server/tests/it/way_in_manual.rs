//! The examples of `docs/bots.md` for saying something outside a turn, run as they stand.

use std::process::Command;

use server::clock::{Clock as _, SystemClock};

use crate::manuals::{blocks, repository};
use crate::test_app::{TestApp, text_of};

const KEY: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// The example in this language that holds this word.
fn example(language: &str, word: &str) -> String {
    let document = std::fs::read_to_string(repository().join("docs/bots.md")).unwrap();
    let mut found = blocks(&document, language);
    found.retain(|block| block.contains(word));
    assert_eq!(found.len(), 1, "{language} {word}");
    found.remove(0)
}

/// Is there such a program?
fn there_is(program: &str) -> bool {
    let found = Command::new(program).arg("--version").output();
    let there = found.is_ok_and(|output| output.status.success());
    if !there {
        eprintln!("skipped: there is no {program} on this machine");
    }
    there
}

/// Runs the example twice against a real server: it is said once.
async fn says_it_once(program: &'static str, file: &str, text: &str) {
    let app = TestApp::start_keyed("st-test", KEY, "");
    // The example signs by the machine's clock.
    app.clock.set(SystemClock.now());
    let ann = app.user("ann").await;
    let mut socket = ann.welcomed().await;
    let dossiers = app.state.store.dossiers("ann", None).await.unwrap();
    let conversation = dossiers[0].conversations[0].name.clone();
    let path = app.folder.join(file);
    std::fs::write(&path, text).unwrap();
    for _ in 0..2 {
        let mut command = Command::new(program);
        command
            .arg(&path)
            .env("PARLOUR", format!("http://{}", app.address))
            .env("BOT", "st-test")
            .env("CONVERSATION", &conversation)
            .env("KEY", KEY);
        let run = tokio::task::spawn_blocking(move || command.output());
        let output = run.await.unwrap().unwrap();
        assert!(output.status.success(), "{output:?}");
    }
    assert_eq!(text_of(&socket.next().await), "Your parcel is here.");
    socket.nothing_more().await;
    assert_eq!(ann.history().await.len(), 2);
}

#[tokio::test]
async fn the_example_for_a_shell_works() {
    if there_is("curl") {
        says_it_once("sh", "say.sh", &example("sh", "curl")).await;
    }
}

#[tokio::test]
async fn the_example_for_node_works() {
    if there_is("node") {
        says_it_once("node", "say.mjs", &example("js", "say.mjs")).await;
    }
}

#[tokio::test]
async fn the_example_for_python_works() {
    if there_is("python3") {
        says_it_once("python3", "say.py", &example("python", "say.py")).await;
    }
}
