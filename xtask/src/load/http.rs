//! HTTP/1.1 as a visitor's browser speaks it to us: one kept connection, JSON both ways.
//!
//! In the path: [`super::visitor`] signs in, starts and reads histories with it; `load sign` does nothing else.
//!
//! **Invariants.** An exchange ends within [`WITHIN`]. A kept connection that the server has closed meanwhile is replaced once;
//! a second failure is told.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufStream};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

/// As long as the session machine waits for a step.
pub(super) const WITHIN: Duration = Duration::from_secs(15);
/// A longer line of a head is not from our server.
const LINE_BYTES: u64 = 16 * 1024;
/// A page of a hundred long messages has less.
const BODY_BYTES: usize = 4 * 1024 * 1024;
/// Below the server's limit of connections from one address.
const VISITORS_AN_ADDRESS: usize = 50;

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
    kept: Option<BufStream<TcpStream>>,
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
        let length = body.len();
        let head = format!("content-type: application/json\r\ncontent-length: {length}\r\n");
        let text = self.request("POST", path, bearer, &head) + body;
        self.exchange(&text).await
    }

    /// Asks for a path.
    pub(crate) async fn get(&mut self, path: &str, bearer: Option<&str>) -> io::Result<Answer> {
        let text = self.request("GET", path, bearer, "");
        self.exchange(&text).await
    }

    /// Asks for a page as a browser with this cookie does.
    pub(crate) async fn page(&mut self, path: &str, cookie: &str) -> io::Result<Answer> {
        let text = self.request("GET", path, None, &cookie_line(cookie));
        self.exchange(&text).await
    }

    /// Posts a form, with the cookie where there is one.
    pub(crate) async fn form(
        &mut self,
        path: &str,
        cookie: &str,
        body: &str,
    ) -> io::Result<Answer> {
        let kind = "content-type: application/x-www-form-urlencoded\r\n";
        let length = format!("content-length: {}\r\n", body.len());
        let head = [kind, &length, &cookie_line(cookie)].concat();
        let text = self.request("POST", path, None, &head) + body;
        self.exchange(&text).await
    }

    fn request(&self, method: &str, path: &str, bearer: Option<&str>, head: &str) -> String {
        let bearer = bearer.map_or(String::new(), |token| {
            format!("authorization: bearer {token}\r\n")
        });
        let host = self.server;
        format!("{method} {path} HTTP/1.1\r\nhost: {host}\r\n{bearer}{head}\r\n")
    }

    async fn exchange(&mut self, text: &str) -> io::Result<Answer> {
        if let Some(kept) = self.kept.take()
            && let Ok(answer) = self.once(kept, text).await
        {
            return Ok(answer);
        }
        let fresh = BufStream::new(connect(self.from, self.server).await?);
        self.once(fresh, text).await
    }

    async fn once(&mut self, mut stream: BufStream<TcpStream>, text: &str) -> io::Result<Answer> {
        let exchange = async {
            stream.write_all(text.as_bytes()).await?;
            stream.flush().await?;
            read(&mut stream).await
        };
        let (answer, keep) = timeout(WITHIN, exchange).await??;
        self.kept = keep.then_some(stream);
        Ok(answer)
    }
}

/// An answer, and whether the connection may be kept.
async fn read(stream: &mut BufStream<TcpStream>) -> io::Result<(Answer, bool)> {
    let wrong = |what: &str| io::Error::new(ErrorKind::InvalidData, what.to_owned());
    let first = line(stream).await?;
    let status = first.split(' ').nth(1).and_then(|it| it.parse().ok());
    let status = status.ok_or_else(|| wrong("no status"))?;
    let (mut length, mut keep, mut chunked, mut cookie) = (None, true, false, None);
    loop {
        let line = line(stream).await?;
        let Some((name, value)) = line.split_once(':') else {
            break;
        };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse::<usize>().ok();
        } else if name.eq_ignore_ascii_case("connection") {
            keep = !value.trim().eq_ignore_ascii_case("close");
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            chunked = value.trim().eq_ignore_ascii_case("chunked");
        } else if name.eq_ignore_ascii_case("set-cookie") {
            cookie = value.trim().split(';').next().map(str::to_owned);
        }
    }
    let mut body = Vec::new();
    if chunked {
        loop {
            let length = line(stream).await?;
            let length = usize::from_str_radix(&length, 16).map_err(|_| wrong("no chunk"))?;
            take(stream, length, &mut body).await?;
            line(stream).await?;
            if length == 0 {
                break;
            }
        }
    } else {
        let length = length.ok_or_else(|| wrong("no content-length"))?;
        take(stream, length, &mut body).await?;
    }
    let body = String::from_utf8(body).map_err(|_| wrong("no UTF-8"))?;
    let answer = Answer {
        status,
        body,
        cookie,
    };
    Ok((answer, keep))
}

/// So many bytes more.
async fn take(
    stream: &mut BufStream<TcpStream>,
    length: usize,
    body: &mut Vec<u8>,
) -> io::Result<()> {
    let start = body.len();
    if start + length > BODY_BYTES {
        return Err(io::Error::new(ErrorKind::InvalidData, "too long"));
    }
    body.resize(start + length, 0);
    stream.read_exact(&mut body[start..]).await.map(drop)
}

/// The header, or nothing for one who has no cookie.
fn cookie_line(cookie: &str) -> String {
    if cookie.is_empty() {
        return String::new();
    }
    format!("cookie: {cookie}\r\n")
}

async fn line(stream: &mut BufStream<TcpStream>) -> io::Result<String> {
    let mut line = String::new();
    let read = stream.take(LINE_BYTES).read_line(&mut line).await?;
    if read == 0 {
        return Err(ErrorKind::UnexpectedEof.into());
    }
    Ok(line.trim_end().to_owned())
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
