//! The scripted bot as its runner sees it, and the demo script as a visitor sees it.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use protocol::content::Content;
use protocol::reply::BotMessage;

use super::script::Script;
use super::scripted::LOOK_EVERY;
use super::{
    Answers, Bot, BotError, DEMO_SCRIPT, MAX_ANSWERS, Recent, ScriptedBot, Turn, TurnKind, Visitor,
};
use crate::records::Owner;

/// A turn of a visitor without a name.
pub(super) fn turn(kind: TurnKind) -> Turn {
    Turn {
        bot: "st-demo".to_owned(),
        app: "cs-demo".to_owned(),
        visitor: Visitor {
            id: "u-1".to_owned(),
            identity: "visitor-1".to_owned(),
            profile: None,
        },
        conversation: "cv-1".to_owned(),
        session_id: "ss-1".to_owned(),
        kind,
        idempotence_key: "tn-1".to_owned(),
        attempt: 0,
        owner: Owner::Bot,
        language: None,
        recent: Vec::new(),
        state: None,
    }
}

fn message(text: &str) -> TurnKind {
    TurnKind::text(text)
}

async fn ask(bot: &dyn Bot, kind: TurnKind) -> Vec<Content> {
    let mut answers = Answers::new();
    bot.answer(turn(kind), &mut answers).await.expect("answers");
    let read = |body: String| {
        let message: BotMessage = serde_json::from_str(&body).expect("a bot message");
        Content::of_bot_message(&message)
    };
    answers.into_bodies().into_iter().map(read).collect()
}

async fn text(bot: &dyn Bot, heard: &str) -> String {
    match ask(bot, message(heard)).await.as_slice() {
        [only] => only.plain_text().to_owned(),
        other => panic!("{heard:?} got {other:?}"),
    }
}

#[tokio::test]
async fn the_demo_greets_and_offers_starters() {
    let demo = ScriptedBot::demo().expect("the script that is compiled in is good");
    let greeting = ask(&demo, TurnKind::Connect).await;
    assert_eq!(greeting.len(), 2);
    assert!(matches!(&greeting[0], Content::Text { text } if text.contains("Parlour")));
    let Content::QuickReplies { replies, .. } = &greeting[1] else {
        panic!("no starters: {:?}", greeting[1]);
    };
    assert!(replies.len() >= 2);
    assert_eq!(ask(&demo, TurnKind::Close).await, []);
}

#[tokio::test]
async fn the_demo_makes_small_talk() {
    let demo = ScriptedBot::demo().expect("is good");
    for (heard, said) in [
        ("Hello!", "Nice to meet you"),
        ("hi there", "Nice to meet you"),
        ("How are you?", "I am well"),
        ("my name is Ann Lee", "Ann Lee!"),
        ("many thanks", "welcome"),
        ("Bye.", "Goodbye"),
        ("who are you", "I am a bot"),
        ("tell me a joke", "Halloween"),
        ("BAL", "1,234.56"),
        ("drink tea", "A cup of tea"),
        ("can you help me?", "templates"),
        ("templates", "carousel"),
        ("template nonsense", "I know no template"),
        ("sdfgh", "I did not understand “sdfgh”"),
        ("", "I did not understand"),
    ] {
        let answer = text(&demo, heard).await;
        assert!(answer.contains(said), "{heard:?} got {answer:?}");
    }
}

/// Its time flies: a streamed text pauses after each word.
#[tokio::test(start_paused = true)]
async fn the_demo_shows_what_a_chat_can_hold() {
    let demo = ScriptedBot::demo().expect("is good");
    let buttons = ask(&demo, message("buttons")).await;
    assert!(matches!(&buttons[..], [Content::Buttons { buttons, .. }] if buttons.len() == 3));
    let replies = ask(&demo, message("quick replies")).await;
    assert!(matches!(&replies[..], [Content::QuickReplies { replies, .. }] if replies.len() == 3));
    let image = ask(&demo, message("image")).await;
    assert!(
        matches!(&image[..], [Content::Text { .. }, Content::Image { .. }]),
        "{image:?}"
    );
    let link = ask(&demo, message("link")).await;
    assert!(
        matches!(&link[..], [Content::Text { .. }, Content::Link { .. }]),
        "{link:?}"
    );
    assert_eq!(ask(&demo, message("several")).await.len(), 3);
    assert!(text(&demo, "stream").await.contains("**word by word**"));
    assert!(text(&demo, "long").await.len() > 500);
    assert!(text(&demo, "markup").await.contains("# A heading"));
    for template in ["carousel", "list", "table", "form", "chart"] {
        assert!(!text(&demo, template).await.is_empty(), "{template}");
    }
}

#[tokio::test]
async fn the_demo_knows_every_template_by_name() {
    let demo = ScriptedBot::demo().expect("is good");
    let names: Vec<&str> = super::examples::names().collect();
    for name in names {
        let mut answers = Answers::new();
        let kind = message(&format!("template {name}"));
        demo.answer(turn(kind), &mut answers)
            .await
            .expect("answers");
        let bodies = answers.into_bodies();
        let expected = super::examples::named(name).expect("is there");
        let found: BotMessage = serde_json::from_str(&bodies[0]).expect("a bot message");
        assert_eq!((bodies.len(), found), (1, expected), "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_script_streams_word_by_word_at_its_pace() {
    let script = "[fallback]\nsay = \"One  two\\nthree\"\nstream = 50\nimage = { url = \"https://a.test/x.png\", name = \"x\" }\n";
    let file = ScriptFile::new(script);
    let bot = ScriptedBot::open(&file.0).expect("is good");
    let mut answers = Answers::new();
    let mut progress = answers.progress();
    let seen = async {
        let mut seen = Vec::new();
        while progress.changed().await.is_ok() {
            let text = progress.borrow_and_update().answers[0].text.clone();
            seen.push(text);
            if seen.len() == 4 {
                break;
            }
        }
        seen
    };
    let began = tokio::time::Instant::now();
    let (answered, seen) = tokio::join!(bot.answer(turn(message("x")), &mut answers), seen);
    answered.expect("answers");
    assert_eq!(seen, ["One ", "One  ", "One  two\n", "One  two\nthree"]);
    assert_eq!(began.elapsed().as_millis(), 200);
    assert_eq!(answers.len(), 2, "one text, one picture");
}

#[tokio::test]
async fn every_button_of_the_demo_is_understood() {
    let demo = ScriptedBot::demo().expect("is good");
    let mut to_press = vec!["help".to_owned()];
    let mut pressed = Vec::new();
    for content in ask(&demo, TurnKind::Connect).await {
        to_press.extend(payloads(&content));
    }
    while let Some(payload) = to_press.pop() {
        if pressed.contains(&payload) {
            continue;
        }
        for content in ask(&demo, message(&payload)).await {
            assert!(
                !content.plain_text().contains("did not understand"),
                "{payload}"
            );
            to_press.extend(payloads(&content));
        }
        pressed.push(payload);
    }
    assert!(pressed.len() > 10);
}

fn payloads(content: &Content) -> Vec<String> {
    let post = |button: &protocol::content::Button| match &button.action {
        protocol::content::Action::Post { payload } => Some(payload.clone()),
        protocol::content::Action::None {} | protocol::content::Action::Open { .. } => None,
    };
    content.buttons().iter().filter_map(post).collect()
}

#[tokio::test]
async fn a_visitors_words_come_back_bounded_and_stand_for_nothing() {
    let demo = ScriptedBot::demo().expect("is good");
    let answer = text(&demo, "{templates} {rest} {text}").await;
    assert!(answer.contains("“{templates} {rest} {text}”"), "{answer}");
    let answer = text(&demo, &"ä".repeat(5_000)).await;
    assert!(answer.len() < 500, "{} bytes", answer.len());
}

#[test]
fn a_mistake_is_told_with_its_line() {
    let fallback = "[fallback]\nsay = \"?\"\n";
    for (script, line, reason) in [
        (
            "[[rule]]\nwhen = [\"a\"]\nsya = \"b\"\n",
            3,
            "unknown field",
        ),
        (
            "[[rule]]\nwhen = [\"a\",\n \"*b\"]\nsay = \"c\"\n",
            3,
            "in front only",
        ),
        ("\n[[rule]]\nsay = \"c\"\n", 2, "needs a `when`"),
        ("[[rule]]\nwhen = [\"a\"]\n", 1, "nothing to answer"),
        ("[[rule]]\nwhen = [\"a\"]\nsay = [\n", 5, "comma"),
        (
            "[[greeting]]\nwhen = [\"a\"]\nsay = \"b\"\n",
            1,
            "only a [[rule]]",
        ),
        ("[[greeting]]\nsay = \"\"\n", 1, "`say` is empty"),
        (
            "[[greeting]]\nbuttons = [{ title = \"a\" }]\n",
            1,
            "need a `say`",
        ),
        ("[[greeting]]\nexample = \"nonsense\"\n", 1, "no example"),
        (
            "[[greeting]]\ntemplate = \"{\"\ntemplate_text = \"a\"\n",
            1,
            "no JSON",
        ),
        (
            "[[greeting]]\ntemplate = { a = 1 }\ntemplate_text = \"a\"\n",
            1,
            "template_type",
        ),
        ("[[greeting]]\nsay = \"a\"\nstream = 0\n", 1, "1 to 2000"),
        (
            "[[greeting]]\nstream = 9\nexample = \"table\"\n",
            1,
            "only a `say`",
        ),
        (
            "[[greeting]]\ntemplate = { template_type = \"x\" }\n",
            1,
            "go together",
        ),
    ] {
        let text = format!("{script}{fallback}");
        let mistake = Script::parse(&text)
            .err()
            .unwrap_or_else(|| panic!("is good: {text}"));
        assert_eq!(mistake.line, line, "{text}: {}", mistake.reason);
        assert!(
            mistake.reason.contains(reason),
            "{text}: {}",
            mistake.reason
        );
    }
    assert!(Script::parse(fallback).is_ok());
}

/// A script file that is gone with the test.
struct ScriptFile(PathBuf);

impl ScriptFile {
    fn new(text: &str) -> ScriptFile {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("parlour-script-{}-{number}.toml", std::process::id());
        let file = ScriptFile(std::env::temp_dir().join(name));
        file.write(text);
        file
    }

    fn write(&self, text: &str) {
        fs::write(&self.0, text).expect("writes");
    }
}

impl Drop for ScriptFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_changed_file_is_read_again_and_a_broken_one_silences_nobody() {
    let file = ScriptFile::new("[fallback]\nsay = \"one\"\n");
    let bot = ScriptedBot::open(&file.0).expect("opens");
    assert_eq!(text(&bot, "x").await, "one");
    // Another length each time: two writes may fall into one tick of the file's clock.
    file.write("[fallback]\nsay = \"and two\"\n");
    assert_eq!(text(&bot, "x").await, "one", "nobody has looked");
    tokio::time::advance(LOOK_EVERY).await;
    assert_eq!(text(&bot, "x").await, "and two");
    file.write("[fallback]\nsay = \"three\"\nwrong = 1\n");
    tokio::time::advance(LOOK_EVERY).await;
    assert_eq!(text(&bot, "x").await, "and two");
    let Err(BotError::Script { line, path, .. }) = bot.reload() else {
        panic!("the mistake was not told");
    };
    assert_eq!((line, path), (3, file.0.display().to_string()));
    assert_eq!(text(&bot, "x").await, "and two");
    fs::remove_file(&file.0).expect("removes");
    tokio::time::advance(LOOK_EVERY).await;
    assert_eq!(text(&bot, "x").await, "and two");
    assert!(matches!(bot.reload(), Err(BotError::Unreadable { .. })));
    file.write("[fallback]\nsay = \"number four\"\n");
    assert_eq!(bot.reload(), Ok(()));
    assert_eq!(text(&bot, "x").await, "number four");
}

#[test]
fn a_script_that_is_broken_from_the_start_is_refused() {
    let file = ScriptFile::new("say what?");
    let error = ScriptedBot::open(&file.0).err().expect("is refused");
    assert!(
        matches!(&error, BotError::Script { line: 1, .. }),
        "{error}"
    );
    assert!(!error.is_temporary());
    let missing = ScriptedBot::open(&file.0.with_extension("missing")).err();
    assert!(matches!(missing, Some(BotError::Unreadable { .. })));
    assert!(Script::parse(DEMO_SCRIPT).is_ok());
    let speechless = ScriptFile::new("[[rule]]\nwhen = [\"a\"]\nsay = \"b\"\n");
    let error = ScriptedBot::open(&speechless.0).err().expect("is refused");
    assert!(error.to_string().contains("[fallback]"), "{error}");
}

/// Says who it is.
struct Behind;

#[async_trait::async_trait]
impl Bot for Behind {
    async fn answer(&self, turn: Turn, answers: &mut Answers) -> Result<(), BotError> {
        let said = match turn.kind {
            TurnKind::Connect => "behind: hello".to_owned(),
            TurnKind::Message { body, .. } => format!("behind: {body}"),
            TurnKind::Close => return Ok(()),
        };
        answers.push(&BotMessage::text(said))
    }

    fn recent(&self) -> Recent {
        Recent {
            messages: 7,
            bytes: 70,
        }
    }
}

#[tokio::test]
async fn what_a_script_has_no_rule_for_goes_to_the_bot_behind_it() {
    let rules = "[[rule]]\nwhen = [\"hours\"]\nsay = \"Nine to five\"\n";
    let file = ScriptFile::new(rules);
    let bot = ScriptedBot::open_before(&file.0, Some(Arc::new(Behind))).expect("opens");
    assert_eq!(text(&bot, "Hours?").await, "Nine to five");
    assert_eq!(text(&bot, "Weather?").await, "behind: Weather?");
    assert_eq!(bot.recent().messages, 7);
    let welcome = |said: Vec<Content>| said[0].plain_text().to_owned();
    assert_eq!(welcome(ask(&bot, TurnKind::Connect).await), "behind: hello");
    file.write(&format!("[[greeting]]\nsay = \"Hi\"\n{rules}"));
    assert_eq!(bot.reload(), Ok(()));
    assert_eq!(welcome(ask(&bot, TurnKind::Connect).await), "Hi");
}

#[tokio::test]
async fn a_script_knows_at_once_what_it_would_answer() {
    let script = "[[greeting]]\nsay = \"Hi\"\n[[rule]]\nwhen = [\"slowly\"]\nsay = \"One two\"\nstream = 50\n\
                  [fallback]\nsay = \"echo {text}\"\n";
    let file = ScriptFile::new(script);
    let bot = ScriptedBot::open(&file.0).expect("opens");
    let bodies = |answers: Option<Answers>| answers.map(Answers::into_bodies);
    let mut asked = Answers::new();
    let answered = bot.answer(turn(message("x")), &mut asked).await;
    answered.expect("answers");
    assert_eq!(bodies(bot.at_once("x")), bodies(Some(asked)));
    assert_eq!(bodies(bot.greets_at_once()).map(|it| it.len()), Some(1));
    assert!(bot.at_once("slowly").is_none(), "it takes its time");
    // The turns of the bot behind a script are counted.
    let before = ScriptedBot::open_before(&file.0, Some(Arc::new(Behind))).expect("opens");
    assert!(before.at_once("x").is_none() && before.greets_at_once().is_none());
}

#[tokio::test]
async fn a_bot_that_says_too_much_fails_its_turn() {
    let mut answers = Answers::new();
    for _ in 0..MAX_ANSWERS {
        answers.push(&BotMessage::text("x")).expect("fits");
    }
    assert_eq!(answers.push(&BotMessage::text("x")), Err(BotError::TooMany));
    assert_eq!(answers.len(), MAX_ANSWERS);
    let mut answers = Answers::new();
    let big = BotMessage::text("x".repeat(super::MAX_ANSWER_BYTES));
    assert_eq!(answers.push(&big), Err(BotError::TooBig));
    assert!(answers.is_empty());
}
