//! The server on a real PostgreSQL, which crashes.

use std::process::Command;

use serde_json::json;
use server::store::StoreError;

use crate::test_app::{TestApp, message, text_of};
use crate::test_postgresql::TestServer;

fn on(server: &TestServer, database: &str) -> String {
    let address = server.address(database);
    format!("[store]\nkind = \"postgres\"\nurl = \"{address}\"\n")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chat_goes_on_after_a_crash_of_postgresql_and_nothing_is_acknowledged_falsely() {
    let server = TestServer::start();
    let database = server.database(None);
    let app = TestApp::start_with(&on(&server, &database));
    let ann = app.user("ann").await;
    let mut socket = ann.welcomed().await;
    socket.say(1, "before").await;
    assert_eq!(text_of(&socket.next().await), "echo before");
    assert_eq!(app.get("/readyz", &[]).await.status, 200);

    tokio::task::block_in_place(|| server.kill());
    socket.send(&message(&json!(2), "lost")).await;
    let refused = socket.next().await;
    assert_eq!(refused["errors"][0]["code"], 503, "{refused}");
    assert_eq!(refused["replyto"], 2, "{refused}");
    assert_eq!(app.get("/readyz", &[]).await.status, 503);

    tokio::task::block_in_place(|| server.start_again());
    assert_eq!(app.get("/readyz", &[]).await.status, 200);
    // The same socket, the same id: as the widget sends what was not acknowledged.
    socket.say(2, "lost").await;
    assert_eq!(text_of(&socket.next().await), "echo lost");
    let said: Vec<_> = ann
        .history()
        .await
        .into_iter()
        .map(|it| (it.0, it.2))
        .collect();
    let expected = ["Welcome", "before", "echo before", "lost", "echo lost"];
    let expected: Vec<_> = (1..).zip(expected.map(str::to_owned)).collect();
    assert_eq!(said, expected);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_server_goes_on_with_the_conversations_of_the_first() {
    let server = TestServer::start();
    let database = server.database(None);
    let first = TestApp::start_with(&on(&server, &database));
    let ann = first.user("ann").await;
    let mut socket = ann.welcomed().await;
    socket.say(1, "here").await;
    assert_eq!(text_of(&socket.next().await), "echo here");
    // Another process, with a folder of its own.
    let second = TestApp::start_with(&on(&server, &database));
    let there = second.returning(ann.token.clone());
    let mut socket = there.socket("&isReconnect=true").await;
    socket.say(1, "here").await;
    socket.say(2, "there").await;
    assert_eq!(text_of(&socket.next().await), "echo there");
    assert_eq!(there.history().await, ann.history().await);
    assert_eq!(there.history().await.len(), 5);
    first.stop().await;
    second.stop().await;
    let closed = second.state.store.health().await;
    assert_eq!(closed, Err(StoreError::Closed));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_checks_the_database_and_erases_a_person_in_it() {
    let server = TestServer::start();
    let database = server.database(None);
    let app = TestApp::start_with(&on(&server, &database));
    let ann = app.user("ann").await;
    let mut socket = ann.welcomed().await;
    socket.say(1, "here").await;
    assert_eq!(text_of(&socket.next().await), "echo here");
    let parlour = |words: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_parlour"))
            .current_dir(std::env::temp_dir())
            .env("PARLOUR_STORE__KIND", "postgres")
            .env("PARLOUR_STORE__URL", server.address(&database))
            .arg("--data")
            .arg(&app.folder)
            .args(words)
            .output()
            .unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(said).unwrap())
    };
    let (code, said) = parlour(&["db", "check"]);
    assert!(said.contains("3 messages"), "{said}");
    assert_eq!(code, Some(0));
    let (code, said) = parlour(&["db", "backup", "copy.db"]);
    assert!(said.contains("pg_dump"), "{said}");
    assert_eq!(code, Some(2));
    let (code, said) = parlour(&["user", "forget", "ann"]);
    assert!(
        said.contains("Erased 1 users, 1 conversations, 3 messages"),
        "{said}"
    );
    assert_eq!(code, Some(0));
}
