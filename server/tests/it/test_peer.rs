//! Somebody whom the server calls: notes each call and answers as it is told.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, Method, Uri};
use serde_json::Value;
use server::shutdown::Shutdown;
use tokio::sync::mpsc;

use crate::test_app::SOON;

/// One call.
#[derive(Debug)]
pub(crate) struct Heard {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) bytes: Bytes,
}

impl Heard {
    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap()
    }

    /// A header's text.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }
}

/// A status, a content type and a body.
pub(crate) type Told = (u16, &'static str, Vec<u8>);

/// A server on a port of its own.
pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    heard: mpsc::Receiver<Heard>,
    told: Arc<Mutex<Script>>,
    shutdown: Shutdown,
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

struct Script {
    next: VecDeque<Told>,
    always: Told,
    heard: mpsc::Sender<Heard>,
}

impl Peer {
    /// Answers every call with `200 {}` until it is told otherwise.
    pub(crate) async fn start() -> Self {
        let (sender, heard) = mpsc::channel(1_000);
        let told = Arc::new(Mutex::new(Script {
            next: VecDeque::new(),
            always: (200, "application/json", b"{}".to_vec()),
            heard: sender,
        }));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = axum::Router::new()
            .fallback(hear)
            .with_state(Arc::clone(&told));
        let shutdown = Shutdown::new();
        let ending = shutdown.clone();
        shutdown.spawn("peer", async move {
            let serving = axum::serve(listener, router);
            let _ = serving
                .with_graceful_shutdown(async move { ending.cancelled().await })
                .await;
        });
        Self {
            address,
            heard,
            told,
            shutdown,
        }
    }

    /// Answers the next call like this; several are answered in their order.
    pub(crate) fn tells(&self, status: u16, body: &Value) {
        let told = (status, "application/json", body.to_string().into_bytes());
        self.told.lock().unwrap().next.push_back(told);
    }

    /// Answers every call like this that is not answered otherwise.
    pub(crate) fn always_tells(&self, status: u16, kind: &'static str, body: &[u8]) {
        self.told.lock().unwrap().always = (status, kind, body.to_vec());
    }

    /// The next call.
    pub(crate) async fn heard(&mut self) -> Heard {
        let next = tokio::time::timeout(SOON, self.heard.recv()).await;
        next.expect("a call").unwrap()
    }

    /// Nobody has called since.
    pub(crate) fn heard_nothing(&mut self) {
        let more = self.heard.try_recv();
        assert!(more.is_err(), "{more:?}");
    }
}

async fn hear(
    State(script): State<Arc<Mutex<Script>>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    bytes: Bytes,
) -> Response {
    let mut script = script.lock().unwrap();
    let path = uri.path_and_query().unwrap().to_string();
    let _ = script.heard.try_send(Heard {
        method,
        path,
        headers,
        bytes,
    });
    let (status, kind, body) = script
        .next
        .pop_front()
        .unwrap_or_else(|| script.always.clone());
    let response = Response::builder()
        .status(status)
        .header("content-type", kind);
    response.body(Body::from(body)).unwrap()
}
