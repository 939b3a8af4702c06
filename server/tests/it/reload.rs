//! What SIGHUP takes over: apps, bots, origins and keys, all of them or none.

use serde_json::json;
use server::config::Config;

use crate::program::{Program, new_folder, parlour_in};
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
    // With the app its users' tokens are gone.
    for (user, status) in [(ann, 403), (bob, 401)] {
        let start = json!({"botInfo": bot_info(user.bot)});
        assert_eq!(user.post("/api/rtm/start", &start).await.status, status);
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

#[cfg(unix)]
#[test]
fn what_app_add_writes_beside_a_running_server_is_taken_up_on_sighup() {
    let folder = new_folder();
    let mut server = Program::start(&folder);
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
    let added = parlour_in(&folder).args(words).output().unwrap();
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
    // A file that is gone is no wish for the demo.
    std::fs::remove_file(&file).unwrap();
    server.hang_up();
    let line = server.logs("nothing was taken over");
    assert!(line.contains("there is no such file"), "{line}");
    assert_eq!(server.status(embed), "200");
}
