//! `GET /metrics` on an address of its own, for Prometheus and whatever else reads its text format.
//!
//! In the path: `cli::serve` opens the port that `server.metrics` names and gives it to [`serve`]. Each part counts for
//! itself; this is the list of what is shown. `docs/operating.md` says what to do about it.
//!
//! Invariants: the public port does not know the route. There is no password, so nothing here is about one person.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use http::header;
use prometheus_client::encoding::prometheus_text::{CONTENT_TYPE, encode};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::registry::{Metric, Registry};
use tokio::net::TcpListener;

use super::health::readiness;
use crate::bus::Traffic;
use crate::config::Config;
use crate::error::ApiError;
use crate::limits::METRICS_CONNECTIONS;
use crate::listen;
use crate::state::AppState;

/// Answers on the private port until the server shuts down.
pub async fn serve(listener: TcpListener, state: AppState) {
    let mut config = Config::clone(&state.config());
    // Whoever asks here is no visitor, so no proxy speaks for them.
    config.server.trusted_proxies.clear();
    config.server.max_connections = METRICS_CONNECTIONS;
    let shutdown = state.shutdown.clone();
    let router = Router::new().route("/metrics", get(all)).with_state(state);
    listen::serve(listener, router, Arc::new(config), shutdown).await;
}

async fn all(State(state): State<AppState>) -> Result<Response, ApiError> {
    let is_ready = readiness(&state).await.is_ok();
    let mut text = String::new();
    encode(&mut text, &registry(&state, is_ready)).map_err(anyhow::Error::from)?;
    Ok(([(header::CONTENT_TYPE, CONTENT_TYPE)], text).into_response())
}

/// Everything there is, at this moment. What each means is in the manual.
fn registry(state: &AppState, is_ready: bool) -> Registry {
    let mut all = Shown(Registry::with_prefix("parlour"));
    process(&mut all, state, is_ready);
    sockets(&mut all, state);
    bots(&mut all, state);
    store(&mut all, state);
    if let Some(traffic) = state.bus.traffic() {
        bus(&mut all, traffic, !state.bus.is_degraded());
    }
    let requests = &state.requests.0;
    all.add("http_request_seconds", "Time of requests", requests);
    all.0
}

fn process(all: &mut Shown, state: &AppState, is_ready: bool) {
    let build = Family::<_, Gauge>::default();
    let version = [("version", env!("CARGO_PKG_VERSION"))];
    build.get_or_create(&version).set(1);
    all.add("build_info", "Version", &build);
    all.now("ready", "Whether it is ready", is_ready.into());
    all.total("panics", "Panics", state.shutdown.panics());
    all.add("refusals", "Refusals", &state.refusals.all());
}

fn sockets(all: &mut Shown, state: &AppState) {
    let counts = &state.rtm.counts;
    all.now("sockets", "Open sockets", state.rtm.registry.len());
    all.add("sockets_opened", "Sockets opened", &counts.sockets);
    all.add("sockets_closed", "Sockets ended", &counts.closed);
    all.add("sessions", "Sessions begun", &counts.sessions);
    all.add("messages", "Messages stored", &counts.messages);
    all.add("messages_not_stored", "Not stored", &counts.not_stored);
}

fn bots(all: &mut Shown, state: &AppState) {
    let counts = &state.rtm.counts;
    let (turns, alone) = (Family::<_, Gauge>::default(), Family::<_, Gauge>::default());
    for work in state.rtm.work() {
        let bot = [("bot", work.bot)];
        turns.get_or_create(&bot).set(signed(work.turns));
        alone.get_or_create(&bot).set(work.is_left_alone.into());
    }
    all.add("bot_turns", "Turns now", &turns);
    all.add("bot_turns_waiting", "Turns that wait", &counts.waiting);
    all.add("bot_tries", "Tries of turns", &counts.tries);
    all.add("bot_turn_seconds", "Time of a try", &counts.seconds);
    all.add("bot_breaker_open", "Whether it is left alone", &alone);
    all.add("bot_tokens", "Tokens of models", &counts.tokens);
    let answering = state.rtm.answering();
    all.now("conversations_answering", "Being answered", answering);
    all.add("conversations_taken_up", "Taken up", &counts.taken_up);
}

fn store(all: &mut Shown, state: &AppState) {
    let writes = state.store.writes();
    all.add("store_commit_seconds", "Commits", &writes.seconds);
    all.add("store_commit_writes", "Writes in one", &writes.batch);
    all.add("store_failed_writes", "Failed writes", &writes.failed);
}

fn bus(all: &mut Shown, traffic: Traffic, is_connected: bool) {
    all.now("bus_connected", "Connected now", is_connected.into());
    all.total("bus_connections", "Connections", traffic.connected);
    all.total("bus_sent", "Messages sent", traffic.sent);
    all.total("bus_sent_bytes", "Bytes sent", traffic.sent_bytes);
    all.total("bus_received", "Messages received", traffic.received);
    all.total("bus_dropped", "Messages dropped", traffic.dropped);
    all.total("bus_looks", "Looks at the store", traffic.looks);
}

/// The list.
struct Shown(Registry);

impl Shown {
    /// What somebody else counts.
    fn add(&mut self, name: &str, help: &str, counted: &(impl Metric + Clone)) {
        self.0.register(name, help, counted.clone());
    }

    fn now(&mut self, name: &str, help: &str, value: usize) {
        self.0.register(name, help, ConstGauge::new(signed(value)));
    }

    fn total(&mut self, name: &str, help: &str, since_start: u64) {
        self.0.register(name, help, ConstCounter::new(since_start));
    }
}

fn signed(value: usize) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
