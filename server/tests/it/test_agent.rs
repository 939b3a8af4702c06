//! What bots of the Bot Framework say, and how they call back.

use std::net::SocketAddr;

use axum::response::Response;
use serde_json::{Value, json};

use crate::test_app::{Reply, exchange};
use crate::test_hook::json_of;

/// What an answer to `expectReplies` holds.
pub(crate) fn replies(activities: &[Value]) -> Response {
    json_of(&json!({"activities": activities}))
}

/// A message of a bot.
pub(crate) fn says(text: &str) -> Value {
    json!({"type": "message", "text": text})
}

/// Calls back as the SDKs do: to the `serviceUrl` of an activity, which a test's server serves at another port.
pub(crate) async fn call_back(
    server: SocketAddr,
    activity: &Value,
    method: &str,
    below: &str,
    body: &Value,
) -> Reply {
    let service_url = activity["serviceUrl"].as_str().unwrap();
    let (_, path) = service_url.split_once("/api/").unwrap();
    let conversation = activity["conversation"]["id"].as_str().unwrap();
    let path = format!("/api/{path}v3/conversations/{conversation}/activities{below}");
    let headers = [("content-type", "application/json")];
    exchange(server, method, &path, &headers, &body.to_string()).await
}
