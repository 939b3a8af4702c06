//! A bot behind HTTP that answers as a test wants.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use futures_util::{Stream, StreamExt as _};
use http::{HeaderMap, StatusCode, header};
use serde_json::Value;
use server::shutdown::Shutdown;
use tokio::sync::Notify;

use crate::test_app::SOON;

/// One request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// `POST /path?query`.
    pub(crate) line: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Asked {
    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// A header's text.
    pub(crate) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.map_or("", |value| value.to_str().unwrap())
    }
}

/// The bot. Gone with its owner.
pub(crate) struct Hook {
    pub(crate) address: SocketAddr,
    heard: Arc<Heard>,
    shutdown: Shutdown,
}

#[derive(Default)]
struct Heard {
    asked: Mutex<Vec<Asked>>,
    arrived: Notify,
}

impl Hook {
    /// Answers each request by this.
    pub(crate) fn start(answer: impl Fn(&Asked) -> Response + Send + Sync + 'static) -> Self {
        Self::doing(move |asked| std::future::ready(answer(&asked)))
    }

    /// The same for a bot that does something else before it answers.
    pub(crate) fn doing<F>(answer: impl Fn(Asked) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Response> + Send + 'static,
    {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let heard = Arc::new(Heard::default());
        let shutdown = Shutdown::new();
        let (recorded, answer) = (Arc::clone(&heard), Arc::new(answer));
        let app = axum::Router::new().fallback(move |request: Request| {
            let (recorded, answer) = (Arc::clone(&recorded), Arc::clone(&answer));
            async move {
                let (parts, body) = request.into_parts();
                let asked = Asked {
                    line: format!("{} {}", parts.method, parts.uri),
                    headers: parts.headers,
                    body: to_bytes(body, 10_000_000).await.unwrap(),
                };
                recorded.asked.lock().unwrap().push(asked.clone());
                recorded.arrived.notify_waiters();
                answer(asked).await
            }
        });
        let listener = tokio::net::TcpListener::from_std(listener).unwrap();
        let ending = shutdown.clone();
        shutdown.spawn("hook", async move {
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
                let arrived = self.heard.arrived.notified();
                if let Some(asked) = self.asked().into_iter().rev().find(&likes) {
                    return asked;
                }
                arrived.await;
            }
        };
        tokio::time::timeout(SOON, waiting)
            .await
            .expect("a request")
    }

    /// Waits until there were so many; gives the last of them.
    pub(crate) async fn asked_times(&self, times: usize) -> Asked {
        let waiting = async {
            loop {
                let arrived = self.heard.arrived.notified();
                if let Some(asked) = self.asked().get(times - 1) {
                    return asked.clone();
                }
                arrived.await;
            }
        };
        tokio::time::timeout(SOON, waiting)
            .await
            .expect("a request")
    }
}

impl Drop for Hook {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

/// A whole answer.
pub(crate) fn whole(kind: &str, body: impl Into<Body>) -> Response {
    ([(header::CONTENT_TYPE, kind)], body.into()).into_response()
}

/// An answer as JSON.
pub(crate) fn json_of(body: &Value) -> Response {
    whole("application/json", body.to_string())
}

/// A bare status.
pub(crate) fn status(code: u16) -> Response {
    StatusCode::from_u16(code).unwrap().into_response()
}

/// An answer that comes in these pieces. It breaks off behind them when `whole` is false.
pub(crate) fn pieces(kind: &str, pieces: &[&str], whole: bool) -> Response {
    let pieces: Vec<_> = pieces
        .iter()
        .map(|piece| Ok(Bytes::from((*piece).to_owned())))
        .collect();
    let broken = (!whole).then(|| Err(std::io::Error::other("on purpose")));
    let all = futures_util::stream::iter(pieces.into_iter().chain(broken));
    // Each by itself, as a bot writes them.
    let all = all.then(|piece| async {
        tokio::task::yield_now().await;
        piece
    });
    ([(header::CONTENT_TYPE, kind)], Body::from_stream(all)).into_response()
}

/// An answer that goes on for ever.
pub(crate) fn endless(kind: &str, pieces: impl Stream<Item = Bytes> + Send + 'static) -> Response {
    let body = Body::from_stream(pieces.map(Ok::<_, Infallible>));
    ([(header::CONTENT_TYPE, kind)], body).into_response()
}
