//! Bots for signed-in people: nobody without a name gets to them, by any way.

use serde_json::{Value, json};
use server::clock::Clock as _;
use server::signing::{self, Identity, Signed};

use crate::test_app::{Reply, SECRETS, TestApp, bot_info};

/// A bot for signed-in people beside one for everybody, and an app that is for signed-in people altogether.
const MORE: &str = r#"
[bots.st-staff]
page = "staff"
name = "Staff Bot"
anonymous = false
[bots.st-club]
page = "club"
name = "Club Bot"
[apps.cs-mixed]
bots = ["st-staff", "st-broken"]
origins = ["https://mixed.test"]
[[apps.cs-mixed.keys]]
kid = "k3"
algorithm = "HS256"
secret = "mI5xEd8kEy2wQr7tYu4iOp1aSd6fGh9j"
[apps.cs-club]
bots = ["st-club"]
origins = ["https://club.test"]
anonymous = false
[[apps.cs-club.keys]]
kid = "k4"
algorithm = "HS256"
secret = "cL3uBk6eYz9xVb2nMq5wEr8tYu1iOp4a"
"#;

const CLOSED: [(&str, &str, &str); 2] = [
    ("cs-mixed", "st-staff", "staff"),
    ("cs-club", "st-club", "club"),
];

fn assertion(app: &TestApp, id: &str, anonymous: bool) -> String {
    let (table, policy) = (app.state.keys.table(), &app.state.policy);
    let identity = Identity {
        subject: "ann".to_owned(),
        anonymous,
    };
    let what = Signed {
        app: id,
        identity: &identity,
        audience: policy.audience_for(None).unwrap(),
        jti: server::ids::Ids::uuid(&server::ids::RandomIds),
        now: app.clock.now(),
    };
    signing::sign(table.app(id).unwrap().signer().unwrap(), policy, what).unwrap()
}

async fn grant(app: &TestApp, assertion: String, info: Option<Value>) -> Reply {
    let mut body = json!({"assertion": assertion, "token": {}});
    if let Some(info) = info {
        body["botInfo"] = info;
    }
    app.post("/api/oAuth/token/jwtgrant", &[], &body).await
}

#[tokio::test]
async fn its_page_says_where_to_come_from_and_makes_nobody() {
    let app = TestApp::start_with(MORE);
    let own = format!("http://{}", app.address);
    for (id, _, page) in CLOSED {
        for path in [
            format!("/chat/{page}"),
            format!("/chat/{page}?app={id}"),
            format!("/embed/{page}"),
        ] {
            let reply = app.get(&path, &[("accept-language", "en")]).await;
            assert_eq!(reply.status, 403, "{path}");
            assert!(
                reply.body.contains("for people who are signed in"),
                "{path}"
            );
            assert!(reply.header("set-cookie").is_empty());
        }
        // The form of a page without JavaScript, and one that was written by hand.
        let headers = [
            ("content-type", "application/x-www-form-urlencoded"),
            ("origin", own.as_str()),
            ("accept-language", "de"),
        ];
        let path = format!("/chat/{page}");
        let reply = app.request("POST", &path, &headers, "text=hello").await;
        assert_eq!(reply.status, 403, "{}", reply.body);
        assert!(reply.body.contains("angemeldete Personen"));
        assert!(reply.header("set-cookie").is_empty());
        // In a frame whose page brings its own assertion it opens.
        let path = format!("/embed/{page}?identity=host&app={id}");
        let reply = app.get(&path, &[]).await;
        assert_eq!(reply.status, 200, "{path}");
    }
    assert_eq!(app.get("/chat/broken?app=cs-mixed", &[]).await.status, 200);
    let home = app.get("/", &[]).await.body;
    assert!(home.contains("Broken Bot"));
    assert!(!home.contains("Staff Bot") && !home.contains("Club Bot"));
}

#[tokio::test]
async fn a_forged_origin_is_signed_nothing_for_it() {
    let app = TestApp::start_with(MORE);
    let own = format!("http://{}", app.address);
    for (id, bot, _) in CLOSED {
        for body in [
            json!({"bot": bot}),
            json!({"bot": bot, "clientId": id}),
            json!({"bot": bot, "clientId": id, "keepVisitor": true}),
        ] {
            let reply = app.post("/api/users/sts", &[("origin", &own)], &body).await;
            assert_eq!(reply.status, 403, "{body}: {}", reply.body);
            assert!(reply.error().0.contains("signed in"), "{}", reply.body);
            assert!(reply.header("set-cookie").is_empty());
        }
        // Not even by who knows the secret, unless the identity has a name.
        let secret = if id == "cs-club" {
            "cL3uBk6eYz9xVb2nMq5wEr8tYu1iOp4a"
        } else {
            "mI5xEd8kEy2wQr7tYu4iOp1aSd6fGh9j"
        };
        for (anonymous, status) in [(true, 403), (false, 200)] {
            let body = json!({"bot": bot, "clientId": id, "clientSecret": secret, "identity": "ann", "isAnonymous": anonymous});
            let reply = app.post("/api/users/sts", &[], &body).await;
            assert_eq!(reply.status, status, "{}", reply.body);
        }
    }
    // The whole app is closed, whatever bot is named; of the other only the bot.
    let ask = |id: &str| json!({"clientId": id});
    let reply = app
        .post("/api/users/sts", &[("origin", &own)], &ask("cs-club"))
        .await;
    assert_eq!(reply.status, 403);
    let reply = app
        .post("/api/users/sts", &[("origin", &own)], &ask("cs-mixed"))
        .await;
    assert_eq!(reply.status, 200, "{}", reply.body);
}

#[tokio::test]
async fn an_assertion_without_a_name_opens_it_by_no_step() {
    let app = TestApp::start_with(MORE);
    for (id, bot, _) in CLOSED {
        let refused = grant(&app, assertion(&app, id, true), Some(bot_info(bot))).await;
        assert_eq!(
            (refused.status, refused.error().1),
            (403, json!(403)),
            "{id}"
        );
        let granted = grant(&app, assertion(&app, id, false), Some(bot_info(bot))).await;
        assert_eq!(granted.status, 200, "{id}: {}", granted.body);
        // A grant for another bot, or for none, is good for this one neither.
        let granted = grant(&app, assertion(&app, id, true), None).await;
        assert_eq!(granted.status, 200, "{}", granted.body);
        let token = granted.json()["authorization"]["accessToken"].clone();
        let bearer = format!("bearer {}", token.as_str().unwrap());
        let headers = [("authorization", bearer.as_str())];
        let body = json!({"botInfo": bot_info(bot)});
        assert_eq!(
            app.post("/api/rtm/start", &headers, &body).await.status,
            403
        );
        for path in [
            format!("/api/botmessages/rtm?botId={bot}"),
            format!("/api/websdkthemes/{bot}/activetheme"),
        ] {
            assert_eq!(app.get(&path, &headers).await.status, 403, "{path}");
        }
    }
}

#[tokio::test]
async fn a_grant_is_for_a_bot_that_the_app_may_open() {
    let app = TestApp::start();
    let of = |bot: &str| json!({"chatBot": "Bot", "taskBotId": bot, "uiVersion": "v3"});
    for (info, status) in [
        (Some(of("st-test")), 200),
        (Some(of("st-other")), 403),
        (Some(of("st-nobody")), 404),
        // As configurations name it; and callers that name none, which rtm/start holds to their bot.
        (Some(json!({"name": "Bot", "_id": "st-test"})), 200),
        (Some(json!({"name": "Bot", "_id": "st-other"})), 403),
        (Some(json!({"chatBot": "Bot"})), 200),
        (Some(of("")), 200),
        (None, 200),
    ] {
        let assertion = app.assertion("cs-test", "ann");
        let reply = grant(&app, assertion.clone(), info.clone()).await;
        assert_eq!(reply.status, status, "{info:?}: {}", reply.body);
        if status != 200 {
            // It was not spent for nothing.
            let good = grant(&app, assertion, Some(of("st-test"))).await;
            assert_eq!(good.status, 200, "{}", good.body);
        }
    }
    assert_ne!(SECRETS[0], SECRETS[1]);
}
