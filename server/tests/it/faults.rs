//! Panics end what they happen in, and nothing else.

use std::sync::atomic::Ordering;

use serde_json::json;

use crate::test_app::{TestApp, bot_info, message, text_of};

#[tokio::test]
async fn a_panic_in_a_handler_a_socket_or_a_bot_ends_that_one_only_and_is_counted() {
    let app = TestApp::start();
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let (mut hers, mut his) = (ann.welcomed().await, bob.welcomed().await);
    assert_eq!(app.get("/livez", &[]).await.body, "alive\n");

    app.ids.panic_on_secret.store(true, Ordering::SeqCst);
    let body = json!({"botInfo": bot_info("st-test")});
    let reply = ann.post("/api/rtm/start", &body).await;
    assert_eq!(reply.status, 500);
    assert!(!reply.body.contains("on purpose"), "{}", reply.body);
    assert_eq!(ann.post("/api/rtm/start", &body).await.status, 200);

    app.ids.panic_on_message.store(true, Ordering::SeqCst);
    hers.send(&message(&json!(1), "hello")).await;
    assert_eq!(
        hers.closed().await,
        None,
        "cut off: it comes back by itself"
    );
    his.say(1, "hello").await;
    assert_eq!(text_of(&his.next().await), "echo hello");
    let mut hers = ann.socket("&isReconnect=true&after=1").await;
    hers.say(1, "hello").await;
    assert_eq!(text_of(&hers.next().await), "echo hello");

    hers.say(2, "panic").await;
    assert!(text_of(&hers.next().await).starts_with("Sorry"));
    hers.say(3, "hello").await;
    assert_eq!(text_of(&hers.next().await), "echo hello");
    assert_eq!(app.get("/readyz", &[]).await.status, 200);
    let alive = app.get("/livez", &[]).await;
    assert_eq!(
        (alive.status, alive.body.as_str()),
        (200, "alive; 3 panics since the start, see the log\n")
    );
}

/// The real program: a person's Ctrl-C is as polite as a service manager's SIGTERM.
#[cfg(unix)]
#[test]
fn sigint_ends_it_like_sigterm_within_the_configured_time() {
    use std::io::{BufRead as _, BufReader};
    use std::process::{Command, Stdio};

    use server::ids::{Ids as _, RandomIds};

    for signal in ["-INT", "-TERM"] {
        let folder = std::env::temp_dir().join(format!("parlour-signal-{}", RandomIds.uuid()));
        let mut server = Command::new(env!("CARGO_BIN_EXE_parlour"))
            .current_dir(std::env::temp_dir())
            .args(["--listen", "127.0.0.1:0", "--data"])
            .arg(&folder)
            .env("PARLOUR_SERVER__DRAIN_WITHIN", "5s")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(server.stdout.take().unwrap()).lines();
        let listening = lines.any(|line| line.unwrap().starts_with("listening on"));
        assert!(listening);
        let pid = server.id().to_string();
        let sent = Command::new("kill").args([signal, &pid]).status().unwrap();
        assert!(sent.success());
        assert!(server.wait().unwrap().success(), "{signal}");
        assert!(!folder.join("parlour.db-wal").exists(), "closed cleanly");
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
