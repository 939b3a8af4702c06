//! What SIGHUP takes over: apps, bots, origins and keys, all of them or none.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::json;
use server::config::Config;
use server::ids::{Ids as _, RandomIds};

use crate::test_app::{CONFIG, PAGE, TestApp, bot_info};

/// An app, a bot and an origin that were not there at the start.
const MORE: &str = r##"
[apps.cs-new]
bots = ["st-new"]
origins = ["https://new.test"]
[[apps.cs-new.keys]]
kid = "n1"
algorithm = "HS256"
secret = "nB6v4cXz1qW8eR3tY7uI9oP2aS5dF0gH"
[bots.st-new]
page = "new"
name = "New Bot"
brand = "#7b1fa2"
"##;

fn read(text: &str) -> Config {
    Config::from_text(text).unwrap()
}

/// Does a browser let a page of this origin read what the API answers?
async fn may_call(app: &TestApp, origin: &str) -> bool {
    let headers = [
        ("origin", origin),
        ("access-control-request-method", "POST"),
    ];
    let preflight = app.request("OPTIONS", "/api/rtm/start", &headers, "").await;
    preflight.header("access-control-allow-origin") == origin
}

#[tokio::test]
async fn a_new_app_with_its_bot_origin_and_key_is_taken_up_without_a_restart() {
    let app = TestApp::start();
    let embed = "/embed/new?origin=https://new.test";
    assert_eq!(app.get("/chat/new", &[]).await.status, 404);
    assert!(!may_call(&app, "https://new.test").await);

    let restart = app.state.reload(&read(&format!("{CONFIG}{MORE}"))).unwrap();
    assert!(restart.is_empty(), "{restart:?}");
    assert!(may_call(&app, "https://new.test").await && may_call(&app, PAGE).await);
    let page = app.get(embed, &[]).await;
    assert_eq!(page.status, 200);
    let policy = page.header("content-security-policy");
    assert!(policy.contains("https://new.test"), "{policy}");
    // Its own key signs, and its own bot answers.
    let ann = app.user_of("cs-new", "st-new", "ann").await;
    let mut socket = ann.socket("").await;
    assert_eq!(socket.next().await["type"], "bot_response");
}

#[tokio::test]
async fn a_bots_new_colour_and_name_are_on_its_next_page() {
    let app = TestApp::start();
    let look = "page = \"test\"\nname = \"Test Bot\"";
    let before = app.get("/chat/test", &[]).await.body;
    let changed = CONFIG.replacen(
        look,
        "page = \"test\"\nname = \"Tess\"\nbrand = \"#7b1fa2\"",
        1,
    );
    app.state.reload(&read(&changed)).unwrap();
    let after = app.get("/chat/test", &[]).await.body;
    assert!(!before.contains("#7b1fa2") && after.contains("#7b1fa2"));
    assert!(after.contains("Tess") && !after.contains("Test Bot"));
}

#[tokio::test]
async fn nobody_new_gets_in_through_an_app_or_to_a_bot_that_is_gone() {
    let app = TestApp::start();
    let (ann, bob) = (
        app.user("ann").await,
        app.user_of("cs-other", "st-other", "bob").await,
    );
    let assertion = app.assertion("cs-other", "bob");
    let without = CONFIG
        .replacen("[\"st-test\", \"st-broken\"]", "[\"st-broken\"]", 1)
        .replacen("[apps.cs-other]", "[apps.cs-third]", 1)
        .replace("apps.cs-other.keys", "apps.cs-third.keys");
    app.state.reload(&read(&without)).unwrap();
    for user in [ann, bob] {
        let start = json!({"botInfo": bot_info(user.bot)});
        assert_eq!(user.post("/api/rtm/start", &start).await.status, 403);
    }
    let grant = json!({"assertion": assertion, "botInfo": bot_info("st-other")});
    let granted = app.post("/api/oAuth/token/jwtgrant", &[], &grant).await;
    assert_eq!(granted.status, 401);
    assert_eq!(app.get("/chat/test", &[]).await.status, 404);
}

#[tokio::test]
async fn one_mistake_leaves_everything_as_it_was() {
    let app = TestApp::start();
    let short = MORE.replace("nB6v4cXz1qW8eR3tY7uI9oP2aS5dF0gH", "short");
    let script = MORE.replace(
        "name = \"New Bot\"",
        "name = \"New Bot\"\nscript = \"/nowhere.toml\"",
    );
    for (wrong, said) in [(short, "cs-new"), (script, "bots.st-new.script")] {
        let error = app.state.reload(&read(&format!("{CONFIG}{wrong}")));
        let error = error.unwrap_err().to_string();
        assert!(error.contains(said) && !error.contains('\n'), "{error}");
        assert_eq!(app.get("/chat/new", &[]).await.status, 404);
        assert!(!may_call(&app, "https://new.test").await);
    }
    let ann = app.user("ann").await;
    ann.welcomed().await;
}

/// The real program in a folder of its own; both are gone with the test.
struct Program {
    folder: PathBuf,
    child: Child,
    log: std::io::Lines<BufReader<std::process::ChildStderr>>,
    address: String,
}

impl Program {
    fn start(folder: PathBuf) -> Self {
        std::fs::create_dir_all(&folder).unwrap();
        let mut child = command(&folder)
            .args(["--listen", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let said = BufReader::new(child.stdout.take().unwrap()).lines();
        let log = BufReader::new(child.stderr.take().unwrap()).lines();
        let address = said
            .map_while(Result::ok)
            .find_map(|line| Some(line.strip_prefix("listening on http://")?.to_owned()))
            .expect("it listens");
        Self {
            folder,
            child,
            log,
            address,
        }
    }

    fn hang_up(&self) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-HUP", &pid]).status().unwrap();
        assert!(sent.success());
    }

    /// Waits for a line of the log.
    fn logs(&mut self, words: &str) -> String {
        let mut lines = self.log.by_ref().map_while(Result::ok);
        lines
            .find(|line| line.contains(words))
            .expect("it is logged")
    }

    fn status(&self, path: &str) -> String {
        use std::io::{Read as _, Write as _};
        let mut stream = std::net::TcpStream::connect(&self.address).unwrap();
        write!(
            stream,
            "GET {path} HTTP/1.0\r\nhost: {}\r\n\r\n",
            self.address
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer.split(' ').nth(1).unwrap_or_default().to_owned()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn command(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_parlour"));
    command.current_dir(folder);
    command
}

#[cfg(unix)]
#[test]
fn what_app_add_writes_beside_a_running_server_is_taken_up_on_sighup() {
    let folder = std::env::temp_dir().join(format!("parlour-reload-{}", RandomIds.uuid()));
    let mut server = Program::start(folder.clone());
    let embed = "/embed/shop?origin=https://shop.test";
    assert_eq!(server.status(embed), "404");
    let words = [
        "app",
        "add",
        "--id",
        "cs-shop",
        "--bot",
        "st-shop",
        "--origin",
        "https://shop.test",
    ];
    let added = command(&folder).args(words).output().unwrap();
    assert!(added.status.success(), "{added:?}");
    server.hang_up();
    server.logs("were read again");
    assert_eq!(server.status(embed), "200");

    // What only a restart takes over is named; a mistake changes nothing and is a sentence.
    let file = folder.join("parlour.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, format!("{text}\n[sessions]\nidle = \"5m\"\n")).unwrap();
    server.hang_up();
    let line = server.logs("restart to use them");
    assert!(line.contains("sessions"), "{line}");
    std::fs::write(
        &file,
        format!("{text}\n[bots.st-x]\npage = \"shop\"\nname = \"X\"\n"),
    )
    .unwrap();
    server.hang_up();
    let line = server.logs("nothing was taken over");
    assert!(line.contains("another bot has the page `shop`"), "{line}");
    assert_eq!(server.status(embed), "200");
}
