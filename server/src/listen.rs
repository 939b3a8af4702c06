//! Connections: they are accepted, counted, cut off when they do nothing, and closed when the server shuts down.
//!
//! In the path: the kernel → [`serve`] → one task for each connection → the router. An upgraded socket leaves its task
//! but keeps its `Metered` stream, and with it its permit and the write limit. By address it counts as a socket from
//! then on.
//!
//! Invariants: what the kernel had accepted before the end of the server gets its answer. Half a head, half a body,
//! silence and a peer that reads nothing are all cut off within [`IDLE_CONNECTION`] plus [`IDLE_CHECK`]. So is a peer
//! that does not take one answer, whatever else it takes. Only the drain waits for a connection.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::convert::Infallible;
use std::future::Future as _;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use axum::Router;
use axum::body::Body;
use http::Request;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::{Instant, Sleep};
use tower::Service as _;

use crate::answering::ConnectionActivity;
use crate::config::Config;
use crate::limits::{
    ACCEPT_BACKLOG, ACCEPT_PAUSE, H2_CONNECTION_WINDOW, H2_PENDING_RESETS, H2_SEND_BUFFER,
    H2_STREAM_WINDOW, H2_STREAMS, HEAD_BYTES, HEAD_TIME, HEADERS, IDLE_CHECK, IDLE_CONNECTION,
    LAST_REQUEST, STUCK_REQUEST, WRITE_STALL,
};
use crate::proxy_protocol;
use crate::security::client_ip::{AddressKey, Announced, Peer, is_proxy};
use crate::security::proxy::{ProxyFault, ProxyFaults};
use crate::shutdown::Shutdown;
use crate::start_error::StartError;

/// Opens the port of visitors.
///
/// # Errors
/// If the port is not available. The text says what to do.
pub fn bind(address: SocketAddr) -> Result<TcpListener, StartError> {
    bind_as("--listen", address)
}

/// Opens a port. `setting` is where another one can be chosen.
///
/// # Errors
/// If the port is not available. The text says what to do.
pub fn bind_as(setting: &str, address: SocketAddr) -> Result<TcpListener, StartError> {
    let open = || {
        let socket = if address.is_ipv4() {
            TcpSocket::new_v4()?
        } else {
            TcpSocket::new_v6()?
        };
        // A restart gets its port although old connections are still closing.
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(ACCEPT_BACKLOG)
    };
    open().map_err(|error: io::Error| {
        StartError::Listen(match error.kind() {
            io::ErrorKind::AddrInUse => {
                format!("the port of {address} is taken; end what uses it or choose another with {setting}")
            }
            io::ErrorKind::PermissionDenied => {
                format!("the port of {address} needs privileges; choose one above 1023 with {setting}")
            }
            _ => format!("cannot listen on {address} ({error}); choose another address with {setting}"),
        })
    })
}

/// Accepts connections until the server shuts down. Their tasks end with [`Shutdown::drain`].
pub async fn serve(listener: TcpListener, router: Router, config: Arc<Config>, shutdown: Shutdown) {
    let reception = Reception {
        count: Arc::new(Count::new(
            config.server.max_connections,
            config.server.max_connections_per_address,
        )),
        serving: Serving {
            router,
            builder: Arc::new(builder()),
            shutdown: shutdown.clone(),
            faults: Arc::default(),
        },
        config,
    };
    loop {
        let accepted = tokio::select! {
            biased;
            () = shutdown.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => reception.take(stream, peer),
            Err(error) => {
                // Usually no descriptors are left, and others must close first.
                tracing::warn!(%error, "a connection was not accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    // The kernel resets what still waits in the queue of a port that is closed, also when a request is in it already.
    let Ok(listener) = listener.into_std() else {
        return;
    };
    while let Ok((stream, peer)) = listener.accept() {
        let stream = stream.set_nonblocking(true).map(|()| stream);
        if let Ok(stream) = stream.and_then(TcpStream::from_std) {
            reception.take(stream, peer);
        }
    }
}

/// What accepted connections need.
struct Reception {
    count: Arc<Count>,
    serving: Serving,
    config: Arc<Config>,
}

impl Reception {
    /// Counts a connection and starts its task.
    fn take(&self, stream: TcpStream, peer: SocketAddr) {
        // A listed proxy brings many visitors. They are counted by address later.
        let listed = is_proxy(peer.ip(), &self.config.server.trusted_proxies);
        let address = (!listed).then(|| AddressKey::from(peer.ip()));
        let Some(permit) = self.count.enter(address) else {
            tracing::debug!("a connection was refused: too many");
            return;
        };
        // Small frames must not wait for a full segment. If this fails, it only costs time.
        drop(stream.set_nodelay(true));
        let permit = ConnectionPermit(Arc::new(permit));
        let stream = Metered {
            stream,
            stall: None,
            _permit: permit.clone(),
        };
        let caller = Caller {
            peer,
            permit,
            announced: None,
        };
        let serving = self.serving.clone();
        let connection: Pin<Box<dyn Future<Output = ()> + Send>> =
            if listed && self.config.server.proxy_protocol {
                Box::pin(serving.announced(stream, caller))
            } else {
                Box::pin(serving.connection(stream, caller))
            };
        self.serving.shutdown.spawn("connection", connection);
    }
}

/// Where the requests of a connection come from.
struct Caller {
    peer: SocketAddr,
    permit: ConnectionPermit,
    announced: Option<Announced>,
}

/// The limits of both protocols.
fn builder() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .max_buf_size(HEAD_BYTES)
        .max_headers(HEADERS);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(u32::try_from(HEAD_BYTES).unwrap_or(u32::MAX))
        .max_concurrent_streams(H2_STREAMS)
        .initial_stream_window_size(H2_STREAM_WINDOW)
        .initial_connection_window_size(H2_CONNECTION_WINDOW)
        .max_pending_accept_reset_streams(H2_PENDING_RESETS)
        .max_send_buf_size(H2_SEND_BUFFER);
    builder
}

/// What serves connections.
#[derive(Clone)]
struct Serving {
    router: Router,
    builder: Arc<Builder<TokioExecutor>>,
    shutdown: Shutdown,
    faults: Arc<ProxyFaults>,
}

impl Serving {
    /// A connection that begins with a PROXY header. The header comes with the connection, or never.
    async fn announced(self, mut stream: Metered, mut caller: Caller) {
        let header = proxy_protocol::read(&mut stream.stream);
        match tokio::time::timeout(HEAD_TIME, header).await {
            Ok(Ok(said)) => {
                if let Some(source) = said.source {
                    caller.peer = source;
                    caller.announced = Some(Announced { tls: said.tls });
                }
                self.connection(stream, caller).await;
            }
            Ok(Err(error)) if error.kind() == io::ErrorKind::InvalidData => {
                tracing::debug!(%error, "no PROXY header");
                self.faults.report(ProxyFault::NoProxyHeader);
            }
            // A balancer looks whether the port is open, and hangs up.
            Ok(Err(_)) | Err(_) => {}
        }
    }

    /// A connection from its first byte of HTTP to its end or its upgrade.
    async fn connection(self, stream: Metered, caller: Caller) {
        let activity = Arc::new(ConnectionActivity::default());
        let service = {
            let activity = Arc::clone(&activity);
            let router = self.router.clone();
            hyper::service::service_fn(move |mut request: Request<Incoming>| {
                let extensions = request.extensions_mut();
                extensions.insert(Peer(caller.peer));
                extensions.insert(caller.permit.clone());
                if let Some(announced) = caller.announced {
                    extensions.insert(announced);
                }
                let busy = activity.begin();
                let mut router = router.clone();
                async move {
                    let response = router.call(request.map(Body::new)).await?;
                    Ok::<_, Infallible>(response.map(|body| busy.answer(body)))
                }
            })
        };
        let stream = TokioIo::new(stream);
        let mut serving = pin!(self.builder.serve_connection_with_upgrades(stream, service));
        let mut ends = pin!(self.end(&activity));
        let mut ending = false;
        let mut seen = activity.steps();
        let mut quiet_since = Instant::now();
        loop {
            tokio::select! {
                // A broken connection is the peer's affair. The router has logged what failed inside.
                _ = serving.as_mut() => return,
                () = ends.as_mut(), if !ending => {
                    ending = true;
                    serving.as_mut().graceful_shutdown();
                }
                () = tokio::time::sleep(IDLE_CHECK) => {
                    let now = activity.steps();
                    let patience = if activity.in_progress() { STUCK_REQUEST } else { IDLE_CONNECTION };
                    if now != seen {
                        seen = now;
                        quiet_since = Instant::now();
                    } else if quiet_since.elapsed() >= patience {
                        return;
                    }
                    if activity.is_left_lying() {
                        tracing::debug!("a connection was cut: it does not take an answer");
                        return;
                    }
                }
            }
        }
    }

    /// Resolves when the connection is to end: with the server, but not before its first request.
    async fn end(&self, activity: &ConnectionActivity) {
        self.shutdown.cancelled().await;
        if activity.steps() == 0 {
            tokio::time::sleep(LAST_REQUEST).await;
        }
    }
}

/// The open connections, in total and by address.
#[derive(Debug)]
struct Count {
    most: u32,
    most_per_address: u32,
    present: Mutex<Present>,
}

#[derive(Debug, Default)]
struct Present {
    all: u32,
    by_address: HashMap<AddressKey, u32>,
}

impl Count {
    fn new(most: u32, most_per_address: u32) -> Self {
        let no_limit = |number: u32| if number == 0 { u32::MAX } else { number };
        Self {
            most: no_limit(most),
            most_per_address: no_limit(most_per_address),
            present: Mutex::new(Present::default()),
        }
    }

    /// Counts a connection. `None`: the limit is reached. Dropping the permit counts it off.
    fn enter(self: &Arc<Self>, address: Option<AddressKey>) -> Option<Permit> {
        let mut present = self.present();
        if present.all >= self.most {
            return None;
        }
        if let Some(address) = address {
            let here = present.by_address.entry(address).or_insert(0);
            if *here >= self.most_per_address {
                return None;
            }
            *here += 1;
        }
        present.all += 1;
        drop(present);
        Some(Permit {
            count: Arc::clone(self),
            address: Mutex::new(address),
        })
    }

    fn present(&self) -> std::sync::MutexGuard<'_, Present> {
        // Nothing in the critical sections can panic.
        self.present.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection's permit. Every request of the connection carries it along.
#[derive(Clone, Debug)]
pub struct ConnectionPermit(Arc<Permit>);

impl ConnectionPermit {
    /// Stops counting it for its address, because the registry counts a socket.
    pub fn leave_address(&self) {
        self.0.leave_address();
    }
}

/// One connection in the count.
#[derive(Debug)]
struct Permit {
    count: Arc<Count>,
    address: Mutex<Option<AddressKey>>,
}

impl Permit {
    fn leave_address(&self) {
        let address = self
            .address
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let Some(address) = address else { return };
        let mut present = self.count.present();
        if let Entry::Occupied(mut here) = present.by_address.entry(address) {
            *here.get_mut() -= 1;
            if *here.get() == 0 {
                here.remove();
            }
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.leave_address();
        self.count.present().all -= 1;
    }
}

/// A stream that fails when its peer takes nothing for [`WRITE_STALL`], and that holds a permit.
struct Metered {
    stream: TcpStream,
    /// Set while a write waits.
    stall: Option<Pin<Box<Sleep>>>,
    _permit: ConnectionPermit,
}

impl Metered {
    /// Starts, checks or stops the limit, by the result of a write.
    fn judge(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if written.is_ready() {
            self.stall = None;
            return written;
        }
        let stall = self
            .stall
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(WRITE_STALL)));
        ready!(stall.as_mut().poll(cx));
        Poll::Ready(Err(io::Error::new(
            io::ErrorKind::TimedOut,
            "the peer takes nothing",
        )))
    }
}

impl AsyncRead for Metered {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Metered {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.judge(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, buffers);
        self.judge(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
#[path = "listen_tests.rs"]
mod tests;
