//! The HTTP client that all calls share.

use std::sync::{Arc, OnceLock};

use http::HeaderValue;
use http::header::ACCEPT_ENCODING;
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, ClientBuilder};
use tokio::time::{Instant, timeout_at};

use super::answer::{Answer, Bounds};
use super::call::Call;
use super::error::{CallFault, OutboundError, fault_of};
use super::names::Names;
use super::watch::{Sent, Watch};
use crate::clock::{Clock, Millis};
use crate::limits::{
    OUTBOUND_CONNECT, OUTBOUND_CONNECTION_WINDOW, OUTBOUND_HEAD_BYTES, OUTBOUND_HEADERS,
    OUTBOUND_IDLE_CONNECTION, OUTBOUND_IDLE_CONNECTIONS, OUTBOUND_PING, OUTBOUND_PONG,
    OUTBOUND_STREAM_WINDOW,
};

/// Sends calls. There is one for the process; clones share its connections.
#[derive(Clone)]
pub struct Outbound {
    clients: Arc<Clients>,
    watch: Option<Arc<dyn Watch>>,
}

/// There are two clients, because they must not share connections: those of one were checked, those of the other need
/// not be. A client is made when it is first used, because reading the machine's certificates takes milliseconds that a
/// server with scripted bots need not spend.
struct Clients {
    clock: Arc<dyn Clock>,
    ways: Ways,
    configured: OnceLock<Option<Ready>>,
    guarded: OnceLock<Option<Ready>>,
}

/// What tests do differently.
pub(super) struct Ways {
    /// How the names in the operator's addresses are looked up.
    pub(super) configured: Names,
    /// How the names in strangers' addresses are looked up.
    pub(super) guarded: Names,
    /// Whether the operator's client uses the proxy of the environment.
    pub(super) proxy: bool,
    /// The certificates that replace those of the machine.
    pub(super) authorities: Option<Vec<Certificate>>,
}

/// A client, and whether it can check a certificate.
struct Ready {
    client: Client,
    knows_authorities: bool,
}

impl Outbound {
    /// The proxy comes from the environment (`HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`, `NO_PROXY`) and is read at the
    /// first call. The clock is for dates in `Retry-After`.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let ways = Ways {
            configured: Names::any(),
            guarded: Names::public(),
            proxy: true,
            authorities: None,
        };
        Self::with(clock, ways)
    }

    /// The time by which calls are signed.
    pub fn now(&self) -> Millis {
        self.clients.clock.now()
    }

    pub(super) fn with(clock: Arc<dyn Clock>, ways: Ways) -> Self {
        Self {
            clients: Arc::new(Clients {
                clock,
                ways,
                configured: OnceLock::new(),
                guarded: OnceLock::new(),
            }),
            watch: None,
        }
    }

    /// The same client; `watch` sees what it sends.
    #[must_use]
    pub fn watched(self, watch: Arc<dyn Watch>) -> Self {
        Self {
            watch: Some(watch),
            ..self
        }
    }

    /// Sends a call and waits for the head of the answer, whatever its status. Dropping the future closes the
    /// connection.
    ///
    /// # Errors
    /// If no head comes in time.
    pub async fn send(&self, call: Call) -> Result<Answer, OutboundError> {
        let authority = call.address.authority();
        let failed = |fault| OutboundError::new(authority.clone(), fault);
        if let Some(mistake) = call.mistake {
            return Err(failed(mistake));
        }
        let Some(ready) = self.clients.client(call.address.is_guarded()) else {
            return Err(failed(CallFault::Unsendable(
                "the client could not be made",
            )));
        };
        if let Some(watch) = &self.watch {
            watch.sent(&Sent {
                method: &call.method,
                address: &call.address,
                headers: &call.headers,
                body: call.body.as_deref().unwrap_or_default(),
            });
        }
        let mut request = reqwest::Request::new(call.method, call.address.url().clone());
        *request.headers_mut() = call.headers;
        *request.body_mut() = call.body.map(Into::into);
        let begun = Instant::now();
        let bounds = Bounds::new(begun, call.waits, call.max_bytes);
        let next = bounds.next();
        match timeout_at(next.until, ready.client.execute(request)).await {
            Err(_late) => Err(failed(next.fault())),
            Ok(Err(error)) => Err(failed(fault_of(&error, ready.knows_authorities))),
            Ok(Ok(response)) => {
                let now = self.clients.clock.now();
                let answer = Answer::new(authority, response, bounds, now);
                if let Some(watch) = &self.watch {
                    watch.answered(answer.status(), &answer.content_type(), begun.elapsed());
                }
                Ok(answer)
            }
        }
    }
}

impl Clients {
    fn client(&self, guarded: bool) -> Option<&Ready> {
        let ready = if guarded {
            // A proxy would look the name up itself, and connect to the result unchecked. If the operator trusts the
            // proxy with that, its origin can be listed: see `Address::foreign`.
            let names = &self.ways.guarded;
            let strict = || self.ways.basic().dns_resolver(names.clone()).no_proxy();
            self.guarded.get_or_init(|| made(strict))
        } else {
            let names = &self.ways.configured;
            let free = || {
                let builder = self.ways.basic().dns_resolver(names.clone());
                if self.ways.proxy {
                    builder
                } else {
                    builder.no_proxy()
                }
            };
            self.configured.get_or_init(|| made(free))
        };
        ready.as_ref()
    }
}

impl Ways {
    #[expect(clippy::disallowed_methods, reason = "this is the one client")]
    fn basic(&self) -> ClientBuilder {
        // Compression is not requested, so a small answer cannot unpack to a large one.
        let plain = [(ACCEPT_ENCODING, HeaderValue::from_static("identity"))];
        let builder = Client::builder()
            .user_agent(concat!("parlour/", env!("CARGO_PKG_VERSION")))
            .default_headers(plain.into_iter().collect())
            .redirect(Policy::none())
            .connect_timeout(OUTBOUND_CONNECT)
            .pool_idle_timeout(OUTBOUND_IDLE_CONNECTION)
            .pool_max_idle_per_host(OUTBOUND_IDLE_CONNECTIONS)
            .http1_max_headers(OUTBOUND_HEADERS)
            .http2_initial_stream_window_size(OUTBOUND_STREAM_WINDOW)
            .http2_initial_connection_window_size(OUTBOUND_CONNECTION_WINDOW)
            .http2_max_header_list_size(OUTBOUND_HEAD_BYTES)
            .http2_keep_alive_interval(OUTBOUND_PING)
            .http2_keep_alive_timeout(OUTBOUND_PONG);
        match &self.authorities {
            Some(authorities) => builder.tls_certs_only(authorities.clone()),
            None => builder,
        }
    }
}

/// A client that trusts the certificates of the machine. On a machine without certificates it trusts nobody: plain HTTP
/// works, and the first call over TLS says what is missing.
fn made(builder: impl Fn() -> ClientBuilder) -> Option<Ready> {
    let trusting = builder().build().map(|client| Ready {
        client,
        knows_authorities: true,
    });
    trusting
        .or_else(|_| {
            let client = builder().tls_certs_only([]).build()?;
            Ok::<_, reqwest::Error>(Ready {
                client,
                knows_authorities: false,
            })
        })
        .ok()
}
