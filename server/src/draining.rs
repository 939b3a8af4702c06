//! A node that is going to end asks proxies to use their other connections, or other nodes.
//!
//! In the path: around the router. Whoever keeps a connection open would otherwise send a request over it at the moment
//! in which it is closed, and nobody knows then whether the request was taken.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderValue, StatusCode, Version, header};

use crate::state::AppState;

/// Adds `Connection: close` to answers from the first moment of the drain. HTTP/2 has a frame for it instead.
pub(crate) async fn hang_up(
    State(state): State<AppState>,
    request: Request,
    next: Next,
) -> Response {
    let keeps_open = request.version() == Version::HTTP_11;
    let mut response = next.run(request).await;
    let ends = state.readiness.is_draining() || state.shutdown.is_cancelled();
    if keeps_open && ends && response.status() != StatusCode::SWITCHING_PROTOCOLS {
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(header::CONNECTION, close);
    }
    response
}
