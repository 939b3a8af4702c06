//! One POST a turn: what the webhook, n8n and Rasa have in common.
//!
//! In the path: a connector makes the body of a turn, [`BotEndpoint::post`] sends it and gives the answer once its status says
//! yes.
//!
//! Invariants: configured headers never show themselves. What is read at once is bounded more tightly than a stream is.

use std::collections::BTreeMap;
use std::time::Duration;

use http::{HeaderName, HeaderValue};
use secrecy::SecretString;
use url::Url;

use super::fault::of_status;
use super::{BotError, Class, Patience};
use crate::config::connectors::{self, Waiting};
use crate::outbound::{Address, Answer, Call, Outbound, Waits};

/// All pieces of a stream: twenty answers of the longest kind, sent letter by letter, are about this.
const STREAM_BYTES: usize = 8 * 1024 * 1024;

/// An answer that is read at once: twenty of the largest messages, and what stands around them.
const WHOLE_BYTES: usize = 2 * 1024 * 1024;

/// One event or line of a stream: a message that is as large as one may be, with every letter of it escaped.
pub(super) const PIECE_BYTES: usize = 512 * 1024;

/// How much longer the runner waits than we do: our own words say better what took long.
const SLACK: Duration = Duration::from_secs(5);

/// How long [`super::Bot::check`] waits.
const CHECK: Duration = Duration::from_secs(10);

/// How long an answer that has said its last word may take to end: then its connection serves the next turn.
const LAST_WORD: Duration = Duration::from_millis(50);

/// A bot at one address.
pub(super) struct BotEndpoint {
    address: Address,
    headers: Vec<(HeaderName, HeaderValue)>,
    waits: Waits,
    outbound: Outbound,
}

impl BotEndpoint {
    /// `table` is the connector's, for what is wrong with its settings.
    ///
    /// # Errors
    /// [`BotError::Setting`].
    pub(super) fn open(
        table: &str,
        url: Url,
        headers: &BTreeMap<String, SecretString>,
        waiting: Waiting,
        outbound: &Outbound,
    ) -> Result<Self, BotError> {
        let wrong = |key: &str, reason: String| BotError::Setting {
            key: format!("{table}.{key}"),
            reason,
        };
        Ok(Self {
            address: Address::configured(url).map_err(|error| wrong("url", error.to_string()))?,
            headers: connectors::headers(headers).map_err(|what| wrong("headers", what))?,
            waits: waiting.waits(),
            outbound: outbound.clone(),
        })
    }

    /// One header more, in each request.
    pub(super) fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Sends JSON and gives the answer, whatever its status.
    ///
    /// # Errors
    /// There is none in time.
    pub(super) async fn post(
        &self,
        body: Vec<u8>,
        headers: impl IntoIterator<Item = (HeaderName, HeaderValue)>,
    ) -> Result<Answer, BotError> {
        let call = Call::post(self.address.clone())
            .headers(self.headers.clone())
            .headers(headers)
            .body("application/json", body)
            .waits(self.waits)
            .max_bytes(STREAM_BYTES);
        Ok(self.outbound.send(call).await?)
    }

    /// Asks whether somebody is at this address, with an empty GET. That it knows no GET is an answer too.
    ///
    /// # Errors
    /// What stands in the way.
    pub(super) async fn look(&self, address: Address) -> Result<(), BotError> {
        let call = Call::get(address).headers(self.headers.clone());
        let answer = self.outbound.send(hurried(call)).await?;
        match answer.status().as_u16() {
            200..=299 | 400 | 404 | 405 => Ok(()),
            _ => Err(refused(&answer)),
        }
    }

    /// Sends JSON as [`Self::post`] does, to find out whether somebody is there.
    ///
    /// # Errors
    /// What stands in the way, also an answer that says no.
    pub(super) async fn check(
        &self,
        body: Vec<u8>,
        headers: impl IntoIterator<Item = (HeaderName, HeaderValue)>,
    ) -> Result<(), BotError> {
        let call = Call::post(self.address.clone())
            .headers(self.headers.clone())
            .headers(headers)
            .body("application/json", body);
        let answer = self.outbound.send(hurried(call)).await?;
        if answer.status().is_success() {
            Ok(())
        } else {
            Err(refused(&answer))
        }
    }

    /// How long the runner waits.
    pub(super) fn patience(&self) -> Patience {
        Patience {
            silent: self.waits.first_byte.max(self.waits.idle) + SLACK,
            total: self.waits.total + SLACK,
        }
    }

    /// Where it is.
    pub(super) fn address(&self) -> &Address {
        &self.address
    }
}

fn hurried(call: Call) -> Call {
    call.max_bytes(WHOLE_BYTES).waits(Waits {
        first_byte: CHECK,
        idle: CHECK,
        total: CHECK,
    })
}

/// An answer whose status says no.
pub(super) fn refused(answer: &Answer) -> BotError {
    of_status(answer.authority(), answer.status(), answer.retry_after())
}

/// The whole body.
///
/// # Errors
/// It does not come in time, breaks off or is too large.
pub(super) async fn whole(mut answer: Answer) -> Result<Vec<u8>, BotError> {
    let mut body = Vec::new();
    while let Some(piece) = answer.chunk().await? {
        if body.len() + piece.len() > WHOLE_BYTES {
            let reason = format!(
                "{}: its answer has more than {WHOLE_BYTES} bytes",
                answer.authority()
            );
            return Err(BotError::failed(Class::TooMuch, reason));
        }
        body.extend_from_slice(&piece);
    }
    Ok(body)
}

/// Waits a moment for the end of an answer that has nothing more to say.
pub(super) async fn let_end<T>(next: impl Future<Output = T>) {
    drop(tokio::time::timeout(LAST_WORD, next).await);
}

/// For bots that cannot tell a turn that is given again: only what surely did not reach them is tried again.
pub(super) fn once_heard(error: BotError) -> BotError {
    match error {
        BotError::Unavailable { fault, .. }
            if !matches!(fault.class, Class::Unreachable | Class::Busy) =>
        {
            BotError::Failed(fault)
        }
        error => error,
    }
}
