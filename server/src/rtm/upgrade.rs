//! Upgrades a request to a WebSocket.
//!
//! In the path: [`super::socket`] checks the request and hands it over, and `live` gets the [`Socket`].
//!
//! Invariant: sockets are upgraded only here. Every limit of the WebSocket library is set here, and the library reads
//! no byte that `strict` has not checked.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use super::limits::{
    MAX_FRAME_BYTES, MAX_WRITE_BUFFER_BYTES, READ_BUFFER_BYTES, WRITE_AT_ONCE_BYTES,
};
use super::strict::Strict;
use crate::error::ApiError;
use crate::listen::ConnectionPermit;

/// A socket of the library, on bytes that `strict` has checked.
pub type Socket = WebSocketStream<Strict<TokioIo<Upgraded>>>;

/// A request that asks for a WebSocket, as RFC 6455, 4.2.1 demands.
#[derive(Debug)]
pub struct Upgrade {
    accept: HeaderValue,
    on: OnUpgrade,
    permit: Option<ConnectionPermit>,
}

/// The request does not ask for a WebSocket. Usually a proxy has removed the headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("open this address with a WebSocket")]
pub struct NotUpgradable;

impl IntoResponse for NotUpgradable {
    fn into_response(self) -> Response {
        ApiError::Invalid(self.to_string()).into_response()
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Upgrade {
    type Rejection = NotUpgradable;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, NotUpgradable> {
        let headers = &parts.headers;
        let asked = parts.method == Method::GET
            && lists(headers, &header::CONNECTION, "upgrade")
            && lists(headers, &header::UPGRADE, "websocket")
            && lists(headers, &header::SEC_WEBSOCKET_VERSION, "13");
        let key = headers.get(header::SEC_WEBSOCKET_KEY).filter(|_| asked);
        let key = key.ok_or(NotUpgradable)?;
        let accept = HeaderValue::try_from(derive_accept_key(key.as_bytes()));
        Ok(Self {
            accept: accept.map_err(|_| NotUpgradable)?,
            // Only a connection of HTTP/1.1 has one.
            on: parts.extensions.remove().ok_or(NotUpgradable)?,
            permit: parts.extensions.get().cloned(),
        })
    }
}

impl Upgrade {
    /// The response that upgrades the connection, and a future of the socket. The future gives `None` if the connection
    /// has ended.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the wrapper that the rule asks for"
    )]
    pub fn accept(
        self,
        protocol: Option<&'static str>,
    ) -> (Response, impl Future<Output = Option<Socket>> + Send) {
        // From here on the registry counts it.
        if let Some(permit) = &self.permit {
            permit.leave_address();
        }
        let mut response = Response::default();
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let headers = response.headers_mut();
        headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, self.accept);
        if let Some(protocol) = protocol {
            let protocol = HeaderValue::from_static(protocol);
            headers.insert(header::SEC_WEBSOCKET_PROTOCOL, protocol);
        }
        let socket = async {
            let stream = Strict::new(TokioIo::new(self.on.await.ok()?));
            Some(WebSocketStream::from_raw_socket(stream, Role::Server, Some(config())).await)
        };
        (response, socket)
    }
}

/// Our limits. The library's own are a read buffer of 128 KiB, and no limit on what waits to be written.
fn config() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(WRITE_AT_ONCE_BYTES)
        .max_write_buffer_size(MAX_WRITE_BUFFER_BYTES)
        .max_message_size(Some(MAX_FRAME_BYTES))
        .max_frame_size(Some(MAX_FRAME_BYTES))
}

/// Whether this word is in the header's list, in any case.
fn lists(headers: &HeaderMap, name: &HeaderName, word: &str) -> bool {
    headers
        .get_all(name)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','))
        .any(|item| item.trim().eq_ignore_ascii_case(word))
}
