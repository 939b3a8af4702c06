//! Below a path of somebody else's host: every address stays below it, whether the proxy leaves the path on or takes it away.

use std::collections::BTreeSet;

use serde_json::json;

use crate::test_app::{Reply, TestApp, bot_info};
use crate::test_socket::Socket;

const BELOW: &str =
    "[server]\npublic_url = \"https://shop.test/p/\"\ntrusted_proxies = [\"127.0.0.1\"]\n";
/// What a proxy asks with: the path left on, and taken away.
const FORMS: [&str; 2] = ["/p", ""];

async fn open(app: &TestApp, path: &str) -> Reply {
    let headers = [("accept", "text/html"), ("x-forwarded-proto", "https")];
    app.get(path, &headers).await
}

/// Every address of this host that the page names: in attributes, in the settings and in scripts.
fn addresses(page: &str) -> BTreeSet<String> {
    let quoted = page.split(['"', '\'', '`', ' ', '>']);
    let ours = quoted.filter_map(|text| {
        let text = text.strip_prefix("https://shop.test").unwrap_or(text);
        let starts = text.starts_with('/') && text.len() > 1 && !text.starts_with("//");
        starts.then(|| text.trim_end_matches('\\').to_owned())
    });
    ours.filter(|text| !text.starts_with("/>") && text.bytes().all(|b| b.is_ascii_graphic()))
        .filter(|text| text.as_bytes()[1].is_ascii_alphanumeric())
        .collect()
}

#[tokio::test]
async fn every_address_of_every_page_lies_below_the_path() {
    let app = TestApp::start_with(BELOW);
    for form in FORMS {
        for page in [
            "/",
            "/demo",
            "/chat/test",
            "/embed/test",
            "/chat/nobody",
            "/nowhere",
        ] {
            let shown = open(&app, &format!("{form}{page}")).await;
            let expected = if page.starts_with("/n") || page.ends_with("nobody") {
                404
            } else {
                200
            };
            assert_eq!(shown.status, expected, "{form}{page}: {}", shown.body);
            let named = addresses(&shown.body);
            assert!(named.contains("/p/icon.svg"), "{form}{page}: {named:?}");
            let astray: Vec<_> = named
                .iter()
                .filter(|address| !address.starts_with("/p/"))
                .collect();
            assert!(astray.is_empty(), "{form}{page}: {astray:?}");
            let csp = shown.header("content-security-policy");
            assert!(csp.contains("form-action https://shop.test/p/;"), "{csp}");
            assert!(
                csp.contains("connect-src https://shop.test/p/ wss://shop.test/p/;"),
                "{csp}"
            );
        }
        for probe in ["/livez", "/readyz"] {
            assert_eq!(
                app.get(&format!("{form}{probe}"), &[]).await.status,
                200,
                "{form}{probe}"
            );
        }
    }
}

#[tokio::test]
async fn a_whole_visit_goes_below_the_path_in_either_form() {
    let app = TestApp::start_with(BELOW);
    for form in FORMS {
        let browser = [
            ("origin", "https://shop.test"),
            ("content-type", "application/x-www-form-urlencoded"),
            ("x-forwarded-proto", "https"),
        ];
        let path = format!("{form}/chat/test");
        let posted = app.request("POST", &path, &browser, "text=hello").await;
        assert_eq!(
            (posted.status, posted.header("location")),
            (303, "/p/chat/test"),
            "{}",
            posted.body
        );
        let cookie = posted.header("set-cookie");
        assert!(
            cookie.starts_with("__Secure-parlour-visitor=") && cookie.contains("; Path=/p/;"),
            "{cookie}"
        );
        let cookie = cookie.split(';').next().unwrap().to_owned();
        let page = app
            .get(&path, &[("accept", "text/html"), ("cookie", &cookie)])
            .await;
        assert!(page.body.contains("echo hello"), "{}", page.body);

        let origin = [("origin", "https://shop.test"), ("cookie", &cookie)];
        let signed = app
            .post(
                &format!("{form}/api/users/sts"),
                &origin,
                &json!({"bot": "st-test"}),
            )
            .await;
        assert_eq!(signed.status, 200, "{}", signed.body);
        let grant = json!({"assertion": signed.json()["jwt"], "botInfo": bot_info("st-test")});
        let granted = app
            .post(&format!("{form}/api/oAuth/token/jwtgrant"), &[], &grant)
            .await;
        let token = granted.json()["authorization"]["accessToken"]
            .as_str()
            .unwrap()
            .to_owned();
        let bearer = format!("bearer {token}");
        let start = json!({"botInfo": bot_info("st-test")});
        let start = app
            .post(
                &format!("{form}/api/1.1/rtm/start"),
                &[("authorization", &bearer)],
                &start,
            )
            .await;
        let url = start.json()["url"].as_str().unwrap().to_owned();
        let asked = url
            .strip_prefix("wss://shop.test/p")
            .unwrap_or_else(|| panic!("{url}"));
        let socket = Socket::open(
            &app,
            &format!("{form}{asked}"),
            &[("origin", "https://shop.test")],
        )
        .await;
        assert!(socket.is_ok(), "{form}");

        let forgotten = app
            .request("DELETE", &format!("{form}/api/users/sts"), &origin, "")
            .await;
        assert_eq!(forgotten.status, 204);
        assert!(
            forgotten
                .header("set-cookie")
                .contains("; Path=/p/; Max-Age=0;")
        );
    }
}

#[tokio::test]
async fn who_comes_in_the_clear_is_led_below_the_path_once() {
    let app = TestApp::start_with(&format!("{BELOW}require_https = true\n"));
    for form in FORMS {
        let path = format!("{form}/chat/test?x=1");
        let plain = app.get(&path, &[("x-forwarded-proto", "http")]).await;
        assert_eq!(
            (plain.status, plain.header("location")),
            (308, "https://shop.test/p/chat/test?x=1"),
        );
        let livez = app.get(&format!("{form}/livez"), &[]).await;
        assert_eq!(livez.status, 200, "a balancer asks directly");
        let secure = open(&app, &path).await;
        assert_eq!(secure.status, 200, "{}", secure.body);
    }
}

#[tokio::test]
async fn only_the_base_path_itself_is_taken_away_and_once() {
    let app = TestApp::start_with(BELOW);
    for path in [
        "/q/chat/test",
        "/pp/chat/test",
        "/p/p/chat/test",
        "/x/p/chat/test",
    ] {
        assert_eq!(open(&app, path).await.status, 404, "{path}");
    }
    assert_eq!(open(&app, "/p").await.status, 200);
    // One that looks like ours is left alone: the proxy has taken it away.
    let app = TestApp::start_with("[server]\npublic_url = \"https://shop.test/chat/\"\n");
    let page = open(&app, "/chat/test").await;
    assert!(
        page.body.contains("action=\"/chat/chat/test\""),
        "{}",
        page.body
    );
}
