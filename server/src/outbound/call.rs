//! A call: method, address, headers, body and limits.

use std::fmt;
use std::time::Duration;

use http::header::{
    AUTHORIZATION, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, TRANSFER_ENCODING,
};
use http::{HeaderMap, HeaderValue, Method};
use hyper::body::Bytes;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;

use super::address::Address;
use super::error::CallFault;
use crate::limits::{OUTBOUND_ANSWER_BYTES, OUTBOUND_FIRST_BYTE, OUTBOUND_IDLE, OUTBOUND_TOTAL};

/// How long to wait for an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waits {
    /// From the call (including connecting) to the first byte of the answer's body: how long a bot may think.
    pub first_byte: Duration,
    /// From one piece to the next.
    pub idle: Duration,
    /// From the call to the end of the answer.
    pub total: Duration,
}

impl Default for Waits {
    /// For a bot that answers a person.
    fn default() -> Self {
        Self {
            first_byte: OUTBOUND_FIRST_BYTE,
            idle: OUTBOUND_IDLE,
            total: OUTBOUND_TOTAL,
        }
    }
}

/// One call, ready to be sent by [`super::Outbound::send`]. A mistake in a header or a body is reported then.
#[derive(Clone)]
pub struct Call {
    pub(super) method: Method,
    pub(super) address: Address,
    pub(super) headers: HeaderMap,
    pub(super) body: Option<Bytes>,
    pub(super) waits: Waits,
    pub(super) max_bytes: usize,
    pub(super) mistake: Option<CallFault>,
}

impl Call {
    /// A call with the usual [`Waits`], and an answer of at most [`OUTBOUND_ANSWER_BYTES`].
    pub fn new(method: Method, address: Address) -> Self {
        Self {
            method,
            address,
            headers: HeaderMap::new(),
            body: None,
            waits: Waits::default(),
            max_bytes: OUTBOUND_ANSWER_BYTES,
            mistake: None,
        }
    }

    /// A GET.
    pub fn get(address: Address) -> Self {
        Self::new(Method::GET, address)
    }

    /// A POST.
    pub fn post(address: Address) -> Self {
        Self::new(Method::POST, address)
    }

    /// Sets a header. It replaces any header of this name.
    #[must_use]
    pub fn header(self, name: &str, value: &str) -> Self {
        self.with(name, value, false)
    }

    /// Sets a header that is never shown. It replaces any header of this name.
    #[must_use]
    pub fn secret_header(self, name: &str, value: &SecretString) -> Self {
        self.with(name, value.expose_secret(), true)
    }

    /// `Authorization: Bearer …`.
    #[must_use]
    pub fn bearer(self, token: &SecretString) -> Self {
        let value = format!("Bearer {}", token.expose_secret());
        self.with(AUTHORIZATION.as_str(), &value, true)
    }

    /// Adds finished headers, for example those of `webhook_signature`.
    #[must_use]
    pub fn headers(mut self, headers: impl IntoIterator<Item = (HeaderName, HeaderValue)>) -> Self {
        for (name, value) in headers {
            self.put(name, value);
        }
        self
    }

    /// A body as JSON.
    #[must_use]
    pub fn json(mut self, body: &impl Serialize) -> Self {
        let Ok(bytes) = serde_json::to_vec(body) else {
            self.mistake = Some(CallFault::Unsendable("its body cannot be written as JSON"));
            return self;
        };
        self.body("application/json", bytes)
    }

    /// A body of bytes, for example when they were signed.
    #[must_use]
    pub fn body(mut self, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        self.headers
            .insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        self.body = Some(body.into());
        self
    }

    /// Sets other times.
    #[must_use]
    pub fn waits(mut self, waits: Waits) -> Self {
        self.waits = waits;
        self
    }

    /// The most bytes of the answer's body.
    #[must_use]
    pub fn max_bytes(mut self, max_bytes: usize) -> Self {
        self.max_bytes = max_bytes;
        self
    }

    fn with(mut self, name: &str, value: &str, secret: bool) -> Self {
        let Ok(name) = name.parse::<HeaderName>() else {
            self.mistake = Some(CallFault::Unsendable("a header's name is not valid"));
            return self;
        };
        let Ok(mut value) = HeaderValue::from_str(value) else {
            self.mistake = Some(CallFault::Unsendable(
                "a header's value has a line end in it",
            ));
            return self;
        };
        value.set_sensitive(secret);
        self.put(name, value);
        self
    }

    fn put(&mut self, name: HeaderName, value: HeaderValue) {
        // A configured header must not say where the body ends.
        if [CONTENT_LENGTH, TRANSFER_ENCODING, CONNECTION].contains(&name) {
            self.mistake = Some(CallFault::Unsendable("a header is the connection's own"));
            return;
        }
        self.headers.insert(name, value);
    }
}

/// Shows neither headers nor body, because both hold secrets.
impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("method", &self.method)
            .field("address", &self.address)
            .field("waits", &self.waits)
            .field("max_bytes", &self.max_bytes)
            .finish_non_exhaustive()
    }
}
