//! Two nodes with one PostgreSQL: what is spent, revoked or limited is so on both.

use std::net::IpAddr;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use server::limits::WRONG_SECRETS;
use server::security::client_ip::AddressKey;
use server::start_error::StartError;

use crate::nodes::{at, is_ready, over};
use crate::test_app::{NOW, SECRETS, TestApp, bot_info, eventually, text_of};
use crate::test_broker::TestBroker;
use crate::test_postgresql::TestServer;
use crate::test_socket::Socket;

/// The secret of visitors that all nodes have.
const VISITORS: &str = "[tokens]\nvisitor_secret = \"vQ2mS0cW8yXrE6uJ1zPaB5dHnLfGtK4t\"\n";

struct Cluster {
    server: TestServer,
    database: String,
    broker: Option<TestBroker>,
}

impl Cluster {
    fn start(broker: Option<TestBroker>) -> Self {
        let server = TestServer::start();
        let database = server.database(None);
        Self {
            server,
            database,
            broker,
        }
    }

    fn config(&self, more: &str) -> String {
        let address = self.server.address(&self.database);
        let store = format!("[store]\nkind = \"postgres\"\nurl = \"{address}\"\n");
        let bus = self.broker.as_ref().map(over);
        format!("{store}{}{VISITORS}{more}", bus.unwrap_or_default())
    }

    async fn node(&self, more: &str) -> TestApp {
        let app = TestApp::start_with(&self.config(more));
        app.state.join().await.unwrap();
        app
    }

    async fn pair(&self, more: &str) -> (TestApp, TestApp) {
        let pair = (self.node(more).await, self.node(more).await);
        if self.broker.is_some() {
            for app in [&pair.0, &pair.1] {
                is_ready(app, "ready\n").await;
            }
        }
        pair
    }
}

async fn user_id(app: &TestApp, identity: &str) -> String {
    let user = app
        .state
        .store
        .user("cs-test", identity, "u-new", NOW)
        .await;
    user.unwrap().id
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_used_on_one_node_is_used_up_on_the_other() {
    let cluster = Cluster::start(None);
    let (one, two) = cluster.pair("").await;
    let assertion =
        json!({"assertion": one.assertion("cs-test", "ann"), "botInfo": bot_info("st-test")});
    let grant = "/api/oAuth/token/jwtgrant";
    assert_eq!(one.post(grant, &[], &assertion).await.status, 200);
    assert_eq!(two.post(grant, &[], &assertion).await.status, 401);
    let bob = one.user("bob").await;
    // A ticket of one node opens on another, once.
    let ticket = bob.ticket().await;
    let mut socket = Socket::open(&two, &ticket, &[]).await.expect("a socket");
    assert_eq!(text_of(&socket.next().await), "Welcome");
    for node in [&one, &two] {
        let refused = Socket::open(node, &ticket, &[]).await.err();
        assert_eq!(refused.map(|(status, _)| status), Some(401));
    }
}

/// A token that is revoked on one node is refused on the other at once, and its socket there closes.
async fn revoked(cluster: &Cluster) {
    let (one, two) = cluster.pair("").await;
    let ann = one.user("ann").await;
    drop(ann.welcomed().await);
    let there = at(&two, &ann);
    let mut socket = there.socket("&isReconnect=true").await;
    let again = two.user("ann").await;
    let mut stays = again.socket("&isReconnect=true").await;
    let unused = there.ticket().await;
    let reply = ann.post("/api/oAuth/token/revoke", &json!({})).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    let start = json!({"botInfo": bot_info("st-test")});
    let refused = async {
        assert_eq!(there.post("/api/rtm/start", &start).await.status, 401);
        let opened = Socket::open(&two, &unused, &[]).await.err();
        assert_eq!(opened.map(|(status, _)| status), Some(401));
    };
    // What takes time is only that the socket closes.
    let (code, ()) = tokio::join!(socket.closed(), refused);
    assert_eq!(code, Some(1008));
    stays.nothing_more().await;
    // All of it.
    let reply = again
        .post("/api/oAuth/token/revoke?all=true", &json!({}))
        .await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    assert_eq!(stays.closed().await, Some(1008));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_revoked_on_one_node_ends_on_the_other() {
    Box::pin(revoked(&Cluster::start(Some(TestBroker::nats(&[]))))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_revoked_on_one_node_ends_on_the_other_without_a_bus() {
    Box::pin(revoked(&Cluster::start(None))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whom_an_operator_erases_loses_the_sockets_on_every_node() {
    let cluster = Cluster::start(Some(TestBroker::nats(&[])));
    let (one, two) = cluster.pair("").await;
    let ann = one.user("ann").await;
    let mut here = ann.welcomed().await;
    let mut there = at(&two, &ann).socket("&isReconnect=true").await;
    let bob = two.user("bob").await;
    let mut his = bob.welcomed().await;
    let erased = tokio::task::block_in_place(|| {
        let mut parlour = parlour(&cluster, &one.folder);
        parlour.args(["user", "forget", "ann"]).output().unwrap()
    });
    assert!(erased.status.success(), "{erased:?}");
    assert_eq!(here.closed().await, Some(1008));
    assert_eq!(there.closed().await, Some(1008));
    his.nothing_more().await;
}

fn parlour(cluster: &Cluster, folder: &Path) -> Command {
    let mut parlour = Command::new(env!("CARGO_BIN_EXE_parlour"));
    parlour
        .current_dir(std::env::temp_dir())
        .env("PARLOUR_STORE__KIND", "postgres")
        .env(
            "PARLOUR_STORE__URL",
            cluster.server.address(&cluster.database),
        )
        .arg("--data")
        .arg(folder);
    parlour
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sockets_of_a_user_are_counted_over_all_nodes() {
    let cluster = Cluster::start(None);
    let (one, two) = cluster.pair("").await;
    let ann = one.user("ann").await;
    let there = at(&two, &ann);
    let mut sockets = vec![ann.welcomed().await];
    for _ in 0..4 {
        sockets.push(ann.socket("&isReconnect=true").await);
        sockets.push(there.socket("&isReconnect=true").await);
    }
    sockets.push(there.socket("&isReconnect=true").await);
    let id = user_id(&one, "ann").await;
    for node in [&one, &two] {
        let five = async || node.state.store.seats_elsewhere(&id).await == Ok(5);
        eventually("the word of five", five).await;
    }
    for user in [&ann, &there] {
        let address = user.ticket().await;
        let refused = Socket::open(user.app, &address, &[]).await.err();
        assert_eq!(refused.map(|(status, _)| status), Some(503));
    }
    // Another person is another.
    drop(two.user("bob").await.welcomed().await);
    // A node that ends makes room.
    one.stop().await;
    drop(there.socket("&isReconnect=true").await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_turns_of_a_visitor_are_counted_over_all_nodes() {
    let cluster = Cluster::start(Some(TestBroker::nats(&[])));
    let limits = "[bots.st-test.limits]\nvisitor_turns_per_minute = 0\nvisitor_turns_per_day = 3\n";
    let (one, two) = cluster.pair(limits).await;
    let ann = one.user("ann").await;
    // The welcome is a turn, too.
    let mut here = ann.welcomed().await;
    let mut there = at(&two, &ann).socket("&isReconnect=true").await;
    // It has its place in the conversation.
    there.nothing_more().await;
    let mut said: Vec<String> = Vec::new();
    for id in 1..4 {
        let (speaks, hears) = if id % 2 == 1 {
            (&mut here, &mut there)
        } else {
            (&mut there, &mut here)
        };
        speaks.say(id, "hi").await;
        said.push(text_of(&speaks.next().await).to_owned());
        assert_eq!(hears.next().await["type"], "user_message");
        assert_eq!(text_of(&hears.next().await), said[said.len() - 1]);
    }
    let full = "That was all that this chat can answer today. Please come back tomorrow.";
    assert_eq!(said, ["echo hi", "echo hi", full]);
}

/// Waits until this node knows that so much of the limit is used up, or more, by one key.
async fn knows(node: &TestApp, limit: &str, used: u32) {
    let is_known = async || {
        let standing = node.state.rtm.rates.standing();
        let keys = standing.get(limit).map(Vec::as_slice);
        matches!(keys, Some([(_, so_much)]) if *so_much >= used)
    };
    eventually(limit, is_known).await;
}

async fn an_address_is_counted(broker: TestBroker) {
    let cluster = Cluster::start(Some(broker));
    let rate = "[rate]\npage_address_burst = 8\npage_address_per_minute = 1\n";
    let (one, two) = cluster.pair(rate).await;
    let page = [("accept", "text/html")];
    for _ in 0..8 {
        assert_eq!(one.get("/chat/test", &page).await.status, 200);
    }
    knows(&two, "page_address", 6).await;
    // Alone it would let through eight. One comes back each minute, also on a slow machine.
    let mut let_through = 0;
    while two.get("/chat/test", &page).await.status == 200 {
        let_through += 1;
    }
    assert!(let_through < 4, "{let_through}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_address_has_asked_of_one_node_counts_on_the_other() {
    an_address_is_counted(TestBroker::nats(&[])).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_address_has_asked_of_one_node_counts_on_the_other_over_redis() {
    an_address_is_counted(TestBroker::redis(&[])).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_guesses_secrets_on_one_node_waits_on_the_other() {
    let cluster = Cluster::start(Some(TestBroker::nats(&[])));
    let (one, two) = cluster.pair("").await;
    let ask =
        |secret: &str| json!({"clientId": "cs-test", "clientSecret": secret, "identity": "ann"});
    let sign = "/api/users/sts";
    for number in 0..WRONG_SECRETS {
        let wrong = ask(&format!("wrong {number}"));
        assert_eq!(one.post(sign, &[], &wrong).await.status, 401);
    }
    assert_eq!(two.post(sign, &[], &ask(SECRETS[0])).await.status, 200);
    let address = AddressKey::from(IpAddr::from([127, 0, 0, 1]));
    let rates = &two.state.rtm.rates;
    let is_told = async || rates.may_try_secret("cs-test", address).is_err();
    eventually("the word of them", is_told).await;
    assert_eq!(two.post(sign, &[], &ask(SECRETS[0])).await.status, 429);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_day_allows_holds_over_all_nodes_and_over_their_restart() {
    let cluster = Cluster::start(Some(TestBroker::nats(&[])));
    let rate = "[rate]\nuser_messages_per_day = 6\n";
    let (one, two) = cluster.pair(rate).await;
    let ann = one.user("ann").await;
    let mut here = ann.welcomed().await;
    for id in 1..=6 {
        here.say(id, "hi").await;
        assert_eq!(text_of(&here.next().await), "echo hi");
    }
    knows(&two, "user_messages", 6).await;
    one.stop().await;
    let three = cluster.node(rate).await;
    knows(&three, "user_messages", 6).await;
    for node in [&two, &three] {
        let mut socket = at(node, &ann).socket("&isReconnect=true").await;
        socket
            .send(&crate::test_app::message(&json!(9), "more"))
            .await;
        let refused = socket.next().await;
        assert_eq!(refused["errors"][0]["code"], 429, "{refused}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_checked_configuration_is_compared_with_the_nodes_that_live() {
    let cluster = Cluster::start(None);
    let folder = std::env::temp_dir().join(format!("parlour-compared-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let check = |text: &str| {
        let file = folder.join("parlour.toml");
        std::fs::write(&file, text).unwrap();
        let mut parlour = parlour(&cluster, &folder);
        let parlour = parlour.arg("--config").arg(&file).args(["config", "check"]);
        let checked = tokio::task::block_in_place(|| parlour.output().unwrap());
        let said = [checked.stdout, checked.stderr].concat();
        (checked.status.code(), String::from_utf8(said).unwrap())
    };
    let app = |secret: &str| {
        format!(
            "{VISITORS}[apps.cs-test]\nbots = []\norigins = []\n\
             [[apps.cs-test.keys]]\nkid = \"k1\"\nalgorithm = \"HS256\"\nsecret = \"{secret}\"\n"
        )
    };
    let same = app(SECRETS[0]);
    let (code, said) = check(&same);
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains("not compared"),
        "the database is empty: {said}"
    );
    let one = cluster.node("").await;
    let nodes = || {
        cluster
            .server
            .sql(&cluster.database, "SELECT count(*) FROM nodes")
    };
    let before = nodes();
    let (code, said) = check(&same);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("are those of the servers"), "{said}");
    let (code, said) = check(&app(SECRETS[1]));
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("the key `k1` of the app `cs-test`"), "{said}");
    let (code, said) = check(&same.replace(VISITORS, &VISITORS.replace("vQ2m", "other")));
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("tokens.visitor_secret"), "{said}");
    let (code, said) = check(&same.replace(VISITORS, ""));
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("not compared"), "a start makes it: {said}");
    assert_eq!(nodes(), before, "a check is no node");
    one.stop().await;
    let (code, said) = check(&same);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("no server uses the database"), "{said}");
    tokio::task::block_in_place(|| cluster.server.freeze());
    let (code, said) = check(&same);
    tokio::task::block_in_place(|| cluster.server.thaw());
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("not compared"), "{said}");
    std::fs::remove_dir_all(folder).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_with_another_secret_of_visitors_does_not_start_beside_others() {
    let cluster = Cluster::start(None);
    let one = cluster.node("").await;
    let config = cluster.config("").replace(VISITORS, "");
    let other = TestApp::start_with(&config);
    let Err(StartError::Secrets(sentence)) = other.state.join().await else {
        panic!("it joins");
    };
    assert!(sentence.contains("tokens.visitor_secret"), "{sentence}");
    // When it is alone, it may.
    one.stop().await;
    other.state.join().await.unwrap();
    let kept = cluster.server.sql(&cluster.database, "SELECT * FROM nodes");
    assert!(SECRETS.iter().all(|secret| !kept.contains(secret)));
    assert!(
        kept.contains("k1/") && !kept.contains("vQ2mS0cW8y"),
        "{kept}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_postgresql_that_hangs_is_answered_with_503_and_nothing_is_acknowledged_falsely() {
    let cluster = Cluster::start(None);
    let app = cluster.node("").await;
    let ann = app.user("ann").await;
    let mut socket = ann.welcomed().await;
    socket.say(1, "before").await;
    assert_eq!(text_of(&socket.next().await), "echo before");
    tokio::task::block_in_place(|| cluster.server.freeze());
    let begun = Instant::now();
    socket
        .send(&crate::test_app::message(&json!(2), "lost"))
        .await;
    let start = json!({"botInfo": bot_info("st-test")});
    let (refused, asked): (Value, _) =
        tokio::join!(socket.next(), ann.post("/api/rtm/start", &start));
    let waited = begun.elapsed();
    tokio::task::block_in_place(|| cluster.server.thaw());
    assert_eq!(refused["errors"][0]["code"], 503, "{refused}");
    assert_eq!(asked.status, 503, "{}", asked.body);
    assert!(waited < Duration::from_secs(20), "{waited:?}");
    let is_ready = async || app.get("/readyz", &[]).await.status == 200;
    eventually("readiness", is_ready).await;
    socket.say(2, "lost").await;
    assert_eq!(text_of(&socket.next().await), "echo lost");
    let said: Vec<_> = ann.history().await.into_iter().map(|it| it.2).collect();
    assert_eq!(
        said,
        ["Welcome", "before", "echo before", "lost", "echo lost"]
    );
}
