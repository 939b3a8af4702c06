//! What strangers may take: memory, disk, time and sockets, each with a small attack.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use futures_util::future::join_all;
use serde_json::{Value, json};
use server::ids::{Ids as _, RandomIds};
use server::limits::ANSWERS_BYTES_PER_ADDRESS;
use server::security::refusals::Refused;
use server::store::PAGE_BYTES;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

use crate::test_app::{SOON, TestApp, bot_info, message, text_of};
use crate::test_socket::Socket;

const HISTORY: &str = "/api/botmessages/rtm?botId=st-test&limit=100";

/// A message of 50 kB that is allowed: the longest text, in a script of four bytes a character.
fn fat(id: u64) -> Value {
    message(&json!(id), &"𝄞".repeat(10_000))
}

/// Stores so many of them, no more than a socket may send at once.
async fn store_fat(socket: &mut Socket, count: u64) {
    for id in 1..=count {
        socket.send(&fat(id)).await;
        // The acknowledgement and the echo; asking one by one keeps the pace.
        while socket.next().await["type"] != "ack" {}
    }
}

#[tokio::test]
async fn a_page_of_large_messages_is_cut_and_goes_on() {
    let app = TestApp::start();
    let ann = app.user("ann").await;
    let mut socket = ann.welcomed().await;
    store_fat(&mut socket, 20).await;
    let (mut before, mut seen, mut pages) = (String::new(), Vec::new(), 0);
    loop {
        let page = ann.get(&format!("{HISTORY}{before}")).await;
        assert!(page.body.len() < 2 * PAGE_BYTES, "{}", page.body.len());
        let page = page.json();
        let rows = page["messages"].as_array().unwrap();
        let mut here: Vec<u64> = rows
            .iter()
            .map(|row| row["seq"].as_u64().unwrap())
            .collect();
        before = format!("&before={}", here[0]);
        here.append(&mut seen);
        seen = here;
        pages += 1;
        if page["moreAvailable"] == false {
            break;
        }
    }
    let last = *seen.last().unwrap();
    assert_eq!(seen, (1..=last).collect::<Vec<u64>>());
    assert!(pages > 1 && last >= 21, "{pages} pages of {last}");
}

/// The server as it is shipped, so that what is measured is its memory and not the tests'.
struct Shipped {
    process: Child,
    address: SocketAddr,
    folder: PathBuf,
}

impl Shipped {
    fn start() -> Self {
        let folder = std::env::temp_dir().join(format!("parlour-it-{}", RandomIds.uuid()));
        std::fs::create_dir_all(&folder).unwrap();
        let config = folder.join("parlour.toml");
        std::fs::write(
            &config,
            "[apps.cs-test]\nbots = [\"st-test\"]\n[[apps.cs-test.keys]]\nkid = \"k1\"\nalgorithm = \"HS256\"\n\
             secret = \"tK4t2vQmS0cW8yXrE6uJ1zPaB5dHnLfG\"\n[bots.st-test]\npage = \"test\"\nname = \"Test\"\nscript = \"short.toml\"\n\
             [log]\nlevel = \"error\"\n",
        )
        .unwrap();
        std::fs::write(
            folder.join("short.toml"),
            "[[greeting]]\nsay = \"Welcome\"\n[fallback]\nsay = \"yes\"\n",
        )
        .unwrap();
        let mut process = Command::new(env!("CARGO_BIN_EXE_parlour"))
            .args(["--listen", "127.0.0.1:0", "--config"])
            .arg(&config)
            .arg("--data")
            .arg(folder.join("data"))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let address = lines
            .map_while(Result::ok)
            .find_map(|line| {
                let (_, rest) = line.split_once("http://")?;
                rest.split(['/', ' ']).next()?.parse().ok()
            })
            .expect("it says where it listens");
        Self {
            process,
            address,
            folder,
        }
    }

    /// Kilobytes of memory that it has now.
    fn resident(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id()));
        let status = status.unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:"));
        line.unwrap()
            .split_whitespace()
            .nth(1)
            .unwrap()
            .parse()
            .unwrap()
    }

    /// A post from this address of the machine.
    async fn post_from(&self, from: u8, path: &str, token: Option<&str>, body: &Value) -> Value {
        let body = body.to_string();
        let mut head = format!(
            "POST {path} HTTP/1.0\r\nhost: {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n",
            self.address,
            body.len()
        );
        if let Some(token) = token {
            let _ = write!(head, "authorization: bearer {token}\r\n");
        }
        let socket = TcpSocket::new_v4().unwrap();
        socket
            .bind(SocketAddr::from(([127, 0, 0, from], 0)))
            .unwrap();
        let mut stream = socket.connect(self.address).await.unwrap();
        let request = format!("{head}\r\n{body}");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        serde_json::from_str(body).unwrap_or_else(|_| panic!("{answer}"))
    }

    /// An access token.
    async fn granted(&self, from: u8) -> String {
        let who = json!({"clientId": "cs-test", "identity": "eve",
            "clientSecret": "tK4t2vQmS0cW8yXrE6uJ1zPaB5dHnLfG"});
        let signed = self.post_from(from, "/api/users/sts", None, &who).await;
        let grant = json!({"assertion": signed["jwt"], "botInfo": bot_info("st-test")});
        let granted = self
            .post_from(from, "/api/oAuth/token/jwtgrant", None, &grant)
            .await;
        let token = &granted["authorization"]["accessToken"];
        token.as_str().unwrap().to_owned()
    }

    async fn socket(&self, token: &str) -> Socket {
        let start = json!({"botInfo": bot_info("st-test")});
        let start = self
            .post_from(1, "/api/rtm/start", Some(token), &start)
            .await;
        let url = start["url"].as_str().unwrap();
        let path = &url[url.find("/rtm/").unwrap()..];
        Socket::open_at(self.address, path, &[]).await.unwrap()
    }
}

impl Drop for Shipped {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Asks for the history on so many streams of one connection that lets no byte of an answer through, and waits
/// until each of them was answered or refused: heads need no window.
async fn ask_and_take_nothing(address: SocketAddr, token: &str, streams: u8) -> TcpStream {
    fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
        let length = u8::try_from(payload.len()).unwrap();
        let head = [0, 0, length, kind, flags, 0, 0, 0, stream];
        [&head[..], payload].concat()
    }
    let literal = |text: &str| {
        let length = u8::try_from(text.len()).unwrap();
        assert!(length < 127);
        [&[length][..], text.as_bytes()].concat()
    };
    let head = [
        &[0x82, 0x86][..],
        &[0x04],
        &literal(HISTORY),
        &[0x01],
        &literal("x"),
        &[0x0f, 0x08],
        &literal(&format!("bearer {token}")),
    ]
    .concat();
    let mut all = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    all.extend(frame(4, 0, 0, &[0, 4, 0, 0, 0, 0]));
    for number in 0..streams {
        all.extend(frame(1, 5, 2 * number + 1, &head));
    }
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(&all).await.unwrap();
    let mut answered = std::collections::BTreeSet::new();
    while answered.len() < usize::from(streams) {
        let mut head = [0; 9];
        stream.read_exact(&mut head).await.unwrap();
        let length = usize::from(head[1]) << 8 | usize::from(head[2]);
        let mut payload = vec![0; length];
        stream.read_exact(&mut payload).await.unwrap();
        assert_ne!(head[3], 7, "the connection was ended");
        if matches!(head[3], 1 | 3) {
            answered.insert(head[8]);
        }
    }
    stream
}

#[tokio::test]
async fn answers_that_nobody_takes_cost_a_share_and_not_the_memory() {
    let server = Shipped::start();
    let token = server.granted(1).await;
    let mut socket = server.socket(&token).await;
    // What comes before the welcome waits with it.
    assert_eq!(text_of(&socket.next().await), "Welcome");
    store_fat(&mut socket, 36).await;
    drop(socket);
    let before = server.resident();
    let asking = (0..6).map(|_| ask_and_take_nothing(server.address, &token, 64));
    let asking = tokio::time::timeout(3 * SOON, join_all(asking));
    let kept = asking.await.expect("each was answered or refused");
    let streamed = server.resident().saturating_sub(before);
    // 384 pages of 1.4 MB would be half a gigabyte. What one address may hold, as much again for making it, and what the
    // allocator keeps.
    let bound = 4 * u64::try_from(ANSWERS_BYTES_PER_ADDRESS / 1024).unwrap();
    assert!(streamed < bound, "{streamed} kB more, {bound} kB at most");
    // Others are served meanwhile.
    assert_eq!(server.granted(2).await.len(), token.len());
    drop(kept);
}

/// Was one of this machine refused for a limit, so that the log counts it?
fn is_noted(app: &TestApp, through: Option<&str>) -> bool {
    let here = IpAddr::from([127, 0, 0, 1]);
    !app.state.refusals.note(Refused::Limit, through, here)
}

#[tokio::test]
async fn a_day_holds_so_many_bytes_whatever_fields_they_are_in() {
    const DAY: i64 = 256 * 1024;
    let app = TestApp::start_with("[rate]\nuser_bytes_per_day = \"256KiB\"");
    let users = [app.user("ann").await, app.user("bob").await];
    let custom = |bytes: usize| json!({"junk": "x".repeat(bytes)});
    let mut sockets = Vec::new();
    for user in &users {
        for _ in 0..10 {
            sockets.push(user.socket("").await);
        }
    }
    let flood = sockets
        .into_iter()
        .zip(0_u64..)
        .map(|(mut socket, number)| async move {
            let (mut stored, mut refused) = (0, 0);
            for id in 0..5 {
                // The first is more than a message may hold; the others are within it.
                let fields = custom(if id == 0 { 13 * 1024 } else { 11 * 1024 });
                let said = json!({"body": "silence", "customdata": fields});
                let id = number * 10 + id;
                let frame =
                    json!({"clientMessageId": id, "resourceid": "/bot.message", "message": said});
                socket.send(&frame).await;
                loop {
                    let answer = socket.next().await;
                    if answer["replyto"] != id {
                        continue;
                    }
                    match (&answer["type"], &answer["errors"][0]["code"]) {
                        (kind, _) if kind == "ack" => stored += 1,
                        (_, code) if code == 413 => assert_eq!(id % 10, 0),
                        (_, code) if code == 429 => refused += 1,
                        _ => panic!("{answer}"),
                    }
                    break;
                }
            }
            (stored, refused)
        });
    let outcomes = join_all(flood).await;
    let stored: usize = outcomes.iter().map(|(stored, _)| stored).sum();
    let refused: usize = outcomes.iter().map(|(_, refused)| refused).sum();
    assert_eq!(stored + refused, 20 * 4);
    assert!(is_noted(&app, Some("cs-test")));
    let database = rusqlite::Connection::open(app.folder.join("parlour.db")).unwrap();
    let sum = "SELECT sum(length(body)) FROM messages WHERE author = 0";
    let bytes: i64 = database.query_row(sum, [], |row| row.get(0)).unwrap();
    assert!(bytes <= 2 * DAY && bytes > DAY, "{bytes}");
    // The form without JavaScript has the same day, and says it in words.
    let app = TestApp::start_with("[rate]\nuser_messages_per_day = 1");
    let form = [
        ("content-type", "application/x-www-form-urlencoded"),
        ("accept", "text/html"),
    ];
    let first = app
        .request("POST", "/chat/test", &form, "text=silence")
        .await;
    assert_eq!(first.status, 303, "{}", first.body);
    let cookie = first
        .header("set-cookie")
        .split(';')
        .next()
        .unwrap()
        .to_owned();
    let again = [&form[..], &[("cookie", &cookie)]].concat();
    let second = app
        .request("POST", "/chat/test", &again, "text=silence")
        .await;
    assert_eq!(second.status, 429, "{}", second.body);
    assert!(second.body.contains("a lot for one day"), "{}", second.body);
    assert!(is_noted(&app, Some("cs-test")));
}

#[tokio::test]
async fn with_little_room_on_the_disk_messages_are_turned_away_and_history_is_read() {
    let app = TestApp::start_with("[store]\nkeep_free = \"16777216GiB\"");
    let ann = app.user("ann").await;
    let mut socket = ann.welcomed().await;
    socket.send(&message(&json!(1), "hello")).await;
    let refused = socket.next().await;
    assert_eq!(
        refused["errors"][0]["code"], 503,
        "the widget sends it again: {refused}"
    );
    assert_eq!(ann.history().await.len(), 1, "the welcome");
    let ready = app.get("/readyz", &[]).await;
    assert_eq!(
        (ready.status, ready.body.contains("nearly full")),
        (503, true)
    );
    let form = [
        ("content-type", "application/x-www-form-urlencoded"),
        ("accept", "text/html"),
    ];
    let posted = app.request("POST", "/chat/test", &form, "text=hello").await;
    assert_eq!(posted.status, 503);
    assert!(!posted.header("retry-after").is_empty());
}

#[tokio::test]
async fn what_is_asked_too_often_is_answered_as_the_clients_understand_it() {
    let app =
        TestApp::start_with("[rate]\nplatform_token_burst = 2\nplatform_token_per_minute = 1");
    let ann = app.user("ann").await;
    let (bob, start) = (
        app.user("bob").await,
        json!({"botInfo": bot_info("st-test")}),
    );
    for _ in 0..2 {
        assert_eq!(ann.get(HISTORY).await.status, 200);
    }
    for refused in [
        ann.get(HISTORY).await,
        ann.get("/api/websdkthemes/st-test/activetheme").await,
        ann.post("/api/rtm/start", &start).await,
    ] {
        assert_eq!(refused.status, 503, "{}", refused.body);
        assert!(refused.header("retry-after").parse::<u32>().unwrap() > 0);
        assert_eq!(refused.error().1, 503);
    }
    assert_eq!(bob.get(HISTORY).await.status, 200, "another token");

    let app =
        TestApp::start_with("[rate]\nplatform_address_burst = 3\nplatform_address_per_minute = 1");
    let ann = app.user("ann").await;
    let ticket = ann.ticket().await;
    assert_eq!(ann.get(HISTORY).await.status, 200);
    let (status, _) = Socket::open(&app, &ticket, &[]).await.err().unwrap();
    assert_eq!(status, 503);
    let grant = json!({"assertion": app.assertion("cs-test", "eve")});
    let refused = app.post("/api/oAuth/token/jwtgrant", &[], &grant).await;
    assert_eq!((refused.status, refused.error().1), (503, json!(503)));

    let app =
        TestApp::start_with("[rate]\ngrant_identity_burst = 1\ngrant_identity_per_minute = 1");
    app.user("ann").await;
    let grant = json!({"assertion": app.assertion("cs-test", "ann")});
    let refused = app.post("/api/oAuth/token/jwtgrant", &[], &grant).await;
    assert_eq!(refused.status, 503, "{}", refused.body);
    app.user("bob").await;

    let app = TestApp::start_with("[rate]\npage_address_burst = 1\npage_address_per_minute = 1");
    for (path, status) in [
        ("/chat/test", 200),
        ("/embed/test", 429),
        ("/", 429),
        ("/demo", 429),
    ] {
        let page = app.get(path, &[("accept", "text/html")]).await;
        assert_eq!(page.status, status, "{path}");
        assert_eq!(page.header("retry-after").is_empty(), status == 200);
    }
    assert!(is_noted(&app, None));
}

#[tokio::test]
async fn behind_a_proxy_the_visitors_address_is_counted() {
    let app = TestApp::start_with(
        "[server]\ntrusted_proxies = [\"127.0.0.1\"]\nmax_sockets_per_address = 1\n\
         [rate]\npage_address_burst = 1\npage_address_per_minute = 1",
    );
    for (from, status) in [("192.0.2.1", 200), ("192.0.2.1", 429), ("192.0.2.2", 200)] {
        let headers = [("accept", "text/html"), ("x-forwarded-for", from)];
        assert_eq!(
            app.get("/chat/test", &headers).await.status,
            status,
            "{from}"
        );
    }
    let ann = app.user("ann").await;
    let mut open = Vec::new();
    for (from, opens) in [
        ("192.0.2.1", true),
        ("192.0.2.1", false),
        ("192.0.2.2", true),
    ] {
        let ticket = ann.ticket().await;
        let socket = Socket::open(&app, &ticket, &[("x-forwarded-for", from)]).await;
        assert_eq!(socket.is_ok(), opens, "{from}");
        open.extend(socket);
    }
}

#[tokio::test]
async fn sockets_have_seats_of_their_own_besides_connections() {
    let app = TestApp::start_with(
        "[server]\nmax_connections_per_address = 2\nmax_sockets_per_address = 4",
    );
    let mut open = Vec::new();
    for name in ["ann", "bob", "eve", "dan"] {
        open.push(app.user(name).await.welcomed().await);
    }
    let ticket = app.user("ida").await.ticket().await;
    let (status, body) = Socket::open(&app, &ticket, &[]).await.err().unwrap();
    assert_eq!(status, 503, "{body}");
    for socket in &mut open {
        socket.say(1, "hello").await;
        assert_eq!(text_of(&socket.next().await), "echo hello");
    }
}
