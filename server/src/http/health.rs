//! The probes of load balancers and service managers.
//!
//! Invariant: alive means only that the process answers. Ready means that it should get work.

use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use axum::response::IntoResponse;
use http::{StatusCode, header};

use crate::error::OwnWords;
use crate::state::AppState;

/// If the store does not answer in this time, the server is not ready.
const STORE_PATIENCE: Duration = Duration::from_secs(2);

type Answer = (
    StatusCode,
    [(header::HeaderName, &'static str); 1],
    Extension<OwnWords>,
    &'static str,
);

fn answer(status: StatusCode, text: &'static str) -> Answer {
    let no_store = [(header::CACHE_CONTROL, "no-store")];
    (status, no_store, Extension(OwnWords), text)
}

/// `GET /livez`: the process answers, and says how many times a handler, a socket or a bot has panicked.
pub async fn live(State(state): State<AppState>) -> impl IntoResponse {
    let text = match state.shutdown.panics() {
        0 => "alive\n".to_owned(),
        panics => format!("alive; {panics} panics since the start, see the log\n"),
    };
    ([(header::CACHE_CONTROL, "no-store")], text)
}

/// `GET /readyz`: the store works, its disk has room, and the server is not shutting down.
pub async fn ready(State(state): State<AppState>) -> Answer {
    if state.readiness.is_draining() || state.shutdown.is_cancelled() {
        return answer(StatusCode::SERVICE_UNAVAILABLE, "ending\n");
    }
    if state.rtm.room.is_short() {
        return answer(
            StatusCode::SERVICE_UNAVAILABLE,
            "the disk is nearly full: new messages are turned away\n",
        );
    }
    match tokio::time::timeout(STORE_PATIENCE, state.store.health()).await {
        // Still ready: everything works, a little late, and the other nodes miss the bus as well.
        Ok(Ok(())) if state.bus.is_degraded() => answer(
            StatusCode::OK,
            "ready, but degraded: the bus is away, messages of other nodes come some seconds late\n",
        ),
        Ok(Ok(())) => answer(StatusCode::OK, "ready\n"),
        Ok(Err(error)) => {
            tracing::warn!(%error, "not ready: the store");
            answer(StatusCode::SERVICE_UNAVAILABLE, "the store does not work\n")
        }
        Err(_) => answer(
            StatusCode::SERVICE_UNAVAILABLE,
            "the store does not answer\n",
        ),
    }
}
