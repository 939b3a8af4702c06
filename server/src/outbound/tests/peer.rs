//! The other side of a call, byte by byte.

use http::Uri;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use url::Url;

use crate::outbound::Address;

/// Listens on this machine.
pub(super) struct Peer(TcpListener);

/// One connection to it.
pub(super) struct Connection(TcpStream);

/// What was asked on it.
#[derive(Debug)]
pub(super) struct Asked {
    /// Request line and headers, in lower case.
    pub(super) head: String,
    pub(super) body: Vec<u8>,
}

impl Peer {
    pub(super) async fn listen() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").await.unwrap())
    }

    pub(super) fn port(&self) -> u16 {
        self.0.local_addr().unwrap().port()
    }

    /// `http://127.0.0.1:…` and a path.
    pub(super) fn url(&self, path: &str) -> Url {
        Url::parse(&format!("http://127.0.0.1:{}{path}", self.port())).unwrap()
    }

    /// As the operator writes it.
    pub(super) fn address(&self) -> Address {
        Address::configured(self.url("/")).unwrap()
    }

    pub(super) async fn accept(&self) -> Connection {
        Connection(self.0.accept().await.unwrap().0)
    }

    /// A connection, and what is asked on it.
    pub(super) async fn asked(&self) -> (Connection, Asked) {
        let mut connection = self.accept().await;
        let asked = connection.asked().await;
        (connection, asked)
    }
}

impl Connection {
    /// Reads one request.
    pub(super) async fn asked(&mut self) -> Asked {
        let mut bytes = Vec::new();
        let head_end = loop {
            if let Some(at) = bytes.windows(4).position(|it| it == b"\r\n\r\n") {
                break at + 4;
            }
            assert!(self.0.read_buf(&mut bytes).await.unwrap() > 0, "no head");
        };
        let mut body = bytes.split_off(head_end);
        let head = String::from_utf8(bytes).unwrap().to_lowercase();
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "))
            .map_or(0, |it| it.parse().unwrap());
        while body.len() < length {
            assert!(self.0.read_buf(&mut body).await.unwrap() > 0, "no body");
        }
        Asked { head, body }
    }

    pub(super) async fn say(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.write_all(bytes.as_ref()).await.unwrap();
    }

    /// A whole answer.
    pub(super) async fn answer(&mut self, status: &str, headers: &str, body: &str) {
        let length = body.len();
        let whole = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\n{headers}\r\n{body}");
        self.say(whole).await;
    }

    /// The head of an answer in pieces.
    pub(super) async fn begin(&mut self) {
        self.say("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
            .await;
    }

    /// One piece of it.
    pub(super) async fn piece(&mut self, bytes: impl AsRef<[u8]>) {
        let bytes = bytes.as_ref();
        let head = format!("{:x}\r\n", bytes.len());
        self.say([head.as_bytes(), bytes, b"\r\n"].concat()).await;
    }

    /// Its end.
    pub(super) async fn end(&mut self) {
        self.say("0\r\n\r\n").await;
    }

    /// Waits until the other side has closed the connection.
    pub(super) async fn hung_up(mut self) {
        let mut rest = [0; 1024];
        while self.0.read(&mut rest).await.is_ok_and(|read| read > 0) {}
    }

    /// Writes without an end until the other side has closed the connection; how many bytes it took.
    pub(super) async fn flood(mut self, piece: &[u8]) -> usize {
        let mut taken = 0;
        while self.0.write_all(piece).await.is_ok() {
            taken += piece.len();
        }
        taken
    }

    /// Closes it so that the other side gets an error instead of an end.
    pub(super) fn reset(self) {
        #[expect(
            deprecated,
            reason = "zero does not wait: it only drops what is unsent"
        )]
        self.0.set_linger(Some(std::time::Duration::ZERO)).unwrap();
    }
}

impl Asked {
    /// Is there a line like this?
    pub(super) fn has(&self, line: &str) -> bool {
        self.head.lines().any(|it| it == line)
    }

    pub(super) fn uri(&self) -> Uri {
        let line = self.head.lines().next().unwrap();
        line.split(' ').nth(1).unwrap().parse().unwrap()
    }
}
