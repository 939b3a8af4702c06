//! The client against a server that is played by the test.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio::sync::oneshot;
use url::Url;

use super::*;
use crate::bot::Class;
use crate::bot::played::{Asked, Played, Reply, Then};
use crate::clock::SystemClock;
use crate::outbound::{Address, Outbound};

fn server(address: &str) -> McpServer {
    crate::signing::install_crypto();
    let outbound = Outbound::new(Arc::new(SystemClock));
    let address = Address::configured(Url::parse(address).unwrap()).unwrap();
    let key = (http::header::AUTHORIZATION, "Bearer k".parse().unwrap());
    let known = ["search_orders", "cancel_order"].map(str::to_owned).into();
    McpServer::new(outbound, address, vec![key], Duration::from_secs(10), known)
}

fn result(result: &Value) -> Reply {
    let message = json!({"jsonrpc": "2.0", "id": 1, "result": result});
    Reply::body(200, "application/json", message.to_string())
}

fn error(status: u16, code: i64, words: &str) -> Reply {
    let message = json!({"jsonrpc": "2.0", "id": null, "error": {"code": code, "message": words}});
    Reply::body(status, "application/json", message.to_string())
}

fn session(id: &'static str, version: &str) -> Reply {
    Reply {
        headers: vec![("mcp-session-id", id)],
        ..result(
            &json!({"protocolVersion": version, "capabilities": {"tools": {}}, "serverInfo": {}}),
        )
    }
}

fn accepted() -> Reply {
    Reply::body(202, "text/plain", "")
}

fn list() -> Reply {
    result(
        &json!({"tools": [{"name": "search_orders"}, {"name": "drop_database"}, {"name": "cancel_order"}, {"no": "name"}]}),
    )
}

fn methods(asked: &[Asked]) -> Vec<&str> {
    asked
        .iter()
        .map(|it| it.body["method"].as_str().unwrap())
        .collect()
}

fn names(tools: &[Tool]) -> Vec<&str> {
    tools.iter().map(|tool| tool.name.as_str()).collect()
}

#[tokio::test]
async fn a_server_of_today_is_spoken_with_without_a_session() {
    let text = json!({"content": [{"type": "text", "text": "17 is on its way"}], "resultType": "complete"});
    let (played, address) = Played::start([
        result(&json!({"supportedVersions": ["2026-07-28"]})),
        list(),
        Reply::stream(&[
            &json!({"jsonrpc": "2.0", "method": "notifications/progress", "params": {}})
                .to_string(),
            &json!({"jsonrpc": "2.0", "id": 3, "result": text}).to_string(),
        ]),
    ])
    .await;
    let server = server(&address);
    let tools = server.tools().await.unwrap();
    assert_eq!(
        names(&tools),
        ["search_orders", "cancel_order"],
        "only what is named"
    );
    assert_eq!(server.tools().await.unwrap(), tools, "asked for once");
    let arguments = Map::from_iter([("q".to_owned(), json!("parcel"))]);
    let outcome = server
        .call("search_orders", &arguments, "tn-1")
        .await
        .unwrap();
    assert_eq!(
        (outcome.text.as_str(), outcome.failed),
        ("17 is on its way", false)
    );
    let asked = played.asked();
    assert_eq!(
        methods(&asked),
        ["server/discover", "tools/list", "tools/call"]
    );
    for request in &asked {
        assert_eq!(request.headers["mcp-protocol-version"], "2026-07-28");
        assert_eq!(
            request.headers["mcp-method"],
            request.body["method"].as_str().unwrap()
        );
        assert_eq!(request.headers["authorization"], "Bearer k");
        let meta = &request.body["params"]["_meta"];
        assert_eq!(
            meta["io.modelcontextprotocol/protocolVersion"],
            "2026-07-28"
        );
        assert!(meta["io.modelcontextprotocol/clientCapabilities"].is_object());
        assert!(!request.headers.contains_key("mcp-session-id"));
    }
    let call = &asked[2];
    assert_eq!(call.headers["mcp-name"], "search_orders");
    assert_eq!(call.body["params"]["arguments"], json!({"q": "parcel"}));
    assert_eq!(
        call.body["params"]["_meta"]["parlour/idempotence-key"],
        "tn-1"
    );
}

#[tokio::test]
async fn a_server_of_before_gets_its_handshake_and_a_new_one_when_it_forgot_us() {
    for unknown in [
        Reply::body(
            400,
            "application/json",
            "{\"error\":\"Missing mcp-session-id header\"}",
        ),
        error(400, -32_000, "Unsupported protocol version: 2026-07-28"),
        error(200, -32_601, "Method not found"),
        Reply::body(404, "text/plain", ""),
        Reply::body(406, "text/plain", ""),
    ] {
        let (played, address) = Played::start([
            unknown,
            session("s-1", "2025-03-26"),
            accepted(),
            list(),
            Reply::body(404, "application/json", "{}"),
            error(400, -32_000, "no"),
            session("s-2", "2025-06-18"),
            accepted(),
            result(&json!({"content": []})),
        ])
        .await;
        let server = server(&address);
        assert_eq!(server.tools().await.unwrap().len(), 2);
        server
            .call("cancel_order", &Map::new(), "tn-1")
            .await
            .unwrap();
        let asked = played.asked();
        let expected = [
            "server/discover",
            "initialize",
            "notifications/initialized",
            "tools/list",
            "tools/call",
            "server/discover",
            "initialize",
            "notifications/initialized",
            "tools/call",
        ];
        assert_eq!(methods(&asked), expected);
        assert_eq!(asked[1].body["params"]["protocolVersion"], "2025-11-25");
        assert!(!asked[1].headers.contains_key("mcp-protocol-version"));
        assert_eq!(asked[2].body.get("id"), None);
        for (at, id, version) in [
            (2, "s-1", "2025-03-26"),
            (4, "s-1", "2025-03-26"),
            (8, "s-2", "2025-06-18"),
        ] {
            assert_eq!(asked[at].headers["mcp-session-id"], id);
            assert_eq!(asked[at].headers["mcp-protocol-version"], version);
        }
    }
}

#[tokio::test]
async fn pages_are_read_to_the_end_and_not_for_ever() {
    let page = |name: &str| result(&json!({"tools": [{"name": name}], "nextCursor": "more"}));
    let (played, address) =
        Played::start([result(&json!({})), page("search_orders"), list()]).await;
    assert_eq!(server(&address).tools().await.unwrap().len(), 3);
    assert_eq!(played.asked()[2].body["params"]["cursor"], "more");
    let endless = std::iter::once(result(&json!({}))).chain((0..20).map(|_| page("search_orders")));
    let (played, address) = Played::start(endless).await;
    server(&address).tools().await.unwrap();
    assert_eq!(played.asked().len(), 11);
}

#[tokio::test]
async fn errors_are_told_apart_and_a_server_without_a_list_is_left_alone() {
    let (played, address) =
        Played::start([result(&json!({})), error(200, -32_602, "Unknown tool")]).await;
    let error = server(&address)
        .call("x", &Map::new(), "tn-1")
        .await
        .unwrap_err();
    let words = "Unknown tool".to_owned();
    assert_eq!(
        error,
        McpError::Reported {
            code: -32_602,
            words
        }
    );
    let said = error.into_error("tools.test:443").to_string();
    assert!(
        said.contains("-32602") && !said.contains("Unknown"),
        "{said}"
    );
    assert_eq!(played.asked().len(), 2);
    for (reply, class) in [
        (Reply::body(401, "text/plain", ""), Class::Refused),
        (Reply::body(500, "text/plain", ""), Class::Error),
        (Reply::body(200, "text/html", "<html>"), Class::Unreadable),
        (
            Reply::body(200, "application/json", "[]"),
            Class::Unreadable,
        ),
        (
            Reply::body(200, "application/json", "x".repeat(1_000_000)),
            Class::TooMuch,
        ),
        (Reply::stream(&["{}"]), Class::Unreadable),
        (
            Reply {
                then: Then::Break,
                ..Reply::stream(&["{}"])
            },
            Class::Unreadable,
        ),
    ] {
        let (played, address) = Played::start([reply]).await;
        let server = server(&address);
        let error = server.tools().await.unwrap_err().into_error("");
        assert_eq!(error.class(), class, "{error}");
        assert_eq!(server.tools().await, Ok(vec![]));
        assert_eq!(played.asked().len(), 1);
    }
}

#[tokio::test]
async fn a_call_has_its_time() {
    let (gone, was_gone) = oneshot::channel();
    let hanging = Reply {
        then: Then::Hang(gone),
        ..Reply::stream(&[])
    };
    let (_, address) = Played::start([result(&json!({})), hanging]).await;
    let mut server = server(&address);
    server.set_wait(Duration::from_secs(2));
    let error = server
        .call("x", &Map::new(), "tn-1")
        .await
        .unwrap_err()
        .into_error("");
    assert_eq!(
        (error.class(), error.is_temporary()),
        (Class::TooSlow, true)
    );
    was_gone.await.expect("the server sees that we hung up");
}

#[tokio::test]
async fn a_check_names_the_tool_that_is_not_there() {
    let only_one = result(&json!({"tools": [{"name": "search_orders"}]}));
    let (_, address) = Played::start([result(&json!({})), only_one]).await;
    let error = server(&address).check().await.unwrap_err();
    assert_eq!(error.class(), Class::Setup);
    assert!(
        error.to_string().contains("no tool `cancel_order`"),
        "{error}"
    );
    let (_, address) = Played::start([result(&json!({})), list()]).await;
    assert_eq!(server(&address).check().await, Ok(()));
}
