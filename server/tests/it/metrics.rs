//! What an operator's Prometheus reads: right figures, and nobody's name.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde_json::json;
use server::http::metrics;
use server::listen;

use crate::nodes::over;
use crate::program::{Program, new_folder, status_at};
use crate::test_app::{TestApp, eventually, exchange, text_of};
use crate::test_broker::TestBroker;

const ON: &str = "[server]\nmetrics = \"127.0.0.1:0\"\n";

/// A server with metrics, and where they are.
fn start(more: &str) -> (TestApp, SocketAddr) {
    let app = TestApp::start_with(&format!("{ON}{more}"));
    let listener = listen::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = listener.local_addr().unwrap();
    let serving = metrics::serve(listener, app.state.clone());
    app.shutdown.spawn("metrics", serving);
    (app, address)
}

/// What is scraped, and each sample of it by its name with labels.
async fn scrape(address: SocketAddr) -> (String, BTreeMap<String, f64>) {
    let reply = exchange(address, "GET", "/metrics", &[], "").await;
    assert_eq!(reply.status, 200);
    let kind = reply.header("content-type");
    assert!(kind.starts_with("text/plain; version=0.0.4"), "{kind}");
    let samples = reply.body.lines().filter(|line| !line.starts_with('#'));
    let samples = samples.map(|line| {
        let (name, value) = line.rsplit_once(' ').unwrap();
        (name.to_owned(), value.parse().unwrap())
    });
    (reply.body.clone(), samples.collect())
}

#[tokio::test]
async fn a_small_chat_is_counted_and_names_nobody() {
    let (app, address) = start("");
    let ann = app.user("ann@example.com").await;
    let mut socket = ann.welcomed().await;
    let ack = socket.say(7, "my card is 4111").await;
    assert_eq!(text_of(&socket.next().await), "echo my card is 4111");
    // The same once more is acknowledged, and not stored.
    socket.say(7, "my card is 4111").await;
    socket.say(8, "fail").await;
    socket.next().await;
    let forged = json!({"assertion": "e30.e30.e30", "botInfo": {}});
    app.post("/api/oAuth/token/jwtgrant", &[], &forged).await;
    for path in [
        "/chat/test",
        "/chat/cs-secret",
        "/pkg/cs-secret",
        "/api/cs-secret",
    ] {
        app.get(path, &[]).await;
    }
    let way_in = "/api/bots/st-test/conversations/cv-secret/messages";
    app.post(way_in, &[], &json!({})).await;

    let (text, samples) = scrape(address).await;
    for (name, value) in [
        ("ready", 1),
        ("panics_total", 0),
        ("sockets", 1),
        ("sockets_opened_total", 1),
        ("sessions_total", 1),
        ("messages_total{sender=\"visitor\"}", 2),
        ("messages_total{sender=\"bot\"}", 3),
        ("messages_not_stored_total", 0),
        ("bot_turns{bot=\"st-test\"}", 0),
        ("bot_turns_waiting{bot=\"st-test\"}", 0),
        ("bot_breaker_open{bot=\"st-test\"}", 0),
        ("bot_tries_total{bot=\"st-test\",outcome=\"answered\"}", 2),
        ("bot_tries_total{bot=\"st-test\",outcome=\"error\"}", 1),
        ("bot_turn_seconds_count{bot=\"st-test\"}", 3),
        ("store_failed_writes_total", 0),
        (
            "http_request_seconds_count{route=\"/chat/{bot}\",status=\"2xx\"}",
            1,
        ),
        (
            "http_request_seconds_count{route=\"/chat/{bot}\",status=\"4xx\"}",
            1,
        ),
        (
            "http_request_seconds_count{route=\"/rtm/bot\",status=\"1xx\"}",
            1,
        ),
        (
            "http_request_seconds_count{route=\"/api/rtm/start\",status=\"2xx\"}",
            1,
        ),
        (
            "http_request_seconds_count{route=\"/api/oAuth/token/jwtgrant\",status=\"4xx\"}",
            1,
        ),
        (
            "http_request_seconds_count{route=\"/api/bots/{bot}/conversations/{conversation}/messages\",status=\"4xx\"}",
            1,
        ),
        (
            "http_request_seconds_count{route=\"other\",status=\"4xx\"}",
            2,
        ),
    ] {
        let found = samples.get(&format!("parlour_{name}"));
        assert_eq!(found, Some(&f64::from(value)), "{name}\n{text}");
    }
    assert!(samples["parlour_store_commit_seconds_count"] >= 3.0);
    let token = ann.token.as_str();
    let id = ack["messageId"].as_str().unwrap();
    for secret in [
        "ann",
        "4111",
        "secret",
        "cv-",
        "ms-",
        "tn-",
        "127.0.0.1",
        token,
        id,
    ] {
        assert!(!text.contains(secret), "{secret}\n{text}");
    }
}

#[tokio::test]
async fn a_bot_that_is_left_alone_and_a_socket_that_leaves_are_seen() {
    let (app, address) = start("");
    let _stays = app.user("ann").await.welcomed().await;
    // All are welcomed first: five turns in a row must fail.
    let mut sockets = Vec::new();
    for id in 0..5 {
        sockets.push(app.user(&format!("user-{id}")).await.welcomed().await);
    }
    for mut socket in sockets {
        socket.say(1, "busy").await;
    }
    let mut busy = None;
    let is_seen = async || {
        let (_, samples) = scrape(address).await;
        let is = |name: &str| samples.get(&format!("parlour_{name}")).copied();
        busy = is("bot_tries_total{bot=\"st-test\",outcome=\"busy\"}");
        is("bot_breaker_open{bot=\"st-test\"}") == Some(1.0)
            && is("sockets_closed_total{code=\"gone\"}") == Some(5.0)
            && is("sockets") == Some(1.0)
    };
    eventually("the sight of it", is_seen).await;
    assert!(busy >= Some(5.0), "{busy:?}");
}

#[tokio::test]
async fn the_public_port_knows_no_metrics_and_the_private_one_nothing_else() {
    let (app, address) = start("");
    assert_eq!(app.get("/metrics", &[]).await.status, 404);
    for (method, path, status) in [
        ("GET", "/livez", 404),
        ("GET", "/", 404),
        ("POST", "/metrics", 405),
    ] {
        let reply = exchange(address, method, path, &[], "").await;
        assert_eq!(reply.status, status, "{method} {path}");
    }
    assert_eq!(TestApp::start().get("/metrics", &[]).await.status, 404);
}

#[test]
fn the_program_opens_the_port_that_is_configured() {
    let folder = new_folder();
    std::fs::write(folder.join("parlour.toml"), ON).unwrap();
    let mut server = Program::start(&folder);
    let address = server.says("  metrics       http://");
    let address = address.strip_suffix("/metrics").unwrap();
    assert_eq!(status_at(address, "/metrics", &[]), "200");
    assert_eq!(server.status("/metrics"), "404");
}

/// The manual lists every metric, and its rules name none that there is not.
#[tokio::test]
async fn the_manual_has_every_metric() {
    let broker = TestBroker::nats(&[]);
    let (app, address) = start(&over(&broker));
    app.user("ann").await.welcomed().await;
    // What has not happened yet is not shown.
    let counts = &app.state.rtm.counts;
    counts.tokens.get_or_create(&[("bot", String::new())]).inc();
    counts
        .closed
        .get_or_create(&[("code", String::new())])
        .inc();
    let refusals = app.state.refusals.all();
    refusals.get_or_create(&[("class", "limit")]).inc();
    let (text, _) = scrape(address).await;
    let metrics = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let metrics: BTreeMap<_, _> = metrics.filter_map(|line| line.split_once(' ')).collect();
    let manual = include_str!("../../../docs/operating.md");
    for name in metrics.keys() {
        assert!(
            manual.contains(&format!("| `{name}`")),
            "{name} is in no table"
        );
    }
    let words = manual.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    for word in words.filter(|word| word.starts_with("parlour_")) {
        let histogram = ["_bucket", "_count", "_sum"];
        let name = histogram.iter().find_map(|end| word.strip_suffix(end));
        let is_known = |name| metrics.contains_key(name);
        assert!(is_known(word) || name.is_some_and(is_known), "{word}");
    }
}
