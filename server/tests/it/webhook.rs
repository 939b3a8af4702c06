//! A webhook as a bot: what it is sent, what it may answer, and what becomes of bad answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::Bytes;
use axum::response::{IntoResponse as _, Response};
use futures_util::StreamExt as _;
use protocol::reply::BotMessage;
use secrecy::SecretString;
use serde_json::json;
use server::bot::{
    Answers, Bot, BotError, Class, PastMessage, Speaker, Surroundings, Turn, TurnKind, Visitor,
};
use server::clock::{FixedClock, Millis};
use server::config::Config;
use server::outbound::webhook_signature::{Secret, Secrets};
use server::records::Owner;

use crate::test_app::{NOW, SOON};
use crate::test_hook::{Hook, endless, json_of, pieces, status, whole};

/// The bot's key: it must turn up nowhere.
const KEY: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const OTHER_KEY: &str = "whsec_plJ3nmyCDGBKInavdOK15jsl2Gdb0aVJ";

/// A bot of this configuration, as the server opens it. `URL` is where the hook listens.
pub(crate) fn bot_at(hook: &Hook, text: &str) -> Arc<dyn Bot> {
    server::signing::install_crypto();
    let text = text.replace("URL", &format!("http://{}", hook.address));
    let config = Config::from_text(&format!(
        "[server]\npublic_url = \"https://chat.test/help/\"\n[bots.st-hook]\npage = \"hook\"\nname = \"Hook\"\n{text}"
    ));
    let config = config.unwrap();
    let around = Surroundings::new(
        &config,
        &SecretString::default(),
        Arc::new(FixedClock::new(NOW)),
    );
    server::bot::open("st-hook", &config.bots["st-hook"], &around).unwrap()
}

fn signed_bot(hook: &Hook) -> Arc<dyn Bot> {
    waiting_bot(hook, "")
}

/// The same with its own idea of how long it waits.
fn waiting_bot(hook: &Hook, waits: &str) -> Arc<dyn Bot> {
    bot_at(
        hook,
        &format!("key = \"{KEY}\"\n[bots.st-hook.webhook]\nurl = \"URL/bot?x=1\"\n{waits}"),
    )
}

pub(crate) fn turn(kind: TurnKind) -> Turn {
    Turn {
        bot: "st-hook".to_owned(),
        app: "cs-hook".to_owned(),
        visitor: Visitor {
            id: "u-1".to_owned(),
            identity: "ann@shop.test".to_owned(),
            profile: Some(json!({"firstName": "Ann"})),
        },
        conversation: "cv-1".to_owned(),
        session_id: "se-1".to_owned(),
        kind,
        idempotence_key: "tn-1".to_owned(),
        attempt: 0,
        owner: Owner::Bot,
        language: Some("de-AT".to_owned()),
        recent: Vec::new(),
        state: None,
    }
}

/// What the bot says to "hi": the fallback texts.
pub(crate) async fn said(bot: &dyn Bot) -> Result<Vec<String>, BotError> {
    let mut answers = Answers::new();
    bot.answer(turn(TurnKind::text("hi")), &mut answers).await?;
    answers.end()?;
    Ok(texts(answers.into_bodies()))
}

pub(crate) fn texts(bodies: Vec<String>) -> Vec<String> {
    let text = |body: String| {
        let message: BotMessage = serde_json::from_str(&body).unwrap();
        let info = message.c_info.unwrap();
        info.body.as_str().unwrap().to_owned()
    };
    bodies.into_iter().map(text).collect()
}

/// What the bot answers when the hook answers so.
async fn heard(
    answer: impl Fn() -> Response + Send + Sync + 'static,
) -> Result<Vec<String>, BotError> {
    let hook = Hook::start(move |_| answer());
    said(&*signed_bot(&hook)).await
}

#[tokio::test]
async fn an_event_is_signed_and_says_what_a_bot_needs() {
    let hook = Hook::start(|_| status(204));
    let bot = bot_at(
        &hook,
        &format!(
            "key = \"{KEY} {OTHER_KEY}\"\n[bots.st-hook.webhook]\nurl = \"URL/bot?x=1\"\nhistory = 5\nheaders = {{ X-Team = \"shop\" }}"
        ),
    );
    assert_eq!(bot.recent().messages, 5);
    let mut told = turn(TurnKind::Message {
        body: "BAL".to_owned(),
        rendered: Some("Balance".to_owned()),
        files: Vec::new(),
        custom_data: Some(json!({"page": "cart"})),
    });
    let before = |by, text: &str| PastMessage {
        by,
        text: text.to_owned(),
        at: Millis(1_000),
    };
    told.recent = vec![
        before(Speaker::Visitor, "hello"),
        before(Speaker::Bot, "Hi"),
    ];
    bot.answer(told, &mut Answers::new()).await.unwrap();
    let asked = hook.asked_times(1).await;
    assert_eq!(asked.line, "POST /bot?x=1");
    assert_eq!(asked.header("x-team"), "shop");
    assert_eq!(asked.header("content-type"), "application/json");
    assert_eq!(
        asked.json(),
        json!({
            "type": "message.created",
            "timestamp": "2026-11-21T02:15:01.830Z",
            "data": {
                "turn": "tn-1", "bot": "st-hook", "app": "cs-hook", "conversation": "cv-1", "session": "se-1",
                "user": {"id": "u-1", "identity": "ann@shop.test", "profile": {"firstName": "Ann"}},
                "owner": "bot", "text": "BAL", "rendered": "Balance", "customData": {"page": "cart"}, "language": "de-AT",
                "history": [
                    {"by": "visitor", "text": "hello", "at": "1970-01-01T00:00:01.000Z"},
                    {"by": "bot", "text": "Hi", "at": "1970-01-01T00:00:01.000Z"},
                ],
                "reply_url": "https://chat.test/help/api/bots/st-hook/conversations/cv-1/messages",
            },
        })
    );
    assert_eq!(asked.header("webhook-id"), "tn-1");
    for key in [KEY, OTHER_KEY] {
        let secrets = Secrets::new(Secret::parse(&key.to_owned().into()).unwrap());
        let verified = secrets.verify(&asked.headers, &asked.body, NOW).unwrap();
        assert_eq!(verified.id, "tn-1");
        let tampered = asked.body.to_vec().repeat(2);
        assert!(secrets.verify(&asked.headers, &tampered, NOW).is_err());
    }
}

#[tokio::test]
async fn sessions_are_told_unless_nobody_wants_to_know() {
    let hook = Hook::start(|_| status(204));
    for (settings, kinds) in [
        (
            "",
            &["session.started", "message.created", "session.closed"][..],
        ),
        ("sessions = false", &["message.created"]),
    ] {
        let before = hook.asked().len();
        let bot = bot_at(
            &hook,
            &format!("[bots.st-hook.webhook]\nurl = \"URL/\"\n{settings}"),
        );
        for kind in [TurnKind::Connect, TurnKind::text("hi"), TurnKind::Close] {
            bot.answer(turn(kind), &mut Answers::new()).await.unwrap();
        }
        let asked = &hook.asked()[before..];
        let told: Vec<_> = asked
            .iter()
            .map(|asked| asked.json()["type"].clone())
            .collect();
        assert_eq!(told, kinds);
        assert!(
            asked
                .iter()
                .all(|asked| asked.header("webhook-signature").is_empty())
        );
        assert!(
            asked
                .iter()
                .all(|asked| asked.json()["data"].get("reply_url").is_none())
        );
    }
    let bot = bot_at(
        &hook,
        "[bots.st-hook.webhook]\nurl = \"URL/\"\npeople = true",
    );
    assert!(bot.carries_to_agents());
    let mut owned = turn(TurnKind::text("hi"));
    owned.owner = Owner::Agent("Ada".to_owned());
    bot.answer(owned, &mut Answers::new()).await.unwrap();
    let data = hook.asked().last().unwrap().json()["data"].clone();
    assert_eq!(
        (&data["owner"], &data["agent"]),
        (&json!("agent"), &json!("Ada"))
    );
}

#[tokio::test]
async fn it_is_asked_whether_it_is_there() {
    let hook = Hook::start(|asked| {
        status(if asked.line.ends_with("/no") {
            401
        } else {
            200
        })
    });
    signed_bot(&hook).check().await.unwrap();
    let asked = hook.asked_times(1).await;
    assert_eq!(asked.json()["type"], "ping");
    assert!(!asked.header("webhook-signature").is_empty());
    let refused = bot_at(&hook, "[bots.st-hook.webhook]\nurl = \"URL/no\"")
        .check()
        .await;
    assert_eq!(refused.unwrap_err().class(), Class::Refused);
}

#[tokio::test]
async fn whole_answers_are_read() {
    let hello = || json_of(&json!({"text": "Hello"}));
    assert_eq!(heard(hello).await.unwrap(), ["Hello"]);
    let two = || {
        whole(
            "application/vnd.x+json; charset=utf-8",
            r#"{"messages":[{"text":"a"},{"text":"b","buttons":[{"title":"B"}]}]}"#,
        )
    };
    assert_eq!(heard(two).await.unwrap(), ["a", "b"]);
    let plain = || whole("", r#"{"text":"no type"}"#);
    assert_eq!(heard(plain).await.unwrap(), ["no type"]);
    for nothing in [202, 204, 205, 200, 201] {
        assert!(
            heard(move || status(nothing)).await.unwrap().is_empty(),
            "{nothing}"
        );
    }
    let half = || whole("application/json", r#"{"text":"thanks \ud83d"}"#);
    assert_eq!(heard(half).await.unwrap(), ["thanks \u{fffd}"]);
    let template =
        || json_of(&json!({"template": {"template_type": 5, "elements": "x"}, "text": "A table"}));
    assert_eq!(heard(template).await.unwrap(), ["A table"]);
}

#[tokio::test]
async fn what_it_does_besides_is_done() {
    let hook = Hook::start(|_| {
        json_of(&json!({"text": "A moment", "handover": {"to": "queue"}, "close": true}))
    });
    let mut answers = Answers::new();
    signed_bot(&hook)
        .answer(turn(TurnKind::text("hi")), &mut answers)
        .await
        .unwrap();
    assert_eq!(answers.effects().owner, Some(Owner::Queue));
    assert!(answers.effects().closes);
}

const SSE: &str = "text/event-stream";
const LINES: &str = "application/x-ndjson";

#[tokio::test]
async fn streams_of_events_and_of_lines_grow_an_answer() {
    let events = || {
        pieces(
            SSE,
            &[
                ": hello\n\ndata: {\"doing\":\"Looking\"}\n\nda",
                "ta: {\"delta\":\"Hel\"}\r\n\r\ndata: {\"delta\":\"lo \\ud83d\"}\n\n",
                "data: {\"delta\":\"\\ude00\"}\n\ndata: {\"message\":{\"text\":\"Else?\"}}\n\ndata: [DONE]\n\n",
            ],
            true,
        )
    };
    assert_eq!(heard(events).await.unwrap(), ["Hello 😀", "Else?"]);
    let lines = || {
        pieces(
            LINES,
            &[
                "{\"delta\":\"Hel\"}\n{\"de",
                "lta\":\"lo\"}\n\n",
                "{\"done\":true}",
            ],
            true,
        )
    };
    assert_eq!(heard(lines).await.unwrap(), ["Hello"]);
    // What stands behind the end is not heard.
    let behind = || {
        pieces(
            LINES,
            &["{\"done\":true,\"text\":\"last\"}\n{\"delta\":\"more\"}\n"],
            true,
        )
    };
    assert_eq!(heard(behind).await.unwrap(), ["last"]);
}

#[tokio::test]
async fn a_stream_without_an_end_broke_off() {
    let cut = || pieces(LINES, &["{\"delta\":\"Hel\"}\n"], true);
    let error = heard(cut).await.unwrap_err();
    assert!(
        !error.is_temporary(),
        "what was shown is not asked for again"
    );
    assert_eq!(error.class(), Class::Unreadable);
    for empty in [
        || pieces(LINES, &[""], true),
        || pieces(SSE, &["data: {\"doing\":\"x\"}\n\n"], true),
        || pieces(SSE, &[""], false),
        || pieces("application/json", &["{\"text\":"], false),
    ] {
        let error = heard(empty).await.unwrap_err();
        assert!(error.is_temporary(), "nothing was shown: {error}");
        assert_eq!(error.class(), Class::Unreadable);
    }
    let error = heard(|| pieces(LINES, &["{\"delta\":\"Hel\"}\n"], false))
        .await
        .unwrap_err();
    assert!(!error.is_temporary());
}

#[tokio::test]
async fn bad_answers_are_mistakes_with_a_clear_word_and_nothing_of_what_was_said() {
    let many = vec![json!({"title": "secret"}); 10_000];
    let many = json!({"text": "secret", "buttons": many});
    let twenty_one = json!({"messages": vec![json!({"text": "secret"}); 21]});
    for (answer, class, word) in [
        (
            whole("text/html", "<h1>secret</h1>"),
            Class::Unreadable,
            "HTML",
        ),
        (
            whole("text/plain", "secret"),
            Class::Unreadable,
            "text/plain",
        ),
        (
            whole("image/secret", "secret"),
            Class::Unreadable,
            "another media type",
        ),
        (
            whole("application/json", "{\"secret"),
            Class::Unreadable,
            "no JSON",
        ),
        (
            whole("application/json", "[".repeat(1_000_000)),
            Class::Unreadable,
            "no JSON",
        ),
        (
            whole("application/json", "\"secret\""),
            Class::Unreadable,
            "not an object",
        ),
        (
            whole("application/json", "{\"text\":{\"secret\":1}}"),
            Class::Unreadable,
            "text is not a text",
        ),
        (json_of(&many), Class::TooMuch, "buttons has more than 20"),
        (
            json_of(&twenty_one),
            Class::TooMuch,
            "more than 20 messages",
        ),
        (
            json_of(&json!({"text": "secret".repeat(20_000)})),
            Class::TooMuch,
            "more than 65536 bytes",
        ),
        (
            pieces(LINES, &["secret\n"], true),
            Class::Unreadable,
            "no JSON",
        ),
        (
            pieces(LINES, &["{\"content\":\"secret\"}\n"], true),
            Class::Unreadable,
            "a piece is not",
        ),
        (
            pieces(LINES, &["{\"error\":\"secret\"}\n"], true),
            Class::Error,
            "it failed",
        ),
        (
            pieces(
                SSE,
                &[&format!("data: {}\n\n", "secret".repeat(200_000))],
                true,
            ),
            Class::TooMuch,
            "bytes",
        ),
    ] {
        let answer = std::sync::Mutex::new(Some(answer));
        let error = heard(move || answer.lock().unwrap().take().unwrap())
            .await
            .unwrap_err();
        let shown = format!("{error} {error:?}");
        assert_eq!(error.class(), class, "{shown}");
        assert!(shown.contains(word), "{word}: {shown}");
        assert!(!error.is_temporary(), "{shown}");
        assert!(
            !shown.contains("secret") && !shown.contains("MfKQ"),
            "{shown}"
        );
    }
}

#[tokio::test]
async fn statuses_say_whether_to_ask_again() {
    for (code, temporary, class) in [
        (301, false, Class::Setup),
        (401, false, Class::Refused),
        (403, false, Class::Refused),
        (404, false, Class::Setup),
        (410, false, Class::Setup),
        (429, true, Class::Busy),
        (500, true, Class::Error),
        (503, true, Class::Busy),
    ] {
        let error =
            heard(move || (status(code).status(), [("retry-after", "7")]).into_response()).await;
        let error = error.unwrap_err();
        assert_eq!(
            (error.is_temporary(), error.class(), error.status()),
            (temporary, class, Some(code))
        );
        if let BotError::Unavailable { retry_after, .. } = error {
            assert_eq!(retry_after, Some(Duration::from_secs(7)));
        }
    }
    let gone = heard(|| status(410)).await.unwrap_err();
    assert!(gone.to_string().contains("is switched off"), "{gone}");
}

#[tokio::test]
async fn a_gigabyte_is_not_taken() {
    for (kind, piece) in [
        ("application/json", " "),
        (SSE, "\n"),
        (LINES, "x"),
        (SSE, "data: {}\n\n"),
        (SSE, "data: {\"delta\":\"letters\"}\n\n"),
        (LINES, "{\"text\":\"again\"}\n"),
    ] {
        let taken = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&taken);
        let flood = Bytes::from(piece.repeat(65_536 / piece.len()));
        let hook = Hook::start(move |_| {
            let (counted, flood) = (Arc::clone(&counted), flood.clone());
            endless(
                kind,
                futures_util::stream::repeat_with(move || {
                    counted.fetch_add(flood.len(), Ordering::SeqCst);
                    flood.clone()
                }),
            )
        });
        let bot = bot_at(&hook, "[bots.st-hook.webhook]\nurl = \"URL/\"");
        let error = said(&*bot).await.unwrap_err();
        assert_eq!(error.class(), Class::TooMuch, "{piece:?}: {error}");
        assert!(!error.is_temporary(), "{error}");
        // The buffers of both ends hold some more than is read.
        assert!(taken.load(Ordering::SeqCst) < 32 * 1024 * 1024);
    }
}

#[tokio::test]
async fn who_is_silent_or_talks_for_an_hour_is_not_waited_for() {
    let hook = Hook::start(|_| endless("application/json", futures_util::stream::pending()));
    let bot = waiting_bot(&hook, "first_byte = \"1s\"");
    let error = said(&*bot).await.unwrap_err();
    assert_eq!(
        (error.class(), error.is_temporary()),
        (Class::TooSlow, true)
    );

    let hook = Hook::start(|_| {
        let one = futures_util::stream::iter([Bytes::from_static(b"{\"delta\":\"Hel\"}\n")]);
        endless(LINES, one.chain(futures_util::stream::pending()))
    });
    let bot = waiting_bot(&hook, "idle = \"1s\"");
    let error = said(&*bot).await.unwrap_err();
    assert_eq!(
        (error.class(), error.is_temporary()),
        (Class::TooSlow, false)
    );

    let hook = Hook::start(|_| {
        let ticks = tokio::time::interval(Duration::from_millis(100));
        endless(
            LINES,
            futures_util::stream::unfold(ticks, |mut ticks| async {
                ticks.tick().await;
                Some((Bytes::from_static(b"{\"delta\":\"and \"}\n"), ticks))
            }),
        )
    });
    let bot = waiting_bot(&hook, "total = \"2s\"");
    let error = said(&*bot).await.unwrap_err();
    assert_eq!(
        (error.class(), error.is_temporary()),
        (Class::TooSlow, false)
    );

    // Nobody listens there.
    let hook = Hook::start(|_| status(204));
    let bot = signed_bot(&hook);
    drop(hook);
    let gone = async {
        loop {
            match said(&*bot).await {
                Err(error) => return error,
                Ok(_) => tokio::task::yield_now().await,
            }
        }
    };
    let error = tokio::time::timeout(SOON, gone).await.unwrap();
    assert!(error.is_temporary(), "{error}");
}
