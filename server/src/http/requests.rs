//! Counts requests by route and status, and how long they took.
//!
//! In the path: around the chosen route, and only with `server.metrics`.
//!
//! Invariant: a route is counted as it is written in `router`, with `{bot}` in the place of a bot. What was asked for
//! is in no label.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::{MatchedPath, Request};
use axum::response::Response;
use axum::routing::Route;
use http::StatusCode;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use tokio::time::Instant;
use tower::{Service, service_fn};

/// Upper bounds: from a signature to what `ANSWER_TIME` ends.
const SECONDS: [f64; 8] = [0.001, 0.005, 0.025, 0.1, 0.5, 2.0, 10.0, 30.0];

/// The requests since the start. Clones share the counts.
#[derive(Clone, Debug)]
pub struct Requests(pub(super) Family<Kind, Histogram>);

/// What is told apart.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Kind {
    route: String,
    status: &'static str,
}

impl Default for Requests {
    fn default() -> Self {
        Self(Family::new_with_constructor(|| Histogram::new(SECONDS)))
    }
}

impl Requests {
    /// The route, with its requests counted. It is no `from_fn`, which would clone and box more for each request.
    pub fn counting(
        &self,
        mut route: Route,
    ) -> impl Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + use<>
    {
        let requests = self.clone();
        service_fn(move |request: Request| {
            let mut open = Open {
                requests: requests.clone(),
                route: request.extensions().get().cloned(),
                begun: Instant::now(),
                status: "none",
            };
            let answering = route.call(request);
            async move {
                let response = answering.await?;
                open.answered(response.status());
                Ok(response)
            }
        })
    }

    fn note(&self, route: Option<&MatchedPath>, status: &'static str, took: Duration) {
        let route = route.map_or("other", MatchedPath::as_str).to_owned();
        let seconds = self.0.get_or_create(&Kind { route, status });
        seconds.observe(took.as_secs_f64());
    }
}

/// A request whose answer is not made yet. It counts itself when it is dropped, also by a panic, a time-out or a
/// visitor who hangs up.
struct Open {
    requests: Requests,
    route: Option<MatchedPath>,
    begun: Instant,
    status: &'static str,
}

impl Open {
    fn answered(&mut self, status: StatusCode) {
        self.status = class(status);
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let took = self.begun.elapsed();
        self.requests.note(self.route.as_ref(), self.status, took);
    }
}

fn class(status: StatusCode) -> &'static str {
    match status.as_u16() {
        100..=199 => "1xx",
        200..=299 => "2xx",
        300..=399 => "3xx",
        400..=499 => "4xx",
        _ => "5xx",
    }
}
