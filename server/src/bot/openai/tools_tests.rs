//! A model that calls tools: both sides are played by the test.

use serde_json::{Value, json};

use super::tests::{Came, bot, say};
use super::*;
use crate::bot::played::{Asked, Played, Reply, finish};
use crate::bot::tests::turn;

/// The shop's tools: one reads, one writes.
async fn shop(replies: impl IntoIterator<Item = Reply>) -> (Played, String) {
    let rpc = |result: Value| {
        let message = json!({"jsonrpc": "2.0", "id": 1, "result": result});
        Reply::body(200, "application/json", message.to_string())
    };
    let tools = json!({"tools": [
        {"name": "search_orders", "title": "Orders", "inputSchema": {"type": "object", "properties": {"q": {"type": "string"}}}},
        {"name": "cancel_order", "description": "Cancels."},
    ]});
    let opening = [rpc(json!({})), rpc(tools)];
    let (played, address) = Played::start(opening.into_iter().chain(replies)).await;
    let more = format!(
        "[bots.st-a.openai.mcp.shop]\nurl = \"{address}\"\nallow = [\"search_orders\"]\nwrites = [\"cancel_order\"]\ntitles = {{ cancel_order = \"Cancel order\" }}"
    );
    (played, more)
}

fn found(text: &str) -> Reply {
    let result = json!({"content": [{"type": "text", "text": text}]});
    let message = json!({"jsonrpc": "2.0", "id": 1, "result": result});
    Reply::body(200, "application/json", message.to_string())
}

/// A model's call, in two pieces.
fn calling(name: &str, arguments: &Value) -> Reply {
    let delta = |call: Value| {
        json!({"choices": [{"index": 0, "delta": {"tool_calls": [call]}, "finish_reason": null}]})
            .to_string()
    };
    let text = arguments.to_string();
    let (one, two) = text.split_at(text.len() / 2);
    Reply::stream(&[
        &delta(
            json!({"index": 0, "id": "call_1", "type": "function", "function": {"name": name, "arguments": one}}),
        ),
        &delta(json!({"index": 0, "function": {"arguments": two}})),
        &finish("tool_calls"),
        "[DONE]",
    ])
}

fn text(came: &Came) -> Vec<&str> {
    came.said.iter().map(|(text, _)| text.as_str()).collect()
}

fn last(asked: &[Asked]) -> &Value {
    let messages = asked.last().unwrap().body["messages"].as_array().unwrap();
    messages.last().unwrap()
}

fn calls_of(shop: &Played) -> usize {
    let is_call = |asked: &&Asked| asked.body["method"] == "tools/call";
    shop.asked().iter().filter(is_call).count()
}

#[tokio::test]
async fn a_tool_that_reads_is_called_and_its_result_goes_back() {
    let (shop, more) = shop([found("17 is on its way")]).await;
    let (model, address) = Played::start([
        calling("search_orders", &json!({"q": "parcel"})),
        Reply::saying(&["It is on its way."]),
    ])
    .await;
    let bot = bot(&address, &more);
    let mut answers = Answers::new();
    let progress = answers.progress();
    let watching = async {
        let mut progress = progress;
        loop {
            progress.changed().await.unwrap();
            if let Some(doing) = progress.borrow_and_update().doing.clone() {
                return doing;
            }
        }
    };
    let german = Turn {
        language: Some("de-AT".to_owned()),
        ..turn(TurnKind::text("Where is my parcel?"))
    };
    let (answered, doing) = tokio::join!(bot.answer(german, &mut answers), watching);
    answered.unwrap();
    assert_eq!(doing, "Schlägt nach: Orders …");
    let asked = model.asked();
    let offered = &asked[0].body["tools"];
    assert_eq!(
        offered[0]["function"]["parameters"]["properties"]["q"]["type"],
        "string"
    );
    assert_eq!(offered[1]["function"]["name"], "cancel_order");
    let messages = &asked[1].body["messages"];
    assert_eq!(
        messages[1],
        json!({"role": "assistant", "content": "", "tool_calls": [
            {"id": "call_1", "type": "function", "function": {"name": "search_orders", "arguments": "{\"q\":\"parcel\"}"}},
        ]})
    );
    assert_eq!(
        messages[2],
        json!({"role": "tool", "tool_call_id": "call_1", "content": "17 is on its way"})
    );
    let call = &shop.asked()[2].body["params"];
    assert_eq!(call["arguments"], json!({"q": "parcel"}));
    assert!(answers.effects().state.is_none());
}

#[tokio::test]
async fn what_goes_wrong_with_a_tool_is_told_to_the_model() {
    let rpc_error =
        json!({"jsonrpc": "2.0", "id": 1, "error": {"code": -32602, "message": "q is missing"}});
    let failed = json!({"jsonrpc": "2.0", "id": 1, "result": {"isError": true, "content": [{"type": "text", "text": "no such order"}]}});
    for (name, arguments, reply, expected) in [
        (
            "search_orders",
            json!({}),
            Some(Reply::body(200, "application/json", rpc_error.to_string())),
            "Error: The tool refused: q is missing",
        ),
        (
            "search_orders",
            json!({}),
            Some(Reply::body(200, "application/json", failed.to_string())),
            "Error: no such order",
        ),
        (
            "search_orders",
            json!({}),
            Some(Reply::body(500, "text/plain", "secret")),
            "Error: The tool did not answer. Try to do without it.",
        ),
        (
            "search_orders",
            json!([1]),
            None,
            "Error: The arguments are no JSON object.",
        ),
        (
            "drop_database",
            json!({}),
            None,
            "Error: There is no tool of this name.",
        ),
        (
            "cancel_order",
            json!({"why": "x".repeat(700)}),
            None,
            "Error: The arguments are too long to be shown to the visitor, who has to agree. Use fewer words.",
        ),
    ] {
        let (_, more) = shop(reply).await;
        let (model, address) =
            Played::start([calling(name, &arguments), Reply::saying(&["Sorry."])]).await;
        let came = say(&bot(&address, &more), turn(TurnKind::text("Hi"))).await;
        assert_eq!((text(&came), came.result.clone()), (vec!["Sorry."], Ok(())));
        assert_eq!(last(&model.asked())["content"], expected);
    }
}

#[tokio::test]
async fn without_its_server_of_tools_a_bot_answers_all_the_same() {
    let more = "[bots.st-a.openai.mcp.shop]\nurl = \"http://127.0.0.1:9/mcp\"\nallow = [\"x\"]";
    let (model, address) = Played::start([Reply::saying(&["Hi"])]).await;
    let came = say(&bot(&address, more), turn(TurnKind::text("Hi"))).await;
    assert_eq!(text(&came), ["Hi"]);
    assert_eq!(model.asked()[0].body.get("tools"), None);
}

#[tokio::test]
async fn rounds_of_calls_come_to_an_end() {
    let call = || calling("search_orders", &json!({}));
    let (shop, more) = shop((0..MAX_ROUNDS).map(|_| found("nothing"))).await;
    let rounds = (0..MAX_ROUNDS).map(|_| call());
    let (model, address) = Played::start(rounds.chain([Reply::saying(&["I give up."])])).await;
    let came = say(&bot(&address, &more), turn(TurnKind::text("Hi"))).await;
    assert_eq!(text(&came), ["I give up."]);
    assert_eq!(calls_of(&shop), MAX_ROUNDS);
    let asked = model.asked();
    assert_eq!(asked.len(), MAX_ROUNDS + 1);
    assert_eq!(asked[MAX_ROUNDS].body["tool_choice"], "none");
    assert_eq!(asked[0].body.get("tool_choice"), None);
    // One that calls all the same has not answered.
    let (_, more) = self::shop((0..MAX_ROUNDS).map(|_| found("nothing"))).await;
    let (_, address) = Played::start((0..=MAX_ROUNDS).map(|_| call())).await;
    let came = say(&bot(&address, &more), turn(TurnKind::text("Hi"))).await;
    assert!(came.result.is_err());
}

/// The question before a call that writes: the bot, what it asked, and both sides.
async fn asked_first(
    shop_replies: impl IntoIterator<Item = Reply>,
    model_replies: impl IntoIterator<Item = Reply>,
) -> (OpenAi, Came, Played, Played) {
    let (shop, more) = shop(shop_replies).await;
    let first = calling("cancel_order", &json!({"number": 17}));
    let (model, address) = Played::start([first].into_iter().chain(model_replies)).await;
    let bot = bot(&address, &more);
    let came = say(&bot, turn(TurnKind::text("Cancel order 17"))).await;
    (bot, came, shop, model)
}

fn next_turn(came: &Came, body: &str) -> Turn {
    Turn {
        state: came.state.clone(),
        idempotence_key: "tn-2".to_owned(),
        ..turn(TurnKind::text(body))
    }
}

/// What the buttons send: yes and no.
fn buttons(came: &Came) -> (String, String) {
    let body: Value = serde_json::from_str(came.bodies.last().unwrap()).unwrap();
    let payload = &body["component"]["payload"]["payload"];
    assert_eq!(payload["template_type"], "button");
    let of = |at: usize| {
        payload["buttons"][at]["payload"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    (of(0), of(1))
}

#[tokio::test]
async fn a_tool_that_writes_runs_when_its_button_is_pressed_and_the_transcript_says_so() {
    let (bot, came, shop, model) =
        asked_first([found("cancelled")], [Reply::saying(&["It is cancelled."])]).await;
    assert_eq!(
        text(&came),
        ["May I do this for you? Cancel order (number: 17)"]
    );
    assert_eq!(calls_of(&shop), 0);
    let (yes, _) = buttons(&came);
    let after = say(&bot, next_turn(&came, &yes)).await;
    assert_eq!(
        text(&after),
        ["Done: Cancel order (number: 17)", "It is cancelled."]
    );
    assert_eq!(after.state.as_deref(), Some(""), "asked once");
    assert_eq!(calls_of(&shop), 1);
    let call = &shop.asked()[2].body["params"];
    assert_eq!(
        (
            &call["arguments"],
            &call["_meta"]["parlour/idempotence-key"]
        ),
        (&json!({"number": 17}), &json!("tn-2"))
    );
    assert_eq!(last(&model.asked())["content"], "cancelled");
}

#[tokio::test]
async fn whatever_else_the_visitor_says_drops_the_call_and_the_model_hears_it() {
    for (press_no, said, expected) in [
        (true, "", "The visitor has said no to it."),
        (false, "yes", "but said something else"),
        (
            false,
            "yes:0123456789abcdef01234567",
            "but said something else",
        ),
    ] {
        let (bot, came, shop, model) = asked_first([], [Reply::saying(&["All right."])]).await;
        let (_, no) = buttons(&came);
        let body = if press_no { no.as_str() } else { said };
        let after = say(&bot, next_turn(&came, body)).await;
        assert_eq!(text(&after), ["All right."]);
        assert_eq!((calls_of(&shop), after.state.as_deref()), (0, Some("")));
        let asked = model.asked();
        let system = asked[1].body["messages"][0]["content"].as_str().unwrap();
        assert!(
            system.contains("cancel_order({\"number\":17})") && system.contains(expected),
            "{system}"
        );
        assert!(system.contains("It was not run"), "{system}");
    }
    // Without the question there is nothing to press.
    let (bot, came, shop, _) = asked_first([], [Reply::saying(&["What?"])]).await;
    let (yes, _) = buttons(&came);
    let forgotten = Turn {
        state: None,
        ..next_turn(&came, &yes)
    };
    assert_eq!(text(&say(&bot, forgotten).await), ["What?"]);
    assert_eq!(calls_of(&shop), 0);
}

#[tokio::test]
async fn what_was_run_is_not_run_again_when_the_model_fails_after_it() {
    let (bot, came, shop, _) =
        asked_first([found("cancelled")], [Reply::body(500, "text/plain", "")]).await;
    let (yes, _) = buttons(&came);
    let after = say(&bot, next_turn(&came, &yes)).await;
    let error = after.result.clone().expect_err("the model failed");
    assert!(
        !error.is_temporary(),
        "the runner would run the turn again: {error}"
    );
    assert_eq!(text(&after), ["Done: Cancel order (number: 17)"]);
    assert_eq!(calls_of(&shop), 1);
}

#[tokio::test]
async fn a_call_that_did_not_work_is_noted_as_one() {
    let (bot, came, shop, _) = asked_first(
        [Reply::body(500, "text/plain", "")],
        [Reply::saying(&["Sorry."])],
    )
    .await;
    let (yes, _) = buttons(&came);
    let after = say(&bot, next_turn(&came, &yes)).await;
    assert_eq!(
        text(&after),
        ["That did not work: Cancel order (number: 17)", "Sorry."]
    );
    assert_eq!(calls_of(&shop), 1);
}
