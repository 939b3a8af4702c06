//! A bot behind HTTP that speaks in activities, and may call back before it answers.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use axum::body::to_bytes;
use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, StatusCode, header};
use serde_json::{Value, json};
use server::shutdown::Shutdown;
use tokio::net::TcpListener;
use tokio::sync::Notify;

use crate::test_app::{Reply, SOON, exchange};

type Answering = Pin<Box<dyn Future<Output = Response> + Send>>;

/// One request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// `POST /path?query`.
    pub(crate) line: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Asked {
    /// The body as JSON; null when it is none.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }

    /// A header's text.
    pub(crate) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.map_or("", |value| value.to_str().unwrap())
    }
}

/// The bot. Gone with its owner.
pub(crate) struct Agent {
    pub(crate) address: SocketAddr,
    heard: Arc<Heard>,
    shutdown: Shutdown,
}

#[derive(Default)]
struct Heard {
    asked: Mutex<Vec<Asked>>,
    news: Notify,
}

impl Agent {
    /// Answers each request by this.
    pub(crate) fn start<F>(answer: impl Fn(Asked) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Response> + Send + 'static,
    {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let heard = Arc::new(Heard::default());
        let ears = Arc::clone(&heard);
        let answer = Arc::new(move |asked| Box::pin(answer(asked)) as Answering);
        let app = axum::Router::new().fallback(move |request: Request| {
            let (ears, answer) = (Arc::clone(&ears), Arc::clone(&answer));
            async move {
                let (head, body) = request.into_parts();
                let body = to_bytes(body, 10_000_000).await.unwrap();
                let asked = Asked {
                    line: format!("{} {}", head.method, head.uri),
                    headers: head.headers,
                    body: String::from_utf8(body.to_vec()).unwrap(),
                };
                ears.asked.lock().unwrap().push(asked.clone());
                ears.news.notify_waiters();
                answer(asked).await
            }
        });
        let shutdown = Shutdown::new();
        let ending = shutdown.clone();
        let listener = TcpListener::from_std(listener).unwrap();
        shutdown.spawn("agent", async move {
            tokio::select! {
                served = axum::serve(listener, app).into_future() => served.unwrap(),
                () = ending.cancelled() => {}
            }
        });
        Self {
            address,
            heard,
            shutdown,
        }
    }

    /// All requests so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.heard.asked.lock().unwrap().clone()
    }

    /// Waits for a request that this likes; gives the newest.
    pub(crate) async fn asked_for(&self, likes: impl Fn(&Asked) -> bool) -> Asked {
        let waiting = async {
            loop {
                let news = self.heard.news.notified();
                if let Some(asked) = self.asked().into_iter().rev().find(|asked| likes(asked)) {
                    return asked;
                }
                news.await;
            }
        };
        tokio::time::timeout(SOON, waiting)
            .await
            .expect("a request")
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

/// An answer as JSON.
pub(crate) fn json_of(body: &Value) -> Response {
    (
        [(header::CONTENT_TYPE, "application/json")],
        body.to_string(),
    )
        .into_response()
}

/// A bare status.
pub(crate) fn status(code: u16) -> Response {
    StatusCode::from_u16(code).unwrap().into_response()
}

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
