//! The harness' end of a socket.

use std::net::SocketAddr;

use futures_util::{SinkExt as _, StreamExt as _};
use http::HeaderName;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{self, Message};

use crate::test_app::{SOON, TestApp, message};

/// A client's end of a socket.
pub(crate) struct Socket {
    stream: WebSocketStream<TcpStream>,
    /// The sub-protocol that the server chose.
    pub(crate) protocol: Option<String>,
}

impl Socket {
    /// Opens an address that `ticket` gave. The error is the refusal: status and body.
    pub(crate) async fn open(
        app: &TestApp,
        address: &str,
        headers: &[(&str, &str)],
    ) -> Result<Self, (u16, String)> {
        Self::open_at(app.address, address, headers).await
    }

    /// The same at any server.
    pub(crate) async fn open_at(
        server: SocketAddr,
        address: &str,
        headers: &[(&str, &str)],
    ) -> Result<Self, (u16, String)> {
        let url = format!("ws://{server}{address}");
        let mut request = url.into_client_request().unwrap();
        for (name, value) in headers {
            request
                .headers_mut()
                .insert(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
        }
        let stream = TcpStream::connect(server).await.unwrap();
        let opening = tokio_tungstenite::client_async(request, stream);
        match tokio::time::timeout(SOON, opening)
            .await
            .expect("an answer")
        {
            Ok((stream, response)) => {
                let protocol = response.headers().get("sec-websocket-protocol");
                let protocol = protocol.map(|value| value.to_str().unwrap().to_owned());
                Ok(Self { stream, protocol })
            }
            Err(tungstenite::Error::Http(response)) => {
                let body = response.body().clone().unwrap_or_default();
                Err((response.status().as_u16(), String::from_utf8(body).unwrap()))
            }
            Err(other) => panic!("{other}"),
        }
    }

    /// Sends a JSON frame.
    pub(crate) async fn send(&mut self, frame: &Value) {
        self.send_raw(Message::text(frame.to_string())).await;
    }

    /// Sends anything. A server that has closed already is no error here.
    pub(crate) async fn send_raw(&mut self, message: Message) {
        let _ = self.stream.send(message).await;
    }

    /// Sends bytes as they are, past the library. A server that has closed already is no error here.
    pub(crate) async fn send_bytes(&mut self, bytes: &[u8]) {
        let stream = self.stream.get_mut();
        let _ = stream.write_all(bytes).await;
    }

    /// Says something and gives the acknowledgement.
    pub(crate) async fn say(&mut self, id: u64, body: &str) -> Value {
        self.send(&message(&json!(id), body)).await;
        let ack = self.next().await;
        assert_eq!(
            (&ack["type"], &ack["replyto"]),
            (&json!("ack"), &json!(id)),
            "{ack}"
        );
        ack
    }

    /// The next JSON frame.
    pub(crate) async fn next(&mut self) -> Value {
        match self.next_or_close().await {
            Ok(frame) => frame,
            Err(code) => panic!("closed with {code:?}"),
        }
    }

    /// The next JSON frame, or the close code (`None`: without one).
    pub(crate) async fn next_or_close(&mut self) -> Result<Value, Option<u16>> {
        loop {
            let next = tokio::time::timeout(SOON, self.stream.next())
                .await
                .expect("a frame");
            match next {
                Some(Ok(Message::Text(text))) => return Ok(serde_json::from_str(&text).unwrap()),
                Some(Ok(Message::Close(frame))) => return Err(frame.map(|f| f.code.into())),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(None),
            }
        }
    }

    /// Waits until the server listens for this socket: it answers a ping. Gives the frames that came before.
    pub(crate) async fn listening(&mut self) -> Vec<Value> {
        self.send(&json!({"type": "ping", "id": "there?"})).await;
        let mut before = Vec::new();
        loop {
            let frame = self.next().await;
            if frame["replyto"] == "there?" {
                return before;
            }
            before.push(frame);
        }
    }

    /// Nothing more was on its way: what comes next is the answer to a ping.
    pub(crate) async fn nothing_more(&mut self) {
        self.send(&json!({"type": "ping", "id": "quiet?"})).await;
        let next = self.next().await;
        assert_eq!(
            (&next["type"], &next["replyto"]),
            (&json!("pong"), &json!("quiet?")),
            "{next}"
        );
    }

    /// Reads until the server closes, and gives its code.
    pub(crate) async fn closed(&mut self) -> Option<u16> {
        loop {
            if let Err(code) = self.next_or_close().await {
                return code;
            }
        }
    }
}
