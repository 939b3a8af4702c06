//! What is asked: method, address, headers, body and bounds.

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

/// How long an answer is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waits {
    /// From the call (with connecting) to the first byte of the answer's body: how long a bot may think.
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

/// One call, ready to be sent by [`super::Outbound::send`]. A mistake in a header or a body is told then.
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
    /// With the usual [`Waits`], and an answer of at most [`OUTBOUND_ANSWER_BYTES`].
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

    /// Asks for something.
    pub fn get(address: Address) -> Self {
        Self::new(Method::GET, address)
    }

    /// Gives something.
    pub fn post(address: Address) -> Self {
        Self::new(Method::POST, address)
    }

    /// One header, in place of any of this name.
    #[must_use]
    pub fn header(self, name: &str, value: &str) -> Self {
        self.with(name, value, false)
    }

    /// One header that is never shown, in place of any of this name.
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

    /// Headers that are made already, for example by `webhook_signature`.
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

    /// A body as it is: for what was signed.
    #[must_use]
    pub fn body(mut self, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        self.headers
            .insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        self.body = Some(body.into());
        self
    }

    /// Other times.
    #[must_use]
    pub fn waits(mut self, waits: Waits) -> Self {
        self.waits = waits;
        self
    }

    /// Bytes of the answer's body at most, all pieces together.
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
        // Where a body ends is not for a configured header to say.
        if [CONTENT_LENGTH, TRANSFER_ENCODING, CONNECTION].contains(&name) {
            self.mistake = Some(CallFault::Unsendable("a header is the connection's own"));
            return;
        }
        self.headers.insert(name, value);
    }
}

/// Neither headers nor body: both hold secrets.
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
