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
    match readiness(&state).await {
        Ok(text) => answer(StatusCode::OK, text),
        Err(text) => answer(StatusCode::SERVICE_UNAVAILABLE, text),
    }
}

/// Whether the server should get work: an error says why not.
pub(super) async fn readiness(state: &AppState) -> Result<&'static str, &'static str> {
    if state.readiness.is_draining() || state.shutdown.is_cancelled() {
        return Err("ending\n");
    }
    if state.rtm.room.is_short() {
        return Err("the disk is nearly full: new messages are turned away\n");
    }
    match tokio::time::timeout(STORE_PATIENCE, state.store.health()).await {
        // Still ready: everything works, a little late, and the other nodes miss the bus as well.
        Ok(Ok(())) if state.bus.is_degraded() => Ok(
            "ready, but degraded: the bus is away, messages of other nodes come some seconds late\n",
        ),
        Ok(Ok(())) => Ok("ready\n"),
        Ok(Err(error)) => {
            tracing::warn!(%error, "not ready: the store");
            Err("the store does not work\n")
        }
        Err(_) => Err("the store does not answer\n"),
    }
}
