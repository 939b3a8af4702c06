//! n8n and Rasa as bots: what they are sent, and what becomes of what they answer. Their answers' shapes are tested beside
//! the code that reads them.

use serde_json::json;
use server::bot::{Answers, BotError, Class, TurnKind};

use crate::test_hook::{Hook, json_of, pieces, status, whole};
use crate::webhook::{bot_at, said, texts, turn};

const N8N: &str = "[bots.st-hook.n8n]\nurl = \"URL/webhook/x/chat\"\n";
const RASA: &str = "[bots.st-hook.rasa]\nurl = \"URL/webhooks/rest/webhook\"\n";

fn pressed() -> TurnKind {
    TurnKind::Message {
        body: "/inform{\"size\":\"L\"}".to_owned(),
        rendered: Some("Large".to_owned()),
        files: Vec::new(),
        custom_data: Some(json!({"page": "cart"})),
    }
}

#[tokio::test]
async fn a_flow_of_n8n_is_sent_what_its_own_widget_sends() {
    let hook = Hook::start(|_| json_of(&json!({"output": "Hi"})));
    let more = "user = \"ann\"\npassword = \"pass:word\"\nheaders = { X-Key = \"k\" }\ngreeting = \"Welcome\"";
    let bot = bot_at(&hook, &format!("{N8N}{more}"));
    let mut answers = Answers::new();
    for kind in [TurnKind::Connect, pressed(), TurnKind::Close] {
        bot.answer(turn(kind), &mut answers).await.unwrap();
    }
    assert_eq!(texts(answers.into_bodies()), ["Welcome", "Hi"]);
    let [asked] = &hook.asked()[..] else {
        panic!("asked once");
    };
    assert_eq!(asked.line, "POST /webhook/x/chat");
    assert_eq!(asked.header("authorization"), "Basic YW5uOnBhc3M6d29yZA==");
    assert_eq!(asked.header("x-key"), "k");
    assert_eq!(
        asked.json(),
        json!({
            "action": "sendMessage",
            "sessionId": "cv-1",
            "chatInput": "/inform{\"size\":\"L\"}",
            "metadata": {
                "turn": "tn-1", "bot": "st-hook", "app": "cs-hook", "session": "se-1", "user": "u-1",
                "identity": "ann@shop.test", "profile": {"firstName": "Ann"}, "language": "de-AT",
                "rendered": "Large", "customData": {"page": "cart"},
            },
        })
    );
}

#[tokio::test]
async fn a_flow_that_streams_is_heard_piece_by_piece() {
    let line = |kind: &str, content: &str| {
        let metadata = json!({"nodeId": "a", "nodeName": "Agent", "runIndex": 0});
        format!(
            "{}\n",
            json!({"type": kind, "content": content, "metadata": metadata})
        )
    };
    let told = [
        line("begin", ""),
        line("item", "Hel"),
        line("item", "lo"),
        line("end", ""),
    ];
    let hook = Hook::start(move |_| {
        let told: Vec<_> = told.iter().map(String::as_str).collect();
        // As n8n names it.
        pieces("application/json; charset=utf-8", &told, true)
    });
    let bot = bot_at(&hook, &format!("{N8N}streamed = true"));
    let mut answers = Answers::new();
    let progress = answers.progress();
    bot.answer(turn(TurnKind::text("hi")), &mut answers)
        .await
        .unwrap();
    assert_eq!(progress.borrow().answers[0].text, "Hello");
    assert_eq!(texts(answers.into_bodies()), ["Hello"]);
}

#[tokio::test]
async fn a_rasa_assistant_is_sent_what_its_channel_reads() {
    let hook = Hook::start(|_| json_of(&json!([{"recipient_id": "cv-1", "text": "Hi"}])));
    let bot = bot_at(
        &hook,
        &format!("{RASA}token = \"t k\"\nconnect = \"/greet\""),
    );
    for kind in [TurnKind::Connect, pressed(), TurnKind::Close] {
        bot.answer(turn(kind), &mut Answers::new()).await.unwrap();
    }
    let [greeted, asked] = &hook.asked()[..] else {
        panic!("asked twice");
    };
    assert_eq!(greeted.json()["message"], "/greet");
    assert_eq!(asked.line, "POST /webhooks/rest/webhook?token=t+k");
    let said = asked.json();
    assert_eq!(said["sender"], "cv-1");
    assert_eq!(said["message"], "/inform{\"size\":\"L\"}");
    assert_eq!(said["metadata"]["rendered"], "Large");
    assert_eq!(said["metadata"]["profile"], json!({"firstName": "Ann"}));

    // Not told of sessions unless somebody says with which words.
    let quiet = bot_at(&hook, RASA);
    quiet
        .answer(turn(TurnKind::Connect), &mut Answers::new())
        .await
        .unwrap();
    assert_eq!(hook.asked().len(), 2);
}

#[tokio::test]
async fn it_is_asked_whether_they_are_there() {
    let hook = Hook::start(|asked| match asked.line.as_str() {
        "GET /webhooks/rest/?token=t" => json_of(&json!({"status": "ok"})),
        "GET /webhook/x/chat" => status(404),
        _ => status(401),
    });
    bot_at(&hook, N8N).check().await.unwrap();
    bot_at(&hook, &format!("{RASA}token = \"t\""))
        .check()
        .await
        .unwrap();
    let refused = bot_at(&hook, RASA).check().await.unwrap_err();
    assert_eq!(refused.class(), Class::Refused);
}

#[tokio::test]
async fn a_turn_that_may_have_reached_them_is_not_given_again() {
    for settings in [N8N, RASA, &format!("{N8N}streamed = true\n")] {
        for (code, temporary) in [
            (500, false),
            (502, false),
            (429, true),
            (503, true),
            (401, false),
        ] {
            let hook = Hook::start(move |_| status(code));
            let error = said(&*bot_at(&hook, settings)).await.unwrap_err();
            assert_eq!(
                (error.status(), error.is_temporary()),
                (Some(code), temporary),
                "{settings}"
            );
        }
        let hook = Hook::start(|_| pieces("application/json", &["[{"], false));
        let error = said(&*bot_at(&hook, settings)).await.unwrap_err();
        assert!(!error.is_temporary(), "{error}");
        let hook = Hook::start(|_| {
            crate::test_hook::endless("application/json", futures_util::stream::pending())
        });
        let impatient = format!("{settings}first_byte = \"1s\"\n");
        let error = said(&*bot_at(&hook, &impatient)).await.unwrap_err();
        assert_eq!(
            (error.class(), error.is_temporary()),
            (Class::TooSlow, false)
        );
    }
}

#[tokio::test]
async fn bad_answers_of_theirs_are_mistakes_and_floods_are_not_taken() {
    for settings in [N8N, RASA] {
        for (answer, class) in [
            ("<h1>secret</h1>", Class::Unreadable),
            ("{\"secret\":", Class::Unreadable),
            ("7", Class::Unreadable),
        ] {
            let hook = Hook::start(move |_| whole("text/html", answer));
            let error = said(&*bot_at(&hook, settings)).await.unwrap_err();
            let shown = format!("{error} {error:?}");
            assert_eq!(error.class(), class, "{shown}");
            assert!(!shown.contains("secret"), "{shown}");
        }
        let hook = Hook::start(|_| whole("application/json", " ".repeat(3_000_000)));
        let error = said(&*bot_at(&hook, settings)).await.unwrap_err();
        assert_eq!(error.class(), Class::TooMuch, "{error}");
        for empty in ["", " ", "[]"] {
            let hook = Hook::start(move |_| whole("application/json", empty));
            assert!(said(&*bot_at(&hook, settings)).await.unwrap().is_empty());
        }
    }
    let hook = Hook::start(|_| whole("application/json", "x".repeat(1_000_000)));
    let error = said(&*bot_at(&hook, &format!("{N8N}streamed = true")))
        .await
        .unwrap_err();
    assert!(
        matches!(error, BotError::TooBig) || error.class() == Class::TooMuch,
        "{error}"
    );
}

#[test]
fn settings_that_cannot_be_right_are_named_by_their_key() {
    for (settings, key) in [
        (
            "[bots.st-hook.webhook]\nurl = \"ftp://a.test/\"",
            "bots.st-hook.webhook.url",
        ),
        (
            "[bots.st-hook.webhook]\nurl = \"http://a.test/\"\nhistory = 101",
            "bots.st-hook.webhook.history",
        ),
        (
            "[bots.st-hook.webhook]\nurl = \"http://a.test/\"\nidle = \"1ms\"",
            "bots.st-hook.webhook.idle",
        ),
        (
            "[bots.st-hook.n8n]\nurl = \"http://a.test/\"\npassword = \"hush\"",
            "bots.st-hook.n8n.user",
        ),
        (
            "[bots.st-hook.n8n]\nurl = \"http://a.test/\"\n[bots.st-hook.rasa]\nurl = \"http://a.test/\"",
            "bots.st-hook.rasa",
        ),
    ] {
        let text = format!("[bots.st-hook]\npage = \"hook\"\nname = \"Hook\"\n{settings}");
        let error = server::config::Config::from_text(&text)
            .unwrap_err()
            .to_string();
        assert!(error.contains(key) && !error.contains("hush"), "{error}");
    }
}
