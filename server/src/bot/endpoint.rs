//! A bot behind one URL that gets one POST for each turn: the common parts of webhook, n8n and Rasa.
//!
//! In the path: a connector makes the body of a turn. [`BotEndpoint::post`] sends it and gives the answer.
//!
//! Invariants: configured headers are never shown. What is read at once has a tighter limit than a stream.

use std::collections::BTreeMap;
use std::time::Duration;

use http::{HeaderName, HeaderValue};
use secrecy::SecretString;
use url::Url;

use super::fault::of_status;
use super::{BotError, Class, Patience};
use crate::config::connectors::{self, Waiting};
use crate::outbound::{Address, Answer, Call, Outbound, Waits};

/// The most bytes of a stream: about twenty answers of the greatest length, sent letter by letter.
const STREAM_BYTES: usize = 8 * 1024 * 1024;

/// The most bytes of an answer that is read at once: twenty of the largest messages, and what is around them.
const WHOLE_BYTES: usize = 2 * 1024 * 1024;

/// The most bytes of one event or line of a stream: the largest message, with every letter escaped.
pub(super) const PIECE_BYTES: usize = 512 * 1024;

/// How much longer the runner waits than the client, because the client's error says better what took long.
const SLACK: Duration = Duration::from_secs(5);

/// How long [`super::Bot::check`] waits.
const CHECK: Duration = Duration::from_secs(10);

/// How long a finished answer may take to end. Then its connection can serve the next turn.
const LAST_WORD: Duration = Duration::from_millis(50);

/// A bot at one URL.
pub(super) struct BotEndpoint {
    address: Address,
    headers: Vec<(HeaderName, HeaderValue)>,
    waits: Waits,
    outbound: Outbound,
}

impl BotEndpoint {
    /// `table` is the name of the connector's table, for errors about its settings.
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

    /// Adds a header to each request.
    pub(super) fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Sends JSON and gives the answer, whatever its status.
    ///
    /// # Errors
    /// If none comes in time.
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

    /// Checks with an empty GET that somebody answers at this address. "Method not allowed" is an answer, too.
    ///
    /// # Errors
    /// What prevents it.
    pub(super) async fn look(&self, address: Address) -> Result<(), BotError> {
        let call = Call::get(address).headers(self.headers.clone());
        let answer = self.outbound.send(hurried(call)).await?;
        match answer.status().as_u16() {
            200..=299 | 400 | 404 | 405 => Ok(()),
            _ => Err(refused(&answer)),
        }
    }

    /// Sends JSON as [`Self::post`] does, to check that somebody answers.
    ///
    /// # Errors
    /// What prevents it, including an answer with an error status.
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

    /// The URL of the bot.
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

/// The error for an answer with an error status.
pub(super) fn refused(answer: &Answer) -> BotError {
    of_status(answer.authority(), answer.status(), answer.retry_after())
}

/// The whole body.
///
/// # Errors
/// If it does not come in time, breaks off or is too large.
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

/// Waits a moment for the end of a finished answer.
pub(super) async fn let_end<T>(next: impl Future<Output = T>) {
    drop(tokio::time::timeout(LAST_WORD, next).await);
}

/// For bots that cannot recognise a repeated turn: only a request that surely did not arrive is tried again.
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
