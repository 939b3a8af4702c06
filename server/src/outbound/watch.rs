//! Shows calls and answers to an operator who tries a bot by hand.

use std::time::Duration;

use http::{HeaderMap, Method, StatusCode};

use super::Address;

/// Sees every call of an [`Outbound`](super::Outbound). Bodies hold what people say, so this is only for the operator's
/// own words.
pub trait Watch: Send + Sync {
    /// A call is sent.
    fn sent(&self, call: &Sent<'_>);

    /// The head of the answer has come.
    fn answered(&self, status: StatusCode, content_type: &str, after: Duration);
}

/// A call that is sent.
pub struct Sent<'a> {
    /// Its method.
    pub method: &'a Method,
    /// The address. Its query may hold a key.
    pub address: &'a Address,
    /// Its headers; those that hold secrets are marked as sensitive.
    pub headers: &'a HeaderMap,
    /// Its body.
    pub body: &'a [u8],
}
