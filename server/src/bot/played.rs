//! A server for tests: it gives replies in order, and notes what it was asked.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::response::Response;
use futures_util::{StreamExt as _, stream};
use http::{HeaderMap, StatusCode, Uri};
use serde_json::{Value, json};
use tokio::sync::oneshot;

/// What the server does with one request.
pub(in crate::bot) struct Reply {
    pub(in crate::bot) status: u16,
    pub(in crate::bot) content_type: &'static str,
    pub(in crate::bot) headers: Vec<(&'static str, &'static str)>,
    pub(in crate::bot) pieces: Vec<Bytes>,
    pub(in crate::bot) then: Then,
}

/// What the server does after the pieces.
pub(in crate::bot) enum Then {
    End,
    /// Cuts the connection.
    Break,
    /// Says nothing more, and reports when the client has closed the connection.
    Hang(oneshot::Sender<()>),
}

impl Reply {
    /// Replies with events of a stream.
    pub(in crate::bot) fn stream(data: &[&str]) -> Self {
        let pieces = data.iter().map(|data| format!("data: {data}\n\n").into());
        Self {
            status: 200,
            content_type: "text/event-stream",
            headers: Vec::new(),
            pieces: pieces.collect(),
            then: Then::End,
        }
    }

    /// Replies with these pieces, and ends.
    pub(in crate::bot) fn saying(pieces: &[&str]) -> Self {
        let mut data: Vec<String> = pieces.iter().map(|piece| content(piece)).collect();
        data.push(finish("stop"));
        data.push("[DONE]".to_owned());
        Self::stream(&data.iter().map(String::as_str).collect::<Vec<_>>())
    }

    pub(in crate::bot) fn body(
        status: u16,
        content_type: &'static str,
        body: impl Into<Bytes>,
    ) -> Self {
        Self {
            status,
            content_type,
            headers: Vec::new(),
            pieces: vec![body.into()],
            then: Then::End,
        }
    }

    pub(in crate::bot) fn error(status: u16, error: &Value) -> Self {
        Self::body(
            status,
            "application/json",
            json!({"error": error}).to_string(),
        )
    }
}

pub(in crate::bot) fn content(text: &str) -> String {
    json!({"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": null}]})
        .to_string()
}

pub(in crate::bot) fn finish(reason: &str) -> String {
    json!({"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]}).to_string()
}

/// A request that came.
#[derive(Clone)]
pub(in crate::bot) struct Asked {
    pub(in crate::bot) path: String,
    pub(in crate::bot) headers: HeaderMap,
    pub(in crate::bot) body: Value,
}

#[derive(Clone, Default)]
pub(in crate::bot) struct Played(Arc<Mutex<(VecDeque<Reply>, Vec<Asked>)>>);

impl Played {
    /// Starts a server that gives these replies, one after the other. Gives its address, too.
    pub(in crate::bot) async fn start(replies: impl IntoIterator<Item = Reply>) -> (Self, String) {
        let played = Self::default();
        played.0.lock().unwrap().0.extend(replies);
        let app = Router::new().fallback(play).with_state(played.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        #[expect(clippy::disallowed_methods, reason = "ends with the test")]
        tokio::spawn(async move { axum::serve(listener, app).await });
        (played, format!("http://{address}/v1"))
    }

    pub(in crate::bot) fn asked(&self) -> Vec<Asked> {
        self.0.lock().unwrap().1.clone()
    }
}

async fn play(State(played): State<Played>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let reply = {
        let mut inner = played.0.lock().unwrap();
        inner.1.push(Asked {
            path: uri.to_string(),
            headers,
            body: serde_json::from_slice(&body).unwrap_or_default(),
        });
        inner.0.pop_front().expect("a reply")
    };
    let pieces = stream::iter(reply.pieces.into_iter().map(Ok::<_, std::io::Error>));
    let rest = stream::once(async move {
        match reply.then {
            Then::End => Ok(Bytes::new()),
            Then::Break => {
                // What came before is sent first.
                tokio::task::yield_now().await;
                Err(std::io::Error::other("cut"))
            }
            Then::Hang(gone) => {
                let _told_when_dropped = Told(Some(gone));
                std::future::pending().await
            }
        }
    });
    let mut response = Response::builder()
        .status(StatusCode::from_u16(reply.status).unwrap())
        .header("content-type", reply.content_type);
    for (name, value) in reply.headers {
        response = response.header(name, value);
    }
    response
        .body(Body::from_stream(pieces.chain(rest)))
        .unwrap()
}

struct Told(Option<oneshot::Sender<()>>);

impl Drop for Told {
    fn drop(&mut self) {
        if let Some(gone) = self.0.take() {
            let _ = gone.send(());
        }
    }
}
