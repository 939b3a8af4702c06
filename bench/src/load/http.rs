//! HTTP/1.1 as a visitor's browser speaks it to us: one kept connection, JSON both ways.
//!
//! In the path: [`super::visitor`] signs in, starts and reads histories with it; `load sign` does nothing else.
//!
//! **Invariants.** An exchange ends within [`WITHIN`]. A kept connection that the server has closed meanwhile is replaced once;
//! a second failure is told.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE, HOST, SET_COOKIE};
use hyper::http::request::Builder;
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;

/// As long as the session machine waits for a step.
pub(super) const WITHIN: Duration = Duration::from_secs(15);
/// A page of a hundred long messages has less.
const BODY_BYTES: usize = 4 * 1024 * 1024;
/// A visitor's buffer: thousands of them share this machine with the server. hyper has no smaller one.
const BUFFER_BYTES: usize = 8 * 1024;
/// Below the server's limit of connections from one address.
const VISITORS_AN_ADDRESS: usize = 50;

type Body = Full<Bytes>;

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The status.
    pub(crate) status: u16,
    /// The body as text.
    pub(crate) body: String,
    /// `name=value` of a cookie that it sets.
    pub(crate) cookie: Option<String>,
}

/// One visitor's connection.
pub(crate) struct Http {
    server: SocketAddr,
    from: IpAddr,
    kept: Option<SendRequest<Body>>,
    /// What moves the bytes; it ends with this value.
    connection: JoinSet<()>,
}

/// An address of this machine for a visitor: few share one, so limits by address do not bite.
pub(crate) fn address_of(user: usize) -> IpAddr {
    let place = user / VISITORS_AN_ADDRESS;
    let byte = |number: usize| u8::try_from(number % 250).unwrap_or_default();
    Ipv4Addr::new(127, 1, byte(place / 250), 1 + byte(place)).into()
}

/// A connection to `server` from an address of ours.
pub(crate) async fn connect(from: IpAddr, server: SocketAddr) -> io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((from, 0).into())?;
    let stream = timeout(WITHIN, socket.connect(server)).await??;
    stream.set_nodelay(true)?;
    Ok(stream)
}

impl Http {
    /// Nothing is opened yet.
    pub(crate) fn new(server: SocketAddr, from: IpAddr) -> Self {
        Self {
            server,
            from,
            kept: None,
            connection: JoinSet::new(),
        }
    }

    /// Closes the connection; the next exchange opens another.
    pub(crate) fn close(&mut self) {
        self.kept = None;
    }

    /// Posts JSON, with a bearer token where there is one.
    pub(crate) async fn post(
        &mut self,
        path: &str,
        bearer: Option<&str>,
        body: &str,
    ) -> io::Result<Answer> {
        let request = with_bearer(self.request(Method::POST, path), bearer);
        let request = request.header(CONTENT_TYPE, "application/json");
        self.exchange(request, body).await
    }

    /// Asks for a path.
    pub(crate) async fn get(&mut self, path: &str, bearer: Option<&str>) -> io::Result<Answer> {
        let request = with_bearer(self.request(Method::GET, path), bearer);
        self.exchange(request, "").await
    }

    /// Asks for a page as a browser with this cookie does.
    pub(crate) async fn page(&mut self, path: &str, cookie: &str) -> io::Result<Answer> {
        let request = with_cookie(self.request(Method::GET, path), cookie);
        self.exchange(request, "").await
    }

    /// Posts a form, with the cookie where there is one.
    pub(crate) async fn form(
        &mut self,
        path: &str,
        cookie: &str,
        body: &str,
    ) -> io::Result<Answer> {
        let request = with_cookie(self.request(Method::POST, path), cookie);
        let request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        self.exchange(request, body).await
    }

    fn request(&self, method: Method, path: &str) -> Builder {
        let request = Request::builder().method(method).uri(path);
        request.header(HOST, self.server.to_string())
    }

    async fn exchange(&mut self, request: Builder, body: &str) -> io::Result<Answer> {
        let body = Full::from(body.to_owned());
        let request = request.body(body).map_err(io::Error::other)?;
        if let Some(kept) = self.kept.take()
            && let Ok(answer) = self.once(kept, request.clone()).await
        {
            return Ok(answer);
        }
        let stream = TokioIo::new(connect(self.from, self.server).await?);
        let fresh = http1::Builder::new()
            .max_buf_size(BUFFER_BYTES)
            .handshake(stream);
        let (fresh, connection) = fresh.await.map_err(io::Error::other)?;
        self.connection = JoinSet::new();
        // What goes wrong with it, the sender says.
        self.connection.spawn(async { drop(connection.await) });
        self.once(fresh, request).await
    }

    async fn once(
        &mut self,
        mut connection: SendRequest<Body>,
        request: Request<Body>,
    ) -> io::Result<Answer> {
        let exchange = async {
            connection.ready().await.map_err(io::Error::other)?;
            let sent = connection.send_request(request).await;
            let (head, body) = sent.map_err(io::Error::other)?.into_parts();
            let body = Limited::new(body, BODY_BYTES).collect().await;
            let body = body.map_err(io::Error::other)?.to_bytes();
            let cookie = head.headers.get(SET_COOKIE);
            let cookie = cookie.and_then(|line| line.to_str().ok()?.split(';').next());
            Ok(Answer {
                status: head.status.as_u16(),
                body: String::from_utf8(body.into()).map_err(io::Error::other)?,
                cookie: cookie.map(str::to_owned),
            })
        };
        let answer = timeout(WITHIN, exchange).await?;
        self.kept = answer.is_ok().then_some(connection);
        answer
    }
}

fn with_bearer(request: Builder, bearer: Option<&str>) -> Builder {
    match bearer {
        Some(token) => request.header(AUTHORIZATION, format!("bearer {token}")),
        None => request,
    }
}

/// The header, or none for one who has no cookie.
fn with_cookie(request: Builder, cookie: &str) -> Builder {
    match cookie {
        "" => request,
        cookie => request.header(COOKIE, cookie),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn visitors_are_spread_over_addresses_of_this_machine() {
        assert_eq!(address_of(0), address_of(49));
        assert_eq!(address_of(50).to_string(), "127.1.0.2");
        assert_eq!(address_of(50 * 250).to_string(), "127.1.1.1");
    }
}
