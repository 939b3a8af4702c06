//! The bot against a server that is played by the test.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use protocol::reply::BotMessage;
use serde_json::json;
use tokio::sync::oneshot;

use super::*;
use crate::bot::played::{Asked, Played, Reply, Then, content, finish};
use crate::bot::tests::turn;
use crate::bot::{MAX_ANSWER_BYTES, PastMessage, Speaker};
use crate::clock::{Millis, SystemClock};
use crate::config::test_config;

pub(super) fn bot(base_url: &str, more: &str) -> OpenAi {
    let text = format!(
        "[bots.st-a]\npage = \"a\"\nname = \"A\"\n[bots.st-a.openai]\nbase_url = \"{base_url}\"\nmodel = \"m\"\n{more}"
    );
    crate::signing::install_crypto();
    let config = test_config(&text);
    let outbound = Outbound::new(Arc::new(SystemClock));
    let openai = config.bots["st-a"].openai.as_ref().expect("is there");
    OpenAi::open(openai, &outbound).unwrap_or_else(|error| panic!("{error}"))
}

/// What came of one message.
pub(super) struct Came {
    pub(super) result: Result<(), BotError>,
    /// Text and mark of each answer.
    pub(super) said: Vec<(String, bool)>,
    pub(super) tokens: u64,
    /// What it keeps.
    pub(super) state: Option<String>,
    /// The answers as they are stored.
    pub(super) bodies: Vec<String>,
}

pub(super) async fn say(bot: &OpenAi, turn: Turn) -> Came {
    let mut answers = Answers::new();
    let result = bot.answer(turn, &mut answers).await;
    let tokens = answers.effects().tokens;
    let state = answers.effects().state.clone();
    let bodies = if result.is_ok() {
        answers.end().unwrap();
        answers.into_bodies()
    } else {
        answers.broken_off()
    };
    let read = |body: &String| {
        let message: BotMessage = serde_json::from_str(body).unwrap();
        let text = message.c_info.unwrap().body.as_str().unwrap().to_owned();
        (text, message.stopped == Some(true))
    };
    Came {
        result,
        said: bodies.iter().map(read).collect(),
        tokens,
        state,
        bodies,
    }
}

async fn came_of(replies: impl IntoIterator<Item = Reply>) -> (Came, Vec<Asked>) {
    let (played, address) = Played::start(replies).await;
    let came = say(&bot(&address, ""), turn(TurnKind::text("Hi"))).await;
    (came, played.asked())
}

fn whole(text: &str) -> Vec<(String, bool)> {
    vec![(text.to_owned(), false)]
}

fn marked(text: &str) -> Vec<(String, bool)> {
    vec![(text.to_owned(), true)]
}

#[tokio::test]
async fn what_is_sent_is_what_was_configured() {
    let (played, address) = Played::start([Reply::saying(&["Hel", "lo"])]).await;
    let more = r#"
key = "my-key"
system = "Be kind."
temperature = 0.5
max_tokens = 100
headers = { X-Title = "Shop" }
body = { top_p = 0.9, provider = { sort = "price" } }
"#;
    let came = say(&bot(&address, more), turn(TurnKind::text("Hi"))).await;
    assert_eq!((came.result, came.said), (Ok(()), whole("Hello")));
    let asked = &played.asked()[0];
    assert_eq!(asked.path, "/v1/chat/completions");
    assert_eq!(asked.headers["authorization"], "Bearer my-key");
    assert_eq!(asked.headers["x-title"], "Shop");
    assert_eq!(asked.headers["content-type"], "application/json");
    let expected = json!({
        "model": "m",
        "stream": true,
        "stream_options": {"include_usage": true},
        "temperature": 0.5,
        "max_tokens": 100,
        "top_p": 0.9,
        "provider": {"sort": "price"},
        "messages": [
            {"role": "system", "content": "Be kind."},
            {"role": "user", "content": "Hi"},
        ],
    });
    assert_eq!(asked.body, expected);
}

#[tokio::test]
async fn azure_has_its_key_its_query_and_its_name_for_the_limit() {
    let (played, address) = Played::start([Reply::saying(&["Hi"])]).await;
    let more = "key = \"my-key\"\nkey_header = \"api-key\"\nmax_tokens = 5\nmax_tokens_name = \"max_completion_tokens\"\ninclude_usage = false";
    let bot = bot(&format!("{address}?api-version=2024-10-21"), more);
    say(&bot, turn(TurnKind::text("Hi"))).await.result.unwrap();
    let asked = &played.asked()[0];
    assert_eq!(asked.path, "/v1/chat/completions?api-version=2024-10-21");
    assert_eq!(asked.headers["api-key"], "my-key");
    assert!(!asked.headers.contains_key("authorization"));
    assert_eq!(asked.body["max_completion_tokens"], 5);
    assert_eq!(asked.body.get("stream_options"), None);
}

#[tokio::test]
async fn every_way_to_write_a_stream_is_read() {
    let hi = || content("Hi");
    for (name, data) in [
        ("as OpenAI does", vec![content(""), hi(), finish("stop"), json!({"choices": [], "usage": {"total_tokens": 9}}).to_string(), "[DONE]".to_owned()]),
        ("without DONE", vec![hi(), finish("stop")]),
        ("without a reason", vec![hi(), "[DONE]".to_owned()]),
        ("Azure", vec![json!({"choices": [], "prompt_filter_results": []}).to_string(), hi(), finish("stop"), "[DONE]".to_owned()]),
        ("choices: null", vec![json!({"choices": null}).to_string(), hi(), finish("stop")]),
        ("thoughts beside", vec![json!({"choices": [{"delta": {"reasoning": "hm", "reasoning_content": "hm"}}]}).to_string(), hi(), finish("stop")]),
        ("thoughts inside", vec![content("<think>\nhm"), content("</think>\n\n"), hi(), finish("stop")]),
        ("an empty reason", vec![json!({"choices": [{"delta": {"content": "Hi"}, "finish_reason": ""}]}).to_string(), finish("stop")]),
        ("parts", vec![json!({"choices": [{"delta": {"content": [{"type": "thinking", "thinking": []}, {"type": "text", "text": "Hi"}]}, "finish_reason": "stop"}]}).to_string()]),
        ("a broken piece behind the end", vec![hi(), finish("stop"), "{".to_owned()]),
    ] {
        let data: Vec<&str> = data.iter().map(String::as_str).collect();
        let (came, _) = came_of([Reply::stream(&data)]).await;
        assert_eq!((came.result, came.said), (Ok(()), whole("Hi")), "{name}");
    }
    let raw = format!(
        ": OPENROUTER PROCESSING\r\n\r\nid: 1\r\nevent: message\r\ndata: {}\r\n\r\n: again\n\ndata:{}\n\ndata: [DONE]",
        content("Hi"),
        finish("stop")
    );
    let (came, _) = came_of([Reply::body(200, "text/plain", raw)]).await;
    assert_eq!((came.result, came.said), (Ok(()), whole("Hi")));
    let not_streamed = json!({"choices": [{"message": {"content": "Hi"}, "finish_reason": "stop"}], "usage": {"total_tokens": 9}});
    let (came, _) = came_of([Reply::body(
        200,
        "application/json",
        not_streamed.to_string(),
    )])
    .await;
    assert_eq!(
        (came.result, came.said, came.tokens),
        (Ok(()), whole("Hi"), 9)
    );
}

#[tokio::test]
async fn half_an_emoji_in_each_piece_is_a_whole_one() {
    let mut reply = Reply::saying(&["Grüße 😀"]);
    let bytes: Vec<u8> = reply.pieces.iter().flatten().copied().collect();
    reply.pieces = bytes.chunks(1).map(Bytes::copy_from_slice).collect();
    let (came, _) = came_of([reply]).await;
    assert_eq!(came.said, whole("Grüße 😀"));
}

#[tokio::test]
async fn an_answer_that_does_not_come_to_its_end_is_none() {
    for (name, reply) in [
        ("closed early", Reply::stream(&[&content("Hel")])),
        (
            "cut",
            Reply {
                then: Then::Break,
                ..Reply::stream(&[&content("Hel")])
            },
        ),
        (
            "no JSON",
            Reply::stream(&[&content("Hel"), "{\"choices\":"]),
        ),
        (
            "an error",
            Reply::stream(&[
                &content("Hel"),
                &json!({"error": {"code": 502}}).to_string(),
            ]),
        ),
        (
            "Ollama's error",
            Reply::stream(&[&content("Hel"), &json!({"error": "runner"}).to_string()]),
        ),
        (
            "OpenRouter's error",
            Reply::stream(&[&content("Hel"), &finish("error")]),
        ),
        (
            "filtered",
            Reply::stream(&[&content("Hel"), &finish("content_filter")]),
        ),
    ] {
        let (came, _) = came_of([reply]).await;
        let error = came.result.expect_err(name);
        assert!(!error.is_temporary(), "{name}: was shown, {error}");
        assert_eq!(came.said, marked("Hel"), "{name}");
    }
    for (name, reply, temporary) in [
        ("closed at once", Reply::stream(&[]), true),
        (
            "cut at once",
            Reply {
                then: Then::Break,
                ..Reply::stream(&[])
            },
            true,
        ),
        (
            "an error at once",
            Reply::stream(&[&json!({"error": "runner"}).to_string()]),
            true,
        ),
        ("nothing", Reply::saying(&[]), false),
        ("blank", Reply::saying(&["\n", " "]), false),
        (
            "thoughts only",
            Reply::saying(&["<think>hm</think>"]),
            false,
        ),
        (
            "no room to speak",
            Reply::stream(&[&finish("length")]),
            false,
        ),
        (
            "HTML",
            Reply::body(200, "text/html", "<html>Log in</html>"),
            false,
        ),
        (
            "HTML as events",
            Reply::body(200, "text/event-stream", "<html>Log in</html>"),
            true,
        ),
        (
            "other JSON",
            Reply::body(200, "application/json", "[1]"),
            false,
        ),
        (
            "empty JSON",
            Reply::body(200, "application/json", "{}"),
            false,
        ),
    ] {
        let (came, _) = came_of([reply]).await;
        let error = came.result.expect_err(name);
        assert_eq!(
            (error.is_temporary(), came.said.len()),
            (temporary, 0),
            "{name}: {error}"
        );
    }
}

#[tokio::test]
async fn statuses_say_whether_to_ask_again() {
    let wait = Reply {
        headers: vec![("retry-after", "7")],
        ..Reply::error(429, &json!({"code": "rate_limit_exceeded"}))
    };
    let (came, _) = came_of([wait]).await;
    let Err(BotError::Unavailable { fault, retry_after }) = came.result else {
        panic!("{:?}", came.result);
    };
    assert_eq!(
        (fault.class, retry_after),
        (Class::Busy, Some(Duration::from_secs(7)))
    );
    assert_eq!(came.tokens, 0);
    for (reply, temporary, class) in [
        (
            Reply::error(429, &json!({"code": "insufficient_quota"})),
            false,
            Class::Busy,
        ),
        (
            Reply::error(401, &json!({"code": "invalid_api_key"})),
            false,
            Class::Refused,
        ),
        (
            Reply::body(403, "text/html", "<html>"),
            false,
            Class::Refused,
        ),
        (
            Reply::error(404, &json!("model not found")),
            false,
            Class::Setup,
        ),
        (
            Reply::body(500, "text/plain", "x".repeat(1_000_000)),
            true,
            Class::Error,
        ),
        (Reply::body(503, "application/json", ""), true, Class::Busy),
        (
            Reply {
                headers: vec![("location", "https://evil.test/")],
                ..Reply::body(302, "text/html", "")
            },
            false,
            Class::Setup,
        ),
    ] {
        let (came, asked) = came_of([reply]).await;
        let error = came.result.expect_err("is refused");
        assert_eq!(
            (error.is_temporary(), error.class()),
            (temporary, class),
            "{error}"
        );
        assert_eq!(asked.len(), 1);
    }
}

#[tokio::test]
async fn nobody_there_is_temporary() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let came = say(
        &bot(&format!("http://{address}/v1"), ""),
        turn(TurnKind::text("Hi")),
    )
    .await;
    let error = came.result.expect_err("nobody is there");
    assert_eq!(
        (error.is_temporary(), error.class(), came.tokens),
        (true, Class::Unreachable, 0)
    );
}

#[tokio::test]
async fn an_answer_that_was_cut_by_its_limit_is_marked() {
    for reason in ["length", "model_length"] {
        let (came, _) = came_of([Reply::stream(&[&content("Once upon"), &finish(reason)])]).await;
        assert_eq!((came.result, came.said), (Ok(()), marked("Once upon …")));
    }
}

#[tokio::test]
async fn an_endless_answer_ends_where_there_is_no_room_and_is_hung_up_on() {
    let (gone, was_gone) = oneshot::channel();
    let long = content(&"word ".repeat(1000));
    let reply = Reply {
        then: Then::Hang(gone),
        ..Reply::stream(&[&long, &long, &long, &long, &long, &long])
    };
    let (came, _) = came_of([reply]).await;
    assert_eq!(came.result, Ok(()));
    let (text, is_marked) = &came.said[0];
    assert!(text.ends_with(" …") && *is_marked && text.len() < MAX_ANSWER_BYTES);
    was_gone.await.expect("the server sees that we hung up");
    assert!(came.tokens > 7000, "{}", came.tokens);
}

#[tokio::test]
async fn who_stops_hangs_up_and_what_was_used_is_counted() {
    let (gone, was_gone) = oneshot::channel();
    let reply = Reply {
        then: Then::Hang(gone),
        ..Reply::stream(&[&content("Hello")])
    };
    let (_, address) = Played::start([reply]).await;
    let bot = bot(&address, "");
    let mut answers = Answers::new();
    let mut progress = answers.progress();
    tokio::select! {
        ended = bot.answer(turn(TurnKind::text("Hi")), &mut answers) => panic!("{ended:?}"),
        streamed = progress.changed() => streamed.unwrap(),
    }
    was_gone.await.expect("the server sees that we hung up");
    assert!(
        (20..200).contains(&answers.effects().tokens),
        "{:?}",
        answers.effects()
    );
    assert_eq!(answers.broken_off().len(), 1);
}

#[tokio::test]
async fn a_server_that_keeps_the_line_open_behind_its_end_is_not_waited_for() {
    let (gone, was_gone) = oneshot::channel();
    let reply = Reply {
        then: Then::Hang(gone),
        ..Reply::stream(&[&content("Hi"), &finish("stop")])
    };
    let (came, _) = came_of([reply]).await;
    assert_eq!((came.result, came.said), (Ok(()), whole("Hi")));
    was_gone.await.expect("the server sees that we hung up");
}

#[tokio::test]
async fn a_stall_in_the_middle_ends_the_turn() {
    let (gone, was_gone) = oneshot::channel();
    let reply = Reply {
        then: Then::Hang(gone),
        ..Reply::stream(&[&content("Hel")])
    };
    let (_, address) = Played::start([reply]).await;
    let came = say(&bot(&address, "idle = \"1s\""), turn(TurnKind::text("Hi"))).await;
    let error = came.result.expect_err("is too slow");
    assert_eq!(
        (error.is_temporary(), error.class()),
        (false, Class::TooSlow)
    );
    assert_eq!(came.said, marked("Hel"));
    was_gone.await.expect("the server sees that we hung up");
}

#[tokio::test]
async fn tokens_are_the_servers_count_or_our_guess() {
    let counted = json!({"choices": [], "usage": {"prompt_tokens": 8, "completion_tokens": 1}});
    let data = [
        content("Hi"),
        finish("stop"),
        counted.to_string(),
        "[DONE]".to_owned(),
    ];
    let data: Vec<&str> = data.iter().map(String::as_str).collect();
    let (came, _) = came_of([Reply::stream(&data)]).await;
    assert_eq!(came.tokens, 9);
    let (came, asked) = came_of([Reply::saying(&["Hello"])]).await;
    let guess = asked[0].body.to_string().len() as u64 / 3;
    assert!(
        (guess..guess + 5).contains(&came.tokens),
        "{} {guess}",
        came.tokens
    );
}

fn with_history() -> Turn {
    let said = |by, text: String| PastMessage {
        by,
        text,
        at: Millis(0),
    };
    let pair = |at: usize| {
        let question = said(Speaker::Visitor, format!("q{at} {}", "x".repeat(300)));
        [question, said(Speaker::Bot, format!("a{at}"))]
    };
    Turn {
        recent: (0..4).flat_map(pair).collect(),
        ..turn(TurnKind::text("Hi"))
    }
}

fn first_question(asked: &Asked) -> &str {
    &asked.body["messages"][0]["content"].as_str().unwrap()[..2]
}

#[tokio::test]
async fn a_history_that_is_too_long_is_halved_once() {
    let too_long = || Reply::error(400, &json!({"code": "context_length_exceeded"}));
    let (played, address) =
        Played::start([too_long(), Reply::saying(&["Hi"]), too_long(), too_long()]).await;
    let bot = bot(&address, "");
    let came = say(&bot, with_history()).await;
    assert_eq!(came.said, whole("Hi"));
    let came = say(&bot, with_history()).await;
    let error = came.result.expect_err("is too long");
    assert_eq!((error.is_temporary(), error.class()), (false, Class::Setup));
    let asked = played.asked();
    let first: Vec<&str> = asked.iter().map(first_question).collect();
    assert_eq!(first, ["q0", "q2", "q0", "q2"]);
    // Without a history there is nothing to leave out.
    let (came, asked) = came_of([too_long()]).await;
    assert!(came.result.is_err());
    assert_eq!(asked.len(), 1);
}

#[tokio::test]
async fn a_history_beyond_the_budget_is_not_sent() {
    let (played, address) = Played::start([Reply::saying(&["Hi"])]).await;
    say(&bot(&address, "context_tokens = 256"), with_history())
        .await
        .result
        .unwrap();
    assert_eq!(first_question(&played.asked()[0]), "q2");
}

#[tokio::test]
async fn a_greeting_is_ours_and_a_goodbye_is_silent() {
    let greeting = "greeting = \"Hello, I am Ada.\"";
    let bot_of = |more: &str| bot("http://127.0.0.1:9/v1", more);
    let came = say(&bot_of(greeting), turn(TurnKind::Connect)).await;
    assert_eq!(came.said, whole("Hello, I am Ada."));
    for (more, kind) in [("", TurnKind::Connect), (greeting, TurnKind::Close)] {
        let came = say(&bot_of(more), turn(kind)).await;
        assert_eq!((came.result, came.said), (Ok(()), vec![]));
    }
}

#[tokio::test]
async fn what_a_model_says_is_text_and_never_a_template() {
    let template = json!({"type": "template", "payload": {"template_type": "button", "text": "x", "buttons": []}}).to_string();
    let (came, _) = came_of([Reply::saying(&[&template])]).await;
    assert_eq!(came.said, whole(&template));
}

#[tokio::test]
async fn a_check_tells_a_refused_key_from_a_server_without_a_list() {
    for (status, passes) in [
        (200, true),
        (404, true),
        (405, true),
        (401, false),
        (403, false),
        (500, false),
    ] {
        let (played, address) =
            Played::start([Reply::body(status, "application/json", "{}")]).await;
        let checked = bot(&address, "key = \"k\"").check().await;
        assert_eq!(checked.is_ok(), passes, "{status}: {checked:?}");
        let asked = &played.asked()[0];
        assert_eq!(
            (asked.path.as_str(), &asked.headers["authorization"]),
            ("/v1/models", &"Bearer k".parse().unwrap())
        );
    }
}

#[test]
fn a_file_that_is_not_there_is_told_by_its_key() {
    let table = |more: &str| {
        let text = format!(
            "[bots.st-a]\npage = \"a\"\nname = \"A\"\n[bots.st-a.openai]\nbase_url = \"http://127.0.0.1:1/v1\"\nmodel = \"m\"\n{more}"
        );
        let config = test_config(&text);
        let outbound = Outbound::new(Arc::new(SystemClock));
        OpenAi::open(config.bots["st-a"].openai.as_ref().unwrap(), &outbound).err()
    };
    for (more, key, expected) in [
        (
            "system_file = \"/no/such/prompt\"",
            "openai.system_file",
            "/no/such/prompt",
        ),
        (
            "key_file = \"/no/such/key\"",
            "openai.key_file",
            "/no/such/key",
        ),
        ("key = \"two\\nlines\"", "openai.key", "visible ASCII"),
        (
            "key = \"k\"\nkey_header = \"a b\"",
            "openai.key_header",
            "name of a header",
        ),
        ("headers = { \"a b\" = \"c\" }", "openai.headers", "a b"),
    ] {
        let Some(BotError::Setting { key: found, reason }) = table(more) else {
            panic!("{more} is taken");
        };
        assert_eq!(found, key);
        assert!(reason.contains(expected), "{reason}");
    }
    assert!(table("").is_none());
}
