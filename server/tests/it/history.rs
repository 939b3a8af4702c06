//! `botmessages/rtm` and the theme.

use serde_json::{Value, json};

use crate::test_app::{TestApp, message, text_of};

const PATH: &str = "/api/botmessages/rtm?botId=st-test";

#[tokio::test]
async fn a_page_has_kores_shape_oldest_first() {
    let app = TestApp::start();
    let ann = app.user("ann").await;
    let mut socket = ann.welcomed().await;
    let welcome = &ann.get(PATH).await.json()["messages"][0]["_id"].clone();
    socket.say(7, "buttons").await;
    let buttons = socket.next().await;
    let mut choice = message(&json!("8"), "BAL");
    choice["message"]["renderMsg"] = json!("Balance");
    socket.send(&choice).await;
    let ack = socket.next().await;
    let answer = socket.next().await;
    let reply = ann.get(&format!("{PATH}&limit=10&offset=0")).await;
    assert_eq!(reply.header("cache-control"), "no-store");
    let page = reply.json();
    let created = "2026-11-21T02:15:01.830Z";
    let template = page["messages"][2]["components"][0]["data"]["text"]
        .as_str()
        .unwrap()
        .to_owned();
    let text = |text: &str| json!([{"cT": "text", "data": {"text": text}}]);
    let first = &page["messages"][1]["_id"].clone();
    let expected = json!({
        "messages": [
            {"_id": welcome, "type": "outgoing", "components": text("Welcome"), "createdOn": created, "lang": "en", "seq": 1},
            {"_id": first, "type": "incoming", "components": text("buttons"), "createdOn": created, "lang": "en", "seq": 2, "userMsgId": 7},
            {"_id": buttons["messageId"], "type": "outgoing", "components": text(&template), "createdOn": created, "lang": "en", "seq": 3},
            {"_id": ack["messageId"], "type": "incoming", "components": text("BAL"), "createdOn": created, "lang": "en", "seq": 4,
             "userMsgId": "8", "tags": {"altText": [{"name": "altText", "value": "Balance"}]}},
            {"_id": answer["messageId"], "type": "outgoing", "components": text("echo BAL"), "createdOn": created, "lang": "en", "seq": 5},
        ],
        "icon": "https://cdn.test/bot.png", "moreAvailable": false, "lastSeq": 5
    });
    assert_eq!(page, expected);
    let template: Value = serde_json::from_str(&template).unwrap();
    assert_eq!(template["type"], "template");
    assert_eq!(template["payload"]["template_type"], "button");
}

#[tokio::test]
async fn pages_follow_each_other_without_gap_or_overlap() {
    let app = TestApp::start();
    let ann = app.user("ann").await;
    let mut socket = ann.welcomed().await;
    for id in 1..=12 {
        socket.say(id, "hello").await;
        assert_eq!(text_of(&socket.next().await), "echo hello");
    }
    let page = async |query: &str| {
        let page = ann.get(&format!("{PATH}{query}")).await.json();
        let seqs: Vec<u64> = page["messages"]
            .as_array()
            .unwrap()
            .iter()
            .map(|m| m["seq"].as_u64().unwrap())
            .collect();
        let ends = (seqs.first().copied(), seqs.last().copied(), seqs.len());
        assert!(seqs.is_sorted());
        (ends, page["moreAvailable"] == true, page)
    };
    let (ends, more, newest) = page("").await;
    assert_eq!((ends, more), ((Some(16), Some(25), 10), true));
    assert_eq!(page("&offset=10&limit=10").await.0, (Some(6), Some(15), 10));
    assert_eq!(page("&before=16&limit=10").await.0, (Some(6), Some(15), 10));
    let (ends, more, _) = page("&before=6").await;
    assert_eq!((ends, more), ((Some(1), Some(5), 5), false));
    assert_eq!(page("&limit=1000").await.0, (Some(1), Some(25), 25));
    assert_eq!(page("&limit=0").await.0, (Some(25), Some(25), 1));
    let id = newest["messages"][0]["_id"].as_str().unwrap();
    assert_eq!(
        page(&format!("&msgId={id}&limit=3")).await.0,
        (Some(13), Some(15), 3)
    );
    assert_eq!(
        page(&format!("&msgId={id}&forward=true&limit=3")).await.0,
        (Some(17), Some(19), 3)
    );
    assert_eq!(page("&msgId=ms-unknown").await.0, (None, None, 0));
}

#[tokio::test]
async fn a_history_is_its_owners() {
    let app = TestApp::start();
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    drop(ann.welcomed().await);
    let empty = json!({"messages": [], "icon": "https://cdn.test/bot.png", "moreAvailable": false, "lastSeq": 0});
    assert_eq!(bob.get(PATH).await.json(), empty);
    for (path, status) in [
        ("/api/1.1/botmessages/rtm?botId=st-test", 200),
        ("/api/botmessages/rtm?botId=st-other", 403),
        ("/api/botmessages/rtm?botId=st-nobody", 404),
        ("/api/botmessages/rtm", 400),
        ("/api/botmessages/rtm?botId=st-test&limit=many", 400),
        ("/api/botmessages/rtm?botId=st-test&offset=-1", 400),
    ] {
        let reply = ann.get(path).await;
        assert_eq!(reply.status, status, "{path}: {}", reply.body);
        assert!(status == 200 || reply.error().1 == status, "{}", reply.body);
    }
    assert_eq!(app.get(PATH, &[]).await.status, 401);
}

#[tokio::test]
async fn a_bot_without_an_avatar_has_a_picture_too() {
    let app = TestApp::start();
    let ann = app.user("ann").await;
    let page = ann.get("/api/botmessages/rtm?botId=st-broken").await.json();
    let host = app.address;
    assert_eq!(page["icon"], format!("http://{host}/icon.svg"));
}

#[tokio::test]
async fn the_theme_is_there_for_both_prefixes() {
    let app = TestApp::start();
    let ann = app.user("ann").await;
    for prefix in ["/api", "/api/1.1"] {
        let theme = ann
            .get(&format!("{prefix}/websdkthemes/st-test/activetheme"))
            .await
            .json();
        assert_eq!(theme["activeTheme"], true);
        assert_eq!(theme["streamId"], "st-test");
        assert_eq!(theme["userMessage"]["bubbleColor"], "#0b6e4f");
    }
    assert_eq!(
        ann.get("/api/websdkthemes/st-other/activetheme")
            .await
            .status,
        403
    );
    assert_eq!(
        app.get("/api/websdkthemes/st-test/activetheme", &[])
            .await
            .status,
        401
    );
}
