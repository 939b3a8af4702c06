//! The pages: what is in the first HTML, what browsers are told, and the chat without JavaScript.

use std::sync::atomic::Ordering;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::test_app::{PAGE, Reply, SECRETS, SOON, TestApp};

/// Fetches a page as a browser does.
async fn open(app: &TestApp, path: &str, headers: &[(&str, &str)]) -> Reply {
    let mut all = vec![("accept", "text/html"), ("accept-language", "en")];
    all.extend_from_slice(headers);
    app.get(path, &all).await
}

/// Posts the composer's form.
async fn post(app: &TestApp, cookie: &str, headers: &[(&str, &str)], form: &str) -> Reply {
    let mut all = vec![
        ("content-type", "application/x-www-form-urlencoded"),
        ("accept", "text/html"),
    ];
    if !cookie.is_empty() {
        all.push(("cookie", cookie));
    }
    all.extend_from_slice(headers);
    app.request("POST", "/chat/test", &all, form).await
}

/// `name=value` of the cookie that an answer sets.
fn cookie(reply: &Reply) -> String {
    reply
        .header("set-cookie")
        .split(';')
        .next()
        .unwrap()
        .to_owned()
}

fn nonce(reply: &Reply) -> String {
    let csp = reply.header("content-security-policy");
    csp.split("'nonce-")
        .nth(1)
        .unwrap()
        .split('\'')
        .next()
        .unwrap()
        .to_owned()
}

#[tokio::test]
async fn the_pages_for_newcomers_can_be_switched_off() {
    let app = TestApp::start_with("[server]\ndemo_page = false\n");
    assert_eq!(open(&app, "/demo", &[]).await.status, 404);
    let home = open(&app, "/", &[]).await;
    assert!(
        home.status == 200 && !home.body.contains("/demo"),
        "nothing leads there"
    );
    let app = TestApp::start_with("[server]\nhome_page = false\n");
    let home = open(&app, "/", &[]).await;
    assert_eq!(home.status, 404);
    assert!(home.body.contains("<main class=\"problem"), "{}", home.body);
    assert!(!home.body.contains("href=\"/\""), "nor back to it");
    assert_eq!(open(&app, "/demo", &[]).await.status, 200);
    assert_eq!(open(&app, "/chat/test", &[]).await.status, 200);
}

#[tokio::test]
async fn every_page_is_drawn_with_a_strict_policy_and_is_not_kept() {
    let app = TestApp::start();
    for path in ["/", "/demo", "/chat/test", "/chat/st-test", "/embed/test"] {
        let page = open(&app, path, &[]).await;
        assert_eq!(page.status, 200, "{path}: {}", page.body);
        let length = page.header("content-length").parse();
        assert_eq!(length, Ok(page.body.len()), "{path} is one piece");
        assert!(
            page.header("content-type").starts_with("text/html"),
            "{path}"
        );
        assert_eq!(page.header("cache-control"), "no-store");
        assert_eq!(page.header("referrer-policy"), "same-origin");
        assert_eq!(page.header("x-content-type-options"), "nosniff");
        let csp = page.header("content-security-policy");
        assert!(
            csp.starts_with("default-src 'none'; script-src 'nonce-"),
            "{csp}"
        );
        let nonce = nonce(&page);
        assert_eq!(nonce.len(), 22, "128 bits");
        for tag in ["<script", "<style"] {
            for element in page.body.split(tag).skip(1) {
                let head = element.split('>').next().unwrap();
                assert!(
                    head.contains(&format!("nonce=\"{nonce}\"")),
                    "{path}: {tag}{head}>"
                );
            }
        }
        assert!(!page.body.contains(" style=\""), "{path}");
        assert!(
            SECRETS.iter().all(|secret| !page.body.contains(secret)),
            "{path}"
        );
        let again = open(&app, path, &[]).await;
        assert_ne!(nonce, self::nonce(&again), "a nonce is new for each answer");
    }
}

#[tokio::test]
async fn a_page_may_be_framed_by_the_apps_of_its_bot_only() {
    let app = TestApp::start();
    let ancestors = async |path: &str| {
        let page = open(&app, path, &[]).await;
        page.header("content-security-policy")
            .split("frame-ancestors ")
            .nth(1)
            .unwrap()
            .to_owned()
    };
    assert_eq!(ancestors("/embed/test").await, "'self' https://shop.test");
    assert_eq!(ancestors("/embed/other").await, "'self' https://other.test");
    for path in ["/chat/test", "/", "/demo"] {
        assert_eq!(ancestors(path).await, "'none'", "{path}");
    }
}

#[tokio::test]
async fn what_is_not_here_or_not_allowed_is_a_friendly_page_with_its_status() {
    let app = TestApp::start();
    let own = format!("http://{}/demo", app.address);
    for (path, referrer, status) in [
        ("/chat/nobody", "", 404),
        ("/embed/nobody", "", 404),
        ("/nothing/here", "", 404),
        ("/embed/test", "https://shop.test/", 200),
        ("/embed/test", own.as_str(), 200),
        ("/embed/test", "https://evil.test/", 403),
        ("/embed/test", "nonsense", 403),
        (
            "/embed/test?origin=https://shop.test",
            "https://shop.test/",
            200,
        ),
        (
            "/embed/test?origin=https://shop.test",
            "https://evil.test/",
            403,
        ),
        ("/embed/test?origin=https://evil.test", "", 403),
        ("/embed/test?origin=https://shop.test&app=cs-test", "", 200),
        ("/embed/test?origin=null", "", 403),
    ] {
        let headers = [("referer", referrer)];
        let headers = if referrer.is_empty() {
            &[]
        } else {
            headers.as_slice()
        };
        let page = open(&app, path, headers).await;
        assert_eq!(page.status, status, "{path} {referrer}");
        assert!(page.body.contains("<html"), "{path}");
    }
    let program = app.get("/nothing/here", &[]).await;
    assert_eq!(
        (program.status, program.body.as_str()),
        (404, "There is nothing at this address.\n")
    );
}

#[tokio::test]
async fn a_page_is_packed_for_browsers_that_can() {
    let app = TestApp::start();
    for coding in ["br", "gzip"] {
        let page = open(&app, "/chat/test", &[("accept-encoding", coding)]).await;
        assert_eq!(page.header("content-encoding"), coding);
    }
}

#[tokio::test]
async fn the_page_speaks_the_visitors_language_or_the_hosts() {
    let app = TestApp::start();
    for (path, accepted, expected) in [
        ("/chat/test", "de-AT,en;q=0.5", "<html lang=\"de\""),
        ("/chat/test", "xx", "<html lang=\"en\""),
        ("/embed/test?lang=ar", "de", "<html lang=\"ar\" dir=\"rtl\""),
        ("/embed/test?theme=dark", "en", "data-theme=\"dark\""),
        (
            "/embed/test?theme=%22%3E%3Cscript%3E",
            "en",
            "data-theme=\"auto\"",
        ),
    ] {
        let page = app.get(path, &[("accept-language", accepted)]).await;
        assert!(
            page.body.contains(expected),
            "{path} {accepted}: {:.300}",
            page.body
        );
    }
}

#[tokio::test]
async fn a_visitor_chats_without_javascript() {
    let app = TestApp::start();
    let own = format!("http://{}", app.address);
    let browser = [("origin", own.as_str()), ("sec-fetch-site", "same-origin")];
    let first = post(&app, "", &browser, "text=hello+%C3%BC%0D%0Athere").await;
    assert_eq!(
        (first.status, first.header("location")),
        (303, "/chat/test"),
        "{}",
        first.body
    );
    let visitor = cookie(&first);
    assert!(visitor.starts_with("__Host-parlour-visitor="));

    let page = open(&app, "/chat/test", &[("cookie", &visitor)]).await;
    let at = |text: &str| {
        page.body
            .find(text)
            .unwrap_or_else(|| panic!("{text} in {}", page.body))
    };
    assert!(
        at("Welcome") < at("hello ü") && at("hello ü") < at("echo hello"),
        "in order"
    );

    // A starter, by the same visitor: no new cookie, the same conversation.
    let second = post(&app, &visitor, &browser, "text=&choice=Opening+hours").await;
    assert_eq!((second.status, second.header("set-cookie")), (303, ""));
    let page = open(&app, "/chat/test", &[("cookie", &visitor)]).await;
    assert!(page.body.contains("echo Opening hours") && page.body.contains("hello ü"));

    // Somebody else sees nothing of it.
    let stranger = open(&app, "/chat/test", &[]).await;
    assert!(!stranger.body.contains("Opening hours"));
    let embedded = open(&app, "/embed/test?identity=host", &[("cookie", &visitor)]).await;
    assert!(
        !embedded.body.contains("Opening hours"),
        "the host page will say who it is"
    );
}

#[tokio::test]
async fn a_form_whose_sender_hangs_up_is_answered_all_the_same() {
    let app = TestApp::start();
    let own = format!("http://{}", app.address);
    let browser = [("origin", own.as_str())];
    let visitor = cookie(&post(&app, "", &browser, "text=hello").await);
    // A new session, whose welcome takes its time.
    app.clock.advance(Duration::from_hours(24));
    app.bot.wait_to_greet.store(true, Ordering::SeqCst);
    let mut hasty = TcpStream::connect(app.address).await.unwrap();
    let form = format!(
        "POST /chat/test HTTP/1.1\r\nhost: {0}\r\norigin: http://{0}\r\ncookie: {visitor}\r\n\
         content-type: application/x-www-form-urlencoded\r\ncontent-length: 10\r\n\r\ntext=later",
        app.address
    );
    hasty.write_all(form.as_bytes()).await.unwrap();
    while app.bot.asked.load(Ordering::SeqCst) < 3 {
        tokio::task::yield_now().await;
    }
    let tasks = app.shutdown.running();
    drop(hasty);
    while app.shutdown.running() >= tasks {
        tokio::task::yield_now().await;
    }
    app.bot.go.notify_one();
    let answered = async {
        while !open(&app, "/chat/test", &[("cookie", &visitor)])
            .await
            .body
            .contains("echo later")
        {}
    };
    tokio::time::timeout(SOON, answered).await.unwrap();
}

#[tokio::test]
async fn a_form_from_elsewhere_or_too_long_is_refused() {
    let app = TestApp::start();
    let own = format!("http://{}", app.address);
    for headers in [
        [("origin", PAGE), ("sec-fetch-site", "cross-site")],
        [("origin", "null"), ("sec-fetch-site", "cross-site")],
        [("x-nothing", "x"), ("sec-fetch-site", "same-site")],
    ] {
        let refused = post(&app, "", &headers, "text=hello").await;
        assert_eq!(
            (refused.status, refused.header("set-cookie")),
            (403, ""),
            "{headers:?}"
        );
    }
    let long = format!("text={}", "x".repeat(10_001));
    assert_eq!(post(&app, "", &[("origin", &own)], &long).await.status, 413);
    // Nothing typed: nothing said.
    let empty = post(&app, "", &[("origin", &own)], "text=++").await;
    assert_eq!((empty.status, empty.header("set-cookie")), (303, ""));
    let nobody = app
        .request(
            "POST",
            "/chat/nobody",
            &[("content-type", "application/x-www-form-urlencoded")],
            "text=x",
        )
        .await;
    assert_eq!(nobody.status, 404);
}

#[tokio::test]
async fn a_page_that_names_one_of_several_apps_goes_through_it() {
    let app = TestApp::start_with(
        "[apps.cs-two]\nbots = [\"st-test\"]\norigins = []\n\
         [[apps.cs-two.keys]]\nkid = \"1\"\nalgorithm = \"HS256\"\nsecret = \"vB4t2QmS0cW8yXrE6uJ1zPaB5dHnLfGq\"\n",
    );
    let own = format!("http://{}", app.address);
    let headers = [
        ("content-type", "application/x-www-form-urlencoded"),
        ("origin", own.as_str()),
    ];
    let path = "/chat/test?app=cs-two";
    let posted = app.request("POST", path, &headers, "text=hello").await;
    assert_eq!((posted.status, posted.header("location")), (303, path));
    let visitor = cookie(&posted);
    let page = open(&app, path, &[("cookie", &visitor)]).await;
    assert!(page.body.contains("echo hello"), "{}", page.body);
    assert!(page.body.contains(&format!("action=\"{path}\"")));
    assert!(page.body.contains("/api/users/sts?app=cs-two"));
    let first = open(&app, "/chat/test", &[("cookie", &visitor)]).await;
    assert!(!first.body.contains("echo hello"), "another app's visitor");

    let sign = |path: &'static str| {
        let headers = [
            ("content-type", "application/json"),
            ("origin", own.as_str()),
        ];
        let app = &app;
        async move {
            app.request("POST", path, &headers, r#"{"bot":"st-test"}"#)
                .await
        }
    };
    let issuer = |reply: &Reply| {
        let reply: serde_json::Value = serde_json::from_str(&reply.body).unwrap();
        let claims = reply["jwt"].as_str().unwrap().split('.').nth(1).unwrap();
        let claims = URL_SAFE_NO_PAD.decode(claims).unwrap();
        let claims: serde_json::Value = serde_json::from_slice(&claims).unwrap();
        claims["iss"].as_str().unwrap().to_owned()
    };
    assert_eq!(issuer(&sign("/api/users/sts").await), "cs-test");
    assert_eq!(issuer(&sign("/api/users/sts?app=cs-two").await), "cs-two");
}

#[tokio::test]
async fn forms_are_counted_by_address_for_a_new_visitor_and_by_visitor_always() {
    let app = TestApp::start_with(
        "[rate]\nsign_address_burst = 1\nsign_address_per_minute = 1\n\
         sign_identity_burst = 2\nsign_identity_per_minute = 1\n",
    );
    let own = format!("http://{}", app.address);
    let browser = [("origin", own.as_str())];
    let first = post(&app, "", &browser, "text=hello").await;
    let visitor = cookie(&first);
    assert_eq!(first.status, 303);
    let too_many = |refused: &Reply| {
        let wait: u64 = refused.header("retry-after").parse().unwrap();
        refused.status == 429
            && (1..=60).contains(&wait)
            && refused.header("set-cookie").is_empty()
            && refused.header("content-type").starts_with("text/html")
    };
    assert!(too_many(&post(&app, "", &browser, "text=hello").await));
    let again = post(&app, &visitor, &browser, "text=hello").await;
    assert_eq!(again.status, 303);
    assert!(too_many(
        &post(&app, &visitor, &browser, "text=hello").await
    ));
}

#[tokio::test]
async fn what_was_said_is_shown_as_text() {
    let app = TestApp::start();
    let own = format!("http://{}", app.address);
    let said = "text=%3Cimg+src%3Dx+onerror%3Dalert(1)%3E%3C%2Fscript%3E%3Cscript%3Ealert(2)%3C%2Fscript%3E";
    let reply = post(&app, "", &[("origin", &own)], said).await;
    let page = open(&app, "/chat/test", &[("cookie", &cookie(&reply))]).await;
    assert!(!page.body.contains("<img src=x") && !page.body.contains("<script>alert"));
    assert!(page.body.contains("&lt;img src=x"));
}

#[tokio::test]
async fn only_a_developed_server_reloads_its_pages() {
    let (dev, usual) = (TestApp::start_dev("7"), TestApp::start());
    let build = dev.get("/dev/build", &[]).await;
    assert_eq!((build.status, build.body.as_str()), (200, "7"));
    assert_eq!(build.header("cache-control"), "no-store");
    assert_eq!(usual.get("/dev/build", &[]).await.status, 404);
    for path in ["/", "/demo", "/chat/test", "/embed/test", "/nowhere"] {
        let page = open(&dev, path, &[]).await;
        let script = format!("<script nonce=\"{}\">(async()=>{{for(;;)", nonce(&page));
        assert_eq!(page.body.matches(&script).count(), 1, "{path}");
        assert!(
            page.body.contains(r#"fetch("/dev/build","#) && page.body.contains(r#"!=="7")"#),
            "{path}: {}",
            page.body
        );
        let without = open(&usual, path, &[]).await;
        assert!(!without.body.contains("dev/build"), "{path}");
        let policy = |reply: &Reply, app: &TestApp| {
            let policy = reply.header("content-security-policy");
            let policy = policy.replace(&nonce(reply), "NONCE");
            policy.replace(&app.address.to_string(), "HOST")
        };
        assert_eq!(policy(&page, &dev), policy(&without, &usual), "{path}");
    }
}

#[tokio::test]
async fn a_picture_inside_of_text_is_a_link_unless_its_host_is_listed() {
    let app = TestApp::start_with(
        "[bots.st-pictures]\npage = \"pictures\"\nname = \"Pictures\"\n\
         text_image_sources = [\"https://c.test\"]\n\
         image_sources = [\"https://shop.test\"]\n\
         [apps.cs-pictures]\nbots = [\"st-pictures\"]\norigins = [\"https://shop.test\"]\n\
         [[apps.cs-pictures.keys]]\nkid = \"k3\"\nalgorithm = \"HS256\"\n\
         secret = \"pP4t2vQmS0cW8yXrE6uJ1zPaB5dHnLfG\"\n",
    );
    let page = open(&app, "/chat/pictures", &[]).await;
    let csp = page.header("content-security-policy");
    let images = csp.split("img-src").nth(1).unwrap();
    let images = images.split(';').next().unwrap();
    assert_eq!(
        images.trim(),
        "'self' data: https://shop.test https://c.test"
    );
    assert!(page.body.contains(r#""text_images":["https://c.test"]"#));
    let said = "![s](https://e.test/?q) ![](https://e.test/2) [![i](https://e.test/3)](https://a.test) \
                ![o](https://c.test/o)";
    let form: String = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("text", said)
        .finish();
    for (path, listed) in [("/chat/test", false), ("/chat/pictures", true)] {
        let headers = [
            ("content-type", "application/x-www-form-urlencoded"),
            ("accept", "text/html"),
        ];
        let posted = app.request("POST", path, &headers, &form).await;
        let visitor = cookie(&posted);
        let page = open(&app, path, &[("cookie", &visitor)]).await.body;
        let log = page.split("<script").next().unwrap();
        assert!(log.contains("https://e.test/?q"), "{path}");
        assert!(!log.contains("src=\"https://e.test"), "{path}");
        assert_eq!(log.contains("src=\"https://c.test/o\""), listed, "{path}");
        assert_eq!(log.contains("href=\"https://c.test/o\""), !listed, "{path}");
        for link in ["https://e.test/?q", "https://e.test/2", "https://a.test"] {
            assert!(log.contains(&format!("href=\"{link}\"")), "{path} {link}");
        }
        assert!(!log.contains("href=\"https://e.test/3"), "{path}");
    }
}
