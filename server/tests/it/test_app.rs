//! The harness: a real server on a free port of its own, with a clock that stands still and a folder
//! that goes away.
//!
//! Nothing here sleeps: every wait is for something that must come, under one time-out.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use secrecy::SecretString;
use serde_json::{Value, json};
use server::bot::Bot;
use server::clock::{Clock as _, FixedClock, Millis, SystemClock};
use server::config::Config;
use server::dev::{self, DevBuild};
use server::ids::{Ids, RandomIds};
use server::router::router;
use server::shutdown::Shutdown;
use server::signing::{self, Identity, Signed};
use server::state::{AppState, World};
use server::store::Store;
use server::{first_start, listen};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::test_bot::TestBot;
use crate::test_socket::Socket;

/// Longer than any wait of a healthy server, shorter than a developer's patience.
pub(crate) const SOON: Duration = Duration::from_secs(30);

/// Waits for a condition, as long as [`SOON`].
pub(crate) async fn eventually(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let waited = tokio::time::timeout(SOON, waiting).await;
    assert!(waited.is_ok(), "{what} did not come");
}

/// When the tests take place.
pub(crate) const NOW: Millis = Millis(1_795_227_301_830);

/// A page of the app.
pub(crate) const PAGE: &str = "https://shop.test";

/// Two apps, three bots.
pub(crate) const CONFIG: &str = r#"
[apps.cs-test]
bots = ["st-test", "st-broken"]
origins = ["https://shop.test"]
[[apps.cs-test.keys]]
kid = "k1"
algorithm = "HS256"
secret = "tK4t2vQmS0cW8yXrE6uJ1zPaB5dHnLfG"
[apps.cs-other]
bots = ["st-other"]
origins = ["https://other.test"]
[[apps.cs-other.keys]]
kid = "k2"
algorithm = "HS256"
secret = "oN7q3wRkT1eZ9xUvC5yIb2mAd6sFgHjL"
[bots.st-test]
page = "test"
name = "Test Bot"
avatar = "https://cdn.test/bot.png"
[bots.st-other]
page = "other"
name = "Other Bot"
[bots.st-broken]
page = "broken"
name = "Broken Bot"
"#;

/// The secrets above: they must turn up nowhere.
pub(crate) const SECRETS: [&str; 2] = [
    "tK4t2vQmS0cW8yXrE6uJ1zPaB5dHnLfG",
    "oN7q3wRkT1eZ9xUvC5yIb2mAd6sFgHjL",
];

/// A running server.
pub(crate) struct TestApp {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// Its time.
    pub(crate) clock: Arc<FixedClock>,
    /// Its bot.
    pub(crate) bot: Arc<TestBot>,
    /// Its inside.
    pub(crate) state: AppState,
    /// Ends it.
    pub(crate) shutdown: Shutdown,
    /// Makes its names; told to, fails.
    pub(crate) ids: Arc<TestIds>,
    /// Its data folder.
    pub(crate) folder: PathBuf,
}

impl TestApp {
    /// A fresh server.
    pub(crate) fn start() -> Self {
        let folder = std::env::temp_dir().join(format!("parlour-it-{}", RandomIds.uuid()));
        Self::start_in(folder, NOW, None)
    }

    /// A fresh server with more in its configuration.
    pub(crate) fn start_with(more: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("parlour-it-{}", RandomIds.uuid()));
        Self::start_configured(folder, NOW, None, more)
    }

    /// A fresh server whose bot `bot` has these keys for coming in, with more in its configuration.
    pub(crate) fn start_keyed(bot: &str, keys: &str, more: &str) -> Self {
        let table = format!("[bots.{bot}]\n");
        let keyed = format!("{table}key = \"{keys}\"\n");
        let folder = std::env::temp_dir().join(format!("parlour-it-{}", RandomIds.uuid()));
        let config = format!("{CONFIG}{more}").replace(&table, &keyed);
        Self::start_of(folder, NOW, None, &config)
    }

    /// A fresh server for programs, which have a clock of their own: the same time as theirs.
    pub(crate) fn start_today(more: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("parlour-it-{}", RandomIds.uuid()));
        Self::start_configured(folder, SystemClock.now(), None, more)
    }

    /// A fresh server as `cargo xtask dev` starts it.
    pub(crate) fn start_dev(build: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("parlour-it-{}", RandomIds.uuid()));
        let environment = [(dev::VARIABLE.to_owned(), build.to_owned())];
        Self::start_in(folder, NOW, DevBuild::of(&environment).unwrap())
    }

    /// A server on an existing folder.
    fn start_in(folder: PathBuf, now: Millis, dev_build: Option<DevBuild>) -> Self {
        Self::start_configured(folder, now, dev_build, "")
    }

    fn start_configured(
        folder: PathBuf,
        now: Millis,
        dev_build: Option<DevBuild>,
        more: &str,
    ) -> Self {
        Self::start_of(folder, now, dev_build, &format!("{CONFIG}{more}"))
    }

    fn start_of(folder: PathBuf, now: Millis, dev_build: Option<DevBuild>, config: &str) -> Self {
        Self::start_on(None, folder, now, dev_build, config)
    }

    /// Another node on the same store, with its own configuration.
    pub(crate) fn beside(&self, more: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("parlour-it-{}", RandomIds.uuid()));
        let store = Some(Arc::clone(&self.state.store));
        let config = format!("{CONFIG}{more}");
        Self::start_on(store, folder, self.clock.now(), None, &config)
    }

    fn start_on(
        store: Option<Arc<dyn Store>>,
        folder: PathBuf,
        now: Millis,
        dev_build: Option<DevBuild>,
        config: &str,
    ) -> Self {
        signing::install_crypto();
        let mut config = Config::from_text(config).unwrap();
        config.server.data.clone_from(&folder);
        let listener = listen::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = listener.local_addr().unwrap();
        config.server.listen = address;
        let prepared = first_start::prepare(&mut config, &RandomIds).unwrap();
        let clock = Arc::new(FixedClock::new(now));
        let shutdown = Shutdown::new();
        let ids = Arc::new(TestIds::default());
        let bot = Arc::new(TestBot::default());
        let bots = ["st-test", "st-other", "st-new"]
            .map(|id| (id.to_owned(), Arc::clone(&bot) as Arc<dyn Bot>));
        let world = World {
            clock: Arc::clone(&clock) as _,
            ids: Arc::clone(&ids) as _,
            shutdown: shutdown.clone(),
            bots: HashMap::from(bots),
            dev_build,
            store,
        };
        let secret: &SecretString = &prepared.visitor_secret;
        let state = AppState::build(config, secret, world).unwrap();
        let config = state.config();
        let serving = listen::serve(listener, router(state.clone()), config, shutdown.clone());
        shutdown.spawn("listener", serving);
        state.rtm.resume();
        Self {
            address,
            clock,
            bot,
            state,
            shutdown,
            ids,
            folder,
        }
    }

    /// Ends politely.
    pub(crate) async fn stop(&self) {
        let drained = self.shutdown.drain(SOON).await;
        assert_eq!(drained.left, 0, "everything ends in time");
        self.state.store.close().await.unwrap();
    }

    /// Changes the database behind the server's back, so that it fails.
    pub(crate) fn tamper(&self, sql: &str) {
        let database = rusqlite::Connection::open(self.folder.join("parlour.db")).unwrap();
        database.execute_batch(sql).unwrap();
    }

    /// The next process on the same folder.
    pub(crate) fn again(&self) -> Self {
        Self::start_in(self.folder.clone(), self.clock.now(), None)
    }

    /// The same with more in its configuration.
    pub(crate) fn again_with(&self, more: &str) -> Self {
        Self::start_configured(self.folder.clone(), self.clock.now(), None, more)
    }

    /// An assertion for `identity` by `app`.
    pub(crate) fn assertion(&self, app: &str, identity: &str) -> String {
        let table = self.state.keys.table();
        let key = table.app(app).unwrap().signer().unwrap();
        let identity = Identity {
            subject: identity.to_owned(),
            anonymous: false,
        };
        let policy = &self.state.policy;
        let signed = Signed {
            app,
            identity: &identity,
            audience: policy.audience_for(None).unwrap(),
            jti: RandomIds.uuid(),
            now: self.clock.now(),
        };
        signing::sign(key, policy, signed).unwrap()
    }

    /// A user of the app with an access token.
    pub(crate) async fn user(&self, identity: &str) -> User<'_> {
        self.user_of("cs-test", "st-test", identity).await
    }

    /// A user of the app who comes back with a token of before.
    pub(crate) fn returning(&self, token: String) -> User<'_> {
        User {
            app: self,
            token,
            bot: "st-test",
        }
    }

    /// A user of another app.
    pub(crate) async fn user_of(&self, app: &str, bot: &'static str, identity: &str) -> User<'_> {
        let body = json!({"assertion": self.assertion(app, identity), "botInfo": bot_info(bot)});
        let reply = self.post("/api/oAuth/token/jwtgrant", &[], &body).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        let token = reply.json()["authorization"]["accessToken"]
            .as_str()
            .unwrap()
            .to_owned();
        User {
            app: self,
            token,
            bot,
        }
    }

    /// A JSON post.
    pub(crate) async fn post(&self, path: &str, headers: &[(&str, &str)], body: &Value) -> Reply {
        let mut all = vec![("content-type", "application/json")];
        all.extend_from_slice(headers);
        self.request("POST", path, &all, &body.to_string()).await
    }

    /// A GET.
    pub(crate) async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Reply {
        self.request("GET", path, headers, "").await
    }

    /// One request on a connection of its own. HTTP/1.0: the answer ends with the connection.
    pub(crate) async fn request(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Reply {
        exchange(self.address, method, path, headers, body).await
    }
}

/// One request to any server, on a connection of its own.
pub(crate) async fn exchange(
    server: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Reply {
    let mut text = format!("{method} {path} HTTP/1.0\r\nhost: {server}\r\n");
    for (name, value) in headers {
        let _ = write!(text, "{name}: {value}\r\n");
    }
    if !body.is_empty() {
        let _ = write!(text, "content-length: {}\r\n", body.len());
    }
    text.push_str("\r\n");
    text.push_str(body);
    let exchange = async {
        let mut stream = TcpStream::connect(server).await.unwrap();
        // A server that refuses a body early may close before all of it is written.
        let _ = stream.write_all(text.as_bytes()).await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        answer
    };
    let answer = tokio::time::timeout(SOON, exchange)
        .await
        .expect("an answer");
    Reply::parse(&answer)
}

/// Random names, and a panic where one is wanted.
#[derive(Debug, Default)]
pub(crate) struct TestIds {
    /// The next message's name is a panic.
    pub(crate) panic_on_message: AtomicBool,
    /// The next secret is a panic.
    pub(crate) panic_on_secret: AtomicBool,
}

impl Ids for TestIds {
    fn secret(&self) -> [u8; 32] {
        let wanted = self.panic_on_secret.swap(false, Ordering::SeqCst);
        assert!(!wanted, "on purpose");
        RandomIds.secret()
    }

    fn uuid(&self) -> String {
        RandomIds.uuid()
    }

    fn message(&self, now: Millis) -> String {
        let wanted = self.panic_on_message.swap(false, Ordering::SeqCst);
        assert!(!wanted, "on purpose");
        RandomIds.message(now)
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        self.shutdown.cancel();
        // What is still open stays readable for the one who has it open.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// An HTTP answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Reply {
    fn parse(answer: &[u8]) -> Self {
        let text = String::from_utf8_lossy(answer);
        let (head, body) = text.split_once("\r\n\r\n").expect("a head");
        let mut lines = head.lines();
        let status = lines
            .next()
            .unwrap()
            .split(' ')
            .nth(1)
            .unwrap()
            .parse()
            .unwrap();
        let headers = lines.map(|line| {
            let (name, value) = line.split_once(": ").unwrap();
            (
                name.parse::<HeaderName>().unwrap(),
                value.parse::<HeaderValue>().unwrap(),
            )
        });
        Self {
            status,
            headers: headers.collect(),
            body: body.to_owned(),
        }
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// The first error's text and code.
    pub(crate) fn error(&self) -> (String, Value) {
        let error = &self.json()["errors"][0];
        (
            error["msg"].as_str().unwrap_or_default().to_owned(),
            error["code"].clone(),
        )
    }

    /// A header's text.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }
}

/// The bot as clients name it.
pub(crate) fn bot_info(bot: &str) -> Value {
    json!({"chatBot": "Test Bot", "taskBotId": bot, "uiVersion": "v3"})
}

/// Somebody with an access token.
#[derive(Clone)]
pub(crate) struct User<'a> {
    pub(crate) app: &'a TestApp,
    pub(crate) token: String,
    pub(crate) bot: &'static str,
}

impl User<'_> {
    /// The authorisation header.
    pub(crate) fn bearer(&self) -> String {
        format!("bearer {}", self.token)
    }

    /// A GET with the token.
    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.app
            .get(path, &[("authorization", &self.bearer())])
            .await
    }

    /// A POST with the token.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Reply {
        self.app
            .post(path, &[("authorization", &self.bearer())], body)
            .await
    }

    /// The address of a socket, as `path?sid=…`.
    pub(crate) async fn ticket(&self) -> String {
        let reply = self
            .post("/api/rtm/start", &json!({"botInfo": bot_info(self.bot)}))
            .await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        let url = reply.json()["url"].as_str().unwrap().to_owned();
        let prefix = format!("ws://{}", self.app.address);
        url.strip_prefix(&prefix)
            .expect("our own address")
            .to_owned()
    }

    /// A socket of an official client; `more` is appended to its address.
    pub(crate) async fn socket(&self, more: &str) -> Socket {
        let address = format!("{}{more}", self.ticket().await);
        Socket::open(self.app, &address, &[])
            .await
            .expect("a socket")
    }

    /// A socket of a v2 client, which does not say what it can show.
    pub(crate) async fn plain_socket(&self, more: &str) -> Socket {
        let info = json!({"chatBot": "Test Bot", "taskBotId": self.bot});
        let reply = self.post("/api/rtm/start", &json!({"botInfo": info})).await;
        let url = reply.json()["url"].as_str().unwrap().to_owned();
        let path = &url[url.find("/rtm/").unwrap()..];
        Socket::open(self.app, &format!("{path}{more}"), &[])
            .await
            .expect("a socket")
    }

    /// A socket that has had its welcome.
    pub(crate) async fn welcomed(&self) -> Socket {
        let mut socket = self.socket("").await;
        assert_eq!(text_of(&socket.next().await), "Welcome");
        socket
    }

    /// The whole history, oldest first, as `(seq, type, text)`.
    pub(crate) async fn history(&self) -> Vec<(u64, String, String)> {
        let path = format!("/api/botmessages/rtm?botId={}&limit=100", self.bot);
        let page = self.get(&path).await.json();
        let messages = page["messages"].as_array().unwrap().clone();
        messages.iter().map(row).collect()
    }
}

fn row(message: &Value) -> (u64, String, String) {
    let text = &message["components"][0]["data"]["text"];
    let word = |value: &Value| value.as_str().unwrap().to_owned();
    (
        message["seq"].as_u64().unwrap(),
        word(&message["type"]),
        word(text),
    )
}

/// What a `bot_response` says.
pub(crate) fn text_of(frame: &Value) -> &str {
    frame["message"][0]["cInfo"]["body"]
        .as_str()
        .unwrap_or_else(|| panic!("an answer: {frame}"))
}

/// A message as the official clients send it.
pub(crate) fn message(id: &Value, body: &str) -> Value {
    json!({"clientMessageId": id, "resourceid": "/bot.message", "message": {"body": body},
           "botInfo": bot_info("st-test"), "client": "sdk", "id": id})
}
