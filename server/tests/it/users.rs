//! `parlour user` beside a running server: what is kept of a person, and its erasure.

use std::path::Path;

use serde_json::Value;

use crate::program::parlour_in;
use crate::test_app::{TestApp, text_of};

/// Runs `parlour user …` on this data folder.
fn user(data: &Path, words: &[&str]) -> (Option<i32>, String) {
    let output = parlour_in(&std::env::temp_dir())
        .arg("--data")
        .arg(data)
        .arg("user")
        .args(words)
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(said).unwrap())
}

fn json(said: &str) -> Value {
    serde_json::from_str(said).unwrap_or_else(|error| panic!("{error}: {said}"))
}

/// Does any file of the database hold these bytes?
fn found_in_files(data: &Path, words: &str) -> bool {
    let files = std::fs::read_dir(data).unwrap();
    let files = files.map(|entry| entry.unwrap().path());
    files
        .filter(|path| {
            path.file_name()
                .unwrap()
                .to_str()
                .unwrap()
                .starts_with("parlour.db")
        })
        .any(|path| {
            let bytes = std::fs::read(path).unwrap();
            bytes
                .windows(words.len())
                .any(|part| part == words.as_bytes())
        })
}

#[tokio::test]
async fn everything_that_is_kept_of_a_person_is_exported_as_json() {
    let app = TestApp::start();
    let ann = app.user("ann@test").await;
    let mut socket = ann.welcomed().await;
    socket.say(1, "my secret wish").await;
    assert_eq!(text_of(&socket.next().await), "echo my secret wish");
    let bob = app.user("bob@test").await;
    bob.welcomed().await;

    let (code, said) = user(&app.folder, &["show", "ann@test"]);
    assert_eq!(code, Some(0), "{said}");
    let shown = &json(&said)["users"];
    assert_eq!(shown.as_array().unwrap().len(), 1);
    assert_eq!(shown[0]["identity"], "ann@test");
    assert_eq!(shown[0]["accessTokens"].as_array().unwrap().len(), 1);
    assert_eq!(shown[0]["conversations"][0]["messageCount"], 3);
    assert!(!said.contains("secret wish"));

    let (code, said) = user(&app.folder, &["export", "ann@test", "--app", "cs-test"]);
    assert_eq!(code, Some(0), "{said}");
    let messages = &json(&said)["users"][0]["conversations"][0]["messages"];
    assert_eq!(messages.as_array().unwrap().len(), 3);
    assert_eq!(messages[0]["author"], "bot");
    assert_eq!(messages[1]["author"], "user");
    assert_eq!(messages[1]["body"]["body"], "my secret wish");
    assert_eq!(messages[1]["clientMessageId"], 1);
    assert!(!said.contains("bob"));

    for other in [
        ["export", "eve", "--app", "cs-test"],
        ["export", "ann@test", "--app", "cs-other"],
        ["export", "ann@test", "--bot", "st-other"],
    ] {
        let (code, said) = user(&app.folder, &other);
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains("nothing is kept of this user"), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
}

#[tokio::test]
async fn a_forgotten_person_is_in_no_file_and_out_of_the_running_server() {
    let app = TestApp::start();
    app.state.start_background();
    let (ann, bob) = (app.user("ann@test").await, app.user("bob@test").await);
    let mut socket = ann.welcomed().await;
    // A long one lies on pages of its own, the last one in the log.
    let long = "long-wish ".repeat(900);
    for (id, text) in [(1, "small-wish"), (2, long.trim_end()), (3, "last-wish")] {
        socket.say(id, text).await;
        socket.next().await;
    }
    let mut other = bob.welcomed().await;
    other.say(1, "bobs-wish").await;
    other.next().await;
    let words = ["small-wish", "long-wish", "last-wish", "ann@test"];
    assert!(words.iter().all(|word| found_in_files(&app.folder, word)));

    let (code, said) = user(&app.folder, &["forget", "ann@test"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains("1 users, 1 conversations, 7 messages"),
        "{said}"
    );
    for word in words {
        assert!(!found_in_files(&app.folder, word), "{word}");
    }
    assert!(found_in_files(&app.folder, "bobs-wish"));
    // The server hears of it: the socket ends and the token opens nothing.
    assert_eq!(socket.closed().await, Some(1008));
    let history = "/api/botmessages/rtm?botId=st-test";
    assert_eq!(ann.get(history).await.status, 401);
    // Others go on, and the same person may come back as somebody new.
    other.say(2, "again").await;
    assert_eq!(text_of(&other.next().await), "echo again");
    let ann = app.user("ann@test").await;
    assert!(ann.history().await.is_empty());
    let (code, said) = user(&app.folder, &["forget", "eve@test"]);
    assert_eq!(code, Some(2), "{said}");
}

#[tokio::test]
async fn a_log_that_another_program_reads_is_named_and_emptied_by_the_next_try() {
    let app = TestApp::start();
    let ann = app.user("ann@test").await;
    let mut socket = ann.welcomed().await;
    socket.say(1, "held-wish").await;
    socket.next().await;
    let reader = rusqlite::Connection::open(app.folder.join("parlour.db")).unwrap();
    reader.execute_batch("BEGIN").unwrap();
    let count = "SELECT count(*) FROM messages";
    let seen: i64 = reader.query_row(count, [], |row| row.get(0)).unwrap();
    assert_eq!(seen, 3);
    let (code, said) = user(&app.folder, &["forget", "ann@test"]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("everything is erased, but"), "{said}");
    reader.execute_batch("COMMIT").unwrap();
    let (code, said) = user(&app.folder, &["forget", "ann@test"]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("nothing is kept"), "{said}");
    assert!(!found_in_files(&app.folder, "held-wish"));
}

#[tokio::test]
async fn users_without_messages_go_with_retention() {
    use std::time::Duration;
    let app = TestApp::start_with("[retention]\nage = \"8d\"\n");
    app.user("passer-by").await;
    let ann = app.user("ann").await;
    ann.welcomed().await;
    app.clock.advance(Duration::from_hours(9 * 24));
    // Somebody who is here stays, although nothing is kept of them yet.
    app.user("newcomer").await;
    app.state.start_background();
    let kept = async |identity: &str| {
        let found = app.state.store.dossiers(identity, None).await.unwrap();
        !found.is_empty()
    };
    while kept("passer-by").await || kept("ann").await {
        tokio::task::yield_now().await;
    }
    assert!(kept("newcomer").await);
}
